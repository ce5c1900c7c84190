// All rooms and events of the Matrix stand-in, the rules by which an event is taken, and what a reader is shown of it.
// Internal to this folder.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/matrix_events.hpp"
#include "adapters/playground/stand_in_context.hpp"

namespace playground {

inline constexpr std::size_t kMaxEventBytes = 65'536;     // client-server API, "Size limits"
inline constexpr std::size_t kMaxAnnotationKey = 500;     // Synapse, in characters
inline constexpr std::size_t kMaxMatrixEvents = 200'000;  // of one stand-in: a test that passes this has lost its way

struct MatrixDraft {
  std::string room, type, sender;
  core::Json content{};
  std::optional<std::string> state_key{};
  std::string redacts{};
  std::string device{}, transaction{};
};

// Who reads, and in which of the two shapes.
struct MatrixReader {
  std::string user{}, device{};
  bool sync = false;       // /sync leaves room_id out; all else repeats some members at the top, as Synapse does
  bool membership = true;  // unsigned.membership: the reader's own
  bool bundle = false;     // unsigned."m.relations"
};

class MatrixStore {
 public:
  explicit MatrixStore(StandInContext& context) : context_(context) {}

  MatrixRoom* room(std::string_view id);
  MatrixRoom const* room(std::string_view id) const;
  MatrixRoom& add_room(std::string id, std::string version);
  std::map<std::string, MatrixRoom, std::less<>> const& rooms() const { return rooms_; }

  // Checks as a homeserver does (membership, power, content, size, relations) and stores. Throws MatrixError.
  MatrixEvent const& send(MatrixDraft draft);
  // Stores without any check: what federation or a moderator of the server could bring about.
  MatrixEvent const& put(MatrixDraft draft, std::int64_t at_ms = 0);

  MatrixEvent const* event(std::string_view id) const;  // null: unknown
  std::int64_t position() const { return position_; }
  std::vector<MatrixEvent const*> relations_of(std::string_view id) const;  // oldest first, redacted ones left out
  MatrixEvent const* latest_edit(MatrixEvent const& event) const;           // by the rules: same sender, same type
  bool may_see(MatrixEvent const& event, std::string_view user) const;      // history visibility: shared

  core::Json shown(MatrixEvent const& event, MatrixReader const& reader) const;
  static core::Json stripped(MatrixEvent const& event);  // of an invitation

  std::function<void(MatrixEvent const&)> on_event{};  // after each one is stored

 private:
  void check_member(MatrixRoom const& room, MatrixDraft const& draft) const;
  void check_content(MatrixDraft const& draft) const;
  void check_relation(MatrixDraft const& draft) const;
  void check_redaction(MatrixRoom const& room, MatrixDraft const& draft) const;
  void check_levels(MatrixRoom const& room, MatrixDraft const& draft) const;
  void check_size(MatrixRoom const& room, MatrixDraft const& draft) const;
  void redact(MatrixRoom& room, MatrixEvent const& redaction);
  core::Json bundle(MatrixEvent const& event, MatrixReader const& reader) const;
  std::string event_id();

  StandInContext& context_;
  std::map<std::string, MatrixRoom, std::less<>> rooms_;
  std::map<std::string, MatrixEventPtr, std::less<>> by_id_;
  std::map<std::string, std::vector<MatrixEventPtr>, std::less<>> relations_;  // by target
  std::int64_t position_ = 0;
};

}  // namespace playground
