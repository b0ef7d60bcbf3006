/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What atlases are called in other programs' formats. */
#ifndef PX_SHEET_JSON_H
#define PX_SHEET_JSON_H

#include "dgxpixels.h"

#include <jansson.h>

extern const dgxp_choice px_atlas_format_choices[];
extern const int32_t px_atlas_format_count;

/** What a description needs: the atlas, its sheet, the picture's path and its name without suffix.
 */
typedef struct px_atlas_view {
    const dgxp_atlas *atlas;
    const dgxp_sheet *sheet;
    const char *image, *stem;
} px_atlas_view;

/** Tiled's tileset as JSON; NULL when memory runs out. */
json_t *px_tiled_build(const px_atlas_view *of);
/** The same tree as XML in a new string; NULL when memory runs out. */
char *px_tiled_print(const json_t *tileset);

#endif
