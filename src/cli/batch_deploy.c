/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Batches for a game: painted outside its assets, deployed when all is there. */
#include "cli/batch_deploy.h"

#include "cli/deploy.h"
#include "cli/inputs.h"

#include <dirent.h>
#include <ftw.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAGINGS ".dgx-pixels/batch"

enum { STAGINGS_LIMIT = 10000 };

static bool has_cargo(const char *folder)
{
    char *path = cli_format("%s/Cargo.toml", folder);
    const bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* The path with its links followed, as far as it is there; what follows is appended as it is. */
static char *real_path(const char *path)
{
    char *copy = cli_format("%s", path);
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--) {
        copy[length - 1] = '\0';
    }
    char *real = realpath(copy, NULL);
    if (!real) {
        char *slash = strrchr(copy, '/');
        const char *name = slash ? slash + 1 : copy;
        char *folder = slash ? cli_format("%.*s", (int)(slash - copy) + 1, copy) : cli_format(".");
        char *parent = realpath(folder, NULL);
        real = parent ? cli_format("%s/%s", parent, name) : NULL;
        free(parent);
        free(folder);
    }
    free(copy);
    return real;
}

/* PROJECT/assets/FOLDER, where PROJECT has a Cargo.toml. */
static bool find_assets(const char *output, char **root, char **folder)
{
    char *real = output ? real_path(output) : NULL;
    for (char *at = real ? strstr(real, "/assets") : NULL; at; at = strstr(at + 1, "/assets")) {
        const char *rest = at + strlen("/assets");
        char *prefix = cli_format("%.*s", (int)(at - real), real);
        if ((*rest == '/' || *rest == '\0') && has_cargo(prefix)) {
            *root = prefix;
            *folder = cli_format("%s", *rest ? rest + 1 : "");
            free(real);
            return true;
        }
        free(prefix);
    }
    free(real);
    return false;
}

static char *find_upwards(void)
{
    char *folder = realpath(".", NULL);
    while (folder && !has_cargo(folder)) {
        char *slash = strrchr(folder, '/');
        if (!slash || slash == folder) {
            free(folder);
            return NULL;
        }
        *slash = '\0';
    }
    return folder;
}

int cli_batch_deploy_prepare(cli_batch_deploy *self, const char *output)
{
    if (find_assets(output, &self->root, &self->folder)) {
        self->wanted = true;
    } else if (self->wanted) {
        self->root = self->project ? realpath(self->project, NULL) : find_upwards();
        self->folder = cli_format("%s", self->to ? self->to : "sprites");
        if (!self->root) {
            fprintf(stderr, "dgx-pixels: --deploy: no Bevy project %s: give --project DIR\n",
                    self->project ? self->project : "from here upwards");
            return CLI_NOT_FOUND;
        }
        for (size_t length = strlen(self->folder); length && self->folder[length - 1] == '/';) {
            self->folder[--length] = '\0';
        }
    }
    if (!self->wanted) {
        return CLI_OK;
    }
    char *above = cli_format("%s/" STAGINGS, self->root);
    const int code = cli_make_folders(above);
    free(above);
    return code;
}

/* ------------------------------------------------------------------------------------ staging */

/* "heroes", "heroes-2" … below .dgx-pixels/batch/ */
static char *staging_name(const cli_batch_deploy *self, int number)
{
    return number == 1 ? cli_format("%s", self->base) : cli_format("%s-%d", self->base, number);
}

static char *base_name(const cli_batch_deploy *self, const char *manifest)
{
    char *name = cli_format("%s", *self->folder ? self->folder : cli_base(manifest));
    for (char *c = name; *c; c++) {
        *c = *c == '/' ? '-' : *c;
    }
    char *path = cli_format("%s/" STAGINGS "/%s", self->root, name);
    free(name);
    return path;
}

/* The highest number of a staging folder for this place; 0 = there is none. */
static int last_number(const cli_batch_deploy *self)
{
    const char *name = cli_base(self->base);
    const size_t length = strlen(name);
    char *folder = cli_format("%.*s", (int)(name - self->base), self->base);
    DIR *list = opendir(folder);
    int last = 0;
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (strncmp(entry->d_name, name, length) == 0) {
            const char *rest = entry->d_name + length;
            char *end = NULL;
            const long number = *rest == '-' ? strtol(rest + 1, &end, 10) : *rest == '\0';
            const bool ours = number > 0 && number <= STAGINGS_LIMIT && (!end || !*end);
            last = ours && number > last ? (int)number : last;
        }
    }
    if (list) {
        closedir(list);
    }
    free(folder);
    return last;
}

/* Empty, in a staging folder that is whole and deployed. */
static char *mark_of(const char *staging)
{
    return cli_format("%s/.dgx-pixels/deployed", staging);
}

static dgxp_status try_open(cli_batch_deploy *self, int number, dgxp_batch_params *params,
                            dgxp_batch **out)
{
    free(self->staging);
    self->staging = staging_name(self, number);
    params->output = self->staging;
    return dgxp_batch_open(params, out);
}

