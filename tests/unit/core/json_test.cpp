#include "bot/core/json.hpp"

#include "bot/core/json_without.hpp"
#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"

using namespace core;

TEST_CASE("json: what is refused, each with its reason") {
  auto [title, text, reason] = GENERATE(table<char const*, std::string, char const*>({
      {"T59 duplicate key", R"({"a":1,"a":2})", "twice"},
      {"T59 duplicate key spelled with an escape", R"({"a":1,"\u0061":2})", "twice"},
      {"T59 duplicate key in an inner object", R"([{"x":{"b":1,"b":1}}])", "twice"},
      {"T60 too deep", std::string(65, '[') + std::string(65, ']'), "nested deeper"},
      {"T60 a million brackets", std::string(1'000'000, '['), "nested deeper"},
      {"T61 invalid UTF-8", "\"\xff\"", "byte"},
      {"T61 overlong encoding", "\"\xc0\x80\"", "byte"},
      {"T61 lone surrogate", R"("\ud83d")", "byte"},
      {"T61 lone second half of a surrogate pair", R"("a\udc00x")", "half a surrogate"},
      {"T61 lone second half in a key", R"({"\udfff":1})", "half a surrogate"},
      {"T61 NUL", R"("a\u0000b")", "NUL"},
      {"T61 what follows a NUL byte", std::string("{}\0{\"a\":1}", 10), "byte 2: a NUL"},
      {"T61 a NUL byte at the end", std::string("{}\0", 3), "byte 2: a NUL"},
      {"a number that would be infinity", R"({"a":7E308})", "number is too large"},
      {"a number that would be minus infinity", "[-7E308]", "number is too large"},
      {"trailing text", "{} x", "byte"},
      {"empty", "", "byte"},
      {"not closed", "{\"a\":", "byte"},
      {"a comment", "{/**/}", "byte"},
  }));
  CAPTURE(title);
  auto const parsed = parse_json(text);
  REQUIRE(parsed.has_error());
  CHECK_THAT(parsed.error().message, Catch::Contains(reason));
}

TEST_CASE("json: limits count and 64 levels pass") {
  CHECK(parse_json(std::string(64, '[') + std::string(64, ']')).has_value());
  CHECK(parse_json("[1,2,3]", {.max_values = 4}).has_value());
  CHECK(parse_json("[1,2,3,4]", {.max_values = 4}).error().code == Errc::too_large);
  CHECK(parse_json("\"abcd\"", {.max_string = 3}).error().code == Errc::too_large);
  CHECK(parse_json("{\"abcd\":1}", {.max_key = 3}).error().code == Errc::too_large);
  CHECK(parse_json("[      ]", {.max_bytes = 7}).error().code == Errc::too_large);
}

TEST_CASE("json: reading never throws on another type") {
  auto const json = parse_json(R"({"a":{"b":[10,"x",true,null,1.5]}})").value();
  CHECK(json["a"]["b"].at_index(0).integer() == 10);
  CHECK(json["a"]["b"].at_index(1).text() == "x");
  CHECK(json["a"]["b"].at_index(2).boolean());
  CHECK(json["a"]["b"].at_index(9).is_null());
  CHECK(json["a"]["b"]["c"]["d"].text("none") == "none");
  CHECK(json["a"].integer(7) == 7);
}

TEST_CASE("json: whole numbers stay whole numbers up to the ends of 64 bits") {
  for (auto const* text : {"4294967295", "4294967296", "-4294967297", "9223372036854775807", "-9223372036854775808"}) {
    CAPTURE(text);
    auto const json = parse_json(text).value();
    REQUIRE(json.is_int());
    CHECK(dump(json) == text);
  }
  CHECK_FALSE(parse_json("9223372036854775808").value().is_int());
}

