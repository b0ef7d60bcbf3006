/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ComfyUI's graphs as nodes and links, and what bars the way. */
#include "flow/comfy_graph.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof array / sizeof *array)

#define LATENT_SIZE {"width", "height", "batch_size"}

static const px_comfy_class classes[] = {
    {"CheckpointLoaderSimple", {"MODEL", "CLIP", "VAE"}, {"ckpt_name"}},
    {"LoraLoader", {"MODEL", "CLIP"}, {"lora_name", "strength_model", "strength_clip"}},
    {"LoraLoaderModelOnly", {"MODEL"}, {"lora_name", "strength_model"}},
    {"Power Lora Loader (rgthree)", {"MODEL", "CLIP"}, {NULL}},
    {"CLIPTextEncode", {"CONDITIONING"}, {"text"}},
    {"CLIPTextEncodeSDXL",
     {"CONDITIONING"},
     {"width", "height", "crop_w", "crop_h", "target_width", "target_height", "text_g", "text_l"}},
    {"ConditioningZeroOut", {"CONDITIONING"}, {NULL}},
    {"CLIPSetLastLayer", {"CLIP"}, {"stop_at_clip_layer"}},
    {"EmptyLatentImage", {"LATENT"}, LATENT_SIZE},
    {"EmptySD3LatentImage", {"LATENT"}, LATENT_SIZE},
    {"EmptyFlux2LatentImage", {"LATENT"}, LATENT_SIZE},
    {"LoadImage", {"IMAGE", "MASK"}, {"image"}},
    {"LoadImageMask", {"MASK"}, {"image", "channel"}},
    {"VAELoader", {"VAE"}, {"vae_name"}},
    {"VAEEncode", {"LATENT"}, {NULL}},
    {"VAEEncodeForInpaint", {"LATENT"}, {"grow_mask_by"}},
    {"SetLatentNoiseMask", {"LATENT"}, {NULL}},
    {"RepeatLatentBatch", {"LATENT"}, {"amount"}},
    {"KSampler", {"LATENT"}, {"seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"}},
    {"KSamplerAdvanced",
     {"LATENT"},
     {"add_noise", "noise_seed", "steps", "cfg", "sampler_name", "scheduler", "start_at_step",
      "end_at_step", "return_with_leftover_noise"}},
    {"LatentUpscale", {"LATENT"}, {"upscale_method", "width", "height", "crop"}},
    {"LatentUpscaleBy", {"LATENT"}, {"upscale_method", "scale_by"}},
    {"VAEDecode", {"IMAGE"}, {NULL}},
    {"VAEDecodeTiled", {"IMAGE"}, {"tile_size", "overlap", "temporal_size", "temporal_overlap"}},
    {"SaveImage", {NULL}, {"filename_prefix"}},
    {"SaveImageWebsocket", {NULL}, {NULL}},
    {"Image Save", {NULL}, {NULL}},
    {"PreviewImage", {NULL}, {NULL}},
};

/* Nodes that only hold a value. */
static const struct {
    const char *class_type, *input;
} holders[] = {
    {"PrimitiveInt", "value"},
    {"PrimitiveFloat", "value"},
    {"PrimitiveString", "value"},
    {"PrimitiveBoolean", "value"},
    {"PrimitiveNode", "value"},
    {"PrimitiveStringMultiline", "value"},
    {"INTConstant", "value"},
    {"FloatConstant", "value"},
    {"StringConstant", "string"},
    {"String Literal", "string"},
    {"Seed (rgthree)", "seed"},
    {"easy seed", "seed"},
    {"Int Literal", "int"},
    {"Float Literal", "float"},
    {"StringConstantMultiline", "string"},
};

