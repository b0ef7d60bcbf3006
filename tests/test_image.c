/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Images: creation, copies, limits and text metadata. */
#include "image/image.h"
#include "px_check.h"

static const uint8_t four[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255};

START_TEST(create_copies_pixels)
{
    uint8_t pixels[16];
    dgxp_image *image = NULL;
    memcpy(pixels, four, sizeof pixels);
    ck_assert_ok(dgxp_image_create(2, 2, pixels, &image));
    memset(pixels, 0, sizeof pixels);
    ck_assert_int_eq(dgxp_image_width(image), 2);
    ck_assert_int_eq(dgxp_image_height(image), 2);
    ck_assert_mem_eq(dgxp_image_pixels(image), four, sizeof four);
    ck_assert(px_image_has_alpha(image));
    dgxp_image_free(image);
}
END_TEST

START_TEST(create_without_pixels_is_transparent_black)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(3, 5, NULL, &image));
    for (int i = 0; i < 3 * 5 * 4; i++) {
        ck_assert_int_eq(dgxp_image_pixels(image)[i], 0);
    }
    dgxp_image_free(image);
    dgxp_image_free(NULL);
}
END_TEST

START_TEST(copy_is_independent_and_has_texts)
{
    dgxp_image *image = NULL, *copy = NULL;
    ck_assert_ok(dgxp_image_create(2, 2, four, &image));
    ck_assert_ok(dgxp_image_set_text(image, "Title", "fox"));
    ck_assert_ok(dgxp_image_copy(image, &copy));
    dgxp_image_pixels_mut(image)[0] = 99;
    ck_assert_ok(dgxp_image_set_text(image, "Title", "owl"));
    ck_assert_int_eq(dgxp_image_pixels(copy)[0], 1);
    ck_assert_str_eq(dgxp_image_text(copy, "Title"), "fox");
    dgxp_image_free(image);
    dgxp_image_free(copy);
}
END_TEST

START_TEST(texts_are_replaced_removed_and_kept_in_order)
{
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(1, 1, NULL, &image));
    ck_assert_ok(dgxp_image_set_text(image, "b", "1"));
    ck_assert_ok(dgxp_image_set_text(image, "a", "2"));
    ck_assert_ok(dgxp_image_set_text(image, "c", "3"));
    ck_assert_ok(dgxp_image_set_text(image, "b", "4"));
    ck_assert_int_eq(dgxp_image_text_count(image), 3);
    ck_assert_str_eq(dgxp_image_text_key(image, 0), "b");
    ck_assert_str_eq(dgxp_image_text(image, "b"), "4");
    ck_assert_ok(dgxp_image_set_text(image, "a", NULL));
    ck_assert_ptr_null(dgxp_image_text(image, "a"));
    ck_assert_str_eq(dgxp_image_text_key(image, 1), "c");
    ck_assert_ptr_null(dgxp_image_text_key(image, 2));
    ck_assert_ok(dgxp_image_set_text(image, NULL, NULL));
    ck_assert_int_eq(dgxp_image_text_count(image), 0);
    dgxp_image_free(image);
}
END_TEST

START_TEST(sizes_are_limited)
{
    static const struct {
        int32_t width, height;
        dgxp_status status;
    } cases[] = {{0, 1, DGXP_ERR_INVALID_ARGUMENT},
                 {1, 0, DGXP_ERR_INVALID_ARGUMENT},
                 {-5, 5, DGXP_ERR_INVALID_ARGUMENT},
                 {16385, 1, DGXP_ERR_LIMIT},
                 {1, 16385, DGXP_ERR_LIMIT},
                 {INT32_MAX, INT32_MAX, DGXP_ERR_LIMIT},
                 {16384, 1, DGXP_OK},
                 {100000, 100000, DGXP_ERR_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dgxp_image *image = NULL;
        ck_assert_status(dgxp_image_create(cases[i].width, cases[i].height, NULL, &image),
                         cases[i].status);
        ck_assert((image != NULL) == (cases[i].status == DGXP_OK));
        dgxp_image_free(image);
    }
}
END_TEST

START_TEST(texts_are_limited)
{
    dgxp_image *image = NULL;
    char key[96];
    ck_assert_ok(dgxp_image_create(1, 1, NULL, &image));
    memset(key, 'k', sizeof key);
    key[80] = '\0';
    ck_assert_refused(dgxp_image_set_text(image, key, "x"), DGXP_ERR_INVALID_ARGUMENT, "key");
    key[79] = '\0';
    ck_assert_ok(dgxp_image_set_text(image, key, "x"));
    for (int i = 1; i < PX_IMAGE_TEXTS_MAX; i++) {
        snprintf(key, sizeof key, "key %d", i);
        ck_assert_ok(dgxp_image_set_text(image, key, "x"));
    }
    ck_assert_refused(dgxp_image_set_text(image, "more", "x"), DGXP_ERR_LIMIT, "256");
    ck_assert_ok(dgxp_image_set_text(image, "key 7", "replaced"));
    dgxp_image_free(image);
}
END_TEST

START_TEST(wrong_keys_and_texts_are_refused)
{
    static const char *const keys[] = {"", " a", "a ", "a  b", "a\nb", "a\x7f", "a\x80"};
    dgxp_image *image = NULL;
    ck_assert_ok(dgxp_image_create(1, 1, NULL, &image));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        ck_assert_refused(dgxp_image_set_text(image, keys[i], "x"), DGXP_ERR_INVALID_ARGUMENT,
                          "key");
    }
    ck_assert_refused(dgxp_image_set_text(image, "k", "\xc3("), DGXP_ERR_INVALID_ARGUMENT, "UTF-8");
    ck_assert_refused(dgxp_image_set_text(image, NULL, "x"), DGXP_ERR_INVALID_ARGUMENT, "key");
    ck_assert_int_eq(dgxp_image_text_count(image), 0);
    dgxp_image_free(image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image");
    TCase *core = tcase_create("core");
    tcase_add_test(core, create_copies_pixels);
    tcase_add_test(core, create_without_pixels_is_transparent_black);
    tcase_add_test(core, copy_is_independent_and_has_texts);
    tcase_add_test(core, texts_are_replaced_removed_and_kept_in_order);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, sizes_are_limited);
    tcase_add_test(limits, texts_are_limited);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, wrong_keys_and_texts_are_refused);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
