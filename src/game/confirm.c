/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether a running game has the new pixels (docs/deploy.md). */
#include "game/confirm.h"

#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/params.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double patience = 5; /* seconds; Bevy's watcher waits 0.3 s for silence */

enum { METHOD_NOT_FOUND = -32601 };

struct px_confirm {
    dgxp_game game;
    char *assets;     /* the folder that was deployed into */
    json_t *before;   /* path to generation */
    char reason[512]; /* why the last call failed */
};

/* ------------------------------------------------------------ the Bevy Remote Protocol: JSON-RPC */

typedef enum outcome {
    OUTCOME_OK,
    OUTCOME_NO_GAME,   /* nobody listens there */
    OUTCOME_NO_METHOD, /* a game, but it does not know the method */
    OUTCOME_FAILED     /* a game that answered with an error, or something that is no game */
} outcome;

static outcome read_answer(px_confirm *confirm, const dgxp_game_answer *told, json_t **result)
{
    json_t *answer = json_loadb(told->text, told->size, 0, NULL);
    const json_t *failure = json_object_get(answer, "error");
    json_t *value = json_object_get(answer, "result");
    outcome found = OUTCOME_FAILED;
    if (failure) {
        const char *message = json_string_value(json_object_get(failure, "message"));
        const json_int_t code = json_integer_value(json_object_get(failure, "code"));
        px_number_print(confirm->reason, sizeof confirm->reason, "%s",
                        message ? message : "an error");
        found = code == METHOD_NOT_FOUND ? OUTCOME_NO_METHOD : OUTCOME_FAILED;
    } else if (value) {
        *result = json_incref(value);
        found = OUTCOME_OK;
    } else {
        px_number_print(confirm->reason, sizeof confirm->reason,
                        "what listens there does not speak the Bevy Remote Protocol");
    }
    json_decref(answer);
    return found;
}

/* `*result` is yours on OUTCOME_OK; else the reason is in `confirm`. */
static outcome call(px_confirm *confirm, const char *method, const char *path, json_t **result)
{
    json_t *request = json_pack("{ss, si, ss, s{ss}}", "jsonrpc", "2.0", "id", 1, "method", method,
                                "params", "path", path);
    char *body = request ? px_json_print(request) : NULL;
    dgxp_game_answer answer = {.struct_size = sizeof answer};
    json_decref(request);
    px_number_print(confirm->reason, sizeof confirm->reason, "out of memory");
    if (!body) {
        return OUTCOME_FAILED;
    }
    confirm->game.ask(body, &answer, confirm->game.user_data);
    px_mem_free(body);
    if (answer.text) {
        return read_answer(confirm, &answer, result);
    }
    px_number_print(confirm->reason, sizeof confirm->reason, "%s",
                    answer.reason ? answer.reason : "no answer came");
    return answer.nobody ? OUTCOME_NO_GAME : OUTCOME_FAILED;
}

/* ------------------------------------------------------------------------------- what it holds */

/* Where the game's pictures come from, as far as it says so. */
typedef enum origin { ORIGIN_UNKNOWN, ORIGIN_SAME, ORIGIN_OTHER } origin;

typedef struct about {
    bool watching;
    origin origin;
    char assets[400];
} about;

static origin compare_folders(const char *told, const char *ours)
{
    char *there = told ? realpath(told, NULL) : NULL, *here = ours ? realpath(ours, NULL) : NULL;
    const origin found = !there || !here            ? ORIGIN_UNKNOWN
                         : strcmp(there, here) == 0 ? ORIGIN_SAME
                                                    : ORIGIN_OTHER;
    free(there);
    free(here);
    return found;
}

/* What the game says of one image; NULL when it has none of that path. */
static json_t *ask(px_confirm *confirm, const char *path, about *game, outcome *told)
{
    json_t *result = NULL, *image, *held = NULL;
    size_t i;
    *told = call(confirm, "dgx_pixels/status", path, &result);
    json_array_foreach(json_object_get(result, "images"), i, image)
    {
        const char *name = json_string_value(json_object_get(image, "path"));
        if (name && strcmp(name, path) == 0) {
            held = json_incref(image);
        }
    }
    const char *assets = json_string_value(json_object_get(result, "assets"));
    game->watching = json_is_true(json_object_get(result, "watching"));
    game->origin = compare_folders(assets, confirm->assets);
    px_number_print(game->assets, sizeof game->assets, "%s", assets ? assets : "");
    json_decref(result);
    return held;
}

