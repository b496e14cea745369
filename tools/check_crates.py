#!/usr/bin/env python3
"""Compares what cargo resolved with the list of crates that the tree allows, and refuses any difference.

    check_crates.py LOCK LIST            compares
    check_crates.py LOCK LIST --write    makes the list anew, after a change of versions in Cargo.toml

A lock file names the registry it was made with, so the tree keeps names, versions and checksums alone (crates.sha256)."""
import pathlib
import re
import sys

PACKAGE = re.compile(r'^\[\[package\]\]\n(.*?)(?=^\[|\Z)', re.M | re.S)
FIELD = re.compile(r'^(name|version|checksum) = "([^"]*)"$', re.M)


def resolved(lock):
    """name, version and checksum of every crate of a lock file but those of the tree itself, which have no source."""
    out = set()
    for package in PACKAGE.findall(lock):
        fields = dict(FIELD.findall(package))
        if "source = " in package:
            out.add(f"{fields['name']} {fields['version']} {fields.get('checksum', 'without-checksum')}")
    return out


def allowed(text):
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def differences(lock, text):
    found, wanted = resolved(lock), allowed(text)
    return [f"not allowed: {line}" for line in sorted(found - wanted)] + \
           [f"missing: {line}" for line in sorted(wanted - found)]


def main(arguments):
    lock_path, list_path, *rest = arguments
    lock = pathlib.Path(lock_path).read_text()
    if rest == ["--write"]:
        header = "# Crates of the consensus core: name, version, SHA-256. Made by tools/check_crates.py --write.\n"
        pathlib.Path(list_path).write_text(header + "".join(f"{line}\n" for line in sorted(resolved(lock))))
        return 0
    found = differences(lock, pathlib.Path(list_path).read_text())
    if found:
        print(f"cargo resolved other crates than {list_path} allows:", *found, sep="\n  ", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
