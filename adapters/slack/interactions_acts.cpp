// The buttons of a card that are no votes: "Ask again" and "Ask a question" with its form.
#include <algorithm>

#include "adapters/slack/interaction_answers.hpp"
#include "adapters/slack/interactions.hpp"
#include "bot/core/text.hpp"

namespace slack {

using core::Json;

bool Interactions::acted(Ref const& delivery, std::string const& digest, BlockActions const& click,
                         Action const& action) {
  bool const again = action.id == kAgainButton;
  if (action.type != "button" || (!again && action.id != kAskButton)) return false;
  ports::IncomingCommand command;
  command.account = {"slack", click.origin.user.id};
  command.channel = click.channel;
  command.envelope = digest;
  command.delivery = "slack click " + click.origin.app + ' ' + click.origin.team + ' ' + click.channel + ' ' +
                     click.message_ts + ' ' + click.origin.user.id + ' ' + (action.ts.empty() ? digest : action.ts) +
                     ' ' + action.id;
  command.via = "button";
  command.foreign = why_foreign(click.origin, true);
  command.words = {again ? "again" : "ask", "-"};
  if (auto const value = parse_button_value(action.value); value.has_value()) {
    command.words[1] = value->request;
    command.binding = value->binding;
    command.rendering = value->rendering;
  } else if (command.foreign.empty()) {
    command.foreign =
        "This button does not carry what this bot put into it. Nothing was done: look at the newest message of the "
        "request and press its button.";
  }
  if (command.foreign.empty()) command.foreign = why_not_ours(click, command.words[1]);
  if (again || !command.foreign.empty()) {
    if (!again) command.words.emplace_back("?");  // refused, and on record as what it was
    ask_again(delivery, std::move(command), click);
  } else {
    open_question(delivery, command, click);
  }
  return true;
}

void Interactions::ask_again(Ref const& delivery, ports::IncomingCommand command, BlockActions const& click) {
  if (!delivery->acknowledged && delivery->limit == 0) acknowledge_by(delivery, [] { return Json{}; });
  auto const user = command.account.id, channel = command.channel, url = click.response_url;
  sink_.command(std::move(command), alive_.guard([this, delivery, user, channel, url](ports::Answer const& answer) {
    acknowledge(delivery);
    tell(user, channel, url, answer.text);
  }));
}

void Interactions::open_question(Ref const& delivery, ports::IncomingCommand const& command,
                                 BlockActions const& click) {
  acknowledge(delivery);
  WebApi::Call call;
  call.method = "views.open";
  call.wait_in_line = false;  // the trigger lives 3 s
  call.timeout = std::chrono::seconds(3);
  call.arguments = [trigger = click.trigger,
                    form = render_question_view({command.words[1], command.binding, command.rendering, "ask",
                                                 command.channel, click.message_ts})] {
    return Json::object({{"trigger_id", trigger}, {"view", form}});
  };
  auto const user = command.account.id, channel = command.channel, url = click.response_url;
  api_.call(std::move(call), alive_.guard([this, user, channel, url](WebApi::Outcome const& outcome) {
    if (!outcome.ok()) tell(user, channel, url, "The form could not be opened. Nothing was asked: please click again.");
  }));
}

void Interactions::questioned(Ref const& delivery, std::string const& digest, ViewSubmission const& view) {
  ports::IncomingCommand command;
  command.account = {"slack", view.origin.user.id};
  command.envelope = digest;
  command.delivery = "slack view " + view.origin.app + ' ' + view.origin.team + ' ' + view.view_id + ' ' +
                     view.origin.user.id + ' ' + (view.trigger.empty() ? digest : view.trigger);
  command.via = "view";
  command.words = {"ask", "-", ""};
  command.foreign = why_foreign(view.origin, true);
  if (command.foreign.empty() && view.view_app != self_.app())
    command.foreign =
        "This form belongs to another Slack app. Nothing was asked: open it again from this bot's own message.";
  auto const origin = parse_view_origin(view.private_metadata);
  if (origin.has_value() && origin->verdict == "ask") {
    command.words[1] = origin->request;
    command.binding = origin->binding;
    command.rendering = origin->rendering;
    command.channel = origin->channel;
    if (command.foreign.empty() && std::ranges::count(settings_.channels, command.channel) == 0)
      command.foreign = "This comes from a channel that is not in the configuration. Nothing was asked.";
  } else if (command.foreign.empty()) {
    command.foreign =
        "This form does not carry what this bot put into it. Nothing was asked: open it again from the request's "
        "message.";
  }
  if (auto const block = view.values.find(std::string(kNoteBlock)); block != view.values.end()) {
    if (auto const input = block->second.find(std::string(kNoteInput)); input != block->second.end())
      command.words[2] = core::visible_text(input->second);
  }
  acknowledge_by(delivery, [] { return show_instead("Recording", kRecording); });
  auto const user = command.account.id, channel = command.channel;
  sink_.command(std::move(command), alive_.guard([this, delivery, user, channel](ports::Answer const& answer) {
    bool const fine = answer.state == ports::Answer::State::recorded;
    if (delivery->acknowledged) return whisper(user, channel, answer.text);
    acknowledge(delivery, fine ? Json{} : error_on_note(answer.text));  // without an answer the form closes
  }));
}

}  // namespace slack
