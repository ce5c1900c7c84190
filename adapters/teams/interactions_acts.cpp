// The buttons of a card that are no votes: "Ask again", and "Ask a question" with what was typed above it.
#include "adapters/teams/interaction_answers.hpp"
#include "adapters/teams/interactions.hpp"
#include "adapters/teams/render.hpp"

namespace teams {

// `vote`: what is known of the click, as for one that votes.
void Interactions::acted(ports::IncomingVote const& vote, ActionData const& data, Who const& who,
                         Answer const& answer) {
  ports::IncomingCommand command;
  command.account = vote.account;
  command.words = {data.verb, vote.request};
  if (data.verb == kAsk) command.words.push_back(data.question);
  command.channel = vote.channel;
  command.envelope = vote.envelope;
  command.delivery = vote.delivery;
  command.foreign = vote.foreign;
  command.via = "button";
  command.binding = vote.binding;
  command.rendering = vote.rendering;
  auto const given =
      within_limit(who.deadline, answer, who.executes ? json_response(answer_with_message(kRecording)) : nothing());
  sink_.command(std::move(command), alive_.guard([this, who, answer, given, vote](ports::Answer const& result) {
    bool const in_time = !std::exchange(*given, true);
    if (in_time) {
      bool const fine = result.state == ports::Answer::State::recorded;
      answer(!who.executes ? nothing()
             : fine        ? json_response(answer_with_message(result.text))
                           : refusal(vote, result.text));
    }
    if (!in_time || !who.executes) tell(who, result.text);
  }));
}

}  // namespace teams
