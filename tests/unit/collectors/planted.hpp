// Secrets of every kind in every dress, for the proof of T32.
#pragma once

#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace collectors_test {

// A piece of text with a secret in it, and the pieces that must be gone afterwards.
struct Planted {
  std::string kind, dress;
  std::string text;
  std::vector<std::string> gone;
  std::size_t bytes_each = 1;  // of a character of `gone`, as it is written
};

class Planter {
 public:
  explicit Planter(unsigned seed) : random_(seed) {}

  // The next one; kinds and dresses take turns, so that each meets each.
  Planted next();
  // A line that holds no secret.
  std::string noise();

 private:
  struct Plain {
    std::string kind, before, secret, after;
    bool has_form = false;  // known by its own form, wherever it stands
  };
  Plain plain(std::size_t kind);
  std::string letters(std::size_t count, char const* alphabet);
  std::string alnum(std::size_t count);

  std::mt19937 random_;
  std::size_t turn_ = 0;
};

// Whether 12 characters in a row of what must be gone are still there.
class Leaks {
 public:
  explicit Leaks(std::string const& output);
  // The leaked bytes of `secret`, each character of which is written with so many bytes; or nothing.
  std::string of(std::string const& secret, std::size_t bytes_each) const;

 private:
  std::string output_;
  std::unordered_set<std::string> seen_;  // all runs of 12 bytes
};

}  // namespace collectors_test
