/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the library looks for what it did not get by path: backends, models, presets. */
#include "core/search.h"

#include "core/file.h"
#include "core/mem.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *variable;
    const char *folder;    /* below the user's and the shared data folders */
    const char *installed; /* below <prefix>, seen from the library's folder */
} kinds[] = {
    [PX_SEARCH_BACKENDS] = {"DGX_PIXELS_BACKEND", ".", "dgx-pixels"},
    [PX_SEARCH_MODELS] = {"DGX_PIXELS_MODELS", "models", "../share/dgx-pixels/models"},
    [PX_SEARCH_PRESETS] = {"DGX_PIXELS_PRESETS", "presets", "../share/dgx-pixels/presets"},
    [PX_SEARCH_CRATES] = {"DGX_PIXELS_CRATES", "rust", "../share/dgx-pixels/rust"},
    [PX_SEARCH_MOTIONS] = {"DGX_PIXELS_MOTIONS", "motions", "../share/dgx-pixels/motions"},
};

static char library_folder[PATH_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find_library(void)
{
    Dl_info about;
    char *path = NULL;
    if (dladdr((void *)(uintptr_t)&px_search_library_folder, &about) && about.dli_fname) {
        path = realpath(about.dli_fname, NULL);
    }
    if (path && strlen(path) < sizeof library_folder) {
        strcpy(library_folder, path);
        *strrchr(library_folder, '/') = '\0';
    }
    free(path); /* realpath's, so the system's free() */
}

const char *px_search_library_folder(void)
{
    pthread_once(&once, find_library);
    return library_folder[0] ? library_folder : NULL;
}

static char *user_folder(const char *variable, const char *fallback, const char *name)
{
    const char *root = getenv(variable);
    if (root && *root) {
        return px_mem_format("%s/dgx-pixels/%s", root, name);
    }
    const char *home = getenv("HOME");
    return home && *home ? px_mem_format("%s/%s/dgx-pixels/%s", home, fallback, name) : NULL;
}

char *px_search_config(const char *name)
{
    return user_folder("XDG_CONFIG_HOME", ".config", name);
}

char *px_search_cache(const char *name)
{
    return user_folder("XDG_CACHE_HOME", ".cache", name);
}

/* Visits and frees `folder`; false when it does not exist or the visitor goes on. */
static bool visit_folder(char *folder, px_search_visit visit, void *user_data)
{
    const bool done = folder && px_file_is_folder(folder) && visit(folder, user_data);
    px_mem_free(folder);
    return done;
}

/* Of backends, "stub" and "torch" are names, and never a folder where the program is started. */
static bool visit_variable(const char *list, bool paths, px_search_visit visit, void *user_data)
{
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        const bool named = paths && !memchr(list, '/', length);
        if (length && !named && visit_folder(px_mem_textn(list, length), visit, user_data)) {
            return true;
        }
        list += length + (list[length] == ':');
    }
    return false;
}

bool px_search_folders(px_search_kind kind, px_search_visit visit, void *user_data)
{
    const char *library = px_search_library_folder();
    if (visit_variable(getenv(kinds[kind].variable), kind == PX_SEARCH_BACKENDS, visit,
                       user_data)) {
        return true;
    }
    if (kind != PX_SEARCH_BACKENDS && /* programs are never taken from a data folder */
        visit_folder(user_folder("XDG_DATA_HOME", ".local/share", kinds[kind].folder), visit,
                     user_data)) {
        return true;
    }
    if (!library) {
        return false;
    }
    return visit_folder(px_mem_format("%s/%s", library, kinds[kind].folder), visit, user_data) ||
           visit_folder(px_mem_format("%s/%s", library, kinds[kind].installed), visit, user_data) ||
           /* Debian's <prefix>/lib/<triplet> */
           visit_folder(px_mem_format("%s/../%s", library, kinds[kind].installed), visit,
                        user_data);
}

typedef struct lookup {
    const char *name;
    char *found;
} lookup;

static bool try_folder(const char *folder, void *user_data)
{
    lookup *wanted = user_data;
    wanted->found = px_file_join(folder, wanted->name);
    if (wanted->found && !px_file_exists(wanted->found)) {
        px_mem_free(wanted->found);
        wanted->found = NULL;
    }
    return wanted->found != NULL;
}

char *px_search_find(px_search_kind kind, const char *name)
{
    lookup wanted = {.name = name};
    px_search_folders(kind, try_folder, &wanted);
    return wanted.found;
}

static bool append_folder(const char *folder, void *user_data)
{
    char **text = user_data;
    char *longer = px_mem_format("%s%s%s", *text ? *text : "", *text ? ", " : "", folder);
    px_mem_free(*text);
    *text = longer;
    return false;
}

char *px_search_describe(px_search_kind kind)
{
    char *text = NULL;
    px_search_folders(kind, append_folder, &text);
    return text ? text : px_mem_text("no folder exists");
}
