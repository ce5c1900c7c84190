// Exhibits and the manifest that binds them to a request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/time.hpp"

namespace core {

// What one collector produced, after redaction. A collector that failed or hung yields an exhibit too: `error` says so.
struct Exhibit {
  std::string name;       // a core::is_name, unique within its manifest
  std::string collector;  // the collector's key in the configuration
  std::string media_type = "text/plain; charset=utf-8";
  std::string bytes;              // redacted, valid UTF-8 for text types
  std::uint64_t total_bytes = 0;  // before cutting; bytes.size() when nothing was cut
  bool truncated = false;
  std::uint32_t redactions = 0;  // how many places the redactor blanked
  Time started;
  Duration duration{};
  std::string error;  // empty when all went well
};

// One line of evidence worth reading first.
struct Highlight {
  std::string exhibit;  // name
  std::string text;     // one line, redacted, at most 300 bytes
};

struct Evidence {
  std::vector<Exhibit> exhibits;
  std::vector<Highlight> highlights;  // at most 5, the most telling first
};

// An exhibit as a manifest names it.
struct ManifestItem {
  std::string name, file, sha256, media_type,
      error;  // file: "evidence/01-web-log.txt", relative to the manifest's owner
  std::uint64_t bytes = 0;
};

// "01-web-log.txt": the file of the exhibit at `index` (from 0) inside an evidence folder; the extension follows from
// the media type (.txt, .json, .diff, .md, otherwise .bin).
std::string exhibit_file_name(Exhibit const& exhibit, std::size_t index);

}  // namespace core
