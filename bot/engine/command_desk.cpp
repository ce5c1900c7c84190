#include "bot/engine/command_desk.hpp"

#include <algorithm>

#include "bot/core/text.hpp"
#include "bot/engine/engine.hpp"

namespace engine {

namespace {

char const* const kHelp =
    "What you can type:\n"
    "run RUNBOOK key=value … -- the reason   ask for a runbook\n"
    "list                                    what waits for a decision here\n"
    "show ID                                 one request: what, who, what is missing, why you may or may not decide\n"
    "approve ID CODE [-- note]               decide by text; ID and CODE stand on the message (CS-42 7f3a)\n"
    "deny ID CODE [-- note]\n"
    "withdraw ID CODE [-- note]              take back your vote, while nothing is decided\n"
    "cancel ID [-- reason]                   take back what you asked for\n"
    "ask ID your question                    put a question into its thread, for who asked for it; no vote\n"
    "again ID                                ask for the same once more, when it ended without success\n"
    "help                                    this";

// Everything after the word "--", with single blanks; empty when there is none. `words` keeps what stands before it.
std::string cut_reason(std::vector<std::string>& words) {
  auto const dashes = std::ranges::find(words, "--");
  std::string reason;
  for (auto it = dashes; it != words.end(); ++it) {
    if (it == dashes) continue;
    reason += (reason.empty() ? "" : " ") + *it;
  }
  words.erase(dashes, words.end());
  return reason;
}

core::CardAct act_of(ports::IncomingCommand const& command) {
  return {.platform = command.account.platform,
          .account = command.account.id,
          .channel = command.channel,
          .request = command.words[1],
          .binding = command.binding,
          .rendering = command.rendering,
          .via = command.via,
          .envelope = command.envelope,
          .delivery = command.delivery,
          .foreign = command.foreign};
}

// What stands behind the id: as it was typed, or as a form gave it.
std::string words_after_id(ports::IncomingCommand const& command) {
  if (command.via == "text") {
    auto const at = command.text.find(command.words[1]);
    if (at != std::string::npos) {
      auto rest = command.text.substr(at + command.words[1].size());
      rest.erase(0, std::min(rest.find_first_not_of(" \n"), rest.size()));
      return rest;
    }
  }
  std::string text;
  for (std::size_t i = 2; i < command.words.size(); ++i) text += (text.empty() ? "" : " ") + command.words[i];
  return text;
}

ports::Answer refused(std::string text) { return {.state = ports::Answer::State::refused, .text = std::move(text)}; }

ports::Answer too_much() {
  return {.state = ports::Answer::State::not_recorded, .text = "Not recorded, try again: too much is going on."};
}

ports::Answer answer_of(core::Reply const& reply) {
  auto const state = reply.code == core::Errc{}              ? ports::Answer::State::recorded
                     : reply.code == core::Errc::unavailable ? ports::Answer::State::not_recorded
                                                             : ports::Answer::State::refused;
  return {.state = state, .text = reply.text};
}

}  // namespace

void CommandDesk::handle(ports::IncomingCommand command, ports::Answered answered) {
  auto const who = command.foreign.empty() ? engine_.actor_of(command.account) : std::nullopt;
  auto const verb = command.words.empty() ? std::string("help") : command.words.front();
  if (verb == "approve") return vote(command, core::Verdict::approve, std::move(answered));
  if (verb == "deny") return vote(command, core::Verdict::deny, std::move(answered));
  if (!who) {
    engine_.refused(
        {.platform = command.account.platform,
         .account = command.account.id,
         .channel = command.channel,
         .reason = command.foreign.empty() ? "no person of the configuration has this account" : command.foreign,
         .envelope = command.envelope,
         .delivery = command.delivery,
         .by = {}});
    return answered(refused(command.foreign.empty()
                                ? "You are not known here: no person in the configuration has this account."
                                : command.foreign));
  }
  if (verb == "help") return answered({.state = ports::Answer::State::recorded, .text = kHelp});
  if (verb == "list" || verb == "show") {
    // What is told is on record.
    return engine_.when_durable(
        [&engine = engine_, verb, who = *who, command = std::move(command), answered = std::move(answered)] {
          CommandDesk const desk(engine);
          answered({.state = ports::Answer::State::recorded,
                    .text = verb == "list" ? desk.list(command) : desk.show(command, who)});
        });
  }
  if (verb == "run") return run(command, *who, std::move(answered));
  if (verb == "cancel") return cancel(command, *who, std::move(answered));
  if (verb == "again") return again(command, std::move(answered));
  if (verb == "ask") return question(command, std::move(answered));
  if (verb == "withdraw") return vote(command, core::Verdict::withdraw, std::move(answered));
  answered(refused("There is no command " + core::printable_ascii(verb, 40) + ".\n" + kHelp));
}

void CommandDesk::run(ports::IncomingCommand const& command, core::Actor const& who, ports::Answered answered) {
  auto words = command.words;
  auto reason = cut_reason(words);
  if (words.size() < 2) return answered(refused("Say which runbook: run RUNBOOK key=value … -- the reason"));
  core::Asked ask{.requester = who, .initiator = {}, .runbook = words[1], .reason = std::move(reason)};
  ask.origin = {.platform = command.account.platform, .account = command.account.id, .channel = command.channel};
  for (std::size_t i = 2; i < words.size(); ++i) {
    auto const equals = words[i].find('=');
    if (equals == std::string::npos || equals == 0)
      return answered(refused("\"" + core::printable_ascii(words[i], 60) +
                              "\" is no parameter; write key=value, and the reason after --"));
    auto const name = words[i].substr(0, equals);
    if (!ask.parameters.emplace(name, words[i].substr(equals + 1)).second)
      return answered(refused("The parameter " + core::printable_ascii(name, 60) + " stands there twice."));
  }
  // It is posted where it was asked for, if that is a channel of ours; else everywhere.
  for (auto const& [name, addresses] : engine_.state_.rules.channels) {
    auto const found = addresses.find(command.account.platform);
    if (found != addresses.end() && found->second == command.channel) ask.channels = {name};
  }
  // Platforms deliver twice at times.
  ask.idempotency_key = command.delivery.empty() ? "" : command.account.platform + ":" + command.delivery;
  ask.body_digest = "sha256:" + std::string(64, '0');
  engine_.ask(std::move(ask), [&engine = engine_, command, answered = std::move(answered)](core::Reply const& reply) {
    if (reply.code == core::Errc::forbidden) {  // who asks for what is not theirs is on record (T71)
      engine.refused({.platform = command.account.platform,
                      .account = command.account.id,
                      .channel = command.channel,
                      .reason = reply.text,
                      .envelope = command.envelope,
                      .delivery = command.delivery,
                      .by = {}});
    }
    answered(answer_of(reply));
  });
}

void CommandDesk::vote(ports::IncomingCommand const& command, core::Verdict verdict, ports::Answered answered) {
  auto words = command.words;
  auto note = cut_reason(words);
  if (words.size() != 3)
    return answered(refused("Name the id and the code that stand on the message: " + words.front() +
                            " CS-42 7f3a -- a note if you like"));
  engine_.vote({.account = command.account,
                .request = words[1],
                .binding = words[2],
                .verdict = verdict,
                .note = std::move(note),
                .via = "text",
                .channel = command.channel,
                .rendering = {},
                .envelope = command.envelope,
                .delivery = command.delivery,
                .foreign = command.foreign},
               std::move(answered));
}

void CommandDesk::cancel(ports::IncomingCommand const& command, core::Actor const& who, ports::Answered answered) {
  auto words = command.words;
  auto reason = cut_reason(words);
  if (words.size() != 2) return answered(refused("Name the request: cancel CS-42 -- why"));
  engine_.cancel({.by = who,
                  .platform = command.account.platform,
                  .account = command.account.id,
                  .channel = command.channel,
                  .request = words[1],
                  .reason = std::move(reason)},
                 [answered = std::move(answered)](core::Reply const& reply) { answered(answer_of(reply)); });
}

void CommandDesk::again(ports::IncomingCommand const& command, ports::Answered answered) {
  if (command.words.size() != 2) return answered(refused("Name the request that ended: again CS-42"));
  if (engine_.takes_no_more()) return answered(too_much());
  core::AgainAsked asked{act_of(command)};
  auto const ticket =
      engine_.open_ticket([answered = std::move(answered)](core::Reply const& reply) { answered(answer_of(reply)); });
  asked.act.ticket = ticket;
  engine_.enqueue(std::move(asked), ticket);
}

void CommandDesk::question(ports::IncomingCommand const& command, ports::Answered answered) {
  if (command.words.size() < 3) return answered(refused("Name the request and ask: ask CS-42 why at this hour?"));
  if (engine_.takes_no_more()) return answered(too_much());
  core::QuestionAsked asked{act_of(command), words_after_id(command)};
  engine_.clean(asked.text);
  auto const ticket =
      engine_.open_ticket([answered = std::move(answered)](core::Reply const& reply) { answered(answer_of(reply)); });
  asked.act.ticket = ticket;
  engine_.enqueue(std::move(asked), ticket);
}

std::string CommandDesk::list(ports::IncomingCommand const& command) const {
  auto const& state = engine_.state_;
  std::string text;
  std::size_t shown = 0;
  for (auto const* request : state.open_requests()) {
    if (!core::stands_in(*request, command.account.platform, command.channel)) continue;
    if (++shown > 20) continue;
    auto const card = core::make_card(state, *request, engine_.parts_.loop.now());
    text += card.short_id + " " + card.code + "  " + card.title + ": " + card.status + "\n";
  }
  if (shown == 0) return "Nothing waits for a decision in this channel.";
  if (shown > 20) text += "… and " + std::to_string(shown - 20) + " more.\n";
  return text;
}

std::string CommandDesk::show(ports::IncomingCommand const& command, core::Actor const& who) const {
  auto const& state = engine_.state_;
  if (command.words.size() != 2) return "Name the request: show CS-42";
  auto const id = core::find_request(state, command.words[1], command.account.platform, command.channel);
  if (!id) return id.error().message;
  auto const& request = *state.request(*id);
  // Whoever sees its message here may read it; else it takes a part in it. Absent and forbidden answer alike (T44).
  bool const here = core::stands_in(request, command.account.platform, command.channel);
  bool const part = who == request.requester || who.key == request.initiator ||
                    (request.pinned && !core::why_not_vote(*request.pinned, state.rules, request.behind(), who.key));
  if (!here && !part) return "There is no request " + id->str() + ".";
  auto const card = core::make_card(state, request, engine_.parts_.loop.now());
  std::string text =
      card.request_id + (card.code.empty() ? "" : " " + card.code) + "\n" + card.title + "\n" + card.status + "\n";
  for (auto const& fact : card.facts) text += fact.label + ": " + fact.value + "\n";
  if (!card.reason.empty()) text += "Reason: " + card.reason + "\n";
  if (!card.action.empty()) text += "Will run:\n";
  for (auto const& line : card.action) text += "  " + line + "\n";
  for (auto const& line : card.votes) text += line + "\n";
  if (request.phase == core::Phase::pending) {
    auto const why = core::why_not_vote(*request.pinned, state.rules, request.behind(), who.key);
    text += why ? "You may not decide it: " + *why + "\n"
                : "You may decide it: " + std::string("approve ") + card.short_id + " " + card.code + ", or deny.\n";
  }
  text += "Ledger: " + card.ledger_path;
  return text;
}

}  // namespace engine
