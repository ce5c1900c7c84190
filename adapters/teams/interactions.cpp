#include "adapters/teams/interactions.hpp"

#include <algorithm>

#include "adapters/teams/command_text.hpp"
#include "adapters/teams/interaction_answers.hpp"
#include "bot/core/failpoint.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Json;
using State = ports::Answer::State;

constexpr core::Duration kReadingLasts = 1h;
constexpr std::size_t kMaxReadings = 2'000, kMaxConversations = 5'000;
constexpr std::string_view kShowAgain =
    "press \"Show all, then approve\" on the request's message, and read to "
    "the end.";
constexpr std::string_view kYou = "you";  // how somebody is mentioned whom the configuration does not name

std::string account_of(Activity const& activity) {
  return activity.from.object.empty() ? activity.from.id : activity.from.object;
}

core::Result<CardAction> action_of(Activity const& activity) {
  return activity.type == "invoke" ? parse_execute(activity.value) : parse_submit(activity.value);
}

bool is_card_invoke(Activity const& activity) {
  return activity.type == "invoke" && activity.name == "adaptiveCard/action";
}

}  // namespace

Interactions::Interactions(Parts const& parts, Settings const& settings, Directory& directory, CardMemory& memory,
                           Outbox& outbox, Counters& counters, ports::ChatSink& sink)
    : parts_(parts),
      settings_(settings),
      directory_(directory),
      memory_(memory),
      outbox_(outbox),
      counters_(counters),
      sink_(sink) {}

// --- what the platform's facts forbid -------------------------------------------------------------------------------

std::string Interactions::why_elsewhere(Activity const& activity) const {
  if (activity.recipient.id != "28:" + settings_.app_id)
    return "This was meant for another bot. Nothing was counted: act on this bot's own message.";
  if (activity.tenant.empty() && activity.channel_data_tenant.empty())
    return "Teams did not say which organisation this comes from. Nothing was counted.";
  for (auto const* tenant : {&activity.tenant, &activity.channel_data_tenant}) {
    if (!tenant->empty() && *tenant != settings_.tenant)
      return "This comes from another organisation than the configured one. Nothing was counted: ask an approver of "
             "this organisation to decide.";
  }
  return {};
}

std::string Interactions::why_foreign(Activity const& activity) const {
  if (auto why = why_elsewhere(activity); !why.empty()) return why;
  if (activity.type != "message" && activity.type != "invoke") return {};
  if (activity.from.id.starts_with("28:") || activity.from.role == "bot" || activity.from.role == "skill")
    return "This was done by a bot. Nothing was counted: persons decide.";
  if (activity.from.object.empty())
    return "Teams does not know who you are (an anonymous guest?). Nothing was counted: sign in to this organisation.";
  if (directory_.is_outsider(activity.from.object))
    return "You are a guest in this organisation. Nothing was counted: ask one of its own approvers to decide.";
  if (directory_.is_unknown(activity.from.object)) {
    directory_.ask_now(bare_conversation(activity.conversation), activity.from.object);
    return "Whether you are a member of this organisation or a guest is not known yet. Nothing was counted: try again "
           "in a moment.";
  }
  return {};
}

// --- looking --------------------------------------------------------------------------------------------------------

bool Interactions::is_look(Activity const& activity) const {
  if (!is_card_invoke(activity)) return false;
  auto const action = parse_execute(activity.value);
  return action.has_value() && (action->automatic || action->data.verb == kRefresh);
}

net::HttpResponse Interactions::look(Activity const& activity) const {
  auto const action = parse_execute(activity.value);
  auto const why = why_foreign(activity);
  if (!why.empty() || action.has_error()) return json_response(answer_with_error(403, "Forbidden", why));
  // Whatever data it came with may be that of an older card: what counts is the newest one.
  auto const* card = memory_.card(bare_conversation(activity.conversation), action->data.request);
  if (!card)
    return json_response(answer_with_error(
        404, "NotFound",
        "This message is not remembered since the last restart. Open it in the channel again; its buttons work."));
  auto const origin = origin_of(*card);
  if (!origin) return json_response(answer_with_card(*card));
  auto const view =
      sink_.view({"teams", activity.from.object}, origin->request, origin->binding, core::Verdict::approve);
  if (view.has_error() && view.error().code == core::Errc::forbidden)
    return json_response(answer_with_card(for_onlooker(*card, view.error().message)));
  return json_response(answer_with_card(*card));
}

// --- acts -----------------------------------------------------------------------------------------------------------

void Interactions::take(Activity const& activity, std::string const& digest, std::string const& foreign,
                        core::Time deadline, Answer const& answer) {
  auto const who = this->who(activity, deadline);
  if (activity.type == "invoke") {
    // Dialogs, files, sign-in: nothing of ours asks for them.
    if (!is_card_invoke(activity)) return answer({501, {}, {}});
    return clicked(activity, who, digest, foreign, answer);
  }
  if (last_conversations_.size() >= kMaxConversations) last_conversations_.clear();
  last_conversations_[account_of(activity) + ' ' + bare_conversation(activity.conversation)] = activity.conversation;
  if (!activity.value.is_null() && activity.text.empty()) return clicked(activity, who, digest, foreign, answer);
  typed(activity, who, digest, foreign, answer);
}

