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

/* Options on pixels are laid over the preset's steps; without a preset they are all there is. */
static dgxp_status set_finish(dgxp_job *job, const settings *s)
{
    json_t *steps = json_object();
    if (s->palette) {
        json_object_set_new(steps, "palette", cli_json_text(s->palette));
    }
    if (s->colors) {
        json_object_set_new(steps, "colors", json_integer(s->colors));
        json_object_set_new(steps, "palette", s->palette ? cli_json_text(s->palette) : json_null());
    }
    if (s->background) {
        json_object_set_new(steps, "background", cli_json_text(s->background));
    }
    dgxp_status status = DGXP_OK;
    if (json_object_size(steps)) {
        char *text = json_dumps(steps, 0);
        status = dgxp_job_set_finish(job, text);
        free(text);
    }
    json_decref(steps);
    return status == DGXP_OK && s->as_painted ? dgxp_job_set_finish(job, NULL) : status;
}

/* The first failing setter decides; later ones are not called. */
static dgxp_status fill_job(dgxp_job *job, const settings *s, uint64_t seed, const dgxp_image *init,
                            const dgxp_image *mask)
{
    dgxp_status status = dgxp_job_set_seed(job, seed);
#define SET(condition, call) status = status == DGXP_OK && (condition) ? (call) : status
    SET(s->negative, dgxp_job_set_negative_prompt(job, s->negative));
    SET(s->canvas[0], dgxp_job_set_size(job, 0, 0)); /* the canvas itself, not a preset's size */
    SET(s->canvas[0], dgxp_job_set_canvas(job, s->canvas[0], s->canvas[1]));
    SET(s->size[0], dgxp_job_set_size(job, s->size[0], s->size[1]));
    SET(s->steps, dgxp_job_set_steps(job, s->steps));
    SET(s->guidance >= 0, dgxp_job_set_guidance(job, s->guidance));
    SET(s->rescale >= 0, dgxp_job_set_guidance_rescale(job, s->rescale));
    SET(s->cfg_stop >= 0, dgxp_job_set_cfg_stop(job, s->cfg_stop));
    SET(s->eta >= 0, dgxp_job_set_eta(job, s->eta));
    SET(s->temperature >= 0, dgxp_job_set_temperature(job, s->temperature));
    SET(s->sampler, dgxp_job_set_sampler(job, (dgxp_sampler)s->sampler));
    SET(s->schedule, dgxp_job_set_schedule(job, (dgxp_schedule)s->schedule));
    SET(s->spacing, dgxp_job_set_spacing(job, (dgxp_spacing)s->spacing));
    SET(s->tiling, dgxp_job_set_tiling(job, (dgxp_tiling)s->tiling));
    SET(init, dgxp_job_set_init_image(job, init, s->strength < 0 ? 0.75 : s->strength));
    SET(mask, dgxp_job_set_mask(job, mask));
#undef SET
    for (int i = 0; i < s->loras.count && !s->partial && status == DGXP_OK; i++) {
        cli_lora_wish wish;
        if (cli_parse_lora(s->loras.items[i], &wish)) {
            status = dgxp_job_add_lora(job, wish.name, wish.unet, wish.text);
        }
    }
    return status == DGXP_OK ? set_finish(job, s) : status;
}

static dgxp_status make_styled(const settings *s, const dgxp_model *model, dgxp_job **out)
{
    const int count = s->fields.count + CLI_PRESET_FIELDS;
    char **fields = cli_zero((size_t)count, sizeof *fields);
    dgxp_preset_params params = DGXP_PRESET_PARAMS_INIT;
    params.kind = s->kind;
    params.subject = s->subject;
    params.style = s->style;
    params.speed = s->speed;
    for (int i = 0; i < CLI_PRESET_FIELDS; i++) {
        if (s->named_fields[i]) {
            fields[params.field_count++] =
                cli_format("%s=%s", cli_preset_fields[i], s->named_fields[i]);
        }
    }
    for (int i = 0; i < s->fields.count; i++) {
        fields[params.field_count++] = cli_format("%s", s->fields.items[i]);
    }
    params.fields = (const char *const *)fields;
    const dgxp_status status = dgxp_job_create_styled(model, &params, out);
    for (int i = 0; i < params.field_count; i++) {
        free(fields[i]);
    }
    free(fields);
    return status;
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
    json_t *request = json_deep_copy(s->defaults);
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

static dgxp_status make_requested(const settings *s, const dgxp_model *model, dgxp_job **out)
{
    json_t *request = make_request(s);
    char *text = json_dumps(request, JSON_COMPACT);
    const dgxp_status status = dgxp_job_create_request(model, text, s->folder, out);
    free(text);
    json_decref(request);
    return status;
}

dgxp_status cli_generate_job(const settings *s, const dgxp_model *model, uint64_t seed,
                             const dgxp_image *init, const dgxp_image *mask, dgxp_job **out)
{
    dgxp_status status = s->defaults    ? make_requested(s, model, out)
                         : is_preset(s) ? make_styled(s, model, out)
                                        : dgxp_job_create(s->subject, out);
    return status == DGXP_OK ? fill_job(*out, s, seed, init, mask) : status;
}
