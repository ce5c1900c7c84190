// Letters that pass for others (T35, CVE-2021-42694): what an approver reads must be what is there.
#pragma once

#include <string>
#include <string_view>

namespace core {

// Valid UTF-8 in, valid UTF-8 out; each such letter is shown as "\u{0430}", the rest stays:
// - in a word with Latin letters of ASCII: letters of scripts that hold look-alikes of them (Greek, Cyrillic, Armenian,
//   Georgian, Cherokee, Coptic, Lisu, IPA), as in "prоd" with a Cyrillic o (mixed script, Unicode TR 39, section 5.1);
// - a word of such letters alone when each of them is a look-alike and other words of the line are ASCII ("асе");
// - everywhere: fullwidth and mathematical forms of ASCII, which no honest name is written with.
// Words of one script of its own stay as they are: people write their languages. Idempotent; at most 4 times as long.
std::string expose_lookalikes(std::string_view text);

// One line of others' words, of at most `most` bytes: nothing hides in it (one_line), and no letter passes for another.
std::string plain_line(std::string_view text, std::size_t most);

}  // namespace core
