/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A CLIP vocabulary: tokens, their ids and the table of merges, read from a tokenizer's files. */
#include "diffusion/vocabulary.h"

#include "core/error.h"
#include "core/file.h"
#include "core/gzip.h"
#include "core/json.h"
#include "core/mem.h"

#include <string.h>
#include <utf8proc.h>

#define START_TEXT "<|startoftext|>"
#define END_TEXT "<|endoftext|>"
#define WORD_END "</w>"
#define FILE_LIMIT ((size_t)16 << 20) /* CLIP's own files have 0.9 and 0.5 MB */

/* GPT-2's alphabet: a byte that prints in Latin-1 is its own letter; the others, in their order,
 * take the letters from U+0100 on. */
static bool byte_prints(int byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

static int32_t byte_letter(int byte)
{
    int32_t letter = 256;
    for (int below = 0; below < byte; below++) {
        letter += !byte_prints(below);
    }
    return byte_prints(byte) ? byte : letter;
}

int32_t px_vocabulary_letter_byte(int32_t letter)
{
    if (letter >= 0 && letter < 256) {
        return byte_prints(letter) ? letter : -1;
    }
    for (int byte = 0; byte < 256; byte++) {
        if (!byte_prints(byte) && byte_letter(byte) == letter) {
            return byte;
        }
    }
    return -1;
}

/* Spells a byte as the vocabulary does; returns the length. */
static size_t spell_byte(int byte, bool ends_word, char spelling[16])
{
    size_t length = (size_t)utf8proc_encode_char(byte_letter(byte), (utf8proc_uint8_t *)spelling);
    if (ends_word) {
        memcpy(spelling + length, WORD_END, sizeof WORD_END - 1);
        length += sizeof WORD_END - 1;
    }
    spelling[length] = '\0';
    return length;
}

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0x9e3779b97f4a7c15u;
    return value ^ value >> 29;
}

static uint64_t hash_spelling(const char *spelling, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)spelling[i]) * 0x100000001b3u;
    }
    return mix(hash);
}

const char *px_vocabulary_spelling(const px_vocabulary *vocabulary, int32_t id)
{
    return vocabulary->text + vocabulary->spellings[id];
}

/* The slot that holds a spelling, or the empty one where it belongs. */
static int32_t *find_slot(const px_vocabulary *vocabulary, const char *spelling, size_t length)
{
    size_t at = hash_spelling(spelling, length) & vocabulary->slot_mask;
    for (;; at = (at + 1) & vocabulary->slot_mask) {
        int32_t *slot = &vocabulary->slots[at];
        if (*slot < 0) {
            return slot;
        }
        const char *held = px_vocabulary_spelling(vocabulary, *slot);
        if (strncmp(held, spelling, length) == 0 && held[length] == '\0') {
            return slot;
        }
    }
}

int32_t px_vocabulary_find(const px_vocabulary *vocabulary, const char *spelling, size_t length)
{
    return *find_slot(vocabulary, spelling, length);
}

static px_vocabulary_merge *find_merge(const px_vocabulary *vocabulary, int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t at = mix(pair * 0xff51afd7ed558ccdu) & vocabulary->merge_mask;
    while (vocabulary->merges[at].pair != UINT64_MAX && vocabulary->merges[at].pair != pair) {
        at = (at + 1) & vocabulary->merge_mask;
    }
    return &vocabulary->merges[at];
}

const px_vocabulary_merge *px_vocabulary_join(const px_vocabulary *vocabulary, int32_t left,
                                              int32_t right)
{
    const px_vocabulary_merge *merge = find_merge(vocabulary, left, right);
    return merge->pair == UINT64_MAX ? NULL : merge;
}

void px_vocabulary_free(px_vocabulary *vocabulary)
{
    if (!vocabulary) {
        return;
    }
    px_mem_free(vocabulary->text);
    px_mem_free(vocabulary->spellings);
    px_mem_free(vocabulary->slots);
    px_mem_free(vocabulary->merges);
    px_mem_free(vocabulary);
}

