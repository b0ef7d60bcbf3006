/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rectangles into a rectangle: MaxRects, best short side fit (Jylänki 2010). */
#include "core/error.h"
#include "core/mem.h"
#include "image/pack.h"

#include <stdlib.h>

typedef struct room {
    int32_t x, y, width, height;
} room;

/* The free area as all its maximal rectangles; they overlap. */
typedef struct rooms {
    room *list;
    size_t count, capacity;
} rooms;

typedef struct ranked {
    int32_t index, longer, shorter;
} ranked;

static int compare_sizes(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->longer != b->longer) {
        return a->longer > b->longer ? -1 : 1;
    }
    if (a->shorter != b->shorter) {
        return a->shorter > b->shorter ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1; /* the same order everywhere */
}

static bool is_inside(const room *a, const room *b)
{
    return a->x >= b->x && a->y >= b->y && a->x + a->width <= b->x + b->width &&
           a->y + a->height <= b->y + b->height;
}

/* Add a free rectangle unless another one covers it. */
static bool add_room(rooms *to, room add)
{
    for (size_t i = 0; i < to->count; i++) {
        if (is_inside(&add, &to->list[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < to->count;) {
        if (is_inside(&to->list[i], &add)) {
            to->list[i] = to->list[--to->count];
        } else {
            i++;
        }
    }
    if (!px_mem_grow((void **)&to->list, &to->capacity, to->count, sizeof add)) {
        return false;
    }
    to->list[to->count++] = add;
    return true;
}

/* Take what `used` covers out of the free area. */
static bool take_room(rooms *from, const room *used, rooms *cut)
{
    cut->count = 0;
    for (size_t i = 0; i < from->count;) {
        const room r = from->list[i];
        const int32_t right = r.x + r.width, bottom = r.y + r.height;
        const int32_t used_right = used->x + used->width, used_bottom = used->y + used->height;
        if (used->x >= right || used_right <= r.x || used->y >= bottom || used_bottom <= r.y) {
            i++;
            continue;
        }
        const room parts[4] = {{r.x, r.y, used->x - r.x, r.height},
                               {used_right, r.y, right - used_right, r.height},
                               {r.x, r.y, r.width, used->y - r.y},
                               {r.x, used_bottom, r.width, bottom - used_bottom}};
        for (int p = 0; p < 4; p++) {
            if (parts[p].width > 0 && parts[p].height > 0) {
                if (!px_mem_grow((void **)&cut->list, &cut->capacity, cut->count, sizeof r)) {
                    return false;
                }
                cut->list[cut->count++] = parts[p];
            }
        }
        from->list[i] = from->list[--from->count];
    }
    for (size_t i = 0; i < cut->count; i++) {
        if (!add_room(from, cut->list[i])) {
            return false;
        }
    }
    return true;
}

/* The free rectangle that leaves the least beside the item; upper, then left ones win ties. */
static bool find_room(const rooms *in, const px_maxrects_item *item, room *out)
{
    int32_t best_short = INT32_MAX, best_long = INT32_MAX;
    bool found = false;
    for (size_t i = 0; i < in->count; i++) {
        const room *r = &in->list[i];
        const int32_t over_x = r->width - item->width, over_y = r->height - item->height;
        if (over_x < 0 || over_y < 0) {
            continue;
        }
        const int32_t least = over_x < over_y ? over_x : over_y;
        const int32_t most = over_x < over_y ? over_y : over_x;
        const bool upper = found && (r->y < out->y || (r->y == out->y && r->x < out->x));
        if (least < best_short || (least == best_short && most < best_long) ||
            (least == best_short && most == best_long && upper)) {
            best_short = least;
            best_long = most;
            *out = (room){r->x, r->y, item->width, item->height};
            found = true;
        }
    }
    return found;
}

dgxp_status px_maxrects_place(px_maxrects_item *items, int32_t count, int32_t width, int32_t height,
                              bool *fits)
{
    rooms free_rooms = {NULL, 0, 0}, cut = {NULL, 0, 0};
    ranked *order = px_mem_array((size_t)count, sizeof *order);
    bool memory = order && add_room(&free_rooms, (room){0, 0, width, height});
    *fits = true;
    for (int32_t i = 0; i < count && memory; i++) {
        const px_maxrects_item *it = &items[i];
        const bool wide = it->width > it->height;
        order[i] = (ranked){i, wide ? it->width : it->height, wide ? it->height : it->width};
    }
    if (memory) {
        qsort(order, (size_t)count, sizeof *order, compare_sizes);
    }
    for (int32_t i = 0; i < count && memory && *fits; i++) {
        px_maxrects_item *item = &items[order[i].index];
        room used;
        *fits = find_room(&free_rooms, item, &used);
        if (*fits) {
            item->x = used.x;
            item->y = used.y;
            memory = take_room(&free_rooms, &used, &cut);
        }
    }
    px_mem_free(free_rooms.list);
    px_mem_free(cut.list);
    px_mem_free(order);
    return memory ? DGXP_OK : px_error_memory("a packed sheet");
}
