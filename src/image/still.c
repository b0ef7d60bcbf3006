/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of a finished sprite, as JSON: other colors, motions, a normal map. */
#include "image/still.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "image/motion.h"

#include <string.h>

enum { TEXT_LIMIT = 8192 };

const char *const px_still_names[] = {"recolor", "motion", "normal"};
_Static_assert(sizeof px_still_names / sizeof *px_still_names == PX_STILL_STEPS, "all are named");

/* A number of a params struct by its name. */
typedef struct field {
    const char *name;
    int64_t low, high;
    int32_t *to;
} field;

static dgxp_status read_numbers(const px_json *at, const field *fields, size_t count)
{
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        int64_t value = *fields[i].to;
        status = px_json_integer(at, fields[i].name, PX_JSON_OPTIONAL, fields[i].low,
                                 fields[i].high, &value);
        *fields[i].to = (int32_t)value;
    }
    return status;
}

static dgxp_status read_switches(const px_json *at, const field *fields, size_t count)
{
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < count && status == DGXP_OK; i++) {
        bool value = false;
        status = px_json_boolean(at, fields[i].name, PX_JSON_OPTIONAL, &value);
        *fields[i].to = value;
    }
    return status;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static dgxp_status read_recolor(const px_json *root, px_still *s)
{
    static const char *const known[] = {"map", "variant", "keep_skin", "move_outline"};
    const field numbers[] = {{"variant", 0, 1000, &s->recolor.variant}};
    const field switches[] = {{"keep_skin", 0, 1, &s->recolor.keep_skin},
                              {"move_outline", 0, 1, &s->recolor.move_outline}};
    px_json at;
    if (json_is_string(json_object_get(root->value, "recolor"))) { /* the map alone */
        s->recolors = true;
        return px_json_text(root, "recolor", PX_JSON_REQUIRED, TEXT_LIMIT, &s->recolor.map);
    }
    dgxp_status status = px_json_object(root, "recolor", PX_JSON_OPTIONAL, &at);
    s->recolors = status == DGXP_OK && at.value;
    if (!s->recolors) {
        return status;
    }
    PX_NEXT(px_json_only(&at, "field", known, COUNT(known)));
    PX_NEXT(px_json_text(&at, "map", PX_JSON_OPTIONAL, TEXT_LIMIT, &s->recolor.map));
    PX_NEXT(read_numbers(&at, numbers, COUNT(numbers)));
    PX_NEXT(read_switches(&at, switches, COUNT(switches)));
    return status;
}

/* "idle,walk" alone says which; an object says more. */
static dgxp_status read_motion(const px_json *root, px_still *s)
{
    static const char *const known[] = {"motions", "facing", "frames",     "reach",
                                        "speed",   "seed",   "keep_canvas"};
    const field numbers[] = {{"frames", 2, PX_MOTION_FRAMES_MAX, &s->motion.frames},
                             {"reach", 25, 400, &s->motion.reach},
                             {"speed", 10, 1000, &s->motion.speed}};
    const field switches[] = {{"keep_canvas", 0, 1, &s->motion.keep_canvas}};
    const json_t *given = json_object_get(root->value, "motion");
    px_json at;
    int64_t seed = 0;
    s->moves = given != NULL && !json_is_null(given);
    if (!s->moves) {
        return DGXP_OK;
    }
    if (json_is_string(given)) {
        return px_json_text(root, "motion", PX_JSON_REQUIRED, TEXT_LIMIT, &s->motion.motions);
    }
    if (!json_is_object(given)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: field 'motion' must be text like \"idle,walk\", or an object",
                            root->file);
    }
    dgxp_status status = px_json_object(root, "motion", PX_JSON_REQUIRED, &at);
    PX_NEXT(px_json_only(&at, "field", known, COUNT(known)));
    PX_NEXT(px_json_text(&at, "motions", PX_JSON_OPTIONAL, TEXT_LIMIT, &s->motion.motions));
    PX_NEXT(px_json_named(&at, "facing", PX_JSON_OPTIONAL, px_motion_facing_choices,
                          px_motion_facing_count, &s->motion.facing));
    PX_NEXT(read_numbers(&at, numbers, COUNT(numbers)));
    PX_NEXT(read_switches(&at, switches, COUNT(switches)));
    PX_NEXT(px_json_integer(&at, "seed", PX_JSON_OPTIONAL, 0, INT64_C(9007199254740991), &seed));
    s->motion.seed = (uint64_t)seed;
    return status;
}

