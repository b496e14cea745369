#include "packs/internal/documents.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <set>

#include "base/json.h"
#include "model/object.h"
#include "model/secure_params.h"
#include "packs/internal/pack.h"
#include "packs/internal/sealing.h"
#include "packs/layers.h"
#include "prefs/preference_table.h"
#include "store/stamps.h"

namespace mullion::packs {

namespace {

namespace json = boost::json;
constexpr std::string_view kPreferences = "preferences";

/// Whether any value is in clear now.
bool open_params(json::object& params, const ObjectName& name, const Layers::Opener& opener) {
  bool opened = false;
  for (auto& [param, value] : params) {
    if (!model::is_sealed(value) || model::is_always_secure(param))
      continue;  // the latter: in clear to nobody
    const auto clear = opener(name.first, name.second, json::serialize(value));
    if (!clear) continue;
    auto parsed = parse_json(*clear);
    if (!parsed) continue;
    value = std::move(*parsed);
    opened = true;
  }
  return opened;
}

/// Most objects have no secure values: their bytes are shown as they are.
std::string shown_body(const ObjectName& name, std::string_view stored, const Layers::Opener& opener) {
  std::string body = store::without_stamps(stored);  // an export says what was declared, not when
  if (!opener || body.find("\"Payload\"") == std::string::npos) return body;
  auto parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) return body;
  json::value* params = parsed->get_object().if_contains("Params");
  const bool opened =
      params != nullptr && params->is_object() && open_params(params->get_object(), name, opener);
  // In clear it is not the object that was judged: other servers show it like this too.
  if (opened) parsed->get_object()["Available"] = false;
  std::string out;
  model::append_json(out, *parsed);
  return out;
}

/// Objects arrive sorted by section.
class DocumentWriter {
 public:
  explicit DocumentWriter(const json::object& meta) {
    out_ = "{\"meta\":" + json::serialize(meta) + ",\"sections\":{";
  }

  void add(std::string_view section, std::string_view key, std::string_view body) {
    const bool begins = !in_section_ || section != section_;
    if (begins) begin(section);
    if (!begins) out_ += ',';
    out_.append(json::serialize(json::string_view(key))).append(":").append(body);
  }

  std::string finish() {
    if (in_section_) out_ += '}';
    out_ += "}}";
    return std::move(out_);
  }

 private:
  void begin(std::string_view section) {
    if (in_section_) out_ += "},";
    out_.append(json::serialize(json::string_view(section))).append(":{");
    section_ = section;
    in_section_ = true;
  }

  std::string out_;
  std::string section_;
  bool in_section_ = false;
};

/// With every preference, whether it was ever changed or not.
std::set<std::string> writable_sections(const store::Snapshot& snapshot) {
  std::set<std::string> sections{std::string(kPreferences)};
  for (const std::string& type : snapshot.types()) {
    // Programs and what they say of themselves are not content that somebody wrote.
    if (type != "plugin_providers") sections.insert(type);
  }
  return sections;
}

}  // namespace

std::string document_of(const Layer& layer, const Layers::Opener& opener) {
  DocumentWriter writer(layer.meta);
  for (const auto& [name, body] : layer.objects) {
    writer.add(name.first, name.second, shown_body(name, body, opener));
  }
  return writer.finish();
}

std::string writable_document(const json::object& meta, const store::Snapshot& snapshot,
                              const Layers::Opener& opener) {
  DocumentWriter writer(meta);
  for (const std::string& type : writable_sections(snapshot)) {
    if (type == kPreferences) {
      for (const prefs::PreferenceRule& rule : prefs::preference_table())
        writer.add(type, rule.name, prefs::preference_body(snapshot, rule));
      continue;
    }
    snapshot.scan_owner(type, store::kOwn, "", [&](std::string_view key, std::string_view body) {
      writer.add(type, key, shown_body(ObjectName(type, key), body, opener));
      return true;
    });
  }
  return writer.finish();
}

}  // namespace mullion::packs
