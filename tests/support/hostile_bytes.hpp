// Bytes that are no text, for every field of a message in turn (T61, F35).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bot/core/text.hpp"
#include "bot/ports.hpp"

namespace support {

// No UTF-8, overlong, half a surrogate, beyond Unicode; NUL and halves of surrogates as JSON spells them.
inline constexpr char const* kNoText[] = {"\xff",    "\xc3",    "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                          "\\u0000", "\\ud800", "\\udfffx", "\x01"};

// Where each string begins that is a value in this JSON: a member's or an array's.
inline std::vector<std::size_t> string_values(std::string const& json) {
  std::vector<std::size_t> found;
  bool inside = false, value = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    if (inside) {
      if (json[at] == '\\') {
        ++at;
      } else if (json[at] == '"') {
        inside = false;
      }
    } else if (json[at] == '"') {
      inside = true;
      // A name stands before a colon.
      auto end = at + 1;
      while (json.at(end) != '"') end += json[end] == '\\' ? 2U : 1U;
      value = end + 1 >= json.size() || json[end + 1] != ':';
      if (value) found.push_back(at + 1);
    }
  }
  return found;
}

inline bool is_clean(std::string_view text) { return core::is_utf8(text) && !core::has_control(text, "\n\t"); }
inline bool is_clean(ports::IncomingVote const& vote) {
  for (auto const* text : {&vote.account.platform, &vote.account.id, &vote.request, &vote.binding, &vote.note,
                           &vote.via, &vote.channel, &vote.rendering, &vote.envelope, &vote.delivery, &vote.foreign}) {
    if (!is_clean(*text)) return false;
  }
  return true;
}
inline bool is_clean(ports::IncomingCommand const& command) {
  for (auto const& word : command.words) {
    if (!is_clean(word)) return false;
  }
  for (auto const* text : {&command.account.id, &command.text, &command.channel, &command.envelope, &command.delivery,
                           &command.foreign, &command.via, &command.binding, &command.rendering}) {
    if (!is_clean(*text)) return false;
  }
  return true;
}

}  // namespace support
