/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every combination of a few fields' values: `steps=8,20` by `guidance=2,5,7`. */
#include "batch/matrix.h"

#include "core/error.h"
#include "core/mem.h"
#include "job/request.h"

#include <string.h>

enum { COMBINATIONS_LIMIT = 4096 };

/* Cuts `text` at its commas in place. */
static dgxp_status split(const char *where, char *text, px_matrix_axis *axis)
{
    size_t capacity = 0;
    for (char *at = text, *out = text, *begin = text;; at++) {
        const bool end = *at == '\0';
        if (*at == '\\' && at[1] == ',') {
            *out++ = *++at;
            continue;
        }
        if (*at != ',' && !end) {
            *out++ = *at;
            continue;
        }
        *out++ = '\0';
        if (!*begin) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "`matrix` %s: has an empty value; write field=a,b,c", where);
        }
        if (!px_mem_grow((void **)&axis->values, &capacity, (size_t)axis->count,
                         sizeof *axis->values)) {
            return px_error_memory("a matrix");
        }
        axis->values[axis->count++] = begin;
        begin = out = at + 1;
        if (end) {
            return DGXP_OK;
        }
    }
}

static dgxp_status parse_axis(const char *text, px_matrix_axis *axis)
{
    const char *sign = strchr(text, '=');
    if (!sign || sign == text) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "`matrix` %s: is not field=value,value …; try steps=8,20", text);
    }
    axis->field = px_mem_text(text);
    if (!axis->field) {
        return px_error_memory("a matrix");
    }
    char *values = axis->field + (sign - text);
    *values = '\0';
    json_t *scratch = json_object();
    dgxp_status status = split(text, values + 1, axis);
    const bool weight = px_request_is_lora_weight(axis->field); /* checked with the request */
    for (int32_t i = 0; i < axis->count && status == DGXP_OK && !weight; i++) {
        status = px_request_put("`matrix`", scratch, axis->field, axis->values[i]);
    }
    json_decref(scratch);
    return status;
}

dgxp_status px_matrix_parse(const char *const *texts, int32_t count, px_matrix *out)
{
    px_matrix made = {.combinations = 1};
    dgxp_status status = DGXP_OK;
    if (count > PX_MATRIX_AXES) {
        return px_error_set(DGXP_ERR_LIMIT, "a matrix has at most %d axes", PX_MATRIX_AXES);
    }
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        px_matrix_axis *axis = &made.axes[made.axis_count++];
        status = parse_axis(texts[i], axis);
        if (status == DGXP_OK && axis->count > COMBINATIONS_LIMIT / made.combinations) {
            status = px_error_set(DGXP_ERR_LIMIT, "a matrix has at most %d combinations",
                                  COMBINATIONS_LIMIT);
        }
        made.combinations *= status == DGXP_OK ? axis->count : 1;
    }
    if (status != DGXP_OK) {
        px_matrix_free(&made);
        return status;
    }
    *out = made;
    return DGXP_OK;
}

void px_matrix_free(px_matrix *matrix)
{
    for (int32_t i = 0; i < matrix->axis_count; i++) {
        px_mem_free(matrix->axes[i].field);
        px_mem_free(matrix->axes[i].values);
    }
    *matrix = (px_matrix){.combinations = 1};
}

static const char *value_of(const px_matrix *matrix, int32_t combination, int32_t axis)
{
    for (int32_t i = matrix->axis_count - 1; i > axis; i--) {
        combination /= matrix->axes[i].count;
    }
    return matrix->axes[axis].values[combination % matrix->axes[axis].count];
}

dgxp_status px_matrix_apply(const px_matrix *matrix, const char *where, int32_t combination,
                            json_t *request)
{
    dgxp_status status = DGXP_OK;
    for (int32_t i = 0; i < matrix->axis_count && status == DGXP_OK; i++) {
        status =
            px_request_put(where, request, matrix->axes[i].field, value_of(matrix, combination, i));
    }
    return status;
}

char *px_matrix_label(const px_matrix *matrix, int32_t combination)
{
    char *label = px_mem_text("");
    for (int32_t i = 0; i < matrix->axis_count && label; i++) {
        char *longer = px_mem_format("%s%s%s=%s", label, i ? " " : "", matrix->axes[i].field,
                                     value_of(matrix, combination, i));
        px_mem_free(label);
        label = longer;
    }
    return label;
}

int32_t px_matrix_columns(const px_matrix *matrix)
{
    return matrix->axis_count ? matrix->axes[matrix->axis_count - 1].count : 0;
}
