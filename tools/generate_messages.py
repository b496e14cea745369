#!/usr/bin/env python3
"""Makes C++ types of schema/messages.yaml: messages.inc (what src/model/messages.h declares) and messages_code.inc (how each is read and
written, for messages.cc).

usage: generate_messages.py DIRECTORY
"""
import pathlib
import re
import sys
import textwrap

import yaml

from arguments import asked_for

ROOT = pathlib.Path(__file__).resolve().parent.parent
PLAIN = {"string": "std::string", "boolean": "bool", "integer": "int64_t", "any": "json::value", "object": "json::object"}
TYPE_MEMBERS = {"documentation", "rest", "fields"}
FIELD_MEMBERS = {"name", "kind", "required", "documentation"}


def member_name(name):
    """ActualVersion -> actual_version"""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def cpp_kind(kind, known):
    """The C++ type; sys.exit for a kind that is none, or is declared only later."""
    for prefix, form in (("list of ", "std::vector<{}>"), ("map of ", "std::map<std::string, {}>")):
        if kind.startswith(prefix):
            return form.format(cpp_kind(kind[len(prefix):], known))
    if kind in PLAIN:
        return PLAIN[kind]
    if kind not in known:
        sys.exit(f"schema/messages.yaml: `{kind}` is no kind, and no type before its first use")
    return kind


def comment(text, indent=""):
    if not text:
        return []
    text = text[0].upper() + text[1:].rstrip(".") + "."
    return [f"{indent}/// {line}" for line in textwrap.wrap(text, 104 - len(indent))]


def declaration(name, entry, known):
    lines = comment(entry.get("documentation")) + [f"struct {name} {{"]
    for field in entry["fields"]:
        kind = cpp_kind(field["kind"], known)
        lines += comment(field.get("documentation"), "  ")
        value = {"bool": " = false", "int64_t": " = 0"}.get(kind, "") if field.get("required") else ""
        lines.append(f"  {kind if field.get('required') else f'std::optional<{kind}>'} {member_name(field['name'])}{value};")
    if entry.get("rest"):
        lines += ["  /// Members that have no name here.", "  json::object rest;"]
    lines += ["", f"  static {name} read(const json::object& object);", "  json::object write() const;",
              f"  bool operator==(const {name}&) const = default;", "};", ""]
    return lines


def code(name, entry):
    fields = [(field["name"], member_name(field["name"])) for field in entry["fields"]]
    names = ", ".join(f'"{told}"' for told, _ in fields)
    read = [f"{name} {name}::read(const json::object& object) {{", f"  {name} out;"]
    read += [f'  take(object, "{told}", out.{own});' for told, own in fields]
    read += [f"  take_rest(object, {{{names}}}, out.rest);"] if entry.get("rest") else []
    write = [f"json::object {name}::write() const {{", "  json::object out;"]
    write += [f'  put(out, "{told}", {own});' for told, own in fields]
    write += ["  for (const auto& member : rest) out[member.key()] = member.value();"] if entry.get("rest") else []
    return read + ["  return out;", "}", ""] + write + ["  return out;", "}", ""]


def main():
    types = yaml.safe_load((ROOT / "schema/messages.yaml").read_text())
    declared, defined, known = [], [], set()
    for name, entry in types.items():
        if unknown := entry.keys() - TYPE_MEMBERS:
            sys.exit(f"schema/messages.yaml: {name}: {sorted(unknown)} mean nothing")
        for field in entry["fields"]:
            if unknown := field.keys() - FIELD_MEMBERS:
                sys.exit(f"schema/messages.yaml: {name}.{field['name']}: {sorted(unknown)} mean nothing")
        declared += declaration(name, entry, known)
        defined += code(name, entry)
        known.add(name)
    directory = pathlib.Path(asked_for(__doc__))
    directory.mkdir(parents=True, exist_ok=True)
    head = "// Made from schema/messages.yaml by tools/generate_messages.py.\n"
    for file, lines in (("messages.inc", declared), ("messages_code.inc", defined)):
        (directory / file).write_text(head + "\n".join(lines))


if __name__ == "__main__":
    main()
