/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ComfyUI graphs, in either format, as workflows of ours: what each node becomes. */
#include "flow/comfy.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/job.h"
#include "flow/comfy_read.h"

#include <math.h>
#include <string.h>

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

/* ------------------------------------------------------------------------------------ latents */

static bool read_vae(graph *g, const node *from)
{
    node n;
    const char *name = NULL;
    if (!px_comfy_follow(&g->g, from, "vae", "VAE", &n)) {
        return false;
    }
    if (strcmp(n.class_type, "VAELoader") != 0) {
        if (px_comfy_text(&g->g, &n, "ckpt_name", &name)) {
            px_comfy_check_checkpoint(g, from, "VAE", name);
        }
        return true;
    }
    if (!px_comfy_text(&g->g, &n, "vae_name", &name)) {
        return false;
    }
    json_t *plain = px_comfy_plain_name(name), *before = json_object_get(g->workflow, "vae");
    if (before && !json_equal(before, plain)) {
        px_comfy_obstacle(&g->g, UNDONE, from, "takes another VAE than the rest of the graph");
    }
    px_json_put(g->workflow, "vae", plain);
    return true;
}

static bool read_picture(graph *g, const node *n, const char *input, const char *field)
{
    node image;
    const char *file = NULL;
    if (!px_comfy_follow(&g->g, n, input, "IMAGE", &image)) {
        return false;
    }
    if (strcmp(image.class_type, "LoadImage") != 0) {
        return px_comfy_obstacle(&g->g, UNDONE, &image,
                                 "only a loaded picture can be started from");
    }
    return px_comfy_text(&g->g, &image, "image", &file) &&
           px_json_put(g->request, field, px_json_string(file, strlen(file)));
}

static bool read_mask(graph *g, const node *n)
{
    node mask;
    const char *file = NULL, *channel = NULL;
    if (!px_comfy_follow(&g->g, n, "mask", "MASK", &mask)) {
        return false;
    }
    if (strcmp(mask.class_type, "LoadImageMask") != 0) {
        return px_comfy_obstacle(&g->g, UNDONE, &mask,
                                 "its mask is the picture's own alpha; here a mask is a picture of "
                                 "its own, white where is painted: save it and use LoadImageMask");
    }
    if (!px_comfy_text(&g->g, &mask, "image", &file) ||
        !px_comfy_text(&g->g, &mask, "channel", &channel)) {
        return false;
    }
    if (strcmp(channel, "alpha") == 0) {
        return px_comfy_obstacle(&g->g, UNDONE, &mask,
                                 "only a mask of red, green or blue is "
                                 "understood, white where is painted");
    }
    return px_json_put(g->request, "mask", px_json_string(file, strlen(file)));
}

static bool read_empty(graph *g, const node *n)
{
    double width = 0, height = 0, count = 1;
    const bool fine = px_comfy_number(&g->g, n, "width", 16, PX_JOB_CANVAS_LIMIT, true, &width) &
                      px_comfy_number(&g->g, n, "height", 16, PX_JOB_CANVAS_LIMIT, true, &height) &
                      px_comfy_number(&g->g, n, "batch_size", 1, 4096, true, &count);
    if (!fine) {
        return false;
    }
    const json_t *times = json_object_get(g->workflow, "count");
    count *= times ? json_number_value(times) : 1;
    px_json_put_integer(g->workflow, "count", (int64_t)count);
    return px_json_put(g->request, "canvas", json_pack("[i, i]", (int)width, (int)height));
}

static bool read_inpaint(graph *g, const node *n)
{
    double grow = 0;
    if (px_comfy_number(&g->g, n, "grow_mask_by", 0, 64, true, &grow) && grow > 0) {
        px_comfy_note(
            g, "the mask is taken as it is: VAEEncodeForInpaint would grow it by some pixels");
    }
    return read_mask(g, n) & read_picture(g, n, "pixels", "init") & read_vae(g, n);
}

