/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: the prompt grammar, its chunks and its weights, against A1111's parser and layout. */
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/prompt.h"
#include "px_check.h"

#include <math.h>

/* A vocabulary without merges: a letter alone is one token, 'a</w>' = 256 + 64 ('!' is 0). */
#define A 320
#define COMMA 267 /* ",</w>" */
#define BOS 512
#define EOS 513

static px_tokenizer *create_bytes(void)
{
    px_tokenizer *tokenizer = NULL;
    ck_assert_ok(px_tokenizer_create("bytes", NULL, 0, "", 0, &tokenizer));
    ck_assert_int_eq(px_tokenizer_find(tokenizer, "a</w>"), A);
    ck_assert_int_eq(px_tokenizer_find(tokenizer, ",</w>"), COMMA);
    return tokenizer;
}

static void expect_pieces(const char *text, const px_prompt_piece *expected, size_t count)
{
    px_prompt prompt;
    ck_assert_ok(px_prompt_parse(text, &prompt));
    ck_assert_msg(prompt.piece_count == count, "'%s': %zu pieces, expected %zu", text,
                  prompt.piece_count, count);
    for (size_t i = 0; i < count; i++) {
        const px_prompt_piece *got = &prompt.pieces[i];
        ck_assert_msg(got->breaks == expected[i].breaks, "'%s' piece %zu: break", text, i);
        if (!got->breaks) {
            ck_assert_msg(strcmp(got->text, expected[i].text) == 0 &&
                              fabs(got->weight - expected[i].weight) < 1e-9,
                          "'%s' piece %zu: '%s' %.17g, expected '%s' %.17g", text, i, got->text,
                          got->weight, expected[i].text, expected[i].weight);
        }
    }
    px_prompt_free(&prompt);
}

#define EXPECT_PIECES(text, ...)                                                                   \
    do {                                                                                           \
        const px_prompt_piece px_pieces[] = {__VA_ARGS__};                                         \
        expect_pieces(text, px_pieces, sizeof px_pieces / sizeof *px_pieces);                      \
    } while (0)

START_TEST(prompt_weights_equal_a1111)
{
    /* The docstring of prompt_parser.py's parse_prompt_attention(). */
    EXPECT_PIECES("normal text", {"normal text", 1.0, false});
    EXPECT_PIECES("an (important) word", {"an ", 1.0, false}, {"important", 1.1, false},
                  {" word", 1.0, false});
    EXPECT_PIECES("(unbalanced", {"unbalanced", 1.1, false});
    EXPECT_PIECES("\\(literal\\]", {"(literal]", 1.0, false});
    EXPECT_PIECES("(unnecessary)(parens)", {"unnecessaryparens", 1.1, false});
    EXPECT_PIECES("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", {"a ", 1.0, false},
                  {"house", 1.5730000000000004, false}, {" ", 1.1, false}, {"on", 1.0, false},
                  {" a ", 1.1, false}, {"hill", 0.55, false}, {", sun, ", 1.1, false},
                  {"sky", 1.4641000000000006, false}, {".", 1.1, false});
    /* make_tokenizer_cases.py's parse_attention() */
    EXPECT_PIECES("", {"", 1.0, false});
    EXPECT_PIECES("[a", {"a", 1 / 1.1, false});
    EXPECT_PIECES("a)b]", {"a)b]", 1.0, false});
    EXPECT_PIECES("a:1.3)", {"a:1.3)", 1.0, false});
    EXPECT_PIECES("ratio 16:9", {"ratio 16:9", 1.0, false});
    EXPECT_PIECES("[a:0.5]", {"a:0.5", 1 / 1.1, false});
    EXPECT_PIECES("(a: -0.5 )", {"a", -0.5, false});
    EXPECT_PIECES("a\\\\b\\c", {"a\\bc", 1.0, false});
    /* A1111 stops with a ValueError here; the dots are text for us. */
    EXPECT_PIECES("(smile:...)", {"smile:...", 1.1, false});
}
END_TEST

