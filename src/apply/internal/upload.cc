#include "apply/internal/upload.h"

#include <fmt/format.h>

#include <charconv>

#include "versionset/sources.h"

namespace mullion::apply {
namespace {

constexpr std::string_view kOffset = "Upload-Offset";
constexpr std::string_view kChecksum = "X-DRP-SHA256SUM";
constexpr auto kQuickPiece = std::chrono::seconds(2);
constexpr auto kSlowPiece = std::chrono::seconds(8);
/// What may lie between a body that was written and the endpoint, on a link that moves so little a second.
constexpr uint64_t kBuffered = uint64_t{4} << 20;
constexpr uint64_t kSlowLink = uint64_t{16} << 10;
/// For a request that was cut here and is not over there yet.
constexpr auto kOthersPiece = std::chrono::seconds(1);
/// An endpoint that names another place than we thought is followed so often.
constexpr int kMostSurprises = 8;

class LocalArtifacts final : public Artifacts {
 public:
  LocalArtifacts(catalog::Catalog& catalog, files::Blobs& blobs) : catalog_(catalog), blobs_(blobs) {}

  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
    if (!artifact.source.starts_with(versionset::kSelf))
      co_return co_await catalog_.fetch(std::move(artifact));
    const std::string path = artifact.source.substr(versionset::kSelf.size());
    if (Result<void> good = versionset::check_file_path(path); !good) co_return good.error();
    const size_t slash = path.find('/');
    Result<files::Blobs::Info> info =
        co_await files::stat_aside(blobs_, path.substr(0, slash), path.substr(slash + 1));
    if (!info) co_return Error(ErrorCode::kNotFound, fmt::format("this server has no {}", path));
    if (!artifact.sha256.empty() && info->sha256 != artifact.sha256) {
      co_return Error(ErrorCode::kCorrupt, fmt::format("{}: expected sha256 {}, the file has {}", path,
                                                       artifact.sha256, info->sha256));
    }
    co_return info;
  }
  Result<net::BodySourcePtr> open(const files::Blobs::Info& info, uint64_t first, uint64_t last) override {
    return blobs_.open(info, first, last);
  }

