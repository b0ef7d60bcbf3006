/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one place where C++ exceptions become statuses. */
#ifndef PX_GUARDED_HPP
#define PX_GUARDED_HPP

#include "shim.h"

#include <functional>
#include <stdexcept>
#include <string>

namespace px
{

/** A failure that we found ourselves, with its dgxp_status. */
class Refusal : public std::runtime_error
{
  public:
    Refusal(int32_t status_, const std::string &text) : std::runtime_error(text), status(status_)
    {
    }
    const int32_t status;
};

/** Runs `body`; what it throws becomes a dgxp_status and a text.  Never throws. */
int32_t guarded(px_shim_error *error, const std::function<void()> &body) noexcept;

/** `printf` into a std::string, for messages. */
std::string format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

} // namespace px

#endif
