// What the people's clients make of the bot's answers to invokes.
#include <array>

#include "adapters/playground/teams_card.hpp"
#include "adapters/playground/teams_people.hpp"

namespace playground {

using core::Json;

namespace {

constexpr char const* kWentWrong = "Something went wrong. Please try again.";
constexpr char const* kUnreachable = "Unable to reach app. Please try again.";

bool ends_well(TeamsDelivery const& delivery) { return delivery.state == TeamsDelivery::State::answered; }

}  // namespace

void TeamsPeople::show(TeamsDelivery& delivery, std::string text) {
  delivery.shown = text;
  if (!delivery.automatic) warnings[delivery.user].push_back(std::move(text));
  context_.changed();
}

void TeamsPeople::settled(TeamsDelivery& delivery, net::HttpResponse const& response) {
  if (delivery.kind == "invoke adaptiveCard/action") return card_answer(delivery, response);
  if (delivery.kind == "invoke task/fetch" || delivery.kind == "invoke task/submit") {
    return task_answer(delivery, response);
  }
  bool const pressed = delivery.kind == "message" && !delivery.activity["value"].is_null();
  if (!ends_well(delivery) && pressed) show(delivery, kWentWrong);
}

void TeamsPeople::card_answer(TeamsDelivery& delivery, net::HttpResponse const& response) {
  auto complain = [&](std::string const& what, char const* shown) {
    context_.find("The answer to a card's action " + what);
    show(delivery, shown);
  };
  if (response.status == 0) return show(delivery, kWentWrong);  // nobody answered in time
  if (response.status == 401 || response.status == 403) return show(delivery, kWentWrong);
  if (response.status != 200) {
    return complain("has the HTTP status " + std::to_string(response.status) + ": it must be 200, whatever it says.",
                    response.status == 501 ? kUnreachable : kWentWrong);
  }
  auto const& answer = delivery.answer;
  if (!answer.is_object() || !answer["statusCode"].is_int() || !answer["type"].is_string()) {
    return complain("has no body with statusCode and type.", kUnreachable);
  }
  if (auto const kind = response.header("Content-Type").value_or(""); !kind.starts_with("application/json")) {
    context_.find("The answer to a card's action is not sent as application/json.");
  }
  auto const status = answer["statusCode"].integer();
  auto const type = answer["type"].text();
  auto const& value = answer["value"];
  if (type == kCardType) {
    if (status != 200 || !value.is_object()) return complain("is a card with a wrong status or value.", kWentWrong);
    for (auto const& problem : card_problems(value)) context_.find("Card in an answer: " + problem);
    // Only the clicker's view changes.
    auto* message = store_.find(delivery.conversation, delivery.message);
    if (message != nullptr) message->views[delivery.user] = value;
    return;
  }
  if (type == "application/vnd.microsoft.activity.message") {
    if (status != 200 || !value.is_string()) return complain("is a message with a wrong status or value.", kWentWrong);
    return show(delivery, value.text());
  }
  if (type == "application/vnd.microsoft.error") {
    bool const whole = value["code"].is_string() && value["message"].is_string();
    if (status < 400 || !whole) return complain("is an error with a wrong status or value.", kWentWrong);
    return show(delivery, value["message"].text());
  }
  static constexpr std::array<std::string_view, 3> kSignIn{"application/vnd.microsoft.activity.loginRequest",
                                                           "application/vnd.microsoft.error.incorrectAuthCode",
                                                           "application/vnd.microsoft.error.preconditionFailed"};
  for (auto const one : kSignIn) {
    if (type == one) return show(delivery, "Sign in.");
  }
  complain("has the unknown type " + type + ".", kWentWrong);
}

void TeamsPeople::task_answer(TeamsDelivery& delivery, net::HttpResponse const& response) {
  if (!ends_well(delivery)) return show(delivery, kWentWrong);
  auto const& task = delivery.answer["task"];
  if (response.body.empty() || delivery.answer.is_null()) return;  // closes it
  auto const type = task["type"].text();
  if (type == "message" && task["value"].is_string()) return show(delivery, task["value"].text());
  auto const& card = task["value"]["card"];
  if (type != "continue" || card["contentType"].text() != kCardType) {
    context_.find("The answer to a dialog is neither a message nor a card.");
    return show(delivery, kWentWrong);
  }
  for (auto const& problem : card_problems(card["content"])) context_.find("Card of a dialog: " + problem);
  dialogs[delivery.user] = {task["value"], delivery.activity};
}

}  // namespace playground
