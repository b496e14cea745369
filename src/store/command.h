// What a commit does to the database, as a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "store/types.h"

namespace mullion::store {

/// The whole effect of one batch at its place in the order of commits. Applied in order to equal databases,
/// commands leave equal databases: nothing in them depends on who applies them. What was to be checked was
/// checked before the command was made.
///
/// Secrets, layered objects and dictionaries are for servers that keep the same database; what may be given
/// to anybody else is what may_leave() says, and the log holds nothing else.
struct Command {
  struct Write {
    ObjectId id;
    std::optional<std::string> at_rest;  // the body as stored (docs/store.md, "Byte formats"); absent: delete
    bool operator==(const Write&) const = default;
  };
  /// Bodies of `type` may be compressed with it from this command on.
  struct Dictionary {
    uint32_t id = 0;
    std::string type;
    std::string bytes;
    bool operator==(const Dictionary&) const = default;
  };

  uint64_t seq = 0;
  env::WallTime time;  // never before that of an earlier command
  std::optional<Origin> origin;
  std::string forget_origin;
  std::string principal;
  std::string update_action;
  std::vector<Write> writes;
  std::vector<SecretChange> secrets;
  std::vector<Dictionary> dictionaries;
  uint64_t log_start = 0;           // log entries before this sequence number go; 0: none go
  std::vector<TypeDigest> digests;  // of every (owner, type) touched, afterwards: whoever applies it compares

  bool operator==(const Command&) const = default;
};

/// Whether a write may be shown to servers that keep other databases, managers above all.
inline bool may_leave(const Command::Write& write) { return write.id.owner != kLayered; }

/// Byte format: docs/store.md.
std::string encode_command(const Command& command);
/// kCorrupt when the bytes are damaged or of a version that this program does not know. For bytes from
/// servers that keep the same database; bounded by their own size all the same.
Result<Command> decode_command(std::string_view bytes);

}  // namespace mullion::store
