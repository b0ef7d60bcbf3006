/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of settings: what one picture can be asked for, each said once for every face. */
#include "diffusion/setting.h"

#include "core/choice.h"
#include "core/error.h"
#include "core/number.h"
#include "diffusion/choices.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    PRESET = PX_SETTING_IN_PRESET,
    MODEL = PX_SETTING_IN_PRESET | PX_SETTING_IN_BUNDLE,
    QUIET = PX_SETTING_QUIET,
    TOLD = PX_SETTING_TOLD,
    FIELD = PX_SETTING_FIELD,
    PROMPT = PX_JOB_PROMPT_LIMIT,
    SIDE = PX_JOB_CANVAS_LIMIT,
    STEPS = PX_JOB_STEPS_LIMIT,
    PATH = PX_SETTING_PATH,
    NOWHERE = PX_SETTING_NOWHERE,
    WORD = 64
};

#define AT(member) (int)offsetof(px_setting_values, member)
#define SAME false
#define VARIES true

/* In the order in which recipes tell them; scripts make every face's list of it. */
static const px_setting settings[] = {
    {"kind", PX_SETTING_TEXT, 0, SAME, NOWHERE, 0, WORD, -1, "",
     "a preset: character, monster, item, tile, icon, effect … with the subject"},
    {"subject", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, PROMPT, -1, "",
     "what the preset paints: \"medieval knight\""},
    {"style", PX_SETTING_TEXT, 0, SAME, NOWHERE, 0, WORD, -1, "",
     "with a kind: 8bit, 16bit, 32bit, gameboy, nes, 1bit"},
    {"speed", PX_SETTING_TEXT, 0, SAME, NOWHERE, 0, WORD, -1, "",
     "with a kind: fast, balanced, quality"},
    {"view", PX_SETTING_TEXT, FIELD, VARIES, NOWHERE, 0, WORD, -1, "",
     "with a kind: front, side, back, three-quarter, top-down"},
    {"facing", PX_SETTING_TEXT, FIELD, VARIES, NOWHERE, 0, WORD, -1, "",
     "with a kind: south (to the viewer), south-east, east … eight of them"},
    {"outline", PX_SETTING_TEXT, FIELD, VARIES, NOWHERE, 0, WORD, -1, "",
     "with a kind: none, black, colored, inner"},
    {"shading", PX_SETTING_TEXT, FIELD, VARIES, NOWHERE, 0, WORD, -1, "",
     "with a kind: flat, simple, soft, dithered"},
    {"detail", PX_SETTING_TEXT, FIELD, VARIES, NOWHERE, 0, WORD, -1, "",
     "with a kind: low, medium, high"},
    {"isometric", PX_SETTING_TEXT, FIELD, VARIES, NOWHERE, 0, WORD, -1, "", "with a kind: no, yes"},
    {"fields", PX_SETTING_OTHER, 0, VARIES, NOWHERE, 0, 0, -1, "",
     "with a kind: fields of presets of your own, {\"name\": \"value\"}"},
    {"prompt", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, PROMPT, -1, "",
     "the whole prompt in A1111's grammar: (word:1.2), [word], BREAK, <lora:NAME:0.8>"},
    {"negative_prompt", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, PROMPT, -1, "",
     "what should not be there"},
    {"seed", PX_SETTING_INTEGER, 0, VARIES, NOWHERE, 0, (double)PX_JOB_SEED_LIMIT, -1, "",
     "the same seed paints the same picture; one is drawn when it is not given"},
    {"canvas", PX_SETTING_SIDES, PRESET, SAME, AT(canvas), 1, SIDE, 0, "pixels",
     "what the model paints, for experts"},
    {"size", PX_SETTING_SIDES, PRESET, SAME, AT(size), 1, SIDE, 0, "pixels",
     "sprite pixels that come out"},
    {"steps", PX_SETTING_INTEGER, MODEL, SAME, AT(steps), 1, STEPS, 25, "",
     "how often the picture is refined; the model's own when it is not given"},
    {"guidance", PX_SETTING_NUMBER, MODEL, SAME, AT(guidance), 0, 100, 7, "",
     "how strictly the words are followed; 1 or less ignores the negative prompt and is twice as "
     "fast"},
    {"guidance_rescale", PX_SETTING_NUMBER, MODEL, SAME, AT(rescale), 0, 1, 0, "share",
     "against burnt colours"},
    {"cfg_start", PX_SETTING_NUMBER, MODEL | QUIET, SAME, AT(cfg_start), 0, 1, 0, "share",
     "guidance begins after this share of the steps: 0.2 leaves the first ones to the words alone"},
    {"cfg_stop", PX_SETTING_NUMBER, MODEL, SAME, AT(cfg_stop), 0, 1, 1, "share",
     "guidance ends after this share of the steps: 0.6 saves 20 %"},
    {"sampler", PX_SETTING_CHOICE, MODEL, SAME, AT(sampler), 0, 0, DGXP_SAMPLER_EULER, "",
     "how a step is made of the model's answer"},
    {"schedule", PX_SETTING_CHOICE, MODEL, SAME, AT(schedule), 0, 0, DGXP_SCHEDULE_NORMAL, "",
     "how the noise falls from step to step"},
    {"spacing", PX_SETTING_CHOICE, MODEL, SAME, AT(spacing), 0, 0, DGXP_SPACING_LEADING, "",
     "which of the training's steps are taken"},
    {"tiling", PX_SETTING_CHOICE, PRESET, SAME, AT(tiling), 0, 0, DGXP_TILING_NONE, "",
     "along which axes the picture goes on at the other side"},
    {"temperature", PX_SETTING_NUMBER, MODEL, SAME, AT(temperature), 0, 1, 1, "share",
     "below 1 surfaces come out smoother"},
    {"eta", PX_SETTING_NUMBER, MODEL, SAME, AT(eta), 0, 1, -1, "share", "noise of ddim and tcd"},
    {"best_of", PX_SETTING_INTEGER, PRESET | QUIET, SAME, AT(best_of), 1, PX_BEST_LIMIT, 1, "",
     "paint so many candidates, each of a seed of its own, and keep the one that the quality "
     "report "
     "likes best"},
    {"panel", PX_SETTING_NUMBER, PRESET | QUIET, SAME, AT(panel), 0, 0.49, 0, "share",
     "the picture is a frame that is stretched in nine parts: how much of a side each border "
     "takes"},
    {"init", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, PATH, -1, "", "the picture to start from"},
    {"strength", PX_SETTING_NUMBER, 0, SAME, AT(strength), 0, 1, 0.75, "share",
     "with init: 0 keeps it, 1 ignores it"},
    {"mask", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, PATH, -1, "",
     "with init: white is painted anew, black stays"},
    {"palette", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, PATH, -1, "",
     "these colors and no others: a built-in palette's name, or a file"},
    {"colors", PX_SETTING_INTEGER, 0, VARIES, NOWHERE, 1, 256, -1, "",
     "at most so many colors, found in the picture"},
    {"background", PX_SETTING_TEXT, 0, VARIES, NOWHERE, 0, 16, -1, "",
     "what becomes transparent: auto, keep, #rrggbb"},
    {"as_painted", PX_SETTING_BOOLEAN, 0, VARIES, NOWHERE, 0, 1, 0, "",
     "no palette, matte and clean-up: only size and hard alpha"},
    {"finish", PX_SETTING_OTHER, 0, VARIES, NOWHERE, 0, 0, -1, "",
     "the pixel steps after painting, over the preset's or the model's own: {\"palette\": "
     "\"pico-8\"} …"},
    {"lora", PX_SETTING_TEXT, 0, SAME, NOWHERE, 0, PATH, -1, "",
     "adapters as people write them: NAME:WEIGHT, or NAME:WEIGHT:TEXT_WEIGHT, and a comma"},
    {"loras", PX_SETTING_OTHER, 0, SAME, NOWHERE, 0, 0, -1, "",
     "adapters: [{\"name\": \"style\", \"weight\": 0.8}]; \"unet\" and \"text\" where the parts "
     "differ"},
    {"parity", PX_SETTING_BOOLEAN, QUIET, SAME, AT(parity), 0, 1, 0, "",
     "diffusers' rule for '!', for comparisons only"},
    {"format", PX_SETTING_OTHER, TOLD, SAME, NOWHERE, 0, 0, -1, "", "the recipe's format"},
    {"version", PX_SETTING_OTHER, TOLD, SAME, NOWHERE, 0, 0, -1, "", "of the library"},
    {"unread", PX_SETTING_OTHER, TOLD, VARIES, NOWHERE, 0, 0, -1, "",
     "words of the prompt that the model was never shown, and what they may be slips of"},
    {"embeddings", PX_SETTING_OTHER, TOLD, VARIES, NOWHERE, 0, 0, -1, "",
     "the textual inversions that the prompts name"},
    {"init_pixels", PX_SETTING_OTHER, TOLD, VARIES, NOWHERE, 0, 0, -1, "", "init's SHA-256"},
    {"mask_pixels", PX_SETTING_OTHER, TOLD, VARIES, NOWHERE, 0, 0, -1, "", "mask's SHA-256"},
    {"model", PX_SETTING_OTHER, TOLD, SAME, NOWHERE, 0, 0, -1, "", "what painted it"},
    {"batch", PX_SETTING_OTHER, TOLD, VARIES, NOWHERE, 0, 0, -1, "", "its place in its call"},
    {"chosen", PX_SETTING_OTHER, TOLD, VARIES, NOWHERE, 0, 0, -1, "",
     "of how many candidates it is the best, and its quality"},
};

