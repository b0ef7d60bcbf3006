/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CLIP vocabulary: tokens, their ids and the table of merges, read from a tokenizer's files. */
#ifndef PX_VOCABULARY_H
#define PX_VOCABULARY_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Limits of a file: tokens in all, and bytes of one token as it is spelled in the file. */
#define PX_VOCABULARY_MAX_TOKENS 262144
#define PX_VOCABULARY_MAX_SPELLING 1024

/** One merge of the table: the pair's place in the order, and the token that it makes. */
typedef struct px_vocabulary_merge {
    uint64_t pair; /* left << 32 | right; UINT64_MAX: the slot is empty */
    int32_t rank;
    int32_t joined;
} px_vocabulary_merge;

/** Everything here is read-only once loaded: any number of threads may use it. */
typedef struct px_vocabulary {
    int32_t count;
    int32_t start, end;          /* the ids of <|startoftext|> and <|endoftext|> */
    int32_t bytes[2][256];       /* [0] a byte inside a word, [1] a byte that ends it */
    char *text;                  /* all spellings, each ended by a NUL */
    uint32_t *spellings;         /* [count] where each begins in `text` */
    int32_t *slots;              /* hash table of spellings: ids, -1 when empty */
    size_t slot_mask;            /* slots - 1, a power of two - 1 */
    px_vocabulary_merge *merges; /* hash table of pairs */
    size_t merge_mask;
    size_t text_used;
} px_vocabulary;

/**
 * Read `folder`/vocab.json and `folder`/merges.txt; each may be packed by gzip (`.gz` appended to
 * its name).  Without a vocab.json the vocabulary follows from the merges by CLIP's rule: 256
 * bytes, the same 256 as the ends of words, the merges in their order, <|startoftext|>,
 * <|endoftext|>.
 *
 * A broken file is DGXP_ERR_BAD_FORMAT and named with its line or token; too large a one is
 * DGXP_ERR_LIMIT.  The result is yours: free it with px_vocabulary_free().
 */
dgxp_status px_vocabulary_load(const char *folder, px_vocabulary **out);

/** The same from memory; `vocab` NULL is CLIP's rule.  `name` begins the sentences of failures. */
dgxp_status px_vocabulary_parse(const char *name, const char *vocab, size_t vocab_size,
                                const char *merges, size_t merges_size, px_vocabulary **out);
void px_vocabulary_free(px_vocabulary *vocabulary);

/** The id of a spelling ("cat</w>"), or -1. */
int32_t px_vocabulary_find(const px_vocabulary *vocabulary, const char *spelling, size_t length);

/** How `id`, 0..count-1, is spelled; borrowed. */
const char *px_vocabulary_spelling(const px_vocabulary *vocabulary, int32_t id);

/** What two neighbouring tokens join to, or NULL. */
const px_vocabulary_merge *px_vocabulary_join(const px_vocabulary *vocabulary, int32_t left,
                                              int32_t right);

/** The byte that a letter of a spelling (a code point) stands for, or -1. */
int32_t px_vocabulary_letter_byte(int32_t letter);

#endif
