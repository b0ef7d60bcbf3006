/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: the three forms of a model, their families, settings and bindings. */
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/checkpoint.h"
#include "px_check.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/dgxp-test-checkpoint-XXXXXX";

static char *inside(const char *name)
{
    return px_file_join(folder, name);
}

/* Without px_file_write()'s fsync, which dozens of cases would wait for. */
static void write_quickly(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

typedef struct made {
    const char *name;
    int32_t rank;
    int64_t shape[4];
} made;

/* SDXL's skeleton: what says "SDXL" and one of each kind of binding. */
#define U "model.diffusion_model."
#define V "first_stage_model."
#define T1 "conditioner.embedders.0.transformer.text_model."
#define T2 "conditioner.embedders.1.model."
static const made sdxl[] = {
    {U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}},
    {U "label_emb.0.0.weight", 2, {8, 12}},
    {V "decoder.mid.block_1.norm1.weight", 1, {4}},
    {V "decoder.mid.attn_1.q.weight", 4, {4, 4, 1, 1}},
    {V "encoder.mid.block_1.norm1.weight", 1, {4}},
    {T1 "embeddings.token_embedding.weight", 2, {10, 4}},
    {T1 "embeddings.position_ids", 2, {1, 7}},
    {T2 "token_embedding.weight", 2, {10, 6}},
    {T2 "transformer.resblocks.0.attn.in_proj_weight", 2, {18, 6}},
    {T2 "text_projection", 2, {6, 5}},
    {T2 "logit_scale", 0, {0}},
    {"model_ema.decay", 0, {0}},
    {NULL, 0, {0}},
};

/* F32 tensors whose values count up from 0 in each; `metadata` is a JSON object or NULL. */
static char *write_file(const char *name, const made *tensors, const char *metadata)
{
    json_t *header = json_object();
    size_t size = 0;
    if (metadata) {
        json_object_set_new(header, "__metadata__", json_loads(metadata, 0, NULL));
    }
    for (const made *tensor = tensors; tensor->name; tensor++) {
        json_t *shape = json_array();
        size_t bytes = 4;
        for (int32_t i = 0; i < tensor->rank; i++) {
            json_array_append_new(shape, json_integer(tensor->shape[i]));
            bytes *= (size_t)tensor->shape[i];
        }
        json_object_set_new(header, tensor->name,
                            json_pack("{s:s,s:o,s:[i,i]}", "dtype", "F32", "shape", shape,
                                      "data_offsets", (int)size, (int)(size + bytes)));
        size += bytes;
    }
    char *text = px_json_print(header);
    const size_t length = strlen(text);
    uint8_t *bytes = px_mem_zero(8 + length + size, 1);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
    }
    memcpy(bytes + 8, text, length);
    for (const made *tensor = tensors; tensor->name; tensor++) {
        const json_t *offsets =
            json_object_get(json_object_get(header, tensor->name), "data_offsets");
        const size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0));
        const size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
        for (size_t at = begin; at < end; at += 4) {
            const float value = (float)((at - begin) / 4);
            memcpy(bytes + 8 + length + at, &value, 4);
        }
    }
    char *path = inside(name);
    write_quickly(path, bytes, 8 + length + size);
    px_mem_free(bytes);
    px_mem_free(text);
    json_decref(header);
    return path;
}

static float value_at(const px_binding *binding, size_t index)
{
    float value;
    memcpy(&value, (const uint8_t *)binding->data + 4 * index, 4);
    return value;
}

