/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A still sprite becomes an animation by rows of data: which motions, their canvas, their sheet. */
#include "image/motion.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color.h"
#include "image/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const dgxp_choice px_motion_facing_choices[] = {
    {DGXP_FACING_FRONT, "front", "it looks at us"},
    {DGXP_FACING_BACK, "back", "it looks away from us"},
    {DGXP_FACING_RIGHT, "right", "in profile, to the right"},
    {DGXP_FACING_LEFT, "left", "in profile, to the left"},
};
const int32_t px_motion_facing_count =
    (int32_t)(sizeof px_motion_facing_choices / sizeof *px_motion_facing_choices);

enum { MOTIONS_MAX = 64, LIST_LIMIT = 8192 };

typedef struct maker {
    dgxp_motion_params params;
    px_motion_stage stage;
    px_motion *motions[MOTIONS_MAX];
    dgxp_image **frames; /* [frame_count], on the whole stage */
    int32_t motion_count, frame_count, frame_room;
    json_t *skipped;
} maker;

/* ------------------------------------------------------------------------------- which motions */

static bool needs_eyes(const px_motion *motion)
{
    for (int32_t i = 0; i < motion->count; i++) {
        if (motion->keys[i].closed) {
            return true;
        }
    }
    return false;
}

/* With "all" what cannot be done is told in the report instead of refused. */
static dgxp_status take_motion(maker *self, const char *name, bool all)
{
    const dgxp_motion_params *p = &self->params;
    const bool side = p->facing == DGXP_FACING_RIGHT || p->facing == DGXP_FACING_LEFT;
    const px_box *box = &self->stage.zones.box;
    const bool wide = (box->x1 - box->x0 + 1) * 4 > (box->y1 - box->y0 + 1) * 5;
    if (self->motion_count == MOTIONS_MAX) {
        return px_error_set(DGXP_ERR_LIMIT, "dgxp_motion: over %d motions at once: call it again",
                            MOTIONS_MAX);
    }
    px_motion *motion = px_mem_zero(1, sizeof *motion);
    dgxp_status status =
        motion ? px_motion_load(name, p->folder, side, wide, motion) : px_error_memory("a motion");
    if (!status && needs_eyes(motion) && !self->stage.zones.eye_count) {
        const char *why = "no eyes can be told on this sprite: two alike, enclosed by one color, "
                          "side by side in its upper half";
        if (!all) {
            status = px_error_set(DGXP_ERR_UNSUPPORTED, "dgxp_motion: '%s': %s", motion->name, why);
        } else {
            json_t *entry = json_object();
            px_json_put_text(entry, "name", motion->name);
            px_json_put_text(entry, "why", why);
            px_json_append(self->skipped, entry);
        }
        px_mem_free(motion);
        return status;
    }
    if (status) {
        px_mem_free(motion);
        return status;
    }
    px_motion_scale(motion, self->stage.zones.box.y1 - self->stage.zones.box.y0 + 1,
                    p->reach ? p->reach : 100);
    px_motion_resample(motion, p->frames);
    for (int32_t i = 0; i < motion->count; i++) {
        const int64_t ms = (int64_t)motion->keys[i].ms * 100 / (p->speed ? p->speed : 100);
        motion->keys[i].ms = (int32_t)(ms < 1 ? 1 : ms > 65535 ? 65535 : ms);
    }
    self->motions[self->motion_count++] = motion;
    return DGXP_OK;
}

static dgxp_status take_list(maker *self, const char *list, bool all)
{
    dgxp_status status = DGXP_OK;
    for (const char *at = list; *at && !status;) {
        const size_t length = strcspn(at, ",");
        char *name = px_mem_textn(at, length);
        const bool variant = name && all && px_motion_is_variant(name);
        if (!name || !length) {
            status = name ? px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                         "dgxp_motion: motions '%.200s' has an empty name; write "
                                         "names with a comma between them",
                                         list)
                          : px_error_memory("the list of motions");
        } else if (!variant) { /* it comes in the other's place, where it fits */
            status = take_motion(self, name, all);
        }
        px_mem_free(name);
        at += length + (at[length] == ',');
    }
    return status;
}

static dgxp_status take_motions(maker *self)
{
    const char *motions = self->params.motions ? self->params.motions : "idle";
    if (!*motions || strlen(motions) > LIST_LIMIT) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_motion: motions has %zu bytes; it must be 1 to %d",
                            strlen(motions), LIST_LIMIT);
    }
    if (strcmp(motions, "all") != 0) {
        return take_list(self, motions, false);
    }
    char *names = px_motion_names(self->params.folder);
    dgxp_status status = names ? take_list(self, names, true) : px_error_memory("motions");
    if (!status && !self->motion_count) {
        status = px_error_set(DGXP_ERR_NOT_FOUND,
                              "dgxp_motion: no folder of motions was found; DGX_PIXELS_MOTIONS "
                              "names one");
    }
    px_mem_free(names);
    return status;
}

