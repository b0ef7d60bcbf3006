/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists of names for the values of an enum: each room has the lists of its own enums. */
#ifndef PX_CHOICE_H
#define PX_CHOICE_H

#include "dgxpixels.h"

#include <stddef.h>

/** One enum's list; its length is behind a pointer, for lists that another file defines. */
typedef struct px_choice_list {
    const char *name; /* "sampler" */
    const dgxp_choice *choices;
    const int32_t *count;
} px_choice_list;

/** The list of that name among `list_count`; NULL and 0 when there is none. */
const dgxp_choice *px_choice_find(const px_choice_list *lists, size_t list_count, const char *name,
                                  int32_t *count);

/** The name of `value`, or NULL. */
const char *px_choice_name(const dgxp_choice *choices, int32_t count, int32_t value);

#endif
