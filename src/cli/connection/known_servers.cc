#include "cli/connection/known_servers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/url.hpp>
#include <cctype>
#include <fstream>
#include <sstream>

#include "base/letters.h"
#include "base/text.h"
#include "env/file.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kLongestServersFile = 1024 * 1024;
constexpr size_t kDigits = 64;

/// Keeps other processes from writing between a read and a write; released by its end.
class Turn {
 public:
  explicit Turn(const std::filesystem::path& file)
      : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    // Without the lock two first uses at the same moment may forget one of them: no reason to refuse.
    if (descriptor_ >= 0) (void)::flock(descriptor_, LOCK_EX);
  }
  ~Turn() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  int descriptor_;
};

}  // namespace

Result<std::string> parse_fingerprint(std::string_view text) {
  std::string plain = lower_case(text);
  const size_t equals = plain.find("fingerprint=");
  if (equals != std::string::npos) plain.erase(0, equals + std::string_view("fingerprint=").size());
  if (plain.starts_with(kPrefix)) plain.erase(0, kPrefix.size());
  plain = plain_fingerprint(plain);
  if (is_sha256(plain)) return plain;
  return Error(ErrorCode::kBadRequest,
               fmt::format("`{}` is no fingerprint: the SHA-256 of a certificate has {} hex digits",
                           escaped(text.substr(0, 200)), kDigits));
}

Result<std::string> server_address(const std::string& url) {
  const std::string whole = url.find("://") == std::string::npos ? "https://" + url : url;
  const auto parsed = boost::urls::parse_uri(whole);
  const bool web =
      parsed && (parsed->scheme() == "http" || parsed->scheme() == "https") && !parsed->host().empty();
  if (!web) return Error(ErrorCode::kBadRequest, "this is no address of a server: " + url);
  const std::string_view standard = parsed->scheme() == "https" ? "443" : "80";
  const std::string port = parsed->port().empty() ? std::string(standard) : std::string(parsed->port());
  return fmt::format("{}://{}:{}", std::string(parsed->scheme()),
                     lower_case(std::string(parsed->encoded_host())), port);
}

std::vector<KnownServers::Entry> KnownServers::read() const {
  std::error_code failure;
  if (std::filesystem::file_size(file_, failure) > kLongestServersFile || failure) return {};
  std::vector<Entry> entries;
  std::ifstream file(file_);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    Entry entry;
    words >> entry.address >> entry.fingerprint;
    if (!entry.fingerprint.starts_with(kPrefix)) continue;
    entry.fingerprint.erase(0, kPrefix.size());
    if (is_sha256(entry.fingerprint)) entries.push_back(std::move(entry));
  }
  return entries;
}

std::string KnownServers::find(std::string_view address) const {
  for (const Entry& entry : read()) {
    if (entry.address == address) return entry.fingerprint;
  }
  return {};
}

Result<void> KnownServers::prepare() const {
  if (file_.empty()) return Error(ErrorCode::kInvalid, "neither HOME nor RS_KNOWN_SERVERS is set");
  return file_.has_parent_path() ? env::make_directories(file_.parent_path(), 0700) : Result<void>();
}

Result<void> KnownServers::write(const std::vector<Entry>& entries) const {
  std::string text;
  const size_t first = entries.size() - std::min(entries.size(), kMost);
  for (size_t i = first; i < entries.size(); ++i) {
    text += fmt::format("{} {}{}\n", entries[i].address, kPrefix, entries[i].fingerprint);
  }
  return env::write_file_atomic(file_, text, 0600);
}

Result<KnownServers::Learned> KnownServers::learn(const std::string& address,
                                                  const std::string& fingerprint) const {
  if (Result<void> ready = prepare(); !ready) return ready.error();
  const Turn turn(file_.string() + ".lock");
  std::vector<Entry> entries = read();
  for (const Entry& entry : entries) {
    if (entry.address == address) return Learned{entry.fingerprint, false};
  }
  entries.push_back({address, fingerprint});
  if (Result<void> written = write(entries); !written) return written.error();
  return Learned{fingerprint, true};
}

Result<void> KnownServers::accept(const std::string& address, const std::string& fingerprint) const {
  if (Result<void> ready = prepare(); !ready) return ready;
  const Turn turn(file_.string() + ".lock");
  std::vector<Entry> entries = read();
  std::erase_if(entries, [&address](const Entry& entry) { return entry.address == address; });
  entries.push_back({address, fingerprint});
  return write(entries);
}

}  // namespace mullion::cli
