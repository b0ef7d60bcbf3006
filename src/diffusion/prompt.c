/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The prompt grammar: weights, BREAK, LoRA tags; and the chunks that the text encoders take. */
#include "diffusion/prompt.h"

#include "core/error.h"
#include "core/mem.h"
#include "core/number.h"
#include "core/text.h"

#include <math.h>
#include <string.h>
#include <utf8proc.h>

#define LORA_MARK "<lora:" /* and "<lyco:", which is as long */

/* What is being parsed: pieces so far, and for each open bracket the piece that it begins at. */
typedef struct parser {
    px_prompt *prompt;
    size_t piece_capacity, lora_capacity;
    size_t *round, round_count, round_capacity;
    size_t *square, square_count, square_capacity;
} parser;

void px_prompt_free(px_prompt *prompt)
{
    for (size_t i = 0; i < prompt->piece_count; i++) {
        px_mem_free(prompt->pieces[i].text);
    }
    for (size_t i = 0; i < prompt->lora_count; i++) {
        px_mem_free(prompt->loras[i].name);
    }
    px_mem_free(prompt->pieces);
    px_mem_free(prompt->loras);
    *prompt = (px_prompt){0};
}

static bool append_piece(parser *parse, const char *text, size_t length, bool breaks)
{
    px_prompt *prompt = parse->prompt;
    char *copy = px_mem_textn(text, length);
    if (!copy || !px_mem_grow((void **)&prompt->pieces, &parse->piece_capacity, prompt->piece_count,
                              sizeof *prompt->pieces)) {
        px_mem_free(copy);
        return false;
    }
    prompt->pieces[prompt->piece_count++] = (px_prompt_piece){copy, 1.0, breaks};
    return true;
}

static bool push_bracket(parser *parse, bool round)
{
    size_t **stack = round ? &parse->round : &parse->square;
    size_t *count = round ? &parse->round_count : &parse->square_count;
    size_t *capacity = round ? &parse->round_capacity : &parse->square_capacity;
    if (!px_mem_grow((void **)stack, capacity, *count, sizeof **stack)) {
        return false;
    }
    (*stack)[(*count)++] = parse->prompt->piece_count;
    return true;
}

static void multiply_from(parser *parse, size_t first, double factor)
{
    for (size_t i = first; i < parse->prompt->piece_count; i++) {
        parse->prompt->pieces[i].weight *= factor;
    }
}

/* Digits with a sign and a point, the whole of `text`: no blanks, no power of ten. */
static bool parse_number(const char *text, size_t length, double *number)
{
    const char *end;
    *number = px_number_take(text, &end);
    return length && strspn(text, "+-.0123456789") >= length && end == text + length;
}

static size_t skip_blanks(const char *text, size_t at)
{
    while (px_text_is_space(text[at])) {
        at++;
    }
    return at;
}

/* `:1.3)` at text[0]: its length and number; 0 when it is something else. */
static size_t match_weight(const char *text, double *number)
{
    const size_t begin = skip_blanks(text, 1);
    size_t end = begin + (text[begin] == '+' || text[begin] == '-');
    while (text[end] == '.' || px_text_is_digit(text[end])) {
        end++;
    }
    const size_t close = skip_blanks(text, end);
    if (text[0] != ':' || text[close] != ')' || !parse_number(text + begin, end - begin, number)) {
        return 0;
    }
    return close + 1;
}

