/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Palette files of every format, the built-in ones, and what is refused. */
#include "px_mutate.h"

#include "core/file.h"
#include "image/palette.h"

#include <stdint.h>
#include <unistd.h>

static const uint8_t four[16] = {0, 0, 0, 0, 26, 28, 44, 255, 177, 62, 83, 255, 255, 205, 117, 255};

static dgxp_palette *decode(const char *text)
{
    dgxp_palette *palette = NULL;
    ck_assert_ok(dgxp_palette_decode(text, strlen(text), &palette));
    return palette;
}

static void expect_colors(const dgxp_palette *palette, const uint8_t *rgba, int32_t count)
{
    ck_assert_int_eq(dgxp_palette_count(palette), count);
    ck_assert_mem_eq(dgxp_palette_colors(palette), rgba, (size_t)count * 4);
}

/* ---------------------------------------------------------------------------------------- core */

START_TEST(palette_reads_every_text_format)
{
    /* The same three colors as other programs write them, with the liberties they take. */
    static const char *const texts[] = {
        "1a1c2c\nb13e53\nffcd75\n",
        "\xEF\xBB\xBF#1A1C2C\r\n\r\n; a comment\r\n#B13E53 red\r\n// another\r\n#FFCD75",
        "; paint.net Palette File\r\nFF1A1C2C\r\nFFB13E53\r\nFFFFCD75\r\n",
        "GIMP Palette\nName: Three\nColumns: 3\n#\n 26  28  44\tnight\n177  62  83 red\n255 205 "
        "117\n",
        "\xEF\xBB\xBFGIMP Palette\r\nChannels: RGBA\r\n26 28 44 255 a\r\n177 62 83 255 b\r\n255 "
        "205 117 "
        "255\r\n",
        "JASC-PAL\r\n0100\r\n3\r\n26 28 44\r\n177 62 83\r\n255 205 117\r\n",
        "1a1c2c\rb13e53\rffcd75\r1a1c2c\r",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        dgxp_palette *palette = decode(texts[i]);
        expect_colors(palette, four + 4, 3);
        ck_assert_str_eq(dgxp_palette_name(palette), i == 3 ? "Three" : "");
        dgxp_palette_free(palette);
    }
}
END_TEST

START_TEST(palette_reads_binary_formats_made_elsewhere)
{
    /* python3 -c "import struct as
     * s,sys;c=[(26,28,44),(177,62,83)];d=s.pack('<HH',0x300,2)+b''.join( bytes([*x,0]) for x in
     * c);sys.stdout.buffer.write(b'RIFF'+s.pack('<I',4+8+len(d))+b'PAL data'+
     *   s.pack('<I',len(d))+d)" | xxd -i */
    static const uint8_t riff[] = {0x52, 0x49, 0x46, 0x46, 0x18, 0x00, 0x00, 0x00, 0x50, 0x41, 0x4c,
                                   0x20, 0x64, 0x61, 0x74, 0x61, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x03,
                                   0x02, 0x00, 0x1a, 0x1c, 0x2c, 0x00, 0xb1, 0x3e, 0x53, 0x00};
    dgxp_palette *palette = NULL;
    ck_assert_ok(dgxp_palette_decode(riff, sizeof riff, &palette));
    expect_colors(palette, four + 4, 2);
    dgxp_palette_free(palette);

    /* ACT: 256 slots, then a big-endian count and the transparent entry. */
    uint8_t act[772] = {255, 0, 255, 26, 28, 44, 177, 62, 83};
    memcpy(act + 768, (uint8_t[4]){0, 3, 0, 0}, 4);
    ck_assert_ok(dgxp_palette_decode(act, sizeof act, &palette));
    expect_colors(palette, four, 3);
    dgxp_palette_free(palette);

    ck_assert_ok(dgxp_palette_decode(act, 768, &palette)); /* the short form: unused slots are 0 */
    ck_assert_int_eq(dgxp_palette_count(palette), 4);
    dgxp_palette_free(palette);
}
END_TEST

