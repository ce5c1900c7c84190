#include "adapters/slack/wire.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/slack/frames.hpp"

using namespace slack;
using core::Json;

namespace {

template <class T>
T payload_of(Json const& frame) {
  auto const parsed = parse_frame(core::dump(frame));
  INFO((parsed.has_error() ? parsed.error().message : "parsed"));
  REQUIRE(parsed.has_value());
  return std::get<T>(std::get<Envelope>(*parsed).payload);
}

// The value at a path of names and, for lists, indices.
void put(Json& root, std::vector<std::string> const& path, Json value) {
  Json* at = &root;
  for (auto const& name : path) {
    if (auto* items = at->if_array()) {
      at = &items->at(std::stoul(name));
    } else {
      if (!at->is_object()) *at = Json::object({});
      at = &(*at->if_object())[name];
    }
  }
  *at = std::move(value);
}

}  // namespace

TEST_CASE("slack wire: hello and disconnect") {
  auto const hello = std::get<Hello>(*parse_frame(
      R"({"type":"hello","num_connections":2,"debug_info":{"host":"applink-1","build_number":47,"approximate_connection_time":18060},"connection_info":{"app_id":"A0APP"},"new":{"a":[1.5,null]}})"));
  CHECK(hello.app_id == "A0APP");
  CHECK(hello.connections == 2);
  CHECK(hello.lifetime_seconds == 18060);

  auto [word, reason] = GENERATE(table<char const*, Disconnect::Reason>({
      {"warning", Disconnect::Reason::warning},
      {"refresh_requested", Disconnect::Reason::refresh_requested},
      {"link_disabled", Disconnect::Reason::link_disabled},
      {"too_many_websockets", Disconnect::Reason::too_many_websockets},
      {"something_new", Disconnect::Reason::other},
  }));
  auto const frame = std::string(R"({"type":"disconnect","reason":")") + word + "\"}";
  CHECK(std::get<Disconnect>(*parse_frame(frame)).reason == reason);
}

TEST_CASE("slack wire: a click says who, where and what") {
  auto const click = payload_of<BlockActions>(frames::click({}));
  CHECK(click.origin.app == "A0APP");
  CHECK(click.origin.team == "T0WORKSPC");
  CHECK(click.origin.user.id == "U0BOB");
  CHECK(click.origin.user.team == "T0WORKSPC");
  CHECK(click.container == "message");
  CHECK(click.channel == "C0INC");
  CHECK(click.message_ts == "1764000000.000100");
  CHECK(click.message_bot == "B0BOT");
  REQUIRE(click.actions.size() == 1);
  CHECK(click.actions[0].id == "approve");
  CHECK(click.actions[0].ts == "1764000042.118500");
}

TEST_CASE("slack wire: submission, closed view, command, event and unknown kinds") {
  auto const view = payload_of<ViewSubmission>(frames::submission("V0VIEW", "trigger", "{}", "because"));
  CHECK(view.values.at("note").at("text") == "because");
  auto empty = frames::submission("V0VIEW", "trigger", "{}", "");
  put(empty, {"payload", "view", "state", "values", "note", "text", "value"}, Json{});
  CHECK(payload_of<ViewSubmission>(empty).values.empty());

  auto closed = frames::submission("V0VIEW", "trigger", "{}", "");
  put(closed, {"payload", "type"}, "view_closed");
  CHECK(payload_of<ViewClosed>(closed).view_id == "V0VIEW");

  auto const command = payload_of<SlashCommand>(frames::command("list", "t1"));
  CHECK(command.text == "list");
  CHECK_FALSE(command.origin.enterprise_install);  // "false", a string in this payload alone

  CHECK(payload_of<Event>(frames::event("Ev1", "app_mention")).type == "app_mention");
  CHECK(payload_of<Unused>(Json::object({{"type", "brand_new"}, {"envelope_id", "e1"}})).type == "brand_new");
  auto shortcut = frames::click({});
  put(shortcut, {"payload", "type"}, "shortcut");
  CHECK(payload_of<Unused>(shortcut).type == "shortcut");
}

