/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every enum of the public header with its names, for programs that list them. */
#include "dgxpixels.h"
#include "image/autotile.h"
#include "image/cleanup.h"
#include "image/downscale.h"
#include "image/grid.h"
#include "image/matte.h"
#include "image/pack.h"
#include "image/palette.h"
#include "image/quantize.h"
#include "image/sheet.h"
#include "image/sheet_json.h"
#include "image/slice.h"

#include <string.h>

static const dgxp_choice dtypes[] = {
    {DGXP_DTYPE_AUTO, "auto", "CUDA: the file's 16-bit type; CPU: bf16 with AMX, else fp32"},
    {DGXP_DTYPE_F32, "f32", "32-bit float"},
    {DGXP_DTYPE_BF16, "bf16", "bfloat16"},
    {DGXP_DTYPE_F16, "f16", "half precision"},
};

static const dgxp_choice predictions[] = {
    {DGXP_PREDICTION_AUTO, "auto", "what the model declares"},
    {DGXP_PREDICTION_EPSILON, "epsilon", "the model predicts the noise"},
    {DGXP_PREDICTION_V, "v", "the model predicts v"},
};

static const dgxp_choice samplers[] = {
    {DGXP_SAMPLER_AUTO, "auto", "what the model recommends"},
    {DGXP_SAMPLER_EULER, "euler", "plain and steady; 20-30 steps"},
    {DGXP_SAMPLER_EULER_A, "euler-a", "ancestral: adds noise, more variety"},
    {DGXP_SAMPLER_DPMPP_2M, "dpmpp-2m", "second order: sharp in 15-20 steps"},
    {DGXP_SAMPLER_DPMPP_2M_SDE, "dpmpp-2m-sde", "the same with noise: more texture"},
    {DGXP_SAMPLER_DDIM, "ddim", "the classic; with eta it adds noise"},
    {DGXP_SAMPLER_LCM, "lcm", "4-8 steps with an LCM LoRA, guidance 1-2"},
    {DGXP_SAMPLER_TCD, "tcd", "2-8 steps with a TCD or Hyper-SD LoRA"},
};

static const dgxp_choice schedules[] = {
    {DGXP_SCHEDULE_AUTO, "auto", "what the model declares"},
    {DGXP_SCHEDULE_NORMAL, "normal", "the training schedule"},
    {DGXP_SCHEDULE_KARRAS, "karras", "more steps at low noise (rho 7)"},
    {DGXP_SCHEDULE_EXPONENTIAL, "exponential", "equal ratios between steps"},
};

static const dgxp_choice spacings[] = {
    {DGXP_SPACING_AUTO, "auto", "what the model declares"},
    {DGXP_SPACING_LEADING, "leading", "SDXL's own"},
    {DGXP_SPACING_TRAILING, "trailing", "ends on pure noise: few steps, v-prediction"},
    {DGXP_SPACING_LINSPACE, "linspace", "evenly from the first to the last timestep"},
};

static const dgxp_choice tilings[] = {
    {DGXP_TILING_NONE, "none", "an ordinary picture"},
    {DGXP_TILING_X, "x", "left continues at right"},
    {DGXP_TILING_Y, "y", "top continues at bottom"},
    {DGXP_TILING_XY, "xy", "seamless on all sides"},
};

static const dgxp_choice metas[] = {
    {DGXP_META_NEAREST, "nearest", "Bevy's settings beside each PNG: nearest sampling"},
    {DGXP_META_NONE, "none", "no .meta, unless a tile set needs one"},
};

static const struct {
    const char *name;
    const dgxp_choice *choices;
    int32_t count;
} enums[] = {
#define PX_ENUM(name, table)                                                                       \
    {                                                                                              \
        name, table, (int32_t)(sizeof table / sizeof *table)                                       \
    }
    PX_ENUM("dtype", dtypes),     PX_ENUM("prediction", predictions),
    PX_ENUM("sampler", samplers), PX_ENUM("schedule", schedules),
    PX_ENUM("spacing", spacings), PX_ENUM("tiling", tilings),
    PX_ENUM("meta", metas),
};

/* Those of the pixel half stand beside what they name. */
static const struct {
    const char *name;
    const dgxp_choice *choices;
    const int32_t *count;
} pixel_enums[] = {
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
};

const dgxp_choice *dgxp_choices(const char *enum_name, int32_t *count)
{
    for (size_t i = 0; i < sizeof enums / sizeof *enums; i++) {
        if (strcmp(enums[i].name, enum_name) == 0) {
            *count = enums[i].count;
            return enums[i].choices;
        }
    }
    for (size_t i = 0; i < sizeof pixel_enums / sizeof *pixel_enums; i++) {
        if (strcmp(pixel_enums[i].name, enum_name) == 0) {
            *count = *pixel_enums[i].count;
            return pixel_enums[i].choices;
        }
    }
    *count = 0;
    return NULL;
}
