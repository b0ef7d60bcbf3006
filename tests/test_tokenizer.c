/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* diffusion: the tokenizer and its files, against Hugging Face's CLIPTokenizer. */
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "diffusion/tokenizer.h"
#include "px_check.h"

#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

/* Merges of a vocabulary of 512 + 6 + 2 tokens. */
static const char small_merges[] = "#version: 0.2\nc a\nca t</w>\nd o\ndo g</w>\n! !</w>\nt h\n";

static px_tokenizer *create_small(void)
{
    px_tokenizer *tokenizer = NULL;
    ck_assert_ok(
        px_tokenizer_create("small", NULL, 0, small_merges, sizeof small_merges - 1, &tokenizer));
    return tokenizer;
}

/* CLIP's, as packed in the source tree; else the one that make_tokenizer_cases.py wrote. */
static px_tokenizer *load_clip(void)
{
    const char *root = getenv("DGXP_SOURCE_DIR"), *cases = getenv("DGXP_TOKENIZER_CASES");
    px_tokenizer *tokenizer = NULL;
    char *folder = px_mem_format("%s/models/sdxl/tokenizer", root ? root : ".");
    if (!px_file_is_folder(folder) && cases) {
        px_mem_free(folder);
        folder = px_mem_text(cases);
    }
    if (px_file_is_folder(folder)) {
        ck_assert_ok(px_tokenizer_load(folder, &tokenizer));
    } else {
        puts("SKIPPED: there is no models/sdxl/tokenizer and DGXP_TOKENIZER_CASES is not set");
    }
    px_mem_free(folder);
    return tokenizer;
}

static void expect_ids(const px_tokenizer *tokenizer, const char *text, int32_t special,
                       const int32_t *expected, size_t count)
{
    int32_t *ids = NULL;
    size_t got = 0;
    ck_assert_ok(px_tokenizer_encode(tokenizer, text, strlen(text), special, &ids, &got));
    for (size_t i = 0; i < (got < count ? got : count); i++) {
        ck_assert_msg(ids[i] == expected[i], "'%s': token %zu is %d, expected %d", text, i, ids[i],
                      expected[i]);
    }
    ck_assert_msg(got == count, "'%s': %zu tokens, expected %zu", text, got, count);
    px_mem_free(ids);
}

#define EXPECT_IDS(tokenizer, text, special, ...)                                                  \
    do {                                                                                           \
        const int32_t px_ids[] = {-1, __VA_ARGS__};                                                \
        expect_ids(tokenizer, text, special, px_ids + 1, sizeof px_ids / sizeof *px_ids - 1);      \
    } while (0)

START_TEST(tokenizer_equals_hugging_face_on_known_prompts)
{
    px_tokenizer *clip = load_clip();
    if (!clip) {
        return;
    }
    ck_assert_int_eq(px_tokenizer_count(clip), 49408);
    ck_assert_int_eq(px_tokenizer_start(clip), 49406);
    ck_assert_int_eq(px_tokenizer_end(clip), 49407);
    ck_assert_int_eq(px_tokenizer_find(clip, ",</w>"), 267);
    ck_assert_int_eq(px_tokenizer_find(clip, "no such token"), -1);
    /* CLIPTokenizer(vocab="vocab.json", merges="merges.txt")(TEXT)["input_ids"][1:-1] */
    EXPECT_IDS(clip, "pixel art sprite of a medieval knight, 16x16", -1, 13241, 794, 32544, 539,
               320, 10789, 7355, 267, 272, 277, 343, 272, 277);
    EXPECT_IDS(clip, "!", -1, 256);
    EXPECT_IDS(clip, "!!", -1, 748);
    EXPECT_IDS(clip, "!!!", -1, 995);
    EXPECT_IDS(clip, "\304\260stanbul", -1, 328, 16384, 11231);
    EXPECT_IDS(clip, "e\314\201 \303\251", -1, 4166, 4166);
    EXPECT_IDS(clip, "Don't STOP 's", -1, 847, 713, 1691, 568);
    EXPECT_IDS(clip, "\360\237\247\231\342\200\215\342\231\202\357\270\217", -1, 8792, 247, 10613);
    EXPECT_IDS(clip, "\345\203\217\347\264\240\350\211\272\346\234\257", -1, 161, 225, 237, 163,
               112, 254, 164, 231, 118, 19277, 363);
    EXPECT_IDS(clip, "\327\251\327\234\327\225\327\235", -1, 147, 102, 147, 250, 147, 243, 147,
               507);
    EXPECT_IDS(clip, "a<|ENDOFTEXT|>!!", -1, 320, 27, 347, 40786, 4160, 91, 285, 748);
    /* the same with pad_token="!" */
    EXPECT_IDS(clip, "hello! world!!!", 0, 3306, 0, 1002, 0, 0, 0);
    px_tokenizer_free(clip);
}
END_TEST

