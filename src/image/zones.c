/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a sprite's head, arms, legs and eyes are, told from its silhouette and colors alone. */
#include "image/zones.h"

#include "image/color.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_solid(const dgxp_image *image, int32_t x, int32_t y)
{
    return x >= 0 && y >= 0 && x < image->width && y < image->height &&
           px_image_at(image, x, y)[3] >= 128;
}

bool px_zones_box(const dgxp_image *image, px_box *box)
{
    *box = (px_box){image->width, image->height, -1, -1};
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            if (is_solid(image, x, y)) {
                box->x0 = x < box->x0 ? x : box->x0;
                box->x1 = x > box->x1 ? x : box->x1;
                box->y0 = y < box->y0 ? y : box->y0;
                box->y1 = y;
            }
        }
    }
    return box->y1 >= 0;
}

/* ---------------------------------------------------------------------------------------- legs */

/* The gap of a row that lies nearest to `middle`, between two solid runs; false without one. */
static bool find_gap(const dgxp_image *image, const px_box *box, int32_t y, double middle,
                     int32_t *from, int32_t *to)
{
    double nearest = (box->x1 - box->x0 + 1) / 5.0 + 0.5; /* further out it is no crotch */
    bool found = false;
    int32_t last = -1; /* the last solid column so far */
    for (int32_t x = box->x0; x <= box->x1; x++) {
        if (!is_solid(image, x, y)) {
            continue;
        }
        const double away = fabs((last + x) / 2.0 - middle);
        if (last >= 0 && x - last > 1 && away <= nearest) {
            nearest = away;
            *from = last + 1;
            *to = x - 1;
            found = true;
        }
        last = x;
    }
    return found;
}

static double find_middle(const dgxp_image *image, const px_box *box, int32_t from)
{
    double sum = 0, count = 0;
    for (int32_t y = from; y <= box->y1; y++) {
        for (int32_t x = box->x0; x <= box->x1; x++) {
            sum += is_solid(image, x, y) ? x : 0;
            count += is_solid(image, x, y);
        }
    }
    return count > 0 ? sum / count : (box->x0 + box->x1) / 2.0;
}

static void find_legs(const dgxp_image *image, px_zones *zones)
{
    const px_box *box = &zones->box;
    const int32_t height = box->y1 - box->y0 + 1;
    const int32_t third = box->y1 - (height + 2) / 3 + 1;
    const double middle = find_middle(image, box, third);
    int32_t top = -1, from = 0, to = 0, rows = 0;
    double center = 0;
    for (int32_t y = box->y1; y >= third; y--) {
        const bool gap = find_gap(image, box, y, middle, &from, &to);
        if (!gap && (rows || y < box->y1 - 1)) {
            break; /* the gap closes, or there is none above the soles */
        }
        if (gap) {
            center += (from + to + 1) / 2.0;
            top = y;
            rows++;
        }
    }
    zones->two_legs = rows > 0;
    zones->split = rows ? (int32_t)lround(center / rows) : (int32_t)lround(middle + 0.5);
    const int32_t least = box->y1 - height / 5 + 1; /* legs are at least a fifth */
    zones->hip = rows ? (top < least ? top : least) : box->y1 - (height + 3) / 4 + 1;
    zones->hip = zones->hip > box->y0 ? zones->hip : box->y0 + (height > 1);
}

/* ------------------------------------------------------------------------------- neck and torso */

static int32_t count_row(const dgxp_image *image, const px_box *box, int32_t y)
{
    int32_t count = 0;
    for (int32_t x = box->x0; x <= box->x1; x++) {
        count += is_solid(image, x, y);
    }
    return count;
}

static void find_neck(const dgxp_image *image, px_zones *zones)
{
    const px_box *box = &zones->box;
    const int32_t height = box->y1 - box->y0 + 1;
    int32_t widest = 0, least = INT32_MAX, neck = -1;
    for (int32_t y = box->y0; y < box->y0 + height * 3 / 5 && y < zones->hip; y++) {
        const int32_t count = count_row(image, box, y);
        widest = count > widest ? count : widest;
        /* below the lower edge of something a good deal wider: a head */
        if (y >= box->y0 + height / 5 && count <= least && count * 6 <= widest * 5) {
            least = count;
            neck = y;
        }
    }
    zones->neck = neck > 0 ? neck : box->y0 + height * 2 / 5;
    zones->neck = zones->neck < zones->hip ? zones->neck : zones->hip;
}

