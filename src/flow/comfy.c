/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ComfyUI graphs in API format, of the usual shape, as workflows of ours. */
#include "flow/comfy.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/job.h"

#include <math.h>
#include <string.h>

enum { NODES_LIMIT = 1000, CHAIN_LIMIT = 64, LINK_TEXT = 24 };

typedef struct node {
    const char *id, *class_type;
    json_t *inputs;
} node;

typedef struct graph {
    const char *where;
    json_t *nodes;
    json_t *used; /* ids that were read */
    json_t *workflow, *request, *loras, *notes;
} graph;

/* What we read, and what each gives by slot. */
static const struct {
    const char *class_type, *outputs[3];
} classes[] = {
    {"CheckpointLoaderSimple", {"MODEL", "CLIP", "VAE"}},
    {"LoraLoader", {"MODEL", "CLIP"}},
    {"LoraLoaderModelOnly", {"MODEL"}},
    {"CLIPTextEncode", {"CONDITIONING"}},
    {"CLIPSetLastLayer", {"CLIP"}},
    {"EmptyLatentImage", {"LATENT"}},
    {"LoadImage", {"IMAGE", "MASK"}},
    {"VAELoader", {"VAE"}},
    {"VAEEncode", {"LATENT"}},
    {"KSampler", {"LATENT"}},
    {"KSamplerAdvanced", {"LATENT"}},
    {"VAEDecode", {"IMAGE"}},
    {"SaveImage", {NULL}},
    {"PreviewImage", {NULL}},
};

static const struct {
    const char *theirs, *ours;
} samplers[] = {
    {"euler", "euler"},       {"euler_ancestral", "euler-a"},
    {"dpmpp_2m", "dpmpp-2m"}, {"dpmpp_2m_sde", "dpmpp-2m-sde"},
    {"ddim", "ddim"},         {"dpmpp_2m_sde_gpu", "dpmpp-2m-sde"},
    {"lcm", "lcm"},
};

/* The table of docs/workflows.md; tests/python/test_workflows.py checks it on sigmas. */
static const struct {
    const char *theirs, *schedule, *spacing;
} schedulers[] = {
    {"normal", "normal", "linspace"},           {"karras", "karras", "linspace"},
    {"exponential", "exponential", "linspace"}, {"simple", "normal", "trailing"},
    {"sgm_uniform", "normal", "trailing"},      {"ddim_uniform", "normal", "leading"},
};

#define COUNT(array) (sizeof array / sizeof *array)

/* ------------------------------------------------------------------------------------ nodes */

static dgxp_status refuse(const graph *g, const node *n, dgxp_status status, const char *sentence)
{
    return px_error_set(status, "%s: node %s (%s): %s", g->where, n->id, n->class_type, sentence);
}

static dgxp_status refuse_input(const graph *g, const node *n, const char *input,
                                const char *sentence)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: node %s (%s): input '%s' %s", g->where, n->id,
                        n->class_type, input, sentence);
}

static bool find_node(const graph *g, const char *id, node *out)
{
    json_t *value = json_object_get(g->nodes, id);
    out->id = id;
    out->class_type = json_string_value(json_object_get(value, "class_type"));
    out->inputs = json_object_get(value, "inputs");
    return out->class_type && json_is_object(out->inputs);
}

/* Where a link of `n` leads; its output must be of type `wanted`. */
static dgxp_status follow(graph *g, const node *n, const char *input, const char *wanted, node *out)
{
    const json_t *link = json_object_get(n->inputs, input);
    const json_t *slot = json_array_get(link, 1);
    const char *id = json_string_value(json_array_get(link, 0));
    if (!link) {
        return refuse_input(g, n, input, "is missing");
    }
    if (!id || json_array_size(link) != 2 || !json_is_number(slot)) {
        return refuse_input(g, n, input, "must be a link, [node id, output]");
    }
    if (!find_node(g, id, out)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: node %s (%s): input '%s' leads to node %.24s, which is not there",
                            g->where, n->id, n->class_type, input, id);
    }
    const double index = json_number_value(slot);
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (strcmp(classes[i].class_type, out->class_type) == 0) {
            const char *given = index >= 0 && index < 3 ? classes[i].outputs[(int)index] : NULL;
            if (!given || strcmp(given, wanted) != 0) {
                return px_error_set(DGXP_ERR_BAD_FORMAT,
                                    "%s: node %s (%s): input '%s' takes output %g of node %s (%s), "
                                    "which is %s; a %s is needed",
                                    g->where, n->id, n->class_type, input, index, out->id,
                                    out->class_type, given ? given : "not there", wanted);
            }
        }
    }
    px_json_put_boolean(g->used, id, true);
    return DGXP_OK;
}