START_TEST(tokenizer_equals_hugging_face_on_the_table)
{
    const char *folder = getenv("DGXP_TOKENIZER_CASES");
    px_tokenizer *clip = NULL, *packed = NULL;
    uint8_t *text = NULL, *merges = NULL;
    size_t size, merges_size, cases = 0, tokens = 0, bytes = 0;
    if (!folder) {
        puts("SKIPPED: DGXP_TOKENIZER_CASES is not set (tests/python/make_tokenizer_cases.py)");
        return;
    }
    char *path = px_file_join(folder, "cases.jsonl"), *file = px_file_join(folder, "merges.txt");
    ck_assert_ok(px_tokenizer_load(folder, &clip));
    ck_assert_ok(px_file_read(path, (size_t)64 << 20, &text, &size));
    ck_assert_ok(px_file_read(file, (size_t)1 << 20, &merges, &merges_size));
    ck_assert_ok(px_tokenizer_create("packed", NULL, 0, (char *)merges, merges_size, &packed));
    struct timespec from, to;
    double seconds = 0.0;
    for (char *line = (char *)text, *end; (end = strchr(line, '\n')); line = end + 1, cases++) {
        json_t *row = NULL;
        ck_assert_ok(px_json_parse("cases.jsonl", line, (size_t)(end - line), &row));
        const json_t *list = json_array_get(row, 2);
        const char *prompt = json_string_value(json_array_get(row, 0));
        const int32_t special = (int32_t)json_integer_value(json_array_get(row, 1));
        /* Both forms of the vocabulary in turn: they must be the same one. */
        const px_tokenizer *tokenizer = cases % 2 ? packed : clip;
        int32_t *ids = NULL;
        size_t count = 0;
        clock_gettime(CLOCK_MONOTONIC, &from);
        ck_assert_ok(px_tokenizer_encode(tokenizer, prompt, strlen(prompt), special, &ids, &count));
        clock_gettime(CLOCK_MONOTONIC, &to);
        seconds += (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
        ck_assert_msg(count == json_array_size(list), "case %zu: %zu tokens, expected %zu: %.400s",
                      cases + 1, count, json_array_size(list), line);
        for (size_t i = 0; i < count; i++) {
            const json_int_t expected = json_integer_value(json_array_get(list, i));
            ck_assert_msg(ids[i] == expected, "case %zu token %zu: %d, expected %d: %.400s",
                          cases + 1, i, ids[i], (int)expected, line);
        }
        tokens += count;
        bytes += strlen(prompt);
        px_mem_free(ids);
        json_decref(row);
    }
    printf("tokenizer: %zu prompts, %zu tokens, %zu bytes equal; %.1f MB/s\n", cases, tokens, bytes,
           (double)bytes / seconds * 1e-6);
    ck_assert_uint_ge(cases, 2000);
    px_mem_free(text);
    px_mem_free(merges);
    px_mem_free(path);
    px_mem_free(file);
    px_tokenizer_free(clip);
    px_tokenizer_free(packed);
}
END_TEST

START_TEST(tokenizer_derives_the_vocabulary_by_clips_rule)
{
    px_tokenizer *small = create_small();
    /* bytes_to_unicode(): '!' is letter 0, '"' 1 …; 256 later the same at the end of a word. */
    ck_assert_int_eq(px_tokenizer_count(small), 520);
    ck_assert_int_eq(px_tokenizer_find(small, "!"), 0);
    ck_assert_int_eq(px_tokenizer_find(small, "!</w>"), 256);
    ck_assert_int_eq(px_tokenizer_find(small, "cat</w>"), 513);
    ck_assert_int_eq(px_tokenizer_start(small), 518);
    ck_assert_int_eq(px_tokenizer_end(small), 519);
    EXPECT_IDS(small, " CAT  dog\t!! ", -1, 513, 515, 516);
    EXPECT_IDS(small, "cat!dog!!", 0, 513, 0, 515, 0, 0);
    EXPECT_IDS(small, "<|endoftext|>cat", -1, 519, 513);
    px_tokenizer_free(small);
}
END_TEST

START_TEST(tokenizer_shows_what_ids_stand_for)
{
    px_tokenizer *small = create_small();
    int32_t *ids = NULL;
    size_t count;
    const char text[] = "cat dog ž !! t\xf0\x9f\x97\xa1";
    ck_assert_ok(px_tokenizer_encode(small, text, strlen(text), -1, &ids, &count));
    char *shown = px_tokenizer_decode(small, ids, count);
    ck_assert_str_eq(shown, "cat dog ž !! t \xf0\x9f\x97\xa1");
    px_mem_free(shown);
    px_mem_free(ids);
    shown = px_tokenizer_decode(small, (int32_t[]){-1, 520, 513}, 3);
    ck_assert_str_eq(shown, "cat");
    px_mem_free(shown);
    px_tokenizer_free(small);
}
END_TEST

START_TEST(tokenizer_takes_the_longest_text_and_no_more)
{
    static const char *const patterns[] = {"a", "catdog", "! ",       "\xcc\x81\xcc\xa3",
                                           "1", "'s",     "\xc4\xb0", "\xe2\xab\x9c"};
    px_tokenizer *small = create_small();
    char *text = malloc(PX_TOKENIZER_MAX_TEXT + 2);
    int32_t *ids = NULL;
    size_t count;
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        const size_t length = strlen(patterns[p]);
        const size_t size = PX_TOKENIZER_MAX_TEXT / length * length;
        for (size_t i = 0; i < size; i++) {
            text[i] = patterns[p][i % length];
        }
        ck_assert_ok(px_tokenizer_encode(small, text, size, -1, &ids, &count));
        ck_assert_uint_gt(count, 0);
        px_mem_free(ids);
    }
    memset(text, 'a', PX_TOKENIZER_MAX_TEXT + 1);
    ck_assert_refused(px_tokenizer_encode(small, text, PX_TOKENIZER_MAX_TEXT + 1, -1, &ids, &count),
                      DGXP_ERR_LIMIT, "65537 bytes, the limit is 65536");
    ck_assert_ok(px_tokenizer_encode(small, "", 0, -1, &ids, &count));
    ck_assert_uint_eq(count, 0);
    px_mem_free(ids);
    ck_assert_refused(px_tokenizer_encode(small, "a", 1, 520, &ids, &count),
                      DGXP_ERR_INVALID_ARGUMENT, "token 520");
    free(text);
    px_tokenizer_free(small);
}
END_TEST