TEST_CASE("slack wire: an organisation-wide installation is read, not guessed") {
  auto frame = frames::click({});
  put(frame, {"payload", "team"}, Json{});
  put(frame, {"payload", "is_enterprise_install"}, true);
  auto const click = payload_of<BlockActions>(frame);
  CHECK(click.origin.team.empty());
  CHECK(click.origin.enterprise_install);
  put(frame, {"payload", "is_enterprise_install"}, "true");
  CHECK(payload_of<BlockActions>(frame).origin.enterprise_install);
}

TEST_CASE("slack wire: T59 two keys of one name are refused") {
  for (
      auto const* frame :
      {R"({"type":"hello","type":"disconnect"})",
       R"({"type":"interactive","envelope_id":"e","payload":{"type":"block_actions","user":{"id":"U0BOB","id":"U0ALICE"}}})",
       R"({"type":"interactive","envelope_id":"e","payload":{"type":"x"},"payload":{"type":"y"}})"}) {
    CAPTURE(frame);
    CHECK(parse_frame(frame).has_error());
  }
}

TEST_CASE("slack wire: T60 huge and deep frames are refused") {
  std::string deep = R"({"type":"hello","x":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  CHECK(parse_frame(deep).has_error());
  std::string huge = R"({"type":"hello","x":")" + std::string(kMaxFrameBytes, 'a') + "\"}";
  CHECK(parse_frame(huge).has_error());
  std::string many = R"({"type":"hello","x":[0)";
  for (int i = 0; i < 60'000; ++i) many += ",0";
  CHECK(parse_frame(many + "]}").has_error());
}

TEST_CASE("slack wire: T61 bad UTF-8, NUL and surrogates never reach a control field") {
  auto const with_user = [](std::string const& id) {
    return R"({"type":"slash_commands","envelope_id":"e1","payload":{"api_app_id":"A0APP","team_id":"T0","user_id":")" +
           id + R"(","channel_id":"C0","command":"/countersign","text":"list"}})";
  };
  CHECK(parse_frame(with_user("U0BOB")).has_value());
  for (std::string const& id : {std::string("U0\\u0000BOB"), std::string("U0\\ud83d"), std::string("U0\xff"),
                                std::string("U0\xc0\xaf"), std::string("U0 BOB"), std::string("U0\\u202eBOB"),
                                std::string("U0\\nBOB"), std::string(65, 'U'), std::string()}) {
    CAPTURE(id);
    CHECK(parse_frame(with_user(id)).has_error());
  }
  // Free text may hold a NUL: it is made visible later, and refusing it would refuse the person.
  auto const frame = parse_frame(
      R"({"type":"slash_commands","envelope_id":"e1","payload":{"api_app_id":"A0","team_id":"T0","user_id":"U0","channel_id":"C0","command":"/c","text":"a\u0000b"}})");
  REQUIRE(frame.has_value());
  CHECK(normalise_command(std::get<SlashCommand>(std::get<Envelope>(*frame).payload).text) == "a\\x00b");
}

