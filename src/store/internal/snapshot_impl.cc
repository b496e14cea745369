#include "store/internal/snapshot_impl.h"

#include <algorithm>
#include <set>
#include <utility>

#include "model/budget.h"
#include "model/index_value.h"
#include "store/internal/match.h"
#include "store/internal/store_impl.h"

namespace mullion::store::internal {
namespace {

class SnapshotImpl final : public Snapshot {
 public:
  explicit SnapshotImpl(const StoreImpl& store)
      : store_(store), transaction_(open_view(store)), seq_(transaction_seq(*transaction_)) {}

  store::Cursor cursor() const override { return {store_.epoch(), seq_}; }

  std::optional<std::string> get(const ObjectId& id) const override {
    const std::optional<TypeId> type = store_.names().find_type(id.type);
    const std::optional<OwnerId> owner = store_.names().find_owner(id.owner);
    if (!type || !owner || id.key.size() > kMaxObjectKey) return std::nullopt;
    const auto value = view().get(Table::kObjects, object_row(*type, id.key, *owner));
    if (!value) return std::nullopt;
    Result<std::string> body = store_.codec().decompress(*value);
    if (!body) throw ReadFailure(Error(body.error().code, "", id.type, id.key, body.error().messages));
    return std::move(*body);
  }

  std::vector<StoredObject> get_all_owners(std::string_view type, std::string_view key) const override {
    std::vector<StoredObject> out;
    if (key.size() > kMaxObjectKey) return out;
    store_.scan_rows(view(), type, key, [&](std::string_view found, OwnerId owner, std::string_view body) {
      if (found != key) return false;
      if (owner >= kFirstRemoteId && !store_.replicas_shown()) return true;
      out.push_back(
          {{std::string(type), store_.names().owner_name(owner), std::string(key)}, std::string(body)});
      return true;
    });
    std::ranges::stable_sort(out, {}, [](const StoredObject& object) {
      return is_remote(object.id.owner) ? std::string_view(object.id.owner) : std::string_view();
    });
    return out;
  }

  std::optional<StoredObject> get_local(std::string_view type, std::string_view key) const override {
    for (const std::string_view owner : {kOwn, kLayered}) {
      ObjectId id{std::string(type), std::string(owner), std::string(key)};
      std::optional<std::string> body = get(id);
      if (body) return StoredObject{std::move(id), std::move(*body)};
    }
    return std::nullopt;
  }

  void scan(
      std::string_view type, std::string_view from_key,
      const std::function<bool(std::string_view, std::string_view, std::string_view)>& visit) const override {
    store_.scan_rows(view(), type, from_key, [&](std::string_view key, OwnerId owner, std::string_view body) {
      return visit(key, store_.names().owner_name(owner), body);
    });
  }

  void scan_owner(std::string_view type, std::string_view owner, std::string_view from_key,
                  const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    const std::optional<TypeId> type_id = store_.names().find_type(type);
    const std::optional<OwnerId> owner_id = store_.names().find_owner(owner);
    if (!type_id || !owner_id) return;
    const std::string prefix = owned_row(*owner_id, *type_id, "");
    const std::unique_ptr<RowCursor> cursor = view().cursor(Table::kOwned);
    for (bool more = cursor->seek(prefix + std::string(from_key)); more; more = cursor->next()) {
      if (!cursor->key().starts_with(prefix)) return;
      const std::string_view key = cursor->key().substr(prefix.size());
      const auto value = view().get(Table::kObjects, object_row(*type_id, key, *owner_id));
      if (!value)
        throw ReadFailure(Error(ErrorCode::kCorrupt, "an object listed under its owner is missing"));
      const Result<std::string> body = store_.codec().decompress(*value);
      if (!body) throw ReadFailure(body.error());
      if (!visit(key, *body)) return;
    }
  }

  std::vector<std::string> types() const override { return store_.names().types(); }

  std::vector<std::string> remote_owners() const override {
    std::set<std::string> out;
    for (const TypeDigest& digest : digests()) {
      if (is_remote(digest.owner)) out.insert(digest.owner);
    }
    const std::unique_ptr<RowCursor> origins = view().cursor(Table::kOrigins);
    for (bool more = origins->seek(""); more; more = origins->next()) out.emplace(origins->key());
    return {out.begin(), out.end()};
  }

