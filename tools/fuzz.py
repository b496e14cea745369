#!/usr/bin/env python3
"""Runs the fuzz targets of a build folder: each first over its corpus, then for some seconds on new inputs.

usage: fuzz.py BUILD [--seconds N] [--seed N] [--jobs N] [TARGET ...]

What crashes a target is kept below BUILD/fuzz/crashes/TARGET; put it into fuzz/corpus/TARGET with the repair.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAST_RUNS = 100  # a target that hardly runs finds nothing and must not pass


def command(binary, crashes, seconds, seed, new_inputs):
    name = binary.name
    dictionary = ROOT / "fuzz/dictionaries" / f"{name}.dict"
    options = [f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-rss_limit_mb=1024", "-max_len=4096",
               "-print_final_stats=1", f"-artifact_prefix={crashes}/"]
    if dictionary.exists():
        options.append(f"-dict={dictionary}")
    # libFuzzer writes what it finds into the first folder: the corpus itself stays as it is.
    return [str(binary), *options, new_inputs, str(ROOT / "fuzz/corpus" / name)]


def run(binary, seconds, seed):
    """(name, problem or None, one line about what was done)"""
    name = binary.name
    if not any((ROOT / "fuzz/corpus" / name).iterdir()):
        return name, "has no corpus", ""
    crashes = binary.parent / "crashes" / name
    shutil.rmtree(crashes, ignore_errors=True)
    crashes.mkdir(parents=True)
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=16",
                   "UBSAN_OPTIONS": "print_stacktrace=1"}
    with tempfile.TemporaryDirectory() as new_inputs:
        done = subprocess.run(command(binary, crashes, seconds, seed, new_inputs), env=environment, text=True,
                              errors="replace", capture_output=True, timeout=seconds + 120)
    runs = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    count = int(runs.group(1)) if runs else 0
    line = f"{name:10} {count:>9} inputs, {covered[-1] if covered else '?':>5} edges"
    if done.returncode != 0:
        return name, done.stderr[-6000:], line
    if count < LEAST_RUNS:
        return name, f"ran only {count} inputs", line
    return name, None, line


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers; the same one repeats a run, 0 is a new one")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("targets", nargs="*")
    arguments = parser.parse_intermixed_args()
    names = arguments.targets or sorted(path.stem for path in (ROOT / "fuzz").glob("*.cc"))
    binaries = [arguments.build.resolve() / "fuzz" / name for name in names]
    missing = [binary.name for binary in binaries if not binary.exists()]
    if missing or not binaries:
        sys.exit(f"not built: {', '.join(missing) or 'anything'}")
    failed = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, problem, line in pool.map(lambda binary: run(binary, arguments.seconds, arguments.seed), binaries):
            print(line, flush=True)
            if problem:
                failed.append(name)
                print(f"-- {name} failed; inputs in {arguments.build}/fuzz/crashes/{name}\n{problem}", flush=True)
    if failed:
        sys.exit(f"fuzzing failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
