// The binding, the way in for parameters, and the text that an approver judges.
#include "bot/core/request.hpp"

#include <functional>
#include <random>

#include "bot/core/card.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;

namespace {

// Reads the words of argv back from a step's line: plain words, or JSON strings with the escapes of visible_text.
std::vector<std::string> read_back(std::string_view line) {
  line.remove_prefix(line.find(": ") + 2);
  std::vector<std::string> words;
  while (true) {
    std::string word;
    if (line.starts_with('"')) {
      std::size_t at = 1;
      std::string json = "\"";
      while (line.at(at) != '"') {
        if (line[at] != '\\') {
          json += line[at++];
        } else if (line[at + 1] == 'x' || line.substr(at + 1, 2) == "u{") {
          bool const braced = line[at + 1] == 'u';
          auto const digits = braced ? line.substr(at + 3, line.find('}', at) - at - 3) : line.substr(at + 2, 2);
          auto const value = static_cast<std::uint32_t>(std::stoul(std::string(digits), nullptr, 16));
          if (value < 0x80) {
            json += static_cast<char>(value);
          } else if (value < 0x800) {
            json += {static_cast<char>(0xC0 | value >> 6), static_cast<char>(0x80 | (value & 0x3F))};
          } else if (value < 0x10000) {
            json += {static_cast<char>(0xE0 | value >> 12), static_cast<char>(0x80 | (value >> 6 & 0x3F)),
                     static_cast<char>(0x80 | (value & 0x3F))};
          } else {
            json += {static_cast<char>(0xF0 | value >> 18), static_cast<char>(0x80 | (value >> 12 & 0x3F)),
                     static_cast<char>(0x80 | (value >> 6 & 0x3F)), static_cast<char>(0x80 | (value & 0x3F))};
          }
          at += digits.size() + (braced ? 4U : 2U);
        } else {
          json += line.substr(at, 2);
          at += 2;
        }
      }
      word = parse_json(json + "\"", {.allow_nul = true}).value().text();
      line.remove_prefix(at + 1);
    } else {
      auto const end = line.find_first_of(" ,");
      std::size_t stop = end;
      while (stop < line.size() && line[stop] == ',' && stop + 1 < line.size() && line[stop + 1] != ' ')
        stop = line.find_first_of(" ,", stop + 1);  // a comma inside a word
      word = line.substr(0, stop);
      line.remove_prefix(stop);
    }
    words.push_back(std::move(word));
    if (!line.starts_with(' ') || line.starts_with(" (at most ")) return words;
    line.remove_prefix(1);
  }
}

}  // namespace

TEST_CASE("T3 every field of request.json is in the binding, and a vote on the old one is refused") {
  fixture::Story story;
  auto const id = story.open("migrate", {{"database", "main"}});
  auto const json = to_json(*story.at(id).bound);
  auto const binding = digest_of(canonical(json));
  REQUIRE(binding == story.at(id).binding);
  std::size_t flipped = 0;
  std::function<void(Json const&, std::function<Json(Json)> const&)> const walk = [&](Json const& value,
                                                                                      auto const& around) {
    auto const flip = [&](Json changed) {
      ++flipped;
      auto const other = digest_of(canonical(around(std::move(changed))));
      CHECK(other != binding);
      auto cast = story.cast("bob", id);
      cast.binding = other;
      story.send(cast);
      CHECK(story.reply().code == Errc::forbidden);
      CHECK(story.phase(id) == Phase::pending);
      story.now += 1min / 4;  // below the quota, so that each refusal is an entry
    };
    if (auto const* object = value.if_object()) {
      for (auto const& [key, inner] : *object) {
        walk(inner, [&, key = key](Json changed) {
          auto copy = value;
          return around(copy.set(key, std::move(changed)));
        });
        auto without = *object;
        without.erase(key);
        flip(Json(without));
      }
    } else if (auto const* array = value.if_array()) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        walk((*array)[i], [&, i](Json changed) {
          auto copy = *array;
          copy[i] = std::move(changed);
          return around(Json(copy));
        });
      }
      auto longer = *array;
      longer.emplace_back("x");
      flip(Json(longer));
    } else if (auto const* text = value.if_string()) {
      flip(Json(*text + "x"));
    } else if (auto const* number = value.if_int()) {
      flip(Json(*number + 1));
    } else if (auto const* yes = value.if_bool()) {
      flip(Json(!*yes));
    } else {
      flip(Json("x"));
    }
  };
  walk(json, [](Json whole) { return whole; });
  CHECK(flipped > 80);
  CHECK(story.state.open.contains(id));
}

