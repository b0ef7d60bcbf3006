/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Weights: safetensors files, one or several as a set, checked whole before anything is used. */
#include "diffusion/safetensors.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct shard {
    char *path;
    px_map map;
    json_t *header; /* names and metadata point into it */
    const json_t *metadata;
    int32_t first; /* of its tensors, while it is being read */
} shard;

struct px_safetensors {
    char *path;
    shard *shards;
    int32_t shard_count;
    px_tensor *tensors;
    int32_t count;
    size_t capacity;
};

static const struct {
    const char *name;
    size_t size;
} dtypes[PX_DTYPES] = {
    [PX_F32] = {"F32", 4}, [PX_F16] = {"F16", 2},         [PX_BF16] = {"BF16", 2},
    [PX_F64] = {"F64", 8}, [PX_F8_E4M3] = {"F8_E4M3", 1}, [PX_F8_E5M2] = {"F8_E5M2", 1},
    [PX_I64] = {"I64", 8}, [PX_I32] = {"I32", 4},         [PX_I16] = {"I16", 2},
    [PX_I8] = {"I8", 1},   [PX_U8] = {"U8", 1},           [PX_BOOL] = {"BOOL", 1},
};

const char *px_safetensors_dtype_name(int32_t dtype)
{
    return dtype >= 0 && dtype < PX_DTYPES ? dtypes[dtype].name : "?";
}

size_t px_safetensors_dtype_size(int32_t dtype)
{
    return dtype >= 0 && dtype < PX_DTYPES ? dtypes[dtype].size : 0;
}

bool px_safetensors_is_float(int32_t dtype)
{
    return dtype >= PX_F32 && dtype <= PX_F8_E5M2;
}

void px_safetensors_shape_text(int32_t rank, const int64_t *shape, char *text, size_t size)
{
    size_t used = 0;
    snprintf(text, size, "[");
    for (int32_t i = 0; i < rank; i++) {
        used = strlen(text);
        snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)shape[i]);
    }
    used = strlen(text);
    snprintf(text + used, size - used, "]");
}

/* Every complaint about a tensor names its file and (a bounded part of) its name. */
#define REFUSE(path, name, sentence, ...)                                                          \
    px_error_set(DGXP_ERR_BAD_FORMAT, "%s: tensor '%.200s' " sentence, path, name, __VA_ARGS__)

static dgxp_status read_dtype(const char *path, const char *name, const json_t *value, int32_t *out)
{
    const char *text = json_string_value(value);
    for (int32_t i = 0; text && i < PX_DTYPES; i++) {
        if (strcmp(text, dtypes[i].name) == 0) {
            *out = i;
            return DGXP_OK;
        }
    }
    if (!text) {
        return REFUSE(path, name, "has no %s", "dtype");
    }
    return px_error_set(
        DGXP_ERR_UNSUPPORTED,
        "%s: tensor '%.200s' has dtype '%.40s', which is not supported; convert the "
        "file to F32, F16 or BF16",
        path, name, text);
}

static dgxp_status read_shape(const char *path, const char *name, const json_t *value,
                              px_tensor *tensor, uint64_t *bytes)
{
    if (!json_is_array(value)) {
        return REFUSE(path, name, "has no %s", "shape");
    }
    if (json_array_size(value) > PX_SAFETENSORS_RANK) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: tensor '%.200s' has %zu axes; the limit is %d",
                            path, name, json_array_size(value), PX_SAFETENSORS_RANK);
    }
    tensor->rank = (int32_t)json_array_size(value);
    *bytes = dtypes[tensor->dtype].size;
    int64_t sides = *bytes > 0 ? (int64_t)*bytes : 1;
    for (int32_t i = 0; i < tensor->rank; i++) {
        const json_t *axis = json_array_get(value, (size_t)i);
        if (!json_is_integer(axis) || json_integer_value(axis) < 0) {
            return REFUSE(path, name, "has a shape whose axis %d is not a whole number", i);
        }
        tensor->shape[i] = json_integer_value(axis);
        if (__builtin_mul_overflow(*bytes, (uint64_t)tensor->shape[i], bytes)) {
            return REFUSE(path, name, "has a shape of more than 2^64 %s", "bytes");
        }
        /* Of an empty tensor the other axes are multiplied later, too. */
        const int64_t side = tensor->shape[i] ? tensor->shape[i] : 1;
        if (__builtin_mul_overflow(sides, side, &sides)) {
            return REFUSE(path, name, "has axes of more than 2^63 elements, axis %d", i);
        }
    }
    return DGXP_OK;
}