START_TEST(tokenizer_names_the_byte_that_is_not_utf8)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"\xff", "at byte 0"},          {"ab\xc3", "at byte 2"},
        {"ab\xc3(", "at byte 2"},       {"\xc0\x80", "at byte 0"},
        {"a\xed\xa0\x80", "at byte 1"}, {"\xf4\x90\x80\x80", "at byte 0"},
        {"\xc3\xa9\x80", "at byte 2"},
    };
    px_tokenizer *small = create_small();
    int32_t *ids;
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_refused(
            px_tokenizer_encode(small, cases[i].text, strlen(cases[i].text), -1, &ids, &count),
            DGXP_ERR_INVALID_ARGUMENT, cases[i].part);
    }
    px_tokenizer_free(small);
}
END_TEST

/* The small vocabulary as vocab.json, yours. */
static char *write_vocab(void)
{
    px_tokenizer *small = create_small();
    json_t *object = json_object();
    for (int32_t id = 0; id < px_tokenizer_count(small); id++) {
        /* Bytes print as themselves or from U+0100 on (GPT-2's bytes_to_unicode). */
        static int32_t letters[256];
        int32_t known = 0, other = 256;
        for (int pass = 0; pass < 2; pass++) {
            for (int32_t byte = 0; byte < 256; byte++) {
                const int prints =
                    (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || byte > 173;
                if (prints == (pass == 0)) {
                    letters[known++] = prints ? byte : other++;
                }
            }
        }
        static const char *const rest[] = {
            "ca", "cat</w>", "do", "dog</w>", "!!</w>", "th", "<|startoftext|>", "<|endoftext|>"};
        char spelling[32];
        if (id < 512) {
            const utf8proc_ssize_t length =
                utf8proc_encode_char(letters[id % 256], (utf8proc_uint8_t *)spelling);
            strcpy(spelling + length, id < 256 ? "" : "</w>");
        } else {
            strcpy(spelling, rest[id - 512]);
        }
        ck_assert_int_eq(px_tokenizer_find(small, spelling), id);
        json_object_set_new(object, spelling, json_integer(id));
    }
    px_tokenizer_free(small);
    char *text = px_json_dump(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static dgxp_status create(const char *vocab, const char *merges, size_t merges_size)
{
    px_tokenizer *tokenizer = NULL;
    const dgxp_status status =
        px_tokenizer_create("T", vocab, vocab ? strlen(vocab) : 0, merges, merges_size, &tokenizer);
    ck_assert((status == DGXP_OK) == (tokenizer != NULL));
    px_tokenizer_free(tokenizer);
    return status;
}

/* vocab.json with one spelling of something in place of another. */
static char *replace(const char *vocab, const char *old, const char *new)
{
    const char *at = strstr(vocab, old);
    ck_assert_ptr_nonnull(at);
    char *text = malloc(strlen(vocab) + strlen(new) + 1);
    sprintf(text, "%.*s%s%s", (int)(at - vocab), vocab, new, at + strlen(old));
    return text;
}

START_TEST(tokenizer_refuses_each_broken_vocabulary)
{
    static const struct {
        const char *old, *new, *part;
        dgxp_status status;
    } cases[] = {
        {"\"cat</w>\":513", "\"cat</w>\":512", "share the id 512", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"cat</w>\":520", "not an integer in 0..519", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"cat</w>\":-1", "not an integer in 0..519", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"cat</w>\":513.5", "not an integer", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"cat</w>\":\"513\"", "not an integer", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"cow</w>\":513", "no token of vocab.json", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"ca\":513", "duplicate", DGXP_ERR_BAD_FORMAT},
        {"\"ca\":512", "\"xx\":512", "makes 'ca'", DGXP_ERR_BAD_FORMAT},
        {"\"a\":64", "\"aaa\":64", "joins 'a', which is no token", DGXP_ERR_BAD_FORMAT},
        {"\"x\":87", "\"xxx\":87", "lacks 'x', the token of byte 120", DGXP_ERR_BAD_FORMAT},
        {"<|endoftext|>", "<|end|>", "lacks <|endoftext|>", DGXP_ERR_BAD_FORMAT},
        {"\"cat</w>\":513", "\"cat</w>\":513,,", "not valid JSON", DGXP_ERR_BAD_FORMAT},
    };
    char *vocab = write_vocab();
    ck_assert_ok(create(vocab, small_merges, sizeof small_merges - 1));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *broken = replace(vocab, cases[i].old, cases[i].new);
        ck_assert_refused(create(broken, small_merges, sizeof small_merges - 1), cases[i].status,
                          cases[i].part);
        free(broken);
    }
    ck_assert_refused(create("[1]", "", 0), DGXP_ERR_BAD_FORMAT, "not an object");
    ck_assert_refused(create("{}", "", 0), DGXP_ERR_BAD_FORMAT, "lacks");
    ck_assert_refused(create("", "", 0), DGXP_ERR_BAD_FORMAT, "not valid JSON");
    px_mem_free(vocab);
}
END_TEST

START_TEST(tokenizer_refuses_each_broken_merge)
{
    static const struct {
        const char *merges, *part;
    } cases[] = {
        {"c a\nca\n", "line 2 of merges.txt is not two tokens"},
        {"c a\n\nca t\n", "line 2 of merges.txt is not two tokens"},
        {" c a\n", "line 1"},
        {"c a \n", "line 1"},
        {"c  a\n", "line 1"},
        {"#version: 0.2\nc a\nc a\n", "line 3 of merges.txt repeats line 2"},
        {"c a\nc at\n", "joins 'at', which is no token"},
        {"c a\nca t\na t\nc at\n", "makes 'cat', which is a token already"},
        {"c \xff\n", "line 1 of merges.txt is not UTF-8"},
        {"< |\n<| startoftext\n", "no token"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_refused(create(NULL, cases[i].merges, strlen(cases[i].merges)),
                          DGXP_ERR_BAD_FORMAT, cases[i].part);
    }
    ck_assert_refused(create(NULL, "c \0a\n", 5), DGXP_ERR_BAD_FORMAT, "NUL");
    /* No merges at all, Windows' line ends and a blank last line are sound. */
    ck_assert_ok(create(NULL, "", 0));
    ck_assert_ok(create(NULL, "#version: 0.2\r\nc a\r\nca t\r\n\r\n", 28));
    char *many = malloc(300000);
    memset(many, '\n', 300000);
    ck_assert_refused(create(NULL, many, 300000), DGXP_ERR_LIMIT, "the limit is 262144");
    memset(many, 'a', 3000);
    many[1500] = ' ';
    ck_assert_refused(create(NULL, many, 3000), DGXP_ERR_LIMIT, "the limit is 1024");
    free(many);
}
END_TEST

START_TEST(tokenizer_reads_packed_files_and_names_broken_ones)
{
    /* gzip.compress(b"#version: 0.2\nc a\nca t</w>\n", mtime=0) */
    static const uint8_t packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                     0x53, 0x2e, 0x4b, 0x2d, 0x2a, 0xce, 0xcc, 0xcf, 0xb3, 0x52,
                                     0x30, 0xd0, 0x33, 0xe2, 0x4a, 0x56, 0x48, 0xe4, 0x4a, 0x4e,
                                     0x54, 0x28, 0xb1, 0xd1, 0x2f, 0xb7, 0xe3, 0x02, 0x00, 0x13,
                                     0x7e, 0x1a, 0xaf, 0x1b, 0x00, 0x00, 0x00};
    char folder[] = "/tmp/dgxp-test-tokenizer-XXXXXX";
    px_tokenizer *tokenizer = NULL;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_refused(px_tokenizer_load(folder, &tokenizer), DGXP_ERR_NOT_FOUND, "merges.txt");
    char *path = px_file_join(folder, "merges.txt.gz");
    ck_assert_ok(px_file_write(path, packed, sizeof packed));
    ck_assert_ok(px_tokenizer_load(folder, &tokenizer));
    ck_assert_int_eq(px_tokenizer_find(tokenizer, "cat</w>"), 513);
    px_tokenizer_free(tokenizer);
    uint8_t changed[sizeof packed + 1] = {0};
    memcpy(changed, packed, sizeof packed);
    ck_assert_ok(px_file_write(path, changed, sizeof packed - 4));
    ck_assert_refused(px_tokenizer_load(folder, &tokenizer), DGXP_ERR_BAD_FORMAT, "cut short");
    ck_assert_ok(px_file_write(path, changed, sizeof packed + 1));
    ck_assert_refused(px_tokenizer_load(folder, &tokenizer), DGXP_ERR_BAD_FORMAT, "bytes follow");
    changed[sizeof packed - 6] ^= 1;
    ck_assert_ok(px_file_write(path, changed, sizeof packed));
    ck_assert_refused(px_tokenizer_load(folder, &tokenizer), DGXP_ERR_BAD_FORMAT, "not sound");
    char *vocab = px_file_join(folder, "vocab.json");
    ck_assert_ok(px_file_write(path, packed, sizeof packed));
    ck_assert_ok(px_file_write(vocab, "{\"a\":", 5));
    ck_assert_refused(px_tokenizer_load(folder, &tokenizer), DGXP_ERR_BAD_FORMAT, "vocab.json");
    unlink(vocab);
    unlink(path);
    rmdir(folder);
    px_mem_free(vocab);
    px_mem_free(path);
}
END_TEST

/* xorshift, so that a failure can be repeated. */
static uint32_t draw(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

START_TEST(tokenizer_survives_mutated_files)
{
    char *vocab = write_vocab();
    uint32_t state = 2463534242u;
    int refused = 0, rounds = getenv("DGXP_FULL") ? 20000 : 2000;
    for (int round = 0; round < rounds; round++) {
        char *text = strdup(vocab);
        char merges[sizeof small_merges];
        memcpy(merges, small_merges, sizeof merges);
        size_t size = strlen(text), merges_size = sizeof small_merges - 1;
        for (uint32_t change = draw(&state) % 4; change < 4; change++) {
            switch (draw(&state) % 4) {
            case 0:
                text[draw(&state) % size] = (char)(draw(&state) % 255 + 1);
                break;
            case 1:
                merges[draw(&state) % merges_size] = (char)draw(&state);
                break;
            case 2:
                text[draw(&state) % size] = "0123456789\",:{}"[draw(&state) % 15];
                break;
            default:
                if (draw(&state) % 2) {
                    size = draw(&state) % size + 1;
                    text[size] = '\0';
                } else {
                    merges_size = draw(&state) % merges_size + 1;
                }
            }
        }
        const dgxp_status status = create(draw(&state) % 3 ? text : NULL, merges, merges_size);
        ck_assert_msg(status == DGXP_OK || status == DGXP_ERR_BAD_FORMAT ||
                          status == DGXP_ERR_LIMIT,
                      "round %d: %s: %s", round, dgxp_status_name(status), dgxp_last_error());
        ck_assert(status == DGXP_OK || *dgxp_last_error());
        refused += status != DGXP_OK;
        free(text);
    }
    printf("tokenizer: %d mutated files, %d refused\n", rounds, refused);
    ck_assert_int_gt(refused, rounds / 2);
    px_mem_free(vocab);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tokenizer");
    TCase *core = tcase_create("core");
    tcase_set_timeout(core, 120);
    tcase_add_test(core, tokenizer_equals_hugging_face_on_known_prompts);
    tcase_add_test(core, tokenizer_equals_hugging_face_on_the_table);
    tcase_add_test(core, tokenizer_derives_the_vocabulary_by_clips_rule);
    tcase_add_test(core, tokenizer_shows_what_ids_stand_for);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_set_timeout(limits, 60);
    tcase_add_test(limits, tokenizer_takes_the_longest_text_and_no_more);
    suite_add_tcase(suite, limits);
    TCase *malformed = tcase_create("malformed");
    tcase_set_timeout(malformed, 300);
    tcase_add_test(malformed, tokenizer_names_the_byte_that_is_not_utf8);
    tcase_add_test(malformed, tokenizer_refuses_each_broken_vocabulary);
    tcase_add_test(malformed, tokenizer_refuses_each_broken_merge);
    tcase_add_test(malformed, tokenizer_reads_packed_files_and_names_broken_ones);
    tcase_add_test(malformed, tokenizer_survives_mutated_files);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