enum { SETTINGS = sizeof settings / sizeof *settings };

static const struct {
    const char *old, *now;
} renamed[] = {
    {"negative", "negative_prompt"},
    {"cfg", "guidance"},
    {"cfg_scale", "guidance"},
    {"width", "size"},
    {"height", "size"},
    {"num_steps", "steps"},
    {"scheduler", "schedule"},
    {"denoise", "strength"},
    {"denoising_strength", "strength"},
    {"init_image", "init"},
    {"mask_image", "mask"},
    {"rescale", "guidance_rescale"},
};

/* What a server that strangers ask takes at most, where that is less: seconds of work, and seeds that
 * leave room for the pictures of one body. */
static const struct {
    const char *name;
    double high;
} shared[] = {{"steps", 200}, {"best_of", 16}, {"seed", (double)(PX_JOB_SEED_LIMIT - 16)}};

const px_setting *px_setting_list(size_t *count)
{
    *count = SETTINGS;
    return settings;
}

static bool is_name(const char *name, const char *written)
{
    while (*name && (*name == *written || (*name == '_' && *written == '-'))) {
        name++;
        written++;
    }
    return !*name && !*written;
}

const px_setting *px_setting_find(const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (is_name(settings[i].name, name)) {
            return &settings[i];
        }
    }
    return NULL;
}

