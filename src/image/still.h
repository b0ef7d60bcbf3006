/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What becomes of a finished sprite, as JSON: other colors, motions, a normal map. */
#ifndef PX_STILL_H
#define PX_STILL_H

#include "dgxpixels.h"

#include <jansson.h>
#include <stdbool.h>

enum { PX_STILL_STEPS = 3 };

/** The fields of a wish, a workflow and a preset, in the order in which they are carried out. */
extern const char *const px_still_names[];

/** Texts are borrowed from the document. */
typedef struct px_still {
    dgxp_recolor_params recolor;
    dgxp_motion_params motion;
    dgxp_normal_params normal;
    bool recolors, moves, maps;
} px_still;

/** Those fields of the document, which may have others, or be NULL. */
dgxp_status px_still_read(const char *where, const json_t *document, px_still *out);
/** Refuse what would fail on any sprite; `where` begins every error. */
dgxp_status px_still_check(const char *where, const json_t *document);
/** `over` (or NULL) over `under` (or NULL), these fields alone; null and false take a step out.  A new
 * object, NULL when memory runs out. */
json_t *px_still_lay(const json_t *under, const json_t *over);

#endif
