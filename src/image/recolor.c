/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Colorways of a finished sprite: its ramps found in OKLab and moved to other hues, light by light. */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/params.h"
#include "image/color.h"
#include "image/image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLORS_MAX = 4096, RAMPS_MAX = 64, MAP_LIMIT = 4096 };

#define GREY 0.035F /* chroma below which a color has no hue */
#define DYE 0.1F    /* chroma that a grey sprite's middle takes */
#define APART 0.42F /* radians of hue between two ramps: 24 degrees */
#define FULL 6.2831853F

/* Names as people call hues; each is a color whose hue and chroma a ramp takes. */
static const struct {
    const char *name;
    uint8_t rgb[3];
} names[] = {
    {"red", {208, 48, 48}},     {"orange", {224, 120, 40}},  {"gold", {216, 168, 48}},
    {"yellow", {232, 208, 64}}, {"lime", {144, 208, 64}},    {"green", {56, 152, 64}},
    {"teal", {40, 152, 136}},   {"cyan", {56, 184, 208}},    {"blue", {56, 96, 208}},
    {"purple", {128, 64, 184}}, {"magenta", {200, 56, 176}}, {"pink", {232, 120, 168}},
    {"brown", {136, 88, 48}},   {"silver", {168, 172, 180}}, {"grey", {128, 128, 128}},
    {"white", {236, 236, 232}}, {"black", {44, 44, 52}},
};
enum { NAMES = sizeof names / sizeof *names };

typedef struct shade {
    uint8_t rgba[4], to[4];
    px_lab lab;
    float chroma, hue; /* radians, 0..2 pi */
    int64_t count;     /* pixels */
    int32_t ramp;      /* -1: kept */
} shade;

typedef struct ramp {
    float hue, chroma; /* the weighted middle, and the largest chroma */
    float low, high;   /* lightness */
    int64_t count;
    bool grey, mapped;
    bool dyed; /* a grey one that a variant gives a hue */
    px_lab to;
} ramp;

typedef struct recolor {
    dgxp_recolor_params params;
    const dgxp_image *sprite;
    shade *shades; /* dark to light */
    int32_t shade_count;
    ramp ramps[RAMPS_MAX];
    int32_t ramp_count;
} recolor;

/* -------------------------------------------------------------------------------------- shades */

static float find_hue(px_lab lab)
{
    const float hue = atan2f(lab.b, lab.a);
    return hue < 0 ? hue + FULL : hue;
}

static float turn_between(float a, float b)
{
    const float d = fabsf(a - b);
    return d > FULL / 2 ? FULL - d : d;
}

static int order_shades(const void *left, const void *right)
{
    const shade *a = left, *b = right;
    const int order = memcmp(a->rgba, b->rgba, 4);
    return a->lab.l < b->lab.l ? -1 : a->lab.l > b->lab.l ? 1 : order;
}

static int order_pixels(const void *left, const void *right)
{
    return memcmp(left, right, 4);
}

static dgxp_status list_shades(recolor *self)
{
    const size_t count = px_image_count(self->sprite);
    uint8_t (*pixels)[4] = px_mem_array(count, 4);
    self->shades = px_mem_zero(COLORS_MAX, sizeof *self->shades);
    if (!pixels || !self->shades) {
        px_mem_free(pixels);
        return px_error_memory("a sprite's colors");
    }
    memcpy(pixels, self->sprite->rgba, count * 4);
    qsort(pixels, count, 4, order_pixels);
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < count && !status; i++) {
        shade *last = self->shade_count ? &self->shades[self->shade_count - 1] : NULL;
        if (!pixels[i][3]) {
            continue;
        }
        if (last && memcmp(last->rgba, pixels[i], 4) == 0) {
            last->count++;
        } else if (self->shade_count == COLORS_MAX) {
            status = px_error_set(DGXP_ERR_LIMIT,
                                  "dgxp_recolor: over %d colors; a sprite has fewer: `dgx-pixels "
                                  "fix` or dgxp_quantize() brings it there",
                                  COLORS_MAX);
        } else {
            shade *next = &self->shades[self->shade_count++];
            memcpy(next->rgba, pixels[i], 4);
            memcpy(next->to, pixels[i], 4);
            next->lab = px_color_lab(pixels[i]);
            next->chroma = hypotf(next->lab.a, next->lab.b);
            next->hue = find_hue(next->lab);
            next->count = 1;
        }
    }
    px_mem_free(pixels);
    qsort(self->shades, (size_t)self->shade_count, sizeof *self->shades, order_shades);
    return status;
}