/* What people use and we do not do, by the beginning of its class. */
static const struct {
    const char *start, *sentence;
} known[] = {
    {"ControlNet", "ControlNets are not done in this version"},
    {"IPAdapter", "IP-Adapters are not done in this version"},
    {"UNETLoader", "give the whole checkpoint: CheckpointLoaderSimple here, `model` at a command"},
    {"DualCLIPLoader", "give the whole checkpoint: its text encoders are part of it"},
    {"UpscaleModelLoader", "a sprite needs no enlarging model: save what the VAE decodes"},
    {"ImageUpscaleWithModel", "a sprite needs no enlarging model: save what the VAE decodes"},
    {"FaceDetailer", "a second pass over parts of a picture is not done"},
};

const px_comfy_class *px_comfy_class_find(const char *class_type)
{
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (strcmp(classes[i].class_type, class_type) == 0) {
            return &classes[i];
        }
    }
    return NULL;
}

bool px_comfy_obstacle(px_comfy *g, dgxp_status status, const px_comfy_node *n, const char *format,
                       ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    char *sentence =
        px_mem_format("node %.24s (%.60s): %s", n->id, n->class_type ? n->class_type : "?", text);
    size_t i;
    const json_t *known_sentence;
    bool there = sentence == NULL;
    json_array_foreach(g->obstacles, i, known_sentence)
    {
        there = there || strcmp(json_string_value(known_sentence), sentence) == 0;
    }
    if (!there) {
        px_json_append(g->obstacles, px_json_string(sentence, strlen(sentence)));
    }
    px_mem_free(sentence);
    g->status = g->status == DGXP_ERR_BAD_FORMAT ? g->status : status;
    return false;
}

bool px_comfy_node_find(const px_comfy *g, const char *id, px_comfy_node *out)
{
    json_t *value = json_object_get(g->nodes, id);
    out->id = id;
    out->class_type = json_string_value(json_object_get(value, "class_type"));
    out->inputs = json_object_get(value, "inputs");
    return out->class_type && json_is_object(out->inputs);
}

static bool is_link(const json_t *value)
{
    return json_array_size(value) == 2 && json_is_string(json_array_get(value, 0)) &&
           json_is_number(json_array_get(value, 1));
}

static bool is_reroute(const px_comfy_node *n)
{
    return strncmp(n->class_type, "Reroute", 7) == 0;
}

static const json_t *only_link(const px_comfy_node *n)
{
    const char *name;
    json_t *value;
    json_object_foreach(n->inputs, name, value)
    {
        if (is_link(value)) {
            return value;
        }
    }
    return NULL;
}

/* The node behind a link and behind the Reroutes on its way; `*slot` is its output. */
static bool open_link(px_comfy *g, const px_comfy_node *n, const char *input, const json_t *link,
                      px_comfy_node *out, double *slot)
{
    for (int i = 0; i < PX_COMFY_CHAIN; i++) {
        const char *id = json_string_value(json_array_get(link, 0));
        *slot = json_number_value(json_array_get(link, 1));
        if (!px_comfy_node_find(g, id, out)) {
            return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n,
                                     "input '%s' leads to node %.24s, which is not there", input,
                                     id);
        }
        px_json_put_boolean(g->used, id, true);
        if (!is_reroute(out)) {
            return true;
        }
        link = only_link(out);
        if (!link) {
            return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, out, "leads nowhere");
        }
    }
    return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n, "input '%s' goes in a circle", input);
}

bool px_comfy_follow(px_comfy *g, const px_comfy_node *n, const char *input, const char *wanted,
                     px_comfy_node *out)
{
    const json_t *link = json_object_get(n->inputs, input);
    double slot = 0;
    if (!link) {
        return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n, "input '%s' is missing", input);
    }
    if (!is_link(link)) {
        return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n,
                                 "input '%s' must be a link, [node id, output]", input);
    }
    if (!open_link(g, n, input, link, out, &slot)) {
        return false;
    }
    const px_comfy_class *class = px_comfy_class_find(out->class_type);
    if (!class) { /* the survey has told of it */
        return false;
    }
    const char *given = slot >= 0 && slot < 3 ? class->outputs[(int)slot] : NULL;
    if (!given || strcmp(given, wanted) != 0) {
        return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n,
                                 "input '%s' takes output %g of node %s (%s), which is %s; a %s is "
                                 "needed",
                                 input, slot, out->id, out->class_type, given ? given : "not there",
                                 wanted);
    }
    return true;
}