START_TEST(checkpoint_single_file_is_bound)
{
    static const px_parameter text_2[] = {
        {"text_model.embeddings.token_embedding.weight", 2, {10, 6}},
        {"text_model.encoder.layers.0.self_attn.q_proj.weight", 2, {6, 6}},
        {"text_model.encoder.layers.0.self_attn.k_proj.weight", 2, {6, 6}},
        {"text_model.encoder.layers.0.self_attn.v_proj.weight", 2, {6, 6}},
        {"text_projection.weight", 2, {5, 6}},
    };
    static const px_parameter decoder[] = {
        {"decoder.mid_block.resnets.0.norm1.weight", 1, {4}},
        {"decoder.mid_block.attentions.0.to_q.weight", 2, {4, 4}},
    };
    px_checkpoint *checkpoint = NULL;
    px_binding bound[5];
    char *path = write_file("sdxl.safetensors", sdxl, NULL);
    ck_assert_ok(px_checkpoint_open(path, NULL, &checkpoint));
    ck_assert_int_eq(checkpoint->kind, PX_CHECKPOINT_FILE);
    ck_assert_ok(px_checkpoint_bind(checkpoint, PX_TEXT_2, text_2, 5, bound));
    ck_assert(value_at(&bound[1], 0) == 0 && value_at(&bound[2], 0) == 36);
    ck_assert(value_at(&bound[3], 35) == 107);
    ck_assert_int_eq(bound[4].transpose, 1);
    ck_assert_int_eq(bound[3].transpose, 0);
    ck_assert_int_eq(bound[3].dtype, PX_F32);
    /* pread() finds the same bytes as the mapping. */
    float row[36];
    ck_assert_int_eq(pread(bound[3].fd, row, sizeof row, (off_t)bound[3].offset), sizeof row);
    ck_assert_mem_eq(row, bound[3].data, sizeof row);
    ck_assert_ok(px_checkpoint_bind(checkpoint, PX_VAE_DECODER, decoder, 2, bound));
    ck_assert_int_eq(bound[1].rank, 2);
    ck_assert_int_eq(px_checkpoint_dtype(checkpoint, PX_UNET), PX_F32);
    ck_assert_int_eq(px_checkpoint_report_unused(checkpoint), 0); /* EMA and ids are known */
    px_checkpoint_free(checkpoint);
    px_mem_free(path);
}
END_TEST

START_TEST(checkpoint_bindings_are_checked)
{
    static const struct {
        px_parameter parameters[2];
        int32_t count;
        const char *part;
    } cases[] = {
        {{{"decoder.mid_block.resnets.0.norm1.weight", 1, {5}}},
         1,
         "decoder.mid.block_1.norm1.weight' is [4], but the VAE decoder's"},
        {{{"decoder.conv_in.weight", 1, {4}}},
         1,
         "no tensor 'first_stage_model.decoder.conv_in.weight'"},
        {{{"decoder.nothing", 1, {4}}}, 1, "parameter 'decoder.nothing'"},
        {{{"decoder.mid_block.resnets.0.norm1.weight", 1, {4}}},
         1,
         "decoder.mid.attn_1.q.weight' has no place in the program"},
        {{{"decoder.mid_block.attentions.0.to_q.weight", 2, {2, 8}}}, 1, "is [4, 4, 1, 1]"},
    };
    static const px_parameter twice[] = {
        {"decoder.mid_block.resnets.0.norm1.weight", 1, {4}},
        {"decoder.mid_block.resnets.0.norm1.weight", 1, {4}},
    };
    px_checkpoint *checkpoint = NULL;
    px_binding bound[2];
    char *path = write_file("sdxl.safetensors", sdxl, NULL);
    ck_assert_ok(px_checkpoint_open(path, NULL, &checkpoint));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_refused(px_checkpoint_bind(checkpoint, PX_VAE_DECODER, cases[i].parameters,
                                             cases[i].count, bound),
                          DGXP_ERR_MISMATCH, cases[i].part);
    }
    ck_assert_refused(px_checkpoint_bind(checkpoint, PX_VAE_DECODER, twice, 2, bound),
                      DGXP_ERR_INTERNAL, "bound twice");
    px_checkpoint_free(checkpoint);
    px_mem_free(path);
}
END_TEST