/* Arms hang outside of where the legs stand. */
static void find_torso(const dgxp_image *image, px_zones *zones)
{
    const px_box *box = &zones->box;
    int32_t low = box->x1, high = box->x0;
    for (int32_t x = box->x0; x <= box->x1; x++) {
        if (is_solid(image, x, zones->hip) || is_solid(image, x, (zones->hip + box->y1) / 2)) {
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
    }
    const int32_t width = box->x1 - box->x0 + 1;
    const int32_t near0 = zones->split - (width + 4) / 5,
                  near1 = zones->split + (width + 4) / 5 - 1;
    zones->torso0 = low < near0 ? low : near0;
    zones->torso1 = high > near1 ? high : near1;
    if (zones->torso0 <= box->x0 && zones->torso1 >= box->x1) { /* a skirt hides the legs */
        zones->torso0 = zones->split - width * 3 / 10;
        zones->torso1 = zones->split + width * 3 / 10;
    }
}

/* ---------------------------------------------------------------------------------------- eyes */

enum { EYE_MAX = 64, HEAD_SIDE_MAX = 512 };

typedef struct eye_search {
    const dgxp_image *image;
    px_box head;
    uint8_t skin[4];
    px_lab lab;
    px_box found[EYE_MAX];
    int32_t found_count;
} eye_search;

/* Shades of the same skin count as skin. */
static bool is_skin(const eye_search *self, int32_t x, int32_t y)
{
    if (!is_solid(self->image, x, y)) {
        return false;
    }
    const px_lab lab = px_color_lab(px_image_at(self->image, x, y));
    const float da = lab.a - self->lab.a, db = lab.b - self->lab.b;
    return da * da + db * db < 0.05F * 0.05F && fabsf(lab.l - self->lab.l) < 0.17F;
}

/* Grow a box over what is not skin and touches it; false when it becomes too large for an eye. */
static bool grow_spot(const eye_search *self, px_box *spot, int32_t most_x, int32_t most_y)
{
    for (bool grown = true; grown;) {
        const px_box had = *spot;
        for (int32_t y = had.y0; y <= had.y1; y++) {
            spot->x0 -= had.x0 == spot->x0 && !is_skin(self, had.x0 - 1, y);
            spot->x1 += had.x1 == spot->x1 && !is_skin(self, had.x1 + 1, y);
        }
        for (int32_t x = had.x0; x <= had.x1; x++) {
            spot->y0 -= had.y0 == spot->y0 && !is_skin(self, x, had.y0 - 1);
            spot->y1 += had.y1 == spot->y1 && !is_skin(self, x, had.y1 + 1);
        }
        if (spot->x1 - spot->x0 >= most_x || spot->y1 - spot->y0 >= most_y) {
            return false;
        }
        grown = memcmp(&had, spot, sizeof had) != 0;
    }
    return true;
}

/* What is seen through is no eye. */
static bool has_hole(const eye_search *self, const px_box *spot)
{
    for (int32_t y = spot->y0; y <= spot->y1; y++) {
        for (int32_t x = spot->x0; x <= spot->x1; x++) {
            if (!is_solid(self->image, x, y)) {
                return true;
            }
        }
    }
    return false;
}

static void find_spots(eye_search *self)
{
    const px_box *head = &self->head;
    const int32_t width = head->x1 - head->x0 + 1, height = head->y1 - head->y0 + 1;
    const int32_t most_x = width / 4 > 2 ? width / 4 : 2, most_y = height / 3 > 3 ? height / 3 : 3;
    self->found_count = 0;
    for (int32_t y = head->y0 + 1; y < head->y1; y++) {
        for (int32_t x = head->x0 + 1; x < head->x1; x++) {
            /* the upper left of a spot: skin is left of it and above it */
            if (is_skin(self, x, y) || !is_skin(self, x - 1, y) || !is_skin(self, x, y - 1)) {
                continue;
            }
            px_box spot = {x, y, x, y};
            if (self->found_count < EYE_MAX && grow_spot(self, &spot, most_x, most_y) &&
                !has_hole(self, &spot)) {
                self->found[self->found_count++] = spot;
            }
        }
    }
}

/* How far the columns between two spots are skin, in their middle row. */
static bool is_bridge(const eye_search *self, const px_box *a, const px_box *b)
{
    int32_t skin = 0;
    const int32_t y = (a->y0 + a->y1) / 2;
    for (int32_t x = a->x1 + 1; x < b->x0; x++) {
        skin += is_skin(self, x, y);
    }
    return b->x0 > a->x1 + 1 && skin * 4 >= (b->x0 - a->x1 - 1) * 3;
}

/* The likeness of a pair of spots to a pair of eyes; 0 is none. */
static double rate_pair(const eye_search *self, const px_box *a, const px_box *b)
{
    const int32_t width = self->head.x1 - self->head.x0 + 1;
    const int32_t wide_a = a->x1 - a->x0 + 1, wide_b = b->x1 - b->x0 + 1;
    const double middle = (self->head.x0 + self->head.x1) / 2.0;
    const double away = fabs((a->x0 + b->x1) / 2.0 - middle) / width;
    if (a->y0 != b->y0 || a->y1 != b->y1 || wide_a - wide_b > 1 || wide_b - wide_a > 1 ||
        b->x0 - a->x1 - 1 > width / 2 || away > 0.2 || !is_bridge(self, a, b)) {
        return 0;
    }
    double contrast = 0;
    for (int32_t y = a->y0; y <= a->y1; y++) {
        for (int32_t x = a->x0; x <= a->x1; x++) {
            const double d =
                px_color_distance2(px_color_lab(px_image_at(self->image, x, y)), self->lab);
            contrast = d > contrast ? d : contrast;
        }
    }
    return contrast > 0.2 * 0.2 ? contrast / (1 + 4 * away) / (1 + abs(wide_a - wide_b)) : 0;
}

/* The colors of a region by how often they are seen; as many as `most`. */
static int32_t list_colors(const dgxp_image *image, const px_box *box, uint8_t (*colors)[4],
                           int32_t most)
{
    enum { SEEN = 256 };
    struct {
        uint8_t rgba[4];
        int32_t count;
    } seen[SEEN];
    int32_t count = 0;
    for (int32_t y = box->y0; y <= box->y1; y++) {
        for (int32_t x = box->x0; x <= box->x1; x++) {
            const uint8_t *pixel = px_image_at(image, x, y);
            int32_t i = 0;
            while (i < count && memcmp(seen[i].rgba, pixel, 4) != 0) {
                i++;
            }
            if (pixel[3] < 128 || i == SEEN) {
                continue;
            }
            if (i == count) {
                memcpy(seen[count].rgba, pixel, 4);
                seen[count++].count = 0;
            }
            seen[i].count++;
        }
    }
    int32_t taken = 0;
    for (; taken < most && taken < count; taken++) {
        int32_t best = 0;
        for (int32_t i = 1; i < count; i++) {
            best = seen[i].count > seen[best].count ? i : best;
        }
        memcpy(colors[taken], seen[best].rgba, 4);
        seen[best].count = -1;
    }
    return taken;
}

static void find_eyes(const dgxp_image *image, px_zones *zones)
{
    eye_search self = {.image = image, .head = zones->box};
    uint8_t colors[5][4];
    double best = 0;
    self.head.y1 = (zones->box.y0 + zones->box.y1) / 2;
    if (zones->box.x1 - zones->box.x0 >= HEAD_SIDE_MAX) {
        return;
    }
    const int32_t count = list_colors(image, &self.head, colors, 5);
    for (int32_t c = 0; c < count; c++) {
        memcpy(self.skin, colors[c], 4);
        self.lab = px_color_lab(self.skin);
        find_spots(&self);
        for (int32_t i = 0; i < self.found_count; i++) {
            for (int32_t j = 0; j < self.found_count; j++) {
                const double rate = rate_pair(&self, &self.found[i], &self.found[j]);
                if (rate > best) {
                    best = rate;
                    zones->eye_count = 2;
                    zones->eyes[0] = self.found[i];
                    zones->eyes[1] = self.found[j];
                    memcpy(zones->lid, self.skin, 4);
                }
            }
        }
    }
}

bool px_zones_find(const dgxp_image *image, px_zones *out)
{
    memset(out, 0, sizeof *out);
    if (!px_zones_box(image, &out->box)) {
        return false;
    }
    find_legs(image, out);
    find_neck(image, out);
    find_torso(image, out);
    find_eyes(image, out);
    return true;
}

dgxp_status px_box_cut(const char *what, const dgxp_image *image, const px_box *box,
                       dgxp_image **out)
{
    const int32_t width = box->x1 - box->x0 + 1, height = box->y1 - box->y0 + 1;
    const dgxp_status status = px_image_create(what, width, height, out);
    for (int32_t y = 0; y < height && !status; y++) {
        memcpy(px_image_at(*out, 0, y), px_image_at(image, box->x0, box->y0 + y),
               (size_t)width * 4);
    }
    return status;
}
