// Bodies of the type application/x-www-form-urlencoded. Internal to this folder.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/json.hpp"

namespace playground {

std::string decode_form(std::string_view text);           // '+' is a blank; a bad escape stays as it is
void read_form(std::string_view body, core::Json& into);  // each pair as a member

}  // namespace playground
