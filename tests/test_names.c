/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: the name tables, against diffusers' converters. */
#include "core/mem.h"
#include "diffusion/names.h"
#include "px_check.h"

#include <zlib.h>

/* Lines of names_sdxl.txt.gz; the caller's `visit` sees component, parameter, original, change. */
typedef void (*visitor)(px_component component, const char *name, const char *original,
                        const char *change, void *user_data);

static int walk(visitor visit, void *user_data)
{
    static const char *const keys[PX_COMPONENTS] = {"text_1", "text_2", "unet", "vae_decoder",
                                                    "vae_encoder"};
    const char *source = getenv("DGXP_SOURCE_DIR");
    char *path = px_mem_format("%s/tests/names_sdxl.txt.gz", source ? source : "."), line[1024];
    int count = 0;
    gzFile file = gzopen(path, "rb");
    ck_assert_msg(file, "%s is missing", path);
    while (gzgets(file, line, sizeof line)) {
        if (*line == '#') {
            continue;
        }
        char *rest = line;
        const char *key = strsep(&rest, "\t"), *name = strsep(&rest, "\t");
        const char *original = strsep(&rest, "\t"), *change = strsep(&rest, "\n");
        int component = 0;
        while (strcmp(keys[component], key) != 0) {
            ck_assert_int_lt(++component, PX_COMPONENTS);
        }
        visit((px_component)component, name, original, change, user_data);
        count++;
    }
    gzclose(file);
    px_mem_free(path);
    return count;
}

static void learn(px_component component, const char *name, const char *original,
                  const char *change, void *user_data)
{
    (void)original, (void)change;
    px_names_learn(user_data, component, name);
}

static void learn_original(px_component component, const char *name, const char *original,
                           const char *change, void *user_data)
{
    (void)name, (void)change;
    px_names_learn_original(user_data, component, original);
}

static void compare(px_component component, const char *name, const char *original,
                    const char *change, void *user_data)
{
    px_names_source source;
    char got[32] = "same";
    ck_assert_msg(px_names_original(user_data, component, name, &source), "no place for %s", name);
    ck_assert_str_eq(source.name, original);
    if (source.change == PX_NAMES_ROWS) {
        snprintf(got, sizeof got, "rows %d", source.part);
        ck_assert_int_eq(source.parts, 3);
    } else if (source.change == PX_NAMES_TRANSPOSE) {
        snprintf(got, sizeof got, "transpose");
    }
    ck_assert_str_eq(got, change);
}

/* The table: python tests/names_sdxl.py tests/names_sdxl.txt.gz */
START_TEST(names_of_sdxl_are_diffusers)
{
    px_names_plan plan = {0}, from_file = {0};
    ck_assert_int_eq(walk(learn, &plan), 2445);
    walk(learn_original, &from_file);
    px_names_finish_original(&from_file);
    /* SDXL: two resnets a block, four VAE blocks, attention in the first two up blocks. */
    ck_assert_int_eq(plan.layers, 2);
    ck_assert_int_eq(plan.vae_blocks, 4);
    ck_assert_uint_eq(plan.up_attention, 3);
    ck_assert_int_eq(from_file.layers, plan.layers);
    ck_assert_int_eq(from_file.vae_blocks, plan.vae_blocks);
    ck_assert_uint_eq(from_file.up_attention, plan.up_attention);
    walk(compare, &plan);
    walk(compare, &from_file);
}
END_TEST

typedef struct module_check {
    px_names_plan plan;
    int count;
} module_check;

static void compare_module(px_component component, const char *name, const char *original,
                           const char *change, void *user_data)
{
    module_check *state = user_data;
    px_names_source source;
    char module[PX_NAMES_LENGTH];
    const char *dot = strrchr(name, '.'), *end = strrchr(original, '.');
    if (component == PX_TEXT_2 || strcmp(change, "same") != 0 || !end || strcmp(dot, end) != 0) {
        return;
    }
    snprintf(module, sizeof module, "%.*s", (int)(dot - name), name);
    ck_assert_msg(px_names_original(&state->plan, component, module, &source), "%s", module);
    ck_assert_int_eq(strlen(source.name), end - original);
    ck_assert_int_eq(strncmp(source.name, original, strlen(source.name)), 0);
    state->count++;
}

