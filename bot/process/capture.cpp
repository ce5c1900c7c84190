#include "bot/process/capture.hpp"

#include <algorithm>

namespace process {

void Capture::append(std::string_view bytes) {
  total_ += bytes.size();
  std::size_t const to_head = std::min(bytes.size(), head_max_ - head_.size());
  head_.append(bytes.substr(0, to_head));
  bytes.remove_prefix(to_head);
  if (bytes.size() >= tail_max_) {
    tail_.assign(bytes.substr(bytes.size() - tail_max_));
    tail_start_ = 0;
    return;
  }
  std::size_t const to_fill = std::min(bytes.size(), tail_max_ - tail_.size());
  tail_.append(bytes.substr(0, to_fill));
  bytes.remove_prefix(to_fill);
  while (!bytes.empty()) {
    std::size_t const count = std::min(bytes.size(), tail_max_ - tail_start_);
    tail_.replace(tail_start_, count, bytes.substr(0, count));
    tail_start_ = (tail_start_ + count) % tail_max_;
    bytes.remove_prefix(count);
  }
}

std::string Capture::text() const {
  std::string text = head_;
  if (truncated()) {
    if (!text.empty() && text.back() != '\n') text += '\n';
    text += "[" + std::to_string(total_ - head_.size() - tail_.size()) + " bytes left out]\n";
  }
  text.append(tail_, tail_start_);
  text.append(tail_, 0, tail_start_);
  return text;
}

}  // namespace process
