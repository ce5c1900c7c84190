// A package manager's log, as text and inflated (T65): what it gives is bounded and clean, the same whether it was
// compressed or not, and what is cut or damaged is said. The first byte chooses the form, the second what is damaged.
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>

#include "collectors/dpkg_log.hpp"
#include "tests/fuzz/code_points.hpp"
#include "tests/fuzz/collectors/checks.hpp"

namespace {

constexpr std::size_t kMost = 5;

// One file for all inputs, gone when the process ends.
class File {
 public:
  File() : fd_(::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    if (fd_ < 0) fd_ = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    fuzz::require(fd_ >= 0, "a file without a name");
    path_ = "/proc/self/fd/" + std::to_string(fd_);
  }
  collectors::LogReading read(std::string const& bytes) {
    fuzz::require(
        ::ftruncate(fd_, 0) == 0 && ::pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
        "the file is written");
    auto reading = collectors::read_dpkg_log(path_, core::Time{}, kMost, {});
    fuzz::require(reading.changes.size() <= kMost, "as many changes as were asked for");
    fuzz::require(reading.left_out == 0 || reading.changes.size() == kMost, "only what is too much is left out");
    for (auto const& change : reading.changes) {
      fuzz::require(change.what.size() < 1000, "a change is short");
      fuzz::require_visible(change.what, /*one_line=*/true);
    }
    return reading;
  }

 private:
  int fd_;
  std::string path_;
};

std::string gzip(std::string_view text) {
  z_stream stream{};
  fuzz::require(::deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK, "deflate");
  std::string out(::deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  auto copy = std::string(text);
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  fuzz::require(::deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflated");
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

bool same(collectors::LogReading const& a, collectors::LogReading const& b) {
  return a.left_out == b.left_out && std::ranges::equal(a.changes, b.changes, [](auto const& one, auto const& other) {
           return one.at == other.at && one.what == other.what;
         });
}

// Once: a little more than is read, in a few KiB on disk.
void a_bomb_is_cut(File& file) {
  auto const bomb = gzip(std::string(collectors::kMaxLogBytes + (1u << 20), '\n'));
  fuzz::require(bomb.size() < (1u << 20), "it is a bomb");
  fuzz::require(file.read(bomb).error.find("32 MiB") != std::string::npos, "a bomb is cut, and that is said");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  static File file;
  [[maybe_unused]] static bool const cut = (a_bomb_is_cut(file), true);
  auto const bytes = fuzz::text_of(data, size);
  if (bytes.size() < 2) return 0;
  auto const form = data[0] % 4;
  auto const text = bytes.substr(2);
  if (form == 0) {  // whatever it is
    file.read(text);
    file.read("\x1f\x8b\x08" + text);
    return 0;
  }
  if (text.starts_with("\x1f\x8b")) return 0;
  auto const plain = file.read(text);
  fuzz::require(plain.error.empty(), "text is read to its end");
  auto packed = gzip(text);
  if (form == 1) {
    auto const inflated = file.read(packed);
    fuzz::require(inflated.error.empty() && same(inflated, plain), "inflated, it is the same");
  } else if (form == 2) {  // cut short: what is there is a beginning of it
    packed.resize(2 + packed.size() * data[1] / 256 % (packed.size() - 2));
    auto const part = file.read(packed);
    fuzz::require(!part.error.empty(), "a cut one is said");
    fuzz::require(part.changes.size() + part.left_out <= plain.changes.size() + plain.left_out + 1,
                  "and gives no more");
  } else {  // one bit damaged: the checksum says so, unless it stood for nothing
    auto& byte = packed[10 + data[1] % (packed.size() - 10)];
    byte = static_cast<char>(byte ^ 0x40);
    auto const damaged = file.read(packed);
    fuzz::require(!damaged.error.empty() || same(damaged, plain), "a damaged one is said");
  }
  return 0;
}
