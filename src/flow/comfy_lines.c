/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a ComfyUI graph's model and words come from: checkpoints, LoRAs on either line, texts. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/prompt.h"
#include "flow/comfy_read.h"

#include <math.h>
#include <string.h>

/* -------------------------------------------------------------------------------------- names */

json_t *px_comfy_plain_name(const char *name)
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

void px_comfy_note(graph *g, const char *sentence)
{
    px_json_append(g->g.notes, json_string(sentence));
}

/* -------------------------------------------------------------------------------------- lines */

/* An adapter of a line; it is known by its node and, in a node of several, its place there. */
static void add_lora(json_t *line, const node *n, const char *key, const char *name, double weight)
{
    json_t *entry = json_object();
    px_json_put(entry, "key", json_sprintf("%s/%s", n->id, key));
    px_json_put(entry, "name", px_comfy_plain_name(name));
    px_json_put_number(entry, "weight", weight);
    json_array_insert_new(line, 0, entry); /* lines are read backwards */
}

/* rgthree's node: {"lora_1": {"on": true, "lora": "x.safetensors", "strength": 1}, …}. */
static bool read_power(graph *g, const node *n, bool clip, json_t *line)
{
    const char *key;
    json_t *entry;
    json_object_foreach(n->inputs, key, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "lora"));
        const json_t *weight = json_object_get(entry, "strength");
        const json_t *second = json_object_get(entry, "strengthTwo");
        weight = clip && json_is_number(second) ? second : weight;
        if (!name || !json_is_true(json_object_get(entry, "on"))) {
            continue;
        }
        if (!json_is_number(weight) || fabs(json_number_value(weight)) > 100) {
            return px_comfy_obstacle(&g->g, WRONG, n,
                                     "the strength of '%.60s' must be a number "
                                     "from -100 to 100",
                                     name);
        }
        add_lora(line, n, key, name, json_number_value(weight));
    }
    return true;
}

static bool read_lora(graph *g, const node *n, bool clip, json_t *line)
{
    const char *name = NULL;
    double weight = 0;
    if (strncmp(n->class_type, "Power", 5) == 0) {
        return read_power(g, n, clip, line);
    }
    if (!px_comfy_text(&g->g, n, "lora_name", &name) ||
        !px_comfy_number(&g->g, n, clip ? "strength_clip" : "strength_model", -100, 100, false,
                         &weight)) {
        return false;
    }
    add_lora(line, n, "", name, weight);
    return true;
}

static bool read_last_layer(graph *g, const node *n)
{
    double layer = 0;
    if (!px_comfy_number(&g->g, n, "stop_at_clip_layer", -24, -1, true, &layer)) {
        return false;
    }
    return layer == -2 || px_comfy_obstacle(&g->g, UNDONE, n,
                                            "only layer -2 is understood, which SDXL was trained "
                                            "with");
}

bool px_comfy_walk(graph *g, const node *from, const char *input, const char *type, json_t *line,
                   const char **checkpoint)
{
    const bool clip = strcmp(type, "CLIP") == 0;
    node n = *from, next;
    for (int i = 0; i < PX_COMFY_CHAIN; i++) {
        bool fine = px_comfy_follow(&g->g, &n,
                                    i == 0 ? input
                                    : clip ? "clip"
                                           : "model",
                                    type, &next);
        if (!fine) {
            return false;
        }
        n = next;
        if (strcmp(n.class_type, "CheckpointLoaderSimple") == 0) {
            return px_comfy_text(&g->g, &n, "ckpt_name", checkpoint);
        }
        if (strcmp(n.class_type, "CLIPSetLastLayer") == 0) {
            read_last_layer(g, &n);
        } else {
            read_lora(g, &n, clip, line);
        }
    }
    return px_comfy_obstacle(&g->g, WRONG, from,
                             "its chain of loaders has no end: is it a circle?");
}

void px_comfy_check_checkpoint(graph *g, const node *n, const char *what, const char *name)
{
    if (g->checkpoint && name && strcmp(g->checkpoint, name) != 0) {
        px_comfy_obstacle(
            &g->g, UNDONE, n,
            "its %s comes from '%.80s', the model from '%.80s'; one checkpoint paints "
            "here",
            what, name, g->checkpoint);
    }
}