static const char *path_of(const json_t *file)
{
    return json_string_value(json_object_get(file, "path"));
}

dgxp_status px_confirm_read(const dgxp_game *given, dgxp_game *game)
{
    const dgxp_status status = px_params_read("dgxp_game", given, game, sizeof *game);
    return status == DGXP_OK && given && !game->ask
               ? px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_game: ask is NULL")
               : status;
}

dgxp_status px_confirm_begin(const dgxp_game *given, const json_t *report, px_confirm **out)
{
    *out = NULL;
    if (!given) {
        return DGXP_OK;
    }
    px_confirm *confirm = px_mem_zero(1, sizeof *confirm);
    size_t i;
    json_t *file;
    const dgxp_status status =
        confirm ? px_confirm_read(given, &confirm->game) : px_error_memory("a running game");
    if (status != DGXP_OK) {
        px_mem_free(confirm);
        return status;
    }
    const char *project = json_string_value(json_object_get(report, "project"));
    const char *assets = json_string_value(json_object_get(report, "assets"));
    confirm->before = json_object();
    confirm->assets = project && assets ? px_file_join(project, assets) : NULL;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        about game;
        outcome found = OUTCOME_OK;
        if (!px_file_has_suffix(path_of(file), "png")) {
            continue;
        }
        json_t *image = ask(confirm, path_of(file), &game, &found);
        if (image) {
            json_object_set(confirm->before, path_of(file), json_object_get(image, "generation"));
        }
        json_decref(image);
        if (found == OUTCOME_NO_GAME) {
            break; /* nobody is there: the others need not wait for it */
        }
    }
    *out = confirm;
    return DGXP_OK;
}

typedef struct answer {
    bool confirmed, waiting; /* it has them; it has not asked for them yet */
    char state[16], reason[640];
} answer;

static void explain(answer *a, const char *state, const char *reason)
{
    px_number_print(a->state, sizeof a->state, "%s", state);
    px_number_print(a->reason, sizeof a->reason, "%s", reason);
}

static json_int_t integer_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* The same bytes may be another kind of texture: an array of tiles, or one picture. */
static bool has_shape(const json_t *image, const json_t *file)
{
    return integer_of(image, "layers") == integer_of(file, "layers") &&
           (integer_of(file, "layers") > 1 ||
            (integer_of(image, "width") == integer_of(file, "width") &&
             integer_of(image, "height") == integer_of(file, "height")));
}

static bool has_pixels(const json_t *image, const json_t *file)
{
    const char *hash = json_string_value(json_object_get(image, "hash"));
    const char *wanted = json_string_value(json_object_get(file, "pixels"));
    const char *state = json_string_value(json_object_get(image, "state"));
    return hash && wanted && state && strcmp(state, "loaded") == 0 && strcmp(hash, wanted) == 0 &&
           has_shape(image, file);
}

/* The last thing that the game said of it, as a reason. */
static void explain_image(answer *a, const json_t *image, bool watching, json_int_t before)
{
    const char *error = json_string_value(json_object_get(image, "error"));
    const char *state = json_string_value(json_object_get(image, "state"));
    const json_int_t now = json_integer_value(json_object_get(image, "generation"));
    if (error) {
        char text[600];
        px_number_print(text, sizeof text, "the game could not load it: %s", error);
        explain(a, "unconfirmed", text);
    } else if (state && strcmp(state, "loading") == 0) {
        explain(a, "unconfirmed", "the game is still loading it");
    } else if (json_is_null(json_object_get(image, "hash"))) {
        explain(a, "unconfirmed",
                "the game's pixels cannot be read: they are not RGBA8 or only on "
                "the GPU (RenderAssetUsages without MAIN_WORLD)");
    } else if (now > before) {
        explain(a, "unconfirmed",
                "the game reloaded it, but has other pixels: was it deployed into "
                "the assets of that game?");
    } else if (!watching) {
        explain(a, "unconfirmed",
                "the game does not watch its files (Bevy's feature file_watcher) "
                "and did not reload it when it was asked to");
    } else {
        explain(a, "unconfirmed",
                "the game watches its files but did not reload it: does it run "
                "from another folder?");
    }
}

