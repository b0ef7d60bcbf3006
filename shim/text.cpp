/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Token ids become hidden states. */
#include "dgxpixels.h"
#include "model.hpp"

namespace px
{

void encode_text(px_shim_model &model, int32_t component, const int32_t *ids, int32_t rows,
                 int32_t length, float *hidden, int32_t width, float *pooled, int32_t pooled_width)
{
    check_size(rows > 0, "rows of ids", rows);
    check_size(length > 0, "ids a row", length);
    const c10::InferenceMode inference;
    at::Tensor host = at::empty({rows, length}, at::kLong);
    int64_t *target = host.mutable_data_ptr<int64_t>();
    for (int64_t i = 0; i < int64_t(rows) * length; i++) {
        target[i] = ids[i];
    }
    const c10::IValue output = run_program(model, component, 0, {host.to(model.device)});
    if (!output.isTuple() || output.toTupleRef().elements().size() != 2) {
        throw Refusal(DGXP_ERR_MISMATCH, format("%s: the program does not give (hidden, pooled)",
                                                component_name(component)));
    }
    const auto &pair = output.toTupleRef().elements();
    copy_out(pair[0].toTensor(), {rows, length, width}, "hidden states", hidden);
    if (pooled) {
        copy_out(pair[1].toTensor(), {rows, pooled_width}, "pooled text", pooled);
    }
}

} // namespace px
