/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connected pieces that marked cells form. */
#include "image/pieces.h"

#include "core/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Provisional labels: each points to a smaller one of the same piece, or to itself. */
typedef struct forest {
    int32_t *parent;
    size_t count, capacity; /* with the unused label 0 */
} forest;

static int32_t find_root(forest *self, int32_t label)
{
    while (self->parent[label] != label) {
        self->parent[label] = self->parent[self->parent[label]];
        label = self->parent[label];
    }
    return label;
}

static int32_t join(forest *self, int32_t a, int32_t b)
{
    a = find_root(self, a);
    b = find_root(self, b);
    const int32_t smaller = a < b ? a : b;
    self->parent[a] = self->parent[b] = smaller;
    return smaller;
}

static bool add_label(forest *self, int32_t *label)
{
    if (!px_mem_grow((void **)&self->parent, &self->capacity, self->count, sizeof *self->parent)) {
        return false;
    }
    *label = (int32_t)self->count;
    self->parent[self->count++] = *label;
    return true;
}

/*
 * Rosenfeld and Pfaltz 1966: a cell takes the label of a neighbour before it.  Left, upper left and
 * upper right touch the upper one, so only two neighbours that do not touch each other are joined.
 */
static bool label_cell(forest *self, int32_t *label, int32_t width, int32_t x, bool first_row)
{
    const int32_t up = first_row ? 0 : label[-width], left = x > 0 ? label[-1] : 0;
    const int32_t up_left = x > 0 && !first_row ? label[-width - 1] : 0;
    const int32_t up_right = x < width - 1 && !first_row ? label[-width + 1] : 0;
    const int32_t before = left ? left : up_left;
    *label = up                   ? up
             : before && up_right ? join(self, before, up_right)
             : before             ? before
                                  : up_right;
    return *label || add_label(self, label);
}

/* Numbers without gaps, in the order of the first cells: a piece's smallest label is its first. */
static int32_t number_roots(forest *self)
{
    int32_t pieces = 0;
    for (size_t i = 1; i < self->count; i++) {
        self->parent[i] = self->parent[i] == (int32_t)i ? ++pieces : self->parent[self->parent[i]];
    }
    return pieces;
}

int32_t px_pieces_label(const uint8_t *wanted, int32_t width, int32_t height, int32_t *label,
                        int32_t **sizes)
{
    const size_t count = (size_t)width * (size_t)height;
    forest self = {0};
    int32_t pieces = 0, unused;
    bool fits = add_label(&self, &unused);
    *sizes = NULL;
    memset(label, 0, count * sizeof *label);
    for (size_t i = 0; i < count && fits; i++) {
        if (wanted[i]) {
            fits = label_cell(&self, label + i, width, (int32_t)(i % (size_t)width),
                              i < (size_t)width);
        }
    }
    if (fits) {
        pieces = number_roots(&self);
        *sizes = px_mem_zero((size_t)pieces + 1, sizeof **sizes);
    }
    for (size_t i = 0; i < count && *sizes; i++) {
        if (label[i]) {
            label[i] = self.parent[label[i]];
            (*sizes)[label[i]]++;
        }
    }
    px_mem_free(self.parent);
    return pieces;
}
