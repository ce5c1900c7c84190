// `countersign request`: asks over the HTTP API, and with --wait stays until the end. Its exit codes are a contract for
// pipelines.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "bot/cli/attachments.hpp"
#include "bot/cli/commands.hpp"
#include "bot/cli/follow.hpp"
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

Json body_of(AskOptions const& options) {
  Json::Object parameters;
  for (auto& [name, value] : pairs_of(options.parameters)) parameters.emplace(name, value);
  auto body = Json::object({{"runbook", options.runbook}, {"parameters", std::move(parameters)}});
  if (!options.reason.empty()) body.set("reason", options.reason);
  if (!options.initiator.empty()) body.set("initiator", options.initiator);
  if (!options.idempotency_key.empty()) body.set("idempotency_key", options.idempotency_key);
  if (!options.channels.empty()) body.set("channels", Json::Array(options.channels.begin(), options.channels.end()));
  auto files = make_attachments(options.attach, [](std::string const& path, std::size_t most) {
    return path == "-" ? read_standard_input(most) : read_text_file(path, most);
  });
  if (!files.empty()) body.set("attachments", std::move(files));
  return body;
}

int exit_of(std::string const& state) {
  if (state == "succeeded") return kDone;
  if (state == "denied" || state == "expired" || state == "cancelled" || state == "voided") return kNo;
  return kRunFailed;  // failed, interrupted
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

// Why there is no outcome. One object on standard output for programs; `members` come beside title and detail.
void complain(std::string const& what, std::string const& title, std::string const& detail, bool json,
              Json members = Json::object({{"status", Json()}})) {
  if (json) print_json(members.set("title", core::visible_text(title)).set("detail", core::visible_text(detail)));
  std::fprintf(stderr, "countersign: %s: %s\n", what.c_str(), core::visible_text(detail).c_str());
}

constexpr char const* kMaybeAsked =
    "it may have been asked all the same: repeat the call with the same --idempotency-key, which makes no second "
    "request; without one, look at the channel first";

// What the service or something on the way to it answered instead of an id.
int refused(unsigned status, std::string const& title, std::string const& detail, bool json) {
  complain("refused (" + std::to_string(status) + ")", title, detail, json,
           Json::object({{"status", std::int64_t{status}}}));
  // After a 5xx nobody knows: a proxy says so, too, when it loses the service. 408 and 429 say "not now".
  if (status < 400 || status >= 500) std::fprintf(stderr, "countersign: %s\n", kMaybeAsked);
  bool const answered = status >= 400 && status < 500 && status != 408 && status != 429;
  return answered ? kNo : kFailed;
}

int unanswered(Unanswered const& failure, bool json) {
  auto const& detail = failure.error().message;
  if (failure.sent_maybe) {
    complain("the answer was lost", "Perhaps Asked", detail + " But " + kMaybeAsked, json);
  } else {
    complain("could not ask", "Not Asked", detail, json);
  }
  return kFailed;
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
  net::HttpResponse answer;
  try {
    answer = call(io, *client,
                  {.method = "POST",
                   .url = base + "/v1/requests",
                   .headers = headers,
                   .body = core::dump(body),
                   .timeout = patience});
  } catch (Unanswered const& failure) {
    return unanswered(failure, options.json);
  }
  auto const json = core::parse_json(answer.body);
  if (answer.status != 202 || !json) {
    auto const title = json ? (*json)["title"].text() : std::string();
    return refused(answer.status, title.empty() ? "Refused" : title,
                   json ? (*json)["detail"].text(answer.body) : answer.body, options.json);
  }
  say(*json, options.json);
  if (!options.wait) return kDone;
  std::optional<Json> end;
  try {
    end = follow(io, *client,
                 {.url = base + (*json)["url"].text(),
                  .headers = {{"Authorization", "Bearer " + token}},
                  .state = (*json)["state"].text(),
                  .patience = patience,
                  .give_up = *limit,
                  .progress = !options.json && ::isatty(STDERR_FILENO) == 1,
                  .changed = [&](Json const& view) { say(view, options.json); }});
  } catch (core::Failure const& failure) {
    auto const id = core::visible_text((*json)["id"].text());
    complain("asked " + id + ", but its outcome is unknown", "Outcome Unknown", failure.error().message, options.json,
             Json::object({{"id", id}, {"status", Json()}}));
    return kFailed;
  }
  if (!end) {
    std::fprintf(stderr, "countersign: gave up waiting; the request is still open\n");
    return kGaveUp;
  }
  return exit_of((*end)["state"].text());
}

}  // namespace

void add_request(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("request", "Ask for a runbook over the HTTP API");
  auto const options = std::make_shared<AskOptions>();
  command->add_option("RUNBOOK", options->runbook, "Name of the runbook")->required();
  command->add_option("key=value", options->parameters, "Its parameters");
  command->add_option("--reason", options->reason, "Why; 1 to 2,000 characters");
  command
      ->add_option(
          "--attach", options->attach,
          "FILE, NAME=FILE or - (standard input): shown as evidence, bound to the approval (repeatable; 1 MiB in all)")
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
      "--json\n  terraform show plan | countersign request apply-plan env=prod --reason 'release 42' --attach plan=- "
      "--wait\n"
      "Exit codes: 0 done; 1 denied, expired, cancelled, voided, or refused by the service (wrong token, unknown "
      "runbook, "
      "forbidden …); 2 wrong use; 3 the outcome is unknown (no connection, the service is unable, or it was lost while "
      "waiting: the message says whether it was asked); 4 approved, but the run "
      "failed or was interrupted; 5 gave up waiting.\n"
      "With --json each line is a state of the request as the API shows it; an error is one object with status, title "
      "and detail.");
  command->callback([&action, options] {
    action = [options] {
      try {
        return request(*options);
      } catch (core::Failure const& failure) {
        bool const misused = failure.error().code == core::Errc::bad_input;
        complain("could not ask", misused ? "Wrong Use" : "Not Asked", failure.error().message, options->json);
        return misused ? int{kUsage} : int{kFailed};
      }
    };
  });
}

}  // namespace cli
