// `countersign request --attach`: names, limits, kinds, and what is refused with a way out.
#include "bot/cli/attachments.hpp"

#include "bot/core/error.hpp"
#include "bot/core/ids.hpp"
#include "tests/support/catch.hpp"

using namespace cli;

namespace {

std::map<std::string, std::string> const kFiles{{"plan.diff", "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n"},
                                                {"/tmp/out/TF Plan.JSON", "{\"a\":1}"},
                                                {"-", "piped\n"},
                                                {"big", std::string(1 << 20, 'x')},
                                                {"one", "1"},
                                                {"empty", ""}};

struct Made {
  core::Json::Array attachments;
  std::string error;
};

Made make(std::vector<std::string> const& arguments) {
  Made made;
  try {
    made.attachments =
        make_attachments(arguments, [](std::string const& path, std::size_t) { return kFiles.at(path); });
  } catch (core::Failure const& failure) {
    made.error = failure.error().message;
  }
  return made;
}

}  // namespace

TEST_CASE("attach: a file, a named file, standard input") {
  auto const made = make({"plan.diff", "/tmp/out/TF Plan.JSON", "notes=-"});
  CHECK(made.error.empty());
  REQUIRE(made.attachments.size() == 3);
  CHECK(made.attachments[0]["name"].text() == "plan.diff");
  CHECK(made.attachments[0]["media_type"].text() == "text/x-diff");
  CHECK(made.attachments[0]["data"].text() == "LS0tIGEKKysrIGIKQEAgLTEgKzEgQEAKLXgKK3kK");
  CHECK(made.attachments[1]["name"].text() == "tf-plan.json");
  CHECK(made.attachments[1]["media_type"].text() == "application/json");
  CHECK(made.attachments[2]["name"].text() == "notes");
  CHECK(made.attachments[2]["data"].text() == "cGlwZWQK");
  CHECK(parse_attach("-").name == "stdin");
}

TEST_CASE("T22 attach: whatever a file is called, its exhibit has a name") {
  for (auto const* hostile : {"../../etc/passwd", "..", "/", "a\nb", "\xff\xfe", "..hidden", "-rf", "a..b", "$(id)",
                              "\xe2\x80\xae.txt", "UPPER CASE.TXT", "x/y=z/f", ".", "_", "...."}) {
    CAPTURE(hostile);
    CHECK(core::is_name(parse_attach(hostile).name));
  }
  CHECK(core::is_name(parse_attach(std::string(300, 'a')).name));
}

TEST_CASE("attach: what is refused says why and what to do") {
  CHECK(make({"Plan=plan.diff"}).error.find("is no name for an attachment") != std::string::npos);
  CHECK(make({"=plan.diff"}).error.find("is no name") != std::string::npos);
  CHECK(make({"plan="}).error.find("no file is named") != std::string::npos);
  CHECK(make({"one", "one"}).error.find("two attachments are named") != std::string::npos);
  CHECK(make({"a=-", "b=-"}).error.find("once only") != std::string::npos);
  CHECK(make({"empty"}).error.find("is empty") != std::string::npos);
  CHECK(make({"big"}).error.empty());
  CHECK(make({"big", "one"}).error.find("more than 1 MiB together") != std::string::npos);
  std::vector<std::string> many;
  for (int n = 0; n < 21; ++n) many.push_back("f" + std::to_string(n) + "=one");
  CHECK(make(many).error.find("at most 20") != std::string::npos);
}

TEST_CASE("attach: kinds are guessed by name, then by content") {
  CHECK(std::string(guess_media_type("x.PATCH", "")) == "text/x-diff");
  CHECK(std::string(guess_media_type("README.md", "")) == "text/markdown");
  CHECK(std::string(guess_media_type("-", "diff --git a/x b/x\n")) == "text/x-diff");
  CHECK(std::string(guess_media_type("-", " [1, 2]")) == "application/json");
  CHECK(std::string(guess_media_type("-", "[info] no JSON")) == "text/plain; charset=utf-8");
  CHECK(std::string(guess_media_type("-", "--- a heading")) == "text/plain; charset=utf-8");
}
