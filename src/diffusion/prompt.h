/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The prompt grammar: weights, BREAK, LoRA tags; and the chunks that the text encoders take. */
#ifndef PX_PROMPT_H
#define PX_PROMPT_H

#include "diffusion/embeddings.h"
#include "diffusion/tokenizer.h"

#include <stdbool.h>

/** Limits: the size of a weight after all its brackets, open brackets, and chunks of one prompt. */
#define PX_PROMPT_MAX_WEIGHT 100.0
#define PX_PROMPT_MAX_DEPTH 256
#define PX_PROMPT_MAX_CHUNKS 4096

/** A stretch of text with one weight; or, with `breaks`, the place of a BREAK. */
typedef struct px_prompt_piece {
    char *text;
    double weight;
    bool breaks;
} px_prompt_piece;

/** `<lora:name:weight>` or `<lora:name:weight:second>`; without a number the weight is 1. */
typedef struct px_prompt_lora {
    char *name;
    double weight;
    double second; /* equal to `weight` when not given */
    bool has_second;
} px_prompt_lora;

typedef struct px_prompt {
    px_prompt_piece *pieces; /* at least one */
    size_t piece_count;
    px_prompt_lora *loras;
    size_t lora_count;
} px_prompt;

/**
 * Parse A1111's grammar (its prompt_parser.py).
 *
 * `(x)` is 1.1 times, `[x]` a 1.1th, `(x:1.3)` 1.3 times as strong, nested ones multiply; `\(` and
 * the like are the characters themselves; a bracket left open extends to the end, one too many is
 * text; BREAK as a word begins a new chunk, inside brackets too; neighbours of equal weight are one
 * piece.  `<lora:…>` tags, and `<lyco:…>`, which A1111 takes for the same, are taken out of the
 * text and listed in their order.
 *
 * Fails with DGXP_ERR_INVALID_ARGUMENT on text that is no UTF-8 or a LoRA tag that is not sound,
 * and DGXP_ERR_LIMIT on too long a text, too large a weight or too many open brackets.  On success
 * free with px_prompt_free().
 */
dgxp_status px_prompt_parse(const char *text, px_prompt *out);
void px_prompt_free(px_prompt *prompt);

/**
 * Refuse (DGXP_ERR_UNSUPPORTED) what other programs would not read as words and we cannot do:
 * prompt editing `[a:b:0.5]`, alternation `[a|b]`, AND, `<hypernet:…>`, words of the Regional
 * Prompter.  A backslash makes any of them plain text.
 */
dgxp_status px_prompt_check(const char *text);

/**
 * A text of ComfyUI's grammar, which knows round brackets and `embedding:` and nothing else, in
 * ours: `[x]`, BREAK, AND, `<lora:x>` are words there, so they are escaped.  A new string, NULL
 * when memory runs out.
 */
char *px_prompt_escape(const char *text);

/** A text encoder as the bundle describes it. */
typedef struct px_prompt_encoder {
    const px_tokenizer *tokenizer;
    int32_t context; /* tokens of a chunk, both ends included: 77 for CLIP; 3..4096 */
    int32_t bos, eos, pad;
    bool parity; /* diffusers' rule: the spelling of `pad` in the text ('!' for 0) is that token */
    const px_embeddings *embeddings; /* that the prompt names; NULL: none */
} px_prompt_encoder;

/** What one encoder is given: every chunk is bos, at most context - 2 tokens, eos, padding. */
typedef struct px_prompt_ids {
    int32_t chunks, context;
    int32_t *ids;   /* [chunks, context]; PX_EMBEDDINGS_ID and below: a vector of a file */
    float *weights; /* [chunks, context]; 1 for bos, eos and padding */
} px_prompt_ids;

/**
 * Turn a prompt into chunks for each of `count` encoders; `out` [count].
 *
 * Nothing is ever cut: what does not fit goes into the next chunk, and when a comma lies in the
 * last 20 of 75 tokens (the same share of another context) the next chunk begins after it, as A1111
 * does. All encoders get equally many chunks, at least one, and a BREAK begins the same chunk in
 * each.
 *
 * Fails with DGXP_ERR_LIMIT above PX_PROMPT_MAX_CHUNKS and DGXP_ERR_MISMATCH when an encoder names
 * ids that its tokenizer lacks.  Free each with px_prompt_ids_free().
 */
dgxp_status px_prompt_tokenize(const px_prompt *prompt, const px_prompt_encoder *encoders,
                               size_t count, px_prompt_ids *out);
void px_prompt_ids_free(px_prompt_ids *ids);

/** Append empty chunks until there are `chunks`: prompt and negative prompt need equally many. */
dgxp_status px_prompt_pad(const px_prompt_encoder *encoder, int32_t chunks, px_prompt_ids *ids);

/**
 * Apply the weights to an encoder's hidden states in place, token by token, as ComfyUI does:
 * z = w * (z - z_empty) + z_empty.  The pooled vector stays as it is.
 *
 * `hidden` [chunks, context, width]; `empty` [context, width], the hidden states of the empty
 * prompt's one chunk.  A token of weight 1 is left bit for bit.
 */
void px_prompt_weigh(const px_prompt_ids *ids, int32_t width, const float *empty, float *hidden);

/** Whether any weight differs from 1, so that `empty` is needed at all. */
bool px_prompt_weighted(const px_prompt_ids *ids);

#endif
