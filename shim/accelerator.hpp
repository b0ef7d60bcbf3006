/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the torch backend asks of its CUDA plug-in; the only header that both sides include. */
#ifndef PX_ACCELERATOR_HPP
#define PX_ACCELERATOR_HPP

#include "shim.h"

#include <functional>
#include <memory>
#include <vector>

namespace px
{

/** Bytes of a file, and where on the device they go.  `fd` -1: only `data`. */
struct Upload {
    const void *data;
    int32_t fd;
    uint64_t offset;
    size_t bytes;
    void *target;
};

/** While it lives, the calling thread works on the accelerator's device and stream. */
class Scope
{
  public:
    virtual ~Scope() = default;
};

/** Work captured once; replay() queues it again on the current stream. */
class Graph
{
  public:
    virtual ~Graph() = default;
    virtual void replay() = 0;
};

/** One device.  All but enter() are called inside a Scope. */
class Accelerator
{
  public:
    virtual ~Accelerator() = default;
    virtual std::unique_ptr<Scope> enter() = 0;
    /** Returns when every byte has arrived.  Throws std::runtime_error when a file is too short. */
    virtual void upload(const std::vector<Upload> &uploads) = 0;
    /** Captures what `work` queues without running it; NULL when this cannot be captured. */
    virtual std::unique_ptr<Graph> capture(const std::function<void()> &work) = 0;
    /** Called after each step: waits for the step before, so that cancelling stays prompt. */
    virtual void pace() = 0;
    virtual void synchronize() = 0;
    virtual void release_cache() = 0;
    virtual void memory(uint64_t *now, uint64_t *peak) = 0;
};

struct AcceleratorTable {
    int32_t version; /* PX_SHIM_VERSION */
    int32_t (*count)();
    void (*describe)(int32_t index, px_shim_device *device);
    /** Whether 16-bit floats are bf16 in hardware on this device. */
    bool (*has_bf16)(int32_t index);
    Accelerator *(*create)(int32_t index);
};

} // namespace px

extern "C" const px::AcceleratorTable *px_accelerator_entry();

#endif
