// Slack's text markup, as far as it matters to who is notified: escaping and the tokens in angle brackets.
// Source: docs.slack.dev/messaging/formatting-message-text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/slack_world.hpp"
#include "bot/core/json.hpp"

namespace playground {

// One `<…>` in a text.
struct Token {
  std::size_t begin = 0, end = 0;  // bytes, the brackets included
  std::string kind;                // user, subteam, here, channel, everyone, conversation, date, link
  std::string target;              // id or URL; empty for here, channel, everyone
  std::string label;
};
std::vector<Token> tokens_of(std::string_view text);

// As Slack stores a text: `&`, `<`, `>` that are part of no entity or token become entities.
std::string re_escape(std::string_view text);
std::string unescape(std::string_view text);  // `&amp;`, `&lt;`, `&gt;`, once
std::string escape(std::string_view text);    // the other way
// As a lock screen shows it: names for tokens, entities decoded, no emphasis taken away.
std::string to_plain(std::string_view text, SlackWorld const& world);

// A mention that a message holds: where (JSON pointer), what kind, whom.
struct Mention {
  std::string where, kind, target;
};
// In `text` and in the mrkdwn, markdown and rich_text parts of `blocks`. With `link_names` bare @here and @name count.
std::vector<Mention> mentions_of(core::Json const& text, core::Json const& blocks, bool link_names,
                                 SlackWorld const& world);

// UTF-16 code units: how Slack counts characters.
std::size_t length_of(std::string_view utf8);
// At most `units` of them, cut on a code-point border.
std::string cut_to(std::string_view utf8, std::size_t units);

}  // namespace playground
