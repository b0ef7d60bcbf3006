/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that a subcommand works on: globs, folders, numbered sequences; and where results go. */
#include "cli/inputs.h"

#include "cli/cli.h"
#include "cli/resemble.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

const char *cli_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ASCII's small letter: the functions of <ctype.h> ask a locale. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool cli_is_word(const char *text, const char *word)
{
    for (; *text && lower(*text) == lower(*word); text++, word++) {
    }
    return !*text && !*word;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool cli_has_suffix(const char *path, const char *suffix)
{
    const size_t length = strlen(path), end = strlen(suffix);
    return length > end && cli_is_word(path + length - end, suffix);
}

/* What a folder is searched for. */
static bool is_picture(const char *name)
{
    return cli_has_suffix(name, ".png") || cli_has_suffix(name, ".apng") ||
           cli_has_suffix(name, ".gif") || cli_has_suffix(name, ".aseprite") ||
           cli_has_suffix(name, ".ase") || cli_has_suffix(name, ".jpg") ||
           cli_has_suffix(name, ".jpeg") || cli_has_suffix(name, ".jfif") ||
           cli_has_suffix(name, ".webp") || cli_has_suffix(name, ".bmp");
}

/* A picture by its name, of a kind that is not read. */
static bool is_other_picture(const char *name)
{
    static const char *const suffixes[] = {".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl",
                                           ".psd", ".xcf",  ".tga",  ".svg",  ".dds",  ".qoi",
                                           ".mp4", ".webm", ".mov",  ".ico"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (cli_has_suffix(name, suffixes[i])) {
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------------------------- collecting */

static void add_input(cli_inputs *to, const char *path, char **frames, int frame_count)
{
    to->items = cli_grow(to->items, (size_t)to->count + 1, sizeof *to->items);
    to->items[to->count++] = (cli_input){cli_format("%s", path), frames, frame_count};
}

static int keep_picture(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && is_picture(entry->d_name);
}

static int keep_other(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && is_other_picture(entry->d_name);
}

/* Pictures that are passed over are named: nobody counts a folder by hand. */
static void tell_skipped(const char *command, const char *folder)
{
    enum { NAMED = 8 };
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, keep_other, versionsort);
    if (count > 0) {
        fprintf(stderr, "dgx-pixels %s: %s: %d skipped, of a kind that is not read:", command,
                folder, count);
        for (int i = 0; i < count && i < NAMED; i++) {
            fprintf(stderr, "%s %s", i ? "," : "", entries[i]->d_name);
        }
        fprintf(stderr, "%s; save them as PNG\n", count > NAMED ? " …" : "");
    }
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

/* Its pictures by name, numbers in them by value; -1 when it cannot be read. */
static int list_folder(const char *folder, char ***paths)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, keep_picture, versionsort);
    if (count < 0) {
        return -1;
    }
    const size_t length = strlen(folder);
    const char *slash = length && folder[length - 1] == '/' ? "" : "/";
    *paths = cli_zero((size_t)count, sizeof **paths);
    for (int i = 0; i < count; i++) {
        (*paths)[i] = cli_format("%s%s%s", folder, slash, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return count;
}

/* The size in a PNG's first chunk, without reading the picture. */
static bool read_size(const char *path, uint8_t size[8])
{
    uint8_t head[24];
    FILE *file = cli_has_suffix(path, ".png") ? fopen(path, "rb") : NULL;
    const bool whole = file && fread(head, 1, sizeof head, file) == sizeof head &&
                       memcmp(head + 12, "IHDR", 4) == 0;
    if (whole) {
        memcpy(size, head + 16, 8);
    }
    if (file) {
        fclose(file);
    }
    return whole;
}

static bool are_of_one_size(char *const *paths, int count)
{
    uint8_t first[8], other[8];
    for (int i = 0; i < count; i++) {
        if (!read_size(paths[i], i ? other : first) || (i && memcmp(first, other, 8) != 0)) {
            return false;
        }
    }
    return count > 1;
}

/* The last run of digits of a file's name, [*begin, *end) of the path; empty when there is none. */
static void find_number(const char *path, size_t *begin, size_t *end)
{
    const size_t name = (size_t)(cli_base(path) - path);
    const char *dot = strrchr(path + name, '.');
    *end = dot ? (size_t)(dot - path) : strlen(path);
    while (*end > name && !is_digit(path[*end - 1])) {
        (*end)--;
    }
    *begin = *end;
    while (*begin > name && is_digit(path[*begin - 1])) {
        (*begin)--;
    }
}

/* Names that differ in their last number only, which rises. */
static bool are_numbered(char *const *paths, int count)
{
    size_t begin, end, first, last;
    find_number(paths[0], &begin, &end);
    for (int i = 1; i < count && begin < end; i++) {
        find_number(paths[i], &first, &last);
        if (first != begin || first == last || strncmp(paths[0], paths[i], begin) != 0 ||
            strcmp(paths[0] + end, paths[i] + last) != 0) {
            return false;
        }
    }
    return begin < end;
}

static int add_folder(const char *command, const char *folder, cli_grouping grouping,
                      cli_inputs *out)
{
    char **paths = NULL;
    const int count = list_folder(folder, &paths);
    tell_skipped(command, folder);
    if (count < 1) {
        fprintf(stderr, "dgx-pixels %s: %s: %s\n", command, folder,
                count < 0 ? strerror(errno)
                          : "no pictures (.png .jpg .webp .bmp .gif .aseprite) in it");
        free(paths);
        return count < 0 ? CLI_IO : CLI_NOT_FOUND;
    }
    const bool alone = grouping != CLI_GROUP_FOLDERS || count < 2;
    const bool numbered = !alone && are_numbered(paths, count) && are_of_one_size(paths, count);
    if (numbered && cli_resemble(paths, count)) {
        fprintf(stderr,
                "dgx-pixels %s: %s: %d numbered pictures that resemble each other: one animation, "
                "one grid, one palette; --separate treats each on its own\n",
                command, folder, count);
        add_input(out, folder, paths, count);
        return CLI_OK;
    }
    if (!alone) {
        fprintf(stderr,
                "dgx-pixels %s: %s: %d pictures, %s, so each has its own grid and palette; "
                "--frames makes one animation of them\n",
                command, folder, count,
                numbered ? "which do not look alike" : "not numbered PNG files of one size");
    }
    for (int i = 0; i < count; i++) {
        add_input(out, paths[i], NULL, 0);
        free(paths[i]);
    }
    free(paths);
    return CLI_OK;
}

static int add_word(const char *command, const char *word, cli_grouping grouping, cli_inputs *out)
{
    struct stat about;
    if (strcmp(word, "-") == 0) {
        if (isatty(STDIN_FILENO)) {
            return cli_usage(command,
                             "- reads a picture from standard input, which is a terminal: "
                             "send one into it, as in  ... | dgx-pixels %s -",
                             command);
        }
        add_input(out, word, NULL, 0);
        return CLI_OK;
    }
    if (stat(word, &about) == 0) {
        if (S_ISDIR(about.st_mode)) {
            return add_folder(command, word, grouping, out);
        }
        add_input(out, word, NULL, 0);
        return CLI_OK;
    }
    glob_t found = {0};
    if (strpbrk(word, "*?[") && glob(word, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            if (is_picture(found.gl_pathv[i])) {
                add_input(out, found.gl_pathv[i], NULL, 0);
            }
        }
        globfree(&found);
        return CLI_OK;
    }
    add_input(out, word, NULL, 0); /* loading it says what is wrong */
    return CLI_OK;
}

/* Replaces a single numbered PNG by the files beside it that differ in the number only. */
static void add_sequence(const char *path, cli_inputs *out)
{
    size_t begin, end, first, last;
    char **paths = NULL;
    find_number(path, &begin, &end);
    const size_t length = (size_t)(cli_base(path) - path);
    char *folder = length ? cli_format("%.*s", (int)length, path) : cli_format("./");
    const int count = begin < end ? list_folder(folder, &paths) : 0;
    for (int i = 0; i < count; i++) {
        char *other = length ? paths[i] : paths[i] + 2; /* without "./" */
        find_number(other, &first, &last);
        if (first < last && first == begin && strncmp(path, other, begin) == 0 &&
            strcmp(path + end, other + last) == 0) {
            add_input(out, other, NULL, 0);
        }
        free(paths[i]);
    }
    if (!out->count) {
        add_input(out, path, NULL, 0);
    }
    free(paths);
    free(folder);
}

/* All files become the frames of one input. */
static void join_inputs(cli_inputs *inputs)
{
    if (inputs->count == 1 && cli_has_suffix(inputs->items[0].path, ".png")) {
        cli_inputs sequence = {NULL, 0};
        add_sequence(inputs->items[0].path, &sequence);
        cli_inputs_free(inputs);
        *inputs = sequence;
    }
    if (inputs->count < 2) {
        return;
    }
    char **frames = cli_zero((size_t)inputs->count, sizeof *frames);
    for (int i = 0; i < inputs->count; i++) {
        frames[i] = inputs->items[i].path;
    }
    inputs->items[0] = (cli_input){cli_format("%s", frames[0]), frames, inputs->count};
    inputs->count = 1;
}

int cli_inputs_collect(const char *command, char *const *words, int count, cli_grouping grouping,
                       cli_inputs *out)
{
    int code = CLI_OK;
    *out = (cli_inputs){NULL, 0};
    int piped = 0;
    for (int i = 0; i < count && code == CLI_OK; i++) {
        piped += strcmp(words[i], "-") == 0;
        code = piped > 1 ? cli_usage(command, "- can be read once only")
                         : add_word(command, words[i], grouping, out);
    }
    if (code == CLI_OK && !out->count) {
        code = cli_usage(command,
                         "no picture (.png .jpg .webp .bmp .gif .aseprite) among what was named");
    }
    if (code == CLI_OK && grouping == CLI_GROUP_ALL) {
        join_inputs(out);
    }
    if (code != CLI_OK) {
        cli_inputs_free(out);
    }
    return code;
}

void cli_inputs_free(cli_inputs *inputs)
{
    for (int i = 0; i < inputs->count; i++) {
        for (int k = 0; k < inputs->items[i].frame_count; k++) {
            free(inputs->items[i].frames[k]);
        }
        free(inputs->items[i].frames);
        free(inputs->items[i].path);
    }
    free(inputs->items);
    *inputs = (cli_inputs){NULL, 0};
}

/* ------------------------------------------------------------------------------------- outputs */

char *cli_output(const char *folder, const char *name, const char *suffix)
{
    const char *base = strcmp(name, "-") == 0 ? "stdin" : cli_base(name);
    const char *dot = suffix ? strrchr(base, '.') : NULL;
    const int stem = dot && dot != base ? (int)(dot - base) : (int)strlen(base);
    const size_t length = strlen(folder);
    return cli_format("%s%s%.*s%s", folder, length && folder[length - 1] != '/' ? "/" : "", stem,
                      base, suffix ? suffix : "");
}

bool cli_is_picture_name(const char *output)
{
    return cli_has_suffix(output, ".png") || cli_has_suffix(output, ".apng") ||
           cli_has_suffix(output, ".aseprite") || cli_has_suffix(output, ".ase");
}

bool cli_check_picture_name(const char *command, const char *output)
{
    const char *dot = strrchr(cli_base(output), '.');
    const size_t length =
        dot ? strspn(dot + 1, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") : 0;
    const bool other = dot && dot != cli_base(output) && length >= 1 && length <= 4 &&
                       dot[1 + length] == '\0' && !cli_is_picture_name(output) &&
                       !cli_is_folder(output) && strncmp(output, "/dev/", 5) != 0;
    if (other) {
        cli_usage(command, "-o %s: what is written is .png, .apng or .aseprite%s", output,
                  strcmp(command, "fix") == 0 ? "; a folder's name ends with /" : "");
    }
    return !other;
}

bool cli_check_sheet_name(const char *command, const char *output)
{
    return cli_has_suffix(output, ".gif") || cli_check_picture_name(command, output);
}

int cli_make_folders(const char *path)
{
    char *copy = cli_format("%s", path);
    int code = CLI_OK;
    for (char *at = copy + 1; code == CLI_OK && *copy; at++) {
        const char kept = *at;
        if (kept == '/' || kept == '\0') {
            *at = '\0';
            if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
                fprintf(stderr, "dgx-pixels: %s: cannot make the folder: %s\n", copy,
                        strerror(errno));
                code = CLI_IO;
            }
            *at = kept;
        }
        if (kept == '\0') {
            break;
        }
    }
    free(copy);
    return code;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool is_same_file(const char *path, const struct stat *about)
{
    struct stat other;
    return stat(path, &other) == 0 && other.st_dev == about->st_dev &&
           other.st_ino == about->st_ino;
}

/* Whether an existing output is one of the sources. */
static bool is_source(const char *output, const cli_inputs *inputs)
{
    struct stat about;
    if (stat(output, &about) != 0 || !S_ISREG(about.st_mode)) {
        return false;
    }
    for (int i = 0; i < inputs->count; i++) {
        const cli_input *input = &inputs->items[i];
        bool same = !input->frame_count && is_same_file(input->path, &about);
        for (int k = 0; k < input->frame_count && !same; k++) {
            same = strcmp(cli_base(input->frames[k]), cli_base(output)) == 0 &&
                   is_same_file(input->frames[k], &about);
        }
        if (same) {
            return true;
        }
    }
    return false;
}

int cli_check_outputs(const char *command, char *const *outputs, int count,
                      const cli_inputs *inputs)
{
    int code = CLI_OK;
    char **sorted = cli_zero((size_t)count, sizeof *sorted);
    if (count) {
        memcpy(sorted, outputs, (size_t)count * sizeof *sorted);
        qsort(sorted, (size_t)count, sizeof *sorted, compare_texts);
    }
    for (int i = 0; i < count && code == CLI_OK; i++) {
        if (i && strcmp(sorted[i], sorted[i - 1]) == 0) {
            code = cli_usage(command, "%s would be written twice; write to two folders or names",
                             sorted[i]);
        } else if (is_source(sorted[i], inputs)) {
            code =
                cli_usage(command, "%s would overwrite its source; choose another -o", sorted[i]);
        }
    }
    free(sorted);
    return code;
}

int cli_check_files(const char *command, char *const *sources, int source_count,
                    const char *const *outputs, int count)
{
    cli_inputs inputs = {cli_zero((size_t)source_count, sizeof(cli_input)), source_count};
    char **named = cli_zero((size_t)count, sizeof *named);
    int names = 0;
    for (int i = 0; i < source_count; i++) {
        inputs.items[i].path = sources[i];
    }
    for (int i = 0; i < count; i++) {
        if (outputs[i] && strcmp(outputs[i], "-") != 0) {
            named[names++] = cli_format("%s", outputs[i]);
        }
    }
    const int code = cli_check_outputs(command, named, names, &inputs);
    for (int i = 0; i < names; i++) {
        free(named[i]);
    }
    free(named);
    free(inputs.items); /* the paths are the caller's */
    return code;
}
