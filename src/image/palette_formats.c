/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Palette files: HEX, GPL, JASC, RIFF, ACT, paint.net and PNG strips, told apart by content. */
#include "image/palette.h"

#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "image/image.h"
#include "image/png.h"

#include <string.h>

const dgxp_choice px_palette_format_choices[] = {
    {DGXP_PALETTE_AUTO, "auto", "by content when reading, by the file's suffix when writing"},
    {DGXP_PALETTE_HEX, "hex", "Lospec: one RRGGBB a line (.hex)"},
    {DGXP_PALETTE_GPL, "gpl", "GIMP, Krita, Inkscape; with Aseprite's alpha (.gpl)"},
    {DGXP_PALETTE_JASC, "jasc", "Paint Shop Pro, Aseprite, GraphicsGale (.pal)"},
    {DGXP_PALETTE_RIFF, "riff", "Microsoft RIFF (.pal)"},
    {DGXP_PALETTE_ACT, "act", "Adobe Color Table, with count and transparent entry (.act)"},
    {DGXP_PALETTE_PAINT, "paint.net", "paint.net: one AARRGGBB a line (.txt)"},
    {DGXP_PALETTE_PNG, "png", "a strip, one pixel a color (.png)"},
};
const int32_t px_palette_format_count =
    (int32_t)(sizeof px_palette_format_choices / sizeof *px_palette_format_choices);

/* ------------------------------------------------------------------------------------ reading */

/* A text file, walked line by line; CR, LF and CRLF all end one. */
typedef struct reader {
    const char *what;
    const char *at, *end;
    int line;
} reader;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

/* The next line without outer blanks; false at the end. */
static bool next_line(reader *from, const char **line, size_t *length)
{
    if (from->at >= from->end) {
        return false;
    }
    const char *start = from->at, *stop = start;
    while (stop < from->end && *stop != '\n' && *stop != '\r') {
        stop++;
    }
    from->at = stop;
    if (from->at < from->end) {
        from->at += *stop == '\r' && stop + 1 < from->end && stop[1] == '\n' ? 2 : 1;
    }
    from->line++;
    while (start < stop && is_blank(*start)) {
        start++;
    }
    while (stop > start && is_blank(stop[-1])) {
        stop--;
    }
    *line = start;
    *length = (size_t)(stop - start);
    return true;
}

/* A decimal number at `*at`, at most `limit`; moves past it. */
static bool read_number(const char **at, const char *end, int limit, int *value)
{
    const char *p = *at;
    while (p < end && is_blank(*p)) {
        p++;
    }
    if (p >= end || *p < '0' || *p > '9') {
        return false;
    }
    int number = 0;
    while (p < end && *p >= '0' && *p <= '9') {
        number = number * 10 + (*p++ - '0');
        if (number > limit) {
            return false;
        }
    }
    if (p < end && !is_blank(*p)) {
        return false;
    }
    *at = p;
    *value = number;
    return true;
}

static bool starts_with(const char *line, size_t length, const char *prefix)
{
    const size_t wanted = strlen(prefix);
    return length >= wanted && memcmp(line, prefix, wanted) == 0;
}

static dgxp_status refuse_line(const reader *from, const char *line, size_t length,
                               const char *wanted)
{
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line %d is '%.*s', expected %s", from->what,
                        from->line, (int)(length < 40 ? length : 40), line, wanted);
}

/* `R G B` or, with `channels` 4, `R G B A`; what follows is the color's name. */
static dgxp_status read_decimal(const reader *from, const char *line, size_t length, int channels,
                                dgxp_palette *palette)
{
    int values[4] = {0, 0, 0, 255};
    const char *at = line;
    for (int i = 0; i < channels; i++) {
        if (!read_number(&at, line + length, 255, &values[i])) {
            return refuse_line(from, line, length,
                               channels == 4 ? "four numbers 0..255" : "three numbers 0..255");
        }
    }
    const uint8_t rgba[4] = {(uint8_t)values[0], (uint8_t)values[1], (uint8_t)values[2],
                             (uint8_t)values[3]};
    return px_palette_add(from->what, palette, rgba);
}

static void read_name(const char *text, size_t length, dgxp_palette *palette)
{
    while (length && is_blank(*text)) {
        text++;
        length--;
    }
    if (length > PX_PALETTE_NAME_MAX) {
        length = PX_PALETTE_NAME_MAX;
        while (length && ((unsigned char)text[length] & 0xC0) == 0x80) {
            length--; /* never half a UTF-8 letter */
        }
    }
    memcpy(palette->name, text, length);
    palette->name[length] = '\0';
    if (!px_image_is_utf8(palette->name)) {
        palette->name[0] = '\0';
    }
}