/* An empty vocabulary with room for so many tokens, merges and bytes of spelling. */
static px_vocabulary *create_empty(size_t tokens, size_t merges, size_t text_size)
{
    px_vocabulary *vocabulary = px_mem_zero(1, sizeof *vocabulary);
    if (!vocabulary) {
        return NULL;
    }
    size_t slots = 16, pairs = 16;
    while (slots < tokens * 2) {
        slots *= 2;
    }
    while (pairs < merges * 2) {
        pairs *= 2;
    }
    vocabulary->text = px_mem_alloc(text_size);
    vocabulary->spellings = px_mem_array(tokens, sizeof *vocabulary->spellings);
    vocabulary->slots = px_mem_array(slots, sizeof *vocabulary->slots);
    vocabulary->merges = px_mem_array(pairs, sizeof *vocabulary->merges);
    if (!vocabulary->text || !vocabulary->spellings || !vocabulary->slots || !vocabulary->merges) {
        px_vocabulary_free(vocabulary);
        return NULL;
    }
    memset(vocabulary->slots, 0xff, slots * sizeof *vocabulary->slots);
    memset(vocabulary->merges, 0xff, pairs * sizeof *vocabulary->merges);
    vocabulary->slot_mask = slots - 1;
    vocabulary->merge_mask = pairs - 1;
    return vocabulary;
}

/* Gives the next id to a spelling (in two parts); false when it has one already. */
static bool append_token(px_vocabulary *vocabulary, const char *left, size_t left_length,
                         const char *right, size_t right_length)
{
    char *spelling = vocabulary->text + vocabulary->text_used;
    const size_t length = left_length + right_length;
    memcpy(spelling, left, left_length);
    memcpy(spelling + left_length, right, right_length);
    spelling[length] = '\0';
    int32_t *slot = find_slot(vocabulary, spelling, length);
    if (*slot >= 0) {
        return false;
    }
    vocabulary->spellings[vocabulary->count] = (uint32_t)vocabulary->text_used;
    vocabulary->text_used += length + 1;
    *slot = vocabulary->count++;
    return true;
}

static void append_bytes(px_vocabulary *vocabulary, bool ends_word)
{
    char spelling[16];
    for (int pass = 0; pass < 2; pass++) {
        for (int byte = 0; byte < 256; byte++) {
            if (byte_prints(byte) == (pass == 0)) {
                append_token(vocabulary, spelling, spell_byte(byte, ends_word, spelling), "", 0);
            }
        }
    }
}

/* One line of merges.txt, "left right". */
typedef struct pair_line {
    const char *left, *right;
    size_t left_length, right_length;
} pair_line;

static dgxp_status parse_line(const char *name, int32_t number, const char *line, size_t length,
                              pair_line *out)
{
    const char *space = memchr(line, ' ', length);
    if (!space || space == line || space + 1 == line + length ||
        memchr(space + 1, ' ', (size_t)(line + length - space - 1))) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: line %d of merges.txt is not two tokens with one space between; "
                            "take the file from the model's own tokenizer again",
                            name, number);
    }
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t letter;
        const utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)line + at,
                                                       (utf8proc_ssize_t)(length - at), &letter);
        if (used <= 0) {
            return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line %d of merges.txt is not UTF-8", name,
                                number);
        }
        at += (size_t)used;
    }
    if (memchr(line, '\0', length)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line %d of merges.txt holds a NUL byte", name,
                            number);
    }
    if (length > PX_VOCABULARY_MAX_SPELLING) {
        return px_error_set(DGXP_ERR_LIMIT,
                            "%s: line %d of merges.txt has %zu bytes, the limit is %d", name,
                            number, length, PX_VOCABULARY_MAX_SPELLING);
    }
    *out =
        (pair_line){line, space + 1, (size_t)(space - line), (size_t)(line + length - space - 1)};
    return DGXP_OK;
}

/* `grows`: a merge makes the next token (CLIP's rule); else the token must exist. */
static dgxp_status add_merge(px_vocabulary *vocabulary, const char *name, int32_t number,
                             int32_t rank, const pair_line *line, bool grows)
{
    const int32_t left = px_vocabulary_find(vocabulary, line->left, line->left_length);
    const int32_t right = px_vocabulary_find(vocabulary, line->right, line->right_length);
    if (left < 0 || right < 0) {
        const char *unknown = left < 0 ? line->left : line->right;
        const size_t length = left < 0 ? line->left_length : line->right_length;
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: line %d of merges.txt joins '%.*s', which is no token; "
                            "vocab.json and merges.txt do not belong together",
                            name, number, (int)length, unknown);
    }
    px_vocabulary_merge *merge = find_merge(vocabulary, left, right);
    if (merge->pair != UINT64_MAX) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: line %d of merges.txt repeats line %d", name,
                            number, merge->rank + number - rank);
    }
    char joined[PX_VOCABULARY_MAX_SPELLING + 1];
    const size_t length = line->left_length + line->right_length;
    memcpy(joined, line->left, line->left_length);
    memcpy(joined + line->left_length, line->right, line->right_length);
    int32_t id = px_vocabulary_find(vocabulary, joined, length);
    if (grows != (id < 0)) {
        return px_error_set(DGXP_ERR_BAD_FORMAT,
                            "%s: line %d of merges.txt makes '%.*s', which is %s; "
                            "take both files from the same tokenizer",
                            name, number, (int)length, joined,
                            grows ? "a token already" : "no token of vocab.json");
    }
    if (grows) {
        id = vocabulary->count;
        append_token(vocabulary, joined, length, "", 0);
    }
    *merge = (px_vocabulary_merge){(uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank, id};
    return DGXP_OK;
}

