/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The connected pieces that marked cells form. */
#include "image/pieces.h"

#include "core/mem.h"

#include <stddef.h>
#include <string.h>

/* Mark the piece around the one cell in the queue; returns its area. */
static int32_t fill_piece(const uint8_t *wanted, int32_t width, int32_t height, int32_t *label,
                          int32_t *queue)
{
    int32_t head = 0, tail = 1;
    while (head < tail) {
        const int32_t cell = queue[head++], x = cell % width, y = cell / width;
        for (int32_t ny = y > 0 ? y - 1 : 0; ny <= y + 1 && ny < height; ny++) {
            for (int32_t nx = x > 0 ? x - 1 : 0; nx <= x + 1 && nx < width; nx++) {
                const int32_t next = ny * width + nx;
                if (wanted[next] && !label[next]) {
                    label[next] = label[cell];
                    queue[tail++] = next;
                }
            }
        }
    }
    return tail;
}

int32_t px_pieces_label(const uint8_t *wanted, int32_t width, int32_t height, int32_t *label,
                        int32_t **sizes)
{
    const int32_t count = width * height;
    int32_t pieces = 0;
    int32_t *queue = px_mem_array((size_t)count, sizeof *queue);
    *sizes = px_mem_zero((size_t)count + 1, sizeof **sizes);
    if (!queue || !*sizes) {
        px_mem_free(*sizes);
        *sizes = NULL;
    } else {
        memset(label, 0, (size_t)count * sizeof *label);
        for (int32_t i = 0; i < count; i++) {
            if (wanted[i] && !label[i]) {
                label[i] = ++pieces;
                queue[0] = i;
                (*sizes)[pieces] = fill_piece(wanted, width, height, label, queue);
            }
        }
    }
    px_mem_free(queue);
    return pieces;
}
