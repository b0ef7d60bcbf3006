/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sheets from files and to files: each format by its content or its name. */
#include "image/sheet.h"

#include "core/error.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/animation.h"
#include "image/aseprite.h"
#include "image/picture.h"

static dgxp_status decode_still(const char *name, const uint8_t *bytes, size_t size,
                                dgxp_sheet **out)
{
    dgxp_image *image = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_status status = px_picture_decode(name, bytes, size, &image);
    status = status ? status : dgxp_sheet_create(&sheet);
    status = status ? status : dgxp_sheet_add_frame(sheet, image, NULL, 0);
    dgxp_image_free(image);
    if (status) {
        dgxp_sheet_free(sheet);
    } else {
        *out = sheet;
    }
    return status;
}

dgxp_status px_sheet_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_sheet **out)
{
    if (px_aseprite_matches(bytes, size)) {
        return px_aseprite_decode(name, bytes, size, out);
    }
    if (px_gif_matches(bytes, size)) {
        return px_gif_decode(name, bytes, size, out);
    }
    if (px_webp_is_animated(bytes, size)) {
        return px_webp_decode_sheet(name, bytes, size, out);
    }
    if (px_jpeg_matches(bytes, size) || px_webp_matches(bytes, size) ||
        px_bmp_matches(bytes, size)) {
        return decode_still(name, bytes, size, out);
    }
    return px_apng_decode(name, bytes, size, out);
}

dgxp_status dgxp_sheet_decode(const void *bytes, size_t size, dgxp_sheet **out)
{
    px_error_clear();
    if (!bytes || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_decode: %s is NULL",
                            bytes ? "out" : "bytes");
    }
    return px_sheet_decode("dgxp_sheet_decode", bytes, size, out);
}

dgxp_status dgxp_sheet_load(const char *path, dgxp_sheet **out)
{
    px_error_clear();
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_load: %s is NULL",
                            path ? "out" : "path");
    }
    dgxp_status status = px_file_read(path, px_limits_bytes(), &bytes, &size);
    status = status ? status : px_sheet_decode(path, bytes, size, out);
    px_mem_free(bytes);
    return status;
}

static dgxp_status encode(const char *what, const dgxp_sheet *sheet, const dgxp_sheet_params *p,
                          uint8_t **bytes, size_t *size)
{
    if (!sheet->frame_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: the sheet has no frame; add one", what);
    }
    if (p->format == DGXP_SHEET_ASEPRITE) {
        return px_aseprite_encode(what, sheet, p->truecolor, bytes, size);
    }
    if (p->format == DGXP_SHEET_APNG) {
        return px_apng_encode(what, sheet, p->scale, p->plays, bytes, size);
    }
    if (p->format == DGXP_SHEET_GIF) {
        return px_gif_encode(what, sheet, p->scale, p->plays, bytes, size);
    }
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                        "%s: format %d is not one to write; dgxp_choices(\"sheet_format\") lists "
                        "them",
                        what, p->format);
}

dgxp_status dgxp_sheet_encode(const dgxp_sheet *sheet, const dgxp_sheet_params *params,
                              uint8_t **bytes, size_t *size)
{
    px_error_clear();
    dgxp_sheet_params known;
    if (!sheet || !bytes || !size) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_encode: %s is NULL",
                            sheet ? "bytes or size" : "sheet");
    }
    const dgxp_status status = px_params_read("dgxp_sheet_encode", params, &known, sizeof known);
    return status ? status : encode("dgxp_sheet_encode", sheet, &known, bytes, size);
}

dgxp_status dgxp_sheet_save(const dgxp_sheet *sheet, const char *path,
                            const dgxp_sheet_params *params)
{
    px_error_clear();
    dgxp_sheet_params known;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!sheet || !path) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_save: %s is NULL",
                            sheet ? "path" : "sheet");
    }
    dgxp_status status = px_params_read("dgxp_sheet_save", params, &known, sizeof known);
    if (!status && known.format == DGXP_SHEET_AUTO) {
        if (px_file_has_suffix(path, "aseprite") || px_file_has_suffix(path, "ase")) {
            known.format = DGXP_SHEET_ASEPRITE;
        } else if (px_file_has_suffix(path, "png") || px_file_has_suffix(path, "apng")) {
            known.format = DGXP_SHEET_APNG;
        } else if (px_file_has_suffix(path, "gif")) {
            known.format = DGXP_SHEET_GIF;
        } else {
            return px_error_set(
                DGXP_ERR_INVALID_ARGUMENT,
                "%s: the suffix is none of .aseprite .ase .png .apng .gif; name the "
                "format",
                path);
        }
    }
    status = status ? status : encode(path, sheet, &known, &bytes, &size);
    status = status ? status : px_file_write(path, bytes, size);
    px_mem_free(bytes);
    return status;
}