void Interactions::turned_away(std::string const& why) {
  sink_.refused({.platform = "teams",
                 .account = "unknown",  // what an activity says of itself counts for nothing here
                 .channel = {},
                 .reason = why,
                 .envelope = {},
                 .delivery = {},
                 .via = "http"});
}

Interactions::Who Interactions::who(Activity const& activity, core::Time deadline) const {
  return {account_of(activity), activity.conversation, activity.type == "invoke", why_elsewhere(activity).empty(),
          deadline};
}

Interactions::Given Interactions::within_limit(core::Time deadline, Answer const& answer, net::HttpResponse late) {
  auto given = std::make_shared<bool>(false);
  auto const left = std::max<core::Duration>(core::Duration{0}, deadline - parts_.loop.now());
  parts_.loop.call_after(left, alive_.guard([this, given, answer, late = std::move(late)] {
    if (std::exchange(*given, true)) return;
    ++counters_.answers_by_timer;
    answer(late);
  }));
  return given;
}

void Interactions::clicked(Activity const& activity, Who const& who, std::string const& digest,
                           std::string const& foreign, Answer const& answer) {
  auto const channel = bare_conversation(activity.conversation);
  ports::IncomingVote vote;
  vote.account = {"teams", who.account};
  vote.via = "button";
  vote.channel = channel;
  vote.envelope = digest;
  vote.delivery = "teams " + activity.conversation + ' ' + activity.id;
  vote.foreign = foreign;
  auto const action = action_of(activity);
  if (action.has_error()) {
    if (vote.foreign.empty())
      vote.foreign =
          "This button does not carry what this bot put into it. Nothing was counted: look at the newest message of "
          "the "
          "request and press its button.";
    return this->vote(std::move(vote), who, answer);
  }
  auto const& data = action->data;
  vote.request = data.request;
  vote.binding = data.binding;
  vote.rendering = data.rendering;
  vote.note = data.note;
  if (data.verb == kRefresh) return answer(nothing());  // by a client that only submits: its card is the newest anyway
  bool const shows = data.verb == kShow, acts = data.verb == kAsk || data.verb == kAgain;
  if (!shows && !acts && data.verb != kApprove && data.verb != kDeny && vote.foreign.empty())
    vote.foreign = "This button is none of this bot's. Nothing was counted.";
  vote.verdict = data.verb == kDeny ? core::Verdict::deny : core::Verdict::approve;
  if (vote.foreign.empty()) {
    if (std::ranges::find(settings_.channels, channel) == settings_.channels.end()) {
      vote.foreign =
          "This comes from a conversation that is not in the configuration. Nothing was counted: act on the message in "
          "the channel where it was posted.";
    } else if (memory_.only_elsewhere(channel, vote.request)) {
      vote.foreign =
          "This request was posted in another channel than this one. Nothing was counted: act on its own message.";
    }
  }
  if (acts) return acted(vote, data, who, answer);
  if (shows && vote.foreign.empty()) return show(*action, who, std::move(vote), answer);
  if (data.in_view && vote.foreign.empty()) {
    // Anybody may claim to have read it all; what we showed them is what we know.
    if (!has_read_all(vote)) {
      auto const words =
          "Not counted: read all pages first, then approve on the last one. To see them, " + std::string(kShowAgain);
      if (who.executes) return answer(refusal(vote, words));
      tell(who, words);
      return answer(nothing());
    }
    vote.via = "view";
  }
  this->vote(std::move(vote), who, answer);
}

// --- the whole action, page by page ---------------------------------------------------------------------------------

bool Interactions::has_read_all(ports::IncomingVote const& vote) const {
  auto const at = readings_.find(vote.account.id + ' ' + vote.binding);
  return at != readings_.end() && at->second.count > 0 && at->second.pages.size() == at->second.count &&
         parts_.loop.now() - at->second.at <= kReadingLasts;
}

void Interactions::has_read(ports::IncomingVote const& vote, std::size_t page, std::size_t count) {
  auto const now = parts_.loop.now();
  if (readings_.size() >= kMaxReadings)
    std::erase_if(readings_, [&](auto const& entry) { return now - entry.second.at > kReadingLasts; });
  if (readings_.size() >= kMaxReadings) readings_.erase(readings_.begin());
  auto& reading = readings_[vote.account.id + ' ' + vote.binding];
  reading.count = count;
  reading.at = now;
  reading.pages.insert(page);
}