/* true, or an object. */
static dgxp_status read_normal(const px_json *root, px_still *s)
{
    static const char *const known[] = {"strength", "no_shading", "y_down"};
    const field numbers[] = {{"strength", 10, 400, &s->normal.strength}};
    const field switches[] = {{"no_shading", 0, 1, &s->normal.no_shading},
                              {"y_down", 0, 1, &s->normal.y_down}};
    const json_t *given = json_object_get(root->value, "normal");
    px_json at;
    s->maps = json_is_object(given);
    if (!s->maps) {
        return px_json_boolean(root, "normal", PX_JSON_OPTIONAL, &s->maps);
    }
    dgxp_status status = px_json_object(root, "normal", PX_JSON_REQUIRED, &at);
    PX_NEXT(px_json_only(&at, "field", known, COUNT(known)));
    PX_NEXT(read_numbers(&at, numbers, COUNT(numbers)));
    PX_NEXT(read_switches(&at, switches, COUNT(switches)));
    return status;
}

dgxp_status px_still_read(const char *where, const json_t *document, px_still *out)
{
    px_json root;
    *out = (px_still){.recolor = DGXP_RECOLOR_PARAMS_INIT,
                      .motion = DGXP_MOTION_PARAMS_INIT,
                      .normal = DGXP_NORMAL_PARAMS_INIT};
    if (!document) {
        return DGXP_OK;
    }
    dgxp_status status = px_json_root(where, document, &root);
    PX_NEXT(read_recolor(&root, out));
    PX_NEXT(read_motion(&root, out));
    PX_NEXT(read_normal(&root, out));
    return status;
}

/* Carried out on a sprite of one color: what is refused there would be refused of any, but for what
 * a sprite must have, eyes or a ramp of that hue. */
dgxp_status px_still_check(const char *where, const json_t *document)
{
    px_still s;
    dgxp_image *probe = NULL, *recolored = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_status status = px_still_read(where, document, &s);
    PX_NEXT(dgxp_image_create(8, 16, NULL, &probe));
    if (status == DGXP_OK) {
        memset(dgxp_image_pixels_mut(probe), 255, (size_t)8 * 16 * 4);
    }
    if (status == DGXP_OK && s.recolors) {
        status = dgxp_recolor(probe, &s.recolor, NULL, &recolored);
        status = status == DGXP_ERR_NOT_FOUND ? DGXP_OK : status;
    }
    if (status == DGXP_OK && s.moves) {
        status = dgxp_motion(probe, &s.motion, NULL, &sheet);
        status = status == DGXP_ERR_UNSUPPORTED ? DGXP_OK : status;
    }
    if (status != DGXP_OK && strncmp(dgxp_last_error(), where, strlen(where)) != 0) {
        char *said = px_mem_format("%s: %s", where, dgxp_last_error());
        status = said ? px_error_set(status, "%s", said) : px_error_memory("a sprite's steps");
        px_mem_free(said);
    }
    dgxp_sheet_free(sheet);
    dgxp_image_free(recolored);
    dgxp_image_free(probe);
    return status;
}

json_t *px_still_lay(const json_t *under, const json_t *over)
{
    json_t *laid = json_object();
    for (int i = 0; i < PX_STILL_STEPS && laid; i++) {
        json_t *own = json_object_get(over, px_still_names[i]);
        json_t *step = own ? own : json_object_get(under, px_still_names[i]);
        if (step && !json_is_null(step) && !json_is_false(step) &&
            !px_json_put(laid, px_still_names[i], json_deep_copy(step))) {
            json_decref(laid);
            laid = NULL;
        }
    }
    return laid;
}
