/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What every Check suite of ours shares. */
#ifndef PX_CHECK_H
#define PX_CHECK_H

#include "dgxpixels.h"
#include "px_host.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ck_assert_status(call, expected)                                                           \
    do {                                                                                           \
        const dgxp_status px_got = (dgxp_status)(call);                                            \
        ck_assert_msg(px_got == (expected), "%s: %s (%s), expected %s", #call,                     \
                      dgxp_status_name(px_got), dgxp_last_error(), dgxp_status_name(expected));    \
    } while (0)

#define ck_assert_ok(call) ck_assert_status(call, DGXP_OK)

/** The call failed with this status, and its sentence contains `part`. */
#define ck_assert_refused(call, expected, part)                                                    \
    do {                                                                                           \
        ck_assert_status(call, expected);                                                          \
        ck_assert_msg(strstr(dgxp_last_error(), (part)), "text '%s' lacks '%s'",                   \
                      dgxp_last_error(), (part));                                                  \
    } while (0)

/** Runs a suite; prints a line that names what failed.  CK_FORK=no helps under a debugger. */
static inline int px_check_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    px_host_begin();
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/** The folder of shared test data, or NULL; a test that needs it then skips loudly. */
static inline const char *px_check_data(void)
{
    return getenv("DGXP_TEST_DATA");
}

/** Whether this is `make test-full`: every claim at its full count. */
static inline bool px_check_full(void)
{
    const char *full = getenv("DGXP_FULL");
    return full && strcmp(full, "1") == 0;
}

/** Append a line to docs/evidence.md in a full run; conftest.py has the same for Python. */
static inline void px_check_evidence(const char *claim, int count, const char *result)
{
    const char *path = getenv("DGXP_EVIDENCE");
    FILE *file = path && px_check_full() ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s\t%d\t%s\t%.0f\n", claim, count, result, (double)clock() / CLOCKS_PER_SEC);
        fclose(file);
    }
}

#endif