TEST_CASE("T3 request.json comes back as it was, and nothing else is read") {
  fixture::Story story;
  auto const id = story.open();
  auto const json = to_json(*story.at(id).bound);
  auto const read = request_from_json(parse_json(canonical(json)).value());
  REQUIRE(read.has_value());
  CHECK(canonical(to_json(*read)) == canonical(json));
  for (auto const& [key, value] : *json.if_object()) {
    CAPTURE(key);
    auto without = *json.if_object();
    without.erase(key);
    CHECK(request_from_json(Json(without)).has_error());
    for (auto const& other : {Json(1.5), Json(true), Json(Json::Array{Json(1)}), Json(-1)}) {
      auto changed = json;
      CHECK(request_from_json(changed.set(key, other)).has_error());
    }
  }
  auto more = json;
  CHECK(request_from_json(more.set("more", 1)).has_error());
  CHECK(request_from_json(Json()).has_error());
}

TEST_CASE("T59 T60 T61 request.json with doubled keys, depth or broken text is not read") {
  fixture::Story story;
  auto const id = story.open();
  auto const good = canonical(to_json(*story.at(id).bound));
  REQUIRE(parse_json(good).has_value());
  auto const with = [&](std::string const& from, std::string const& to) {
    auto text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  CHECK(parse_json(with("\"schema\":1", "\"schema\":1,\"schema\":1")).has_error());
  CHECK(parse_json(with("\"reason\":\"it", "\"reason\":\"\\u0000it")).has_error());
  CHECK(parse_json(with("\"reason\":\"it", "\"reason\":\"\xc0\xafit")).has_error());
  CHECK(parse_json(with("\"labels\":{}", "\"labels\":" + std::string(70, '[') + std::string(70, ']'))).has_error());
  CHECK(request_from_json(parse_json(with("\"cpu_seconds\":600", "\"cpu_seconds\":9007199254740992")).value())
            .has_error());
}

TEST_CASE("T4 every element of argv can be read back from what an approver sees") {
  std::mt19937 random(20261121);
  auto const pick = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
  std::vector<std::string> const pieces{"a",
                                        "Z9",
                                        "-",
                                        " ",
                                        ",",
                                        "\"",
                                        "\\",
                                        "\n",
                                        "\t",
                                        "\x1b[",
                                        "\x7f",
                                        "(at most 1s)",
                                        ", for up to 5s every 2s",
                                        "\xe2\x80\xae",
                                        "\xc2\x85",
                                        "é",
                                        "\xf0\x9f\x98\x80",
                                        "\\u{202E}",
                                        "\\x1b",
                                        "{{x}}",
                                        "'",
                                        "$(id)",
                                        ";",
                                        "[",
                                        "check",
                                        "that"};
  std::size_t wrong = 0;
  std::set<std::string> lines;
  std::set<std::vector<std::string>> argvs;
  for (int round = 0; round < 10'000; ++round) {
    BoundStep step{.name = "act", .timeout = 60s};
    auto const length = 1 + pick(5);
    for (std::size_t i = 0; i < length; ++i) {
      std::string word;
      auto const parts = pick(4);
      for (std::size_t k = 0; k < parts; ++k) word += pieces[pick(pieces.size())];
      step.argv.push_back(std::move(word));
    }
    if (pick(2) == 0) step.retry = Retry{5s, 2s};
    if (pick(3) == 0) {
      step.kind = Step::Kind::probe;
      step.probe_kind = Probe::Kind::command;
    }
    Request request{.id = RequestId::parse("CS-20261121-000001-R1").value()};
    request.steps = {step};
    auto line = action_lines(request).at(0);
    CHECK(line.find('\n') == std::string::npos);
    constexpr std::string_view kProbe = "check that this succeeds: ";
    bool const probe = line.substr(8).starts_with(kProbe);
    if (probe != (step.kind == Step::Kind::probe)) ++wrong;
    if (probe) line = "1. act: " + line.substr(8 + kProbe.size());
    if (read_back(line) != step.argv) {
      if (++wrong < 5) UNSCOPED_INFO(line);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("T4 words that imitate the sentence around them are quoted") {
  auto const line = [](std::vector<std::string> argv, bool retry, bool probe) {
    BoundStep step{.name = "act", .argv = std::move(argv), .timeout = 60s};
    if (retry) step.retry = Retry{5s, 2s};
    if (probe) step.kind = Step::Kind::probe, step.probe_kind = Probe::Kind::command;
    Request request{.id = RequestId::parse("CS-20261121-000001-R1").value()};
    request.steps = {step};
    return action_lines(request).at(0);
  };
  CHECK(line({"echo", "x,", "for", "up", "to", "5s", "every", "2s"}, false, false) != line({"echo", "x"}, true, false));
  CHECK(line({"check", "that", "this", "succeeds:", "x"}, false, false) != line({"x"}, false, true));
}

TEST_CASE("T5 a value never becomes an option, a line or another placeholder") {
  auto const rules = fixture::rules();
  auto const& deploy = rules.runbooks.at("deploy");
  auto const check = [&](std::string version, std::string replicas = "3") {
    return check_parameters(deploy, {{"version", std::move(version)}, {"replicas", std::move(replicas)}});
  };
  CHECK(check("1.2").has_value());
  for (auto const& bad : {std::string("-rf"), std::string("--help"), std::string("a\0b", 3), std::string("a\rb"),
                          std::string("a\nb"), std::string("\n"), std::string("a\x1b[2J"), std::string("a\x7f"),
                          std::string("\xff"), std::string("\xed\xa0\x80"), std::string(), std::string(65, 'a')}) {
    CAPTURE(bad);
    CHECK(check(bad).has_error());
  }
  for (auto const* bad : {"", "0", "21", "-1", "+3", "03", " 3", "3 ", "3x", "3.0", "0x3", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(check("1.2", bad).has_error());
  }
  CHECK_THAT(check_parameters(deploy, {{"version", "1"}}).error().message, Catch::Contains("replicas is missing"));
  CHECK(check_parameters(deploy, {{"version", "1"}, {"replicas", "1"}, {"more", "1"}}).has_error());
  CHECK(check_parameters(rules.runbooks.at("restart-service"), {{"service", "webx"}}).has_error());
  CHECK(check_parameters(rules.runbooks.at("restart-service"), {{"service", "WEB"}}).has_error());
}

TEST_CASE("T5 substitution is one pass: shell and placeholders in a value stay text") {
  std::map<std::string, std::string> const values{{"a", "{{b}}"}, {"b", "$(id); `x` && \"q\""}};
  CHECK(substitute("x {{a}} {{ b }}", values).value() == "x {{b}} $(id); `x` && \"q\"");
  CHECK(substitute("{{a}}{{a}}", values).value() == "{{b}}{{b}}");
  for (auto const* bad : {"{{", "{{}}", "{{c}}", "{{A}}", "{{a", "{{{a}}}", "{{a b}}", "{{../a}}"}) {
    CAPTURE(bad);
    CHECK(substitute(bad, values).has_error());
  }
  fixture::Story story;
  auto const id = story.open("deploy", {{"version", "{{replicas}}; rm x"}, {"replicas", "2"}});
  CHECK(story.at(id).bound->steps.front().argv ==
        std::vector<std::string>{"deploy", "--version={{replicas}}; rm x", "--replicas", "2"});
}

TEST_CASE("T5 a value in an address can't change where it leads") {
  auto rules = fixture::rules();
  auto& deploy = rules.runbooks.at("deploy");
  Step probe{.name = "probe", .kind = Step::Kind::probe, .argv = {}, .probe = {}};
  probe.probe.target = "http://127.0.0.1:8081/{{version}}/healthz";
  deploy.steps.push_back(probe);
  Draft draft{.instance = "i", .id = RequestId::parse("CS-20261121-000001-R1").value()};
  draft.programs.emplace("deploy", fixture::program("deploy"));
  for (auto const* bad : {"..", ".", "a/b", "a?b", "a#b", "a@b", "a:b", "%2e", "a b"}) {
    CAPTURE(bad);
    draft.parameters = {{"version", bad}, {"replicas", "1"}};
    CHECK(make_request(draft, deploy, rules.policies.at("two-sre")).has_error());
  }
  draft.parameters = {{"version", "1.2-x"}, {"replicas", "1"}};
  CHECK(make_request(draft, deploy, rules.policies.at("two-sre")).has_value());
}

TEST_CASE("what an approver can't judge is refused at opening") {
  auto rules = fixture::rules();
  auto& deploy = rules.runbooks.at("deploy");
  deploy.steps.front().argv.push_back(std::string(kMaxActionBytes, 'x'));
  fixture::Story story(rules);
  story.send(story.asked(Actor::person("alice"), "deploy", {{"version", "1"}, {"replicas", "1"}}));
  CHECK(story.reply().code == Errc::too_large);
  CHECK(story.kinds() == "");
}