START_TEST(prompt_breaks_at_the_word_break)
{
    EXPECT_PIECES("a BREAK b", {"a", 1.0, false}, {"", 1.0, true}, {"b", 1.0, false});
    EXPECT_PIECES("BREAKFAST breakBREAK BREAK_", {"BREAKFAST breakBREAK BREAK_", 1.0, false});
    EXPECT_PIECES("\xc3\xa9"
                  "BREAK",
                  {"\xc3\xa9"
                   "BREAK",
                   1.0, false});
    EXPECT_PIECES("(a BREAK b:2)", {"a", 2.0, false}, {"", 1.0, true}, {"b", 2.0, false});
}
END_TEST

START_TEST(prompt_equals_a1111_on_the_table)
{
    const char *folder = getenv("DGXP_TOKENIZER_CASES");
    uint8_t *text = NULL;
    size_t size, cases = 0;
    if (!folder) {
        puts("SKIPPED: DGXP_TOKENIZER_CASES is not set (tests/python/make_tokenizer_cases.py)");
        return;
    }
    char *path = px_file_join(folder, "prompts.jsonl");
    ck_assert_ok(px_file_read(path, (size_t)16 << 20, &text, &size));
    for (char *line = (char *)text, *end; (end = strchr(line, '\n')); line = end + 1, cases++) {
        px_prompt_piece pieces[128];
        json_t *row = NULL, *pair;
        size_t i;
        ck_assert_ok(px_json_parse("prompts.jsonl", line, (size_t)(end - line), &row));
        const json_t *list = json_array_get(row, 1);
        ck_assert_uint_le(json_array_size(list), 128);
        json_array_foreach(list, i, pair)
        {
            const double weight = json_number_value(json_array_get(pair, 1));
            const char *word = json_string_value(json_array_get(pair, 0));
            pieces[i] =
                (px_prompt_piece){(char *)word, weight, !strcmp(word, "BREAK") && weight == -1};
        }
        expect_pieces(json_string_value(json_array_get(row, 0)), pieces, json_array_size(list));
        json_decref(row);
    }
    printf("prompt: %zu prompts equal\n", cases);
    ck_assert_uint_ge(cases, 1000);
    px_mem_free(text);
    px_mem_free(path);
}
END_TEST

START_TEST(prompt_lists_its_loras_and_drops_their_tags)
{
    px_prompt prompt;
    ck_assert_ok(px_prompt_parse("a<lora:pixel art xl:0.8> (b<lora:x>) <lora:y:1.2:-.5>", &prompt));
    ck_assert_uint_eq(prompt.lora_count, 3);
    ck_assert_str_eq(prompt.loras[0].name, "pixel art xl");
    ck_assert_double_eq(prompt.loras[0].weight, 0.8);
    ck_assert(!prompt.loras[0].has_second);
    ck_assert_double_eq(prompt.loras[0].second, 0.8);
    ck_assert_str_eq(prompt.loras[1].name, "x");
    ck_assert_double_eq(prompt.loras[1].weight, 1.0);
    ck_assert_double_eq(prompt.loras[2].weight, 1.2);
    ck_assert_double_eq(prompt.loras[2].second, -0.5);
    ck_assert_str_eq(prompt.pieces[0].text, "a ");
    ck_assert_str_eq(prompt.pieces[1].text, "b");
    px_prompt_free(&prompt);
}
END_TEST

/* Tokenizes for CLIP's two encoders and returns the first's chunks. */
static void tokenize(const char *text, int32_t context, px_prompt_ids out[2])
{
    px_tokenizer *bytes = create_bytes();
    const px_prompt_encoder encoders[2] = {{bytes, context, BOS, EOS, EOS, false, NULL},
                                           {bytes, context, BOS, EOS, 0, false, NULL}};
    px_prompt prompt;
    ck_assert_ok(px_prompt_parse(text, &prompt));
    ck_assert_ok(px_prompt_tokenize(&prompt, encoders, 2, out));
    ck_assert_int_eq(out[0].chunks, out[1].chunks);
    px_prompt_free(&prompt);
    px_tokenizer_free(bytes);
}

