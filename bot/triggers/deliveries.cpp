#include "bot/triggers/deliveries.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "bot/process/fd.hpp"

namespace triggers {
namespace {

using core::Json;

std::string line_of(std::string const& once, std::string const& occurrence, Became const& became) {
  return core::dump(Json::object({{"once", once},
                                  {"occurrence", occurrence},
                                  {"became", to_string(became.what)},
                                  {"why", became.why},
                                  {"case", became.case_id}})) +
         "\n";
}

std::string write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return std::generic_category().message(errno);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ::fdatasync(fd) == 0 ? std::string() : std::generic_category().message(errno);
}

}  // namespace

struct Deliveries::File {
  std::filesystem::path path;

  // On a worker; never two at a time, because the trigger waits for one before it orders the next. Why not, if not.
  std::string append(std::string const& bytes) const {
    process::Fd const fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    return fd ? write_whole(fd.get(), bytes) : std::generic_category().message(errno);
  }
  std::string replace(std::string const& bytes) const {
    auto next = path;
    next += ".new";
    {
      process::Fd const fd(::open(next.c_str(), O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600));
      if (!fd) return std::generic_category().message(errno);
      if (auto why = write_whole(fd.get(), bytes); !why.empty()) return why;
    }
    if (::rename(next.c_str(), path.c_str()) != 0) return std::generic_category().message(errno);
    process::Fd const folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return folder && ::fsync(folder.get()) == 0 ? std::string() : std::generic_category().message(errno);
  }
};

Deliveries::Deliveries(std::filesystem::path file, ports::Loop& loop, ports::Workers& workers, ports::Log& log)
    : file_(std::make_shared<File>()), loop_(loop), workers_(workers), log_(log) {
  file_->path = std::move(file);
  std::ifstream in(file_->path, std::ios::binary);
  load(std::string(std::istreambuf_iterator<char>(in), {}));
}

Deliveries::~Deliveries() { *alive_ = false; }

void Deliveries::load(std::string const& bytes) {
  using What = Became::What;
  struct Line {
    std::string once, occurrence;
    Became became;
  };
  std::vector<Line> lines;
  std::map<std::string, std::size_t> recovered;  // occurrence → the last line that says so
  std::size_t start = 0;
  while (start < bytes.size()) {
    auto const end = std::min(bytes.find('\n', start), bytes.size());
    auto const json = core::parse_json(std::string_view(bytes).substr(start, end - start));
    start = end + 1;
    ++lines_;
    if (!json) continue;
    Line line{(*json)["once"].text(),
              (*json)["occurrence"].text(),
              {What::nothing, (*json)["why"].text(), (*json)["case"].text()}};
    for (auto const what : {What::opened, What::added, What::held_back, What::recovered}) {
      if ((*json)["became"].text() == to_string(what)) line.became.what = what;
    }
    if (line.became.what == What::recovered) recovered[line.occurrence] = lines.size();
    lines.push_back(std::move(line));
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto& line = lines[i];
    auto const over = recovered.find(line.occurrence);
    bool const lost = line.became.what == What::held_back && (over == recovered.end() || over->second < i);
    if (!lost) remember(line.once, line.occurrence, std::move(line.became));
  }
  fresh_.clear();
  cut_ = !bytes.empty() && !bytes.ends_with('\n');
}

Became const* Deliveries::find(std::string const& once) const {
  auto const found = known_.find(once);
  return found == known_.end() ? nullptr : &found->second.became;
}

void Deliveries::remember(std::string const& once, std::string const& occurrence, Became became) {
  if (once.empty() || !known_.emplace(once, Known{std::move(became), occurrence}).second) return;
  order_.push_back(once);
  fresh_.push_back(once);
  if (order_.size() > kMost) forget_oldest();
}

void Deliveries::forget_oldest() {
  known_.erase(order_.front());
  order_.pop_front();
}

void Deliveries::write(std::function<void()> then) {
  if (fresh_.empty()) return then();
  std::string bytes = std::exchange(cut_, false) ? "\n" : "";
  // Twice what is remembered stands in the file at most: then it is written anew.
  bool const anew = lines_ + fresh_.size() > 2 * kMost;
  auto const& which = anew ? std::vector<std::string>(order_.begin(), order_.end()) : fresh_;
  for (auto const& once : which) {
    if (auto const found = known_.find(once); found != known_.end())
      bytes += line_of(once, found->second.occurrence, found->second.became);
  }
  lines_ = anew ? which.size() : lines_ + which.size();
  fresh_.clear();
  workers_.run(
      [file = file_, bytes = std::move(bytes), anew, this, &loop = loop_, alive = alive_, then = std::move(then)] {
        auto why = anew ? file->replace(bytes) : file->append(bytes);
        loop.post([this, alive, why = std::move(why), then] {
          if (!*alive) return;
          if (!why.empty())
            log_.error("what was delivered can't be remembered over a restart",
                       {{"file", file_->path.string()}, {"why", why}});
          then();
        });
      });
}

}  // namespace triggers