void px_comfy_put_loras(graph *g)
{
    json_t *loras = json_array(), *entry, *other;
    size_t i, k;
    for (int second = 0; second < 2; second++) {
        const json_t *line = second ? g->positive_line : g->model_line;
        const json_t *against = second ? g->model_line : g->positive_line;
        json_array_foreach(line, i, entry)
        {
            const double weight = json_number_value(json_object_get(entry, "weight"));
            double theirs = 0;
            bool both = false;
            json_array_foreach(against, k, other)
            {
                if (json_equal(json_object_get(entry, "key"), json_object_get(other, "key"))) {
                    theirs = json_number_value(json_object_get(other, "weight"));
                    both = true;
                }
            }
            if ((second && both) || (weight == 0 && theirs == 0)) {
                continue;
            }
            json_t *made = json_object();
            px_json_put(made, "name", json_incref(json_object_get(entry, "name")));
            px_json_put_number(made, "unet", second ? 0 : weight);
            px_json_put_number(made, "text", second ? weight : theirs);
            px_json_append(loras, made);
        }
    }
    if (json_array_size(loras)) {
        px_json_put(g->request, "loras", loras);
    } else {
        json_decref(loras);
    }
}

/* -------------------------------------------------------------------------------------- words */

static void put_words(graph *g, const node *n, const char *field, const char *text)
{
    char *words = px_prompt_escape(text);
    if (words && px_prompt_check(words) != DGXP_OK) {
        px_comfy_obstacle(&g->g, UNDONE, n, "%s", dgxp_last_error());
    }
    px_json_put(g->request, field, words ? px_json_string(words, strlen(words)) : NULL);
    px_mem_free(words);
}

/* SDXL's own node: both encoders' words, and sizes that the model is told. */
static bool read_sdxl_words(graph *g, const node *n, const char **text)
{
    static const char *const sizes[] = {"width",         "height", "target_width",
                                        "target_height", "crop_w", "crop_h"};
    const char *second = NULL;
    bool fine =
        px_comfy_text(&g->g, n, "text_g", text) & px_comfy_text(&g->g, n, "text_l", &second);
    if (fine && strcmp(*text, second) != 0 && *second) {
        fine = px_comfy_obstacle(&g->g, UNDONE, n,
                                 "text_g and text_l differ; both encoders get the same words here");
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const json_t *canvas = json_object_get(g->request, "canvas");
        const json_t *side = json_array_get(canvas, i % 2);
        const double want = i < 4 ? json_number_value(side) : 0;
        double size = 0;
        if (!px_comfy_number(&g->g, n, sizes[i], 0, 16384, true, &size)) {
            fine = false;
        } else if (size != want && (i >= 4 || side)) {
            fine = px_comfy_obstacle(&g->g, UNDONE, n,
                                     "input '%s' is %g; the model is told the canvas, %g, and no "
                                     "crop here: set it so, or use CLIPTextEncode",
                                     sizes[i], size, want);
        }
    }
    return fine;
}

bool px_comfy_words(graph *g, const node *sampler, const char *input, const char *field,
                    json_t *line)
{
    const bool negative = strcmp(input, "negative") == 0;
    const char *text = NULL, *checkpoint = NULL;
    node n;
    if (!px_comfy_follow(&g->g, sampler, input, "CONDITIONING", &n)) {
        return false;
    }
    if (strcmp(n.class_type, "ConditioningZeroOut") == 0) {
        if (!negative || g->guidance > 1) {
            return px_comfy_obstacle(&g->g, UNDONE, &n,
                                     "words that are zeroed out are done only as the negative "
                                     "prompt at a cfg of 1, where nobody reads them");
        }
        px_json_put_text(g->request, field, "");
        json_decref(g->negative_line);
        g->negative_line = NULL;
        return true;
    }
    const bool sdxl = strcmp(n.class_type, "CLIPTextEncodeSDXL") == 0;
    const bool fine =
        sdxl ? read_sdxl_words(g, &n, &text) : px_comfy_text(&g->g, &n, "text", &text);
    if (text) {
        put_words(g, &n, field, text);
    }
    if (!px_comfy_walk(g, &n, "clip", "CLIP", line, &checkpoint)) {
        return false;
    }
    px_comfy_check_checkpoint(g, &n, "CLIP", checkpoint);
    if (negative && !json_equal(g->positive_line, line)) {
        px_comfy_obstacle(&g->g, UNDONE, &n,
                          "its CLIP passes other LoRAs than the positive words' does; both are "
                          "encoded by the same here");
    }
    return fine;
}
