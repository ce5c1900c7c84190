// `countersign ledger why`: how one request came to its end, or what it still lacks, told from the ledger alone.
#pragma once

#include <string>

namespace cli {

// `id`: as find_asked() takes it; a case without -R… means its R1, as messages print it. Every entry is verified on the
// way, with the pin where one is given. Answers kDone, or kNo when the ledger holds no such request or the verifier
// objects to an entry of it. Throws core::Failure as find_asked() does, and when the ledger can't be read.
int tell_why(std::string const& ledger, std::string const& id, std::string const& pin, bool json);

}  // namespace cli
