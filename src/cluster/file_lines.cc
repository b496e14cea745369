#include "cluster/file_lines.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "base/json.h"
#include "base/letters.h"
#include "cluster/internal/log.h"
#include "cluster/internal/texts.h"
#include "env/pools.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::cluster {
namespace {

namespace json = boost::json;
constexpr std::string_view kGive = "file";
constexpr std::string_view kHold = "hold";
constexpr uint64_t kLongestRequest = 1 << 20;
constexpr uint64_t kLongestReply = 16 << 10;
constexpr size_t kHoldPart = 1000;       // files in one text
constexpr size_t kMostHeld = 1'000'000;  // in one request
constexpr size_t kMostGiving = 8;        // conversations at a time
constexpr size_t kMostHolding = 16;
constexpr auto kRequestTime = std::chrono::seconds(10);

std::string answer(const Result<void>& result, uint64_t size = 0) {
  if (result) return json::serialize(json::object{{"ok", true}, {"size", size}});
  return json::serialize(json::object{
      {"ok", false}, {"code", static_cast<int>(result.error().code)}, {"error", result.error().text()}});
}

Error unreadable() { return Error(ErrorCode::kCorrupt, "what a member says cannot be read"); }

/// What an answer says; its size when it is a good one.
Result<uint64_t> read_answer(std::string_view text) {
  const std::optional<json::object> object = model::read_object(text);
  if (!object) return unreadable();
  if (model::flag_member(*object, "ok")) {
    const std::optional<uint64_t> size = number_member(*object, "size");
    if (!size) return unreadable();
    return *size;
  }
  const std::optional<uint64_t> code = number_member(*object, "code");
  if (!code) return unreadable();
  for (const ErrorCode told :
       {ErrorCode::kNotFound, ErrorCode::kTooManyRequests, ErrorCode::kInsufficientStorage}) {
    if (*code == static_cast<uint64_t>(told)) return Error(told, model::text_member(*object, "error"));
  }
  return Error(ErrorCode::kUnreachable, model::text_member(*object, "error"));
}

struct GiveRequest {
  FileBytes bytes;
  uint64_t offset = 0;
};
std::string give_json(const GiveRequest& request) {
  return json::serialize(json::object{
      {"sha256", request.bytes.sha256}, {"size", request.bytes.size}, {"offset", request.offset}});
}
Result<GiveRequest> read_give(std::string_view text) {
  const std::optional<json::object> object = model::read_object(text);
  if (!object) return unreadable();
  const std::optional<uint64_t> size = number_member(*object, "size");
  const std::optional<uint64_t> offset = number_member(*object, "offset");
  GiveRequest out{{model::text_member(*object, "sha256"), size.value_or(0)}, offset.value_or(0)};
  if (!size || !offset || *offset > *size || !is_sha256(out.bytes.sha256)) return unreadable();
  return out;
}

std::string hold_json(const std::vector<FileBytes>& files, size_t from) {
  json::array out;
  for (size_t i = from; i < std::min(files.size(), from + kHoldPart); ++i)
    out.push_back(json::array{files[i].sha256, files[i].size});
  return json::serialize(out);
}
/// Adds to `out`; false at the end of the list.
Result<bool> read_hold(std::string_view text, std::vector<FileBytes>& out) {
  const Result<json::value> list = parse_json(text);
  if (!list || !list->is_array()) return unreadable();
  for (const json::value& one : list->get_array()) {
    const bool pair = one.is_array() && one.get_array().size() == 2 && one.get_array()[0].is_string();
    const std::optional<uint64_t> size = pair ? whole_number(one.get_array()[1]) : std::nullopt;
    if (!size) return unreadable();
    FileBytes bytes{std::string(one.get_array()[0].get_string()), *size};
    if (!is_sha256(bytes.sha256)) return unreadable();
    out.push_back(std::move(bytes));
  }
  if (out.size() > kMostHeld) return Error(ErrorCode::kTooLarge, "too many files");
  return !list->get_array().empty();
}

/// Bytes [offset, size) of the file as they come.
env::Task<Result<void>> take_bytes(net::KeyedStream& stream, FileBytes wanted, files::PartialFile& into,
                                   uint64_t rate, const env::Clock& clock) {
  const std::string request = give_json({wanted, into.size()});
  Result<void> asked = co_await write_text(stream, request);
  if (!asked) co_return asked;
  const Result<std::string> text = co_await read_text(stream, kLongestReply, kRequestTime);
  if (!text) co_return text.error();
  const Result<uint64_t> size = read_answer(*text);
  if (!size) co_return size.error();
  FilePace pace(rate);
  std::string piece(kLinePiece, '\0');
  while (into.size() < wanted.size) {
    const size_t length = std::min<uint64_t>(piece.size(), wanted.size - into.size());
    Result<void> done = co_await stream.read(piece.data(), length, kLineStandstill);
    if (!done) co_return done;
    co_await env::run_blocking([&] { done = into.write(std::string_view(piece.data(), length)); });
    if (!done) co_return done;
    const env::Duration pause = pace.take(length, clock.steady());
    if (pause <= env::Duration::zero()) continue;
    const bool slept = co_await env::sleep_for(pause);
    if (!slept) co_return Error(ErrorCode::kCancelled, "stopping");
  }
  co_return Result<void>();
}

env::Task<Result<void>> ask_to_hold(net::KeyedStream& stream, std::vector<FileBytes> files,
                                    env::Duration patience) {
  for (size_t from = 0; from < files.size() + kHoldPart; from += kHoldPart) {  // the last one is empty
    const std::string part = hold_json(files, from);
    Result<void> said = co_await write_text(stream, part);
    if (!said) co_return said;
    if (from >= files.size()) break;
  }
  const Result<std::string> text = co_await read_text(stream, kLongestReply, patience);
  if (!text) co_return text.error();
  const Result<uint64_t> held = read_answer(*text);
  if (!held) co_return held.error();
  co_return Result<void>();
}

class LinkedFilePeers final : public FilePeers {
 public:
  LinkedFilePeers(PeerLink& link, const env::Clock& clock) : link_(link), clock_(clock) {}

