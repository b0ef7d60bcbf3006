/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures of every format that is read, told by their content. */
#include "image/picture.h"

#include "core/error.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
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

dgxp_status dgxp_image_decode(const void *bytes, size_t size, dgxp_image **out)
{
    px_error_clear();
    if (!bytes || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_decode: %s is NULL",
                            bytes ? "out" : "bytes");
    }
    return px_picture_decode("dgxp_image_decode", bytes, size, out);
}

dgxp_status dgxp_image_load(const char *path, dgxp_image **out)
{
    px_error_clear();
    if (!path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_image_load: %s is NULL",
                            path ? "out" : "path");
    }
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_status status = px_file_read(path, px_limits_bytes(), &bytes, &size);
    if (!status) {
        status = px_picture_decode(path, bytes, size, out);
    }
    px_mem_free(bytes);
    return status;
}
