/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Presets laid over each other: kind, style, speed and fields become one set of settings. */
#include "job/preset.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "image/still.h"

#include <string.h>

enum { TEXT_LIMIT = 4096, LORAS_LIMIT = 64 };

/* What has been gathered so far; words go into the prompt at the end. */
typedef struct mix {
    json_t *settings; /* with "finish" and "loras" */
    char *words;      /* ", side view, 16-bit" */
    char *negative;
    const char *template; /* of the kind's document */
    bool words_count;     /* the model understands them */
} mix;

static dgxp_status append_text(char **text, const char *more)
{
    if (!more || !*more) {
        return DGXP_OK;
    }
    char *longer = px_mem_format("%s%s%s", *text ? *text : "", *text ? ", " : "", more);
    px_mem_free(*text);
    *text = longer;
    return longer ? DGXP_OK : px_error_memory("a prompt");
}

static dgxp_status merge_finish(mix *into, const px_json *parent)
{
    px_json finish;
    dgxp_status status = px_json_object(parent, "finish", PX_JSON_OPTIONAL, &finish);
    if (status == DGXP_OK && finish.value &&
        json_object_update(json_object_get(into->settings, "finish"),
                           (json_t *)(uintptr_t)finish.value)) {
        status = px_error_memory("a preset");
    }
    return status;
}

/* Settings of a later layer win; prompts, words, negative prompts and adapters add up. */
static dgxp_status merge_section(mix *into, const px_json *section)
{
    const char *key, *words = NULL, *negative = NULL;
    json_t *value;
    px_json loras;
    dgxp_status status = px_json_text(section, "words", PX_JSON_OPTIONAL, TEXT_LIMIT, &words);
    if (json_is_boolean(json_object_get(section->value, "words"))) {
        status = px_json_boolean(section, "words", PX_JSON_OPTIONAL, &into->words_count);
        px_error_clear();
    }
    PX_NEXT(px_json_text(section, "negative_prompt", PX_JSON_OPTIONAL, TEXT_LIMIT, &negative));
    PX_NEXT(px_json_array(section, "loras", PX_JSON_OPTIONAL, LORAS_LIMIT, &loras));
    PX_NEXT(append_text(&into->words, words));
    PX_NEXT(append_text(&into->negative, negative));
    PX_NEXT(merge_finish(into, section));
    for (size_t i = 0; status == DGXP_OK && i < px_json_count(&loras); i++) {
        json_t *lora = json_deep_copy(px_json_element(&loras, i).value);
        if (json_object_get(section->value, "without")) { /* it decides whether that counts */
            px_json_put_boolean(lora, "decides", true);
        }
        px_json_append(json_object_get(into->settings, "loras"), lora);
    }
    json_object_foreach((json_t *)(uintptr_t)section->value, key, value)
    {
        const bool apart = !strcmp(key, "words") || !strcmp(key, "negative_prompt") ||
                           !strcmp(key, "loras") || !strcmp(key, "finish") ||
                           !strcmp(key, "prompt");
        if (status == DGXP_OK && !apart && json_object_set(into->settings, key, value)) {
            status = px_error_memory("a preset");
        }
    }
    return status;
}

/* The part for this model: its own section, else the one for all, "*". */
static dgxp_status find_section(const px_json *root, const char *model, px_json *section)
{
    px_json models;
    dgxp_status status = px_json_object(root, "models", PX_JSON_REQUIRED, &models);
    *section = (px_json){0};
    if (status == DGXP_OK && model) {
        status = px_json_object(&models, model, PX_JSON_OPTIONAL, section);
    }
    if (status == DGXP_OK && !section->value) {
        status = px_json_object(&models, "*", PX_JSON_REQUIRED, section);
    }
    return status;
}

/* What becomes of the finished sprite: checked here, where the file is known. */
static dgxp_status merge_still(mix *into, const px_json *root)
{
    dgxp_status status = px_still_check(root->file, root->value);
    for (int i = 0; i < PX_STILL_STEPS && status == DGXP_OK; i++) {
        json_t *step = json_object_get(root->value, px_still_names[i]);
        if (step && json_object_set(into->settings, px_still_names[i], step)) {
            status = px_error_memory("a preset");
        }
    }
    return status;
}