/* --------------------------------------------------------------------------------------- ramps */

/* Skin is of a narrow hue, neither grey nor gaudy, and light. */
static bool is_skin(const shade *s)
{
    const float degrees = s->hue * 360 / FULL;
    return degrees > 35 && degrees < 75 && s->chroma > 0.03F && s->chroma < 0.13F &&
           s->lab.l > 0.58F;
}

static bool is_outline(const shade *s)
{
    return s->lab.l < 0.32F && s->chroma < 0.075F;
}

static void join_ramp(ramp *to, const shade *s)
{
    const float weight = (float)s->count / (float)(to->count + s->count);
    float turn = s->hue - to->hue;
    turn += turn > FULL / 2 ? -FULL : turn < -FULL / 2 ? FULL : 0;
    to->hue = fmodf(to->hue + turn * weight + FULL, FULL);
    to->chroma = s->chroma > to->chroma ? s->chroma : to->chroma;
    to->low = s->lab.l < to->low ? s->lab.l : to->low;
    to->high = s->lab.l > to->high ? s->lab.l : to->high;
    to->count += s->count;
}

/* The most frequent colors begin ramps; others join the one of their hue. */
static void find_ramps(recolor *self)
{
    for (int32_t i = 0; i < self->shade_count; i++) {
        shade *s = &self->shades[i];
        const bool kept =
            (!self->params.move_outline && is_outline(s)) || (self->params.keep_skin && is_skin(s));
        s->ramp = kept ? -1 : -2;
    }
    for (;;) {
        shade *most = NULL;
        for (int32_t i = 0; i < self->shade_count; i++) {
            shade *s = &self->shades[i];
            most = s->ramp == -2 && (!most || s->count > most->count) ? s : most;
        }
        if (!most) {
            return;
        }
        const bool grey = most->chroma < GREY;
        float nearest = self->ramp_count < RAMPS_MAX ? APART : FULL;
        int32_t chosen = -1;
        for (int32_t r = 0; r < self->ramp_count; r++) {
            const float turn =
                grey || self->ramps[r].grey ? 0 : turn_between(self->ramps[r].hue, most->hue);
            if (self->ramps[r].grey == grey && turn < nearest) {
                nearest = turn;
                chosen = r;
            }
        }
        if (chosen < 0 && self->ramp_count == RAMPS_MAX) {
            most->ramp = -1;
            continue;
        }
        if (chosen < 0) {
            chosen = self->ramp_count++;
            self->ramps[chosen] = (ramp){.hue = most->hue,
                                         .chroma = most->chroma,
                                         .low = most->lab.l,
                                         .high = most->lab.l,
                                         .count = most->count,
                                         .grey = grey};
        } else {
            join_ramp(&self->ramps[chosen], most);
        }
        most->ramp = chosen;
    }
}

/* ----------------------------------------------------------------------------------- the wishes */

static bool read_hex(const char *text, size_t length, uint8_t rgb[3])
{
    unsigned value = 0;
    if (length != 7 || *text != '#' || strspn(text + 1, "0123456789abcdefABCDEF") < 6) {
        return false;
    }
    sscanf(text + 1, "%6x", &value);
    rgb[0] = (uint8_t)(value >> 16);
    rgb[1] = (uint8_t)(value >> 8);
    rgb[2] = (uint8_t)value;
    return true;
}

