/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names of the enums of pixel steps and their formats, by the enum's name. */
#include "image/choices.h"

#include "core/choice.h"
#include "image/autotile.h"
#include "image/cleanup.h"
#include "image/downscale.h"
#include "image/grid.h"
#include "image/matte.h"
#include "image/motion.h"
#include "image/pack.h"
#include "image/palette.h"
#include "image/quantize.h"
#include "image/sheet.h"
#include "image/sheet_json.h"
#include "image/slice.h"

/* Each list stands beside what it names. */
static const px_choice_list lists[] = {
    {"grid_kind", px_grid_kind_choices, &px_grid_kind_count},
    {"cell_rule", px_downscale_rule_choices, &px_downscale_rule_count},
    {"palette", px_palette_builtin_choices, &px_palette_builtin_count},
    {"palette_format", px_palette_format_choices, &px_palette_format_count},
    {"palette_method", px_quantize_method_choices, &px_quantize_method_count},
    {"dither", px_quantize_dither_choices, &px_quantize_dither_count},
    {"background", px_matte_background_choices, &px_matte_background_count},
    {"matte_warning", px_matte_warning_choices, &px_matte_warning_count},
    {"outline", px_cleanup_outline_choices, &px_cleanup_outline_count},
    {"pivot", px_cleanup_pivot_choices, &px_cleanup_pivot_count},
    {"direction", px_sheet_direction_choices, &px_sheet_direction_count},
    {"sheet_format", px_sheet_format_choices, &px_sheet_format_count},
    {"layout", px_pack_layout_choices, &px_pack_layout_count},
    {"atlas_format", px_atlas_format_choices, &px_atlas_format_count},
    {"align", px_slice_align_choices, &px_slice_align_count},
    {"tileset", px_autotile_tileset_choices, &px_autotile_tileset_count},
    {"facing", px_motion_facing_choices, &px_motion_facing_count},
};

const dgxp_choice *px_image_choices(const char *enum_name, int32_t *count)
{
    return px_choice_find(lists, sizeof lists / sizeof *lists, enum_name, count);
}
