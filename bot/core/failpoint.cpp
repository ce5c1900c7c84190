// Alone in its file, so that the object of tests/faults replaces it at link time.
#include "bot/core/failpoint.hpp"

namespace core {

void reached(Failpoint, char const*) noexcept {}

}  // namespace core
