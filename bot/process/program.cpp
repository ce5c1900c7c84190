#include "bot/process/program.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace process {

void throw_exception_from_error(Error const& error, boost::source_location const&) {
  throw std::runtime_error(error.text);
}

namespace {

constexpr std::size_t kHashBlockBytes = 256u << 10;
constexpr int kMaxLinks = 40;  // as the kernel follows (path_resolution(7))

Error failed(int number, std::string text) {
  return Error{number, std::move(text) + ": " + std::generic_category().message(number) + "."};
}

struct OpenFile {
  Fd fd{};
  struct stat status {};
};

struct Content {
  std::string sha256{};
  std::string first_bytes{};  // kMaxInterpreterLine at most
};

// SHA-256 of everything the descriptor reads, from its beginning.
Result<Content> hash(std::string const& path, int fd) {
  Content content;
  struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, FreeContext> const context{EVP_MD_CTX_new()};
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1)
    return Error{ENOMEM, "No SHA-256 for " + path + "."};
  std::vector<char> block(kHashBlockBytes);
  std::uint64_t offset = 0;
  for (;;) {
    auto const count = ::pread(fd, block.data(), block.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(errno, "Can't read the program " + path);
    if (count == 0) break;
    auto const size = static_cast<std::size_t>(count);
    if (offset == 0) content.first_bytes.assign(block.data(), std::min(size, kMaxInterpreterLine));
    offset += size;
    if (offset > kMaxProgramBytes)
      return Error{EFBIG, "The program " + path + " is larger than " + std::to_string(kMaxProgramBytes) + " bytes."};
    if (EVP_DigestUpdate(context.get(), block.data(), size) != 1) return Error{EIO, "SHA-256 failed for " + path + "."};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1)
    return Error{EIO, "SHA-256 failed for " + path + "."};
  static constexpr char kHex[] = "0123456789abcdef";
  for (unsigned i = 0; i < length; ++i) {
    content.sha256 += kHex[digest[i] >> 4];
    content.sha256 += kHex[digest[i] & 15];
  }
  return content;
}

// Opens what may be executed: regular, with an execute bit. Without blocking on what turns out to be a FIFO.
Result<OpenFile> open_executable(std::string const& path) {
  OpenFile file;
  file.fd = Fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
  if (!file.fd) return failed(errno, "Can't open the program " + path);
  if (::fstat(file.fd.get(), &file.status) != 0) return failed(errno, "Can't look at the program " + path);
  if (!S_ISREG(file.status.st_mode)) return Error{EACCES, "The program " + path + " is not a regular file."};
  if ((file.status.st_mode & 0111) == 0)
    return Error{EACCES, "The program " + path + " is not executable: set its execute bit (chmod +x)."};
  return file;
}

struct InterpreterLine {
  std::string path{};
  std::optional<std::string> argument{};
};

Result<InterpreterLine> parse_interpreter(std::string const& path, std::string_view first_bytes) {
  auto const end = first_bytes.find('\n');
  if (end == std::string_view::npos && first_bytes.size() >= kMaxInterpreterLine)
    return Error{ENOEXEC, "The script " + path + " has an interpreter line of more than " +
                              std::to_string(kMaxInterpreterLine) + " bytes."};
  std::string_view line = first_bytes.substr(2, end == std::string_view::npos ? end : end - 2);
  constexpr std::string_view kBlank = " \t";
  auto const trim = [&](std::string_view text) {
    auto const first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return std::string_view{};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  };
  line = trim(line);
  if (line.empty() || line.front() != '/' || line.find('\0') != std::string_view::npos)
    return Error{ENOEXEC, "The script " + path + " must name its interpreter by an absolute path behind \"#!\"."};
  auto const blank = line.find_first_of(kBlank);
  InterpreterLine result{std::string{line.substr(0, blank)}, std::nullopt};
  if (blank != std::string_view::npos) result.argument = std::string{trim(line.substr(blank))};
  return result;
}

bool writable_by_others(struct stat const& status) {
  if (S_ISLNK(status.st_mode)) return false;  // a link's mode means nothing; its directory was asked
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) return true;
  if (S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0)
    return false;  // others can't rename what isn't theirs
  return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

// Walks every directory, link and link target on the way to `path`. What can't be looked at counts as writable.
bool path_writable_by_others(std::string_view path, int& links_left) {
  std::string walked;
  std::size_t at = 0;
  struct stat status {};
  if (::lstat("/", &status) != 0 || writable_by_others(status)) return true;
  while (at < path.size()) {
    auto const next = std::min(path.find('/', at), path.size());
    auto const part = path.substr(at, next - at);
    at = next + 1;
    if (part.empty() || part == ".") continue;
    auto const parent = walked;
    walked += '/';
    walked += part;
    if (::lstat(walked.c_str(), &status) != 0 || writable_by_others(status)) return true;
    if (S_ISLNK(status.st_mode)) {
      if (links_left-- <= 0) return true;
      std::array<char, 4096> target{};
      auto const length = ::readlink(walked.c_str(), target.data(), target.size());
      if (length <= 0 || static_cast<std::size_t>(length) == target.size()) return true;
      std::string goes_to{target.data(), static_cast<std::size_t>(length)};
      if (goes_to.front() != '/') goes_to = parent + "/" + goes_to;
      if (at < path.size()) goes_to += "/" + std::string{path.substr(at)};
      return path_writable_by_others(goes_to, links_left);
    }
  }
  return false;
}

bool advise(std::string const& path, struct stat const& opened) {
  int links_left = kMaxLinks;
  return writable_by_others(opened) || path_writable_by_others(path, links_left);
}

Result<OpenFile> find(std::string_view name, std::string& path) {
  if (name.empty() || name.find('\0') != std::string_view::npos)
    return Error{EINVAL, "A program needs a name without NUL bytes."};
  if (name.front() == '/') {
    path = name;
    return open_executable(path);
  }
  if (name.find('/') != std::string_view::npos)
    return Error{EINVAL, "The program " + std::string{name} +
                             " is neither an absolute path nor a bare name: write the absolute path."};
  std::optional<Error> first_error;
  for (std::size_t at = 0; at < kSafePath.size();) {
    auto const end = std::min(kSafePath.find(':', at), kSafePath.size());
    path = std::string{kSafePath.substr(at, end - at)} + "/" + std::string{name};
    at = end + 1;
    auto file = open_executable(path);
    if (file) return file;
    if (file.error().number != ENOENT && !first_error) first_error = file.error();
  }
  if (first_error) return *first_error;
  return Error{ENOENT, "There is no program " + std::string{name} + " in " + std::string{kSafePath} + "."};
}

}  // namespace

