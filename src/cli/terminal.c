/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The terminal: Ctrl-C, the progress bar, small pictures in half blocks. */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static dgxp_cancel *interrupt;

static void on_signal(int number)
{
    dgxp_cancel_fire(interrupt);
    signal(number, SIG_DFL); /* the next one kills */
}

dgxp_cancel *cli_cancel(void)
{
    if (!interrupt && dgxp_cancel_create(&interrupt) == DGXP_OK) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
    }
    return interrupt;
}

double cli_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

void cli_progress_clear(cli_progress *progress)
{
    if (progress->drawn) {
        cli_erase_line();
        progress->drawn = false;
    }
}

int32_t cli_progress_callback(const dgxp_progress *progress, void *pointer)
{
    static const char *const phases[] = {"waiting", "reading the prompt", "painting", "decoding",
                                         "finishing"};
    cli_progress *bar = pointer;
    if (bar->quiet || !isatty(STDERR_FILENO)) {
        return 0;
    }
    const double now = cli_now();
    const bool last = progress->step == progress->step_count;
    if (bar->drawn && !last && now - bar->last_drawn < 0.05) {
        return 0;
    }
    bar->last_drawn = now;
    bar->drawn = true;
    char line[256];
    int length = snprintf(line, sizeof line, "%s%s%s", bar->label ? bar->label : "",
                          bar->label ? ": " : "", phases[progress->phase]);
    if (progress->phase == DGXP_PHASE_DENOISE && progress->step_count > 0) {
        enum { WIDTH = 24 };
        const int full = WIDTH * progress->step / progress->step_count;
        length += snprintf(line + length, sizeof line - (size_t)length, " [%.*s%.*s] %d/%d", full,
                           "########################", WIDTH - full, "........................",
                           progress->step, progress->step_count);
        if (progress->remaining >= 0) {
            length += snprintf(line + length, sizeof line - (size_t)length, ", %.0f s left",
                               ceil(progress->remaining));
        }
    }
    const int columns = terminal_columns() - 1;
    cli_erase_line();
    fprintf(stderr, "%.*s", length < columns ? length : columns, line);
    fflush(stderr);
    return 0;
}

static void print_half_block(const uint8_t *top, const uint8_t *bottom)
{
    const bool upper = top[3] >= 128, lower = bottom && bottom[3] >= 128;
    if (!upper && !lower) {
        fputs("\033[0m ", stdout);
    } else if (!lower) {
        printf("\033[0;38;2;%d;%d;%dm\u2580", top[0], top[1], top[2]);
    } else if (!upper) {
        printf("\033[0;38;2;%d;%d;%dm\u2584", bottom[0], bottom[1], bottom[2]);
    } else {
        printf("\033[38;2;%d;%d;%d;48;2;%d;%d;%dm\u2580", top[0], top[1], top[2], bottom[0],
               bottom[1], bottom[2]);
    }
}

static void show_blocks(const dgxp_image *image)
{
    const int width = dgxp_image_width(image), height = dgxp_image_height(image);
    const uint8_t *pixels = dgxp_image_pixels(image);
    const int columns = terminal_columns();
    const int step = (width + columns - 1) / columns; /* skip pixels only when it must */
    for (int y = 0; y < height; y += 2 * step) {
        for (int x = 0; x < width; x += step) {
            const uint8_t *top = pixels + 4 * ((size_t)y * (size_t)width + (size_t)x);
            const uint8_t *bottom =
                y + step < height ? top + 4 * (size_t)step * (size_t)width : NULL;
            print_half_block(top, bottom);
        }
        fputs("\033[0m\n", stdout);
    }
}

void cli_show_image(const dgxp_image *image)
{
    cli_escapes_allow(true);
    if (!cli_show_kitty(image, terminal_columns()) && !cli_show_sixel(image, terminal_columns())) {
        show_blocks(image);
    }
    cli_escapes_allow(false);
}