START_TEST(palette_survives_every_format)
{
    dgxp_palette *palette = NULL;
    ck_assert_ok(dgxp_palette_create(four, 4, &palette));
    for (int32_t format = DGXP_PALETTE_HEX; format <= DGXP_PALETTE_PNG; format++) {
        const bool alpha = format != DGXP_PALETTE_JASC && format != DGXP_PALETTE_RIFF;
        uint8_t expected[16], *bytes = NULL;
        size_t size = 0;
        dgxp_palette *again = NULL;
        memcpy(expected, four, sizeof four);
        expected[3] = alpha ? 0 : 255;
        ck_assert_ok(dgxp_palette_encode(palette, format, &bytes, &size));
        ck_assert_ok(dgxp_palette_decode(bytes, size, &again));
        expect_colors(again, expected, 4);
        dgxp_palette_free(again);
        dgxp_bytes_free(bytes);
    }
    dgxp_palette_free(palette);
}
END_TEST

START_TEST(palette_file_formats_follow_the_suffix)
{
    static const char *const suffixes[] = {"hex", "gpl", "pal", "act", "txt", "png"};
    dgxp_palette *palette = NULL;
    ck_assert_ok(dgxp_palette_create(four + 4, 3, &palette));
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[64];
        dgxp_palette *again = NULL;
        snprintf(path, sizeof path, "test_palette_%ld.%s", (long)getpid(), suffixes[i]);
        ck_assert_ok(dgxp_palette_save(palette, path, DGXP_PALETTE_AUTO));
        ck_assert_ok(dgxp_palette_load(path, &again));
        expect_colors(again, four + 4, 3);
        ck_assert_msg(dgxp_palette_name(again)[0], "%s: no name", path);
        dgxp_palette_free(again);
        unlink(path);
    }
    ck_assert_refused(dgxp_palette_save(palette, "x.jpg", 0), DGXP_ERR_INVALID_ARGUMENT, "suffix");
    dgxp_palette_free(palette);
}
END_TEST

/* The same eight digits: Lospec's .hex puts the alpha last, as CSS does; paint.net's .txt first. */
START_TEST(palette_eight_digits_hang_on_the_file)
{
    static const struct {
        const char *suffix, *text;
        uint8_t first[4];
        int32_t count;
    } cases[] = {{"hex", "ff0000ff\n00ff0080\n", {255, 0, 0, 255}, 2},
                 {"txt", "ff0000ff\n8000ff00\n", {0, 0, 255, 255}, 2},
                 {"txt", "#ff0000ff\n", {255, 0, 0, 255}, 1},
                 {"txt", "0x1A1C2C, #fa0, B13E53 red, dark\n", {0x1A, 0x1C, 0x2C, 255}, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64];
        dgxp_palette *palette = NULL;
        snprintf(path, sizeof path, "test_palette_%ld.%s", (long)getpid(), cases[i].suffix);
        ck_assert_ok(px_file_write(path, cases[i].text, strlen(cases[i].text)));
        ck_assert_ok(dgxp_palette_load(path, &palette));
        ck_assert_int_eq(dgxp_palette_count(palette), cases[i].count);
        ck_assert_mem_eq(dgxp_palette_colors(palette), cases[i].first, 4);
        if (cases[i].count == 3) {
            ck_assert_mem_eq(dgxp_palette_colors(palette) + 4, ((uint8_t[4]){255, 170, 0, 255}), 4);
        }
        dgxp_palette_free(palette);
        unlink(path);
    }
}
END_TEST

START_TEST(palette_builtins_load_with_credit)
{
    int32_t count = 0;
    const dgxp_choice *list = dgxp_palette_builtins(&count);
    ck_assert_int_ge(count, 12);
    for (int32_t i = 0; i < count; i++) {
        dgxp_palette *palette = NULL;
        ck_assert_int_eq(list[i].value, i);
        ck_assert_ok(dgxp_palette_load(list[i].name, &palette));
        ck_assert_int_eq(dgxp_palette_count(palette), px_palette_builtins[i].count);
        ck_assert_str_eq(dgxp_palette_name(palette), list[i].name);
        ck_assert_msg(strstr(list[i].help, "MIT (c)") || strstr(list[i].help, "public domain"),
                      "%s: no licence in '%s'", list[i].name, list[i].help);
        dgxp_palette_free(palette);
    }
    /* PICO-8's manual: color 8 is red, 255 0 77, color 12 blue, 41 173 255. */
    dgxp_palette *pico = NULL;
    ck_assert_ok(dgxp_palette_load("PICO-8", &pico));
    ck_assert_mem_eq(dgxp_palette_colors(pico) + 8 * 4, ((uint8_t[4]){255, 0, 77, 255}), 4);
    ck_assert_mem_eq(dgxp_palette_colors(pico) + 12 * 4, ((uint8_t[4]){41, 173, 255, 255}), 4);
    dgxp_palette_free(pico);
}
END_TEST

