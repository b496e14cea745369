#include "store/lmdb_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mullion::store {
namespace {

// The layout of LMDB 0.9 files (MDB_DATA_VERSION 1), in the byte order of the machine. Two pages describe the
// rest, each naming the root of the tree of free pages: transaction -> count, page numbers.
constexpr uint32_t kMagic = 0xbeefc0de;
constexpr size_t kPageHeader = 16;
constexpr size_t kNodeHeader = 8;
constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr uint16_t kBranch = 1, kLeaf = 2, kOverflow = 4;  // flags of pages
constexpr uint16_t kElsewhere = 1;                         // flag of a node: its data has pages of its own
constexpr uint16_t kTree = 2;                              // its data describes another tree
constexpr size_t kMostKey = 511;
constexpr size_t kTreeBytes = 48;                 // of such a description
constexpr uint16_t kIntegerKeys = 8;              // flag of the tree of free pages, and of no other here
constexpr size_t kFreeTree = 24, kMainTree = 72;  // in the description of the file
constexpr uint64_t kFirstPage = 2;                // behind the two descriptions
constexpr int kMaxDepth = 32;
constexpr size_t kMinPage = 512, kMaxPage = 65536;

struct Meta {
  uint64_t transaction = 0;
  uint64_t page_size = 0;
  uint64_t free_root = kNoPage;
  uint64_t last_page = 0;
  uint64_t place = 0;  // the page that says so
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
    std::optional<Meta> second = read_meta(read(first->page_size, kMinPage));
    if (second) second->place = 1;
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

/// A tree as its description says.
struct Tree {
  uint16_t flags = 0, depth = 0;
  uint64_t root = kNoPage;
};

Tree tree_at(std::string_view bytes, size_t offset) {
  return {number_at<uint16_t>(bytes, offset + 4), number_at<uint16_t>(bytes, offset + 6),
          number_at<uint64_t>(bytes, offset + 40)};
}

/// A row of a page.
struct Node {
  std::string_view key, rest;  // behind the key
  uint64_t size = 0;           // of its data
  uint64_t child = 0;
  uint16_t flags = 0;
};

/// Every page in use, against what the engine takes for granted.
class PageCheck {
 public:
  explicit PageCheck(PageFile& file) : file_(file) {}

  /// "" when all is well.
  std::string run() {
    const std::optional<Meta> meta = file_.newest_meta();
    if (!meta || !std::has_single_bit(meta->page_size)) return "its first page is none of a database";
    page_size_ = meta->page_size;
    pages_ = file_.size() / page_size_;
    last_ = meta->last_page;
    used_.resize(std::min(pages_, last_ + 1));
    const std::string description = file_.read(meta->place * page_size_, kMinPage);
    const Tree free = tree_at(description, kPageHeader + kFreeTree);
    const Tree main = tree_at(description, kPageHeader + kMainTree);
    if (!walk(main, 0, &PageCheck::take_table)) return what_;
    for (const Tree& table : std::exchange(tables_, {})) {
      if (!walk(table, 0, &PageCheck::take_value)) return what_;
    }
    (void)walk(free, kIntegerKeys, &PageCheck::take_free);
    return what_;
  }

 private:
  using Take = bool (PageCheck::*)(uint64_t number, const Node& row);

  /// Level by level, each in the order of the file: a disk reads that fastest.
  bool walk(const Tree& tree, uint16_t flags, Take take) {
    if (tree.root == kNoPage) return true;
    if (tree.flags != flags || tree.depth == 0 || tree.depth > kMaxDepth) return bad("a tree's description");
    std::vector<uint64_t> level = {tree.root};
    for (uint16_t depth = 1; depth <= tree.depth; ++depth) {
      std::vector<uint64_t> below;
      for (const uint64_t number : level) {
        const bool fine = depth == tree.depth ? take_leaf(number, take) : take_branch(number, below);
        if (!fine) return false;
      }
      std::ranges::sort(below);
      level = std::move(below);
    }
    return true;
  }

  bool take_branch(uint64_t number, std::vector<uint64_t>& below) {
    std::string page;
    if (!take_page(number, kBranch, page)) return false;
    const size_t rows = rows_of(page);
    if (rows == 0) return bad("page", number);
    for (size_t i = 0; i < rows; ++i) {
      const std::optional<Node> row = node_of(page, i);
      if (!row) return bad("page", number);
      below.push_back(row->child);
    }
    return true;
  }

  bool take_leaf(uint64_t number, Take take) {
    std::string page;
    if (!take_page(number, kLeaf, page)) return false;
    for (size_t i = 0; i < rows_of(page); ++i) {
      const std::optional<Node> row = node_of(page, i);
      const bool held = row && ((row->flags & kElsewhere) != 0 ? row->rest.size() >= sizeof(uint64_t)
                                                               : row->rest.size() >= row->size);
      if (!held) return bad("page", number);
      if ((row->flags & kElsewhere) != 0 && !take_chain(number_at<uint64_t>(row->rest, 0), row->size))
        return false;
      if (!(this->*take)(number, *row)) return false;
    }
    return true;
  }

