// Bytes of keys and log entries. Every number in a key is big-endian so that keys sort by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/command.h"
#include "store/internal/bytes.h"
#include "store/internal/codec.h"
#include "store/types.h"

namespace mullion::store::internal {

using OwnerId = uint32_t;
using TypeId = uint16_t;
inline constexpr OwnerId kOwnId = 0;
inline constexpr OwnerId kLayeredId = 1;
inline constexpr OwnerId kFirstRemoteId = 2;
/// Longest object key: what fits an engine key beside type and owner.
inline constexpr size_t kMaxObjectKey = 480;

/// objects: type | key | 00 | owner.
std::string object_row(TypeId type, std::string_view key, OwnerId owner);
/// Start of all rows of `type` from `key` on.
std::string object_start(TypeId type, std::string_view key);
struct ObjectRow {
  TypeId type;
  std::string_view key;
  OwnerId owner;
};
ObjectRow decode_object_row(std::string_view row);

/// owned: owner | type | key.
std::string owned_row(OwnerId owner, TypeId type, std::string_view key);
/// digests: owner | type.
std::string digest_row(OwnerId owner, TypeId type);
/// secrets: space | 00 | key.
std::string secret_row(std::string_view space, std::string_view key);

std::string encode_digest(const Digest& digest, uint64_t count);
void decode_digest(std::string_view bytes, Digest& digest, uint64_t& count);
std::string encode_cursor(const Cursor& cursor);
Cursor decode_cursor(std::string_view bytes);

void put_digest(std::string& out, const TypeDigest& digest);
bool read_digest(Reader& in, TypeDigest& out);
void put_origin(std::string& out, const std::optional<Origin>& origin);
bool read_origin(Reader& in, std::optional<Origin>& out);

/// The part of a command that may leave the server, for the log; bodies stay as they are at rest.
std::string encode_log_entry(const Command& command);
/// Bytes that every entry about `id` has in it, and hardly any other.
std::string log_entry_mark(const ObjectId& id);
/// kCorrupt when the bytes are damaged.
Result<LoggedCommit> decode_log_entry(const Cursor& cursor, std::string_view bytes, const Codec& codec);
/// Only the time of an entry, for trimming.
env::WallTime log_entry_time(std::string_view bytes);

}  // namespace mullion::store::internal