START_TEST(palette_sort_ignores_the_order_given)
{
    static const uint8_t reds[] = {200, 0, 0, 255, 40,  40,  40,  255,
                                   90,  0, 0, 255, 220, 220, 220, 255};
    static const uint8_t other[] = {220, 220, 220, 255, 90, 0,  0,  255,
                                    200, 0,   0,   255, 40, 40, 40, 255};
    static const uint8_t sorted[] = {40, 40, 40, 255, 220, 220, 220, 255,
                                     90, 0,  0,  255, 200, 0,   0,   255};
    dgxp_palette *a = NULL, *b = NULL;
    ck_assert_ok(dgxp_palette_create(reds, 4, &a));
    ck_assert_ok(dgxp_palette_create(other, 4, &b));
    px_palette_sort(a);
    px_palette_sort(b);
    expect_colors(a, sorted, 4);
    expect_colors(b, sorted, 4);
    dgxp_palette_free(a);
    dgxp_palette_free(b);
}
END_TEST

/* -------------------------------------------------------------------------------------- limits */

START_TEST(palette_holds_256_different_colors)
{
    uint8_t rgba[257 * 4];
    dgxp_palette *palette = NULL;
    for (int i = 0; i < 257; i++) {
        memcpy(rgba + (size_t)i * 4, ((uint8_t[4]){(uint8_t)i, (uint8_t)(i >> 8), 9, 255}), 4);
    }
    ck_assert_ok(dgxp_palette_create(rgba, 256, &palette));
    for (int32_t format = DGXP_PALETTE_HEX; format <= DGXP_PALETTE_PNG; format++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        dgxp_palette *again = NULL;
        ck_assert_ok(dgxp_palette_encode(palette, format, &bytes, &size));
        ck_assert_ok(dgxp_palette_decode(bytes, size, &again));
        expect_colors(again, rgba, 256);
        dgxp_palette_free(again);
        dgxp_bytes_free(bytes);
    }
    dgxp_palette_free(palette);
    palette = NULL;
    ck_assert_refused(dgxp_palette_create(rgba, 257, &palette), DGXP_ERR_LIMIT, "256");
    ck_assert_ptr_null(palette);
    ck_assert_status(dgxp_palette_create(rgba, 0, &palette), DGXP_ERR_INVALID_ARGUMENT);
}
END_TEST

START_TEST(palette_nearest_is_the_first_of_equals)
{
    static const uint8_t greys[] = {0, 0, 0, 0, 10, 10, 10, 255, 30, 30, 30, 255};
    dgxp_palette *palette = NULL;
    ck_assert_ok(dgxp_palette_create(greys, 3, &palette));
    const px_lab low = palette->lab[1], high = palette->lab[2];
    const px_lab middle = {(low.l + high.l) / 2, (low.a + high.a) / 2, (low.b + high.b) / 2};
    ck_assert_int_eq(px_palette_nearest(palette, low), 1);
    ck_assert_int_eq(px_palette_nearest(palette, high), 2);
    ck_assert_int_ne(px_palette_nearest(palette, middle), 0);
    ck_assert_int_ne(px_palette_nearest(palette, px_color_lab((uint8_t[3]){0, 0, 0})), 0);
    dgxp_palette_free(palette);
    /* Two entries of one color, told apart by alpha: both are opaque, the first must win. */
    static const uint8_t twins[] = {90, 80, 70, 200, 90, 80, 70, 255};
    ck_assert_ok(dgxp_palette_create(twins, 2, &palette));
    ck_assert_int_eq(px_palette_nearest(palette, px_color_lab(twins)), 0);
    dgxp_palette_free(palette);
}
END_TEST

/* ----------------------------------------------------------------------------------- malformed */