static dgxp_status merge_layer(mix *into, const char *path, const json_t *document,
                               const char *model)
{
    px_json root, section;
    dgxp_status status = px_json_root(path, document, &root);
    PX_NEXT(merge_finish(into, &root));
    PX_NEXT(merge_still(into, &root));
    if (status == DGXP_OK) {
        status = find_section(&root, model, &section);
    }
    return status == DGXP_OK ? merge_section(into, &section) : status;
}

/* -------------------------------------------------------------------------------------- fields */

static dgxp_status refuse_value(const char *name, const char *value, const json_t *choices)
{
    char *known = NULL;
    const char *choice;
    json_t *ignored;
    json_object_foreach((json_t *)(uintptr_t)choices, choice, ignored)
    {
        append_text(&known, choice);
    }
    const dgxp_status status =
        px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s '%.80s': must be one of %s", name, value,
                     known ? known : "nothing at all");
    px_mem_free(known);
    return status;
}

/* One value of one field: a phrase, or {"words", "finish"}. */
static dgxp_status merge_field(mix *into, const char *name, const char *value, const char *folder)
{
    char *path = NULL;
    json_t *document = NULL;
    px_json root, choices, choice;
    const char *words = NULL;
    dgxp_status status = px_preset_load(PX_PRESET_FIELD, name, folder, &path, &document);
    PX_NEXT(px_json_root(path, document, &root));
    PX_NEXT(px_json_object(&root, "choices", PX_JSON_REQUIRED, &choices));
    if (status == DGXP_OK && !json_object_get(choices.value, value)) {
        status = refuse_value(name, value, choices.value);
    }
    if (status == DGXP_OK && json_is_object(json_object_get(choices.value, value))) {
        status = px_json_object(&choices, value, PX_JSON_REQUIRED, &choice);
        PX_NEXT(px_json_text(&choice, "words", PX_JSON_OPTIONAL, TEXT_LIMIT, &words));
        PX_NEXT(merge_finish(into, &choice));
    } else {
        PX_NEXT(px_json_text(&choices, value, PX_JSON_REQUIRED, TEXT_LIMIT, &words));
    }
    PX_NEXT(append_text(&into->words, words));
    json_decref(document);
    px_mem_free(path);
    return status;
}

/* Every field that is asked for must be one of the kind's. */
static dgxp_status check_fields(const px_preset_want *want, const json_t *own)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)want->fields, name, value)
    {
        if (!json_object_get(own, name)) {
            char *known = NULL;
            const char *other;
            json_t *ignored;
            json_object_foreach((json_t *)(uintptr_t)own, other, ignored)
            {
                append_text(&known, other);
            }
            const dgxp_status status =
                px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: '%s' has no such field; it has %s",
                             name, px_preset_kind(want), known ? known : "none");
            px_mem_free(known);
            return status;
        }
        if (!json_is_string(value)) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: must be a text", name);
        }
    }
    return DGXP_OK;
}

/* In the order of the kind's file; an empty answer or "medium" may say nothing. */
static dgxp_status merge_fields(mix *into, const px_preset_want *want, const px_json *root)
{
    px_json fields;
    const char *name;
    json_t *preset;
    dgxp_status status = px_json_object(root, "fields", PX_JSON_OPTIONAL, &fields);
    if (status == DGXP_OK) {
        status = check_fields(want, fields.value);
    }
    json_object_foreach((json_t *)(uintptr_t)fields.value, name, preset)
    {
        const char *value = json_string_value(json_object_get(want->fields, name));
        value = value ? value : json_string_value(preset);
        if (status == DGXP_OK && value) {
            status = merge_field(into, name, value, want->folder);
        }
    }
    return status;
}

/* -------------------------------------------------------------------------------------- prompt */

/* `template` with {subject} and {words} filled in; words go to the end when it has no place. */
static char *fill_template(const char *template, const char *subject, const char *words)
{
    const bool placed = strstr(template, "{words}") != NULL;
    char *text = px_mem_text("");
    while (text && *template) {
        const char *brace = strchr(template, '{');
        const size_t length = brace ? (size_t)(brace - template) : strlen(template);
        const bool is_subject = brace && strncmp(brace, "{subject}", 9) == 0;
        const bool is_words = brace && strncmp(brace, "{words}", 7) == 0;
        char *longer =
            px_mem_format("%s%.*s%s%s%s", text, (int)length, template, is_subject ? subject : "",
                          is_words && words                   ? ", "
                          : brace && !is_subject && !is_words ? "{"
                                                              : "",
                          is_words && words ? words : "");
        px_mem_free(text);
        text = longer;
        template += length + (is_subject ? 9 : is_words ? 7 : brace ? 1 : 0);
    }
    if (text && words && !placed) {
        char *longer = px_mem_format("%s, %s", text, words);
        px_mem_free(text);
        text = longer;
    }
    return text;
}

