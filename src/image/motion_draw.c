/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One frame of a motion: the sprite's own pixels moved by whole rows, columns and parts. */
#include "image/motion.h"

#include "core/error.h"
#include "image/turn.h"

#include <math.h>
#include <string.h>

typedef struct drawing {
    const px_motion_stage *stage;
    const px_motion_key *key;
    px_zones zones; /* where the sprite stands on the stage */
    int32_t mirror; /* -1 when it looks to the left: the data are written for the right */
    dgxp_image *now, *next;
} drawing;

static int32_t move_of(const drawing *self, px_move move)
{
    return self->key->moves[move];
}

static int32_t across_of(const drawing *self, px_move move)
{
    return self->key->moves[move] * self->mirror;
}

/* The finished step becomes the picture, and the other one empty. */
static void take_step(drawing *self)
{
    dgxp_image *made = self->next;
    self->next = self->now;
    self->now = made;
    memset(self->next->rgba, 0, px_image_count(self->next) * 4);
}

static void put(dgxp_image *image, int32_t x, int32_t y, const uint8_t *rgba)
{
    if (rgba[3] && x >= 0 && y >= 0 && x < image->width && y < image->height) {
        memcpy(px_image_at(image, x, y), rgba, 4);
    }
}

/* ---------------------------------------------------------------------------------------- parts */

/* Where a pixel of the sprite goes: by its part, and for legs by how far it is from the hip. */
static void find_shift(const drawing *self, int32_t x, int32_t y, int32_t *dx, int32_t *dy)
{
    const px_zones *zones = &self->zones;
    const px_zone zone = px_zones_at(zones, x, y);
    *dx = across_of(self, PX_MOVE_UPPER_X);
    *dy = move_of(self, PX_MOVE_UPPER_Y);
    if (zone == PX_ZONE_HEAD) {
        *dx += across_of(self, PX_MOVE_HEAD_X);
        *dy += move_of(self, PX_MOVE_HEAD_Y);
    } else if (zone == PX_ZONE_LEFT_ARM || zone == PX_ZONE_RIGHT_ARM) {
        const bool left = zone == PX_ZONE_LEFT_ARM;
        *dx += across_of(self, left ? PX_MOVE_LEFT_ARM_X : PX_MOVE_RIGHT_ARM_X);
        *dy += move_of(self, left ? PX_MOVE_LEFT_ARM_Y : PX_MOVE_RIGHT_ARM_Y);
    } else if (zone == PX_ZONE_LEFT_LEG || zone == PX_ZONE_RIGHT_LEG) {
        const bool left = zone == PX_ZONE_LEFT_LEG;
        const int32_t foot = across_of(self, left ? PX_MOVE_LEFT_LEG_X : PX_MOVE_RIGHT_LEG_X);
        const int32_t lift = move_of(self, left ? PX_MOVE_LEFT_LEG_Y : PX_MOVE_RIGHT_LEG_Y);
        const int32_t length = zones->box.y1 - zones->hip + 1;
        *dx = (int32_t)lround((double)foot * (y - zones->hip + 1) / length);
        *dy = lift < 1 - length ? 1 - length : lift;
    }
}

/* A part that left its neighbour opens a gap: the neighbour's edge is drawn on through it. */
static void fill_gap(drawing *self, int32_t x, int32_t y, bool across)
{
    const px_box *box = &self->zones.box;
    const int32_t before_x = across ? x - 1 : x, before_y = across ? y : y - 1;
    if (before_x < box->x0 || before_y < box->y0 || x > box->x1 || y > box->y1) {
        return;
    }
    const uint8_t *first = px_image_at(self->now, before_x, before_y);
    const uint8_t *second = px_image_at(self->now, x, y);
    int32_t dx0, dy0, dx1, dy1;
    find_shift(self, before_x, before_y, &dx0, &dy0);
    find_shift(self, x, y, &dx1, &dy1);
    const int32_t gap = across ? dx1 - dx0 : dy1 - dy0;
    if (first[3] < 128 || second[3] < 128) {
        return;
    }
    for (int32_t i = 0; i < gap; i++) {
        const int32_t to_x = across ? x + dx0 + i : x + dx1;
        const int32_t to_y = across ? y + dy1 : y + dy0 + i;
        if (to_x < 0 || to_y < 0 || to_x >= self->next->width || to_y >= self->next->height) {
            continue;
        }
        uint8_t *pixel = px_image_at(self->next, to_x, to_y);
        if (!pixel[3]) {
            memcpy(pixel, second, 4);
        }
    }
}

static bool moves_parts(const drawing *self)
{
    for (int i = PX_MOVE_UPPER_X; i < PX_MOVE_LEAN; i++) {
        if (self->key->moves[i]) {
            return true;
        }
    }
    return false;
}

