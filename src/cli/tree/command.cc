#include "cli/tree/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/letters.h"

namespace mullion::cli {
namespace {

const FlagSpec* find_flag(std::span<const FlagSpec> specs, std::string_view name) {
  for (const FlagSpec& spec : specs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

const FlagSpec* find_letter(std::span<const FlagSpec> specs, char letter) {
  for (const FlagSpec& spec : specs) {
    if (spec.letter == letter) return &spec;
  }
  return nullptr;
}

/// How many letters must be added, dropped, changed or swapped to make one word of the other.
size_t edits_between(std::string_view left, std::string_view right) {
  std::vector<std::vector<size_t>> cost(left.size() + 1, std::vector<size_t>(right.size() + 1));
  for (size_t i = 0; i <= left.size(); ++i) {
    for (size_t k = 0; k <= right.size(); ++k) {
      if (i == 0 || k == 0) {
        cost[i][k] = i + k;
        continue;
      }
      const size_t changed = left[i - 1] == right[k - 1] ? 0 : 1;
      cost[i][k] = std::min({cost[i - 1][k] + 1, cost[i][k - 1] + 1, cost[i - 1][k - 1] + changed});
      const bool swapped = i > 1 && k > 1 && left[i - 1] == right[k - 2] && left[i - 2] == right[k - 1];
      if (swapped) cost[i][k] = std::min(cost[i][k], cost[i - 2][k - 2] + 1);
    }
  }
  return cost[left.size()][right.size()];
}

/// "; did you mean `show`?" when one of the commands is close to what was written.
std::string suggestion(const Command& group, std::string_view word) {
  if (word.size() < 3 || word.size() > 40) return {};
  const Command* nearest = nullptr;
  size_t fewest = 3;
  for (const Command& child : group.children) {
    const size_t edits = child.name.starts_with("__") ? fewest : edits_between(word, child.name);
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = &child;
  }
  return nearest == nullptr ? std::string() : fmt::format("; did you mean `{}`?", nearest->name);
}

/// As drpcli reads them.
std::optional<bool> switch_value(std::string_view text) {
  for (const std::string_view word : {"true", "TRUE", "True", "t", "T", "1"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"false", "FALSE", "False", "f", "F", "0"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

class Parser {
 public:
  Parser(const Command& root, const std::vector<std::string>& words, CommandLine& line)
      : words_(words), line_(line) {
    line_.path = {&root};
    if (words_.empty() || words_.front() != "help") return;
    line_.help = true;
    next_ = 1;
  }

  Result<void> run() {
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      Result<void> taken = only_arguments_ ? add_argument(word) : take(word);
      if (!taken) return taken;
    }
    return {};
  }

 private:
  const Command& command() const { return *line_.path.back(); }

  Result<void> take(const std::string& word) {
    if (word == "--") {
      only_arguments_ = true;
      return {};
    }
    if (word.starts_with("--")) return take_long(word.substr(2));
    const bool negative_number = word.size() > 1 && is_digit(word[1]);
    if (word.starts_with('-') && word.size() > 1 && !negative_number) return take_letters(word.substr(1));
    return add_argument(word);
  }

  Result<void> add_argument(const std::string& word) {
    if (command().handler == nullptr || (line_.arguments.empty() && command().find_child(word) != nullptr)) {
      const Command* child = command().find_child(word);
      if (child == nullptr) {
        return usage_error(fmt::format("unknown command `{}` for `{}`{}", word, command().name,
                                       suggestion(command(), word)));
      }
      line_.path.push_back(child);
      return {};
    }
    line_.arguments.push_back(word);
    return {};
  }

  /// A flag of the command or of a group that it belongs to; nullptr.
  template <typename Find>
  const FlagSpec* local_flag(Find find) const {
    for (auto step = line_.path.rbegin(); step != line_.path.rend(); ++step) {
      if (const FlagSpec* found = find((*step)->flags)) return found;
    }
    return nullptr;
  }

  Result<void> take_long(const std::string& text) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const FlagSpec* local = local_flag([&](const auto& flags) { return find_flag(flags, name); });
    const FlagSpec* spec = local != nullptr ? local : find_flag(global_flags(), name);
    if (spec == nullptr) return usage_error("unknown flag: --" + name);
    FlagValues& values = local != nullptr ? line_.flags : line_.global;
    if (equals != std::string::npos) return store(*spec, values, text.substr(equals + 1));
    return take_value(*spec, values, "--" + name);
  }

  Result<void> take_letters(const std::string& letters) {
    for (size_t i = 0; i < letters.size(); ++i) {
      const FlagSpec* local = local_flag([&](const auto& flags) { return find_letter(flags, letters[i]); });
      const FlagSpec* spec = local != nullptr ? local : find_letter(global_flags(), letters[i]);
      if (spec == nullptr) return usage_error(fmt::format("unknown flag: -{}", letters[i]));
      FlagValues& values = local != nullptr ? line_.flags : line_.global;
      std::string rest = letters.substr(i + 1);
      if (!spec->value_name.empty() && !rest.empty()) {
        return store(*spec, values, rest.starts_with('=') ? rest.substr(1) : rest);
      }
      Result<void> taken = take_value(*spec, values, fmt::format("-{}", letters[i]));
      if (!taken) return taken;
    }
    return {};
  }

  Result<void> take_value(const FlagSpec& spec, FlagValues& values, const std::string& shown) {
    if (spec.value_name.empty()) return store(spec, values, "true");
    if (next_ == words_.size()) return usage_error(fmt::format("flag {} needs a value", shown));
    return store(spec, values, words_[next_++]);
  }

  Result<void> store(const FlagSpec& spec, FlagValues& values, std::string value) {
    if (spec.value_name.empty()) {
      const std::optional<bool> on = switch_value(value);
      if (!on) return usage_error(fmt::format("--{} is true or false, not `{}`", spec.name, value));
      value = *on ? "true" : "false";
    }
    if (spec.name == "help") line_.help = true;
    values.set(spec.name, std::move(value));
    return {};
  }

  const std::vector<std::string>& words_;
  CommandLine& line_;
  size_t next_ = 0;
  bool only_arguments_ = false;
};

std::string flag_lines(std::span<const FlagSpec> specs) {
  std::string out;
  for (const FlagSpec& spec : specs) {
    std::string left = spec.letter != 0 ? fmt::format("-{}, --{}", spec.letter, spec.name)
                                        : fmt::format("    --{}", spec.name);
    if (!spec.value_name.empty()) left += fmt::format(" {}", spec.value_name);
    out += fmt::format("  {:<28}  {}\n", left, spec.help);
  }
  return out;
}

}  // namespace

const Command* Command::find_child(std::string_view word) const {
  for (const Command& child : children) {
    if (child.name == word) return &child;
    if (std::find(child.aliases.begin(), child.aliases.end(), word) != child.aliases.end()) return &child;
  }
  return nullptr;
}

ArgumentCount argument_count(std::string_view usage) {
  ArgumentCount count;
  std::istringstream words{std::string(usage)};
  std::string word;
  bool optional = false;
  while (words >> word) {
    optional = optional || word.starts_with('[');
    const bool repeated = word.ends_with("...");
    if (!optional) ++count.least;
    if (word.find(']') != std::string::npos) optional = false;
    if (count.most != std::string::npos) ++count.most;
    if (repeated) count.most = std::string::npos;
  }
  return count;
}

Error usage_error(std::string message) {
  Error error(ErrorCode::kBadRequest, std::move(message));
  error.type = kUsageError;
  return error;
}

Result<void> parse_command_line(const Command& root, const std::vector<std::string>& words,
                                CommandLine& line) {
  Result<void> parsed = Parser(root, words, line).run();
  if (!parsed || line.help) return parsed;
  const Command& command = *line.path.back();
  if (command.handler == nullptr) return parsed;
  const ArgumentCount count = argument_count(command.arguments);
  if (line.arguments.size() < count.least) {
    return usage_error(fmt::format("{} needs {}", command.name, command.arguments));
  }
  if (line.arguments.size() > count.most) {
    return usage_error(count.most == 0 ? fmt::format("{} takes no arguments", command.name)
                                       : fmt::format("{} takes only {}", command.name, command.arguments));
  }
  return parsed;
}

std::string usage_text(const std::vector<const Command*>& path, std::string_view program) {
  const Command& command = *path.back();
  std::string words(program);
  for (const Command* step : std::span(path).subspan(1)) words += " " + step->name;
  std::string out = "Usage:\n";
  if (command.handler != nullptr) {
    out += "  " + words + (command.arguments.empty() ? "" : " " + command.arguments) + " [flags]\n";
  }
  if (!command.children.empty()) out += "  " + words + " COMMAND\n";
  return out;
}

std::string help_text(const std::vector<const Command*>& path, std::string_view program) {
  const Command& command = *path.back();
  std::string out = command.summary + "\n\n" + usage_text(path, program);
  if (!command.children.empty()) out += "\nCommands:\n";
  for (const Command& child : command.children) {
    if (!child.name.starts_with("__")) out += fmt::format("  {:<18}  {}\n", child.name, child.summary);
  }
  if (!command.flags.empty()) out += "\nFlags:\n" + flag_lines(command.flags);
  if (path.size() > 1) return out + fmt::format("\nFlags of every command: {} --help\n", program);
  return out + "\nFlags of every command:\n" + flag_lines(global_flags());
}

}  // namespace mullion::cli