static dgxp_status put_prompts(mix *mixed, const char *subject)
{
    char *prompt =
        fill_template(mixed->template, subject, mixed->words_count ? mixed->words : NULL);
    const bool fits =
        px_json_put_text(mixed->settings, "prompt", prompt) &&
        (!mixed->negative || px_json_put_text(mixed->settings, "negative_prompt", mixed->negative));
    const bool whole = prompt && fits;
    px_mem_free(prompt);
    return whole ? DGXP_OK : px_error_memory("a prompt");
}

static dgxp_status mix_named(mix *mixed, px_preset_group group, const char *name,
                             const char *folder, const char *model)
{
    char *path = NULL;
    json_t *document = NULL;
    if (!name) {
        return DGXP_OK;
    }
    dgxp_status status = px_preset_load(group, name, folder, &path, &document);
    if (status == DGXP_OK) {
        status = merge_layer(mixed, path, document, model);
    }
    json_decref(document);
    px_mem_free(path);
    return status;
}

static dgxp_status mix_all(mix *mixed, const char *path, const json_t *kind, const char *model,
                           const px_preset_want *want)
{
    px_json root, section, sizes;
    dgxp_status status = px_json_root(path, kind, &root);
    PX_NEXT(find_section(&root, model, &section));
    PX_NEXT(px_json_text(&section, "prompt", PX_JSON_REQUIRED, TEXT_LIMIT, &mixed->template));
    PX_NEXT(px_json_object(&root, "sizes", PX_JSON_OPTIONAL, &sizes));
    PX_NEXT(merge_layer(mixed, path, kind, model));
    PX_NEXT(merge_fields(mixed, want, &root));
    PX_NEXT(mix_named(mixed, PX_PRESET_STYLE, want->style, want->folder, model));
    PX_NEXT(mix_named(mixed, PX_PRESET_SPEED, want->speed, want->folder, model));
    if (status == DGXP_OK && sizes.value) {
        json_object_set(mixed->settings, "sizes", (json_t *)(uintptr_t)sizes.value);
    }
    return status == DGXP_OK ? put_prompts(mixed, want->subject) : status;
}

const char *px_preset_kind(const px_preset_want *want)
{
    return want->kind ? want->kind : "character";
}

dgxp_status px_preset_expand(const char *model, const px_preset_want *want, json_t **out)
{
    char *path = NULL;
    json_t *kind = NULL;
    mix mixed = {.settings = json_pack("{s{}, s[]}", "finish", "loras"), .words_count = true};
    dgxp_status status = mixed.settings ? px_preset_load(PX_PRESET_KIND, px_preset_kind(want),
                                                         want->folder, &path, &kind)
                                        : px_error_memory("a preset");
    if (status == DGXP_OK) {
        status = mix_all(&mixed, path, kind, model, want);
    }
    json_decref(kind);
    px_mem_free(path);
    px_mem_free(mixed.words);
    px_mem_free(mixed.negative);
    if (status != DGXP_OK) {
        json_decref(mixed.settings);
        return status;
    }
    *out = mixed.settings;
    return DGXP_OK;
}

dgxp_status px_preset_check(const px_preset_want *want)
{
    json_t *settings = NULL;
    const dgxp_status status = px_preset_expand(NULL, want, &settings);
    json_decref(settings);
    return status;
}

dgxp_status px_preset_still(const json_t *request, const char *folder, json_t **out)
{
    const px_preset_want want = {.kind = json_string_value(json_object_get(request, "kind")),
                                 .subject = "",
                                 .style = json_string_value(json_object_get(request, "style")),
                                 .speed = json_string_value(json_object_get(request, "speed")),
                                 .folder = folder};
    json_t *settings = NULL;
    const bool presets =
        !json_object_get(request, "prompt") && (want.kind || want.style || want.speed);
    if (presets && px_preset_expand(NULL, &want, &settings) != DGXP_OK) {
        px_error_clear();
    }
    *out = px_still_lay(settings, NULL);
    json_decref(settings);
    return *out ? DGXP_OK : px_error_memory("a preset");
}
