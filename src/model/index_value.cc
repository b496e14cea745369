#include "model/index_value.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "base/letters.h"
#include "base/semantic_version.h"
#include "base/text.h"
#include "env/clock.h"
#include "model/internal/hooks.h"
#include "model/object.h"

namespace mullion::model {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::string_view kWithin = "@within:";
constexpr std::string_view kBetween = "@between:";

std::string big_endian(uint64_t number, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(number >> shift & 0xff));
  return out;
}

bool encode_cidr(std::string_view text, std::string& out) {
  uint32_t network = 0;
  int bits = 0;
  if (!internal::parse_cidr(text, network, bits)) return false;
  const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
  out = big_endian(network & mask, 4) + static_cast<char>(bits);  // a.b.c.1/24 is a.b.c.0/24
  return true;
}

/// Bytes that sort as the numbers do: positive ones get their sign bit set, negative ones are turned over.
std::string ordered_bytes(double number) {
  const auto bits = std::bit_cast<uint64_t>(number == 0 ? 0.0 : number);  // there is one zero
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return big_endian((bits & kSign) != 0 ? ~bits : bits | kSign, 8);
}

bool encode_number(std::string_view text, std::string& out) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return false;
  out = ordered_bytes(number);
  return true;
}

/// A hardware address in one spelling, whatever separates its bytes; other texts as they are.
std::string device_text(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c == ':' || c == '-' || c == '.') continue;
    if (!is_hex_digit(c)) return std::string(text);
    digits.push_back(lower_case(c));
  }
  const bool is_address = digits.size() == 12 || digits.size() == 16 || digits.size() == 40;
  if (!is_address) return std::string(text);
  std::string out;
  for (size_t i = 0; i < digits.size(); i += 2) {
    if (i != 0) out.push_back(':');
    out.append(digits, i, 2);
  }
  return out;
}

/// Encodes a text as a value of `kind`. False: the text is no such value.
bool encode_text(IndexKind kind, std::string_view text, std::string& out) {
  uint32_t address = 0;
  env::WallTime time;
  switch (kind) {
    case IndexKind::kString:
    case IndexKind::kList:
      out = text;
      return true;
    case IndexKind::kBoolean:
      out = text == "true" ? "\x01" : std::string(1, '\0');
      return text == "true" || text == "false";
    case IndexKind::kUuid:
      out = lower_case(text);
      return text.empty() || is_uuid(text);
    case IndexKind::kIp:
      if (text.empty()) return out.clear(), true;
      if (!internal::parse_ipv4(text, address)) return false;
      out = big_endian(address, 4);
      return true;
    case IndexKind::kCidr:
      return encode_cidr(text, out);
    case IndexKind::kTime:
      if (!env::parse_rfc3339(text, time)) return false;
      out = big_endian(static_cast<uint64_t>(time.time_since_epoch().count()) ^ uint64_t{1} << 63, 8);
      return true;
    case IndexKind::kNumber:
      return encode_number(text, out);
    case IndexKind::kVersion:
      out = version_sort_key(text);
      return true;
    case IndexKind::kDevice:
    case IndexKind::kDevices:
      out = device_text(text);
      return true;
  }
  return false;
}

uint64_t number_of(std::string_view big_endian_bytes) {
  uint64_t number = 0;
  for (const char byte : big_endian_bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string address_text(std::string_view bytes) {
  if (bytes.size() < 4) return {};
  const auto part = [&](size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(bytes[i])); };
  return fmt::format("{}.{}.{}.{}", part(0), part(1), part(2), part(3));
}

std::string ordered_number_text(std::string_view ordered) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const uint64_t bits = number_of(ordered);
  return fmt::format("{}", std::bit_cast<double>((bits & kSign) != 0 ? bits & ~kSign : ~bits));
}

void add_text(const Index& index, std::string_view text, std::vector<std::string>& out) {
  std::string encoded;
  if (encode_text(index.kind, text, encoded)) out.push_back(std::move(encoded));
}

