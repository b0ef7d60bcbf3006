/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Few colors that stand for many: merging, farthest-point seeds and Lloyd's iteration in OKLab. */
#include "image/cluster.h"

#include "core/error.h"
#include "core/mem.h"
#include "image/palette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 30 };

/* Sums run over the colors in one fixed order, so the result never depends on threads. */

typedef struct group {
    px_lab lab; /* the heaviest member's, then the weighted mean */
    double weight, l, a, b;
} group;

typedef struct clusters {
    int32_t count;
    px_lab center[PX_PALETTE_MAX];
    int32_t chosen[PX_PALETTE_MAX]; /* index of the color that stands for the cluster */
} clusters;

/* What the search for the number of colors needs of each color. */
typedef struct assignment {
    int32_t cluster;
    float distance;
    double weight;
} assignment;

static int32_t find_nearest(const px_lab *centers, int32_t count, px_lab lab, float *distance2)
{
    int32_t best = 0;
    float least = INFINITY;
    for (int32_t i = 0; i < count; i++) {
        const float d = px_color_distance2(centers[i], lab);
        if (d < least) {
            least = d;
            best = i;
        }
    }
    *distance2 = least;
    return best;
}

/* The lightness that the eye sees: OKLab's is steep near black, where (0, 0, 0) and (3, 3, 3) look
 * the same (the toe of https://bottosson.github.io/posts/colorpicker/). */
static float see_lightness(float l)
{
    const float k1 = 0.206f, k2 = 0.03f, k3 = (1 + k1) / (1 + k2), at = k3 * l - k1;
    return 0.5f * (at + sqrtf(at * at + 4 * k2 * k3 * l));
}

/* px_color_distance2() as it is seen in the dark; never more than that. */
static float see_distance2(px_lab one, px_lab two)
{
    const float seen = see_lightness(one.l) - see_lightness(two.l), l = one.l - two.l;
    return px_color_distance2(one, two) - l * l + fminf(l * l, seen * seen);
}

/* Merge what differs by less than `merge` from a heavier color: takes away a model's wobble. */
static size_t merge_colors(const px_color_count *colors, size_t count, float merge, group *groups)
{
    const float limit = merge * merge;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t best = found;
        float least = limit;
        for (size_t g = 0; g < found; g++) {
            const float d = see_distance2(groups[g].lab, colors[i].lab);
            if (d < least) {
                least = d;
                best = g;
            }
        }
        if (best == found) {
            groups[found++] = (group){.lab = colors[i].lab};
        }
        const double w = (double)colors[i].weight;
        groups[best].weight += w;
        groups[best].l += w * (double)colors[i].lab.l;
        groups[best].a += w * (double)colors[i].lab.a;
        groups[best].b += w * (double)colors[i].lab.b;
    }
    for (size_t g = 0; g < found; g++) {
        const double w = groups[g].weight;
        groups[g].lab =
            (px_lab){(float)(groups[g].l / w), (float)(groups[g].a / w), (float)(groups[g].b / w)};
    }
    return found;
}

/* One more seed: the group with the largest distance^2 * sqrt(weight) from those so far. */
static void add_seed(const group *groups, size_t count, float *distance2, clusters *to)
{
    size_t best = 0;
    double most = -1;
    for (size_t g = 0; g < count; g++) {
        const double score =
            to->count == 0 ? groups[g].weight : (double)distance2[g] * sqrt(groups[g].weight);
        if (score > most) {
            most = score;
            best = g;
        }
    }
    const px_lab seed = groups[best].lab;
    to->center[to->count++] = seed;
    for (size_t g = 0; g < count; g++) {
        const float d = px_color_distance2(groups[g].lab, seed);
        distance2[g] = to->count == 1 || d < distance2[g] ? d : distance2[g];
    }
}

static void move_centers(const group *groups, size_t count, int32_t *cluster_of, clusters *to)
{
    for (size_t g = 0; g < count; g++) {
        cluster_of[g] = -1;
    }
    for (int round = 0; round < ROUNDS_MAX; round++) {
        double sums[PX_PALETTE_MAX][4] = {{0}};
        bool moved = false;
        for (size_t g = 0; g < count; g++) {
            float unused;
            const int32_t c = find_nearest(to->center, to->count, groups[g].lab, &unused);
            const double w = groups[g].weight;
            moved |= c != cluster_of[g];
            cluster_of[g] = c;
            sums[c][0] += w * (double)groups[g].lab.l;
            sums[c][1] += w * (double)groups[g].lab.a;
            sums[c][2] += w * (double)groups[g].lab.b;
            sums[c][3] += w;
        }
        if (!moved) {
            return;
        }
        for (int32_t c = 0; c < to->count; c++) {
            if (sums[c][3] > 0) {
                to->center[c] =
                    (px_lab){(float)(sums[c][0] / sums[c][3]), (float)(sums[c][1] / sums[c][3]),
                             (float)(sums[c][2] / sums[c][3])};
            }
        }
    }
}

/* Each center becomes the color nearest to it, pure black or white when one is about there. */
static void choose_colors(const px_color_count *colors, size_t count, clusters *to)
{
    const float near2 = 0.03f * 0.03f;
    for (int32_t c = 0; c < to->count; c++) {
        float least = INFINITY;
        for (size_t i = 0; i < count; i++) {
            const uint8_t *rgb = colors[i].rgb;
            const float d = px_color_distance2(colors[i].lab, to->center[c]);
            const bool pure =
                rgb[0] == rgb[1] && rgb[1] == rgb[2] && (rgb[0] == 0 || rgb[0] == 255);
            const float d_used = pure && d < near2 ? -1.0f : d;
            if (d_used < least) {
                least = d_used;
                to->chosen[c] = (int32_t)i;
            }
        }
        to->center[c] = colors[to->chosen[c]].lab;
    }
}

