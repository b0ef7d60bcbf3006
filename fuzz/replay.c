/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs a target on kept seeds and simple mutations of them, with any compiler: replay FOLDER [COUNT]. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_OF_SEED = 1 << 20 };

static uint64_t state = 0x9E3779B97F4A7C15;

/* xorshift64: the same mutations each time, so that what is found is found again. */
static uint64_t draw(uint64_t count)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % count;
}

/* Flips, sets, cuts, repeats and splices; `size` stays within twice the seed's. */
static size_t mutate(uint8_t *bytes, size_t size, size_t room)
{
    static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, '"', '{', '[', '\\', '\n', '9'};
    for (uint64_t left = 1 + draw(6); left && size; left--) {
        const size_t at = (size_t)draw(size);
        switch (draw(6)) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << draw(8));
            break;
        case 1:
            bytes[at] = special[draw(sizeof special)];
            break;
        case 2:
            bytes[at] = (uint8_t)draw(256);
            break;
        case 3:
            size = at;
            break;
        default: {
            const size_t from = (size_t)draw(size), length = (size_t)draw(size - from) + 1;
            uint8_t *piece = size + length <= room ? malloc(length) : NULL;
            if (piece) { /* a piece once more, somewhere */
                memcpy(piece, bytes + from, length);
                memmove(bytes + at + length, bytes + at, size - at);
                memcpy(bytes + at, piece, length);
                size += length;
                free(piece);
            }
        }
        }
    }
    return size;
}

static size_t run_seed(const char *path, long count)
{
    FILE *file = fopen(path, "rb");
    uint8_t *seed = malloc(SIZE_MAX_OF_SEED), *bytes = malloc(2 * SIZE_MAX_OF_SEED);
    if (!file || !seed || !bytes) {
        fprintf(stderr, "%s: cannot read\n", path);
        exit(1);
    }
    const size_t size = fread(seed, 1, SIZE_MAX_OF_SEED, file);
    fclose(file);
    uint8_t *exact = malloc(size ? size : 1); /* so that ASan sees a read past the end */
    memcpy(exact, seed, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    for (long i = 0; i < count; i++) {
        memcpy(bytes, seed, size);
        const size_t now =
            mutate(bytes, size,
                   2 * size + 16 < 2 * SIZE_MAX_OF_SEED ? 2 * size + 16 : 2 * SIZE_MAX_OF_SEED);
        exact = malloc(now ? now : 1);
        memcpy(exact, bytes, now);
        LLVMFuzzerTestOneInput(exact, now);
        free(exact);
    }
    free(seed);
    free(bytes);
    return (size_t)count + 1;
}

int main(int argc, char **argv)
{
    const long count = argc > 2 ? strtol(argv[2], NULL, 10) : 300;
    struct dirent **entries = NULL;
    size_t runs = 0;
    int seeds = 0;
    const int found = argc > 1 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
    for (int i = 0; i < found; i++) {
        if (entries[i]->d_name[0] != '.') {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
            runs += run_seed(path, count);
            seeds++;
        }
        free(entries[i]);
    }
    free(entries);
    if (!seeds) {
        fprintf(stderr, "usage: %s FOLDER-OF-SEEDS [MUTATIONS]; there is no seed\n", argv[0]);
        return 1;
    }
    printf("%zu inputs from %d seeds\n100%%: Checks: %d, Failures: 0, Errors: 0\n", runs, seeds,
           seeds);
    return 0;
}
