/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every combination of a few fields' values: `steps=8,20` by `guidance=2,5,7`. */
#ifndef PX_MATRIX_H
#define PX_MATRIX_H

#include "dgxpixels.h"

#include <jansson.h>

enum { PX_MATRIX_AXES = 6 };

typedef struct px_matrix_axis {
    char *field; /* its values follow in the same block */
    char **values;
    int32_t count;
} px_matrix_axis;

/** The last axis runs fastest.  No axes are one combination, which changes nothing. */
typedef struct px_matrix {
    px_matrix_axis axes[PX_MATRIX_AXES];
    int32_t axis_count;
    int32_t combinations; /* at most 4,096 */
} px_matrix;

/** Parse "field=a,b,c" texts; a backslash before a comma keeps it.  Free with px_matrix_free(). */
dgxp_status px_matrix_parse(const char *const *texts, int32_t count, px_matrix *out);
void px_matrix_free(px_matrix *matrix);

/** Put a combination's values into a request. */
dgxp_status px_matrix_apply(const px_matrix *matrix, const char *where, int32_t combination,
                            json_t *request);
/** "steps=8 guidance=2" in a new string; NULL when memory runs out. */
char *px_matrix_label(const px_matrix *matrix, int32_t combination);
/** How many values the last axis has; 0 without axes. */
int32_t px_matrix_columns(const px_matrix *matrix);

#endif