static dgxp_status read_color(const char *text, size_t length, px_lab *out)
{
    uint8_t rgb[3];
    bool found = read_hex(text, length, rgb);
    char known[256] = "";
    for (int i = 0; i < NAMES; i++) {
        if (!found && strlen(names[i].name) == length &&
            strncmp(names[i].name, text, length) == 0) {
            memcpy(rgb, names[i].rgb, 3);
            found = true;
        }
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i].name);
    }
    if (!found) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_recolor: map: '%.*s' is no color; write #rrggbb or one of %s",
                            (int)(length < 40 ? length : 40), text, known);
    }
    *out = px_color_lab(rgb);
    return DGXP_OK;
}

/* The ramp that a person would call by this color. */
static int32_t choose_ramp(const recolor *self, px_lab wanted)
{
    const float chroma = hypotf(wanted.a, wanted.b), hue = find_hue(wanted);
    float best = FULL;
    int32_t chosen = -1;
    for (int32_t r = 0; r < self->ramp_count; r++) {
        const ramp *at = &self->ramps[r];
        const float turn = chroma < GREY ? 0 : turn_between(at->hue, hue);
        if (at->grey != (chroma < GREY) || turn > 0.7F) {
            continue;
        }
        const float away = turn - 0.05F * log1pf((float)at->count);
        if (away < best) {
            best = away;
            chosen = r;
        }
    }
    return chosen;
}

static const char *name_ramp(const ramp *at)
{
    const char *best = "grey";
    float nearest = FULL;
    for (int i = 0; i < NAMES && !at->grey; i++) {
        const px_lab lab = px_color_lab(names[i].rgb);
        const float chroma = hypotf(lab.a, lab.b);
        const float away = turn_between(find_hue(lab), at->hue) + fabsf(chroma - at->chroma);
        if (chroma >= GREY && away < nearest) {
            nearest = away;
            best = names[i].name;
        }
    }
    return best;
}

static dgxp_status refuse_ramp(const recolor *self, const char *wanted, int length)
{
    char known[256] = "none at all";
    for (int32_t r = 0; r < self->ramp_count; r++) {
        const size_t used = r ? strlen(known) : 0;
        snprintf(known + used, sizeof known - used, "%s%s", r ? ", " : "",
                 name_ramp(&self->ramps[r]));
    }
    return px_error_set(DGXP_ERR_NOT_FOUND,
                        "dgxp_recolor: map: the sprite has no ramp like '%.*s'; its ramps are: %s",
                        length < 40 ? length : 40, wanted, known);
}

static dgxp_status take_pair(recolor *self, const char *text, size_t length)
{
    const char *equals = memchr(text, '=', length);
    px_lab from, to;
    if (!equals) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "dgxp_recolor: map: '%.*s' is no pair; write red=blue,gold=silver",
                            (int)(length < 40 ? length : 40), text);
    }
    dgxp_status status = read_color(text, (size_t)(equals - text), &from);
    status = status ? status : read_color(equals + 1, length - (size_t)(equals - text) - 1, &to);
    const int32_t chosen = status ? -1 : choose_ramp(self, from);
    if (!status && chosen < 0) {
        return refuse_ramp(self, text, (int)(equals - text));
    }
    if (!status) {
        self->ramps[chosen].mapped = true;
        self->ramps[chosen].dyed = false;
        self->ramps[chosen].to = to;
    }
    return status;
}

static dgxp_status take_map(recolor *self, const char *map)
{
    dgxp_status status = DGXP_OK;
    if (strlen(map) > MAP_LIMIT) {
        return px_error_set(DGXP_ERR_LIMIT, "dgxp_recolor: map has %zu bytes; the limit is %d",
                            strlen(map), MAP_LIMIT);
    }
    for (const char *at = map; *at && !status;) {
        const size_t length = strcspn(at, ",");
        status = take_pair(self, at, length);
        at += length + (at[length] == ',');
    }
    return status;
}

