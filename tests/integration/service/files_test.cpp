// Long evidence in the threads of three platforms: the real binary, from a caller's attachment to what people open.
#include <openssl/evp.h>

#include "tests/integration/service/three.hpp"

namespace {

using namespace service;

constexpr char const* kTeamsChannel = "19:incidents@thread.tacv2";
constexpr std::size_t kPages = 4;  // of twelve KiB
std::string const kSecret = "AKIAIOSFODNN7EXAMPLE";

std::string base64(std::string const& bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  auto const size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

// Twelve KiB with a secret early on, markup of three platforms, and a telling last line.
std::string plan() {
  std::string text = "the first line\naws_access_key_id=" + kSecret + "\n``` <!channel> <b>@room</b> <at>bob</at>\n";
  while (text.size() < 12'000) text += "+ resource number " + std::to_string(text.size()) + "\n";
  return text + "the last line\n";
}

std::string ask_with_plan(Three& kit) {
  auto const answer = kit.http(
      "POST", "/v1/requests",
      Json::object(
          {{"runbook", "witness-two"},
           {"parameters", Json::object({{"word", "w"}})},
           {"reason", "read the plan"},
           {"channels", Json::array({"incidents"})},
           {"attachments",
            Json::array({Json::object({{"name", "plan"}, {"media_type", "text/plain"}, {"data", base64(plan())}})})}}));
  REQUIRE(answer.status == 202);
  return answer.body["id"].text();
}

// What people can open in the threads, of each platform.
std::vector<std::string> slack_files(Three& kit) {
  std::vector<std::string> found;
  for (auto const& message : kit.slack().messages("C0INC")) {
    auto const* files = message["files"].if_array();
    for (std::size_t i = 0; files && i < files->size(); ++i)
      found.push_back(kit.slack().file((*files)[i]["id"].text()).value_or(""));
  }
  return found;
}

std::vector<std::string> matrix_files(Three& kit) {
  std::vector<std::string> found;
  auto const state = kit.matrix.state("bob");
  for (auto const& event : *state["events"].if_array()) {
    auto const& content = event["content"];
    if (content["msgtype"].text() != "m.file") continue;
    CHECK(content["m.relates_to"]["rel_type"].text() == "m.thread");
    found.push_back(state["media"][content["url"].text()].text());
  }
  return found;
}

std::vector<std::string> teams_replies(Three& kit) {
  std::vector<std::string> found;
  for (auto const& message : kit.teams.messages(kTeamsChannel)) {
    auto const text = core::dump(message["card"]);
    if (has(text, "01-plan.txt (untrusted), ") || has(text, "01-plan.txt, page ")) found.push_back(text);
  }
  return found;
}

std::string teams_card(Three& kit) {
  std::string found;
  for (auto const& message : kit.teams.messages(kTeamsChannel)) {
    auto const text = core::dump(message["card"]);
    if (has(text, "\"action\"") && has(text, "plan")) found += text;
  }
  return found;
}

}  // namespace

TEST_CASE("T32 long evidence stands in the thread of each copy, once also after a restart, and a secret in none") {
  Three kit;
  kit.start();
  auto const id = ask_with_plan(kit);
  REQUIRE(kit.wait([&] {
    return slack_files(kit).size() == 1 && matrix_files(kit).size() == 1 && teams_replies(kit).size() == kPages;
  }));
  auto const slack = slack_files(kit)[0], matrix = matrix_files(kit)[0];
  std::string teams;
  for (auto const& reply : teams_replies(kit)) teams += reply;
  auto const path = "main:" + std::string(core::RequestId::parse(id)->folder()) + "/evidence/01-plan.txt";
  auto const kept = support::git(kit.ledger(), "show " + path).out;
  CHECK(slack == kept);
  CHECK(matrix == kept);
  for (auto const& text : {slack, matrix, teams}) {
    CHECK(has(text, "the first line"));
    CHECK(has(text, "the last line"));
    CHECK(has(text, "[redacted]"));
    CHECK_FALSE(has(text, kSecret));
  }
  // No line of it is lost in Teams, either, and its card says how to get there once it is there.
  std::istringstream lines(kept);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("+ resource")) continue;
    CAPTURE(line);
    CHECK((has(teams, line + "\\n") || has(teams, line + '"')));
  }
  CHECK(has(core::dump(*kit.card(id)), "all of it in the thread as a file"));
  REQUIRE(kit.wait([&] { return has(teams_card(kit), std::to_string(kPages) + " pages below"); }));
  CHECK(has(teams_card(kit), "https://teams.microsoft.com/l/message/"));
  for (auto const& ping : kit.slack().pings()) CHECK(ping.kind == "user");

  CHECK(kit.stop() == 0);
  kit.start();
  auto const second = ask_with_plan(kit);  // its files come after all that the restart may have to say
  REQUIRE(kit.wait([&] {
    return slack_files(kit).size() == 2 && matrix_files(kit).size() == 2 && teams_replies(kit).size() == 2 * kPages;
  }));
  // The first card still says where its pages are, now beside the second.
  auto const links = [&] {
    std::size_t count = 0;
    auto const cards = teams_card(kit);
    for (auto at = cards.find(" pages below"); at != std::string::npos; at = cards.find(" pages below", at + 1))
      ++count;
    return count;
  };
  CHECK(kit.wait([&] { return links() == 2; }));
  CHECK(kit.press("U0BOB", id));
  CHECK(kit.press("U0CAROL", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(slack_files(kit).size() == 2);
  CHECK(matrix_files(kit).size() == 2);
  CHECK(teams_replies(kit).size() == 2 * kPages);
  CHECK(kit.stop() == 0);
  CHECK_FALSE(has(all_sinks(kit), kSecret));
  CHECK(kit.ledger_problems() == "");
}
