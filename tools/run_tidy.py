#!/usr/bin/env python3
"""Runs clang-tidy over sources of a build directory, skipping files whose content passed before.

usage: run_tidy.py BUILD_DIRECTORY JOBS [--all]

Without --all: over those that have changed lately (changed.py) and some that include a changed header, MOST at most; what is left
out is said.
"""
import concurrent.futures
import hashlib
import json
import pathlib
import re
import subprocess
import sys

import changed

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Generated code and the few files that carry the HTTP library: a minute each, with findings only in that library.
SKIPPED = ("src/net/internal/",)
MOST = 40
MOST_PER_HEADER = 3  # sources of its room that include it: a mistake of a header shows in any of them


def sources(build):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(ROOT / "src") or path.name.endswith("_test.cc"):
            continue
        if any(str(path.relative_to(ROOT)).startswith(prefix) for prefix in SKIPPED):
            continue
        yield path


def chosen(paths):
    """Those of `paths` that are worth the time: what is not committed yet, then the others mixed, another way for each commit;
    None where everything is (outside of git)."""
    names = changed.files(recent=True)
    if names is None:
        return None
    out = {ROOT / name: None for name in names}
    by_room = {}
    for path in paths:
        by_room.setdefault(path.relative_to(ROOT / "src").parts[0], []).append((path, path.read_text()))
    for name in names:
        if name.startswith("src/") and name.endswith(".h") and name.count("/") > 1:
            include = re.compile(rf'^#include "{re.escape(name[4:])}"', re.M)
            users = [path for path, text in by_room.get(name.split("/")[1], []) if include.search(text)]
            out.update(dict.fromkeys(sorted(users, key=lambda path: path.stat().st_size)[:MOST_PER_HEADER]))
    first, head = {ROOT / name for name in changed.uncommitted()}, changed.git("rev-parse", "HEAD")
    return sorted(out.keys() & set(paths),
                  key=lambda path: (path not in first, hashlib.sha256(f"{head}{path.relative_to(ROOT)}".encode()).hexdigest()))


def check(build, path):
    done = subprocess.run(["clang-tidy-16", "--quiet", "-p", str(build), str(path)], capture_output=True, text=True)
    failed = done.returncode != 0 or "error:" in done.stdout
    return path, failed, done.stdout if failed else ""


def main():
    build, jobs = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    headers = hashlib.sha256(b"".join(p.read_bytes() for p in sorted((ROOT / "src").rglob("*.h"))))
    headers.update((ROOT / ".clang-tidy").read_bytes())
    state = build / "tidy-passed.json"
    passed = json.loads(state.read_text()) if state.exists() else {}
    paths = sorted(set(sources(build)))
    wanted = None if "--all" in sys.argv[3:] else chosen(paths)
    todo = []
    for path in paths if wanted is None else wanted:
        digest = hashlib.sha256(headers.digest() + path.read_bytes()).hexdigest()
        if passed.get(str(path)) != digest:
            todo.append((path, digest))
    left = 0 if wanted is None else max(0, len(todo) - MOST)
    todo = todo[: len(todo) - left]
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        digests = dict(todo)
        for path, failed, output in pool.map(lambda item: check(build, item[0]), todo):
            if failed:
                failures += 1
                print(output)
            else:
                passed[str(path)] = digests[path]
    state.write_text(json.dumps(passed))
    print(f"clang-tidy: {len(todo)} of {len(paths)} files checked, {failures} with errors")
    if left:
        print(f"clang-tidy: {left} more have changed lately: ./x test tidy-all checks every file")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
