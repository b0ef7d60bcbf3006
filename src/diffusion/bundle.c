/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* bundle.json: what an architecture is, which programs run it, and what a model of it declares. */
#include "diffusion/bundle.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/choices.h"
#include "image/fix_steps.h"

#include <math.h>
#include <string.h>

#define DOCUMENT_LIMIT ((size_t)4 << 20)
#define TEXT_LIMIT 4096
#define LIST_LIMIT 4096 /* programs, files, shapes of a component */

static const char *const components[PX_COMPONENTS] = {
    [PX_TEXT_1] = "text_1",           [PX_TEXT_2] = "text_2",           [PX_UNET] = "unet",
    [PX_VAE_DECODER] = "vae_decoder", [PX_VAE_ENCODER] = "vae_encoder",
};

const char *px_bundle_component(int32_t component)
{
    return component >= 0 && component < PX_COMPONENTS ? components[component] : "?";
}

static dgxp_status read_int32(const px_json *parent, const char *key, int32_t low, int32_t high,
                              int32_t *out)
{
    int64_t value = 0;
    const dgxp_status status = px_json_integer(parent, key, PX_JSON_REQUIRED, low, high, &value);
    if (status == DGXP_OK) {
        *out = (int32_t)value;
    }
    return status;
}

/* Names as dgxp_choices() spells them; "auto" is not something a file can declare. */
static dgxp_status read_named(const px_json *parent, const char *key, px_json_need need,
                              const char *enum_name, int32_t *out)
{
    int32_t count = 0;
    const dgxp_choice *choices = px_diffusion_choices(enum_name, &count);
    return choices ? px_json_named(parent, key, need, choices + 1, count - 1, out)
                   : px_error_set(DGXP_ERR_INTERNAL, "no choices called '%s'", enum_name);
}

/* A path that cannot leave the bundle's folder. */
static dgxp_status read_path(const px_json *parent, const char *key, const char **out)
{
    const dgxp_status status = px_json_text(parent, key, PX_JSON_REQUIRED, 1024, out);
    if (status != DGXP_OK) {
        return status;
    }
    bool fine = **out && **out != '/';
    for (const char *part = *out; part; part = strchr(part, '/')) {
        part += *part == '/';
        fine = fine && !(part[0] == '.' && part[1] == '.' && (part[2] == '/' || !part[2]));
    }
    return fine ? DGXP_OK
                : px_error_set(DGXP_ERR_BAD_FORMAT,
                               "%s: field '%s.%s' is \"%.100s\"; it must be a relative path "
                               "without \"..\"",
                               parent->file, parent->path, key, *out);
}

static dgxp_status read_digest(const px_json *parent, uint64_t *bytes, const char **out)
{
    int64_t size = 0;
    dgxp_status status = px_json_integer(parent, "size", PX_JSON_REQUIRED, 0, INT64_MAX, &size);
    PX_NEXT(px_json_text(parent, "sha256", PX_JSON_REQUIRED, 64, out));
    if (status == DGXP_OK && strspn(*out, "0123456789abcdef") != 64) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field '%s.sha256' must be 64 lower-case hexadecimal digits",
                            parent->file, parent->path);
    }
    *bytes = (uint64_t)size;
    return status;
}

