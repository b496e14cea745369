#include "store/internal/search_text.h"

#include <algorithm>
#include <cstring>

namespace mullion::store::internal {
namespace {

/// Gaps are closed when they are half of the text, but not over and over while there is little of it.
constexpr uint64_t kLeastGaps = 64 * 1024;

size_t find_text(std::string_view text, std::string_view word, size_t from) {
  const void* found = memmem(text.data() + from, text.size() - from, word.data(), word.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

void SearchText::set(uint32_t row, std::string_view text) {
  forget(row);
  if (!text.empty()) append(row, text);
  if (dead_ > kLeastGaps && dead_ > text_.size() / 2) close_gaps();
}

void SearchText::append(uint32_t row, std::string_view text) {
  if (places_.size() <= row) places_.resize(row + 1, kNone);
  places_[row] = static_cast<uint32_t>(entries_.size());
  entries_.push_back({text_.size(), row});
  text_ += text;
  text_ += '\0';
}

void SearchText::forget(uint32_t row) {
  if (row >= places_.size() || places_[row] == kNone) return;
  const size_t entry = places_[row];
  const size_t size = text_of(entry).size();
  std::memset(text_.data() + entries_[entry].begin, 0, size);  // nothing is found there any more
  dead_ += size + 1;
  entries_[entry].row = kNone;
  places_[row] = kNone;
}

void SearchText::close_gaps() {
  SearchText closed;
  closed.text_.reserve(text_.size() - dead_);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].row != kNone) closed.append(entries_[i].row, text_of(i));
  }
  *this = std::move(closed);
}

std::string_view SearchText::text_of(size_t entry) const {
  const uint64_t begin = entries_[entry].begin;
  const uint64_t end = entry + 1 < entries_.size() ? entries_[entry + 1].begin : text_.size();
  return std::string_view(text_).substr(begin, end - begin - 1);
}

size_t SearchText::entry_at(uint64_t position, size_t from) const {
  size_t step = 1;  // hits come in order, often close to each other
  while (from + step < entries_.size() && entries_[from + step].begin <= position) {
    from += step;
    step *= 2;
  }
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto last =
      entries_.begin() + static_cast<std::ptrdiff_t>(std::min(entries_.size(), from + step + 1));
  const auto behind =
      std::upper_bound(first, last, position, [](uint64_t at, const Entry& e) { return at < e.begin; });
  return static_cast<size_t>(behind - entries_.begin()) - 1;
}

RowSet SearchText::find(const std::vector<std::string>& words) const {
  std::vector<uint32_t> rows;
  if (words.empty()) {
    for (const Entry& entry : entries_) {
      if (entry.row != kNone) rows.push_back(entry.row);
    }
  }
  // The longest word is the one that least texts have, as far as one can tell.
  const auto first = std::ranges::max_element(words, {}, &std::string::size);
  size_t entry = 0;
  for (size_t at = 0;
       first != words.end() && (at = find_text(text_, *first, at)) != std::string_view::npos;) {
    entry = entry_at(at, entry);
    const std::string_view text = text_of(entry);
    const bool all = std::ranges::all_of(words, [&](const std::string& word) {
      return &word == &*first || find_text(text, word, 0) != std::string_view::npos;
    });
    if (all) rows.push_back(entries_[entry].row);
    at = entries_[entry].begin + text.size();
  }
  RowSet out;
  out.add_all(rows);
  return out;
}

size_t SearchText::bytes() const {
  return text_.capacity() + entries_.capacity() * sizeof(Entry) + places_.capacity() * sizeof(uint32_t);
}

}  // namespace mullion::store::internal
