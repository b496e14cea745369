// Content packs, files and isos.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/document.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

std::string content_target(const std::string& name) { return api_path({"contents", name}); }

std::string content_query(const Invocation& call) {
  return call.flags.on("replace-writable") ? "?replaceWritable=true" : "";
}

/// A pack from a file, stdin or a literal, with its name.
Result<json::value> pack_argument(Invocation& call, const std::string& argument, std::string& name) {
  if (argument.starts_with("catalog:")) {
    return Error(ErrorCode::kUnavailable, "catalogs are not part of this version of Mullion");
  }
  Result<json::value> pack = document_argument(argument, call.terminal.in);
  if (!pack) return pack;
  const json::value* meta = pack->is_object() ? pack->get_object().if_contains("meta") : nullptr;
  const json::value* found =
      meta != nullptr && meta->is_object() ? meta->get_object().if_contains("Name") : nullptr;
  if (found == nullptr || !found->is_string()) {
    return Error(ErrorCode::kBadRequest, "this is no content pack: meta.Name is missing");
  }
  name = found->get_string();
  return pack;
}

/// One line on stderr that is redrawn every megabyte; silent when stderr is no terminal.
class Progress {
 public:
  Progress(Terminal& terminal, std::string name) : terminal_(terminal), name_(std::move(name)) {}

  /// `size` 0: unknown.
  void begin(uint64_t size) { size_ = size; }

  void add(uint64_t bytes) {
    done_ += bytes;
    if (!terminal_.err_is_terminal || done_ - shown_ < 1024 * 1024) return;
    shown_ = done_;
    drawn_ = true;
    const auto done = static_cast<double>(done_);
    const auto size = static_cast<double>(size_);
    const std::string rest =
        size_ > 0 ? fmt::format(" of {:.1f} MB, {:.0f} %", size / 1e6, 100 * done / size) : " MB";
    terminal_.err << fmt::format("\r{}: {:.1f}{}   ", name_, done / 1e6, rest) << std::flush;
  }

  void end() {
    if (drawn_) terminal_.err << "\r\033[K" << std::flush;
    drawn_ = false;
  }

 private:
  Terminal& terminal_;
  std::string name_;
  uint64_t size_ = 0;
  uint64_t done_ = 0;
  uint64_t shown_ = 0;
  bool drawn_ = false;
};

/// A file on its way to the server.
class FileBody final : public net::BodySource {
 public:
  FileBody(std::ifstream file, uint64_t size, Progress& progress)
      : file_(std::move(file)), size_(size), progress_(progress), piece_(128 * 1024, '\0') {}

  net::Task<Result<std::string_view>> next() override {
    file_.read(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    if (file_.bad()) co_return Error(ErrorCode::kInternal, "the file cannot be read to its end");
    const auto got = static_cast<size_t>(file_.gcount());
    progress_.add(got);
    co_return std::string_view(piece_).substr(0, got);
  }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  std::ifstream file_;
  uint64_t size_;
  Progress& progress_;
  std::string piece_;
};

/// `download SOURCE [to] [DESTINATION]`: where it goes; "" is stdout.
std::string destination_of(const Invocation& call) {
  if (call.arguments.size() > 2 && call.argument(1) == "to") return call.argument(2);
  return call.optional_argument(1);
}

Result<void> download_to(Invocation& call, const std::string& target, std::ostream& out) {
  Progress progress(call.terminal, call.argument(0));
  const auto begin = [&progress](uint64_t size) { progress.begin(size); };
  const auto sink = [&](std::string_view piece) -> Result<void> {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    progress.add(piece.size());
    return out ? Result<void>()
               : Result<void>(Error(ErrorCode::kInsufficientStorage, "the output cannot be written"));
  };
  Result<bool> done = call.session.download({"GET", target, "", {}, {}}, begin, sink);
  progress.end();
  return done ? Result<void>() : Result<void>(done.error());
}

}  // namespace

Result<void> contents_list(Invocation& call) {
  Result<json::value> packs = call.session.get("contents");
  if (!packs) return packs.error();
  print_value(call.terminal, call.options, "contents", *packs);
  return {};
}

Result<void> contents_show(Invocation& call) {
  return print_answer(call, call.session.get(content_target(call.argument(0))));
}