/* LoRA keys are made from module paths: the same tables without the last ".weight". */
START_TEST(names_map_module_paths_too)
{
    module_check state = {.count = 0};
    walk(learn, &state.plan);
    walk(compare_module, &state);
    ck_assert_int_gt(state.count, 1900);
    px_names_source source;
    /* lora.md 3.2's table */
    ck_assert(
        px_names_original(&state.plan, PX_UNET, "down_blocks.1.attentions.0.proj_in", &source));
    ck_assert_str_eq(source.name, "input_blocks.4.1.proj_in");
    ck_assert(px_names_original(&state.plan, PX_UNET, "up_blocks.1.upsamplers.0.conv", &source));
    ck_assert_str_eq(source.name, "output_blocks.5.2.conv");
    ck_assert(px_names_original(&state.plan, PX_TEXT_2,
                                "text_model.encoder.layers.3.self_attn.v_proj", &source));
    ck_assert_str_eq(source.name, "transformer.resblocks.3.attn.in_proj");
    ck_assert_int_eq(source.part, 2);
}
END_TEST

START_TEST(names_follow_other_depths)
{
    static const char *const parameters[] = {
        "down_blocks.0.resnets.0.conv1.weight", "down_blocks.0.downsamplers.0.conv.weight",
        "up_blocks.0.resnets.1.conv1.weight", "up_blocks.0.upsamplers.0.conv.weight"};
    px_names_plan plan = {0};
    px_names_source source;
    for (size_t i = 0; i < 4; i++) {
        px_names_learn(&plan, PX_UNET, parameters[i]);
    }
    ck_assert_int_eq(plan.layers, 1);
    /* By openaimodel.py's loops: one resnet a level, then its Downsample; no attention, so the
     * upsampler is entry 1 of its block. */
    ck_assert(px_names_original(&plan, PX_UNET, "down_blocks.0.downsamplers.0.conv.bias", &source));
    ck_assert_str_eq(source.name, "input_blocks.2.0.op.bias");
    ck_assert(px_names_original(&plan, PX_UNET, "up_blocks.0.upsamplers.0.conv.weight", &source));
    ck_assert_str_eq(source.name, "output_blocks.1.1.conv.weight");
    ck_assert(px_names_original(&plan, PX_UNET, "down_blocks.1.resnets.0.norm1.bias", &source));
    ck_assert_str_eq(source.name, "input_blocks.3.0.in_layers.0.bias");
}
END_TEST

START_TEST(names_unknown_are_refused)
{
    static const struct {
        px_component component;
        const char *name;
    } cases[] = {
        {PX_UNET, ""},
        {PX_UNET, "conv_input.weight"},
        {PX_UNET, "conv_in2.weight"},
        {PX_UNET, "mid_block.resnets.2.conv1.weight"},
        {PX_UNET, "down_blocks.x.resnets.0.conv1.weight"},
        {PX_UNET, "down_blocks.99999999999.resnets.0.conv1.weight"},
        {PX_UNET, "down_blocks.64.resnets.0.conv1.weight"},
        {PX_UNET, "down_blocks.0.resnets.0.conv9.weight"},
        {PX_UNET, "down_blocks.0.resnets.0x.conv1.weight"},
        {PX_VAE_DECODER, "encoder.conv_in.weight"},
        {PX_VAE_DECODER, "decoder.up_blocks.4.resnets.0.conv1.weight"},
        {PX_VAE_ENCODER, "quant_convolution.weight"},
        {PX_TEXT_2, "text_model.encoder.layers.0.mlp.fc3.weight"},
        {PX_TEXT_2, "text_model.embeddings.position_ids"},
        {PX_COMPONENTS, "conv_in.weight"},
    };
    const px_names_plan plan = {.layers = 2, .vae_blocks = 4};
    px_names_source source;
    char longest[600];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(!px_names_original(&plan, cases[i].component, cases[i].name, &source),
                      "'%s' became '%s'", cases[i].name, source.name);
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "conv_in.", 8);
    longest[sizeof longest - 1] = '\0';
    ck_assert(!px_names_original(&plan, PX_UNET, longest, &source));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, names_of_sdxl_are_diffusers);
    tcase_add_test(core, names_map_module_paths_too);
    tcase_add_test(limits, names_follow_other_depths);
    tcase_add_test(malformed, names_unknown_are_refused);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
