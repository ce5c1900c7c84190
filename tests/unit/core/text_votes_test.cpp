// Deciding by text: the id and the code that stand on the message, and nothing else, name what is decided.
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;

namespace {

VoteCast typed(fixture::Story& story, RequestId const& id, std::string code, Verdict verdict = Verdict::approve) {
  auto cast = story.cast("bob", id, verdict);
  cast.via = "text";
  cast.binding = std::move(code);
  cast.rendering.clear();
  return cast;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

}  // namespace

TEST_CASE("T3 a typed vote counts with the code of exactly this binding") {
  fixture::Story story;
  auto const id = story.open(), other = story.open("restart-service", {{"service", "api"}});
  auto const code = code_of(story.at(id).binding), others = code_of(story.at(other).binding);
  REQUIRE(code != others);
  auto near = code;
  near.back() = near.back() == '0' ? '1' : '0';
  for (auto const verdict : {Verdict::approve, Verdict::deny}) {
    for (auto const& wrong : {others, near, code.substr(0, 3), code + "0", code + " ", story.at(id).binding,
                              std::string(), std::string("0000\0", 5), std::string("*"), std::string(4, '.')}) {
      if (wrong == code) continue;
      CAPTURE(wrong, to_string(verdict));
      story.send(typed(story, id, wrong, verdict));
      CHECK(story.reply().code == Errc::forbidden);
      CHECK(story.kinds().find("request.") == std::string::npos);
      CHECK(story.phase(id) == Phase::pending);
    }
  }
  CHECK(story.at(id).votes.empty());
  // A phone writes capitals.
  story.send(typed(story, id, upper(code)));
  CHECK(story.phase(id) == Phase::approved);
  story.send(typed(story, other, others, Verdict::deny));
  CHECK(story.phase(other) == Phase::denied);
}

TEST_CASE("T3 the four digits suffice only by text: a button names the whole binding") {
  fixture::Story story;
  auto const id = story.open();
  for (auto const* via : {"button", "view", "", "TEXT"}) {
    CAPTURE(via);
    auto cast = story.cast("bob", id);  // all of it right but the binding
    cast.binding = code_of(story.at(id).binding);
    cast.via = via;
    story.send(cast);
    CHECK(story.reply().code == Errc::forbidden);
    CHECK(story.phase(id) == Phase::pending);
  }
}

TEST_CASE("T44 a typed vote tells an outsider as little of a request as of none, and is on record") {
  fixture::Story story;
  auto const id = story.open();
  auto const absent = RequestId::make(id.case_id(), 9);
  auto const says = [&](RequestId const& named, std::string account, std::string channel) {
    auto cast = typed(story, id, code_of(story.at(id).binding));
    cast.request = named.str();
    cast.account = std::move(account);
    cast.channel = std::move(channel);
    story.send(cast);
    CHECK(story.reply().code == Errc::forbidden);
    CHECK(story.kinds() == "vote.refused");
    auto text = story.reply().text;
    for (auto at = text.find(named.str()); at != std::string::npos; at = text.find(named.str()))
      text.replace(at, named.str().size(), "ID");
    return text;
  };
  // Somebody with no part in it, where it does not stand.
  CHECK(says(id, "U0MALLORY", "C0ELSE") == "There is no request ID.");
  CHECK(says(absent, "U0MALLORY", "C0ELSE") == "There is no request ID.");
  // Nobody we know, wherever it stands.
  for (auto const* channel : {"C0INC", "C0ELSE"})
    CHECK(says(id, "U0NOBODY", channel) == says(absent, "U0NOBODY", channel));
  // Who sees the message hears why it does not count; who may decide it may do so from anywhere.
  CHECK(says(id, "U0MALLORY", "C0INC") != "There is no request ID.");
  auto cast = typed(story, id, code_of(story.at(id).binding));
  cast.channel = "D0BOB";
  story.send(cast);
  CHECK(story.phase(id) == Phase::approved);
}