/* Names and shapes as those families' files have them (sdxl.md 5.8, lora.md 3.2). */
START_TEST(checkpoint_other_families_are_named)
{
    static const struct {
        made tensors[4];
        const char *part;
    } cases[] = {
        {{{U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}},
          {U "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 2, {4, 768}}},
         "a Stable Diffusion 1.x checkpoint"},
        {{{U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}},
          {U "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 2, {4, 1024}}},
         "a Stable Diffusion 2.x checkpoint"},
        {{{"cond_stage_model.transformer.text_model.x", 1, {1}},
          {U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}}},
         "a Stable Diffusion 1.x checkpoint"},
        {{{"model.diffusion_model.joint_blocks.0.x", 1, {1}}}, "a Stable Diffusion 3 checkpoint"},
        {{{"double_blocks.0.img_attn.qkv.weight", 1, {1}}}, "a Flux checkpoint"},
        {{{U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}},
          {U "label_emb.0.0.weight", 2, {8, 12}},
          {"conditioner.embedders.0.model.token_embedding.weight", 2, {10, 6}}},
         "the SDXL refiner"},
        {{{U "input_blocks.0.0.weight", 4, {4, 9, 3, 3}}, {U "label_emb.0.0.weight", 2, {8, 12}}},
         "inpainting checkpoint (9 input channels)"},
        {{{U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}},
          {U "label_emb.0.0.weight", 2, {8, 12}},
          {"edm_mean", 1, {4}}},
         "an EDM model"},
        {{{"lora_unet_input_blocks_4_1_proj_in.lora_down.weight", 2, {8, 4}}},
         "is a LoRA; give it"},
        {{{"unet.down_blocks.1.attentions.0.proj_in.lora_A.weight", 2, {8, 4}}}, "is a LoRA"},
        {{{"control_model.zero_convs.0.0.weight", 1, {1}}}, "a ControlNet"},
        {{{"adapter.body.0.resnets.0.block1.weight", 1, {1}}}, "a T2I-Adapter; this version"},
        {{{"body.0.block1.weight", 1, {1}}, {"conv_in.weight", 4, {8, 4, 3, 3}}}, "a T2I-Adapter"},
        {{{"lllite_unet_input_blocks_4_1_attn1_to_q.conditioning1.0.weight", 1, {1}}},
         "a ControlNet-LLLite"},
        {{{"ip_adapter.1.to_k_ip.weight", 1, {1}}, {"image_proj.norm.weight", 1, {1}}},
         "an IP-Adapter"},
        {{{"down_blocks.0.motion_modules.0.temporal_transformer.norm.weight", 1, {1}}},
         "a motion module of AnimateDiff"},
        {{{"transformer_blocks.0.img_mod.1.weight", 1, {1}}, {"txt_in.weight", 1, {1}}},
         "a Qwen-Image model"},
        {{{"noise_refiner.0.attention.qkv.weight", 1, {1}}}, "a Z-Image or Lumina 2 model"},
        {{{"body.0.rdb1.conv1.weight", 1, {1}}}, "enlarges pictures (ESRGAN); a sprite needs none"},
        {{{"clip_g", 2, {2, 8}}, {"clip_l", 2, {2, 4}}}, "put it into embeddings/"},
        {{{"decoder.conv_in.weight", 1, {1}}}, "a VAE alone; give it as the VAE"},
        {{{"text_model.embeddings.token_embedding.weight", 1, {1}}}, "text encoders alone"},
        {{{"some.thing", 1, {1}}}, "no model that this library knows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_checkpoint *checkpoint = NULL;
        char *path = write_file("other.safetensors", cases[i].tensors, NULL);
        ck_assert_refused(px_checkpoint_open(path, NULL, &checkpoint), DGXP_ERR_UNSUPPORTED,
                          cases[i].part);
        px_mem_free(path);
    }
}
END_TEST

