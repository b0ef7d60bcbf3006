/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The steps of dgxp_fix() as JSON: a job's, a preset's, a bundle's. */
#include "image/fix_steps.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "image/choices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLORS_LIMIT = 256, NAME_LIMIT = 4096, PADDING_LIMIT = 1024 };

static const char *const known[] = {
    "background", "tolerance", "rule",          "palette", "colors",  "dither", "orphans",
    "jaggies",    "outline",   "outline_color", "trim",    "padding", "pivot",  "dither_strength"};

static bool parse_color(const char *text, uint8_t rgb[3])
{
    unsigned value;
    char rest;
    text += *text == '#';
    if (strlen(text) != 6 || strspn(text, "0123456789abcdefABCDEF") != 6 ||
        sscanf(text, "%6x%c", &value, &rest) != 1) {
        return false;
    }
    rgb[0] = (uint8_t)(value >> 16);
    rgb[1] = (uint8_t)(value >> 8);
    rgb[2] = (uint8_t)value;
    return true;
}

static dgxp_status read_color(const px_json *root, const char *field, bool *given, uint8_t rgb[3])
{
    const char *text = NULL;
    dgxp_status status = px_json_text(root, field, PX_JSON_OPTIONAL, 16, &text);
    *given = text != NULL;
    if (status == DGXP_OK && text && !parse_color(text, rgb)) {
        status = px_json_refuse(root, DGXP_ERR_BAD_FORMAT,
                                "has a %s of \"%s\"; it must be a color like #203040", field, text);
    }
    return status;
}

static dgxp_status read_choice(const px_json *root, const char *field, const char *type,
                               int32_t *out)
{
    int32_t count = 0;
    const dgxp_choice *choices = px_image_choices(type, &count);
    return px_json_named(root, field, PX_JSON_OPTIONAL, choices, count, out);
}

/* ------------------------------------------------------------------------------------- palette */

/* {"name", "colors": ["#rrggbb", …]} */
static dgxp_status read_colors(const px_json *palette, dgxp_palette **out)
{
    px_json list;
    uint8_t rgba[COLORS_LIMIT * 4];
    dgxp_status status = px_json_array(palette, "colors", PX_JSON_REQUIRED, COLORS_LIMIT, &list);
    const size_t count = px_json_count(&list);
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        const px_json color = px_json_element(&list, i);
        const char *text = json_string_value(color.value);
        rgba[i * 4 + 3] = 255;
        if (!text || !parse_color(text, rgba + i * 4)) {
            status =
                px_json_refuse(&color, DGXP_ERR_BAD_FORMAT, "must be a color like \"#203040\"");
        }
    }
    if (status == DGXP_OK && count == 0) {
        status = px_json_refuse(&list, DGXP_ERR_BAD_FORMAT, "is empty");
    }
    return status == DGXP_OK ? dgxp_palette_create(rgba, (int32_t)count, out) : status;
}

static dgxp_status read_palette(const px_json *root, dgxp_palette **out)
{
    const json_t *value = json_object_get(root->value, "palette");
    const char *name = NULL;
    if (json_is_object(value)) {
        px_json palette;
        const dgxp_status status = px_json_object(root, "palette", PX_JSON_REQUIRED, &palette);
        return status == DGXP_OK ? read_colors(&palette, out) : status;
    }
    const dgxp_status status = px_json_text(root, "palette", PX_JSON_OPTIONAL, NAME_LIMIT, &name);
    return status == DGXP_OK && name ? dgxp_palette_load(name, out) : status;
}

/* Transparent entries are left out: alpha is not the palette's matter here. */
static json_t *describe_palette(const json_t *given, const dgxp_palette *palette)
{
    const char *name = json_is_object(given) ? json_string_value(json_object_get(given, "name"))
                                             : json_string_value(given);
    json_t *about = json_object(), *colors = json_array();
    const uint8_t *rgba = dgxp_palette_colors(palette);
    for (int32_t i = 0; i < dgxp_palette_count(palette); i++, rgba += 4) {
        char text[8];
        snprintf(text, sizeof text, "#%02x%02x%02x", rgba[0], rgba[1], rgba[2]);
        if (rgba[3] >= 128) {
            px_json_append(colors, json_string(text));
        }
    }
    (void)(!name || px_json_put_text(about, "name", name));
    if (!px_json_put(about, "colors", colors)) {
        json_decref(about);
        return NULL;
    }
    return about;
}

/* --------------------------------------------------------------------------------------- steps */

static dgxp_status read_background(const px_json *root, px_fix_steps *out)
{
    const char *text = "auto";
    uint8_t rgb[3];
    double tolerance = 0;
    dgxp_status status = px_json_text(root, "background", PX_JSON_OPTIONAL, 16, &text);
    if (status == DGXP_OK) {
        status = px_json_number(root, "tolerance", PX_JSON_OPTIONAL, 0, 0.5, &tolerance);
    }
    out->matte.tolerance = (float)tolerance;
    if (status != DGXP_OK || strcmp(text, "auto") == 0) {
        out->matte.background = DGXP_BACKGROUND_AUTO;
    } else if (strcmp(text, "keep") == 0) {
        out->matte.background = DGXP_BACKGROUND_KEEP;
    } else if (parse_color(text, rgb)) {
        out->matte.background = DGXP_BACKGROUND_COLOR;
        out->matte.color = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    } else {
        status = px_json_refuse(root, DGXP_ERR_BAD_FORMAT,
                                "has a background of \"%s\"; it must be auto, keep or a color like "
                                "#203040",
                                text);
    }
    out->fix.matte = &out->matte;
    return status;
}

