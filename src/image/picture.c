/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures of every format that is read, told by their content. */
#include "image/picture.h"

#include "image/png.h"

dgxp_status px_picture_decode(const char *name, const uint8_t *bytes, size_t size, dgxp_image **out)
{
    if (px_jpeg_matches(bytes, size)) {
        return px_jpeg_decode(name, bytes, size, out);
    }
    if (px_webp_matches(bytes, size)) {
        return px_webp_decode(name, bytes, size, out);
    }
    if (px_bmp_matches(bytes, size)) {
        return px_bmp_decode(name, bytes, size, out);
    }
    return px_png_decode(name, bytes, size, out); /* which names what it is instead */
}
