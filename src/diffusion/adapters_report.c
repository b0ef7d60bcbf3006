/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Adapters in a model: what fitted, what did not and why; strictness. */
#include "core/error.h"
#include "core/json.h"
#include "diffusion/adapters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct tally {
    int32_t fitting;
    int32_t first; /* index of the first module that does not, -1: all do */
    int32_t bad;
} tally;

static tally count_fits(const dgxp_lora *lora, const px_fit *fits)
{
    tally count = {.first = -1};
    for (int32_t i = 0; i < lora->module_count; i++) {
        if (fits[i].fit == PX_LORA_FITS) {
            count.fitting++;
        } else if (fits[i].fit != PX_LORA_FITS_IGNORED) {
            count.first = count.first < 0 ? i : count.first;
            count.bad++;
        }
    }
    return count;
}

/* "this is an SD 1.5 LoRA (attn2 width 768); this model is SDXL (attn2 width 2048)"; false when
 * nothing tells them apart. */
static bool explain_base(const dgxp_model *model, const px_lora_map *map, const dgxp_lora *lora,
                         char *text, size_t size)
{
    const int64_t width = px_lora_map_context(map);
    const px_lora_base *base = &lora->base;
    const char *name = model->bundle->architecture;
    char own[64] = "", theirs[96] = "";
    const bool sdxl = strcmp(name, "sdxl") == 0;
    if (base->width > 0
            ? base->width == width
            : strcmp(base->name, "unknown") == 0 || (sdxl && strcmp(base->name, "sdxl") == 0)) {
        return false;
    }
    if (width > 0) {
        snprintf(own, sizeof own, " (attn2 width %lld)", (long long)width);
    }
    if (base->width > 0) {
        snprintf(theirs, sizeof theirs, " (attn2 width %lld)", (long long)base->width);
    } else if (base->sign) {
        snprintf(theirs, sizeof theirs, " (%s)", base->sign);
    }
    snprintf(text, size, "this is %s%s; this model is %s%s", base->title, theirs,
             sdxl ? "SDXL" : name, own);
    return true;
}

/* Two modules of one file at one place would be added twice. */
static dgxp_status check_twins(const dgxp_lora *lora, const px_fit *fits)
{
    for (int32_t i = 0; i < lora->module_count; i++) {
        for (int32_t k = i + 1; fits[i].fit == PX_LORA_FITS && k < lora->module_count; k++) {
            if (fits[k].fit == PX_LORA_FITS && fits[k].place == fits[i].place) {
                return px_error_set(
                    DGXP_ERR_MISMATCH, "%s: '%.150s' and '%.150s' are one and the same module",
                    px_safetensors_path(lora->set), lora->modules[i].key, lora->modules[k].key);
            }
        }
    }
    return DGXP_OK;
}

dgxp_status px_adapters_judge(const dgxp_model *model, const px_lora_map *map,
                              const dgxp_lora *lora, const px_fit *fits, bool partial)
{
    const char *path = px_safetensors_path(lora->set);
    const tally count = count_fits(lora, fits);
    char base[320] = "";
    if (count.fitting > 0 && (partial || (count.bad == 0 && lora->foreign_count == 0))) {
        return check_twins(lora, fits);
    }
    const bool other = explain_base(model, map, lora, base, sizeof base);
    if (count.fitting == 0 && count.bad > 0) {
        const px_lora_module *module = &lora->modules[count.first];
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: none of its %d modules fits this model: %s%s'%.120s' %s", path,
                            count.bad, base, other ? "; " : "", module->key, fits[count.first].why);
    }
    if (count.bad > 0) {
        const px_lora_module *module = &lora->modules[count.first];
        return px_error_set(DGXP_ERR_MISMATCH,
                            "%s: %d of its %d modules do not fit this model: %s%s'%.120s' %s; to "
                            "apply the others all the same, allow a partial LoRA",
                            path, count.bad, lora->module_count, base, other ? "; " : "",
                            module->key, fits[count.first].why);
    }
    if (lora->foreign_count > 0) {
        const char *name = lora->foreign[0]->name;
        return px_error_set(
            DGXP_ERR_UNSUPPORTED, "%s: %d of its tensors cannot be applied: '%.150s' is %s%s", path,
            lora->foreign_count, name, px_lora_foreign(name),
            count.fitting > 0 ? "; to apply the others all the same, allow a partial LoRA" : "");
    }
    return px_error_set(DGXP_ERR_MISMATCH, "%s: nothing in it changes a model of SDXL's kind",
                        path);
}

/* ------------------------------------------------------------------------------------- report */

/* Whose module a key was meant to be, by its prefix. */
static int32_t guess_component(const char *key)
{
    if (strstr(key, "lora_te2_") || strstr(key, "text_encoder_2.") || strstr(key, "clip_g.")) {
        return PX_TEXT_2;
    }
    return strstr(key, "lora_te") || strstr(key, "text_encoder.") || strstr(key, "clip_l.") ||
                   strncmp(key, "text_model", 10) == 0
               ? PX_TEXT_1
               : PX_UNET;
}

static bool put_skipped(json_t *list, const char *key, const char *why)
{
    json_t *entry = json_object();
    const bool fine = px_json_put_text(entry, "key", key) && px_json_put_text(entry, "why", why);
    return px_json_append(list, entry) && fine;
}

static bool put_component(json_t *components, const px_use *use, const px_fit *fits, int32_t c)
{
    json_t *entry = json_object(), *skipped = json_array();
    int32_t applied = 0, idle = 0;
    bool fine = entry && skipped;
    for (int32_t i = 0; i < use->lora->module_count && fine; i++) {
        const px_lora_module *module = &use->lora->modules[i];
        const bool fits_here = fits[i].fit == PX_LORA_FITS && fits[i].place->component == c;
        if (fits_here) {
            applied++;
            idle += module->factor == 0.0;
        } else if (fits[i].fit != PX_LORA_FITS && guess_component(module->key) == c) {
            fine = put_skipped(skipped, module->key,
                               fits[i].fit == PX_LORA_FITS_IGNORED
                                   ? "is a projection that this model does not have; harmless"
                                   : fits[i].why);
        }
    }
    for (int32_t i = 0; i < use->lora->foreign_count && fine; i++) {
        const char *name = use->lora->foreign[i]->name;
        if (guess_component(name) == c) {
            fine = put_skipped(skipped, name, px_lora_foreign(name));
        }
    }
    fine = fine && px_json_put_number(entry, "weight", use->weights[c]) &&
           px_json_put_integer(entry, "applied", applied) &&
           (idle == 0 || px_json_put_integer(entry, "without_effect_alpha_0", idle));
    fine = px_json_put(entry, "skipped", skipped) && fine;
    return px_json_put(components, px_bundle_component(c), entry) && fine;
}

json_t *px_adapters_report(const px_use *use, const px_fit *fits)
{
    json_t *about = json_object(), *components = json_object();
    const tally count = count_fits(use->lora, fits);
    bool fine = px_json_put_text(about, "name", use->lora->name) &&
                px_json_put_text(about, "path", px_safetensors_path(use->lora->set)) &&
                px_json_put_text(about, "base", use->lora->base.name) &&
                px_json_put_integer(about, "modules", use->lora->module_count) &&
                px_json_put_integer(about, "applied", count.fitting) &&
                px_json_put_integer(about, "skipped", count.bad + use->lora->foreign_count);
    for (int32_t c = PX_TEXT_1; c <= PX_UNET && fine; c++) {
        fine = put_component(components, use, fits, c);
    }
    if (!px_json_put(about, "components", components) || !fine) {
        json_decref(about);
        return NULL;
    }
    return about;
}