static dgxp_status read_number(const graph *g, const node *n, const char *input, double low,
                               double high, bool whole, double *out)
{
    const json_t *value = json_object_get(n->inputs, input);
    if (!value) {
        return refuse_input(g, n, input, "is missing");
    }
    if (json_is_array(value)) {
        return refuse_input(g, n, input,
                            "comes from another node; only values are understood here");
    }
    *out = json_number_value(value);
    if (!json_is_number(value) || !(*out >= low && *out <= high) ||
        (whole && *out != floor(*out))) {
        return px_error_set(
            DGXP_ERR_BAD_FORMAT, "%s: node %s (%s): input '%s' must be a%s number from %g to %g",
            g->where, n->id, n->class_type, input, whole ? " whole" : "", low, high);
    }
    return DGXP_OK;
}

static dgxp_status read_text(const graph *g, const node *n, const char *input, const char **out)
{
    const json_t *value = json_object_get(n->inputs, input);
    *out = json_string_value(value);
    return *out     ? DGXP_OK
           : !value ? refuse_input(g, n, input, "is missing")
           : json_is_array(value)
               ? refuse_input(g, n, input,
                              "comes from another node; only values are understood here")
               : refuse_input(g, n, input, "must be text");
}

/* ------------------------------------------------------------------------------------ parts */

static dgxp_status put(json_t *object, const char *name, json_t *value)
{
    return px_json_put(object, name, value) ? DGXP_OK : px_error_memory("a workflow");
}

/* A name as people store files here: without folders and suffix, as --model finds it. */
static json_t *plain_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *back = strrchr(name, '\\');
    name = slash ? slash + 1 : name;
    name = back && back + 1 > name ? back + 1 : name;
    const char *dot = strrchr(name, '.');
    const size_t length =
        dot && strcmp(dot, ".safetensors") == 0 ? (size_t)(dot - name) : strlen(name);
    return px_json_string(name, length);
}

static dgxp_status read_checkpoint(graph *g, const node *n)
{
    const char *name = NULL;
    const dgxp_status status = read_text(g, n, "ckpt_name", &name);
    return status == DGXP_OK ? put(g->workflow, "model", plain_name(name)) : status;
}

/* One LoRA of the chain; `clip` tells that the text encoders' chain is walked. */
static dgxp_status read_lora(graph *g, const node *n)
{
    const char *name = NULL;
    double unet = 1, text = 0;
    dgxp_status status = read_text(g, n, "lora_name", &name);
    status =
        status == DGXP_OK ? read_number(g, n, "strength_model", -100, 100, false, &unet) : status;
    if (status == DGXP_OK && strcmp(n->class_type, "LoraLoader") == 0) {
        status = read_number(g, n, "strength_clip", -100, 100, false, &text);
    }
    if (status != DGXP_OK) {
        return status;
    }
    json_t *entry = json_object();
    const bool fine = px_json_put(entry, "name", plain_name(name)) &&
                      px_json_put_number(entry, "unet", unet) &&
                      px_json_put_number(entry, "text", text);
    if (!fine || json_array_insert_new(g->loras, 0, entry) != 0) { /* the chain is read backwards */
        return px_error_memory("a workflow");
    }
    return DGXP_OK;
}

/* Walks MODEL or CLIP links back to the checkpoint. */
static dgxp_status walk_chain(graph *g, const node *from, const char *input, const char *type)
{
    const bool clip = strcmp(type, "CLIP") == 0;
    node n = *from, next;
    for (int i = 0; i < CHAIN_LIMIT; i++) {
        dgxp_status status = follow(g, &n, i == 0 ? input : clip ? "clip" : "model", type, &next);
        if (status != DGXP_OK) {
            return status;
        }
        n = next;
        if (strcmp(n.class_type, "CheckpointLoaderSimple") == 0) {
            return clip ? DGXP_OK : read_checkpoint(g, &n);
        }
        if (strcmp(n.class_type, "CLIPSetLastLayer") == 0) {
            double layer = 0;
            status = read_number(g, &n, "stop_at_clip_layer", -24, -1, true, &layer);
            if (status == DGXP_OK && layer != -2) {
                status = refuse(g, &n, DGXP_ERR_UNSUPPORTED,
                                "only layer -2 is understood, which SDXL was trained with");
            }
        } else if (!clip) {
            status = read_lora(g, &n);
        }
        if (status != DGXP_OK) {
            return status;
        }
    }
    return refuse(g, from, DGXP_ERR_BAD_FORMAT, "its chain of loaders has no end: is it a circle?");
}