/* A game that has not loaded the path: it may not have come to it yet, or be another game. */
static void explain_absence(answer *a, const json_t *file, const about *game)
{
    const char *action = json_string_value(json_object_get(file, "action"));
    if (game->origin == ORIGIN_OTHER) {
        char text[600];
        px_number_print(
            text, sizeof text,
            "another game answers, whose assets are in %s; name the address of yours (`brp`)",
            game->assets);
        explain(a, "unconfirmed", text);
        return;
    }
    a->waiting = game->origin == ORIGIN_SAME || (action && strcmp(action, "new") == 0);
    explain(a, a->waiting ? "waiting" : "unconfirmed",
            "the game has not loaded this path; it will find the new file when it does");
}

/* Poll until the pixels are there or patience ends; the last answer stays in `a`. */
static bool wait_for(px_confirm *confirm, const json_t *file, json_int_t before, answer *a)
{
    const double began = px_clock_now();
    const struct timespec pause = {0, 100000000};
    while (!px_cancel_fired(confirm->game.cancel)) {
        about game;
        outcome found = OUTCOME_OK;
        json_t *image = ask(confirm, path_of(file), &game, &found);
        a->confirmed = image && has_pixels(image, file);
        if (a->confirmed) {
            explain(a, "confirmed", "the game has the new pixels");
        } else if (found == OUTCOME_NO_GAME) {
            explain(a, "unconfirmed",
                    "no game answers: start it with RemotePlugin and "
                    "RemoteHttpPlugin, or name its address (`brp`)");
        } else if (found == OUTCOME_NO_METHOD) {
            explain(a, "unconfirmed",
                    "the game runs without the plugin DgxPixelsPlugin (crate "
                    "dgx-pixels-bevy, feature brp); its watcher may have "
                    "reloaded the file");
        } else if (found == OUTCOME_FAILED) {
            explain(a, "unconfirmed", confirm->reason);
        } else if (!image) {
            explain_absence(a, file, &game);
        } else {
            explain_image(a, image, game.watching, before);
        }
        json_decref(image);
        if (a->confirmed || found != OUTCOME_OK || !image || px_clock_now() - began > patience) {
            return a->confirmed;
        }
        nanosleep(&pause, NULL);
    }
    explain(a, "unconfirmed", "interrupted");
    return false;
}

static bool confirm_file(px_confirm *confirm, json_t *file)
{
    const json_int_t before = json_integer_value(json_object_get(confirm->before, path_of(file)));
    answer a = {.state = "unconfirmed", .reason = "out of memory"};
    if (!wait_for(confirm, file, before, &a) && !a.waiting) {
        json_t *result = NULL;
        const outcome found = call(confirm, "dgx_pixels/reload", path_of(file), &result);
        if (found == OUTCOME_OK && json_is_true(json_object_get(result, "known"))) {
            if (wait_for(confirm, file, before, &a)) {
                explain(&a, "confirmed",
                        "the game has the new pixels, after it was asked to reload");
            }
        }
        json_decref(result);
    }
    json_t *told = json_object();
    px_json_put_text(told, "state", a.state);
    px_json_put_text(told, "reason", a.reason);
    px_json_put(file, "confirmed", told);
    return a.confirmed || a.waiting;
}

void px_confirm_end(px_confirm *confirm, json_t *report)
{
    bool all = true;
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        if (confirm && json_object_get(file, "pixels")) {
            all = confirm_file(confirm, file) && all;
        }
    }
    if (confirm) {
        px_json_put_boolean(report, "confirmed", all);
    }
}

void px_confirm_free(px_confirm *confirm)
{
    if (confirm) {
        json_decref(confirm->before);
        px_mem_free(confirm->assets);
        px_mem_free(confirm);
    }
}