/* The value of an input, also from a node that holds it; NULL with an obstacle. */
static const json_t *find_value(px_comfy *g, const px_comfy_node *n, const char *input)
{
    const json_t *value = json_object_get(n->inputs, input);
    double slot = 0;
    px_comfy_node holder = *n;
    for (int i = 0; i < PX_COMFY_CHAIN && is_link(value); i++) {
        const px_comfy_node from = holder;
        if (!open_link(g, &from, input, value, &holder, &slot)) {
            return NULL;
        }
        value = NULL;
        for (size_t k = 0; k < COUNT(holders) && !value; k++) {
            if (strcmp(holders[k].class_type, holder.class_type) == 0) {
                value = json_object_get(holder.inputs, holders[k].input);
            }
        }
        if (!value) {
            px_comfy_obstacle(
                g, DGXP_ERR_UNSUPPORTED, n,
                "input '%s' comes from another node, %s (%s), which makes it up; only "
                "values are understood here",
                input, holder.id, holder.class_type);
            return NULL;
        }
    }
    if (!value) {
        px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n, "input '%s' is missing", input);
    }
    return value;
}

bool px_comfy_number(px_comfy *g, const px_comfy_node *n, const char *input, double low,
                     double high, bool whole, double *out)
{
    const json_t *value = find_value(g, n, input);
    if (!value) {
        return false;
    }
    *out = json_number_value(value);
    if (!json_is_number(value) || !(*out >= low && *out <= high) ||
        (whole && *out != floor(*out))) {
        return px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n,
                                 "input '%s' must be a%s number from %g to %g", input,
                                 whole ? " whole" : "", low, high);
    }
    return true;
}

bool px_comfy_text(px_comfy *g, const px_comfy_node *n, const char *input, const char **out)
{
    const json_t *value = find_value(g, n, input);
    *out = json_string_value(value);
    return *out || !value
               ? *out != NULL
               : px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, n, "input '%s' must be text", input);
}

static bool is_holder(const px_comfy_node *n)
{
    for (size_t k = 0; k < COUNT(holders); k++) {
        if (strcmp(holders[k].class_type, n->class_type) == 0) {
            return true;
        }
    }
    return false;
}

static void survey_node(px_comfy *g, const px_comfy_node *n)
{
    for (size_t i = 0; i < COUNT(known); i++) {
        if (strncmp(n->class_type, known[i].start, strlen(known[i].start)) == 0) {
            px_comfy_obstacle(g, DGXP_ERR_UNSUPPORTED, n, "%s", known[i].sentence);
            return;
        }
    }
    if (!px_comfy_class_find(n->class_type) && !is_reroute(n) && !is_holder(n)) {
        px_comfy_obstacle(g, DGXP_ERR_UNSUPPORTED, n, "this class is not understood");
    }
}

void px_comfy_survey(px_comfy *g, const px_comfy_node *sink)
{
    json_t *seen = json_object(), *waiting = json_array();
    px_json_append(waiting, json_string(sink->id));
    for (size_t at = 0; at < json_array_size(waiting); at++) {
        const char *id = json_string_value(json_array_get(waiting, at)), *name;
        px_comfy_node n;
        json_t *value;
        if (json_object_get(seen, id)) {
            continue;
        }
        px_json_put_boolean(seen, id, true);
        if (!px_comfy_node_find(g, id, &n)) {
            if (json_object_get(g->nodes, id)) {
                px_comfy_obstacle(g, DGXP_ERR_BAD_FORMAT, &n,
                                  "has no %s, as the API format wants it",
                                  n.class_type ? "object of inputs" : "class_type");
            }
            continue;
        }
        survey_node(g, &n);
        json_object_foreach(n.inputs, name, value)
        {
            if (is_link(value)) {
                px_json_append(waiting, json_incref(json_array_get(value, 0)));
            }
        }
    }
    json_decref(seen);
    json_decref(waiting);
}
