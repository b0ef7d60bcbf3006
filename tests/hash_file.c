/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints the SHA-256 of a file by the library's own function, for tests/bench_hash.py. */
#include "core/hash.h"

#include <stdio.h>

int main(int count, char **words)
{
    char hex[PX_HASH_HEX];
    if (count != 2 || px_hash_file(words[1], NULL, hex) != DGXP_OK) {
        fprintf(stderr, "hash_file FILE: %s\n", count == 2 ? dgxp_last_error() : "name one file");
        return 1;
    }
    puts(hex);
    return 0;
}
