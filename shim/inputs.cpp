/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Host arrays become tensors, and tensors host arrays. */
#include "dgxpixels.h"
#include "model.hpp"

#include <cmath>
#include <cstring>

namespace px
{

at::Tensor tensor_from(px_shim_model &model, const float *values, at::IntArrayRef shape,
                       at::ScalarType dtype)
{
    if (model.device.type() == at::kCPU) {
        at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
        std::memcpy(tensor.mutable_data_ptr(), values, tensor.nbytes());
        return tensor.to(dtype);
    }
    /* From pinned memory the copy is queued without a wait; torch keeps the block until it ran. */
    at::Tensor host = at::empty(shape, at::TensorOptions().dtype(at::kFloat).pinned_memory(true));
    std::memcpy(host.mutable_data_ptr(), values, host.nbytes());
    return host.to(model.device, at::kFloat, /*non_blocking=*/true).to(dtype);
}

void copy_out(const at::Tensor &tensor, at::IntArrayRef shape, const char *what, float *values)
{
    if (!tensor.defined() || tensor.sizes() != shape) {
        std::string got = "nothing", wanted;
        if (tensor.defined()) {
            got.clear();
            for (const int64_t size : tensor.sizes()) {
                got += (got.empty() ? "" : "x") + std::to_string(size);
            }
        }
        for (const int64_t size : shape) {
            wanted += (wanted.empty() ? "" : "x") + std::to_string(size);
        }
        throw Refusal(DGXP_ERR_MISMATCH,
                      format("%s: the program gave %s, expected %s: program and bundle do not "
                             "belong together",
                             what, got.c_str(), wanted.c_str()));
    }
    const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
    std::memcpy(values, host.const_data_ptr(), host.nbytes());
}

bool all_finite(const float *values, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        finite &= std::isfinite(values[i]);
    }
    return finite;
}

void check_size(bool fits, const char *what, int64_t value)
{
    if (!fits) {
        throw Refusal(DGXP_ERR_INVALID_ARGUMENT,
                      format("%s: %lld is out of range", what, static_cast<long long>(value)));
    }
}

} // namespace px
