/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The engine's own failures. */
#include "resident/session.h"

#include <stdarg.h>
#include <stdio.h>

int32_t px_session_fail(px_shim_error *error, int32_t status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return status;
}
