/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Families: what a file of tensors is, so that what we do not run is named and not guessed. */
#include "diffusion/family.h"

#include "core/error.h"
#include "core/file.h"

#include <string.h>
#include <unistd.h>

/* Said of what lies beside a checkpoint and guides it. */
#define NOT_DONE "this version does not do those; paint with an SDXL checkpoint alone"

static const struct {
    const char *name;
    const char *title;
    const char *advice;
} families[PX_FAMILIES] = {
    [PX_FAMILY_UNKNOWN] =
        {"unknown", "no model that this library knows",
         "give an SDXL checkpoint (.safetensors), a diffusers folder or a bundle"},
    [PX_FAMILY_SDXL] = {"sdxl", "an SDXL checkpoint", ""},
    [PX_FAMILY_VAE] = {"vae", "a VAE alone", "give it as the VAE of a checkpoint (`vae`)"},
    [PX_FAMILY_TEXT] = {"text-encoders", "text encoders alone",
                        "give them beside a checkpoint (`text_encoders`)"},
    [PX_FAMILY_LORA] = {"lora", "a LoRA", "give it beside a model (`lora`), not as the model"},
    [PX_FAMILY_SD1] = {"sd1", "a Stable Diffusion 1.x checkpoint",
                       "use a checkpoint trained from SDXL"},
    [PX_FAMILY_SD2] = {"sd2", "a Stable Diffusion 2.x checkpoint",
                       "use a checkpoint trained from SDXL"},
    [PX_FAMILY_SD3] = {"sd3", "a Stable Diffusion 3 checkpoint",
                       "use a checkpoint trained from SDXL"},
    [PX_FAMILY_FLUX] = {"flux", "a Flux checkpoint", "use a checkpoint trained from SDXL"},
    [PX_FAMILY_REFINER] = {"sdxl-refiner", "the SDXL refiner",
                           "use the SDXL base model or a fine-tune of it"},
    [PX_FAMILY_INPAINT] = {"sdxl-inpaint", "an SDXL inpainting checkpoint (9 input channels)",
                           "use an ordinary SDXL checkpoint; it inpaints with a mask too"},
    [PX_FAMILY_EDM] = {"sdxl-edm", "an EDM model of SDXL's shape (Playground 2.5)",
                       "use a checkpoint that predicts epsilon or v"},
    [PX_FAMILY_CONTROLNET] = {"controlnet", "a ControlNet", NOT_DONE},
    [PX_FAMILY_T2I] = {"t2i-adapter", "a T2I-Adapter", NOT_DONE},
    [PX_FAMILY_LLLITE] = {"lllite", "a ControlNet-LLLite", NOT_DONE},
    [PX_FAMILY_IP_ADAPTER] = {"ip-adapter", "an IP-Adapter", NOT_DONE},
    [PX_FAMILY_MOTION] = {"animatediff", "a motion module of AnimateDiff", NOT_DONE},
    [PX_FAMILY_QWEN] = {"qwen-image", "a Qwen-Image model", "use a checkpoint trained from SDXL"},
    [PX_FAMILY_Z_IMAGE] = {"z-image", "a Z-Image or Lumina 2 model",
                           "use a checkpoint trained from SDXL"},
    [PX_FAMILY_UPSCALER] = {"upscaler", "a model that enlarges pictures (ESRGAN)",
                            "a sprite needs none"},
    [PX_FAMILY_EMBEDDING] = {"embedding", "a textual inversion",
                             "put it into embeddings/ of the models folders and write "
                             "embedding:NAME in the prompt"},
};

const char *px_family_name(px_family family)
{
    return families[family].name;
}

const char *px_family_title(px_family family)
{
    return families[family].title;
}

const char *px_family_advice(px_family family)
{
    return family == PX_FAMILY_SDXL ? "give it as `model`" : families[family].advice;
}

dgxp_status px_family_check(px_family family, const char *path)
{
    if (family == PX_FAMILY_SDXL) {
        return DGXP_OK;
    }
    return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: is %s; %s", path, families[family].title,
                        families[family].advice);
}

