/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* {red|blue} alternatives and __colors__ wildcards in prompts, chosen by a seed. */
#ifndef PX_WILDCARD_H
#define PX_WILDCARD_H

#include "dgxpixels.h"

#include <stdint.h>

/** The wildcard files of one folder, each read once.  Any number of threads may expand. */
typedef struct px_wildcards px_wildcards;

/** `folder` is copied; it need not exist while no text names a file. */
dgxp_status px_wildcards_create(const char *folder, px_wildcards **out);
void px_wildcards_free(px_wildcards *wildcards);

/**
 * Choose in `text`: `{a|b|{c|d}}` takes one of its parts, `__name__` one line of FOLDER/name.txt
 * (blank lines and those that begin with '#' do not count), which may hold choices itself.  A
 * backslash before { } | or _ takes it literally.  The same seed chooses the same; `*out` is yours:
 * px_mem_free().  A brace without its partner and an empty file are DGXP_ERR_BAD_FORMAT.
 */
dgxp_status px_wildcards_expand(px_wildcards *wildcards, const char *where, const char *text,
                                uint64_t seed, char **out);

#endif
