/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words that a model has read in training: what a prompt holds beside them leaves it cold. */
#include "diffusion/words.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILE_LIMIT = 1 << 20,
    LONGEST = 32,  /* letters of a word of the list */
    SHORTEST = 3,  /* "a", "of" and the like say nothing */
    TOLD_MOST = 16 /* a prompt of another language is one fault, not a hundred */
};

struct px_words {
    char *text; /* each line ends with a NUL */
    const char **list;
    size_t count;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || ((unsigned char)c & 0x80);
}

dgxp_status px_words_load(const char *path, px_words **out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    px_words *words = px_mem_zero(1, sizeof *words);
    if (!words) {
        return px_error_memory("a list of words");
    }
    dgxp_status status = px_file_read(path, FILE_LIMIT, &bytes, &size);
    words->text = status == DGXP_OK ? px_mem_zero(size + 1, 1) : NULL;
    words->list = status == DGXP_OK ? px_mem_zero(size / 2 + 1, sizeof *words->list) : NULL;
    if (status == DGXP_OK && !(words->text && words->list)) {
        status = px_error_memory("a list of words");
    }
    for (size_t at = 0; status == DGXP_OK && at < size;) {
        const uint8_t *line = bytes + at, *end = memchr(line, '\n', size - at);
        const size_t length = end ? (size_t)(end - line) : size - at;
        char *word = memcpy(words->text + at, line, length);
        const char *before = words->count ? words->list[words->count - 1] : "";
        if (length < 1 || length > LONGEST ||
            strspn(word, "abcdefghijklmnopqrstuvwxyz") != length || strcmp(before, word) >= 0) {
            status =
                px_error_set(DGXP_ERR_BAD_FORMAT,
                             "%s: line %zu must be a word of 1 to %d letters a-z, after the one "
                             "before it in the alphabet",
                             path, words->count + 1, LONGEST);
        } else {
            words->list[words->count++] = word;
        }
        at += length + 1;
    }
    px_mem_free(bytes);
    if (status != DGXP_OK) {
        px_words_free(words);
        return status;
    }
    *out = words;
    return DGXP_OK;
}

void px_words_free(px_words *words)
{
    if (words) {
        px_mem_free(words->text);
        px_mem_free(words->list);
        px_mem_free(words);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool holds(const px_words *words, const char *word)
{
    return bsearch(&word, words->list, words->count, sizeof *words->list, compare) != NULL;
}

/* Letters that were left out, added, changed, or swapped with their neighbour (the restricted
 * Damerau-Levenshtein distance), or more than `most`. */
static int count_slips(const char *a, const char *b, int most)
{
    const int m = (int)strlen(a), n = (int)strlen(b);
    int rows[3][LONGEST + 2];
    if (abs(m - n) > most) {
        return most + 1;
    }
    for (int j = 0; j <= n; j++) {
        rows[0][j] = j;
    }
    for (int i = 1; i <= m; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int least = above[j - 1] + (a[i - 1] != b[j - 1]);
            least = above[j] + 1 < least ? above[j] + 1 : least;
            least = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                higher[j - 2] + 1 < least) {
                least = higher[j - 2] + 1;
            }
            row[j] = least;
        }
    }
    return rows[m % 3][n];
}

/* Its singular, or what it may be a slip of: one letter in four, two in seven. */
static const char *find_near(const px_words *words, const char *word)
{
    static const char *const ends[][2] = {{"ves", "f"}, {"ies", "y"}, {"men", "man"},
                                          {"es", ""},   {"s", ""},    {"", "s"}};
    const size_t length = strlen(word);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end = strlen(ends[i][0]);
        char other[LONGEST + 4];
        if (length > end && strcmp(word + length - end, ends[i][0]) == 0) {
            memcpy(other, word, length - end);
            strcpy(other + length - end, ends[i][1]);
            const char *key = other;
            const char **found =
                bsearch(&key, words->list, words->count, sizeof *words->list, compare);
            if (found) {
                return *found;
            }
        }
    }
    int most = length >= 7 ? 2 : length >= 4 ? 1 : 0;
    const char *near = NULL;
    for (size_t i = 0; i < words->count && most > 0; i++) {
        const int slips = count_slips(word, words->list[i], most);
        if (slips <= most && strlen(words->list[i]) >= SHORTEST) {
            near = words->list[i];
            most = slips - 1;
        }
    }
    return near;
}

static bool append(json_t **list, const char *word, const char *near)
{
    json_t *entry = json_object();
    if (!*list) {
        *list = json_array();
    }
    px_json_put_text(entry, "word", word);
    if (near) {
        px_json_put_text(entry, "near", near);
    }
    return json_array_append_new(*list, entry) == 0;
}

static bool is_told(const json_t *list, const char *word)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (strcmp(json_string_value(json_object_get(entry, "word")), word) == 0) {
            return true;
        }
    }
    return false;
}

bool px_words_unread(const px_words *words, const char *prompt, json_t **list)
{
    /* What joins words: no caption may hold it, and nobody misses it. */
    static const char *const joints[] = {"and", "for",  "from", "her",  "his",  "into",
                                         "its", "that", "the",  "this", "very", "with"};
    *list = NULL;
    for (const char *at = prompt; words && *at;) {
        if (*at == '<') { /* an adapter's name */
            at += strcspn(at, ">");
        } else if (is_letter(*at)) {
            char word[LONGEST + 1];
            size_t length = 0;
            for (; is_letter(*at); at++) {
                if (length < LONGEST) {
                    word[length++] = px_text_lower(*at);
                }
            }
            word[length] = 0;
            const char *key = word;
            const bool joins = bsearch(&key, joints, sizeof joints / sizeof *joints, sizeof *joints,
                                       compare) != NULL;
            if (length >= SHORTEST && !joins && !holds(words, word) && !is_told(*list, word) &&
                json_array_size(*list) < TOLD_MOST && !append(list, word, find_near(words, word))) {
                json_decref(*list);
                *list = NULL;
                return false;
            }
        } else {
            at++;
        }
    }
    return true;
}
