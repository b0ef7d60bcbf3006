/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counter-based noise (Philox4x32-10): the same on any machine, in any batch position. */
#include "core/rng.h"

#include "core/error.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

void px_rng_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    enum { ROUNDS = 10 };
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0 = n0;
        c1 = (uint32_t)p1;
        c2 = n2;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void px_rng_normal(uint64_t seed, uint32_t stream, float *values, size_t count)
{
    static const double two_pi = 6.283185307179586476925;
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < count; i++) {
        const uint32_t counter[4] = {stream, 0, (uint32_t)i, (uint32_t)((uint64_t)i >> 32)};
        uint32_t word[4];
        px_rng_philox(key, counter, word);
        const double u = word[0] * 0x1p-32 + 0x1p-33; /* (0, 1), so the logarithm is finite */
        const double v = (word[1] * 0x1p-32 + 0x1p-33) * two_pi;
        values[i] = (float)(sqrt(-2.0 * log(u)) * sin(v));
    }
}

dgxp_status px_rng_seed(uint64_t *seed)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
        return px_error_set(DGXP_ERR_IO, "the system gave no random seed: %s", strerror(errno));
    }
    *seed = bits >> 11;
    return DGXP_OK;
}

dgxp_status dgxp_random_seed(uint64_t *seed)
{
    if (!seed) {
        return px_error_begin("dgxp_random_seed", false, "a seed to fill");
    }
    px_error_clear();
    return px_rng_seed(seed);
}
