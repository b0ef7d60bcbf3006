/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A painted checkerboard that stands for transparency, hidden from the search for cells. */
#include "image/board.h"

#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#define REGULAR 0.7 /* share of runs that are as long as the most usual one, or one pixel off */
#define GREY_SHARE 0.9

enum {
    LEAST_SIDE = 96,
    LEAST_RUN = 4,
    MOST_RUN = 64,
    LEAST_RUNS = 6,
    APART = 16,
    TINT = 12,
    SLACK = 10
};

static bool is_grey(const uint8_t *p)
{
    return p[3] == 255 && abs(p[0] - p[1]) <= TINT && abs(p[1] - p[2]) <= TINT &&
           abs(p[0] - p[2]) <= TINT;
}

/* The pixel `at` of one of the four borders, and how many it has. */
static const uint8_t *border_pixel(const dgxp_image *image, int border, int32_t at)
{
    const int32_t x = border == 2 ? 0 : border == 3 ? image->width - 1 : at;
    const int32_t y = border == 0 ? 0 : border == 1 ? image->height - 1 : at;
    return px_image_at(image, x, y);
}

static int32_t border_length(const dgxp_image *image, int border)
{
    return border < 2 ? image->width : image->height;
}

/* The two commonest greys of all borders, dark first; false where they are not nearly all of it. */
static bool find_greys(const dgxp_image *image, int32_t greys[2])
{
    int32_t counts[256] = {0}, all = 0, covered = 0;
    for (int border = 0; border < 4; border++) {
        for (int32_t at = 0; at < border_length(image, border); at++, all++) {
            const uint8_t *p = border_pixel(image, border, at);
            counts[p[1]] += is_grey(p);
        }
    }
    for (int k = 0; k < 2; k++) {
        int32_t best = -1;
        for (int32_t v = 0; v < 256; v++) {
            const bool apart = k == 0 || abs(v - greys[0]) >= APART;
            best = apart && (best < 0 || counts[v] > counts[best]) ? v : best;
        }
        greys[k] = best;
    }
    if (greys[0] > greys[1]) {
        const int32_t light = greys[0];
        greys[0] = greys[1];
        greys[1] = light;
    }
    for (int32_t v = 0; v < 256; v++) {
        covered += v >= greys[0] - SLACK && v <= greys[1] + SLACK ? counts[v] : 0;
    }
    return covered >= GREY_SHARE * all && counts[greys[0]] > 0 && counts[greys[1]] > 0;
}

/* Counts how long each grey lasts along the borders; what touches a corner may be cut. */
static void count_runs(const dgxp_image *image, const int32_t greys[2], int32_t runs[MOST_RUN + 2])
{
    const int32_t middle = (greys[0] + greys[1]) / 2;
    for (int border = 0; border < 4; border++) {
        int32_t begin = -1;
        for (int32_t at = 1; at < border_length(image, border); at++) {
            const bool here = border_pixel(image, border, at)[1] > middle;
            const bool before = border_pixel(image, border, at - 1)[1] > middle;
            if (here != before) {
                const int32_t run = at - begin;
                runs[run > MOST_RUN ? MOST_RUN + 1 : run] += begin >= 0;
                begin = at;
            }
        }
    }
}

static bool find_board(const dgxp_image *image, int32_t greys[2])
{
    int32_t runs[MOST_RUN + 2] = {0}, all = 0, best = 0, most = 0;
    if (px_image_least(image->width, image->height) < LEAST_SIDE || !find_greys(image, greys)) {
        return false;
    }
    count_runs(image, greys, runs);
    for (int32_t run = 1; run <= MOST_RUN + 1; run++) {
        all += runs[run];
        if (run >= LEAST_RUN && run <= MOST_RUN) {
            const int32_t near = runs[run - 1] + runs[run] + (run < MOST_RUN ? runs[run + 1] : 0);
            most = near > best ? run : most;
            best = near > best ? near : best;
        }
    }
    return most > 0 && all >= 4 * LEAST_RUNS && best >= REGULAR * all;
}

dgxp_status px_board_hide(const dgxp_image *image, dgxp_image **out)
{
    int32_t greys[2] = {0, 0};
    *out = NULL;
    if (!find_board(image, greys)) {
        return DGXP_OK;
    }
    const dgxp_status status = dgxp_image_create(image->width, image->height, image->rgba, out);
    const uint8_t one = (uint8_t)((greys[0] + greys[1]) / 2);
    for (size_t i = 0; !status && i < px_image_count(image); i++) {
        uint8_t *p = (*out)->rgba + i * 4;
        if (is_grey(p) && p[1] >= greys[0] - SLACK && p[1] <= greys[1] + SLACK) {
            memset(p, one, 3);
        }
    }
    return status;
}
