// Block Kit's small parts as values (docs.slack.dev /reference/block-kit). Used by the renderer alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace slack::blocks {

core::Json plain(std::string_view text);     // emoji off: ":smile:" stays what it is
core::Json markdown(std::string_view text);  // text already escaped; bare URLs and names are not linked
core::Json header(std::string id, std::string_view text);
core::Json section(std::string id, core::Json text);
core::Json fields(std::string id, std::vector<core::Json> texts);
core::Json context(std::string id, std::vector<core::Json> elements);
core::Json actions(std::string id, std::vector<core::Json> elements);
// A bold label above monospace lines in which nothing is parsed; cut into elements that Slack takes.
core::Json preformatted(std::string id, std::string_view label, std::string_view text);

// Appends a digest of all blocks to every block_id: a message whose content changed gets new ones, so that clients
// don't keep state.
void mark_revision(std::vector<core::Json>& blocks);

// Throws core::Failure(bad_input) naming the first limit that a message body or view breaks.
void check_limits(core::Json const& body, std::size_t max_blocks, std::size_t max_text);

}  // namespace slack::blocks
