/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Numbered pictures in a folder into one sheet. */
#include "core/error.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "image/png.h"
#include "image/sheet.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct names {
    char **list;
    size_t count, capacity;
} names;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The last run of digits of a name, [*begin, *end); empty when there is none. */
static void find_number(const char *name, size_t *begin, size_t *end)
{
    const char *dot = strrchr(name, '.');
    *end = dot ? (size_t)(dot - name) : strlen(name);
    while (*end && !is_digit(name[*end - 1])) {
        (*end)--;
    }
    *begin = *end;
    while (*begin && is_digit(name[*begin - 1])) {
        (*begin)--;
    }
}

/* Whether two names differ in their last number only. */
static bool is_same_run(const char *a, const char *b)
{
    size_t begin_a, end_a, begin_b, end_b;
    find_number(a, &begin_a, &end_a);
    find_number(b, &begin_b, &end_b);
    return end_a > begin_a && end_b > begin_b && begin_a == begin_b &&
           strncmp(a, b, begin_a) == 0 && strcmp(a + end_a, b + end_b) == 0;
}

/* By name, digits by their value, so that 10 follows 9. */
static int compare_names(const void *left, const void *right)
{
    const char *first = *(char *const *)left, *second = *(char *const *)right;
    const char *a = first, *b = second;
    while (*a && *b) {
        if (is_digit(*a) && is_digit(*b)) {
            while (*a == '0' && is_digit(a[1])) {
                a++;
            }
            while (*b == '0' && is_digit(b[1])) {
                b++;
            }
            const size_t size_a = strspn(a, "0123456789"), size_b = strspn(b, "0123456789");
            if (size_a != size_b) {
                return size_a < size_b ? -1 : 1;
            }
            const int order = strncmp(a, b, size_a);
            if (order) {
                return order;
            }
            a += size_a;
            b += size_b;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a || *b ? (*a ? 1 : -1) : strcmp(first, second);
}

/* The PNG files of a folder; with `like` only those of its run. */
static dgxp_status list_names(const char *folder, const char *like, names *out)
{
    dgxp_status status = DGXP_OK;
    DIR *stream = opendir(folder);
    if (!stream) {
        return px_error_set(errno == ENOENT ? DGXP_ERR_NOT_FOUND : DGXP_ERR_IO, "%s: %s", folder,
                            strerror(errno));
    }
    for (const struct dirent *entry = readdir(stream); entry && !status; entry = readdir(stream)) {
        const char *name = entry->d_name;
        if (name[0] == '.' || !px_file_has_suffix(name, "png") ||
            (like && strcmp(name, like) != 0 && !is_same_run(name, like))) {
            continue;
        }
        if (out->count >= PX_SHEET_FRAMES_MAX) {
            status = px_error_set(DGXP_ERR_LIMIT, "%s: over %d pictures; split the folder", folder,
                                  PX_SHEET_FRAMES_MAX);
            break;
        }
        char *copy = px_mem_text(name);
        if (!copy ||
            !px_mem_grow((void **)&out->list, &out->capacity, out->count, sizeof *out->list)) {
            px_mem_free(copy);
            status = px_error_memory("the names in a folder");
            break;
        }
        out->list[out->count++] = copy;
    }
    closedir(stream);
    if (!status && !out->count) {
        status = px_error_set(DGXP_ERR_NOT_FOUND, "%s: no PNG file%s%s in it", folder,
                              like ? " like " : "", like ? like : "");
    }
    if (!status) {
        qsort(out->list, out->count, sizeof *out->list, compare_names);
    }
    return status;
}

static dgxp_status add_picture(dgxp_sheet *sheet, const char *folder, const char *name,
                               int32_t duration)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    dgxp_image *image = NULL;
    char *path = px_file_join(folder, name);
    char *stem = px_mem_textn(name, strlen(name) - 4); /* without ".png" */
    dgxp_status status = path && stem ? px_file_read(path, px_limits_bytes(), &bytes, &size)
                                      : px_error_memory("a path");
    status = status ? status : px_png_decode(path, bytes, size, &image);
    status = status ? status
                    : px_sheet_take_frame(path, sheet, image, px_image_is_utf8(stem) ? stem : NULL,
                                          duration);
    px_mem_free(bytes);
    px_mem_free(stem);
    px_mem_free(path);
    return status;
}

dgxp_status dgxp_sheet_load_sequence(const char *path, int32_t duration, dgxp_sheet **out)
{
    px_error_clear();
    if (!path || !out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_sheet_load_sequence: %s is NULL",
                            path ? "out" : "path");
    }
    names found = {NULL, 0, 0};
    dgxp_sheet *sheet = NULL;
    const bool whole = px_file_is_folder(path);
    const char *name = px_file_name(path);
    const size_t length = (size_t)(name - path);
    char *folder = whole    ? px_mem_text(path)
                   : length ? px_mem_textn(path, length)
                            : px_mem_text(".");
    dgxp_status status = folder ? DGXP_OK : px_error_memory("a path");
    if (!status && !whole && !px_file_has_suffix(path, "png")) {
        status = px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "%s: a sequence is a folder or one of its numbered .png files", path);
    }
    status = status ? status : list_names(folder, whole ? NULL : name, &found);
    status = status ? status : px_sheet_create(&sheet);
    for (size_t i = 0; i < found.count && !status; i++) {
        status = add_picture(sheet, folder, found.list[i], duration);
    }
    for (size_t i = 0; i < found.count; i++) {
        px_mem_free(found.list[i]);
    }
    px_mem_free(found.list);
    px_mem_free(folder);
    if (status) {
        dgxp_sheet_free(sheet);
    } else {
        *out = sheet;
    }
    return status;
}
