// ports::Papers over the ledger's reader.
#include "bot/cli/host.hpp"
#include "ledger/reader.hpp"

namespace cli {

namespace {

core::Result<std::string> read(std::filesystem::path const& ledger, std::string const& path, std::uint64_t most) {
  auto reader = ledger::Reader::open(ledger);
  if (!reader) return reader.error();
  auto file = reader->file(path);
  if (!file) return file.error();
  if (!*file) return core::make_error(core::Errc::not_found, "The ledger has no file " + path + ".");
  if ((*file)->size() > most)
    return core::make_error(core::Errc::too_large,
                            "The ledger's file " + path + " is longer than " + std::to_string(most) + " bytes.");
  return std::move(**file);
}

class Papers final : public ports::Papers {
 public:
  Papers(std::filesystem::path ledger, ports::Loop& loop, ports::Workers& workers)
      : ledger_(std::move(ledger)), loop_(loop), workers_(workers) {}

  void read(std::string path, std::uint64_t most, std::function<void(core::Result<std::string>)> done) override {
    workers_.run([&loop = loop_, ledger = ledger_, path = std::move(path), most, done = std::move(done)] {
      auto bytes = cli::read(ledger, path, most);
      loop.post([done, bytes = std::move(bytes)] { done(bytes); });
    });
  }

 private:
  std::filesystem::path ledger_;
  ports::Loop& loop_;
  ports::Workers& workers_;
};

core::Result<std::vector<core::StoredEntry>> entries_of(std::filesystem::path const& ledger, core::RequestId const& id,
                                                        std::string const& from,
                                                        std::chrono::steady_clock::time_point until) {
  auto reader = ledger::Reader::open(ledger);
  if (!reader) return reader.error();
  // What is asked for in vain costs a look into the tree, and no walk back to its day.
  auto const accepted = reader->file(id.folder() + "/accepted.json");
  if (!accepted) return accepted.error();
  if (!*accepted) return std::vector<core::StoredEntry>{};
  return reader->find(id.str(), ledger::Files::main_only, from,
                      [until] { return std::chrono::steady_clock::now() < until; });
}

}  // namespace

History make_history(std::filesystem::path ledger, ports::Loop& loop, ports::Workers& workers,
                     std::chrono::milliseconds limit) {
  return [ledger = std::move(ledger), &loop, &workers, limit](
             core::RequestId const& id, std::string const& from,
             std::function<void(core::Result<std::vector<core::StoredEntry>>)> done) {
    workers.run([&loop, ledger, id, from, limit, done = std::move(done)] {
      auto entries = std::make_shared<core::Result<std::vector<core::StoredEntry>>>(
          entries_of(ledger, id, from, std::chrono::steady_clock::now() + limit));
      loop.post([done, entries] { done(std::move(*entries)); });
    });
  };
}

std::unique_ptr<ports::Papers> make_papers(std::filesystem::path ledger, ports::Loop& loop, ports::Workers& workers) {
  return std::make_unique<Papers>(std::move(ledger), loop, workers);
}

}  // namespace cli
