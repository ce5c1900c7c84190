// An http step's own process: reads its token, sends what was approved, shows what came back.
#include "bot/runbooks/http_child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "bot/core/probe_body.hpp"
#include "bot/core/text.hpp"
#include "bot/net/dial_rules.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/url.hpp"
#include "bot/process/fd.hpp"

namespace runbooks {
namespace {

constexpr std::size_t kMaxToken = 16u << 10;
constexpr std::size_t kMinToken = 8;          // a shorter one could not be told from other text when it is blanked
constexpr net::Duration kAfterDeadline{500};  // the client's own deadline comes first

void print(std::string_view text) {
  while (!text.empty()) {
    auto const count = ::write(STDOUT_FILENO, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

int say(int code, std::string const& line) {
  print(core::visible_text(line) + "\n");
  return code;
}

// The token of a file: its first line. Nobody but this account, its group and root may be able to change or read it.
core::Result<std::string> read_token(std::string const& path) {
  auto const no = [&](std::string why) {
    return core::make_error(core::Errc::forbidden, "The token in " + path + " can't be used: " + std::move(why) + ".");
  };
  process::Fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return no("the file can't be opened by this runner's account");
  if (!S_ISREG(status.st_mode)) return no("it is no plain file");
  if ((status.st_mode & 0007) != 0) return no("others may read or write the file: chmod it to 0600 or 0640");
  std::string token(kMaxToken + 1, '\0');
  auto const count = ::read(file.get(), token.data(), token.size());
  if (count < 0) return no("the file can't be read");
  token.resize(static_cast<std::size_t>(count));
  if (token.size() > kMaxToken) return no("the file is too large for a token");
  while (token.ends_with('\n') || token.ends_with('\r') || token.ends_with(' ')) token.pop_back();
  // RFC 6750 section 2.1: b64token, and nothing that could end the header.
  if (token.size() < kMinToken || !std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; }))
    return no("it must be one line of at least 8 characters without blanks");
  return token;
}

int hex_value(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// How one character is written at the beginning of a text: as it is, in JSON ("\/", "\u002f") or in a URL ("%2F").
struct Written {
  char character;
  std::size_t length;
};
Written read_escaped(std::string_view text) {
  auto const hex = [&](std::size_t from, std::size_t digits) -> std::optional<char> {
    if (text.size() < from + digits) return std::nullopt;
    int value = 0;
    for (auto const digit : text.substr(from, digits)) {
      if (hex_value(digit) < 0) return std::nullopt;
      value = value * 16 + hex_value(digit);
    }
    return value < 0x80 ? std::optional(static_cast<char>(value)) : std::nullopt;
  };
  if (text.front() == '%') {
    if (auto const character = hex(1, 2)) return {*character, 3};
  } else if (text.front() == '\\' && text.size() > 1) {
    if (text[1] == '/' || text[1] == '\\' || text[1] == '"') return {text[1], 2};
    if (text[1] == 'u') {
      if (auto const character = hex(2, 4)) return {*character, 6};
    }
  }
  return {text.front(), 1};
}

// The length of the secret as it stands there, in whatever mixture of those forms; 0: it doesn't.
std::size_t stands_at(std::string_view text, std::string_view secret) {
  auto rest = text;
  for (auto const wanted : secret) {
    if (rest.empty()) return 0;
    auto const found = read_escaped(rest);
    if (found.character != wanted) return 0;
    rest.remove_prefix(found.length);
  }
  return text.size() - rest.size();
}

void blank(std::string& text, std::string const& secret) {
  if (secret.empty()) return;
  constexpr std::string_view kBlank = "[redacted]";
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), kBlank);
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    if (auto const length = stands_at(rest, secret); length > 0) {
      out += kBlank;
      rest.remove_prefix(length);
    } else {
      out += rest.front();
      rest.remove_prefix(1);
    }
  }
  text = std::move(out);
}

// Whether a piece of the secret is left that is long enough to be no accident: cut, or escaped more than once.
bool holds_piece(std::string text, std::string const& secret) {
  constexpr std::size_t kPiece = 12;
  constexpr int kMostTimes = 3;  // escaped over again
  auto const length = std::min(kPiece, secret.size());
  if (length == 0) return false;
  std::unordered_set<std::string_view> pieces;
  for (std::size_t at = 0; at + length <= secret.size(); ++at)
    pieces.insert(std::string_view(secret).substr(at, length));
  for (int times = 0; times <= kMostTimes; ++times) {
    for (std::size_t at = 0; at + length <= text.size(); ++at) {
      if (pieces.contains(std::string_view(text).substr(at, length))) return true;
    }
    std::string plain;
    for (std::string_view rest = text; !rest.empty();) {
      auto const next = read_escaped(rest);
      plain += next.character;
      rest.remove_prefix(next.length);
    }
    if (plain == text) return false;
    text = std::move(plain);
  }
  return false;
}

std::string expected_words(core::HttpCall const& call) {
  if (call.expect_status.empty()) return "2xx";
  std::string words;
  for (auto const status : call.expect_status) words += (words.empty() ? "" : " or ") + std::to_string(status);
  return words;
}

bool is_expected(core::HttpCall const& call, unsigned status) {
  return call.expect_status.empty() ? status / 100 == 2
                                    : std::ranges::find(call.expect_status, status) != call.expect_status.end();
}

int judge(core::HttpCall const& call, net::HttpResponse response, std::string const& token) {
  auto const what = call.method + " " + call.url + " answered " + std::to_string(response.status);
  // Compressed though we never ask for it: not inflated, whatever it may grow to (T65).
  auto const coding = response.header("Content-Encoding").value_or("identity");
  bool const plain = coding == "identity" || coding.empty();
  if (plain) {
    blank(response.body, token);
    if (holds_piece(response.body, token))
      say(0, "[its " + std::to_string(response.body.size()) +
                 " bytes hold a part of the token, or the token in another form, and are not shown]");
    else if (!response.body.empty())
      print(response.body.ends_with('\n') ? response.body : response.body + "\n");
  } else {
    say(0, "[" + std::to_string(response.body.size()) + " bytes coded as " + core::one_line(coding, 40) +
               " are not shown]");
  }
  if (!is_expected(call, response.status)) {
    bool const moved = response.status / 100 == 3;
    return say(kHttpNot, what + ", not " + expected_words(call) + (moved ? "; redirects are not followed." : "."));
  }
  if (call.expect_body.empty()) return say(kHttpGood, what + ".");
  if (!plain) return say(kHttpNot, what + ", but its body is compressed and was not looked into.");
  core::BodyPattern const pattern(call.expect_body);
  if (!pattern.problem().empty())
    return say(kHttpUsage, "The expected body is no regular expression: " + pattern.problem() + ".");
  if (!pattern.found_in(response.body)) return say(kHttpNot, what + ", but its body does not match.");
  return say(kHttpGood, what + ", and its body matches.");
}

}  // namespace