static dgxp_status add_merges(px_vocabulary *vocabulary, const char *name, const char *merges,
                              size_t size, bool grows)
{
    int32_t number = 1, rank = 0;
    for (size_t at = 0; at < size; number++) {
        const char *line = merges + at;
        const char *newline = memchr(line, '\n', size - at);
        size_t length = newline ? (size_t)(newline - line) : size - at;
        at += length + 1;
        if (length > 0 && line[length - 1] == '\r') {
            length--;
        }
        if (number == 1 && length >= 8 && memcmp(line, "#version", 8) == 0) {
            continue;
        }
        if (length == 0 && at >= size) {
            continue; /* the blank last line that some writers leave */
        }
        pair_line pair = {0};
        dgxp_status status = parse_line(name, number, line, length, &pair);
        if (status == DGXP_OK) {
            status = add_merge(vocabulary, name, number, rank++, &pair, grows);
        }
        if (status != DGXP_OK) {
            return status;
        }
    }
    return DGXP_OK;
}

/* Places the keys of vocab.json at their ids: each of 0..count-1 once. */
static dgxp_status place_keys(const char *name, json_t *object, const char **keys, size_t count,
                              size_t *text_size)
{
    const char *key;
    json_t *value;
    *text_size = 1;
    json_object_foreach(object, key, value)
    {
        const json_int_t id = json_integer_value(value);
        const size_t length = strlen(key);
        if (!json_is_integer(value) || id < 0 || (size_t)id >= count) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: vocab.json: the id of '%.64s' is not an integer in 0..%zu; "
                                "ids must count from 0 without a gap",
                                name, key, count - 1);
        }
        if (keys[id]) {
            return px_error_set(DGXP_ERR_BAD_FORMAT,
                                "%s: vocab.json: '%.64s' and '%.64s' share the id %lld", name,
                                keys[id], key, (long long)id);
        }
        if (length > PX_VOCABULARY_MAX_SPELLING) {
            return px_error_set(DGXP_ERR_LIMIT,
                                "%s: vocab.json: token %lld has %zu bytes, the limit is %d", name,
                                (long long)id, length, PX_VOCABULARY_MAX_SPELLING);
        }
        keys[id] = key;
        *text_size += length + 1;
    }
    return DGXP_OK;
}

static dgxp_status parse_vocab(const char *name, const char *vocab, size_t size, size_t merges,
                               px_vocabulary **out)
{
    dgxp_status status = DGXP_OK;
    const char **keys = NULL;
    json_t *object = NULL;
    char *file = px_mem_format("%s: vocab.json", name);
    status = file ? px_json_parse(file, vocab, size, &object) : px_error_memory("a vocabulary");
    if (status != DGXP_OK) {
        goto done;
    }
    if (!json_is_object(object)) {
        status = px_error_set(DGXP_ERR_BAD_FORMAT, "%s is not an object of tokens and ids", file);
        goto done;
    }
    const size_t count = json_object_size(object);
    if (count > PX_VOCABULARY_MAX_TOKENS) {
        status = px_error_set(DGXP_ERR_LIMIT, "%s: vocab.json has %zu tokens, the limit is %d",
                              name, count, PX_VOCABULARY_MAX_TOKENS);
        goto done;
    }
    size_t text_size = 0;
    keys = px_mem_zero(count, sizeof *keys);
    if (!keys) {
        status = px_error_memory("a vocabulary");
        goto done;
    }
    status = place_keys(name, object, keys, count, &text_size);
    if (status != DGXP_OK) {
        goto done;
    }
    *out = create_empty(count, merges, text_size);
    if (!*out) {
        status = px_error_memory("a vocabulary");
        goto done;
    }
    for (size_t id = 0; id < count; id++) {
        append_token(*out, keys[id], strlen(keys[id]), "", 0);
    }
done:
    px_mem_free(file);
    px_mem_free(keys);
    json_decref(object);
    return status;
}

