/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From prompts to what the UNet is told: hidden states of all encoders side by side, and pooled. */
#include "diffusion/conditioning.h"

#include "core/error.h"
#include "core/mem.h"
#include "diffusion/backend.h"

#include <string.h>

typedef struct tokenized {
    px_prompt_ids ids[PX_ENCODERS];
} tokenized;

static dgxp_status tokenize(const char *text, const px_encoder *encoders, int32_t encoder_count,
                            tokenized *out)
{
    px_prompt prompt;
    px_prompt_encoder prompts[PX_ENCODERS];
    dgxp_status status = px_prompt_check(text);
    status = status == DGXP_OK ? px_prompt_parse(text, &prompt) : status;
    if (status != DGXP_OK) {
        return status;
    }
    for (int32_t e = 0; e < encoder_count; e++) {
        prompts[e] = encoders[e].prompt;
    }
    /* The adapters that it names are merged by now. */
    status = px_prompt_tokenize(&prompt, prompts, (size_t)encoder_count, out->ids);
    px_prompt_free(&prompt);
    return status;
}

/* The hidden states of the empty prompt's one chunk, [context, width]. */
static dgxp_status encode_empty(const px_shim *shim, px_shim_model *backend,
                                const px_encoder *encoder, float *hidden)
{
    px_shim_error error = {""};
    const px_prompt_encoder *prompt = &encoder->prompt;
    int32_t *ids = px_mem_array((size_t)prompt->context, sizeof *ids);
    if (!ids) {
        return px_error_memory("the empty prompt");
    }
    for (int32_t i = 0; i < prompt->context; i++) {
        ids[i] = i == 0 ? prompt->bos : i == 1 ? prompt->eos : prompt->pad;
    }
    const dgxp_status status =
        px_backend_status(shim->encode_text(backend, encoder->component, ids, 1, prompt->context,
                                            hidden, encoder->width, NULL, 0, &error),
                          &error);
    px_mem_free(ids);
    return status;
}

/* One prompt through one encoder, into its columns of `context` and into `pooled`. */
static dgxp_status encode(const px_shim *shim, px_shim_model *backend, const px_encoder *encoder,
                          const px_prompt_ids *ids, int32_t total_width, int32_t column,
                          float *context, float *pooled)
{
    px_shim_error error = {""};
    const size_t width = (size_t)encoder->width;
    const size_t tokens = (size_t)ids->chunks * (size_t)ids->context;
    float *hidden = px_mem_array(tokens, width * sizeof *hidden);
    float *empty = px_mem_array((size_t)ids->context, width * sizeof *empty);
    float *pools = px_mem_array((size_t)ids->chunks, ((size_t)encoder->pooled + 1) * sizeof *pools);
    dgxp_status status = DGXP_OK;
    if (!hidden || !empty || !pools) {
        status = px_error_memory("a prompt's hidden states");
        goto done;
    }
    status = px_backend_status(
        shim->encode_text(backend, encoder->component, ids->ids, ids->chunks, ids->context, hidden,
                          encoder->width, encoder->pooled ? pools : NULL, encoder->pooled, &error),
        &error);
    if (status == DGXP_OK && px_prompt_weighted(ids)) {
        status = encode_empty(shim, backend, encoder, empty);
        if (status == DGXP_OK) {
            px_prompt_weigh(ids, encoder->width, empty, hidden);
        }
    }
    if (status == DGXP_OK) {
        for (size_t t = 0; t < tokens; t++) {
            memcpy(context + t * (size_t)total_width + (size_t)column, hidden + t * width,
                   width * sizeof *hidden);
        }
        if (encoder->pooled) { /* the first chunk's, as A1111 and diffusers' callers do */
            memcpy(pooled, pools, (size_t)encoder->pooled * sizeof *pools);
        }
    }
done:
    px_mem_free(pools);
    px_mem_free(empty);
    px_mem_free(hidden);
    return status;
}

static void free_tokenized(tokenized *prompts, int32_t count)
{
    for (int32_t i = 0; prompts && i < count; i++) {
        for (int32_t e = 0; e < PX_ENCODERS; e++) {
            px_prompt_ids_free(&prompts[i].ids[e]);
        }
    }
    px_mem_free(prompts);
}

