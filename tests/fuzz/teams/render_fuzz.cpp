// Whatever a card, note, page or answer says, nothing in Teams' form of it hides, turns or commands (T35).
#include "adapters/teams/render.hpp"
#include "tests/fuzz/card_of.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  static std::string const bob = "8a6f0000-0000-4000-8000-000000000001";
  static teams::People const people{{"bob", bob}};
  fuzz::Pieces pieces(data, size);
  auto const body = teams::render_card(fuzz::card_of(pieces), people, {"29:bob"}).body;
  fuzz::require_all_visible(body);
  fuzz::require_all_visible(teams::plain_fallback(body));
  fuzz::require_all_visible(teams::with_words(teams::card_in(body), pieces.next()));
  fuzz::require_all_visible(teams::for_onlooker(teams::card_in(body), pieces.next()));
  fuzz::require_all_visible(teams::render_note(fuzz::note_of(pieces), people).body);
  auto const view = fuzz::view_of(pieces);
  auto const from = teams::origin_of(teams::card_in(body)).value_or(teams::ActionData{});
  for (std::size_t page = 1; page <= teams::page_count(view); ++page)
    fuzz::require_all_visible(teams::render_page(view, from, page));
  fuzz::require_all_visible(teams::render_words(pieces.next()));
  fuzz::require_all_visible(teams::render_answer("bob", bob, pieces.next()));
  return 0;
}
