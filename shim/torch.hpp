/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The torch headers of the backend in one place. */
#ifndef PX_TORCH_HPP
#define PX_TORCH_HPP

#include <torch/script.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#endif
