/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A normal map of a finished sprite: its outline's height, its flat faces, and what its shading says. */
#include "image/normal.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color.h"
#include "image/sheet.h"

#include <math.h>
#include <string.h>

enum { SIDE_MAX = 512, MATERIALS = 13 };

#define GREY 0.035F     /* chroma below which a color has no hue */
#define TURN 6.2831853F /* radians */
#define LINE 0.10F      /* how much darker a line inside is than both its sides */
#define TRUST 0.5F      /* of what shading says against the outline */
#define TILT 0.5F       /* the most that shading turns a normal by, as a sine */
#define EXPLAINED 0.25F /* share of the shading that a light must explain to be believed */

typedef struct mapper {
    const char *call;
    dgxp_normal_params params;
    const dgxp_image *sprite;
    size_t count;
    float *square, *light;    /* [count] the height's square; lightness less its material's mean */
    px_normal *normals;       /* [count] */
    uint8_t *line, *material; /* [count]; material MATERIALS = none */
    int32_t *face;            /* [count] */
    int32_t face_count;
    float light_x,
        light_y;     /* where the painted light comes from, its length the slope of lightness */
    float explained; /* share of the shading, 0..1 */
} mapper;

static bool is_solid(const mapper *self, size_t i)
{
    return self->sprite->rgba[i * 4 + 3] >= 128;
}

static void set_length(px_normal *n)
{
    const float length = sqrtf(n->x * n->x + n->y * n->y + n->z * n->z);
    *n = length > 1e-6F ? (px_normal){n->x / length, n->y / length, n->z / length}
                        : (px_normal){0, 0, 1};
}

/* ----------------------------------------------------------------------------- what is drawn */

/* Dark lines one pixel wide, inside: where one part of a thing ends before another. */
static void mark_lines(mapper *self)
{
    const int32_t width = self->sprite->width, height = self->sprite->height;
    for (int32_t y = 1; y < height - 1; y++) {
        for (int32_t x = 1; x < width - 1; x++) {
            const size_t at = (size_t)y * (size_t)width + (size_t)x, down = (size_t)width;
            const bool inside = is_solid(self, at) && is_solid(self, at - 1) &&
                                is_solid(self, at + 1) && is_solid(self, at - down) &&
                                is_solid(self, at + down);
            const float level = self->light[at] + LINE;
            self->line[at] =
                inside && ((level < self->light[at - 1] && level < self->light[at + 1]) ||
                           (level < self->light[at - down] && level < self->light[at + down]));
        }
    }
}

/* Colors of one hue are one material; very dark ones are outline and say nothing of light. */
static void sort_materials(mapper *self)
{
    double sum[MATERIALS] = {0};
    int32_t counts[MATERIALS] = {0};
    for (size_t i = 0; i < self->count; i++) {
        const px_lab lab = px_color_lab(self->sprite->rgba + i * 4);
        const float chroma = hypotf(lab.a, lab.b);
        const float hue = atan2f(lab.b, lab.a) / TURN + 0.5F;
        const int slot = chroma < GREY ? 0 : 1 + (int)(hue * 11.999F);
        const bool outline = lab.l < 0.32F && chroma < 0.075F;
        self->light[i] = lab.l;
        self->material[i] = (uint8_t)(is_solid(self, i) && !outline ? slot : MATERIALS);
        if (self->material[i] < MATERIALS) {
            sum[slot] += lab.l;
            counts[slot]++;
        }
    }
    mark_lines(self);
    for (size_t i = 0; i < self->count; i++) {
        const int m = self->material[i];
        self->light[i] -= m < MATERIALS ? (float)(sum[m] / counts[m]) : 0;
    }
}

/* ------------------------------------------------------------------------------- the light */

/* The means of normals in each material, so that only what differs inside one is compared. */
static void find_means(const mapper *self, double (*means)[3])
{
    int32_t counts[MATERIALS] = {0};
    memset(means, 0, MATERIALS * sizeof *means);
    for (size_t i = 0; i < self->count; i++) {
        const int m = self->material[i];
        if (m < MATERIALS) {
            means[m][0] += self->normals[i].x;
            means[m][1] += self->normals[i].y;
            means[m][2] += self->normals[i].z;
            counts[m]++;
        }
    }
    for (int m = 0; m < MATERIALS; m++) {
        for (int c = 0; c < 3 && counts[m]; c++) {
            means[m][c] /= counts[m];
        }
    }
}