static dgxp_status read_offsets(const char *path, const char *name, const json_t *value,
                                uint64_t bytes, px_tensor *tensor)
{
    const json_t *first = json_array_get(value, 0), *last = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
        json_integer_value(first) < 0 || json_integer_value(last) < 0) {
        return REFUSE(path, name, "has %s that are not two whole numbers", "data_offsets");
    }
    const uint64_t begin = (uint64_t)json_integer_value(first);
    const uint64_t end = (uint64_t)json_integer_value(last);
    if (end < begin) {
        return REFUSE(path, name, "ends at %llu, before its begin at %llu", (unsigned long long)end,
                      (unsigned long long)begin);
    }
    if (end - begin != bytes) {
        char shape[160];
        px_safetensors_shape_text(tensor->rank, tensor->shape, shape, sizeof shape);
        return REFUSE(path, name, "has %llu bytes of data, but its shape %s of %s needs %llu",
                      (unsigned long long)(end - begin), shape, dtypes[tensor->dtype].name,
                      (unsigned long long)bytes);
    }
    tensor->offset = begin; /* within the data for now */
    tensor->size = bytes;
    return DGXP_OK;
}

static dgxp_status read_tensor(const char *path, const char *name, const json_t *entry,
                               px_tensor *tensor)
{
    uint64_t bytes = 0;
    if (strlen(name) > PX_SAFETENSORS_NAME) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: tensor '%.60s…' has a name of %zu bytes; the limit "
                            "is %d",
                            path, name, strlen(name), PX_SAFETENSORS_NAME);
    }
    if (!json_is_object(entry)) {
        return REFUSE(path, name, "is not described by an %s", "object");
    }
    tensor->name = name;
    dgxp_status status = read_dtype(path, name, json_object_get(entry, "dtype"), &tensor->dtype);
    if (status == DGXP_OK) {
        status = read_shape(path, name, json_object_get(entry, "shape"), tensor, &bytes);
    }
    if (status == DGXP_OK) {
        status = read_offsets(path, name, json_object_get(entry, "data_offsets"), bytes, tensor);
    }
    return status;
}

static dgxp_status check_metadata(const char *path, const json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: __metadata__ is not an object", path);
    }
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        if (!json_is_string(value)) {
            return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: __metadata__ field '%.200s' is not text",
                                path, key);
        }
    }
    return DGXP_OK;
}

/* Empty tensors first among those that begin at one place: they lie between their neighbours. */
static int compare_offsets(const void *a, const void *b)
{
    const px_tensor *one = a, *two = b;
    if (one->offset != two->offset) {
        return one->offset < two->offset ? -1 : 1;
    }
    return one->size == two->size ? 0 : one->size < two->size ? -1 : 1;
}