static dgxp_status read_canvas(const px_json *root, px_bundle *bundle)
{
    px_json canvas;
    double native[2] = {0, 0};
    dgxp_status status = px_json_object(root, "canvas", PX_JSON_REQUIRED, &canvas);
    PX_NEXT(px_json_numbers(&canvas, "native", PX_JSON_REQUIRED, 2, native));
    PX_NEXT(read_int32(&canvas, "multiple", 1, 1024, &bundle->canvas_multiple));
    PX_NEXT(read_int32(&canvas, "min", 1, 16384, &bundle->canvas_min));
    PX_NEXT(read_int32(&canvas, "max", bundle->canvas_min, 16384, &bundle->canvas_max));
    for (int i = 0; status == DGXP_OK && i < 2; i++) {
        const double side = native[i];
        if (!(side >= bundle->canvas_min && side <= bundle->canvas_max) ||
            fmod(side, bundle->canvas_multiple) != 0) {
            return px_json_refuse(&canvas, DGXP_ERR_BAD_FORMAT,
                                  "has a native side of %g; it must be a multiple of %d from %d to "
                                  "%d",
                                  side, bundle->canvas_multiple, bundle->canvas_min,
                                  bundle->canvas_max);
        }
    }
    bundle->native_width = (int32_t)native[0];
    bundle->native_height = (int32_t)native[1];
    return status;
}

static dgxp_status read_vae(const px_json *root, px_bundle *bundle)
{
    px_json vae, mean, deviation;
    px_bundle_settings *settings = &bundle->settings;
    const size_t channels = (size_t)bundle->latent_channels;
    dgxp_status status = px_json_object(root, "vae", PX_JSON_REQUIRED, &vae);
    PX_NEXT(read_int32(&vae, "factor", 1, 64, &bundle->vae_factor));
    PX_NEXT(px_json_number(&vae, "scaling", PX_JSON_REQUIRED, 1e-6, 1e6, &settings->scaling));
    PX_NEXT(px_json_number(&vae, "shift", PX_JSON_OPTIONAL, -1e6, 1e6, &settings->shift));
    PX_NEXT(px_json_boolean(&vae, "f16_safe", PX_JSON_OPTIONAL, &settings->f16_safe));
    PX_NEXT(px_json_array(&vae, "mean", PX_JSON_OPTIONAL, channels, &mean));
    PX_NEXT(px_json_array(&vae, "std", PX_JSON_OPTIONAL, channels, &deviation));
    PX_NEXT(px_json_numbers(&vae, "mean", PX_JSON_OPTIONAL, channels, settings->mean));
    PX_NEXT(px_json_numbers(&vae, "std", PX_JSON_OPTIONAL, channels, settings->deviation));
    if (status != DGXP_OK) {
        return status;
    }
    if (!mean.value != !deviation.value) {
        return px_json_refuse(&vae, DGXP_ERR_BAD_FORMAT, "has only one of mean and std");
    }
    settings->per_channel = mean.value != NULL;
    for (size_t i = 0; settings->per_channel && i < channels; i++) {
        if (!(settings->deviation[i] > 0)) {
            return px_json_refuse(&deviation, DGXP_ERR_BAD_FORMAT, "must be above zero");
        }
    }
    return DGXP_OK;
}

static dgxp_status read_schedule(const px_json *root, px_bundle_settings *settings)
{
    static const char *const betas[] = {"scaled_linear", "linear", "squaredcos_cap_v2"};
    px_json schedule;
    int32_t kind = 0;
    dgxp_status status =
        read_named(root, "prediction", PX_JSON_REQUIRED, "prediction", &settings->prediction);
    PX_NEXT(px_json_object(root, "schedule", PX_JSON_REQUIRED, &schedule));
    PX_NEXT(read_int32(&schedule, "train_steps", 2, 10000, &settings->train_steps));
    PX_NEXT(
        px_json_number(&schedule, "beta_start", PX_JSON_REQUIRED, 0, 0.999, &settings->beta_start));
    PX_NEXT(px_json_number(&schedule, "beta_end", PX_JSON_REQUIRED, 0, 0.999, &settings->beta_end));
    PX_NEXT(px_json_choice(&schedule, "beta_schedule", PX_JSON_REQUIRED, betas, 3, &kind));
    PX_NEXT(read_named(&schedule, "spacing", PX_JSON_REQUIRED, "spacing", &settings->spacing));
    PX_NEXT(read_int32(&schedule, "steps_offset", 0, 1000, &settings->steps_offset));
    PX_NEXT(px_json_boolean(&schedule, "zero_terminal_snr", PX_JSON_OPTIONAL,
                            &settings->zero_terminal_snr));
    settings->betas = (px_bundle_betas)kind;
    return status;
}

