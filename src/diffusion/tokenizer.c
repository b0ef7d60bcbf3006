/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CLIP's tokenizer: text in, token ids out, equal to Hugging Face's CLIPTokenizer. */
#include "diffusion/tokenizer.h"

#include "core/error.h"
#include "core/mem.h"
#include "diffusion/vocabulary.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

struct px_tokenizer {
    px_vocabulary *words;
};

/* The kinds that the splitting expression tells apart: \s, \p{L}, \p{N}, everything else. */
typedef enum letter_kind { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_OTHER } letter_kind;

/* One token of a piece while pairs are joined: a doubly linked list in an array. */
typedef struct symbol {
    int32_t id; /* -1: swallowed by its left neighbour */
    int32_t previous, next;
} symbol;

/* A pair that may be joined; the least rank is first, then the leftmost. */
typedef struct candidate {
    int32_t rank, at, joined;
} candidate;

/* What encoding one text needs; `symbols` and `heap` are sized for its longest stretch. */
typedef struct encoder {
    const px_vocabulary *words;
    int32_t *ids;
    size_t count, capacity;
    symbol *symbols;
    candidate *heap;
    size_t heap_count;
} encoder;

dgxp_status px_tokenizer_create(const char *name, const char *vocab, size_t vocab_size,
                                const char *merges, size_t merges_size, px_tokenizer **out)
{
    px_tokenizer *tokenizer = px_mem_zero(1, sizeof *tokenizer);
    if (!tokenizer) {
        return px_error_memory("a tokenizer");
    }
    const dgxp_status status =
        px_vocabulary_parse(name, vocab, vocab_size, merges, merges_size, &tokenizer->words);
    if (status != DGXP_OK) {
        px_mem_free(tokenizer);
        return status;
    }
    *out = tokenizer;
    return DGXP_OK;
}

dgxp_status px_tokenizer_load(const char *folder, px_tokenizer **out)
{
    px_tokenizer *tokenizer = px_mem_zero(1, sizeof *tokenizer);
    if (!tokenizer) {
        return px_error_memory("a tokenizer");
    }
    const dgxp_status status = px_vocabulary_load(folder, &tokenizer->words);
    if (status != DGXP_OK) {
        px_mem_free(tokenizer);
        return status;
    }
    *out = tokenizer;
    return DGXP_OK;
}

void px_tokenizer_free(px_tokenizer *tokenizer)
{
    if (tokenizer) {
        px_vocabulary_free(tokenizer->words);
        px_mem_free(tokenizer);
    }
}

int32_t px_tokenizer_count(const px_tokenizer *tokenizer)
{
    return tokenizer->words->count;
}

int32_t px_tokenizer_start(const px_tokenizer *tokenizer)
{
    return tokenizer->words->start;
}

int32_t px_tokenizer_end(const px_tokenizer *tokenizer)
{
    return tokenizer->words->end;
}

int32_t px_tokenizer_find(const px_tokenizer *tokenizer, const char *spelling)
{
    return px_vocabulary_find(tokenizer->words, spelling, strlen(spelling));
}

static bool append_id(encoder *work, int32_t id)
{
    if (!px_mem_grow((void **)&work->ids, &work->capacity, work->count, sizeof *work->ids)) {
        return false;
    }
    work->ids[work->count++] = id;
    return true;
}

