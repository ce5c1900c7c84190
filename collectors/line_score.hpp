// How much a line looks like trouble.
#pragma once

#include <string_view>

namespace collectors {

inline constexpr int kTrouble = 3, kSevere = 5;  // scores from which a line counts as that

// 0 or less: it doesn't. Linear in the line (RE2).
int score_of(std::string_view line);

}  // namespace collectors