START_TEST(checkpoint_foreign_files_are_named)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
        {"PK\003\004rest of a zip", 16, "a pickled checkpoint (.ckpt, .pt), which is code"},
        {"\x80\002}q\001.", 6, "convert it to .safetensors"},
        {"GGUF\003\0\0\0", 8, "GGUF"},
        {"\x89PNG\r\n\x1a\n", 8, "PNG picture"},
        {"version https://git-lfs.github.com/spec/v1\n", 43, "Git LFS pointer"},
        {"<!DOCTYPE html>", 15, "web page"},
        {"{\"error\": \"404 Not Found\"}", 26, "JSON text, not a model"},
    };
    px_checkpoint *checkpoint = NULL;
    char *path = inside("foreign.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_quickly(path, cases[i].bytes, cases[i].size);
        ck_assert_refused(px_checkpoint_open(path, NULL, &checkpoint), DGXP_ERR_UNSUPPORTED,
                          cases[i].part);
    }
    px_mem_free(path);
    ck_assert_refused(px_checkpoint_open("/nowhere/x", NULL, &checkpoint), DGXP_ERR_NOT_FOUND,
                      "/nowhere/x");
    path = inside("empty-folder");
    mkdir(path, 0777);
    ck_assert_refused(px_checkpoint_open(path, NULL, &checkpoint), DGXP_ERR_UNSUPPORTED,
                      "neither bundle.json nor model_index.json");
    px_mem_free(path);
}
END_TEST

static const px_bundle plain = {.latent_channels = 4,
                                .text_count = 2,
                                .text = {{.component = PX_TEXT_1}, {.component = PX_TEXT_2}},
                                .settings = {.prediction = DGXP_PREDICTION_EPSILON,
                                             .spacing = DGXP_SPACING_LEADING,
                                             .scaling = 0.13025}};

START_TEST(checkpoint_markers_and_metadata_are_read)
{
    static const struct {
        const char *marker, *metadata;
        int32_t prediction;
        bool zero;
    } cases[] = {
        {NULL, NULL, DGXP_PREDICTION_EPSILON, false},
        {"v_pred", NULL, DGXP_PREDICTION_V, false},
        {"ztsnr", NULL, DGXP_PREDICTION_EPSILON, true},
        {NULL, "{\"modelspec.prediction_type\":\"v\"}", DGXP_PREDICTION_V, false},
        {"v_pred", "{\"modelspec.prediction_type\":\"epsilon\"}", DGXP_PREDICTION_V, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_checkpoint *checkpoint = NULL;
        px_bundle_settings settings;
        made tensors[sizeof sdxl / sizeof *sdxl + 1];
        memcpy(tensors, sdxl, sizeof sdxl);
        memset(&tensors[sizeof sdxl / sizeof *sdxl], 0, sizeof *tensors);
        if (cases[i].marker) {
            tensors[sizeof sdxl / sizeof *sdxl - 1] = (made){cases[i].marker, 1, {0}};
        }
        char *path = write_file("marked.safetensors", tensors, cases[i].metadata);
        ck_assert_ok(px_checkpoint_open(path, NULL, &checkpoint));
        ck_assert_ok(px_checkpoint_settings(checkpoint, &plain, &settings));
        ck_assert_int_eq(settings.prediction, cases[i].prediction);
        ck_assert_int_eq(settings.zero_terminal_snr, cases[i].zero);
        ck_assert_int_eq(settings.spacing,
                         cases[i].zero ? DGXP_SPACING_TRAILING : DGXP_SPACING_LEADING);
        ck_assert_ok(px_checkpoint_require(checkpoint, &plain));
        px_checkpoint_free(checkpoint);
        px_mem_free(path);
    }
}
END_TEST

START_TEST(checkpoint_missing_parts_come_from_beside)
{
    static const made unet_only[] = {{U "input_blocks.0.0.weight", 4, {4, 4, 3, 3}},
                                     {U "label_emb.0.0.weight", 2, {8, 12}},
                                     {NULL, 0, {0}}};
    static const made vae_only[] = {{"decoder.mid.block_1.norm1.weight", 1, {4}},
                                    {"encoder.mid.block_1.norm1.weight", 1, {4}},
                                    {NULL, 0, {0}}};
    px_checkpoint *checkpoint = NULL;
    char *unet = write_file("unet.safetensors", unet_only, NULL);
    char *vae = write_file("vae.safetensors", vae_only, NULL);
    char *whole = write_file("sdxl.safetensors", sdxl, NULL);
    px_checkpoint_options options = {.vae = NULL};
    ck_assert_ok(px_checkpoint_open(unet, &options, &checkpoint));
    ck_assert_refused(px_checkpoint_require(checkpoint, &plain), DGXP_ERR_MISMATCH,
                      "holds no first text encoder; give it as `text_encoders`");
    px_checkpoint_free(checkpoint);
    options.text_encoders = whole;
    ck_assert_ok(px_checkpoint_open(unet, &options, &checkpoint));
    ck_assert_refused(px_checkpoint_require(checkpoint, &plain), DGXP_ERR_MISMATCH,
                      "holds no VAE decoder; give it as `vae`");
    px_checkpoint_free(checkpoint);
    options.vae = vae;
    ck_assert_ok(px_checkpoint_open(unet, &options, &checkpoint));
    ck_assert_ok(px_checkpoint_require(checkpoint, &plain));
    ck_assert_int_eq(checkpoint->set_count, 3);
    px_checkpoint_free(checkpoint);
    options.vae = unet;
    ck_assert_refused(px_checkpoint_open(unet, &options, &checkpoint), DGXP_ERR_MISMATCH,
                      "holds no VAE decoder");
    px_mem_free(unet);
    px_mem_free(vae);
    px_mem_free(whole);
}
END_TEST

/* ------------------------------------------------------- the tiny model in its three forms */

static px_parameter *list_parameters(const px_checkpoint *diffusers, px_component component,
                                     int32_t *count)
{
    const px_safetensors *set = diffusers->sets[diffusers->parts[component].set];
    px_parameter *list = px_mem_zero((size_t)px_safetensors_count(set), sizeof *list);
    *count = 0;
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        const px_tensor *tensor = px_safetensors_at(set, i);
        const bool encoder = strncmp(tensor->name, "encoder.", 8) == 0 ||
                             strncmp(tensor->name, "quant_conv.", 11) == 0;
        if (component >= PX_VAE_DECODER && encoder != (component == PX_VAE_ENCODER)) {
            continue;
        }
        list[*count] = (px_parameter){.name = tensor->name, .rank = tensor->rank};
        memcpy(list[(*count)++].shape, tensor->shape, sizeof tensor->shape);
    }
    return list;
}

