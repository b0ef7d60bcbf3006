/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The rule of CSV (RFC 4180, as Python's csv reads it) and TSV, one character at a time. */
#include "batch/csv.h"

px_csv_event px_csv_step(px_csv_state *state, char separator, char c)
{
    const px_csv_state before = *state;
    if (c == '"' && before != PX_CSV_PLAIN) {
        *state = before == PX_CSV_QUOTED ? PX_CSV_QUOTE : PX_CSV_QUOTED;
        return before == PX_CSV_QUOTE ? PX_CSV_TAKE : PX_CSV_SKIP; /* "" is one quote */
    }
    if (before == PX_CSV_QUOTED) {
        return PX_CSV_TAKE;
    }
    *state = c == separator || c == '\n' ? PX_CSV_BEGIN : PX_CSV_PLAIN;
    return c == separator ? PX_CSV_CELL : c == '\n' ? PX_CSV_RECORD : PX_CSV_TAKE;
}
