/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whether a running game has the new pixels (docs/deploy.md). */
#include "cli/confirm.h"

#include "cli/brp.h"
#include "cli/inputs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double patience = 5; /* seconds; Bevy's watcher waits 0.3 s for silence */

struct cli_confirm {
    brp_client *client;
    char *assets;   /* the folder that was deployed into */
    json_t *before; /* path to generation */
};

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
static json_t *ask(const cli_confirm *confirm, const char *path, about *game, brp_outcome *outcome)
{
    json_t *result = NULL, *image, *found = NULL;
    size_t i;
    *outcome =
        brp_call(confirm->client, "dgx_pixels/status", json_pack("{ss}", "path", path), &result);
    json_array_foreach(json_object_get(result, "images"), i, image)
    {
        const char *name = json_string_value(json_object_get(image, "path"));
        if (name && strcmp(name, path) == 0) {
            found = json_incref(image);
        }
    }
    const char *assets = json_string_value(json_object_get(result, "assets"));
    game->watching = json_is_true(json_object_get(result, "watching"));
    game->origin = compare_folders(assets, confirm->assets);
    snprintf(game->assets, sizeof game->assets, "%s", assets ? assets : "");
    json_decref(result);
    return found;
}

static const char *path_of(const json_t *file)
{
    return json_string_value(json_object_get(file, "path"));
}

cli_confirm *cli_confirm_begin(const char *url, const json_t *report)
{
    cli_confirm *confirm = cli_zero(1, sizeof *confirm);
    size_t i;
    json_t *file;
    confirm->client = brp_open(url);
    confirm->before = json_object();
    const char *project = json_string_value(json_object_get(report, "project"));
    const char *assets = json_string_value(json_object_get(report, "assets"));
    confirm->assets = project && assets ? cli_format("%s/%s", project, assets) : NULL;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        about game;
        brp_outcome outcome = BRP_OK;
        if (!confirm->client || !cli_has_suffix(path_of(file), ".png")) {
            continue;
        }
        json_t *image = ask(confirm, path_of(file), &game, &outcome);
        if (image) {
            json_object_set(confirm->before, path_of(file), json_object_get(image, "generation"));
        }
        json_decref(image);
        if (outcome == BRP_NO_APP) {
            break; /* nobody is there: the others need not wait for it */
        }
    }
    return confirm;
}

typedef struct answer {
    bool confirmed, waiting; /* it has them; it has not asked for them yet */
    char state[16], reason[640];
} answer;

static void explain(answer *a, const char *state, const char *reason)
{
    snprintf(a->state, sizeof a->state, "%s", state);
    snprintf(a->reason, sizeof a->reason, "%s", reason);
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
        snprintf(text, sizeof text, "the game could not load it: %s", error);
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
        snprintf(text, sizeof text,
                 "another game answers, whose assets are in %s; name the address of yours (--brp)",
                 game->assets);
        explain(a, "unconfirmed", text);
        return;
    }
    a->waiting = game->origin == ORIGIN_SAME || (action && strcmp(action, "new") == 0);
    explain(a, a->waiting ? "waiting" : "unconfirmed",
            "the game has not loaded this path; it will find the new file when it does");
}

/* Poll until the pixels are there or patience ends; the last answer stays in `a`. */
static bool wait_for(const cli_confirm *confirm, const json_t *file, json_int_t before, answer *a)
{
    const double began = cli_now();
    while (!dgxp_cancel_fired(cli_cancel())) {
        about game;
        brp_outcome outcome;
        json_t *image = ask(confirm, path_of(file), &game, &outcome);
        a->confirmed = image && has_pixels(image, file);
        if (a->confirmed) {
            explain(a, "confirmed", "the game has the new pixels");
        } else if (outcome == BRP_NO_APP) {
            explain(a, "unconfirmed",
                    "no game answers: start it with RemotePlugin and "
                    "RemoteHttpPlugin, or name its address (--brp)");
        } else if (outcome == BRP_NO_METHOD) {
            explain(a, "unconfirmed",
                    "the game runs without the plugin DgxPixelsPlugin (crate "
                    "dgx-pixels-bevy, feature brp); its watcher may have "
                    "reloaded the file");
        } else if (outcome == BRP_FAILED) {
            explain(a, "unconfirmed", brp_reason(confirm->client));
        } else if (!image) {
            explain_absence(a, file, &game);
        } else {
            explain_image(a, image, game.watching, before);
        }
        json_decref(image);
        if (a->confirmed || outcome != BRP_OK || !image || cli_now() - began > patience) {
            return a->confirmed;
        }
        usleep(100000);
    }
    explain(a, "unconfirmed", "interrupted");
    return false;
}

static bool confirm_file(const cli_confirm *confirm, json_t *file)
{
    const json_int_t before = json_integer_value(json_object_get(confirm->before, path_of(file)));
    answer a = {.state = "unconfirmed", .reason = "out of memory"};
    if (confirm->client && !wait_for(confirm, file, before, &a) && !a.waiting) {
        json_t *result = NULL;
        const brp_outcome outcome = brp_call(confirm->client, "dgx_pixels/reload",
                                             json_pack("{ss}", "path", path_of(file)), &result);
        if (outcome == BRP_OK && json_is_true(json_object_get(result, "known"))) {
            if (wait_for(confirm, file, before, &a)) {
                explain(&a, "confirmed",
                        "the game has the new pixels, after it was asked to reload");
            }
        }
        json_decref(result);
    }
    json_object_set_new(file, "confirmed",
                        json_pack("{ss, ss}", "state", a.state, "reason", a.reason));
    return a.confirmed || a.waiting;
}

bool cli_confirm_end(cli_confirm *confirm, json_t *report)
{
    bool all = true;
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        if (json_object_get(file, "pixels")) {
            all = confirm_file(confirm, file) && all;
        }
    }
    brp_close(confirm->client);
    json_decref(confirm->before);
    free(confirm->assets);
    free(confirm);
    return all;
}