static dgxp_status read_texts(const px_json *root, px_bundle *bundle)
{
    px_json list;
    dgxp_status status = px_json_array(root, "text", PX_JSON_REQUIRED, 2, &list);
    bundle->text_count = status == DGXP_OK ? (int32_t)px_json_count(&list) : 0;
    if (status == DGXP_OK && bundle->text_count == 0) {
        return px_json_refuse(&list, DGXP_ERR_BAD_FORMAT, "is empty; it must list one or two");
    }
    for (int32_t i = 0; i < bundle->text_count; i++) {
        px_bundle_text *text = &bundle->text[i];
        px_json entry;
        PX_NEXT(px_json_element_object(&list, (size_t)i, &entry));
        PX_NEXT(
            px_json_choice(&entry, "component", PX_JSON_REQUIRED, components, 2, &text->component));
        PX_NEXT(read_int32(&entry, "context", 3, 4096, &text->context));
        PX_NEXT(read_int32(&entry, "width", 1, 65536, &text->width));
        PX_NEXT(read_int32(&entry, "pooled", 0, 65536, &text->pooled));
        PX_NEXT(read_int32(&entry, "vocabulary", 2, 1 << 20, &text->vocabulary));
        PX_NEXT(read_int32(&entry, "bos", 0, text->vocabulary - 1, &text->bos));
        PX_NEXT(read_int32(&entry, "eos", 0, text->vocabulary - 1, &text->eos));
        PX_NEXT(read_int32(&entry, "pad", 0, text->vocabulary - 1, &text->pad));
        PX_NEXT(read_int32(&entry, "hidden_layer", -64, 64, &text->hidden_layer));
        PX_NEXT(read_path(&entry, "tokenizer", &text->tokenizer));
    }
    if (status == DGXP_OK && bundle->text_count == 2 &&
        bundle->text[0].component == bundle->text[1].component) {
        return px_json_refuse(&list, DGXP_ERR_BAD_FORMAT, "names the same component twice");
    }
    PX_NEXT(read_int32(root, "context_width", 1, 65536, &bundle->context_width));
    PX_NEXT(read_int32(root, "pooled_width", 0, 65536, &bundle->pooled_width));
    PX_NEXT(read_int32(root, "time_ids", 0, 6, &bundle->time_ids));
    int32_t columns = 0;
    for (int32_t i = 0; status == DGXP_OK && i < bundle->text_count; i++) {
        const px_bundle_text *text = &bundle->text[i];
        columns += text->width;
        if (text->context != bundle->text[0].context) {
            return px_json_refuse(&list, DGXP_ERR_BAD_FORMAT,
                                  "has encoders of %d and %d tokens; they must agree",
                                  bundle->text[0].context, text->context);
        }
        if (text->pooled && text->pooled != bundle->pooled_width) {
            return px_json_refuse(&list, DGXP_ERR_BAD_FORMAT,
                                  "has a pooled width of %d; 'pooled_width' is %d", text->pooled,
                                  bundle->pooled_width);
        }
    }
    if (status == DGXP_OK && columns != bundle->context_width) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field 'context_width' is %d, but the text encoders give %d "
                            "columns",
                            root->file, bundle->context_width, columns);
    }
    return status;
}