static dgxp_status read_words(graph *g, const node *sampler, const char *input, const char *field)
{
    node n;
    const char *text = NULL;
    dgxp_status status = follow(g, sampler, input, "CONDITIONING", &n);
    status = status == DGXP_OK ? read_text(g, &n, "text", &text) : status;
    status = status == DGXP_OK ? walk_chain(g, &n, "clip", "CLIP") : status;
    return status == DGXP_OK ? put(g->request, field, px_json_string(text, strlen(text))) : status;
}

static dgxp_status read_vae(graph *g, const node *from)
{
    node n;
    const char *name = NULL;
    dgxp_status status = follow(g, from, "vae", "VAE", &n);
    if (status == DGXP_OK && strcmp(n.class_type, "VAELoader") == 0) {
        status = read_text(g, &n, "vae_name", &name);
        status = status == DGXP_OK ? put(g->workflow, "vae", plain_name(name)) : status;
    }
    return status;
}

static dgxp_status read_latent(graph *g, const node *sampler, bool *has_init)
{
    node n, image;
    double width = 0, height = 0, count = 1;
    const char *file = NULL;
    dgxp_status status = follow(g, sampler, "latent_image", "LATENT", &n);
    if (status != DGXP_OK) {
        return status;
    }
    *has_init = strcmp(n.class_type, "VAEEncode") == 0;
    if (*has_init) {
        status = follow(g, &n, "pixels", "IMAGE", &image);
        if (status == DGXP_OK && strcmp(image.class_type, "LoadImage") != 0) {
            status = refuse(g, &image, DGXP_ERR_UNSUPPORTED,
                            "only a loaded picture can be started from");
        }
        status = status == DGXP_OK ? read_text(g, &image, "image", &file) : status;
        status = status == DGXP_OK ? read_vae(g, &n) : status;
        return status == DGXP_OK ? put(g->request, "init", px_json_string(file, strlen(file)))
                                 : status;
    }
    if (strcmp(n.class_type, "EmptyLatentImage") != 0) {
        return refuse(g, &n, DGXP_ERR_UNSUPPORTED,
                      "a second sampler is not understood; one KSampler paints");
    }
    status = read_number(g, &n, "width", 16, PX_JOB_CANVAS_LIMIT, true, &width);
    status = status == DGXP_OK
                 ? read_number(g, &n, "height", 16, PX_JOB_CANVAS_LIMIT, true, &height)
                 : status;
    status = status == DGXP_OK ? read_number(g, &n, "batch_size", 1, 4096, true, &count) : status;
    if (status == DGXP_OK) {
        status = put(g->request, "canvas", json_pack("[i, i]", (int)width, (int)height));
    }
    return status == DGXP_OK ? put(g->workflow, "count", json_integer((json_int_t)count)) : status;
}

static dgxp_status read_names(graph *g, const node *n)
{
    const char *sampler = NULL, *scheduler = NULL;
    size_t i = 0, k = 0;
    dgxp_status status = read_text(g, n, "sampler_name", &sampler);
    status = status == DGXP_OK ? read_text(g, n, "scheduler", &scheduler) : status;
    if (status != DGXP_OK) {
        return status;
    }
    while (i < COUNT(samplers) && strcmp(samplers[i].theirs, sampler) != 0) {
        i++;
    }
    while (k < COUNT(schedulers) && strcmp(schedulers[k].theirs, scheduler) != 0) {
        k++;
    }
    if (i == COUNT(samplers) || k == COUNT(schedulers)) {
        return px_error_set(
            DGXP_ERR_UNSUPPORTED, "%s: node %s (%s): the %s '%s' is not known here; there are %s",
            g->where, n->id, n->class_type, i == COUNT(samplers) ? "sampler" : "scheduler",
            i == COUNT(samplers) ? sampler : scheduler,
            i == COUNT(samplers)
                ? "euler, euler_ancestral, dpmpp_2m, dpmpp_2m_sde, ddim, lcm"
                : "normal, karras, exponential, simple, sgm_uniform, ddim_uniform");
    }
    status = put(g->request, "sampler", json_string(samplers[i].ours));
    status = status == DGXP_OK ? put(g->request, "schedule", json_string(schedulers[k].schedule))
                               : status;
    return status == DGXP_OK ? put(g->request, "spacing", json_string(schedulers[k].spacing))
                             : status;
}

