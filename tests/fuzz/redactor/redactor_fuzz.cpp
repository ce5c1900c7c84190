// Whatever the bytes: redaction is final and bounded, and what is shown hides nothing.
#include <cstdio>
#include <cstdlib>

#include "bot/core/text.hpp"
#include "collectors/highlights.hpp"
#include "collectors/redactor.hpp"

namespace {

void require(bool holds, char const* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  static auto const redactor = collectors::Redactor::make().value();
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(data[i]);

  auto text = bytes;
  redactor->redact(text);
  require(text.size() <= 5 * size + 10, "a text grows to at most 5 n + 10 bytes");
  auto again = text;
  require(redactor->redact(again) == 0 && again == text, "doing it again finds nothing new");

  auto const shown = core::visible_text(text);
  require(core::is_utf8(shown) && !core::has_control(shown, "\n\t"), "shown text is UTF-8 without controls");
  require(core::visible_text(shown) == shown, "showing is final");
  require(core::one_line(shown, 300).size() <= 300, "one line is bounded");
  require(collectors::candidates_of(shown).size() <= 4 * collectors::kMaxHighlights, "candidates are bounded");
  return 0;
}
