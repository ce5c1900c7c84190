// Which sanitizer this build is instrumented by. Its programs, our own probe among them, want all of the address space
// and write a file of their own before main, so limits on both are left out there; a release never is.
#pragma once

namespace process {

enum class Sanitizer { none, address, thread };

#if defined(__SANITIZE_ADDRESS__)
inline constexpr auto kSanitizer = Sanitizer::address;
#elif defined(__SANITIZE_THREAD__)
inline constexpr auto kSanitizer = Sanitizer::thread;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr auto kSanitizer = Sanitizer::address;
#elif __has_feature(thread_sanitizer)
inline constexpr auto kSanitizer = Sanitizer::thread;
#else
inline constexpr auto kSanitizer = Sanitizer::none;
#endif
#else
inline constexpr auto kSanitizer = Sanitizer::none;
#endif
inline constexpr bool kSanitized = kSanitizer != Sanitizer::none;

}  // namespace process