/* The latest folder that takes this batch; DGXP_ERR_MISMATCH when none does. */
static dgxp_status open_one_there(cli_batch_deploy *self, dgxp_batch_params *params, int *unused,
                                  dgxp_batch **out)
{
    dgxp_status status = DGXP_ERR_MISMATCH;
    const int last = last_number(self);
    *unused = last + 1;
    for (int number = last; number > 0 && status == DGXP_ERR_MISMATCH; number--) {
        char *staging = staging_name(self, number);
        if (cli_is_folder(staging)) {
            status = try_open(self, number, params, out);
        } else {
            *unused = number;
        }
        free(staging);
    }
    return status;
}

/*
 * Those that are there come first, for one of them may be this batch begun earlier.  Its own list
 * before another one of which some lines are the same: only `resume` takes the second.
 */
dgxp_status cli_batch_deploy_open(cli_batch_deploy *self, dgxp_batch_params *params,
                                  dgxp_batch **out)
{
    self->base = base_name(self, params->manifest);
    const int32_t resume = params->resume;
    int unused = 1;
    params->resume = 0;
    dgxp_status status = open_one_there(self, params, &unused, out);
    params->resume = resume;
    if (resume && status == DGXP_ERR_MISMATCH) {
        status = open_one_there(self, params, &unused, out);
    } else if (resume && status == DGXP_ERR_INVALID_ARGUMENT) { /* holds some of it already */
        status = dgxp_batch_open(params, out);
    }
    status = status == DGXP_ERR_MISMATCH ? try_open(self, unused, params, out) : status;
    if (status == DGXP_OK) {
        char *mark = mark_of(self->staging);
        remove(mark); /* until all of it is there again */
        free(mark);
    }
    return status;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

/* What was deployed from them is in the game and in its history. */
static void remove_earlier(const cli_batch_deploy *self)
{
    for (int number = last_number(self); number > 0; number--) {
        char *staging = staging_name(self, number), *mark = mark_of(staging);
        if (strcmp(staging, self->staging) != 0 && access(mark, F_OK) == 0) {
            nftw(staging, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
        free(mark);
        free(staging);
    }
}

static void put_mark(const cli_batch_deploy *self)
{
    char *mark = mark_of(self->staging);
    FILE *file = fopen(mark, "we");
    if (file) {
        fclose(file);
    }
    free(mark);
}

/* --------------------------------------------------------------------------------- deployment */

static int is_png(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && cli_has_suffix(entry->d_name, ".png") &&
           strcmp(entry->d_name, "contact.png") != 0;
}

/* Of hundreds of pictures those count that the game does not have. */
static void print_unconfirmed(const json_t *report, bool quiet)
{
    size_t i;
    int asked = 0, confirmed = 0;
    json_t *file;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        const json_t *answer = json_object_get(file, "confirmed");
        const char *state = json_string_value(json_object_get(answer, "state"));
        asked += state != NULL;
        if (state && strcmp(state, "confirmed") == 0) {
            confirmed++;
        } else if (state) {
            fprintf(stderr, "%s: %s: %s\n", json_string_value(json_object_get(file, "path")), state,
                    cli_plain(json_string_value(json_object_get(answer, "reason"))));
        }
    }
    if (asked && !quiet) {
        fprintf(stderr, "the running game has %d of %d\n", confirmed, asked);
    }
}

int cli_batch_deploy_finish(const cli_batch_deploy *self, bool whole, bool quiet)
{
    struct dirent **entries = NULL;
    const int count = scandir(self->staging, &entries, is_png, versionsort);
    if (count <= 0) {
        free(entries);
        return CLI_OK;
    }
    dgxp_deploy_file *files = cli_zero((size_t)count, sizeof *files);
    char **paths = cli_zero((size_t)count, sizeof *paths);
    for (int i = 0; i < count; i++) {
        paths[i] = cli_format("%s/%s", self->staging, entries[i]->d_name);
        files[i].path = paths[i];
        free(entries[i]);
    }
    free(entries);
    dgxp_deploy_params params = DGXP_DEPLOY_PARAMS_INIT;
    char *to = cli_format("%s/", self->folder);
    json_t *report = NULL;
    bool confirmed = true;
    params.project = self->root;
    params.to = *self->folder ? to : NULL;
    params.force = self->force;
    const dgxp_status status =
        cli_deploy_files(files, count, &params, self->brp, &report, &confirmed);
    if (status == DGXP_OK && !quiet) {
        fprintf(stderr, "deployed %d picture%s: asset_server.load(\"%s%s\")%s\n", count,
                count == 1 ? "" : "s", params.to ? to : "", cli_base(paths[0]),
                count == 1 ? "" : " …");
    }
    if (status == DGXP_OK) {
        cli_print_list(report, "warnings", "warning");
        print_unconfirmed(report, quiet);
    }
    if (status == DGXP_OK && whole) {
        put_mark(self);
        remove_earlier(self);
    }
    json_decref(report);
    for (int i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    free(files);
    free(to);
    return status != DGXP_OK ? cli_fail(status) : confirmed ? CLI_OK : CLI_SOME_FAILED;
}

void cli_batch_deploy_free(cli_batch_deploy *self)
{
    free(self->root);
    free(self->folder);
    free(self->base);
    free(self->staging);
}
