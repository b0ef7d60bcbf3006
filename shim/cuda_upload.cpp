/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files to the device by several threads, each with two pinned buffers: one is read into while the
 * other is on its way.  Pinning takes a second for a gigabyte, so the buffers are torch's, which it
 * keeps until release_cache().  pread, not the mapping: on unified memory a mapping would be held
 * twice. */
#include "cuda_upload.hpp"

#include <ATen/core/CachingHostAllocator.h>
#include <c10/cuda/CUDAException.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <cuda_runtime_api.h>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace px
{
namespace
{

constexpr size_t CHUNK_BYTES = size_t(4) << 20;
constexpr unsigned MAX_THREADS = 8;

struct Chunk {
    const Upload *upload;
    size_t start, bytes;
};

struct Buffer {
    at::DataPtr bytes;
    cudaEvent_t done = nullptr;
};

void read_chunk(const Chunk &chunk, char *target)
{
    if (chunk.upload->fd < 0) {
        std::memcpy(target, static_cast<const char *>(chunk.upload->data) + chunk.start,
                    chunk.bytes);
        return;
    }
    for (size_t done = 0; done < chunk.bytes;) {
        const ssize_t got = pread(chunk.upload->fd, target + done, chunk.bytes - done,
                                  static_cast<off_t>(chunk.upload->offset + chunk.start + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            throw std::runtime_error(
                std::string("cannot read the weights: ") +
                (got < 0 ? std::strerror(errno) : "the file became shorter after it was opened"));
        }
        done += static_cast<size_t>(got);
    }
}

/* One thread's stream and buffers. */
class Lane
{
  public:
    explicit Lane(int32_t index)
    {
        C10_CUDA_CHECK(cudaSetDevice(index));
        C10_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
        for (Buffer &buffer : buffers_) {
            buffer.bytes = at::getHostAllocator(at::kCUDA)->allocate(CHUNK_BYTES);
            C10_CUDA_CHECK(cudaEventCreateWithFlags(&buffer.done, cudaEventDisableTiming));
        }
    }
    ~Lane()
    {
        if (stream_) {
            (void)cudaStreamSynchronize(stream_);
        }
        for (const Buffer &buffer : buffers_) {
            if (buffer.done) {
                (void)cudaEventDestroy(buffer.done);
            }
        }
        if (stream_) {
            (void)cudaStreamDestroy(stream_);
        }
    }
    Lane(const Lane &) = delete;
    Lane &operator=(const Lane &) = delete;

    void send(const Chunk &chunk)
    {
        Buffer &buffer = buffers_[next_ ^= 1];
        C10_CUDA_CHECK(cudaEventSynchronize(buffer.done)); /* never recorded: returns at once */
        read_chunk(chunk, static_cast<char *>(buffer.bytes.get()));
        C10_CUDA_CHECK(cudaMemcpyAsync(static_cast<char *>(chunk.upload->target) + chunk.start,
                                       buffer.bytes.get(), chunk.bytes, cudaMemcpyHostToDevice,
                                       stream_));
        C10_CUDA_CHECK(cudaEventRecord(buffer.done, stream_));
    }
    void finish()
    {
        C10_CUDA_CHECK(cudaStreamSynchronize(stream_));
    }

  private:
    cudaStream_t stream_ = nullptr;
    Buffer buffers_[2];
    int next_ = 0;
};

std::vector<Chunk> cut(const std::vector<Upload> &uploads)
{
    std::vector<Chunk> chunks;
    for (const Upload &upload : uploads) {
        for (size_t start = 0; start < upload.bytes; start += CHUNK_BYTES) {
            chunks.push_back({&upload, start, std::min(CHUNK_BYTES, upload.bytes - start)});
        }
    }
    return chunks;
}

} // namespace

void upload_files(int32_t index, const std::vector<Upload> &uploads)
{
    const std::vector<Chunk> chunks = cut(uploads);
    std::atomic<size_t> next{0};
    std::mutex mutex;
    std::exception_ptr failure;
    const auto work = [&] {
        try {
            Lane lane(index);
            for (size_t i; (i = next.fetch_add(1)) < chunks.size();) {
                lane.send(chunks[i]);
            }
            lane.finish();
        } catch (...) {
            next = chunks.size();
            const std::lock_guard<std::mutex> lock(mutex);
            failure = failure ? failure : std::current_exception();
        }
    };
    size_t bytes = 0;
    for (const Chunk &chunk : chunks) {
        bytes += chunk.bytes;
    }
    const size_t wanted =
        std::min<size_t>({MAX_THREADS, std::max(1u, std::thread::hardware_concurrency()),
                          chunks.size(), 1 + bytes / CHUNK_BYTES});
    std::vector<std::thread> threads;
    try {
        while (threads.size() < wanted) {
            threads.emplace_back(work);
        }
    } catch (...) { /* fewer threads do the same */
        if (threads.empty()) {
            failure = std::current_exception();
        }
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    if (failure) {
        std::rethrow_exception(failure);
    }
}

} // namespace px