const char *px_setting_renamed(const char *old)
{
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        if (is_name(renamed[i].old, old)) {
            return renamed[i].now;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------ in the struct */

static double *number_at(const px_setting *setting, px_setting_values *in)
{
    return (double *)(void *)((char *)in + setting->at);
}

static int32_t *integer_at(const px_setting *setting, px_setting_values *in)
{
    return (int32_t *)(void *)((char *)in + setting->at);
}

static double get_number(const px_setting *setting, const px_setting_values *in)
{
    return *number_at(setting, (px_setting_values *)(uintptr_t)in);
}

static const int32_t *get_integer(const px_setting *setting, const px_setting_values *in)
{
    return integer_at(setting, (px_setting_values *)(uintptr_t)in);
}

static bool is_plain(const px_setting *setting)
{
    return setting->at != PX_SETTING_NOWHERE;
}

void px_setting_clear(px_setting_values *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (is_plain(&settings[i]) && settings[i].type == PX_SETTING_NUMBER) {
            *number_at(&settings[i], out) = -1;
        }
    }
}

void px_setting_resolve(const px_setting_values *asked, const px_setting_values *model,
                        px_setting_values *out)
{
    *out = *asked;
    for (size_t i = 0; i < SETTINGS; i++) {
        const px_setting *setting = &settings[i];
        if (!is_plain(setting) || setting->type == PX_SETTING_SIDES) {
            continue;
        }
        if (setting->type == PX_SETTING_NUMBER) {
            double *value = number_at(setting, out);
            *value = *value >= 0 ? *value : get_number(setting, model);
            *value = *value >= 0 ? *value : setting->fallback;
        } else {
            int32_t *value = integer_at(setting, out);
            *value = *value ? *value : *get_integer(setting, model);
            *value = *value ? *value : (int32_t)setting->fallback;
        }
    }
}

const char *px_setting_differ(const px_setting_values *a, const px_setting_values *b)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const px_setting *setting = &settings[i];
        if (!is_plain(setting)) {
            continue;
        }
        const size_t size = setting->type == PX_SETTING_NUMBER  ? sizeof(double)
                            : setting->type == PX_SETTING_SIDES ? 2 * sizeof(int32_t)
                                                                : sizeof(int32_t);
        if (memcmp((const char *)a + setting->at, (const char *)b + setting->at, size) != 0) {
            return setting->name;
        }
    }
    return NULL;
}

