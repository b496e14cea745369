#!/usr/bin/env python3
"""Builds the consensus core (src/cluster/raft_core) with cargo: build_core.py SOURCE OUT JOBS.

Works on a copy below OUT, because cargo writes its lock file beside Cargo.toml; what it resolved must be what
crates.sha256 allows, before anything of it is compiled. The library is OUT/target/release/libraft_core.a."""
import os
import pathlib
import shutil
import subprocess
import sys

import check_crates


def copy_sources(source, to):
    """Files that did not change keep their time, so that cargo compiles nothing twice."""
    wanted = {path.relative_to(source) for path in [source / "Cargo.toml", *(source / "src").glob("*.rs")]}
    for old in [path.relative_to(to) for path in to.rglob("*.rs")]:
        if old not in wanted:
            (to / old).unlink()
    for path in wanted:
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        if not (to / path).exists() or (to / path).read_bytes() != (source / path).read_bytes():
            shutil.copyfile(source / path, to / path)


def cargo(arguments, where):
    home = os.environ.get("CARGO_HOME", str(pathlib.Path.home() / ".cargo"))
    # No paths of this machine in the program: the last words of a panic name its place.
    flags = f"--remap-path-prefix={home}/registry/src=crates --remap-path-prefix={where}=src/cluster/raft_core"
    environment = {**os.environ, "RUSTFLAGS": flags}
    return subprocess.run(["cargo", *arguments], cwd=where, env=environment).returncode


def main(source, out, jobs):
    source, out = pathlib.Path(source), pathlib.Path(out)
    work = out / "raft_core"
    copy_sources(source, work)
    stamp = work / "Cargo.toml.resolved"
    if not stamp.exists() or stamp.read_bytes() != (work / "Cargo.toml").read_bytes():
        (work / "Cargo.lock").unlink(missing_ok=True)
        if cargo(["generate-lockfile", "--quiet"], work) != 0:
            return 1
        shutil.copyfile(work / "Cargo.toml", stamp)
    if check_crates.main([str(work / "Cargo.lock"), str(source / "crates.sha256")]) != 0:
        stamp.unlink()
        return 1
    return cargo(["build", "--release", "--locked", "--quiet", "--jobs", jobs, "--target-dir", str(out / "target")], work)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
