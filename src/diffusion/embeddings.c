/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Textual inversions: vectors from files of their own that stand in a prompt for words. */
#include "diffusion/embeddings.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "diffusion/find.h"
#include "diffusion/values.h"

#include <math.h>
#include <string.h>

static const char mark[] = "embedding:";

static bool is_letter(char c)
{
    return px_text_is_alnum(c) || c == '_' || ((unsigned char)c & 0x80);
}

size_t px_embeddings_match(const char *text, const char *at, const char **name, size_t *length)
{
    if (strncmp(at, mark, sizeof mark - 1) != 0 || (at > text && is_letter(at[-1]))) {
        return 0;
    }
    *name = at + sizeof mark - 1;
    *length = strcspn(*name, " \t\r\n,:;()[]|<>");
    const size_t whole = sizeof mark - 1 + *length;
    static const char suffix[] = ".safetensors";
    if (*length > sizeof suffix &&
        strncmp(*name + *length - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0) {
        *length -= sizeof suffix - 1;
    }
    return *length ? whole : 0;
}

/* [vectors, width], or one vector alone. */
static int32_t count_vectors(const px_tensor *tensor)
{
    return tensor->rank == 1 ? 1
           : tensor->rank == 2 && tensor->shape[0] <= PX_EMBEDDINGS_VECTORS
               ? (int32_t)tensor->shape[0]
               : 0;
}

static dgxp_status read_file(px_embedding *e, const char *path)
{
    static const char *const keys[] = {"clip_l", "clip_g"};
    const px_safetensors_options options = {.copy =
                                                true}; /* kilobytes, which anybody may rewrite */
    dgxp_status status = px_safetensors_open(path, &options, &e->set);
    for (int i = 0; i < 2 && status == DGXP_OK; i++) {
        const px_tensor *tensor = px_safetensors_find(e->set, keys[i]);
        e->vectors[i] = tensor;
        if (!tensor || !px_safetensors_is_float(tensor->dtype)) {
            status = px_error_set(
                DGXP_ERR_UNSUPPORTED,
                "%s: has no tensor '%s' of floats: a textual inversion for SDXL has "
                "vectors for both text encoders, clip_l and clip_g%s",
                path, keys[i],
                px_safetensors_find(e->set, "emb_params") ? "; this one is for SD 1.x or 2.x" : "");
        } else if (count_vectors(tensor) < 1 || (i == 1 && count_vectors(tensor) != e->count)) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT,
                                  "%s: tensor '%s' must be 1 to %d vectors, as many as the other "
                                  "encoder's",
                                  path, keys[i], PX_EMBEDDINGS_VECTORS);
        } else {
            e->count = count_vectors(tensor);
        }
    }
    return status;
}

static dgxp_status open_one(px_embeddings *all, const char *name, size_t length)
{
    char *path = NULL;
    if (all->count == PX_EMBEDDINGS) {
        return px_error_set(DGXP_ERR_LIMIT, "a prompt names more than %d textual inversions",
                            PX_EMBEDDINGS);
    }
    px_embedding *e = &all->items[all->count++];
    *e = (px_embedding){.name = px_mem_textn(name, length), .first = all->vectors};
    if (!e->name) {
        return px_error_memory("a textual inversion");
    }
    if (strchr(e->name, '/') || e->name[0] == '.') {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "the prompt's 'embedding:%.80s' is a path; name a file in embeddings/ of "
            "the models folders",
            e->name);
    }
    dgxp_status status = px_find_named("embeddings", e->name, &path);
    status = status == DGXP_OK ? read_file(e, path) : status;
    all->vectors += e->count;
    px_mem_free(path);
    return status;
}

dgxp_status px_embeddings_open(const char *text, px_embeddings *out)
{
    dgxp_status status = DGXP_OK;
    *out = (px_embeddings){.count = 0};
    for (const char *at = text; *at && status == DGXP_OK;) {
        const char *name;
        size_t length, whole = px_embeddings_match(text, at, &name, &length);
        if (whole && !px_embeddings_find(out, name, length)) {
            status = open_one(out, name, length);
        }
        at += whole ? whole : 1;
    }
    return status;
}

void px_embeddings_free(px_embeddings *embeddings)
{
    for (int32_t i = 0; i < embeddings->count; i++) {
        px_mem_free(embeddings->items[i].name);
        px_safetensors_free(embeddings->items[i].set);
    }
    embeddings->count = 0;
}

const px_embedding *px_embeddings_find(const px_embeddings *embeddings, const char *name,
                                       size_t length)
{
    for (int32_t i = 0; i < embeddings->count; i++) {
        const char *theirs = embeddings->items[i].name;
        if (strlen(theirs) == length && memcmp(theirs, name, length) == 0) {
            return &embeddings->items[i];
        }
    }
    return NULL;
}

dgxp_status px_embeddings_read(const px_embeddings *embeddings, int32_t index, int32_t encoder,
                               int32_t width, float *out)
{
    const px_embedding *e = &embeddings->items[0];
    while (index >= e->first + e->count) {
        e++;
    }
    const px_tensor *tensor = e->vectors[encoder];
    if (tensor->shape[tensor->rank - 1] != width) {
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: its vectors have %lld numbers, this model's text encoder %d takes "
                            "%d: it was trained for another model",
                            px_safetensors_path(e->set), (long long)tensor->shape[tensor->rank - 1],
                            encoder + 1, width);
    }
    for (int32_t i = 0; i < width; i++) {
        double value = 0;
        const uint64_t at = (uint64_t)(index - e->first) * (uint64_t)width + (uint64_t)i;
        if (!px_values_read(tensor, at, &value) || !isfinite(value)) {
            return px_error_set(
                DGXP_ERR_BAD_FORMAT,
                "%s: holds values that are not finite numbers of F32, F16, BF16 or F64",
                px_safetensors_path(e->set));
        }
        out[i] = (float)value;
    }
    return DGXP_OK;
}

dgxp_status px_embeddings_describe(const char *const *texts, int32_t count, json_t **out)
{
    json_t *list = json_array();
    dgxp_status status = DGXP_OK;
    for (int32_t t = 0; t < count && status == DGXP_OK; t++) {
        px_embeddings named;
        status = px_embeddings_open(texts[t], &named);
        for (int32_t i = 0; i < named.count && status == DGXP_OK; i++) {
            char hex[PX_HASH_HEX];
            const px_map *map = px_safetensors_map(named.items[i].set, 0);
            json_t *entry = json_object();
            px_hash_bytes(map->data, map->size, hex);
            px_json_put_text(entry, "name", named.items[i].name);
            px_json_put_text(entry, "sha256", hex);
            px_json_put_integer(entry, "vectors", named.items[i].count);
            px_json_append(list, entry);
        }
        px_embeddings_free(&named);
    }
    if (status != DGXP_OK || json_array_size(list) == 0) {
        json_decref(list);
        list = NULL;
    }
    *out = list;
    return status;
}