  Result<void> fetch(MemberId from, const FileBytes& wanted, files::PartialFile& into,
                     uint64_t rate) override {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    std::future<Result<void>> future = promise->get_future();
    link_.talk(
        from, std::string(kGive),
        [this, wanted, &into, rate](net::KeyedStream& stream) {
          return take_bytes(stream, wanted, into, rate, clock_);
        },
        [promise](Result<void> result) { promise->set_value(std::move(result)); });
    promise.reset();
    try {
      return future.get();
    } catch (const std::future_error&) {  // the work was dropped: the link stops
      return Error(ErrorCode::kCancelled, "stopping");
    }
  }

  void hold(MemberId to, std::vector<FileBytes> files, env::Duration patience,
            std::function<void(Result<void>)> done) override {
    link_.talk(
        to, std::string(kHold),
        [files = std::move(files), patience](net::KeyedStream& stream) {
          return ask_to_hold(stream, files, patience);
        },
        std::move(done));
  }

 private:
  PeerLink& link_;
  const env::Clock& clock_;
};

/// Counts a conversation while it goes on.
class Turn {
 public:
  Turn(std::atomic<size_t>& count, size_t most) : count_(count), fits_(++count <= most) {}
  ~Turn() { --count_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool fits() const { return fits_; }

 private:
  std::atomic<size_t>& count_;
  const bool fits_;
};

Error too_many() { return Error(ErrorCode::kTooManyRequests, "this member gives files to too many already"); }
Error nothing_here() { return Error(ErrorCode::kNotFound, "this member has no files yet"); }

env::Task<Result<void>> send_bytes(net::KeyedStream& stream, GiveRequest request, env::Path path) {
  uint64_t size = 0;
  std::ifstream file;
  Result<void> done;
  co_await env::run_blocking([&] {
    std::error_code failure;
    size = std::filesystem::file_size(path, failure);
    file.open(path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(request.offset));
    if (failure || !file || size != request.bytes.size)
      done = Error(ErrorCode::kNotFound, "this member has other bytes");
  });
  const std::string head = answer(done, size);
  const Result<void> said = co_await write_text(stream, head);
  if (!done || !said) co_return done ? said : done;
  std::string piece(kLinePiece, '\0');
  for (uint64_t left = size - request.offset; left > 0;) {
    const size_t wanted = std::min<uint64_t>(left, piece.size());
    bool read = false;
    co_await env::run_blocking(
        [&] { read = bool(file.read(piece.data(), static_cast<std::streamsize>(wanted))); });
    if (!read) co_return Error(ErrorCode::kInternal, "the file cannot be read");
    const std::string_view bytes(piece.data(), wanted);
    const std::string_view nothing;
    done = co_await stream.write(bytes, nothing, kLineStandstill);
    if (!done) co_return done;
    left -= wanted;
  }
  co_return Result<void>();
}

env::Task<Result<void>> give(net::KeyedStream& stream, std::shared_ptr<FileGiver> giver, bool fits) {
  const Result<std::string> text = co_await read_text(stream, kLongestRequest, kRequestTime);
  if (!text) co_return text.error();
  const Result<GiveRequest> request = read_give(*text);
  if (!request) co_return request.error();
  Result<env::Path> path = nothing_here();
  if (!fits) path = too_many();
  if (fits && giver) co_await env::run_blocking([&] { path = giver->file_of(request->bytes); });
  if (path) {
    Result<void> sent = co_await send_bytes(stream, *request, *path);
    co_return sent;
  }
  const std::string refusal = answer(path.error());
  Result<void> said = co_await write_text(stream, refusal);
  co_return said;
}

env::Task<Result<void>> take_into_custody(net::KeyedStream& stream, MemberId from,
                                          std::shared_ptr<FileGiver> giver, bool fits) {
  std::vector<FileBytes> files;
  for (bool more = true; more;) {
    const Result<std::string> text = co_await read_text(stream, kLongestRequest, kRequestTime);
    if (!text) co_return text.error();
    const Result<bool> goes_on = read_hold(*text, files);
    if (!goes_on) co_return goes_on.error();
    more = *goes_on;
  }
  Result<void> kept = nothing_here();
  if (!fits) kept = too_many();
  if (fits && giver) co_await env::run_blocking(env::Pool::kLong, [&] { kept = giver->keep(from, files); });
  const std::string text = answer(kept);
  Result<void> said = co_await write_text(stream, text);
  co_return said;
}

}  // namespace

std::unique_ptr<FilePeers> make_file_peers(PeerLink& link, const env::Clock& clock) {
  return std::make_unique<LinkedFilePeers>(link, clock);
}

struct FileServer::State {
  std::atomic<size_t> giving{0}, holding{0};
};

FileServer::FileServer() : state_(std::make_unique<State>()) {}
FileServer::~FileServer() = default;

env::Task<void> FileServer::serve(MemberId from, std::string kind, net::KeyedStream& stream,
                                  std::shared_ptr<FileGiver> giver) {
  Result<void> done;
  if (kind == kGive) {
    const Turn turn(state_->giving, kMostGiving);
    done = co_await give(stream, std::move(giver), turn.fits());
  } else if (kind == kHold) {
    const Turn turn(state_->holding, kMostHolding);
    done = co_await take_into_custody(stream, from, std::move(giver), turn.fits());
  } else {
    done = Error(ErrorCode::kInvalid, "a conversation of another kind");
  }
  if (!done) kLog.debug("conversation {} with member {} ended: {}", kind, from, done.error().text());
}

}  // namespace mullion::cluster