/* The earlier prompt with the same text, or -1. */
static int32_t find_twin(const char *const *prompts, int32_t index)
{
    for (int32_t i = 0; i < index; i++) {
        if (strcmp(prompts[i], prompts[index]) == 0) {
            return i;
        }
    }
    return -1;
}

static dgxp_status encode_all(const px_shim *shim, px_shim_model *backend,
                              const px_encoder *encoders, int32_t encoder_count,
                              const char *const *prompts, const tokenized *ids,
                              px_conditioning *out)
{
    const size_t size = (size_t)out->tokens * (size_t)out->width;
    const size_t pooled = (size_t)out->pooled_width;
    for (int32_t i = 0; i < out->count; i++) {
        const int32_t twin = find_twin(prompts, i);
        float *context = out->context + (size_t)i * size;
        if (twin >= 0) {
            memcpy(context, out->context + (size_t)twin * size, size * sizeof *context);
            memcpy(out->pooled + (size_t)i * pooled, out->pooled + (size_t)twin * pooled,
                   pooled * sizeof *out->pooled);
            continue;
        }
        for (int32_t e = 0, column = 0; e < encoder_count; column += encoders[e++].width) {
            const dgxp_status status =
                encode(shim, backend, &encoders[e], &ids[i].ids[e], out->width, column, context,
                       out->pooled + (size_t)i * pooled);
            if (status != DGXP_OK) {
                return status;
            }
        }
    }
    return DGXP_OK;
}

dgxp_status px_conditioning_chunks(const px_encoder *encoders, int32_t encoder_count,
                                   const char *prompt, int32_t *chunks)
{
    tokenized made;
    const dgxp_status status = tokenize(prompt, encoders, encoder_count, &made);
    if (status == DGXP_OK) {
        *chunks = made.ids[0].chunks;
        for (int32_t e = 0; e < encoder_count; e++) {
            px_prompt_ids_free(&made.ids[e]);
        }
    }
    return status;
}

dgxp_status px_conditioning_create(const px_shim *shim, px_shim_model *backend,
                                   const px_encoder *encoders, int32_t encoder_count,
                                   const char *const *prompts, int32_t count, int32_t chunks,
                                   px_conditioning *out)
{
    px_conditioning made = {.count = count};
    dgxp_status status = DGXP_OK;
    tokenized *ids = px_mem_zero((size_t)count, sizeof *ids);
    if (!ids) {
        return px_error_memory("the prompts");
    }
    for (int32_t i = 0; i < count && status == DGXP_OK; i++) {
        status = tokenize(prompts[i], encoders, encoder_count, &ids[i]);
        for (int32_t e = 0; e < encoder_count && status == DGXP_OK; e++) {
            status = px_prompt_pad(&encoders[e].prompt, chunks, &ids[i].ids[e]);
        }
    }
    made.tokens = chunks * encoders[0].prompt.context;
    for (int32_t e = 0; e < encoder_count; e++) {
        made.width += encoders[e].width;
        made.pooled_width = encoders[e].pooled ? encoders[e].pooled : made.pooled_width;
    }
    if (status == DGXP_OK) {
        made.context = px_mem_array((size_t)count * (size_t)made.tokens,
                                    (size_t)made.width * sizeof *made.context);
        made.pooled = px_mem_zero((size_t)count, (size_t)made.pooled_width * sizeof *made.pooled);
        status = made.context && made.pooled
                     ? encode_all(shim, backend, encoders, encoder_count, prompts, ids, &made)
                     : px_error_memory("the prompts' hidden states");
    }
    free_tokenized(ids, count);
    if (status != DGXP_OK) {
        px_conditioning_free(&made);
        return status;
    }
    *out = made;
    return DGXP_OK;
}

void px_conditioning_free(px_conditioning *conditioning)
{
    px_mem_free(conditioning->context);
    px_mem_free(conditioning->pooled);
    *conditioning = (px_conditioning){0};
}