static dgxp_status read_gpl(reader *from, dgxp_palette *palette)
{
    const char *line;
    size_t length;
    int channels = 3;
    next_line(from, &line, &length); /* "GIMP Palette" */
    while (next_line(from, &line, &length)) {
        if (length == 0 || line[0] == '#') {
            continue;
        }
        if (starts_with(line, length, "Name:")) {
            read_name(line + 5, length - 5, palette);
        } else if (starts_with(line, length, "Channels:")) {
            channels = memmem(line, length, "RGBA", 4) ? 4 : 3;
        } else if (!starts_with(line, length, "Columns:")) {
            const dgxp_status status = read_decimal(from, line, length, channels, palette);
            if (status) {
                return status;
            }
        }
    }
    return DGXP_OK;
}

static dgxp_status read_jasc(reader *from, dgxp_palette *palette)
{
    const char *line;
    size_t length;
    int promised = 0, found = 0;
    next_line(from, &line, &length); /* "JASC-PAL" */
    if (!next_line(from, &line, &length) || length != 4 || memcmp(line, "0100", 4) != 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line 2 must be the version, 0100",
                            from->what);
    }
    const char *at = "";
    if (next_line(from, &line, &length)) {
        at = line;
    }
    if (!*at || !read_number(&at, line + length, 65536, &promised) || promised < 1) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line 3 must be the number of colors",
                            from->what);
    }
    while (next_line(from, &line, &length)) {
        if (length == 0 || line[0] == '#') {
            continue;
        }
        const dgxp_status status = read_decimal(from, line, length, 3, palette);
        if (status) {
            return status;
        }
        found++;
    }
    if (found != promised) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line 3 promises %d colors, %d follow",
                            from->what, promised, found);
    }
    return DGXP_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many hexadecimal digits stand here up to the end, a blank, a comma or a comment; else 0. */
static size_t count_digits(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && hex_value(text[n]) >= 0) {
        n++;
    }
    return n == length || is_blank(text[n]) || text[n] == ',' || text[n] == ';' ? n : 0;
}

static uint8_t hex_byte(const char *digits)
{
    return (uint8_t)(hex_value(digits[0]) * 16 + hex_value(digits[1]));
}

/* One color of `count` digits; of eight, the alpha comes first (paint.net) or last (CSS, .hex). */
static bool parse_hex(const char *digits, size_t count, bool alpha_last, uint8_t rgba[4])
{
    rgba[3] = 255;
    if (count == 3) {
        for (int i = 0; i < 3; i++) {
            rgba[i] = (uint8_t)(hex_value(digits[i]) * 17);
        }
    } else if (count == 6 || count == 8) {
        const char *color = digits + (count == 8 && !alpha_last ? 2 : 0);
        for (int i = 0; i < 3; i++) {
            rgba[i] = hex_byte(color + i * 2);
        }
        rgba[3] = count == 8 ? hex_byte(digits + (alpha_last ? 6 : 0)) : 255;
    }
    return count == 3 || count == 6 || count == 8;
}

/* To the next color of the line; what follows without a comma is the color's name. */
static const char *skip_comma(const char *at, const char *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    if (at == end || *at != ',') {
        return end;
    }
    do {
        at++;
    } while (at < end && is_blank(*at));
    return at;
}

/* HEX and paint.net are one grammar: RRGGBB, #RRGGBB, #RGB, 0xRRGGBB, with commas between several;
 * RRGGBBAA after a '#' and in a .hex file, AARRGGBB elsewhere.  ';', "//" and a '#' without digits begin
 * a comment. */
static dgxp_status read_hex(reader *from, dgxp_palette *palette)
{
    const bool hex_file = px_file_has_suffix(from->what, "hex");
    const char *line;
    size_t length;
    while (next_line(from, &line, &length)) {
        const char *at = line, *end = line + length;
        while (at < end) {
            const bool hash = *at == '#',
                       prefix = end - at > 2 && at[0] == '0' && (at[1] | 32) == 'x';
            const char *digits = at + (hash ? 1 : prefix ? 2 : 0);
            const size_t count = count_digits(digits, (size_t)(end - digits));
            const bool bare = !hash && !prefix;
            uint8_t rgba[4];
            if (*at == ';' || starts_with(at, (size_t)(end - at), "//") || (hash && !count)) {
                break;
            }
            if ((bare && count == 3) || !parse_hex(digits, count, hash || hex_file, rgba)) {
                if (hash && at == line) {
                    break; /* a comment that begins like a number */
                }
                return refuse_line(from, line, length, "a color as RRGGBB, #RRGGBB or AARRGGBB");
            }
            const dgxp_status status = px_palette_add(from->what, palette, rgba);
            if (status) {
                return status;
            }
            at = skip_comma(digits + count, end);
        }
    }
    return DGXP_OK;
}

