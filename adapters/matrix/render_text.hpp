// Text as it stands in a message: made safe to look at, cut, escaped. Pure. Used by the renderer alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace matrix {

// The characters that mean something in HTML, in text and in attributes.
std::string escape_html(std::string_view text);

// Text of several lines, or of exactly one with all breaks shown as escapes: nothing in it hides or reorders.
std::string clean(std::string_view text);
std::string clean_line(std::string_view text);

// At most `room` bytes, with "…" where something was cut; never inside a code point.
std::string cut(std::string_view text, std::size_t room);

struct Fitted {
  std::vector<std::string> lines;
  bool whole = true;
};
// As many lines as have room, each with its line feed; what is missing is said in a last line "… (N more lines,
// WHERE)". A first line that alone is too long is cut. Empty when there is no room to say anything.
Fitted fit_lines(std::vector<std::string> const& lines, std::size_t room, std::string_view where);
std::vector<std::string> lines_of(std::string_view text);

// One message in its two forms: `plain` stands alone on a lock screen, `html` is what most clients show.
class Text {
 public:
  // A line of words; bold in HTML when asked. Nothing for an empty one.
  void line(std::string_view text, bool bold = false);
  void labelled(std::string_view label, std::string_view value);
  // People: plain as ids, in HTML as the links that clients turn into names.
  void mentions(std::vector<std::string> const& users);
  // Untrusted words: every line is marked, so that none passes for one of ours.
  void quote(std::string_view label, std::vector<std::string> const& lines);
  // Monospace; in plain form indented.
  void code(std::string_view label, std::vector<std::string> const& lines);

  std::string const& plain() const { return plain_; }
  std::string const& html() const { return html_; }

 private:
  void break_line();
  std::string plain_, html_;
};

}  // namespace matrix
