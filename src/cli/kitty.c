/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures in terminals that know kitty's graphics protocol. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 3072 }; /* bytes before base64, which makes 4,096 of them: the protocol's limit */

static bool is_kitty(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term &&
           (strstr(term, "kitty") || strstr(term, "ghostty") || getenv("KITTY_WINDOW_ID"));
}

static void print_base64(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t bits = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0);
        putchar(digits[bits >> 18]);
        putchar(digits[bits >> 12 & 63]);
        putchar(left > 1 ? digits[bits >> 6 & 63] : '=');
        putchar(left > 2 ? digits[bits & 63] : '=');
    }
}

bool cli_show_kitty(const dgxp_image *image, int columns)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_png_params params = DGXP_PNG_PARAMS_INIT;
    const int cell = 8; /* pixels of a character, about; a sprite should be seen, not found */
    params.scale = columns * cell / (2 * dgxp_image_width(image));
    params.scale = params.scale < 1 ? 1 : params.scale > 8 ? 8 : params.scale;
    params.strip_text = 1;
    if (!is_kitty() || dgxp_image_encode(image, &params, &bytes, &size) != DGXP_OK) {
        return false;
    }
    for (size_t at = 0; at < size; at += CHUNK) {
        const size_t part = size - at < CHUNK ? size - at : CHUNK;
        printf("\033_G%sm=%d;", at ? "" : "a=T,f=100,", at + part < size);
        print_base64(bytes + at, part);
        fputs("\033\\", stdout);
    }
    putchar('\n');
    dgxp_bytes_free(bytes);
    return true;
}
