// Opens what is a regular file, and nothing else: no FIFO to hang on, no device that has no end.
#pragma once

#include <string>

#include "bot/core/error.hpp"
#include "bot/process/fd.hpp"

namespace collectors {

// For reading, also through symbolic links. It is known what stands there before it is opened, and what is read is what
// was looked at. The error is a sentence that begins with the path.
core::Result<process::Fd> open_regular(std::string const& path);

}  // namespace collectors
