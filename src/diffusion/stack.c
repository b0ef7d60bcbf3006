/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The stack of a call: adapters of the model, of its jobs, of their prompts. */
#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/adapters.h"
#include "diffusion/plan.h"
#include "diffusion/prompt.h"

#include <math.h>
#include <string.h>

enum { OPENED = 32 }; /* adapters that a model keeps read for its jobs */

/* ------------------------------------------------------------------------------- what is named */

typedef struct wish {
    char *name;
    double unet, text;
    px_use_from from;
} wish;

typedef struct wishes {
    wish *items;
    size_t count, capacity;
} wishes;

static void free_wishes(wishes *all)
{
    for (size_t i = 0; i < all->count; i++) {
        px_mem_free(all->items[i].name);
    }
    px_mem_free(all->items);
}

static dgxp_status add_wish(wishes *all, const char *name, double unet, double text,
                            px_use_from from)
{
    char *copy = px_mem_text(name);
    if (!copy ||
        !px_mem_grow((void **)&all->items, &all->capacity, all->count, sizeof *all->items)) {
        px_mem_free(copy);
        return px_error_memory("a job's adapters");
    }
    all->items[all->count++] = (wish){.name = copy, .unet = unet, .text = text, .from = from};
    return DGXP_OK;
}

/* A1111's order: the first weight is the text encoders', the second, if given, the UNet's. */
static dgxp_status add_prompt(wishes *all, const char *text)
{
    px_prompt prompt;
    dgxp_status status = px_prompt_parse(text, &prompt);
    if (status != DGXP_OK) {
        return status;
    }
    for (size_t i = 0; i < prompt.lora_count && status == DGXP_OK; i++) {
        const px_prompt_lora *tag = &prompt.loras[i];
        if (!(fabs(tag->weight) <= 100.0) || !(fabs(tag->second) <= 100.0)) {
            status =
                px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                             "<lora:%s:…> in the prompt: weights go from -100 to 100", tag->name);
        } else {
            status = add_wish(all, tag->name, tag->second, tag->weight, PX_USE_PROMPT);
        }
    }
    px_prompt_free(&prompt);
    return status;
}

static dgxp_status refuse_negative(const dgxp_model *model, const dgxp_job *job)
{
    px_prompt prompt;
    dgxp_status status = px_prompt_parse(px_plan_negative(model, job), &prompt);
    if (status != DGXP_OK) {
        return status;
    }
    if (prompt.lora_count > 0) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "the negative prompt names a LoRA, <lora:%s:…>: it changes the whole "
                              "model, so it belongs in the prompt",
                              prompt.loras[0].name);
    }
    px_prompt_free(&prompt);
    return status;
}

static dgxp_status collect(const dgxp_model *model, const dgxp_job *job, wishes *all)
{
    dgxp_status status = refuse_negative(model, job);
    for (int32_t i = 0; i < job->lora_count && status == DGXP_OK; i++) {
        const px_job_lora *lora = &job->loras[i];
        status = add_wish(all, lora->name, lora->unet, lora->text, PX_USE_JOB);
    }
    if (status == DGXP_OK) {
        status = add_prompt(all, job->prompt);
    }
    if (status == DGXP_OK && all->count > 2 * PX_JOB_LORAS) {
        status = px_error_set(DGXP_ERR_LIMIT, "a job and its prompt name %zu adapters, %d may be",
                              all->count, 2 * PX_JOB_LORAS);
    }
    return status;
}

static bool same_wishes(const wishes *a, const wishes *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same; i++) {
        same = strcmp(a->items[i].name, b->items[i].name) == 0 &&
               a->items[i].unet == b->items[i].unet && a->items[i].text == b->items[i].text;
    }
    return same;
}

/* What the first job wants, once all others want the same. */
static dgxp_status collect_alike(const dgxp_model *model, const dgxp_job *const *jobs,
                                 int32_t count, wishes *all)
{
    dgxp_status status = collect(model, jobs[0], all);
    for (int32_t i = 1; i < count && status == DGXP_OK; i++) {
        wishes others = {0};
        status = collect(model, jobs[i], &others);
        if (status == DGXP_OK && !same_wishes(all, &others)) {
            status = px_error_set(DGXP_ERR_MISMATCH,
                                  "jobs 0 and %d differ in their LoRAs: paint them in calls of "
                                  "their own",
                                  i);
        }
        free_wishes(&others);
    }
    return status;
}

/* ------------------------------------------------------------------------------ what it becomes */

/* A file that was written anew since is read anew. */
static bool is_current(const dgxp_lora *lora, const char *path)
{
    return strcmp(px_safetensors_path(lora->set), path) == 0 && px_lora_is_current(lora);
}

