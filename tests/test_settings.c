/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* game: dgx-pixels.json as wishes, each with the hash of what it depends on. */
#include "game/settings.h"

#include "px_folder.h"
#include "px_stub.h"

static dgxp_status load(const char *text, px_settings *out)
{
    ck_assert_ok(px_file_write(px_folder_path("dgx-pixels.json"), text, strlen(text)));
    px_project project = {.root = -1};
    dgxp_status status = px_project_open(px_folder, &project);
    status = status == DGXP_OK ? px_settings_load(&project, out) : status;
    px_project_close(&project);
    return status;
}

START_TEST(settings_wishes_lie_over_defaults)
{
    px_settings settings;
    ck_assert_ok(load(
        "{\"format\": 1, \"model\": \"m/a.safetensors\", \"defaults\": {\"steps\": 4, \"size\": "
        "16}, "
        "\"assets\": [{\"path\": \"a.png\", \"subject\": \"a\"},"
        "{\"path\": \"b.png\", \"subject\": \"b\", \"steps\": 5, \"seed\": 7, \"tile\": [8, 8]},"
        "{\"path\": \"w.png\", \"subject\": \"c\", \"animation\": {\"frames\": [{}, {}]}},"
        "{\"path\": \"t.png\", \"subject\": \"d\", \"tileset\": {}}]}",
        &settings));
    ck_assert_uint_eq(settings.count, 4);
    char *model = px_mem_format("%s/m/a.safetensors", px_folder);
    ck_assert_ptr_nonnull(strstr(settings.model, model + strlen("/tmp")));
    px_mem_free(model);
    const px_wish *w = settings.wishes;
    ck_assert_int_eq(json_integer_value(json_object_get(w[0].request, "steps")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(w[1].request, "steps")), 5);
    ck_assert_int_eq(json_integer_value(json_object_get(w[1].request, "seed")), 7);
    /* python3 -c "import hashlib as h; print(int(h.sha256(b'a.png').hexdigest()[:12], 16))" */
    ck_assert_int_eq(json_integer_value(json_object_get(w[0].request, "seed")),
                     INT64_C(139668346994783));
    ck_assert(w[1].tile_width == 8 && w[1].tile_height == 8 && !w[1].array);
    ck_assert(w[2].kind == PX_WISH_ANIMATION && w[3].kind == PX_WISH_TILESET);
    ck_assert_str_eq(w[2].beside[0], "w.json");
    ck_assert_str_eq(w[2].beside[1], "w.aseprite");
    ck_assert_str_eq(w[3].beside[0], "t.tsx");
    px_settings_free(&settings);
}
END_TEST

START_TEST(settings_a_hash_changes_with_what_it_depends_on)
{
    static const char *const texts[] = {
        "{\"format\": 1, \"assets\": [{\"path\": \"a.png\", \"subject\": \"a\"}]}",
        "{\"format\": 1, \"assets\": [{\"path\": \"a.png\", \"subject\": \"b\"}]}",
        "{\"format\": 1, \"model\": \"m\", \"assets\": [{\"path\": \"a.png\", \"subject\": "
        "\"a\"}]}",
        "{\"format\": 1, \"assets\": [{\"path\": \"a.png\", \"subject\": \"a\", \"tile\": [8, "
        "8]}]}",
        "{\"format\": 1, \"assets\": [{\"path\": \"a.png\", \"subject\": \"a\", \"kind\": "
        "\"item\"}]}",
        "{\"format\": 1, \"defaults\": {\"steps\": 9}, \"assets\": [{\"path\": \"a.png\", "
        "\"subject\": \"a\"}]}",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    char hashes[TEXTS][PX_HASH_HEX];
    for (int i = 0; i < TEXTS; i++) {
        px_settings settings;
        for (int again = 0; again < 2; again++) {
            ck_assert_ok(load(texts[i], &settings));
            ck_assert(!again || strcmp(hashes[i], settings.wishes[0].hash) == 0);
            strcpy(hashes[i], settings.wishes[0].hash);
            px_settings_free(&settings);
        }
        for (int k = 0; k < i; k++) {
            ck_assert_msg(strcmp(hashes[i], hashes[k]) != 0, "%s", texts[i]);
        }
    }
}
END_TEST

START_TEST(settings_faults_are_named)
{
#define ASSET(fields) "{\"format\": 1, \"assets\": [{" fields "}]}"
    static const struct {
        const char *text, *part;
    } faults[] = {
        {"", "dgx-pixels.json"},
        {"{}", "'format' is missing"},
        {"{\"format\": 2}", "'format' is 2"},
        {"{\"format\": 1, \"asset\": []}", "asset"},
        {"{\"format\": 1, \"folders\": {\"*\": \"../x\"}}", "folder inside assets/"},
        {"{\"format\": 1, \"defaults\": {\"stepz\": 1}}", "defaults: there is no field 'stepz'"},
        {ASSET("\"subject\": \"a\""), "assets[0].path"},
        {ASSET("\"path\": \"../a.png\", \"subject\": \"a\""), "it must be one inside assets/"},
        {ASSET("\"path\": \"a.gif\", \"subject\": \"a\""), "it must be one inside assets/"},
        {ASSET("\"path\": \"a.png\""), "says not what to paint"},
        {ASSET("\"path\": \"a.png\", \"subject\": \"a\", \"steps\": 0"), "'steps' is 0"},
        {ASSET("\"path\": \"a.png\", \"subject\": \"a\", \"tile\": [-1, 8]"), "tile of -1x8"},
        {ASSET("\"path\": \"a.png\", \"subject\": \"a\", \"kind\": \"animation\""),
         "an animation without frames"},
        {ASSET("\"path\": \"a.png\", \"subject\": \"a\", \"animation\": {\"frames\": [{}]}, "
               "\"tileset\": {}"),
         "an animation and a tile set at once"},
        {ASSET("\"path\": \"a.png\", \"subject\": \"a\", \"tileset\": {\"set\": \"none\"}"),
         "that is a texture"},
        {"{\"format\": 1, \"assets\": [{\"path\": \"a.png\", \"subject\": \"a\"}, {\"path\": "
         "\"A.png\", \"subject\": \"a\"}]}",
         "the path of another asset"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        px_settings settings = {0};
        ck_assert_refused(load(faults[i].text, &settings), DGXP_ERR_BAD_FORMAT, faults[i].part);
        ck_assert_uint_eq(settings.count, 0);
    }
}
END_TEST

int main(void)
{
    px_stub_find();
    Suite *suite = suite_create("settings");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_checked_fixture(malformed, px_folder_make, px_folder_drop);
    tcase_add_test(core, settings_wishes_lie_over_defaults);
    tcase_add_test(core, settings_a_hash_changes_with_what_it_depends_on);
    tcase_add_test(malformed, settings_faults_are_named);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
