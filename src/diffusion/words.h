/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words that a model has read in training: what a prompt holds beside them leaves it cold. */
#ifndef PX_WORDS_H
#define PX_WORDS_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct px_words px_words;

/** Read a list, one lower-case word a line, sorted as bytes; DGXP_ERR_BAD_FORMAT names the line. */
dgxp_status px_words_load(const char *path, px_words **out);
void px_words_free(px_words *words);

/**
 * The words of `prompt` that the list lacks, each once, in their order: [{"word": "kngiht", "near":
 * "knight"}], `near` where a word of the list is a letter or two away or its singular.  `*list` is
 * yours; NULL when there is no such word, or `words` is NULL.  False when memory runs out.
 */
bool px_words_unread(const px_words *words, const char *prompt, json_t **list);

#endif