/* The chunk as text: 'a' and ',' for their tokens, '<' '>' for both ends, '.' for other padding. */
static void expect_chunk(const px_prompt_ids *ids, int32_t chunk, const char *expected)
{
    for (int32_t i = 0; i < ids->context; i++) {
        const int32_t id = ids->ids[chunk * ids->context + i];
        const char got = id == A       ? 'a'
                         : id == COMMA ? ','
                         : id == BOS   ? '<'
                         : id == EOS   ? '>'
                         : id == 0     ? '.'
                                       : '?';
        ck_assert_msg(got == expected[i], "chunk %d token %d is %d '%c', expected '%c'", chunk, i,
                      id, got, expected[i]);
    }
    ck_assert_uint_eq(strlen(expected), (size_t)ids->context);
}

static void free_both(px_prompt_ids ids[2])
{
    px_prompt_ids_free(&ids[0]);
    px_prompt_ids_free(&ids[1]);
}

START_TEST(prompt_pads_each_encoder_its_way)
{
    px_prompt_ids ids[2];
    tokenize("(a:1.5) a", 8, ids);
    ck_assert_int_eq(ids[0].chunks, 1);
    expect_chunk(&ids[0], 0, "<aa>>>>>");
    expect_chunk(&ids[1], 0, "<aa>....");
    const float weights[8] = {1, 1.5, 1, 1, 1, 1, 1, 1};
    ck_assert_mem_eq(ids[1].weights, weights, sizeof weights);
    free_both(ids);
    tokenize("", 8, ids);
    ck_assert_int_eq(ids[0].chunks, 1);
    expect_chunk(&ids[1], 0, "<>......");
    ck_assert(!px_prompt_weighted(&ids[0]));
    free_both(ids);
}
END_TEST

START_TEST(prompt_never_cuts)
{
    px_prompt_ids ids[2];
    tokenize("a a a a a a", 8, ids);
    ck_assert_int_eq(ids[0].chunks, 1);
    expect_chunk(&ids[0], 0, "<aaaaaa>");
    free_both(ids);
    tokenize("a a a a a a a", 8, ids);
    ck_assert_int_eq(ids[0].chunks, 2);
    expect_chunk(&ids[0], 1, "<a>>>>>>");
    free_both(ids);
    tokenize("a BREAK a a", 8, ids);
    ck_assert_int_eq(ids[0].chunks, 2);
    expect_chunk(&ids[0], 0, "<a>>>>>>");
    expect_chunk(&ids[1], 1, "<aa>....");
    free_both(ids);
    /* 6 tokens reach back 6 * 20 / 75 = 1: a comma that ends the chunk, no farther. */
    tokenize("a a a a , a a", 8, ids);
    expect_chunk(&ids[0], 0, "<aaaa,a>");
    free_both(ids);
}
END_TEST

/* `count` times "a ", with a comma in place of number `comma`. */
static void write_row(char *text, int count, int comma)
{
    for (int i = 0; i < count; i++) {
        text[i * 2] = i == comma ? ',' : 'a';
        text[i * 2 + 1] = ' ';
    }
    text[count * 2] = '\0';
}

START_TEST(prompt_breaks_after_a_comma_of_the_last_twenty)
{
    static const struct {
        int comma, first;
    } cases[] = {{54, 75}, {55, 56}, {60, 61}, {73, 74}, {74, 75}, {75, 75}};
    char text[400];
    px_prompt_ids ids[2];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_row(text, 80, cases[i].comma);
        tokenize(text, 77, ids);
        ck_assert_int_eq(ids[0].chunks, 2);
        for (int32_t k = 0; k < 77; k++) {
            const int32_t first = cases[i].first;
            const int32_t first_id = ids[0].ids[k], second_id = ids[0].ids[77 + k];
            ck_assert_msg((first_id == EOS) == (k > first), "comma %d: chunk 0 token %d is %d",
                          cases[i].comma, k, first_id);
            ck_assert_msg((second_id == EOS) == (k > 80 - first),
                          "comma %d: chunk 1 token %d is %d", cases[i].comma, k, second_id);
        }
        free_both(ids);
    }
}
END_TEST

