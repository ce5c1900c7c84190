// Which argument lists would hand a parameter to something that runs it as code.
#include "config/parts.hpp"
#include "tests/support/catch.hpp"

namespace {

struct Row {
  std::vector<std::string> argv;
  std::vector<std::size_t> at;  // the arguments that must be refused
};

Row const kRows[] = {
    // no shell, or a shell that gets the value as an argument of its own
    {{"systemctl", "restart", "{{x}}.service"}, {}},
    {{"sh", "-c", "systemctl restart \"$1\"", "sh", "{{x}}"}, {}},
    {{"bash", "-eo", "pipefail", "-c", "echo \"$1\"", "bash", "{{x}}"}, {}},
    {{"bash", "/opt/job.sh", "{{x}}"}, {}},
    {{"bash", "/opt/job.sh", "-c", "{{x}}"}, {}},
    {{"grep", "-c", "{{x}}", "/etc/hosts"}, {}},
    {{"env", "A={{x}}", "systemctl", "restart", "{{x}}"}, {}},
    {{"env", "-u", "HOME", "systemctl", "{{x}}"}, {}},
    // shells, by any name and with any spelling of -c
    {{"sh", "-c", "echo {{x}}"}, {2}},
    {{"/bin/sh", "-c", "echo '{{x}}'"}, {2}},
    {{"bash", "-ec", "echo {{x}}"}, {2}},
    {{"bash", "-c", "-e", "echo {{x}}"}, {3}},
    {{"bash", "-c", "--", "echo {{x}}"}, {3}},
    {{"bash", "-c", "+x", "echo {{x}}"}, {3}},
    {{"bash", "--norc", "-c", "echo {{x}}"}, {3}},
    {{"bash", "--rcfile", "/dev/null", "-c", "{{x}}"}, {4}},
    {{"bash", "-eo", "pipefail", "-c", "echo {{x}}"}, {4}},
    {{"bash", "-o", "pipefail", "-c", "echo {{x}}"}, {4}},
    {{"bash", "+o", "histexpand", "-c", "echo {{x}}"}, {4}},
    {{"bash", "-O", "extglob", "-c", "echo {{x}}"}, {4}},
    {{"fish", "--command", "echo {{x}}"}, {2}},
    {{"bash", "-{{x}}", "echo"}, {1}},
    {{"bash", "-o", "{{x}}", "-c", "true"}, {2}},
    {{"bash", "{{x}}", "echo a"}, {1}},
    // behind wrappers
    {{"busybox", "sh", "-c", "echo {{x}}"}, {3}},
    {{"sudo", "-u", "web", "bash", "-c", "echo {{x}}"}, {5}},
    {{"timeout", "5", "sh", "-c", "echo {{x}}"}, {4}},
    {{"nsenter", "-t", "1", "/usr/bin/dash", "-c", "{{x}}"}, {5}},
    {{"su", "web", "-c", "echo {{x}}"}, {3}},
    {{"runuser", "-u", "web", "--command=echo {{x}}"}, {3}},
    {{"sh", "-c", "exec \"$@\"", "sh", "bash", "-c", "{{x}}"}, {6}},
    // env
    {{"env", "-S", "sh {{x}}"}, {2}},
    {{"env", "-Ssh {{x}}"}, {1}},
    {{"env", "--split-string=sh {{x}}"}, {1}},
    {{"env", "-i", "-S", "a {{x}}"}, {3}},
    {{"env", "{{x}}"}, {1}},
    {{"env", "A=b", "{{x}}"}, {2}},
    {{"env", "A=b", "sh", "-c", "echo {{x}}"}, {4}},
    // interpreters
    {{"python3", "-c", "print('{{x}}')"}, {2}},
    {{"python3", "-uc", "print('{{x}}')"}, {2}},
    {{"python3.11", "-cprint('{{x}}')"}, {1}},
    {{"python3", "-W", "ignore", "-c", "{{x}}"}, {4}},
    {{"perl", "-e", "{{x}}"}, {2}},
    {{"perl", "-lne", "print '{{x}}'"}, {2}},
    {{"ruby", "-e", "{{x}}"}, {2}},
    {{"node", "--eval", "{{x}}"}, {2}},
    {{"node", "-p", "{{x}}"}, {2}},
    {{"php", "-r", "{{x}}"}, {2}},
    {{"lua5.4", "-e", "{{x}}"}, {2}},
    // what follows the script's file is the script's own
    {{"python3", "/opt/job.py", "-c", "{{x}}"}, {}},
    {{"python3", "-u", "/opt/job.py", "-c", "{{x}}"}, {}},
    {{"perl", "-w", "job.pl", "-e", "{{x}}"}, {}},
    {{"node", "job.js", "-e", "{{x}}"}, {}},
    // … where it is certain that this is the file
    {{"python3", "-X", "dev", "-c", "{{x}}"}, {4}},
    {{"ruby", "-r", "json", "-e", "{{x}}"}, {4}},
    {{"python3", "{{x}}", "-c", "{{x}}"}, {3}},
};

}  // namespace

TEST_CASE("code arguments: a placeholder never becomes code, and nothing else is refused") {
  for (auto const& row : kRows) {
    std::string shown;
    for (auto const& argument : row.argv) shown += "[" + argument + "] ";
    CAPTURE(shown);
    std::vector<std::size_t> found;
    for (auto const& code : config::code_arguments(row.argv)) {
      found.push_back(code.index);
      CHECK_FALSE(code.why.empty());
    }
    CHECK(found == row.at);
  }
}

TEST_CASE("code arguments: odd lists are no harm") {
  CHECK(config::code_arguments({}).empty());
  for (std::vector<std::string> argv : {std::vector<std::string>{"env"},
                                        {"sh"},
                                        {"sh", "-c"},
                                        {"env", "-S"},
                                        {""},
                                        {"", "{{x}}"},
                                        {"python3", "-c"},
                                        {"-", "-"},
                                        {"su"}})
    CHECK(config::code_arguments(argv).empty());
}
