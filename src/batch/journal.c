/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An append-only journal: JSON lines, each with its CRC-32, each on disk before the next step. */
#include "batch/journal.h"

#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rng.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define PREFIX "journal-"
#define HEAD "{\"record\":"
#define TAIL ",\"crc\":\"00000000\"}"

enum { JOURNAL_LIMIT = 1 << 30 };

struct px_journal {
    char *path;
    int fd;
    off_t size;
};

static dgxp_status fail(const char *path, const char *doing)
{
    return px_error_set(DGXP_ERR_IO, "%s: cannot %s: %s", path, doing, strerror(errno));
}

dgxp_status px_journal_create(const char *folder, px_journal **out)
{
    uint64_t random = 0;
    px_journal *made = px_mem_zero(1, sizeof *made);
    dgxp_status status = made ? px_rng_seed(&random) : px_error_memory("a journal");
    if (status == DGXP_OK) {
        made->path = px_mem_format("%s/" PREFIX "%014" PRIx64 ".jsonl", folder, random);
        made->fd = -1;
        status = made->path ? DGXP_OK : px_error_memory("a journal");
    }
    if (status == DGXP_OK) {
        made->fd = open(made->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        status = made->fd < 0 ? fail(made->path, "create") : px_file_sync_folder(folder);
    }
    if (status != DGXP_OK) {
        px_journal_close(made);
        return status;
    }
    *out = made;
    return DGXP_OK;
}

void px_journal_close(px_journal *journal)
{
    if (!journal) {
        return;
    }
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    px_mem_free(journal->path);
    px_mem_free(journal);
}

dgxp_status px_journal_append(px_journal *journal, const json_t *record)
{
    char *text = px_json_print(record);
    char *line = NULL;
    if (text) {
        const uLong crc = crc32(0, (const Bytef *)text, (uInt)strlen(text));
        line = px_mem_format(HEAD "%s,\"crc\":\"%08lx\"}\n", text, crc);
    }
    px_mem_free(text);
    if (!line) {
        return px_error_memory("a record of the journal");
    }
    const size_t size = strlen(line);
    dgxp_status status = DGXP_OK;
    if (!px_file_write_all(journal->fd, line, size)) {
        status = fail(journal->path, "append");
        if (ftruncate(journal->fd, journal->size) != 0) {
            status = px_error_set(DGXP_ERR_IO, "%s, and its torn line stays",
                                  dgxp_last_error()); /* harmless: its checksum is wrong */
        }
    } else {
        journal->size += (off_t)size;
        status = fdatasync(journal->fd) == 0 ? DGXP_OK : fail(journal->path, "write to the disk");
    }
    px_mem_free(line);
    return status;
}

/* The record of one line, or NULL when its checksum or form is wrong. */
static json_t *parse_line(const char *line, size_t size)
{
    const size_t head = sizeof HEAD - 1, tail = sizeof TAIL - 1;
    if (size < head + tail + 2 || memcmp(line, HEAD, head) != 0) {
        return NULL;
    }
    char wanted[sizeof TAIL];
    const size_t body = size - head - tail;
    const uLong crc = crc32(0, (const Bytef *)line + head, (uInt)body);
    snprintf(wanted, sizeof wanted, ",\"crc\":\"%08lx\"}", crc);
    if (memcmp(line + head + body, wanted, tail) != 0) {
        return NULL;
    }
    return json_loadb(line + head, body, 0, NULL);
}

/* Line by line: a journal of a hundred thousand lines must not weigh on memory. */
dgxp_status px_journal_read(const char *path, px_journal_visit visit, void *user_data,
                            size_t *broken)
{
    FILE *file = NULL;
    char *line = NULL;
    int fd;
    size_t capacity = 0, whole_size;
    ssize_t length;
    dgxp_status status = px_file_open(path, &fd, &whole_size);
    if (status == DGXP_OK && !(file = fdopen(fd, "r"))) {
        status = fail(path, "open");
        close(fd);
    }
    while (status == DGXP_OK && (length = getline(&line, &capacity, file)) > 0) {
        const bool whole = line[length - 1] == '\n';
        json_t *record = whole ? parse_line(line, (size_t)length - 1) : NULL;
        if (record) {
            status = visit(record, user_data);
        } else if (broken) {
            *broken += 1;
        }
        json_decref(record);
    }
    if (status == DGXP_OK && ferror(file)) {
        status = fail(path, "read");
    }
    free(line); /* getline's, so the system's free() */
    if (file) {
        fclose(file);
    }
    return status;
}

static dgxp_status ignore_record(const json_t *record, void *user_data)
{
    (void)record;
    (void)user_data;
    return DGXP_OK;
}

/* Keeps the intact lines as they are, byte for byte. */
static dgxp_status repair(const char *path)
{
    size_t broken = 0, size = 0, kept = 0;
    uint8_t *bytes = NULL;
    dgxp_status status = px_journal_read(path, ignore_record, NULL, &broken);
    if (status != DGXP_OK || broken == 0) {
        return status;
    }
    status = px_file_read(path, JOURNAL_LIMIT, &bytes, &size);
    for (size_t at = 0; status == DGXP_OK && at < size;) {
        const char *line = (const char *)bytes + at;
        const char *end = memchr(line, '\n', size - at);
        const size_t length = end ? (size_t)(end - line) : size - at;
        json_t *record = end ? parse_line(line, length) : NULL;
        if (record) {
            memmove(bytes + kept, line, length + 1);
            kept += length + 1;
        }
        json_decref(record);
        at += length + 1;
    }
    status = status == DGXP_OK ? px_file_write(path, bytes, kept) : status;
    px_mem_free(bytes);
    return status;
}

static int is_journal(const struct dirent *entry)
{
    return strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0 &&
           px_file_has_suffix(entry->d_name, "jsonl");
}

/* Either reads every journal or, without a visitor, repairs it. */
static dgxp_status walk(const char *folder, px_journal_visit visit, void *user_data, size_t *broken)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_journal, px_file_order);
    dgxp_status status = count < 0 ? fail(folder, "list") : DGXP_OK;
    for (int i = 0; i < count; i++) {
        char *path = status == DGXP_OK ? px_file_join(folder, entries[i]->d_name) : NULL;
        if (status == DGXP_OK && !path) {
            status = px_error_memory("a path");
        } else if (path) {
            status = visit ? px_journal_read(path, visit, user_data, broken) : repair(path);
        }
        px_mem_free(path);
        free(entries[i]); /* scandir's, so the system's free() */
    }
    free(entries);
    return status;
}

dgxp_status px_journal_read_all(const char *folder, px_journal_visit visit, void *user_data,
                                size_t *broken)
{
    return walk(folder, visit, user_data, broken);
}

dgxp_status px_journal_repair(const char *folder)
{
    return walk(folder, NULL, NULL, NULL);
}
