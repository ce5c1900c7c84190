// Tokens as an attacker makes them, against the whole way in: relay, checks, keys, claims, activity.
#include "adapters/teams/encoding.hpp"
#include "adapters/teams/jwt.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;

namespace {

struct Row {
  std::string name;
  std::vector<std::string> authorization;  // header values
  Json activity = activities::message("list");
};

class Rows {
 public:
  explicit Rows(Bench const& bench) : bench_(bench) {}

  void raw(std::string name, std::vector<std::string> values) { rows.push_back({std::move(name), std::move(values)}); }
  void token(std::string name, std::string token) { raw(std::move(name), {"Bearer " + std::move(token)}); }
  // Signed by the Connector's own key.
  void header(std::string name, std::string header) {
    token(std::move(name), keys::signed_by(keys::connector(), header, core::dump(bench_.claims())));
  }
  void payload(std::string name, std::string payload) {
    token(std::move(name), keys::signed_by(keys::connector(), bench_.header(), payload));
  }
  void claim(std::string name, std::string const& member, Json value) {
    auto claims = bench_.claims();
    claims.set(member, std::move(value));
    payload(std::move(name), core::dump(claims));
  }
  void without(std::string const& member) {
    auto claims = bench_.claims();
    claims.if_object()->erase(member);
    payload("no " + member, core::dump(claims));
  }
  void key(std::string name, keys::Rsa const& key, std::string const& kid) {
    token(std::move(name),
          keys::signed_by(key, R"({"alg":"RS256","kid":")" + kid + R"(","typ":"JWT"})", core::dump(bench_.claims())));
  }
  void activity(std::string name, Json activity) {
    rows.push_back({std::move(name), {"Bearer " + bench_.token()}, std::move(activity)});
  }

  std::vector<Row> rows;