/* ------------------------------------------------------------------------------------ frames */

/* How far anything of one frame can get from where it was, so that its stage holds it. */
static int32_t find_margin(const maker *self, const px_motion_key *key)
{
    const px_box *box = &self->stage.zones.box;
    const double width = box->x1 - box->x0 + 1, height = box->y1 - box->y0 + 1;
    const int32_t *moves = key->moves;
    double sum = 2;
    for (int i = 0; i < PX_MOVE_WIDTH; i++) {
        sum += abs(moves[i]);
    }
    const double wide = abs(100 + moves[PX_MOVE_WIDTH]) / 100.0;
    const double high = (100 + moves[PX_MOVE_HEIGHT]) / 100.0;
    sum += wide > 1 ? width * (wide - 1) : 0;
    sum += high > 1 ? height * (high - 1) : 0;
    if (moves[PX_MOVE_TURN]) {
        /* About the middle of what is seen, (diagonal - side) / 2 beyond a side, which is at most half
         * the longer side; and what was moved before may have made both longer. */
        const dgxp_image *sprite = self->stage.sprite;
        sum += sum / 2 + fmax(sprite->width * fmax(wide, 1), sprite->height * fmax(high, 1)) / 2;
    }
    return (int32_t)ceil(sum);
}

/* Of a frame that was drawn. */
static int32_t margin_of(const maker *self, const dgxp_image *frame)
{
    return (frame->width - self->stage.sprite->width) / 2;
}

static dgxp_status draw_frames(maker *self)
{
    dgxp_status status = DGXP_OK;
    int64_t side = 0;
    for (int32_t m = 0; m < self->motion_count; m++) {
        self->frame_room += self->motions[m]->count;
        for (int32_t k = 0; k < self->motions[m]->count; k++) {
            const int64_t own = 2 * (int64_t)find_margin(self, &self->motions[m]->keys[k]);
            side = own > side ? own : side;
        }
    }
    status =
        px_sheet_check_frames("dgxp_motion", (size_t)self->frame_room,
                              self->stage.sprite->width + side, self->stage.sprite->height + side);
    self->frames = status ? NULL : px_mem_zero((size_t)self->frame_room, sizeof *self->frames);
    if (!self->frames) {
        return status ? status : px_error_memory("the frames of a motion");
    }
    for (int32_t m = 0; m < self->motion_count && !status; m++) {
        const px_motion *motion = self->motions[m];
        for (int32_t k = 0; k < motion->count && !status; k++) {
            self->stage.margin = find_margin(self, &motion->keys[k]);
            status = px_motion_draw(&self->stage, &motion->keys[k], motion->grounded,
                                    &self->frames[self->frame_count]);
            self->frame_count += !status;
        }
    }
    return status;
}

/* What all frames take, from the sprite's corner: its own canvas, and as much more on both sides. */
static px_box find_canvas(const maker *self)
{
    const dgxp_image *sprite = self->stage.sprite;
    px_box canvas = {0, 0, sprite->width - 1, sprite->height - 1};
    for (int32_t i = 0; i < self->frame_count && !self->params.keep_canvas; i++) {
        const dgxp_image *frame = self->frames[i];
        const int32_t margin = margin_of(self, frame);
        for (int32_t y = 0; y < frame->height; y++) {
            const bool known = y - margin >= canvas.y0 && y - margin <= canvas.y1;
            for (int32_t x = 0; x < frame->width; x++) {
                if (known && x - margin == canvas.x0) { /* what is inside makes it no larger */
                    x = canvas.x1 + margin;
                } else if (px_image_at(frame, x, y)[3]) {
                    canvas.x0 = px_image_least(canvas.x0, x - margin);
                    canvas.x1 = px_image_most(canvas.x1, x - margin);
                    canvas.y0 = px_image_least(canvas.y0, y - margin);
                    canvas.y1 = px_image_most(canvas.y1, y - margin);
                }
            }
        }
    }
    const int32_t more = px_image_most(-canvas.x0, canvas.x1 - (sprite->width - 1));
    canvas.x0 = -more;
    canvas.x1 = sprite->width - 1 + more;
    return canvas;
}

/* A frame on the canvas of all, which may be larger or smaller than its stage. */
static dgxp_status fit_frame(const maker *self, const dgxp_image *frame, const px_box *canvas,
                             dgxp_image **out)
{
    const int32_t margin = margin_of(self, frame);
    const int32_t left = canvas->x0 + margin, top = canvas->y0 + margin;
    const dgxp_status status = px_image_create("dgxp_motion", canvas->x1 - canvas->x0 + 1,
                                               canvas->y1 - canvas->y0 + 1, out);
    for (int32_t y = 0; !status && y < (*out)->height; y++) {
        const int32_t from = px_image_most(0, -left);
        const int32_t to = px_image_least((*out)->width, frame->width - left);
        if (y + top >= 0 && y + top < frame->height && from < to) {
            memcpy(px_image_at(*out, from, y), px_image_at(frame, from + left, y + top),
                   (size_t)(to - from) * 4);
        }
    }
    return status;
}