static dgxp_status open_once(dgxp_model *model, const char *name, dgxp_lora **out)
{
    px_adapters *adapters = model->adapters;
    char *path = NULL;
    dgxp_lora *lora = NULL;
    dgxp_status status = px_lora_find(name, model, &path);
    if (status != DGXP_OK) {
        return status;
    }
    for (size_t i = 0; i < adapters->opened_count && !lora; i++) {
        if (is_current(adapters->opened[i], path)) {
            lora = adapters->opened[i];
            memmove(&adapters->opened[i], &adapters->opened[i + 1],
                    (adapters->opened_count - i - 1) * sizeof *adapters->opened);
            adapters->opened[adapters->opened_count - 1] = lora;
        }
    }
    if (!lora) {
        status = px_lora_open(path, model->no_mmap, &lora);
        if (status == DGXP_OK && adapters->opened_count == OPENED) {
            dgxp_lora_free(adapters->opened[0]);
            memmove(&adapters->opened[0], &adapters->opened[1],
                    --adapters->opened_count * sizeof *adapters->opened);
        }
        if (status == DGXP_OK &&
            !px_mem_grow((void **)&adapters->opened, &adapters->opened_capacity,
                         adapters->opened_count, sizeof *adapters->opened)) {
            dgxp_lora_free(lora);
            status = px_error_memory("an adapter");
        }
        if (status == DGXP_OK) {
            adapters->opened[adapters->opened_count++] = lora;
        }
    }
    px_mem_free(path);
    if (status == DGXP_OK) {
        *out = px_lora_keep(lora);
    }
    return status;
}

static bool put_use(json_t *list, const px_use *use)
{
    static const char *const whose[] = {"model", "job", "prompt"};
    json_t *entry = json_object();
    const double text = use->weights[PX_TEXT_1], second = use->weights[PX_TEXT_2];
    const bool fine =
        px_json_put_text(entry, "name", use->lora->name) &&
        (!*use->lora->sha256 || px_json_put_text(entry, "sha256", use->lora->sha256)) &&
        px_json_put_number(entry, "unet", use->weights[PX_UNET]) &&
        px_json_put_number(entry, "text", text) &&
        (text == second || px_json_put_number(entry, "text_2", second)) &&
        px_json_put_text(entry, "from", whose[use->from]);
    return px_json_append(list, entry) && fine;
}

static dgxp_status list_uses(const px_use *uses, int32_t count, json_t **list)
{
    *list = NULL;
    if (count == 0) {
        return DGXP_OK;
    }
    json_t *made = json_array();
    bool fine = made != NULL;
    for (int32_t i = 0; i < count && fine; i++) {
        fine = put_use(made, &uses[i]);
    }
    if (!fine) {
        json_decref(made);
        return px_error_memory("a recipe");
    }
    *list = made;
    return DGXP_OK;
}

static px_use make_use(dgxp_lora *lora, const wish *from)
{
    px_use use = {.lora = lora, .from = from->from};
    use.weights[PX_UNET] = from->unet;
    use.weights[PX_TEXT_1] = use.weights[PX_TEXT_2] = from->text;
    return use;
}

static void free_uses(px_use *uses, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        dgxp_lora_free(uses[i].lora);
    }
}

dgxp_status px_stack_apply(dgxp_model *model, const dgxp_job *const *jobs, int32_t count,
                           json_t **recipe)
{
    wishes all = {0};
    px_use uses[PX_ADAPTERS_USES] = {{0}};
    int32_t used = 0;
    dgxp_status status = collect_alike(model, jobs, count, &all);
    *recipe = NULL;
    if (status == DGXP_OK && (all.count > 0 || model->adapters)) {
        status = px_adapters_need(model);
        for (int32_t i = 0; status == DGXP_OK && i < model->adapters->use_count; i++) {
            uses[used] = model->adapters->uses[i];
            uses[used++].lora = px_lora_keep(model->adapters->uses[i].lora);
        }
    }
    for (size_t i = 0; i < all.count && status == DGXP_OK; i++) {
        dgxp_lora *lora = NULL;
        status = open_once(model, all.items[i].name, &lora);
        if (status == DGXP_OK) {
            uses[used++] = make_use(lora, &all.items[i]);
        }
    }
    for (int32_t i = 0; i < used && status == DGXP_OK; i++) {
        px_lora_hash(uses[i].lora);
    }
    if (status == DGXP_OK) {
        status = px_adapters_merge(model, uses, used, NULL);
    }
    if (status == DGXP_OK) {
        status = list_uses(uses, used, recipe);
    }
    free_uses(uses, used);
    free_wishes(&all);
    return status;
}

dgxp_status px_stack_describe(const dgxp_model *model, const dgxp_job *job, json_t **list)
{
    wishes all = {0};
    px_use uses[PX_ADAPTERS_USES] = {{0}};
    int32_t used = 0;
    dgxp_status status = collect(model, job, &all);
    for (size_t i = 0; i < all.count && status == DGXP_OK; i++) {
        dgxp_lora *lora = NULL;
        status = dgxp_lora_load(all.items[i].name, model, &lora);
        if (status == DGXP_OK) {
            uses[used++] = make_use(lora, &all.items[i]);
        }
    }
    *list = NULL;
    if (status == DGXP_OK) {
        status = list_uses(uses, used, list);
    }
    free_uses(uses, used);
    free_wishes(&all);
    return status;
}
