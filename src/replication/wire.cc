#include "replication/wire.h"

#include <simdjson.h>
#include <zstd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cassert>
#include <charconv>
#include <memory>

#include "model/object_type.h"

namespace mullion::replication {
namespace {

namespace json = boost::json;
namespace dom = simdjson::dom;

constexpr int kCompressionLevel = 1;
constexpr size_t kMaxDepth = 256;
constexpr size_t kMaxOwners = 100000;
constexpr std::string_view kBodyMember = R"("body":)";

Error broken(std::string what) {
  return Error(ErrorCode::kCorrupt, fmt::format("replication stream: {}", what));
}

// ---- writing

/// Up to `longest` bytes, whole characters.
std::string cut(std::string text, size_t longest) {
  if (text.size() <= longest) return text;
  const auto is_middle = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
  while (longest > 0 && is_middle(text[longest])) --longest;
  text.resize(longest);
  return text;
}

std::string hex(uint64_t number) { return fmt::format("{:016x}", number); }

json::array digests_value(const std::vector<store::TypeDigest>& digests) {
  json::array out;
  for (const store::TypeDigest& digest : digests)
    out.push_back(
        json::object{{"type", digest.type}, {"digest", digest.digest.hex()}, {"count", digest.count}});
  return out;
}

json::array strings_value(const std::vector<std::string>& items) {
  json::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

json::object value_of(const Hello& record) {
  return {{"t", "hello"},
          {"protocol", record.protocol},
          {"id", record.id},
          {"version", record.version},
          {"epoch", hex(record.epoch)},
          {"newest", record.newest},
          {"features", strings_value(record.features)}};
}
json::object value_of(const HeldUpCollection& one) {
  return {{"collection", one.collection},
          {"age", one.age_seconds},
          {"reason", cut(one.reason, kLongestHeldUpReason)}};
}

json::object value_of(const Owners& record) {
  json::array owners;
  for (const Announcement& owner : record.owners) {
    owners.push_back(json::object{{"owner", owner.owner},
                                  {"via", strings_value(owner.via)},
                                  {"in_touch", owner.in_touch},
                                  {"age", owner.age_seconds},
                                  {"reason", owner.reason}});
    json::object& told = owners.back().get_object();
    if (!owner.certificate.empty()) told["certificate"] = owner.certificate;
    if (!owner.untold_by.empty()) told["age_untold_by"] = owner.untold_by;
    json::array held_up;
    for (const HeldUpCollection& one : owner.held_up) held_up.push_back(value_of(one));
    if (!held_up.empty()) told["held_up"] = std::move(held_up);
  }
  return {{"t", "owners"}, {"owners", std::move(owners)}};
}
json::object value_of(const Subscribe& record) {
  json::array owners;
  for (const Subscription& wanted : record.owners) {
    json::object owner{{"owner", wanted.owner}, {"follows", wanted.follows}};
    if (wanted.replica) {
      owner["epoch"] = hex(wanted.replica->epoch);
      owner["seq"] = wanted.replica->seq;
    }
    owners.push_back(std::move(owner));
  }
  return {{"t", "subscribe"}, {"owners", std::move(owners)}};
}
json::object value_of(const Resume& record) {
  return {{"t", "resume"}, {"owner", record.owner}, {"digests", digests_value(record.digests)}};
}
json::object value_of(const SnapshotBegin& record) {
  return {{"t", "snapshot-begin"},
          {"owner", record.owner},
          {"epoch", hex(record.origin.epoch)},
          {"origin", record.origin.seq}};
}
json::object value_of(const SnapshotEnd& record) {
  return {{"t", "snapshot-end"},
          {"owner", record.owner},
          {"seq", record.seq},
          {"digests", digests_value(record.digests)}};
}
json::object value_of(const Commit& record) {
  return {{"t", "commit"},
          {"seq", record.seq},
          {"owner", record.owner},
          {"epoch", hex(record.origin.epoch)},
          {"origin", record.origin.seq},
          {"digests", digests_value(record.digests)}};
}
json::object value_of(const At& record) {
  return {{"t", "at"}, {"seq", record.seq}, {"restart", record.restart}};
}
json::object value_of(const Ack& record) { return {{"t", "ack"}, {"seq", record.seq}}; }
json::object value_of(const Ping& record) {
  json::object out{{"t", "ping"}, {"newest", record.newest}, {"clock", record.clock}};
  if (record.stamp != 0) out["stamp"] = record.stamp;
  if (!record.age) return out;
  json::array ages;
  for (const OwnerAge& one : record.ages)
    ages.push_back(json::object{{"owner", one.owner}, {"age", one.seconds}});
  out["age"] = *record.age;
  out["ages"] = std::move(ages);
  json::array held_up;
  for (const OwnerHeldUp& one : record.held_up) {
    json::object& told = held_up.emplace_back(value_of(one.what)).get_object();
    told["owner"] = one.owner;
  }
  if (!held_up.empty()) out["held_up"] = std::move(held_up);
  return out;
}
json::object value_of(const Compare& record) {
  return {{"t", "compare"}, {"owner", record.owner}, {"type", record.type}};
}
json::object value_of(const Ranges& record) {
  json::array ranges;
  for (const KeyRange& range : record.ranges)
    ranges.push_back(json::object{{"from", range.from}, {"to", range.to}, {"digest", range.digest.hex()}});
  return {{"t", "ranges"}, {"owner", record.owner}, {"type", record.type}, {"ranges", std::move(ranges)}};
}
json::object range_value(std::string_view kind, const std::string& owner, const std::string& type,
                         const std::string& from, const std::string& to) {
  return {{"t", kind}, {"owner", owner}, {"type", type}, {"from", from}, {"to", to}};
}
json::object value_of(const Fetch& record) {
  return range_value("fetch", record.owner, record.type, record.from, record.to);
}
json::object value_of(const RangeBegin& record) {
  return range_value("range-begin", record.owner, record.type, record.from, record.to);
}
json::object value_of(const RangeEnd& record) {
  return {{"t", "range-end"},
          {"owner", record.owner},
          {"type", record.type},
          {"seq", record.seq},
          {"digests", digests_value(record.digests)}};
}
json::object value_of(const Unknown&) { return {{"t", "unknown"}}; }

/// The body keeps its bytes: it is placed, not parsed, and stands last.
void append_object(std::string& out, std::string_view kind, std::string_view type, std::string_view key,
                   std::optional<std::string_view> body) {
  out += fmt::format(R"({{"t":"{}","type":)", kind);
  out += json::serialize(json::string_view(type));
  out += R"(,"key":)";
  out += json::serialize(json::string_view(key));
  if (body) {
    out += ',';
    out += kBodyMember;
    out += *body;
  }
  out += '}';
}

struct Appender {
  std::string& out;
  void operator()(const Object& record) const {
    append_object(out, "object", record.type, record.key, record.body);
  }
  void operator()(const Change& record) const {
    append_object(out, "change", record.type, record.key, record.body);
  }
  void operator()(const State& record) const { out += R"({"t":"state","body":)" + record.json + "}"; }
  template <typename Other>
  void operator()(const Other& record) const {
    out += json::serialize(value_of(record));
  }
};

// ---- reading

/// A record being read. The first member that is absent or of another kind spoils it; what is read afterwards
/// is empty.
class Reader {
 public:
  Reader(dom::object object, std::string_view line) : object_(object), line_(line) {}

  std::string text(std::string_view name, bool required = true) {
    std::string_view value;
    if (object_.at_key(name).get_string().get(value) != simdjson::SUCCESS) {
      if (required) spoil(name);
      return {};
    }
    return std::string(value);
  }
  uint64_t number(std::string_view name) {
    uint64_t value = 0;
    if (object_.at_key(name).get_uint64().get(value) != simdjson::SUCCESS) spoil(name);
    return value;
  }
  int64_t integer(std::string_view name) {
    int64_t value = 0;
    if (object_.at_key(name).get_int64().get(value) != simdjson::SUCCESS) spoil(name);
    return value;
  }
  /// 0 when it is absent.
  uint64_t optional_number(std::string_view name) { return has(name) ? number(name) : 0; }
  double real(std::string_view name) {
    double value = 0;
    if (object_.at_key(name).get_double().get(value) != simdjson::SUCCESS) return 0;
    return value;
  }
  bool flag(std::string_view name) {
    bool value = false;
    if (object_.at_key(name).get_bool().get(value) != simdjson::SUCCESS) return false;
    return value;
  }
  uint64_t epoch() {
    const std::string digits = text("epoch");
    uint64_t value = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (failure != std::errc{} || end != digits.data() + digits.size()) spoil("epoch");
    return value;
  }
  Digest digest() {
    Digest value;
    if (!Digest::from_hex(text("digest"), value)) spoil("digest");
    return value;
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    dom::array items;
    if (!read_array(name, items)) return out;
    for (const dom::element item : items) {
      std::string_view value;
      if (item.get_string().get(value) != simdjson::SUCCESS) return spoil(name), out;
      out.emplace_back(value);
    }
    return out;
  }
  /// Calls `read` with a Reader of each element of a list of objects.
  template <typename Read>
  void each(std::string_view name, Read read) {
    dom::array items;
    if (!read_array(name, items)) return;
    for (const dom::element item : items) {
      dom::object object;
      if (item.get_object().get(object) != simdjson::SUCCESS) return spoil(name);
      Reader reader(object, line_);
      read(reader);
      if (!reader.spoilt_.empty()) return spoil(reader.spoilt_, reader.fault_);
    }
  }
  std::vector<store::TypeDigest> digests(const std::string& owner) {
    std::vector<store::TypeDigest> out;
    each("digests", [&](Reader& item) {
      out.push_back({item.text("type"), owner, item.digest(), item.number("count")});
    });
    return out;
  }
  bool has(std::string_view name) const { return object_.at_key(name).error() == simdjson::SUCCESS; }
  /// The bytes of the member `body`, which must be an object and the record's last member.
  std::string_view body() {
    dom::object body;
    if (object_.at_key("body").get_object().get(body) != simdjson::SUCCESS) return spoil("body"), "{}";
    const size_t begin = line_.find(kBodyMember);
    if (!body_stands_last() || begin == std::string_view::npos) return spoil("body"), "{}";
    // `Endpoint` is who the owner is; a body that brings its own would be shown with two.
    if (body.at_key("Endpoint").error() == simdjson::SUCCESS) return spoil("Endpoint"), "{}";
    const std::string_view bytes = line_.substr(begin + kBodyMember.size());
    if (!bytes.starts_with('{')) return spoil("body"), "{}";
    if (body.size() == 0) return "{}";  // without blanks inside, which splicing does not expect
    return bytes.substr(0, bytes.rfind('}'));
  }
  void spoil(std::string_view member, std::string_view fault = "is missing or malformed") {
    if (!spoilt_.empty()) return;
    spoilt_ = member;
    fault_ = fault;
  }
  const std::string& spoilt() const { return spoilt_; }
  /// What is wrong with it.
  const std::string& fault() const { return fault_; }

 private:
  /// Before it only members without a structure of their own, so that the first `"body":` of the line is this
  /// one.
  bool body_stands_last() const {
    size_t structured = 0;
    std::string_view last;
    for (const dom::key_value_pair member : object_) {
      if (member.value.is_object() || member.value.is_array()) ++structured;
      last = member.key;
    }
    return structured == 1 && last == "body";
  }
  bool read_array(std::string_view name, dom::array& items) {
    if (object_.at_key(name).get_array().get(items) == simdjson::SUCCESS) return true;
    spoil(name);
    return false;
  }

  dom::object object_;
  std::string_view line_;
  std::string spoilt_, fault_;
};

Record read_hello(Reader& in) {
  Hello out;
  out.protocol = in.number("protocol");
  out.id = in.text("id");
  out.version = in.text("version", false);
  out.epoch = in.epoch();
  out.newest = in.number("newest");
  out.features = in.texts("features");
  return out;
}
/// A newer peer may say more than this one knows, a broken one more than there can be.
HeldUpCollection read_held_up(Reader& in) {
  HeldUpCollection out{in.text("collection"), in.real("age"),
                       cut(in.text("reason", false), kLongestHeldUpReason)};
  if (out.collection.empty()) in.spoil("collection", "is empty");
  if (out.collection.size() > kLongestCollection)
    in.spoil("collection", fmt::format("has more than {} bytes", kLongestCollection));
  return out;
}
Record read_owners(Reader& in) {
  Owners out;
  in.each("owners", [&](Reader& item) {
    Announcement& one = out.owners.emplace_back(Announcement{
        item.text("owner"), item.texts("via"), item.flag("in_touch"), item.real("age"),
        item.text("reason", false), item.text("certificate", false), item.text("age_untold_by", false)});
    if (!item.has("held_up")) return;
    item.each("held_up", [&](Reader& held_up) { one.held_up.push_back(read_held_up(held_up)); });
    if (one.held_up.size() > kMostHeldUp)
      item.spoil("held_up", fmt::format("names more than {} collections of one owner", kMostHeldUp));
  });
  if (out.owners.size() > kMaxOwners) in.spoil("owners");
  size_t held_up = 0;
  for (const Announcement& one : out.owners) held_up += one.held_up.size();
  if (held_up > kMostHeldUpOfAll)
    in.spoil("held_up", fmt::format("names more than {} collections", kMostHeldUpOfAll));
  return out;
}
Record read_subscribe(Reader& in) {
  Subscribe out;
  in.each("owners", [&](Reader& item) {
    Subscription& wanted = out.owners.emplace_back();
    wanted.owner = item.text("owner");
    wanted.follows = item.flag("follows");
    if (item.has("epoch")) wanted.replica = store::Cursor{item.epoch(), item.number("seq")};
  });
  if (out.owners.size() > kMaxOwners) in.spoil("owners");
  return out;
}
Record read_resume(Reader& in) {
  Resume out;
  out.owner = in.text("owner");
  out.digests = in.digests(out.owner);
  return out;
}
Record read_snapshot_begin(Reader& in) {
  SnapshotBegin out;
  out.owner = in.text("owner");
  out.origin = {in.epoch(), in.number("origin")};
  return out;
}
Record read_object(Reader& in) { return Object{in.text("type"), in.text("key"), in.body()}; }
Record read_snapshot_end(Reader& in) {
  SnapshotEnd out;
  out.owner = in.text("owner");
  out.seq = in.number("seq");
  out.digests = in.digests(out.owner);
  return out;
}
Record read_change(Reader& in) {
  Change out{in.text("type"), in.text("key"), std::nullopt};
  if (in.has("body")) out.body = in.body();
  return out;
}
Record read_commit(Reader& in) {
  Commit out;
  out.seq = in.number("seq");
  out.owner = in.text("owner");
  out.origin = {in.epoch(), in.number("origin")};
  out.digests = in.digests(out.owner);
  return out;
}
Record read_at(Reader& in) { return At{in.number("seq"), in.flag("restart")}; }
Record read_state(Reader& in) { return State{std::string(in.body())}; }
Record read_ack(Reader& in) { return Ack{in.number("seq")}; }
Record read_ping(Reader& in) {
  Ping out;
  out.newest = in.number("newest");
  out.clock = in.integer("clock");
  out.stamp = in.optional_number("stamp");
  if (!in.has("age")) return out;
  out.age = in.real("age");
  in.each("ages", [&](Reader& item) { out.ages.push_back({item.text("owner"), item.real("age")}); });
  if (out.ages.size() > kMaxOwners) in.spoil("ages");
  if (!in.has("held_up")) return out;
  in.each("held_up", [&](Reader& item) { out.held_up.push_back({item.text("owner"), read_held_up(item)}); });
  if (out.held_up.size() > kMostHeldUpOfAll)
    in.spoil("held_up", fmt::format("names more than {} collections", kMostHeldUpOfAll));
  return out;
}
Record read_compare(Reader& in) { return Compare{in.text("owner"), in.text("type")}; }
Record read_ranges(Reader& in) {
  Ranges out{in.text("owner"), in.text("type"), {}};
  in.each("ranges", [&](Reader& item) {
    out.ranges.push_back({item.text("from"), item.text("to"), item.digest()});
  });
  return out;
}
Record read_fetch(Reader& in) {
  return Fetch{in.text("owner"), in.text("type"), in.text("from"), in.text("to")};
}
Record read_range_begin(Reader& in) {
  return RangeBegin{in.text("owner"), in.text("type"), in.text("from"), in.text("to")};
}
Record read_range_end(Reader& in) {
  RangeEnd out;
  out.owner = in.text("owner");
  out.type = in.text("type");
  out.seq = in.number("seq");
  out.digests = in.digests(out.owner);
  return out;
}

struct Kind {
  std::string_view word;
  Record (*read)(Reader&);
};
constexpr Kind kKinds[] = {
    {"object", read_object},
    {"change", read_change},
    {"commit", read_commit},
    {"at", read_at},
    {"ping", read_ping},
    {"ack", read_ack},
    {"hello", read_hello},
    {"owners", read_owners},
    {"subscribe", read_subscribe},
    {"resume", read_resume},
    {"snapshot-begin", read_snapshot_begin},
    {"snapshot-end", read_snapshot_end},
    {"state", read_state},
    {"compare", read_compare},
    {"ranges", read_ranges},
    {"fetch", read_fetch},
    {"range-begin", read_range_begin},
    {"range-end", read_range_end},
};

Result<Record> read_record(dom::parser& parser, std::string_view line) {
  dom::object object;
  // The frame's buffer is padded, so the parser may read past the line.
  if (parser.parse(line.data(), line.size(), false).get_object().get(object) != simdjson::SUCCESS)
    return broken("a record is not a JSON object");
  Reader reader(object, line);
  const std::string word = reader.text("t");
  for (const Kind& kind : kKinds) {
    if (kind.word != word) continue;
    Record record = kind.read(reader);
    if (reader.spoilt().empty()) return record;
    break;
  }
  if (!reader.spoilt().empty())
    return broken(fmt::format("record {:.32}: member {:.32} {}", word, reader.spoilt(), reader.fault()));
  return Record(Unknown{});
}

dom::parser& thread_parser() {
  thread_local dom::parser parser;
  thread_local const bool limited = parser.allocate(0, kMaxDepth) == simdjson::SUCCESS;
  (void)limited;
  return parser;
}

/// Contexts are large; those of a thread serve all streams.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(),
                                                                                ZSTD_freeCCtx);
  return context.get();
}
ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                                ZSTD_freeDCtx);
  return context.get();
}

}  // namespace

