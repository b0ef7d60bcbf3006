/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What dgxp_fix() did, as JSON. */
#include "image/fix.h"

#include "core/choice.h"
#include "core/json.h"
#include "image/grid.h"
#include "image/image.h"
#include "image/matte.h"
#include "image/palette.h"

#include <string.h>

static json_t *describe_grid(const px_fixing *self)
{
    const dgxp_grid_info *info = &self->grid->info;
    json_t *grid = json_object(), *list = json_array();
    const char *kind = px_choice_name(px_grid_kind_choices, px_grid_kind_count, info->kind);
    bool fits = px_json_put_text(grid, "kind", kind) &&
                px_json_put_integer(grid, "width", info->width) &&
                px_json_put_integer(grid, "height", info->height) &&
                px_json_put_number(grid, "cell_width", info->cell_width) &&
                px_json_put_number(grid, "cell_height", info->cell_height) &&
                px_json_put_number(grid, "offset_x", info->offset_x) &&
                px_json_put_number(grid, "offset_y", info->offset_y) &&
                px_json_put_number(grid, "confidence", info->confidence) &&
                px_json_put_boolean(grid, "bent", info->bent) &&
                px_json_put_number(grid, "residual", self->residual);
    for (int32_t i = 0; i < info->candidate_count && fits; i++) {
        json_t *entry = json_object();
        fits = px_json_put_number(entry, "cell", info->candidates[i].cell) &&
               px_json_put_number(entry, "score", info->candidates[i].score);
        fits = px_json_append(list, entry) && fits;
    }
    fits = px_json_put(grid, "candidates", list) && fits;
    if (!fits) {
        json_decref(grid);
    }
    return fits ? grid : NULL;
}

static json_t *describe_color(const uint8_t *rgb)
{
    static const char digits[] = "0123456789abcdef";
    char text[8] = "#";
    for (int i = 0; i < 6; i++) {
        text[1 + i] = digits[i & 1 ? rgb[i / 2] & 15 : rgb[i / 2] >> 4];
    }
    return json_string(text);
}

static json_t *describe_matte(const px_fixing *self)
{
    const dgxp_matte_report *told = &self->matte;
    json_t *matte = json_object(), *colors = json_array();
    bool fits = true;
    for (int32_t i = 0; i < told->color_count && fits; i++) {
        const uint8_t rgb[3] = {(uint8_t)(told->colors[i] >> 16), (uint8_t)(told->colors[i] >> 8),
                                (uint8_t)told->colors[i]};
        fits = px_json_append(colors, describe_color(rgb));
    }
    fits = px_json_put(matte, "colors", colors) && fits;
    fits = fits && px_json_put_number(matte, "border_share", (double)told->border_share) &&
           px_json_put_integer(matte, "flooded", told->flooded) &&
           px_json_put_integer(matte, "holes", told->holes) &&
           px_json_put_integer(matte, "enclosed", told->enclosed) &&
           px_json_put_integer(matte, "despilled", told->despilled) &&
           px_json_put_integer(matte, "fringe", told->fringe) &&
           px_json_put_integer(matte, "specks", told->specks) &&
           px_json_put_number(matte, "opaque_share", (double)told->opaque_share) &&
           px_json_put_number(matte, "main_share", (double)told->main_share);
    if (!fits) {
        json_decref(matte);
    }
    return fits ? matte : NULL;
}

static json_t *describe_palette(const px_fixing *self)
{
    const dgxp_palette *from = self->palette;
    json_t *palette = json_object(), *colors = json_array();
    bool fits = px_json_put_text(palette, "name", from->name) &&
                px_json_put_boolean(palette, "fixed", self->own_palette == NULL);
    for (int32_t i = 0; i < from->count && fits; i++) {
        if (from->rgba[i * 4 + 3]) {
            fits = px_json_append(colors, describe_color(from->rgba + (size_t)i * 4));
        }
    }
    fits = px_json_put(palette, "colors", colors) && fits;
    if (!fits) {
        json_decref(palette);
    }
    return fits ? palette : NULL;
}

