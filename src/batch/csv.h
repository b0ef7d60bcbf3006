/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rule of CSV (RFC 4180, as Python's csv reads it) and TSV, one character at a time. */
#ifndef PX_CSV_H
#define PX_CSV_H

/** Where a reader stands; begins as PX_CSV_BEGIN, and is that again behind each cell. */
typedef enum px_csv_state {
    PX_CSV_BEGIN, /* of a cell: only here a quote opens one */
    PX_CSV_PLAIN,
    PX_CSV_QUOTED,
    PX_CSV_QUOTE /* a quote inside of quotes: their end, or the first of two */
} px_csv_state;

typedef enum px_csv_event {
    PX_CSV_SKIP,  /* a quote that is not of the cell's text */
    PX_CSV_TAKE,  /* the character is of the cell's text */
    PX_CSV_CELL,  /* a separator: the cell ends */
    PX_CSV_RECORD /* a line break outside of quotes: the record ends */
} px_csv_event;

/** What `c` means at `*state`, which moves on; `separator` is ',' or '\t'. */
px_csv_event px_csv_step(px_csv_state *state, char separator, char c);

#endif
