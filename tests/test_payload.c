/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* project: what becomes of a file on its way into a game, and its sidecar. */
#include "game/payload.h"

#include "image/image.h"
#include "px_folder.h"
#include "px_mutate.h"

#include <sys/stat.h>

#define RECIPE "{\"seed\":7,\"prompt\":\"a knight\"}"

static void make_png(uint8_t **bytes, size_t *size)
{
    dgxp_image *image = px_make_ball(16, 12, 1);
    ck_assert_ok(px_image_set_text(image, "dgx_pixels", RECIPE));
    ck_assert_ok(px_image_set_text(image, "Title", "Ritter \xe2\x9a\x94"));
    ck_assert_ok(dgxp_image_encode(image, NULL, bytes, size));
    dgxp_image_free(image);
}

START_TEST(payload_picture_loses_its_texts_to_the_sidecar)
{
    const px_payload_options options = {.meta = true, .sidecar = true};
    uint8_t *bytes = NULL;
    size_t size = 0;
    px_payload payload;
    dgxp_image *before = NULL, *after = NULL;
    make_png(&bytes, &size);
    ck_assert_ok(
        px_payload_make("knight.png", "sprites/knight.png", bytes, size, &options, &payload));
    ck_assert_ok(dgxp_image_decode(bytes, size, &before));
    ck_assert_ok(dgxp_image_decode(payload.bytes, payload.size, &after));
    ck_assert_int_eq(dgxp_image_text_count(after), 0);
    ck_assert_mem_eq(dgxp_image_pixels(before), dgxp_image_pixels(after), 16 * 12 * 4);
    char pixels[PX_HASH_HEX];
    px_hash_bytes(dgxp_image_pixels(after), 16 * 12 * 4, pixels);
    ck_assert_str_eq(payload.pixels, pixels);
    ck_assert_str_eq(payload.sidecar_path, "dgx-pixels.recipes/sprites/knight.json");
    ck_assert_str_eq(payload.meta_path, "sprites/knight.png.meta");
    ck_assert_ptr_nonnull(strstr(payload.meta, "mag_filter: Nearest"));

    /* And back, from wherever the project's assets lie. */
    ck_assert_int_eq(mkdir(px_folder_path("assets"), 0777), 0);
    ck_assert_int_eq(mkdir(px_folder_path("assets/sprites"), 0777), 0);
    ck_assert_int_eq(mkdir(px_folder_path("dgx-pixels.recipes"), 0777), 0);
    ck_assert_int_eq(mkdir(px_folder_path("dgx-pixels.recipes/sprites"), 0777), 0);
    ck_assert_ok(px_file_write(px_folder_path("Cargo.toml"), "[package]\n", 10));
    for (int i = 0; i < 2; i++) {
        ck_assert_ok(
            px_file_write(px_folder_path(i ? "assets/sprites/bat.png" : "bat.png"), bytes, size));
    }
    ck_assert_ok(px_file_write(px_folder_path("assets/sprites/knight.png"), bytes, size));
    ck_assert_ok(px_file_write(px_folder_path(payload.sidecar_path), payload.sidecar,
                               strlen(payload.sidecar)));
    ck_assert_ok(dgxp_image_load_sidecar(after, px_folder_path("assets/sprites/knight.png")));
    ck_assert_str_eq(dgxp_image_text(after, "dgx_pixels"), RECIPE);
    ck_assert_str_eq(dgxp_image_text(after, "Title"), "Ritter \xe2\x9a\x94");
    ck_assert_refused(dgxp_image_load_sidecar(after, px_folder_path("assets/sprites/bat.png")),
                      DGXP_ERR_NOT_FOUND, "dgx-pixels.recipes/sprites/bat.json");
    ck_assert_refused(dgxp_image_load_sidecar(after, px_folder_path("bat.png")), DGXP_ERR_NOT_FOUND,
                      "outside the assets");
    ck_assert_status(dgxp_image_load_sidecar(after, "knight.gif"), DGXP_ERR_INVALID_ARGUMENT);
    dgxp_image_free(before);
    dgxp_image_free(after);
    dgxp_bytes_free(bytes);
    px_payload_free(&payload);
}
END_TEST