TEST_CASE("slack wire: wrong types are errors, never crashes") {
  std::vector<std::vector<std::string>> const paths = {
      {"type"},
      {"envelope_id"},
      {"accepts_response_payload"},
      {"payload"},
      {"payload", "type"},
      {"payload", "api_app_id"},
      {"payload", "user"},
      {"payload", "user", "id"},
      {"payload", "user", "team_id"},
      {"payload", "team"},
      {"payload", "team", "id"},
      {"payload", "is_enterprise_install"},
      {"payload", "container"},
      {"payload", "container", "type"},
      {"payload", "container", "channel_id"},
      {"payload", "container", "message_ts"},
      {"payload", "message"},
      {"payload", "message", "bot_id"},
      {"payload", "trigger_id"},
      {"payload", "response_url"},
      {"payload", "actions"},
      {"payload", "actions", "0"},
      {"payload", "actions", "0", "type"},
      {"payload", "actions", "0", "action_id"},
      {"payload", "actions", "0", "value"},
      {"payload", "actions", "0", "action_ts"},
  };
  for (auto const& path : paths) {
    for (Json const& wrong : {Json(7), Json(1.5), Json::array({1, 2}), Json("\n")}) {
      auto frame = frames::click({});
      put(frame, path, wrong);
      CAPTURE(path, core::dump(wrong));
      bool const free_text = path.back() == "value" && wrong.is_string();
      CHECK(parse_frame(core::dump(frame)).has_error() == !free_text);
    }
  }
  for (auto const* bytes : {"", "[]", "null", "7", "\"x\"", "{", "{}", R"({"type":"interactive","envelope_id":"e"})",
                            R"({"type":"interactive","payload":{}})", R"({"type":"hello","num_connections":-1})",
                            R"({"type":"hello","num_connections":"2"})"}) {
    CAPTURE(bytes);
    CHECK(parse_frame(bytes).has_error());
  }
  auto frame = frames::click({});
  put(frame, {"payload", "actions"}, Json::array());
  CHECK(parse_frame(core::dump(frame)).has_error());
}

TEST_CASE("slack wire: acknowledgements") {
  CHECK(ack_frame("e1") == R"({"envelope_id":"e1"})");
  CHECK(ack_frame("e\"1", Json::object({{"text", "x"}})) == R"({"envelope_id":"e\"1","payload":{"text":"x"}})");
}

