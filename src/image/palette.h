/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A list of up to 256 colors: made by hand, from a file, from a name or from pictures. */
#ifndef PX_PALETTE_H
#define PX_PALETTE_H

#include "dgxpixels.h"
#include "image/color.h"

#include <stdbool.h>

#define PX_PALETTE_MAX 256
#define PX_PALETTE_NAME_MAX 79
#define PX_PALETTE_BYTES_MAX ((size_t)8 << 20) /* of a palette file */

/* Bytes of Photoshop's color table: 256 colors, then perhaps how many count and which is clear. */
enum { PX_PALETTE_ACT_SHORT = 768, PX_PALETTE_ACT_LONG = 772 };

struct dgxp_palette {
    int32_t count;
    int32_t opaque;                   /* entries with alpha >= 128, the ones pixels may take */
    uint8_t rgba[PX_PALETTE_MAX * 4]; /* [count, 4]; alpha 0 is always 0 0 0 0 */
    px_lab lab[PX_PALETTE_MAX];
    char name[PX_PALETTE_NAME_MAX + 1];
};

/** An empty palette. */
dgxp_status px_palette_create(const char *name, dgxp_palette **out);
/** Append a color unless it is there already; past 256 is DGXP_ERR_LIMIT, `what` begins it. */
dgxp_status px_palette_add(const char *what, dgxp_palette *palette, const uint8_t rgba[4]);
/** The opaque entry nearest in OKLab, the first of equals; -1 without opaque entries. */
int32_t px_palette_nearest(const dgxp_palette *palette, px_lab lab);
/** Greys dark to light, then by hue in twelfths, each dark to light: the same for any input order.
 */
void px_palette_sort(dgxp_palette *palette);

/** dgxp_palette_decode() and _encode(); `what` begins each sentence. */
dgxp_status px_palette_decode(const char *what, const uint8_t *bytes, size_t size,
                              dgxp_palette **out);
dgxp_status px_palette_encode(const char *what, const dgxp_palette *palette, int32_t format,
                              uint8_t **bytes, size_t *size);

typedef struct px_palette_builtin {
    const uint8_t (*rgb)[3];
    int32_t count;
} px_palette_builtin;

/** The palettes that come with the library; names and credits are in the choices of equal index. */
extern const px_palette_builtin px_palette_builtins[];
extern const dgxp_choice px_palette_builtin_choices[];
extern const int32_t px_palette_builtin_count;

extern const dgxp_choice px_palette_format_choices[];
extern const int32_t px_palette_format_count;

#endif
