#include "collectors/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "bot/core/text.hpp"

namespace collectors {
namespace {

char const* type_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

core::Result<process::Fd> open_regular(std::string const& path) {
  auto const refuse = [&](std::string const& why) {
    return core::make_error(core::Errc::unavailable, core::printable_ascii(path, 512) + ": " + why + ".");
  };
  auto const because = [] { return std::generic_category().message(errno); };
  // O_PATH opens nothing: what it is is known before anything is touched.
  process::Fd const place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!place || ::fstat(place.get(), &status) != 0) return refuse("It can't be opened: " + because());
  if (!S_ISREG(status.st_mode)) {
    return refuse(std::string("It is ") + type_of(status.st_mode) + "; only regular files are read");
  }
  auto const link = "/proc/self/fd/" + std::to_string(place.get());
  process::Fd file(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return refuse("It can't be read: " + because());
  return file;
}

}  // namespace collectors
