// The people's clients: modals, triggers, response URLs, warnings, and what is sent when somebody presses something.
// Internal to this folder. Source: docs.slack.dev/interactivity/handling-user-interaction and /surfaces/modals.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/block_kit.hpp"
#include "adapters/playground/slack_context.hpp"
#include "adapters/playground/slack_store.hpp"
#include "adapters/playground/socket_hub.hpp"

namespace playground {

struct Modal {
  core::Json view;      // as views.open answers it
  core::Json errors{};  // shown beside the inputs: block_id → text
  bool busy = false;    // submitted, not yet answered
};

class People {
 public:
  People(SlackContext& context, SlackStore& store);
  void connect(SocketHub& hub, std::string origin);

  core::Result<std::uint64_t> click(Click const& click);
  core::Result<std::uint64_t> slash(std::string_view user, std::string_view channel, std::string_view command,
                                    std::string_view text);
  core::Result<std::uint64_t> submit(std::string_view user, core::Json const& values, bool force,
                                     core::Json const& patch);
  core::Result<std::uint64_t> close_modal(std::string_view user, bool all);
  core::Result<std::string> say(std::string_view user, std::string_view channel, std::string_view text,
                                std::string_view thread_ts);

  void acked(Interaction& interaction);
  void missed(Interaction& interaction);

  // For the Web API. An error word of Slack's, or the user whom the trigger belongs to.
  struct TriggerResult {
    std::string error, user, from_view;
  };
  TriggerResult use_trigger(std::string_view trigger_id);
  // Completes the view and puts it on the user's stack (a fresh one unless `push`); error word or the view as stored.
  struct ViewResult {
    std::string error;
    core::Json view{};
  };
  ViewResult show_view(std::string const& user, core::Json view, bool push);
  ViewResult update_view(core::Json const& which, core::Json view);  // which: {view_id, external_id, hash}
  // A POST to a response URL; `id` is its last path segment.
  net::HttpResponse respond(std::string_view id, core::Json const& body);

  std::map<std::string, std::vector<Modal>, std::less<>> modals;
  std::map<std::string, std::vector<std::string>, std::less<>> warnings;

 private:
  struct Trigger {
    std::string user, from_view;
    core::Time until{};
    bool used = false;
  };
  struct ResponseUrl {
    std::string user, channel, ts, thread_ts;
    core::Time until{};
    int uses = 0;
  };

  core::Json user_json(std::string_view id) const;
  core::Json team_json() const;
  std::string new_trigger(std::string_view user, std::string_view from_view = {});
  std::string new_response_url(char const* kind, ResponseUrl target);
  Modal* find_modal(core::Json const& which);
  core::Json envelope_base(std::string const& type, std::string_view user) const;
  core::Json stored_view(core::Json view, core::Json const& previous, std::string const& parent);
  void post_answer(ResponseUrl const& target, core::Json const& body);
  void answer_submission(Interaction& interaction);
  void send_view_closed(std::string const& user, Modal const& modal, bool cleared);
  void warn(std::string const& user, std::string text);
  core::Json state_values(Modal const& modal, core::Json const& values) const;
  core::Json client_errors(Modal const& modal, core::Json const& state) const;
  void send_event(core::Json event);

  SlackContext& context_;
  SlackStore& store_;
  SocketHub* hub_ = nullptr;
  std::string origin_;
  std::map<std::string, Trigger, std::less<>> triggers_;
  std::map<std::string, ResponseUrl, std::less<>> response_urls_;
};

}  // namespace playground
