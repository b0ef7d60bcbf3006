/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A parsed prompt as the chunks of ids that text encoders take, and its weights applied. */
#include "core/error.h"
#include "core/mem.h"
#include "diffusion/prompt.h"

#include <string.h>

/* One encoder's chunk that is being filled. */
typedef struct layout {
    const px_prompt_encoder *encoder;
    px_prompt_ids *out;
    size_t ids_capacity, weights_capacity; /* in chunks */
    int32_t room, reach;                   /* tokens of a chunk; how far back a comma counts */
    int32_t comma;                         /* the id of ",</w>" */
    int32_t filled, last_comma;            /* last_comma -1: none in this chunk */
    int32_t *ids;                          /* [room] */
    float *weights;                        /* [room] */
} layout;

void px_prompt_ids_free(px_prompt_ids *ids)
{
    px_mem_free(ids->ids);
    px_mem_free(ids->weights);
    *ids = (px_prompt_ids){0};
}

/* `ids` and `weights` may be NULL where `count` is 0: the chunk is then empty. */
static void write_chunk(const px_prompt_encoder *encoder, px_prompt_ids *out, const int32_t *ids,
                        const float *weights, int32_t count)
{
    int32_t *row = out->ids + (size_t)out->chunks * (size_t)out->context;
    float *row_weights = out->weights + (size_t)out->chunks * (size_t)out->context;
    for (int32_t i = 0; i < out->context; i++) {
        const bool inside = i >= 1 && i <= count;
        row[i] = i == 0           ? encoder->bos
                 : inside         ? ids[i - 1] // cppcheck-suppress nullPointer
                 : i == count + 1 ? encoder->eos
                                  : encoder->pad;
        row_weights[i] = inside ? weights[i - 1] : 1.0f; // cppcheck-suppress nullPointer
    }
    out->chunks++;
}

/* Closes the chunk after its first `count` tokens; the others begin the next one. */
static dgxp_status finish_chunk(layout *to, int32_t count)
{
    px_prompt_ids *out = to->out;
    const size_t context = (size_t)out->context;
    if (out->chunks >= PX_PROMPT_MAX_CHUNKS) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "the prompt needs more than %d chunks of %d tokens; shorten it",
                            PX_PROMPT_MAX_CHUNKS, to->room);
    }
    if (!px_mem_grow((void **)&out->ids, &to->ids_capacity, (size_t)out->chunks,
                     context * sizeof *out->ids) ||
        !px_mem_grow((void **)&out->weights, &to->weights_capacity, (size_t)out->chunks,
                     context * sizeof *out->weights)) {
        return px_error_memory("the tokens of a prompt");
    }
    write_chunk(to->encoder, out, to->ids, to->weights, count);
    to->filled -= count;
    to->last_comma = -1;
    memmove(to->ids, to->ids + count, (size_t)to->filled * sizeof *to->ids);
    memmove(to->weights, to->weights + count, (size_t)to->filled * sizeof *to->weights);
    return DGXP_OK;
}

static dgxp_status append_token(layout *to, int32_t id, float weight)
{
    dgxp_status status = DGXP_OK;
    if (id == to->comma) {
        to->last_comma = to->filled;
    } else if (to->filled == to->room && to->last_comma >= 0 &&
               to->filled - to->last_comma <= to->reach) {
        status = finish_chunk(to, to->last_comma + 1);
    }
    if (status == DGXP_OK && to->filled == to->room) {
        status = finish_chunk(to, to->filled);
    }
    if (status == DGXP_OK) {
        to->ids[to->filled] = id;
        to->weights[to->filled++] = weight;
    }
    return status;
}

static dgxp_status append_words(layout *to, const char *text, size_t length, double weight)
{
    int32_t *ids = NULL;
    size_t count = 0;
    const int32_t special = to->encoder->parity ? to->encoder->pad : -1;
    dgxp_status status =
        px_tokenizer_encode(to->encoder->tokenizer, text, length, special, &ids, &count);
    for (size_t i = 0; status == DGXP_OK && i < count; i++) {
        status = append_token(to, ids[i], (float)weight);
    }
    px_mem_free(ids);
    return status;
}

/* The vectors of a textual inversion lie side by side in one chunk, as A1111 keeps them. */
static dgxp_status append_embedding(layout *to, const px_embedding *embedding, double weight)
{
    dgxp_status status = DGXP_OK;
    if (to->filled + embedding->count > to->room && embedding->count <= to->room) {
        status = finish_chunk(to, to->filled);
    }
    for (int32_t i = 0; i < embedding->count && status == DGXP_OK; i++) {
        status = append_token(to, PX_EMBEDDINGS_ID - (embedding->first + i), (float)weight);
    }
    return status;
}

static dgxp_status append_piece(layout *to, const px_prompt_piece *piece)
{
    const px_embeddings *embeddings = to->encoder->embeddings;
    const char *from = piece->text;
    dgxp_status status = DGXP_OK;
    for (const char *at = from; embeddings && *at && status == DGXP_OK;) {
        const char *name;
        size_t length, whole = px_embeddings_match(piece->text, at, &name, &length);
        const px_embedding *found = whole ? px_embeddings_find(embeddings, name, length) : NULL;
        if (!found) {
            at++;
            continue;
        }
        status = append_words(to, from, (size_t)(at - from), piece->weight);
        status = status == DGXP_OK ? append_embedding(to, found, piece->weight) : status;
        from = at += whole;
    }
    return status == DGXP_OK ? append_words(to, from, strlen(from), piece->weight) : status;
}

