// How calls of process fail: the system's number where there is one, and a whole sentence.
#pragma once

#include <boost/system/result.hpp>
#include <string>

namespace process {

struct Error {
  int number = 0;      // errno, 0 where the system gave none
  std::string text{};  // names the program or file
};

template <class T>
using Result = boost::system::result<T, Error>;

[[noreturn]] void throw_exception_from_error(Error const& error, boost::source_location const&);

}  // namespace process
