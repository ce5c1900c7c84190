// `countersign ledger keys` and `countersign ledger export`: for the auditor's own files.
#pragma once

#include <string>

namespace cli {

// The keys that the ledger names, by fingerprint: where each stands, since when it is valid, how many entries it signed
// and which. A signature by a key that no file names is listed, too, and makes the answer kNo. Nothing is verified here
// but that each signature names a key; `ledger verify` does that.
int list_keys(std::string const& ledger, bool json);

enum class ExportAs { bundle, folder, jsonl };

struct ExportOptions {
  std::string ledger;
  std::string id;   // empty: all; else one case, with the keys and configurations that are needed to read it
  std::string out;  // a file or folder that does not exist yet; "-" (jsonl only): standard output
  ExportAs as = ExportAs::folder;
  bool json = false;
};
// bundle: a git bundle, made by stock git, which git clones as it is and which keeps every signature (whole ledgers
// only). folder: the files as they stand in the ledger, and register.jsonl. jsonl: a line an entry as `ledger log
// --json` prints it, with its files ("text", or "base64" where they are no text). Answers kDone, or kNo when there is
// no such case.
int export_ledger(ExportOptions const& options);

}  // namespace cli
