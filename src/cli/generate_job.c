/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The job that `generate` was asked for: a preset or a plain prompt, refined by options. */
#include "cli/generate.h"

#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef cli_generate_settings settings;

const char *const cli_preset_fields[CLI_PRESET_FIELDS] = {"view",    "facing", "outline",
                                                          "shading", "detail", "isometric"};

/* An enum's value by its name; 0 is the default and says nothing. */
static void put_choice(json_t *request, const char *name, int32_t value)
{
    int32_t count = 0;
    const dgxp_choice *choices = dgxp_choices(name, &count);
    for (int32_t i = 0; i < count && value; i++) {
        if (choices[i].value == value) {
            json_object_set_new(request, name, json_string(choices[i].name));
        }
    }
}

static void put_number(json_t *request, const char *name, double value)
{
    if (value >= 0) {
        json_object_set_new(request, name, json_real(value));
    }
}

static void put_text(json_t *request, const char *name, const char *text)
{
    if (text) {
        json_object_set_new(request, name, cli_json_text(text));
    }
}

static void put_sides(json_t *request, const char *name, const int32_t sides[2])
{
    json_object_set_new(request, name, json_pack("[i, i]", sides[0], sides[1]));
}

/* What the options ask for, over what is there already. */
static void put_options(json_t *request, const settings *s)
{
    static const int32_t whatever[2] = {0, 0};
    put_text(request, "negative_prompt", s->negative);
    if (s->canvas[0]) {
        put_sides(request, "size", whatever); /* the canvas itself, not a preset's size */
        put_sides(request, "canvas", s->canvas);
    }
    if (s->size[0]) {
        put_sides(request, "size", s->size);
    }
    if (s->steps) {
        json_object_set_new(request, "steps", json_integer(s->steps));
    }
    put_number(request, "guidance", s->guidance);
    put_number(request, "guidance_rescale", s->rescale);
    put_number(request, "cfg_stop", s->cfg_stop);
    put_number(request, "eta", s->eta);
    put_number(request, "temperature", s->temperature);
    put_number(request, "strength", s->strength);
    put_choice(request, "sampler", s->sampler);
    put_choice(request, "schedule", s->schedule);
    put_choice(request, "spacing", s->spacing);
    put_choice(request, "tiling", s->tiling);
    put_text(request, "palette", s->palette);
    if (s->colors) {
        json_object_set_new(request, "colors", json_integer(s->colors));
    }
    put_text(request, "background", s->background);
    if (s->as_painted) {
        json_object_set_new(request, "as_painted", json_true());
    }
    json_object_update(request, s->more);
}

/* A style, a speed and fields refine a kind, which the library knows when nobody says one. */
static bool is_preset(const settings *s)
{
    bool refined = s->kind || s->style || s->speed || s->fields.count;
    for (int i = 0; i < CLI_PRESET_FIELDS; i++) {
        refined = refined || s->named_fields[i];
    }
    return refined;
}

/* The project's defaults with what was asked for laid over them.  Without a kind nothing is left of
 * what refines one. */
static json_t *make_request(const settings *s)
{
    const bool preset = is_preset(s);
    json_t *request = s->defaults ? json_deep_copy(s->defaults) : json_object();
    json_t *fields = json_object();
    json_object_update(fields, json_object_get(request, "fields"));
    json_object_del(request, "seed");
    json_object_del(request, preset ? "prompt" : "subject");
    json_object_set_new(request, preset ? "subject" : "prompt", cli_json_text(s->subject));
    for (int i = 0; i < CLI_PRESET_FIELDS; i++) {
        if (!preset) {
            json_object_del(request, cli_preset_fields[i]);
        } else if (s->named_fields[i]) {
            json_object_set_new(request, cli_preset_fields[i], cli_json_text(s->named_fields[i]));
        }
    }
    for (int i = 0; i < s->fields.count; i++) {
        const char *equals = strchr(s->fields.items[i], '=');
        char *name =
            cli_format("%.*s", equals ? (int)(equals - s->fields.items[i]) : 0, s->fields.items[i]);
        json_object_set_new(fields, name, cli_json_text(equals ? equals + 1 : ""));
        free(name);
    }
    json_object_set_new(request, "fields", fields);
    if (!preset) {
        json_object_del(request, "style");
        json_object_del(request, "speed");
        json_object_del(request, "fields");
    } else if (s->kind) {
        json_object_set_new(request, "kind", cli_json_text(s->kind));
    }
    if (s->style) {
        json_object_set_new(request, "style", cli_json_text(s->style));
    }
    if (s->speed) {
        json_object_set_new(request, "speed", cli_json_text(s->speed));
    }
    return request;
}

dgxp_status cli_generate_job(const settings *s, const dgxp_model *model, uint64_t seed,
                             const dgxp_image *init, const dgxp_image *mask, dgxp_job **out)
{
    json_t *request = make_request(s);
    dgxp_request_params params = DGXP_REQUEST_PARAMS_INIT;
    params.folder = s->folder;
    params.init = init;
    params.mask = mask;
    put_options(request, s);
    json_object_set_new(request, "seed", json_integer((json_int_t)seed));
    char *text = json_dumps(request, JSON_COMPACT);
    dgxp_job *job = NULL;
    dgxp_status status = dgxp_job_request(model, text, &params, &job);
    free(text);
    json_decref(request);
    /* Their names may be paths of any bytes, which JSON has no place for. */
    for (int i = 0; i < s->loras.count && !s->partial && status == DGXP_OK; i++) {
        cli_lora_wish wish;
        if (cli_parse_lora(s->loras.items[i], &wish)) {
            status = dgxp_job_add_lora(job, wish.name, wish.unet, wish.text);
        }
    }
    if (status != DGXP_OK) {
        dgxp_job_free(job);
        return status;
    }
    *out = job;
    return DGXP_OK;
}
