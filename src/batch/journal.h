/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An append-only journal: JSON lines, each with its CRC-32, each on disk before the next step. */
#ifndef PX_JOURNAL_H
#define PX_JOURNAL_H

#include "dgxpixels.h"

#include <jansson.h>

/**
 * One process's journal.  A line reads {"record":{…},"crc":"1a2b3c4d"}, the zlib CRC-32 of the
 * bytes of the record as they stand there.  One thread at a time.
 */
typedef struct px_journal px_journal;

/** Make FOLDER/journal-<random>.jsonl; that it exists is on disk afterwards. */
dgxp_status px_journal_create(const char *folder, px_journal **out);
void px_journal_close(px_journal *journal);

/**
 * Append a record and wait until it is on disk.  When that fails the journal ends where it ended
 * before, as far as the disk lets it; a torn line is no harm, its checksum tells.  Never retried:
 * after a failed fsync nobody knows what is on the disk.
 */
dgxp_status px_journal_append(px_journal *journal, const json_t *record);

typedef dgxp_status (*px_journal_visit)(const json_t *record, void *user_data);

/** Every intact record of a file in order; `*broken` (or NULL) counts the lines that are not. */
dgxp_status px_journal_read(const char *path, px_journal_visit visit, void *user_data,
                            size_t *broken);

/** The same over every journal of a folder, by name. */
dgxp_status px_journal_read_all(const char *folder, px_journal_visit visit, void *user_data,
                                size_t *broken);

/** Rewrite those journals of a folder that have broken lines without them. */
dgxp_status px_journal_repair(const char *folder);

#endif
