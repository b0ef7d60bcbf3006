/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names: where each of our parameters lies in a checkpoint of the original (SGM) layout. */
#include "diffusion/names.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct pair {
    const char *ours;
    const char *original;
} pair;

static const pair unet_ends[] = {{"conv_in", "input_blocks.0.0"},
                                 {"time_embedding.linear_1", "time_embed.0"},
                                 {"time_embedding.linear_2", "time_embed.2"},
                                 {"add_embedding.linear_1", "label_emb.0.0"},
                                 {"add_embedding.linear_2", "label_emb.0.2"},
                                 {"conv_norm_out", "out.0"},
                                 {"conv_out", "out.2"},
                                 {NULL, NULL}};

static const pair unet_resnet[] = {{"norm1", "in_layers.0"},
                                   {"conv1", "in_layers.2"},
                                   {"time_emb_proj", "emb_layers.1"},
                                   {"norm2", "out_layers.0"},
                                   {"conv2", "out_layers.3"},
                                   {"conv_shortcut", "skip_connection"},
                                   {NULL, NULL}};

static const pair vae_resnet[] = {{"norm1", "norm1"},
                                  {"conv1", "conv1"},
                                  {"norm2", "norm2"},
                                  {"conv2", "conv2"},
                                  {"conv_shortcut", "nin_shortcut"},
                                  {NULL, NULL}};

static const pair vae_attention[] = {
    {"group_norm", "norm"},   {"to_q", "q"}, {"to_k", "k"}, {"to_v", "v"},
    {"to_out.0", "proj_out"}, {NULL, NULL}};

static const pair vae_ends[] = {
    {"conv_in", "conv_in"}, {"conv_out", "conv_out"}, {"conv_norm_out", "norm_out"}, {NULL, NULL}};