static json_t *describe_trim(const px_fixing *self)
{
    const dgxp_trim_report *told = &self->trim;
    json_t *trim = json_object();
    const bool fits = px_json_put_integer(trim, "x", told->x) &&
                      px_json_put_integer(trim, "y", told->y) &&
                      px_json_put_integer(trim, "width", told->width) &&
                      px_json_put_integer(trim, "height", told->height) &&
                      px_json_put_number(trim, "pivot_x", (double)told->pivot_x) &&
                      px_json_put_number(trim, "pivot_y", (double)told->pivot_y);
    if (!fits) {
        json_decref(trim);
    }
    return fits ? trim : NULL;
}

static json_t *describe_warnings(const px_fixing *self)
{
    json_t *list = json_array();
    const dgxp_grid_info *info = self->grid ? &self->grid->info : NULL;
    bool fits = list != NULL;
    if (info && info->kind == DGXP_GRID_PAINTED) {
        fits = px_json_append(list, json_string("painted")) && fits;
    }
    if (info && info->kind == DGXP_GRID_CELLS && info->confidence < PX_FIX_CONFIDENCE) {
        fits = px_json_append(list, json_string("uncertain-grid")) && fits;
    }
    if (!self->visible) {
        fits = px_json_append(list, json_string("empty")) && fits;
    }
    for (int32_t i = 0; i < px_matte_warning_count && self->matted; i++) {
        if (self->matte.warnings & px_matte_warning_choices[i].value) {
            fits = px_json_append(list, json_string(px_matte_warning_choices[i].name)) && fits;
        }
    }
    if (!fits) {
        json_decref(list);
    }
    return fits ? list : NULL;
}

/* A sprite without any transparency has its background still. */
static bool has_transparent(const dgxp_image *image)
{
    const size_t count = px_image_count(image);
    for (size_t i = 0; i < count; i++) {
        if (image->rgba[i * 4 + 3] < 128) {
            return true;
        }
    }
    return false;
}

static dgxp_status measure_quality(const px_fixing *self, json_t **out)
{
    dgxp_quality_params params = DGXP_QUALITY_PARAMS_INIT;
    dgxp_document *document = NULL;
    dgxp_status status;
    params.palette = self->params.palette;
    params.tile = self->params.tile;
    params.background = !has_transparent(self->frames[0]);
    if (self->palette && !self->params.palette && self->palette->count > 1) {
        params.colors = self->palette->count;
    }
    status = dgxp_quality((const dgxp_image *const *)self->frames, self->count, &params, &document);
    if (!status) {
        const char *text = dgxp_document_text(document);
        status = px_json_parse("a quality report", text, strlen(text), out);
    }
    dgxp_document_free(document);
    return status;
}

dgxp_status px_fix_report(const px_fixing *self, dgxp_document **out)
{
    json_t *quality = NULL;
    dgxp_status status = measure_quality(self, &quality);
    if (status) {
        return status;
    }
    json_t *root = json_object();
    bool fits = px_json_put_text(root, "format", "dgx-pixels-fix") &&
                px_json_put_integer(root, "version", 1) &&
                px_json_put_integer(root, "width", self->frames[0]->width) &&
                px_json_put_integer(root, "height", self->frames[0]->height) &&
                px_json_put_integer(root, "frames", self->count) &&
                px_json_put(root, "warnings", describe_warnings(self));
    fits = fits && (!self->grid || px_json_put(root, "grid", describe_grid(self)));
    fits = fits && (!self->matted || px_json_put(root, "matte", describe_matte(self)));
    fits = fits && (!self->palette || px_json_put(root, "palette", describe_palette(self)));
    fits = fits && (!self->params.orphans || px_json_put_integer(root, "orphans", self->orphans));
    fits = fits && (!self->params.jaggies || px_json_put_integer(root, "jaggies", self->jaggies));
    fits = fits && (!self->params.outline || px_json_put_integer(root, "outline", self->outline));
    fits = fits && (!self->trimmed || px_json_put(root, "trim", describe_trim(self)));
    fits = px_json_put(root, "quality", quality) && fits;
    if (!fits) {
        json_decref(root);
        root = NULL;
    }
    return px_json_document(root, out);
}
