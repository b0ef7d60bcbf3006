/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Motions: the shipped rows on a drawn figure, frame counts, own files, and what is refused. */
#include "px_check.h"

/* A figure with eyes, arms, two legs and an outline; '.' is clear. */
static const char *const figure[] = {
    "....oooooo......", "...ossssssoo....", "...oskssksso....", "...oskssksso....",
    "...ossssssso....", "....oossooo.....", "...oorrrrroo....", ".oooorrrrroooo..",
    ".osoorrRrrooso..", ".osoorrRrrooso..", ".ooo.orRro.ooo..", ".....obbbo......",
    "....obbbbbo.....", "....obo.obo.....", "....obo.obo.....", "....ooo.ooo.....",
};

static dgxp_image *draw_figure(void)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(16, 16, NULL, &image));
    for (int i = 0; i < 256; i++) {
        const char c = figure[i / 16][i % 16];
        const uint32_t rgb = c == 'o'   ? 0x201818
                             : c == 's' ? 0xF0C090
                             : c == 'k' ? 0x302040
                             : c == 'r' ? 0xC03030
                             : c == 'R' ? 0xE86050
                                        : 0x3040A0;
        if (c != '.') {
            memcpy(dgxp_image_pixels_mut(image) + i * 4,
                   (uint8_t[4]){(uint8_t)(rgb >> 16), (uint8_t)(rgb >> 8), (uint8_t)rgb, 255}, 4);
        }
    }
    return image;
}

static bool has_color(const dgxp_image *image, const uint8_t *pixel)
{
    const int32_t count = dgxp_image_width(image) * dgxp_image_height(image);
    for (int32_t i = 0; i < count; i++) {
        if (memcmp(dgxp_image_pixels(image) + i * 4, pixel, 4) == 0) {
            return true;
        }
    }
    return false;
}

static int32_t find_lowest(const dgxp_image *image)
{
    int32_t lowest = -1;
    const int32_t width = dgxp_image_width(image);
    for (int32_t i = 0; i < width * dgxp_image_height(image); i++) {
        lowest = dgxp_image_pixels(image)[i * 4 + 3] >= 128 ? i / width : lowest;
    }
    return lowest;
}

static bool is_in(const char *text, const char *name)
{
    char quoted[80];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    return strstr(text, quoted) != NULL;
}

START_TEST(motion_all_keep_colors_and_feet)
{
    dgxp_image *sprite = draw_figure();
    dgxp_document *report = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    static const char *const grounded =
        "idle,walk,run,hit,squash,spin,blink,cast,death,collapse,sway";
    params.motions = grounded;
    ck_assert_ok(dgxp_motion(sprite, &params, &report, &sheet));
    dgxp_slice pivot = DGXP_SLICE_INIT;
    ck_assert_ok(dgxp_sheet_slice(sheet, 0, &pivot));
    ck_assert_str_eq(pivot.name, "pivot");
    ck_assert_int_eq(dgxp_sheet_tag_count(sheet), 11);
    for (int32_t t = 0; t < dgxp_sheet_tag_count(sheet); t++) {
        dgxp_tag tag = DGXP_TAG_INIT;
        ck_assert_ok(dgxp_sheet_tag(sheet, t, &tag));
        for (int32_t i = tag.from; i <= tag.to; i++) {
            const dgxp_image *frame = dgxp_sheet_frame(sheet, i);
            ck_assert_msg(find_lowest(frame) == pivot.pivot_y - 1, "%s %d: feet on row %d, not %d",
                          tag.name, i - tag.from, find_lowest(frame), pivot.pivot_y - 1);
            const int32_t count = dgxp_image_width(frame) * dgxp_image_height(frame);
            for (int32_t k = 0; k < count; k++) {
                const uint8_t *pixel = dgxp_image_pixels(frame) + k * 4;
                ck_assert_msg(!pixel[3] || has_color(sprite, pixel), "%s has a new color",
                              tag.name);
            }
        }
        /* The first frame is the sprite itself, where the canvas put it. */
        const dgxp_image *first = dgxp_sheet_frame(sheet, tag.from);
        const int32_t left = (dgxp_image_width(first) - 16) / 2, top = pivot.pivot_y - 16;
        for (int32_t y = 0; y < 16; y++) {
            ck_assert_mem_eq(dgxp_image_pixels(first) +
                                 ((y + top) * dgxp_image_width(first) + left) * 4,
                             dgxp_image_pixels(sprite) + y * 64, 64);
        }
    }
    ck_assert(strstr(dgxp_document_text(report), "\"legs\": \"two\""));
    ck_assert(strstr(dgxp_document_text(report), "\"eyes\": 2"));
    dgxp_document_free(report);
    dgxp_sheet_free(sheet);
    dgxp_image_free(sprite);
}
END_TEST

