/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* project: a journal that was torn, flipped or mixed gives its intact records and no others. */
#include "batch/journal.h"

#include "px_folder.h"
#include "px_mutate.h"

#include <dirent.h>

enum { RECORDS = 6 };

/* The records that were read, as a string of their numbers. */
static dgxp_status collect(const json_t *record, void *user_data)
{
    char *seen = user_data;
    const size_t used = strlen(seen);
    snprintf(seen + used, 64 - used, "%d ", (int)json_integer_value(json_object_get(record, "n")));
    return DGXP_OK;
}

static void append_all(px_journal *journal, int first)
{
    for (int i = first; i < first + RECORDS; i++) {
        json_t *record = json_pack("{si, ss}", "n", i, "name", "0001-ein-schöner-ritter.png");
        ck_assert_ok(px_journal_append(journal, record));
        json_decref(record);
    }
}

static const char *find_journal(void)
{
    const char *found = NULL;
    DIR *list = opendir(px_folder);
    for (struct dirent *entry; (entry = readdir(list));) {
        found = strncmp(entry->d_name, "journal-", 8) == 0 ? px_folder_path(entry->d_name) : found;
    }
    closedir(list);
    return found;
}

START_TEST(journal_is_read_back_in_order)
{
    px_journal *journal = NULL;
    char seen[64] = "";
    size_t broken = 0;
    ck_assert_ok(px_journal_create(px_folder, &journal));
    append_all(journal, 1);
    ck_assert_ok(px_journal_read_all(px_folder, collect, seen, &broken));
    ck_assert_str_eq(seen, "1 2 3 4 5 6 ");
    px_journal_close(journal);
    ck_assert_ok(px_journal_create(px_folder, &journal)); /* a second process's */
    append_all(journal, 7);
    px_journal_close(journal);
    seen[0] = '\0';
    ck_assert_ok(px_journal_read_all(px_folder, collect, seen, &broken));
    ck_assert(strstr(seen, "1 2 3 4 5 6 ") && strstr(seen, "7 8 9 10 11 12 "));
    ck_assert_uint_eq(broken, 0);
    ck_assert_ok(px_journal_repair(px_folder));
    ck_assert_refused(px_journal_create("/nowhere", &journal), DGXP_ERR_IO, "/nowhere/journal-");
    ck_assert_status(px_journal_read_all("/nowhere", collect, seen, &broken), DGXP_ERR_IO);
}
END_TEST

/* Every cut, and every flipped bit: what comes out is a part of what went in, in order. */
START_TEST(journal_every_cut_and_every_flipped_bit)
{
    px_journal *journal = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ck_assert_ok(px_journal_create(px_folder, &journal));
    append_all(journal, 1);
    px_journal_close(journal);
    const char *path = find_journal();
    char kept[512];
    snprintf(kept, sizeof kept, "%s", path);
    ck_assert_ok(px_file_read(kept, 1 << 20, &bytes, &size));
    const size_t line = size / RECORDS;
    for (size_t cut = 0; cut < size; cut++) {
        char seen[64] = "";
        size_t broken = 0;
        FILE *file = fopen(kept, "wb");
        ck_assert_uint_eq(fwrite(bytes, 1, cut, file), cut);
        fclose(file);
        ck_assert_ok(px_journal_read(kept, collect, seen, &broken));
        ck_assert_uint_eq(strlen(seen), 2 * (cut / line));
        ck_assert_uint_eq(broken, cut % line != 0);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        char seen[64] = "", wanted[64] = "";
        size_t broken = 0;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        FILE *file = fopen(kept, "wb");
        ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
        fclose(file);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const size_t hit = bit / 8 / line;
        const bool end =
            bit / 8 % line == line - 1; /* a line without its end takes the next along */
        for (size_t i = 0; i < RECORDS; i++) {
            if (i != hit && !(end && i == hit + 1)) {
                snprintf(wanted + strlen(wanted), 8, "%zu ", i + 1);
            }
        }
        ck_assert_ok(px_journal_read(kept, collect, seen, &broken));
        ck_assert_msg(strcmp(seen, wanted) == 0, "bit %zu: read %s, not %s", bit, seen, wanted);
        ck_assert_uint_ge(broken, 1);
    }
    px_mem_free(bytes);
}
END_TEST

START_TEST(journal_repaired_keeps_intact_lines_byte_for_byte)
{
    px_journal *journal = NULL;
    uint8_t *bytes = NULL, *after = NULL;
    size_t size = 0, after_size = 0, broken = 0;
    char seen[64] = "", path[512];
    ck_assert_ok(px_journal_create(px_folder, &journal));
    append_all(journal, 1);
    px_journal_close(journal);
    snprintf(path, sizeof path, "%s", find_journal());
    ck_assert_ok(px_file_read(path, 1 << 20, &bytes, &size));
    const size_t line = size / RECORDS;
    bytes[2 * line + 30] ^= 4;
    ck_assert_ok(px_file_write(path, bytes, size - 3));
    ck_assert_ok(px_journal_repair(px_folder));
    ck_assert_ok(px_file_read(path, 1 << 20, &after, &after_size));
    ck_assert_uint_eq(after_size, 4 * line);
    ck_assert_mem_eq(after, bytes, 2 * line);
    ck_assert_mem_eq(after + 2 * line, bytes + 3 * line, 2 * line);
    ck_assert_ok(px_journal_read(path, collect, seen, &broken));
    ck_assert_str_eq(seen, "1 2 4 5 ");
    ck_assert_uint_eq(broken, 0);
    px_mem_free(bytes);
    px_mem_free(after);
}
END_TEST

START_TEST(journal_mutated)
{
    px_journal *journal = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint64_t state = 7;
    int refused = 0;
    char path[512];
    ck_assert_ok(px_journal_create(px_folder, &journal));
    append_all(journal, 1);
    px_journal_close(journal);
    snprintf(path, sizeof path, "%s", find_journal());
    ck_assert_ok(px_file_read(path, 1 << 20, &bytes, &size));
    for (int round = 0; round < px_mutate_rounds(); round++) {
        char seen[64] = "";
        size_t copy_size, broken = 0;
        uint8_t *copy = px_mutate_copy(bytes, size, &state, &copy_size);
        FILE *file = fopen(path, "wb");
        ck_assert_uint_eq(fwrite(copy, 1, copy_size, file), copy_size);
        fclose(file);
        ck_assert_ok(px_journal_read(path, collect, seen, &broken));
        refused += broken > 0;
        ck_assert_ok(px_journal_repair(px_folder));
        broken = 0;
        ck_assert_ok(px_journal_read(path, collect, seen, &broken));
        ck_assert_uint_eq(broken, 0);
        free(copy);
    }
    px_mutate_report("journals", px_mutate_rounds(), refused);
    px_mem_free(bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal");
    TCase *core = tcase_create("core"), *malformed = tcase_create("malformed");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_checked_fixture(malformed, px_folder_make, px_folder_drop);
    tcase_set_timeout(malformed, 300);
    tcase_add_test(core, journal_is_read_back_in_order);
    tcase_add_test(core, journal_repaired_keeps_intact_lines_byte_for_byte);
    tcase_add_test(malformed, journal_every_cut_and_every_flipped_bit);
    tcase_add_test(malformed, journal_mutated);
    suite_add_tcase(suite, core);
    suite_add_tcase(suite, malformed);
    return px_check_run(suite);
}