 private:
  Bench const& bench_;
};

std::string with_member(std::string const& member) { return R"({"alg":"RS256","kid":"connector-key",)" + member + "}"; }

std::string by_hmac(std::string const& key, std::string const& header, std::string const& payload) {
  auto const text = keys::join(header, payload);
  return text + '.' + teams::base64url(teams::hmac_sha256(key, text));
}

keys::Rsa const& for_encryption() {
  static keys::Rsa const key;
  return key;
}
keys::Rsa const& weak() {
  static keys::Rsa const key(1024);
  return key;
}

// Keys that stand in the set and still must not count.
void add_bad_keys(Http& http) {
  auto enc = keys::jwk(for_encryption(), "enc-key", {"msteams"});
  enc.set("use", "enc");
  auto other_algorithm = keys::jwk(keys::stranger(), "rs512-key", {"msteams"});
  other_algorithm.set("alg", "RS512");
  auto ones = keys::jwk(keys::stranger(), "exponent-one-key", {"msteams"});
  ones.set("e", "AQ");
  for (auto const& key :
       {enc, other_algorithm, ones, keys::jwk(weak(), "weak-key", {"msteams"}),
        keys::jwk(keys::other(), "twice-key", {"msteams"}), keys::jwk(keys::stranger(), "twice-key", {"msteams"}),
        keys::jwk(keys::other(), "silent-key", {}),
        Json::object({{"kty", "EC"},
                      {"use", "sig"},
                      {"kid", "ec-key"},
                      {"crv", "P-256"},
                      {"x", "AAAA"},
                      {"y", "AAAA"},
                      {"endorsements", Json::array({"msteams"})}}),
        Json::object({{"kty", "oct"}, {"kid", "oct-key"}, {"k", "AAAA"}, {"endorsements", Json::array({"msteams"})}})})
    http.key_set.push(key);
}

std::vector<Row> bad_tokens(Bench const& bench) {
  Rows rows(bench);
  auto const good = bench.token();
  auto const header = bench.header(), payload = core::dump(bench.claims());
  auto const dot = good.rfind('.');
  auto const signature = good.substr(dot + 1), text = good.substr(0, dot);
  std::int64_t const now = std::chrono::floor<std::chrono::seconds>(bench.loop.now()).time_since_epoch().count();

  rows.raw("no header at all", {});
  rows.raw("an empty header", {""});
  rows.raw("another scheme", {"Basic " + good});
  rows.raw("a bare token", {good});
  rows.raw("the scheme alone", {"Bearer"});
  rows.raw("the scheme and a blank", {"Bearer "});
  rows.raw("two blanks", {"Bearer  " + good});
  rows.raw("two tokens", {"Bearer " + good + " " + good});
  rows.raw("two headers that were joined", {"Bearer " + good + ", Bearer " + good});
  rows.raw("two headers", {"Bearer " + good, "Bearer " + good});
  rows.raw("a blank behind", {"Bearer " + good + " "});
  rows.token("a line feed inside", text + "\n." + signature);
  rows.token("one part", teams::base64url(header));
  rows.token("two parts", text);
  rows.token("four parts", good + ".AAAA");
  rows.token("five parts, as an encrypted one has", text + ".AAAA.AAAA." + signature);
  rows.token("no signature", text + ".");
  rows.token("no header part", good.substr(good.find('.')));
  rows.token("no payload", teams::base64url(header) + ".." + signature);
  rows.token("padding", good + "==");
  rows.token("padding of the payload", text + "=." + signature);
  rows.token("another alphabet", text + "." + std::string(signature.size() - 1, 'A') + "+");
  rows.token("a length that no base64 has", good + (signature.size() % 4 == 0 ? "A" : "AAA"));
  // 256 bytes leave four bits over in the last of the 342 digits: another digit for the same bytes.
  std::string const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  rows.token("left-over bits that are not zero",
             good.substr(0, good.size() - 1) + digits.at(digits.find(good.back()) | 1U));
  rows.token("oversized", good + std::string(teams::kMaxTokenBytes, 'A'));
  rows.token("trailing bytes behind the signature", text + "." + teams::base64url(keys::connector().sign(text) + "x"));

  rows.header("a header that is no JSON", "RS256");
  rows.header("a header that is a list", R"([{"alg":"RS256","kid":"connector-key"}])");
  rows.header("bytes behind the header's JSON", header + "{}");
  rows.header("two algorithms", R"({"alg":"none","alg":"RS256","kid":"connector-key"})");
  rows.header("two keys", R"({"alg":"RS256","kid":"other-key","kid":"connector-key"})");
  rows.header("no algorithm", R"({"kid":"connector-key"})");
  rows.header("the algorithm null", R"({"alg":null,"kid":"connector-key"})");
  rows.header("a list of algorithms", R"({"alg":["RS256"],"kid":"connector-key"})");
  rows.header("rs256", R"({"alg":"rs256","kid":"connector-key"})");
  rows.header("RS256 and a blank", R"({"alg":"RS256 ","kid":"connector-key"})");
  rows.header("RS256 and a NUL", R"({"alg":"RS256\u0000","kid":"connector-key"})");
  for (auto const* none : {"none", "None", "NONE", "nOnE", ""}) {
    auto const said = R"({"alg":")" + std::string(none) + R"(","kid":"connector-key"})";
    rows.header("algorithm \"" + std::string(none) + "\", signed", said);
    rows.token("algorithm \"" + std::string(none) + "\", unsigned", keys::join(said, payload) + ".");
  }
  auto const hs = [&](char const* name) { return R"({"alg":")" + std::string(name) + R"(","kid":"connector-key"})"; };
  rows.token("HS256 with the public key's PEM", by_hmac(keys::connector().public_pem(), hs("HS256"), payload));
  rows.token("HS256 with the modulus", by_hmac(keys::connector().number("n"), hs("HS256"), payload));
  rows.token("HS256 with an empty key", by_hmac("", hs("HS256"), payload));
  rows.token("RS256 in name, an HMAC in truth", by_hmac(keys::connector().public_pem(), header, payload));
  auto const by = [&](char const* name, bool pss, EVP_MD const* digest) {
    auto const signed_text = keys::join(hs(name), payload);
    return signed_text + '.' + teams::base64url(keys::connector().sign(signed_text, pss, digest));
  };
  rows.token("RS384", by("RS384", false, EVP_sha384()));
  rows.token("RS512", by("RS512", false, EVP_sha512()));
  rows.token("PS256", by("PS256", true, EVP_sha256()));
  rows.token("RS256 in name, PSS in truth", by("RS256", true, EVP_sha256()));
  rows.token("RS256 in name, SHA-1 in truth", by("RS256", false, EVP_sha1()));
  rows.token("ES256", by("ES256", false, EVP_sha256()));
  rows.token("RSA-OAEP", by("RSA-OAEP", false, EVP_sha256()));

  rows.header("jku", with_member(R"("jku":"https://evil.example/keys")"));
  rows.header("x5u", with_member(R"("x5u":"https://evil.example/cert")"));
  rows.header("x5c", with_member(R"("x5c":["MIIC"])"));
  rows.header("crit", with_member(R"("crit":["exp"])"));
  rows.header("crit, empty", with_member(R"("crit":[])"));
  rows.header("b64", with_member(R"("b64":false)"));
  rows.header("cty", with_member(R"("cty":"JWT")"));
  rows.header("zip", with_member(R"("zip":"DEF")"));
  rows.header("enc", with_member(R"("enc":"A128GCM")"));
  rows.header("another type", with_member(R"("typ":"at+jwt")"));
  auto const jwk = core::dump(keys::jwk(keys::stranger(), "connector-key", {"msteams"}));
  rows.token("a key of the token's own", keys::signed_by(keys::stranger(), with_member(R"("jwk":)" + jwk), payload));
  rows.token("a place for keys of the token's own",
             keys::signed_by(keys::stranger(), with_member(R"("jku":"https://evil.example/keys")"), payload));

  rows.header("no kid", R"({"alg":"RS256","typ":"JWT"})");
  rows.header("an empty kid", R"({"alg":"RS256","kid":""})");
  rows.header("a number as kid", R"({"alg":"RS256","kid":7})");
  rows.header("a list as kid", R"({"alg":"RS256","kid":["connector-key"]})");
  rows.header("x5t alone", R"({"alg":"RS256","x5t":"connector-key"})");
  rows.header("a path as kid", R"({"alg":"RS256","kid":"../../dev/null"})");
  rows.header("an SQL kid", R"({"alg":"RS256","kid":"' OR '1'='1"})");
  rows.header("an unknown kid", R"({"alg":"RS256","kid":"nobody"})");
  rows.header("the kid of another's key", R"({"alg":"RS256","kid":"other-key"})");
  rows.key("a stranger's signature", keys::stranger(), "connector-key");
  rows.key("a stranger's key and kid", keys::stranger(), "stranger-key");
  rows.key("a key without msteams", keys::other(), "other-key");
  rows.key("a key without endorsements", keys::other(), "silent-key");
  rows.key("a key for encryption", for_encryption(), "enc-key");
  rows.key("a key for another algorithm", keys::stranger(), "rs512-key");
  rows.key("a key whose exponent is one", keys::stranger(), "exponent-one-key");
  rows.key("a short key", weak(), "weak-key");
  rows.key("a kid that stands there twice", keys::other(), "twice-key");
  rows.key("an EC key's kid", keys::stranger(), "ec-key");
  rows.key("a symmetric key's kid", keys::stranger(), "oct-key");
  {
    auto turned = text;
    turned[turned.size() - 4] = turned[turned.size() - 4] == 'A' ? 'B' : 'A';
    rows.token("a turned bit of the payload", turned + "." + signature);
    auto broken = signature;
    broken[10] = broken[10] == 'A' ? 'B' : 'A';
    rows.token("a turned bit of the signature", text + "." + broken);
    rows.token("half a signature", text + "." + signature.substr(0, signature.size() / 2));
    rows.token("the signature of another token",
               text + "." + teams::base64url(keys::connector().sign("something else")));
  }

  rows.claim("another issuer", "iss", "https://api.botframework.us");
  rows.claim("the issuer and a slash", "iss", "https://api.botframework.com/");
  rows.claim("the emulator's issuer", "iss", "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/");
  rows.claim("the issuer in a list", "iss", Json::array({"https://api.botframework.com"}));
  rows.claim("no issuer's name", "iss", "");
  rows.without("iss");
  rows.claim("another audience", "aud", "99999999-2222-4333-8444-555555555555");
  rows.claim("the audience as a resource", "aud", std::string("api://") + activities::kApp);
  rows.claim("a list of audiences", "aud", Json::array({activities::kApp}));
  rows.claim("a number as audience", "aud", 1);
  rows.claim("the audience and a blank", "aud", std::string(activities::kApp) + " ");
  rows.without("aud");
  rows.claim("expired", "exp", now - 301);
  rows.claim("expired long ago", "exp", 1);
  rows.claim("exp as text", "exp", std::to_string(now + 3600));
  rows.claim("exp null", "exp", Json());
  rows.claim("exp negative", "exp", -1);
  rows.claim("exp true", "exp", true);
  rows.claim("exp in milliseconds", "exp", (now + 3600) * 1'000'000);
  rows.without("exp");
  rows.claim("not valid yet", "nbf", now + 301);
  rows.claim("nbf as text", "nbf", std::to_string(now));
  rows.without("nbf");
  auto const replaced = [&](std::string const& from, std::string const& to) {
    auto changed = payload;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  auto const exp = "\"exp\":" + std::to_string(now + 3600);
  rows.payload("exp with a fraction", replaced(exp, exp + ".5"));
  rows.payload("exp as a float", replaced(exp, exp + ".0"));
  rows.payload("exp with an exponent", replaced(exp, "\"exp\":1e300"));
  rows.payload("exp twice", replaced(exp, exp + ",\"exp\":99999999999"));
  rows.payload("aud twice", replaced("\"aud\"", "\"aud\":\"x\",\"aud\""));
  rows.payload("aud twice, once escaped", replaced("\"aud\"", "\"\\u0061ud\":\"x\",\"aud\""));
  rows.payload("aud and a NUL", replaced(activities::kApp, std::string(activities::kApp) + "\\u0000"));
  rows.payload("bytes behind the payload's JSON", payload + "{}");
  rows.payload("a payload that is a list", "[" + payload + "]");
  rows.payload("a payload that is no JSON", "iss=https://api.botframework.com");
  rows.payload("a deep payload", replaced(exp, exp + ",\"x\":" + std::string(60, '[') + std::string(60, ']')));
  rows.without("serviceurl");
  rows.claim("an empty serviceurl", "serviceurl", "");
  rows.claim("another serviceurl", "serviceurl", "https://smba.trafficmanager.net/amer/");
  rows.claim("a serviceurl with two slashes", "serviceurl", std::string(activities::kService) + "/");
  rows.claim("a list of service URLs", "serviceurl", Json::array({activities::kService}));
  {
    auto claims = bench.claims();
    claims.if_object()->erase("serviceurl");
    claims.set("serviceUrl", activities::kService);
    rows.payload("serviceUrl instead of serviceurl", core::dump(claims));
  }

  // Good tokens whose activity they don't vouch for.
  activities::Place place;
  place.channel_id = "";
  rows.activity("an empty channel", activities::message("list", "a1", {}, place));
  place.channel_id = "webchat";
  rows.activity("another channel that the key may speak for", activities::message("list", "a2", {}, place));
  place.channel_id = "emulator";
  rows.activity("the emulator's channel", activities::message("list", "a3", {}, place));
  place.channel_id = "MSTEAMS";
  rows.activity("the channel in capitals", activities::message("list", "a4", {}, place));
  place.channel_id = "msteams";
  place.service = "https://evil.example/emea/";
  rows.activity("an activity of another service", activities::message("list", "a5", {}, place));
  place.service = "";
  rows.activity("an activity of no service", activities::message("list", "a6", {}, place));
  return std::move(rows.rows);
}

std::optional<Answer> answer_to(Bench& bench, Row const& row) {
  net::Headers headers{{"Content-Type", "application/json"}};
  char const* const names[] = {"Authorization", "authorization"};
  for (std::size_t i = 0; i < row.authorization.size(); ++i) headers.emplace_back(names[i], row.authorization[i]);
  return bench.answer(bench.send(core::dump(row.activity), headers));
}

}  // namespace

TEST_CASE("teams tokens: T9 every bad token is refused, and nothing happens") {
  Bench bench;
  add_bad_keys(bench.http);
  bench.connected();
  auto const sent_before = bench.http.count(Door::send);
  auto const rows = bad_tokens(bench);
  CHECK(rows.size() >= 60);
  std::size_t unasked = 0;
  for (auto const& row : rows) {
    CAPTURE(row.name);
    auto const answer = answer_to(bench, row);
    REQUIRE(answer);
    // Of a key's name that is not in the set nobody knows until the keys may be fetched again.
    if (answer->status == 503) ++unasked;
    CHECK((answer->status == 401 || answer->status == 403 || answer->status == 503));
    CHECK(answer->body.is_null());
  }
  CHECK(unasked <= 10);
  bench.loop.advance(1min);
  CHECK(bench.sink.commands.empty());
  CHECK(bench.sink.votes.empty());
  CHECK(bench.http.count(Door::send) == sent_before);
  CHECK(bench.adapter->counters().refused_requests == rows.size());
  CHECK(bench.sink.refusals.size() == rows.size() - unasked);  // that they came is on record (T71)
  // No stranger fills the log, and no token stands in it.
  CHECK(bench.log.lines().size() < 20);
  CHECK_THAT(bench.log_text(), !Catch::Contains("eyJ"));
}

TEST_CASE("teams tokens: T9 a serviceurl claim of somebody else's host gets nothing, signed or not") {
  Bench bench;
  bench.connected();
  activities::Place place;
  place.service = "https://evil.example/emea/";
  auto claims = bench.claims();
  claims.set("serviceurl", place.service);
  Row row{"",
          {"Bearer " + keys::signed_by(keys::connector(), bench.header(), core::dump(claims))},
          activities::message("list", "b1", {}, place)};
  CHECK(answer_to(bench, row)->status == 403);
  CHECK(bench.sink.commands.empty());
  CHECK(bench.sink.refusals.size() == 1);
}

TEST_CASE(
    "teams tokens: F11 after the host's clock was set back, those of now are taken and those of the lead are not") {
  Bench bench;
  bench.connected();
  bench.loop.lead = 2h;
  auto const by = [&](core::Duration off, std::string const& id) {
    auto claims = bench.claims();
    std::int64_t const at =
        std::chrono::floor<std::chrono::seconds>(bench.loop.wall() + off).time_since_epoch().count();
    claims.set("nbf", at - 60).set("exp", at + 3600);
    Row const row{id,
                  {"Bearer " + keys::signed_by(keys::connector(), bench.header(), core::dump(claims))},
                  activities::message("list", id)};
    auto const answer = answer_to(bench, row);
    return answer ? answer->status : 0;  // 0: it waits for the engine
  };
  CHECK(by(0s, "now") == 0);
  CHECK(by(2h, "lead") == 401);
  CHECK(by(-2h, "past") == 401);
}

TEST_CASE("teams tokens: good ones are taken") {
  Bench bench;
  bench.connected();
  std::vector<Row> rows;
  int number = 0;
  auto const add = [&](std::string name, std::string authorization, activities::Place const& place = {}) {
    rows.push_back({std::move(name),
                    {std::move(authorization)},
                    activities::message("list", "good-" + std::to_string(++number), {}, place)});
  };
  auto const with = [&](std::string const& member, Json value) {
    auto claims = bench.claims();
    claims.set(member, std::move(value));
    return "Bearer " + keys::signed_by(keys::connector(), bench.header(), core::dump(claims));
  };
  std::int64_t const now = std::chrono::floor<std::chrono::seconds>(bench.loop.now()).time_since_epoch().count();
  add("as it is", "Bearer " + bench.token());
  add("the scheme in small letters", "bearer " + bench.token());
  add("the last second of the skew", with("exp", now - 300));
  add("the first second of the skew", with("nbf", now + 300));
  add("a claim that we don't know", with("tid", Json::array({1, 2})));
  add("a header without type",
      "Bearer " +
          keys::signed_by(keys::connector(), R"({"alg":"RS256","kid":"connector-key"})", core::dump(bench.claims())));
  activities::Place place;
  place.service = "https://SMBA.trafficmanager.net/emea";
  add("letter case and the last slash of the service URL aside", "Bearer " + bench.token(), place);
  for (auto const& row : rows) {
    CAPTURE(row.name);
    auto const before = bench.sink.commands.size();
    CHECK_FALSE(answer_to(bench, row));  // it waits for the engine
    CHECK(bench.sink.commands.size() == before + 1);
  }
}
