// Completions for bash, zsh and fish. Commands and options are fixed text; names of runbooks, people and parameters
// come from `countersign generate names`, which reads the configuration that the line names.
#include <algorithm>
#include <functional>

#include "bot/cli/command_tree.hpp"

namespace cli {

namespace {

constexpr char const* kDefaultConfig = "/etc/countersign/countersign.yaml";

std::string joined(std::vector<std::string> const& words, std::string const& with) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : with) + word;
  return text;
}

std::vector<std::string> paths_of(CommandText const& root) {
  std::vector<std::string> paths;
  for (auto const* command : flatten(root)) {
    if (!command->path.empty()) paths.push_back(command->path);
  }
  return paths;
}

// What stands in a place: how a shell finds candidates for it.
enum class Fill { nothing, files, folders, words, runbooks, parameters, people };
Fill fill_of(OptionText const& option) {
  if (!option.words.empty()) return Fill::words;
  if (option.value == "FILE") return Fill::files;
  if (option.value == "DIR") return Fill::folders;
  auto const& name = option.names.back();
  if (name == "RUNBOOK") return Fill::runbooks;
  if (name == "key=value") return Fill::parameters;
  if (name == "--as" || name == "--initiator") return Fill::people;
  return Fill::nothing;
}

bool takes_names(CommandText const& command) {
  return std::ranges::any_of(command.options, [](auto const& option) { return fill_of(option) == Fill::runbooks; });
}

