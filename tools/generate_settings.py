#!/usr/bin/env python3
"""Makes the settings table from schema/settings.yaml.

usage: generate_settings.py OUTPUT.inc        write the C++ table
       generate_settings.py --golden          write docs/reference/settings.md
       generate_settings.py --check           fail when docs/reference/settings.md is not what --golden would write
"""
import pathlib
import sys

import yaml

from arguments import asked_for

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference/settings.md"
KINDS = {"string": "kString", "port": "kPort", "bytes": "kBytes", "count": "kCount", "seconds": "kSeconds",
         "boolean": "kBoolean", "log-level": "kLogLevel"}


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def load():
    return yaml.safe_load((ROOT / "schema/settings.yaml").read_text())


def cpp(table):
    lines = ["// Made by tools/generate_settings.py from schema/settings.yaml."]
    for entry in table["settings"]:
        lines.append(
            f'{{{quoted(entry["name"])}, SettingKind::{KINDS[entry["kind"]]}, {quoted(entry["default"])}, '
            f'{quoted(entry["meaning"])}, false}},')
    for name in table["ignored"]:
        lines.append(f'{{{quoted(name)}, SettingKind::kString, "", "Not served here.", true}},')
    return "\n".join(lines) + "\n"


def reference(table):
    lines = ["# Settings of `mullion serve`", "",
             "Made from `schema/settings.yaml`; renew with `./x fix`. A flag wins over its environment variable.", "",
             "| flag | variable | default | meaning |", "|---|---|---|---|"]
    for entry in table["settings"]:
        variable = "RS_" + entry["name"].upper().replace("-", "_")
        default = f'`{entry["default"]}`' if str(entry["default"]) else ""
        lines.append(f'| `--{entry["name"]}` | `{variable}` | {default} | {entry["meaning"]} |')
    lines += ["", "Flags of `dr-provision` that are accepted and have no effect, for services that are not served here:", "",
              ", ".join(f"`--{name}`" for name in table["ignored"]) + ".", ""]
    return "\n".join(lines)


def main():
    wanted = asked_for(__doc__, "--golden", "--check")
    table = load()
    if wanted == "--golden":
        REFERENCE.parent.mkdir(parents=True, exist_ok=True)
        REFERENCE.write_text(reference(table))
    elif wanted == "--check":
        if not REFERENCE.exists() or REFERENCE.read_text() != reference(table):
            sys.exit("docs/reference/settings.md is not up to date: run ./x fix")
    else:
        output = pathlib.Path(wanted)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(cpp(table))


if __name__ == "__main__":
    main()