Result<ProgramFile> open_program(std::string_view name) {
  ProgramFile program;
  std::string path;
  auto file = find(name, path);
  if (!file) return file.error();
  auto const content = hash(path, file->fd.get());
  if (!content) return content.error();
  program.identity_ = ProgramIdentity{path, content->sha256, std::nullopt};
  program.writable_by_others_ = advise(path, file->status);

  if (content->first_bytes.starts_with("#!")) {
    auto line = parse_interpreter(path, content->first_bytes);
    if (!line) return line.error();
    auto interpreter = open_executable(line->path);
    if (!interpreter)
      return Error{interpreter.error().number, "The interpreter of " + path + ": " + interpreter.error().text};
    auto const its_content = hash(line->path, interpreter->fd.get());
    if (!its_content) return its_content.error();
    if (its_content->first_bytes.starts_with("#!"))
      return Error{ENOEXEC, "The interpreter " + line->path + " of " + path + " is itself a script: name its own."};
    program.identity_.interpreter = Interpreter{line->path, its_content->sha256, line->argument};
    program.writable_by_others_ = program.writable_by_others_ || advise(line->path, interpreter->status);
    program.interpreter_ = std::move(interpreter->fd);
  }
  program.file_ = std::move(file->fd);
  return program;
}

Result<void> ProgramFile::check_unchanged() const {
  auto const check = [](Fd const& fd, std::string const& path, std::string const& expected) -> Result<void> {
    auto const now = hash(path, fd.get());
    if (!now) return now.error();
    if (now->sha256 != expected)
      return Error{ETXTBSY, "The program " + path + " was written to after it was looked at: it is not run."};
    return {};
  };
  if (auto const same = check(file_, identity_.path, identity_.sha256); !same) return same.error();
  if (interpreter_) return check(interpreter_, identity_.interpreter->path, identity_.interpreter->sha256);
  return {};
}

}  // namespace process
