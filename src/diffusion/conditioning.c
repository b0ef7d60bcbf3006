/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From prompts to what the UNet is told: hidden states of all encoders side by side, and pooled. */
#include "diffusion/conditioning.h"

#include "core/error.h"
#include "core/mem.h"
#include "diffusion/backend.h"

#include <string.h>

typedef struct tokenized {
    px_prompt_ids ids[PX_ENCODERS];
    px_embeddings embeddings;
} tokenized;

static dgxp_status tokenize(const char *text, const px_encoder *encoders, int32_t encoder_count,
                            tokenized *out)
{
    px_prompt prompt;
    px_prompt_encoder prompts[PX_ENCODERS];
    dgxp_status status = px_prompt_check(text);
    out->embeddings.count = 0;
    status = status == DGXP_OK ? px_embeddings_open(text, &out->embeddings) : status;
    status = status == DGXP_OK ? px_prompt_parse(text, &prompt) : status;
    if (status != DGXP_OK) {
        px_embeddings_free(&out->embeddings);
        return status;
    }
    for (int32_t e = 0; e < encoder_count; e++) {
        prompts[e] = encoders[e].prompt;
        prompts[e].embeddings = &out->embeddings;
    }
    /* The adapters that it names are merged by now. */
    status = px_prompt_tokenize(&prompt, prompts, (size_t)encoder_count, out->ids);
    px_prompt_free(&prompt);
    if (status != DGXP_OK) {
        px_embeddings_free(&out->embeddings);
    }
    return status;
}

/* --------------------------------------------------------------------------- textual inversion */

/* A vocabulary with some rows changed for the length of one call, and those rows as they were. */
typedef struct borrowed {
    float *table; /* [rows, width]; NULL: nothing was borrowed */
    float *saved; /* [count, width] */
    int32_t count;
    int32_t rows[PX_EMBEDDINGS_VECTORS];    /* of the vocabulary */
    int32_t vectors[PX_EMBEDDINGS_VECTORS]; /* that stand there */
} borrowed;

static dgxp_status write_table(const px_shim *shim, px_shim_model *backend,
                               const px_encoder *encoder, const float *table)
{
    px_shim_error error = {""};
    const size_t size = (size_t)encoder->rows * (size_t)encoder->width;
    return px_backend_status(
        shim->parameter_write(backend, encoder->component, encoder->table, table, size, &error),
        &error);
}

/* A row that no word of this prompt takes, from the vocabulary's end. */
static int32_t find_free_row(const px_encoder *encoder, const int32_t *ids, size_t count,
                             int32_t below)
{
    const px_prompt_encoder *p = &encoder->prompt;
    for (int32_t row = below - 1; row >= 0; row--) {
        bool used = row == p->bos || row == p->eos || row == p->pad;
        for (size_t i = 0; i < count && !used; i++) {
            used = ids[i] == row;
        }
        if (!used) {
            return row;
        }
    }
    return -1;
}

/* Gives every vector that `ids` name a row; `ids` then name the rows. */
static dgxp_status choose_rows(const px_encoder *encoder, int32_t *ids, size_t count, borrowed *b)
{
    int32_t below = (int32_t)encoder->rows;
    for (size_t i = 0; i < count; i++) {
        int32_t k = 0;
        const int32_t vector = PX_EMBEDDINGS_ID - ids[i];
        if (ids[i] > PX_EMBEDDINGS_ID) {
            continue;
        }
        while (k < b->count && b->vectors[k] != vector) {
            k++;
        }
        if (k == b->count) {
            below = find_free_row(encoder, ids, count, below);
            if (k == PX_EMBEDDINGS_VECTORS || below < 0) {
                return px_error_set(DGXP_ERR_LIMIT,
                                    "a prompt's textual inversions have more than %d vectors",
                                    PX_EMBEDDINGS_VECTORS);
            }
            b->rows[k] = below;
            b->vectors[k] = vector;
            b->count++;
        }
        ids[i] = b->rows[k];
    }
    return DGXP_OK;
}

/* Programs look words up by id alone, so a vector takes the row of a word that is not in use. */
static dgxp_status borrow_rows(const px_shim *shim, px_shim_model *backend,
                               const px_encoder *encoder, const px_embeddings *embeddings,
                               int32_t *ids, size_t count, borrowed *b)
{
    px_shim_error error = {""};
    const size_t width = (size_t)encoder->width, size = (size_t)encoder->rows * width;
    dgxp_status status = choose_rows(encoder, ids, count, b);
    if (status != DGXP_OK || b->count == 0) {
        return status;
    }
    if (!encoder->table) {
        return px_error_set(DGXP_ERR_UNSUPPORTED,
                            "this model's text encoder shows no vocabulary, so textual inversions "
                            "have no place in it");
    }
    float *table = px_mem_array(size, sizeof *table);
    b->saved = px_mem_array((size_t)b->count, width * sizeof *b->saved);
    status = table && b->saved
                 ? px_backend_status(shim->parameter_read(backend, encoder->component,
                                                          encoder->table, table, size, &error),
                                     &error)
                 : px_error_memory("a vocabulary");
    for (int32_t k = 0; k < b->count && status == DGXP_OK; k++) {
        float *row = table + (size_t)b->rows[k] * width;
        memcpy(b->saved + (size_t)k * width, row, width * sizeof *row);
        status = px_embeddings_read(embeddings, b->vectors[k], encoder->component == PX_TEXT_2,
                                    encoder->width, row);
    }
    status = status == DGXP_OK ? write_table(shim, backend, encoder, table) : status;
    if (status != DGXP_OK) {
        px_mem_free(table);
        return status;
    }
    b->table = table;
    return DGXP_OK;
}

static dgxp_status return_rows(const px_shim *shim, px_shim_model *backend,
                               const px_encoder *encoder, borrowed *b)
{
    const size_t width = (size_t)encoder->width;
    dgxp_status status = DGXP_OK;
    if (b->table) {
        for (int32_t k = 0; k < b->count; k++) {
            memcpy(b->table + (size_t)b->rows[k] * width, b->saved + (size_t)k * width,
                   width * sizeof *b->table);
        }
        status = write_table(shim, backend, encoder, b->table);
    }
    px_mem_free(b->table);
    px_mem_free(b->saved);
    return status;
}

/* ---------------------------------------------------------------------------------- encoding */

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
                          const px_embeddings *embeddings, const px_prompt_ids *ids,
                          int32_t total_width, int32_t column, float *context, float *pooled)
{
    px_shim_error error = {""};
    borrowed rows = {.table = NULL};
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
    status = borrow_rows(shim, backend, encoder, embeddings, ids->ids, tokens, &rows);
    if (status == DGXP_OK) {
        status = px_backend_status(shim->encode_text(backend, encoder->component, ids->ids,
                                                     ids->chunks, ids->context, hidden,
                                                     encoder->width, encoder->pooled ? pools : NULL,
                                                     encoder->pooled, &error),
                                   &error);
    }
    const dgxp_status returned = return_rows(shim, backend, encoder, &rows);
    status = status == DGXP_OK ? returned : status;
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
        px_embeddings_free(&prompts[i].embeddings);
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
                encode(shim, backend, &encoders[e], &ids[i].embeddings, &ids[i].ids[e], out->width,
                       column, context, out->pooled + (size_t)i * pooled);
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
        px_embeddings_free(&made.embeddings);
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