static void move_parts(drawing *self)
{
    static const px_zone order[] = {PX_ZONE_LEFT_LEG, PX_ZONE_RIGHT_LEG, PX_ZONE_TORSO,
                                    PX_ZONE_LEFT_ARM, PX_ZONE_RIGHT_ARM, PX_ZONE_HEAD};
    const px_zones *zones = &self->zones;
    for (int i = 0; i < 6; i++) {
        for (int32_t y = 0; y < self->now->height; y++) {
            for (int32_t x = 0; x < self->now->width; x++) {
                if (px_image_at(self->now, x, y)[3] && px_zones_at(zones, x, y) == order[i]) {
                    int32_t dx, dy;
                    find_shift(self, x, y, &dx, &dy);
                    put(self->next, x + dx, y + dy, px_image_at(self->now, x, y));
                }
            }
        }
    }
    for (int32_t x = zones->box.x0; x <= zones->box.x1; x++) {
        fill_gap(self, x, zones->neck, false);
        fill_gap(self, x, zones->hip, false);
    }
    for (int32_t y = zones->neck; y < zones->hip; y++) {
        fill_gap(self, zones->torso0, y, true);
        fill_gap(self, zones->torso1 + 1, y, true);
    }
    take_step(self);
}

/* Eyes of one row vanish into the lid; of more rows the lowest stays, as the line of the lashes. */
static void close_eyes(drawing *self)
{
    for (int32_t i = 0; i < self->zones.eye_count; i++) {
        const px_box *eye = &self->zones.eyes[i];
        const uint8_t *dark = px_image_at(self->now, eye->x0, eye->y0);
        int least = INT32_MAX;
        for (int32_t y = eye->y0; y <= eye->y1; y++) {
            for (int32_t x = eye->x0; x <= eye->x1; x++) {
                const uint8_t *pixel = px_image_at(self->now, x, y);
                const int light = pixel[0] * 3 + pixel[1] * 6 + pixel[2];
                dark = light < least ? pixel : dark;
                least = light < least ? light : least;
            }
        }
        uint8_t line[4];
        memcpy(line, dark, 4);
        for (int32_t y = eye->y0; y <= eye->y1; y++) {
            for (int32_t x = eye->x0; x <= eye->x1; x++) {
                const bool lash = y == eye->y1 && eye->y1 > eye->y0;
                memcpy(px_image_at(self->now, x, y), lash ? line : self->zones.lid, 4);
            }
        }
    }
}

/* ---------------------------------------------------------------------------------- the whole */

static void lean(drawing *self)
{
    const px_box *box = &self->zones.box;
    const double height = box->y1 > box->y0 ? box->y1 - box->y0 : 1;
    for (int32_t y = 0; y < self->now->height; y++) {
        const int32_t dx = (int32_t)lround(across_of(self, PX_MOVE_LEAN) * (box->y1 - y) / height);
        for (int32_t x = 0; x < self->now->width; x++) {
            put(self->next, x + dx, y, px_image_at(self->now, x, y));
        }
    }
    take_step(self);
}

/* The box of anything that can be seen, however faint: parts that were moved may be outside the sprite's. */
static px_box find_visible(const dgxp_image *image)
{
    px_box box = {image->width, image->height, -1, -1};
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            if (px_image_at(image, x, y)[3]) {
                box.x0 = x < box.x0 ? x : box.x0;
                box.x1 = x > box.x1 ? x : box.x1;
                box.y0 = y < box.y0 ? y : box.y0;
                box.y1 = y;
            }
        }
    }
    return box;
}

static int32_t take_share(int32_t length, int32_t percent)
{
    const int32_t share = (int32_t)lround(length * percent / 100.0);
    return share ? share : percent < 0 ? -1 : 1;
}

static dgxp_status resize(drawing *self)
{
    const px_box box = find_visible(self->now);
    const int32_t width = take_share(box.x1 - box.x0 + 1, 100 + move_of(self, PX_MOVE_WIDTH));
    const int32_t height = take_share(box.y1 - box.y0 + 1, 100 + move_of(self, PX_MOVE_HEIGHT));
    const dgxp_status status = px_turn_resize(self->now, &box, width, height, self->next);
    if (!status) {
        take_step(self);
    }
    return status;
}

static dgxp_status turn(drawing *self)
{
    const px_box box = find_visible(self->now);
    const dgxp_status status = px_turn(self->now, &box, across_of(self, PX_MOVE_TURN), self->next);
    if (!status) {
        take_step(self);
    }
    return status;
}