static bool comes_before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push_pair(encoder *work, int32_t at)
{
    const symbol *left = &work->symbols[at];
    const px_vocabulary_merge *merge =
        left->next < 0 ? NULL
                       : px_vocabulary_join(work->words, left->id, work->symbols[left->next].id);
    if (!merge) {
        return;
    }
    const candidate pair = {merge->rank, at, merge->joined};
    size_t hole = work->heap_count++;
    while (hole > 0 && comes_before(&pair, &work->heap[(hole - 1) / 2])) {
        work->heap[hole] = work->heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    work->heap[hole] = pair;
}

static candidate pop_pair(encoder *work)
{
    const candidate first = work->heap[0];
    const candidate last = work->heap[--work->heap_count];
    size_t hole = 0;
    for (size_t child; (child = hole * 2 + 1) < work->heap_count; hole = child) {
        if (child + 1 < work->heap_count &&
            comes_before(&work->heap[child + 1], &work->heap[child])) {
            child++;
        }
        if (!comes_before(&work->heap[child], &last)) {
            break;
        }
        work->heap[hole] = work->heap[child];
    }
    work->heap[hole] = last;
    return first;
}

/* Byte-pair encoding of one piece (Sennrich et al. 2016).  The heap keeps it n log n: a text may be
 * one word of 65,536 bytes. */
static bool encode_piece(encoder *work, const uint8_t *bytes, int32_t size)
{
    for (int32_t i = 0; i < size; i++) {
        work->symbols[i] = (symbol){work->words->bytes[i == size - 1][bytes[i]], i - 1,
                                    i == size - 1 ? -1 : i + 1};
    }
    work->heap_count = 0;
    for (int32_t i = 0; i < size; i++) {
        push_pair(work, i);
    }
    while (work->heap_count > 0) {
        const candidate best = pop_pair(work);
        symbol *left = &work->symbols[best.at];
        if (left->id < 0 || left->next < 0) {
            continue; /* swallowed since it was pushed */
        }
        symbol *right = &work->symbols[left->next];
        const px_vocabulary_merge *merge = px_vocabulary_join(work->words, left->id, right->id);
        if (!merge || merge->rank != best.rank) {
            continue; /* another pair stands here by now */
        }
        left->id = best.joined;
        left->next = right->next;
        right->id = -1;
        if (left->next >= 0) {
            work->symbols[left->next].previous = best.at;
        }
        if (left->previous >= 0) {
            push_pair(work, left->previous);
        }
        push_pair(work, best.at);
    }
    for (int32_t i = 0; i >= 0; i = work->symbols[i].next) {
        if (!append_id(work, work->symbols[i].id)) {
            return false;
        }
    }
    return true;
}

static letter_kind find_kind(utf8proc_int32_t letter)
{
    switch (letter) {
    case 0x85:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000:
    case ' ':
        return KIND_SPACE;
    default:
        break;
    }
    if ((letter >= '\t' && letter <= '\r') || (letter >= 0x2000 && letter <= 0x200a)) {
        return KIND_SPACE;
    }
    switch (utf8proc_category(letter)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return KIND_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return KIND_NUMBER;
    default:
        return KIND_OTHER;
    }
}

static bool begins_with(const utf8proc_int32_t *letters, size_t count, const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (i >= count || letters[i] != text[i]) {
            return false;
        }
    }
    return true;
}

/* The expression names the special tokens too.  Written in capitals they were not cut out as
 * tokens, and the byte-level step then splits them at their brackets; what follows stays apart. */
static size_t measure_special(const utf8proc_int32_t *letters, size_t count)
{
    return begins_with(letters, count, "<|startoftext|>") ? strlen("<|startoftext|>")
           : begins_with(letters, count, "<|endoftext|>") ? strlen("<|endoftext|>")
                                                          : 0;
}

/* Where the piece at letters[0], which is no space, ends:
 * 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+ */
static size_t measure_piece(const utf8proc_int32_t *letters, size_t count)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof contractions / sizeof *contractions; i++) {
        if (begins_with(letters, count, contractions[i])) {
            return strlen(contractions[i]);
        }
    }
    const letter_kind kind = find_kind(letters[0]);
    size_t length = 1;
    while (kind != KIND_NUMBER && length < count && find_kind(letters[length]) == kind) {
        length++;
    }
    return length;
}

/* Canonical composition (NFC), then lower case letter by letter as Unicode's SpecialCasing has it
 * without a language: only U+0130 gives two. */