/* Whole parameters: OpenCLIP keeps two of them without ".weight". */
static const pair clip_ends[] = {
    {"text_model.embeddings.token_embedding.weight", "token_embedding.weight"},
    {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
    {"text_model.final_layer_norm.weight", "ln_final.weight"},
    {"text_model.final_layer_norm.bias", "ln_final.bias"},
    {NULL, NULL}};

static const pair clip_layer[] = {
    {"layer_norm1", "ln_1"}, {"layer_norm2", "ln_2"},   {"self_attn.out_proj", "attn.out_proj"},
    {"mlp.fc1", "mlp.c_fc"}, {"mlp.fc2", "mlp.c_proj"}, {NULL, NULL}};

static const pair clip_thirds[] = {
    {"self_attn.q_proj", "0"}, {"self_attn.k_proj", "1"}, {"self_attn.v_proj", "2"}, {NULL, NULL}};

/* Steps over `text` when `name` begins with it. */
static bool skip_text(const char **name, const char *text)
{
    const size_t length = strlen(text);
    if (strncmp(*name, text, length) != 0) {
        return false;
    }
    *name += length;
    return true;
}

/* Steps over a decimal number below 1,000. */
static bool skip_number(const char **name, int32_t *out)
{
    int32_t value = 0;
    int digits = 0;
    for (; **name >= '0' && **name <= '9' && digits < 3; (*name)++, digits++) {
        value = value * 10 + (**name - '0');
    }
    *out = value;
    return digits > 0 && (**name < '0' || **name > '9');
}

/* A name ends here, or goes on with a part of its own. */
static bool at_border(const char *rest)
{
    return *rest == '\0' || *rest == '.';
}

/* Steps over one of the table's names that ends there or at a '.'; NULL when none fits. */
static const char *skip_pair(const char **name, const pair *table)
{
    for (; table->ours; table++) {
        const char *rest = *name;
        if (skip_text(&rest, table->ours) && at_border(rest)) {
            *name = rest;
            return table->original;
        }
    }
    return NULL;
}

static bool put(px_names_source *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool put(px_names_source *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(out->name, sizeof out->name, format, arguments);
    va_end(arguments);
    return length > 0 && (size_t)length < sizeof out->name;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

void px_names_learn(px_names_plan *plan, px_component component, const char *name)
{
    int32_t block, index;
    const char *rest = name;
    if (component == PX_UNET && skip_text(&rest, "down_blocks.0.resnets.")) {
        if (skip_number(&rest, &index)) {
            plan->layers = larger(plan->layers, index + 1);
        }
    } else if (component == PX_UNET && skip_text(&rest, "up_blocks.")) {
        if (skip_number(&rest, &block) && block < 64 && skip_text(&rest, ".attentions.")) {
            plan->up_attention |= UINT64_C(1) << block;
        }
    } else if (component == PX_VAE_DECODER && skip_text(&rest, "decoder.up_blocks.")) {
        if (skip_number(&rest, &block)) {
            plan->vae_blocks = larger(plan->vae_blocks, block + 1);
        }
    }
}

void px_names_learn_original(px_names_plan *plan, px_component component, const char *name)
{
    int32_t block;
    const char *rest = name;
    if (component == PX_UNET && skip_text(&rest, "input_blocks.")) {
        if (skip_number(&rest, &block)) {
            plan->input_last = larger(plan->input_last, block);
            if (skip_text(&rest, ".0.op.") && (!plan->input_down || block < plan->input_down)) {
                plan->input_down = block;
            }
        }
    } else if (component == PX_UNET && skip_text(&rest, "output_blocks.")) {
        if (skip_number(&rest, &block) && block < 64 && skip_text(&rest, ".1.") &&
            !skip_text(&rest, "conv.")) {
            plan->output_attention |= UINT64_C(1) << block;
        }
    } else if (component == PX_VAE_DECODER && skip_text(&rest, "decoder.up.")) {
        if (skip_number(&rest, &block)) {
            plan->vae_blocks = larger(plan->vae_blocks, block + 1);
        }
    }
}

void px_names_finish_original(px_names_plan *plan)
{
    plan->layers = plan->input_down ? plan->input_down - 1 : plan->input_last;
    plan->up_attention = 0;
    for (int32_t block = 0; block * (plan->layers + 1) < 64; block++) {
        plan->up_attention |= (plan->output_attention >> block * (plan->layers + 1) & 1) << block;
    }
}

/* `rest` begins behind "resnets.0": ".conv1.weight" or nothing. */
static bool put_resnet(px_names_source *out, const char *place, const char *rest, const pair *table)
{
    const char *part = "";
    if (!at_border(rest)) {
        return false;
    }
    if (*rest == '.') {
        rest++;
        part = skip_pair(&rest, table);
    }
    return part && put(out, "%s%s%s%s", place, *part ? "." : "", part, rest);
}

static bool map_unet(const px_names_plan *plan, const char *name, px_names_source *out)
{
    char place[64];
    int32_t block, index;
    const char *rest = name, *end = skip_pair(&rest, unet_ends);
    if (end) {
        return put(out, "%s%s", end, rest);
    }
    if (skip_text(&rest, "mid_block.resnets.")) {
        if (!skip_number(&rest, &index) || index > 1) {
            return false;
        }
        snprintf(place, sizeof place, "middle_block.%d", 2 * index);
        return put_resnet(out, place, rest, unet_resnet);
    }
    if (skip_text(&rest, "mid_block.attentions.0")) {
        return at_border(rest) && put(out, "middle_block.1%s", rest);
    }
    const bool down = skip_text(&rest, "down_blocks.");
    if ((!down && !skip_text(&rest, "up_blocks.")) || !skip_number(&rest, &block) || block > 63 ||
        plan->layers < 1) {
        return false;
    }
    const int32_t first = block * (plan->layers + 1);
    const char *side = down ? "input_blocks" : "output_blocks";
    if (skip_text(&rest, ".resnets.") && skip_number(&rest, &index)) {
        snprintf(place, sizeof place, "%s.%d.0", side, first + index + down);
        return put_resnet(out, place, rest, unet_resnet);
    }
    if (skip_text(&rest, ".attentions.") && skip_number(&rest, &index)) {
        return at_border(rest) && put(out, "%s.%d.1%s", side, first + index + down, rest);
    }
    if (down && skip_text(&rest, ".downsamplers.0.conv")) {
        return at_border(rest) &&
               put(out, "input_blocks.%d.0.op%s", first + plan->layers + 1, rest);
    }
    if (!down && skip_text(&rest, ".upsamplers.0.conv")) {
        const int32_t slot = (plan->up_attention >> block & 1) ? 2 : 1;
        return at_border(rest) &&
               put(out, "output_blocks.%d.%d.conv%s", first + plan->layers, slot, rest);
    }
    return false;
}

static bool map_vae(const px_names_plan *plan, px_component component, const char *name,
                    px_names_source *out)
{
    const bool encoder = component == PX_VAE_ENCODER;
    const char *half = encoder ? "encoder" : "decoder", *rest = name;
    char place[64];
    int32_t block, index;
    if (skip_text(&rest, encoder ? "quant_conv" : "post_quant_conv")) {
        return at_border(rest) && put(out, "%s", name);
    }
    if (!skip_text(&rest, half) || !skip_text(&rest, ".")) {
        return false;
    }
    const char *end = skip_pair(&rest, vae_ends);
    if (end) {
        return put(out, "%s.%s%s", half, end, rest);
    }
    if (skip_text(&rest, "mid_block.attentions.0.")) {
        const char *part = skip_pair(&rest, vae_attention);
        return part && put(out, "%s.mid.attn_1.%s%s", half, part, rest);
    }
    if (skip_text(&rest, "mid_block.resnets.") && skip_number(&rest, &index)) {
        snprintf(place, sizeof place, "%s.mid.block_%d", half, index + 1);
        return put_resnet(out, place, rest, vae_resnet);
    }
    const char *way = encoder ? "down" : "up";
    if (!skip_text(&rest, way) || !skip_text(&rest, "_blocks.") || !skip_number(&rest, &block)) {
        return false;
    }
    if (!encoder) { /* the original counts from the picture inwards */
        block = plan->vae_blocks - 1 - block;
    }
    if (block < 0) {
        return false;
    }
    if (skip_text(&rest, ".resnets.") && skip_number(&rest, &index)) {
        snprintf(place, sizeof place, "%s.%s.%d.block.%d", half, way, block, index);
        return put_resnet(out, place, rest, vae_resnet);
    }
    return skip_text(&rest, encoder ? ".downsamplers.0" : ".upsamplers.0") && at_border(rest) &&
           put(out, "%s.%s.%d.%ssample%s", half, way, block, way, rest);
}

static bool map_open_clip(const char *name, px_names_source *out)
{
    const char *rest = name, *part;
    int32_t layer;
    for (const pair *end = clip_ends; end->ours; end++) {
        if (strcmp(name, end->ours) == 0) {
            return put(out, "%s", end->original);
        }
    }
    if (strcmp(name, "text_projection.weight") == 0) { /* used as x P, ours is P's transpose */
        out->change = PX_NAMES_TRANSPOSE;
        return put(out, "text_projection");
    }
    if (!skip_text(&rest, "text_model.encoder.layers.") || !skip_number(&rest, &layer) ||
        !skip_text(&rest, ".")) {
        return false;
    }
    if ((part = skip_pair(&rest, clip_layer))) {
        return put(out, "transformer.resblocks.%d.%s%s", layer, part, rest);
    }
    if ((part = skip_pair(&rest, clip_thirds))) {
        out->change = PX_NAMES_ROWS;
        out->part = *part - '0';
        out->parts = 3;
        return put(out, "transformer.resblocks.%d.attn.in_proj%s%s", layer, *rest ? "_" : "",
                   *rest ? rest + 1 : "");
    }
    return false;
}

bool px_names_original(const px_names_plan *plan, px_component component, const char *name,
                       px_names_source *out)
{
    *out = (px_names_source){.change = PX_NAMES_SAME, .parts = 1};
    switch (component) {
    case PX_TEXT_1:
        return put(out, "%s", name);
    case PX_TEXT_2:
        return map_open_clip(name, out);
    case PX_UNET:
        return map_unet(plan, name, out);
    case PX_VAE_DECODER:
    case PX_VAE_ENCODER:
        return map_vae(plan, component, name, out);
    default:
        return false;
    }
}

const char *px_names_prefix(px_component component)
{
    static const char *const prefixes[PX_COMPONENTS] = {
        [PX_TEXT_1] = "conditioner.embedders.0.transformer.",
        [PX_TEXT_2] = "conditioner.embedders.1.model.",
        [PX_UNET] = "model.diffusion_model.",
        [PX_VAE_DECODER] = "first_stage_model.",
        [PX_VAE_ENCODER] = "first_stage_model.",
    };
    return component >= 0 && component < PX_COMPONENTS ? prefixes[component] : "";
}

const char *px_names_component(px_component component)
{
    static const char *const names[PX_COMPONENTS] = {
        [PX_TEXT_1] = "first text encoder", [PX_TEXT_2] = "second text encoder", [PX_UNET] = "UNet",
        [PX_VAE_DECODER] = "VAE decoder",   [PX_VAE_ENCODER] = "VAE encoder",
    };
    return component >= 0 && component < PX_COMPONENTS ? names[component] : "component";
}