static bool is_word_letter(const char *text, size_t length)
{
    utf8proc_int32_t letter;
    if (length == 0 ||
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &letter) <= 0) {
        return false;
    }
    const utf8proc_category_t kind = utf8proc_category(letter);
    return letter == '_' || (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
           (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

static bool is_break(const char *text, size_t at, size_t length)
{
    const size_t size = sizeof "BREAK" - 1;
    if (length - at < size || memcmp(text + at, "BREAK", size) != 0 ||
        is_word_letter(text + at + size, length - at - size)) {
        return false;
    }
    size_t before = at;
    while (before > 0 && ((uint8_t)text[--before] & 0xc0) == 0x80) {
    }
    return !is_word_letter(text + before, at - before);
}

/* Text without brackets: pieces, with a break for every word BREAK and the blanks around it. */
static bool append_text(parser *parse, const char *text, size_t length)
{
    size_t begin = 0;
    for (size_t at = 0; at < length; at++) {
        if (!is_break(text, at, length)) {
            continue;
        }
        size_t end = at;
        while (end > begin && px_text_is_space(text[end - 1])) {
            end--;
        }
        if (!append_piece(parse, text + begin, end - begin, false) ||
            !append_piece(parse, "", 0, true)) {
            return false;
        }
        begin = at + sizeof "BREAK" - 1;
        while (begin < length && px_text_is_space(text[begin])) {
            begin++;
        }
        at = begin - 1;
    }
    return append_piece(parse, text + begin, length - begin, false);
}

/* One step of the grammar at `text`, as prompt_parser.py's expression tries its alternatives; the
 * bytes taken, 0 when memory runs out. */
static size_t parse_step(parser *parse, const char *text)
{
    static const double stronger = 1.1, weaker = 1 / 1.1;
    double number = 1.0;
    size_t length;
    switch (text[0]) {
    case '\\':
        length = text[1] && strchr("()[]\\", text[1]) ? 2 : 1;
        return append_piece(parse, text + 1, length - 1, false) ? length : 0;
    case '(':
    case '[':
        return push_bracket(parse, text[0] == '(') ? 1 : 0;
    case ')':
        if (parse->round_count > 0) {
            multiply_from(parse, parse->round[--parse->round_count], stronger);
            return 1;
        }
        return append_piece(parse, text, 1, false) ? 1 : 0;
    case ']':
        if (parse->square_count > 0) {
            multiply_from(parse, parse->square[--parse->square_count], weaker);
            return 1;
        }
        return append_piece(parse, text, 1, false) ? 1 : 0;
    case ':':
        length = match_weight(text, &number);
        if (length > 0 && parse->round_count > 0) {
            multiply_from(parse, parse->round[--parse->round_count], number);
            return length;
        }
        length = length > 0 ? length : 1;
        return append_piece(parse, text, length, false) ? length : 0;
    default:
        length = strcspn(text, "\\()[]:");
        return append_text(parse, text, length) ? length : 0;
    }
}

/* Neighbours of equal weight become one piece, so that the tokenizer sees their words whole. */
static bool join_equal(px_prompt *prompt)
{
    size_t kept = 0;
    for (size_t first = 0, end; first < prompt->piece_count; first = end) {
        const px_prompt_piece head = prompt->pieces[first];
        size_t length = strlen(head.text);
        end = first + 1;
        while (!head.breaks && end < prompt->piece_count && !prompt->pieces[end].breaks &&
               prompt->pieces[end].weight == head.weight) {
            length += strlen(prompt->pieces[end++].text);
        }
        if (end > first + 1) {
            char *joined = px_mem_alloc(length + 1);
            if (!joined) {
                /* Close the gap, so that every text still has one owner. */
                memmove(prompt->pieces + kept, prompt->pieces + first,
                        (prompt->piece_count - first) * sizeof *prompt->pieces);
                prompt->piece_count -= first - kept;
                return false;
            }
            char *tail = joined;
            for (size_t i = first; i < end; i++) {
                tail = stpcpy(tail, prompt->pieces[i].text);
                px_mem_free(prompt->pieces[i].text);
            }
            prompt->pieces[first].text = joined;
        }
        prompt->pieces[kept++] = prompt->pieces[first];
    }
    prompt->piece_count = kept;
    return true;
}

/* `<lora:name:weight:second>` of `length` bytes, its brackets included. */
static dgxp_status add_lora(parser *parse, const char *tag, size_t length)
{
    const char *name = tag + sizeof LORA_MARK - 1;
    const char *end = tag + length - 1;
    const char *name_end = memchr(name, ':', (size_t)(end - name));
    const char *number = name_end ? name_end + 1 : end;
    px_prompt_lora lora = {.weight = 1.0};
    double numbers[2] = {1.0, 1.0};
    int32_t count = 0;
    bool sound = (name_end ? name_end : end) > name;
    for (bool more = name_end != NULL; sound && more; count++) {
        const char *colon = memchr(number, ':', (size_t)(end - number));
        const char *stop = colon ? colon : end;
        sound = count < 2 && parse_number(number, (size_t)(stop - number), &numbers[count]) &&
                fabs(numbers[count]) <= PX_PROMPT_MAX_WEIGHT;
        more = colon != NULL;
        number = stop + (more ? 1 : 0);
    }
    if (!sound) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                            "the tag '%.*s' is not <lora:NAME>, <lora:NAME:WEIGHT> or "
                            "<lora:NAME:WEIGHT:WEIGHT> with weights in -%g..%g",
                            (int)length, tag, PX_PROMPT_MAX_WEIGHT, PX_PROMPT_MAX_WEIGHT);
    }
    lora.weight = numbers[0];
    lora.has_second = count == 2;
    lora.second = lora.has_second ? numbers[1] : numbers[0];
    lora.name = px_mem_textn(name, (size_t)((name_end ? name_end : end) - name));
    if (!lora.name || !px_mem_grow((void **)&parse->prompt->loras, &parse->lora_capacity,
                                   parse->prompt->lora_count, sizeof lora)) {
        px_mem_free(lora.name);
        return px_error_memory("a prompt");
    }
    parse->prompt->loras[parse->prompt->lora_count++] = lora;
    return DGXP_OK;
}

