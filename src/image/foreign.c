/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that are no PNG: what they are instead, and what to do with them. */
#include "image/foreign.h"

#include "core/error.h"

#include <stdbool.h>
#include <string.h>

typedef struct signature {
    const char *format;
    size_t at, length;
    const char *bytes;
} signature;

#define CONVERT "save it as PNG, without loss where you can"

/* The first that fits; longer ones of a family stand before shorter ones. */
static const signature pictures[] = {
    {"an AVIF", 4, 8, "ftypavif"}, {"an AVIF", 4, 8, "ftypavis"},   {"a HEIC", 4, 8, "ftypheic"},
    {"a HEIC", 4, 8, "ftypmif1"},  {"a JPEG XL", 0, 2, "\xff\x0a"}, {"a JPEG XL", 4, 4, "JXL "},
    {"a TIFF", 0, 4, "II*\0"},     {"a TIFF", 0, 4, "MM\0*"},       {"a Photoshop", 0, 4, "8BPS"},
    {"a GIMP", 0, 8, "gimp xcf"},  {"a QOI", 0, 4, "qoif"},         {"a DDS", 0, 4, "DDS "},
    {"an icon", 0, 4, "\0\0\1\0"}, {"an SVG", 0, 4, "<svg"},        {"an SVG", 0, 5, "<?xml"},
    {"a PDF", 0, 5, "%PDF-"},      {"a ZIP", 0, 4, "PK\3\4"},       {"a BMP", 0, 2, "BM"},
};

static bool has(const void *bytes, size_t size, const signature *s)
{
    return size >= s->at + s->length &&
           memcmp((const char *)bytes + s->at, s->bytes, s->length) == 0;
}

dgxp_status px_foreign_refuse(const char *name, const void *bytes, size_t size)
{
    static const signature gif = {"", 0, 4, "GIF8"}, aseprite = {"", 4, 2, "\xe0\xa5"},
                           page = {"", 0, 9, "<!DOCTYPE"}, markup = {"", 0, 5, "<html"},
                           pointer = {"", 0, 19, "version https://git"},
                           broken = {"", 0, 4, "\x89PNG"}, stripped = {"", 0, 3, "PNG"};
    if (size == 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: is empty; export it again, or look why nothing was written", name);
    }
    if (has(bytes, size, &pointer)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: is a Git LFS pointer, not the picture; run 'git lfs pull'", name);
    }
    if (has(bytes, size, &page) || has(bytes, size, &markup)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: is a web page, not a picture; download the picture itself", name);
    }
    if (has(bytes, size, &gif) || has(bytes, size, &aseprite)) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: is %s file, where one PNG is needed; save one frame as PNG", name,
                            has(bytes, size, &gif) ? "a GIF" : "an Aseprite");
    }
    if (has(bytes, size, &broken) || has(bytes, size, &stripped)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: is a PNG whose signature is damaged, as when a file is copied as "
                            "text; copy it again as binary",
                            name);
    }
    for (size_t i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        if (has(bytes, size, &pictures[i])) {
            return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: is %s file, which is not read; " CONVERT,
                                name, pictures[i].format);
        }
    }
    return px_error_set(DGXP_ERR_BAD_FORMAT,
                        "%s: is no picture that is read (PNG, JPEG, WebP, BMP, GIF, Aseprite); "
                        "convert it to PNG",
                        name);
}
