/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Single numbers out of tensors of any type. */
#ifndef PX_VALUES_H
#define PX_VALUES_H

#include "diffusion/safetensors.h"

/** Number `index` of a tensor's; false for the types that hold none of ours (F8, booleans, bytes).
 */
bool px_values_read(const px_tensor *tensor, uint64_t index, double *out);

#endif
