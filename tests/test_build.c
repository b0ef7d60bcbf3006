/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* game: a project is built, built again, changed, edited, stopped and taken back. */
#include "px_folder.h"
#include "px_stub.h"

#include <jansson.h>

#define WISHES(subject)                                                                            \
    "{\"format\": 1, \"model\": \"starter\", \"defaults\": {\"steps\": 4, \"size\": [16, 16]}, "   \
    "\"assets\": [{\"path\": \"a.png\", \"subject\": \"" subject "\"}, "                           \
    "{\"path\": \"in/b.png\", \"kind\": \"tile\", \"subject\": \"stone\", \"tile\": [8, 8]}, "     \
    "{\"path\": \"w.png\", \"subject\": \"bat\", \"animation\": {\"frames\": [{}, {}]}}]}"

static void set_up(void)
{
    px_folder_make();
    px_stub_find();
    static const char cargo[] = "[dependencies]\nbevy = { features = [\"file_watcher\"] }\n";
    ck_assert_ok(px_file_write(px_folder_path("Cargo.toml"), cargo, strlen(cargo)));
}

static void write_wishes(const char *text)
{
    ck_assert_ok(px_file_write(px_folder_path("dgx-pixels.json"), text, strlen(text)));
}

/* Builds; checks how many were made, and the state of the first wish before. */
static json_t *build(const dgxp_build_params *extra, int made, const char *state)
{
    dgxp_build_params params = *extra;
    dgxp_document *document = NULL;
    params.project = px_folder;
    ck_assert_ok(dgxp_build(&params, &document));
    json_t *report = json_loads(dgxp_document_text(document), 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(report, "made")), made);
    const json_t *first = json_array_get(json_object_get(report, "files"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "state")), state);
    dgxp_document_free(document);
    return report;
}

START_TEST(build_makes_what_is_missing_or_changed)
{
    dgxp_build_params params = DGXP_BUILD_PARAMS_INIT, dry = params, force = params;
    dry.dry_run = 1;
    force.force = 1;
    write_wishes(WISHES("knight"));
    json_decref(build(&dry, 0, "missing"));
    ck_assert(!px_file_exists(px_folder_path("assets")));
    json_decref(build(&params, 3, "missing"));
    ck_assert(px_file_exists(px_folder_path("assets/in/b.png.meta")));
    ck_assert(px_file_exists(px_folder_path("assets/w.aseprite")));
    json_decref(build(&params, 0, "current"));
    write_wishes(WISHES("king"));
    json_decref(build(&params, 1, "changed"));
    ck_assert_ok(px_file_write(px_folder_path("assets/a.png"), "mine", 4));
    json_t *report = build(&params, 0, "edited");
    const json_t *warnings = json_object_get(report, "warnings");
    ck_assert_uint_eq(json_array_size(warnings), 1);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(warnings, 0)), "`force`"));
    json_decref(report);
    px_folder_expect("assets/a.png", "mine");
    json_decref(build(&force, 1, "edited"));
}
END_TEST

static int32_t stop_at_the_second(const char *path, int32_t done, int32_t count, void *user_data)
{
    *(int *)user_data += 1;
    ck_assert(path && count == 3);
    return done == 1;
}

START_TEST(build_that_was_stopped_goes_on)
{
    dgxp_build_params params = DGXP_BUILD_PARAMS_INIT;
    dgxp_document *document = NULL;
    int asked = 0;
    write_wishes(WISHES("knight"));
    params.project = px_folder;
    params.asset = stop_at_the_second;
    params.user_data = &asked;
    ck_assert_status(dgxp_build(&params, &document), DGXP_ERR_CANCELLED);
    ck_assert_ptr_nonnull(strstr(dgxp_document_text(document), "\"made\": 1"));
    dgxp_document_free(document);
    ck_assert_int_eq(asked, 2);
    params.asset = NULL;
    json_decref(build(&params, 2, "current"));
}
END_TEST

START_TEST(build_is_taken_back_step_by_step)
{
    const dgxp_build_params params = DGXP_BUILD_PARAMS_INIT;
    dgxp_document *document = NULL;
    write_wishes(WISHES("knight"));
    json_decref(build(&params, 3, "missing"));
    ck_assert_ok(px_file_write(px_folder_path("assets/w.png"), "mine", 4));
    ck_assert_refused(dgxp_deploy_undo(px_folder, 0, &document), DGXP_ERR_MISMATCH,
                      "`undo` with `force`");
    for (int i = 0; i < 3; i++) {
        ck_assert_ok(dgxp_deploy_undo(px_folder, 1, &document));
        dgxp_document_free(document);
    }
    ck_assert(!px_file_exists(px_folder_path("assets/a.png")));
    ck_assert(!px_file_exists(px_folder_path("assets/w.png")));
    ck_assert_status(dgxp_deploy_undo(px_folder, 1, &document), DGXP_ERR_NOT_FOUND);
}
END_TEST

START_TEST(build_init_and_describe)
{
    dgxp_document *document = NULL;
    dgxp_build_params dry = DGXP_BUILD_PARAMS_INIT;
    dry.dry_run = 1;
    ck_assert_ok(dgxp_project_init(px_folder));
    ck_assert_refused(dgxp_project_init(px_folder), DGXP_ERR_INVALID_ARGUMENT, "is there already");
    ck_assert_ok(dgxp_project_describe(px_folder, &document));
    ck_assert_ptr_nonnull(strstr(dgxp_document_text(document), "sprites/knight.png"));
    dgxp_document_free(document);
    json_decref(build(&dry, 0, "missing"));
    ck_assert_status(dgxp_project_init_bevy(px_folder_path("none"), &document),
                     DGXP_ERR_NOT_FOUND); /* no game; tests/game has one that is built by cargo */
    ck_assert_refused(dgxp_project_describe(px_folder_path("none"), &document), DGXP_ERR_NOT_FOUND,
                      "none");
}
END_TEST

