// The page's files, built into the binary from page/.
#pragma once

#include <span>
#include <string_view>

namespace playground {

struct PageFile {
  std::string_view name;  // "page.css"
  std::string_view type;  // "text/css; charset=utf-8"
  std::string_view bytes;
};

std::span<PageFile const> page_files();

}  // namespace playground