/* Closes every encoder's chunk and evens out how many they have.  `always`: also empty ones. */
static dgxp_status finish_all(layout *layouts, size_t count, bool always)
{
    int32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        layout *to = &layouts[i];
        if (always || to->filled > 0 || to->out->chunks == 0) {
            const dgxp_status status = finish_chunk(to, to->filled);
            if (status != DGXP_OK) {
                return status;
            }
        }
        most = to->out->chunks > most ? to->out->chunks : most;
    }
    for (size_t i = 0; i < count; i++) {
        while (layouts[i].out->chunks < most) {
            const dgxp_status status = finish_chunk(&layouts[i], 0);
            if (status != DGXP_OK) {
                return status;
            }
        }
    }
    return DGXP_OK;
}

static dgxp_status begin_layout(layout *to, const px_prompt_encoder *encoder, px_prompt_ids *out)
{
    const int32_t known = px_tokenizer_count(encoder->tokenizer);
    const int32_t ids[] = {encoder->bos, encoder->eos, encoder->pad};
    if (encoder->context < 3 || encoder->context > 4096) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "a text encoder's context of %d tokens is not in 3..4096",
                            encoder->context);
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        if (ids[i] < 0 || ids[i] >= known) {
            return px_error_set(DGXP_ERR_MISMATCH,
                                "the model's %s id %d is not in its tokenizer's 0..%d; the model "
                                "and its tokenizer do not belong together",
                                i == 0   ? "bos"
                                : i == 1 ? "eos"
                                         : "pad",
                                ids[i], known - 1);
        }
    }
    *out = (px_prompt_ids){.context = encoder->context};
    *to = (layout){.encoder = encoder,
                   .out = out,
                   .room = encoder->context - 2,
                   .reach = (encoder->context - 2) * 20 / 75,
                   .comma = px_tokenizer_find(encoder->tokenizer, ",</w>"),
                   .last_comma = -1};
    to->ids = px_mem_array((size_t)to->room, sizeof *to->ids);
    to->weights = px_mem_array((size_t)to->room, sizeof *to->weights);
    return to->ids && to->weights ? DGXP_OK : px_error_memory("the tokens of a prompt");
}

dgxp_status px_prompt_tokenize(const px_prompt *prompt, const px_prompt_encoder *encoders,
                               size_t count, px_prompt_ids *out)
{
    dgxp_status status = DGXP_OK;
    px_prompt_ids *made = px_mem_zero(count, sizeof *made);
    layout *layouts = px_mem_zero(count, sizeof *layouts);
    if (!made || !layouts) {
        status = px_error_memory("the tokens of a prompt");
    }
    for (size_t i = 0; status == DGXP_OK && i < count; i++) {
        status = begin_layout(&layouts[i], &encoders[i], &made[i]);
    }
    for (size_t p = 0; status == DGXP_OK && p < prompt->piece_count; p++) {
        const px_prompt_piece *piece = &prompt->pieces[p];
        if (piece->breaks) {
            status = finish_all(layouts, count, true);
            continue;
        }
        for (size_t i = 0; status == DGXP_OK && i < count; i++) {
            status = append_piece(&layouts[i], piece);
        }
    }
    if (status == DGXP_OK) {
        status = finish_all(layouts, count, false);
    }
    for (size_t i = 0; made && layouts && i < count; i++) {
        px_mem_free(layouts[i].ids);
        px_mem_free(layouts[i].weights);
        if (status == DGXP_OK) {
            out[i] = made[i];
        } else {
            px_prompt_ids_free(&made[i]);
        }
    }
    px_mem_free(layouts);
    px_mem_free(made);
    return status;
}

dgxp_status px_prompt_pad(const px_prompt_encoder *encoder, int32_t chunks, px_prompt_ids *ids)
{
    if (chunks > PX_PROMPT_MAX_CHUNKS) {
        return px_error_set(DGXP_ERR_LIMIT, "%d chunks of a prompt, the limit is %d", chunks,
                            PX_PROMPT_MAX_CHUNKS);
    }
    if (chunks <= ids->chunks) {
        return DGXP_OK;
    }
    const size_t context = (size_t)ids->context;
    int32_t *longer = px_mem_resize(ids->ids, (size_t)chunks, context * sizeof *longer);
    ids->ids = longer ? longer : ids->ids;
    float *weights = px_mem_resize(ids->weights, (size_t)chunks, context * sizeof *weights);
    ids->weights = weights ? weights : ids->weights;
    if (!longer || !weights) {
        return px_error_memory("the tokens of a prompt");
    }
    while (ids->chunks < chunks) {
        write_chunk(encoder, ids, NULL, NULL, 0);
    }
    return DGXP_OK;
}

bool px_prompt_weighted(const px_prompt_ids *ids)
{
    const size_t count = (size_t)ids->chunks * (size_t)ids->context;
    for (size_t i = 0; i < count; i++) {
        if (ids->weights[i] != 1.0f) {
            return true;
        }
    }
    return false;
}

void px_prompt_weigh(const px_prompt_ids *ids, int32_t width, const float *empty, float *hidden)
{
    const size_t context = (size_t)ids->context, columns = (size_t)width;
    for (size_t token = 0; token < (size_t)ids->chunks * context; token++) {
        const float weight = ids->weights[token];
        float *row = hidden + token * columns;
        const float *base = empty + token % context * columns;
        for (size_t i = 0; weight != 1.0f && i < columns; i++) {
            row[i] = (row[i] - base[i]) * weight + base[i];
        }
    }
}
