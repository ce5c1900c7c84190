// What all messages of ours are made of. Private to the renderer.
#pragma once

#include <string>
#include <vector>

#include "adapters/matrix/render.hpp"
#include "adapters/matrix/render_text.hpp"

namespace matrix {

// The content of a message: both forms, whom it mentions, what it means.
core::Json content_of(Text const& text, std::vector<std::string> const& mentions, Meaning const& meaning, bool notice);
bool fits(core::Json const& content);  // kMaxCopyBytes
[[noreturn]] void too_long(std::string const& what);

std::vector<std::string> clean_lines(std::vector<std::string> const& lines);

}  // namespace matrix