static dgxp_status check_coverage(const char *path, px_tensor *tensors, int32_t count,
                                  uint64_t data_size)
{
    uint64_t end = 0;
    qsort(tensors, (size_t)count, sizeof *tensors, compare_offsets);
    for (int32_t i = 0; i < count; i++) {
        const px_tensor *tensor = &tensors[i];
        if (tensor->offset > end) {
            return REFUSE(path, tensor->name,
                          "begins at %llu, but the one before it ends at %llu: a hole",
                          (unsigned long long)tensor->offset, (unsigned long long)end);
        }
        if (tensor->offset < end) {
            return REFUSE(path, tensor->name,
                          "begins at %llu, but the one before it ends at %llu: they overlap",
                          (unsigned long long)tensor->offset, (unsigned long long)end);
        }
        if (tensor->size > data_size - end) {
            return REFUSE(path, tensor->name,
                          "ends at %llu, but the file has %llu bytes of data; it was cut short, "
                          "download it again",
                          (unsigned long long)(end + tensor->size), (unsigned long long)data_size);
        }
        end += tensor->size;
    }
    if (end != data_size) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: has %llu bytes behind its last tensor; the format allows none",
                            path, (unsigned long long)(data_size - end));
    }
    return DGXP_OK;
}

static dgxp_status add_tensors(px_safetensors *set, int32_t index, uint64_t data_begin)
{
    shard *file = &set->shards[index];
    const char *name;
    json_t *entry;
    dgxp_status status = DGXP_OK;
    file->first = set->count;
    json_object_foreach(file->header, name, entry)
    {
        px_tensor tensor = {.file = index};
        if (strcmp(name, "__metadata__") == 0) {
            file->metadata = entry;
            status = check_metadata(file->path, entry);
        } else if (set->count >= PX_SAFETENSORS_TENSORS) {
            status = px_error_set(DGXP_ERR_LIMIT, "%s: has more than %d tensors", file->path,
                                  PX_SAFETENSORS_TENSORS);
        } else if (!px_mem_grow((void **)&set->tensors, &set->capacity, (size_t)set->count,
                                sizeof tensor)) {
            status = px_error_memory("a table of tensors");
        } else {
            status = read_tensor(file->path, name, entry, &tensor);
            set->tensors[set->count] = tensor;
            set->count += status == DGXP_OK;
        }
        if (status != DGXP_OK) {
            return status;
        }
    }
    px_tensor *own = set->tensors ? set->tensors + file->first : NULL;
    const int32_t count = set->count - file->first;
    if (count == 0) {
        return file->map.size == data_begin
                   ? DGXP_OK
                   : px_error_set(DGXP_ERR_BAD_FORMAT,
                                  "%s: has %llu bytes behind its header, but no tensors",
                                  file->path, (unsigned long long)(file->map.size - data_begin));
    }
    status = check_coverage(file->path, own, count, file->map.size - data_begin);
    for (int32_t i = 0; status == DGXP_OK && i < count; i++) {
        own[i].offset += data_begin;
        own[i].data = file->map.data + own[i].offset;
    }
    return status;
}

/* jansson counts names; the format wants `{` first but its reference reader skips blanks. */
static dgxp_status check_header_text(const char *path, const uint8_t *text, size_t size)
{
    size_t first = 0, last = size;
    while (first < size && strchr(" \t\r\n", text[first]) && text[first]) {
        first++;
    }
    while (last > first && strchr(" \t\r\n", text[last - 1]) && text[last - 1]) {
        last--;
    }
    if (first == last || text[first] != '{') {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: its header is not a JSON object: not a safetensors file", path);
    }
    if (text[last - 1] != '}') {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: its header is padded or cut with byte 0x%02x; only blanks may "
                            "follow the closing brace",
                            path, text[last - 1]);
    }
    return DGXP_OK;
}

static dgxp_status read_shard(px_safetensors *set, int32_t index, const char *path,
                              const px_safetensors_options *options)
{
    shard *file = &set->shards[index];
    const size_t limit = options->header_limit ? options->header_limit : PX_SAFETENSORS_HEADER;
    uint64_t length = 0;
    file->path = px_mem_text(path);
    if (!file->path) {
        return px_error_memory("a path");
    }
    dgxp_status status = px_file_map(path, options->copy, &file->map);
    if (status != DGXP_OK) {
        return status;
    }
    if (file->map.size < 8) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: has %zu bytes, but a safetensors file begins with 8 that give the "
                            "length of its header",
                            path, file->map.size);
    }
    for (int i = 7; i >= 0; i--) {
        length = length << 8 | file->map.data[i];
    }
    if (length > limit) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: announces a header of %llu bytes; the limit is %zu (or this is no "
                            "safetensors file)",
                            path, (unsigned long long)length, limit);
    }
    if (length > file->map.size - 8) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: announces a header of %llu bytes, but only %zu follow", path,
                            (unsigned long long)length, file->map.size - 8);
    }
    status = check_header_text(path, file->map.data + 8, (size_t)length);
    if (status == DGXP_OK) {
        status = px_json_parse(path, file->map.data + 8, (size_t)length, &file->header);
    }
    return status == DGXP_OK ? add_tensors(set, index, length + 8) : status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const px_tensor *)a)->name, ((const px_tensor *)b)->name);
}

