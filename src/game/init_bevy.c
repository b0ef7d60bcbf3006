/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A Bevy game made ready for pictures: the crates, hot reload, build.rs, what git leaves out. */
#include "game/project.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 4 << 20 };

/* A file of the game on its way: what it holds, and what is to be put behind that. */
typedef struct page {
    char *path, *text;
    bool grown;
} page;

/* A file that is not there is an empty page. */
static dgxp_status page_open(const char *folder, const char *name, page *out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    out->path = px_file_join(folder, name);
    dgxp_status status = out->path ? DGXP_OK : px_error_memory("a path");
    if (status == DGXP_OK && px_file_exists(out->path)) {
        status = px_file_read(out->path, TEXT_LIMIT, &bytes, &size);
    }
    if (status == DGXP_OK) {
        out->text = px_mem_text(bytes ? (const char *)bytes : "");
        status = out->text ? DGXP_OK : px_error_memory("a file of the game");
    }
    px_mem_free(bytes);
    return status;
}

static void page_close(page *p)
{
    px_mem_free(p->path);
    px_mem_free(p->text);
}

/* Put `more` behind the text, with an empty line between when `apart`. */
static dgxp_status page_add(page *p, const char *more, bool apart)
{
    const size_t length = strlen(p->text);
    const bool broken = length > 0 && p->text[length - 1] != '\n';
    char *longer = px_mem_format("%s%s%s%s", p->text, broken ? "\n" : "",
                                 apart && length > 0 ? "\n" : "", more);
    if (!longer) {
        return px_error_memory("a file of the game");
    }
    px_mem_free(p->text);
    p->text = longer;
    p->grown = true;
    return DGXP_OK;
}

static dgxp_status page_save(const page *p, json_t *changed)
{
    if (!p->grown) {
        return DGXP_OK;
    }
    const dgxp_status status = px_file_write(p->path, p->text, strlen(p->text));
    if (status == DGXP_OK) {
        json_array_append_new(changed, json_string(px_file_name(p->path)));
    }
    return status;
}

static dgxp_status add_crate(page *cargo, const char *table, const char *crate, const char *crates)
{
    if (strstr(cargo->text, crate)) {
        return DGXP_OK;
    }
    char *more = px_mem_format("[%s.%s]\npath = \"%s/%s\"\n", table, crate, crates, crate);
    const dgxp_status status = more ? page_add(cargo, more, true) : px_error_memory("a dependency");
    px_mem_free(more);
    return status;
}

/*
 * A table of its own for each, behind all others: valid whatever stands above, but where the file
 * already has such a table, which is then the person's to fill in.
 */
static dgxp_status fill_cargo(page *cargo, const char *crates, json_t *todo)
{
    static const char features[] =
        "[features]\ndefault = [\"dev\"]\n"
        "# Hot reload, and a port where tools may ask; ship without it.\n"
        "dev = [\"bevy/file_watcher\", \"bevy/bevy_remote\", \"dgx-pixels-bevy/brp\"]\n";
    static const char hashes[] = "# The plugin hashes pixels while the game runs.\n"
                                 "[profile.dev.package.sha2]\nopt-level = 3\n";
    dgxp_status status = add_crate(cargo, "dependencies", "dgx-pixels-bevy", crates);
    if (status == DGXP_OK) {
        status = add_crate(cargo, "build-dependencies", "dgx-pixels-build", crates);
    }
    if (status == DGXP_OK && !strstr(cargo->text, "bevy/file_watcher")) {
        if (!px_project_has_line(cargo->text, "[features]")) {
            status = page_add(cargo, features, true);
        } else if (!strstr(cargo->text, "file_watcher")) {
            json_array_append_new(
                todo, json_string("Cargo.toml, [features]: add dev = [\"bevy/file_watcher\", "
                                  "\"bevy/bevy_remote\", \"dgx-pixels-bevy/brp\"], and \"dev\" to "
                                  "default"));
        }
    }
    if (status == DGXP_OK && !strstr(cargo->text, "package.sha2")) {
        status = page_add(cargo, hashes, true);
    }
    return status;
}

static dgxp_status fill_build(page *build, json_t *todo)
{
    static const char emit[] = "dgx_pixels_build::emit(\"dgx-pixels.lock.json\");";
    if (strstr(build->text, "dgx_pixels_build::emit")) {
        return DGXP_OK;
    }
    if (*build->text) {
        char *line = px_mem_format("build.rs, fn main(): add %s", emit);
        json_array_append_new(todo, json_string(line ? line : emit));
        px_mem_free(line);
        return DGXP_OK;
    }
    char *text = px_mem_format("fn main() {\n    %s\n}\n", emit);
    const dgxp_status status = text ? page_add(build, text, false) : px_error_memory("build.rs");
    px_mem_free(text);
    return status;
}

