/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an adapter is, as a document: kind, base, ranks, trigger words, training. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/lora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIGGERS = 20, TEXT_LIMIT = 400 };
#define TAGS_LIMIT ((size_t)16 << 20)

/* -------------------------------------------------------------------------------------- kinds */

typedef struct summary {
    int32_t kinds[PX_LORA_KINDS];
    int32_t dora, idle, without_alpha;
    int32_t parts[3]; /* UNet, first and second text encoder, by the keys alone */
    int64_t rank_min, rank_max;
    double alpha_min, alpha_max;
    int32_t dtypes[PX_DTYPES];
} summary;

static int32_t part_of(const char *key)
{
    if (strstr(key, "lora_te2_") || strstr(key, "text_encoder_2.") || strstr(key, "clip_g.")) {
        return 2;
    }
    return strstr(key, "lora_te") || strstr(key, "text_encoder.") || strstr(key, "clip_l.") ||
           strstr(key, "text_model");
}

static summary summarize(const dgxp_lora *lora)
{
    summary sum = {.rank_min = INT64_MAX, .alpha_min = INFINITY, .alpha_max = -INFINITY};
    for (int32_t i = 0; i < lora->module_count; i++) {
        const px_lora_module *module = &lora->modules[i];
        sum.kinds[module->kind]++;
        sum.dora += px_lora_is_dora(module);
        sum.idle += module->factor == 0.0;
        sum.parts[part_of(module->key)]++;
        if (module->rank > 0) {
            sum.rank_min = module->rank < sum.rank_min ? module->rank : sum.rank_min;
            sum.rank_max = module->rank > sum.rank_max ? module->rank : sum.rank_max;
            sum.without_alpha += isnan(module->alpha);
        }
        if (!isnan(module->alpha)) {
            sum.alpha_min = fmin(sum.alpha_min, module->alpha);
            sum.alpha_max = fmax(sum.alpha_max, module->alpha);
        }
        for (int role = 0; role < PX_LORA_ROLES; role++) {
            if (module->roles[role] && role != PX_LORA_ALPHA) {
                sum.dtypes[module->roles[role]->dtype]++;
            }
        }
    }
    return sum;
}

static bool put_kinds(json_t *about, const summary *sum)
{
    json_t *list = json_array();
    bool fine = list != NULL;
    for (int kind = 0; kind < PX_LORA_KINDS && fine; kind++) {
        if (sum->kinds[kind] > 0) {
            fine = px_json_append(list, json_string(px_lora_kind_name((px_lora_kind)kind)));
        }
    }
    fine = fine && (sum->dora == 0 || px_json_append(list, json_string("dora")));
    return px_json_put(about, "kinds", list) && fine;
}

/* One number when all are alike, else [least, most]. */
static bool put_range(json_t *about, const char *key, double low, double high)
{
    if (low == high) {
        return px_json_put(about, key,
                           low == floor(low) && fabs(low) < 1e15 ? json_integer((json_int_t)low)
                                                                 : json_real(low));
    }
    json_t *pair = json_array();
    const bool fine = px_json_append(pair, json_real(low)) && px_json_append(pair, json_real(high));
    return px_json_put(about, key, pair) && fine;
}

static bool put_modules(json_t *about, const dgxp_lora *lora, const summary *sum)
{
    static const char *const parts[] = {"unet", "text_1", "text_2"};
    json_t *object = json_object();
    bool fine = object != NULL;
    for (int i = 0; i < 3 && fine; i++) {
        fine = px_json_put_integer(object, parts[i], sum->parts[i]);
    }
    fine = px_json_put(about, "modules", object) && fine;
    if (fine && lora->foreign_count > 0) {
        json_t *unknown = json_object();
        fine = px_json_put_integer(unknown, "tensors", lora->foreign_count) &&
               px_json_put_text(unknown, "first", lora->foreign[0]->name) &&
               px_json_put_text(unknown, "is", px_lora_foreign(lora->foreign[0]->name));
        fine = px_json_put(about, "not_supported", unknown) && fine;
    }
    return fine;
}

/* --------------------------------------------------------------------------- kohya's metadata */

typedef struct tag {
    const char *text;
    json_int_t count;
} tag;

static int compare_tags(const void *left, const void *right)
{
    const tag *a = left, *b = right;
    return a->count != b->count ? (a->count < b->count ? 1 : -1) : strcmp(a->text, b->text);
}

