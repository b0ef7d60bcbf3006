/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time that only goes forwards. */
#include "core/clock.h"

#include <time.h>

double px_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
