#include "tests/unit/collectors/planted.hpp"

#include <algorithm>
#include <functional>

namespace collectors_test {

namespace {

constexpr std::size_t kWindow = 12;
constexpr char const* kAlnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

std::string base64(std::string const& bytes, std::size_t wrap) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::size_t column = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += at + i > bytes.size() ? '=' : kAlphabet[(bits >> (18 - 6 * i)) & 63U];
      if (wrap != 0 && ++column % wrap == 0) out += '\n';
    }
  }
  return out;
}

// Each byte as two digits behind `before`: "%41", "\\u0041", "41".
std::string each_byte(std::string const& bytes, std::string const& before, char const* digits) {
  std::string out;
  for (char const c : bytes) {
    auto const byte = static_cast<unsigned char>(c);
    out += before;
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}
constexpr char const *kLower = "0123456789abcdef", *kUpper = "0123456789ABCDEF";

std::string json_escaped(std::string const& text) {
  std::string out;
  for (char const c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

std::string Planter::letters(std::size_t count, char const* alphabet) {
  std::string_view const set = alphabet;
  std::string out;
  while (out.size() < count) out += set[random_() % set.size()];
  return out;
}
std::string Planter::alnum(std::size_t count) { return letters(count, kAlnum); }

Planter::Plain Planter::plain(std::size_t kind) {
  auto const a = [&](std::size_t count) { return alnum(count); };
  std::vector<std::function<Plain()>> const makers{
      [&] {
        return Plain{"aws", "key id ", "AKIA" + letters(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), " used", true};
      },
      [&] {
        return Plain{"slack", "bot ", "xoxb-" + letters(12, "0123456789") + "-" + a(24), "", true};
      },
      [&] {
        return Plain{"slack-app", "app ", "xapp-1-A0" + a(9) + "-" + a(40), ".", true};
      },
      [&] {
        return Plain{"github", "cloning with ", "ghp_" + a(36), " ok", true};
      },
      [&] {
        return Plain{"gitlab", "runner ", "glpat-" + a(20), "", true};
      },
      [&] {
        return Plain{"jwt", "got ", "eyJ" + a(30) + ".eyJ" + a(40) + "." + a(43), "", true};
      },
      [&] {
        return Plain{"google", "maps ", "AIza" + a(35), "", true};
      },
      [&] {
        return Plain{"stripe", "pay ", "sk_live_" + a(24), "", true};
      },
      [&] {
        return Plain{"npm", "", "npm_" + a(36), "", true};
      },
      [&] {
        return Plain{"vault", "login ", "hvs." + a(40), "", true};
      },
      [&] {
        return Plain{"matrix", "hs ", "syt_Ym9i_" + a(20) + "_0" + a(5), "", true};
      },
      [&] {
        return Plain{"sendgrid", "mail ", "SG." + a(22) + "." + a(43), "", true};
      },
      [&] {
        return Plain{"bearer", "> Authorization: Bearer ", a(40), "", false};
      },
      [&] {
        return Plain{"cookie", "Set-Cookie: sid=", a(32), "; Path=/", false};
      },
      [&] {
        return Plain{"url", "fetch https://bob:", a(20), "@git.example.org/x.git failed", false};
      },
      [&] {
        return Plain{"connection", "dsn postgres://app:", a(18), "@db:5432/app", false};
      },
      [&] {
        return Plain{"option", "deploy --token ", a(24), " --force", false};
      },
      [&] {
        return Plain{"netrc", "machine h login bob password ", a(16), "", false};
      },
      [&] {
        return Plain{"password", "password=", a(16), " user=bob", false};
      },
      [&] {
        return Plain{"env", "DB_PASSWORD='", a(20), "'", false};
      },
      [&] {
        return Plain{"json", R"({"user":"bob","client_secret":")", a(24), R"(","n":1})", false};
      },
      [&] {
        return Plain{"yaml", "api_key: ", a(32), "", false};
      },
      [&] {
        return Plain{"xml", "<password>", a(20), "</password>", false};
      },
      [&] {
        return Plain{"header", "x-api-key: ", a(32), "", false};
      },
      [&] {
        std::string body;
        for (int line = 0; line < 4; ++line) body += a(64) + "\n";
        return Plain{"pem", "", "-----BEGIN PRIVATE KEY-----\n" + body + "-----END PRIVATE KEY-----", "", true};
      },
  };
  return makers[kind % makers.size()]();
}

Planted Planter::next() {
  static constexpr std::size_t kKinds = 25, kDresses = 11;
  auto const turn = turn_++;
  auto const secret = plain(turn % kKinds);
  auto const whole = secret.before + secret.secret + secret.after;
  Planted planted{.kind = secret.kind, .dress = "plain", .text = whole, .gone = lines_of(secret.secret)};
  auto const as_run = [&](char const* dress, std::string run) {
    planted.dress = dress;
    planted.gone = lines_of(run);
    planted.text = "data " + std::move(run) + " end";
  };
  auto const by_byte = [&](char const* dress, char const* before, char const* digits, std::string const& quote) {
    planted.dress = dress;
    planted.gone = {each_byte(secret.secret, before, digits)};
    planted.bytes_each = std::string(before).size() + 2;
    planted.text = "data " + quote + each_byte(whole, before, digits) + quote + " end";
  };
  switch ((turn / kKinds) % kDresses) {
    case 1:  // over two lines, somewhere inside; an assignment's value on the line below
      if (secret.kind == "pem") break;
      planted.dress = "split";
      if (secret.has_form) {
        auto const at = 10 + random_() % (secret.secret.size() - 14);
        planted.text = secret.before + secret.secret.substr(0, at) + "\n  " + secret.secret.substr(at) + "\n";
        planted.gone = {secret.secret.substr(0, at), secret.secret.substr(at)};
      } else if (secret.kind == "yaml" || secret.kind == "password" || secret.kind == "header") {
        planted.text = secret.before + "\n    " + secret.secret + "\n";
      }
      break;
    case 2: as_run("base64", base64(whole, 0)); break;
    case 3: as_run("base64-76", "\n" + base64(whole + "\n" + std::string(100, '.'), 76)); break;
    case 4: as_run("hex", each_byte(whole, "", kLower)); break;
    case 5: by_byte("percent", "%", kUpper, ""); break;
    case 6:
      planted.dress = "form";
      planted.text = "body=" + secret.before + secret.secret + secret.after;
      for (auto const& [from, to] : std::vector<std::pair<char, std::string>>{{'%', "%25"},
                                                                              {' ', "%20"},
                                                                              {'=', "%3D"},
                                                                              {':', "%3A"},
                                                                              {'/', "%2F"},
                                                                              {'"', "%22"},
                                                                              {'\'', "%27"},
                                                                              {'<', "%3C"},
                                                                              {'>', "%3E"},
                                                                              {'{', "%7B"},
                                                                              {'}', "%7D"},
                                                                              {',', "%2C"},
                                                                              {';', "%3B"}}) {
        for (auto at = planted.text.find(from); at != std::string::npos; at = planted.text.find(from, at + 3)) {
          planted.text.replace(at, 1, to);
        }
      }
      if (secret.kind == "pem") planted.text = whole;
      break;
    case 7: by_byte("json-u", "\\u00", kLower, "\""); break;
    case 8:
      planted.dress = "json";
      planted.text = R"({"level":"info","msg":")" + json_escaped(whole) + R"(","n":1})";
      planted.gone = lines_of(secret.secret);
      break;
    case 9: as_run("json-in-base64", base64(R"({"msg":")" + json_escaped(whole) + R"("})", 0)); break;
    case 10: as_run("base64-twice", base64(base64(whole, 0), 0)); break;
    default: break;
  }
  return planted;
}

std::string Planter::noise() {
  static constexpr char const* kLines[] = {"2026-11-21T09:59:58Z GET /healthz 200 3 ms", "worker 7 took job 4711",
                                           "[info] cache: 318 hits, 2 misses", "", "connection from 10.0.0.7:4243"};
  return kLines[random_() % std::size(kLines)];
}

Leaks::Leaks(std::string const& output) : output_(output) {
  for (std::size_t at = 0; at + kWindow <= output.size(); ++at) seen_.insert(output.substr(at, kWindow));
}

std::string Leaks::of(std::string const& secret, std::size_t bytes_each) const {
  auto const window = kWindow * bytes_each;
  for (std::size_t at = 0; at + window <= secret.size(); at += bytes_each) {
    auto const part = secret.substr(at, window);
    if (seen_.contains(part.substr(0, kWindow)) && output_.find(part) != std::string::npos) return part;
  }
  return {};
}

}  // namespace collectors_test
