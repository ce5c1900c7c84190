// countersign(1), in the language of man(7).
#include "bot/cli/command_tree.hpp"

namespace cli {

namespace {

// Text as troff shows it: '-' that can be copied, no line that is taken for a request.
std::string troff(std::string const& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 3, "…") == 0) {
      out += "...";
      i += 2;
    } else if (text[i] == '\\') {
      out += "\\e";
    } else if (text[i] == '-') {
      out += "\\-";
    } else if (text[i] == '\'') {
      out += "\\(aq";
    } else if (text[i] == '`') {
      out += "\\(ga";
    } else {
      if (text[i] == '.' && i == 0) out += "\\&";
      out += text[i];
    }
  }
  return out;
}

std::string full_name(CommandText const& command) {
  std::string name = "countersign";
  for (char const c : command.path) name += c == '/' ? ' ' : c;
  return name;
}

std::string synopsis(CommandText const& command) {
  std::string text = "\\fB" + troff(full_name(command)) + "\\fR";
  for (bool const positional : {false, true}) {
    for (auto const& option : command.options) {
      if (option.positional != positional || option.names.back() == "--help") continue;
      auto one = positional ? "\\fI" + troff(option.names.back()) + "\\fR"
                            : "\\fB" + troff(option.names.front()) + "\\fR" +
                                  (option.value.empty() ? "" : " \\fI" + troff(option.value) + "\\fR");
      if (option.repeatable) one += " ...";
      text += option.required ? " " + one : " [" + one + "]";
    }
  }
  return text + "\n";
}

std::string option_entry(OptionText const& option) {
  std::string head;
  for (auto const& name : option.names) head += (head.empty() ? "" : ", ") + ("\\fB" + troff(name) + "\\fR");
  if (option.positional) head = "\\fI" + troff(option.names.back()) + "\\fR";
  if (!option.positional && !option.value.empty()) head += " \\fI" + troff(option.value) + "\\fR";
  auto about = option.description;
  if (!option.words.empty()) {
    about += " (";
    for (auto const& word : option.words) about += (about.ends_with('(') ? "" : ", ") + word;
    about += ")";
  }
  return ".TP\n" + head + "\n" + troff(about.empty() ? "(no description)" : about) + ".\n";
}

std::string examples(CommandText const& command) {
  if (command.examples.empty()) return {};
  std::string text = ".PP\n.nf\n.RS\n";
  for (auto const& line : command.examples) text += troff(line) + "\n";
  return text + ".RE\n.fi\n";
}

std::string remarks(CommandText const& command) {
  std::string text;
  for (auto const& line : command.remarks) text += ".PP\n" + troff(line) + "\n";
  return text;
}

}  // namespace

std::string manual_page(CommandText const& root, std::string const& version, std::string const& date) {
  auto out =
      ".\\\" Made by `countersign generate man` from the definitions of the command line.\n.TH COUNTERSIGN 1 \"" +
      date + "\" \"countersign " + version + "\" \"User Commands\"\n";
  out += ".SH NAME\ncountersign \\- chat\\-ops approvals: evidence, approval, runbook, record\n.SH SYNOPSIS\n";
  out += ".B countersign\n.I COMMAND\n.RI [ OPTION ...]\n";
  out +=
      ".SH DESCRIPTION\nWhen something happens, or somebody asks,\n.B countersign\ncollects the evidence, posts a "
      "request with "
      "buttons to the right people in Slack, Microsoft Teams and Matrix, decides by policy, runs the approved runbook, "
      "and "
      "commits every step to a signed git repository that an auditor verifies with stock git.\n"
      ".PP\nEach command has its own\n.BR \\-\\-help .\n.SH COMMANDS\n";
  for (auto const* command : flatten(root)) {
    if (command->path.empty() || !command->commands.empty()) continue;
    out += ".SS " + troff(full_name(*command).substr(12)) + "\n" + synopsis(*command) + ".PP\n" +
           troff(command->description) + ".\n";
    for (auto const& option : command->options) {
      if (option.names.back() != "--help") out += option_entry(option);
    }
    out += examples(*command) + remarks(*command);
  }
  out += ".SH EXIT STATUS\n";
  for (auto const& [code, text] : std::vector<std::pair<char const*, char const*>>{
           {"0", "Done."},
           {"1", "The answer is no: denied, expired, cancelled, voided, refused, invalid."},
           {"2", "Wrong use."},
           {"3", "It could not run, or not finish checking."},
           {"4", "Approved, but the run failed or was interrupted."},
           {"5", "\\fB\\-\\-wait\\fR gave up; the request is still open."}})
    out += std::string(".TP\n.B ") + code + "\n" + text + "\n";
  out +=
      ".SH ENVIRONMENT\n.TP\n.B COUNTERSIGN_TOKEN\nThe API token of\n.B countersign request\nwhere "
      "\\fB\\-\\-token\\-file\\fR "
      "is not given.\n"
      ".SH FILES\n.TP\n.I /etc/countersign/countersign.yaml\nThe configuration, as the packages and units expect it.\n"
      ".TP\n.I /var/lib/countersign\nLedger and state, in the same way.\n"
      ".SH EXAMPLES\n.nf\n.RS\n";
  for (auto const& line : root.examples) out += troff(line) + "\n";
  return out + ".RE\n.fi\n.SH SEE ALSO\n.BR git (1),\n.BR ssh\\-keygen (1)\n";
}

}  // namespace cli
