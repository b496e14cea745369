#include "cli/connection/transfer.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

#include "base/text.h"
#include "cli/documents/checksum.h"
#include "cli/documents/source.h"
#include "cli/output/escaping_stream.h"
#include "cli/output/output.h"
#include "env/random.h"
#include "env/sha256.h"

namespace mullion::cli {
namespace {

using std::chrono::steady_clock;

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr size_t kSentPiece = 128 * 1024;

std::string megabytes(uint64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

/// A file or stdin on its way to the server.
class StreamBody final : public net::BodySource {
 public:
  StreamBody(std::istream& in, std::optional<uint64_t> size, Progress& progress)
      : in_(in), size_(size), progress_(progress), piece_(kSentPiece, '\0') {}

  net::Task<Result<std::string_view>> next() override {
    in_.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    if (in_.bad()) co_return Error(ErrorCode::kInternal, "the source cannot be read to its end");
    const auto got = static_cast<size_t>(in_.gcount());
    progress_.add(got);
    co_return std::string_view(piece_).substr(0, got);
  }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  std::istream& in_;
  std::optional<uint64_t> size_;
  Progress& progress_;
  std::string piece_;
};

/// A body of elsewhere, counted as it passes.
class CountedBody final : public net::BodySource {
 public:
  CountedBody(net::BodySourcePtr body, Progress& progress) : body_(std::move(body)), progress_(progress) {}
  net::Task<Result<std::string_view>> next() override {
    Result<std::string_view> piece = co_await body_->next();
    if (piece) progress_.add(piece->size());
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  net::BodySourcePtr body_;
  Progress& progress_;
};

Error cannot_write(const std::string& path) {
  return Error(ErrorCode::kInsufficientStorage, "cannot write " + path);
}

/// One attempt to fill PATH.part from its end on. `restart`: what was there did not belong to this body.
struct Attempt {
  bool unchanged = false;  // 304: the file itself is current
  bool restart = false;
};

uint64_t size_of(const std::string& path) {
  std::error_code failure;
  const uint64_t size = std::filesystem::file_size(path, failure);
  return failure ? 0 : size;
}

void remove_file(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

Result<void> take_name(const std::string& partial, const std::string& path) {
  std::error_code failure;
  std::filesystem::rename(partial, path, failure);
  return failure ? Result<void>(cannot_write(path)) : Result<void>();
}

/// Asks for what PATH.part lacks; without such a part, for anything only if it differs from PATH.
Call download_request(const client::Request& asked, const std::string& path, uint64_t have) {
  Call request{asked};
  if (have > 0) {
    request.headers.emplace_back("Range", fmt::format("bytes={}-", have));
  } else if (std::filesystem::is_regular_file(path)) {
    request.headers.emplace_back("If-None-Match", "\"SHA256:" + checksum_of_file(path) + "\"");
  }
  return request;
}

/// Appends to, or replaces, the part; `promised` is the checksum the server gives. False: 304.
Result<bool> download_part(Invocation& call, Call request, const std::string& partial, uint64_t have,
                           std::string& promised) {
  Progress progress(call.terminal, call.argument(0));
  std::ofstream file;
  const auto begin = [&](const Session::Arrival& arrival) -> Result<void> {
    const uint64_t kept = arrival.status == 206 ? have : 0;
    promised = arrival.headers.get("X-DRP-SHA256SUM").value_or("");
    progress.begin(arrival.size > 0 ? arrival.size + kept : 0, kept);
    file.open(partial, std::ios::binary | (kept > 0 ? std::ios::app : std::ios::trunc));
    return file ? Result<void>() : Result<void>(cannot_write(partial));
  };
  const auto sink = [&](std::string_view piece) -> Result<void> {
    file.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    progress.add(piece.size());
    return file ? Result<void>() : Result<void>(cannot_write(partial));
  };
  Result<bool> done = call.session.download(std::move(request), begin, sink);
  file.close();
  return done && *done && file.fail() ? Result<bool>(cannot_write(partial)) : std::move(done);
}

Result<Attempt> attempt_download(Invocation& call, const client::Request& asked, const std::string& path) {
  const std::string partial = path + ".part";
  const uint64_t have = size_of(partial);
  std::string promised;
  Result<bool> done = download_part(call, download_request(asked, path, have), partial, have, promised);
  if (!done && have > 0 && done.error().status_override == 416) return Attempt{false, true};
  if (!done) return done.error();
  if (!*done) return Attempt{true, false};
  if (promised.empty() || promised == checksum_of_file(partial)) return Attempt{};
  if (have > 0) return Attempt{false, true};
  remove_file(partial);
  return Error(ErrorCode::kCorrupt,
               "the bytes that came do not have the server's checksum; nothing was kept");
}

}  // namespace

std::string progress_line(const std::string& name, uint64_t done, uint64_t size, double bytes_per_second,
                          size_t width) {
  std::string right = megabytes(done);
  if (size > 0) {
    right = fmt::format("{:3.0f} %  {} of {}", 100.0 * static_cast<double>(done) / static_cast<double>(size),
                        right, megabytes(size));
  }
  right += fmt::format("  {}/s", megabytes(static_cast<uint64_t>(bytes_per_second)));
  std::string line = name + "  ";
  const size_t used = line.size() + right.size();
  if (size > 0 && used + 14 <= width) {
    const size_t cells = std::min<size_t>(30, width - used - 4);
    const size_t full = static_cast<size_t>(static_cast<double>(cells) * static_cast<double>(done) /
                                            static_cast<double>(std::max(done, size)));
    line += "[" + std::string(full, '#') + std::string(cells - full, '.') + "]  ";
  }
  line += right;
  return line.substr(0, width);
}

Progress::Progress(Terminal& terminal, std::string name)
    : terminal_(terminal), name_(escaped(name)), started_(steady_clock::now()) {}

Progress::~Progress() {
  if (visible_) write_styled(terminal_.err, "\r\033[K");
}

void Progress::begin(uint64_t size, uint64_t done) {
  size_ = size;
  done_ = first_ = done;
}

void Progress::add(uint64_t bytes) {
  done_ += bytes;
  if (!terminal_.err_is_terminal || steady_clock::now() - drawn_ < kRedraw) return;
  draw();
}

void Progress::draw() {
  drawn_ = steady_clock::now();
  visible_ = true;
  const double seconds = std::chrono::duration<double>(drawn_ - started_).count();
  const double speed = seconds > 0 ? static_cast<double>(done_ - first_) / seconds : 0;
  const size_t width = terminal_.width > 0 ? terminal_.width - 1 : 79;
  write_styled(terminal_.err, "\r\033[K" + progress_line(name_, done_, size_, speed, width));
  terminal_.err.flush();
}

Result<void> download_to_stream(Invocation& call, const client::Request& request, std::ostream& out) {
  const auto begin = [](const Session::Arrival&) { return Result<void>(); };
  const auto sink = [&out](std::string_view piece) -> Result<void> {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    return out ? Result<void>() : Result<void>(cannot_write("the output"));
  };
  Result<bool> done = call.session.download({request}, begin, sink);
  return done ? Result<void>() : Result<void>(done.error());
}

Result<void> download_to_file(Invocation& call, const client::Request& request, const std::string& path) {
  const std::string partial = path + ".part";
  Result<Attempt> attempt = attempt_download(call, request, path);
  if (attempt && attempt->restart) {
    remove_file(partial);
    attempt = attempt_download(call, request, path);
  }
  if (!attempt) return attempt.error();
  return attempt->unchanged ? Result<void>() : take_name(partial, path);
}

Result<void> fetch_to_file(Invocation& call, const catalog::Artifact& artifact, const std::string& path) {
  const std::string partial = path + ".part";
  env::Sha256 sum;
  Result<net::BodySourcePtr> body = open_artifact(call, artifact);
  if (!body) return body.error();
  Progress progress(call.terminal, std::filesystem::path(path).filename());
  progress.begin((*body)->size().value_or(0));
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  while (file) {
    Result<std::string_view> piece = call.session.next_piece(**body);
    if (!piece) {
      remove_file(partial);
      return piece.error();
    }
    if (piece->empty()) break;
    file.write(piece->data(), static_cast<std::streamsize>(piece->size()));
    sum.add(*piece);
    progress.add(piece->size());
  }
  file.close();
  Result<void> good = file.fail() ? Result<void>(cannot_write(partial)) : check_sum(artifact, sum.hex());
  if (good) return take_name(partial, path);
  remove_file(partial);
  return good;
}

Result<json::value> upload_source(Invocation& call, const client::Request& request,
                                  const std::string& source) {
  Progress progress(call.terminal, std::filesystem::path(source).filename());
  if (is_url(source)) {
    Result<net::BodySourcePtr> body = call.session.open_url(source);
    if (!body) return body.error();
    progress.begin((*body)->size().value_or(0));
    return call.session.upload(request, std::make_unique<CountedBody>(std::move(*body), progress));
  }
  if (source == "-") {
    return call.session.upload(request,
                               std::make_unique<StreamBody>(call.terminal.in, std::nullopt, progress));
  }
  std::error_code failure;
  const uint64_t size = std::filesystem::file_size(source, failure);
  std::ifstream file(source, std::ios::binary);
  if (failure || !file) return Error(ErrorCode::kBadRequest, "cannot read " + source);
  progress.begin(size);
  return call.session.upload(request, std::make_unique<StreamBody>(file, size, progress));
}

Result<json::value> upload_artifact(Invocation& call, const client::Request& request,
                                    const catalog::Artifact& artifact) {
  const ScratchFile file;
  Result<void> fetched = fetch_to_file(call, artifact, file.path());
  if (!fetched) return fetched.error();
  return upload_source(call, request, file.path());
}

ScratchFile::ScratchFile() {
  std::error_code failure;
  std::filesystem::path folder = std::filesystem::temp_directory_path(failure);
  if (failure) folder = "/tmp";
  path_ = folder / ("mullion-" + env::random_uuid());
}

ScratchFile::~ScratchFile() { remove_file(path_); }

}  // namespace mullion::cli
