// The people's clients: what is sent when somebody does something, and what they see of the answer. Internal to this
// folder. Source: learn.microsoft.com, "Universal Actions for Adaptive Cards", "Task modules", "Bot conversation
// events".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/teams_courier.hpp"
#include "adapters/playground/teams_store.hpp"

namespace playground {

class TeamsPeople {
 public:
  TeamsPeople(TeamsContext& context, TeamsStore& store) : context_(context), store_(store) {}
  void connect(TeamsCourier& courier) { courier_ = &courier; }

  core::Result<std::uint64_t> click(TeamsClick const& click);
  core::Result<TeamsStandIn::Said> say(std::string_view user, std::string_view conversation, std::string_view text,
                                       bool mention_bot, std::string_view thread);
  core::Result<std::uint64_t> edit(std::string_view user, std::string_view conversation, std::string_view activity,
                                   std::string_view text);
  core::Result<std::uint64_t> remove(std::string_view user, std::string_view conversation, std::string_view activity);
  core::Result<std::uint64_t> react(std::string_view user, std::string_view conversation, std::string_view activity,
                                    std::string_view reaction, bool take_back);
  core::Result<std::uint64_t> install(std::string_view user, std::string_view conversation, std::string_view action);
  core::Result<std::uint64_t> refresh(std::string_view user, std::string_view conversation, std::string_view activity,
                                      std::size_t age, bool automatic);
  core::Result<std::uint64_t> submit_dialog(std::string_view user, core::Json const& inputs);

  // A card came on screen, or was changed: the clients of those whom it names ask for their own views.
  void appeared(TeamsMessage const& message);
  // What an answer does to the clients.
  void settled(TeamsDelivery& delivery, net::HttpResponse const& response);

  struct Dialog {
    core::Json task;  // value of the `continue`
    core::Json base;  // the activity that it goes on from
  };
  std::map<std::string, Dialog, std::less<>> dialogs;
  std::map<std::string, std::vector<std::string>, std::less<>> warnings;

 private:
  struct Place {
    TeamsPerson const* person = nullptr;
    TeamsConversation const* conversation = nullptr;
  };
  core::Result<Place> place(std::string_view user, std::string_view conversation, bool as_member = true) const;
  core::Result<TeamsMessage*> message(std::string_view conversation, std::string_view id);
  core::Json base(char const* type, Place const& place, std::string const& thread) const;
  std::uint64_t send(core::Json activity, std::string_view user, std::string_view about = {}, bool automatic = false);
  core::Result<core::Json> action_data(TeamsClick const& click, core::Json const& card, core::Json const& action) const;

  // teams_people_answers.cpp
  void show(TeamsDelivery& delivery, std::string text);
  void card_answer(TeamsDelivery& delivery, net::HttpResponse const& response);
  void task_answer(TeamsDelivery& delivery, net::HttpResponse const& response);

  TeamsContext& context_;
  TeamsStore& store_;
  TeamsCourier* courier_ = nullptr;
};

}  // namespace playground