START_TEST(prompt_keeps_encoders_in_step)
{
    /* With the parity rule '!!' + letter is more tokens for the second encoder. */
    px_tokenizer *words = NULL;
    ck_assert_ok(px_tokenizer_create("words", NULL, 0, "! !</w>\n! !!</w>\n", 17, &words));
    const px_prompt_encoder encoders[2] = {{words, 5, 514, 515, 515, false, NULL},
                                           {words, 5, 514, 515, 0, true, NULL}};
    px_prompt prompt;
    px_prompt_ids ids[2];
    ck_assert_ok(px_prompt_parse("!!! ! BREAK a", &prompt));
    ck_assert_ok(px_prompt_tokenize(&prompt, encoders, 2, ids));
    const int32_t first[15] = {514, 513, 256, 515, 515, 514, 515, 515,
                               515, 515, 514, A,   515, 515, 515};
    const int32_t second[15] = {514, 0, 0, 0, 515, 514, 0, 515, 0, 0, 514, A, 515, 0, 0};
    ck_assert_int_eq(ids[0].chunks, 3);
    ck_assert_int_eq(ids[1].chunks, 3);
    ck_assert_mem_eq(ids[0].ids, first, sizeof first);
    ck_assert_mem_eq(ids[1].ids, second, sizeof second);
    ck_assert_ok(px_prompt_pad(&encoders[1], 4, &ids[1]));
    ck_assert_int_eq(ids[1].chunks, 4);
    ck_assert_int_eq(ids[1].ids[15], 514);
    ck_assert_int_eq(ids[1].ids[16], 515);
    ck_assert_int_eq(ids[1].ids[17], 0);
    ck_assert_float_eq(ids[1].weights[19], 1.0f);
    free_both(ids);
    px_prompt_free(&prompt);
    px_tokenizer_free(words);
}
END_TEST

START_TEST(prompt_weighs_towards_the_empty_prompt)
{
    px_prompt_ids ids[2];
    tokenize("a (a:0.5) a a a a a (a:2)", 8, ids);
    ck_assert_int_eq(ids[0].chunks, 2);
    ck_assert(px_prompt_weighted(&ids[0]));
    float hidden[2 * 8 * 3], before[2 * 8 * 3], empty[8 * 3];
    for (int i = 0; i < 48; i++) {
        hidden[i] = before[i] = (float)i + 0.3f;
        empty[i % 24] = (float)(i % 24) * 0.25f - 1.0f;
    }
    px_prompt_weigh(&ids[0], 3, empty, hidden);
    for (int i = 0; i < 48; i++) {
        /* ComfyUI, comfy/sd1_clip.py: (z - z_empty) * weight + z_empty at position j of chunk k */
        const float weight = i / 3 == 2 ? 0.5f : i / 3 == 10 ? 2.0f : 1.0f;
        const float expected =
            weight == 1.0f ? before[i] : (before[i] - empty[i % 24]) * weight + empty[i % 24];
        ck_assert_msg(hidden[i] == expected, "value %d is %g, expected %g", i, (double)hidden[i],
                      (double)expected);
    }
    free_both(ids);
}
END_TEST

static void expect_refused(const char *text, dgxp_status status, const char *part)
{
    px_prompt prompt;
    ck_assert_refused(px_prompt_parse(text, &prompt), status, part);
}

START_TEST(prompt_limits_are_named)
{
    char *text = malloc(70000);
    px_prompt prompt;
    px_prompt_ids ids[1];
    memset(text, 'a', 70000);
    text[65537] = '\0';
    expect_refused(text, DGXP_ERR_LIMIT, "65537 bytes");
    text[65536] = '\0';
    ck_assert_ok(px_prompt_parse(text, &prompt));
    px_prompt_free(&prompt);
    memset(text, '[', 257);
    expect_refused(text, DGXP_ERR_LIMIT, "256 brackets");
    text[256] = 'a';
    ck_assert_ok(px_prompt_parse(text, &prompt));
    px_prompt_free(&prompt);
    memset(text, '(', 60);
    memcpy(text + 60, "a", 2);
    expect_refused(text, DGXP_ERR_LIMIT, "the limit is 100");
    expect_refused("(a:100.5)", DGXP_ERR_LIMIT, "100.5");
    expect_refused("(a:99999999999999999999999999999999999999999)", DGXP_ERR_LIMIT, "1e+41");
    px_tokenizer *bytes = create_bytes();
    px_prompt_encoder encoder = {bytes, 8, BOS, EOS, 0, false, NULL};
    for (int i = 0; i < 4097; i++) {
        memcpy(text + i * 6, "BREAK ", 6);
    }
    text[4097 * 6] = '\0';
    ck_assert_ok(px_prompt_parse(text, &prompt));
    ck_assert_refused(px_prompt_tokenize(&prompt, &encoder, 1, ids), DGXP_ERR_LIMIT, "4096 chunks");
    px_prompt_free(&prompt);
    ck_assert_ok(px_prompt_parse("a", &prompt));
    encoder.pad = 514;
    ck_assert_refused(px_prompt_tokenize(&prompt, &encoder, 1, ids), DGXP_ERR_MISMATCH,
                      "pad id 514");
    encoder.pad = 0;
    encoder.context = 2;
    ck_assert_refused(px_prompt_tokenize(&prompt, &encoder, 1, ids), DGXP_ERR_INVALID_ARGUMENT,
                      "context of 2");
    px_prompt_free(&prompt);
    px_tokenizer_free(bytes);
    free(text);
}
END_TEST