/* A sprite that is grey all over, a wolf or a helmet, has nothing to turn: its greys are dyed. */
static void dye_greys(recolor *self)
{
    int64_t grey = 0, colored = 0;
    for (int32_t r = 0; r < self->ramp_count; r++) {
        *(self->ramps[r].grey ? &grey : &colored) += self->ramps[r].count;
    }
    for (int32_t r = 0; r < self->ramp_count && colored < grey / 8; r++) {
        ramp *at = &self->ramps[r];
        if (at->grey && self->params.variant > 0) {
            const float golden = 0.61803399F * (float)self->params.variant;
            const float hue = (golden - floorf(golden)) * FULL;
            at->to = (px_lab){(at->low + at->high) / 2, DYE * cosf(hue), DYE * sinf(hue)};
            at->mapped = at->dyed = true;
        }
    }
}

/* Variant `index` of a sprite: each ramp that has a hue turns by a share of its own. */
static void take_variant(recolor *self)
{
    dye_greys(self);
    for (int32_t r = 0, colored = 0; r < self->ramp_count; r++) {
        ramp *at = &self->ramps[r];
        if (at->grey) {
            continue;
        }
        /* The golden section spreads the largest ramp's hues evenly however many are asked for; the
         * others follow it, so that what went together still does. */
        const float golden = 0.61803399F * (float)self->params.variant;
        const float own = 0.15F * (float)colored++ * (float)(self->params.variant % 3 - 1);
        const float hue = at->hue + (golden - floorf(golden) + own) * FULL;
        at->to = (px_lab){(at->low + at->high) / 2, at->chroma * cosf(hue), at->chroma * sinf(hue)};
        at->mapped = self->params.variant > 0;
    }
}

/* --------------------------------------------------------------------------------- the colors */

static bool is_in_gamut(px_lab lab)
{
    uint8_t rgb[3];
    px_color_rgb(lab, rgb);
    return px_color_distance2(lab, px_color_lab(rgb)) < 0.012F * 0.012F;
}

/* A shade of the new hue, as light as the old one; as colorful as it can be at that light. */
static void paint_shade(const ramp *at, shade *s)
{
    const float to_chroma = hypotf(at->to.a, at->to.b);
    const float middle = 4 * s->lab.l * (1 - s->lab.l); /* glints stay white, shadows black */
    const float share = at->dyed                         ? middle
                        : at->grey || at->chroma < 1e-6F ? 1
                                                         : s->chroma / at->chroma;
    const float hue =
        find_hue(at->to) + (at->grey || to_chroma < GREY ? 0 : s->hue - at->hue) * 0.5F;
    float chroma = to_chroma * (to_chroma < GREY ? 0.6F : share);
    px_lab lab = {s->lab.l, 0, 0};
    for (int i = 0; i < 40; i++) {
        lab.a = chroma * cosf(hue);
        lab.b = chroma * sinf(hue);
        if (is_in_gamut(lab)) {
            break;
        }
        chroma *= 0.93F;
    }
    px_color_rgb(lab, s->to);
}

/* Colors that rounding brought out of order are set right: light steps are what a ramp is. */
static void keep_order(recolor *self)
{
    for (int32_t r = 0; r < self->ramp_count; r++) {
        float last = -1;
        for (int32_t i = 0; i < self->shade_count; i++) {
            shade *s = &self->shades[i];
            if (s->ramp != r || !self->ramps[r].mapped) {
                continue;
            }
            for (int step = 0; step < 8 && px_color_lab(s->to).l <= last; step++) {
                for (int c = 0; c < 3; c++) {
                    s->to[c] = (uint8_t)(s->to[c] < 255 ? s->to[c] + 1 : 255);
                }
            }
            last = px_color_lab(s->to).l;
        }
    }
}

static void paint_shades(recolor *self)
{
    for (int32_t i = 0; i < self->shade_count; i++) {
        shade *s = &self->shades[i];
        if (s->ramp >= 0 && self->ramps[s->ramp].mapped) {
            paint_shade(&self->ramps[s->ramp], s);
        }
    }
    keep_order(self);
}