START_TEST(motion_walk_lifts_one_foot_and_then_the_other)
{
    dgxp_image *sprite = draw_figure();
    dgxp_sheet *sheet = NULL;
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    params.motions = "walk";
    ck_assert_ok(dgxp_motion(sprite, &params, NULL, &sheet));
    ck_assert_int_eq(dgxp_sheet_frame_count(sheet), 4);
    int standing[4][2];
    for (int f = 0; f < 4; f++) {
        const dgxp_image *frame = dgxp_sheet_frame(sheet, f);
        const int32_t width = dgxp_image_width(frame), row = find_lowest(frame);
        standing[f][0] = standing[f][1] = 0;
        for (int32_t x = 0; x < width; x++) {
            const bool solid = dgxp_image_pixels(frame)[(row * width + x) * 4 + 3] >= 128;
            standing[f][x > (width - 16) / 2 + 7] += solid;
        }
    }
    ck_assert(standing[0][0] == 3 && standing[0][1] == 3);
    ck_assert(standing[1][0] == 0 && standing[1][1] == 3);
    ck_assert(standing[2][0] == 3 && standing[2][1] == 3);
    ck_assert(standing[3][0] == 3 && standing[3][1] == 0);
    dgxp_sheet_free(sheet);
    dgxp_image_free(sprite);
}
END_TEST

START_TEST(motion_quarter_turns_are_exact)
{
    dgxp_image *sprite = draw_figure();
    dgxp_sheet *sheet = NULL;
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    params.motions = "turn-quarter";
    ck_assert_ok(dgxp_motion(sprite, &params, NULL, &sheet));
    const dgxp_image *turned = dgxp_sheet_frame(sheet, 1), *half = dgxp_sheet_frame(sheet, 2);
    const int32_t width = dgxp_image_width(turned), height = dgxp_image_height(turned);
    int32_t seen = 0;
    /* The figure's box is 13 x 16 at (1, 0); a half turn about its middle stays in it. */
    for (int32_t y = 0; y < 16; y++) {
        for (int32_t x = 1; x < 14; x++) {
            const uint8_t *from = dgxp_image_pixels(sprite) + (y * 16 + x) * 4;
            const int32_t to_x = 14 - x + (width - 16) / 2;
            const uint8_t *to = dgxp_image_pixels(half) + ((15 - y) * width + to_x) * 4;
            ck_assert(from[3] ? memcmp(from, to, 4) == 0 : !to[3]);
        }
    }
    for (int32_t i = 0; i < width * height; i++) {
        seen += dgxp_image_pixels(turned)[i * 4 + 3] > 0;
    }
    for (int32_t i = 0; i < 256; i++) {
        seen -= dgxp_image_pixels(sprite)[i * 4 + 3] > 0;
    }
    ck_assert_int_eq(seen, 0);
    dgxp_sheet_free(sheet);
    dgxp_image_free(sprite);
}
END_TEST

START_TEST(motion_takes_every_frame_count)
{
    dgxp_image *sprite = draw_figure();
    dgxp_document *list = NULL;
    ck_assert_ok(dgxp_list_motions(NULL, &list));
    ck_assert(is_in(dgxp_document_text(list), "walk") && is_in(dgxp_document_text(list), "death"));
    dgxp_document_free(list);
    for (int32_t frames = 2; frames <= 12; frames++) {
        dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
        dgxp_sheet *sheet = NULL;
        params.motions = "all";
        params.frames = frames;
        ck_assert_ok(dgxp_motion(sprite, &params, NULL, &sheet));
        const int32_t tags = dgxp_sheet_tag_count(sheet);
        ck_assert_int_ge(tags, 15);
        ck_assert_int_eq(dgxp_sheet_frame_count(sheet), tags * frames);
        int32_t ms = 0; /* of the first motion, "appear": the same however many frames show it */
        for (int32_t i = 0; i < frames; i++) {
            ms += dgxp_sheet_frame_duration(sheet, i);
        }
        ck_assert_int_eq(ms, 700);
        dgxp_sheet_free(sheet);
    }
    dgxp_image_free(sprite);
}
END_TEST

static void try_file(const char *folder, const char *text, dgxp_status expected, const char *part)
{
    dgxp_image *sprite = draw_figure();
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    dgxp_sheet *sheet = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/own.json", folder);
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    params.motions = path;
    const dgxp_status status = dgxp_motion(sprite, &params, NULL, &sheet);
    ck_assert_msg(status == expected, "%s: %s", text, dgxp_last_error());
    ck_assert_msg(!part || strstr(dgxp_last_error(), part), "'%s' lacks '%s'", dgxp_last_error(),
                  part);
    dgxp_sheet_free(sheet);
    dgxp_image_free(sprite);
}

#define HEAD "{\"format\":1,\"name\":\"own\",\"help\":\"mine\","

