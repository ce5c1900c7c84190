// One chat as the page knows it: a stand-in behind one face, so that the page's server need not know which.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bot/core/json.hpp"
#include "bot/net/http_message.hpp"

namespace playground {

class SlackStandIn;
class TeamsStandIn;
class MatrixStandIn;

// Belongs to the loop's thread, as the stand-in does, which must outlive it.
struct ChatFace {
  virtual ~ChatFace() = default;
  virtual std::string_view platform() const = 0;  // "slack"
  // Everything as this account sees it; the page draws it.
  virtual core::Json state(std::string const& account) = 0;
  // What a person does by hand ("click", "say"); nothing if people do no such thing here.
  virtual std::optional<net::HttpResponse> act(std::string_view what, std::string const& account,
                                               core::Json const& arguments) = 0;
  // The stand-in's own controls, as /control/WHAT.
  virtual net::HttpResponse control(std::string_view what, core::Json const& arguments) = 0;
  virtual bool only_looks(std::string_view what) const = 0;
  virtual std::uint64_t on_change(std::function<void()> fn) = 0;
  virtual void forget(std::uint64_t observer) = 0;
};

std::unique_ptr<ChatFace> make_face(SlackStandIn& slack);
std::unique_ptr<ChatFace> make_face(TeamsStandIn& teams);
std::unique_ptr<ChatFace> make_face(MatrixStandIn& matrix);

}  // namespace playground
