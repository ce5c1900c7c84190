#include "bot/cli/attachments.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "bot/cli/printing.hpp"
#include "bot/core/error.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/text.hpp"

namespace cli {

namespace {

[[noreturn]] void refuse(core::Errc code, std::string text) {
  throw core::Failure(core::make_error(code, std::move(text)));
}

std::string shown(std::string const& text) { return "\"" + core::printable_ascii(text, 100) + "\""; }

// "plan.diff" from a path: lower case, other characters become '-'.
std::string name_of(std::string const& path) {
  if (path == "-") return "stdin";
  std::string name;
  for (char const c : std::filesystem::path(path).filename().string().substr(0, 60)) {
    char const lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    bool const fine = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '.' ||
                      lower == '_' || lower == '-';
    // ".." is none of a name's parts.
    name += fine && !(lower == '.' && name.ends_with('.')) ? lower : '-';
  }
  while (!name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) == 0) name.erase(0, 1);
  return core::is_name(name) ? name : "attachment";
}

}  // namespace

AttachArgument parse_attach(std::string const& argument) {
  auto const equals = argument.find('=');
  std::error_code ignored;
  if (equals == std::string::npos || std::filesystem::exists(argument, ignored)) return {name_of(argument), argument};
  auto const name = argument.substr(0, equals), path = argument.substr(equals + 1);
  if (!core::is_name(name)) {
    // "dir=x/file": the '=' belongs to a path that isn't there; saying so helps more than a rule about names.
    if (name.find('/') != std::string::npos) return {name_of(argument), argument};
    refuse(core::Errc::bad_input, shown(name) +
                                      " is no name for an attachment; use a-z, 0-9, '_', '-' and '.', and begin "
                                      "with a letter or digit, as in plan=FILE");
  }
  if (path.empty()) refuse(core::Errc::bad_input, "no file is named behind " + shown(name + "="));
  return {name, path};
}

char const* guess_media_type(std::string_view path, std::string_view bytes) {
  auto const ends = [&](std::string_view end) {
    return path.size() > end.size() &&
           std::ranges::equal(path.substr(path.size() - end.size()), end,
                              [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  };
  if (ends(".diff") || ends(".patch")) return "text/x-diff";
  if (ends(".json")) return "application/json";
  if (ends(".md")) return "text/markdown";
  if (bytes.starts_with("diff --git ") || (bytes.starts_with("--- ") && bytes.find("\n+++ ") != std::string_view::npos))
    return "text/x-diff";
  auto const first = bytes.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (bytes[first] == '{' || bytes[first] == '[') && core::parse_json(bytes))
    return "application/json";
  return "text/plain; charset=utf-8";
}

core::Json::Array make_attachments(std::vector<std::string> const& arguments,
                                   std::function<std::string(std::string const&, std::size_t)> const& read) {
  core::Json::Array attachments;
  if (arguments.size() > kMaxAttachments)
    refuse(core::Errc::bad_input, "a request takes at most " + std::to_string(kMaxAttachments) + " attachments");
  std::set<std::string> names;
  std::size_t total = 0, standard_inputs = 0;
  for (auto const& argument : arguments) {
    auto const [name, path] = parse_attach(argument);
    if (!names.insert(name).second)
      refuse(core::Errc::bad_input, "two attachments are named " + shown(name) +
                                        "; give one another name, as in other=" + core::printable_ascii(path, 100));
    if (path == "-" && ++standard_inputs > 1) refuse(core::Errc::bad_input, "standard input can be attached once only");
    auto const bytes = read(path, kMaxAttachedBytes);
    if (bytes.empty()) refuse(core::Errc::bad_input, "the attachment " + shown(name) + " is empty");
    total += bytes.size();
    if (total > kMaxAttachedBytes)
      refuse(core::Errc::too_large, "the attachments have more than 1 MiB together (" + std::to_string(total) +
                                        " bytes up to " + shown(name) + "); attach what matters of them");
    attachments.push_back(
        core::Json::object({{"name", name}, {"media_type", guess_media_type(path, bytes)}, {"data", base64(bytes)}}));
  }
  return attachments;
}

std::string read_standard_input(std::size_t most) {
  std::string bytes;
  char buffer[65536];
  while (true) {
    auto const got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(core::Errc::io, std::string("standard input can't be read: ") + std::strerror(errno));
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
    if (bytes.size() > most)
      refuse(core::Errc::too_large, "standard input has more than " + std::to_string(most) + " bytes");
  }
}

}  // namespace cli
