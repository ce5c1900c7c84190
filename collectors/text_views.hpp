// Other readings of a text, in which a secret may stand that its bytes don't show: escapes undone, lines put together,
// base64 and hex decoded. Pure, linear.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/secret_patterns.hpp"

namespace collectors {

// A reading, and where each of its bytes comes from.
class View {
 public:
  std::string text;

  // The byte or bytes at `raw` read as `bytes`.
  void add(std::string_view bytes, Extent raw);
  // As they are, one to one.
  void copy(std::string_view bytes, std::size_t raw_begin);
  // What bytes of the original a range of the reading covers.
  Extent raw_of(Extent range) const;

 private:
  struct Piece {
    std::size_t at;  // in text
    Extent raw;
    bool one_to_one;
  };
  std::vector<Piece> pieces_;
};

// %41, \x41, \u0041 and \/ undone, once. Empty text: there is none of them.
View unescaped(std::string_view text);

// Lines put together where a word that ends one may go on at the beginning of the next: wrapped terminals, mails and
// diffs. A line that begins with a time or with words of a sentence is one of its own. Empty text: nothing to join.
View joined(std::string_view text);

// A run of base64 or hex (of at least 16 characters, over line breaks where the lines are full) that decodes to text.
struct Encoded {
  Extent raw;
  std::string text;
};
std::vector<Encoded> encoded_runs(std::string_view text);

// The word on the line behind one that ends with a key and its separator ("password:", "token: |"): `key_end` is where
// the separator ends. Empty when the next line is more than one word or an assignment itself.
Extent value_on_next_line(std::string_view text, std::size_t key_end);

}  // namespace collectors