/* Solve the symmetric 3 x 3 system by Cramer's rule; false when it is as good as singular. */
static bool solve(double m[3][3], const double v[3], double out[3])
{
    const double c0 = m[1][1] * m[2][2] - m[1][2] * m[2][1];
    const double c1 = m[1][2] * m[2][0] - m[1][0] * m[2][2];
    const double c2 = m[1][0] * m[2][1] - m[1][1] * m[2][0];
    const double det = m[0][0] * c0 + m[0][1] * c1 + m[0][2] * c2;
    if (fabs(det) < 1e-9) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        double with[3][3];
        memcpy(with, m, sizeof with);
        for (int r = 0; r < 3; r++) {
            with[r][i] = v[r];
        }
        out[i] = (with[0][0] * (with[1][1] * with[2][2] - with[1][2] * with[2][1]) -
                  with[0][1] * (with[1][0] * with[2][2] - with[1][2] * with[2][0]) +
                  with[0][2] * (with[1][0] * with[2][1] - with[1][1] * with[2][0])) /
                 det;
    }
    return true;
}

/* Least squares of lightness over the normals; lit as Lambert has it, or not at all. */
static void find_light(mapper *self, double means[MATERIALS][3], double slope[3])
{
    double matrix[3][3] = {{0}}, right[3] = {0}, all = 0, left = 0;
    size_t used = 0;
    for (size_t i = 0; i < self->count; i++) {
        const int m = self->material[i];
        if (m == MATERIALS) {
            continue;
        }
        const double n[3] = {self->normals[i].x - means[m][0], self->normals[i].y - means[m][1],
                             self->normals[i].z - means[m][2]};
        for (int r = 0; r < 3; r++) {
            for (int c = 0; c < 3; c++) {
                matrix[r][c] += n[r] * n[c];
            }
            right[r] += n[r] * self->light[i];
        }
        all += (double)self->light[i] * self->light[i];
        used++;
    }
    for (int r = 0; r < 3 && used; r++) {
        matrix[r][r] += 1e-3 * (double)used;
    }
    memset(slope, 0, 3 * sizeof *slope);
    if (!used || all < 1e-9 || !solve(matrix, right, slope)) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        const int m = self->material[i];
        if (m < MATERIALS) {
            const double told = slope[0] * (self->normals[i].x - means[m][0]) +
                                slope[1] * (self->normals[i].y - means[m][1]) +
                                slope[2] * (self->normals[i].z - means[m][2]);
            left += (self->light[i] - told) * (self->light[i] - told);
        }
    }
    self->explained = (float)fmax(0, 1 - left / all);
    self->light_x = (float)slope[0];
    self->light_y = (float)slope[1];
}

/* What is lighter than its normal explains turns towards the light, what is darker away from it. */
static void follow_shading(mapper *self)
{
    double means[MATERIALS][3], slope[3];
    find_means(self, means);
    find_light(self, means, slope);
    const float steep = hypotf(self->light_x, self->light_y);
    if (self->explained < EXPLAINED || steep < 0.02F) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        const int m = self->material[i];
        px_normal *n = &self->normals[i];
        if (m == MATERIALS || self->face[i]) {
            continue;
        }
        const double told = slope[0] * (n->x - means[m][0]) + slope[1] * (n->y - means[m][1]) +
                            slope[2] * (n->z - means[m][2]);
        float turn = TRUST * (self->light[i] - (float)told) / steep;
        turn = turn > TILT ? TILT : turn < -TILT ? -TILT : turn;
        n->x += turn * self->light_x / steep;
        n->y += turn * self->light_y / steep;
        set_length(n);
    }
}

/* ------------------------------------------------------------------------------- the faces */