START_TEST(payload_tiles_and_other_kinds)
{
    px_payload_options options = {.tile_width = 8, .tile_height = 6, .array = true, .meta = true};
    uint8_t *bytes = NULL;
    size_t size = 0;
    px_payload payload;
    make_png(&bytes, &size);
    ck_assert_ok(px_payload_make("t", "tiles/t.png", bytes, size, &options, &payload));
    ck_assert_int_eq(payload.layers, 4);
    ck_assert_int_eq(json_integer_value(json_object_get(payload.entry, "columns")), 2);
    ck_assert_ptr_nonnull(strstr(payload.meta, "tile_width_pixels: 8"));
    ck_assert_ptr_null(payload.sidecar);
    px_payload_free(&payload);
    options.tile_width = 5;
    ck_assert_refused(px_payload_make("t", "tiles/t.png", bytes, size, &options, &payload),
                      DGXP_ERR_MISMATCH, "not a whole number of 5x6 tiles");
    ck_assert_refused(px_payload_make("t.exe", "t.exe", bytes, size, &options, &payload),
                      DGXP_ERR_UNSUPPORTED, "t.exe");
    ck_assert_status(px_payload_make("t.png", "t.png", "no png", 6, &options, &payload),
                     DGXP_ERR_BAD_FORMAT);
    ck_assert_ok(px_payload_make("t.ron", "t.ron", "()", 2, &options, &payload));
    ck_assert_str_eq(json_string_value(json_object_get(payload.entry, "kind")), "file");
    px_payload_free(&payload);
    dgxp_bytes_free(bytes);
}
END_TEST

static int mutate(const char *path, const void *bytes, size_t size)
{
    const px_payload_options options = {.meta = true, .sidecar = true};
    uint64_t state = 5 + size;
    int refused = 0;
    for (int round = 0; round < px_mutate_rounds(); round++) {
        size_t copy_size;
        uint8_t *copy = px_mutate_copy(bytes, size, &state, &copy_size);
        px_payload payload;
        if (px_payload_make(path, path, copy, copy_size, &options, &payload) == DGXP_OK) {
            px_payload_free(&payload);
        } else {
            ck_assert_int_gt((int)strlen(dgxp_last_error()), 10);
            refused++;
        }
        free(copy);
    }
    ck_assert_int_gt(refused, 0);
    return refused;
}

START_TEST(payload_mutated)
{
    static const char sheet[] =
        "{\"frames\":[{\"filename\":\"a 0\",\"frame\":{\"x\":0,\"y\":0,\"w\":8,\"h\":8},"
        "\"sourceSize\":{\"w\":8,\"h\":8},\"spriteSourceSize\":{\"x\":0,\"y\":0,\"w\":8,\"h\":8},"
        "\"duration\":100}],\"meta\":{\"image\":\"a.png\",\"size\":{\"w\":8,\"h\":8},"
        "\"frameTags\":[{\"name\":\"idle\",\"from\":0,\"to\":0,\"direction\":\"forward\"}],"
        "\"slices\":[{\"name\":\"p\",\"keys\":[{\"frame\":0,\"bounds\":{\"x\":0,\"y\":0,\"w\":8,"
        "\"h\":8},\"pivot\":{\"x\":4,\"y\":8}}]}]}}";
    uint8_t *bytes = NULL;
    size_t size = 0;
    px_payload payload;
    const px_payload_options options = {.meta = true};
    ck_assert_ok(px_payload_make("a.json", "a.json", sheet, sizeof sheet - 1, &options, &payload));
    ck_assert_str_eq(json_string_value(json_object_get(payload.entry, "kind")), "sheet");
    px_payload_free(&payload);
    make_png(&bytes, &size);
    const int refused = mutate("a.png", bytes, size) + mutate("a.json", sheet, sizeof sheet - 1);
    px_mutate_report("PNG and sheets on their way into a game", 2 * px_mutate_rounds(), refused);
    dgxp_bytes_free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payload");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_set_timeout(malformed, 300);
    tcase_add_test(core, payload_picture_loses_its_texts_to_the_sidecar);
    tcase_add_test(core, payload_tiles_and_other_kinds);
    tcase_add_test(malformed, payload_mutated);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