void keep_within_limits(std::vector<Announcement>& announced) {
  size_t all = 0;
  for (Announcement& owner : announced) {
    const bool fits = owner.held_up.size() <= kMostHeldUp && all + owner.held_up.size() <= kMostHeldUpOfAll &&
                      std::ranges::all_of(owner.held_up, [](const HeldUpCollection& one) {
                        return !one.collection.empty() && one.collection.size() <= kLongestCollection;
                      });
    if (fits) {
      all += owner.held_up.size();
      continue;
    }
    for (const HeldUpCollection& one : owner.held_up)
      owner.age_seconds = std::max(owner.age_seconds, one.age_seconds);
    owner.held_up.clear();
  }
}

void FrameWriter::add(const Record& record) {
  std::visit(Appender{text_}, record);
  text_ += '\n';
}

std::string FrameWriter::take() {
  std::string out(ZSTD_compressBound(text_.size()), '\0');
  const size_t size =
      ZSTD_compressCCtx(compressor(), out.data(), out.size(), text_.data(), text_.size(), kCompressionLevel);
  assert(ZSTD_isError(size) == 0 && "the buffer is large enough by definition");
  out.resize(size);
  text_.clear();
  // One large object must not keep its memory for the life of the stream.
  if (text_.capacity() > 4 * kFrameTarget) text_.shrink_to_fit();
  return out;
}

Result<FrameReader> FrameReader::open(std::string_view frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) return broken("not a frame");
  if (size > kMaxFrame) return broken("a frame is too large");
  FrameReader reader;
  reader.text_ = std::make_unique<char[]>(size + simdjson::SIMDJSON_PADDING);
  const size_t got =
      ZSTD_decompressDCtx(decompressor(), reader.text_.get(), size, frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) return broken("a frame is damaged");
  reader.rest_ = {reader.text_.get(), size};
  return reader;
}

Result<std::optional<Record>> FrameReader::next() {
  if (rest_.empty()) return std::optional<Record>();
  const size_t end = rest_.find('\n');
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  Result<Record> record = read_record(thread_parser(), line);
  if (!record) return record.error();
  return std::optional<Record>(std::move(*record));
}

bool is_replicated(std::string_view type) {
  const model::ObjectType* known = model::find_object_type(type);
  return known == nullptr || known->traits.replicated;
}

}  // namespace mullion::replication
