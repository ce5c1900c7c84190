// Reading text/event-stream (HTML Living Standard, section 9.2.6). Pure, bounded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace net {

struct StreamEvent {
  std::string id{};     // the last one named, as a reader must remember it
  std::string event{};  // "message" when the stream doesn't say
  std::string data{};
};

class EventStreamReader {
 public:
  static constexpr std::size_t kMaxBytes = 1u << 20;  // of a line, and of an event

  // The events that end in these bytes. Once broken() it takes nothing more.
  std::vector<StreamEvent> put(std::string_view bytes);
  bool broken() const { return broken_; }  // something was longer than kMaxBytes
  std::string const& last_id() const { return last_id_; }

 private:
  void line(std::string_view text, std::vector<StreamEvent>& events);

  std::string rest_{}, last_id_{}, event_{}, data_{};
  bool has_data_ = false, broken_ = false, after_cr_ = false;
};

}  // namespace net
