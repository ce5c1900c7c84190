// What the fuzz targets hold every accepted value to.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/wire.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace checks {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline void require_id(std::string_view id, char sigil) {
  require(id.size() >= 2 && id.size() <= 255 && id.front() == sigil && core::is_utf8(id) && !core::has_control(id) &&
          id.find(' ') == std::string_view::npos);
}

inline void require_event(matrix::Event const& event) {
  require_id(event.id, '$');
  require_id(event.room, '!');
  require_id(event.sender, '@');
  require(!matrix::server_of(event.sender).empty());
  require(!event.type.empty() && event.type.size() <= 255);
  require(event.content.is_object());
  require(core::is_digest(event.digest));
  for (auto const* id : {&event.redacts, &event.relation.event, &event.relation.reply_to}) {
    if (!id->empty()) require_id(*id, '$');
  }
  // What is done with it next must hold for whatever it holds.
  auto const key = matrix::normalise_key(event.relation.key);
  require(matrix::normalise_key(key).size() <= key.size());
  static_cast<void>(matrix::sign_of_key(event.relation.key));
  auto const body = event.content["body"].text();
  auto const words = matrix::without_quotation(body);
  require(words.size() <= body.size());
  if (auto const command = matrix::command_in(words, true, {"@bot:x", "bot", ""})) {
    auto const text = matrix::normalise_command(*command);
    require(core::visible_text(text) == text);
    for (auto const& word : matrix::split_command(text)) require(word.size() <= text.size());
  }
}

}  // namespace checks
