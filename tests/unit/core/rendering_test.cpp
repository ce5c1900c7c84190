// The digest by which votes name a message, on the platforms whose messages are JSON of their own kind. (Slack's:
// tests/unit/slack/render_test.cpp.)
#include "bot/core/rendering.hpp"

#include "tests/support/catch.hpp"

using core::Json;

namespace {

struct Row {
  char const* platform;
  char const* body;
  char const* digest;
};

// The digests were not computed by us, but by what follows, from the text of ledger/FORMAT.md alone; a body a line:
//   python3 -c '
//   import hashlib, json, sys
//   def teams(v):
//       if isinstance(v, list): return [teams(x) for x in v]
//       if not isinstance(v, dict): return v
//       out = {k: teams(x) for k, x in v.items()}
//       if out.get("type") in ("Action.Execute", "Action.Submit") and isinstance(out.get("data"), dict):
//           if "rendering" in out["data"]: out["data"] = {**out["data"], "rendering": ""}
//       return out
//   def matrix(v):
//       ours = v.get("org.countersign.message") if isinstance(v, dict) else None
//       blank = isinstance(ours, dict) and "rendering" in ours
//       return {**v, "org.countersign.message": {**ours, "rendering": ""}} if blank else v
//   for line in sys.stdin:
//       platform, text = line.split(" ", 1)
//       body = {"teams": teams, "matrix": matrix}[platform](json.loads(text))
//       text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
//       print("sha256:" + hashlib.sha256(text.encode()).hexdigest())'
// (json.dumps gives the RFC 8785 form here: member names are ASCII, numbers whole, no control character but line feed.)
Row const kRows[] = {
    {"teams",
     R"JSON({"type":"message","summary":"é & <x>\n","n":3,"attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","refresh":{"action":{"type":"Action.Execute","verb":"refresh","data":{"rendering":"sha256:a","v":1}}},"body":[{"type":"ActionSet","actions":[{"type":"Action.Execute","data":{"rendering":"sha256:b","request":"R1"},"fallback":{"type":"Action.Submit","data":{"rendering":"sha256:c","deep":{"type":"Action.Submit","data":{"rendering":"sha256:d"}}}}},{"type":"Action.OpenUrl","data":{"rendering":"kept"}},{"type":"Action.Submit","data":{"rendering":{"even":"an object"}}},{"type":"Action.Submit","data":"rendering"},{"type":"Action.Submit","data":["rendering"]},{"type":"Action.Submit"},{"type":"Action.Execute","rendering":"kept","data":{"other":{"rendering":"kept"}}},{"data":{"rendering":"no type"}},{"type":null,"data":{"rendering":"null type"}}]}]}}]})JSON",
     "sha256:dd6884b63666afec711e4389c090971b560804721fc13b70309c3a94ae8ec40b"},
    {"teams", R"JSON({"type":"Action.Submit","data":{"rendering":"sha256:e"}})JSON",
     "sha256:23bbd6c1120ad805941faba1bde8adcfaa1ddc8ed8177f37154d2951dd37f9e8"},
    {"matrix",
     R"JSON({"msgtype":"m.text","body":"é & <x>\n","m.mentions":{"user_ids":["@ann:example.org"]},"org.countersign.message":{"v":1,"kind":"card","rendering":"sha256:a","note_required":false,"deep":{"rendering":"kept"}},"m.new_content":{"org.countersign.message":{"rendering":"kept"}},"rendering":"kept"})JSON",
     "sha256:c59daa70a17e92db45002cf9a6a16d544a27ac799e31adf605a8fab95e8fd565"},
    {"matrix", R"JSON({"org.countersign.message":{"rendering":{"even":["an","object"]}}})JSON",
     "sha256:72f097031407df48fad0a5f223daefda674b23ab597886c1ecd2aa63c48f51b8"},
    {"matrix", R"JSON({"org.countersign.message":"rendering"})JSON",
     "sha256:4957b4f4a406ad654326e7023aa24e2bfb56899673f6c4e118d41358e5e36ba7"},
    {"matrix", R"JSON({"body":"no such member","type":"button","value":"kept"})JSON",
     "sha256:18a4cb354dc790315fec16d8453317fc8475ea88db2a8b7f7bdaf1fe20824e3d"},
    {"matrix", R"JSON([{"org.countersign.message":{"rendering":"kept"}}])JSON",
     "sha256:f9d71a4f1b00bd0d79747ed926b6a9953088a950a7a2c1e210bb3ea1b56d4a3a"},
};

std::string digest(std::string const& platform, std::string const& body) {
  auto const made = core::rendering_digest(platform, core::parse_json(body).value());
  return made ? *made : "ERROR " + made.error().message;
}

}  // namespace

TEST_CASE("the rendering digest of Teams and Matrix is what the format says, as another program computes it") {
  for (auto const& row : kRows) {
    CAPTURE(row.platform, row.body);
    CHECK(digest(row.platform, row.body) == row.digest);
  }
}

TEST_CASE("what a message sends back is no part of its digest, and all else of it is") {
  std::string const card =
      R"({"attachments":[{"content":{"actions":[{"type":"Action.Execute","verb":"approve","data":{"v":1,"rendering":"R"}}]}}]})";
  std::string const text = R"({"body":"CS-1","org.countersign.message":{"v":1,"key":"k","rendering":"R"}})";
  auto const with = [](std::string body, std::string const& from, std::string const& to) {
    auto const at = body.find(from);
    REQUIRE(at != std::string::npos);
    return body.replace(at, from.size(), to);
  };
  for (auto const& [platform, body] : {std::pair{std::string("teams"), card}, {"matrix", text}}) {
    CAPTURE(platform);
    CHECK(digest(platform, body) == digest(platform, with(body, "\"R\"", "\"another\"")));
    CHECK(digest(platform, body) != digest(platform, with(body, ",\"rendering\":\"R\"", "")));
    CHECK(digest(platform, body) != digest(platform, with(body, "\"v\":1", "\"v\":2")));
    CHECK(digest(platform, with(body, "\"v\":1", "\"v\":0.5")).starts_with("ERROR"));
  }
  CHECK(digest("teams", card) != digest("teams", with(card, "approve", "deny")));
  CHECK(digest("teams", card) != digest("teams", with(card, "Action.Execute", "Action.OpenUrl")));
  CHECK(digest("matrix", text) != digest("matrix", with(text, "CS-1", "CS-2")));
  CHECK(digest("teams", card) != digest("matrix", card));  // each by its own rule
}
