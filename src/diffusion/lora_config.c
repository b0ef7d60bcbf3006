/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an adapter says of itself: PEFT's configuration, and the base that it was made for. */
#include "diffusion/lora.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATTERNS_MAX = 256 };

#define CONFIG_SIZE ((size_t)1 << 20)

/* ------------------------------------------------------------------------------ configuration */

/* {"unet.r": 4, "unet.use_rslora": true, …} from diffusers, {"r": 4, …} from PEFT itself. */
dgxp_status px_lora_config(const px_safetensors *set, json_t **out)
{
    const char *path = px_safetensors_path(set);
    const char *text = px_safetensors_metadata(set, "lora_adapter_metadata");
    *out = NULL;
    if (text) {
        char *where = px_mem_format("%s: metadata 'lora_adapter_metadata'", path);
        const dgxp_status status = where ? px_json_parse(where, text, strlen(text), out)
                                         : px_error_memory("an adapter's metadata");
        px_mem_free(where);
        return status;
    }
    const char *name = px_file_name(path);
    if (strcmp(name, "adapter_model.safetensors") != 0) {
        return DGXP_OK;
    }
    char *config = px_mem_format("%.*sadapter_config.json", (int)(name - path), path);
    dgxp_status status = config ? DGXP_OK : px_error_memory("a path");
    if (status == DGXP_OK && px_file_exists(config)) {
        status = px_json_load(config, CONFIG_SIZE, out);
    }
    px_mem_free(config);
    return status;
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Steps over what PEFT and diffusers put before a module's path; the part of the configuration that
 * speaks of it goes to `part`. */
static const char *skip_prefixes(const char *key, const char **part)
{
    static const char *const parts[] = {"unet", "text_encoder", "text_encoder_2"};
    *part = "";
    key += begins(key, "base_model.model.") ? strlen("base_model.model.") : 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t length = strlen(parts[i]);
        if (begins(key, parts[i]) && key[length] == '.') {
            *part = parts[i];
            key += length + 1;
        }
    }
    return key + (begins(key, "base_model.model.") ? strlen("base_model.model.") : 0);
}

static const json_t *config_field(const json_t *config, const char *part, const char *field)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s%s", part, *part ? "." : "", field);
    const json_t *value = json_object_get(config, name);
    return value ? value : json_object_get(config, field);
}

/* A pattern of Python's as POSIX writes it: what they differ in and trainers use.  False: it has
 * more (look-ahead, back references; counts like {1,255}, of which three in each other take hours). */
static bool translate(const char *pattern, char *out, size_t size)
{
    const char *const limit = out + size - 16;
    out = stpcpy(out, "^(.*\\.)?(");
    for (const char *at = pattern; *at; at++) {
        if (out >= limit) {
            return false;
        }
        if (at[0] == '\\' && at[1] == 'd') {
            out = stpcpy(out, "[0-9]");
            at++;
        } else if (at[0] == '\\' && at[1]) {
            if (strchr("123456789AbBDSZ", at[1])) {
                return false;
            }
            *out++ = *at++;
            *out++ = *at;
        } else if (at[0] == '(' && at[1] == '?') {
            if (at[2] != ':') {
                return false;
            }
            *out++ = '(';
            at += 2;
        } else if (*at == '{') {
            return false;
        } else {
            *out++ = *at;
            /* How greedy it is changes nothing where the whole path must match. */
            at += strchr("*+?", *at) && at[1] == '?';
        }
    }
    stpcpy(out, ")$");
    return true;
}

/* PEFT's rule (get_pattern_key): the first key that matches the module's path, or its end behind a
 * '.', as a regular expression. */
static dgxp_status pattern_value(const json_t *patterns, const char *path, const json_t **value)
{
    const char *key;
    json_t *found;
    *value = NULL;
    if (json_object_size(patterns) > PATTERNS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "the adapter's configuration has %zu patterns; it may have %d",
                            json_object_size(patterns), PATTERNS_MAX);
    }
    json_object_foreach((json_t *)(uintptr_t)patterns, key, found)
    {
        char text[512];
        bool matches = false;
        if (!translate(key, text, sizeof text) || !px_text_match(text, path, &matches)) {
            return px_error_set(DGXP_ERR_UNSUPPORTED,
                                "the adapter's configuration has the pattern '%.200s', a regular "
                                "expression that this version cannot read: save the adapter with "
                                "the modules' paths instead",
                                key);
        }
        if (matches) {
            *value = found;
            return DGXP_OK;
        }
    }
    return DGXP_OK;
}

/* A module's own value of a field, else everybody's. */
static dgxp_status module_value(const json_t *config, const char *part, const char *path,
                                const char *pattern, const char *field, const json_t **value)
{
    const dgxp_status status = pattern_value(config_field(config, part, pattern), path, value);
    if (status == DGXP_OK && !*value) {
        *value = config_field(config, part, field);
    }
    return status;
}

