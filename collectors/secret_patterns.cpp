#include "collectors/secret_patterns.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string>

namespace collectors {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }
bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return is_alnum(c) || c == '_'; }

std::size_t skip_blanks(std::string_view line, std::size_t at) {
  while (at < line.size() && is_blank(line[at])) ++at;
  return at;
}

// Colour codes between a key and its value, raw or already made visible: ESC [ 0-9; m.
std::size_t skip_colours(std::string_view line, std::size_t at) {
  while (at < line.size()) {
    auto next = at;
    if (line[next] == '\x1b') {
      next += 1;
    } else if (line.substr(next, 4) == "\\x1b") {
      next += 4;
    } else {
      return at;
    }
    if (next >= line.size() || line[next] != '[') return at;
    ++next;
    while (next < line.size() && (std::isdigit(static_cast<unsigned char>(line[next])) != 0 || line[next] == ';'))
      ++next;
    if (next >= line.size() || line[next] != 'm') return at;
    at = skip_blanks(line, next + 1);
  }
  return at;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Stands where a secret would stand, but is none: a word, a reference, a mask.
bool is_placeholder(std::string_view value) {
  if (value.size() > 64) return false;
  static constexpr auto kWords = std::to_array<std::string_view>(
      {"null", "none", "nil", "true", "false", "undefined", "missing", "required", "invalid", "expired", "empty",
       "unset", "[redacted]", "redacted", "<redacted>", "(redacted)"});
  auto const low = lower(value);
  if (std::ranges::find(kWords, low) != kWords.end()) return true;
  if (std::ranges::none_of(value, [](char c) { return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80; })) {
    return true;  // "***", "}", "..."
  }
  auto const wrapped = [&](std::string_view left, std::string_view right) {
    if (!value.starts_with(left) || !value.ends_with(right) || value.size() < left.size() + right.size()) return false;
    auto const inside = value.substr(left.size(), value.size() - left.size() - right.size());
    return std::ranges::all_of(inside, [](char c) { return is_word(c) || c == '.' || c == ' ' || c == '-'; });
  };
  return wrapped("${", "}") || wrapped("{{", "}}") || wrapped("<", ">") || wrapped("%(", ")s") || wrapped("$(", ")");
}

// "…" with backslash escapes; the closing quote may be missing (the text was cut).
Extent quoted(std::string_view line, std::size_t open) {
  auto at = open + 1;
  while (at < line.size() && line[at] != line[open])
    at += line[at] == '\\' && at + 1 < line.size() ? std::size_t{2} : std::size_t{1};
  return {open + 1, std::min(at, line.size())};
}

// \"…\" as in JSON within JSON; ends at the next quote of the kind, without the backslashes before it.
Extent escaped_quoted(std::string_view line, std::size_t open) {
  auto end = line.find(line[open], open + 1);
  if (end == std::string_view::npos) return {open + 1, line.size()};
  while (end > open + 1 && line[end - 1] == '\\') --end;
  return {open + 1, end};
}

// Up to a blank or quote; what follows & ; or , is kept when it is plainly the next assignment ("…;Database=app").
Extent unquoted(std::string_view line, std::size_t begin) {
  auto at = begin;
  for (; at < line.size() && !is_blank(line[at]) && line[at] != '"' && line[at] != '\'' && line[at] != '\r'; ++at) {
    if (at == begin || (line[at] != '&' && line[at] != ';' && line[at] != ',')) continue;
    auto next = at + 1;
    while (next < line.size() && next - at <= 64 && (is_word(line[next]) || line[next] == '-' || line[next] == '.'))
      ++next;
    bool const another = next > at + 1 && next < line.size() && (line[next] == '=' || line[next] == ':');
    if (another || next >= line.size() || (next == at + 1 && is_blank(line[next]))) break;
  }
  // Brackets and commas that close what the assignment stands in, not the value: {password: abc}, (token=abc),
  auto end = at;
  auto const opened_here = [&](char closing) {
    char const opening = closing == ')' ? '(' : closing == ']' ? '[' : closing == '}' ? '{' : '<';
    return line.substr(begin, std::min<std::size_t>(end - begin, 256)).find(opening) != std::string_view::npos;
  };
  while (end > begin + 1) {
    char const last = line[end - 1];
    bool const bracket = last == ')' || last == ']' || last == '}' || last == '>';
    if (last != ',' && last != ';' && (!bracket || opened_here(last))) break;
    --end;
  }
  // A whole "[redacted]" that an earlier pass put here keeps its bracket.
  if (line.substr(begin).starts_with("[redacted]")) end = std::max(end, begin + 10);
  return {begin, std::max(end, begin)};
}

}  // namespace