START_TEST(motion_own_files_are_checked)
{
    char folder[] = "/tmp/dgxp-motion-XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    try_file(folder, HEAD "\"frames\":[{},{\"move\":[0,-3]}]}", DGXP_OK, NULL);
    try_file(folder, HEAD "\"frames\":[{}]}", DGXP_ERR_BAD_FORMAT, "a motion is 2 to 12");
    try_file(folder, HEAD "\"frames\":[{},{\"hand\":[0,1]}]}", DGXP_ERR_BAD_FORMAT,
             "'frames[1]' has the unknown field 'hand'");
    try_file(folder, HEAD "\"frames\":[{},{\"move\":[0,99]}]}", DGXP_ERR_BAD_FORMAT,
             "99 in 'move'");
    try_file(folder, HEAD "\"frames\":[{},{\"lean\":0.5}]}", DGXP_ERR_BAD_FORMAT, "whole number");
    try_file(folder, HEAD "\"grounded\":true,\"frames\":[{\"lean\":1},{}]}", DGXP_ERR_BAD_FORMAT,
             "begins with the sprite");
    try_file(folder, HEAD "\"area\":[2,1],\"frames\":[{},{}]}", DGXP_ERR_BAD_FORMAT, "area");
    try_file(folder, "[]", DGXP_ERR_BAD_FORMAT, "must be an object");
    snprintf(path, sizeof path, "%s/own.json", folder);
    remove(path);
    remove(folder);
}
END_TEST

START_TEST(motion_refuses_what_it_cannot_do)
{
    dgxp_image *sprite = draw_figure(), *large = NULL, *empty = NULL;
    dgxp_sheet *sheet = NULL;
    dgxp_motion_params params = DGXP_MOTION_PARAMS_INIT;
    ck_assert_ok(dgxp_image_create(513, 4, NULL, &large));
    ck_assert_ok(dgxp_image_create(8, 8, NULL, &empty));
    ck_assert_refused(dgxp_motion(large, NULL, NULL, &sheet), DGXP_ERR_LIMIT, "512 a side");
    ck_assert_refused(dgxp_motion(empty, NULL, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT, "seen");
    ck_assert_refused(dgxp_motion(NULL, NULL, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT, "NULL");
    params.motions = "idle,dance";
    ck_assert_refused(dgxp_motion(sprite, &params, NULL, &sheet), DGXP_ERR_NOT_FOUND, "walk");
    params.motions = "idle,,walk";
    ck_assert_refused(dgxp_motion(sprite, &params, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT,
                      "empty");
    params.motions = "../idle";
    ck_assert_refused(dgxp_motion(sprite, &params, NULL, &sheet), DGXP_ERR_NOT_FOUND, "../idle");
    params.motions = NULL;
    params.frames = 13;
    ck_assert_refused(dgxp_motion(sprite, &params, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT, "12");
    params.frames = 0;
    params.facing = 4;
    ck_assert_refused(dgxp_motion(sprite, &params, NULL, &sheet), DGXP_ERR_INVALID_ARGUMENT,
                      "facing");
    /* Eyes painted over: asked by name it is refused, among all it is left out. */
    for (int i = 0; i < 256; i++) {
        uint8_t *pixel = dgxp_image_pixels_mut(sprite) + i * 4;
        if (pixel[0] == 0x30 && pixel[1] == 0x20) {
            memcpy(pixel, (uint8_t[4]){0xF0, 0xC0, 0x90, 255}, 4);
        }
    }
    params.facing = 0;
    params.motions = "blink";
    ck_assert_refused(dgxp_motion(sprite, &params, NULL, &sheet), DGXP_ERR_UNSUPPORTED, "eyes");
    ck_assert_ptr_null(sheet);
    params.motions = "all";
    dgxp_document *report = NULL;
    ck_assert_ok(dgxp_motion(sprite, &params, &report, &sheet));
    ck_assert(strstr(strstr(dgxp_document_text(report), "\"skipped\""), "blink"));
    dgxp_document_free(report);
    dgxp_sheet_free(sheet);
    dgxp_image_free(sprite);
    dgxp_image_free(large);
    dgxp_image_free(empty);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("motion");
    const char *source = getenv("DGXP_SOURCE_DIR");
    char motions[4096];
    snprintf(motions, sizeof motions, "%s/motions", source ? source : ".");
    setenv("DGX_PIXELS_MOTIONS", motions, 1);
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(core, motion_all_keep_colors_and_feet);
    tcase_add_test(core, motion_walk_lifts_one_foot_and_then_the_other);
    tcase_add_test(core, motion_quarter_turns_are_exact);
    tcase_add_test(limits, motion_takes_every_frame_count);
    tcase_add_test(malformed, motion_own_files_are_checked);
    tcase_add_test(malformed, motion_refuses_what_it_cannot_do);
    tcase_set_timeout(core, 120);
    tcase_set_timeout(limits, 120);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
