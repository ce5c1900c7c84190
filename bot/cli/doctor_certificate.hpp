// The certificate of a messaging endpoint: is it the key's, is it in force, would Teams take it?
#pragma once

#include <string>

#include "bot/cli/doctor.hpp"

namespace cli::doctor {

void look_at_certificate(std::string const& certificate_file, std::string const& key_file, Findings& findings);

}  // namespace cli::doctor