std::vector<std::string> http_call_arguments(core::HttpCall const& call, core::Duration timeout) {
  std::vector<std::string> words{"call", std::to_string(timeout.count()), core::dump(core::to_json(call))};
  // One argument of a program has 128 KiB at most (execve(2)); quoting can make six bytes of one.
  constexpr std::size_t kMaxArgument = 100 * 1024;
  auto rest = std::move(words.back());
  words.pop_back();
  for (; rest.size() > kMaxArgument; rest.erase(0, kMaxArgument)) words.push_back(rest.substr(0, kMaxArgument));
  words.push_back(std::move(rest));
  return words;
}

int run_http_call(std::span<std::string const> arguments) {
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // steps of other runs of this account can't read the token out of us
  std::int64_t timeout = 0;
  std::string text;
  for (auto const& part : arguments.subspan(std::min<std::size_t>(2, arguments.size()))) text += part;
  bool good = arguments.size() >= 3;
  if (good) {
    auto const& number = arguments[1];
    auto const [end, error] = std::from_chars(number.data(), number.data() + number.size(), timeout);
    good = error == std::errc{} && end == number.data() + number.size() && timeout > 0;
  }
  auto const json = core::parse_json(text, {.max_bytes = 1u << 20, .max_string = 1u << 20});
  if (!good || !json) return say(kHttpUsage, "There is no such call.");
  auto const read =
      core::read_strictly("the call", [&] { return core::read_http_call(core::ObjectReader(*json, "call")); });
  if (!read) return say(kHttpUsage, read.error().message);
  auto const& call = *read;

  std::string token;
  net::HttpRequest request{.method = call.method, .url = call.url, .headers = {}, .body = call.body};
  for (auto const& [name, value] : call.headers) request.headers.emplace_back(name, value);
  if (!call.bearer.empty()) {
    auto found = read_token(call.bearer);
    if (!found) return say(kHttpNot, found.error().message);
    token = std::move(*found);
    request.headers.emplace_back("Authorization", "Bearer " + token);
  }
  request.timeout = net::Duration{timeout};
  request.max_response_bytes = call.max_bytes;

  net::Io io;
  std::optional<net::Result<net::HttpResponse>> answer;
  // A name that leads where clouds keep a machine's secrets is refused; a URL that means it names the address (T50).
  auto const client =
      net::make_http_client(io, {},
                            {.why_not =
                                 [](std::string const& host, std::uint16_t, std::string const& address) {
                                   return host == address || !net::is_metadata_address(address)
                                              ? std::string()
                                              : "it leads to " + address + ", where clouds keep a machine's secrets";
                                 },
                             .patient = true});
  client->request(std::move(request), [&](net::Result<net::HttpResponse> given) { answer.emplace(std::move(given)); });
  io.run_until([&] { return answer.has_value(); }, net::Duration{timeout} + kAfterDeadline);
  auto const what = call.method + " " + call.url;
  if (!answer) return say(kHttpTimedOut, what + " was not answered in time.");
  if (*answer) return judge(call, std::move(**answer), token);
  auto why = answer->error().text;
  blank(why, token);
  if (holds_piece(why, token)) why = "it failed, and the reason holds a part of the token.";
  if (answer->error().sent_maybe) why += " It was sent; whether it was carried out is unknown.";
  return say(answer->error().code == net::Errc::timed_out ? kHttpTimedOut : kHttpNot, what + ": " + why);
}

}  // namespace runbooks