typedef struct signs {
    bool lora, flux, sd3, control, edm, vae, text, text_1, text_2, sd1_text, sd2_text;
    bool t2i, lllite, ip_adapter, motion, qwen, z_image, upscaler, embedding;
} signs;

static bool has(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

static bool begins(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

static void read_signs(const char *name, signs *seen)
{
    seen->lora |= has(name, ".lora_down.") || has(name, ".lora_up.") || has(name, ".lora_A") ||
                  has(name, ".lora_B") || has(name, ".lora.down.") || has(name, "_lora.down.") ||
                  has(name, ".lora_linear_layer.") || has(name, ".hada_w1_") ||
                  has(name, ".lokr_w1");
    seen->flux |= has(name, "double_blocks.") || has(name, "single_transformer_blocks.");
    seen->sd3 |= has(name, "joint_blocks.") || begins(name, "context_embedder.");
    seen->control |= begins(name, "control_model.") || begins(name, "controlnet_") ||
                     has(name, "input_hint_block.") || begins(name, "zero_convs.");
    seen->t2i |= begins(name, "adapter.body.") || begins(name, "body.0.");
    seen->lllite |= begins(name, "lllite_");
    seen->ip_adapter |= begins(name, "ip_adapter.") || begins(name, "image_proj.");
    seen->motion |= has(name, "motion_modules.");
    seen->qwen |= has(name, "transformer_blocks.") && has(name, ".img_mod.");
    seen->z_image |= has(name, "noise_refiner.") || has(name, "cap_embedder.");
    seen->upscaler |= has(name, ".rdb1.") || has(name, ".RDB1.");
    seen->embedding |= strcmp(name, "clip_g") == 0 || strcmp(name, "clip_l") == 0 ||
                       strcmp(name, "emb_params") == 0;
    seen->edm |= strcmp(name, "edm_mean") == 0 || begins(name, "edm_vpred.");
    seen->vae |= has(name, "decoder.conv_in.weight");
    seen->text_1 |= begins(name, "conditioner.embedders.0.transformer.");
    seen->text_2 |= begins(name, "conditioner.embedders.1.");
    seen->text |= has(name, "token_embedding.weight");
    seen->sd1_text |= begins(name, "cond_stage_model.transformer.");
    seen->sd2_text |= begins(name, "cond_stage_model.model.");
}

/* The UNet's parameter by either name, behind any of the prefixes in use. */
static const px_tensor *find_unet(const px_safetensors *set, const char *original, const char *ours)
{
    static const char *const prefixes[] = {"model.diffusion_model.", "diffusion_model.", "",
                                           "unet."};
    char name[128];
    for (size_t i = 0; i < 2 * (sizeof prefixes / sizeof *prefixes); i++) {
        snprintf(name, sizeof name, "%s%s", prefixes[i / 2], i % 2 ? ours : original);
        const px_tensor *tensor = px_safetensors_find(set, name);
        if (tensor) {
            return tensor;
        }
    }
    return NULL;
}

static px_family judge_unet(const px_safetensors *set, const px_tensor *input, const signs *seen)
{
    const px_tensor *key =
        find_unet(set, "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
                  "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight");
    const px_tensor *label =
        find_unet(set, "label_emb.0.0.weight", "add_embedding.linear_1.weight");
    const bool nine = input->rank == 4 && input->shape[1] == 9;
    const int64_t width = key && key->rank == 2 ? key->shape[1] : 0;
    if (seen->sd1_text || (!label && width == 768)) {
        return PX_FAMILY_SD1;
    }
    if (seen->sd2_text || (!label && width == 1024)) {
        return PX_FAMILY_SD2;
    }
    if (!label) {
        return PX_FAMILY_UNKNOWN;
    }
    /* The refiner conditions on five ids of 256 and one encoder: 2,560 columns, not 2,816. */
    if ((px_safetensors_find(set, "conditioner.embedders.0.model.token_embedding.weight") &&
         !seen->text_2) ||
        (label->rank == 2 && label->shape[1] == 2560 && input->shape[0] == 384)) {
        return PX_FAMILY_REFINER;
    }
    return nine ? PX_FAMILY_INPAINT : seen->edm ? PX_FAMILY_EDM : PX_FAMILY_SDXL;
}

px_family px_family_of(const px_safetensors *set)
{
    signs seen = {false};
    for (int32_t i = 0; i < px_safetensors_count(set); i++) {
        read_signs(px_safetensors_at(set, i)->name, &seen);
    }
    const px_tensor *input = find_unet(set, "input_blocks.0.0.weight", "conv_in.weight");
    if (seen.lora) {
        return PX_FAMILY_LORA;
    }
    const struct {
        bool seen;
        px_family family;
    } beside[] = {
        {seen.upscaler, PX_FAMILY_UPSCALER},
        {seen.control, PX_FAMILY_CONTROLNET},
        {seen.t2i, PX_FAMILY_T2I},
        {seen.lllite, PX_FAMILY_LLLITE},
        {seen.motion, PX_FAMILY_MOTION},
        {seen.ip_adapter && !input, PX_FAMILY_IP_ADAPTER},
        {seen.qwen, PX_FAMILY_QWEN},
        {seen.z_image, PX_FAMILY_Z_IMAGE},
        {seen.embedding && !input, PX_FAMILY_EMBEDDING},
    };
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        if (beside[i].seen) {
            return beside[i].family;
        }
    }
    if (seen.flux || seen.sd3) {
        return seen.flux ? PX_FAMILY_FLUX : PX_FAMILY_SD3;
    }
    if (input) {
        return judge_unet(set, input, &seen);
    }
    if (seen.sd1_text || seen.sd2_text) {
        return seen.sd1_text ? PX_FAMILY_SD1 : PX_FAMILY_SD2;
    }
    return seen.text ? PX_FAMILY_TEXT : seen.vae ? PX_FAMILY_VAE : PX_FAMILY_UNKNOWN;
}

dgxp_status px_family_check_file(const char *path)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *sentence;
    } magics[] = {
        {"PK\003\004", 4,
         "is a zip archive, such as a pickled checkpoint (.ckpt, .pt), which is code; convert it "
         "to "
         ".safetensors"},
        {"\x80\002", 2,
         "is a pickled checkpoint (.ckpt, .pt), which is code; convert it to .safetensors"},
        {"GGUF", 4, "is a GGUF file; use the .safetensors form of the model"},
        {"\x89PNG", 4, "is a PNG picture, not a model"},
        {"version https://git-lfs", 23,
         "is a Git LFS pointer, not the model itself; fetch it with `git lfs pull`"},
        {"<!DOCTYPE", 9, "is a web page, not a model; the download went wrong"},
        {"<!doctype", 9, "is a web page, not a model; the download went wrong"},
        {"<html", 5, "is a web page, not a model; the download went wrong"},
    };
    char start[32] = "";
    int fd;
    size_t whole;
    const dgxp_status status = px_file_open(path, &fd, &whole);
    if (status != DGXP_OK) {
        return status;
    }
    const ssize_t got = read(fd, start, sizeof start);
    const size_t size = got > 0 ? (size_t)got : 0;
    close(fd);
    /* A safetensors file begins with the length of its header, which ends in zeros. */
    if (start[0] == '{' && size > 8 && !memchr(start, 0, 8) && !px_file_has_suffix(path, "json")) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "%s: is JSON text, not a model: the download went wrong and saved the "
                            "server's answer",
                            path);
    }
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        /* A safetensors header of 0x..0280 bytes begins like a pickle; its ninth byte tells. */
        if (size >= magics[i].size && memcmp(start, magics[i].bytes, magics[i].size) == 0 &&
            !(size > 8 && start[8] == '{' && start[7] == 0)) {
            return px_error_set(DGXP_ERR_UNSUPPORTED, "%s: %s", path, magics[i].sentence);
        }
    }
    return DGXP_OK;
}
