// The web interface: a package that was unpacked into files/ux, else the one that is built into the program.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "files/blobs.h"
#include "net/http.h"

namespace mullion::api {

/// Version of the package in files/ux: member `version` of ux-version.json, else the first line of the file
/// `version`; "" when nothing is installed or it does not say. Blocks on the disk.
std::string installed_ux_version(files::Blobs& blobs);
/// Whether a file ("files/ux/version") belongs to the interface.
bool is_ux_file(const std::string& name);

/// The installed version, read when its files change so that nobody blocks who asks. Thread-safe.
class UxVersion {
 public:
  /// Blocks on the disk.
  void read(files::Blobs& blobs);
  std::string get() const;

 private:
  Mutex reading_;  // one at a time reads the file; taken before mutex_
  mutable Mutex mutex_;
  std::string version_ GUARDED_BY(mutex_);
};

/// Whether there is a page to show. Blocks on the disk.
bool is_ux_installed(files::Blobs& blobs);

/// Whether a file's name changes with its content ("main-3f9a01cc.js"), so that it may be kept for ever.
bool is_fingerprinted(std::string_view path);

/// What a request below /ux/ is answered with: a file, index.html in its place, or 404.
enum class UxAnswer { kFile, kPage, kNothing };
/// `below` are the segments behind "ux"; `there` says whether they name a file. Pages of the interface have
/// paths of their own, with keys in them that look like names of files. Pure.
UxAnswer choose_ux_answer(std::span<const std::string> below, bool there, bool navigates);
/// The name of the file that the segments behind "ux" stand for; absent when a segment holds a slash, which
/// no name of a file does. Pure.
std::optional<std::string> ux_file_name(std::span<const std::string> below);

/// Whether the client is a browser that opens a page, and not a page that loads a part of itself. Pure.
bool navigates(const net::Headers& headers);
/// Whether the client takes gzip (RFC 9110, section 12.5.3). Pure.
bool accepts_gzip(const net::Headers& headers);

/// What keeps a page of this server from harm (docs/ux.md): every answer below /ux/ has these headers. Those
/// that are set stay.
void protect_page(net::Response& response);
/// The same for answers that come from elsewhere: whatever their author calls them, a browser shows no page
/// made of them.
void protect_foreign(net::Response& response);
/// Whether a request is about the interface.
bool is_ux_request(const net::Request& request);

}  // namespace mullion::api
