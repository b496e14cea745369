#include "server/identity.h"

#include <array>

#include "base/letters.h"
#include "base/text.h"
#include "env/random.h"
#include "model/object_type.h"
#include "server/internal/log.h"

namespace mullion::server {
namespace {

/// A random, locally administered MAC address: the form in which endpoints are usually named.
std::string new_id() {
  std::array<unsigned char, 5> bytes{};
  env::secure_random(bytes);
  std::string id = "02";
  for (const unsigned char byte : bytes) id += fmt::format(":{:02x}", byte);
  return id;
}

Result<void> check_id(std::string_view flag, const std::string& id) {
  const bool plain = std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == ':';
  });
  if (plain && id.size() <= 128) return {};
  return Error(ErrorCode::kInvalid,
               fmt::format("--{} {}: expected at most 128 letters, digits, '-', '_', '.' and ':'", flag, id));
}

}  // namespace

Result<ServerIds> load_ids(const env::Path& base_root, const settings::Settings& settings) {
  const env::Path file = base_root / "drp-id";
  std::string kept;
  if (Result<std::string> read = env::read_file(file)) kept = trimmed(*read);
  ServerIds ids{settings.text("drp-id"), settings.text("ha-id")};
  if (ids.drp_id.empty()) ids.drp_id = kept.empty() ? new_id() : kept;
  if (ids.ha_id.empty()) ids.ha_id = ids.drp_id;
  for (const auto& [flag, id] : {std::pair("drp-id", &ids.drp_id), std::pair("ha-id", &ids.ha_id)}) {
    if (Result<void> valid = check_id(flag, *id); !valid) return valid.error();
  }
  if (kept == ids.drp_id) return ids;
  if (!kept.empty())
    kLog.warn("the drp-id changed from={} to={}; managers will see a new endpoint", kept, ids.drp_id);
  if (Result<void> written = env::write_file_atomic(file, ids.drp_id + "\n"); !written)
    return written.error();
  return ids;
}

}  // namespace mullion::server
