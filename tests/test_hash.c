/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: SHA-256, against published vectors and coreutils. */
#include "core/file.h"
#include "core/hash.h"
#include "core/mem.h"
#include "px_check.h"

#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/dgxp-test-hash-XXXXXX";

START_TEST(hash_of_known_texts)
{
    static const struct {
        const char *text;
        const char *hex;
    } cases[] = {
        /* printf '' | sha256sum */
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        /* printf abc | sha256sum (FIPS 180-2, B.1) */
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        /* FIPS 180-2, B.2: 56 bytes, so the length needs a block of its own */
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[PX_HASH_HEX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        px_hash_bytes(cases[i].text, strlen(cases[i].text), hex);
        ck_assert_str_eq(hex, cases[i].hex);
    }
}
END_TEST

/* FIPS 180-2, B.3: python3 -c "import hashlib; print(hashlib.sha256(b'a' * 10**6).hexdigest())" */
START_TEST(hash_in_pieces_of_any_size)
{
    static char million[1000000];
    memset(million, 'a', sizeof million);
    for (size_t piece = 1; piece < 300; piece += 7) {
        px_hash hash;
        uint8_t digest[32];
        char hex[PX_HASH_HEX];
        px_hash_begin(&hash);
        for (size_t at = 0; at < sizeof million; at += piece) {
            px_hash_add(&hash, million + at,
                        at + piece > sizeof million ? sizeof million - at : piece);
        }
        px_hash_end(&hash, digest);
        px_hash_hex(digest, hex);
        ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}
END_TEST

/* Every length around the block's borders, against sha256sum. */
START_TEST(hash_of_files_equals_coreutils)
{
    uint8_t bytes[200];
    char *path = px_file_join(folder, "x"), *command = px_mem_format("sha256sum '%s'", path);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + 3);
    }
    for (size_t size = 0; size < sizeof bytes; size++) {
        char hex[PX_HASH_HEX], expected[PX_HASH_HEX] = "";
        FILE *file = fopen(path, "wb");
        ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
        fclose(file);
        ck_assert_ok(px_hash_file(path, NULL, hex));
        FILE *pipe = popen(command, "r");
        ck_assert_int_eq(fscanf(pipe, "%64s", expected), 1);
        pclose(pipe);
        ck_assert_str_eq(hex, expected);
    }
    px_mem_free(path);
    px_mem_free(command);
}
END_TEST

START_TEST(hash_refuses_and_is_cancelled)
{
    char hex[PX_HASH_HEX];
    dgxp_cancel *cancel = NULL;
    ck_assert_refused(px_hash_file("/nowhere/x", NULL, hex), DGXP_ERR_NOT_FOUND, "/nowhere/x");
    ck_assert_refused(px_hash_file(folder, NULL, hex), DGXP_ERR_INVALID_ARGUMENT, "regular file");
    ck_assert_ok(dgxp_cancel_create(&cancel));
    dgxp_cancel_fire(cancel);
    ck_assert_status(px_hash_file("/proc/self/exe", cancel, hex), DGXP_ERR_CANCELLED);
    dgxp_cancel_free(cancel);
}
END_TEST

START_TEST(hash_speed_is_reported)
{
    const size_t size = (size_t)64 << 20;
    uint8_t *bytes = px_mem_zero(size, 1);
    char hex[PX_HASH_HEX];
    const clock_t begun = clock();
    px_hash_bytes(bytes, size, hex);
    printf("SHA-256: %.0f MB/s\n", 64.0 * 1.048576 * CLOCKS_PER_SEC / (double)(clock() - begun));
    /* head -c 67108864 /dev/zero | sha256sum */
    ck_assert_str_eq(hex, "3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351");
    px_mem_free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash");
    TCase *core = tcase_create("core"), *limits = tcase_create("limits");
    TCase *malformed = tcase_create("malformed");
    if (!mkdtemp(folder)) {
        return EXIT_FAILURE;
    }
    tcase_set_timeout(core, 60);
    tcase_set_timeout(limits, 60);
    tcase_add_test(core, hash_of_known_texts);
    tcase_add_test(core, hash_in_pieces_of_any_size);
    tcase_add_test(core, hash_speed_is_reported);
    tcase_add_test(limits, hash_of_files_equals_coreutils);
    tcase_add_test(malformed, hash_refuses_and_is_cancelled);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, malformed);
    const int code = px_check_run(suite);
    char *command = px_mem_format("rm -rf %s", folder);
    const int removed = system(command);
    px_mem_free(command);
    return removed ? EXIT_FAILURE : code;
}
