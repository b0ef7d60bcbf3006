/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A flag that stops work from any thread or signal handler. */
#include "core/cancel.h"

#include "core/error.h"
#include "core/mem.h"

#include <stdatomic.h>

struct dgxp_cancel {
    atomic_int fired; /* lock-free, so a signal handler may write it */
};

dgxp_status dgxp_cancel_create(dgxp_cancel **out)
{
    px_error_clear();
    if (!out) {
        return px_error_set(DGXP_ERR_INVALID_ARGUMENT, "dgxp_cancel_create: out is NULL");
    }
    dgxp_cancel *cancel = px_mem_zero(1, sizeof *cancel);
    if (!cancel) {
        return px_error_memory("a cancel token");
    }
    *out = cancel;
    return DGXP_OK;
}

void dgxp_cancel_fire(dgxp_cancel *cancel)
{
    if (cancel) {
        atomic_store(&cancel->fired, 1);
    }
}

void dgxp_cancel_reset(dgxp_cancel *cancel)
{
    if (cancel) {
        atomic_store(&cancel->fired, 0);
    }
}

bool px_cancel_fired(const dgxp_cancel *cancel)
{
    return cancel && atomic_load(&cancel->fired) != 0;
}

int32_t dgxp_cancel_fired(const dgxp_cancel *cancel)
{
    return px_cancel_fired(cancel);
}

void dgxp_cancel_free(dgxp_cancel *cancel)
{
    px_mem_free(cancel);
}
