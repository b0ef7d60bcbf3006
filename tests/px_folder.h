/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A folder of its own for each test: tcase_add_checked_fixture(tcase, px_folder_make,
 * px_folder_drop). */
#ifndef PX_FOLDER_H
#define PX_FOLDER_H

#include "core/file.h"
#include "core/mem.h"
#include "px_check.h"

static char px_folder[64];

static inline void px_folder_make(void)
{
    strcpy(px_folder, "/tmp/dgxp-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(px_folder));
}

static inline void px_folder_drop(void)
{
    char *command = px_mem_format("rm -rf %s", px_folder);
    ck_assert_int_eq(system(command), 0);
    px_mem_free(command);
}

/** Path of `name` in the folder, valid until the next call but three. */
static inline const char *px_folder_path(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", px_folder, name);
    return path;
}

/** The file holds exactly this text. */
static inline void px_folder_expect(const char *name, const char *text)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(px_file_read(px_folder_path(name), 1 << 24, &bytes, &size));
    ck_assert_str_eq((const char *)bytes, text);
    ck_assert_uint_eq(size, strlen(text));
    px_mem_free(bytes);
}

#endif
