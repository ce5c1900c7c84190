// What the parts of the Matrix stand-in share. Internal to this folder.
#pragma once

#include <string>
#include <utility>

#include "adapters/playground/matrix_stand_in.hpp"
#include "adapters/playground/stand_in_context.hpp"

namespace playground {

struct MatrixContext : StandInContext {
  MatrixContext(net::Io& loop, MatrixOptions chosen)
      : StandInContext(loop, chosen.seed, chosen.now), options(std::move(chosen)) {}

  MatrixWorld const& world() const { return options.world; }
  std::int64_t now_ms() const { return now().time_since_epoch().count(); }

  MatrixOptions options;
  std::string origin;  // "http://127.0.0.1:4711", once we listen
};

}  // namespace playground