/* Takes the LoRA tags out of `text`, in place. */
static dgxp_status extract_loras(parser *parse, char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (strncmp(from, LORA_MARK, sizeof LORA_MARK - 1) != 0 &&
            strncmp(from, "<lyco:", sizeof LORA_MARK - 1) != 0) {
            *to++ = *from++;
            continue;
        }
        const char *end = strchr(from, '>');
        if (!end) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "the tag '%.40s' in the prompt has no '>' at its end", from);
        }
        const dgxp_status status = add_lora(parse, from, (size_t)(end + 1 - from));
        if (status != DGXP_OK) {
            return status;
        }
        from = end + 1;
    }
    *to = '\0';
    return DGXP_OK;
}

static dgxp_status check_weights(const px_prompt *prompt)
{
    for (size_t i = 0; i < prompt->piece_count; i++) {
        const px_prompt_piece *piece = &prompt->pieces[i];
        if (!piece->breaks && !(fabs(piece->weight) <= PX_PROMPT_MAX_WEIGHT)) {
            return px_error_set(
                DGXP_ERR_LIMIT,
                "the prompt gives '%.40s' the weight %g, the limit is %g; use fewer "
                "brackets",
                piece->text, piece->weight, PX_PROMPT_MAX_WEIGHT);
        }
    }
    return DGXP_OK;
}

dgxp_status px_prompt_parse(const char *text, px_prompt *out)
{
    px_prompt prompt = {0};
    parser parse = {.prompt = &prompt};
    dgxp_status status = px_tokenizer_check("the prompt", text, strlen(text));
    if (status != DGXP_OK) {
        return status;
    }
    char *plain = px_mem_text(text);
    status = plain ? extract_loras(&parse, plain) : px_error_memory("a prompt");
    for (size_t at = 0; status == DGXP_OK && plain[at];) {
        const size_t taken = parse_step(&parse, plain + at);
        if (taken == 0) {
            status = px_error_memory("a prompt");
        } else if (parse.round_count + parse.square_count > PX_PROMPT_MAX_DEPTH) {
            status =
                px_error_set(DGXP_ERR_LIMIT,
                             "the prompt has more than %d brackets open at once; write \\( for "
                             "a bracket that is meant as text",
                             PX_PROMPT_MAX_DEPTH);
        }
        at += taken;
    }
    if (status != DGXP_OK) {
        goto done;
    }
    while (parse.round_count > 0) {
        multiply_from(&parse, parse.round[parse.round_count - 1], 1.1);
        parse.round_count--;
    }
    while (parse.square_count > 0) {
        multiply_from(&parse, parse.square[parse.square_count - 1], 1 / 1.1);
        parse.square_count--;
    }
    if ((prompt.piece_count == 0 && !append_piece(&parse, "", 0, false)) || !join_equal(&prompt)) {
        status = px_error_memory("a prompt");
        goto done;
    }
    status = check_weights(&prompt);
done:
    px_mem_free(plain);
    px_mem_free(parse.round);
    px_mem_free(parse.square);
    if (status != DGXP_OK) {
        px_prompt_free(&prompt);
        return status;
    }
    *out = prompt;
    return DGXP_OK;
}
