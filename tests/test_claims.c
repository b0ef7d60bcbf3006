/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* project: each group is taken once, whoever asks and whoever dies. */
#include "batch/claims.h"

#include "px_folder.h"

#include <sys/wait.h>
#include <unistd.h>

enum { GROUPS = 5 };

static px_claims *join(const bool *done)
{
    px_claims *claims = NULL;
    bool alone = false;
    ck_assert_ok(px_claims_open(px_folder, &claims, &alone));
    if (alone) {
        ck_assert_ok(px_claims_reset(claims, done, GROUPS));
    }
    ck_assert_ok(px_claims_join(claims, GROUPS));
    return claims;
}

static px_claim ask(px_claims *claims, int32_t group)
{
    px_claim claim = PX_CLAIM_DONE;
    ck_assert_ok(px_claims_try(claims, group, &claim));
    return claim;
}

START_TEST(claims_are_taken_once)
{
    const bool done[GROUPS] = {[3] = true};
    px_claims *a = join(done), *b = join(done); /* as two processes: the locks are the files' */
    ck_assert_int_eq(ask(a, 0), PX_CLAIM_OURS);
    ck_assert_int_eq(ask(b, 0), PX_CLAIM_TAKEN);
    ck_assert_int_eq(ask(b, 1), PX_CLAIM_OURS);
    ck_assert_int_eq(ask(a, 1), PX_CLAIM_TAKEN);
    ck_assert_int_eq(ask(a, 3), PX_CLAIM_DONE);
    ck_assert_ok(px_claims_release(a, 0, true));
    ck_assert_int_eq(ask(b, 0), PX_CLAIM_DONE);
    ck_assert_ok(px_claims_release(b, 1, false)); /* cancelled: begun, and nobody's */
    ck_assert_int_eq(ask(a, 1), PX_CLAIM_DROPPED);
    ck_assert(!px_claims_last(a));
    px_claims_free(b);
    ck_assert(px_claims_last(a));
    px_claims_free(a);
}
END_TEST

START_TEST(claims_of_the_dead_are_dropped)
{
    const bool done[GROUPS] = {false};
    px_claims *ours = join(done);
    const pid_t child = fork();
    if (child == 0) {
        px_claims *theirs = join(done);
        px_claim claim = PX_CLAIM_DONE;
        const bool fine = px_claims_try(theirs, 2, &claim) == DGXP_OK && claim == PX_CLAIM_OURS;
        _exit(fine ? 0 : 1); /* without letting go of anything */
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(ask(ours, 2), PX_CLAIM_DROPPED);
    ck_assert_int_eq(ask(ours, 4), PX_CLAIM_OURS);
    px_claims_free(ours);
}
END_TEST

START_TEST(claims_of_another_batch_are_refused)
{
    const bool done[GROUPS] = {false};
    px_claims *a = join(done), *b = NULL;
    bool alone = true;
    ck_assert_ok(px_claims_open(px_folder, &b, &alone));
    ck_assert(!alone);
    ck_assert_refused(px_claims_join(b, GROUPS + 1), DGXP_ERR_MISMATCH,
                      "has 5 groups, this batch 6");
    px_claims_free(b);
    px_claims_free(a);
    px_claims_free(NULL);
    ck_assert_refused(px_claims_open("/nowhere", &b, &alone), DGXP_ERR_IO, "/nowhere/lock");
}
END_TEST

START_TEST(claims_shard_is_one_process_s)
{
    const bool done[GROUPS] = {false};
    px_claims *a = join(done), *b = join(done);
    ck_assert_ok(px_claims_take_shard(a, 1, 2));
    ck_assert_refused(px_claims_take_shard(b, 1, 2), DGXP_ERR_BUSY, "shard 1/2 already");
    px_claims_free(b);
    b = join(done);
    ck_assert_ok(px_claims_take_shard(b, 2, 2));
    px_claims_free(a);
    a = join(done);
    ck_assert_ok(px_claims_take_shard(a, 1, 2));
    px_claims_free(a);
    px_claims_free(b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claims");
    TCase *core = tcase_create("core");
    tcase_add_checked_fixture(core, px_folder_make, px_folder_drop);
    tcase_add_test(core, claims_are_taken_once);
    tcase_add_test(core, claims_of_the_dead_are_dropped);
    tcase_add_test(core, claims_of_another_batch_are_refused);
    tcase_add_test(core, claims_shard_is_one_process_s);
    suite_add_tcase(suite, core);
    return px_check_run(suite);
}