void add_value(const Index& index, ondemand::value value, std::vector<std::string>& out) {
  switch (value.type().value_unsafe()) {
    case ondemand::json_type::string: {
      std::string_view text;
      if (value.get_string().get(text) == simdjson::SUCCESS) add_text(index, text, out);
      return;
    }
    case ondemand::json_type::boolean: {
      bool flag = false;
      if (value.get_bool().get(flag) == simdjson::SUCCESS)
        out.push_back(std::string(1, flag ? '\x01' : '\0'));
      return;
    }
    case ondemand::json_type::number: {
      double number = 0;
      if (index.kind == IndexKind::kNumber && value.get_double().get(number) == simdjson::SUCCESS)
        out.push_back(ordered_bytes(number));
      return;
    }
    case ondemand::json_type::array: {
      for (auto item : value.get_array()) {
        std::string_view text;
        if (item.get_string().get(text) == simdjson::SUCCESS) add_text(index, text, out);
      }
      return;
    }
    default:
      return;
  }
}

std::string_view path_root(std::string_view path) { return path.substr(0, path.find('.')); }

/// The top-level members that an index takes its values from.
std::vector<std::string_view> members_of(const Index& index) {
  if (index.path == "@params") return {"Params"};
  if (index.path == "@elevated") return {"ExtraRoles", "ExtraClaims"};
  if (index.path.starts_with('@')) return {};
  return {path_root(index.path)};
}

/// The value of an object without the member; absent: it has none. A number that is no field of the type is a
/// property that some objects do not have.
std::optional<std::string> unset_value(const ObjectType& type, const Index& index) {
  const IndexKind kind = index.kind;
  const bool special = index.path.starts_with('@');
  if (special || is_list(kind)) return std::nullopt;
  std::string encoded;
  if (kind == IndexKind::kNumber) {
    if (type.find_field(index.path) == nullptr) return std::nullopt;
    encoded = ordered_bytes(0);
  }
  if (kind == IndexKind::kBoolean) encode_text(kind, "false", encoded);
  if (kind == IndexKind::kTime) encode_text(kind, "0001-01-01T00:00:00Z", encoded);
  return encoded;
}

void collect_keys(ondemand::value value, std::vector<std::string>& out) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return;
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key) == simdjson::SUCCESS) out.emplace_back(key);
  }
}

/// One parser per thread: it keeps its buffers.
ondemand::parser& thread_parser() {
  thread_local ondemand::parser parser;
  return parser;
}

/// The raw text of `value` as a part of `body`, whose padded copy starts at `copy`.
std::string_view raw_text(ondemand::value value, const char* copy, std::string_view body) {
  std::string_view raw;
  ondemand::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS) return {};
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (value.get_object().get(object) != simdjson::SUCCESS ||
        object.raw_json().get(raw) != simdjson::SUCCESS)
      return {};
  } else if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS || array.raw_json().get(raw) != simdjson::SUCCESS)
      return {};
  } else {
    raw = trimmed(value.raw_json_token());
  }
  const size_t offset = static_cast<size_t>(raw.data() - copy);
  return offset + raw.size() <= body.size() ? body.substr(offset, raw.size()) : std::string_view();
}

/// Whether a name looks the same in JSON: the parser compares names as they are written.
bool is_written_as_it_is(std::string_view name) {
  return std::ranges::all_of(name, [](unsigned char c) {
    return c >= 0x20 && c < 0x7f &&
           std::string_view("\"\\<>&").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

bool seek_field(ondemand::document& document, std::string_view name, ondemand::value& out) {
  if (is_written_as_it_is(name)) return document.find_field_unordered(name).get(out) == simdjson::SUCCESS;
  ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) return false;
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return false;
    if (key == name) return field.value().get(out) == simdjson::SUCCESS;
  }
  return false;
}

/// Text of a member that needs no unescaping.
std::string_view plain_text_member(std::string_view body, std::string_view field) {
  const std::string_view raw = raw_member(body, field);
  return raw.size() < 2 || raw.front() != '"' ? std::string_view() : raw.substr(1, raw.size() - 2);
}

Error bad_argument(std::string_view prefix, std::string text) {
  return Error(ErrorCode::kNotAcceptable, "GET", std::string(prefix), "", {std::move(text)});
}

std::string time_error(std::string_view text) {
  return fmt::format("parsing time \"{}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{}\" as \"2006\"",
                     text, text);
}

std::string argument_error(const Index& index, std::string_view prefix, std::string_view text) {
  switch (index.kind) {
    case IndexKind::kBoolean:
      return fmt::format("{} must be true or false", index.name);
    case IndexKind::kUuid:
      return fmt::format("Invalid UUID: {}", text);
    case IndexKind::kCidr:
      return fmt::format("Invalid subnet CIDR: {}", text);
    case IndexKind::kIp:
      if (prefix == "leases") return fmt::format("{} must be an IP address", index.name);
      return fmt::format("Invalid {}ddress: {}", prefix == "machines" ? 'a' : 'A', text);
    case IndexKind::kTime:
      return prefix == "leases" ? fmt::format("{} is not valid: {}", index.name, time_error(text))
                                : time_error(text);
    case IndexKind::kNumber:
      return fmt::format("{} must be a number", index.name);
    default:
      return fmt::format("Invalid value: {}", text);
  }
}

}  // namespace