/* Lines that lie beside a face belong to it. */
static void spread_face(mapper *self, int32_t *next, size_t i)
{
    const int32_t width = self->sprite->width, height = self->sprite->height;
    const int32_t x = (int32_t)(i % (size_t)width), y = (int32_t)(i / (size_t)width);
    for (int32_t dy = -1; dy <= 1; dy++) {
        for (int32_t dx = -1; dx <= 1; dx++) {
            const bool inside = x + dx >= 0 && y + dy >= 0 && x + dx < width && y + dy < height;
            const int32_t face =
                inside ? self->face[(size_t)(y + dy) * (size_t)width + (size_t)(x + dx)] : 0;
            next[i] = next[i] ? next[i] : face;
        }
    }
}

static dgxp_status set_faces(mapper *self)
{
    dgxp_status status = px_face_find(self->sprite, self->face, &self->face_count);
    px_slope *planes = status ? NULL : px_mem_zero((size_t)self->face_count + 1, sizeof *planes);
    int32_t *next = status ? NULL : px_mem_zero(self->count, sizeof *next);
    if (!planes || !next) {
        px_mem_free(planes);
        px_mem_free(next);
        return status ? status : px_error_memory("the faces of a sprite");
    }
    status = px_face_planes(self->sprite, self->square, self->face, self->face_count, planes);
    for (size_t i = 0; i < self->count; i++) {
        next[i] = self->face[i];
        if (!next[i] && is_solid(self, i) && self->material[i] == MATERIALS) {
            spread_face(self, next, i);
        }
    }
    memcpy(self->face, next, self->count * sizeof *next);
    for (size_t i = 0; i < self->count && !status; i++) {
        if (self->face[i]) {
            const px_slope *at = &planes[self->face[i] - 1];
            self->normals[i] = (px_normal){(float)-at->x, (float)-at->y, 1};
            set_length(&self->normals[i]);
        }
    }
    px_mem_free(planes);
    px_mem_free(next);
    return status;
}

/* ------------------------------------------------------------------------------- the whole */

/* 128 is 0 exactly, so that what is flat reflects no light from aside. */
static uint8_t to_byte(float value)
{
    return (uint8_t)lroundf(128 + 127 * value);
}

static dgxp_status write_map(mapper *self, dgxp_image **out)
{
    const float steep = (float)(self->params.strength ? self->params.strength : 100) / 100;
    const float up = self->params.y_down ? 1 : -1;
    const dgxp_status status =
        px_image_create(self->call, self->sprite->width, self->sprite->height, out);
    for (size_t i = 0; i < self->count && !status; i++) {
        const uint8_t alpha = self->sprite->rgba[i * 4 + 3];
        px_normal n = alpha >= 128 ? self->normals[i] : (px_normal){0, 0, 1};
        n.x *= steep;
        n.y *= steep;
        set_length(&n);
        const uint8_t rgba[4] = {to_byte(n.x), to_byte(n.y * up), to_byte(n.z), alpha};
        memcpy((*out)->rgba + i * 4, rgba, 4);
    }
    return status;
}

static dgxp_status describe(const mapper *self, dgxp_document **out)
{
    json_t *root = json_object();
    const bool lit = self->explained >= EXPLAINED;
    const float degrees = atan2f(self->light_x, -self->light_y) * 360 / TURN;
    px_json_put_integer(root, "faces", self->face_count);
    px_json_put(root, "light",
                lit ? json_integer((json_int_t)lroundf(degrees + 360) % 360) : json_null());
    px_json_put(root, "explained", json_real(self->explained));
    return px_json_document(root, out);
}

static dgxp_status find_normals(mapper *self)
{
    sort_materials(self);
    px_height_fill(self->sprite, self->line, self->square);
    for (size_t i = 0; i < self->count; i++) {
        self->normals[i] =
            px_height_normal(self->sprite, self->square, (int32_t)(i % (size_t)self->sprite->width),
                             (int32_t)(i / (size_t)self->sprite->width));
        set_length(&self->normals[i]);
    }
    const dgxp_status status = set_faces(self);
    if (!status && !self->params.no_shading) {
        follow_shading(self);
    }
    return status;
}

