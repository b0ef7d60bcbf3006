/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The job that `generate` was asked for: a preset or a plain prompt, refined by options. */
#include "cli/generate.h"

#include "cli/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef cli_generate_settings settings;

/* What refines a kind, beside `fields`: without one it says nothing. */
static const char *const refining[] = {"style",   "speed",   "view",   "facing",
                                       "outline", "shading", "detail", "isometric"};

enum { REFINING = sizeof refining / sizeof *refining };

/* A style, a speed and fields refine a kind, which the library knows when nobody says one. */
static bool is_preset(const settings *s)
{
    bool refined = s->kind || s->fields.count || json_object_get(s->more, "fields");
    for (int i = 0; i < REFINING; i++) {
        refined = refined || json_object_get(s->more, refining[i]);
    }
    return refined;
}

static void put_fields(json_t *request, const settings *s)
{
    json_t *fields = json_object();
    json_object_update(fields, json_object_get(request, "fields"));
    for (int i = 0; i < s->fields.count; i++) {
        const char *equals = strchr(s->fields.items[i], '=');
        char *name =
            cli_format("%.*s", equals ? (int)(equals - s->fields.items[i]) : 0, s->fields.items[i]);
        json_object_set_new(fields, name, cli_json_text(equals ? equals + 1 : ""));
        free(name);
    }
    json_object_set_new(request, "fields", fields);
}

/* The project's defaults with what was asked for laid over them.  Without a kind nothing is left of
 * what refines one. */
static json_t *make_request(const settings *s)
{
    const bool preset = is_preset(s);
    json_t *request = s->defaults ? json_deep_copy(s->defaults) : json_object();
    for (int i = 0; i < REFINING && !preset; i++) {
        json_object_del(request, refining[i]);
    }
    json_object_update(request, s->more);
    json_object_del(request, preset ? "prompt" : "subject");
    json_object_set_new(request, preset ? "subject" : "prompt", cli_json_text(s->subject));
    if (preset) {
        put_fields(request, s);
    } else {
        json_object_del(request, "fields");
    }
    if (preset && s->kind) {
        json_object_set_new(request, "kind", cli_json_text(s->kind));
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