/// What one pass over a body collects; indexes that need several members are settled at the end.
class IndexReader::Collector {
 public:
  Collector(const IndexReader& reader, std::string_view key)
      : reader_(reader), values_(reader.type_.indexes.size()) {
    for (const size_t i : reader.of_key_) add_text(reader.type_.indexes[i], key, values_[i]);
  }

  void member(std::string_view name, ondemand::value value) {
    const auto wanted = std::ranges::lower_bound(reader_.members_, name, {}, &Member::name);
    if (wanted != reader_.members_.end() && wanted->name == name) collect(wanted->indexes, value);
  }

  Values finish() {
    for (size_t i = 0; i < reader_.unset_.size(); ++i) {
      std::vector<std::string>& values = values_[reader_.unset_[i]];
      if (values.empty()) values.push_back(reader_.unset_value_[i]);
    }
    for (const size_t i : reader_.flags_) values_[i].push_back(std::string(1, elevated_ ? '\x01' : '\0'));
    return std::move(values_);
  }

 private:
  /// A value can be read once only: the first index that wants it reads it, the others copy its result.
  void collect(const std::vector<size_t>& wanted, ondemand::value value) {
    const Index& index = reader_.type_.indexes[wanted.front()];
    std::vector<std::string>& values = values_[wanted.front()];
    if (index.path == "@elevated") {
      ondemand::array list;
      if (value.get_array().get(list) == simdjson::SUCCESS && !list.is_empty().value_unsafe())
        elevated_ = true;
      return;
    }
    if (index.path == "@params") {
      collect_keys(value, values);
    } else if (index.path.find('.') != std::string_view::npos) {
      ondemand::value inner;
      if (value.find_field_unordered(index.path.substr(index.path.find('.') + 1)).get(inner) ==
          simdjson::SUCCESS) {
        add_value(index, inner, values);
      }
    } else {
      add_value(index, value, values);
    }
    for (size_t i = 1; i < wanted.size(); ++i) values_[wanted[i]] = values;
  }

  const IndexReader& reader_;
  Values values_;
  bool elevated_ = false;
};

IndexReader::IndexReader(const ObjectType& type) : type_(type) {
  for (size_t i = 0; i < type.indexes.size(); ++i) {
    const Index& index = type.indexes[i];
    if (index.path == "@key") of_key_.push_back(i);
    if (index.path == "@elevated") flags_.push_back(i);
    if (is_containment(index)) containments_.push_back(i);
    for (const std::string_view name : members_of(index)) {
      const auto place = std::ranges::lower_bound(members_, name, {}, &Member::name);
      const bool known = place != members_.end() && place->name == name;
      (known ? place : members_.insert(place, Member{name, {}}))->indexes.push_back(i);
    }
    if (std::optional<std::string> value = unset_value(type, index)) {
      unset_.push_back(i);
      unset_value_.push_back(std::move(*value));
    }
  }
}

