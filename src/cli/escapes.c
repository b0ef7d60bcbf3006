/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What stdout and stderr let through: text of files never moves a cursor or paints a terminal. */
#include "cli/cli.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

typedef struct outlet {
    int fd;
    bool open; /* our own escape codes are on their way */
    bool lead; /* the last byte was 0xC2, which begins a control character of Latin-1 */
} outlet;

static outlet out = {.fd = STDOUT_FILENO}, err = {.fd = STDERR_FILENO};

static bool write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t put = write(fd, bytes + done, size - done);
        if (put <= 0) {
            return false;
        }
        done += (size_t)put;
    }
    return true;
}

/* Control characters are shown as \xNN; a 0xC2 waits for what follows it. */
static size_t filter(outlet *self, uint8_t byte, char text[8])
{
    size_t used = 0;
    if (self->lead && byte >= 0x80 && byte < 0xA0) {
        self->lead = false;
        return (size_t)snprintf(text, 8, "\\x%02x", byte);
    }
    if (self->lead) {
        text[used++] = '\xC2';
    }
    self->lead = byte == 0xC2;
    if (self->lead) {
        return used;
    }
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
        return used + (size_t)snprintf(text + used, 8 - used, "\\x%02x", byte);
    }
    text[used++] = (char)byte;
    return used;
}

static ssize_t write_filtered(void *cookie, const char *bytes, size_t size)
{
    outlet *self = cookie;
    char block[4096];
    size_t used = 0;
    if (self->open) {
        return write_all(self->fd, bytes, size) ? (ssize_t)size : 0;
    }
    for (size_t i = 0; i < size; i++) {
        if (used + 8 > sizeof block) {
            if (!write_all(self->fd, block, used)) {
                return 0;
            }
            used = 0;
        }
        used += filter(self, (uint8_t)bytes[i], block + used);
    }
    return write_all(self->fd, block, used) ? (ssize_t)size : 0;
}

static void replace(FILE **stream, outlet *self, int mode)
{
    const cookie_io_functions_t functions = {.write = write_filtered};
    FILE *filtered = fopencookie(self, "w", functions);
    if (filtered) {
        setvbuf(filtered, NULL, mode, mode == _IONBF ? 0 : 1 << 16);
        *stream = filtered;
    }
}

void cli_escapes_filter(void)
{
    replace(&stdout, &out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
    replace(&stderr, &err, _IONBF);
}

void cli_escapes_allow(bool allow)
{
    fflush(stdout);
    out.open = allow;
}

void cli_erase_line(void)
{
    static const char erase[] = "\r\033[K";
    write_all(STDERR_FILENO, erase, sizeof erase - 1); /* stderr holds nothing back */
}