static dgxp_status check(const char *call, const dgxp_image *sprite,
                         const dgxp_normal_params *given, dgxp_normal_params *params)
{
    const dgxp_status status = px_params_read(call, given, params, sizeof *params);
    if (status) {
        return status;
    }
    if (params->strength && (params->strength < 10 || params->strength > 400)) {
        return px_error_set(
            DGXP_ERR_INVALID_ARGUMENT,
            "%s: strength is %d; it must be 10 to 400 percent, or 0 for the default", call,
            params->strength);
    }
    if (sprite->width > SIDE_MAX || sprite->height > SIDE_MAX) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: %dx%d pixels; a sprite has at most %d a side: cut a sheet with "
                            "dgxp_sheet_cut() or shrink it with dgxp_fix()",
                            call, sprite->width, sprite->height, SIDE_MAX);
    }
    return DGXP_OK;
}

static dgxp_status map_sprite(const char *call, const dgxp_image *sprite,
                              const dgxp_normal_params *given, dgxp_document **report,
                              dgxp_image **out)
{
    mapper self = {.call = call, .sprite = sprite, .count = px_image_count(sprite)};
    dgxp_image *image = NULL;
    dgxp_status status = check(call, sprite, given, &self.params);
    if (status) {
        return status;
    }
    self.square = px_mem_zero(self.count, sizeof *self.square);
    self.light = px_mem_zero(self.count, sizeof *self.light);
    self.normals = px_mem_zero(self.count, sizeof *self.normals);
    self.line = px_mem_zero(self.count, 1);
    self.material = px_mem_zero(self.count, 1);
    self.face = px_mem_zero(self.count, sizeof *self.face);
    status = self.square && self.light && self.normals && self.line && self.material && self.face
                 ? find_normals(&self)
                 : px_error_memory("a normal map");
    status = status ? status : write_map(&self, &image);
    if (!status && report) {
        status = describe(&self, report);
    }
    px_mem_free(self.square);
    px_mem_free(self.light);
    px_mem_free(self.normals);
    px_mem_free(self.line);
    px_mem_free(self.material);
    px_mem_free(self.face);
    if (status) {
        dgxp_image_free(image);
    } else {
        *out = image;
    }
    return status;
}

dgxp_status dgxp_normal(const dgxp_image *sprite, const dgxp_normal_params *params,
                        dgxp_document **report, dgxp_image **out)
{
    const dgxp_status status = px_error_begin("dgxp_normal", sprite && out, "a sprite and out");
    return status ? status : map_sprite("dgxp_normal", sprite, params, report, out);
}

/* Tags, slices and the wish for columns, so that it packs as the sheet that it belongs to. */
static dgxp_status copy_marks(const char *call, const dgxp_sheet *from, dgxp_sheet *to)
{
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < from->tag_count && !status; i++) {
        const px_sheet_tag *at = &from->tags[i];
        dgxp_tag tag = DGXP_TAG_INIT;
        tag.name = at->name;
        tag.from = at->from;
        tag.to = at->to;
        tag.direction = at->direction;
        tag.repeat = at->repeat;
        status = px_sheet_add_tag(call, to, &tag);
    }
    for (size_t i = 0; i < from->slice_count && !status; i++) {
        status = px_sheet_add_slice(call, to, &from->slices[i]);
    }
    to->columns = from->columns;
    return status;
}

dgxp_status dgxp_sheet_normal(const dgxp_sheet *sheet, const dgxp_normal_params *params,
                              dgxp_sheet **out)
{
    static const char call[] = "dgxp_sheet_normal";
    dgxp_sheet *made = NULL;
    dgxp_status status = px_error_begin(call, sheet && out, "a sheet and out");
    status = status ? status : px_sheet_create(&made);
    for (size_t i = 0; !status && i < sheet->frame_count; i++) {
        const px_sheet_frame *frame = &sheet->frames[i];
        dgxp_image *image = NULL;
        status = map_sprite(call, frame->image, params, NULL, &image);
        status =
            status ? status : px_sheet_take_frame(call, made, image, frame->name, frame->duration);
    }
    status = status ? status : copy_marks(call, sheet, made);
    if (status) {
        dgxp_sheet_free(made);
    } else {
        *out = made;
    }
    return status;
}