/* The middle of the lowest eighth, as frames that are aligned by their feet have it. */
static int32_t find_feet(const maker *self)
{
    const px_box *box = &self->stage.zones.box;
    int32_t left = box->x1, right = box->x0;
    for (int32_t y = box->y1 - (box->y1 - box->y0 + 1) / 8; y <= box->y1; y++) {
        for (int32_t x = box->x0; x <= box->x1; x++) {
            if (px_image_at(self->stage.sprite, x, y)[3] >= 128) {
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
        }
    }
    return (left + right + 1) / 2;
}

static dgxp_status add_tag(dgxp_sheet *sheet, const px_motion *motion, int32_t from)
{
    dgxp_tag tag = DGXP_TAG_INIT;
    tag.name = motion->name;
    tag.from = from;
    tag.to = from + motion->count - 1;
    tag.repeat = motion->loops ? 0 : 1;
    return px_sheet_add_tag("dgxp_motion", sheet, &tag);
}

static dgxp_status fill_sheet(maker *self, const px_box *canvas, dgxp_sheet *sheet)
{
    dgxp_status status = DGXP_OK;
    int32_t index = 0, columns = 0;
    for (int32_t m = 0; m < self->motion_count && !status; m++) {
        const px_motion *motion = self->motions[m];
        const int32_t from = index;
        columns = m && motion->count != columns ? -1 : motion->count;
        for (int32_t k = 0; k < motion->count && !status; k++) {
            dgxp_image *image = NULL;
            char name[PX_MOTION_NAME_MAX + 16];
            snprintf(name, sizeof name, "%s %d", motion->name, (int)k);
            status = fit_frame(self, self->frames[index++], canvas, &image);
            status =
                status ? status
                       : px_sheet_take_frame("dgxp_motion", sheet, image, name, motion->keys[k].ms);
        }
        status = status ? status : add_tag(sheet, motion, from);
    }
    sheet->columns = columns > 0 && self->motion_count > 1 ? columns : 0; /* a motion a row */
    dgxp_slice pivot = DGXP_SLICE_INIT;
    pivot.name = "pivot";
    pivot.width = canvas->x1 - canvas->x0 + 1;
    pivot.height = canvas->y1 - canvas->y0 + 1;
    pivot.has_pivot = 1;
    pivot.pivot_x = find_feet(self) - canvas->x0;
    pivot.pivot_y = self->stage.zones.box.y1 + 1 - canvas->y0;
    status = status ? status : px_sheet_add_slice("dgxp_motion", sheet, &pivot);
    return status ? status : px_image_copy_texts(self->stage.sprite, sheet->frames[0].image);
}

/* ------------------------------------------------------------------------------------- report */

static double count_solid(const dgxp_image *image)
{
    const size_t pixels = px_image_count(image);
    int64_t count = 0;
    for (size_t i = 0; i < pixels; i++) {
        count += image->rgba[i * 4 + 3] >> 7;
    }
    return (double)count;
}

static json_t *describe_motion(const maker *self, const px_motion *motion, int32_t from)
{
    json_t *entry = json_object();
    const double whole = count_solid(self->stage.sprite);
    double least = INFINITY, most = 0;
    int32_t exact = 0, other = 0;
    for (int32_t k = 0; k < motion->count; k++) {
        const int32_t turn = motion->keys[k].moves[PX_MOVE_TURN];
        const double area = count_solid(self->frames[from + k]) / whole;
        least = area < least ? area : least;
        most = area > most ? area : most;
        exact += turn && turn % 90 == 0;
        other += turn % 90 != 0;
    }
    px_json_put_text(entry, "name", motion->name);
    px_json_put_text(entry, "row", motion->row);
    px_json_put_integer(entry, "from", from);
    px_json_put_integer(entry, "to", from + motion->count - 1);
    px_json_put_boolean(entry, "grounded", motion->grounded);
    px_json_put_boolean(entry, "loops", motion->loops);
    px_json_put(entry, "area", json_pack("[f, f]", least, most));
    px_json_put_integer(entry, "exact_turns", exact);
    px_json_put_integer(entry, "other_turns", other);
    return entry;
}

static dgxp_status describe(const maker *self, const dgxp_sheet *sheet, dgxp_document **out)
{
    const px_zones *zones = &self->stage.zones;
    json_t *root = json_object(), *parts = json_object(), *motions = json_array();
    const dgxp_image *frame = sheet->frames[0].image;
    px_json_put_integer(root, "width", frame->width);
    px_json_put_integer(root, "height", frame->height);
    px_json_put(root, "pivot",
                json_pack("[i, i]", sheet->slices[0].pivot_x, sheet->slices[0].pivot_y));
    px_json_put_integer(parts, "neck", zones->neck);
    px_json_put_integer(parts, "hip", zones->hip);
    px_json_put_text(parts, "legs", zones->two_legs ? "two" : "halved");
    px_json_put_integer(parts, "eyes", zones->eye_count);
    px_json_put(root, "parts", parts);
    for (int32_t m = 0, from = 0; m < self->motion_count; m++) {
        px_json_append(motions, describe_motion(self, self->motions[m], from));
        from += self->motions[m]->count;
    }
    px_json_put(root, "motions", motions);
    px_json_put(root, "skipped", json_incref(self->skipped));
    return px_json_document(root, out);
}

/* ---------------------------------------------------------------------------------- the whole */

static void find_lightest(const dgxp_image *sprite, uint8_t rgba[4])
{
    float most = -1;
    for (size_t i = 0; i < px_image_count(sprite); i++) {
        const uint8_t *pixel = sprite->rgba + i * 4;
        const float lightness = px_color_lab(pixel).l;
        if (pixel[3] >= 128 && lightness > most) {
            most = lightness;
            memcpy(rgba, pixel, 4);
        }
    }
}

static dgxp_status refuse_range(const char *name, int32_t value, int32_t low, int32_t high)
{
    return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                        "dgxp_motion: %s is %d; it must be %d to %d, or 0 for the default", name,
                        value, low, high);
}