void Interactions::show(CardAction const& action, Who const& who, ports::IncomingVote vote, Answer const& answer) {
  auto const view = sink_.view(vote.account, vote.request, vote.binding, vote.verdict);
  if (view.has_error()) {  // a refusal like that of a vote, and recorded like one
    vote.foreign = view.error().message;
    return this->vote(std::move(vote), who, answer);
  }
  try {
    auto const count = page_count(*view);
    auto const first = static_cast<std::size_t>(std::clamp<std::int64_t>(action.data.page, 1, 1000));
    if (who.executes) {
      auto const page = std::min(first, count);
      has_read(vote, page, count);
      return answer(json_response(answer_with_card(render_page(*view, action.data, page))));
    }
    // A client that only submits can't be shown a card of its own: the pages follow in the thread.
    std::vector<Json> pages;
    for (std::size_t page = 1; page <= count; ++page) pages.push_back(render_page(*view, action.data, page));
    post_pages(std::move(pages), view->title, who, vote, 1);
    answer(nothing());
  } catch (core::Failure const& failure) {
    parts_.log.error("teams view can't be shown", {{"reason", failure.error().message}});
    auto const words = failure.error().message + " Read it in the ledger and tell the operator.";
    answer(who.executes ? refusal(vote, words) : nothing());
  }
}

// One after the other: the last one, which votes, never stands there without those before it.
void Interactions::post_pages(std::vector<Json> pages, std::string const& title, Who const& who,
                              ports::IncomingVote const& vote, std::size_t page) {
  auto body = Json::object(
      {{"type", "message"},
       {"summary", title},
       {"attachments", Json::array({Json::object({{"contentType", "application/vnd.microsoft.card.adaptive"},
                                                  {"content", pages.at(page - 1)}})})}});
  outbox_.say(who.conversation, std::move(body),
              alive_.guard([this, pages = std::move(pages), title, who, vote, page](bool stands) {
                if (!stands) {
                  tell(who,
                       "Page " + std::to_string(page) + " of " + std::to_string(pages.size()) +
                           " could not be posted, so nothing can be approved there yet: " + std::string(kShowAgain));
                  return;
                }
                has_read(vote, page, pages.size());
                if (page < pages.size()) post_pages(pages, title, who, vote, page + 1);
              }));
}

// --- votes ----------------------------------------------------------------------------------------------------------

// Clients show little of an error, so a refusal is the card again with the words on top.
net::HttpResponse Interactions::refusal(ports::IncomingVote const& vote, std::string const& words) const {
  auto const* card = memory_.card(vote.channel, vote.request);
  return json_response(answer_with_card(card ? with_words(*card, words) : render_words(words)));
}

void Interactions::vote(ports::IncomingVote vote, Who const& who, Answer const& answer) {
  auto const given =
      within_limit(who.deadline, answer, who.executes ? json_response(answer_with_message(kRecording)) : nothing());
  auto const heard = std::make_shared<bool>(false);
  auto const copy = vote;
  sink_.vote(std::move(vote), alive_.guard([this, who, answer, given, heard, copy](ports::Answer const& result) {
    bool const first = !std::exchange(*heard, true);
    bool const in_time = !std::exchange(*given, true);
    bool const shown = in_time && who.executes;
    if (in_time) {
      bool const fine = result.state == State::recorded || result.state == State::still_recording;
      answer(!who.executes ? nothing()
             : fine        ? json_response(answer_with_message(result.text))
                           : refusal(copy, result.text));
      core::reached(core::Failpoint::K2_platform_acked, "vote");
    }
    // What is recorded shows on the card itself; what was long in doubt, or refused without a view, is worth a word.
    if (!shown && (result.state != State::recorded || !first || who.executes)) tell(who, result.text);
  }));
}

// --- commands -------------------------------------------------------------------------------------------------------

void Interactions::typed(Activity const& activity, Who const& who, std::string const& digest,
                         std::string const& foreign, Answer const& answer) {
  auto text = said_to_us(activity);
  if (!text) return answer(nothing());
  ports::IncomingCommand command;
  command.account = {"teams", who.account};
  command.words = command_words(*text);
  command.text = *std::move(text);
  command.channel = bare_conversation(activity.conversation);
  command.envelope = digest;
  command.delivery = "teams " + activity.conversation + ' ' + activity.id;
  command.foreign = foreign;
  auto const given = within_limit(who.deadline, answer, nothing());
  sink_.command(std::move(command), alive_.guard([this, who, answer, given](ports::Answer const& result) {
    if (!std::exchange(*given, true)) answer(nothing());
    tell(who, result.text);
  }));
}

// --- words for one person -------------------------------------------------------------------------------------------

std::string Interactions::name_of(std::string const& account) const {
  auto const person = std::ranges::find_if(settings_.people, [&](auto const& one) { return one.second == account; });
  return person == settings_.people.end() ? std::string(kYou) : person->first;
}

void Interactions::tell(Who const& who, std::string const& text) {
  if (text.empty() || !who.reachable) return;
  outbox_.say(who.conversation, render_answer(name_of(who.account), who.account, text));
}

void Interactions::whisper(std::string const& account, std::string const& channel, std::string const& text) {
  auto const bare = bare_conversation(channel);
  auto const last = last_conversations_.find(account + ' ' + bare);
  tell({account, last == last_conversations_.end() ? channel : last->second, false, true, {}}, text);
}

}  // namespace teams
