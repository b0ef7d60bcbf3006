/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The key map: from every spelling of a module that adapter files use to the module itself. */
#include "diffusion/lora_map.h"

#include "core/error.h"
#include "core/mem.h"
#include "diffusion/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LENGTH = 2 * PX_NAMES_LENGTH };

typedef struct spelling {
    char *key;
    int32_t place;
} spelling;

struct px_lora_map {
    px_lora_place *places;
    size_t place_count, place_capacity;
    spelling *spellings; /* sorted by key; equal keys in the order of components */
    size_t spelling_count, spelling_capacity;
    int32_t counts[PX_COMPONENTS];
};

/* ---------------------------------------------------------------------------------- building */

static bool add_key(px_lora_map *map, const char *prefix, const char *path)
{
    if (!px_mem_grow((void **)&map->spellings, &map->spelling_capacity, map->spelling_count,
                     sizeof *map->spellings)) {
        return false;
    }
    char *key = px_mem_format("%s%s", prefix, path);
    map->spellings[map->spelling_count] =
        (spelling){.key = key, .place = (int32_t)map->place_count - 1};
    map->spelling_count += key != NULL;
    return key != NULL;
}

static bool add_keys(px_lora_map *map, const char *const *prefixes, const char *path)
{
    for (; *prefixes; prefixes++) {
        if (!add_key(map, *prefixes, path)) {
            return false;
        }
    }
    return true;
}

static void flatten(const char *path, char flat[KEY_LENGTH])
{
    snprintf(flat, KEY_LENGTH, "%s", path);
    for (char *dot = flat; (dot = strchr(dot, '.'));) {
        *dot = '_';
    }
}

/* "x.attn1.to_out.0" -> "x.attn1.processor.to_out": diffusers before 0.22. */
static bool processor_path(const char *path, char out[KEY_LENGTH])
{
    static const char *const ends[] = {".to_q", ".to_k", ".to_v", ".to_out.0"};
    const size_t length = strlen(path);
    for (size_t i = 0; i < 4; i++) {
        const size_t size = strlen(ends[i]);
        if (length > size && strcmp(path + length - size, ends[i]) == 0) {
            snprintf(out, KEY_LENGTH, "%.*s.processor%.*s", (int)(length - size), path,
                     i == 3 ? (int)size - 2 : (int)size, ends[i]);
            return true;
        }
    }
    return false;
}

static bool spell_unet(px_lora_map *map, const px_names_plan *plan, const char *path)
{
    static const char *const dotted[] = {
        "", "unet.", "base_model.model.", "base_model.model.unet.", "unet.base_model.model.", NULL};
    static const char *const dotted_original[] = {"diffusion_model.", "model.diffusion_model.",
                                                  "unet.", NULL};
    static const char *const flat[] = {"lora_unet_", "lycoris_", "lycoris_unet_", NULL};
    static const char *const processor[] = {"", "unet.", NULL};
    char text[KEY_LENGTH];
    px_names_source original;
    bool fine = add_keys(map, dotted, path);
    flatten(path, text);
    fine = fine && add_keys(map, flat, text);
    if (fine && px_names_original(plan, PX_UNET, path, &original)) {
        fine = add_keys(map, dotted_original, original.name);
        flatten(original.name, text);
        fine = fine && add_keys(map, flat, text);
    }
    return fine && (!processor_path(path, text) || add_keys(map, processor, text));
}

