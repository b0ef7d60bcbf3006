/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CLIP's tokenizer: text in, token ids out, equal to Hugging Face's CLIPTokenizer. */
#ifndef PX_TOKENIZER_H
#define PX_TOKENIZER_H

#include "dgxpixels.h"

#include <stddef.h>
#include <stdint.h>

/** The longest text that is taken, in bytes. */
#define PX_TOKENIZER_MAX_TEXT 65536

/** Read-only once loaded: any number of threads may encode with it. */
typedef struct px_tokenizer px_tokenizer;

/**
 * Read a tokenizer's folder: `merges.txt` and, when there is one, `vocab.json`; each may be packed
 * (`.gz`).  See px_vocabulary_load() for the rules and failures.  Yours: px_tokenizer_free().
 */
dgxp_status px_tokenizer_load(const char *folder, px_tokenizer **out);

/** The same from memory; `vocab` NULL derives it from the merges.  `name` is for failures. */
dgxp_status px_tokenizer_create(const char *name, const char *vocab, size_t vocab_size,
                                const char *merges, size_t merges_size, px_tokenizer **out);
void px_tokenizer_free(px_tokenizer *tokenizer);

/** How many ids there are, and those of <|startoftext|> and <|endoftext|>. */
int32_t px_tokenizer_count(const px_tokenizer *tokenizer);
int32_t px_tokenizer_start(const px_tokenizer *tokenizer);
int32_t px_tokenizer_end(const px_tokenizer *tokenizer);

/** The id of a token as the vocabulary spells it (",</w>"), or -1. */
int32_t px_tokenizer_find(const px_tokenizer *tokenizer, const char *spelling);

/**
 * The ids of `size` bytes of UTF-8, without start, end and padding.
 *
 * <|startoftext|> and <|endoftext|> in the text become their ids, as Hugging Face's do.  `special`
 * is one more token that is cut out of the text wherever its spelling stands, or -1 for none: with
 * a padding id of 0, diffusers turns every '!' into id 0 this way.
 * `*ids` [count] is yours: free it with px_mem_free().  More than PX_TOKENIZER_MAX_TEXT bytes are
 * DGXP_ERR_LIMIT; invalid UTF-8 is DGXP_ERR_INVALID_ARGUMENT and named by its byte offset.
 */
dgxp_status px_tokenizer_encode(const px_tokenizer *tokenizer, const char *text, size_t size,
                                int32_t special, int32_t **ids, size_t *count);

/**
 * The text that ids stand for: a blank after each word, ids out of range left out.  For showing:
 * bytes that are half a character come out as they are.  Yours: free it with px_mem_free(); NULL
 * when memory runs out.
 */
char *px_tokenizer_decode(const px_tokenizer *tokenizer, const int32_t *ids, size_t count);

/** Whether text is UTF-8 and within the limit; `what` ("the prompt") begins the sentence if not. */
dgxp_status px_tokenizer_check(const char *what, const char *text, size_t size);

#endif
