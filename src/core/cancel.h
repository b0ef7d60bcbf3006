/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A flag that stops work from any thread or signal handler. */
#ifndef PX_CANCEL_H
#define PX_CANCEL_H

#include "dgxpixels.h"

#include <stdbool.h>

/** Whether a token (or NULL) was fired. */
bool px_cancel_fired(const dgxp_cancel *cancel);

#endif