static int compare_assignments(const void *left, const void *right)
{
    const assignment *a = left, *b = right;
    if (a->cluster != b->cluster) {
        return a->cluster < b->cluster ? -1 : 1;
    }
    return (a->distance > b->distance) - (a->distance < b->distance);
}

/*
 * Whether no group of more than a cell lost what tells it apart: an eye's orange is four cells of a
 * red dragon, which no mean error notices.  Hue tells more than lightness does (as in deltaE OK2),
 * and the wobble that is merged away anyhow tells nothing.
 */
static bool keeps_accents(const group *groups, size_t count, const clusters *of, float merge)
{
    const double own = 0.02 + 2 * (double)merge, weight = 2, hue = 2;
    for (size_t g = 0; g < count; g++) {
        double least = INFINITY;
        for (int32_t c = 0; c < of->count && groups[g].weight >= weight; c++) {
            const double l =
                (double)(see_lightness(of->center[c].l) - see_lightness(groups[g].lab.l));
            const double a = (double)(of->center[c].a - groups[g].lab.a) * hue;
            const double b = (double)(of->center[c].b - groups[g].lab.b) * hue;
            least = fmin(least, l * l + a * a + b * b);
        }
        if (groups[g].weight >= weight && least > own * own) {
            return false;
        }
    }
    return true;
}

/* Mean error at most 0.012, and in each cluster 95 % of the weight within 0.06. */
static bool looks_alike(const px_color_count *colors, size_t count, const clusters *of,
                        assignment *table)
{
    const double mean_max = 0.012, tail_max = 0.06, tail = 0.95;
    double sum = 0, weight = 0, per_cluster[PX_PALETTE_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        float d2;
        const int32_t c = find_nearest(of->center, of->count, colors[i].lab, &d2);
        table[i] = (assignment){c, sqrtf(d2), (double)colors[i].weight};
        sum += (double)table[i].distance * table[i].weight;
        weight += table[i].weight;
        per_cluster[c] += table[i].weight;
    }
    if (sum > mean_max * weight) {
        return false;
    }
    qsort(table, count, sizeof *table, compare_assignments);
    double passed = 0;
    for (size_t i = 0; i < count; i++) {
        const int32_t c = table[i].cluster;
        passed = i && table[i - 1].cluster == c ? passed : 0;
        if (passed < tail * per_cluster[c] && (double)table[i].distance > tail_max) {
            return false;
        }
        passed += table[i].weight;
    }
    return true;
}

static void take_groups(const group *groups, size_t count, clusters *to)
{
    to->count = (int32_t)count;
    for (size_t g = 0; g < count; g++) {
        to->center[g] = groups[g].lab;
    }
}

typedef struct workspace {
    group *groups;
    float *distance2;
    int32_t *cluster_of;
    assignment *table;
} workspace;

static void find_clusters(const px_color_count *colors, size_t count,
                          const px_cluster_params *params, const workspace *space, clusters *found)
{
    const bool automatic = params->colors == 0;
    const size_t limit = (size_t)(automatic ? params->colors_max : params->colors);
    const size_t groups = merge_colors(colors, count, params->merge, space->groups);
    if (!automatic && groups <= limit) {
        take_groups(space->groups, groups, found);
        choose_colors(colors, count, found);
        return;
    }
    const size_t most = groups < limit ? groups : limit;
    clusters seeds = {0};
    while ((size_t)seeds.count < most) {
        add_seed(space->groups, groups, space->distance2, &seeds);
        if (!automatic && (size_t)seeds.count < most) {
            continue;
        }
        *found = seeds;
        move_centers(space->groups, groups, space->cluster_of, found);
        choose_colors(colors, count, found);
        if (automatic && looks_alike(colors, count, found, space->table) &&
            keeps_accents(space->groups, groups, found, params->merge)) {
            return;
        }
    }
}

dgxp_status px_cluster_choose(const px_color_count *colors, size_t count,
                              const px_cluster_params *params, uint8_t *rgba, int32_t *found)
{
    clusters result = {0};
    if (params->colors > 0 && count <= (size_t)params->colors) {
        for (size_t i = 0; i < count; i++) {
            memcpy(rgba + i * 4, colors[i].rgb, 4);
        }
        *found = (int32_t)count;
        return DGXP_OK;
    }
    const workspace space = {.groups = px_mem_array(count, sizeof *space.groups),
                             .distance2 = px_mem_zero(count, sizeof *space.distance2),
                             .cluster_of = px_mem_array(count, sizeof *space.cluster_of),
                             .table = px_mem_array(count, sizeof *space.table)};
    dgxp_status status = DGXP_OK;
    if (space.groups && space.distance2 && space.cluster_of && space.table) {
        find_clusters(colors, count, params, &space, &result);
        for (int32_t c = 0; c < result.count; c++) {
            memcpy(rgba + (size_t)c * 4, colors[result.chosen[c]].rgb, 4);
        }
        *found = result.count;
    } else {
        status = px_error_memory("the search for a palette");
    }
    px_mem_free(space.groups);
    px_mem_free(space.distance2);
    px_mem_free(space.cluster_of);
    px_mem_free(space.table);
    return status;
}
