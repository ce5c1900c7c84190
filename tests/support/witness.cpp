// What approved runbooks run in tests: `witness FILE WORD [wait HOLD | exit CODE]` appends "WORD\n" to FILE in one
// write, so that every run leaves exactly one line. `wait` then stays until HOLD exists, `exit` fails with CODE.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
  if (argc != 3 && argc != 5) return 64;
  std::string const line = std::string(argv[2]) + "\n";
  int const file = ::open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 65;
  if (::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) return 66;
  ::close(file);
  if (argc == 3) return 0;
  if (std::string_view(argv[3]) == "exit") return std::atoi(argv[4]);
  while (::access(argv[4], F_OK) != 0) ::usleep(10'000);
  return 0;
}
