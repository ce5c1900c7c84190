// parse_sshsig and parse_public_key never crash; a key that is read comes back as it was; and of all that can be made
// of a good signature only what says the same still matches the message.
#include <cstdlib>

#include "ledger/signer.hpp"
#include "tests/fuzz/spliced.hpp"

namespace {

constexpr char kMessage[] = "tree 0000\n";

std::string const& good() {
  static std::string const armor = ledger::sign_sshsig(ledger::SigningKey::make().value(), kMessage);
  return armor;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  static auto const original = ledger::parse_sshsig(good()).value();
  if (!ledger::sshsig_matches(original, kMessage)) std::abort();
  auto const armor = spliced(good(), data, size);
  if (auto const signature = ledger::parse_sshsig(armor); signature && ledger::sshsig_matches(*signature, kMessage)) {
    if (signature->key != original.key || signature->name_space != original.name_space ||
        signature->hash_algorithm != original.hash_algorithm || signature->signature != original.signature)
      std::abort();
  }
  auto const line = spliced(original.key.line("somebody"), data, size);
  if (auto const key = ledger::parse_public_key(line)) {
    auto const again = ledger::parse_public_key(key->line());
    if (!again || *again != *key) std::abort();
  }
  return 0;
}