std::string option_names(CommandText const& command) {
  std::vector<std::string> names;
  for (auto const& option : command.options) {
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return joined(names, " ");
}

std::string command_names(CommandText const& command) {
  std::vector<std::string> names;
  for (auto const& below : command.commands) names.push_back(below.name);
  return joined(names, " ");
}

// Single quotes for any shell here; none of our texts holds one but descriptions.
std::string quoted(std::string const& text) {
  std::string out = "'";
  for (char const c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// PATH:OPTION of every option that takes a value, as alternatives of a shell's case.
std::string value_patterns(CommandText const& root, std::function<bool(OptionText const&)> const& wanted) {
  std::vector<std::string> patterns;
  for (auto const* command : flatten(root)) {
    for (auto const& option : command->options) {
      if (option.positional || option.value.empty() || !wanted(option)) continue;
      for (auto const& name : option.names) patterns.push_back(command->path + ":" + name);
    }
  }
  return joined(patterns, " | ");
}

std::string bash_line(std::string const& patterns, std::string const& action) {
  return patterns.empty() ? "" : "    " + patterns + ") " + action + "; return ;;\n";
}

// zsh: '[', ']', ':' and the quote have meanings inside of a specification.
std::string zsh_text(std::string const& text) {
  std::string out;
  for (char const c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out;
}

std::string zsh_action(OptionText const& option) {
  switch (fill_of(option)) {
    case Fill::files: return "_files";
    case Fill::folders: return "_files -/";
    case Fill::words: return "(" + joined(option.words, " ") + ")";
    case Fill::runbooks: return "_countersign_names runbooks";
    case Fill::parameters: return "_countersign_names parameters";
    case Fill::people: return "_countersign_names people";
    case Fill::nothing: break;
  }
  return " ";
}

std::string zsh_specs(CommandText const& command) {
  std::string out;
  for (auto const& option : command.options) {
    auto const about = zsh_text(option.description);
    auto const value = option.value.empty() ? "" : ":" + zsh_text(option.value) + ":" + zsh_action(option);
    if (option.positional) {
      out +=
          " \\\n        '" + std::string(option.repeatable ? "*" : "") + ":" + about + ":" + zsh_action(option) + "'";
      continue;
    }
    auto const others = option.repeatable ? "'*'" : "'(" + joined(option.names, " ") + ")'";
    auto const names = option.names.size() == 1 ? option.names.front() : "{" + joined(option.names, ",") + "}";
    out += " \\\n        " + others + names + "'[" + about + "]" + value + "'";
  }
  return out;
}

}  // namespace

std::string bash_completion(CommandText const& root) {
  std::string out =
      "# bash completion for countersign, made by `countersign generate completion bash`.\n"
      "_countersign_names() {  # KIND [RUNBOOK]: from the configuration that the line names, else the usual one\n"
      "  local i file=" +
      std::string(kDefaultConfig) +
      "\n"
      "  for ((i = 1; i + 1 < ${#COMP_WORDS[@]}; i++)); do\n"
      "    case ${COMP_WORDS[i]} in -c | --config) file=${COMP_WORDS[i + 1]} ;; esac\n"
      "  done\n"
      "  [[ -r $file ]] && \"${COMP_WORDS[0]}\" generate names -c \"$file\" \"$@\" 2>/dev/null\n"
      "}\n\n"
      "_countersign() {\n"
      "  local IFS=$'\\n' cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path='' word i\n"
      "  local -a rest=()\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${COMP_WORDS[i]}\n"
      "    case $path:$word in\n      " +
      value_patterns(root, [](auto const&) { return true; }) +
      ") ((++i)); continue ;;\n"
      "    esac\n"
      "    case $path/$word in\n      " +
      joined(paths_of(root), " | ") +
      ") path+=/$word ;;\n"
      "      *) [[ $word == -* ]] || rest+=(\"$word\") ;;\n"
      "    esac\n"
      "  done\n"
      "  case $path:$prev in\n" +
      bash_line(value_patterns(root, [](auto const& o) { return fill_of(o) == Fill::files; }),
                "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")") +
      bash_line(value_patterns(root, [](auto const& o) { return fill_of(o) == Fill::folders; }),
                "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")") +
      bash_line(value_patterns(root, [](auto const& o) { return fill_of(o) == Fill::people; }),
                "mapfile -t COMPREPLY < <(compgen -W \"$(_countersign_names people)\" -- \"$cur\")");
  for (auto const* command : flatten(root)) {
    for (auto const& option : command->options) {
      if (option.positional || fill_of(option) != Fill::words) continue;
      std::vector<std::string> patterns;
      for (auto const& name : option.names) patterns.push_back(command->path + ":" + name);
      out += bash_line(joined(patterns, " | "),
                       "mapfile -t COMPREPLY < <(compgen -W $'" + joined(option.words, "\\n") + "' -- \"$cur\")");
    }
  }
  out += bash_line(value_patterns(root, [](auto const& o) { return fill_of(o) == Fill::nothing; }), ":") +
         "  esac\n"
         "  local options='' commands=''\n"
         "  case $path in\n";
  for (auto const* command : flatten(root)) {
    out += "    " + (command->path.empty() ? std::string("''") : command->path) + ") options='" +
           option_names(*command) + "' commands='" + command_names(*command) + "' ;;\n";
  }
  std::vector<std::string> asking;
  for (auto const* command : flatten(root)) {
    if (takes_names(*command)) asking.push_back(command->path);
  }
  out +=
      "  esac\n"
      "  if [[ $cur == -* ]]; then\n"
      "    mapfile -t COMPREPLY < <(IFS=' '; compgen -W \"$options\" -- \"$cur\")\n"
      "  elif [[ -n $commands ]]; then\n"
      "    mapfile -t COMPREPLY < <(IFS=' '; compgen -W \"$commands\" -- \"$cur\")\n"
      "  else\n"
      "    case $path in\n      " +
      joined(asking, " | ") +
      ")\n"
      "        if ((${#rest[@]} == 0)); then\n"
      "          mapfile -t COMPREPLY < <(compgen -W \"$(_countersign_names runbooks)\" -- \"$cur\")\n"
      "        else\n"
      "          # '=' breaks words: name, =, value are three of them, and only the value is replaced.\n"
      "          local name=''\n"
      "          if [[ $cur == '=' ]]; then name=$prev cur=''\n"
      "          elif [[ $prev == '=' ]]; then name=${COMP_WORDS[COMP_CWORD - 2]}\n"
      "          fi\n"
      "          [[ -n $name ]] || compopt -o nospace\n"
      "          mapfile -t COMPREPLY < <(compgen -W \"$(_countersign_names parameters \"${rest[0]}\")\" -- "
      "\"${name:+$name=}$cur\")\n"
      "          [[ -z $name ]] || COMPREPLY=(\"${COMPREPLY[@]#*=}\")\n"
      "        fi ;;\n"
      "    esac\n"
      "  fi\n"
      "}\n"
      "complete -F _countersign countersign\n";
  return out;
}

std::string zsh_completion(CommandText const& root) {
  std::string out =
      "#compdef countersign\n"
      "# zsh completion for countersign, made by `countersign generate completion zsh`.\n\n"
      "_countersign_names() {  # KIND, with what _arguments adds before it\n"
      "  local kind=${@[-1]} file=" +
      std::string(kDefaultConfig) +
      " i runbook=''\n"
      "  local -a names\n"
      "  for ((i = 1; i < $#words; i++)); do\n"
      "    [[ $words[i] == (-c|--config) ]] && file=${(Q)words[i+1]}\n"
      "  done\n"
      "  [[ $kind == parameters ]] && runbook=$line[1]\n"
      "  [[ -r $file ]] || return 1\n"
      "  names=(${(f)\"$($_countersign_program generate names -c $file $kind ${runbook:+$runbook} 2>/dev/null)\"})\n"
      "  if [[ $kind == parameters ]]; then compadd -S '' -a names; else compadd -a names; fi\n"
      "}\n\n"
      "_countersign() {\n"
      "  local cpath='' i depth=0 _countersign_program=${(Q)words[1]}\n"
      "  local -a line commands\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case $cpath/$words[i] in\n      (" +
      joined(paths_of(root), "|") +
      ") cpath+=/$words[i]; depth=$((i - 1)) ;;\n"
      "    esac\n"
      "  done\n"
      "  words=(\"${(@)words[depth + 1, -1]}\")\n"
      "  ((CURRENT -= depth))\n"
      "  case $cpath in\n";
  for (auto const* command : flatten(root)) {
    out += "    (" + (command->path.empty() ? std::string("''") : command->path) + ")\n";
    if (!command->commands.empty()) {
      out += "      commands=(";
      for (auto const& below : command->commands)
        out += "\n        '" + below.name + ":" + zsh_text(below.description) + "'";
      out += ")\n      _arguments -S" + zsh_specs(*command) +
             " \\\n        '1:command:{_describe -t commands command commands}'\n";
    } else {
      out += "      _arguments -S" + zsh_specs(*command) + "\n";
    }
    out += "      ;;\n";
  }
  return out +
         "  esac\n"
         "}\n\n"
         "if [[ $funcstack[1] == _countersign ]]; then _countersign \"$@\"; else compdef _countersign countersign; "
         "fi\n";
}

std::string fish_completion(CommandText const& root) {
  std::string out =
      "# fish completion for countersign, made by `countersign generate completion fish`.\n"
      "function __countersign_path\n"
      "    set -l path ''\n"
      "    for word in (commandline -opc)[2..-1]\n"
      "        contains -- \"$path/$word\" " +
      joined(paths_of(root), " ") +
      "; and set path \"$path/$word\"\n"
      "    end\n"
      "    echo $path\n"
      "end\n"
      "function __countersign_at\n"
      "    test (__countersign_path)_ = \"$argv[1]_\"\n"
      "end\n"
      "function __countersign_names\n"
      "    set -l words (commandline -opc)\n"
      "    set -l file " +
      std::string(kDefaultConfig) +
      "\n"
      "    set -l at (contains -i -- -c $words; or contains -i -- --config $words)\n"
      "    and set file $words[(math $at + 1)]\n"
      "    test -r \"$file\"; or return\n"
      "    set -l names ($words[1] generate names -c $file runbooks 2>/dev/null)\n"
      "    switch $argv[1]\n"
      "        case words\n"
      "            for word in $words[3..-1]\n"
      "                if contains -- $word $names\n"
      "                    $words[1] generate names -c $file parameters $word 2>/dev/null\n"
      "                    return\n"
      "                end\n"
      "            end\n"
      "            string join \\n $names\n"
      "        case people\n"
      "            $words[1] generate names -c $file people 2>/dev/null\n"
      "    end\n"
      "end\n"
      "complete -c countersign -f\n";
  for (auto const* command : flatten(root)) {
    auto const at = "complete -c countersign -n '__countersign_at " + command->path + "'";
    for (auto const& below : command->commands)
      out += at + " -a " + below.name + " -d " + quoted(below.description) + "\n";
    if (takes_names(*command)) out += at + " -a '(__countersign_names words)'\n";
    for (auto const& option : command->options) {
      if (option.positional) continue;
      out += at;
      for (auto const& name : option.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.value.empty()) out += " -r";
      switch (fill_of(option)) {
        case Fill::files: out += " -F"; break;
        case Fill::folders: out += " -a '(__fish_complete_directories)'"; break;
        case Fill::words: out += " -a " + quoted(joined(option.words, " ")); break;
        case Fill::people: out += " -a '(__countersign_names people)'"; break;
        default: break;
      }
      out += " -d " + quoted(option.description) + "\n";
    }
  }
  return out;
}

}  // namespace cli