static dgxp_status sort_names(px_safetensors *set)
{
    if (set->count > 1) {
        qsort(set->tensors, (size_t)set->count, sizeof *set->tensors, compare_names);
    }
    for (int32_t i = 1; i < set->count; i++) {
        const px_tensor *one = &set->tensors[i - 1], *two = &set->tensors[i];
        if (strcmp(one->name, two->name) == 0) {
            return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: tensor '%.200s' is in %s and in %s",
                                set->path, one->name, px_file_name(set->shards[one->file].path),
                                px_file_name(set->shards[two->file].path));
        }
    }
    return DGXP_OK;
}

/* A shard lies beside its index: a name with a slash could lead anywhere. */
static dgxp_status add_shard_name(const char *path, const char *tensor, const json_t *value,
                                  const char **names, int32_t *count)
{
    const char *name = json_string_value(value);
    if (!name || !name[0] || strchr(name, '/') || strcmp(name, "..") == 0 ||
        strcmp(name, ".") == 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: weight_map gives tensor '%.200s' no file name (a name without "
                            "'/')",
                            path, tensor);
    }
    for (int32_t i = 0; i < *count; i++) {
        if (strcmp(names[i], name) == 0) {
            return DGXP_OK;
        }
    }
    if (*count == PX_SAFETENSORS_FILES) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: names more than %d files", path,
                            PX_SAFETENSORS_FILES);
    }
    names[(*count)++] = name;
    return DGXP_OK;
}

/* Both ways: what the index promises is there, and nothing is there that it does not name. */
static dgxp_status check_index(const px_safetensors *set, const json_t *map)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        const px_tensor *tensor = px_safetensors_find(set, key);
        const char *name = json_string_value(value);
        if (!tensor || strcmp(px_file_name(set->shards[tensor->file].path), name) != 0) {
            return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: tensor '%.200s' is not in %.200s",
                                set->path, key, name);
        }
    }
    for (int32_t i = 0; i < set->count; i++) {
        if (!json_object_get(map, set->tensors[i].name)) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: weight_map does not name tensor '%.200s' of %s", set->path,
                                set->tensors[i].name,
                                px_file_name(set->shards[set->tensors[i].file].path));
        }
    }
    return DGXP_OK;
}