IndexReader::Values IndexReader::values(std::string_view key, std::string_view body) const {
  Collector collector(*this, key);
  const simdjson::padded_string padded(body);
  ondemand::document document;
  ondemand::object object;
  if (thread_parser().iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return collector.finish();
  }
  for (auto field : object) {
    std::string_view name;
    ondemand::value value;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS || field.value().get(value) != simdjson::SUCCESS)
      break;
    collector.member(name, value);
  }
  Values values = collector.finish();
  for (const size_t i : containments_) {
    if (const std::optional<AddressRange> range = address_range(type_.indexes[i], body))
      values[i] = {range->first};  // what they are sorted by
  }
  return values;
}

Result<std::string> encode_index_argument(const Index& index, std::string_view prefix,
                                          std::string_view text) {
  std::string encoded;
  if (!encode_text(index.kind, text, encoded))
    return bad_argument(prefix, argument_error(index, prefix, text));
  return encoded;
}

std::optional<std::string> index_argument_text(const Index& index, std::string_view encoded) {
  switch (index.kind) {
    case IndexKind::kBoolean:
      return encoded == "\x01" ? "true" : "false";
    case IndexKind::kIp:
      return address_text(encoded);
    case IndexKind::kCidr:
      if (encoded.size() != 5) return std::string();
      return fmt::format("{}/{}", address_text(encoded), static_cast<unsigned>(encoded.back()));
    case IndexKind::kTime:
      return env::format_rfc3339(env::WallTime(
          env::WallTime::duration(static_cast<int64_t>(number_of(encoded) ^ uint64_t{1} << 63))));
    case IndexKind::kNumber:
      return ordered_number_text(encoded);
    case IndexKind::kVersion:
      return std::nullopt;
    case IndexKind::kString:
    case IndexKind::kList:
    case IndexKind::kUuid:
    case IndexKind::kDevice:
    case IndexKind::kDevices:
      return std::string(encoded);
  }
  return std::nullopt;
}

bool is_searched(const Index& index) {
  constexpr std::string_view kSearched[] = {"Addr", "Address", "Description", "HardwareAddrs", "Name"};
  return !index.path.starts_with('@') && std::ranges::find(kSearched, index.name) != std::end(kSearched);
}

bool is_containment(const Index& index) {
  return index.path.starts_with(kWithin) || index.path.starts_with(kBetween);
}

std::optional<AddressRange> address_range(const Index& index, std::string_view body) {
  uint32_t first = 0, last = 0;
  if (index.path.starts_with(kWithin)) {
    int bits = 0;
    const std::string_view field = index.path.substr(kWithin.size());
    if (!internal::parse_cidr(plain_text_member(body, field), first, bits)) return std::nullopt;
    const uint32_t host = bits == 0 ? UINT32_MAX : (uint64_t{1} << (32 - bits)) - 1;
    first &= ~host;
    last = first | host;
  } else {
    const std::string_view fields = index.path.substr(kBetween.size());
    const size_t comma = fields.find(',');
    if (!internal::parse_ipv4(plain_text_member(body, fields.substr(0, comma)), first) ||
        !internal::parse_ipv4(plain_text_member(body, fields.substr(comma + 1)), last)) {
      return std::nullopt;
    }
  }
  return AddressRange{big_endian(first, 4), big_endian(last, 4)};
}

std::string_view raw_member(std::string_view body, std::string_view name) {
  const simdjson::padded_string padded(body);
  ondemand::document document;
  ondemand::value value;
  if (thread_parser().iterate(padded).get(document) != simdjson::SUCCESS ||
      !seek_field(document, name, value))
    return {};
  return raw_text(value, padded.data(), body);
}

std::string index_text(const Index& index, std::string_view body) {
  std::string_view path = index.path, found = body;
  while (!path.empty() && !found.empty()) {
    found = raw_member(found, path.substr(0, path.find('.')));
    path.remove_prefix(std::min(path.size(), path_root(path).size() + 1));
  }
  const Result<boost::json::value> value = parse_json(found);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string_view raw_param(std::string_view body, std::string_view name) {
  const std::string_view params = raw_member(body, "Params");
  return params.empty() || params.front() != '{' ? std::string_view() : raw_member(params, name);
}

}  // namespace mullion::model