static dgxp_status fill_ignored(page *ignored)
{
    static const char *const lines[] = {"/" PX_PROJECT_STATE "/", "/target/"};
    dgxp_status status = DGXP_OK;
    for (size_t i = 0; i < sizeof lines / sizeof *lines && status == DGXP_OK; i++) {
        /* `cargo new` writes /target, without the slash behind. */
        char *bare = px_mem_textn(lines[i], strlen(lines[i]) - 1);
        char *line = px_mem_format("%s\n", lines[i]);
        if (!bare || !line) {
            status = px_error_memory("a line");
        } else if (!px_project_has_line(ignored->text, bare) &&
                   !px_project_has_line(ignored->text, bare + 1)) {
            status = page_add(ignored, line, false);
        }
        px_mem_free(bare);
        px_mem_free(line);
    }
    return status;
}

/* The program is the person's own: the line is told, and no more when it is there. */
static dgxp_status tell_plugin(const char *folder, json_t *todo)
{
    page program = {.path = NULL};
    const dgxp_status status = page_open(folder, "src/main.rs", &program);
    if (status == DGXP_OK && !strstr(program.text, "DgxPixelsPlugin")) {
        json_array_append_new(
            todo, json_string("src/main.rs: .add_plugins((DefaultPlugins.set(ImagePlugin::"
                              "default_nearest()), dgx_pixels_bevy::DgxPixelsPlugin))"));
    }
    page_close(&program);
    return status;
}

static dgxp_status find_crates(char **out)
{
    char *crate = px_search_find(PX_SEARCH_CRATES, "dgx-pixels-bevy/Cargo.toml");
    if (!crate) {
        char *where = px_search_describe(PX_SEARCH_CRATES);
        const dgxp_status status = px_error_set(
            DGXP_ERR_NOT_FOUND,
            "the crate dgx-pixels-bevy is in none of %s; set DGX_PIXELS_CRATES to the folder "
            "bindings/rust of the sources, or install them anew",
            where ? where : "the folders where it is looked for");
        px_mem_free(where);
        return status;
    }
    char *real = realpath(crate, NULL); /* a build tree holds links */
    px_mem_free(crate);
    *out = real ? px_mem_text(real) : NULL;
    free(real); /* realpath's, so the system's free() */
    if (!*out) {
        return px_error_memory("a path");
    }
    for (int up = 0; up < 2; up++) {
        *strrchr(*out, '/') = '\0';
    }
    return DGXP_OK;
}

static dgxp_status fill(const char *folder, const char *crates, json_t *changed, json_t *todo)
{
    page cargo = {.path = NULL}, build = {.path = NULL}, ignored = {.path = NULL};
    dgxp_status status = page_open(folder, "Cargo.toml", &cargo);
    if (status == DGXP_OK && !px_project_has_line(cargo.text, "[package]")) {
        status = px_error_set(DGXP_ERR_NOT_FOUND,
                              "%s: no game's Cargo.toml is here; run `cargo init` and `cargo add "
                              "bevy` first, or name the game's folder",
                              folder);
    }
    if (status == DGXP_OK) {
        status = fill_cargo(&cargo, crates, todo);
    }
    if (status == DGXP_OK) {
        status = page_open(folder, "build.rs", &build);
    }
    if (status == DGXP_OK) {
        status = fill_build(&build, todo);
    }
    if (status == DGXP_OK) {
        status = page_open(folder, ".gitignore", &ignored);
    }
    if (status == DGXP_OK) {
        status = fill_ignored(&ignored);
    }
    if (status == DGXP_OK) {
        status = tell_plugin(folder, todo);
    }
    page *pages[] = {&cargo, &build, &ignored};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        status = status == DGXP_OK ? page_save(pages[i], changed) : status;
        page_close(pages[i]);
    }
    return status;
}

dgxp_status dgxp_project_init_bevy(const char *folder, dgxp_document **out)
{
    dgxp_status status =
        px_error_begin("dgxp_project_init_bevy", out != NULL, "a document to fill");
    if (status != DGXP_OK) {
        return status;
    }
    folder = folder ? folder : ".";
    char *crates = NULL, *settings = px_file_join(folder, PX_PROJECT_FILE);
    json_t *changed = json_array(), *todo = json_array();
    if (!settings || !changed || !todo) {
        status = px_error_memory("a report");
    }
    if (status == DGXP_OK) {
        status = find_crates(&crates);
    }
    if (status == DGXP_OK) {
        status = fill(folder, crates, changed, todo);
    }
    if (status == DGXP_OK && !px_file_exists(settings)) {
        status = dgxp_project_init(folder);
        json_array_append_new(changed, json_string(PX_PROJECT_FILE));
    }
    if (status == DGXP_OK) {
        status = px_json_document(json_pack("{s:O, s:O}", "changed", changed, "todo", todo), out);
    }
    json_decref(changed);
    json_decref(todo);
    px_mem_free(crates);
    px_mem_free(settings);
    return status;
}