static uint32_t little(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static dgxp_status read_riff(const char *what, const uint8_t *bytes, size_t size,
                             dgxp_palette *palette)
{
    size_t at = 12;
    while (size - at >= 8) {
        const size_t chunk = little(bytes + at + 4, 4);
        const uint8_t *data = bytes + at + 8;
        if (chunk > size - at - 8) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: a chunk at byte %zu needs %zu bytes, %zu are left", what, at,
                                chunk, size - at - 8);
        }
        if (memcmp(bytes + at, "data", 4) != 0) {
            at += 8 + chunk + (chunk & 1);
            if (at > size) {
                break;
            }
            continue;
        }
        if (chunk < 4 || little(data, 2) != 0x0300) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: its data chunk is not a LOGPALETTE of version 0x0300", what);
        }
        const size_t count = little(data + 2, 2);
        if (count * 4 > chunk - 4) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: promises %zu colors, its data chunk holds %zu", what, count,
                                (chunk - 4) / 4);
        }
        for (size_t i = 0; i < count; i++) {
            const uint8_t *entry = data + 4 + i * 4; /* the fourth byte is a flag, not alpha */
            const uint8_t rgba[4] = {entry[0], entry[1], entry[2], 255};
            const dgxp_status status = px_palette_add(what, palette, rgba);
            if (status) {
                return status;
            }
        }
        return DGXP_OK;
    }
    return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: a RIFF palette without a data chunk", what);
}

static dgxp_status read_act(const char *what, const uint8_t *bytes, size_t size,
                            dgxp_palette *palette)
{
    int count = PX_PALETTE_MAX, transparent = 0xFFFF;
    if (size == PX_PALETTE_ACT_LONG) {
        count = bytes[768] << 8 | bytes[769];
        transparent = bytes[770] << 8 | bytes[771];
        if (count < 1 || count > PX_PALETTE_MAX) {
            return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: promises %d colors, ACT holds 1 to 256",
                                what, count);
        }
    }
    for (int i = 0; i < count; i++) {
        const uint8_t *entry = bytes + i * 3;
        const uint8_t rgba[4] = {entry[0], entry[1], entry[2], i == transparent ? 0 : 255};
        const dgxp_status status = px_palette_add(what, palette, rgba);
        if (status) {
            return status;
        }
    }
    return DGXP_OK;
}

static dgxp_status read_png(const char *what, const uint8_t *bytes, size_t size,
                            dgxp_palette *palette)
{
    dgxp_image *image = NULL;
    dgxp_status status = px_png_decode(what, bytes, size, &image);
    if (status) {
        return status;
    }
    const size_t count = px_image_count(image);
    const uint8_t *last = NULL;
    for (size_t i = 0; i < count && !status; i++) {
        const uint8_t *pixel = image->rgba + i * 4;
        if (!last || memcmp(last, pixel, 4) != 0) {
            status = px_palette_add(what, palette, pixel);
        }
        last = pixel;
    }
    dgxp_image_free(image);
    return status;
}

static bool is_text(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] < 32 && !(bytes[i] >= 9 && bytes[i] <= 13)) {
            return false;
        }
    }
    return true;
}

static dgxp_status read_text(const char *what, const uint8_t *bytes, size_t size,
                             dgxp_palette *palette)
{
    const char *text = (const char *)bytes;
    reader from = {.what = what, .at = text, .end = text + size};
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        from.at += 3;
    }
    const size_t left = (size_t)(from.end - from.at);
    if (starts_with(from.at, left, "GIMP Palette")) {
        return read_gpl(&from, palette);
    }
    if (starts_with(from.at, left, "JASC-PAL")) {
        return read_jasc(&from, palette);
    }
    return read_hex(&from, palette);
}

dgxp_status px_palette_decode(const char *what, const uint8_t *bytes, size_t size,
                              dgxp_palette **out)
{
    dgxp_palette *palette = NULL;
    dgxp_status status = px_palette_create("", &palette);
    if (status) {
        return status;
    }
    if (px_png_matches(bytes, size)) {
        status = read_png(what, bytes, size, palette);
    } else if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "PAL ", 4) == 0) {
        status = read_riff(what, bytes, size, palette);
    } else if ((size == PX_PALETTE_ACT_SHORT || size == PX_PALETTE_ACT_LONG) &&
               !is_text(bytes, size)) {
        status = read_act(what, bytes, size, palette);
    } else if (is_text(bytes, size)) {
        status = read_text(what, bytes, size, palette);
    } else {
        status = px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s: not a palette; known are HEX, GPL, JASC, RIFF, ACT, paint.net "
                              "and PNG",
                              what);
    }
    if (!status && palette->count == 0) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: holds no color", what);
    }
    if (status) {
        dgxp_palette_free(palette);
        return status;
    }
    *out = palette;
    return DGXP_OK;
}
