// Whether this build is instrumented by a sanitizer. Its programs, our own probe among them, want all of the address
// space and write a file of their own before main, so limits on both are left out there; a release never is.
#pragma once

namespace process {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace process
