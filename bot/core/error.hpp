// The one way an expected failure travels: a value with a class for programs and a sentence for people.
// I/O layers (net, process) speak boost::system::error_code and are translated where they are used.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace core {

// What kind of "no" it is. Starts at 1, so a forgotten value is never a success.
enum class Errc {
  bad_input = 1,  // the caller's bytes or words are at fault; say where and the way out
  not_found,      // there is no such thing
  forbidden,      // there is, but not for this caller
  conflict,       // it contradicts what is already recorded
  too_large,      // a named limit was passed
  timed_out,      // a deadline passed
  unavailable,    // an outside thing is down or refused; trying later may help
  no_space,       // the disk is full: may recover in process
  fsync_failed,   // what was written may be lost: the process must stop
  io,             // reading or writing failed
  corrupt,        // stored data contradicts itself
  unsupported,    // known, but not in this release
};

// "bad_input", "not_found" …: stable words for logs and JSON.
char const* to_string(Errc code) noexcept;

struct Error {
  Errc code = Errc::bad_input;
  std::string message;  // a whole sentence without secrets: the place, what is wrong, the way out
};

template <class T>
using Result = boost::system::result<T, Error>;

inline Error make_error(Errc code, std::string message) { return Error{code, std::move(message)}; }

// Thrown by Result::value() on an error, and by start-up code that can't go on.
class Failure : public std::runtime_error {
 public:
  explicit Failure(Error error) : std::runtime_error(error.message), error_(std::move(error)) {}
  Error const& error() const noexcept { return error_; }

 private:
  Error error_;
};

[[noreturn]] inline void throw_exception_from_error(Error const& error, boost::source_location const&) {
  throw Failure(error);
}

}  // namespace core