static bool spell_text(px_lora_map *map, bool second, bool alone, const char *path)
{
    static const char *const first_dotted[] = {"text_encoder.",
                                               "base_model.model.",
                                               "base_model.model.text_encoder.",
                                               "text_encoder.base_model.model.",
                                               "clip_l.",
                                               "clip_l.transformer.",
                                               "text_encoders.clip_l.",
                                               "text_encoders.clip_l.transformer.",
                                               NULL};
    static const char *const second_dotted[] = {"text_encoder_2.",
                                                "base_model.model.",
                                                "base_model.model.text_encoder_2.",
                                                "text_encoder_2.base_model.model.",
                                                "clip_g.",
                                                "clip_g.transformer.",
                                                "text_encoders.clip_g.",
                                                "text_encoders.clip_g.transformer.",
                                                NULL};
    static const char *const first_flat[] = {"lora_te1_", "lycoris_", "lycoris_te1_",
                                             "lora_clip_l_", NULL};
    static const char *const second_flat[] = {"lora_te2_", "lycoris_", "lycoris_te2_",
                                              "lora_clip_g_", NULL};
    static const char *const only_flat[] = {"lora_te_", NULL};
    /* transformers 5 drops the first part of the path. */
    const char *short_path = strncmp(path, "text_model.", 11) == 0 ? path + 11 : NULL;
    bool fine = true;
    for (int i = 0; i < 2 && fine; i++) {
        const char *form = i ? short_path : path;
        char text[KEY_LENGTH];
        if (form) {
            flatten(form, text);
            fine = add_keys(map, second ? second_dotted : first_dotted, form) &&
                   add_keys(map, second ? second_flat : first_flat, text) &&
                   (!alone || add_keys(map, only_flat, text));
        }
    }
    return fine;
}

static const px_parameter *find_bias(const px_lora_part *part, const char *path, size_t length)
{
    for (int32_t i = 0; i < part->count; i++) {
        const char *name = part->parameters[i].name;
        if (strncmp(name, path, length) == 0 && strcmp(name + length, ".bias") == 0) {
            return &part->parameters[i];
        }
    }
    return NULL;
}

static bool add_place(px_lora_map *map, const px_lora_part *part, int32_t component, int32_t index)
{
    const px_parameter *weight = &part->parameters[index];
    const size_t length = strlen(weight->name) - strlen(".weight");
    if (!px_mem_grow((void **)&map->places, &map->place_capacity, map->place_count,
                     sizeof *map->places)) {
        return false;
    }
    /* A module's bias lies beside its weight, so it is looked for there first. */
    const px_lora_part near = {.parameters = weight - (index > 0),
                               .count =
                                   index + 1 < part->count ? 2 + (index > 0) : 1 + (index > 0)};
    const px_parameter *bias = find_bias(&near, weight->name, length);
    px_lora_place place = {.component = component,
                           .weight = weight,
                           .bias = bias ? bias : find_bias(part, weight->name, length),
                           .rows = weight->rank ? weight->shape[0] : 1,
                           .cols = 1};
    for (int32_t i = 1; i < weight->rank; i++) {
        place.cols *= weight->shape[i];
    }
    map->places[map->place_count++] = place;
    map->counts[component]++;
    return true;
}

static bool is_weight(const px_parameter *parameter)
{
    const size_t length = strlen(parameter->name), size = strlen(".weight");
    return length > size && length < KEY_LENGTH && parameter->rank >= 1 &&
           strcmp(parameter->name + length - size, ".weight") == 0;
}

static int compare_spellings(const void *left, const void *right)
{
    const spelling *a = left, *b = right;
    const int order = strcmp(a->key, b->key);
    return order ? order : a->place - b->place;
}

static bool fill(px_lora_map *map, const px_lora_part *parts)
{
    px_names_plan plan = {0};
    bool fine = true;
    const bool alone = parts[PX_TEXT_1].count == 0 || parts[PX_TEXT_2].count == 0;
    for (int32_t i = 0; i < parts[PX_UNET].count; i++) {
        px_names_learn(&plan, PX_UNET, parts[PX_UNET].parameters[i].name);
    }
    for (int32_t c = 0; c <= PX_UNET; c++) {
        for (int32_t i = 0; i < parts[c].count && fine; i++) {
            const px_parameter *weight = &parts[c].parameters[i];
            char path[KEY_LENGTH];
            if (!is_weight(weight)) {
                continue;
            }
            snprintf(path, sizeof path, "%.*s", (int)(strlen(weight->name) - strlen(".weight")),
                     weight->name);
            fine = add_place(map, &parts[c], c, i) &&
                   (c == PX_UNET ? spell_unet(map, &plan, path)
                                 : spell_text(map, c == PX_TEXT_2, alone, path));
        }
    }
    return fine;
}

