// parse_tree takes exactly what encode_tree writes.
#include <cstdlib>

#include "ledger/git_object.hpp"
#include "tests/fuzz/spliced.hpp"

namespace {

std::string const& good() {
  static std::string const body = ledger::encode_tree({{.name = "a.json", .folder = false, .id = {}},
                                                       {.name = "b", .folder = true, .id = {}},
                                                       {.name = "c.txt", .folder = false, .id = {}}});
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  if (!ledger::parse_tree(good())) std::abort();
  auto const body = spliced(good(), data, size);
  auto const items = ledger::parse_tree(body);
  if (items && ledger::encode_tree(*items) != body) std::abort();
  return 0;
}
