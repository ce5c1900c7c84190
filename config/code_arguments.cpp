// Finds arguments that a program would run as code. A parameter's value inside such a text could say anything, whatever
// quotes stand around it; as a separate argument it is only a value ("sh -c 'systemctl restart "$1"' sh {{service}}").
#include <algorithm>
#include <array>

#include "config/parts.hpp"

namespace config {

namespace {

bool has_placeholder(std::string_view text) { return text.find("{{") != std::string_view::npos; }

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_shell(std::string_view name) {
  static constexpr std::array<std::string_view, 10> kShells{"sh",  "bash", "dash", "ksh",   "zsh",
                                                            "ash", "mksh", "fish", "rbash", "busybox-sh"};
  return std::ranges::find(kShells, name) != kShells.end();
}

// The option letters after which an interpreter takes a program's text; empty when it is none we know.
std::string_view text_options(std::string_view name) {
  if (is_shell(name)) return "c";
  if (name == "su" || name == "runuser" || name == "script") return "c";  // they hand it to a shell
  if (name.starts_with("python")) return "c";
  if (name.starts_with("perl")) return "eE";
  if (name.starts_with("ruby")) return "e";
  if (name == "node" || name == "nodejs") return "ep";
  if (name.starts_with("php")) return "r";
  if (name.starts_with("lua")) return "e";
  return {};
}

class Scan {
 public:
  explicit Scan(std::vector<std::string> const& argv) : argv_(argv) {}

  std::vector<CodeArgument> run() {
    for (std::size_t i = 0; i < argv_.size(); ++i) {
      auto const name = base_name(argv_[i]);
      if (name == "env") {
        scan_env(i + 1);
      } else if (is_shell(name)) {
        i = scan_shell(i + 1, name);
      } else if (auto const letters = text_options(name); !letters.empty()) {
        scan_interpreter(i + 1, name, letters);
      }
    }
    return std::move(found_);
  }

 private:
  void report(std::size_t index, std::string why) {
    if (std::ranges::none_of(found_, [&](auto const& other) { return other.index == index; }))
      found_.push_back({index, std::move(why)});
  }

  // env -S splits its text into a command line; env [NAME=VALUE…] {{x}} would choose the program.
  void scan_env(std::size_t i) {
    for (; i < argv_.size(); ++i) {
      auto const& argument = argv_[i];
      bool const option = argument.starts_with('-');
      bool const after_split = i > 0 && (argv_[i - 1] == "-S" || argv_[i - 1] == "--split-string");
      bool const assignment = argument.find('=') != std::string::npos && !option;
      if (has_placeholder(argument) && (option || after_split || !assignment)) {
        report(i, "env would take this placeholder for an option, a command line or the program");
        return;
      }
      if (!option && !assignment && !after_split && !takes_value(argv_[i - 1])) return;
    }
  }

  static bool takes_value(std::string_view option) {
    return option == "-u" || option == "--unset" || option == "-C" || option == "--chdir";
  }

  // POSIX shells: options first, -c among them (also bundled, "-ec"); then the first other word is the text, and the
  // one after it only the name that the shell goes by. Returns the last word that needs no other look.
  std::size_t scan_shell(std::size_t i, std::string_view name) {
    auto const shell = i - 1;
    bool command = false;
    bool value_next = false;
    for (; i < argv_.size(); ++i) {
      auto const& argument = argv_[i];
      if (value_next) {
        value_next = false;
        if (has_placeholder(argument)) report(i, std::string(name) + " would take this placeholder for an option");
        // Which word is an option's value is the shell's secret; the next one is looked at as text either way.
        continue;
      }
      if (argument.starts_with("{{")) {
        report(i, std::string(name) + " could take this placeholder for an option, -c among them");
        if (!command) continue;
        return i + 1;
      }
      bool const option = argument.size() > 1 && (argument[0] == '-' || argument[0] == '+');
      if (option && argument != "--") {
        if (has_placeholder(argument)) report(i, std::string(name) + " would take this placeholder for an option");
        bool const single = !argument.starts_with("--");
        command = command || (single ? argument.find('c') != std::string::npos : argument.starts_with("--command"));
        value_next = (single && argument.find_first_of("oO") != std::string::npos) || argument == "--rcfile" ||
                     argument == "--init-file";
        continue;
      }
      if (argument == "--" || argument == "-") continue;
      if (command && has_placeholder(argument))
        report(i, std::string(name) + " would run this text, and with it whatever the parameter says");
      return command ? i + 1 : shell;
    }
    return shell;
  }

  // After the script's file everything is the script's own: [python3, job.py, -c, "{{x}}"]. Only where it is certain
  // that the word is this file: no option before it could have a value, and it is fixed text.
  void scan_interpreter(std::size_t i, std::string_view name, std::string_view letters) {
    bool may_be_script = name != "su" && name != "runuser" && name != "script";  // these take options in any order
    for (; i < argv_.size(); ++i) {
      auto const& argument = argv_[i];
      bool const option = argument.size() > 1 && argument[0] == '-';
      if (may_be_script && !option && !argument.empty() && !has_placeholder(argument)) return;
      may_be_script = may_be_script && option && is_flag(name, argument);
      bool const by_letter = option && argument[1] != '-' && argument.find_first_of(letters, 1) != std::string::npos;
      bool const by_word = argument.starts_with("--command") || argument.starts_with("--session-command") ||
                           argument.starts_with("--eval") || argument.starts_with("--print");
      if (!by_letter && !by_word) continue;
      if (has_placeholder(argument)) report(i, why(name));
      if (i + 1 < argv_.size() && has_placeholder(argv_[i + 1])) report(i + 1, why(name));
    }
  }

  // Options that are known to have no value.
  static bool is_flag(std::string_view name, std::string_view option) {
    if (name.starts_with("python")) return option.find_first_not_of("bBdEiIOqsSuvx", 1) == std::string_view::npos;
    return option == "-w" && (name.starts_with("perl") || name.starts_with("ruby"));
  }

  static std::string why(std::string_view name) {
    return std::string(name) + " would run this text, and with it whatever the parameter says";
  }

  std::vector<std::string> const& argv_;
  std::vector<CodeArgument> found_;
};

}  // namespace

std::vector<CodeArgument> code_arguments(std::vector<std::string> const& argv) { return Scan(argv).run(); }

}  // namespace config
