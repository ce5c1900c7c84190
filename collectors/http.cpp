#include "collectors/http.hpp"

#include <algorithm>
#include <optional>

#include "bot/core/json.hpp"
#include "bot/core/text.hpp"
#include "bot/net/io.hpp"
#include "bot/net/url.hpp"

namespace collectors {
namespace {

constexpr std::size_t kMaxBody = 4u << 20;  // read at most, whatever is shown
constexpr std::size_t kMaxIndented = 32;    // levels

std::string reason_of(unsigned status) {
  switch (status / 100) {
    case 2: return "ok";
    case 3: return "a redirect, which is not followed";
    case 4: return "refused";
    case 5: return "the server failed";
    default: return "unknown";
  }
}

void blank_out(std::string& text, std::string const& secret) {
  if (secret.size() < 4) return;
  for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), "[redacted]");
    at += 10;
  }
}

class HttpCollector final : public Collector {
 public:
  explicit HttpCollector(HttpSettings settings) : settings_(std::move(settings)) {}

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    auto const url = expand_url(settings_.url, context.labels);
    if (!url) {
      exhibit.error = url.error().message;
      return exhibit;
    }
    std::string bearer;
    if (settings_.bearer) {
      auto secret = settings_.bearer();
      if (!secret) {
        exhibit.error = secret.error().message;
        return exhibit;
      }
      bearer = std::move(*secret);
    }
    ask(*url, bearer, context, exhibit);
    blank_out(exhibit.error, bearer);
    blank_out(exhibit.bytes, bearer);
    std::fill(bearer.begin(), bearer.end(), '\0');
    return exhibit;
  }

 private:
  void ask(std::string const& url, std::string const& bearer, Context const& context, core::Exhibit& exhibit) const {
    // A loop of our own on this worker: it ends with the call, and nothing else waits for it.
    net::Io io;
    std::string answered_by;
    auto const limit = std::min(settings_.timeout, context.deadline) * 9 / 10;
    net::DialRules const rules{.why_not =
                                   [&](std::string const& host, std::uint16_t port, std::string const& address) {
                                     auto why = settings_.allow.why_not(host, port, address);
                                     if (why.empty()) answered_by = address;
                                     return why;
                                   },
                               .resolve = settings_.resolve};
    std::unique_ptr<net::HttpClient> client;
    try {
      client = net::make_http_client(
          io, {.tls = {.extra_ca_file = settings_.extra_ca_file}, .max_connections_per_origin = 1}, rules);
    } catch (std::exception const& problem) {  // extra_ca_file
      exhibit.error = problem.what();
      return;
    }
    net::HttpRequest request{
        .url = url,
        .headers = {{"Accept", "application/json, text/plain;q=0.9, */*;q=0.1"}, {"Accept-Encoding", "identity"}},
        .timeout = limit,
        .max_response_bytes = kMaxBody};
    if (!bearer.empty()) request.headers.emplace_back("Authorization", "Bearer " + bearer);
    std::optional<net::Result<net::HttpResponse>> answer;
    client->request(std::move(request), [&](net::Result<net::HttpResponse> result) { answer = std::move(result); });
    io.run_until([&] { return answer.has_value(); }, limit + std::chrono::milliseconds(200));
    if (!answer) {
      exhibit.error = "There was no answer within " + core::format_duration(limit) + ".";
    } else if (!*answer) {
      exhibit.error = answer->error().text;
    } else {
      // Before anything is cut: half a token would not be known as one.
      auto& given = **answer;
      auto const size = given.body.size();
      blank_out(given.body, bearer);
      for (auto& [name, value] : given.headers) blank_out(value, bearer);
      show(std::move(given), size, answered_by, context, exhibit);
    }
  }

  void show(net::HttpResponse answer, std::size_t size, std::string const& address, Context const& context,
            core::Exhibit& exhibit) const {
    auto text = "HTTP " + std::to_string(answer.status) + " (" + reason_of(answer.status) + "), from " + address;
    auto const type = std::string(answer.header("Content-Type").value_or("no content type"));
    text += ", " + core::one_line(type, 100) + ", " + std::to_string(size) + " bytes\n";
    if (auto const place = answer.header("Location"); place && answer.status / 100 == 3)
      text += "Location: " + core::one_line(*place, 300) + "\n";
    auto const coding = answer.header("Content-Encoding");
    auto const total = text.size() + size;
    if (coding && *coding != "identity" && !coding->empty()) {
      // Asked for none: what inflates without a limit of its own choosing is not inflated at all (T65).
      exhibit.error = "The answer is compressed (" + core::one_line(*coding, 40) +
                      ") although none was asked for, so its body is not shown.";
      exhibit.bytes = std::move(text);
      exhibit.total_bytes = total;
      return;
    }
    text += "\n" + (type.find("json") == std::string::npos ? std::move(answer.body) : indent_json(answer.body));
    fill_text(exhibit, std::move(text), total, context, settings_.max_bytes, Keep::head);
  }

  HttpSettings settings_;
};

}  // namespace

core::Result<std::string> expand_url(std::string_view url, std::map<std::string, std::string> const& labels) {
  auto const host = url.find("://");
  auto const path = host == std::string_view::npos ? host : url.find_first_of("/?", host + 3);
  if (auto const open = url.find("{{");
      open != std::string_view::npos && (path == std::string_view::npos || open < path)) {
    return core::make_error(core::Errc::bad_input, "A '{{' may stand behind the URL's host only.");
  }
  std::map<std::string, std::string> encoded;
  for (auto const& [name, value] : labels) {
    if (value.find_first_not_of('.') == std::string::npos && !value.empty() &&
        url.find("{{" + name + "}}") != std::string_view::npos) {
      return core::make_error(core::Errc::bad_input, "The value of '" + name + "' can't be a part of a URL.");
    }
    encoded.emplace(name, net::percent_encode(value));
  }
  return expand(url, encoded);
}

std::string indent_json(std::string_view text) {
  if (!core::parse_json(text, {.max_bytes = kMaxBody,
                               .max_depth = 512,
                               .max_values = 1'000'000,
                               .max_string = kMaxBody,
                               .max_key = kMaxBody,
                               .allow_nul = true})) {
    return std::string(text);
  }
  std::string out;
  std::size_t depth = 0;
  auto const feed = [&] { out.append("\n").append(2 * std::min(depth, kMaxIndented), ' '); };
  auto const next = [&](std::size_t at) { return text.find_first_not_of(" \t\r\n", at); };
  for (std::size_t at = next(0); at < text.size(); at = next(at)) {
    char const c = text[at++];
    if (c == '"') {
      auto end = at;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? std::size_t{2} : std::size_t{1};
      end = std::min(end + 1, text.size());
      out.append(text, at - 1, end - at + 1);
      at = end;
    } else if (c == '{' || c == '[') {
      out += c;
      auto const inside = next(at);
      if (inside < text.size() && (text[inside] == '}' || text[inside] == ']')) {
        out += text[inside];
        at = inside + 1;
      } else {
        ++depth;
        feed();
      }
    } else if (c == '}' || c == ']') {
      depth -= depth > 0 ? 1 : 0;
      feed();
      out += c;
    } else if (c == ',') {
      out += c;
      feed();
    } else {
      out += c;
      if (c == ':') out += ' ';
    }
  }
  return out + "\n";
}

std::unique_ptr<Collector> make_http_collector(HttpSettings settings) {
  return std::make_unique<HttpCollector>(std::move(settings));
}

}  // namespace collectors
