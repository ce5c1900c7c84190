// Edits of which nobody knows whether the homeserver took them: what is newer must be shown in the end.
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

constexpr char const* kSend = "send/m.room.message";

struct Edits {
  Edits() {
    bench.connected();
    event = bench.post(matrix_cards::waiting());
    before = bench.hs.calls(kSend).size();
  }
  using Result = std::shared_ptr<std::optional<core::Result<void>>>;
  Result edit(std::string const& status) {
    auto card = matrix_cards::waiting();
    card.status = status;
    auto result = std::make_shared<std::optional<core::Result<void>>>();
    bench.adapter->update(Bench::matrix_ref(event), bench.adapter->render(card, "key-1").body,
                          [result](auto const& updated) { *result = updated; });
    return result;
  }
  // What was sent since, one word a call: its status, "=" after it for a transaction of before, "." for no markup.
  std::string calls(std::initializer_list<char const*> known = {"ONE", "TWO", "THREE"}) const {
    std::string text;
    auto const all = bench.hs.calls(kSend);
    for (std::size_t i = before; i < all.size(); ++i) {
      auto const content = all[i].body["m.new_content"];
      for (auto const* word : known) {
        if (content["body"].text().find(word) != std::string::npos)
          text += (text.empty() ? "" : " ") + std::string(word);
      }
      if (content["formatted_body"].is_null()) text += '.';
      if (i > before && all[i].path == all[i - 1].path) text += '=';
    }
    return text;
  }
  // Until the homeserver has failed as often as it is to.
  void exhaust() {
    for (int i = 0; i < 100'000 && !bench.hs.faults.empty(); ++i) bench.loop.advance(1ms);
    REQUIRE(bench.hs.faults.empty());
  }
  static bool well(Result const& result) { return *result && (*result)->has_value(); }

  Bench bench;
  std::string event;
  std::size_t before = 0;
};

}  // namespace

TEST_CASE_METHOD(Edits, "matrix edits: one of which nothing is known is repeated before a newer one") {
  bool const taken = GENERATE(true, false);
  bench.hs.fault(kSend, Homeserver::broken(true), taken);
  auto const one = edit("ONE");
  bench.loop.run_posted();
  auto const two = edit("TWO");
  bench.loop.advance(5s);
  CHECK(calls() == "ONE ONE= TWO");
  CHECK((well(one) && well(two)));
  auto const sends = bench.hs.calls(kSend);
  CHECK(core::dump(sends[before].body) == core::dump(sends[before + 1].body));
  CHECK(sends[before + 2].at - sends[before + 1].at >= 2ms);
  CHECK(bench.hs.sent().size() == 3);  // the post, and each once
}

TEST_CASE_METHOD(Edits, "matrix edits: a newer one waits for two repeats only, for the server may break at the older") {
  for (int i = 0; i < 3; ++i) bench.hs.fault(kSend, net::HttpResponse{500, {}, ""});
  auto const one = edit("ONE");
  bench.loop.run_posted();
  auto const two = edit("TWO");
  bench.loop.advance(4s);
  CHECK(calls() == "ONE ONE= ONE= TWO");
  CHECK((well(one) && well(two)));

  // Each is in doubt anew.
  bench.hs.fault(kSend, Homeserver::broken(true));
  edit("THREE");
  bench.loop.run_posted();
  edit("TWO");
  bench.loop.advance(4s);
  CHECK(calls() == "ONE ONE= ONE= TWO THREE THREE= TWO");
}

TEST_CASE_METHOD(Edits, "matrix edits: tries that never left do not count, nor do those before there was a newer one") {
  for (int i = 0; i < 5; ++i) bench.hs.fault(kSend, Homeserver::broken(false));
  bench.hs.fault(kSend, net::HttpResponse{504, {}, ""}, true, 1s);
  bool const newer_meanwhile = GENERATE(true, false);
  edit("ONE");
  bench.loop.run_posted();
  // Of what never left the newest is sent, under a transaction of its own.
  if (newer_meanwhile) edit("TWO");
  exhaust();
  auto const words = std::string(newer_meanwhile ? "TWO" : "ONE");
  edit("THREE");
  bench.loop.advance(60s);
  CHECK_THAT(calls(), Catch::EndsWith(' ' + words + "= " + words + "= THREE"));
  CHECK(bench.hs.sent().size() == 3);
}

TEST_CASE_METHOD(Edits,
                 "matrix edits: a repeat that is told to wait, or refused, keeps its content and ends its doubt") {
  bool const refused = GENERATE(true, false);
  bench.hs.fault(kSend, Homeserver::broken(true));
  if (refused) {
    bench.hs.fault(kSend, Homeserver::refusal(400, "M_BAD_JSON"));
  } else {
    bench.hs.fault(kSend, Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 100}})));
  }
  auto const one = edit("ONE");
  bench.loop.run_posted();
  auto const two = edit("TWO");
  bench.loop.advance(5s);
  // What was never refused keeps its markup.
  CHECK(calls() == (refused ? "ONE ONE= TWO" : "ONE ONE= ONE= TWO"));
  CHECK((well(one) && well(two)));
}

TEST_CASE_METHOD(Edits, "matrix edits: what was sent without markup is repeated without") {
  bench.hs.fault(kSend, Homeserver::refusal(400, "M_BAD_JSON"));
  bench.hs.fault(kSend, Homeserver::broken(true));
  edit("ONE");
  exhaust();
  edit("TWO");
  bench.loop.advance(5s);
  CHECK(calls() == "ONE ONE. ONE.= TWO");
}
