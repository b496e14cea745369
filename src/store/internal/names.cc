#include "store/internal/names.h"

#include "base/mutex.h"

namespace mullion::store::internal {
namespace {

constexpr size_t kMaxTypes = 60'000;

}  // namespace

void Names::load(const ReadTransaction& transaction) {
  WriteLock lock(mutex_);
  const std::unique_ptr<RowCursor> types = transaction.cursor(Table::kTypes);
  for (bool more = types->seek(""); more; more = types->next()) {
    const auto id = static_cast<TypeId>(decode_number(types->value()));
    types_.by_name[std::string(types->key())] = id;
    types_.by_id[id] = types->key();
  }
  const std::unique_ptr<RowCursor> owners = transaction.cursor(Table::kOwners);
  for (bool more = owners->seek(""); more; more = owners->next()) {
    const auto id = static_cast<OwnerId>(decode_number(owners->value()));
    owners_.by_name[std::string(owners->key())] = id;
    owners_.by_id[id] = owners->key();
  }
}

std::optional<TypeId> Names::find_type(std::string_view name) const {
  ReadLock lock(mutex_);
  const auto found = types_.by_name.find(name);
  if (found == types_.by_name.end()) return std::nullopt;
  return found->second;
}

std::optional<OwnerId> Names::find_owner(std::string_view name) const {
  if (name == kOwn) return kOwnId;
  if (name == kLayered) return kLayeredId;
  ReadLock lock(mutex_);
  const auto found = owners_.by_name.find(name);
  if (found == owners_.by_name.end()) return std::nullopt;
  return found->second;
}

std::string Names::type_name(TypeId id) const {
  ReadLock lock(mutex_);
  const auto found = types_.by_id.find(id);
  return found == types_.by_id.end() ? std::string() : found->second;
}

std::string Names::owner_name(OwnerId id) const {
  if (id == kOwnId) return std::string(kOwn);
  if (id == kLayeredId) return std::string(kLayered);
  ReadLock lock(mutex_);
  const auto found = owners_.by_id.find(id);
  return found == owners_.by_id.end() ? std::string() : found->second;
}

std::vector<std::string> Names::types() const {
  ReadLock lock(mutex_);
  std::vector<std::string> out;
  out.reserve(types_.by_name.size());
  for (const auto& [name, id] : types_.by_name) out.push_back(name);
  return out;
}

Result<TypeId> Names::type_id(WriteTransaction& transaction, std::string_view name) {
  const std::optional<TypeId> known = find_type(name);
  if (known && transaction.get(Table::kTypes, name)) return *known;
  WriteLock lock(mutex_);
  if (!known && types_.by_id.size() >= kMaxTypes)
    return Error(ErrorCode::kTooLarge, "the store holds as many types of objects as it can");
  const TypeId id =
      known ? *known : static_cast<TypeId>(types_.by_id.empty() ? 1 : types_.by_id.rbegin()->first + 1);
  if (Result<void> written = transaction.put(Table::kTypes, name, encode_u16(id)); !written)
    return written.error();
  types_.by_name[std::string(name)] = id;
  types_.by_id[id] = name;
  return id;
}

Result<OwnerId> Names::owner_id(WriteTransaction& transaction, std::string_view name) {
  if (name == kOwn) return kOwnId;
  if (name == kLayered) return kLayeredId;
  const std::optional<OwnerId> known = find_owner(name);
  if (known && transaction.get(Table::kOwners, name)) return *known;
  WriteLock lock(mutex_);
  const OwnerId id = known                   ? *known
                     : owners_.by_id.empty() ? kFirstRemoteId
                                             : owners_.by_id.rbegin()->first + 1;
  if (Result<void> written = transaction.put(Table::kOwners, name, encode_u32(id)); !written)
    return written.error();
  owners_.by_name[std::string(name)] = id;
  owners_.by_id[id] = name;
  return id;
}

}  // namespace mullion::store::internal
