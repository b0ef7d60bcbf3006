/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* .aseprite files into sheets and back. */
#ifndef PX_ASEPRITE_H
#define PX_ASEPRITE_H

#include "dgxpixels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of the file format (aseprite's docs/ase-file-specs.md). */
enum {
    PX_ASE_MAGIC = 0xA5E0,
    PX_ASE_FRAME_MAGIC = 0xF1FA,
    PX_ASE_HEADER = 128,
    PX_ASE_FRAME_HEADER = 16,
    PX_ASE_CHUNK_HEADER = 6,
    PX_ASE_OLD_PALETTE = 0x0004,
    PX_ASE_OLDER_PALETTE = 0x0011,
    PX_ASE_LAYER = 0x2004,
    PX_ASE_CEL = 0x2005,
    PX_ASE_PROFILE = 0x2007,
    PX_ASE_TAGS = 0x2018,
    PX_ASE_PALETTE = 0x2019,
    PX_ASE_SLICE = 0x2022
};

bool px_aseprite_matches(const uint8_t *bytes, size_t size);
/** Every frame as Aseprite shows it; `name` begins each sentence. */
dgxp_status px_aseprite_decode(const char *name, const uint8_t *bytes, size_t size,
                               dgxp_sheet **out);
/** One layer; indexed when 255 opaque colors suffice and `truecolor` is 0. */
dgxp_status px_aseprite_encode(const char *name, const dgxp_sheet *sheet, int32_t truecolor,
                               uint8_t **bytes, size_t *size);

/** a * b / 255, rounded as Aseprite rounds. */
uint32_t px_aseprite_multiply(uint32_t a, uint32_t b);
/** One pixel over another in normal mode. */
void px_aseprite_blend(uint8_t *to, const uint8_t *rgba, uint32_t opacity);

#endif