/* ComfyUI lengthens the schedule so that `steps` of it are painted; we count the whole of it. */
static dgxp_status put_steps(graph *g, const node *n, double steps, double denoise, bool has_init)
{
    if (denoise < 1 && !has_init) {
        return refuse_input(g, n, "denoise", "is below 1 without a picture to start from");
    }
    const double whole = floor(steps / denoise);
    if (whole > PX_JOB_STEPS_LIMIT) {
        return refuse_input(g, n, "denoise", "is so low that over 1000 steps would be needed");
    }
    dgxp_status status = put(g->request, "steps", json_integer((json_int_t)whole));
    if (status == DGXP_OK && has_init) {
        status = put(g->request, "strength", json_real(steps / whole));
    }
    return status;
}

static dgxp_status put_seed(graph *g, const node *n, const char *input)
{
    double seed = 0;
    const dgxp_status status = read_number(g, n, input, 0, 18446744073709551616.0, true, &seed);
    if (status != DGXP_OK) {
        return status;
    }
    if (seed > (double)PX_JOB_SEED_LIMIT) {
        seed = fmod(seed, (double)PX_JOB_SEED_LIMIT + 1);
        px_json_append(g->notes, json_string("the seed was folded into 0..2^53-1; the noise of the "
                                             "two programs differs anyhow"));
    }
    return put(g->request, "seed", json_integer((json_int_t)seed));
}

static dgxp_status read_advanced(graph *g, const node *n, double steps, bool has_init)
{
    double start = 0, end = 0;
    const char *add = NULL, *leave = NULL;
    dgxp_status status = read_text(g, n, "add_noise", &add);
    status = status == DGXP_OK ? read_text(g, n, "return_with_leftover_noise", &leave) : status;
    status =
        status == DGXP_OK ? read_number(g, n, "start_at_step", 0, 10000, true, &start) : status;
    status = status == DGXP_OK ? read_number(g, n, "end_at_step", 0, 10000, true, &end) : status;
    if (status != DGXP_OK) {
        return status;
    }
    if (strcmp(add, "enable") != 0 || strcmp(leave, "disable") != 0 || end < steps) {
        return refuse(g, n, DGXP_ERR_UNSUPPORTED,
                      "only a sampler that adds its noise and walks to the end is understood");
    }
    if (start >= steps || (start > 0 && !has_init)) {
        return refuse_input(g, n, "start_at_step",
                            start >= steps ? "leaves no step to paint"
                                           : "is above 0 without a picture to start from");
    }
    status = put(g->request, "steps", json_integer((json_int_t)steps));
    if (status == DGXP_OK && has_init) {
        status = put(g->request, "strength", json_real((steps - start) / steps));
    }
    return status == DGXP_OK ? put_seed(g, n, "noise_seed") : status;
}

static dgxp_status read_sampler(graph *g, const node *decode)
{
    node n;
    double steps = 0, guidance = 0, denoise = 1;
    bool has_init = false;
    dgxp_status status = follow(g, decode, "samples", "LATENT", &n);
    if (status == DGXP_OK && strncmp(n.class_type, "KSampler", 8) != 0) {
        return refuse(g, &n, DGXP_ERR_UNSUPPORTED,
                      "a sampler must stand before the VAE's decoding");
    }
#define NEXT(call) status = status == DGXP_OK ? (call) : status
    NEXT(walk_chain(g, &n, "model", "MODEL"));
    NEXT(read_words(g, &n, "positive", "prompt"));
    NEXT(read_words(g, &n, "negative", "negative_prompt"));
    NEXT(read_latent(g, &n, &has_init));
    NEXT(read_number(g, &n, "steps", 1, PX_JOB_STEPS_LIMIT, true, &steps));
    NEXT(read_number(g, &n, "cfg", 0, 100, false, &guidance));
    NEXT(put(g->request, "guidance", json_real(guidance)));
    NEXT(read_names(g, &n));
    if (status == DGXP_OK && strcmp(n.class_type, "KSamplerAdvanced") == 0) {
        return read_advanced(g, &n, steps, has_init);
    }
    NEXT(read_number(g, &n, "denoise", 0.01, 1, false, &denoise));
    NEXT(put_steps(g, &n, steps, denoise, has_init));
    NEXT(put_seed(g, &n, "seed"));
#undef NEXT
    return status;
}

/* ------------------------------------------------------------------------------------ graph */

bool px_comfy_is_graph(const json_t *document)
{
    const json_t *nodes = json_object_get(document, "prompt");
    const char *id;
    json_t *value;
    json_object_foreach(json_is_object(nodes) ? (json_t *)(uintptr_t)nodes
                                              : (json_t *)(uintptr_t)document,
                        id, value)
    {
        if (json_object_get(value, "class_type")) {
            return true;
        }
    }
    return json_is_array(json_object_get(document, "nodes")) &&
           json_is_array(json_object_get(document, "links"));
}