START_TEST(palette_refuses_broken_files_with_a_reason)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "holds no color"},
        {"; nothing\n", "holds no color"},
        {"1a1c2\n", "line 1"},
        {"ffffff\nhello\n", "line 2"},
        {"GIMP Palette\n1 2\n", "three numbers"},
        {"GIMP Palette\n1 2 256\n", "line 2"},
        {"GIMP Palette\nChannels: RGBA\n1 2 3\n", "four numbers"},
        {"GIMP Palette\n1 2 99999999999999999999\n", "line 2"},
        {"JASC-PAL\n", "version"},
        {"JASC-PAL\n0200\n1\n1 2 3\n", "version"},
        {"JASC-PAL\n0100\n", "line 3"},
        {"JASC-PAL\n0100\n-1\n1 2 3\n", "line 3"},
        {"JASC-PAL\n0100\n2\n1 2 3\n", "promises 2 colors, 1"},
        {"JASC-PAL\n0100\n1\n1 2 -3\n", "line 4"},
        {"RIFF\x01\x02\x03\x04PAL data", "without a data chunk"},
        {"RIFF\x01\x02\x03\x04PAL data\x7f\x01\x01\x01hello", "are left"},
        {"\x89PNG\r\n\x1a\n", ""},
        {"\x01\x02\x03", "not a palette"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dgxp_palette *palette = NULL;
        ck_assert_refused(dgxp_palette_decode(cases[i].text, strlen(cases[i].text), &palette),
                          DGXP_ERR_BAD_FORMAT, cases[i].part);
        ck_assert_ptr_null(palette);
    }
    dgxp_palette *palette = NULL;
    ck_assert_refused(dgxp_palette_load("no-such-palette", &palette), DGXP_ERR_NOT_FOUND, "pico-8");
    ck_assert_status(dgxp_palette_load(NULL, &palette), DGXP_ERR_INVALID_ARGUMENT);
    ck_assert_status(dgxp_palette_load(".", &palette), DGXP_ERR_INVALID_ARGUMENT);
}
END_TEST

START_TEST(palette_mutations_end_in_a_typed_status)
{
    const int rounds = px_mutate_rounds();
    uint64_t random = 0x9E3779B97F4A7C15u;
    uint8_t rgba[32 * 4];
    dgxp_palette *palette = NULL;
    int accepted = 0, refused = 0;
    for (int i = 0; i < 32 * 4; i++) {
        rgba[i] = (i & 3) == 3 ? 255 : (uint8_t)(i * 37);
    }
    ck_assert_ok(dgxp_palette_create(rgba, 32, &palette));
    for (int32_t format = DGXP_PALETTE_HEX; format <= DGXP_PALETTE_PNG; format++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        ck_assert_ok(dgxp_palette_encode(palette, format, &bytes, &size));
        for (int round = 0; round < rounds; round++) {
            /* An exact copy on the heap, so that ASan sees a read one byte behind it. */
            random = random * 6364136223846793005u + 1442695040888963407u;
            const size_t cut = random >> 62 ? size : (random >> 20) % size;
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, bytes, cut);
            for (int change = 0; change <= (int)(random >> 33 & 7) && cut; change++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                copy[(random >> 16) % cut] = (uint8_t)(random >> 56);
            }
            dgxp_palette *again = NULL;
            const dgxp_status status = dgxp_palette_decode(copy, cut, &again);
            if (status == DGXP_OK) {
                ck_assert_int_ge(dgxp_palette_count(again), 1);
                ck_assert_int_le(dgxp_palette_count(again), 256);
                accepted++;
            } else {
                ck_assert_msg(
                    status == DGXP_ERR_BAD_FORMAT || status == DGXP_ERR_LIMIT ||
                        status == DGXP_ERR_UNSUPPORTED || status == DGXP_ERR_INVALID_ARGUMENT,
                    "format %d: %s (%s)", format, dgxp_status_name(status), dgxp_last_error());
                ck_assert_int_gt((int)strlen(dgxp_last_error()), 0);
                ck_assert_ptr_null(again);
                refused++;
            }
            dgxp_palette_free(again);
            free(copy);
        }
        dgxp_bytes_free(bytes);
    }
    ck_assert_int_gt(refused, 0);
    ck_assert_int_gt(accepted, 0);
    px_mutate_report("palette files of seven formats", accepted + refused, refused);
    dgxp_palette_free(palette);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("palette");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, palette_reads_every_text_format);
    tcase_add_test(core, palette_reads_binary_formats_made_elsewhere);
    tcase_add_test(core, palette_survives_every_format);
    tcase_add_test(core, palette_file_formats_follow_the_suffix);
    tcase_add_test(core, palette_eight_digits_hang_on_the_file);
    tcase_add_test(core, palette_builtins_load_with_credit);
    tcase_add_test(core, palette_sort_ignores_the_order_given);
    tcase_add_test(limits, palette_holds_256_different_colors);
    tcase_add_test(limits, palette_nearest_is_the_first_of_equals);
    tcase_add_test(malformed, palette_refuses_broken_files_with_a_reason);
    tcase_add_test(malformed, palette_mutations_end_in_a_typed_status);
    tcase_set_timeout(malformed, 900);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