static dgxp_status read_preview(const px_json *root, px_bundle *bundle)
{
    px_json preview, matrix;
    const size_t channels = (size_t)bundle->image_channels;
    dgxp_status status = px_json_object(root, "preview", PX_JSON_OPTIONAL, &preview);
    if (status != DGXP_OK || !preview.value) {
        return status;
    }
    status = px_json_array(&preview, "matrix", PX_JSON_REQUIRED, PX_BUNDLE_CHANNELS, &matrix);
    if (status == DGXP_OK && px_json_count(&matrix) != (size_t)bundle->latent_channels) {
        return px_json_refuse(&matrix, DGXP_ERR_BAD_FORMAT,
                              "has %zu rows; it must have one for each of %d latent channels",
                              px_json_count(&matrix), bundle->latent_channels);
    }
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&matrix); i++) {
        const px_json row = px_json_element(&matrix, i);
        if (json_array_size(row.value) != channels) {
            return px_json_refuse(&row, DGXP_ERR_BAD_FORMAT, "must be %zu numbers", channels);
        }
        for (size_t j = 0; j < channels; j++) {
            const json_t *number = json_array_get(row.value, j);
            if (!json_is_number(number)) {
                return px_json_refuse(&row, DGXP_ERR_BAD_FORMAT, "must be %zu numbers", channels);
            }
            bundle->preview[i][j] = json_number_value(number);
        }
    }
    PX_NEXT(px_json_numbers(&preview, "bias", PX_JSON_REQUIRED, channels, bundle->preview_bias));
    bundle->has_preview = status == DGXP_OK;
    return status;
}

static dgxp_status read_defaults(const px_json *root, px_bundle_defaults *defaults)
{
    px_json object, finish;
    *defaults = (px_bundle_defaults){.negative = NULL};
    px_setting_clear(&defaults->set);
    dgxp_status status = px_json_object(root, "defaults", PX_JSON_OPTIONAL, &object);
    PX_NEXT(px_setting_read(&object, PX_SETTING_IN_BUNDLE, &defaults->set));
    PX_NEXT(px_json_text(&object, "negative_prompt", PX_JSON_OPTIONAL, 65536, &defaults->negative));
    PX_NEXT(px_json_object(&object, "finish", PX_JSON_OPTIONAL, &finish));
    if (status == DGXP_OK && finish.value) {
        status = px_fix_steps_check(root->file, finish.value, &defaults->finish);
    }
    return status;
}

static dgxp_status read_shape(const px_json *group, const char *name, const json_t *value,
                              int32_t component, px_bundle_shape *out)
{
    *out = (px_bundle_shape){.component = component, .name = name};
    if (!json_is_array(value) || json_array_size(value) > 8) {
        return px_json_refuse(group, DGXP_ERR_BAD_FORMAT,
                              "has no shape (up to 8 axes) for '%.100s'", name);
    }
    out->rank = (int32_t)json_array_size(value);
    for (int32_t i = 0; i < out->rank; i++) {
        const json_t *axis = json_array_get(value, (size_t)i);
        if (!json_is_integer(axis) || json_integer_value(axis) < 1) {
            return px_json_refuse(group, DGXP_ERR_BAD_FORMAT,
                                  "has a shape for '%.100s' that is not whole numbers", name);
        }
        out->shape[i] = json_integer_value(axis);
    }
    return DGXP_OK;
}

static dgxp_status read_shapes(const px_json *root, px_bundle *bundle)
{
    px_json shapes, group;
    size_t capacity = 0;
    dgxp_status status = px_json_object(root, "shapes", PX_JSON_OPTIONAL, &shapes);
    for (int32_t component = 0; status == DGXP_OK && component < PX_COMPONENTS; component++) {
        const char *name;
        json_t *value;
        PX_NEXT(px_json_object(&shapes, components[component], PX_JSON_OPTIONAL, &group));
        if (status != DGXP_OK) {
            break;
        }
        json_object_foreach((json_t *)(uintptr_t)group.value, name, value)
        {
            if (bundle->shape_count >= LIST_LIMIT) {
                return px_json_refuse(&group, DGXP_ERR_LIMIT, "has more than %d shapes",
                                      LIST_LIMIT);
            }
            if (!px_mem_grow((void **)&bundle->shapes, &capacity, (size_t)bundle->shape_count,
                             sizeof *bundle->shapes)) {
                return px_error_memory("a table of shapes");
            }
            status =
                read_shape(&group, name, value, component, &bundle->shapes[bundle->shape_count]);
            if (status != DGXP_OK) {
                return status;
            }
            bundle->shape_count++;
        }
    }
    return status;
}