/* Every node must be one that we know; the one that shows the picture is where reading begins. */
static dgxp_status check_nodes(graph *g, node *sink)
{
    const char *id;
    json_t *value;
    bool found = false;
    json_object_foreach(g->nodes, id, value)
    {
        node n = {id, NULL, NULL};
        size_t i = 0;
        if (!find_node(g, id, &n)) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: node %.24s (%s): has no %s, as the API format wants it",
                                g->where, id, n.class_type ? n.class_type : "?",
                                n.class_type ? "object of inputs" : "class_type");
        }
        while (i < COUNT(classes) && strcmp(classes[i].class_type, n.class_type) != 0) {
            i++;
        }
        if (i == COUNT(classes)) {
            return refuse(g, &n, DGXP_ERR_UNSUPPORTED, "this class is not understood");
        }
        if (!classes[i].outputs[0]) {
            if (found) {
                return refuse(g, &n, DGXP_ERR_UNSUPPORTED,
                              "a second picture is shown; a workflow makes one");
            }
            *sink = n;
            found = true;
        }
    }
    return found ? DGXP_OK
                 : px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: has no node SaveImage or PreviewImage, so nothing comes out",
                                g->where);
}

static dgxp_status read_graph(graph *g)
{
    node sink, decode;
    const char *prefix = NULL;
    dgxp_status status = check_nodes(g, &sink);
    status = status == DGXP_OK ? follow(g, &sink, "images", "IMAGE", &decode) : status;
    if (status == DGXP_OK && strcmp(decode.class_type, "VAEDecode") != 0) {
        return refuse(g, &decode, DGXP_ERR_UNSUPPORTED,
                      "the picture must come from the VAE's decoding");
    }
    status = status == DGXP_OK ? read_vae(g, &decode) : status;
    status = status == DGXP_OK ? read_sampler(g, &decode) : status;
    if (status == DGXP_OK && strcmp(sink.class_type, "SaveImage") == 0) {
        status = read_text(g, &sink, "filename_prefix", &prefix);
    }
    if (status == DGXP_OK) {
        px_json_put_boolean(g->used, sink.id, true);
        const char *id;
        json_t *value;
        json_object_foreach(g->nodes, id, value)
        {
            if (!json_object_get(g->used, id)) {
                px_json_append(g->notes, json_sprintf("node %s is connected to nothing", id));
            }
        }
    }
    return status;
}

dgxp_status px_comfy_parse(const char *where, const char *text, size_t size, json_t **out)
{
    json_error_t error;
    json_t *value =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (!value) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s:%d: not valid JSON: %s", where,
                            error.line > 0 ? error.line : 1, error.text);
    }
    *out = value;
    return DGXP_OK;
}

dgxp_status px_comfy_import(const char *where, const json_t *document, json_t **out)
{
    json_t *nodes = json_object_get(document, "prompt");
    graph g = {.where = where,
               .nodes = json_is_object(nodes) ? nodes : (json_t *)(uintptr_t)document,
               .used = json_object(),
               .workflow = json_object(),
               .request = json_object(),
               .loras = json_array(),
               .notes = json_array()};
    dgxp_status status = DGXP_OK;
    if (json_is_array(json_object_get(document, "nodes"))) {
        status = px_error_set(DGXP_ERR_UNSUPPORTED,
                              "%s: is a workflow as ComfyUI's editor saves it; export it with "
                              "\"Export (API)\"",
                              where);
    } else if (json_object_size(g.nodes) > NODES_LIMIT) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s: has more than %d nodes", where, NODES_LIMIT);
    }
    if (status == DGXP_OK && !(px_json_put_text(g.workflow, "format", "dgx-pixels-workflow") &&
                               px_json_put_integer(g.workflow, "version", 1) &&
                               px_json_put_text(g.workflow, "kind", "sprite"))) {
        status = px_error_memory("a workflow");
    }
    status = status == DGXP_OK ? read_graph(&g) : status;
    if (status == DGXP_OK && json_array_size(g.loras)) {
        status = put(g.request, "loras", json_incref(g.loras));
    }
    status = status == DGXP_OK ? put(g.workflow, "request", json_incref(g.request)) : status;
    status = status == DGXP_OK ? put(g.workflow, "notes", json_incref(g.notes)) : status;
    json_decref(g.used);
    json_decref(g.request);
    json_decref(g.loras);
    json_decref(g.notes);
    if (status != DGXP_OK) {
        json_decref(g.workflow);
        return status;
    }
    *out = g.workflow;
    return DGXP_OK;
}