  std::vector<TypeDigest> digests() const override {
    std::vector<TypeDigest> out;
    const std::unique_ptr<RowCursor> cursor = view().cursor(Table::kDigests);
    for (bool more = cursor->seek(""); more; more = cursor->next()) {
      const auto owner = static_cast<OwnerId>(decode_number(cursor->key().substr(0, 4)));
      const auto type = static_cast<TypeId>(decode_number(cursor->key().substr(4, 2)));
      TypeDigest& digest = out.emplace_back();
      digest.type = store_.names().type_name(type);
      digest.owner = store_.names().owner_name(owner);
      decode_digest(cursor->value(), digest.digest, digest.count);
    }
    return out;
  }

  std::optional<store::Cursor> origin_cursor(std::string_view owner) const override {
    const auto bytes = view().get(Table::kOrigins, owner);
    if (!bytes) return std::nullopt;
    return decode_cursor(*bytes);
  }

  std::optional<std::string> secret(std::string_view space, std::string_view key) const override {
    const auto value = view().get(Table::kSecrets, secret_row(space, key));
    if (!value) return std::nullopt;
    return std::string(*value);
  }

  Result<QueryResult> query(const Query& query) const override {
    const model::ObjectType& type = store_.types().find_or_bare(query.type);
    const Result<CompiledQuery> compiled = compile_query(type, query);
    if (!compiled) return compiled.error();
    Result<QueryResult> result = objects_of(query, &type, *compiled);
    const bool bounded = !compiled->bounds.empty() || !query.among.empty() || query.visible;
    if (result && !bounded && type.traits.replicated && store_.replicas_shown())
      add_followed_owners(query, *compiled, result->owners);
    return result;
  }

 private:
  Result<QueryResult> objects_of(const Query& query, const model::ObjectType* type,
                                 const CompiledQuery& compiled) const {
    if (!store_.names().find_type(query.type)) return QueryResult{};
    const bool everything = compiled.filters.empty() && compiled.bounds.empty() && query.among.empty() &&
                            !query.visible && !compiled.sort;
    if (everything && !store_.indexes().ready(query.type)) {
      return list_by_key(query);
    }
    Result<TypeIndex::Answer> answer = answer_from_index(query, type, compiled);
    if (!answer) return answer.error();
    if (!answer->complete) {
      if (Result<void> finished = filter_by_parameters(query, compiled, *answer); !finished)
        return finished.error();
    }
    return to_result(std::move(*answer));
  }

  /// An owner without objects of the type takes part as well: it may have some by now.
  void add_followed_owners(const Query& query, const CompiledQuery& compiled,
                           std::vector<std::string>& owners) const {
    const std::unique_ptr<RowCursor> origins = view().cursor(Table::kOrigins);
    for (bool more = origins->seek(""); more; more = origins->next()) {
      const bool admitted = std::ranges::all_of(compiled.filters, [&](const CompiledFilter& filter) {
        return !filter.is_endpoint() || owner_matches(filter, origins->key(), query.own_id);
      });
      if (admitted) owners.emplace_back(origins->key());
    }
    std::ranges::sort(owners);
    owners.erase(std::ranges::unique(owners).begin(), owners.end());
  }

  const ReadTransaction& view() const { return *transaction_; }

  static std::unique_ptr<ReadTransaction> open_view(const StoreImpl& store) {
    Result<std::unique_ptr<ReadTransaction>> opened = store.engine().begin_read();
    if (!opened) throw ReadFailure(opened.error());
    return std::move(*opened);
  }

  Result<TypeIndex::Answer> answer_from_index(const Query& query, const model::ObjectType* type,
                                              const CompiledQuery& compiled) const {
    TypeIndex::Answer answer;
    auto use = [&](const TypeIndex& index) { answer = index.run(query, compiled, store_.replicas_shown()); };
    const Result<bool> answered = store_.indexes().with(query.type, type, seq_, use);
    if (!answered) return answered.error();
    if (*answered) return answer;
    TypeIndex own(type, [this](OwnerId id) {
      return store_.names().owner_name(id);
    });  // this view is old: an index for it alone
    store_.scan_rows(view(), query.type, "", [&](std::string_view key, OwnerId owner, std::string_view body) {
      own.apply(key, owner, std::nullopt, body);
      return true;
    });
    use(own);
    return answer;
  }

