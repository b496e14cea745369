#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build directory, skipping files whose content passed before.

usage: run_tidy.py BUILD_DIRECTORY JOBS
"""
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Generated code and the few files that carry the HTTP library: a minute each, with findings only in that library.
SKIPPED = ("src/net/internal/",)


def sources(build):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        if not path.is_relative_to(ROOT / "src") or path.name.endswith("_test.cc"):
            continue
        if any(str(path.relative_to(ROOT)).startswith(prefix) for prefix in SKIPPED):
            continue
        yield path


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
    todo = []
    for path in sorted(set(sources(build))):
        digest = hashlib.sha256(headers.digest() + path.read_bytes()).hexdigest()
        if passed.get(str(path)) != digest:
            todo.append((path, digest))
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
    print(f"clang-tidy: {len(todo)} files checked, {failures} with errors")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
