/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one file of others may ask of the readers: pixels and bytes, one budget for all formats. */
#include "core/limits.h"

#include "core/error.h"
#include "core/params.h"

#include <stdatomic.h>

enum { DRAWN_FACTOR = 4 }; /* an animation of four full layers everywhere */

static const int64_t most_pixels = (int64_t)1 << 28, most_bytes = (int64_t)1 << 32;
static _Atomic int64_t pixels_allowed = DGXP_LIMIT_PIXELS, bytes_allowed = DGXP_LIMIT_BYTES;

size_t px_limits_bytes(void)
{
    return (size_t)atomic_load_explicit(&bytes_allowed, memory_order_relaxed);
}

size_t px_limits_pixels(void)
{
    return (size_t)atomic_load_explicit(&pixels_allowed, memory_order_relaxed);
}

uint64_t px_limits_drawn(void)
{
    return (uint64_t)px_limits_pixels() * DRAWN_FACTOR;
}

dgxp_status px_limits_check_pixels(const char *name, uint64_t pixels)
{
    if (pixels > px_limits_pixels()) {
        return px_error_set(
            DGXP_ERR_LIMIT,
            "%s: has %llu pixels in all; one picture or animation may have %zu: "
            "make it smaller, or raise that with dgxp_set_limits() (for the program: "
            "DGX_PIXELS_MAX_PIXELS)",
            name, (unsigned long long)pixels, px_limits_pixels());
    }
    return DGXP_OK;
}

dgxp_status dgxp_set_limits(const dgxp_limits *limits)
{
    dgxp_limits known;
    px_error_clear();
    const dgxp_status status = px_params_read("dgxp_set_limits", limits, &known, sizeof known);
    if (status != DGXP_OK) {
        return status;
    }
    const int64_t pixels = known.pixels, bytes = known.bytes;
    if (pixels < 0 || pixels > most_pixels || bytes < 0 || bytes > most_bytes) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "dgxp_set_limits: %lld pixels and %lld bytes; at most %lld and %lld, and "
            "0 for the defaults",
            (long long)pixels, (long long)bytes, (long long)most_pixels, (long long)most_bytes);
    }
    atomic_store_explicit(&pixels_allowed, pixels ? pixels : DGXP_LIMIT_PIXELS,
                          memory_order_relaxed);
    atomic_store_explicit(&bytes_allowed, bytes ? bytes : DGXP_LIMIT_BYTES, memory_order_relaxed);
    return DGXP_OK;
}