/* What the sampler starts from; `n` is followed back to where latents come from. */
static bool read_latent(graph *g, const node *sampler, bool *has_init, bool *whole)
{
    node n = *sampler, next;
    for (int i = 0; i < PX_COMFY_CHAIN; i++) {
        if (!px_comfy_follow(&g->g, &n, i == 0 ? "latent_image" : "samples", "LATENT", &next)) {
            return false;
        }
        n = next;
        if (strcmp(n.class_type, "SetLatentNoiseMask") == 0) {
            read_mask(g, &n);
        } else if (strcmp(n.class_type, "RepeatLatentBatch") == 0) {
            double amount = 1;
            if (px_comfy_number(&g->g, &n, "amount", 1, 64, true, &amount)) {
                px_json_put_integer(g->workflow, "count", (int64_t)amount);
            }
        } else if (strncmp(n.class_type, "Empty", 5) == 0) {
            return read_empty(g, &n);
        } else if (strcmp(n.class_type, "VAEEncode") == 0) {
            *has_init = true;
            return read_picture(g, &n, "pixels", "init") & read_vae(g, &n);
        } else if (strcmp(n.class_type, "VAEEncodeForInpaint") == 0) {
            *has_init = *whole = true;
            return read_inpaint(g, &n);
        } else {
            return px_comfy_obstacle(&g->g, UNDONE, &n,
                                     strncmp(n.class_type, "KSampler", 8) == 0
                                         ? "a second sampler is not understood; one KSampler paints"
                                         : "latents that are enlarged need a second sampler, which "
                                           "is not understood");
        }
    }
    return px_comfy_obstacle(&g->g, WRONG, sampler, "its latents come from a circle");
}

/* ------------------------------------------------------------------------------------ sampler */

static bool read_names(graph *g, const node *n)
{
    const char *sampler = NULL, *scheduler = NULL;
    size_t i = 0, k = 0;
    bool fine = px_comfy_text(&g->g, n, "sampler_name", &sampler) &
                px_comfy_text(&g->g, n, "scheduler", &scheduler);
    while (sampler && i < COUNT(samplers) && strcmp(samplers[i].theirs, sampler) != 0) {
        i++;
    }
    while (scheduler && k < COUNT(schedulers) && strcmp(schedulers[k].theirs, scheduler) != 0) {
        k++;
    }
    if (i == COUNT(samplers)) {
        fine = px_comfy_obstacle(&g->g, UNDONE, n,
                                 "the sampler '%.60s' is not known here; there are euler, "
                                 "euler_ancestral, dpmpp_2m, dpmpp_2m_sde, ddim, lcm",
                                 sampler);
    }
    if (k == COUNT(schedulers)) {
        fine =
            px_comfy_obstacle(&g->g, UNDONE, n,
                              "the scheduler '%.60s' is not known here; there are normal, karras, "
                              "exponential, simple, sgm_uniform, ddim_uniform",
                              scheduler);
    }
    return fine && px_json_put_text(g->request, "sampler", samplers[i].ours) &&
           px_json_put_text(g->request, "schedule", schedulers[k].schedule) &&
           px_json_put_text(g->request, "spacing", schedulers[k].spacing);
}

/* ComfyUI lengthens the schedule so that `steps` of it are painted; we count the whole of it. */
static bool put_steps(graph *g, const node *n, double steps, double denoise, bool has_init,
                      bool inpaint)
{
    if (denoise < 1 && !has_init) {
        return px_comfy_obstacle(&g->g, WRONG, n,
                                 "input 'denoise' is below 1 without a picture to start from");
    }
    if (denoise < 1 && inpaint) {
        return px_comfy_obstacle(
            &g->g, UNDONE, n,
            "input 'denoise' is below 1 after VAEEncodeForInpaint, which paints "
            "grey under the mask: use SetLatentNoiseMask");
    }
    const double whole = floor(steps / denoise);
    if (whole > PX_JOB_STEPS_LIMIT) {
        return px_comfy_obstacle(&g->g, WRONG, n,
                                 "input 'denoise' is so low that over 1000 steps would be needed");
    }
    return px_json_put_integer(g->request, "steps", (int64_t)whole) &&
           (!has_init || px_json_put_number(g->request, "strength", steps / whole));
}

static bool put_seed(graph *g, const node *n, const char *input)
{
    double seed = 0;
    if (!px_comfy_number(&g->g, n, input, 0, 18446744073709551616.0, true, &seed)) {
        return false;
    }
    if (seed > (double)PX_JOB_SEED_LIMIT) {
        seed = fmod(seed, (double)PX_JOB_SEED_LIMIT + 1);
        px_comfy_note(
            g, "the seed was folded into 0..2^53-1; the noise of the two programs differs anyhow");
    }
    return px_json_put_integer(g->request, "seed", (int64_t)seed);
}