/* {"folder": {"tag": 12, …}, …}: what the captions of its training said most often. */
static bool put_triggers(json_t *about, const px_safetensors *set)
{
    const char *text = px_safetensors_metadata(set, "ss_tag_frequency");
    json_t *folders = NULL, *tags, *count, *list = json_array();
    const char *folder, *name;
    tag *all = NULL;
    size_t used = 0, capacity = 0;
    bool fine = list != NULL;
    if (!text ||
        px_json_parse("ss_tag_frequency", text, strnlen(text, TAGS_LIMIT), &folders) != DGXP_OK) {
        px_error_clear(); /* training notes that are no JSON: nothing to tell */
        json_decref(list);
        return true;
    }
    json_object_foreach(folders, folder, tags)
    {
        json_object_foreach(tags, name, count)
        {
            fine = fine && px_mem_grow((void **)&all, &capacity, used, sizeof *all);
            if (fine) {
                all[used++] = (tag){name, json_integer_value(count)};
            }
        }
    }
    if (used > 0) {
        qsort(all, used, sizeof *all, compare_tags);
    }
    for (size_t i = 0; i < used && i < TRIGGERS && fine; i++) {
        fine = px_json_append(list, px_json_string(all[i].text, strlen(all[i].text)));
    }
    fine = px_json_put(about, "trigger_words", list) && fine;
    px_mem_free(all);
    json_decref(folders);
    return fine;
}

static bool put_training(json_t *about, const px_safetensors *set)
{
    static const char *const keys[] = {"ss_base_model_version",
                                       "ss_network_module",
                                       "ss_network_dim",
                                       "ss_network_alpha",
                                       "ss_network_args",
                                       "ss_resolution",
                                       "ss_clip_skip",
                                       "ss_sd_model_name",
                                       "ss_sd_model_hash",
                                       "ss_num_train_images",
                                       "ss_steps",
                                       "ss_epoch",
                                       "ss_learning_rate",
                                       "ss_training_comment",
                                       "ss_output_name",
                                       "modelspec.title",
                                       "modelspec.author",
                                       "modelspec.description",
                                       "modelspec.architecture",
                                       "modelspec.license",
                                       "modelspec.trigger_phrase",
                                       "modelspec.date",
                                       "license"};
    json_t *object = json_object();
    bool fine = object != NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys && fine; i++) {
        const char *text = px_safetensors_metadata(set, keys[i]);
        if (text && strcmp(text, "None") != 0) {
            fine = px_json_put(object, keys[i], px_json_string(text, strnlen(text, TEXT_LIMIT)));
        }
    }
    if (fine && json_object_size(object) == 0) {
        json_decref(object);
        return true;
    }
    return px_json_put(about, "training", object) && fine;
}

static const char *main_dtype(const summary *sum)
{
    int most = 0;
    for (int i = 1; i < PX_DTYPES; i++) {
        most = sum->dtypes[i] > sum->dtypes[most] ? i : most;
    }
    return px_safetensors_dtype_name(most);
}

dgxp_status dgxp_lora_describe(const dgxp_lora *lora, dgxp_document **out)
{
    if (!(lora && out)) {
        return px_error_begin("dgxp_lora_describe", false, "a LoRA and out");
    }
    px_error_clear();
    const summary sum = summarize(lora);
    json_t *about = json_object();
    const bool fine =
        px_json_put_text(about, "name", lora->name) &&
        px_json_put_text(about, "path", px_safetensors_path(lora->set)) && put_kinds(about, &sum) &&
        px_json_put_text(about, "base", lora->base.name) &&
        px_json_put_text(about, "title", lora->base.title) &&
        (lora->base.width == 0 || px_json_put_integer(about, "context_width", lora->base.width)) &&
        (sum.rank_max == 0 ||
         put_range(about, "rank", (double)sum.rank_min, (double)sum.rank_max)) &&
        (sum.alpha_min > sum.alpha_max ||
         put_range(about, "alpha", sum.alpha_min, sum.alpha_max)) &&
        (sum.without_alpha == 0 ||
         px_json_put_integer(about, "modules_without_alpha", sum.without_alpha)) &&
        (sum.idle == 0 || px_json_put_integer(about, "modules_without_effect", sum.idle)) &&
        put_modules(about, lora, &sum) && px_json_put_text(about, "dtype", main_dtype(&sum)) &&
        px_json_put_integer(about, "bytes", (int64_t)lora->file.st_size) &&
        put_triggers(about, lora->set) && put_training(about, lora->set);
    if (!fine) {
        json_decref(about);
        about = NULL;
    }
    return px_json_document(about, out);
}
