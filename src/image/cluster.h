/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Few colors that stand for many: merging, farthest-point seeds and Lloyd's iteration in OKLab. */
#ifndef PX_CLUSTER_H
#define PX_CLUSTER_H

#include "dgxpixels.h"
#include "image/color.h"

#include <stddef.h>
#include <stdint.h>

/** A color and how much it weighs. */
typedef struct px_color_count {
    uint8_t rgb[4]; /* the fourth is 255 */
    uint64_t weight;
    px_lab lab;
} px_color_count;

typedef struct px_cluster_params {
    int32_t colors;     /* 1..256; 0 = as few as the limits of dgxp_histogram_extract() allow */
    int32_t colors_max; /* 1..256, of `colors` 0 */
    float merge;        /* OKLab distance under which colors become one; 0 = none */
} px_cluster_params;

/**
 * Choose among `count` different colors (at least one, heaviest first) those that stand for all;
 * `*found` of them are put into `rgba` [256, 4].
 */
dgxp_status px_cluster_choose(const px_color_count *colors, size_t count,
                              const px_cluster_params *params, uint8_t *rgba, int32_t *found);

#endif
