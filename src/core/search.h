/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the library looks for what it did not get by path: backends, models, presets, crates, motions. */
#ifndef PX_SEARCH_H
#define PX_SEARCH_H

#include <stdbool.h>

/**
 * Each kind is searched in this order: the folders of its environment variable (separated by ':'),
 * the user's data folder ($XDG_DATA_HOME/dgx-pixels/<kind>), beside the library, then
 * <prefix>/lib/dgx-pixels and <prefix>/share/dgx-pixels, where <prefix>/lib holds the library.
 */
typedef enum px_search_kind {
    PX_SEARCH_BACKENDS, /* DGX_PIXELS_BACKEND */
    PX_SEARCH_MODELS,   /* DGX_PIXELS_MODELS */
    PX_SEARCH_PRESETS,  /* DGX_PIXELS_PRESETS */
    PX_SEARCH_CRATES,   /* DGX_PIXELS_CRATES: the pure Rust crates that a game is built with */
    PX_SEARCH_MOTIONS   /* DGX_PIXELS_MOTIONS */
} px_search_kind;

/** Called with each existing folder in order; true ends the walk. */
typedef bool (*px_search_visit)(const char *folder, void *user_data);

/** Returns whether a visit ended the walk. */
bool px_search_folders(px_search_kind kind, px_search_visit visit, void *user_data);

/** The first `folder/name` that exists, in a new string; NULL when there is none. */
char *px_search_find(px_search_kind kind, const char *name);

/** The folders looked into, joined with ", ", in a new string, for a "where it looked" sentence. */
char *px_search_describe(px_search_kind kind);

/** The folder that libdgxpixels.so (or the program that contains it) lies in; static, or NULL. */
const char *px_search_library_folder(void);

/** $XDG_CONFIG_HOME/dgx-pixels/NAME (and the cache alike) in a new string; NULL without a home. */
char *px_search_config(const char *name);
char *px_search_cache(const char *name);

#endif