TEST_CASE("json: control characters and bytes that are no UTF-8 are refused wherever they stand, and never written") {
  for (std::size_t at = 0; at <= 40; ++at) {
    for (unsigned char control = 0; control < 0x20; ++control) {
      std::string text(40, 'a');
      text.insert(at, 1, static_cast<char>(control));
      auto const raw = "[\"" + text + "\"]";
      CHECK(parse_json(raw, {.allow_nul = true}).has_error());
      auto const written = dump(Json(text)), exact = canonical(Json(text)), pretty = dump_pretty(Json(text));
      for (auto const& one : {written, exact, pretty.substr(0, pretty.size() - 1)}) {
        CHECK(std::ranges::none_of(one, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
        CHECK(parse_json(one, {.allow_nul = true})->text() == text);
      }
    }
    for (std::string const bad : {"\x80", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF", "\xE2\x82"}) {
      std::string text(40, 'a');
      text.insert(at, bad);
      auto const refused = parse_json("{\"" + text + "\":1}");
      REQUIRE(refused.has_error());
      CHECK(refused.error().message.find("at byte " + std::to_string(at + 2)) != std::string::npos);
      auto const after = parse_json("[\"\xC3\xA9\xE2\x82\xAC" + bad + "\"]");
      CHECK(after.error().message.find("at byte 7") != std::string::npos);
      CHECK(parse_json("[\"" + text + "\"]").has_error());
    }
    std::string text(40, 'a');
    text.insert(at, "\xF0\x9F\x98\x80\xC3\xA9");
    CHECK(parse_json("[\"" + text + "\"]")->at_index(0).text() == text);
  }
  for (std::size_t size = 0; size <= 40; ++size) {
    std::string const text(size, 'a'), space(size, ' ');
    CHECK(parse_json("[\"" + text + R"(\u00e9\uD83D\uDE00\n\"\\)" + text + "\"]")->at_index(0).text() ==
          text + "\xC3\xA9\xF0\x9F\x98\x80\n\"\\" + text);
    CHECK(parse_json(space + "[" + space + "1" + space + "]" + space)->at_index(0).integer() == 1);
    for (auto const* cut : {"", "\\", "\\u00e", "\\uD83D", "\\uD83D\\uDE0"}) {
      CHECK(parse_json("[\"" + text + cut).has_error());
      CHECK(parse_json("\"" + text + cut).has_error());
    }
    CHECK(parse_json("[\"" + text + "\\uDE00\"]").has_error());
  }
  // The same where it is too long to be copied.
  std::string const much(std::size_t{1} << 18, 'a');
  CHECK(parse_json("[\"" + much + "\xC3\xA9\"]")->at_index(0).text() == much + "\xC3\xA9");
  for (auto const* bad : {"\x1B", "\xFF", "\xED\xA0\x80"}) CHECK(parse_json("[\"" + much + bad + "\"]").has_error());
  CHECK(parse_json("[\"" + much + "\"] 2").has_error());
  CHECK(parse_json("\xEF\xBB\xBF[1]").has_value());
  for (auto const* half : {"\xEF[1]", "\xBB\xBF[1]", "\xEF\xBB\xBF\xEF\xBB\xBF[1]"})
    CHECK(parse_json(half).has_error());
  CHECK(parse_json("\xEF\xBB\xBF[x]").error().message.find("at byte 4") != std::string::npos);
  for (char const control : {'\x00', '\x0B', '\x0C', '\x1F', '\x7F'})
    CHECK(parse_json(std::string("[1,") + control + "2]").has_error());
  CHECK(parse_json("[\t1,\r\n 2]").has_value());
}

TEST_CASE("json: canonical form is RFC 8785") {
  auto const canon = [](char const* text) { return canonical(parse_json(text).value()); };
  CHECK(canon(R"({ "b" : 1, "a" : [ true , null ] })") == R"({"a":[true,null],"b":1})");
  CHECK(canon(R"({"peach":"This sorting order","péché":"is wrong","pêche":"x","sin":"y"})") ==
        "{\"peach\":\"This sorting order\",\"p\xc3\xa9"
        "ch\xc3\xa9\":\"is wrong\",\"p\xc3\xaa"
        "che\":\"x\",\"sin\":\"y\"}");
  // The RFC's own example of the key order (section 3.2.3): UTF-16 order puts the emoji before U+FB33.
  CHECK(
      canon(
          R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"})") ==
      "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin Small Letter O With "
      "Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning "
      "Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
  CHECK(canonical(Json("\x1f\x01\"\\/\x7f\n\t\b\f\r")) == "\"\\u001f\\u0001\\\"\\\\/\x7f\\n\\t\\b\\f\\r\"");
  CHECK(canonical(Json("\\u001F")) == "\"\\\\u001F\"");
  CHECK_THROWS_AS(canonical(Json(1.5)), Failure);
  CHECK_THROWS_AS(canonical(Json(std::int64_t{1} << 53)), Failure);
}

TEST_CASE("json: what is dumped is read back") {
  auto const json = parse_json(R"({"a":[1,-2,3.25,"x\ny",{"b":false}],"c":null})").value();
  CHECK(parse_json(dump(json)).value() == json);
  CHECK(parse_json(dump_pretty(json)).value() == json);
}

TEST_CASE("json: T37 T61 what an error quotes of a document hides nothing and is whole") {
  for (auto const& [key, shown] : {std::pair<std::string, std::string>{"a\u202eb", "\"a\\u{202E}b\""},
                                   {"\x7f", "\"\\x7f\""},
                                   {std::string(63, 'x') + "\u00e9", std::string(61, 'x') + "\u2026\""}}) {
    auto const twice = parse_json("{\"" + key + "\":1,\"" + key + "\":2}");
    REQUIRE(twice.has_error());
    CHECK(visible_text(twice.error().message) == twice.error().message);
    CHECK_THAT(twice.error().message, Catch::Contains(shown));
  }
}

TEST_CASE("json: what is left out is null, wherever it stands, and the rest is what it was") {
  auto const read = [](std::string_view text) { return parse_json_without("skip", text, {}); };
  CHECK(
      dump(read(R"({"skip":[{"a":[1,"x",null]},2],"b":{"skip":{"skip":{}},"c":3},"d":[{"skip":"text"},4]})").value()) ==
      R"({"b":{"c":3,"skip":null},"d":[{"skip":null},4],"skip":null})");
  CHECK(dump(read(R"({"skip":1,"a":"skip"})").value()) == R"({"a":"skip","skip":null})");
  CHECK(dump(read(R"(["skip",{"skip":[]},{"skip":{}}])").value()) == R"(["skip",{"skip":null},{"skip":null}])");
}

TEST_CASE("json: what is left out is checked like the rest") {
  auto [title, text, reason] = GENERATE(table<char const*, std::string, char const*>({
      {"T59 the key stands twice", R"({"skip":1,"skip":2})", "twice"},
      {"T60 too deep", R"({"skip":[[[[[]]]]]})", "nested deeper"},
      {"too many values", R"({"skip":[1,2,3,4,5,6,7,8]})", "values"},
      {"a string too long", R"({"skip":[")" + std::string(70, 'x') + R"("]})", "string is longer"},
      {"a key too long", R"({"skip":{")" + std::string(70, 'x') + R"(":1}})", "key is longer"},
      {"T61 invalid UTF-8", "{\"skip\":[\"\xff\"]}", "byte"},
      {"T61 lone second half of a surrogate pair", R"({"skip":["a\udc00x"]})", "half a surrogate"},
      {"T61 NUL", R"({"skip":"a\u0000b"})", "NUL"},
      {"a number that would be infinity", R"({"skip":[7E308]})", "number is too large"},
      {"not closed", R"({"skip":[1})", "byte"},
  }));
  CAPTURE(title);
  auto const parsed =
      parse_json_without("skip", text, {.max_depth = 5, .max_values = 8, .max_string = 64, .max_key = 64});
  REQUIRE(parsed.has_error());
  CHECK_THAT(parsed.error().message, Catch::Contains(reason));
}
