// What people do with a card besides voting: ask for the same again, ask a question.
#include <algorithm>

#include "bot/core/entries.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

constexpr auto kFoundByShortId = std::chrono::hours(24 * 7);  // of ended requests

// One such act, from what came in to the request that it is about, or refused.
class Act {
 public:
  Act(Stepper& step, CardAct const& act, std::string what)
      : step_(step), act_(act), what_(std::move(what)), delivery_(ledger_id(act.delivery)) {}

  // The request, if this person may do that there. `ended`: a short id means one that ended, else an open one.
  RequestState const* find(bool ended) {
    auto found = find_request(step_.state, act_.request, act_.platform, act_.via == "text" ? act_.channel : "");
    if (!found && ended) found = find_ended(found.error());
    request_ = found ? step_.state.request(*found) : nullptr;
    actor_ = actor_of(step_.state, act_.platform, act_.account);
    if (!act_.foreign.empty()) return refuse(Errc::forbidden, act_.foreign);
    if (actor_.kind != Actor::Kind::person)
      return refuse(Errc::forbidden, "You are not known here: no person in the configuration has this account.");
    if (!request_) return refuse(found.error().code, found.error().message);
    // Who neither sees its message here nor has a part in it hears the same as of one that is not there (T44).
    if (!stands_in(*request_, act_.platform, act_.channel) && !takes_part(step_.state, *request_, actor_))
      return refuse(Errc::not_found, "There is no request " + request_->id.str() + ".");
    bool const ours = act_.via == "text" || (act_.binding == request_->binding && was_posted());
    if (!ours)
      return refuse(Errc::forbidden, "That does not name what stands on the message now; look at the message again.");
    return request_;
  }

  // Tells the person, and puts on record that somebody tried.
  std::nullptr_t refuse(Errc code, std::string why) {
    step_.record_refusal(request_, {.at = step_.at,
                                    .actor = actor_,
                                    .platform = act_.platform,
                                    .account = act_.account,
                                    .verdict = "command",
                                    .reason = what_ + ": " + why,
                                    .via = act_.via,
                                    .envelope = act_.envelope,
                                    .delivery = delivery_,
                                    .claimed = printable_ascii(act_.request, 64)});
    answer(code, std::move(why));
    return nullptr;
  }
  void answer(Errc code, std::string text) {
    if (act_.ticket == 0) return;
    step_.effects.push_back(Reply{.ticket = act_.ticket,
                                  .code = code,
                                  .text = std::move(text),
                                  .request = request_ ? std::optional(request_->id) : std::nullopt});
  }
  Actor const& actor() const { return actor_; }
  std::string const& delivery() const { return delivery_; }

 private:
  bool was_posted() const {
    return std::ranges::find(request_->posts, act_.rendering, &PostState::rendering) != request_->posts.end();
  }
  // The newest one with that short id that stands in this channel.
  Result<RequestId> find_ended(Error const& otherwise) const {
    std::string wanted;
    for (char const c : act_.request.substr(0, 64))
      wanted += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (!wanted.starts_with("CS-")) wanted = "CS-" + wanted;
    if (wanted.ends_with("-R1")) wanted.resize(wanted.size() - 3);  // messages print it without
    auto const oldest = format_day(step_.at - kFoundByShortId);
    auto const& all = step_.state.requests;
    for (auto at = all.rbegin(); at != all.rend() && at->first.case_id().day() >= oldest; ++at) {
      auto const& [id, request] = *at;
      if (id.short_name() == wanted && is_final(request.phase) && stands_in(request, act_.platform, act_.channel))
        return id;
    }
    return otherwise;
  }

  Stepper& step_;
  CardAct const& act_;
  std::string const what_;
  std::string const delivery_;
  RequestState const* request_ = nullptr;
  Actor actor_;
};

}  // namespace