dgxp_status px_setting_check(const px_setting_values *in)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const px_setting *setting = &settings[i];
        if (!is_plain(setting) ||
            (setting->type != PX_SETTING_NUMBER && setting->type != PX_SETTING_INTEGER)) {
            continue;
        }
        const double value = setting->type == PX_SETTING_NUMBER ? get_number(setting, in)
                                                                : *get_integer(setting, in);
        const bool open = value == -1 && setting->fallback == -1;
        if (!open && !(value >= setting->low && value <= setting->high)) { /* NaN is refused too */
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s is %g: use %g to %g", setting->name,
                                value, setting->low, setting->high);
        }
    }
    return DGXP_OK;
}

/* -------------------------------------------------------------------------------------- JSON */

static json_t *parse_sides(const char *text)
{
    int width, height;
    char rest;
    if (sscanf(text, "%5dx%5d%c", &width, &height, &rest) == 2) {
        return json_pack("[i, i]", width, height);
    }
    return sscanf(text, "%5d%c", &width, &rest) == 1 ? json_pack("[i, i]", width, width) : NULL;
}

static dgxp_status read_sides(const px_json *object, const px_setting *setting, int32_t sides[2])
{
    const json_t *value = json_object_get(object->value, setting->name);
    double numbers[2] = {0, 0};
    json_t *parsed = json_is_string(value) ? parse_sides(json_string_value(value)) : NULL;
    if (parsed) {
        numbers[0] = json_number_value(json_array_get(parsed, 0));
        numbers[1] = json_number_value(json_array_get(parsed, 1));
        json_decref(parsed);
    } else if (json_is_integer(value)) {
        numbers[0] = numbers[1] = json_number_value(value);
    } else {
        const dgxp_status status =
            px_json_numbers(object, setting->name, PX_JSON_OPTIONAL, 2, numbers);
        if (status != DGXP_OK || !value || json_is_null(value)) {
            return status;
        }
    }
    const bool native = numbers[0] == 0 && numbers[1] == 0;
    for (int i = 0; i < 2; i++) {
        if (!native && (!(numbers[i] >= setting->low && numbers[i] <= setting->high) ||
                        numbers[i] != (int32_t)numbers[i])) {
            return px_json_refuse(object, DGXP_ERR_BAD_FORMAT,
                                  "has a %s of %g pixels: must be whole, %g to %g", setting->name,
                                  numbers[i], setting->low, setting->high);
        }
    }
    sides[0] = (int32_t)numbers[0];
    sides[1] = (int32_t)numbers[1];
    return DGXP_OK;
}

static dgxp_status read_one(const px_json *object, const px_setting *setting,
                            px_setting_values *out)
{
    int32_t count = 0, *integer = integer_at(setting, out);
    int64_t whole = *integer;
    bool flag = *integer != 0;
    dgxp_status status = DGXP_OK;
    switch (setting->type) {
    case PX_SETTING_NUMBER:
        return px_json_number(object, setting->name, PX_JSON_OPTIONAL, setting->low, setting->high,
                              number_at(setting, out));
    case PX_SETTING_INTEGER:
        status = px_json_integer(object, setting->name, PX_JSON_OPTIONAL, (int64_t)setting->low,
                                 (int64_t)setting->high, &whole);
        *integer = (int32_t)whole;
        break;
    case PX_SETTING_BOOLEAN:
        status = px_json_boolean(object, setting->name, PX_JSON_OPTIONAL, &flag);
        *integer = flag;
        break;
    case PX_SETTING_SIDES:
        return read_sides(object, setting, integer);
    case PX_SETTING_CHOICE: {
        const dgxp_choice *choices = px_diffusion_choices(setting->name, &count);
        return px_json_named(object, setting->name, PX_JSON_OPTIONAL, choices, count, integer);
    }
    case PX_SETTING_TEXT:
    case PX_SETTING_OTHER:
        break;
    }
    return status;
}