/* Resolves the tokens that the tokenizer itself names. */
static dgxp_status find_specials(px_vocabulary *vocabulary, const char *name)
{
    char spelling[16];
    for (int ends = 0; ends < 2; ends++) {
        for (int byte = 0; byte < 256; byte++) {
            const size_t length = spell_byte(byte, ends, spelling);
            vocabulary->bytes[ends][byte] = px_vocabulary_find(vocabulary, spelling, length);
            if (vocabulary->bytes[ends][byte] < 0) {
                return px_error_set(DGXP_ERR_BAD_FORMAT,
                                    "%s: vocab.json lacks '%s', the token of byte %d; every byte "
                                    "needs one, and one with </w>",
                                    name, spelling, byte);
            }
        }
    }
    vocabulary->start = px_vocabulary_find(vocabulary, START_TEXT, sizeof START_TEXT - 1);
    vocabulary->end = px_vocabulary_find(vocabulary, END_TEXT, sizeof END_TEXT - 1);
    if (vocabulary->start < 0 || vocabulary->end < 0) {
        return px_error_set(DGXP_ERR_BAD_FORMAT, "%s: vocab.json lacks %s; is it CLIP's?", name,
                            vocabulary->start < 0 ? START_TEXT : END_TEXT);
    }
    return DGXP_OK;
}

dgxp_status px_vocabulary_parse(const char *name, const char *vocab, size_t vocab_size,
                                const char *merges, size_t merges_size, px_vocabulary **out)
{
    px_vocabulary *vocabulary = NULL;
    dgxp_status status = DGXP_OK;
    if (vocab_size > FILE_LIMIT || merges_size > FILE_LIMIT) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: a tokenizer file has more than %zu bytes", name,
                            FILE_LIMIT);
    }
    size_t lines = 1;
    for (size_t i = 0; i < merges_size; i++) {
        lines += merges[i] == '\n';
    }
    if (lines > PX_VOCABULARY_MAX_TOKENS) {
        return px_error_set(DGXP_ERR_LIMIT, "%s: merges.txt has %zu lines, the limit is %d", name,
                            lines, PX_VOCABULARY_MAX_TOKENS);
    }
    if (vocab) {
        status = parse_vocab(name, vocab, vocab_size, lines, &vocabulary);
    } else {
        /* A joined spelling and its NUL take one byte less than its line, the last one line more.
         */
        vocabulary = create_empty(512 + lines + 2, lines, merges_size + 512 * 8 + 64);
        if (!vocabulary) {
            return px_error_memory("a vocabulary");
        }
        append_bytes(vocabulary, false);
        append_bytes(vocabulary, true);
    }
    if (status == DGXP_OK) {
        status = add_merges(vocabulary, name, merges, merges_size, !vocab);
    }
    if (status == DGXP_OK && !vocab) {
        append_token(vocabulary, START_TEXT, sizeof START_TEXT - 1, "", 0);
        append_token(vocabulary, END_TEXT, sizeof END_TEXT - 1, "", 0);
    }
    if (status == DGXP_OK) {
        status = find_specials(vocabulary, name);
    }
    if (status != DGXP_OK) {
        px_vocabulary_free(vocabulary);
        return status;
    }
    *out = vocabulary;
    return DGXP_OK;
}

/* Reads `folder`/`name` or `folder`/`name`.gz; NOT_FOUND when there is neither. */
static dgxp_status read_either(const char *folder, const char *name, uint8_t **bytes, size_t *size)
{
    dgxp_status status;
    char *path = px_file_join(folder, name);
    char *packed = px_mem_format("%s/%s.gz", folder, name);
    if (!path || !packed) {
        status = px_error_memory("a path");
        goto done;
    }
    if (px_file_exists(path) || px_file_exists(packed)) {
        status = px_gzip_read(px_file_exists(path) ? path : packed, FILE_LIMIT, bytes, size);
    } else {
        status = px_error_set(DGXP_ERR_NOT_FOUND,
                              "%s: there is no %s (or %s.gz); the model's tokenizer is incomplete",
                              folder, name, name);
    }
done:
    px_mem_free(path);
    px_mem_free(packed);
    return status;
}

dgxp_status px_vocabulary_load(const char *folder, px_vocabulary **out)
{
    uint8_t *vocab = NULL, *merges = NULL;
    size_t vocab_size = 0, merges_size = 0;
    dgxp_status status = read_either(folder, "merges.txt", &merges, &merges_size);
    if (status == DGXP_OK) {
        status = read_either(folder, "vocab.json", &vocab, &vocab_size);
        if (status == DGXP_ERR_NOT_FOUND) {
            px_error_clear(); /* it follows from the merges */
            status = DGXP_OK;
        }
    }
    if (status == DGXP_OK) {
        status = px_vocabulary_parse(folder, (const char *)vocab, vocab_size, (const char *)merges,
                                     merges_size, out);
    }
    px_mem_free(vocab);
    px_mem_free(merges);
    return status;
}