std::optional<Extent> assigned_value(std::string_view line, Extent match) {
  auto const start = skip_colours(line, skip_blanks(line, match.end));
  if (start >= line.size()) return std::nullopt;
  Extent value;
  if (match.end > 0 && line[match.end - 1] == '>' && (match.end < 2 || line[match.end - 2] != '=')) {
    value = {start, std::min(line.find('<', start), line.size())};  // <password>…</password>
  } else if (is_quote(line[start])) {
    value = quoted(line, start);
  } else if (line[start] == '\\') {
    auto const open = std::min(line.find_first_not_of('\\', start), line.size());
    value = open < line.size() && is_quote(line[open]) ? escaped_quoted(line, open) : unquoted(line, start);
  } else if (line[start] == '[' && start + 1 < line.size() && is_quote(line[start + 1])) {
    value = {start, std::min(line.find(']', start), line.size() - 1) + 1};  // a list of strings
  } else if (line[start] == '{' && line.substr(start, 2) != "{{") {
    return std::nullopt;  // an object: its members speak for themselves
  } else {
    value = unquoted(line, start);
  }
  if (value.begin >= value.end) return std::nullopt;
  if (is_placeholder(line.substr(value.begin, value.end - value.begin))) return std::nullopt;
  return value;
}

namespace {

// PWD=/home/x is a folder; pwd=hunter2 is not.
std::optional<Extent> pwd_value(std::string_view line, Extent match) {
  auto const value = assigned_value(line, match);
  if (value && (line[value->begin] == '/' || line[value->begin] == '~')) return std::nullopt;
  return value;
}

// Authorization: SCHEME CREDENTIALS. The scheme stays; without a known one all of it goes.
std::optional<Extent> authorization_value(std::string_view line, Extent match) {
  auto begin = skip_colours(line, skip_blanks(line, match.end));
  while (begin < line.size() && line[begin] == '\\') ++begin;
  auto end = line.size();
  if (begin < line.size() && is_quote(line[begin])) {
    end = std::min(line.find(line[begin], begin + 1), line.size());
    ++begin;
  } else {
    end = std::min(line.find_first_of("\"'`", begin), line.size());
  }
  while (end > begin && (is_blank(line[end - 1]) || line[end - 1] == '\\' || line[end - 1] == '\r')) --end;
  auto word = begin;
  while (word < end && (is_alnum(line[word]) || line[word] == '-')) ++word;
  static constexpr auto kSchemes =
      std::to_array<std::string_view>({"basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "hmac",
                                       "sharedaccesssignature", "splunk", "aws4-hmac-sha256", "key", "oauth", "mac"});
  if (word < end && is_blank(line[word]) &&
      std::ranges::find(kSchemes, lower(line.substr(begin, word - begin))) != kSchemes.end()) {
    // Parameters may be quoted themselves: Digest username="bob", response="…"
    if (line.substr(word, end - word + 1).ends_with("=\"")) end = line.size();
    begin = skip_blanks(line, word);
  }
  if (begin >= end || is_placeholder(line.substr(begin, end - begin))) return std::nullopt;
  return Extent{begin, end};
}

// All pairs of a Cookie or Set-Cookie header; in prose or a key=value log one word. Attributes go with it.
std::optional<Extent> cookie_value(std::string_view line, Extent match) {
  auto begin = skip_blanks(line, match.end);
  while (begin < line.size() && (line[begin] == '\\' || is_quote(line[begin]))) ++begin;
  auto at = begin;
  while (at < line.size()) {
    auto const stop = line.find_first_of("; \t\"'`\r", at);
    at = std::min(stop, line.size());
    if (at >= line.size() || line[at] != ';') break;
    auto const next = skip_blanks(line, at + 1);
    if (next >= line.size()) break;
    at = next;
  }
  if (begin >= at || is_placeholder(line.substr(begin, at - begin))) return std::nullopt;
  return Extent{begin, at};
}

// "Basic dXNlcjpwYXNz" anywhere; "basic internationalization" is no credential: it doesn't decode to user:password.
std::optional<Extent> basic_value(std::string_view line, Extent match) {
  std::uint32_t bits = 0;
  int have = 0;
  for (auto at = match.begin; at < match.end; ++at) {
    static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    auto const digit = kAlphabet.find(line[at]);
    if (digit == std::string_view::npos) break;
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    if ((have += 6) < 8) continue;
    have -= 8;
    auto const byte = (bits >> have) & 0xFFu;
    if (byte == ':') return match;
    if (byte < 0x20 || byte > 0x7E) return std::nullopt;
  }
  return std::nullopt;
}

// Base64 of "-----BEGIN …": a certificate or a public key is none.
std::optional<Extent> encoded_pem(std::string_view line, Extent match) {
  auto const head = line.substr(match.begin, std::min<std::size_t>(match.end - match.begin, 40));
  if (head.find("DRVJUSUZJ") != std::string_view::npos || head.find("BQVUJMSUM") != std::string_view::npos) {
    return std::nullopt;
  }
  return match;
}

// The password of scheme://user:password@host where it may hold a slash: host:8080/path/me@example.org has none.
std::optional<Extent> url_password(std::string_view line, Extent match) {
  auto const value = line.substr(match.begin, match.end - match.begin);
  auto const digits = std::min(value.find_first_not_of("0123456789"), value.size());
  if (digits > 0 && digits < value.size() && value[digits] == '/') return std::nullopt;
  if (is_placeholder(value)) return std::nullopt;
  return match;
}

std::optional<Extent> unless_placeholder(std::string_view line, Extent match) {
  if (is_placeholder(line.substr(match.begin, match.end - match.begin))) return std::nullopt;
  return match;
}

// Key words may stand at the end of a longer name (SLACK_BOT_TOKEN); what may follow them is listed, so that
// max_tokens and token_count stay. The separator may be quoted, coloured or percent-encoded.
#define CS_SEPARATOR R"((?:\\*["'`])?(?:\x1b\[[0-9;]*m|\\x1b\[[0-9;]*m)*[ \t]*(?::?=>?|=~|==|:|>|%3[dDaA]))"

constexpr auto kBuiltIn = std::to_array<BuiltIn>({
    // Sources of the token shapes: the vendors' own pages on token formats and secret scanning.
    {"aws-access-key-id", R"(\b(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA|A3T[A-Z0-9])[A-Z0-9]{16}\b)"},
    {"slack-token", R"(xox[a-z](?:\.xox[a-z])?-[0-9A-Za-z-]{8,})"},
    {"slack-app-token", R"(xapp-[0-9A-Za-z]{1,4}-[0-9A-Za-z-]{8,})"},
    {"slack-hook", R"(hooks\.slack(?:-gov)?\.com\\?/([0-9A-Za-z]+\\?/[^\s"'<>`)\]]+))", 1},
    {"url-ticket",
     R"((?i)(?:[?&]|\\u0026|%26|%3f|&amp;)(?:ticket|sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|sr_token|sb-hc-token|access_token|auth)(?:=|%3d)([^\s&"'<>`\\]+))",
     1, unless_placeholder},
    {"github-token", R"(gh[pousr]_[0-9A-Za-z]{16,}|github_pat_[0-9A-Za-z_]{20,})"},
    {"gitlab-token", R"(gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct|rtr)-[0-9A-Za-z_.-]{16,})"},
    {"jwt", R"(eyJ[0-9A-Za-z_=-]{8,}\.[0-9A-Za-z_=-]{4,}(?:\.[0-9A-Za-z_.+/=-]*)?)"},
    {"google-key", R"(AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{16,}|GOCSPX-[0-9A-Za-z_-]{16,})"},
    {"stripe-key", R"((?:sk|rk)_(?:live|test)_[0-9A-Za-z]{10,}|whsec_[0-9A-Za-z+/=]{16,})"},
    {"npm-token", R"(npm_[0-9A-Za-z]{30,})"},
    {"pypi-token", R"(pypi-[0-9A-Za-z_-]{50,})"},
    {"vault-token", R"(\bhv[sbr]\.[0-9A-Za-z_-]{20,})"},
    {"matrix-token", R"(\bsy[rt]_[0-9A-Za-z=_-]{16,})"},
    {"sendgrid-key", R"(SG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,})"},
    {"age-key", R"(AGE-SECRET-KEY-1[0-9A-Z]{20,})"},
    {"password-hash", R"(\$(?:1|5|6|7|y|gy|2[abxy]|argon2id?|scrypt)\$[./0-9A-Za-z$=,+-]{20,})"},
    {"private-key-base64", R"(LS0tLS1CRUdJTi[0-9A-Za-z+/=_-]{8,})", 0, encoded_pem},
    {"authorization", R"((?i)\b(?:proxy-)?authorization)" CS_SEPARATOR, 0, authorization_value},
    {"bearer", R"((?i)\bbearer[ \t]+([0-9A-Za-z._~+/-]{20,}=*))", 1},
    {"basic", R"((?i)\bbasic[ \t]+([0-9A-Za-z+/]{8,}={0,2}))", 1, basic_value},
    {"cookie", R"((?i)\b(?:set-)?cookie)" CS_SEPARATOR, 0, cookie_value},
    {"url-password", R"([A-Za-z][0-9A-Za-z+.-]*:(?:\\?/){2}[^\s/:@"'<>`\\]*:([^\s/"'<>`]+)@)", 1, unless_placeholder},
    {"url-user-token", R"(https?:(?:\\?/){2}([0-9A-Za-z_.-]{20,})@)", 1},
    {"connection-string",
     R"((?i)(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|sqlserver|ldaps?|smtps?|ftps?|nats|kafka)(?:\+[a-z0-9]+)?://[^\s/:@"'<>`]*:([^\s"'<>`]+)@)",
     1, url_password},
    {"command-option",
     R"((?i)(?:^|[ \t"'])--?[a-z-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key)[ \t]+["']?([^\s"'-][^\s"']*))",
     1, unless_placeholder},
    {"user-option", R"((?:^|[ \t])(?:-u|--user|--proxy-user)[ =]?["']?[A-Za-z_][^\s:"'/]*:([^\s"']+))", 1,
     unless_placeholder},
    {"netrc", R"((?i)\blogin[ \t]+\S+[ \t]+password[ \t]+(\S+))", 1, unless_placeholder},
    {"assignment",
     R"((?i)(?:password|passwd|passphrase|passcode|secret|token|credentials?|api[_-]?key|apikey|access[_-]?key|account[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|[_-]pass|[_-]auth|authkey)(?:[_-]?(?:key|value|hash|b64|base64|plain|text|access[_-]?key)|[_-]?[0-9]{1,4})?)" CS_SEPARATOR,
     0, assigned_value},
    {"assignment-pwd", R"((?i)\bpwd)" CS_SEPARATOR, 0, pwd_value},
});
#undef CS_SEPARATOR

}  // namespace

std::span<BuiltIn const> built_in_patterns() { return kBuiltIn; }

}  // namespace collectors
