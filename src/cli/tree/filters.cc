#include "cli/tree/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "cli/tree/command.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kOperators[] = {"Eq", "Ne",      "Lt",     "Lte", "Gt", "Gte",
                                           "Re", "Between", "Except", "In",  "Nin"};

std::string_view operator_named(std::string_view word) {
  for (const std::string_view known : kOperators) {
    if (equal_ignoring_case(known, word)) return known;
  }
  return {};
}

/// Words of a list that are no filters, as drpcli has them between filters; true: a value follows.
constexpr std::pair<std::string_view, bool> kListWords[] = {
    {"sort", true},   {"limit", true},  {"offset", true},   {"slim", true},   {"params", true},
    {"fields", true}, {"search", true}, {"reverse", false}, {"decode", false}};

const std::pair<std::string_view, bool>* list_word(std::string_view word) {
  for (const auto& entry : kListWords) {
    if (entry.first == word) return &entry;
  }
  return nullptr;
}

/// Takes the words that are no filters out of `words`. An index of such a name, which would be followed by an
/// operator, is one.
Result<QueryItems> take_list_words(std::vector<std::string>& words) {
  QueryItems items;
  std::vector<std::string> filters;
  for (size_t i = 0; i < words.size();) {
    const auto* entry = list_word(words[i]);
    const bool operates = i + 2 < words.size() && !operator_named(words[i + 1]).empty();
    if (entry == nullptr || (operates && entry->second)) {
      // A whole filter, so that its value is not taken for a word.
      const size_t end = std::min(words.size(), i + (words[i].find('=') == std::string::npos ? 3 : 1));
      filters.insert(filters.end(), words.begin() + static_cast<std::ptrdiff_t>(i),
                     words.begin() + static_cast<std::ptrdiff_t>(end));
      i = end;
      continue;
    }
    if (entry->second && i + 1 == words.size())
      return usage_error(fmt::format("`{}` needs a value", entry->first));
    items.emplace_back(entry->first, entry->second ? words[i + 1] : "true");
    i += entry->second ? 2 : 1;
  }
  words = std::move(filters);
  return items;
}

Result<QueryItems> structured(std::span<const std::string> words) {
  QueryItems items;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return usage_error(fmt::format("filter `{}` is not of the form NAME=value or NAME=OP(value)", word));
    }
    items.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return items;
}

Result<QueryItems> parse_plain_filters(std::span<const std::string> words) {
  if (words.empty()) return QueryItems();
  if (words[0].find('=') != std::string::npos) return structured(words);
  if (words.size() % 3 != 0) {
    return usage_error(fmt::format("filters are NAME OP value (three words each) or NAME=OP(value), not `{}`",
                                   fmt::join(words.begin(), words.end(), " ")));
  }
  QueryItems items;
  for (size_t i = 0; i < words.size(); i += 3) {
    const std::string_view known = operator_named(words[i + 1]);
    if (known.empty()) {
      return usage_error(fmt::format("unknown operator `{}` for {}: expected one of {}", words[i + 1],
                                     words[i], fmt::join(kOperators, ", ")));
    }
    items.emplace_back(words[i], fmt::format("{}({})", known, words[i + 2]));
  }
  return items;
}

}  // namespace

Result<QueryItems> parse_filters(std::span<const std::string> given) {
  std::vector<std::string> words(given.begin(), given.end());
  Result<QueryItems> taken = take_list_words(words);
  if (!taken) return taken;
  Result<QueryItems> items = parse_plain_filters(words);
  if (!items) return items;
  items->insert(items->end(), taken->begin(), taken->end());
  return items;
}

}  // namespace mullion::cli