static dgxp_status prepare(maker *self, const dgxp_image *sprite)
{
    const dgxp_motion_params *p = &self->params;
    if (p->facing < 0 || p->facing >= px_motion_facing_count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_motion: facing %d does not exist; dgxp_choices(\"facing\") lists "
                            "them",
                            p->facing);
    }
    if (p->frames && (p->frames < 2 || p->frames > PX_MOTION_FRAMES_MAX)) {
        return refuse_range("frames", p->frames, 2, PX_MOTION_FRAMES_MAX);
    }
    if (p->reach && (p->reach < 25 || p->reach > 400)) {
        return refuse_range("reach", p->reach, 25, 400);
    }
    if (p->speed && (p->speed < 10 || p->speed > 1000)) {
        return refuse_range("speed", p->speed, 10, 1000);
    }
    if (sprite->width > PX_MOTION_SIDE_MAX || sprite->height > PX_MOTION_SIDE_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "dgxp_motion: the sprite is %dx%d; the limit is %d a side, one pixel a "
                            "cell: `dgx-pixels fix` or dgxp_fix() brings enlarged art there",
                            sprite->width, sprite->height, PX_MOTION_SIDE_MAX);
    }
    self->stage = (px_motion_stage){.sprite = sprite, .facing = p->facing, .seed = p->seed};
    self->skipped = json_array();
    if (!px_zones_find(sprite, &self->stage.zones)) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_motion: nothing can be seen: no pixel has alpha 128 or more");
    }
    find_lightest(sprite, self->stage.lightest);
    return self->skipped ? DGXP_OK : px_error_memory("a motion's report");
}

static void free_maker(maker *self)
{
    for (int32_t i = 0; i < self->frame_count; i++) {
        dgxp_image_free(self->frames[i]);
    }
    for (int32_t i = 0; i < self->motion_count; i++) {
        px_mem_free(self->motions[i]);
    }
    px_mem_free(self->frames);
    json_decref(self->skipped);
    px_mem_free(self);
}

dgxp_status dgxp_motion(const dgxp_image *sprite, const dgxp_motion_params *params,
                        dgxp_document **report, dgxp_sheet **out)
{
    dgxp_status status = px_error_begin("dgxp_motion", sprite && out, "a sprite and out");
    dgxp_sheet *sheet = NULL;
    maker *self = status ? NULL : px_mem_zero(1, sizeof *self);
    if (!self) {
        return status ? status : px_error_memory("a motion");
    }
    status = px_params_read("dgxp_motion", params, &self->params, sizeof self->params);
    status = status ? status : prepare(self, sprite);
    status = status ? status : take_motions(self);
    status = status ? status : draw_frames(self);
    if (!status) {
        const px_box canvas = find_canvas(self);
        status = px_sheet_create(&sheet);
        status = status ? status : fill_sheet(self, &canvas, sheet);
    }
    if (!status && report) {
        status = describe(self, sheet, report);
    }
    free_maker(self);
    if (status) {
        dgxp_sheet_free(sheet);
    } else {
        *out = sheet;
    }
    return status;
}