static dgxp_status read_outline(const px_json *root, px_fix_steps *out)
{
    static const char *const names[] = {"none", "outer", "inner"};
    int32_t kind = 0;
    bool colored = false;
    dgxp_status status = px_json_choice(root, "outline", PX_JSON_OPTIONAL, names, 3, &kind);
    if (status == DGXP_OK) {
        status = read_color(root, "outline_color", &colored, out->outline.color);
    }
    out->outline.color[3] = colored ? 255 : 0;
    out->outline.kind = kind == 2 ? DGXP_OUTLINE_INNER : DGXP_OUTLINE_OUTER;
    out->outline.no_grow = 1; /* the size that was asked for is what comes out */
    out->fix.outline = kind ? &out->outline : NULL;
    return status;
}

static dgxp_status read_steps(const px_json *root, px_fix_steps *out)
{
    bool orphans = false, jaggies = false, trim = false;
    int64_t colors = 0, padding = 0;
    double strength = 0;
    dgxp_status status = px_json_only(root, "step", known, sizeof known / sizeof *known);
    PX_NEXT(read_background(root, out));
    PX_NEXT(read_outline(root, out));
    PX_NEXT(read_choice(root, "rule", "cell_rule", &out->downscale.rule));
    PX_NEXT(read_choice(root, "dither", "dither", &out->quantize.dither));
    PX_NEXT(read_choice(root, "pivot", "pivot", &out->trim.pivot));
    PX_NEXT(px_json_number(root, "dither_strength", PX_JSON_OPTIONAL, 0, 1, &strength));
    PX_NEXT(px_json_integer(root, "colors", PX_JSON_OPTIONAL, 0, COLORS_LIMIT, &colors));
    PX_NEXT(px_json_integer(root, "padding", PX_JSON_OPTIONAL, 0, PADDING_LIMIT, &padding));
    PX_NEXT(px_json_boolean(root, "orphans", PX_JSON_OPTIONAL, &orphans));
    PX_NEXT(px_json_boolean(root, "jaggies", PX_JSON_OPTIONAL, &jaggies));
    PX_NEXT(px_json_boolean(root, "trim", PX_JSON_OPTIONAL, &trim));
    PX_NEXT(read_palette(root, &out->palette));
    out->quantize.strength = (float)strength;
    out->extract.colors = (int32_t)colors;
    out->trim.padding = (int32_t)padding;
    out->fix.orphans = orphans;
    out->fix.jaggies = jaggies;
    out->fix.palette = out->palette;
    out->fix.extract = &out->extract;
    out->fix.quantize = &out->quantize;
    out->fix.downscale = &out->downscale;
    out->fix.grid = &out->grid;
    out->fix.trim = trim ? &out->trim : NULL;
    return status;
}

dgxp_status px_fix_steps_read(const char *where, const json_t *steps, px_fix_steps *out)
{
    px_json root;
    *out = (px_fix_steps){.fix = DGXP_FIX_PARAMS_INIT,
                          .grid = DGXP_GRID_PARAMS_INIT,
                          .downscale = DGXP_DOWNSCALE_PARAMS_INIT,
                          .matte = DGXP_MATTE_PARAMS_INIT,
                          .extract = DGXP_PALETTE_PARAMS_INIT,
                          .quantize = DGXP_QUANTIZE_PARAMS_INIT,
                          .outline = DGXP_OUTLINE_PARAMS_INIT,
                          .trim = DGXP_TRIM_PARAMS_INIT};
    dgxp_status status = px_json_root(where, steps, &root);
    if (status == DGXP_OK) {
        status = read_steps(&root, out);
    }
    if (status != DGXP_OK) {
        px_fix_steps_free(out);
    }
    return status;
}

void px_fix_steps_free(px_fix_steps *steps)
{
    dgxp_palette_free(steps->palette);
    steps->palette = NULL;
}

json_t *px_fix_steps_lay(const json_t *under, const json_t *over)
{
    json_t *laid = under ? json_copy((json_t *)(uintptr_t)under) : json_object();
    if (laid && over && json_object_update(laid, (json_t *)(uintptr_t)over) != 0) {
        json_decref(laid);
        return NULL;
    }
    return laid;
}

dgxp_status px_fix_steps_check(const char *where, const json_t *steps, json_t **out)
{
    px_fix_steps read;
    dgxp_status status = px_fix_steps_read(where, steps, &read);
    if (status != DGXP_OK) {
        return status;
    }
    json_t *whole = json_copy((json_t *)(uintptr_t)steps);
    if (whole && read.palette &&
        !px_json_put(whole, "palette",
                     describe_palette(json_object_get(steps, "palette"), read.palette))) {
        json_decref(whole);
        whole = NULL;
    }
    px_fix_steps_free(&read);
    *out = whole;
    return whole ? DGXP_OK : px_error_memory("the pixel steps");
}