static void compare_bytes(const px_binding *one, const px_binding *two)
{
    int64_t count = 1;
    for (int32_t i = 0; i < one->rank; i++) {
        count *= one->shape[i];
    }
    const size_t size = px_safetensors_dtype_size(one->dtype);
    const uint8_t *a = one->data, *b = two->data;
    ck_assert_int_eq(one->dtype, two->dtype);
    for (int64_t i = 0; i < count; i++) {
        int64_t from = i;
        if (two->transpose) { /* [row, column] of ours is stored at [column, row] */
            from = i % one->shape[1] * one->shape[0] + i / one->shape[1];
        }
        ck_assert_msg(memcmp(a + (size_t)i * size, b + (size_t)from * size, size) == 0,
                      "%s differs at %lld", one->parameter, (long long)i);
    }
}

/* The files are written by tests/models/make_tiny.py; its layout is checked against diffusers. */
START_TEST(checkpoint_three_forms_hold_the_same)
{
    const char *models = getenv("DGXP_TINY_MODELS");
    if (!models) {
        printf(
            "SKIPPED: set DGXP_TINY_MODELS to what `python tests/models/make_tiny.py OUT` made\n");
        return;
    }
    px_checkpoint *form[3] = {NULL, NULL, NULL};
    static const char *const names[] = {"tiny-diffusers", "tiny.safetensors", "tiny"};
    for (int i = 0; i < 3; i++) {
        char *path = px_file_join(models, names[i]), why[256] = "";
        ck_assert_ok(px_checkpoint_open(path, NULL, &form[i]));
        px_mem_free(path);
        path = px_file_join(models, "tiny");
        px_bundle *bundle = NULL;
        px_bundle_settings settings;
        ck_assert_ok(px_bundle_load(path, &bundle));
        ck_assert_msg(px_checkpoint_fits(form[i], bundle, why, sizeof why), "%s", why);
        ck_assert_ok(px_checkpoint_require(form[i], bundle));
        ck_assert_ok(px_checkpoint_settings(form[i], bundle, &settings));
        ck_assert_double_eq(settings.scaling, 0.13025);
        ck_assert_int_eq(settings.prediction, DGXP_PREDICTION_EPSILON);
        bundle->shapes[0].shape[0]++;
        ck_assert(!px_checkpoint_fits(form[i], bundle, why, sizeof why));
        ck_assert_ptr_nonnull(strstr(why, bundle->shapes[0].name));
        px_bundle_free(bundle);
        px_mem_free(path);
    }
    ck_assert_int_eq(form[0]->kind, PX_CHECKPOINT_FOLDER);
    ck_assert_int_eq(form[2]->kind, PX_CHECKPOINT_BUNDLE);
    int total = 0;
    for (int component = 0; component < PX_COMPONENTS; component++) {
        int32_t count;
        px_parameter *parameters = list_parameters(form[0], (px_component)component, &count);
        px_binding *bound[3];
        for (int i = 0; i < 3; i++) {
            bound[i] = px_mem_array((size_t)count, sizeof **bound);
            ck_assert_ok(
                px_checkpoint_bind(form[i], (px_component)component, parameters, count, bound[i]));
        }
        for (int32_t i = 0; i < count; i++) {
            compare_bytes(&bound[0][i], &bound[1][i]);
            compare_bytes(&bound[0][i], &bound[2][i]);
        }
        total += count;
        for (int i = 0; i < 3; i++) {
            px_mem_free(bound[i]);
        }
        px_mem_free(parameters);
    }
    printf("%d parameters, the same in three forms\n", total);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(px_checkpoint_report_unused(form[i]), 0);
        px_checkpoint_free(form[i]);
    }
}
END_TEST

