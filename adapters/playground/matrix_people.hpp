// The people's clients of the Matrix stand-in: what they send, and what they see. Internal to this folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/matrix_api.hpp"

namespace playground {

class MatrixPeople {
 public:
  using Done = core::Result<std::string>;

  MatrixPeople(MatrixContext& context, MatrixStore& store, MatrixApi& api)
      : context_(context), store_(store), api_(api) {}

  std::string user_id(std::string_view key_or_id) const;
  std::string room_id(std::string_view room) const;  // empty: the world's
  Done react(std::string_view user, std::string_view event, std::string_view key);
  Done unreact(std::string_view user, std::string_view reaction);
  Done say(MatrixSaying const& saying);
  Done edit(std::string_view user, std::string_view event, std::string_view text);
  Done redact(std::string_view user, std::string_view event, std::string_view reason);
  Done send(MatrixDraft draft);
  Done member(std::string_view by, std::string_view room, std::string_view whom, char const* membership,
              std::string_view reason = {});
  Done set_power(std::string_view whom, int level, std::string_view room);
  Done inject(core::Json const& event);

  core::Json message(MatrixEvent const& event) const;
  std::vector<core::Json> messages(std::string_view room) const;
  std::vector<core::Json> thread(std::string_view root) const;
  core::Json state(std::string_view user, std::size_t connections) const;

 private:
  Done guarded(std::function<std::string()> const& act);
  std::string root_of(MatrixEvent const& event) const;  // of the thread that it is in; empty: none

  MatrixContext& context_;
  MatrixStore& store_;
  MatrixApi& api_;
};

}  // namespace playground
