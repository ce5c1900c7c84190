#include "bot/triggers/deliveries.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "bot/process/fd.hpp"

namespace triggers {
namespace {

using core::Json;

// In place of what became of a delivery: the occurrence is over, and nothing is known of it any more.
constexpr char const* kForgotten = "forgotten";

std::string line_of(std::string const& once, Delivered const& of) {
  auto line = Json::object({{"once", once},
                            {"occurrence", of.occurrence},
                            {"became", to_string(of.became.what)},
                            {"why", of.became.why},
                            {"case", of.became.case_id},
                            {"at", core::format_time(of.at)}});
  if (!of.instance.empty()) line.set("instance", of.instance);
  return core::dump(line) + "\n";
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

  // On a worker; never two at a time. Why not, if not.
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
  std::vector<std::pair<std::string, Delivered>> lines;  // by name
  std::map<std::string, std::size_t> settled;            // occurrence → how many lines do not matter for `lost`
  std::map<std::string, std::size_t> forgotten;          // occurrence → how many lines are forgotten
  std::size_t start = 0;
  while (start < bytes.size()) {
    auto const end = std::min(bytes.find('\n', start), bytes.size());
    auto const json = core::parse_json(std::string_view(bytes).substr(start, end - start));
    start = end + 1;
    ++lines_;
    if (!json) continue;
    auto const occurrence = (*json)["occurrence"].text(), became = (*json)["became"].text();
    if (became == kForgotten) forgotten[occurrence] = lines.size();
    Delivered line{
        occurrence, (*json)["instance"].text(), {What::nothing, (*json)["why"].text(), (*json)["case"].text()}, {}};
    if (auto const at = core::parse_time((*json)["at"].text())) line.at = *at;
    for (auto const what : {What::opened, What::added, What::held_back, What::recovered}) {
      if (became == to_string(what)) line.became.what = what;
    }
    auto const what = line.became.what;
    auto& left = left_[occurrence];
    if (what == What::recovered || became == kForgotten) {
      settled[occurrence] = lines.size();
      left = {.instances = {}, .recovered_at = line.at};
    } else if (left.recovered_at && line.at < *left.recovered_at) {
      // Written late, or anew.
    } else if (what == What::nothing) {
      left.instances.erase(line.instance);
    } else {
      left.recovered_at.reset();
      if (!line.instance.empty()) left.instances.insert(line.instance);
    }
    lines.emplace_back((*json)["once"].text(), std::move(line));
  }
  auto const before = [](std::map<std::string, std::size_t> const& marks, std::string const& occurrence,
                         std::size_t line) {
    auto const found = marks.find(occurrence);
    return found != marks.end() && line < found->second;
  };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto& [once, line] = lines[i];
    if (before(forgotten, line.occurrence, i)) continue;
    bool const lost = line.became.what == Became::What::held_back && !before(settled, line.occurrence, i);
    if (!lost) remember(once, std::move(line));
  }
  fresh_.clear();
  cut_ = !bytes.empty() && !bytes.ends_with('\n');
}

Became const* Deliveries::find(std::string const& once) const {
  auto const found = known_.find(once);
  return found == known_.end() ? nullptr : &found->second.became;
}

void Deliveries::remember(std::string const& once, Delivered what) {
  if (once.empty() || !known_.emplace(once, std::move(what)).second) return;
  order_.push_back(once);
  fresh_.push_back(once);
  if (order_.size() > kMost) forget_oldest();
  if (fresh_.size() > 2 * kMost) std::erase_if(fresh_, [this](auto const& name) { return !known_.contains(name); });
}

void Deliveries::over(std::set<std::string> const& occurrences, bool forget) {
  for (auto const& occurrence : occurrences) gone_[occurrence] = {loop_.now(), forget};
  while (gone_.size() > kMost) gone_.erase(gone_.begin());  // on a disk that can't be written
  if (!forget || occurrences.empty()) return;
  std::erase_if(known_, [&](auto const& one) { return occurrences.contains(one.second.occurrence); });
  std::erase_if(order_, [&](auto const& once) { return !known_.contains(once); });
}

void Deliveries::forget_oldest() {
  known_.erase(order_.front());
  order_.pop_front();
}

void Deliveries::write(std::function<void(bool)> then) {
  if (file_->path.empty()) return then(true);
  waiting_.push_back(std::move(then));
  if (!writing_) write_next();
}

void Deliveries::write_next() {
  auto thens = std::exchange(waiting_, {});
  if (fresh_.empty() && gone_.empty()) {
    for (auto const& then : thens) then(true);
    return;
  }
  writing_ = true;
  // Twice what is remembered stands in the file at most: then it is written anew.
  bool const anew = lines_ + fresh_.size() + gone_.size() > 2 * kMost;
  std::string bytes = cut_ && !anew ? "\n" : "";
  // Before the names: one that is known again was remembered since.
  for (auto const& [occurrence, of] : gone_)
    bytes += core::dump(Json::object({{"occurrence", occurrence},
                                      {"became", of.forgotten ? kForgotten : to_string(Became::What::recovered)},
                                      {"at", core::format_time(of.at)}})) +
             "\n";
  auto const add = [&](std::string const& once) {
    if (auto const found = known_.find(once); found != known_.end()) bytes += line_of(once, found->second);
  };
  if (anew)
    std::ranges::for_each(order_, add);
  else
    std::ranges::for_each(fresh_, add);
  workers_.run([file = file_, bytes = std::move(bytes), anew, this, &loop = loop_, alive = alive_,
                names = std::exchange(fresh_, {}), gone = std::exchange(gone_, {}), thens = std::move(thens)] {
    auto why = anew ? file->replace(bytes) : file->append(bytes);
    loop.post([this, alive, anew, why = std::move(why), names, gone, thens] {
      if (*alive) wrote(why, anew, names, gone, thens);
    });
  });
}

void Deliveries::wrote(std::string const& why, bool anew, std::vector<std::string> names,
                       std::map<std::string, Over> gone, std::vector<std::function<void(bool)>> const& thens) {
  writing_ = false;
  if (why.empty()) {
    lines_ = anew ? order_.size() + gone.size() : lines_ + names.size() + gone.size();
    cut_ = false;
  } else {
    log_.error("what was delivered can't be remembered over a restart", {{"file", file_->path.string()}, {"why", why}});
    cut_ = true;  // part of a line may stand there: the next one must not be glued to it
    fresh_.insert(fresh_.begin(), std::make_move_iterator(names.begin()), std::make_move_iterator(names.end()));
    gone_.merge(gone);
  }
  auto const alive = alive_;
  for (auto const& then : thens) {
    then(why.empty());
    if (!*alive) return;
  }
  if (!writing_ && !waiting_.empty()) write_next();
}

}  // namespace triggers