dgxp_status px_lora_config_check(const px_safetensors *set, const json_t *config)
{
    const char *type = json_string_value(json_object_get(config, "peft_type"));
    if (!type || strcmp(type, "LORA") == 0 || strcmp(type, "LOHA") == 0 ||
        strcmp(type, "LOKR") == 0) {
        return DGXP_OK;
    }
    return px_error_set(DGXP_ERR_UNSUPPORTED,
                        "%s: its configuration says that it is a PEFT adapter of the kind %.60s; "
                        "LORA, LOHA and LOKR are supported: merge it with PEFT (merge_and_unload) "
                        "and use the checkpoint",
                        px_safetensors_path(set), type);
}

dgxp_status px_lora_config_factor(const json_t *config, const px_lora_module *module, double *alpha,
                                  double *factor)
{
    const bool lycoris = module->kind == PX_LORA_KIND_LOHA || module->kind == PX_LORA_KIND_LOKR;
    const char *part;
    const char *path = skip_prefixes(module->key, &part);
    const json_t *value = NULL, *rank = NULL;
    dgxp_status status =
        module_value(config, part, path, "alpha_pattern", lycoris ? "alpha" : "lora_alpha", &value);
    if (status == DGXP_OK && module->rank == 0) {
        status = module_value(config, part, path, "rank_pattern", "r", &rank);
    }
    const double r = module->rank > 0 ? (double)module->rank : json_number_value(rank);
    if (status != DGXP_OK || !json_is_number(value) || !(r > 0)) {
        return status;
    }
    const bool rslora = json_is_true(config_field(config, part, "use_rslora"));
    *alpha = json_number_value(value);
    *factor = *alpha / (rslora ? sqrt(r) : r);
    return DGXP_OK;
}

/* -------------------------------------------------------------------------------------- base */

static bool has(const px_safetensors *set, const char *part)
{
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        if (strstr(px_safetensors_at(set, i)->name, part)) {
            return true;
        }
    }
    return false;
}

static bool ends(const char *text, const char *end)
{
    const size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

/* The inputs of a cross attention's keys or values: what the text encoders give. */
static int64_t context_width(const px_lora_module *modules, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        const char *key = modules[i].key;
        if (modules[i].cols > 0 &&
            (ends(key, "attn2_to_k") || ends(key, "attn2_to_v") || ends(key, "attn2.to_k") ||
             ends(key, "attn2.to_v") || ends(key, "attn2.processor.to_k") ||
             ends(key, "attn2.processor.to_v"))) {
            return modules[i].cols;
        }
    }
    return 0;
}

px_lora_base px_lora_find_base(const px_safetensors *set, const px_lora_module *modules,
                               int32_t count)
{
    static const struct {
        const char *part;
        px_lora_base base;
    } signs[] = {
        {"double_blocks", {"flux", "a Flux LoRA", 0, "double_blocks"}},
        {"single_transformer_blocks", {"flux", "a Flux LoRA", 0, "single_transformer_blocks"}},
        {"joint_transformer_blocks", {"sd3", "an SD 3 LoRA", 0, "joint_transformer_blocks"}},
        {"joint_blocks", {"sd3", "an SD 3 LoRA", 0, "joint_blocks"}},
        {"context_embedder", {"sd3", "an SD 3 or Flux LoRA", 0, "context_embedder"}},
    };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (has(set, signs[i].part)) {
            return signs[i].base;
        }
    }
    const int64_t width = context_width(modules, count);
    switch (width) {
    case 768:
        return (px_lora_base){"sd1", "an SD 1.5 LoRA", width, NULL};
    case 1024:
        return (px_lora_base){"sd2", "an SD 2.x LoRA", width, NULL};
    case 2048:
        return (px_lora_base){"sdxl", "an SDXL LoRA", width, NULL};
    case 0:
        break;
    default:
        return (px_lora_base){"other", "a LoRA for another model of SDXL's kind", width, NULL};
    }
    if (has(set, "lora_te2_") || has(set, "text_encoder_2.") || has(set, "lora_te1_")) {
        return (px_lora_base){"sdxl", "an SDXL LoRA", 0, "a second text encoder"};
    }
    if (has(set, "lora_te_")) {
        return (px_lora_base){"sd1", "an SD 1.x LoRA", 0, "lora_te_"};
    }
    if (has(set, "up_blocks_3_attentions") || has(set, "up_blocks.3.attentions") ||
        has(set, "input_blocks_1_1_")) {
        return (px_lora_base){"sd1", "an SD 1.x or 2.x LoRA", 0,
                              "attention in the outermost blocks"};
    }
    const char *declared = px_safetensors_metadata(set, "ss_base_model_version");
    if (declared && begins(declared, "sdxl")) {
        return (px_lora_base){"sdxl", "an SDXL LoRA", 0, "ss_base_model_version"};
    }
    if (declared && begins(declared, "sd_v1")) {
        return (px_lora_base){"sd1", "an SD 1.x LoRA", 0, "ss_base_model_version"};
    }
    return (px_lora_base){"unknown", "a LoRA for an unknown model", 0, NULL};
}