  /// Keeps the rows whose bodies satisfy the filters on parameters, then takes the page.
  Result<void> filter_by_parameters(const Query& query, const CompiledQuery& compiled,
                                    TypeIndex::Answer& answer) const {
    std::vector<TypeIndex::Answer::Ref> page;
    model::Budget budget(query.filter_steps);
    answer.matching = 0;
    for (TypeIndex::Answer::Ref& ref : answer.refs) {
      const std::optional<std::string> body =
          get({query.type, store_.names().owner_name(ref.owner), ref.key});
      if (!body) throw ReadFailure(Error(ErrorCode::kCorrupt, "an indexed object is missing"));
      const bool fits = passes(query, compiled, store_.names().owner_name(ref.owner), *body, budget);
      if (budget.exhausted()) return too_much_to_filter(query);
      if (!fits) continue;
      const bool in_page = answer.matching >= query.offset && !query.count_only &&
                           (!query.limit || page.size() < *query.limit);
      ++answer.matching;
      if (in_page) page.push_back(std::move(ref));
    }
    answer.refs = std::move(page);
    return {};
  }

  static Error too_much_to_filter(const Query& query) {
    return Error(
        ErrorCode::kNotAcceptable, "GET", query.type, "",
        {fmt::format("filters without an index take more than {} steps here: name an index too, or fewer "
                     "parameters",
                     query.filter_steps)});
  }

  static bool passes(const Query& query, const CompiledQuery& compiled, std::string_view owner,
                     std::string_view body, model::Budget& budget) {
    constexpr size_t kBytesPerStep = 64;
    // Found once: the rest of a body is much larger.
    const std::string_view params = query.param_resolver ? body : model::raw_member(body, "Params");
    return std::ranges::all_of(compiled.filters, [&](const CompiledFilter& filter) {
      if (filter.index_position()) return true;
      if (!budget.spend(1 + params.size() / kBytesPerStep)) return false;
      if (!filter.is_parameter()) return filter.matches_body(body);
      if (query.param_resolver)
        return filter.matches_parameter(query.param_resolver(owner, body, filter.name()));
      const std::string_view raw = params.starts_with('{') ? model::raw_member(params, filter.name()) : "";
      return filter.matches_parameter(raw.empty() ? std::nullopt : std::optional<std::string>(raw));
    });
  }

  /// A list of everything needs no index: the rows are in order on disk.
  Result<QueryResult> list_by_key(const Query& query) const {
    QueryResult out;
    const bool remote = store_.replicas_shown();
    const TypeId type = *store_.names().find_type(query.type);
    count_rows(type, remote, out);
    if (query.count_only) return out;
    uint64_t begin = std::min(query.offset, out.total);
    uint64_t end = out.total - begin > query.limit.value_or(out.total) ? begin + *query.limit : out.total;
    if (query.reverse) {
      begin = out.total - std::exchange(end, out.total - begin);
    }
    const std::string prefix = encode_u16(type);
    const std::unique_ptr<RowCursor> cursor = view().cursor(Table::kObjects);
    uint64_t position = 0;
    for (bool more = cursor->seek(prefix); more && position < end; more = cursor->next()) {
      if (!cursor->key().starts_with(prefix)) break;
      const ObjectRow row = decode_object_row(cursor->key());
      if (row.owner >= kFirstRemoteId && !remote) continue;
      if (position++ < begin) continue;
      out.refs.push_back({std::string(row.key), store_.names().owner_name(row.owner)});
    }
    if (query.reverse) std::ranges::reverse(out.refs);
    return out;
  }

  void count_rows(TypeId type, bool remote, QueryResult& out) const {
    for (const TypeDigest& digest : digests()) {
      if (digest.type != store_.names().type_name(type) || (is_remote(digest.owner) && !remote)) continue;
      out.total += digest.count;
      if (is_remote(digest.owner)) out.owners.push_back(digest.owner);
    }
    const std::string layered = owned_row(kLayeredId, type, "");
    const std::unique_ptr<RowCursor> cursor = view().cursor(Table::kOwned);
    for (bool more = cursor->seek(layered); more && cursor->key().starts_with(layered); more = cursor->next())
      ++out.total;
    out.matching = out.total;
    std::ranges::sort(out.owners);
  }

  QueryResult to_result(TypeIndex::Answer answer) const {
    QueryResult out;
    out.total = answer.total;
    out.matching = answer.matching;
    for (TypeIndex::Answer::Ref& ref : answer.refs) {
      out.refs.push_back({std::move(ref.key), store_.names().owner_name(ref.owner)});
    }
    for (const OwnerId owner : answer.owners) out.owners.push_back(store_.names().owner_name(owner));
    std::ranges::sort(out.owners);
    return out;
  }

  const StoreImpl& store_;
  std::unique_ptr<ReadTransaction> transaction_;
  uint64_t seq_;
};

}  // namespace

std::shared_ptr<const Snapshot> make_snapshot(const StoreImpl& store) {
  return std::make_shared<SnapshotImpl>(store);
}

}  // namespace mullion::store::internal
