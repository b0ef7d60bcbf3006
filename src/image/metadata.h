/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a picture says about its making: A1111's `parameters` and our own `dgx_pixels`. */
#ifndef PX_METADATA_H
#define PX_METADATA_H

#include "dgxpixels.h"

#include <jansson.h>

#define PX_METADATA_PARAMETERS "parameters"    /* the text every A1111 reader knows */
#define PX_METADATA_RECIPE "dgx_pixels"        /* our recipe, JSON */
#define PX_METADATA_REVIEW "dgx_pixels_review" /* what people decided about it, JSON */

/**
 * Read A1111's text into {"prompt", "negative_prompt", "fields": {name: text in order}}; quotes of
 * field values are undone.  Any text is a prompt, so only memory can fail.  `*out` is yours.
 */
dgxp_status px_metadata_parse(const char *text, json_t **out);

/**
 * The inverse: `fields` values may be strings, integers, reals or booleans; values with a comma, a
 * colon or a line break are quoted as JSON.  `*out` is yours: px_mem_free().
 */
dgxp_status px_metadata_format(const json_t *parameters, char **out);

/** Set both texts of an image; either may be NULL to leave that one alone. */
dgxp_status px_metadata_write(dgxp_image *image, const json_t *parameters, const json_t *recipe);

/** The recipe of an image; DGXP_ERR_NOT_FOUND when it has none.  `*out` is yours: json_decref(). */
dgxp_status px_metadata_recipe(const dgxp_image *image, json_t **out);

#endif