static const shade *find_shade(const recolor *self, const uint8_t *rgba)
{
    const float lightness = px_color_lab(rgba).l;
    int32_t low = 0, high = self->shade_count - 1;
    while (low < high) {
        const int32_t middle = (low + high) / 2;
        const shade *s = &self->shades[middle];
        if (s->lab.l < lightness || (!(s->lab.l > lightness) && memcmp(s->rgba, rgba, 4) < 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &self->shades[low];
}

static dgxp_status paint_sprite(const recolor *self, dgxp_image **out)
{
    dgxp_status status =
        px_image_create("dgxp_recolor", self->sprite->width, self->sprite->height, out);
    for (size_t i = 0; i < px_image_count(self->sprite) && !status; i++) {
        const uint8_t *pixel = self->sprite->rgba + i * 4;
        if (pixel[3]) {
            memcpy((*out)->rgba + i * 4, find_shade(self, pixel)->to, 4);
        }
    }
    return status ? status : px_image_copy_texts(self->sprite, *out);
}

/* ------------------------------------------------------------------------------------- the whole */

static dgxp_status prepare(recolor *self, const char *call, const dgxp_recolor_params *params)
{
    dgxp_status status = px_params_read(call, params, &self->params, sizeof self->params);
    if (!status && (self->params.variant < 0 || self->params.variant > 1000)) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: variant is %d; it must be 0 to 1000",
                              call, self->params.variant);
    }
    status = status ? status : list_shades(self);
    if (!status) {
        find_ramps(self);
        take_variant(self);
        status = self->params.map ? take_map(self, self->params.map) : DGXP_OK;
    }
    if (!status) {
        paint_shades(self);
    }
    return status;
}

static void put_color(json_t *list, const uint8_t *rgba)
{
    char text[8];
    snprintf(text, sizeof text, "#%02x%02x%02x", rgba[0], rgba[1], rgba[2]);
    px_json_append(list, json_string(text));
}

static json_t *describe_ramp(const recolor *self, int32_t r)
{
    json_t *entry = json_object(), *from = json_array(), *to = json_array();
    for (int32_t i = 0; i < self->shade_count; i++) {
        if (self->shades[i].ramp == r) {
            put_color(from, self->shades[i].rgba);
            put_color(to, self->shades[i].to);
        }
    }
    px_json_put_text(entry, "name", r < 0 ? "kept" : name_ramp(&self->ramps[r]));
    px_json_put_integer(entry, "pixels", r < 0 ? 0 : self->ramps[r].count);
    px_json_put(entry, "from", from);
    px_json_put(entry, "to", to);
    return entry;
}

static dgxp_status describe(const recolor *self, dgxp_document **out)
{
    json_t *root = json_object(), *ramps = json_array();
    for (int32_t r = 0; r < self->ramp_count; r++) {
        px_json_append(ramps, describe_ramp(self, r));
    }
    px_json_put(root, "ramps", ramps);
    px_json_put(root, "kept", describe_ramp(self, -1));
    return px_json_document(root, out);
}

dgxp_status dgxp_recolor(const dgxp_image *sprite, const dgxp_recolor_params *params,
                         dgxp_document **report, dgxp_image **out)
{
    dgxp_status status = px_error_begin("dgxp_recolor", sprite && out, "a sprite and out");
    dgxp_image *image = NULL;
    recolor *self = status ? NULL : px_mem_zero(1, sizeof *self);
    if (!self) {
        return status ? status : px_error_memory("a colorway");
    }
    self->sprite = sprite;
    status = prepare(self, "dgxp_recolor", params);
    status = status ? status : paint_sprite(self, &image);
    if (!status && report) {
        status = describe(self, report);
    }
    px_mem_free(self->shades);
    px_mem_free(self);
    if (status) {
        dgxp_image_free(image);
    } else {
        *out = image;
    }
    return status;
}
