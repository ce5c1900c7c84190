// Block Kit's rules as Slack enforces them: which blocks, which fields, which lengths. Pure.
// Source: docs.slack.dev/reference/block-kit and the types of @slack/types@3.2.0.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace playground {

enum class Surface { message, modal };

// One objection, in Slack's words: "must be less than 76 characters" at "/blocks/0/elements/1/text/text".
struct BlockProblem {
  std::string pointer, message;

  std::string text() const { return "[ERROR] " + message + " [json-pointer:" + pointer + "]"; }
};

inline constexpr std::size_t kMaxBlockText = 13'200;  // characters over all blocks; measured, bolt-js#2509
inline constexpr std::size_t kMaxViewBytes = 250'000;

std::vector<BlockProblem> check_blocks(core::Json const& blocks, Surface surface, std::string const& at = "/blocks");
std::vector<BlockProblem> check_view(core::Json const& view, std::string const& at = "/view");
std::size_t text_length(core::Json const& blocks);  // characters in all texts
// As Slack stores them: block ids filled in by `fresh_id`, `emoji` and `verbatim` set, texts re-escaped.
void complete_blocks(core::Json& blocks, std::function<std::string()> const& fresh_id);

// The first interactive element with this action_id in `blocks`: the element and its block, both null if there is none.
struct FoundElement {
  core::Json const* element = nullptr;
  core::Json const* block = nullptr;
};
FoundElement find_element(core::Json const& blocks, std::string_view action_id);

}  // namespace playground