/* ------------------------------------------------------------------------- bundle.json */

static json_t *load_sdxl_bundle(void)
{
    const char *source = getenv("DGXP_SOURCE_DIR");
    char *path = px_file_join(source ? source : ".", "models/sdxl/bundle.json");
    json_t *document = NULL;
    ck_assert_ok(px_json_load(path, 1 << 20, &document));
    px_mem_free(path);
    return document;
}

static dgxp_status reload(const json_t *document, px_bundle **bundle)
{
    char *path = inside("bundle.json"), *text = px_json_print(document);
    write_quickly(path, text, strlen(text));
    const dgxp_status status = px_bundle_load(folder, bundle);
    px_mem_free(path);
    px_mem_free(text);
    return status;
}

START_TEST(bundle_of_sdxl_is_read)
{
    json_t *document = load_sdxl_bundle();
    px_bundle *bundle = NULL;
    ck_assert_ok(reload(document, &bundle));
    ck_assert_str_eq(bundle->name, "sdxl");
    ck_assert(!bundle->has_weights);
    ck_assert_int_eq(bundle->native_width, 1024);
    ck_assert_int_eq(bundle->context_width, 2048);
    ck_assert_int_eq(bundle->text_count, 2);
    ck_assert_int_eq(bundle->text[1].pad, 0);
    ck_assert_int_eq(bundle->defaults.set.sampler, DGXP_SAMPLER_EULER);
    ck_assert_int_eq(bundle->settings.prediction, DGXP_PREDICTION_EPSILON);
    ck_assert_int_eq(bundle->settings.spacing, DGXP_SPACING_LEADING);
    ck_assert_double_eq(bundle->settings.scaling, 0.13025);
    ck_assert(bundle->has_preview);
    const px_bundle_program *program = px_bundle_find(bundle, PX_UNET, DGXP_TILING_XY);
    ck_assert_ptr_nonnull(program);
    ck_assert_str_eq(program->file, "programs/unet.xy.pt.gz");
    ck_assert_ptr_null(px_bundle_find(bundle, PX_TEXT_1, DGXP_TILING_X));
    px_bundle_free(bundle);
    json_decref(document);
}
END_TEST