static dgxp_status normalize(const char *text, size_t size, utf8proc_int32_t **out, size_t *count)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t needed = utf8proc_decompose(bytes, (utf8proc_ssize_t)size, NULL, 0, options);
    if (needed < 0) {
        return px_error_set(DGXP_ERR_INTERNAL, "normalizing a prompt: %s", utf8proc_errmsg(needed));
    }
    /* Lower case may double each letter; utf8proc writes one beyond. */
    utf8proc_int32_t *letters = px_mem_array((size_t)needed * 2 + 1, sizeof *letters);
    if (!letters) {
        return px_error_memory("a prompt");
    }
    needed = utf8proc_decompose(bytes, (utf8proc_ssize_t)size, letters, needed, options);
    needed = needed < 0 ? needed : utf8proc_normalize_utf32(letters, needed, options);
    if (needed < 0) {
        px_mem_free(letters);
        return px_error_set(DGXP_ERR_INTERNAL, "normalizing a prompt: %s", utf8proc_errmsg(needed));
    }
    size_t dotted = 0;
    for (utf8proc_ssize_t i = 0; i < needed; i++) {
        dotted += letters[i] == 0x130;
    }
    *count = (size_t)needed + dotted;
    /* From the back, so that what is written never overtakes what is read. */
    for (size_t from = (size_t)needed, to = *count; from > 0;) {
        const utf8proc_int32_t letter = letters[--from];
        if (letter == 0x130) {
            letters[--to] = 0x307;
            letters[--to] = 'i';
        } else {
            letters[--to] = utf8proc_tolower(letter);
        }
    }
    *out = letters;
    return DGXP_OK;
}

/* A stretch of text between special tokens. */
static dgxp_status encode_stretch(encoder *work, const char *text, size_t size)
{
    utf8proc_int32_t *letters = NULL;
    uint8_t *bytes = NULL;
    size_t count = 0;
    dgxp_status status = normalize(text, size, &letters, &count);
    if (status != DGXP_OK) {
        return status;
    }
    bytes = px_mem_array(count, 4);
    work->symbols = px_mem_array(count, 4 * sizeof *work->symbols);
    /* Every byte pushes a pair once, every join two more. */
    work->heap = px_mem_array(count, 12 * sizeof *work->heap);
    if (!bytes || !work->symbols || !work->heap) {
        status = px_error_memory("a prompt");
        goto done;
    }
    size_t special_end = 0;
    for (size_t at = 0, end; at < count; at = end) {
        end = at + 1;
        if (find_kind(letters[at]) == KIND_SPACE) {
            continue;
        }
        if (at >= special_end) {
            special_end = at + measure_special(letters + at, count - at);
        }
        end = at + measure_piece(letters + at, (special_end > at ? special_end : count) - at);
        int32_t length = 0;
        for (size_t i = at; i < end; i++) {
            length += (int32_t)utf8proc_encode_char(letters[i], bytes + length);
        }
        if (!encode_piece(work, bytes, length)) {
            status = px_error_memory("the tokens of a prompt");
            goto done;
        }
    }
done:
    px_mem_free(letters);
    px_mem_free(bytes);
    px_mem_free(work->symbols);
    px_mem_free(work->heap);
    return status;
}

dgxp_status px_tokenizer_check(const char *what, const char *text, size_t size)
{
    if (size > PX_TOKENIZER_MAX_TEXT) {
        return px_error_set(DGXP_ERR_LIMIT, "%s has %zu bytes, the limit is %d; shorten it", what,
                            size, PX_TOKENIZER_MAX_TEXT);
    }
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t letter;
        const utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                       (utf8proc_ssize_t)(size - at), &letter);
        if (used <= 0) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "%s is not UTF-8 at byte %zu; save or send it as UTF-8", what, at);
        }
        at += (size_t)used;
    }
    return DGXP_OK;
}

