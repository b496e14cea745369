#include "cli/connection/token_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <vector>

#include "base/json.h"
#include "cli/documents/document.h"
#include "env/file.h"
#include "env/sha256.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestTokenFile = 64 * 1024;
constexpr auto kLifetime = std::chrono::hours(2);  // what a kept token was asked for

bool belongs_to(const json::value& kept, const TokenOwner& owner) {
  return text_member(kept, "Address") == owner.address &&
         text_member(kept, "Fingerprint") == owner.fingerprint &&
         text_member(kept, "Username") == owner.username;
}

/// What may stand in a header.
bool is_token(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

struct Kept {
  fs::path path;
  fs::file_time_type time;
};

std::vector<Kept> newest_first(const fs::path& directory) {
  std::vector<Kept> files;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code gone;
    const fs::file_time_type time = fs::last_write_time(entry->path(), gone);
    if (!gone) files.push_back({entry->path(), time});
  }
  std::sort(files.begin(), files.end(), [](const Kept& a, const Kept& b) { return a.time > b.time; });
  return files;
}

}  // namespace

TokenCache::TokenCache(const fs::path& directory)
    : directory_(directory.empty() ? fs::path() : directory / "by-server") {}

fs::path TokenCache::file_of(const TokenOwner& owner) const {
  env::Sha256 sum;
  for (const std::string& part : {owner.address, owner.fingerprint, owner.username}) {
    sum.add(std::to_string(part.size()) + ":" + part);
  }
  return directory_ / (sum.hex() + ".token");
}

std::string TokenCache::find(const TokenOwner& owner) const {
  if (directory_.empty()) return {};
  const fs::path path = file_of(owner);
  std::error_code failure;
  if (fs::file_size(path, failure) > kLongestTokenFile || failure) return {};
  const Result<std::string> text = env::read_file(path);
  if (!text) return {};
  const Result<json::value> kept = parse_json(*text);
  if (!kept || !kept->is_object() || !belongs_to(*kept, owner)) return {};
  std::string token = text_member(*kept, "Token");
  return is_token(token) ? token : std::string();
}

bool TokenCache::prepare() const {
  if (directory_.empty() || !env::make_directories(directory_, 0700)) return false;
  struct stat found {};
  const bool own =
      ::lstat(directory_.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::geteuid();
  return own && ((found.st_mode & 077) == 0 || ::chmod(directory_.c_str(), 0700) == 0);
}

void TokenCache::make_room() const {
  const std::vector<Kept> files = newest_first(directory_);
  const fs::file_time_type oldest = fs::file_time_type::clock::now() - kLifetime;
  std::error_code ignored;
  for (size_t i = 0; i < files.size(); ++i) {
    if (i >= kMost || files[i].time < oldest) fs::remove(files[i].path, ignored);
  }
}

void TokenCache::keep(const TokenOwner& owner, const std::string& token) const {
  if (!prepare()) return;
  const json::object kept = {{"Address", owner.address},
                             {"Fingerprint", owner.fingerprint},
                             {"Username", owner.username},
                             {"Token", token}};
  if (env::write_file_atomic(file_of(owner), json::serialize(kept) + "\n", 0600)) make_room();
}

}  // namespace mullion::cli
