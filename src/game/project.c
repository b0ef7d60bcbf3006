/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The game's folder: where it is, what its Cargo.toml says, its settings. */
#include "game/project.h"

#include "core/beneath.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETTINGS_LIMIT = 16 << 20, CARGO_LIMIT = 4 << 20 };

static bool holds(const char *folder, const char *name)
{
    char *path = px_file_join(folder, name);
    const bool there = path && px_file_exists(path);
    px_mem_free(path);
    return there;
}

bool px_project_has_line(const char *text, const char *start)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

/* The text of a folder's Cargo.toml in a new string; NULL where there is none that can be read. */
static char *read_cargo(const char *folder)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *path = px_file_join(folder, "Cargo.toml");
    if (!path || px_file_read(path, CARGO_LIMIT, &bytes, &size) != DGXP_OK) {
        px_error_clear();
    }
    px_mem_free(path);
    return (char *)bytes;
}

/* A Cargo.toml that is no more than the list of a workspace's members is no game; one that cannot
 * be read may be one. */
static bool holds_package(const char *folder)
{
    char *text = read_cargo(folder);
    const bool package =
        text ? !px_project_has_line(text, "[workspace") || px_project_has_line(text, "[package]")
             : holds(folder, "Cargo.toml");
    px_mem_free(text);
    return package;
}

static bool is_project(const char *folder)
{
    return holds(folder, PX_PROJECT_FILE) || holds_package(folder);
}

static dgxp_status refuse_missing(const char *folder, bool searched)
{
    const char *what = holds(folder, "Cargo.toml") ? "is a workspace's folder and no game"
                       : searched ? "no Cargo.toml and no " PX_PROJECT_FILE
                                    " here or in any folder above"
                                  : "no Cargo.toml and no " PX_PROJECT_FILE " here";
    return px_error_set(DGXP_ERR_NOT_FOUND,
                        "%s: %s; name the game's folder (`project`), or run `dgx-pixels init` "
                        "in it",
                        folder, what);
}

/* `folder` is shortened in place until it is a project. */
static bool climb(char *folder)
{
    while (!is_project(folder)) {
        char *slash = strrchr(folder, '/');
        if (!slash || strcmp(folder, "/") == 0) {
            return false;
        }
        slash[slash == folder ? 1 : 0] = '\0';
    }
    return true;
}

/*
 * What is found above, and not named, is obeyed only when the user put it there (git's
 * safe.directory is the model): anybody may write /tmp/dgx-pixels.json.
 */
static dgxp_status check_owner(const char *folder)
{
    static const char *const names[] = {PX_PROJECT_FILE, "Cargo.toml"};
    const char *sudo = getenv("SUDO_UID");
    int64_t invoker = -1;
    if (geteuid() == 0 && sudo && !px_number_whole(sudo, &invoker)) {
        invoker = -1;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct stat about;
        char *path = px_file_join(folder, names[i]);
        if (!path) {
            return px_error_memory("a path");
        }
        const bool strange = stat(path, &about) == 0 && about.st_uid != geteuid() &&
                             about.st_uid != 0 && (int64_t)about.st_uid != invoker;
        if (strange) {
            const dgxp_status status = px_error_set(
                DGXP_ERR_UNTRUSTED,
                "%s: belongs to another user (%u), who would say what is painted and where it is "
                "written; name the folder if that is meant: `project` %s",
                path, (unsigned)about.st_uid, folder);
            px_mem_free(path);
            return status;
        }
        px_mem_free(path);
    }
    return DGXP_OK;
}

static dgxp_status find_folder(const char *path, char **out)
{
    char *real = realpath(path ? path : ".", NULL);
    if (!real) {
        return px_error_set(DGXP_ERR_NOT_FOUND, "%s: %s", path ? path : ".", strerror(errno));
    }
    char *folder = px_mem_text(real);
    dgxp_status status = folder ? DGXP_OK : px_error_memory("a path");
    if (status == DGXP_OK && !(path ? is_project(folder) : climb(folder))) {
        status = refuse_missing(real, !path);
    } else if (status == DGXP_OK && !path) {
        status = check_owner(folder);
    }
    free(real); /* realpath's, so the system's free() */
    if (status == DGXP_OK) {
        *out = folder;
    } else {
        px_mem_free(folder);
    }
    return status;
}

