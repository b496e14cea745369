#include "apply/internal/file_facts.h"

namespace mullion::apply {
namespace {

constexpr size_t kMostFiles = 20'000;
constexpr int kMostRounds = 10;  // of one piece of work

using Info = Result<files::Blobs::Info>;

std::optional<FileFacts::OwnFile> own_file(const Info& info) {
  if (!info) return std::nullopt;
  return FileFacts::OwnFile{info->size, info->sha256};
}

}  // namespace

std::optional<FileFacts::OwnFile> FileFacts::find(const std::string& path, std::set<std::string>& unsummed) {
  uint64_t forgotten = 0;
  {
    const Lock lock(mutex_);
    if (const auto known = known_.find(path); known != known_.end()) return known->second;
    forgotten = forgotten_;
  }
  const size_t slash = path.find('/');
  const Info info = blobs_.look(path.substr(0, slash), path.substr(slash + 1));
  if (info && info->sha256.empty()) {
    unsummed.insert(path);
    return std::nullopt;
  }
  const std::optional<OwnFile> out = own_file(info);
  keep(path, out, forgotten);
  return out;
}

env::Task<Result<void>> FileFacts::provide(env::Caller caller, Work work) {
  for (int round = 1;; ++round) {
    std::set<std::string> unsummed;
    Result<void> done = co_await env::run_blocking(env::Pool::kProcessor, caller, [&] { work(unsummed); });
    if (!done) co_return done;
    if (unsummed.empty() || round == kMostRounds) co_return Result<void>();
    Result<void> summed = co_await sum(std::move(unsummed), caller);
    if (!summed) co_return summed;
  }
}

env::Task<Result<void>> FileFacts::sum(std::set<std::string> unsummed, env::Caller caller) {
  for (const std::string& path : unsummed) {
    const uint64_t forgotten = times_forgotten();
    const size_t slash = path.find('/');
    Info info = files::Blobs::Info{};
    Result<void> admitted = co_await env::run_blocking(
        env::Pool::kLong, caller, [&] { info = blobs_.stat(path.substr(0, slash), path.substr(slash + 1)); });
    if (!admitted) co_return admitted;
    keep(path, own_file(info), forgotten);
  }
  co_return Result<void>();
}

void FileFacts::forget() {
  const Lock lock(mutex_);
  known_.clear();
  ++forgotten_;
}

uint64_t FileFacts::times_forgotten() const {
  const Lock lock(mutex_);
  return forgotten_;
}

void FileFacts::keep(const std::string& path, const std::optional<OwnFile>& file, uint64_t forgotten) {
  const Lock lock(mutex_);
  if (known_.size() >= kMostFiles) known_.clear();
  if (forgotten == forgotten_) known_[path] = file;
}

}  // namespace mullion::apply
