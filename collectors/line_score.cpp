#include "collectors/line_score.hpp"

#include <re2/re2.h>

namespace collectors {
namespace {

struct Words {
  // Names the cause itself, not one of its many consequences.
  RE2 cause{
      R"((?i)out of memory: killed process|\boom-kill:|no space left on device|disk quota exceeded|certificate (?:has |is )?expired|CERT_HAS_EXPIRED|certificate has expired|\bpanic:|kernel panic|segfault at|read-only file system|too many open files|address already in use)"};
  RE2 severe{
      R"((?i)\b(?:panic|fatal|emerg(?:ency)?|segfault|segmentation fault|core dumped|oom|oom-killer|out of memory|killed process|deadlock|corrupt(?:ed|ion)?|no space left|data loss|critical|crit|alert|Exception in thread|Caused by:|assertion failed|double free)\b?)"};
  RE2 bad{
      R"((?i)(?:\b|_)(?:err|error|errors|exception|refused|denied|timeout|time-out|timed out|deadline exceeded|failed|failure|fail|unreachable|unavailable|reset by peer|broken pipe|aborted|not found|cannot|can't|unable|rejected|invalid|expired|abort|crash(?:ed)?|exit code [1-9]\d*|status[ =:"]+5\d\d|HTTP/[\d.]+" 5\d\d)\b|[a-z](?:Error|Exception)\b|\bcode=(?:killed|dumped)\b)"};
  RE2 warning{R"((?i)\bwarn(?:ing)?\b)"};
  // "disk      /: 19.8 GiB of 20.0 GiB used (99 %)" of collector host, and lines of df(1).
  RE2 full{R"(^(?:disk |/dev/|tmpfs |overlay ).*\b(?:9[5-9]|100) ?%)"};
  RE2 status{R"(^HTTP [45]\d\d )"};  // the first line of collector http
  RE2 denied{
      R"((?i)(?:^|[\s(\[,=])(?:0|no|zero|without) (?:errors?|failures?|failed|warnings?|exceptions?|timeouts?)\b|\berrors?[=: ]+(?:0|null|nil|none|""|false)(?:\W|$)|\bfailed[=: ]+0\b)"};
  RE2 calm{R"((?i)\blevel[=:"]+(?:info|debug|trace)\b|\[(?:info|debug|trace)\]|\b(?:INFO|DEBUG|TRACE)\b[ :])"};
  RE2 frame{R"(^\s+(?:at |File "|\.\.\. \d+ more|#\d+ )|^\s*goroutine \d+|^Traceback \(most recent call last\))"};
};

Words const& words() {
  static Words const made;
  return made;
}

bool has(RE2 const& expression, std::string_view line) {
  return RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), expression);
}

}  // namespace

int score_of(std::string_view line) {
  if (has(words().frame, line)) return 0;
  int score = 0;
  if (has(words().severe, line)) score += kSevere;
  if (has(words().bad, line)) score += kTrouble;
  if (has(words().full, line)) score += kTrouble + 1;
  if (has(words().status, line)) score += 1;
  if (score == 0 && has(words().warning, line)) score += 1;
  if (score > 0 && has(words().denied, line)) score -= 3;
  if (score > 0 && has(words().calm, line)) score -= 2;
  if (score >= 0 && has(words().cause, line)) score = kSevere + kTrouble + 1 + (score >= kTrouble ? 1 : 0);
  return score;
}

}  // namespace collectors
