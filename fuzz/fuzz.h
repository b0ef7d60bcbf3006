/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What libFuzzer, or fuzz/replay.c in its place, calls. */
#ifndef DGXP_FUZZ_H
#define DGXP_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
