/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Adapters: W = W0 + sum of deltas in f32, rounded once; and W0 again, bit for bit. */
#include "dgxpixels.h"
#include "model.hpp"

#include <cstring>
#include <set>
#include <unordered_map>

namespace px
{
namespace
{

/* ------------------------------------------------------------------------------- the formulas */

/* f32 on the model's device.  A file promises no alignment, tensors need it. */
at::Tensor load_factor(const px_shim_model &model, const px_factor &factor)
{
    const at::IntArrayRef shape(factor.shape, static_cast<size_t>(factor.rank));
    const at::TensorOptions options = at::TensorOptions().dtype(torch_dtype(factor.dtype));
    const size_t size = c10::elementSize(torch_dtype(factor.dtype));
    at::Tensor view;
    if (reinterpret_cast<uintptr_t>(factor.data) % size == 0) {
        view = at::from_blob(const_cast<void *>(factor.data), shape, options);
    } else {
        view = at::empty(shape, options);
        std::memcpy(view.mutable_data_ptr(), factor.data, view.nbytes());
    }
    return view.to(model.device).to(at::kFloat);
}

/* As a matrix: [first axis, all others]. */
at::Tensor load_matrix(const px_shim_model &model, const px_factor &factor)
{
    const at::Tensor tensor = load_factor(model, factor);
    return tensor.reshape({tensor.size(0), -1});
}

/* [rows, columns, kernel]; the kernel of a plain product stays among its columns. */
at::Tensor make_product(const px_shim_model &model, const px_product &product)
{
    if (product.whole.data) {
        const at::Tensor whole = load_factor(model, product.whole);
        return whole.dim() > 2 ? whole.reshape({whole.size(0), whole.size(1), -1})
                               : whole.reshape({whole.dim() ? whole.size(0) : 1, -1, 1});
    }
    const at::Tensor a = load_matrix(model, product.a), b = load_matrix(model, product.b);
    if (!product.core.data) {
        return a.mm(b).unsqueeze(2);
    }
    const at::Tensor core = load_factor(model, product.core);
    const at::Tensor flat = core.reshape({core.size(0), core.size(1), -1});
    return at::einsum("ijk,ip,jq->pqk", {flat, product.a_first ? a.t() : a, b});
}

at::Tensor make_delta(const px_shim_model &model, const px_delta &delta, int64_t rows, int64_t cols)
{
    at::Tensor x = make_product(model, delta.x);
    if (delta.kind == PX_DELTA_HADAMARD) {
        x = x.reshape({rows, cols}).mul(make_product(model, delta.y).reshape({rows, cols}));
    } else if (delta.kind == PX_DELTA_KRONECKER) {
        at::Tensor y = make_product(model, delta.y);
        const int64_t inputs = x.size(1) * x.size(2);
        y = y.reshape({1, y.size(0), 1, y.size(1) * y.size(2)});
        x = x.reshape({x.size(0), 1, inputs, 1}).mul(y);
    }
    if (x.numel() != rows * cols) {
        throw Refusal(DGXP_ERR_INTERNAL, "an adapter's factors do not make its parameter");
    }
    return x.reshape({rows, cols});
}

/* m V / |V|; the norm is the changed weight's, as in the paper and in PEFT. */
at::Tensor renormalize(const px_shim_model &model, const at::Tensor &changed, const px_delta &delta,
                       at::IntArrayRef shape)
{
    const at::Tensor magnitude = load_factor(model, delta.magnitude).reshape({-1});
    if (delta.norm == PX_NORM_ROWS) {
        const at::Tensor norm = at::linalg_vector_norm(changed, 2, {1}, true);
        return changed.mul(magnitude.unsqueeze(1).div(norm));
    }
    const at::Tensor cube = changed.reshape({shape[0], shape[1], -1});
    const at::Tensor norm = at::linalg_vector_norm(cube, 2, {0, 2}, true);
    return cube.mul(magnitude.reshape({1, -1, 1}).div(norm)).reshape(changed.sizes());
}

bool is_plain(const px_delta &delta)
{
    return delta.kind == PX_DELTA_PRODUCT && delta.norm == PX_NORM_NONE && !delta.x.whole.data &&
           !delta.x.core.data;
}

/* ------------------------------------------------------------------------------ one parameter */

/* What was bound, before any adapter: values in the compute dtype, unless they were rounded. */
at::Tensor pristine(px_shim_model &model, const Merged::Piece &piece)
{
    const Parameter &parameter = *piece.parameter;
    const at::ScalarType stored = torch_dtype(piece.binding.dtype);
    if (piece.dtype == stored || piece.dtype == at::kFloat) {
        return parameter.base.defined() ? parameter.base : parameter.value;
    }
    const at::Tensor raw = stored_bytes(model, piece.binding);
    return piece.binding.transpose ? raw.t() : raw;
}

/* The usual case without a copy in between: one matrix product per adapter, right into `target`. */
bool sum_plain(px_shim_model &model, const px_merge &merge, const at::Tensor &base,
               const at::Tensor &target, int64_t rows, int64_t cols)
{
    if (base.scalar_type() != at::kFloat || target.scalar_type() != at::kFloat ||
        !base.is_contiguous() || !target.is_contiguous() || merge.delta_count < 1) {
        return false;
    }
    for (int32_t i = 0; i < merge.delta_count; i++) {
        if (!is_plain(merge.deltas[i])) {
            return false;
        }
    }
    at::Tensor out = target.view({rows, cols});
    at::Tensor sum = base.view({rows, cols});
    for (int32_t i = 0; i < merge.delta_count; i++) {
        const px_delta &delta = merge.deltas[i];
        at::addmm_out(out, sum, load_matrix(model, delta.x.a), load_matrix(model, delta.x.b), 1,
                      delta.factor * delta.weight);
        sum = out;
    }
    return true;
}

void sum_into(px_shim_model &model, const px_merge &merge, const Merged::Piece &piece,
              const at::Tensor &target)
{
    const at::IntArrayRef shape = piece.parameter->shape;
    const int64_t rows = shape.empty() ? 1 : shape[0];
    const int64_t cols = rows ? piece.parameter->value.numel() / rows : 0;
    const at::Tensor stored = pristine(model, piece);
    if (sum_plain(model, merge, stored, target, rows, cols)) {
        return;
    }
    const at::Tensor base = stored.to(at::kFloat).reshape({rows, cols});
    at::Tensor sum = base.clone();
    for (int32_t i = 0; i < merge.delta_count; i++) {
        const px_delta &delta = merge.deltas[i];
        if (is_plain(delta)) {
            sum.addmm_(load_matrix(model, delta.x.a), load_matrix(model, delta.x.b), 1,
                       delta.factor * delta.weight);
            continue;
        }
        const at::Tensor change = make_delta(model, delta, rows, cols);
        if (delta.norm == PX_NORM_NONE) {
            sum.add_(change, delta.factor * delta.weight);
            continue;
        }
        const at::Tensor changed = base.add(change, delta.factor);
        sum.add_(renormalize(model, changed, delta, shape).sub_(base), delta.weight);
    }
    target.copy_(sum.reshape(shape));
}

/* -------------------------------------------------------------------------------------- sets */

void put_back(px_shim_model &model, Merged::Piece &piece)
{
    Parameter &parameter = *piece.parameter;
    if (!model.accelerator) {
        if (parameter.base.defined()) {
            set_value(parameter, parameter.base, parameter.base_mapped);
        }
    } else if (parameter.base.defined()) {
        parameter.value.copy_(parameter.base);
    } else { /* there was no room for a copy: from the file again */
        const at::Tensor raw = stored_bytes(model, piece.binding);
        parameter.value.copy_(piece.binding.transpose ? raw.t() : raw);
    }
    parameter.base = at::Tensor();
}

/* Everything as it was bound. */
void undo(px_shim_model &model)
{
    if (model.merged_in_use) {
        for (Merged::Piece &piece : model.merged.front().pieces) {
            put_back(model, piece);
        }
        model.merged_in_use = false;
    }
}

void keep_base(px_shim_model &model, Parameter &parameter)
{
    if (!model.accelerator) {
        parameter.base = parameter.value;
        parameter.base_mapped = parameter.mapped;
        return;
    }
    try {
        parameter.base = parameter.value.clone();
    } catch (const c10::OutOfMemoryError &) {
        parameter.base = at::Tensor();
    }
}

/* Makes the first set the one in use. */
void use_first(px_shim_model &model)
{
    model.merged_in_use = true;
    for (Merged::Piece &piece : model.merged.front().pieces) {
        keep_base(model, *piece.parameter);
        if (model.accelerator) { /* captured graphs read this address */
            piece.parameter->value.copy_(piece.value);
        } else {
            set_value(*piece.parameter, piece.value, false);
        }
    }
}

using Recycled = std::unordered_map<const Parameter *, at::Tensor>;

/* Drops sets that were used longest ago until the others fit into `keep`.  What they leave on the
 * CPU is written over by the next set: memory that is already there is quickest. */
void make_room(px_shim_model &model, uint64_t keep, Recycled *recycled)
{
    uint64_t total = 0;
    for (const Merged &set : model.merged) {
        total += set.bytes;
    }
    while (!model.merged.empty() && total > keep) {
        Merged &last = model.merged.back();
        if (&last == &model.merged.front()) {
            undo(model);
        }
        for (const Merged::Piece &piece : last.pieces) {
            if (recycled && piece.value.defined()) {
                recycled->emplace(piece.parameter, piece.value);
            }
        }
        total -= last.bytes;
        model.merged.pop_back();
    }
}

std::list<Merged>::iterator find_set(std::list<Merged> &sets, const char *name)
{
    auto at = sets.begin();
    while (at != sets.end() && at->name != name) {
        ++at;
    }
    return at;
}

Merged list_pieces(px_shim_model &model, const char *name, const px_merge *merges, int32_t count)
{
    Merged set;
    std::set<const Parameter *> seen;
    set.name = name;
    for (int32_t i = 0; i < count; i++) {
        Component &part = component_of(model, merges[i].component);
        const char *parameter = merges[i].base.parameter ? merges[i].base.parameter : "";
        const auto at = part.index.find(parameter);
        if (at == part.index.end() || !part.bound ||
            !seen.insert(&part.parameters[at->second]).second) {
            throw Refusal(DGXP_ERR_INTERNAL,
                          format("%s: an adapter for parameter '%s', which is not there or named "
                                 "twice",
                                 component_name(merges[i].component), parameter));
        }
        Parameter &target = part.parameters[at->second];
        set.pieces.push_back({&target, part.dtype, merges[i].base, at::Tensor()});
        set.bytes += target.value.nbytes();
    }
    return set;
}

/* On the CPU: new values beside the old, then one exchange. */
void merge_beside(px_shim_model &model, Merged &&set, const px_merge *merges, uint64_t keep)
{
    Recycled recycled;
    make_room(model, keep, &recycled);
    for (size_t i = 0; i < set.pieces.size(); i++) {
        Merged::Piece &piece = set.pieces[i];
        const auto old = recycled.find(piece.parameter);
        piece.value = old != recycled.end()
                          ? old->second
                          : empty_parameter(*piece.parameter, piece.dtype, at::kCPU);
        sum_into(model, merges[i], piece, piece.value);
    }
    undo(model);
    model.merged.push_front(std::move(set));
    use_first(model);
}

/* On a device: into the live values, whose addresses captured graphs know. */
void merge_in_place(px_shim_model &model, Merged &&set, const px_merge *merges, uint64_t keep)
{
    undo(model);
    make_room(model, keep, nullptr);
    model.merged.push_front(std::move(set));
    model.merged_in_use = true;
    Merged &first = model.merged.front();
    first.bytes = 0;
    size_t done = 0;
    try {
        for (; done < first.pieces.size(); done++) {
            Merged::Piece &piece = first.pieces[done];
            keep_base(model, *piece.parameter);
            sum_into(model, merges[done], piece, piece.parameter->value);
        }
    } catch (...) {
        if (done < first.pieces.size()) { /* the failing one may be half written */
            first.pieces.resize(done + 1);
        }
        undo(model);
        model.merged.pop_front();
        throw;
    }
}

/* On a device the values of a set that leaves are copied while there is room for them. */
void keep_first(px_shim_model &model, uint64_t keep)
{
    if (!model.accelerator || !model.merged_in_use) {
        return;
    }
    Merged &first = model.merged.front();
    uint64_t bytes = 0;
    for (const Merged::Piece &piece : first.pieces) {
        bytes += piece.parameter->value.nbytes();
    }
    if (first.bytes == 0 && bytes <= keep) {
        try {
            for (Merged::Piece &piece : first.pieces) {
                piece.value = piece.parameter->value.clone();
            }
            first.bytes = bytes;
        } catch (const c10::OutOfMemoryError &) {
            first.bytes = 0;
        }
    }
    if (first.bytes == 0) {
        undo(model);
        model.merged.pop_front();
    }
}

} // namespace

bool is_merged(const px_shim_model &model, const char *set)
{
    if (*set == '\0') {
        return true;
    }
    for (const Merged &known : model.merged) {
        if (known.name == set) {
            return true;
        }
    }
    return false;
}

void merge_adapters(px_shim_model &model, const char *set, const px_merge *merges, int32_t count,
                    uint64_t keep)
{
    const at::NoGradGuard no_grad;
    const auto known = find_set(model.merged, set);
    if (model.merged_in_use && known == model.merged.begin()) {
        return;
    }
    if (known != model.merged.end()) {
        keep_first(model, keep);
        undo(model);
        model.merged.splice(model.merged.begin(), model.merged, known);
        use_first(model);
        return;
    }
    if (*set == '\0' || count == 0) {
        keep_first(model, keep);
        undo(model);
        make_room(model, keep, nullptr);
        return;
    }
    Merged fresh = list_pieces(model, set, merges, count);
    if (model.accelerator) {
        keep_first(model, keep);
        merge_in_place(model, std::move(fresh), merges, keep);
        model.accelerator->synchronize();
    } else {
        merge_beside(model, std::move(fresh), merges, keep);
    }
}

} // namespace px
