/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The CUDA plug-in: devices, one stream a model, captured graphs, the caching allocator's figures.
 */
#include "accelerator.hpp"
#include "cuda_upload.hpp"

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <cstdio>
#include <cuda_runtime_api.h>
#include <mutex>

namespace px
{
namespace
{

class CudaScope final : public Scope
{
  public:
    explicit CudaScope(const c10::cuda::CUDAStream &stream) : guard_(stream)
    {
    }

  private:
    c10::cuda::CUDAStreamGuard guard_;
};

/* Memory that graphs share: they never run at the same time and leave nothing in it.  torch takes
 * it back for good when the last of them is gone, so it lives as long as they do and no longer. */
struct Pool {
    c10::MempoolId_t id = at::cuda::graph_pool_handle();
};

class CudaGraph final : public Graph
{
  public:
    explicit CudaGraph(std::shared_ptr<Pool> shared) : pool(std::move(shared))
    {
    }
    const std::shared_ptr<Pool> pool;
    at::cuda::CUDAGraph graph;
    void replay() override
    {
        graph.replay();
    }
};

/* Streams of models that are closed.  cuBLAS keeps 32 MiB for each stream that it ever saw, so the
 * next model goes on with one of these. */
class Streams
{
  public:
    static c10::cuda::CUDAStream take(c10::DeviceIndex index)
    {
        const std::lock_guard<std::mutex> lock(mutex());
        std::vector<c10::cuda::CUDAStream> &idle = streams();
        const auto found = std::find_if(idle.begin(), idle.end(), [&](const auto &stream) {
            return stream.device_index() == index;
        });
        if (found == idle.end()) {
            return c10::cuda::getStreamFromPool(/*isHighPriority=*/false, index);
        }
        const c10::cuda::CUDAStream stream = *found;
        idle.erase(found);
        return stream;
    }
    static void give_back(const c10::cuda::CUDAStream &stream)
    {
        const std::lock_guard<std::mutex> lock(mutex());
        streams().push_back(stream);
    }

  private:
    static std::mutex &mutex()
    {
        static auto &mutex = *new std::mutex;
        return mutex;
    }
    static std::vector<c10::cuda::CUDAStream> &streams()
    {
        static auto &streams = *new std::vector<c10::cuda::CUDAStream>; /* outlives every model */
        return streams;
    }
};

/* Made on the device that is current. */
struct Event {
    cudaEvent_t event = nullptr;
    Event()
    {
        C10_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    }
    ~Event()
    {
        (void)cudaEventDestroy(event);
    }
    Event(const Event &) = delete;
    Event &operator=(const Event &) = delete;
};

class CudaAccelerator final : public Accelerator
{
  public:
    explicit CudaAccelerator(int32_t index)
        : index_(static_cast<c10::DeviceIndex>(index)), stream_(Streams::take(index_))
    {
    }
    ~CudaAccelerator() override
    {
        Streams::give_back(stream_);
    }

    std::unique_ptr<Scope> enter() override
    {
        return std::make_unique<CudaScope>(stream_);
    }

    void upload(const std::vector<Upload> &uploads) override
    {
        synchronize(); /* the targets may be memory that this stream has just let go of */
        upload_files(index_, uploads);
    }

    std::unique_ptr<Graph> capture(const std::function<void()> &work) override
    {
        synchronize();
        std::shared_ptr<Pool> pool = pool_.lock();
        if (!pool) {
            pool_ = pool = std::make_shared<Pool>();
        }
        auto captured = std::make_unique<CudaGraph>(pool);
        bool begun = false;
        try {
            captured->graph.capture_begin(pool->id, cudaStreamCaptureModeThreadLocal);
            begun = true;
            work();
            captured->graph.capture_end();
            return captured;
        } catch (const c10::OutOfMemoryError &) {
            end_capture(*captured, begun);
            throw;
        } catch (const std::exception &error) {
            end_capture(*captured, begun);
            /* Slower, not wrong: said, and painted all the same. */
            const auto *named = dynamic_cast<const c10::Error *>(&error);
            TORCH_WARN("a denoising step cannot be captured as a CUDA graph and runs without one: ",
                       named ? named->what_without_backtrace() : error.what());
            return nullptr;
        }
    }

    void pace() override
    {
        C10_CUDA_CHECK(cudaEventRecord(events_[turn_].event, stream_.stream()));
        turn_ ^= 1;
        C10_CUDA_CHECK(cudaEventSynchronize(events_[turn_].event));
    }

    void synchronize() override
    {
        stream_.synchronize();
    }

    void release_cache() override
    {
        c10::cuda::CUDACachingAllocator::emptyCache();
        at::getHostAllocator(at::kCUDA)->empty_cache();
    }

    void memory(uint64_t *now, uint64_t *peak) override
    {
        using Stat = c10::CachingAllocator::StatType;
        const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(index_);
        const auto &bytes = stats.allocated_bytes[static_cast<size_t>(Stat::AGGREGATE)];
        *now = static_cast<uint64_t>(bytes.current);
        *peak = static_cast<uint64_t>(bytes.peak);
    }

  private:
    /* Leaves the stream usable after a capture that was broken off. */
    static void end_capture(CudaGraph &captured, bool begun)
    {
        if (!begun) {
            return;
        }
        try {
            captured.graph.capture_end();
        } catch (const std::exception &) {
            (void)cudaGetLastError();
        }
    }

    const c10::DeviceIndex index_;
    const c10::cuda::CUDAStream stream_;
    std::weak_ptr<Pool> pool_;
    Event events_[2];
    int turn_ = 0;
};

int32_t count_cuda()
{
    return c10::cuda::device_count();
}

void describe_cuda(int32_t index, px_shim_device *device)
{
    std::snprintf(device->id, sizeof device->id, "cuda:%d", index);
    try {
        cudaDeviceProp properties;
        C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
        const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
        size_t free = 0, total = 0;
        C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
        std::snprintf(device->name, sizeof device->name, "%.111s", properties.name);
        device->memory_total = total;
        device->memory_free = free;
        device->available = 1;
    } catch (const std::exception &error) { /* listed, with the reason for a name */
        std::snprintf(device->name, sizeof device->name, "%s", error.what());
    }
}

int major_of(int32_t index)
{
    int major = 0;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index));
    return major;
}

bool has_bf16(int32_t index)
{
    return major_of(index) >= 8;
}

/* cuDNN's attention is the fastest on Hopper, and on no other. */
void order_attention(int32_t index)
{
    using at::SDPBackend;
    if (major_of(index) == 9) {
        at::globalContext().setSDPPriorityOrder(
            {static_cast<int64_t>(SDPBackend::cudnn_attention),
             static_cast<int64_t>(SDPBackend::flash_attention),
             static_cast<int64_t>(SDPBackend::efficient_attention),
             static_cast<int64_t>(SDPBackend::math)});
    }
}

Accelerator *create(int32_t index)
{
    at::globalContext().lazyInitDevice(at::kCUDA);
    at::globalContext().setBenchmarkCuDNN(true);
    order_attention(index);
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    return new CudaAccelerator(index);
}

} // namespace
} // namespace px

extern "C" __attribute__((visibility("default"))) const px::AcceleratorTable *px_accelerator_entry()
{
    static const px::AcceleratorTable table = {PX_SHIM_VERSION, px::count_cuda, px::describe_cuda,
                                               px::has_bf16, px::create};
    return &table;
}