TEST_CASE("slack wire: answers of the Web API") {
  auto const good = parse_answer(200, "", R"({"ok":true,"ts":"1.2"})");
  CHECK(good->ok);
  CHECK(good->body["ts"].text() == "1.2");
  auto const scope =
      parse_answer(200, "", R"({"ok":false,"error":"missing_scope","needed":"chat:write","provided":"commands"})");
  CHECK(to_error("chat.postMessage", *scope).code == core::Errc::forbidden);
  CHECK_THAT(to_error("chat.postMessage", *scope).message,
             Catch::Contains("chat:write") && Catch::Contains("commands"));
  auto const slow = parse_answer(429, "30", "anything");
  CHECK(slow->error_class() == ErrorClass::wait);
  CHECK(slow->retry_after_seconds == 30);
  CHECK_FALSE(parse_answer(429, "soon", "")->retry_after_seconds);
  CHECK(parse_answer(503, "", "<html>")->error_class() == ErrorClass::retry);
  CHECK(parse_answer(200, "", "<html>").has_error());
  CHECK(parse_answer(302, "", "").has_error());
  CHECK(parse_answer(200, "", R"({"ok":"true"})").has_error());
  auto const hostile =
      parse_answer(200, "", R"({"ok":false,"error":"a\u001b[31m","response_metadata":{"messages":["x\ny",7]}})");
  CHECK(hostile->error.find('\x1b') == std::string::npos);
  CHECK(hostile->messages.front().find('\n') == std::string::npos);
}

TEST_CASE("slack wire: classes of errors") {
  auto [word, kind, code] = GENERATE(table<char const*, ErrorClass, core::Errc>({
      {"ratelimited", ErrorClass::wait, core::Errc::unavailable},
      {"rate_limited", ErrorClass::wait, core::Errc::unavailable},
      {"fatal_error", ErrorClass::retry, core::Errc::unavailable},
      {"internal_error", ErrorClass::retry, core::Errc::unavailable},
      {"invalid_auth", ErrorClass::stop, core::Errc::forbidden},
      {"token_revoked", ErrorClass::stop, core::Errc::forbidden},
      {"not_in_channel", ErrorClass::installation, core::Errc::forbidden},
      {"channel_not_found", ErrorClass::installation, core::Errc::forbidden},
      {"restricted_action_read_only_channel", ErrorClass::installation, core::Errc::forbidden},
      {"invalid_blocks", ErrorClass::ours, core::Errc::bad_input},
      {"msg_blocks_too_long", ErrorClass::ours, core::Errc::bad_input},
      {"message_not_found", ErrorClass::gone, core::Errc::not_found},
      {"already_reacted", ErrorClass::already, core::Errc::bad_input},
      {"expired_trigger_id", ErrorClass::too_late, core::Errc::timed_out},
      {"something_new", ErrorClass::ours, core::Errc::bad_input},
  }));
  CAPTURE(word);
  CHECK(classify(word) == kind);
  ApiAnswer answer;
  answer.error = word;
  CHECK(to_error("chat.update", answer).code == code);
  if (std::string_view(word) == "not_in_channel")
    CHECK_THAT(to_error("chat.postMessage", answer).message, Catch::Contains("/invite"));
}

TEST_CASE("slack wire: button values and view origins come back as they went, or not at all") {
  ButtonValue const value{"CS-20261121-000042-R1", "sha256:" + std::string(64, 'a'), "sha256:" + std::string(64, 'b')};
  auto const back = parse_button_value(to_text(value));
  REQUIRE(back.has_value());
  CHECK(back->request == value.request);
  CHECK(back->binding == value.binding);
  CHECK(back->rendering == value.rendering);
  for (auto const* bad :
       {"", "v1", "v2|a|b|c", "v1|a|b", "v1|a|b|c|d", "v1||b|c", "v1|a|b|", "v1|a b|b|c", "v1|a\n|b|c"}) {
    CAPTURE(bad);
    CHECK(parse_button_value(bad).has_error());
  }
  ViewOrigin const origin{"R", "B", "D", "approve", "C0INC", "1.2"};
  CHECK(parse_view_origin(to_text(origin))->channel == "C0INC");
  for (auto const* bad : {"", "{}", R"({"v":1})", R"({"v":2,"request":"R","binding":"B","verdict":"approve"})",
                          R"({"v":1,"request":7,"binding":"B","verdict":"approve"})"}) {
    CAPTURE(bad);
    CHECK(parse_view_origin(bad).has_error());
  }
}

TEST_CASE("slack wire: what is typed becomes words") {
  auto [typed, words] = GENERATE(table<std::string, std::vector<std::string>>({
      {"", {}},
      {"  list ", {"list"}},
      {"run restart-service service=web -- it is down", {"run", "restart-service", "service=web", "--", "it is down"}},
      {"run x a=\u201cb c\u201d \u2014 it\u2019s down", {"run", "x", "a=b c", "--", "it's down"}},
      {"run x a='b c' d=\"\"", {"run", "x", "a=b c", "d="}},
      {"approve\u00a0CS-42 7f3a", {"approve", "CS-42", "7f3a"}},
      {"run x a=1&amp;lt;2 b=&lt;3&gt;", {"run", "x", "a=1&lt;2", "b=<3>"}},
      {"run x -- see <https://example.org/a?b=1&amp;c=2|example.org> now",
       {"run", "x", "--", "see https://example.org/a?b=1&c=2 now"}},
      {"show <@U0BOB|bob>", {"show", "<@U0BOB|bob>"}},
      {"don't 'open", {"don't", "'open"}},
      {"run x -- \"quoted reason\"", {"run", "x", "--", "quoted reason"}},
      {"run x --", {"run", "x", "--"}},
      {"a \"\" b", {"a", "", "b"}},
  }));
  CAPTURE(typed);
  CHECK(split_command(normalise_command(typed)) == words);
}

TEST_CASE("slack wire: form bodies") {
  CHECK(form_body(Json::object({{"a", "b c&d"}, {"n", 7}, {"t", true}, {"x", Json::array({1})}})) ==
        "a=b%20c%26d&n=7&t=true&x=%5B1%5D");
  CHECK(form_body(Json{}).empty());
}