 private:
  catalog::Catalog& catalog_;
  files::Blobs& blobs_;
};

/// Tells how much of the body went out.
class CountedBody final : public net::BodySource {
 public:
  CountedBody(net::BodySourcePtr body, Moved moved) : body_(std::move(body)), moved_(std::move(moved)) {}
  Task<Result<std::string_view>> next() override {
    if (pending_ > 0) moved_(pending_);
    Result<std::string_view> piece = co_await body_->next();
    pending_ = piece ? piece->size() : 0;
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  net::BodySourcePtr body_;
  Moved moved_;
  uint64_t pending_ = 0;  // handed out, and sent when more is asked for
};

Result<net::BodySourcePtr> open_counted(const Target& target, const files::Blobs::Info& info, uint64_t first,
                                        uint64_t last) {
  Result<net::BodySourcePtr> body = target.artifacts.open(info, first, last);
  if (!body) return body;
  return net::BodySourcePtr(std::make_unique<CountedBody>(std::move(*body), target.moved));
}

std::optional<uint64_t> offset_of(const client::Answer& answer) {
  const auto header = answer.headers.get(kOffset);
  if (!header) return std::nullopt;
  uint64_t offset = 0;
  const auto [end, failure] = std::from_chars(header->data(), header->data() + header->size(), offset);
  if (failure != std::errc() || end != header->data() + header->size()) return std::nullopt;
  return offset;
}

client::Request upload_of(std::string_view path) {
  return client::blob_request(client::post_files, client::post_isos, path);
}

client::Request head_of(std::string_view path) {
  return client::blob_request(client::head_files, client::head_isos, path);
}

/// How much of exactly this file arrived earlier. Pieces of anything else are dropped.
Task<Result<uint64_t>> arrived_before(const Target& target, std::string path, files::Blobs::Info info) {
  const client::Request look = head_of(path).with("partial", "true");
  Result<client::Answer> found = co_await target.calls.send(client::bare_request(look));
  if (!found) co_return found.error();
  const uint64_t offset = found->status == 200 ? offset_of(*found).value_or(0) : 0;
  if (offset == 0) co_return uint64_t{0};
  const bool ours = target.memory.unfinished(target.endpoint, upload_of(path).target()) == info.sha256 &&
                    offset < info.size;
  if (ours) co_return offset;
  client::Request drop =
      client::blob_request(client::delete_files, client::delete_isos, path).with("partial", "true");
  net::ClientRequest sent = client::bare_request(drop);
  Result<client::Answer> dropped = co_await client::ask(target.calls, std::move(drop), std::move(sent));
  if (!dropped) co_return dropped.error();
  co_return uint64_t{0};
}

struct Piece {
  uint64_t first = 0, last = 0;
};

Task<Result<client::Answer>> send_piece(const Target& target, client::Request upload, files::Blobs::Info info,
                                        Piece piece) {
  Result<net::BodySourcePtr> body = open_counted(target, info, piece.first, piece.last);
  if (!body) co_return body.error();
  net::ClientRequest request = client::bare_request(upload);
  request.headers.set("Content-Type", "application/octet-stream");
  request.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", piece.first, piece.last, info.size));
  request.timeout = client::patience_for(piece.last + 1 == info.size ? info.size : piece.last - piece.first);
  request.body = std::move(*body);
  co_return co_await target.calls.send(std::move(request));
}

Task<Result<void>> send_pieces(const Target& target, client::Request upload, files::Blobs::Info info,
                               uint64_t offset) {
  uint64_t size = kFirstPiece;
  int surprises = 0;
  while (true) {
    const Piece piece{offset, std::min(offset + size, info.size) - 1};
    const env::SteadyTime begun = target.clock.steady();
    Result<client::Answer> answer = co_await send_piece(target, upload, info, piece);
    if (!answer) co_return answer.error();
    if (answer->status == 201) co_return Result<void>{};
    const std::optional<uint64_t> there = offset_of(*answer);
    const bool follows = answer->status == 202 || (answer->status == 409 && there);
    if (!follows || !there || *there >= info.size) co_return client::refusal_of(upload, *answer);
    if (*there != piece.last + 1) {
      if (++surprises > kMostSurprises) co_return client::refusal_of(upload, *answer);
      co_await target.timers.sleep_for(kOthersPiece);
    }
    offset = *there;
    size = next_piece(size, target.clock.steady() - begun);
  }
}

}  // namespace

std::unique_ptr<Artifacts> make_artifacts(catalog::Catalog& catalog, files::Blobs& blobs) {
  return std::make_unique<LocalArtifacts>(catalog, blobs);
}

uint64_t next_piece(uint64_t piece, env::Duration took) {
  if (took < kQuickPiece) return std::min(piece * 2, kLargestPiece);
  if (took > kSlowPiece) return std::max(piece / 2, kLeastPiece);
  return piece;
}

Task<Result<client::Answer>> send_file(const Target& target, client::Request request, net::ClientRequest sent,
                                       files::Blobs::Info info) {
  if (info.size > 0) {
    Result<net::BodySourcePtr> body = open_counted(target, info, 0, info.size - 1);
    if (!body) co_return body.error();
    sent.body = std::move(*body);
  }
  const auto in_between = std::chrono::seconds(std::min(info.size, kBuffered) / kSlowLink);
  sent.timeout = client::patience_for(info.size) + in_between;
  co_return co_await client::ask(target.calls, std::move(request), std::move(sent));
}

Task<Result<std::string>> checksum_there(manager::EndpointCalls& calls, std::string path) {
  const client::Request request = head_of(path);
  Result<client::Answer> answer = co_await calls.send(client::bare_request(request));
  if (!answer) co_return answer.error();
  if (answer->status == 404) co_return std::string();
  if (answer->status >= 400) co_return client::refusal_of(request, *answer);
  co_return std::string(answer->headers.get(kChecksum).value_or(""));
}

Task<Result<void>> upload_file(const Target& target, std::string path, files::Blobs::Info info,
                               bool explode) {
  const std::string place = upload_of(path).target();
  const client::Request upload = explode ? upload_of(path).with("explode", "true") : upload_of(path);
  if (target.calls.is_foreign()) {
    net::ClientRequest sent = client::bare_request(upload);
    sent.headers.set("Content-Type", "application/octet-stream");
    const Result<client::Answer> answer =
        co_await send_file(target, upload, std::move(sent), std::move(info));
    if (!answer) co_return answer.error();
    co_return Result<void>{};
  }
  if (info.size == 0) {
    net::ClientRequest sent = client::bare_request(upload);
    Result<client::Answer> answer = co_await client::ask(target.calls, upload, std::move(sent));
    if (!answer) co_return answer.error();
    co_return Result<void>{};
  }
  Result<uint64_t> offset = co_await arrived_before(target, path, info);
  if (!offset) co_return offset.error();
  if (*offset == 0) {
    Result<void> noted = co_await target.memory.remember_unfinished(target.endpoint, place, info.sha256);
    if (!noted) co_return noted;
  }
  Result<void> sent = co_await send_pieces(target, upload, info, *offset);
  if (!sent) co_return sent;
  co_return co_await target.memory.remember_unfinished(target.endpoint, place, "");
}

Task<Result<void>> upload_intact(const Target& target, std::string path, files::Blobs::Info info,
                                 bool explode) {
  const std::string sha256 = info.sha256;
  Result<void> sent = co_await upload_file(target, path, std::move(info), explode);
  if (!sent) co_return sent;
  const Result<std::string> there = co_await checksum_there(target.calls, path);
  if (!there) co_return there.error();
  if (*there == sha256) co_return Result<void>{};
  const client::Request remove = client::blob_request(client::delete_files, client::delete_isos, path);
  const Result<client::Answer> removed = co_await target.calls.send(client::bare_request(remove));
  if (!removed) co_return removed.error();
  co_return Error(ErrorCode::kCorrupt, fmt::format("{} arrived damaged: expected sha256 {}, it has {}", path,
                                                   sha256, there->empty() ? "none" : *there));
}

}  // namespace mullion::apply
