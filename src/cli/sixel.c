/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Pictures in terminals that know sixels: xterm, foot, WezTerm, mlterm, Windows Terminal … */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { COLORS = 256, BAND = 6 }; /* registers that terminals have; rows that one sixel shows */

/* The answer to "what are you?" (DA1), as in "\033[?62;4;22c", where 4 means sixels. */
static bool ask_terminal(void)
{
    char answer[128];
    size_t length = 0;
    struct termios before, raw;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0) {
        return false;
    }
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 3; /* tenths of a second until a silent terminal is given up */
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) {
        return false;
    }
    fputs("\033[c", stdout);
    fflush(stdout);
    while (length < sizeof answer - 1 && read(STDIN_FILENO, answer + length, 1) == 1 &&
           answer[length++] != 'c') {
    }
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    answer[length] = '\0';
    const char *at = strstr(answer, "\033[?");
    for (at = at ? strchr(at, ';') : NULL; at; at = strchr(at + 1, ';')) {
        if (at[1] == '4' && (at[2] == ';' || at[2] == 'c')) {
            return true;
        }
    }
    return false;
}

static bool has_sixels(void)
{
    static int known = -1;
    const char *term = getenv("TERM");
    if (known < 0) {
        known = term && strcmp(term, "dumb") != 0 && strcmp(term, "linux") != 0 && ask_terminal();
    }
    return known;
}

/* Each pixel's color register + 1, 0 where it is transparent; NULL when there are too many. */
static uint16_t *index_colors(const dgxp_image *image, const uint8_t *table[COLORS], int *count)
{
    const uint8_t *rgba = dgxp_image_pixels(image);
    const size_t pixels = (size_t)dgxp_image_width(image) * (size_t)dgxp_image_height(image);
    uint16_t *index = calloc(pixels, sizeof *index);
    *count = 0;
    for (size_t i = 0; index && i < pixels; i++) {
        const uint8_t *pixel = rgba + 4 * i;
        int at = 0;
        if (pixel[3] < 128) {
            continue;
        }
        while (at < *count && memcmp(table[at], pixel, 3) != 0) {
            at++;
        }
        if (at == COLORS) {
            free(index);
            return NULL;
        }
        if (at == *count) {
            table[(*count)++] = pixel;
        }
        index[i] = (uint16_t)(at + 1);
    }
    return index;
}

static void print_run(char sixel, int length)
{
    if (length > 3) {
        printf("!%d%c", length, sixel);
    } else {
        for (int i = 0; i < length; i++) {
            putchar(sixel);
        }
    }
}

/* Six rows of one color; false, and nothing printed, where the color is not among them. */
static bool print_band(const uint16_t *index, int width, int height, int scale, int top, int color,
                       bool again)
{
    bool found = false;
    int run = 0;
    char last = '?';
    for (int x = 0; x < width; x++) {
        int bits = 0;
        for (int row = 0; row < BAND && (top + row) / scale < height; row++) {
            bits |= (index[(size_t)((top + row) / scale) * (size_t)width + (size_t)x] == color + 1)
                    << row;
        }
        if (!bits && !found) {
            run += scale;
            continue;
        }
        if (!found) {
            printf("%s#%d", again ? "$" : "", color);
            found = true;
        }
        if ((char)('?' + bits) != last) {
            print_run(last, run);
            run = 0;
            last = (char)('?' + bits);
        }
        run += scale;
    }
    if (found && last != '?') {
        print_run(last, run);
    }
    return found;
}

bool cli_show_sixel(const dgxp_image *image, int columns)
{
    const uint8_t *table[COLORS];
    int count;
    const int width = dgxp_image_width(image), height = dgxp_image_height(image);
    const int cell = 8; /* pixels of a character, about */
    int scale = columns * cell / (2 * width);
    scale = scale < 1 ? 1 : scale > 8 ? 8 : scale;
    uint16_t *index = has_sixels() ? index_colors(image, table, &count) : NULL;
    if (!index) {
        return false;
    }
    printf("\033P0;1q\"1;1;%d;%d", width * scale, height * scale);
    for (int i = 0; i < count; i++) {
        const uint8_t *c = table[i];
        printf("#%d;2;%d;%d;%d", i, (c[0] * 100 + 127) / 255, (c[1] * 100 + 127) / 255,
               (c[2] * 100 + 127) / 255);
    }
    for (int top = 0; top < height * scale; top += BAND) {
        bool again = false;
        for (int i = 0; i < count; i++) {
            again |= print_band(index, width, height, scale, top, i, again);
        }
        putchar('-');
    }
    fputs("\033\\\n", stdout);
    free(index);
    return true;
}