dgxp_status px_lora_map_create(const px_lora_part *parts, px_lora_map **out)
{
    px_lora_map *map = px_mem_zero(1, sizeof *map);
    if (!map || !fill(map, parts)) {
        px_lora_map_free(map);
        return px_error_memory("the map of adapter keys");
    }
    qsort(map->spellings, map->spelling_count, sizeof *map->spellings, compare_spellings);
    *out = map;
    return DGXP_OK;
}

void px_lora_map_free(px_lora_map *map)
{
    if (!map) {
        return;
    }
    for (size_t i = 0; i < map->spelling_count; i++) {
        px_mem_free(map->spellings[i].key);
    }
    px_mem_free(map->spellings);
    px_mem_free(map->places);
    px_mem_free(map);
}

int32_t px_lora_map_count(const px_lora_map *map, int32_t component)
{
    return component < 0 ? (int32_t)map->place_count : map->counts[component];
}

/* ----------------------------------------------------------------------------------- finding */

static bool fits(const px_lora_place *place, const px_lora_module *module, char *why, size_t size)
{
    const px_tensor *bias = module->roles[PX_LORA_DIFF_B] ? module->roles[PX_LORA_DIFF_B]
                                                          : module->roles[PX_LORA_B_NORM];
    const px_tensor *dora = module->roles[PX_LORA_DORA];
    char shape[96];
    if (module->rows > 0 && (module->rows != place->rows || module->cols != place->cols)) {
        px_safetensors_shape_text(place->weight->rank, place->weight->shape, shape, sizeof shape);
        snprintf(why, size, "changes %lld x %lld values, but %.120s is %s", (long long)module->rows,
                 (long long)module->cols, place->weight->name, shape);
        return false;
    }
    if (bias && !place->bias) {
        snprintf(why, size, "changes a bias, but %.120s has none", place->weight->name);
        return false;
    }
    if (bias && (bias->rank != 1 || bias->shape[0] != place->bias->shape[0])) {
        snprintf(why, size, "changes a bias of another size than %.120s", place->bias->name);
        return false;
    }
    if (dora) { /* [out, 1, …] or [1, in, 1, …] */
        int64_t count = 1;
        for (int32_t i = 0; i < dora->rank; i++) {
            count *= dora->shape[i];
        }
        if (count != place->rows && (place->weight->rank < 2 || count != place->weight->shape[1])) {
            snprintf(why, size, "has a DoRA magnitude of another size than %.120s",
                     place->weight->name);
            return false;
        }
    }
    return true;
}

/* The first spelling that is not before `key`. */
static size_t lower_bound(const px_lora_map *map, const char *key)
{
    size_t low = 0, high = map->spelling_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(map->spellings[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* OneTrainer trains projections that SDXL does not use. */
static bool is_useless(const char *key)
{
    static const char *const keys[] = {
        "lora_te1_text_projection",       "lora_te_text_projection",
        "lora_te2_text_projection",       "text_encoder.text_projection",
        "text_encoder_2.text_projection", "clip_l.text_projection",
        "clip_g.text_projection"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

px_lora_fit px_lora_map_find(const px_lora_map *map, const px_lora_module *module,
                             const px_lora_place **place, char *why, size_t size)
{
    px_lora_fit found = PX_LORA_NO_PLACE;
    for (size_t i = lower_bound(map, module->key);
         i < map->spelling_count && strcmp(map->spellings[i].key, module->key) == 0; i++) {
        *place = &map->places[map->spellings[i].place];
        if (fits(*place, module, why, size)) {
            return PX_LORA_FITS;
        }
        found = PX_LORA_OTHER_SHAPE;
    }
    if (found == PX_LORA_NO_PLACE) {
        *place = NULL;
        snprintf(why, size, "names no module of this model");
        return is_useless(module->key) ? PX_LORA_FITS_IGNORED : PX_LORA_NO_PLACE;
    }
    return found;
}

int64_t px_lora_map_context(const px_lora_map *map)
{
    for (size_t i = 0; i < map->place_count; i++) {
        if (map->places[i].component == PX_UNET &&
            strstr(map->places[i].weight->name, "attn2.to_k.weight")) {
            return map->places[i].cols;
        }
    }
    return 0;
}
