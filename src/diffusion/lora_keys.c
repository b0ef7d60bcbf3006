/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Keys of an adapter file: which module a tensor belongs to, and what it is there. */
#include "diffusion/lora_keys.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A role's first line is its usual spelling.  No ending is the end of a later one, but for those
 * that are longer and stand before. */
static const struct {
    const char *end;
    px_lora_role role;
} ends[] = {
    {".lora_down.weight", PX_LORA_DOWN},
    {".lora_up.weight", PX_LORA_UP},
    {".lora_mid.weight", PX_LORA_MID},
    {".lora.down.weight", PX_LORA_DOWN},
    {".lora.up.weight", PX_LORA_UP},
    {"_lora.down.weight", PX_LORA_DOWN},
    {"_lora.up.weight", PX_LORA_UP},
    {".lora_linear_layer.down.weight", PX_LORA_DOWN},
    {".lora_linear_layer.up.weight", PX_LORA_UP},
    {".lora_A.weight", PX_LORA_DOWN},
    {".lora_B.weight", PX_LORA_UP},
    {".lora_A.default.weight", PX_LORA_DOWN},
    {".lora_B.default.weight", PX_LORA_UP},
    {".lora_A.default", PX_LORA_DOWN},
    {".lora_B.default", PX_LORA_UP},
    {".lora_A", PX_LORA_DOWN},
    {".lora_B", PX_LORA_UP},
    {".alpha", PX_LORA_ALPHA},
    {".scalar", PX_LORA_SCALAR},
    {".dora_scale", PX_LORA_DORA},
    {".lora_magnitude_vector", PX_LORA_MAGNITUDE},
    {".lora_magnitude_vector.weight", PX_LORA_MAGNITUDE},
    {".lora_magnitude_vector.default", PX_LORA_MAGNITUDE},
    {".lora_magnitude_vector.default.weight", PX_LORA_MAGNITUDE},
    {".hada_w1_a", PX_LORA_HADA_1A},
    {".hada_w1_b", PX_LORA_HADA_1B},
    {".hada_t1", PX_LORA_HADA_T1},
    {".hada_w2_a", PX_LORA_HADA_2A},
    {".hada_w2_b", PX_LORA_HADA_2B},
    {".hada_t2", PX_LORA_HADA_T2},
    {".lokr_w1", PX_LORA_KRON_1},
    {".lokr_w1_a", PX_LORA_KRON_1A},
    {".lokr_w1_b", PX_LORA_KRON_1B},
    {".lokr_w2", PX_LORA_KRON_2},
    {".lokr_w2_a", PX_LORA_KRON_2A},
    {".lokr_w2_b", PX_LORA_KRON_2B},
    {".lokr_t2", PX_LORA_KRON_T2},
    {".diff", PX_LORA_DIFF},
    {".diff_b", PX_LORA_DIFF_B},
    {".w_norm", PX_LORA_W_NORM},
    {".b_norm", PX_LORA_B_NORM},
};

/* diffusers numbers adapters that were given no name: ".lora_A.default_0.weight". */
static void drop_number(const char *name, char *out, size_t size)
{
    const char *mark = strstr(name, ".default_");
    const char *rest = mark ? mark + strlen(".default_") : NULL;
    rest = rest ? rest + strspn(rest, "0123456789") : NULL;
    if (rest && rest > mark + strlen(".default_") && (*rest == '\0' || *rest == '.')) {
        snprintf(out, size, "%.*s.default%s", (int)(mark - name), name, rest);
    } else {
        snprintf(out, size, "%s", name);
    }
}

px_lora_role px_lora_key(const char *full, size_t *length)
{
    char name[512];
    drop_number(full, name, sizeof name);
    const size_t whole = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t size = strlen(ends[i].end);
        if (whole > size && memcmp(name + whole - size, ends[i].end, size) == 0) {
            *length = whole - size;
            return ends[i].role;
        }
    }
    return PX_LORA_ROLES;
}

const char *px_lora_role_name(px_lora_role role)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (ends[i].role == role) {
            return ends[i].end;
        }
    }
    return "?";
}

const char *px_lora_foreign(const char *name)
{
    static const struct {
        const char *part;
        const char *what;
    } kinds[] = {
        {".oft_blocks", "OFT or BOFT, which is not supported"},
        {".oft_", "OFT, which is not supported"},
        {".boft_", "BOFT, which is not supported"},
        {".a1.weight", "GLoRA, which is not supported"},
        {".a2.weight", "GLoRA, which is not supported"},
        {".b1.weight", "GLoRA, which is not supported"},
        {".b2.weight", "GLoRA, which is not supported"},
        {".bm.weight", "GLoRA, which is not supported"},
        {".q_layer.", "T-LoRA, which is not supported"},
        {".p_layer.", "T-LoRA, which is not supported"},
        {".lambda_layer", "T-LoRA, which is not supported"},
        {".lora_E", "AdaLoRA, which is not supported"},
        {".on_input", "IA3, which is not supported"},
        {".ia3_", "IA3, which is not supported"},
        {"bundle_emb.", "a text embedding, which is not supported"},
        {"string_to_param", "a text embedding, which is not supported"},
        {"emb_params", "a text embedding, which is not supported"},
        {".lora_embedding_", "a LoRA of an embedding, which is not supported"},
        {".lora_B.bias", "a LoRA with a bias (lora_bias), which is not supported"},
        {".lora_B.default.bias", "a LoRA with a bias (lora_bias), which is not supported"},
        {".vera_", "VeRA, which is not supported"},
        {".reft", "ReFT, which is not supported"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strstr(name, kinds[i].part)) {
            return kinds[i].what;
        }
    }
    return "no kind of adapter that this version knows";
}