static bool read_advanced(graph *g, const node *n, double steps, bool has_init)
{
    double start = 0, end = 0;
    const char *add = NULL; /* what a walk to the end leaves over is nothing, whatever is asked */
    const bool fine = px_comfy_text(&g->g, n, "add_noise", &add) &
                      px_comfy_number(&g->g, n, "start_at_step", 0, 10000, true, &start) &
                      px_comfy_number(&g->g, n, "end_at_step", 0, 10000, true, &end) &
                      put_seed(g, n, "noise_seed");
    if (!fine) {
        return false;
    }
    if (strcmp(add, "enable") != 0 || end < steps) {
        return px_comfy_obstacle(&g->g, UNDONE, n,
                                 "only a sampler that adds its noise and walks to the end is "
                                 "understood");
    }
    if (start >= steps || (start > 0 && !has_init)) {
        return px_comfy_obstacle(&g->g, WRONG, n, "input 'start_at_step' %s",
                                 start >= steps ? "leaves no step to paint"
                                                : "is above 0 without a picture to start from");
    }
    return px_json_put_integer(g->request, "steps", (int64_t)steps) &&
           (!has_init || px_json_put_number(g->request, "strength", (steps - start) / steps));
}

static void read_sampler(graph *g, const node *decode)
{
    node n;
    double steps = 0, denoise = 1;
    bool has_init = false, inpaint = false;
    if (!px_comfy_follow(&g->g, decode, "samples", "LATENT", &n)) {
        return;
    }
    if (strncmp(n.class_type, "KSampler", 8) != 0) {
        px_comfy_obstacle(&g->g, UNDONE, &n, "a sampler must stand before the VAE's decoding");
        return;
    }
    if (px_comfy_walk(g, &n, "model", "MODEL", g->model_line, &g->checkpoint) && g->checkpoint) {
        px_json_put(g->workflow, "model", px_comfy_plain_name(g->checkpoint));
    }
    if (px_comfy_number(&g->g, &n, "cfg", 0, 100, false, &g->guidance)) {
        px_json_put_number(g->request, "guidance", g->guidance);
    }
    const bool steps_known =
        px_comfy_number(&g->g, &n, "steps", 1, PX_JOB_STEPS_LIMIT, true, &steps);
    const bool begun = read_latent(g, &n, &has_init, &inpaint);
    px_comfy_words(g, &n, "positive", "prompt", g->positive_line);
    px_comfy_words(g, &n, "negative", "negative_prompt", g->negative_line);
    px_comfy_put_loras(g);
    read_names(g, &n);
    read_vae(g, decode);
    if (strcmp(n.class_type, "KSamplerAdvanced") == 0) {
        (void)(steps_known && begun && read_advanced(g, &n, steps, has_init));
        return;
    }
    if (px_comfy_number(&g->g, &n, "denoise", 0.01, 1, false, &denoise) && steps_known && begun) {
        put_steps(g, &n, steps, denoise, has_init, inpaint);
    }
    put_seed(g, &n, "seed");
}

/* -------------------------------------------------------------------------------------- graph */

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

/* Nodes that take a picture out of the graph, by how much they are meant. */
static int rank_sink(const char *class_type)
{
    static const char *const savers[] = {"SaveImage", "SaveImageWebsocket", "Image Save"};
    for (size_t i = 0; i < COUNT(savers); i++) {
        if (strcmp(class_type, savers[i]) == 0) {
            return 2;
        }
    }
    return strcmp(class_type, "PreviewImage") == 0;
}

/* Where reading begins: the picture that is saved, else the one that is shown. */
static bool find_sink(graph *g, node *sink)
{
    const char *id;
    json_t *value;
    node n;
    int best = 0;
    json_object_foreach(g->g.nodes, id, value)
    {
        if (px_comfy_node_find(&g->g, id, &n) && rank_sink(n.class_type) > best) {
            best = rank_sink(n.class_type);
            *sink = n;
        }
    }
    json_object_foreach(g->g.nodes, id, value)
    {
        const bool fine = px_comfy_node_find(&g->g, id, &n);
        if (best == 0) {
            px_comfy_survey(&g->g, &n);
        } else if (fine && rank_sink(n.class_type) == best &&
                   !json_equal(json_object_get(n.inputs, "images"),
                               json_object_get(sink->inputs, "images"))) {
            px_comfy_obstacle(&g->g, UNDONE, &n, "a second picture is %s; a workflow makes one",
                              best == 2 ? "saved" : "shown");
        }
    }
    if (best == 0) {
        json_array_insert_new(
            g->g.obstacles, 0,
            json_string("has no node SaveImage or PreviewImage, so nothing comes out"));
        g->g.status = WRONG;
    }
    return best > 0;
}

