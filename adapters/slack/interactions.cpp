#include "adapters/slack/interactions.hpp"

#include <algorithm>
#include <charconv>

#include "adapters/slack/interaction_answers.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

namespace slack {

namespace {

using namespace std::chrono_literals;
using core::Json;

// Slack shows an error after 3 s without acknowledgement; the engine answers within 2.0 s (design, section 7).
constexpr core::Duration kAckLimit = 2500ms;
// Retries of events come within 5 minutes; a click's copies within seconds.
constexpr core::Duration kRemember = 15min;
constexpr std::size_t kMaxRemembered = 40'000;  // about 3 MB: so many clicks in 15 minutes

}  // namespace

Interactions::Interactions(Parts const& parts, Settings const& settings, WebApi& api, Counters& counters,
                           ports::ChatSink& sink, Self self, Acknowledge acknowledge)
    : parts_(parts),
      settings_(settings),
      api_(api),
      counters_(counters),
      sink_(sink),
      self_(std::move(self)),
      acknowledge_(std::move(acknowledge)) {}

// --- deliveries
// ---------------------------------------------------------------------------------------------------------

Interactions::Key Interactions::key_of(std::string const& name) {
  auto const hex = core::sha256_hex(name);
  Key out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    std::from_chars(hex.data() + 16 * i, hex.data() + 16 * (i + 1), out[i], 16);
  return out;
}

void Interactions::remember(std::vector<std::string> const& names, Ref const& delivery) {
  auto const now = parts_.loop.now();
  for (auto const& name : names) {
    auto const key = key_of(name);
    while (!order_.empty() && (order_.front().first + kRemember < now || order_.size() >= kMaxRemembered)) {
      seen_.erase(order_.front().second);
      order_.pop_front();
    }
    if (!seen_.emplace(key, delivery).second) continue;
    order_.emplace_back(now, key);
    if (delivery) delivery->names.push_back(key);
  }
}

// The delivery that one of these names is of, or nothing.
std::optional<Interactions::Ref> Interactions::known(std::vector<std::string> const& names) {
  for (auto const& name : names) {
    if (auto const at = seen_.find(key_of(name)); at != seen_.end()) {
      ++counters_.duplicates;
      return at->second;
    }
  }
  return std::nullopt;
}

void Interactions::acknowledge(Ref const& delivery, Json const& answer) {
  if (!delivery->acknowledged) {
    delivery->acknowledged = true;
    delivery->answer = answer;
    parts_.loop.cancel(delivery->limit);
    delivery->limit = 0;
    // Most are acknowledged without an answer: then the names alone are kept.
    for (auto const& name : std::exchange(delivery->names, {})) {
      if (auto const at = seen_.find(name); answer.is_null() && at != seen_.end()) at->second = nullptr;
    }
  }
  for (auto const& envelope : std::exchange(delivery->waiting, {}))
    acknowledge_(envelope.link, envelope.id, envelope.accepts_response ? delivery->answer : Json{});
}

// If the engine says nothing in time, Slack still hears from us.
void Interactions::acknowledge_by(Ref const& delivery, std::function<Json()> answer) {
  delivery->limit = parts_.loop.call_after(kAckLimit, alive_.guard([this, delivery, answer = std::move(answer)] {
    delivery->limit = 0;
    if (delivery->acknowledged) return;
    ++counters_.acks_by_timer;
    acknowledge(delivery, answer());
  }));
}

void Interactions::take(SocketMode::LinkId link, std::string const& frame, Envelope const& envelope) {
  std::string key;
  if (auto const* click = std::get_if<BlockActions>(&envelope.payload)) {
    auto const& action = click->actions.front();
    if (!action.ts.empty())
      key = "click " + click->origin.app + ' ' + click->origin.team + ' ' + click->channel + ' ' + click->message_ts +
            ' ' + click->origin.user.id + ' ' + action.ts + ' ' + action.id;
  } else if (auto const* view = std::get_if<ViewSubmission>(&envelope.payload)) {
    if (!view->trigger.empty()) key = "submission " + view->view_id + ' ' + view->trigger;
  } else if (auto const* command = std::get_if<SlashCommand>(&envelope.payload)) {
    if (!command->trigger.empty()) key = "command " + command->origin.user.id + ' ' + command->trigger;
  } else if (auto const* event = std::get_if<Event>(&envelope.payload)) {
    key = "event " + event->event_id;
  }
  // An event may come again in another envelope, hence two names: the envelope's and the thing's own. A click's own
  // says all that could be said of it.
  std::vector<std::string> names;
  if (key.empty() || !std::holds_alternative<BlockActions>(envelope.payload))
    names.push_back("envelope " + envelope.id);
  if (!key.empty()) names.push_back(key);
  auto const before = known(names);
  auto const delivery = before ? *before : std::make_shared<Delivery>();
  remember(names, delivery);
  if (before) parts_.log.debug("slack delivered something again", {{"envelope", envelope.id}});
  if (!delivery) return acknowledge_(link, envelope.id, Json{});
  delivery->waiting.push_back({link, envelope.id, envelope.accepts_response});
  if (before) {
    if (delivery->acknowledged) acknowledge(delivery);  // as before
    return;
  }

  auto const digest = core::digest_of(frame);
  if (auto const* click = std::get_if<BlockActions>(&envelope.payload)) return clicked(delivery, digest, *click);
  if (auto const* view = std::get_if<ViewSubmission>(&envelope.payload)) return submitted(delivery, digest, *view);
  if (auto const* command = std::get_if<SlashCommand>(&envelope.payload)) return typed(delivery, digest, *command);
  acknowledge(delivery);
  if (auto const* event = std::get_if<Event>(&envelope.payload)) {
    if (event->type == "app_uninstalled" || event->type == "tokens_revoked") self_.on_uninstalled(event->type);
  } else if (auto const* unused = std::get_if<Unused>(&envelope.payload)) {
    parts_.log.info("slack message of an unknown kind acknowledged",
                    {{"type", core::printable_ascii(unused->type, 100)}});
  }
}

// --- what the platform's facts forbid
// -------------------------------------------------------------------------------------

std::string Interactions::why_foreign(Origin const& origin, bool knows_team_of_user) const {
  auto const app = self_.app();
  if (origin.app != app || app.empty())
    return "This comes from another Slack app. Nothing was counted: act on this bot's own message.";
  if (origin.enterprise_install || origin.team.empty())
    return "This comes by an organisation-wide installation of the app, which is not served. Nothing was counted: tell "
           "the operator to install the app in this workspace.";
  if (origin.team != settings_.workspace)
    return "This comes from another Slack workspace than the configured one. Nothing was counted: act in the workspace "
           "where the message was posted.";
  if (knows_team_of_user && origin.user.team != settings_.workspace)
    return "Your Slack account belongs to another workspace. Nothing was counted: ask an approver of this workspace to "
           "decide.";
  return self_.why_not_account(origin.user.id);
}

std::string Interactions::why_not_approve() const {
  return self_.foreign() ? "Another instance is connected with this app token, and nothing is approved until it stops. "
                           "Tell the operator, then try again; denying works."
                         : "";
}

// --- clicks
// -------------------------------------------------------------------------------------------------------------

// What the message around a button says against it.
std::string Interactions::why_not_ours(BlockActions const& click, std::string const& request) const {
  bool const ours = (!click.message_bot.empty() && click.message_bot == self_.bot_id) ||
                    (click.message_bot.empty() && click.message_app == self_.app() && !click.message_app.empty());
  if (click.container != "message" || click.ephemeral || click.message_ts.empty() || !ours)
    return "This button does not stand on a message that this bot posted for all to see. Nothing was counted: press "
           "the "
           "button on the request's own message.";
  if (std::ranges::count(settings_.channels, click.channel) == 0)
    return "This comes from a channel that is not in the configuration. Nothing was counted: act on the message in the "
           "channel where it was posted.";
  if (!click.message_request.empty() && click.message_request != request)
    return "This button belongs to another message than the one it was pressed on. Nothing was counted: open the "
           "request's own message and press its button there.";
  return {};
}

void Interactions::clicked(Ref const& delivery, std::string const& digest, BlockActions const& click) {
  bool handed = false;
  for (auto const& action : click.actions) {
    if (acted(delivery, digest, click, action)) {
      handed = true;
      continue;
    }
    auto const button = parse_button_id(action.id);
    if (!button || action.type != "button") continue;  // a link, or a button of a later release
    ports::IncomingVote vote;
    vote.account = {"slack", click.origin.user.id};
    vote.verdict = button->verdict;
    vote.via = "button";
    vote.channel = click.channel;
    vote.envelope = digest;
    vote.delivery = "slack click " + click.origin.app + ' ' + click.origin.team + ' ' + click.channel + ' ' +
                    click.message_ts + ' ' + click.origin.user.id + ' ' + (action.ts.empty() ? digest : action.ts) +
                    ' ' + action.id;
    vote.foreign = why_foreign(click.origin, true);
    if (vote.foreign.empty() && vote.verdict == core::Verdict::approve) vote.foreign = why_not_approve();
    if (auto const value = parse_button_value(action.value); value.has_value()) {
      vote.request = value->request;
      vote.binding = value->binding;
      vote.rendering = value->rendering;
    } else if (vote.foreign.empty()) {
      vote.foreign =
          "This button does not carry what this bot put into it. Nothing was counted: look at the newest message of "
          "the request and press its button.";
    }
    if (vote.foreign.empty()) vote.foreign = why_not_ours(click, vote.request);
    handed = true;
    pressed(delivery, std::move(vote), *button, click);
  }
  if (!handed) acknowledge(delivery);
}

void Interactions::pressed(Ref const& delivery, ports::IncomingVote vote, ButtonId button, BlockActions const& click) {
  if (button.form != core::Button::Form::direct && vote.foreign.empty())
    return open_view(delivery, std::move(vote), button, click);
  if (!delivery->acknowledged && delivery->limit == 0) acknowledge_by(delivery, [] { return Json{}; });
  auto const url = click.response_url;
  auto const user = vote.account.id, channel = vote.channel;
  auto const heard = std::make_shared<bool>(false);
  sink_.vote(std::move(vote), alive_.guard([this, delivery, heard, user, channel, url](ports::Answer const& answer) {
    acknowledge(delivery);
    // A vote that is recorded shows on the message itself; one that was long in doubt is worth a word.
    bool const second = std::exchange(*heard, true);
    if (answer.state != ports::Answer::State::recorded || second) tell(user, channel, url, answer.text);
  }));
}

void Interactions::open_view(Ref const& delivery, ports::IncomingVote vote, ButtonId button,
                             BlockActions const& click) {
  acknowledge(delivery);
  auto const view = sink_.view(vote.account, vote.request, vote.binding, vote.verdict);
  auto const user = vote.account.id, channel = vote.channel, url = click.response_url;
  if (view.has_error()) {  // a refusal like that of a vote, and recorded like one
    vote.foreign = view.error().message;
    sink_.vote(std::move(vote), alive_.guard([this, user, channel, url](ports::Answer const& answer) {
      tell(user, channel, url, answer.text);
    }));
    return;
  }
  ViewOrigin origin{vote.request, vote.binding,    vote.rendering, core::to_string(vote.verdict),
                    channel,      click.message_ts};
  Json form;
  try {
    form = render_view(*view, origin, button.form == core::Button::Form::view);
  } catch (core::Failure const& failure) {
    parts_.log.error("slack view can't be shown", {{"reason", failure.error().message}});
    return tell(user, channel, url, failure.error().message + " Decide by text after reading it in the ledger.");
  }
  WebApi::Call call;
  call.method = "views.open";
  call.wait_in_line = false;  // the trigger lives 3 s
  call.timeout = 3s;
  call.arguments = [trigger = click.trigger, form = std::move(form)] {
    return Json::object({{"trigger_id", trigger}, {"view", form}});
  };
  api_.call(std::move(call), alive_.guard([this, user, channel, url](WebApi::Outcome const& outcome) {
    if (!outcome.ok())
      tell(user, channel, url, "The form could not be opened. Nothing was recorded: please click again.");
  }));
}

// --- views
// --------------------------------------------------------------------------------------------------------------

void Interactions::submitted(Ref const& delivery, std::string const& digest, ViewSubmission const& view) {
  if (view.callback_id == kAskView) return questioned(delivery, digest, view);
  if (view.callback_id != kVoteView) return acknowledge(delivery);
  ports::IncomingVote vote;
  vote.account = {"slack", view.origin.user.id};
  vote.via = "view";
  vote.envelope = digest;
  vote.delivery = "slack view " + view.origin.app + ' ' + view.origin.team + ' ' + view.view_id + ' ' +
                  view.origin.user.id + ' ' + (view.trigger.empty() ? digest : view.trigger);
  vote.foreign = why_foreign(view.origin, true);
  if (vote.foreign.empty() && view.view_app != self_.app())
    vote.foreign =
        "This form belongs to another Slack app. Nothing was counted: open it again from this bot's own message.";
  auto const origin = parse_view_origin(view.private_metadata);
  bool const approves = origin.has_value() && origin->verdict == "approve";
  if (approves && vote.foreign.empty()) vote.foreign = why_not_approve();
  if (origin.has_value() && (approves || origin->verdict == "deny")) {
    vote.request = origin->request;
    vote.binding = origin->binding;
    vote.rendering = origin->rendering;
    vote.channel = origin->channel;
    vote.verdict = approves ? core::Verdict::approve : core::Verdict::deny;
    if (vote.foreign.empty() && std::ranges::count(settings_.channels, vote.channel) == 0)
      vote.foreign =
          "This comes from a channel that is not in the configuration. Nothing was counted: act on the message in the "
          "channel where it was posted.";
  } else if (vote.foreign.empty()) {
    vote.foreign =
        "This form does not carry what this bot put into it. Nothing was counted: open it again from the request's "
        "message.";
  }
  bool has_note = false;
  if (auto const block = view.values.find(std::string(kNoteBlock)); block != view.values.end()) {
    if (auto const input = block->second.find(std::string(kNoteInput)); input != block->second.end()) {
      vote.note = core::visible_text(input->second);
      has_note = true;
    }
  }
  acknowledge_by(delivery, [] { return show_instead("Recording", kRecording); });
  auto const user = vote.account.id, channel = vote.channel, view_id = view.view_id;
  sink_.vote(std::move(vote),
             alive_.guard([this, delivery, has_note, user, channel, view_id](ports::Answer const& answer) {
               using State = ports::Answer::State;
               if (!delivery->acknowledged) {
                 switch (answer.state) {
                   case State::recorded: return acknowledge(delivery);  // without an answer the view closes
                   case State::still_recording: return acknowledge(delivery, show_instead("Recording", answer.text));
                   case State::refused:
                   case State::not_recorded:
                     return acknowledge(
                         delivery, has_note ? error_on_note(answer.text) : show_instead("Not counted", answer.text));
                 }
               }
               // The view shows "Recording": finish it there, or say it in the channel if it was closed meanwhile.
               WebApi::Call call;
               call.method = "views.update";
               call.arguments = [view_id, answer] {
                 auto const title = answer.state == State::recorded ? "Recorded" : "Not counted";
                 return Json::object({{"view_id", view_id}, {"view", render_answer_view(title, answer.text)}});
               };
               api_.call(std::move(call), alive_.guard([this, user, channel, answer](WebApi::Outcome const& outcome) {
                 if (!outcome.ok()) whisper(user, channel, answer.text);
               }));
             }));
}

// --- commands
// -----------------------------------------------------------------------------------------------------------

void Interactions::typed(Ref const& delivery, std::string const& digest, SlashCommand const& command) {
  ports::IncomingCommand incoming;
  incoming.account = {"slack", command.origin.user.id};
  incoming.text = normalise_command(command.text);
  incoming.words = split_command(incoming.text);
  incoming.channel = command.channel;
  incoming.envelope = digest;
  incoming.delivery = "slack command " + command.origin.app + ' ' + command.origin.team + ' ' + command.origin.user.id +
                      ' ' + (command.trigger.empty() ? digest : command.trigger);
  incoming.foreign = why_foreign(command.origin, false);
  if (incoming.foreign.empty() && !incoming.words.empty() && incoming.words.front() == "approve")
    incoming.foreign = why_not_approve();
  acknowledge_by(delivery, [] { return Json{}; });
  auto const user = incoming.account.id, channel = incoming.channel, url = command.response_url;
  sink_.command(std::move(incoming), alive_.guard([this, delivery, user, channel, url](ports::Answer const& answer) {
    if (!delivery->acknowledged) return acknowledge(delivery, answer.text.empty() ? Json{} : ephemeral(answer.text));
    if (!answer.text.empty()) tell(user, channel, url, answer.text);
  }));
}

// --- words for one person
// -----------------------------------------------------------------------------------------------

// By the response_url where that is Slack's (it works where the bot is no member), else as an ephemeral message.
void Interactions::tell(std::string const& user, std::string const& channel, std::string const& response_url,
                        std::string const& text) {
  if (text.empty()) return;
  if (response_url.empty() || !api_.may_post_to(response_url)) {
    if (!response_url.empty()) parts_.log.warn("slack answer not sent: the response_url leads elsewhere");
    return whisper(user, channel, text);
  }
  Json body = ephemeral(text);
  body.set("replace_original", false);
  api_.post_url(response_url, body, alive_.guard([this, user, channel, text](bool done) {
    if (!done) whisper(user, channel, text);
  }));
}

void Interactions::whisper(std::string const& user, std::string const& channel, std::string const& text) {
  if (user.empty() || channel.empty()) return;
  WebApi::Call call;
  call.method = "chat.postEphemeral";
  call.tries = 3;  // shown twice is better than not at all
  call.arguments = [user, channel, body = render_whisper(text)] {
    Json arguments = body;
    arguments.set("channel", channel);
    arguments.set("user", user);
    arguments.set("link_names", false);
    arguments.set("parse", "none");
    return arguments;
  };
  api_.call(std::move(call), [](WebApi::Outcome const&) {});
}

}  // namespace slack
