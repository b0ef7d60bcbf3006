/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* TorchScript programs: read, unpacked, hashed, and refused unless somebody vouched for them. */
#include "diffusion/program.h"

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/search.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { TRUST_LIST_LIMIT = 1 << 20 };

static const struct {
    const char *name;
    const char *sha256;
} shipped[] = {
#include "diffusion/trusted_programs.inc"
};

static char *read_user_list(void)
{
    char *path = px_search_config("trusted-programs");
    uint8_t *bytes = NULL;
    size_t size;
    if (!path || px_file_read(path, TRUST_LIST_LIMIT, &bytes, &size) != DGXP_OK) {
        px_error_clear(); /* no list is the usual case */
    }
    px_mem_free(path);
    return (char *)bytes;
}

/* A line of the list begins with the hash; what follows is for people. */
static bool list_has(const char *list, const char *sha256)
{
    for (const char *line = list; line && *line;) {
        if (strncmp(line, sha256, PX_HASH_HEX - 1) == 0) {
            return true;
        }
        const char *end = strchr(line, '\n');
        line = end ? end + 1 : NULL;
    }
    return false;
}

bool px_program_trusted(const char sha256[PX_HASH_HEX], const char **name)
{
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
        if (strcmp(shipped[i].sha256, sha256) == 0) {
            *name = shipped[i].name;
            return true;
        }
    }
    char *list = read_user_list();
    const bool trusted = list_has(list, sha256);
    px_mem_free(list);
    *name = trusted ? "trusted by the user" : NULL;
    return trusted;
}

void px_program_free(px_program *program)
{
    px_mem_free(program->bytes);
    *program = (px_program){0};
}

static dgxp_status read_and_hash(const char *path, px_program *out)
{
    const dgxp_status status = px_gzip_read(path, PX_PROGRAM_LIMIT, &out->bytes, &out->size);
    if (status == DGXP_OK) {
        px_hash_bytes(out->bytes, out->size, out->sha256);
    }
    return status;
}

dgxp_status px_program_read(const char *path, const char *expected, px_program *out)
{
    px_program program = {0};
    const char *name;
    dgxp_status status = read_and_hash(path, &program);
    if (status == DGXP_OK && expected && strcmp(expected, program.sha256) != 0) {
        status =
            px_error_set(DGXP_ERR_MISMATCH,
                         "%s: its SHA-256 is %s, its bundle.json says %s: the file was altered "
                         "or is of another version; get the model again",
                         path, program.sha256, expected);
    }
    if (status == DGXP_OK && !px_program_trusted(program.sha256, &name)) {
        status = px_error_set(DGXP_ERR_UNTRUSTED,
                              "%s: is a program that nobody has vouched for (SHA-256 %s); programs "
                              "can do whatever you can do: run 'dgx-pixels trust %s' only if you "
                              "trust who made it",
                              path, program.sha256, path);
    }
    if (status != DGXP_OK) {
        px_program_free(&program);
        return status;
    }
    *out = program;
    return DGXP_OK;
}

/* Makes every missing folder above `path`. */
static bool make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!made) {
            return false;
        }
    }
    return true;
}

/* A list that cannot be read is never replaced; a line break in a path would begin a line of its
 * own. */
static dgxp_status add_to_list(const char *path, const char *sha256)
{
    uint8_t *list = NULL;
    size_t size = 0;
    char *file = px_search_config("trusted-programs");
    if (!file) {
        return px_error_set(DGXP_ERR_NOT_FOUND,
                            "no folder for the list of trusted programs: set HOME");
    }
    dgxp_status status = px_file_read(file, TRUST_LIST_LIMIT, &list, &size);
    if (status == DGXP_ERR_NOT_FOUND) {
        px_error_clear();
        size = 0;
        status = DGXP_OK;
    }
    if (status == DGXP_OK) {
        const char *gap = size && list[size - 1] != '\n' ? "\n" : "";
        char *longer = px_mem_format("%s%s%s  %.*s\n", list ? (const char *)list : "", gap, sha256,
                                     (int)strcspn(path, "\r\n"), path);
        if (!longer) {
            status = px_error_memory("the list of trusted programs");
        } else if (!make_parents(file)) {
            status =
                px_error_set(DGXP_ERR_IO, "%s: cannot make its folder: %s", file, strerror(errno));
        } else {
            status = px_file_write(file, longer, strlen(longer));
        }
        px_mem_free(longer);
    }
    px_mem_free(list);
    px_mem_free(file);
    return status;
}

dgxp_status dgxp_trust_program(const char *path, dgxp_document **out)
{
    if (!(path && out)) {
        return px_error_begin("dgxp_trust_program", false, "a path and out");
    }
    px_error_clear();
    px_program program = {0};
    const char *name = NULL;
    dgxp_status status = read_and_hash(path, &program);
    if (status == DGXP_OK && (program.size < 4 || memcmp(program.bytes, "PK\3\4", 4) != 0)) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s: is no TorchScript program", path);
    }
    const bool known = status == DGXP_OK && px_program_trusted(program.sha256, &name);
    if (status == DGXP_OK && !known) {
        status = add_to_list(path, program.sha256);
    }
    if (status == DGXP_OK) {
        json_t *about = json_object();
        const bool ok = px_json_put_text(about, "program", path) &&
                        px_json_put_text(about, "sha256", program.sha256) &&
                        px_json_put_text(about, "known_as", known ? name : "trusted by the user") &&
                        px_json_put_boolean(about, "added", !known);
        if (!ok) {
            json_decref(about);
            about = NULL;
        }
        status = px_json_document(about, out);
    }
    px_program_free(&program);
    return status;
}