void on(Stepper& step, AgainAsked const& event) {
  Act act(step, event.act, "asking again");
  auto const* found = act.find(/*ended=*/true);
  if (!found) return;
  auto const& request = *found;
  // A delivery that made a request already is answered with that one; so is a second tap while it is open.
  for (auto const& id : step.state.open) {
    if (step.state.requests.at(id).again_of == request.id)
      return act.answer(Errc{}, request.id.short_name() + " is being asked for again already: " + id.str() + ".");
  }
  if (!is_final(request.phase) || request.phase == Phase::succeeded)
    return act.answer(Errc::conflict,
                      request.id.short_name() + ": " +
                          (request.phase == Phase::succeeded ? "it succeeded; use run to ask for it anew."
                                                             : "it is still open, so there is nothing to ask again."));
  auto const id = request.id;
  auto const effects_before = step.effects.size();
  step.accept({.ticket = event.act.ticket,
               .requester = act.actor(),
               .initiator = {},
               .runbook = request.runbook,
               .reason = request.reason,
               .parameters = request.parameters,
               .labels = request.labels,
               .channels = request.channels,
               .idempotency_key = act.delivery().empty() ? "" : event.act.platform + ":again:" + act.delivery(),
               .body_digest = "sha256:" + std::string(64, '0'),
               .origin = {.platform = event.act.platform, .account = event.act.account, .channel = event.act.channel},
               .attachments = {},
               .again_of = request.id},
              std::nullopt);
  // Who asks for what is not theirs is on record (T71). What was written meanwhile may have made the state forget the
  // request that is over.
  for (auto at = effects_before; at < step.effects.size(); ++at) {
    auto const* reply = std::get_if<Reply>(&step.effects[at]);
    if (!reply || reply->code != Errc::forbidden) continue;
    return step.record_refusal(step.state.request(id), {.at = step.at,
                                                        .actor = act.actor(),
                                                        .platform = event.act.platform,
                                                        .account = event.act.account,
                                                        .verdict = "command",
                                                        .reason = "asking again: " + reply->text,
                                                        .via = event.act.via,
                                                        .envelope = event.act.envelope,
                                                        .delivery = act.delivery(),
                                                        .claimed = printable_ascii(event.act.request, 64)});
  }
}

void on(Stepper& step, QuestionAsked const& event) {
  Act act(step, event.act, "asking a question");
  auto const* found = act.find(/*ended=*/false);
  if (!found) return;
  auto const& request = *found;
  if (!act.delivery().empty() && request.deliveries.contains(act.delivery()))
    return act.answer(Errc{}, "This was recorded already.");
  if (request.phase != Phase::pending)
    return act.answer(Errc::conflict, request.id.short_name() + ": " + decided_words(request));
  auto text = event.text;
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.pop_back();
  if (auto why = why_not_words(text, "question")) return act.answer(Errc::bad_input, std::move(*why));
  if (count_code_points(text) > kMaxQuestionCharacters)
    return act.answer(Errc::bad_input, "The question is longer than " + std::to_string(kMaxQuestionCharacters) +
                                           " characters; ask the rest in the thread.");
  auto const mine = std::ranges::count(request.questions, act.actor().key, &Question::person);
  if (static_cast<std::size_t>(mine) >= kMostQuestionsOfOne || request.questions.size() >= kMostQuestions)
    return act.answer(Errc::conflict,
                      "There are enough questions about " + request.id.short_name() + " already; go on in its thread.");
  Question const question{.number = static_cast<std::uint32_t>(request.questions.size()) + 1,
                          .person = act.actor().key,
                          .at = step.at,
                          .text = std::move(text)};
  auto const id = request.id;
  step.append(entries::question_asked(request, question,
                                      {.platform = ledger_id(event.act.platform),
                                       .account = event.act.account,
                                       .via = ledger_id(event.act.via),
                                       .rendering = event.act.rendering,
                                       .envelope = ledger_id(event.act.envelope),
                                       .delivery = act.delivery()}));
  step.effects.push_back(SayQuestion{id, question.number});
  act.answer(Errc{}, "Your question about " + id.short_name() + " is recorded and goes into its thread.");
}

}  // namespace core