dgxp_status px_setting_text(const px_json *object, const char *name, const char **out)
{
    return px_json_text(object, name, PX_JSON_OPTIONAL, (size_t)px_setting_find(name)->high, out);
}

dgxp_status px_setting_integer(const px_json *object, const char *name, int64_t *out)
{
    const px_setting *setting = px_setting_find(name);
    return px_json_integer(object, name, PX_JSON_OPTIONAL, (int64_t)setting->low,
                           (int64_t)setting->high, out);
}

/* Sections of presets and bundles may hold more than settings, but no old names. */
static dgxp_status refuse_renamed(const px_json *object)
{
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        if (json_object_get(object->value, renamed[i].old)) {
            return px_json_refuse(object, DGXP_ERR_BAD_FORMAT,
                                  "has the field '%s'; it is called '%s'", renamed[i].old,
                                  renamed[i].now);
        }
    }
    return DGXP_OK;
}

dgxp_status px_setting_read(const px_json *object, int flags, px_setting_values *out)
{
    dgxp_status status = flags ? refuse_renamed(object) : DGXP_OK;
    for (size_t i = 0; i < SETTINGS && status == DGXP_OK; i++) {
        if (is_plain(&settings[i]) && (!flags || (settings[i].flags & flags))) {
            status = read_one(object, &settings[i], out);
        }
    }
    return status;
}

static bool put_one(json_t *recipe, const px_setting *setting, const px_setting_values *in)
{
    int32_t count = 0;
    const bool number = setting->type == PX_SETTING_NUMBER;
    const double value = number ? get_number(setting, in) : *get_integer(setting, in);
    const int32_t *sides = get_integer(setting, in);
    if ((number && value < 0) ||
        ((setting->flags & PX_SETTING_QUIET) && value == setting->fallback)) {
        return true;
    }
    switch (setting->type) {
    case PX_SETTING_NUMBER:
        return px_json_put_number(recipe, setting->name, value);
    case PX_SETTING_INTEGER:
        return px_json_put_integer(recipe, setting->name, (int64_t)value);
    case PX_SETTING_BOOLEAN:
        return px_json_put_boolean(recipe, setting->name, value != 0);
    case PX_SETTING_SIDES: {
        json_t *list = json_array();
        return sides[0] == 0 ? (json_decref(list), true)
                             : px_json_append(list, json_integer(sides[0])) &&
                                   px_json_append(list, json_integer(sides[1])) &&
                                   px_json_put(recipe, setting->name, list);
    }
    case PX_SETTING_CHOICE: {
        const dgxp_choice *choices = px_diffusion_choices(setting->name, &count);
        const char *name = px_choice_name(choices, count, (int32_t)value);
        return px_json_put_text(recipe, setting->name, name ? name : "unknown");
    }
    case PX_SETTING_TEXT:
    case PX_SETTING_OTHER:
        break;
    }
    return true;
}

bool px_setting_put(json_t *recipe, const px_setting_values *in)
{
    bool fits = true;
    for (size_t i = 0; i < SETTINGS && fits; i++) {
        fits = !is_plain(&settings[i]) || put_one(recipe, &settings[i], in);
    }
    return fits;
}

json_t *px_setting_parse(const px_setting *setting, const char *text)
{
    int64_t integer;
    double real;
    const bool yes = !strcmp(text, "true") || !strcmp(text, "1") || !strcmp(text, "yes");
    const bool no = !strcmp(text, "false") || !strcmp(text, "0") || !strcmp(text, "no");
    switch (setting->type) {
    case PX_SETTING_INTEGER:
        return px_number_whole(text, &integer) ? json_integer(integer) : NULL;
    case PX_SETTING_NUMBER:
        return px_number_parse(text, &real) ? json_real(real) : NULL;
    case PX_SETTING_BOOLEAN:
        return yes || no ? json_boolean(yes) : NULL;
    case PX_SETTING_SIDES:
        return parse_sides(text);
    case PX_SETTING_TEXT:
    case PX_SETTING_CHOICE:
    case PX_SETTING_OTHER:
        break;
    }
    return px_json_string(text, strlen(text));
}

