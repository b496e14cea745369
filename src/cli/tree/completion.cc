#include "cli/tree/completion.h"

#include <algorithm>

namespace mullion::cli {
namespace {

constexpr std::string_view kBash = R"(# bash completion of mullion: source <(mullion completion bash)
_mullion_complete() {
  local words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null))
  [[ ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _mullion_complete mullion drpcli
)";

constexpr std::string_view kZsh = R"(#compdef mullion drpcli
# zsh completion of mullion: source <(mullion completion zsh)
_mullion_complete() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "${candidates[1]}" ]]; then compadd -- "${candidates[@]}"; else _files; fi
}
compdef _mullion_complete mullion drpcli
)";

constexpr std::string_view kFish = R"(# fish completion of mullion: mullion completion fish | source
function __mullion_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  $words[1] __complete -- $words[2..-1] "$current" 2>/dev/null
end
complete -c mullion -f -a '(__mullion_complete)'
complete -c drpcli -f -a '(__mullion_complete)'
)";

const FlagSpec* flag_named(const Command& command, std::string_view word) {
  const auto find_in = [word](std::span<const FlagSpec> specs) -> const FlagSpec* {
    for (const FlagSpec& spec : specs) {
      const bool by_name = word == "--" + std::string(spec.name);
      const bool by_letter = word.size() == 2 && word[0] == '-' && word[1] == spec.letter;
      if (by_name || by_letter) return &spec;
    }
    return nullptr;
  };
  const FlagSpec* local = find_in(command.flags);
  return local != nullptr ? local : find_in(global_flags());
}

void add_flags(std::span<const FlagSpec> specs, std::string_view begin, std::vector<std::string>& out) {
  for (const FlagSpec& spec : specs) {
    std::string text = "--" + std::string(spec.name);
    if (text.starts_with(begin)) out.push_back(std::move(text));
  }
}

/// Words that stand for the value of a flag with few values.
std::vector<std::string> flag_values(const FlagSpec& spec) {
  if (spec.name == "format") return {"json", "table", "text", "yaml"};
  return {};
}

void add_children(const Command& command, std::string_view begin, std::vector<std::string>& out) {
  for (const Command& child : command.children) {
    if (!child.name.starts_with("__") && child.name.starts_with(begin)) out.push_back(child.name);
  }
}

/// NAME= of the indexes of a collection, where filters go.
void add_filters(const Command& command, std::string_view begin, std::vector<std::string>& out) {
  const model::ObjectType* type = model::find_object_type(command.subject);
  if (type == nullptr || command.arguments != "[FILTER]...") return;
  for (const model::Index& index : type->indexes) {
    if (index.name.starts_with(begin)) out.push_back(std::string(index.name) + "=");
  }
}

void add_shells(const Command& command, std::string_view begin, std::vector<std::string>& out) {
  if (command.name != "completion") return;
  for (const std::string_view shell : {"bash", "fish", "zsh"}) {
    if (shell.starts_with(begin)) out.emplace_back(shell);
  }
}

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return Error(ErrorCode::kBadRequest,
               "completion knows bash, zsh and fish, not `" + std::string(shell) + "`");
}

std::vector<std::string> completions(const Command& root, const std::vector<std::string>& words) {
  const Command* command = &root;
  const FlagSpec* pending = nullptr;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (pending != nullptr) {
      pending = nullptr;
      continue;
    }
    if (words[i].starts_with('-')) {
      const FlagSpec* spec = flag_named(*command, words[i]);
      pending = spec != nullptr && !spec->value_name.empty() ? spec : nullptr;
      continue;
    }
    const Command* child = command->find_child(words[i]);
    if (child != nullptr) command = child;
  }
  const std::string last = words.empty() ? std::string() : words.back();
  std::vector<std::string> out;
  if (pending != nullptr) {
    for (const std::string& value : flag_values(*pending)) {
      if (value.starts_with(last)) out.push_back(value);
    }
  } else if (last.starts_with('-')) {
    add_flags(command->flags, last, out);
    add_flags(global_flags(), last, out);
  } else {
    add_children(*command, last, out);
    add_filters(*command, last, out);
    add_shells(*command, last, out);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace mullion::cli
