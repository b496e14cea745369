#!/usr/bin/env python3
"""Bytes over the link of a top manager when a version set with one file reaches leaves: through a manager in between, which
keeps the file, and to the leaves themselves.

usage: links_bench.py [--mib N] [--leaves N]      size of the file, default 64 MiB; leaves, default 4
"""
import argparse
import hashlib
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/blackbox"))
import harness  # noqa: E402
from harness import expect, wait_until  # noqa: E402

MIB = 1 << 20


def declare(top, content):
    expect(201, top.call("POST", "files/images/site.img", content))
    top.create("version_sets", {"Id": "site", "Apply": True, "Files": [
        {"Path": "files/site.img", "Source": "self://files/images/site.img", "Sha256Sum": hashlib.sha256(content).hexdigest()}]})


def assign(top, leaf):
    """Waits until the leaf has the file."""
    top.patch(f"endpoints/{leaf.id}", ("add", "/VersionSets", ["site"]), ("add", "/Apply", True))
    wait_until(f"{leaf.id} has the file", lambda: leaf.call("HEAD", "files/site.img").status_code == 200, 120)
    wait_until(f"{leaf.id} is done", lambda: not top.get(f"endpoints/{leaf.id}").get("Actions"), 60)


def through_a_manager(content, leaves):
    site = harness.Site()
    try:
        *below, middle, top = site.start(*[f"L{i}" for i in range(leaves)], "R1", "M1")
        gate = site.gate(middle)
        middle.become_manager().attach(*below)
        top.become_manager().attach(middle, url=gate.url)
        wait_until("M1 sees the leaves", lambda: top.count("endpoints") == leaves + 1)
        declare(top, content)
        return [moved(gate, lambda leaf=leaf: assign(top, leaf)) for leaf in below]
    finally:
        site.close()


def without(content, leaves):
    site = harness.Site()
    try:
        *below, top = site.start(*[f"L{i}" for i in range(leaves)], "M1")
        top.become_manager()
        gates = [site.gate(leaf) for leaf in below]
        for leaf, gate in zip(below, gates):
            top.attach(leaf, url=gate.url)
        declare(top, content)
        return [moved(gate, lambda leaf=leaf: assign(top, leaf)) for leaf, gate in zip(below, gates)]
    finally:
        site.close()


def moved(gate, work):
    before = gate.bytes
    work()
    return gate.bytes - before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--leaves", type=int, default=4)
    options = parser.parse_args()
    content = os.urandom(options.mib * MIB)
    cached = through_a_manager(content, options.leaves)
    direct = without(content, options.leaves)
    print(f"one file of {options.mib} MiB to {options.leaves} leaves; MiB over M1's links, leaf by leaf")
    for name, figures in (("through R1", cached), ("without", direct)):
        print(f"{name:12}" + "".join(f"{figure / MIB:10.3f}" for figure in figures) + f"   all {sum(figures) / MIB:.2f}")
    print(f"ratio {sum(cached) / sum(direct):.3f}")


if __name__ == "__main__":
    main()
