#include "bot/net/event_stream.hpp"

#include <utility>

namespace net {

std::vector<StreamEvent> EventStreamReader::put(std::string_view bytes) {
  std::vector<StreamEvent> events;
  for (char const c : bytes) {
    if (broken_) break;
    bool const second_of_crlf = std::exchange(after_cr_, c == '\r') && c == '\n';
    if (second_of_crlf) continue;
    if (c == '\n' || c == '\r') {
      line(std::exchange(rest_, {}), events);
    } else {
      rest_ += c;
    }
    broken_ = rest_.size() > kMaxBytes || data_.size() > kMaxBytes;
  }
  return events;
}

void EventStreamReader::line(std::string_view text, std::vector<StreamEvent>& events) {
  if (text.empty()) {
    if (std::exchange(has_data_, false))
      events.push_back(
          {.id = last_id_, .event = event_.empty() ? "message" : event_, .data = std::exchange(data_, {})});
    event_.clear();
    return;
  }
  auto const colon = text.find(':');
  if (colon == 0) return;  // a comment
  auto const name = text.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_ += value;
  } else if (name == "event") {
    event_ = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

}  // namespace net
