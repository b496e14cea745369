// Applies one batch inside the writer's transaction.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/internal/codec.h"
#include "store/internal/encoding.h"
#include "store/internal/engine.h"
#include "store/internal/names.h"
#include "store/types.h"

namespace mullion::store::internal {

/// A batch whose bodies are compressed already, by the thread that asked.
struct PreparedBatch {
  Batch batch;
  std::vector<std::optional<std::string>> compressed;  // one per change
};

/// What a row was and became; feeds the index. Unlike AppliedChange it also tells rows hidden and revealed.
struct RowChange {
  std::string type;
  std::string key;
  OwnerId owner;
  std::optional<std::string> old_body;
  std::optional<std::string> new_body;
};

struct Applied {
  std::shared_ptr<Commit> commit;
  std::vector<RowChange> rows;
  std::vector<TypeDigest> differences;  // what is, where Batch::expected said something else
  Command command;                      // the whole effect
};

/// What the indexes know at the newest commit, of preconditions on everybody else's values. Writer thread
/// only.
class UniqueValues {
 public:
  virtual ~UniqueValues() = default;
  struct Holder {
    std::string key;
    OwnerId owner;
    auto operator<=>(const Holder&) const = default;
  };
  /// Local objects of the type that have the value in the index.
  virtual Result<std::vector<Holder>> holders(const UniqueGuard& guard) = 0;
  /// Whether a body of that type has it.
  virtual bool has(const UniqueGuard& guard, std::string_view key, std::string_view body) const = 0;
};

/// Writer thread only.
class Applier {
 public:
  Applier(WriteTransaction& transaction, Names& names, const Codec& codec, UniqueValues& unique)
      : transaction_(transaction), names_(names), codec_(codec), unique_(unique) {}

  /// `before`: what was applied in this transaction. kConflict when a precondition fails, with nothing
  /// written; kInvalid for keys that cannot be stored, kTooLarge for bodies; kInsufficientStorage when a full
  /// database should grow.
  Result<void> check(const PreparedBatch& prepared, const std::vector<Applied>& before);
  /// Writes objects, digests, secrets, origin and the log entry. After an error the transaction must be
  /// dropped.
  Result<Applied> apply(PreparedBatch prepared, const Cursor& cursor, env::WallTime time,
                        uint64_t& log_bytes);
  /// The same for a command of another server; kCorrupt when the digests are not its digests afterwards.
  Result<Applied> apply(const Command& command, uint64_t epoch, uint64_t& log_bytes);

 private:
  Result<void> check_unique(const UniqueGuard& guard, const std::vector<Applied>& before) const;
  Result<void> check_secret_guard(const SecretGuard& guard) const;
  Result<void> check_one(const ObjectId& id, Expect expect, const Digest& expected_hash);
  Result<std::optional<std::string>> read_row(Table table, std::string_view row) const;
  Result<std::optional<std::string>> take_body(const std::string& row);
  Result<void> write_row(const ObjectId& id, TypeId type, OwnerId owner,
                         const std::optional<std::string>& body, const std::optional<std::string>& compressed,
                         const std::optional<std::string>& old_body);
  Result<void> hide_layered(const ObjectId& id, TypeId type);
  Result<void> reveal_layered(const ObjectId& id, TypeId type);
  Result<void> apply_change(const Change& change, const std::optional<std::string>& compressed);
  Result<void> update_digest(OwnerId owner, TypeId type, const ObjectId& id,
                             const std::optional<std::string>& old_body,
                             const std::optional<std::string>& new_body);
  Result<void> apply_secrets(const Batch& batch);
  std::vector<TypeDigest> find_differences(const std::vector<TypeDigest>& expected) const;
  Result<void> write_log(const Command& command, uint64_t& log_bytes);

  WriteTransaction& transaction_;
  Names& names_;
  const Codec& codec_;
  UniqueValues& unique_;
  std::vector<AppliedChange> changes_;
  std::vector<RowChange> rows_;
  std::map<std::pair<OwnerId, TypeId>, TypeDigest> touched_;
  bool secrets_changed_ = false;
  struct Row {
    std::string row;
    std::string body;
  };
  std::optional<Row> checked_;  // what check() read last, until the row is written: the change needs it again
};

}  // namespace mullion::store::internal