static uint32_t draw_lot(const drawing *self, int32_t x, int32_t y)
{
    uint64_t z = self->stage->seed + (uint64_t)(uint32_t)x * 0x9E3779B97F4A7C15u +
                 (uint64_t)(uint32_t)y * 0xC2B2AE3D27D4EB4Fu;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u; /* splitmix64's finish */
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* Pixels go in an order of their own, the upper ones sooner; every share keeps those of a larger one. */
static void dissolve(drawing *self)
{
    const int32_t gone = move_of(self, PX_MOVE_GONE);
    const px_box box = find_visible(self->now);
    const double height = box.y1 - box.y0 + 1;
    for (int32_t y = box.y0; y <= box.y1; y++) {
        for (int32_t x = box.x0; x <= box.x1; x++) {
            const double lot = draw_lot(self, x - box.x0, y - box.y0) / 4294967296.0;
            const double turn = 0.65 * lot + 0.35 * (y - box.y0) / height;
            if (turn * 100 < gone) {
                memset(px_image_at(self->now, x, y), 0, 4);
            }
        }
    }
}

static void paint_flash(drawing *self)
{
    for (size_t i = 0; i < px_image_count(self->now); i++) {
        if (self->now->rgba[i * 4 + 3]) {
            memcpy(self->now->rgba + i * 4, self->stage->lightest, 3);
        }
    }
}

/* Never below the feet, which stand on something. */
static void paint_rim(drawing *self)
{
    const px_box seen = find_visible(self->now);
    const int32_t width = self->now->width, margin = self->stage->margin;
    memcpy(self->next->rgba, self->now->rgba, px_image_count(self->now) * 4);
    for (int32_t y = 1; y <= seen.y1; y++) {
        for (int32_t x = 1; x < width - 1; x++) {
            const bool beside = px_image_at(self->now, x - 1, y)[3] >= 128 ||
                                px_image_at(self->now, x + 1, y)[3] >= 128 ||
                                px_image_at(self->now, x, y - 1)[3] >= 128 ||
                                px_image_at(self->now, x, y + 1)[3] >= 128;
            if (beside && !px_image_at(self->now, x, y)[3] &&
                (int32_t)(draw_lot(self, x - margin, y - margin) % 100) <
                    move_of(self, PX_MOVE_RIM)) {
                memcpy(px_image_at(self->next, x, y), self->stage->lightest, 4);
            }
        }
    }
    take_step(self);
}

static void move_whole(drawing *self, bool grounded)
{
    const int32_t facing = self->stage->facing, ahead = move_of(self, PX_MOVE_AHEAD);
    int32_t dx = across_of(self, PX_MOVE_X), dy = move_of(self, PX_MOVE_Y);
    dx += facing == DGXP_FACING_RIGHT ? ahead : facing == DGXP_FACING_LEFT ? -ahead : 0;
    dy += facing == DGXP_FACING_FRONT ? ahead : facing == DGXP_FACING_BACK ? -ahead : 0;
    px_box box;
    if (grounded && px_zones_box(self->now, &box)) {
        dy = self->zones.box.y1 - box.y1;
    }
    for (int32_t y = 0; y < self->now->height && (dx || dy); y++) {
        for (int32_t x = 0; x < self->now->width; x++) {
            put(self->next, x + dx, y + dy, px_image_at(self->now, x, y));
        }
    }
    if (dx || dy) {
        take_step(self);
    }
}

/* ---------------------------------------------------------------------------------- in order */

static void move_box(px_box *box, int32_t by)
{
    box->x0 += by;
    box->x1 += by;
    box->y0 += by;
    box->y1 += by;
}

static px_zones move_zones(const px_zones *zones, int32_t by)
{
    px_zones moved = *zones;
    move_box(&moved.box, by);
    move_box(&moved.eyes[0], by);
    move_box(&moved.eyes[1], by);
    moved.neck += by;
    moved.hip += by;
    moved.split += by;
    moved.torso0 += by;
    moved.torso1 += by;
    return moved;
}

static dgxp_status draw_steps(drawing *self, bool grounded)
{
    dgxp_status status = DGXP_OK;
    if (self->key->closed) {
        close_eyes(self);
    }
    if (moves_parts(self)) {
        move_parts(self);
    }
    if (move_of(self, PX_MOVE_LEAN)) {
        lean(self);
    }
    if (move_of(self, PX_MOVE_WIDTH) || move_of(self, PX_MOVE_HEIGHT)) {
        status = resize(self);
    }
    if (!status && move_of(self, PX_MOVE_TURN)) {
        status = turn(self);
    }
    if (!status && self->key->flash) {
        paint_flash(self);
    }
    if (!status && move_of(self, PX_MOVE_GONE)) {
        dissolve(self);
    }
    if (!status) {
        move_whole(self, grounded);
    }
    if (!status && move_of(self, PX_MOVE_RIM)) {
        paint_rim(self);
    }
    return status;
}

dgxp_status px_motion_draw(const px_motion_stage *stage, const px_motion_key *key, bool grounded,
                           dgxp_image **out)
{
    const dgxp_image *sprite = stage->sprite;
    const int32_t margin = stage->margin;
    drawing self = {.stage = stage,
                    .key = key,
                    .zones = move_zones(&stage->zones, margin),
                    .mirror = stage->facing == DGXP_FACING_LEFT ? -1 : 1};
    dgxp_status status = px_image_create("dgxp_motion", sprite->width + 2 * margin,
                                         sprite->height + 2 * margin, &self.now);
    status = status ? status
                    : px_image_create("dgxp_motion", sprite->width + 2 * margin,
                                      sprite->height + 2 * margin, &self.next);
    for (int32_t y = 0; y < sprite->height && !status; y++) {
        for (int32_t x = 0; x < sprite->width; x++) {
            put(self.now, margin + x, margin + y, px_image_at(sprite, x, y));
        }
    }
    status = status ? status : draw_steps(&self, grounded);
    dgxp_image_free(self.next);
    if (status) {
        dgxp_image_free(self.now);
    } else {
        *out = self.now;
    }
    return status;
}
