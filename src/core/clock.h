/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time that only goes forwards. */
#ifndef PX_CLOCK_H
#define PX_CLOCK_H

/** Seconds since some moment in the past; for differences. */
double px_clock_now(void);

#endif
