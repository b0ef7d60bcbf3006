/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Broken copies of a sound file, for tests under a sanitizer. */
#ifndef PX_MUTATE_H
#define PX_MUTATE_H

#include "px_check.h"

/** How many copies a format gets: 200, 10,000 in full runs, or what DGXP_MUTATIONS says. */
static inline int px_mutate_rounds(void)
{
    const char *wanted = getenv("DGXP_MUTATIONS");
    return wanted ? atoi(wanted) : px_check_full() ? 10000 : 200;
}

/** A full run under AddressSanitizer reports what the mutations of a format came to. */
static inline void px_mutate_report(const char *format, int count, int refused)
{
#ifdef __SANITIZE_ADDRESS__
    char claim[96], result[96];
    snprintf(claim, sizeof claim, "mutated %s under ASan and UBSan", format);
    snprintf(result, sizeof result, "%d refused with a typed error, %d read, no crash", refused,
             count - refused);
    px_check_evidence(claim, count, result);
#else
    printf("mutated %s: %d, %d refused\n", format, count, refused);
#endif
}

static inline uint64_t px_mutate_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 24;
}

/**
 * A copy with up to eight changed bytes, cut short a quarter of the time; exactly as large as it
 * says, so that ASan sees a read one byte behind it.  Free it with free().
 */
static inline uint8_t *px_mutate_copy(const uint8_t *bytes, size_t size, uint64_t *state,
                                      size_t *copy_size)
{
    *copy_size = px_mutate_random(state) % 4 ? size : px_mutate_random(state) % (size + 1);
    uint8_t *copy = malloc(*copy_size ? *copy_size : 1);
    memcpy(copy, bytes, *copy_size);
    for (int i = (int)(px_mutate_random(state) % 8); i >= 0 && *copy_size; i--) {
        copy[px_mutate_random(state) % *copy_size] = (uint8_t)px_mutate_random(state);
    }
    return copy;
}

/** Decode mutated copies of a sheet: each ends well or in a typed status with a sentence.  Returns
 * how many were refused. */
static inline int px_mutate_sheets(const uint8_t *bytes, size_t size)
{
    uint64_t state = 0x9E3779B97F4A7C15u + size;
    int refused = 0;
    for (int round = 0; round < px_mutate_rounds(); round++) {
        size_t copy_size;
        uint8_t *copy = px_mutate_copy(bytes, size, &state, &copy_size);
        dgxp_sheet *sheet = NULL;
        const dgxp_status status = dgxp_sheet_decode(copy, copy_size, &sheet);
        if (status == DGXP_OK) {
            ck_assert_int_ge(dgxp_sheet_frame_count(sheet), 1);
        } else {
            ck_assert_msg(status == DGXP_ERR_BAD_FORMAT || status == DGXP_ERR_LIMIT ||
                              status == DGXP_ERR_UNSUPPORTED,
                          "round %d: %s (%s)", round, dgxp_status_name(status), dgxp_last_error());
            ck_assert_int_gt((int)strlen(dgxp_last_error()), 10);
            ck_assert_ptr_null(sheet);
            refused++;
        }
        dgxp_sheet_free(sheet);
        free(copy);
    }
    ck_assert_int_gt(refused, 0);
    return refused;
}

/** A frame of a ball that rolls over transparent ground, `seed` telling where; the caller frees it.
 */
static inline dgxp_image *px_make_ball(int32_t width, int32_t height, int32_t seed)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(width, height, NULL, &image));
    uint8_t *rgba = dgxp_image_pixels_mut(image);
    const int32_t cx = 3 + seed * 2 % (width - 6), cy = height - 4;
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            const int32_t d = (x - cx) * (x - cx) + (y - cy) * (y - cy);
            if (d <= 8) {
                const uint8_t pixel[4] = {(uint8_t)(40 * d), (uint8_t)(10 * (x & 7)), 200, 255};
                memcpy(rgba + ((size_t)y * (size_t)width + (size_t)x) * 4, pixel, 4);
            }
        }
    }
    return image;
}

/** Four frames, the third like the second, of 50, 60 … ms. */
static inline dgxp_sheet *px_make_sheet(void)
{
    dgxp_sheet *sheet = NULL;
    ck_assert_ok(dgxp_sheet_create(&sheet));
    for (int i = 0; i < 4; i++) {
        dgxp_image *frame = px_make_ball(16, 12, i == 2 ? 1 : i);
        ck_assert_ok(dgxp_sheet_add_frame(sheet, frame, NULL, 50 + 10 * i));
        dgxp_image_free(frame);
    }
    return sheet;
}

/** Both show the same frames for as long. */
static inline void px_expect_frames(const dgxp_sheet *sheet, const dgxp_sheet *expected)
{
    const int32_t count = dgxp_sheet_frame_count(expected);
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), count);
    for (int32_t i = 0; i < count; i++) {
        const dgxp_image *a = dgxp_sheet_frame(sheet, i), *b = dgxp_sheet_frame(expected, i);
        ck_assert_int_eq(dgxp_image_width(a), dgxp_image_width(b));
        ck_assert_int_eq(dgxp_image_height(a), dgxp_image_height(b));
        ck_assert_mem_eq(dgxp_image_pixels(a), dgxp_image_pixels(b),
                         (size_t)dgxp_image_width(a) * (size_t)dgxp_image_height(a) * 4);
        ck_assert_int_eq(dgxp_sheet_frame_duration(sheet, i),
                         dgxp_sheet_frame_duration(expected, i));
    }
}

#endif
