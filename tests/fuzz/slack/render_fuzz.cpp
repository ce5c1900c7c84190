// Whatever a card, note, view or answer says, nothing in Slack's form of it hides, turns or commands (T35).
#include "adapters/slack/render.hpp"
#include "tests/fuzz/card_of.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static slack::People const people{{"bob", "U0BOB"}};
  fuzz::Pieces pieces(data, size);
  auto const body = slack::render_card(fuzz::card_of(pieces), "key", people).body;
  fuzz::require_all_visible(body);
  fuzz::require_all_visible(slack::plain_fallback(body));
  fuzz::require_all_visible(slack::render_note(fuzz::note_of(pieces), "key", people).body);
  fuzz::require_all_visible(slack::render_view(fuzz::view_of(pieces), {}, pieces.flag(2)));
  fuzz::require_all_visible(slack::render_answer_view("An answer", pieces.next()));
  fuzz::require_all_visible(slack::render_whisper(pieces.next()));
  return 0;
}