/* "assets_folder" of the project file, else "assets". */
static dgxp_status read_assets(const char *folder, char **out)
{
    json_t *document = NULL;
    px_json root;
    const char *assets = "assets";
    char *path = px_file_join(folder, PX_PROJECT_FILE);
    dgxp_status status = path ? DGXP_OK : px_error_memory("a path");
    if (status == DGXP_OK && px_file_exists(path)) {
        status = px_json_load(path, SETTINGS_LIMIT, &document);
        if (status == DGXP_OK) {
            status = px_json_root(path, document, &root);
        }
        if (status == DGXP_OK) {
            status = px_json_text(&root, "assets_folder", PX_JSON_OPTIONAL, PX_BENEATH_PATH_MAX,
                                  &assets);
        }
    }
    if (status == DGXP_OK && px_beneath_check(assets, false) != DGXP_OK) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT,
                              "%s: field 'assets_folder' is '%.200s'; it must be a folder in the "
                              "project",
                              path, assets);
    }
    if (status == DGXP_OK) {
        *out = px_mem_text(assets);
        status = *out ? DGXP_OK : px_error_memory("a path");
    }
    json_decref(document);
    px_mem_free(path);
    return status;
}

dgxp_status px_project_open(const char *path, px_project *out)
{
    px_project project = {.root = -1};
    dgxp_status status = find_folder(path, &project.folder);
    if (status == DGXP_OK) {
        status = read_assets(project.folder, &project.assets);
    }
    if (status == DGXP_OK) {
        project.root = open(project.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (project.root < 0) {
            status =
                px_error_set(DGXP_ERR_IO, "%s: cannot open: %s", project.folder, strerror(errno));
        }
    }
    if (status != DGXP_OK) {
        px_project_close(&project);
        return status;
    }
    *out = project;
    return DGXP_OK;
}

/* What of `path` lies below `folder`, or NULL. */
static const char *below(const char *path, const char *folder)
{
    const size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

dgxp_status px_project_of_asset(const char *path, px_project *out, char **asset)
{
    char *real = realpath(path, NULL), *folder = real ? px_mem_text(real) : NULL;
    px_project project = {.root = -1};
    dgxp_status status = DGXP_OK;
    if (!real) {
        return px_error_set(DGXP_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    }
    if (!folder) {
        status = px_error_memory("a path");
    } else if (!climb(folder)) {
        status = refuse_missing(path, true);
    } else {
        status = px_project_open(folder, &project);
    }
    char *assets = status == DGXP_OK ? px_file_join(project.folder, project.assets) : NULL;
    const char *found = assets ? below(real, assets) : NULL;
    if (status == DGXP_OK && !assets) {
        status = px_error_memory("a path");
    } else if (status == DGXP_OK && !found) {
        status = px_error_set(DGXP_ERR_NOT_FOUND, "%s: lies outside the assets of its project, %s",
                              path, assets);
    } else if (status == DGXP_OK) {
        *asset = px_mem_text(found);
        status = *asset ? DGXP_OK : px_error_memory("a path");
    }
    free(real); /* realpath's, so the system's free() */
    px_mem_free(folder);
    px_mem_free(assets);
    if (status != DGXP_OK) {
        px_project_close(&project);
        return status;
    }
    *out = project;
    return DGXP_OK;
}

void px_project_close(px_project *project)
{
    if (project->root >= 0) {
        close(project->root);
    }
    px_mem_free(project->folder);
    px_mem_free(project->assets);
    *project = (px_project){.root = -1};
}

/* ------------------------------------------------------------------------------- Cargo.toml */

/* Whether a quoted word stands in TOML text outside of comments. */
static bool names_word(const char *text, const char *quoted)
{
    while (*text) {
        const size_t line = strcspn(text, "\n");
        const char *comment = memchr(text, '#', line);
        const size_t length = comment ? (size_t)(comment - text) : line;
        if (memmem(text, length, quoted, strlen(quoted))) {
            return true;
        }
        text += line + (text[line] == '\n');
    }
    return false;
}

/*
 * 1 when a Cargo.toml names the watcher, 0 when not, -1 when there is none.  A heuristic on words:
 * a false "yes" only loses a warning.
 */
static int asks_for_watcher(const char *folder)
{
    char *text = read_cargo(folder);
    const int found = text ? names_word(text, "file_watcher\"") || names_word(text, "\"dev\"") : -1;
    px_mem_free(text);
    return found;
}

const char *px_project_warn_watcher(const px_project *project)
{
    const int own = asks_for_watcher(project->folder);
    char *above = px_mem_text(project->folder);
    bool found = own != 0; /* no Cargo.toml: no game whose features could be wrong */
    while (!found && above) {
        char *slash = strrchr(above, '/');
        if (!slash || slash == above) {
            break;
        }
        *slash = '\0';
        found = asks_for_watcher(above) == 1;
    }
    px_mem_free(above);
    return found ? NULL
                 : "Cargo.toml does not ask for Bevy's feature 'file_watcher': a running game will "
                   "not see new files; try: cargo add bevy --features file_watcher";
}
