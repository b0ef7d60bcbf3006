/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Grammar of other programs that a prompt may hold and that is not done here: named, not painted.
 */
#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"
#include "diffusion/prompt.h"

#include <string.h>

static const char later[] = "is not done in this version";

static dgxp_status refuse(const char *what, const char *at, size_t length, const char *advice)
{
    return px_error_set(DGXP_ERR_UNSUPPORTED, "the prompt holds '%.*s', %s, which %s; %s",
                        (int)(length < 60 ? length : 60), at, what, later, advice);
}

static bool is_letter(char c)
{
    return px_text_is_alnum(c) || c == '_' || ((unsigned char)c & 0x80);
}

/* `word` at `at`, by itself. */
static bool is_word(const char *text, const char *at, const char *word)
{
    const size_t length = strlen(word);
    return strncmp(at, word, length) == 0 && (at == text || !is_letter(at[-1])) &&
           !is_letter(at[length]);
}

/* `: 0.5]` at `at`: what makes a bracket a change during painting. */
static bool is_when(const char *at)
{
    bool digits = false;
    for (at++; *at == ' '; at++) {
    }
    for (; px_text_is_digit(*at) || *at == '.'; at++) {
        digits = true;
    }
    for (; *at == ' '; at++) {
    }
    return digits && *at == ']';
}

/* A bracket's end; `*bar` and `*when`: it holds an alternation or a change of its own. */
static const char *scan_bracket(const char *at, bool *bar, bool *when)
{
    int depth = 0;
    *bar = *when = false;
    for (; *at; at++) {
        if (*at == '\\' && at[1]) {
            at++;
        } else if (*at == '[' || *at == '(') {
            depth++;
        } else if (*at == ']' || *at == ')') {
            if (--depth == 0) {
                return at + 1;
            }
        } else if (depth == 1 && *at == '|') {
            *bar = true;
        } else if (depth == 1 && *at == ':' && is_when(at)) {
            *when = true;
        }
    }
    return NULL; /* left open: A1111 takes it for a weight */
}

dgxp_status px_prompt_check(const char *text)
{
    static const char *const regions[] = {"ADDCOMM", "ADDBASE", "ADDCOL", "ADDROW"};
    for (const char *at = text; *at; at++) {
        if (*at == '\\' && at[1]) {
            at++;
        } else if (*at == '[') {
            bool bar, when;
            const char *end = scan_bracket(at, &bar, &when);
            if (end && (bar || when)) {
                return refuse(bar ? "an alternation of A1111's" : "prompt editing of A1111's", at,
                              (size_t)(end - at),
                              "choose one of the words, or write \\[ for a bracket that is text");
            }
        } else if (strncmp(at, "<hypernet:", 10) == 0) {
            return refuse("a hypernetwork", at, strcspn(at, ">") + 1,
                          "no SDXL model has one; leave it out");
        } else if (is_word(text, at, "AND")) {
            return refuse("A1111's word for several prompts in one", at, 3,
                          "write 'and' in small letters when it is meant as a word");
        }
        for (size_t i = 0; *at == 'A' && i < sizeof regions / sizeof *regions; i++) {
            if (is_word(text, at, regions[i])) {
                return refuse("a word of the Regional Prompter", at, strlen(regions[i]),
                              "paint without regions");
            }
        }
    }
    return DGXP_OK;
}

/* The length of a word or mark at `at` that means more here than its letters. */
static size_t match_mark(const char *text, const char *at)
{
    static const char *const words[] = {"BREAK", "AND", "ADDCOMM", "ADDBASE", "ADDCOL", "ADDROW"};
    static const char *const marks[] = {"<lora:", "<lyco:", "<hypernet:"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (is_word(text, at, words[i])) {
            return strlen(words[i]);
        }
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (strncmp(at, marks[i], strlen(marks[i])) == 0) {
            return strlen(marks[i]);
        }
    }
    return 0;
}

char *px_prompt_escape(const char *text)
{
    char *out = px_mem_alloc(2 * strlen(text) + 1), *to = out;
    for (const char *at = text; out && *at; at++) {
        if (*at == '[' || *at == ']') {
            *to++ = '\\';
        } else if (*at == '\\' && (at[1] == '(' || at[1] == ')')) {
            *to++ = *at++;
        } else if (*at == '\\') {
            *to++ = '\\';
        } else if (match_mark(text, at)) { /* a lone backslash vanishes when it is read */
            *to++ = *at++;
            *to++ = '\\';
        }
        *to++ = *at;
    }
    if (out) {
        *to = '\0';
    }
    return out;
}