Result<void> contents_exists(Invocation& call) {
  Result<json::value> pack = call.session.get(content_target(call.argument(0)));
  if (pack) return {};
  if (pack.error().status_override != 404) return pack.error();
  return Error(ErrorCode::kNotFound, "content:" + call.argument(0) + " does not exist");
}

Result<void> contents_create(Invocation& call) {
  std::string name;
  Result<json::value> pack = pack_argument(call, call.argument(0), name);
  if (!pack) return pack.error();
  return print_answer(call, call.session.send_value("POST", "contents" + content_query(call), *pack));
}

Result<void> contents_update(Invocation& call) {
  std::string name;
  Result<json::value> pack = pack_argument(call, call.argument(1), name);
  if (!pack) return pack.error();
  return print_answer(
      call, call.session.send_value("PUT", content_target(call.argument(0)) + content_query(call), *pack));
}

Result<void> contents_upload(Invocation& call) {
  std::string name;
  Result<json::value> pack = pack_argument(call, call.argument(0), name);
  if (!pack) return pack.error();
  Result<json::value> known = call.session.get(content_target(name));
  if (!known && known.error().status_override != 404) return known.error();
  const std::string target = known ? content_target(name) : "contents";
  return print_answer(call,
                      call.session.send_value(known ? "PUT" : "POST", target + content_query(call), *pack));
}

Result<void> contents_destroy(Invocation& call) {
  Result<json::value> gone = call.session.send_json({"DELETE", content_target(call.argument(0)), "", {}, {}});
  if (!gone) return gone.error();
  call.terminal.out << "Deleted content " << call.argument(0);
  return {};
}

Result<void> blobs_list(Invocation& call) {
  std::vector<std::pair<std::string, std::string>> query;
  if (!call.arguments.empty()) query.emplace_back("path", call.argument(0));
  if (call.flags.on("recurse")) query.emplace_back("all", "true");
  return print_answer(call, call.session.get(call.subject + query_text(query)));
}

Result<void> blobs_exists(Invocation& call) {
  Result<net::TextResponse> head =
      call.session.send({"HEAD", api_path({call.subject, call.argument(0)}), "", {}, {}});
  if (head) return {};
  if (head.error().status_override != 404) return head.error();
  return Error(ErrorCode::kNotFound, call.subject + ":" + call.argument(0) + " does not exist");
}

Result<void> blobs_download(Invocation& call) {
  const std::string target = api_path({call.subject, call.argument(0)});
  const std::string destination = destination_of(call);
  if (destination.empty() || destination == "-") return download_to(call, target, call.terminal.out);
  const std::string partial = destination + ".part";
  std::ofstream file(partial, std::ios::binary | std::ios::trunc);
  if (!file) return Error(ErrorCode::kBadRequest, "cannot write " + partial);
  Result<void> done = download_to(call, target, file);
  file.close();
  std::error_code failure;
  if (done && !file.fail()) std::filesystem::rename(partial, destination, failure);
  if (done && !file.fail() && !failure) return {};
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  return done ? Result<void>(Error(ErrorCode::kInternal, "cannot write " + destination)) : done;
}

Result<void> blobs_upload(Invocation& call) {
  const std::string& source = call.argument(0);
  std::string name = std::filesystem::path(source).filename();
  const bool worded = call.arguments.size() > 2 && (call.argument(1) == "as" || call.argument(1) == "to");
  if (worded) name = call.argument(2);
  if (!worded && call.arguments.size() > 1) name = call.argument(1);
  std::error_code failure;
  const uint64_t size = std::filesystem::file_size(source, failure);
  std::ifstream file(source, std::ios::binary);
  if (failure || !file) return Error(ErrorCode::kBadRequest, "cannot read " + source);
  Progress progress(call.terminal, name);
  progress.begin(size);
  const std::string query = call.flags.on("explode") ? "?explode=true" : "";
  Result<json::value> stored =
      call.session.upload("POST", api_path({call.subject, name}) + query,
                          std::make_unique<FileBody>(std::move(file), size, progress));
  progress.end();
  return print_answer(call, stored);
}

Result<void> blobs_destroy(Invocation& call) {
  Result<json::value> gone =
      call.session.send_json({"DELETE", api_path({call.subject, call.argument(0)}), "", {}, {}});
  if (!gone) return gone.error();
  call.terminal.out << "Deleted " << call.argument(0);
  return {};
}

}  // namespace mullion::cli