static dgxp_status read_programs(const px_json *root, px_bundle *bundle)
{
    static const char *const tilings[] = {"none", "x", "y", "xy"};
    px_json list;
    dgxp_status status = px_json_array(root, "programs", PX_JSON_OPTIONAL, LIST_LIMIT, &list);
    const size_t count = status == DGXP_OK ? px_json_count(&list) : 0;
    bundle->programs = px_mem_zero(count, sizeof *bundle->programs);
    if (!bundle->programs) {
        return px_error_memory("a table of programs");
    }
    for (size_t i = 0; status == DGXP_OK && i < count; i++) {
        px_bundle_program *program = &bundle->programs[i];
        px_json entry;
        PX_NEXT(px_json_element_object(&list, i, &entry));
        PX_NEXT(px_json_choice(&entry, "component", PX_JSON_REQUIRED, components, PX_COMPONENTS,
                               &program->component));
        PX_NEXT(px_json_choice(&entry, "tiling", PX_JSON_OPTIONAL, tilings, 4, &program->tiling));
        PX_NEXT(read_path(&entry, "file", &program->file));
        PX_NEXT(read_digest(&entry, &program->size, &program->sha256));
        if (status == DGXP_OK && px_bundle_find(bundle, program->component, program->tiling)) {
            return px_json_refuse(&entry, DGXP_ERR_BAD_FORMAT,
                                  "is a second program for %s with tiling %s",
                                  components[program->component], tilings[program->tiling]);
        }
        bundle->program_count += status == DGXP_OK;
    }
    return status;
}

static dgxp_status read_files(const px_json *root, px_bundle *bundle)
{
    px_json list;
    dgxp_status status = px_json_array(root, "files", PX_JSON_OPTIONAL, LIST_LIMIT, &list);
    const size_t count = status == DGXP_OK ? px_json_count(&list) : 0;
    bundle->files = px_mem_zero(count, sizeof *bundle->files);
    if (!bundle->files) {
        return px_error_memory("a table of files");
    }
    for (size_t i = 0; status == DGXP_OK && i < count; i++) {
        px_bundle_file *file = &bundle->files[i];
        px_json entry;
        PX_NEXT(px_json_element_object(&list, i, &entry));
        PX_NEXT(read_path(&entry, "path", &file->path));
        PX_NEXT(read_digest(&entry, &file->size, &file->sha256));
        bundle->file_count += status == DGXP_OK;
    }
    return status;
}

static dgxp_status read_words(const px_json *root, px_bundle *bundle)
{
    const char *file = NULL;
    if (!json_object_get(bundle->document, "words")) {
        return DGXP_OK;
    }
    dgxp_status status = read_path(root, "words", &file);
    char *path = status == DGXP_OK ? px_file_join(bundle->folder, file) : NULL;
    if (status == DGXP_OK) {
        status = path ? px_words_load(path, &bundle->words) : px_error_memory("a list of words");
    }
    px_mem_free(path);
    return status;
}

