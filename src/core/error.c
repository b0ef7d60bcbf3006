/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The thread's last error: one status, one sentence. */
#include "core/error.h"

#include "core/number.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdbool.h>

static _Thread_local char last_text[4096]; /* a graph may have many obstacles */

dgxp_status px_error_set(dgxp_status status, const char *format, ...)
{
    char text[sizeof last_text];
    va_list arguments;
    va_start(arguments, format);
    px_number_vprint(text, sizeof text, format, arguments);
    va_end(arguments);
    px_text_repair(last_text, sizeof last_text, text); /* paths and fields may hold any byte */
    return status;
}

dgxp_status px_error_begin(const char *call, bool present, const char *names)
{
    px_error_clear();
    return present ? DGXP_OK
                   : px_error_set(DGXP_ERR_INVALID_ARGUMENT, "%s: needs %s, which is NULL", call,
                                  names);
}

dgxp_status px_error_memory(const char *what)
{
    return px_error_set(DGXP_ERR_OUT_OF_MEMORY, "not enough memory for %s", what);
}

void px_error_clear(void)
{
    last_text[0] = '\0';
}

const char *dgxp_last_error(void)
{
    return last_text;
}

static const struct {
    const char *name;
    const char *help;
} statuses[] = {
    [DGXP_OK] = {"ok", "the call succeeded"},
    [DGXP_ERR_INVALID_ARGUMENT] = {"invalid-argument", "an argument is out of its range"},
    [DGXP_ERR_OUT_OF_MEMORY] = {"out-of-memory", "host or device memory ran out; the handle works"},
    [DGXP_ERR_IO] = {"io", "the system could not read or write a file"},
    [DGXP_ERR_NOT_FOUND] = {"not-found", "a file or a name does not exist"},
    [DGXP_ERR_BAD_FORMAT] = {"bad-format", "a file breaks the rules of its format"},
    [DGXP_ERR_UNSUPPORTED] = {"unsupported", "understood, but of a kind that is not supported"},
    [DGXP_ERR_LIMIT] = {"limit", "larger than a documented limit"},
    [DGXP_ERR_UNTRUSTED] = {"untrusted", "a program that nobody has vouched for"},
    [DGXP_ERR_BACKEND] = {"backend", "the tensor backend is missing or does not fit"},
    [DGXP_ERR_DEVICE_LOST] = {"device-lost", "the device failed; the process must restart"},
    [DGXP_ERR_CANCELLED] = {"cancelled", "stopped on request"},
    [DGXP_ERR_BUSY] = {"busy", "somebody else is using it"},
    [DGXP_ERR_MISMATCH] = {"mismatch", "two inputs do not belong together"},
    [DGXP_ERR_INTERNAL] = {"internal", "a defect in this library; please report it"},
};

int32_t dgxp_status_count(void)
{
    return (int32_t)(sizeof statuses / sizeof statuses[0]);
}

const char *dgxp_status_name(dgxp_status status)
{
    const int32_t value = (int32_t)status;
    return value >= 0 && value < dgxp_status_count() ? statuses[value].name : "unknown";
}

const char *dgxp_status_help(dgxp_status status)
{
    const int32_t value = (int32_t)status;
    return value >= 0 && value < dgxp_status_count() ? statuses[value].help : "not a status";
}
