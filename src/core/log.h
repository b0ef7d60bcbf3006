/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Messages for the application's log; the library itself never prints. */
#ifndef PX_LOG_H
#define PX_LOG_H

#include "dgxpixels.h"

/** `level` is a dgxp_log_level.  Costs one comparison when nobody listens. */
void px_log(dgxp_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
