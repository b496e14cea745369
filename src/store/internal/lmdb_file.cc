#include "store/lmdb_file.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <string>

namespace mullion::store {
namespace {

// The layout of LMDB 0.9 files (MDB_DATA_VERSION 1), in the byte order of the machine. Two pages describe the
// rest, each naming the root of the tree of free pages: transaction -> count, page numbers.
constexpr uint32_t kMagic = 0xbeefc0de;
constexpr size_t kPageHeader = 16;
constexpr size_t kNodeHeader = 8;
constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr uint16_t kBranch = 1, kLeaf = 2;  // flags of pages
constexpr uint16_t kElsewhere = 1;          // flag of a node: its data has pages of its own
constexpr int kMaxDepth = 32;
constexpr size_t kMinPage = 512, kMaxPage = 65536;

struct Meta {
  uint64_t transaction = 0;
  uint64_t page_size = 0;
  uint64_t free_root = kNoPage;
  uint64_t last_page = 0;
};

template <typename Number>
Number number_at(std::string_view bytes, size_t offset) {
  Number out{};
  if (offset + sizeof(out) <= bytes.size()) std::memcpy(&out, bytes.data() + offset, sizeof(out));
  return out;
}

std::optional<Meta> read_meta(std::string_view page) {
  if (number_at<uint32_t>(page, kPageHeader) != kMagic) return std::nullopt;
  Meta meta;
  meta.page_size = number_at<uint32_t>(page, kPageHeader + 24);
  meta.free_root = number_at<uint64_t>(page, kPageHeader + 64);
  meta.last_page = number_at<uint64_t>(page, kPageHeader + 120);
  meta.transaction = number_at<uint64_t>(page, kPageHeader + 128);
  if (meta.page_size < kMinPage || meta.page_size > kMaxPage) return std::nullopt;
  return meta;
}

/// Reads plainly, so that what is missing is an answer and not a signal.
class PageFile {
 public:
  explicit PageFile(const env::Path& path) : file_(path, std::ios::binary) {
    file_.seekg(0, std::ios::end);
    size_ = file_ ? static_cast<uint64_t>(file_.tellg()) : 0;
  }

  uint64_t size() const { return size_; }

  /// Empty when the file does not hold all of it.
  std::string read(uint64_t offset, uint64_t length) {
    if (offset > size_ || length > size_ - offset) return {};
    std::string out(length, '\0');
    file_.seekg(static_cast<std::streamoff>(offset));
    if (!file_.read(out.data(), static_cast<std::streamsize>(length))) return {};
    return out;
  }

  std::optional<Meta> newest_meta() {
    const std::optional<Meta> first = read_meta(read(0, kMinPage));
    if (!first) return std::nullopt;
    const std::optional<Meta> second = read_meta(read(first->page_size, kMinPage));
    return second && second->transaction > first->transaction ? second : first;
  }

 private:
  std::ifstream file_;
  uint64_t size_ = 0;
};

/// Collects free pages from `first` on.
class FreePages {
 public:
  FreePages(PageFile& file, uint64_t page_size, uint64_t first)
      : file_(file), page_size_(page_size), first_(first) {}

  /// False when the tree is not whole.
  bool walk(uint64_t number, int depth = 0) {
    if (number == kNoPage) return true;
    if (depth > kMaxDepth || number >= first_ || !seen_.insert(number).second) return false;
    const std::string page = file_.read(number * page_size_, page_size_);
    const auto flags = number_at<uint16_t>(page, 10);
    if ((flags & (kBranch | kLeaf)) == 0) return false;
    const size_t end = number_at<uint16_t>(page, 12);  // of the offsets of the nodes
    for (size_t at = kPageHeader; at + 2 <= end && at + 2 <= page.size(); at += 2) {
      const std::string_view node =
          std::string_view(page).substr(std::min<size_t>(number_at<uint16_t>(page, at), page.size()));
      if (!((flags & kLeaf) != 0 ? add_list(node) : walk(child_of(node), depth + 1))) return false;
    }
    return true;
  }

  uint64_t count() const { return pages_.size(); }

 private:
  static uint64_t child_of(std::string_view node) {
    return number_at<uint32_t>(node, 0) | uint64_t{number_at<uint16_t>(node, 4)} << 32;
  }

  bool add_list(std::string_view node) {
    const uint64_t size = number_at<uint32_t>(node, 0);
    const size_t data = kNodeHeader + number_at<uint16_t>(node, 6);
    if (data > node.size()) return false;
    std::string list(node.substr(data, size));
    if ((number_at<uint16_t>(node, 4) & kElsewhere) != 0)
      list = file_.read(number_at<uint64_t>(node, data) * page_size_ + kPageHeader, size);
    if (list.size() != size) return false;
    const auto count = number_at<uint64_t>(list, 0);
    for (uint64_t i = 1; i <= count && (i + 1) * sizeof(uint64_t) <= list.size(); ++i) {
      const auto page = number_at<uint64_t>(list, i * sizeof(uint64_t));
      if (page >= first_) pages_.insert(page);
    }
    return true;
  }

  PageFile& file_;
  uint64_t page_size_;
  uint64_t first_;
  std::set<uint64_t> pages_;
  std::set<uint64_t> seen_;  // of the tree: a damaged one may have circles
};

}  // namespace

Result<void> check_length(const env::Path& path) {
  PageFile file(path);
  const std::optional<Meta> meta = file.newest_meta();
  if (!meta) return {};
  const uint64_t present = file.size() / meta->page_size;
  if (present > meta->last_page) return {};
  FreePages missing(file, meta->page_size, present);
  if (missing.walk(meta->free_root) && missing.count() == meta->last_page + 1 - present) return {};
  return Error(ErrorCode::kCorrupt, fmt::format("{} is damaged: its end is missing, it has {} pages of {}",
                                                path.string(), present, meta->last_page + 1));
}

}  // namespace mullion::store
