#!/usr/bin/env python3
"""What it costs a manager to follow endpoints by their public API, beside following the same by the replication stream: the time
until all are current, memory of the manager for each machine and each endpoint, processor time at rest, and requests.

usage: mirror_bench.py [--endpoints N] [--machines M]
"""
import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import system_bench  # noqa: E402
from system_bench import SimulatedFleet, cpu_seconds, harness, settled_memory  # noqa: E402

REST = 20  # seconds


def follow(site, folder, name, endpoints, machines, following):
    harness.FOLLOWING = following
    fleet = SimulatedFleet(folder, endpoints, machines)
    manager = site.server(name).start().become_manager()
    try:
        empty = settled_memory(manager.process.pid)
        begin, used = time.monotonic(), cpu_seconds(manager.process.pid)
        fleet.attach_to(manager)
        harness.wait_until("all are current", lambda: manager.count("machines") == endpoints * machines, 1800, 0.2)
        took = time.monotonic() - begin
        copying = cpu_seconds(manager.process.pid) - used
        full = settled_memory(manager.process.pid)
        used = cpu_seconds(manager.process.pid)
        time.sleep(REST)
        rest = (cpu_seconds(manager.process.pid) - used) / REST
        return {"seconds": took, "cpu": copying, "memory": full - empty, "rest": rest}
    finally:
        manager.kill()
        fleet.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=500)
    parser.add_argument("--machines", type=int, default=200)
    options = parser.parse_args()
    site = harness.Site()
    try:
        stream, events = (follow(site, site.directory, name, options.endpoints, options.machines, following)
                          for name, following in (("S", {}), ("E", {"manager/follow": "events"})))
    finally:
        site.close()
    total = options.endpoints * options.machines
    print(f"{options.endpoints} endpoints of {options.machines} machines; the yardstick is the stream")
    for what, of in (("until all are current, s", lambda one: one["seconds"]),
                     ("processor time of the manager for that, s", lambda one: one["cpu"]),
                     ("own memory for each machine, B", lambda one: one["memory"] / total),
                     ("at rest, cores", lambda one: one["rest"])):
        print(f"{what:45} {of(events):10.3f}  stream {of(stream):10.3f}  ratio {of(events) / max(of(stream), 1e-9):.2f}")


if __name__ == "__main__":
    main()
