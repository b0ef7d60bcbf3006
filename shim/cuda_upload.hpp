/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files to the device by several threads through pinned buffers. */
#ifndef PX_CUDA_UPLOAD_HPP
#define PX_CUDA_UPLOAD_HPP

#include "accelerator.hpp"

namespace px
{

/** Returns when every byte is on device `index`.  Throws std::runtime_error. */
void upload_files(int32_t index, const std::vector<Upload> &uploads);

} // namespace px

#endif
