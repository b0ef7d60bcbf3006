/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Lists of names for the values of an enum: each room has the lists of its own enums. */
#include "core/choice.h"

#include <string.h>

const dgxp_choice *px_choice_find(const px_choice_list *lists, size_t list_count, const char *name,
                                  int32_t *count)
{
    for (size_t i = 0; i < list_count; i++) {
        if (strcmp(lists[i].name, name) == 0) {
            *count = *lists[i].count;
            return lists[i].choices;
        }
    }
    *count = 0;
    return NULL;
}

const char *px_choice_name(const dgxp_choice *choices, int32_t count, int32_t value)
{
    for (int32_t i = 0; i < count; i++) {
        if (choices[i].value == value) {
            return choices[i].name;
        }
    }
    return NULL;
}