START_TEST(bundle_broken_fields_are_named)
{
    static const struct {
        const char *key, *value; /* JSON put in place of a top field */
        dgxp_status status;
        const char *part;
    } cases[] = {
        {"format", "2", DGXP_ERR_UNSUPPORTED, "has format 2; this library reads 1"},
        {"format", "null", DGXP_ERR_BAD_FORMAT, "'format' is missing"},
        {"kind", "\"weights\"", DGXP_ERR_BAD_FORMAT, "one of \"programs\", \"model\""},
        {"name", "\"../x\"", DGXP_ERR_BAD_FORMAT, "'name' is \"../x\""},
        {"latent_channels", "0", DGXP_ERR_BAD_FORMAT, "it must be 1 to 64"},
        {"canvas", "{\"native\":[1001,1024],\"multiple\":8,\"min\":64,\"max\":4096}",
         DGXP_ERR_BAD_FORMAT, "native side of 1001"},
        {"vae", "{\"factor\":8,\"scaling\":0}", DGXP_ERR_BAD_FORMAT, "'vae.scaling' is 0"},
        {"vae", "{\"factor\":8,\"scaling\":1,\"mean\":[0,0,0,0]}", DGXP_ERR_BAD_FORMAT,
         "only one of mean and std"},
        {"vae", "{\"factor\":8,\"scaling\":1,\"mean\":[0,0,0,0],\"std\":[1,1,0,1]}",
         DGXP_ERR_BAD_FORMAT, "must be above zero"},
        {"prediction", "\"sample\"", DGXP_ERR_BAD_FORMAT, "one of \"epsilon\", \"v\""},
        {"text", "[]", DGXP_ERR_BAD_FORMAT, "'text' is empty"},
        {"context_width", "2047", DGXP_ERR_BAD_FORMAT, "the text encoders give 2048"},
        {"preview", "{\"matrix\":[[1,2,3]],\"bias\":[0,0,0]}", DGXP_ERR_BAD_FORMAT, "has 1 rows"},
        {"shapes", "{\"unet\":{\"conv_in.weight\":[0]}}", DGXP_ERR_BAD_FORMAT, "whole numbers"},
        {"programs",
         "[{\"component\":\"unet\",\"file\":\"../unet.pt\",\"size\":1,\"sha256\":\"\"}]",
         DGXP_ERR_BAD_FORMAT, "without \"..\""},
        {"programs", "[{\"component\":\"unet\",\"file\":\"/unet.pt\",\"size\":1,\"sha256\":\"\"}]",
         DGXP_ERR_BAD_FORMAT, "must be a relative path"},
        {"programs", "[{\"component\":\"unet\",\"file\":\"u.pt\",\"size\":1,\"sha256\":\"AB\"}]",
         DGXP_ERR_BAD_FORMAT, "64 lower-case hexadecimal digits"},
        {"defaults", "{\"sampler\":\"magic\"}", DGXP_ERR_BAD_FORMAT, "'defaults.sampler'"},
        {"defaults", "{\"finish\":16}", DGXP_ERR_BAD_FORMAT, "'defaults.finish'"},
        {"defaults", "{\"finish\":{\"colors\":999}}", DGXP_ERR_BAD_FORMAT, "'colors'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *document = load_sdxl_bundle();
        px_bundle *bundle = NULL;
        json_object_set_new(document, cases[i].key,
                            json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        ck_assert_refused(reload(document, &bundle), cases[i].status, cases[i].part);
        ck_assert_ptr_null(bundle);
        json_decref(document);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    if (!mkdtemp(folder)) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(core, 60);
    tcase_add_test(core, checkpoint_single_file_is_bound);
    tcase_add_test(core, checkpoint_markers_and_metadata_are_read);
    tcase_add_test(core, checkpoint_three_forms_hold_the_same);
    tcase_add_test(core, bundle_of_sdxl_is_read);
    tcase_add_test(limits, checkpoint_missing_parts_come_from_beside);
    tcase_add_test(malformed, checkpoint_bindings_are_checked);
    tcase_add_test(malformed, checkpoint_other_families_are_named);
    tcase_add_test(malformed, checkpoint_foreign_files_are_named);
    tcase_add_test(malformed, bundle_broken_fields_are_named);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    const int code = px_check_run(suite);
    char *command = px_mem_format("rm -rf %s", folder);
    const int removed = system(command);
    px_mem_free(command);
    return removed ? EXIT_FAILURE : code;
}