static dgxp_status open_index(px_safetensors *set, const px_safetensors_options *options)
{
    const char *names[PX_SAFETENSORS_FILES], *key;
    json_t *document = NULL, *value;
    px_json root, map;
    int32_t count = 0;
    dgxp_status status = px_json_load(set->path, PX_SAFETENSORS_HEADER, &document);
    if (status == DGXP_OK) {
        status = px_json_root(set->path, document, &root);
    }
    if (status == DGXP_OK) {
        status = px_json_object(&root, "weight_map", PX_JSON_OPTIONAL, &map);
        if (status == DGXP_OK && !map.value) {
            status = px_error_set(DGXP_ERR_BAD_FORMAT,
                                  "%s: is no index of a model in several files: it has no "
                                  "'weight_map'",
                                  set->path);
        }
    }
    if (status != DGXP_OK) {
        goto done;
    }
    json_object_foreach((json_t *)(uintptr_t)map.value, key, value)
    {
        status = add_shard_name(set->path, key, value, names, &count);
        if (status != DGXP_OK) {
            goto done;
        }
    }
    if (count == 0) {
        status = px_json_refuse(&map, DGXP_ERR_BAD_FORMAT, "is empty");
        goto done;
    }
    set->shards = px_mem_zero((size_t)count, sizeof *set->shards);
    if (!set->shards) {
        status = px_error_memory("a table of files");
        goto done;
    }
    for (int32_t i = 0; status == DGXP_OK && i < count; i++) {
        char *path = px_mem_format("%.*s%s", (int)(px_file_name(set->path) - set->path), set->path,
                                   names[i]);
        set->shards[i].map.fd = -1;
        set->shard_count = i + 1;
        status = path ? read_shard(set, i, path, options) : px_error_memory("a path");
        px_mem_free(path);
    }
    if (status == DGXP_OK) {
        status = sort_names(set);
    }
    if (status == DGXP_OK) {
        status = check_index(set, map.value);
    }
done:
    json_decref(document);
    return status;
}

dgxp_status px_safetensors_open(const char *path, const px_safetensors_options *options,
                                px_safetensors **out)
{
    static const px_safetensors_options defaults;
    dgxp_status status;
    px_safetensors *set = px_mem_zero(1, sizeof *set);
    if (!set || !(set->path = px_mem_text(path))) {
        px_mem_free(set);
        return px_error_memory("a set of tensors");
    }
    options = options ? options : &defaults;
    if (px_file_has_suffix(path, "json")) {
        status = open_index(set, options);
    } else if (!(set->shards = px_mem_zero(1, sizeof *set->shards))) {
        status = px_error_memory("a table of files");
    } else {
        set->shards[0].map.fd = -1;
        set->shard_count = 1;
        status = read_shard(set, 0, path, options);
        status = status == DGXP_OK ? sort_names(set) : status;
    }
    if (status != DGXP_OK) {
        px_safetensors_free(set);
        return status;
    }
    *out = set;
    return DGXP_OK;
}

void px_safetensors_free(px_safetensors *set)
{
    if (!set) {
        return;
    }
    for (int32_t i = 0; i < set->shard_count; i++) {
        px_file_unmap(&set->shards[i].map);
        json_decref(set->shards[i].header);
        px_mem_free(set->shards[i].path);
    }
    px_mem_free(set->shards);
    px_mem_free(set->tensors);
    px_mem_free(set->path);
    px_mem_free(set);
}

int32_t px_safetensors_count(const px_safetensors *set)
{
    return set->count;
}

const px_tensor *px_safetensors_at(const px_safetensors *set, int32_t index)
{
    return &set->tensors[index];
}

const px_tensor *px_safetensors_find(const px_safetensors *set, const char *name)
{
    const px_tensor key = {.name = name};
    return set->count ? bsearch(&key, set->tensors, (size_t)set->count, sizeof key, compare_names)
                      : NULL;
}

int32_t px_safetensors_index(const px_safetensors *set, const char *name)
{
    const px_tensor *found = px_safetensors_find(set, name);
    return found ? (int32_t)(found - set->tensors) : -1;
}

const char *px_safetensors_metadata(const px_safetensors *set, const char *key)
{
    for (int32_t i = 0; i < set->shard_count; i++) {
        const char *text = json_string_value(json_object_get(set->shards[i].metadata, key));
        if (text) {
            return text;
        }
    }
    return NULL;
}

const json_t *px_safetensors_metadata_all(const px_safetensors *set)
{
    return set->shards[0].metadata;
}

const char *px_safetensors_path(const px_safetensors *set)
{
    return set->path;
}

int32_t px_safetensors_file_count(const px_safetensors *set)
{
    return set->shard_count;
}

const char *px_safetensors_file_path(const px_safetensors *set, int32_t file)
{
    return set->shards[file].path;
}

const px_map *px_safetensors_map(const px_safetensors *set, int32_t file)
{
    return &set->shards[file].map;
}