static dgxp_status read_head(const px_json *root, px_bundle *bundle)
{
    static const char *const kinds[] = {"programs", "model"};
    static const char *const dtypes[] = {"f32", "f16", "bf16"}; /* in px_dtype's order */
    int64_t format = 0;
    int32_t kind = 0;
    dgxp_status status =
        px_json_integer(root, "format", PX_JSON_REQUIRED, INT64_MIN, INT64_MAX, &format);
    if (status == DGXP_OK && format != PX_BUNDLE_FORMAT) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: has format %lld; this library reads %d, a newer one may read it",
                            root->file, (long long)format, PX_BUNDLE_FORMAT);
    }
    bundle->dtype = -1;
    PX_NEXT(px_json_choice(root, "kind", PX_JSON_REQUIRED, kinds, 2, &kind));
    bundle->has_weights = kind == 1;
    PX_NEXT(px_json_text(root, "name", PX_JSON_REQUIRED, 64, &bundle->name));
    if (status == DGXP_OK && (!bundle->name[0] || bundle->name[0] == '.' ||
                              bundle->name[strspn(bundle->name, "abcdefghijklmnopqrstuvwxyz"
                                                                "0123456789-._")])) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field 'name' is \"%.64s\"; it may have a-z 0-9 - . _", root->file,
                            bundle->name);
    }
    bundle->title = bundle->architecture = bundle->name;
    PX_NEXT(px_json_text(root, "title", PX_JSON_OPTIONAL, TEXT_LIMIT, &bundle->title));
    PX_NEXT(px_json_text(root, "license", PX_JSON_OPTIONAL, TEXT_LIMIT, &bundle->license));
    PX_NEXT(px_json_text(root, "architecture", PX_JSON_OPTIONAL, 64, &bundle->architecture));
    PX_NEXT(px_json_choice(root, "dtype", PX_JSON_OPTIONAL, dtypes, 3, &bundle->dtype));
    PX_NEXT(read_int32(root, "pixel_scale", 1, 64, &bundle->pixel_scale));
    PX_NEXT(read_int32(root, "image_channels", 3, 4, &bundle->image_channels));
    PX_NEXT(read_int32(root, "latent_channels", 1, PX_BUNDLE_CHANNELS, &bundle->latent_channels));
    return status;
}

static dgxp_status read_document(const char *path, px_bundle *bundle)
{
    px_json root;
    dgxp_status status = px_json_root(path, bundle->document, &root);
    PX_NEXT(read_head(&root, bundle));
    PX_NEXT(read_canvas(&root, bundle));
    PX_NEXT(read_vae(&root, bundle));
    PX_NEXT(read_schedule(&root, &bundle->settings));
    PX_NEXT(read_texts(&root, bundle));
    PX_NEXT(read_preview(&root, bundle));
    PX_NEXT(read_defaults(&root, &bundle->defaults));
    PX_NEXT(read_shapes(&root, bundle));
    PX_NEXT(read_programs(&root, bundle));
    PX_NEXT(read_files(&root, bundle));
    PX_NEXT(read_words(&root, bundle));
    return status;
}

dgxp_status px_bundle_load(const char *folder, px_bundle **out)
{
    dgxp_status status;
    px_bundle *bundle = px_mem_zero(1, sizeof *bundle);
    char *path = px_file_join(folder, "bundle.json");
    if (!bundle || !path || !(bundle->folder = px_mem_text(folder))) {
        status = px_error_memory("a bundle");
        goto done;
    }
    status = px_json_load(path, DOCUMENT_LIMIT, &bundle->document);
    PX_NEXT(read_document(path, bundle));
    if (status == DGXP_OK) {
        *out = bundle;
        bundle = NULL;
    }
done:
    px_bundle_free(bundle);
    px_mem_free(path);
    return status;
}

void px_bundle_free(px_bundle *bundle)
{
    if (bundle) {
        json_decref(bundle->document);
        json_decref(bundle->defaults.finish);
        px_words_free(bundle->words);
        px_mem_free(bundle->folder);
        px_mem_free(bundle->shapes);
        px_mem_free(bundle->programs);
        px_mem_free(bundle->files);
        px_mem_free(bundle);
    }
}

const px_bundle_program *px_bundle_find(const px_bundle *bundle, int32_t component, int32_t tiling)
{
    for (int32_t i = 0; i < bundle->program_count; i++) {
        if (bundle->programs[i].component == component && bundle->programs[i].tiling == tiling) {
            return &bundle->programs[i];
        }
    }
    return NULL;
}
