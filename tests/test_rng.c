/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* core: counter-based noise, against torch's own Philox engine and what CUDA draws. */
#include "core/rng.h"
#include "px_check.h"

#include <math.h>

START_TEST(philox_equals_torch)
{
    /*
     * at::philox_engine e(SEED, SUBSEQUENCE, OFFSET); four times e(), of
     * ATen/core/PhiloxRNGEngine.h in torch 2.11.  The first is also Random123's known answer.
     */
    static const struct {
        uint64_t seed, subsequence, offset;
        uint32_t words[4];
    } cases[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {0, 0, 1, {0xf8e4cca4, 0x5cb200db, 0xb1a574eb, 0x097eff67}},
        {1, 3, 0, {0x89e3af3f, 0xdce68da6, 0xecdcb84f, 0x021d8df2}},
        {0x123456789abcd, 0x100000007, 9, {0xae225ac9, 0x43d281da, 0x3875433e, 0x57dc74ae}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint32_t key[2] = {(uint32_t)cases[i].seed, (uint32_t)(cases[i].seed >> 32)};
        const uint32_t counter[4] = {(uint32_t)cases[i].offset, (uint32_t)(cases[i].offset >> 32),
                                     (uint32_t)cases[i].subsequence,
                                     (uint32_t)(cases[i].subsequence >> 32)};
        uint32_t words[4];
        px_rng_philox(key, counter, words);
        for (int k = 0; k < 4; k++) {
            ck_assert_msg(words[k] == cases[i].words[k], "case %zu, word %d: %08x", i, k, words[k]);
        }
    }
}
END_TEST

START_TEST(noise_equals_cuda)
{
    /* torch.manual_seed(0); torch.randn(4, device="cuda") */
    static const float zero[] = {-0.924663f, -0.425344f, -2.643846f, 0.145184f};
    /* modules/rng_philox.py of AUTOMATIC1111's web UI: g = Generator(42); g.randn(6), twice */
    static const float first[] = {0.194019f, 2.161374f,  -0.172051f,
                                  0.849060f, -1.924399f, 0.652985f};
    static const float second[] = {0.139137f, -0.108216f, -0.717422f,
                                   0.756649f, 0.371488f,  -1.004941f};
    /* Generator(2**53 - 1), its eighth call */
    static const float large[] = {1.840622f, 0.437508f, 3.065364f,
                                  0.735515f, 0.625943f, -0.834612f};
    static const struct {
        uint64_t seed;
        uint32_t stream;
        const float *expected;
        size_t count;
    } cases[] = {
        {0, 0, zero, 4}, {42, 0, first, 6}, {42, 1, second, 6}, {9007199254740991u, 7, large, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float values[6];
        px_rng_normal(cases[i].seed, cases[i].stream, values, cases[i].count);
        for (size_t k = 0; k < cases[i].count; k++) {
            /* Six printed digits, and CUDA's single-precision logarithm and sine. */
            ck_assert_float_eq_tol(values[k], cases[i].expected[k], 2e-6f);
        }
    }
}
END_TEST

START_TEST(noise_depends_on_nothing_else)
{
    float all[1000], few[10], again[1000];
    px_rng_normal(7, 3, all, 1000);
    px_rng_normal(7, 3, few, 10);
    ck_assert_mem_eq(all, few, sizeof few);
    px_rng_normal(7, 4, again, 1000);
    ck_assert_mem_ne(all, again, sizeof all);
    px_rng_normal(8, 3, again, 1000);
    ck_assert_mem_ne(all, again, sizeof all);
    px_rng_normal(UINT64_C(7) + (UINT64_C(1) << 32), 3, again, 1000);
    ck_assert_mem_ne(all, again, sizeof all);
    px_rng_normal(7, 3, again, 1000);
    ck_assert_mem_eq(all, again, sizeof all);
}
END_TEST

START_TEST(noise_is_normal)
{
    enum { COUNT = 65536 };
    static float values[COUNT];
    double sum = 0, squares = 0, fourths = 0, neighbours = 0;
    px_rng_normal(123456789, 1, values, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const double v = values[i];
        ck_assert(isfinite(v));
        sum += v;
        squares += v * v;
        fourths += v * v * v * v;
        neighbours += i > 0 ? v * (double)values[i - 1] : 0;
    }
    /* Five standard errors: 5 / sqrt(65536) is 0.0195, of v^2 times sqrt 2, of v^4 times sqrt 96.
     */
    ck_assert_double_eq_tol(sum / COUNT, 0, 0.0195);
    ck_assert_double_eq_tol(squares / COUNT, 1, 0.0276);
    ck_assert_double_eq_tol(fourths / COUNT, 3, 0.191);
    ck_assert_double_eq_tol(neighbours / COUNT, 0, 0.0195);
}
END_TEST

START_TEST(no_noise_touches_nothing)
{
    float value = 5;
    px_rng_normal(0, 0, &value, 0);
    ck_assert_float_eq(value, 5);
    px_rng_normal(UINT64_MAX, UINT32_MAX, &value, 1);
    ck_assert(isfinite(value));
}
END_TEST

START_TEST(seeds_fit_a_json_number)
{
    uint64_t all = 0, before = UINT64_MAX;
    for (int i = 0; i < 200; i++) {
        uint64_t seed;
        ck_assert_ok(dgxp_random_seed(&seed));
        ck_assert_uint_le(seed, 9007199254740991u);
        ck_assert_uint_ne(seed, before);
        before = seed;
        all |= seed;
    }
    ck_assert_uint_eq(all, 9007199254740991u); /* one bit stays 0 once in 2^200 runs */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *core = tcase_create("core");
    tcase_add_test(core, philox_equals_torch);
    tcase_add_test(core, noise_equals_cuda);
    tcase_add_test(core, noise_depends_on_nothing_else);
    tcase_add_test(core, noise_is_normal);
    suite_add_tcase(suite, core);
    TCase *limits = tcase_create("limits");
    tcase_add_test(limits, no_noise_touches_nothing);
    tcase_add_test(limits, seeds_fit_a_json_number);
    suite_add_tcase(suite, limits);
    return px_check_run(suite);
}