  bool take_table(uint64_t number, const Node& row) {
    if (row.flags != kTree || row.size != kTreeBytes) return bad("page", number);
    tables_.push_back(tree_at(row.rest, 0));
    return true;
  }

  bool take_value(uint64_t number, const Node& row) {
    return (row.flags & ~kElsewhere) == 0 || bad("page", number);
  }

  /// A list of free pages: their count, and their numbers from the highest down.
  bool take_free(uint64_t number, const Node& row) {
    if ((row.flags & ~kElsewhere) != 0 || row.key.size() != sizeof(uint64_t)) return bad("page", number);
    std::string list(row.rest.substr(0, row.size));
    if ((row.flags & kElsewhere) != 0)
      list = file_.read(number_at<uint64_t>(row.rest, 0) * page_size_ + kPageHeader, row.size);
    const auto count = number_at<uint64_t>(list, 0);
    if (list.size() < sizeof(uint64_t) || count > list.size() / sizeof(uint64_t) - 1)
      return bad("the list of free pages in page", number);
    uint64_t before = kNoPage;
    for (uint64_t i = 1; i <= count; ++i) {
      const auto page = number_at<uint64_t>(list, i * sizeof(uint64_t));
      if (page < kFirstPage || page > last_ || page >= before || !use(page, true))
        return bad("the list of free pages in page", number);
      before = page;
    }
    return true;
  }

  /// The pages of a value that fills some of its own.
  bool take_chain(uint64_t number, uint64_t size) {
    const uint64_t wanted = (kPageHeader + size + page_size_ - 1) / page_size_;
    if (number < kFirstPage || number >= pages_ || wanted > pages_ - number) return bad("page", number);
    const std::string head = file_.read(number * page_size_, kPageHeader);
    const auto count = number_at<uint32_t>(head, 12);
    if (!is_page(head, number, kOverflow) || count < wanted || count > pages_ - number)
      return bad("page", number);
    for (uint64_t i = 0; i < count; ++i) {
      if (!use(number + i, false)) return bad("page", number + i);
    }
    return true;
  }

  bool take_page(uint64_t number, uint16_t kind, std::string& page) {
    if (number < kFirstPage || !use(number, false)) return bad("page", number);
    page = file_.read(number * page_size_, page_size_);
    if (!is_page(page, number, kind)) return bad("page", number);
    const size_t lower = number_at<uint16_t>(page, 12), upper = number_at<uint16_t>(page, 14);
    const bool fits = lower >= kPageHeader && lower % 2 == 0 && lower <= upper && upper <= page_size_;
    return fits || bad("page", number);
  }

  static bool is_page(std::string_view page, uint64_t number, uint16_t kind) {
    return page.size() >= kPageHeader && number_at<uint64_t>(page, 0) == number &&
           number_at<uint16_t>(page, 10) == kind;
  }

  static size_t rows_of(std::string_view page) { return (number_at<uint16_t>(page, 12) - kPageHeader) / 2; }

  static std::optional<Node> node_of(std::string_view page, size_t index) {
    const size_t at = number_at<uint16_t>(page, kPageHeader + 2 * index);
    if (at < number_at<uint16_t>(page, 14) || at + kNodeHeader > page.size()) return std::nullopt;
    const std::string_view bytes = page.substr(at);
    Node out;
    const size_t key = number_at<uint16_t>(bytes, 6);
    if (key > kMostKey || kNodeHeader + key > bytes.size()) return std::nullopt;
    out.flags = number_at<uint16_t>(bytes, 4);
    out.size = number_at<uint32_t>(bytes, 0);
    out.child = out.size | uint64_t{out.flags} << 32;
    out.key = bytes.substr(kNodeHeader, key);
    out.rest = bytes.substr(kNodeHeader + key);
    return out;
  }

  /// False: it is used already, or the file has no such page. Free ones may lie behind its end.
  bool use(uint64_t number, bool free) {
    if (number >= used_.size()) return free;
    if (used_[number]) return false;
    used_[number] = true;
    return true;
  }

  bool bad(std::string_view what) {
    what_ = what;
    return false;
  }
  bool bad(std::string_view what, uint64_t number) {
    what_ = fmt::format("{} {}", what, number);
    return false;
  }

  PageFile& file_;
  uint64_t page_size_ = 0, pages_ = 0, last_ = 0;
  std::vector<bool> used_;
  std::vector<Tree> tables_;
  std::string what_;
};

}  // namespace

Result<void> check_pages(const env::Path& path) {
  PageFile file(path);
  if (file.size() == 0) return {};
  const std::string damage = PageCheck(file).run();
  if (damage.empty()) return {};
  return Error(ErrorCode::kCorrupt, fmt::format("{} is damaged: {}", path.string(), damage));
}

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
