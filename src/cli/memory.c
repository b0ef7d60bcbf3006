/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory that is there, or the program ends with a sentence. */
#include "cli/inputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void *cli_zero(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block) {
        fputs("dgx-pixels: out of memory\n", stderr);
        exit(CLI_MEMORY);
    }
    return block;
}

void *cli_grow(void *table, size_t count, size_t size)
{
    void *block = reallocarray(table, count ? count : 1, size);
    if (!block) {
        fputs("dgx-pixels: out of memory\n", stderr);
        exit(CLI_MEMORY);
    }
    return block;
}

char *cli_format(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        fputs("dgx-pixels: out of memory\n", stderr);
        exit(CLI_MEMORY);
    }
    return text;
}
