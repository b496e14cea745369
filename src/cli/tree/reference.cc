#include "cli/tree/reference.h"

#include <fmt/format.h>

namespace mullion::cli {
namespace {

bool is_hidden(const Command& command) { return command.name.starts_with("__"); }

/// Table cells end at bars.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string flag_table(std::span<const FlagSpec> flags) {
  if (flags.empty()) return {};
  std::string out = "| flag | |\n|---|---|\n";
  for (const FlagSpec& flag : flags) {
    const std::string letter = flag.letter == 0 ? std::string() : fmt::format("-{}, ", flag.letter);
    const std::string value = flag.value_name.empty() ? std::string() : fmt::format(" {}", flag.value_name);
    out += fmt::format("| `{}--{}{}` | {} |\n", letter, flag.name, cell(value), cell(flag.help));
  }
  return out + "\n";
}

void append_command(std::string& out, const std::string& words, const Command& command) {
  if (command.handler != nullptr) {
    const std::string arguments = command.arguments.empty() ? "" : " " + command.arguments;
    out += fmt::format("## {}\n\n    {}{}\n\n{}.\n\n", words, words, arguments, command.summary);
    if (!command.aliases.empty()) out += fmt::format("Also: `{}`.\n\n", fmt::join(command.aliases, "`, `"));
    out += flag_table(command.flags);
  }
  for (const Command& child : command.children) {
    if (!is_hidden(child)) append_command(out, words + " " + child.name, child);
  }
}

std::string with_full_stop(std::string text) {
  if (!text.ends_with('.')) text += '.';
  return text;
}

std::string page(const Command& command) {
  std::string out = fmt::format("# {}\n\n{}\n\n", command.name, with_full_stop(command.summary));
  append_command(out, command.name, command);
  out.pop_back();
  return out;
}

std::string front_page(const Command& root) {
  std::string out =
      "# Commands\n\nMade from the tables of the program: `./x fix` renews these pages. How to use it all: "
      "[command line](../../cli.md).\n\n| command | |\n|---|---|\n";
  for (const Command& command : root.children) {
    if (!is_hidden(command))
      out += fmt::format("| [{0}]({0}.md) | {1} |\n", command.name, cell(command.summary));
  }
  out += "\n## Flags of every command\n\n" + flag_table(global_flags());
  out.pop_back();
  return out;
}

}  // namespace

std::map<std::string, std::string> reference_pages(const Command& root) {
  std::map<std::string, std::string> pages;
  pages["README.md"] = front_page(root);
  for (const Command& command : root.children) {
    if (!is_hidden(command)) pages[command.name + ".md"] = page(command);
  }
  return pages;
}

}  // namespace mullion::cli
