#include "cli/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/command.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kOperators[] = {"Eq", "Ne",      "Lt",     "Lte", "Gt", "Gte",
                                           "Re", "Between", "Except", "In",  "Nin"};

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::string_view operator_named(std::string_view word) {
  for (const std::string_view known : kOperators) {
    if (equals_ignoring_case(known, word)) return known;
  }
  return {};
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

}  // namespace

Result<QueryItems> parse_filters(std::span<const std::string> words) {
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

}  // namespace mullion::cli