const char *px_setting_wants(const px_setting *setting)
{
    switch (setting->type) {
    case PX_SETTING_SIDES:
        return "a size like 32x48";
    case PX_SETTING_BOOLEAN:
        return "true or false";
    case PX_SETTING_INTEGER:
        return "a whole number";
    case PX_SETTING_NUMBER:
        return "a number";
    case PX_SETTING_TEXT:
    case PX_SETTING_CHOICE:
    case PX_SETTING_OTHER:
        break;
    }
    return "text";
}

/* -------------------------------------------------------------------------------- for callers */

static json_t *list_choices(const char *name)
{
    int32_t count = 0;
    const dgxp_choice *choices = px_diffusion_choices(name, &count);
    json_t *list = json_array();
    for (int32_t i = 0; i < count; i++) {
        json_t *row = json_object();
        px_json_put_integer(row, "value", choices[i].value);
        px_json_put_text(row, "name", choices[i].name);
        px_json_put_text(row, "help", choices[i].help);
        px_json_append(list, row);
    }
    return list;
}

/* "in": which documents may say it. */
static json_t *list_places(const px_setting *setting)
{
    json_t *list = json_array();
    if (!(setting->flags & PX_SETTING_TOLD)) {
        px_json_append(list, json_string("request"));
    }
    if (setting->flags & PX_SETTING_IN_PRESET) {
        px_json_append(list, json_string("preset"));
    }
    if (setting->flags & PX_SETTING_IN_BUNDLE) {
        px_json_append(list, json_string("bundle"));
    }
    return list;
}

static json_t *write_limit(double value)
{
    return value == floor(value) ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *describe(const px_setting *setting)
{
    static const char *const types[] = {"text",  "integer", "number", "boolean",
                                        "sides", "choice",  "json"};
    const bool ranged = setting->type == PX_SETTING_INTEGER || setting->type == PX_SETTING_NUMBER ||
                        setting->type == PX_SETTING_SIDES;
    const bool wide = setting->high > 1e9;
    json_t *row = json_object();
    px_json_put_text(row, "name", setting->name);
    px_json_put_text(row, "type", types[setting->type]);
    if (ranged) {
        px_json_put(row, "low", write_limit(setting->low));
        px_json_put(row, "high", write_limit(setting->high));
        for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
            if (strcmp(shared[i].name, setting->name) == 0) {
                px_json_put(row, "shared_high", write_limit(shared[i].high));
            }
        }
    } else if (setting->type == PX_SETTING_TEXT) {
        px_json_put_integer(row, "bytes", (int64_t)setting->high);
    }
    if (setting->type == PX_SETTING_CHOICE) {
        px_json_put(row, "choices", list_choices(setting->name));
    } else if (setting->fallback >= 0 && !wide && setting->type != PX_SETTING_SIDES) {
        px_json_put_number(row, "default", setting->fallback);
    }
    if (*setting->unit) {
        px_json_put_text(row, "unit", setting->unit);
    }
    px_json_put_boolean(row, "varies", setting->varies);
    px_json_put_boolean(row, "field", (setting->flags & PX_SETTING_FIELD) != 0);
    px_json_put(row, "in", list_places(setting));
    px_json_put_text(row, "help", setting->help);
    return row;
}

dgxp_status dgxp_settings(dgxp_document **out)
{
    px_error_clear();
    if (!out) {
        return px_error_begin("dgxp_settings", false, "out");
    }
    json_t *root = json_object(), *list = json_array(), *old = json_object();
    for (size_t i = 0; i < SETTINGS; i++) {
        px_json_append(list, describe(&settings[i]));
    }
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
        px_json_put_text(old, renamed[i].old, renamed[i].now);
    }
    px_json_put(root, "settings", list);
    px_json_put(root, "renamed", old);
    return px_json_document(root, out);
}
