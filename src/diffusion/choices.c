/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The names of the enums of models and jobs, by the enum's name. */
#include "diffusion/choices.h"

#include "core/choice.h"

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

static const int32_t dtype_count = sizeof dtypes / sizeof *dtypes;
static const int32_t prediction_count = sizeof predictions / sizeof *predictions;
static const int32_t sampler_count = sizeof samplers / sizeof *samplers;
static const int32_t schedule_count = sizeof schedules / sizeof *schedules;
static const int32_t spacing_count = sizeof spacings / sizeof *spacings;
static const int32_t tiling_count = sizeof tilings / sizeof *tilings;

static const px_choice_list lists[] = {
    {"dtype", dtypes, &dtype_count},       {"prediction", predictions, &prediction_count},
    {"sampler", samplers, &sampler_count}, {"schedule", schedules, &schedule_count},
    {"spacing", spacings, &spacing_count}, {"tiling", tilings, &tiling_count},
};

const dgxp_choice *px_diffusion_choices(const char *enum_name, int32_t *count)
{
    return px_choice_find(lists, sizeof lists / sizeof *lists, enum_name, count);
}
