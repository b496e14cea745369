#!/usr/bin/env python3
"""Builds the web interface and packs it, away from its sources: CMake runs it, see docs/ux.md.

usage: build_ux.py [--mode AUTO|ON] [--modules NODE_MODULES] DIRECTORY PACK
Copies the sources into DIRECTORY, fetches there what the lock file names (npm ci --omit=dev), builds, and writes PACK and
the mark PACK.built. What did not change since the last time is not done again, and leaves PACK as it is. When it cannot be
built, ON fails; AUTO says why and leaves an empty PACK, as a server without an interface has, without the mark: so the next
build tries again. --modules takes what npm fetched before, instead of fetching it: for a second build that is compared.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "ux"
PACKER = ROOT / "tools" / "pack_ux.py"
OLDEST_NODE = 18
LEFT_OUT = {"node_modules", "dist", "tests", "README.md", ".gitignore"}
FETCHED_BY = ("package.json", "package-lock.json", ".npmrc")


class NotBuilt(Exception):
    """Why there is no interface, in words for people."""


def source_files():
    """Relative path -> bytes of everything that decides what comes out."""
    files = {}
    for path in sorted(SOURCES.rglob("*")):
        name = path.relative_to(SOURCES)
        if path.is_file() and name.parts[0] not in LEFT_OUT:
            files[name.as_posix()] = path.read_bytes()
    return files


def digest(parts):
    total = hashlib.sha256()
    for name in sorted(parts):
        total.update(f"{name}\0{len(parts[name])}\0".encode() + parts[name])
    return total.hexdigest()


def check_tools():
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise NotBuilt(f"{tool} is not installed (Debian packages nodejs and npm)")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.", said)
    if version is None or int(version[1]) < OLDEST_NODE:
        raise NotBuilt(f"Node.js is {said.strip() or 'broken'}, and {OLDEST_NODE} or later is needed")


def run(what, command, folder, **environment):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise NotBuilt(f"{what} failed:\n{last}")
    return done.stdout


def copy_sources(files, tree):
    """`tree` holds exactly these files afterwards, beside what npm fetched."""
    tree.mkdir(parents=True, exist_ok=True)
    for path in sorted(tree.rglob("*"), reverse=True):
        name = path.relative_to(tree)
        if name.parts[0] == "node_modules":
            continue
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif not path.is_dir() and name.as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        target = tree / name
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def fetch(files, tree, stamps):
    """What the lock file names, unless it is there."""
    wanted = digest({name: files[name] for name in FETCHED_BY if name in files})
    if stamps.get("fetched") == wanted and (tree / "node_modules").is_dir():
        return
    stamps.pop("fetched", None)
    print("   npm ci: fetching what ux/package-lock.json names", flush=True)
    run("npm ci", ["npm", "ci", "--omit=dev", "--prefer-offline", "--no-progress", "--fetch-retries=1"], tree)
    stamps["fetched"] = wanted


def take_modules(modules, tree):
    """What was fetched elsewhere for the same lock file, as further names of the same files."""
    if not modules.is_dir():
        raise NotBuilt(f"{modules} is not there")
    target = tree / "node_modules"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(modules, target, symlinks=True, copy_function=link_or_copy, ignore=shutil.ignore_patterns(".vite*", ".cache"))


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


class Stamps(dict):
    """What was done in a directory with which input; kept there, also when the next step fails."""

    def __init__(self, directory):
        self.file = directory / "stamps.json"
        super().__init__(json.loads(self.file.read_text()) if self.file.is_file() else {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.write_text(json.dumps(self))


def build(directory, pack, modules):
    if not (SOURCES / "package-lock.json").is_file():
        raise NotBuilt("ux/package-lock.json is not there")
    files = source_files()
    tools = {path.name: path.read_bytes() for path in (PACKER, pathlib.Path(__file__).resolve())}
    wanted = digest({**files, **tools})
    with Stamps(directory) as stamps:
        if stamps.get("built") == wanted and pack.is_file() and pack.stat().st_size > 0:
            return
        check_tools()
        stamps.pop("built", None)
        tree, output = directory / "tree", directory / "dist"
        copy_sources(files, tree)
        if modules is None:
            fetch(files, tree, stamps)
        else:
            take_modules(modules, tree)
        print("   vite build", flush=True)
        run("vite build", [str(tree / "node_modules" / ".bin" / "vite"), "build"], tree, MULLION_UX_OUT=str(output),
            NODE_ENV="production")
        print(run("packing", [sys.executable, str(PACKER), str(output), str(pack)], ROOT), end="", flush=True)
        stamps["built"] = wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=["AUTO", "ON"], default="ON")
    parser.add_argument("--modules", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("pack", type=pathlib.Path)
    arguments = parser.parse_args()
    directory, pack = arguments.directory.resolve(), arguments.pack.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    mark = pack.with_name(pack.name + ".built")
    try:
        build(directory, pack, arguments.modules)
        mark.touch()
    except NotBuilt as why:
        mark.unlink(missing_ok=True)
        if arguments.mode == "ON":
            sys.exit(f"The web interface is not built: {why}")
        print(f"The web interface is not built: {why}\nThe server works without it.", flush=True)
        if not pack.is_file() or pack.stat().st_size > 0:
            pack.write_bytes(b"")


if __name__ == "__main__":
    main()
