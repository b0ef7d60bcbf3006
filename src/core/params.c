/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The caller's sized structs: read and filled by one rule, so that fields can be appended. */
#include "core/params.h"

#include "core/error.h"

#include <string.h>

/* What the caller's compiler wrote into struct_size. */
static dgxp_status measure(const char *what, const void *given, uint32_t *size)
{
    memcpy(size, given, sizeof *size);
    return *size >= sizeof *size
               ? DGXP_OK
               : px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                              "%s: struct_size is %u; start from the _INIT macro", what, *size);
}

dgxp_status px_params_read(const char *what, const void *given, void *known, size_t size)
{
    const uint8_t *bytes = given;
    uint32_t given_size = 0;
    memset(known, 0, size);
    const dgxp_status status = given ? measure(what, given, &given_size) : DGXP_OK;
    if (status != DGXP_OK || !given) {
        return status;
    }
    for (size_t i = size; i < given_size; i++) {
        if (bytes[i]) {
            return px_error_set(DGXP_ERR_INVALID_ARGUMENT,
                                "%s: byte %zu of the struct is set, this version knows only %zu "
                                "bytes; use a newer library",
                                what, i, size);
        }
    }
    memcpy(known, given, given_size < size ? given_size : size);
    return DGXP_OK;
}

dgxp_status px_params_fill(const char *what, void *given, const void *full, size_t size)
{
    uint32_t room;
    const dgxp_status status = measure(what, given, &room);
    if (status == DGXP_OK) {
        memcpy((uint8_t *)given + sizeof room, (const uint8_t *)full + sizeof room,
               (room < size ? room : size) - sizeof room);
    }
    return status;
}
