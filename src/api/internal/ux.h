// The user interface: a package that was unpacked into files/ux.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "content/content.h"

namespace mullion::api {

/// Version of the package in files/ux: member `version` of ux-version.json, else the first line of the file
/// `version`; "" when nothing is installed or it does not say. Blocks on the disk.
std::string installed_ux_version(content::Blobs& blobs);
/// Whether a file ("files/ux/version") belongs to the interface.
bool is_ux_file(const std::string& name);

/// The installed version, read when its files change so that nobody blocks who asks. Thread-safe.
class UxVersion {
 public:
  /// Blocks on the disk.
  void read(content::Blobs& blobs);
  std::string get() const;

 private:
  std::mutex reading_;
  mutable std::mutex mutex_;
  std::string version_;
};

/// Whether there is a page to show. Blocks on the disk.
bool is_ux_installed(content::Blobs& blobs);

/// Whether a file's name changes with its content ("main-3f9a01cc.js"), so that it may be kept for ever.
bool is_fingerprinted(std::string_view path);
/// Whether a path names a page of the interface instead of a file: then index.html is the answer.
bool is_page(std::string_view path);

}  // namespace mullion::api
