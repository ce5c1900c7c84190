// Whatever a card, note, action or answer says, nothing in Matrix's two forms of it hides, turns or commands (T35).
#include "adapters/matrix/render.hpp"
#include "tests/fuzz/card_of.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static std::string const bob = "@bob:example.org";
  static matrix::People const people{{"bob", bob}};
  fuzz::Pieces pieces(data, size);
  auto const body = matrix::render_card(fuzz::card_of(pieces), "key", people).body;
  fuzz::require_all_visible(body);
  fuzz::require_all_visible(matrix::plain_fallback(body));
  fuzz::require_all_visible(matrix::render_edit(body, "$event"));
  fuzz::require_all_visible(matrix::render_note(fuzz::note_of(pieces), "key", people).body);
  auto const meaning = matrix::meaning_of(body);
  if (!meaning) std::abort();  // a reaction to it would mean nothing
  for (auto const& part : matrix::render_action(fuzz::view_of(pieces), *meaning, "key", bob))
    fuzz::require_all_visible(part);
  fuzz::require_all_visible(matrix::render_answer(bob, pieces.next(), "key", pieces.flag(0)));
  return 0;
}
