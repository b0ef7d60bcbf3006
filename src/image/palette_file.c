/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Palettes by name, from files and to files. */
#include "image/palette.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

static int32_t find_builtin(const char *name)
{
    for (int32_t i = 0; i < px_palette_builtin_count; i++) {
        if (px_text_compare(px_palette_builtin_choices[i].name, name, SIZE_MAX) == 0) {
            return i;
        }
    }
    return -1;
}

static dgxp_status load_builtin(int32_t index, dgxp_palette **out)
{
    const px_palette_builtin *from = &px_palette_builtins[index];
    dgxp_palette *palette = NULL;
    const char *name = px_palette_builtin_choices[index].name;
    dgxp_status status = px_palette_create(name, &palette);
    for (int32_t i = 0; i < from->count && !status; i++) {
        const uint8_t rgba[4] = {from->rgb[i][0], from->rgb[i][1], from->rgb[i][2], 255};
        status = px_palette_add(name, palette, rgba);
    }
    if (status) {
        dgxp_palette_free(palette);
        return status;
    }
    *out = palette;
    return DGXP_OK;
}

static dgxp_status report_unknown(const char *name)
{
    char list[640] = "";
    size_t length = 0;
    for (int32_t i = 0; i < px_palette_builtin_count; i++) {
        const int put = snprintf(list + length, sizeof list - length, "%s%s", i ? ", " : "",
                                 px_palette_builtin_choices[i].name);
        if (put < 0 || (size_t)put >= sizeof list - length) {
            break;
        }
        length += (size_t)put;
    }
    return px_error_set(DGXP_ERR_NOT_FOUND,
                        "palette '%.200s': neither a file nor a built-in name; built in are: %s",
                        name, list);
}

/* "folder/my palette.gpl" -> "my palette", for files whose format carries no name. */
static void name_after_file(dgxp_palette *palette, const char *path)
{
    const char *name = px_file_name(path), *dot = strrchr(name, '.');
    const size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    if (!palette->name[0] && length <= PX_PALETTE_NAME_MAX) {
        memcpy(palette->name, name, length);
        palette->name[length] = '\0';
    }
}

dgxp_status dgxp_palette_load(const char *name_or_path, dgxp_palette **out)
{
    px_error_clear();
    if (!name_or_path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_palette_load: %s is NULL",
                            out ? "the name" : "out");
    }
    const int32_t index = find_builtin(name_or_path);
    if (index >= 0) {
        return load_builtin(index, out);
    }
    if (!px_file_exists(name_or_path)) {
        return report_unknown(name_or_path);
    }
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_palette *palette = NULL;
    dgxp_status status = px_file_read(name_or_path, PX_PALETTE_BYTES_MAX, &bytes, &size);
    if (!status) {
        status = px_palette_decode(name_or_path, bytes, size, &palette);
        px_mem_free(bytes);
    }
    if (!status) {
        name_after_file(palette, name_or_path);
        *out = palette;
    }
    return status;
}

dgxp_status dgxp_palette_decode(const void *bytes, size_t size, dgxp_palette **out)
{
    px_error_clear();
    if (!out || (!bytes && size)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_palette_decode: %s is NULL",
                            out ? "bytes" : "out");
    }
    if (size > PX_PALETTE_BYTES_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "dgxp_palette_decode: %zu bytes; the limit is %zu",
                            size, PX_PALETTE_BYTES_MAX);
    }
    /* Text formats are parsed in place, so they need a NUL behind the last byte. */
    uint8_t *copy = px_mem_alloc(size + 1);
    if (!copy) {
        return px_error_memory("a palette file");
    }
    if (size) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    const dgxp_status status = px_palette_decode("dgxp_palette_decode", copy, size, out);
    px_mem_free(copy);
    return status;
}

static int32_t format_of_suffix(const char *path)
{
    static const struct {
        const char *suffix;
        int32_t format;
    } suffixes[] = {{"hex", DGXP_PALETTE_HEX},   {"gpl", DGXP_PALETTE_GPL},
                    {"pal", DGXP_PALETTE_JASC},  {"act", DGXP_PALETTE_ACT},
                    {"txt", DGXP_PALETTE_PAINT}, {"png", DGXP_PALETTE_PNG}};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (px_file_has_suffix(path, suffixes[i].suffix)) {
            return suffixes[i].format;
        }
    }
    return DGXP_PALETTE_AUTO;
}

dgxp_status dgxp_palette_save(const dgxp_palette *palette, const char *path, int32_t format)
{
    px_error_clear();
    if (!palette || !path) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_palette_save: %s is NULL",
                            palette ? "path" : "palette");
    }
    if (format == DGXP_PALETTE_AUTO) {
        format = format_of_suffix(path);
        if (format == DGXP_PALETTE_AUTO) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "%s: its suffix names no palette format; use .hex, .gpl, .pal, "
                                ".act, .txt or .png, or say which",
                                path);
        }
    }
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = px_palette_encode(path, palette, format, &bytes, &size);
    if (!status) {
        status = px_file_write(path, bytes, size);
        px_mem_free(bytes);
    }
    return status;
}

dgxp_status dgxp_palette_encode(const dgxp_palette *palette, int32_t format, uint8_t **bytes,
                                size_t *size)
{
    px_error_clear();
    if (!palette || !bytes || !size) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_palette_encode: %s is NULL",
                            palette ? "an output" : "palette");
    }
    return px_palette_encode("dgxp_palette_encode", palette, format, bytes, size);
}
