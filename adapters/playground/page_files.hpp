// The page's files, built into the binary from page/.
#pragma once

#include <string_view>

namespace playground {

extern std::string_view const kPageHtml;
extern std::string_view const kPageCss;
extern std::string_view const kPageJs;

}  // namespace playground
