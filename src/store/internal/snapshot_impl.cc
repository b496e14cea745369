#include "store/internal/snapshot_impl.h"

#include <algorithm>
#include <set>
#include <utility>

#include "model/budget.h"
#include "model/index_value.h"
#include "store/internal/match.h"
#include "store/internal/store_impl.h"
#include "store/secrets.h"

namespace mullion::store::internal {
namespace {

class SnapshotImpl final : public Snapshot, public SecretReader {
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
    store_.scan_rows(view(), type, key, [&](const StoreImpl::ScannedRow& row) {
      if (row.key != key) return false;
      if (row.owner >= kFirstRemoteId && !store_.replicas_shown()) return true;
      out.push_back(
          {{std::string(type), store_.names().owner_name(row.owner), std::string(key)}, store_.body_of(row)});
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
    store_.scan_rows(view(), type, from_key, [&](const StoreImpl::ScannedRow& row) {
      return visit(row.key, store_.names().owner_name(row.owner), store_.body_of(row));
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

  void scan_secrets(std::string_view space, std::string_view from_key, const Visit& visit) const override {
    const std::string prefix = secret_row(space, "");
    const auto cursor = view().cursor(Table::kSecrets);
    for (bool more = cursor->seek(secret_row(space, from_key)); more && cursor->key().starts_with(prefix);
         more = cursor->next()) {
      if (!visit(cursor->key().substr(prefix.size()), cursor->value())) return;
    }
  }

  Result<QueryResult> query(const Query& query) const override {
    const model::ObjectType& type = store_.types().find_or_bare(query.type);
    const Result<CompiledQuery> compiled = compile_query(type, query);
    if (!compiled) return compiled.error();
    Result<QueryResult> result = objects_of(query, &type, *compiled);
    if (result) result->collections = collections_of(query, *compiled);
    if (result && counts_followed_owners(query, type)) add_followed_owners(query, *compiled, result->owners);
    if (result && query.limit && !result->refs.empty() && result->refs.size() == *query.limit)
      result->last = position_of(type, query, *compiled, result->refs.back());
    return result;
  }

  Result<GroupResult> group(const Grouping& grouping) const override {
    const model::ObjectType& type = store_.types().find_or_bare(grouping.query.type);
    const Result<std::vector<size_t>> positions = grouped_positions(type, grouping);
    if (!positions) return positions.error();
    const Result<CompiledQuery> compiled = compile_query(type, grouping.query);
    if (!compiled) return compiled.error();
    Result<GroupResult> result = on_indexes(*compiled) ? groups_of(grouping, type, *compiled, *positions)
                                                       : groups_of_found(grouping, type, *positions);
    if (result) result->collections = collections_of(grouping.query, *compiled);
    if (result && counts_followed_owners(grouping.query, type))
      add_followed_owners(grouping.query, *compiled, result->owners);
    return result;
  }

 private:
  PagePosition position_of(const model::ObjectType& type, const Query& query, const CompiledQuery& compiled,
                           const ObjectRef& ref) const {
    PagePosition out{std::nullopt, ref.owner, ref.key};
    if (!compiled.sort) return out;
    if (type.indexes[*compiled.sort].path == "@endpoint") {
      out.value = is_remote(ref.owner) ? ref.owner : query.own_id;
      return out;
    }
    const std::optional<std::string> body = get({query.type, ref.owner, ref.key});
    if (!body) throw ReadFailure(Error(ErrorCode::kCorrupt, "an indexed object is missing"));
    const std::vector<std::string> values = model::IndexReader(type).values(ref.key, *body)[*compiled.sort];
    if (!values.empty()) out.value = values.front();
    return out;
  }

  /// Whether owners without objects of the type take part: not where bounds say which objects there are.
  bool counts_followed_owners(const Query& query, const model::ObjectType& type) const {
    const bool bounded = !query.bounds.empty() || !query.among.empty() || query.visible;
    return !bounded && type.traits.replicated && store_.replicas_shown();
  }

  /// What decides which objects are found.
  static std::vector<std::string> collections_of(const Query& query, const CompiledQuery& compiled) {
    std::vector<std::string> out{query.type};
    if (std::ranges::any_of(compiled.filters, &CompiledFilter::is_parameter))
      out.insert(out.end(), query.param_resolver.collections.begin(), query.param_resolver.collections.end());
    return out;
  }

  static bool on_indexes(const CompiledQuery& compiled) {
    return std::ranges::all_of(
        compiled.filters, [](const CompiledFilter& filter) { return filter.index_position().has_value(); });
  }

  /// The indexes to group by.
  static Result<std::vector<size_t>> grouped_positions(const model::ObjectType& type,
                                                       const Grouping& grouping) {
    std::vector<size_t> out;
    const auto refused = [&](std::string text) {
      return Error(ErrorCode::kNotAcceptable, "GET", grouping.query.type, "", {std::move(text)});
    };
    for (const std::string& field : grouping.fields) {
      const model::Index* index = type.find_index(field);
      if (index == nullptr)
        return refused(fmt::format("{:.200} is not an index of {}", field, grouping.query.type));
      if (index->path == "@key" || model::is_containment(*index))
        return refused(fmt::format("{} has no values to group by", field));
      out.push_back(static_cast<size_t>(index - type.indexes.data()));
    }
    if (out.empty()) return refused("group-by: an index is missing");
    return out;
  }

  /// Filters that no index answers are asked first, object by object.
  Result<GroupResult> groups_of_found(const Grouping& grouping, const model::ObjectType& type,
                                      const std::vector<size_t>& positions) const {
    Query all = grouping.query;
    all.count_only = false;
    const Result<QueryResult> found = query(all);
    if (!found) return found.error();
    Grouping rest = grouping;
    rest.query.filters.clear();
    rest.query.search.clear();
    rest.query.among.push_back(std::make_shared<const ObjectSet>(found->refs));
    const Result<CompiledQuery> compiled = compile_query(type, rest.query);
    if (!compiled) return compiled.error();
    Result<GroupResult> result = groups_of(rest, type, *compiled, positions);
    if (!result) return result;
    result->total = found->total;
    result->owners = found->owners;
    return result;
  }

  Result<GroupResult> groups_of(const Grouping& grouping, const model::ObjectType& type,
                                const CompiledQuery& compiled, const std::vector<size_t>& positions) const {
    if (!store_.names().find_type(grouping.query.type)) return GroupResult{};
    Result<TypeIndex::Groups> groups = TypeIndex::Groups{};
    const Result<void> used = use_index(grouping.query.type, &type, [&](const TypeIndex& index) {
      groups = index.group(grouping, compiled, positions, store_.replicas_shown());
    });
    if (!used) return used.error();
    if (!groups) return groups.error();
    return shown_groups(type, positions, *groups);
  }

  GroupResult shown_groups(const model::ObjectType& type, const std::vector<size_t>& positions,
                           const TypeIndex::Groups& groups) const {
    GroupResult out;
    out.total = groups.total;
    out.matching = groups.matching;
    out.other_groups = groups.other_groups;
    out.other_count = groups.other_count;
    for (const OwnerId owner : groups.owners) out.owners.push_back(store_.names().owner_name(owner));
    std::ranges::sort(out.owners);
    for (const TypeIndex::Groups::Group& counted : groups.groups) {
      Group& group = out.groups.emplace_back();
      group.count = counted.count;
      for (size_t i = 0; i < positions.size(); ++i)
        group.values.push_back(shown_value(type, type.indexes[positions[i]], counted, counted.values[i]));
    }
    return out;
  }

  std::optional<std::string> shown_value(const model::ObjectType& type, const model::Index& index,
                                         const TypeIndex::Groups::Group& group,
                                         const std::optional<std::string>& encoded) const {
    if (!encoded) return std::nullopt;
    std::optional<std::string> text = model::index_argument_text(index, *encoded);
    if (text || !group.sample) return text;
    const auto body =
        get({std::string(type.prefix), store_.names().owner_name(group.sample->owner), group.sample->key});
    if (!body) throw ReadFailure(Error(ErrorCode::kCorrupt, "an indexed object is missing"));
    return model::index_text(index, *body);
  }

  Result<QueryResult> objects_of(const Query& query, const model::ObjectType* type,
                                 const CompiledQuery& compiled) const {
    if (!store_.names().find_type(query.type)) return QueryResult{};
    const bool everything = compiled.filters.empty() && compiled.bounds.empty() && query.among.empty() &&
                            !query.visible && !compiled.sort && query.search.empty() && !query.after;
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
    std::optional<TypeIndex::After> after;
    if (query.after) {
      // An owner that is not known any more has no rows that could be passed over.
      const std::optional<OwnerId> owner = store_.names().find_owner(query.after->owner);
      after = TypeIndex::After{query.after->value, query.after->key, owner.value_or(0)};
    }
    const Result<void> used = use_index(query.type, type, [&](const TypeIndex& index) {
      answer = index.run(query, compiled, store_.replicas_shown(), after);
    });
    if (!used) return used.error();
    return answer;
  }

  /// The index as it was at this view.
  Result<void> use_index(const std::string& prefix, const model::ObjectType* type,
                         const std::function<void(const TypeIndex&)>& use) const {
    const Result<bool> answered = store_.indexes().with(prefix, type, seq_, use);
    if (!answered) return answered.error();
    if (*answered) return {};
    TypeIndex own(type, [this](OwnerId id) {
      return store_.names().owner_name(id);
    });  // this view is old: an index for it alone
    store_.scan_rows(view(), prefix, "", [&](const StoreImpl::ScannedRow& row) {
      own.apply(row.key, row.owner, std::nullopt, store_.body_of(row));
      return true;
    });
    use(own);
    return {};
  }

  /// Keeps the rows whose bodies satisfy the filters on parameters, then takes the page.
  Result<void> filter_by_parameters(const Query& query, const CompiledQuery& compiled,
                                    TypeIndex::Answer& answer) const {
    std::vector<TypeIndex::Answer::Ref> page;
    model::Budget budget(query.filter_steps);
    answer.matching = 0;
    uint64_t looked_at = 0;
    for (TypeIndex::Answer::Ref& ref : answer.refs) {
      const std::optional<std::string> body =
          get({query.type, store_.names().owner_name(ref.owner), ref.key});
      if (!body) throw ReadFailure(Error(ErrorCode::kCorrupt, "an indexed object is missing"));
      const bool fits = passes(query, compiled, store_.names().owner_name(ref.owner), *body, budget);
      if (budget.exhausted()) return too_much_to_filter(query);
      ++looked_at;
      if (!fits) continue;
      const bool behind = looked_at > answer.before;
      const bool in_page = behind && answer.matching >= query.offset && !query.count_only &&
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
        return filter.matches_parameter(query.param_resolver.value_of(owner, body, filter.name()));
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

namespace mullion::store {

void scan_secrets(const Snapshot& snapshot, std::string_view space, std::string_view from_key,
                  const SecretReader::Visit& visit) {
  dynamic_cast<const SecretReader&>(snapshot).scan_secrets(space, from_key, visit);
}

}  // namespace mullion::store
