// Inside of interactions*.cpp: what acknowledgements carry. Not for other files.
#pragma once

#include <string_view>

#include "adapters/slack/render.hpp"
#include "bot/core/text.hpp"

namespace slack {

inline constexpr std::string_view kRecording = "Still being recorded. You will hear how it ended.";

inline core::Json ephemeral(std::string_view text) {
  core::Json message = render_whisper(text);
  message.set("response_type", "ephemeral");
  return message;
}

inline core::Json error_on_note(std::string_view text) {
  auto const words = core::one_line(text, 600);
  return core::Json::object(
      {{"response_action", "errors"},
       {"errors", core::Json::object({{std::string(kNoteBlock), words.empty() ? "Refused." : words}})}});
}

inline core::Json show_instead(std::string_view title, std::string_view text) {
  return core::Json::object({{"response_action", "update"}, {"view", render_answer_view(title, text)}});
}

}  // namespace slack
