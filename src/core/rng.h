/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counter-based noise (Philox4x32-10): the same on any machine, in any batch position. */
#ifndef PX_RNG_H
#define PX_RNG_H

#include "dgxpixels.h"

#include <stddef.h>
#include <stdint.h>

/**
 * `count` normal deviates of unit variance.  Each depends only on (seed, stream, its index): key =
 * the seed's low and high word, counter = (stream, 0, index, 0), Box-Muller on the first two words.
 * Stream 0 equals torch.randn() of that many elements on CUDA after manual_seed(seed), and stream n
 * its (n + 1)-th call, as long as each GPU thread makes one element.
 *
 * J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
 */
void px_rng_normal(uint64_t seed, uint32_t stream, float *values, size_t count);

/** The generator itself: ten rounds over a counter of four words. */
void px_rng_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/** A seed of 0..2^53-1 from the system's generator. */
dgxp_status px_rng_seed(uint64_t *seed);

#endif