/* Answers each question with `text`, in which @ stands for the pixels that it is said to have. */
typedef struct stage_game {
    const char *text, *reason;
    char pixels[65], answer[512];
    int asked;
} stage_game;

static void answer(const char *request, dgxp_game_answer *out, void *user_data)
{
    stage_game *game = user_data;
    ck_assert_ptr_nonnull(strstr(request, "red.png"));
    game->asked++;
    out->nobody = !game->text && !game->reason;
    out->reason = game->reason;
    if (game->text) {
        const char *mark = strchr(game->text, '@');
        snprintf(game->answer, sizeof game->answer, "%.*s%s%s", (int)strcspn(game->text, "@"),
                 game->text, mark ? game->pixels : "", mark ? mark + 1 : "");
        out->text = game->answer;
        out->size = strlen(game->answer);
    }
}

static json_t *deploy_red(const dgxp_game *game, bool dry)
{
    static uint8_t red[8 * 8 * 4];
    dgxp_image *image = NULL;
    dgxp_document *document = NULL;
    dgxp_deploy_params params = DGXP_DEPLOY_PARAMS_INIT;
    dgxp_deploy_file file = {.path = "red.png"};
    uint8_t *bytes = NULL;
    red[0] = red[3] = 255;
    ck_assert_ok(dgxp_image_create(8, 8, red, &image));
    ck_assert_ok(dgxp_image_encode(image, NULL, &bytes, &file.size));
    file.bytes = bytes;
    params.project = px_folder;
    params.game = game;
    params.dry_run = dry;
    ck_assert_ok(dgxp_deploy(&file, 1, &params, &document));
    json_t *report = json_loads(dgxp_document_text(document), 0, NULL);
    dgxp_document_free(document);
    dgxp_bytes_free(bytes);
    dgxp_image_free(image);
    return report;
}

static const char *text_in(const json_t *report, const char *key)
{
    const json_t *file = json_array_get(json_object_get(report, "files"), 0);
    return json_string_value(json_object_get(json_object_get(file, "confirmed"), key));
}

#define LOADED                                                                                     \
    "{\"result\": {\"watching\": true, \"images\": [{\"path\": \"red.png\", \"state\": "           \
    "\"loaded\", "                                                                                 \
    "\"hash\": \"@\", \"layers\": 1, \"width\": 8, \"height\": 8, \"generation\": 2}]}}"

START_TEST(build_asks_the_running_game)
{
    static const struct {
        const char *text, *reason, *state, *part;
        bool all;
    } cases[] = {
        {LOADED, NULL, "confirmed", "has the new pixels", true},
        {"{\"result\": {\"images\": []}}", NULL, "unconfirmed", "has not loaded this path", false},
        {"{\"error\": {\"code\": -32601, \"message\": \"no\"}}", NULL, "unconfirmed",
         "without the plugin", false},
        {"{\"error\": {\"code\": 1, \"message\": \"tired\"}}", NULL, "unconfirmed", "tired", false},
        {"hello", NULL, "unconfirmed", "does not speak the Bevy Remote Protocol", false},
        {NULL, "the line is cut", "unconfirmed", "the line is cut", false},
        {NULL, NULL, "unconfirmed", "no game answers", false},
    };
    stage_game told = {0};
    dgxp_game game = DGXP_GAME_INIT;
    game.ask = answer;
    game.user_data = &told;
    json_t *report = deploy_red(&game, true);
    ck_assert_int_eq(told.asked, 0); /* a dry run asks nobody */
    const json_t *file = json_array_get(json_object_get(report, "files"), 0);
    snprintf(told.pixels, sizeof told.pixels, "%s",
             json_string_value(json_object_get(file, "pixels")));
    json_decref(report);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        told.text = cases[i].text;
        told.reason = cases[i].reason;
        told.asked = 0;
        report = deploy_red(&game, false);
        ck_assert_str_eq(text_in(report, "state"), cases[i].state);
        ck_assert_ptr_nonnull(strstr(text_in(report, "reason"), cases[i].part));
        ck_assert_int_eq(json_is_true(json_object_get(report, "confirmed")), cases[i].all);
        ck_assert_int_ge(told.asked, 1);
        json_decref(report);
    }
    dgxp_build_params params = DGXP_BUILD_PARAMS_INIT;
    write_wishes("{\"format\": 1, \"model\": \"starter\", \"defaults\": {\"steps\": 1}, "
                 "\"assets\": [{\"path\": \"red.png\", \"subject\": \"x\"}]}");
    params.game = &game;
    params.force = 1;
    report = build(&params, 1, "edited");
    ck_assert_str_eq(text_in(report, "state"), "unconfirmed");
    ck_assert(json_is_false(json_object_get(report, "confirmed")));
    json_decref(report);
    game.ask = NULL;
    dgxp_document *document = NULL;
    params.project = px_folder;
    ck_assert_refused(dgxp_build(&params, &document), DGXP_ERR_INVALID_ARGUMENT, "ask is NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("build");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, set_up, px_folder_drop);
    tcase_set_timeout(core, 60);
    tcase_add_test(core, build_makes_what_is_missing_or_changed);
    tcase_add_test(core, build_that_was_stopped_goes_on);
    tcase_add_test(core, build_is_taken_back_step_by_step);
    tcase_add_test(core, build_asks_the_running_game);
    tcase_add_test(core, build_init_and_describe);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
