// Teams and Matrix for the page's harness: what the page is shown and what becomes of a press, from a script instead of
// a wire. They show what a real bot never would: hostile markup, foreign edits, every element of a card.
#pragma once

#include <memory>

#include "adapters/playground/chat_face.hpp"

namespace browser {

struct ScriptedChat : playground::ChatFace {
  core::Json state(std::string const& account) override = 0;
  virtual void post() = 0;  // the service broke: the card appears
  net::HttpResponse control(std::string_view what, core::Json const& arguments) override;
  bool only_looks(std::string_view) const override { return false; }
  std::uint64_t on_change(std::function<void()> fn) override;
  void forget(std::uint64_t) override { changed_ = nullptr; }

 protected:
  void changed() const;
  static net::HttpResponse fine();
  static net::HttpResponse refused(char const* why);

 private:
  std::function<void()> changed_;
};

// decided: told with the person's name when bob, carol or erin approve.
std::unique_ptr<ScriptedChat> scripted_teams(std::function<void(std::string)> decided);
std::unique_ptr<ScriptedChat> scripted_matrix(std::function<void(std::string)> decided);

}  // namespace browser