START_TEST(prompt_refuses_what_is_not_sound)
{
    static const char *const tags[] = {"<lora:>",      "<lora::1>",      "<lora:a:>",
                                       "<lora:a:x>",   "<lora:a:1:2:3>", "<lora:a:1e3>",
                                       "<lora:a:101>", "<lora:a:1:>",    "<lora:a:.>"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        expect_refused(tags[i], DGXP_ERR_INVALID_ARGUMENT, tags[i]);
    }
    expect_refused("a <lora:b", DGXP_ERR_INVALID_ARGUMENT, "no '>'");
    expect_refused("knight \xc3", DGXP_ERR_INVALID_ARGUMENT, "at byte 7");
}
END_TEST

START_TEST(prompt_names_what_is_not_done)
{
    static const char *const refused[][2] = {
        {"a [red:blue:0.5] cloak", "'[red:blue:0.5]', prompt editing"},
        {"[hat:10]", "prompt editing"},
        {"[hat::.3]", "prompt editing"},
        {"a [(red:1.2)|blue] cloak", "'[(red:1.2)|blue]', an alternation"},
        {"[[a|b]:0.4]", "prompt editing"},
        {"[x [a|b]]", "'[a|b]', an alternation"},
        {"knight AND dragon", "several prompts in one"},
        {"<hypernet:style:1> x", "'<hypernet:style:1>', a hypernetwork"},
        {"a ADDCOMM b ADDCOL c", "'ADDCOMM', a word of the Regional Prompter"},
    };
    static const char *const words[] = {
        "a [red] cloak", "[a (b:1.2)]", "SAND AND_ BRAND", "\\[a|b\\]", "a|b",
        "ratio 1:2",     "[a:b]",       "[open|",          "A\\ND",     "embed ding:x",
        "fern-and-moss", "\u00c4AND x", "reembedding:x",   "(a|b:1.2)", "[x:y:z]",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ck_assert_refused(px_prompt_check(refused[i][0]), DGXP_ERR_UNSUPPORTED, refused[i][1]);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ck_assert_ok(px_prompt_check(words[i]));
    }
    px_prompt prompt;
    ck_assert_ok(px_prompt_parse("a <lyco:style:0.7>", &prompt));
    ck_assert_uint_eq(prompt.lora_count, 1);
    ck_assert_str_eq(prompt.loras[0].name, "style");
    px_prompt_free(&prompt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prompt");
    TCase *core = tcase_create("core");
    tcase_set_timeout(core, 60);
    tcase_add_test(core, prompt_weights_equal_a1111);
    tcase_add_test(core, prompt_breaks_at_the_word_break);
    tcase_add_test(core, prompt_equals_a1111_on_the_table);
    tcase_add_test(core, prompt_lists_its_loras_and_drops_their_tags);
    tcase_add_test(core, prompt_pads_each_encoder_its_way);
    tcase_add_test(core, prompt_never_cuts);
    tcase_add_test(core, prompt_breaks_after_a_comma_of_the_last_twenty);
    tcase_add_test(core, prompt_keeps_encoders_in_step);
    tcase_add_test(core, prompt_weighs_towards_the_empty_prompt);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 60);
    tcase_add_test(limits, prompt_limits_are_named);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_add_test(malformed, prompt_refuses_what_is_not_sound);
    tcase_add_test(malformed, prompt_names_what_is_not_done);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
