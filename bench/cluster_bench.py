#!/usr/bin/env python3
"""What a cluster of three costs and how fast it repairs itself, on one machine: the rate of writes beside that of a single
server, what writes take while a passive member is killed, and how long a member takes to be equal again that was away or
has lost its database. Pauses of a failover are measured by failover_bench.py.

usage: cluster_bench.py [--seconds N] [--commits N] [--megabytes N]
"""
import argparse
import base64
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import shutil
import tempfile
import threading
import time

from system_bench import Load, Table, cpu_seconds, sync_seconds, token  # finds the harness, too
import harness
from harness import expect, wait_until
from test_cluster import Cluster, full_state

CLIENTS = 64
BODY = '{"Name":"p-@","Description":"written by a benchmark"}'
LARGE = 192 << 10  # bytes of one of the objects that fill the database; base64 makes four bytes of three
PATIENCE = 300


def parts(cluster):
    """The member that serves, and the others."""
    active = cluster.active()
    return active, [server for server in cluster.members.values() if server is not active]


def commits(server):
    return full_state(server)["Seq"]


def write_rate(load, server, seconds):
    return load(server.url, ["/api/v3/profiles"], seconds, CLIENTS, token(server), "POST", BODY)


def single_rate(site, load, seconds):
    server = site.server("single", flags=["--log-level", "warn"]).start()
    figures = write_rate(load, server, seconds)
    server.stop()
    return figures


class SteadyWrites:
    """Two writes at a time, one after the other, and what each took."""

    def __init__(self, server):
        self.server, self.seconds, self.ends = server, [], threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(2)

    def __enter__(self):
        self.workers = [self.pool.submit(self.work, number) for number in range(2)]
        return self

    def __exit__(self, *_):
        self.ends.set()
        for worker in self.workers:
            worker.result()

    def work(self, number):
        for count in itertools.count():
            if self.ends.is_set():
                return
            begun = time.monotonic()
            expect(201, self.server.call("POST", "profiles", {"Name": f"steady-{number}-{count}"}))
            self.seconds.append(time.monotonic() - begun)


def passive_dies(cluster):
    """The slowest write before and after a passive member is killed."""
    active, (passive, _) = parts(cluster)
    with SteadyWrites(active) as writes:
        time.sleep(2)
        before = list(writes.seconds)
        passive.kill()
        time.sleep(3)
    after = writes.seconds[len(before):]
    passive.start()
    cluster.wait_equal()
    return max(before), max(after)


def seconds_until_equal(cluster, member):
    begun = time.monotonic()
    member.launch()
    wait_until("it holds what the others hold", lambda: is_equal(cluster, member), PATIENCE, 0.05)
    return time.monotonic() - begun


def is_equal(cluster, member):
    own, active = full_state(member), full_state(cluster.active())
    return own and active and (own["Seq"], own["Digests"]) == (active["Seq"], active["Digests"])


def absence(cluster, load, wanted):
    """Commits that a member missed, and how long it took to have them."""
    active, (passive, _) = parts(cluster)
    passive.stop()
    begun, missed = commits(active), 0
    while missed < wanted:
        write_rate(load, active, 10)
        missed = commits(active) - begun
    return missed, seconds_until_equal(cluster, passive)


def fill(server, megabytes):
    def one(number):
        text = base64.b64encode(os.urandom(LARGE)).decode()
        expect(201, server.call("POST", "profiles", {"Name": f"large-{number}", "Description": text}))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range((megabytes << 20) // LARGE)))


def size_of(server):
    return (server.root / "data" / "data.mdb").stat().st_size / 1e6


def copy(cluster, megabytes):
    """Size of the database, and how long a member took to have it that has lost its own."""
    active, (passive, _) = parts(cluster)
    fill(active, megabytes)
    cluster.wait_equal()
    passive.stop()
    shutil.rmtree(passive.root / "data")
    return size_of(active), seconds_until_equal(cluster, passive)


def plain_copy(server, folder):
    """The yardstick: the same file, copied and synced."""
    begun = time.monotonic()
    target = pathlib.Path(folder) / "copy"
    with open(server.root / "data" / "data.mdb", "rb") as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
        os.fsync(out.fileno())
    target.unlink()
    return time.monotonic() - begun


def run(options):
    with contextlib.ExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = harness.Site()
        stack.callback(site.close)
        load, table = Load(home), Table()
        table.head()
        middle, slow = sync_seconds(site.directory)
        single = single_rate(site, load, options.seconds)
        cluster = Cluster(site, home).make()
        active, _ = parts(cluster)
        before = sum(cpu_seconds(server.process.pid) for server in cluster.members.values())
        together = write_rate(load, active, options.seconds)
        cpu = sum(cpu_seconds(server.process.pid) for server in cluster.members.values()) - before
        ratio = together["rate"] / single["rate"]
        table.add(f"three members: durable POST, {CLIENTS} clients",
                  f"{together['rate']:,.0f} /s, p50 {together['p50']:.1f} ms, p99 {together['p99']:.1f} ms, "
                  f"{cpu / options.seconds:.1f} cores",
                  f"one server: {single['rate']:,.0f} /s, p99 {single['p99']:.1f} ms; a sync {middle * 1e3:.2f}, {slow * 1e3:.2f} ms",
                  ratio, ">= 0.4 x, p99 <= 20 ms", ratio >= 0.4 and together["p99"] <= 20)
        cluster.wait_equal()
        quiet, slowest = passive_dies(cluster)
        table.add("a passive member is killed: slowest write", f"{slowest * 1e3:.0f} ms", f"before it: {quiet * 1e3:.0f} ms",
                  slowest / quiet, "<= 100 ms", slowest <= 0.1)
        size, seconds = copy(cluster, options.megabytes)
        yardstick = plain_copy(cluster.active(), home)
        table.add("a member without a database: equal again", f"{seconds:.1f} s after its start, {size:,.0f} MB",
                  f"copy of the file and sync: {yardstick:.1f} s", seconds / yardstick, "1 GB: <= 15 s",
                  seconds <= 15 if size >= 1000 else None)
        missed, seconds = absence(cluster, load, options.commits)
        table.add("a member was away: equal again", f"{seconds:.1f} s after its start", f"{missed:,} commits missed",
                  budget="600,000: <= 10 s", met=seconds <= 10 if missed >= 600_000 else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    parser.add_argument("--commits", type=int, default=600_000, help="that a member misses")
    parser.add_argument("--megabytes", type=int, default=480, help="of objects; a database keeps them in its log as well")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