/* A token's own text: letters back to bytes, </w> to nothing; returns the length. */
static size_t spell_out(const px_vocabulary *words, int32_t id, bool *ends_word,
                        char text[PX_VOCABULARY_MAX_SPELLING + 1])
{
    const char *spelling = px_vocabulary_spelling(words, id);
    size_t size = strlen(spelling), length = 0;
    const size_t mark = sizeof "</w>" - 1;
    *ends_word = size >= mark && strcmp(spelling + size - mark, "</w>") == 0;
    size -= *ends_word ? mark : 0;
    for (size_t at = 0; at < size;) {
        utf8proc_int32_t letter;
        const utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)spelling + at,
                                                       (utf8proc_ssize_t)(size - at), &letter);
        const int32_t byte = used > 0 ? px_vocabulary_letter_byte(letter) : -1;
        if (byte >= 0) {
            text[length++] = (char)byte;
        }
        at += used > 0 ? (size_t)used : 1;
    }
    return length;
}

/* The token that is cut out at the start of `text`: its id and, in `length`, its bytes; else -1. */
static int32_t match_special(const px_vocabulary *words, const char *text, size_t size,
                             int32_t special, const char *special_text, size_t special_length,
                             size_t *length)
{
    const struct {
        int32_t id;
        const char *text;
        size_t length;
    } tokens[] = {
        {words->start, "<|startoftext|>", sizeof "<|startoftext|>" - 1},
        {words->end, "<|endoftext|>", sizeof "<|endoftext|>" - 1},
        {special, special_text, special_length},
    };
    int32_t found = -1;
    *length = 0;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        if (tokens[i].length > *length && tokens[i].length <= size &&
            memcmp(text, tokens[i].text, tokens[i].length) == 0) {
            *length = tokens[i].length;
            found = tokens[i].id;
        }
    }
    return found;
}

dgxp_status px_tokenizer_encode(const px_tokenizer *tokenizer, const char *text, size_t size,
                                int32_t special, int32_t **ids, size_t *count)
{
    encoder work = {.words = tokenizer->words};
    char special_text[PX_VOCABULARY_MAX_SPELLING + 1];
    size_t special_length = 0, begin = 0;
    bool ends_word;
    dgxp_status status = px_tokenizer_check("the prompt", text, size);
    if (status != DGXP_OK) {
        return status;
    }
    if (special >= tokenizer->words->count) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "token %d is not in 0..%d", special,
                            tokenizer->words->count - 1);
    }
    if (special >= 0) {
        special_length = spell_out(tokenizer->words, special, &ends_word, special_text);
    }
    for (size_t at = 0; at <= size;) {
        size_t length = 0;
        const int32_t id = match_special(tokenizer->words, text + at, size - at, special,
                                         special_text, special_length, &length);
        if ((id >= 0 || at == size) && at > begin) {
            status = encode_stretch(&work, text + begin, at - begin);
        }
        if (status == DGXP_OK && id >= 0 && !append_id(&work, id)) {
            status = px_error_memory("the tokens of a prompt");
        }
        if (status != DGXP_OK) {
            px_mem_free(work.ids);
            return status;
        }
        at += length ? length : 1;
        begin = id >= 0 ? at : begin;
    }
    *ids = work.ids ? work.ids : px_mem_alloc(1);
    *count = work.count;
    return *ids ? DGXP_OK : px_error_memory("the tokens of a prompt");
}

char *px_tokenizer_decode(const px_tokenizer *tokenizer, const int32_t *ids, size_t count)
{
    char token[PX_VOCABULARY_MAX_SPELLING + 1];
    char *text = NULL;
    size_t length = 0, capacity = 0;
    for (size_t i = 0; i < count; i++) {
        bool ends_word = false;
        const bool known = ids[i] >= 0 && ids[i] < tokenizer->words->count;
        size_t size = known ? spell_out(tokenizer->words, ids[i], &ends_word, token) : 0;
        if (ends_word) {
            token[size++] = ' ';
        }
        for (size_t k = 0; k < size; k++) {
            if (!px_mem_grow((void **)&text, &capacity, length, 1)) {
                px_mem_free(text);
                return NULL;
            }
            text[length++] = token[k];
        }
    }
    length -= length > 0 && text[length - 1] == ' ';
    char *result = px_mem_textn(text ? text : "", length);
    px_mem_free(text);
    return result;
}
