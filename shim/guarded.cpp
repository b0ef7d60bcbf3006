/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Exceptions of torch and of C++ become statuses and sentences. */
#include "guarded.hpp"

#include "dgxpixels.h"
#include "torch.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace px
{
namespace
{

struct Failure {
    int32_t status;
    char text[sizeof(px_shim_error::text)];
};

bool contains(const char *text, const char *part)
{
    return std::strstr(text, part) != nullptr;
}

/* TorchScript's interpreter rethrows everything as std::runtime_error, so its kind is in the text.
 */
int32_t classify(const char *text)
{
    if (contains(text, "out of memory") || contains(text, "can't allocate memory") ||
        contains(text, "not enough memory") || contains(text, "ALLOC_FAILED") ||
        contains(text, "std::bad_alloc")) {
        return DGXP_ERR_OUT_OF_MEMORY;
    }
    if (contains(text, "CUDA error") || contains(text, "CUDA driver error") ||
        contains(text, "CUDNN_STATUS_EXECUTION_FAILED") ||
        contains(text, "CUBLAS_STATUS_EXECUTION_FAILED")) {
        return DGXP_ERR_DEVICE_LOST;
    }
    return DGXP_ERR_BACKEND;
}

/* The last reason that is named, without the traces before and behind it. */
void write_reason(Failure &failure, const char *prefix, const char *what)
{
    const char *reason = what;
    for (const char *at = what; (at = std::strstr(at, "RuntimeError: ")) != nullptr;) {
        at += std::strlen("RuntimeError: ");
        reason = at;
    }
    size_t length = std::strlen(reason);
    for (const char *end : {"\nException raised from", "\nC++ CapturedTraceback", "\n\n"}) {
        const char *at = std::strstr(reason, end);
        if (at && at > reason) {
            length = std::min(length, static_cast<size_t>(at - reason));
        }
    }
    while (length > 0 && reason[length - 1] == '\n') {
        length--;
    }
    std::snprintf(failure.text, sizeof failure.text, "%s%.*s", prefix,
                  static_cast<int>(std::min(length, sizeof failure.text)), reason);
    for (char *at = failure.text; *at; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
}

/* Called inside a catch block; copies what is needed, since the exception may hold tensors. */
void describe_exception(Failure &failure) noexcept
{
    try {
        throw;
    } catch (const Refusal &refusal) {
        failure.status = refusal.status;
        std::snprintf(failure.text, sizeof failure.text, "%s", refusal.what());
    } catch (const c10::OutOfMemoryError &error) {
        failure.status = DGXP_ERR_OUT_OF_MEMORY;
        write_reason(failure, "torch: ", error.what_without_backtrace());
    } catch (const c10::AcceleratorError &error) {
        failure.status = contains(error.what_without_backtrace(), "out of memory")
                             ? DGXP_ERR_OUT_OF_MEMORY
                             : DGXP_ERR_DEVICE_LOST;
        write_reason(failure, "torch: ", error.what_without_backtrace());
    } catch (const c10::Error &error) {
        failure.status = classify(error.what_without_backtrace());
        write_reason(failure, "torch: ", error.what_without_backtrace());
    } catch (const std::bad_alloc &) {
        failure.status = DGXP_ERR_OUT_OF_MEMORY;
        std::snprintf(failure.text, sizeof failure.text, "the backend ran out of host memory");
    } catch (const std::exception &error) {
        failure.status = classify(error.what());
        write_reason(failure, "torch: ", error.what());
    } catch (...) {
        failure.status = DGXP_ERR_INTERNAL;
        std::snprintf(failure.text, sizeof failure.text,
                      "the backend threw something that is no exception: please report this");
    }
}

} // namespace

int32_t guarded(px_shim_error *error, const std::function<void()> &body) noexcept
{
    Failure failure{DGXP_OK, ""};
    try {
        body();
        return DGXP_OK;
    } catch (...) {
        describe_exception(failure);
    }
    if (error) {
        std::memcpy(error->text, failure.text, sizeof error->text);
    }
    return failure.status;
}

std::string format(const char *pattern, ...)
{
    char text[sizeof(px_shim_error::text)];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return text;
}

} // namespace px
