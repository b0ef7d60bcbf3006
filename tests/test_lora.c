/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: adapter files: keys, kinds, what is refused. */
#include "core/mem.h"
#include "diffusion/lora.h"
#include "diffusion/lora_map.h"
#include "px_check.h"

#include <math.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- keys */

START_TEST(keys_are_split_by_their_ending)
{
    static const struct {
        const char *name;
        int length;
        px_lora_role role;
    } cases[] = {
        {"lora_unet_a_b.lora_down.weight", 13, PX_LORA_DOWN},
        {"lora_unet_a_b.lora_up.weight", 13, PX_LORA_UP},
        {"lora_unet_a_b.lora_mid.weight", 13, PX_LORA_MID},
        {"lora_unet_a_b.alpha", 13, PX_LORA_ALPHA},
        {"a.to_q.lora.down.weight", 6, PX_LORA_DOWN},
        {"a.processor.to_q_lora.up.weight", 16, PX_LORA_UP},
        {"a.q_proj.lora_linear_layer.up.weight", 8, PX_LORA_UP},
        {"a.b.lora_A.weight", 3, PX_LORA_DOWN},
        {"a.b.lora_B.default.weight", 3, PX_LORA_UP},
        {"a.b.lora_A", 3, PX_LORA_DOWN},
        {"a.dora_scale", 1, PX_LORA_DORA},
        {"a.lora_magnitude_vector", 1, PX_LORA_MAGNITUDE},
        {"a.lora_magnitude_vector.default.weight", 1, PX_LORA_MAGNITUDE},
        {"a.hada_w2_b", 1, PX_LORA_HADA_2B},
        {"a.lokr_w1", 1, PX_LORA_KRON_1},
        {"a.lokr_w1_a", 1, PX_LORA_KRON_1A},
        {"a.lokr_t2", 1, PX_LORA_KRON_T2},
        {"a.diff", 1, PX_LORA_DIFF},
        {"a.diff_b", 1, PX_LORA_DIFF_B},
        {"a.w_norm", 1, PX_LORA_W_NORM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = 0;
        ck_assert_int_eq(px_lora_key(cases[i].name, &length), cases[i].role);
        ck_assert_int_eq((int)length, cases[i].length);
    }
}
END_TEST

START_TEST(foreign_names_are_told_by_name)
{
    size_t length;
    ck_assert_int_eq(px_lora_key("a.oft_blocks", &length), PX_LORA_ROLES);
    ck_assert_int_eq(px_lora_key(".alpha", &length), PX_LORA_ROLES); /* of no module */
    ck_assert_ptr_nonnull(strstr(px_lora_foreign("a.oft_blocks"), "OFT"));
    ck_assert_ptr_nonnull(strstr(px_lora_foreign("a.a1.weight"), "GLoRA"));
    ck_assert_ptr_nonnull(strstr(px_lora_foreign("bundle_emb.x.string_to_param.clip_l"), "text"));
}
END_TEST

/* -------------------------------------------------------------------------------------- files */

/* Tensors of a file in the order of their bytes; values are 0.5, or a given one. */
typedef struct spec {
    const char *name;
    int shape[4]; /* ends with 0 */
    double value;
} spec;

static char *write_file(const spec *specs, const char *metadata)
{
    char header[8192] = "{";
    float data[8192];
    size_t offset = 0;
    if (metadata) {
        snprintf(header, sizeof header, "{\"__metadata__\":%s,", metadata);
    }
    for (const spec *s = specs; s->name; s++) {
        char shape[64] = "", entry[512];
        size_t count = 1;
        for (int i = 0; i < 4 && s->shape[i]; i++) {
            count *= (size_t)s->shape[i];
            snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%d", i ? "," : "",
                     s->shape[i]);
        }
        snprintf(entry, sizeof entry,
                 "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                 s == specs ? "" : ",", s->name, shape, offset * 4, (offset + count) * 4);
        strcat(header, entry);
        for (size_t i = 0; i < count; i++) {
            data[offset++] = (float)(s->value != 0 ? s->value : 0.5);
        }
    }
    strcat(header, "}");
    char path[] = "/tmp/test-lora-XXXXXX";
    const int fd = mkstemp(path);
    const uint64_t size = strlen(header);
    ck_assert(write(fd, &size, 8) == 8 && write(fd, header, size) == (ssize_t)size &&
              write(fd, data, offset * 4) == (ssize_t)(offset * 4));
    close(fd);
    return px_mem_text(path);
}

static dgxp_status open_specs(const spec *specs, const char *metadata, dgxp_lora **out)
{
    char *path = write_file(specs, metadata);
    const dgxp_status status = px_lora_open(path, false, out);
    unlink(path);
    px_mem_free(path);
    return status;
}

START_TEST(kinds_ranks_and_factors_are_read)
{
    static const spec specs[] = {{"lora_unet_a.alpha", {0}, 2},
                                 {"lora_unet_a.lora_down.weight", {4, 6}, 0},
                                 {"lora_unet_a.lora_up.weight", {8, 4}, 0},
                                 {"lora_unet_b.lora_down.weight", {2, 6, 3, 3}, 0},
                                 {"lora_unet_b.lora_up.weight", {8, 2, 1, 1}, 0},
                                 {"lora_unet_c.alpha", {0}, 3},
                                 {"lora_unet_c.lokr_w1", {2, 3}, 0},
                                 {"lora_unet_c.lokr_w2", {4, 5}, 0},
                                 {"lora_unet_d.alpha", {0}, 3},
                                 {"lora_unet_d.lokr_w1", {2, 3}, 0},
                                 {"lora_unet_d.lokr_w2_a", {4, 6}, 0},
                                 {"lora_unet_d.lokr_w2_b", {6, 5}, 0},
                                 {"lora_unet_e.w_norm", {7}, 0},
                                 {NULL, {0}, 0}};
    dgxp_lora *lora = NULL;
    ck_assert_ok(open_specs(specs, NULL, &lora));
    ck_assert_int_eq(lora->module_count, 5);
    const px_lora_module *m = lora->modules;
    ck_assert_str_eq(m[0].key, "lora_unet_a");
    ck_assert_int_eq(m[0].kind, PX_LORA_KIND_LORA);
    ck_assert_int_eq((int)m[0].rank, 4);
    ck_assert_double_eq(m[0].factor, 0.5);
    ck_assert_int_eq(m[1].kind, PX_LORA_KIND_LOCON);
    ck_assert_int_eq((int)m[1].cols, 54);
    ck_assert(isnan(m[1].alpha));
    ck_assert_double_eq(m[1].factor, 1.0);
    ck_assert_double_eq(m[2].factor, 1.0); /* whole factors are not scaled */
    ck_assert_int_eq((int)m[2].rows, 8);
    ck_assert_int_eq((int)m[2].cols, 15);
    ck_assert_double_eq(m[3].factor, 0.5);
    ck_assert_int_eq(m[4].kind, PX_LORA_KIND_NORM);
    dgxp_lora_free(lora);
}
END_TEST

START_TEST(declared_configurations_set_the_factor)
{
    static const spec specs[] = {{"unet.a.lora_A.weight", {4, 6}, 0},
                                 {"unet.a.lora_B.weight", {8, 4}, 0},
                                 {"unet.x.b.lora_A.weight", {4, 6}, 0},
                                 {"unet.x.b.lora_B.weight", {8, 4}, 0},
                                 {NULL, {0}, 0}};
    dgxp_lora *lora = NULL;
    ck_assert_ok(
        open_specs(specs,
                   "{\"lora_adapter_metadata\":\"{\\\"unet.r\\\":4,\\\"unet.lora_alpha\\\":"
                   "6,\\\"unet.use_rslora\\\":true,\\\"unet.alpha_pattern\\\":{\\\"b\\\":2}}"
                   "\"}",
                   &lora));
    ck_assert_double_eq(lora->modules[0].factor, 3.0); /* 6 / sqrt(4) */
    ck_assert_double_eq(lora->modules[1].factor, 1.0);
    dgxp_lora_free(lora);
}
END_TEST

/* Counts in each other, as {1,255} thrice: 26 bytes that took gigabytes and had no end. */
START_TEST(patterns_without_end_are_refused)
{
    static const spec specs[] = {
        {"unet.a.lora_A.weight", {4, 6}, 0}, {"unet.a.lora_B.weight", {8, 4}, 0}, {NULL, {0}, 0}};
    dgxp_lora *lora = NULL;
    ck_assert_refused(
        open_specs(specs,
                   "{\"lora_adapter_metadata\":\"{\\\"unet.r\\\":4,\\\"unet.alpha_pattern\\\":"
                   "{\\\"((a{1,255}){1,255}){1,255}\\\":2}}\"}",
                   &lora),
        DGXP_ERR_UNSUPPORTED, "has the pattern '((a{1,255}");
    char metadata[12000] =
        "{\"lora_adapter_metadata\":\"{\\\"unet.r\\\":4,\\\"unet.alpha_pattern\\\":{";
    for (int i = 0; i < 300; i++) {
        const size_t length = strlen(metadata);
        snprintf(metadata + length, sizeof metadata - length, "%s\\\"p%d\\\":2", i ? "," : "", i);
    }
    strncat(metadata, "}}\"}", sizeof metadata - strlen(metadata) - 1);
    ck_assert_refused(open_specs(specs, metadata, &lora), DGXP_ERR_LIMIT, "300 patterns");
}
END_TEST

START_TEST(broken_files_are_refused_with_a_sentence)
{
    static const struct {
        spec specs[6];
        dgxp_status status;
        const char *part;
    } cases[] = {
        {{{"a.lora_down.weight", {4, 6}, 0}, {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "no .lora_up.weight"},
        {{{"a.lora_down.weight", {4, 6}, 0}, {"a.lora_up.weight", {8, 3}, 0}, {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "do not go together"},
        {{{"a.lora_down.weight", {4, 6}, NAN}, {"a.lora_up.weight", {8, 4}, 0}, {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "not finite"},
        {{{"a.lora_down.weight", {4, 6}, 0},
          {"a.lora_up.weight", {8, 4}, INFINITY},
          {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "not finite"},
        {{{"a.alpha", {2}, 0},
          {"a.lora_down.weight", {4, 6}, 0},
          {"a.lora_up.weight", {8, 4}, 0},
          {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "not one number"},
        {{{"a.alpha", {0}, 0}, {NULL, {0}, 0}}, DGXP_ERR_BAD_FORMAT, "nothing to scale"},
        {{{"a.lora_A.weight", {4, 6}, 0},
          {"a.lora_down.weight", {4, 6}, 0},
          {"a.lora_up.weight", {8, 4}, 0},
          {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "same part"},
        {{{"a.hada_w1_a", {4, 2}, 0},
          {"a.lora_down.weight", {4, 6}, 0},
          {"a.lora_up.weight", {8, 4}, 0},
          {NULL, {0}, 0}},
         DGXP_ERR_BAD_FORMAT,
         "several kinds"},
        {{{"a.oft_blocks", {4, 2, 2}, 0}, {NULL, {0}, 0}}, DGXP_ERR_UNSUPPORTED, "OFT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dgxp_lora *lora = NULL;
        ck_assert_refused(open_specs(cases[i].specs, NULL, &lora), cases[i].status, cases[i].part);
        ck_assert_ptr_null(lora);
    }
}
END_TEST

START_TEST(bases_are_told_by_width_and_names)
{
    static const struct {
        const char *down, *up, *base;
        int width;
    } cases[] = {
        {"lora_unet_x_attn2_to_k.lora_down.weight", "lora_unet_x_attn2_to_k.lora_up.weight", "sd1",
         768},
        {"unet.x.attn2.to_k.lora_A.weight", "unet.x.attn2.to_k.lora_B.weight", "sd2", 1024},
        {"unet.x.attn2.to_v.lora_A.weight", "unet.x.attn2.to_v.lora_B.weight", "sdxl", 2048},
        {"lora_te_x.lora_down.weight", "lora_te_x.lora_up.weight", "sd1", 6},
        {"transformer.single_transformer_blocks.0.x.lora_A.weight",
         "transformer.single_transformer_blocks.0.x.lora_B.weight", "flux", 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const spec specs[] = {
            {cases[i].down, {1, cases[i].width}, 0}, {cases[i].up, {8, 1}, 0}, {NULL, {0}, 0}};
        dgxp_lora *lora = NULL;
        ck_assert_ok(open_specs(specs, NULL, &lora));
        ck_assert_str_eq(lora->base.name, cases[i].base);
        dgxp_lora_free(lora);
    }
}
END_TEST

/* ---------------------------------------------------------------------------------------- map */

START_TEST(spellings_of_a_module_meet)
{
    static const px_parameter unet[] = {
        {"down_blocks.0.resnets.0.conv1.weight", 4, {8, 4, 3, 3}},
        {"down_blocks.0.resnets.0.conv1.bias", 1, {8}},
        {"down_blocks.0.resnets.1.conv1.weight", 4, {8, 4, 3, 3}},
        {"down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.weight", 2, {8, 6}},
    };
    static const char *const names[] = {
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_out_0",
        "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0",
        "lycoris_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0",
        "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0",
        "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out",
        "diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_out.0",
    };
    px_lora_part parts[PX_COMPONENTS] = {{NULL, 0}};
    parts[PX_UNET] = (px_lora_part){unet, 4};
    px_lora_map *map = NULL;
    ck_assert_ok(px_lora_map_create(parts, &map));
    ck_assert_int_eq(px_lora_map_count(map, -1), 3);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const px_lora_place *place = NULL;
        char why[192];
        px_lora_module module = {.key = names[i], .rows = 8, .cols = 6};
        ck_assert_int_eq(px_lora_map_find(map, &module, &place, why, sizeof why), PX_LORA_FITS);
        ck_assert_ptr_eq(place->weight, &unet[3]);
        module.cols = 7;
        ck_assert_int_eq(px_lora_map_find(map, &module, &place, why, sizeof why),
                         PX_LORA_OTHER_SHAPE);
        ck_assert_ptr_nonnull(strstr(why, "[8, 6]"));
    }
    px_lora_map_free(map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lora");
    TCase *tests = tcase_create("lora");
    tcase_add_test(tests, keys_are_split_by_their_ending);
    tcase_add_test(tests, foreign_names_are_told_by_name);
    tcase_add_test(tests, kinds_ranks_and_factors_are_read);
    tcase_add_test(tests, declared_configurations_set_the_factor);
    tcase_add_test(tests, broken_files_are_refused_with_a_sentence);
    tcase_add_test(tests, patterns_without_end_are_refused);
    tcase_add_test(tests, bases_are_told_by_width_and_names);
    tcase_add_test(tests, spellings_of_a_module_meet);
    suite_add_tcase(suite, tests);
    return px_check_run(suite);
}
