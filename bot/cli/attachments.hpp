// Files that a request carries as evidence: `--attach FILE`, `--attach NAME=FILE`, `--attach -`.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace cli {

inline constexpr std::size_t kMaxAttachments = 20;
inline constexpr std::size_t kMaxAttachedBytes = 1 << 20;  // of all of them; the service has the same limit

struct AttachArgument {
  std::string name;  // as the exhibit will be named: a core::is_name
  std::string path;  // "-": standard input
};
// Takes "plan.diff", "plan=/tmp/x/tfplan.txt", "-" or "plan=-" apart. A file of that very name with a '=' in it is a
// file; the name of one without a NAME is made of its last part, other characters become '-'. Throws
// core::Failure(bad_input) for a NAME that is none.
AttachArgument parse_attach(std::string const& argument);

// What the bytes are for those who look at them, by the path's end, else by how they begin.
char const* guess_media_type(std::string_view path, std::string_view bytes);

// The member "attachments" of POST /v1/requests. `read(path, most)` gives a file's bytes. Throws core::Failure: too
// many, too large together (says how much there is), the same name twice, standard input twice, an empty file. What is
// no text the service refuses.
core::Json::Array make_attachments(std::vector<std::string> const& arguments,
                                   std::function<std::string(std::string const&, std::size_t)> const& read);

// At most `most` bytes of standard input; throws core::Failure(too_large).
std::string read_standard_input(std::size_t most);

}  // namespace cli