/* One sentence for one obstacle, a list for several. */
static dgxp_status tell_obstacles(const graph *g)
{
    const size_t count = json_array_size(g->g.obstacles);
    char *text = px_mem_text("");
    size_t i;
    const json_t *one;
    json_array_foreach(g->g.obstacles, i, one)
    {
        char *longer =
            text ? px_mem_format("%s%s%s", text, count > 1 ? "\n  " : "", json_string_value(one))
                 : NULL;
        px_mem_free(text);
        text = longer;
    }
    const dgxp_status status =
        count > 1 ? px_error_set(g->g.status, "%s: %zu things bar the way:%s", g->g.where, count,
                                 text ? text : "")
                  : px_error_set(g->g.status, "%s: %s", g->g.where, text ? text : "");
    px_mem_free(text);
    return status;
}

static dgxp_status read_graph(graph *g)
{
    node sink, decode;
    const char *id;
    json_t *value;
    if (!find_sink(g, &sink)) {
        return tell_obstacles(g);
    }
    px_json_put_boolean(g->g.used, sink.id, true);
    px_comfy_survey(&g->g, &sink);
    if (px_comfy_follow(&g->g, &sink, "images", "IMAGE", &decode)) {
        if (strncmp(decode.class_type, "VAEDecode", 9) == 0) {
            read_sampler(g, &decode);
        } else {
            px_comfy_obstacle(&g->g, UNDONE, &decode,
                              "the picture must come from the VAE's decoding");
        }
    }
    if (json_array_size(g->g.obstacles)) {
        return tell_obstacles(g);
    }
    json_object_foreach(g->g.nodes, id, value)
    {
        if (!json_object_get(g->g.used, id)) {
            px_json_append(g->g.notes,
                           json_sprintf("node %s (%s) is not on the picture's way", id,
                                        json_string_value(json_object_get(value, "class_type"))));
        }
    }
    return DGXP_OK;
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
    const bool editor = json_is_array(json_object_get(document, "nodes"));
    json_t *prompt = json_object_get(document, "prompt");
    json_t *nodes = editor                   ? px_comfy_from_editor(document)
                    : json_is_object(prompt) ? json_incref(prompt)
                                             : json_incref((json_t *)(uintptr_t)document);
    graph g = {.g = {.where = where,
                     .nodes = nodes,
                     .used = json_object(),
                     .notes = json_array(),
                     .obstacles = json_array(),
                     .status = DGXP_ERR_UNSUPPORTED},
               .workflow = json_object(),
               .request = json_object(),
               .model_line = json_array(),
               .positive_line = json_array(),
               .negative_line = json_array()};
    dgxp_status status = DGXP_OK;
    if (json_object_size(nodes) > PX_COMFY_NODES) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s: has more than %d nodes", where, PX_COMFY_NODES);
    }
    if (status == DGXP_OK && !(px_json_put_text(g.workflow, "format", "dgx-pixels-workflow") &&
                               px_json_put_integer(g.workflow, "version", 1) &&
                               px_json_put_text(g.workflow, "kind", "sprite"))) {
        status = px_error_memory("a workflow");
    }
    status = status == DGXP_OK ? read_graph(&g) : status;
    if (status == DGXP_OK && !(px_json_put(g.workflow, "request", json_incref(g.request)) &&
                               px_json_put(g.workflow, "notes", json_incref(g.g.notes)))) {
        status = px_error_memory("a workflow");
    }
    json_decref(nodes);
    json_decref(g.g.used);
    json_decref(g.g.notes);
    json_decref(g.g.obstacles);
    json_decref(g.request);
    json_decref(g.model_line);
    json_decref(g.positive_line);
    json_decref(g.negative_line);
    if (status != DGXP_OK) {
        json_decref(g.workflow);
        return status;
    }
    *out = g.workflow;
    return DGXP_OK;
}
