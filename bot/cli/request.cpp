// `countersign request`: asks over the HTTP API, and with --wait stays until the end. Its exit codes are a contract for
// pipelines.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "bot/cli/commands.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/json.hpp"
#include "bot/core/text.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/url.hpp"

namespace cli {

namespace {

using core::Json;

constexpr auto kPoll = std::chrono::milliseconds(500);

struct AskOptions {
  std::string runbook;
  std::vector<std::string> parameters, attach, channels;
  std::string reason, initiator, url = "http://127.0.0.1:8080", token_file, idempotency_key, ca;
  bool wait = false, json = false;
  std::string give_up = "";
};

[[noreturn]] void wrong(std::string text) {
  throw core::Failure(core::make_error(core::Errc::bad_input, std::move(text)));
}

std::string token_of(AskOptions const& options) {
  std::string token;
  if (!options.token_file.empty()) {
    token = read_text_file(options.token_file, 4096);
  } else if (auto const* given = std::getenv("COUNTERSIGN_TOKEN")) {
    token = given;
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty()) wrong("no token: give --token-file FILE or set COUNTERSIGN_TOKEN");
  return token;
}

// "plan.diff" from a path, as the name of an exhibit: lower case, other characters become '-'.
std::string exhibit_name(std::string const& path) {
  std::string name;
  for (char const c : std::filesystem::path(path).filename().string().substr(0, 60)) {
    char const lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    bool const fine = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '.' ||
                      lower == '_' || lower == '-';
    name += fine ? lower : '-';
  }
  while (!name.empty() && !std::isalnum(static_cast<unsigned char>(name.front()))) name.erase(0, 1);
  return name.empty() ? "attachment" : name;
}

Json body_of(AskOptions const& options) {
  Json::Object parameters;
  for (auto& [name, value] : pairs_of(options.parameters)) parameters.emplace(name, value);
  auto body = Json::object({{"runbook", options.runbook}, {"parameters", std::move(parameters)}});
  if (!options.reason.empty()) body.set("reason", options.reason);
  if (!options.initiator.empty()) body.set("initiator", options.initiator);
  if (!options.idempotency_key.empty()) body.set("idempotency_key", options.idempotency_key);
  if (!options.channels.empty()) body.set("channels", Json::Array(options.channels.begin(), options.channels.end()));
  Json::Array files;
  for (auto const& path : options.attach) {
    auto const bytes = read_text_file(path, 1 << 20);
    auto const type = path.ends_with(".diff") || path.ends_with(".patch") ? "text/x-diff"
                      : path.ends_with(".json")                           ? "application/json"
                                                                          : "text/plain; charset=utf-8";
    files.push_back(Json::object({{"name", exhibit_name(path)}, {"media_type", type}, {"data", base64(bytes)}}));
  }
  if (!files.empty()) body.set("attachments", std::move(files));
  return body;
}

// One call, to its end. Transport failures are thrown; any HTTP status is an answer.
net::HttpResponse call(net::Io& io, net::HttpClient& client, net::HttpRequest request) {
  std::optional<net::Result<net::HttpResponse>> answer;
  client.request(std::move(request), [&](net::Result<net::HttpResponse> result) { answer = std::move(result); });
  io.run_until([&] { return answer.has_value(); }, std::chrono::seconds(60));
  if (!answer) throw core::Failure(core::make_error(core::Errc::timed_out, "the service did not answer"));
  if (!*answer)
    throw core::Failure(
        core::make_error(core::Errc::unavailable, "the service can't be reached: " + answer->error().text));
  return std::move(**answer);
}

int exit_of(std::string const& state) {
  if (state == "succeeded") return kDone;
  if (state == "denied" || state == "expired" || state == "cancelled" || state == "voided") return kNo;
  return kRunFailed;  // failed, interrupted
}

bool is_end(std::string const& state) {
  return state != "collecting" && state != "pending" && state != "approved" && state != "running";
}

void say(Json const& view, bool json) {
  if (json) {
    print_json(view);
  } else {
    std::string line = view["id"].text() + " " + view["state"].text();
    if (auto const cause = view["run"]["cause"].text(); !cause.empty()) line += " (" + cause + ")";
    if (view["decision"].if_object())
      line += ", " + view["decision"]["verdict"].text() + " by " + view["decision"]["by"].at_index(0).text();
    std::printf("%s\n", core::visible_text(line).c_str());
  }
  std::fflush(stdout);
}

// What the service or the way to it answered instead of an id. One object on standard output for programs.
int refused(unsigned status, std::string const& title, std::string const& detail, bool json) {
  if (json)
    print_json(Json::object({{"status", status == 0 ? Json() : Json(std::int64_t{status})},
                             {"title", core::visible_text(title)},
                             {"detail", core::visible_text(detail)}}));
  auto const number = status == 0 ? std::string() : " (" + std::to_string(status) + ")";
  std::fprintf(stderr, "countersign: %s%s: %s\n", status == 0 ? "could not ask" : "refused", number.c_str(),
               core::visible_text(detail).c_str());
  // 408 and 429 say "not now", 5xx "not able": nothing was decided.
  bool const answered = status >= 400 && status < 500 && status != 408 && status != 429;
  return answered ? kNo : kFailed;
}

int request(AskOptions const& options) {
  auto const body = body_of(options);
  auto const token = token_of(options);
  core::Result<core::Duration> limit =
      options.give_up.empty() ? core::Result<core::Duration>(core::Duration(0)) : core::parse_duration(options.give_up);
  if (!limit) throw core::Failure(limit.error());
  auto base = options.url;
  while (base.ends_with('/')) base.pop_back();
  auto const url = net::parse_url(base);
  if (!url || url->websocket())
    wrong("--url " + core::printable_ascii(options.url, 100) + " is no address like http://127.0.0.1:8080");
  // A service that takes the call and says nothing must not hold anybody longer than they wanted to wait.
  constexpr core::Duration kPatience = std::chrono::seconds(30);
  auto const patience = options.wait && limit->count() > 0 ? std::min(kPatience, *limit) : kPatience;
  net::Io io;
  auto const client = net::make_http_client(io, {.tls = {.extra_ca_file = options.ca}});
  net::Headers const headers{{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}};
  auto const answer = call(io, *client,
                           {.method = "POST",
                            .url = base + "/v1/requests",
                            .headers = headers,
                            .body = core::dump(body),
                            .timeout = patience});
  auto const json = core::parse_json(answer.body);
  if (answer.status != 202 || !json) {
    auto const title = json ? (*json)["title"].text() : std::string();
    return refused(answer.status, title.empty() ? "Refused" : title,
                   json ? (*json)["detail"].text(answer.body) : answer.body, options.json);
  }
  say(*json, options.json);
  if (!options.wait) return kDone;
  auto const started = std::chrono::steady_clock::now();
  std::string last = (*json)["state"].text();
  unsigned unreachable = 0;
  for (;;) {
    if (limit->count() > 0 && std::chrono::steady_clock::now() - started >= *limit) {
      std::fprintf(stderr, "countersign: gave up waiting; the request is still open\n");
      return kGaveUp;
    }
    bool due = false;
    io.call_after(kPoll, [&] { due = true; });
    io.run_until([&] { return due; }, std::chrono::seconds(5));
    Json view;
    try {
      auto const now =
          call(io, *client, {.url = base + (*json)["url"].text(), .headers = headers, .timeout = patience});
      auto parsed = core::parse_json(now.body);
      if (now.status != 200 || !parsed)
        throw core::Failure(
            core::make_error(core::Errc::unavailable, "the service answered " + std::to_string(now.status)));
      view = std::move(*parsed);
      unreachable = 0;
    } catch (core::Failure const&) {
      if (++unreachable > 240) throw;  // two minutes: a restart of the service is shorter
      continue;
    }
    auto const state = view["state"].text();
    if (state != last) say(view, options.json);
    last = state;
    if (is_end(state)) return exit_of(state);
  }
}

}  // namespace

void add_request(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("request", "Ask for a runbook over the HTTP API");
  auto const options = std::make_shared<AskOptions>();
  command->add_option("RUNBOOK", options->runbook, "Name of the runbook")->required();
  command->add_option("key=value", options->parameters, "Its parameters");
  command->add_option("--reason", options->reason, "Why; 1 to 2,000 characters");
  command->add_option("--attach", options->attach, "A file to show as evidence (repeatable; 1 MiB in all)")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->add_option("--channel", options->channels, "Where to post it (repeatable; default: every channel)")
      ->allow_extra_args(false);
  command->add_option("--initiator", options->initiator, "The person behind a robot's request");
  command->add_option("--idempotency-key", options->idempotency_key,
                      "Repeating the call with the same key makes no second request");
  command->add_option("--url", options->url, "Of the service")->capture_default_str();
  command
      ->add_option("--token-file", options->token_file,
                   "A file with the API token; default: the variable COUNTERSIGN_TOKEN")
      ->type_name("FILE");
  command->add_option("--ca", options->ca, "A PEM file with a further certificate authority to trust")
      ->type_name("FILE");
  command->add_flag("--wait", options->wait, "Wait for the end");
  command->add_option("--give-up", options->give_up, "With --wait: stop waiting after this, like 10m (exit code 5)");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Examples:\n  countersign request restart-service service=web --reason 'stuck after deploy' --wait\n  "
      "countersign request apply-plan env=prod --reason 'release 42' --attach plan.diff --initiator alice --wait "
      "--json\n"
      "Exit codes: 0 done; 1 denied, expired, cancelled, voided, or refused by the service (wrong token, unknown "
      "runbook, "
      "forbidden …); 2 wrong use; 3 could not ask (no connection, the service is unable); 4 approved, but the run "
      "failed or was interrupted; 5 gave up waiting.\n"
      "With --json each line is a state of the request as the API shows it; an error is one object with status, title "
      "and detail.");
  command->callback([&action, options] {
    action = [options] {
      try {
        return request(*options);
      } catch (core::Failure const& failure) {
        bool const misused = failure.error().code == core::Errc::bad_input;
        auto const code = refused(0, misused ? "Wrong Use" : "Not Asked", failure.error().message, options->json);
        return misused ? int{kUsage} : code;
      }
    };
  });
}

}  // namespace cli
