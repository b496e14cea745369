#!/usr/bin/env python3
"""What has changed in this checkout: in the working tree, in commits that the main branch of the remote does not have (without
one: in the last commit), and with --recent in the last ten commits in any case, so that a fresh clone is never without.

usage: changed.py rooms            names of the rooms with changes and of those that know them, one per line
       changed.py files [--recent] paths below the checkout, one per line
"""
import pathlib
import subprocess
import sys

import check_layers

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECENT = 10  # commits
# Tables that rooms are generated from.
SCHEMA_ROOMS = {"schema/settings.yaml": ["settings"], "schema/routes.yaml": ["api"], "schema/metrics.yaml": ["api"]}
MAIN = ("origin/HEAD", "origin/main", "origin/master")


def git(*arguments):
    """Output without the last line's end, None when git refuses."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def first_known():
    """The last commit that was there before this work; None when there is none."""
    for name in MAIN:
        base = git("merge-base", "HEAD", name)
        if base and base != git("rev-parse", "HEAD"):
            return base
    return git("rev-parse", "--verify", "--quiet", "HEAD~1")


def since(commit):
    return (git("diff", "--name-only", "--no-renames", commit) or "").splitlines() if commit else []


def uncommitted():
    return since("HEAD") + (git("ls-files", "--others", "--exclude-standard") or "").splitlines()


def files(recent=False):
    """Paths that exist, sorted; None outside of git."""
    if git("rev-parse", "HEAD") is None:
        return None
    names = uncommitted() + since(first_known())
    if recent:
        names += since(git("rev-parse", "--verify", "--quiet", f"HEAD~{RECENT}"))
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def rooms():
    """In the order of CMakeLists.txt; every room when what all are built by has changed, or outside of git."""
    reach = check_layers.allowed_rooms()
    changed = files()
    if changed is None or any(name.startswith("cmake/") or name == "CMakeLists.txt" for name in changed):
        return list(reach)
    touched = set()
    for name in changed:
        if name.startswith("src/") and name.count("/") > 1:
            touched.add(name.split("/")[1])
        elif name.startswith("schema/"):
            touched.update(SCHEMA_ROOMS.get(name, ["model"]))
    return [room for room, known in reach.items() if known & touched]


def main():
    if sys.argv[1:] == ["rooms"]:
        names = rooms()
    elif sys.argv[1:2] == ["files"]:
        names = files("--recent" in sys.argv) or []
    else:
        sys.exit(__doc__)
    for name in names:
        print(name)


if __name__ == "__main__":
    main()
