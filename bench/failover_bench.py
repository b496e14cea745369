#!/usr/bin/env python3
"""How long clients of a cluster wait when the member that serves goes away, kind by kind, and whether anything that was
acknowledged is missing. Three real processes in network namespaces on one line with a virtual address; clients know
nothing but the address, and each write is a new object on a connection of its own, begun every few milliseconds whatever
became of the others: what is measured is the cluster, not the patience of one client. Needs root, for namespaces.

The pause of a trial is the longest time without an acknowledged write from the fault on. Beside it, from the same run:
the disk's own sync, a write of a single server that is reached in the same way, and the load of the machine.

usage: failover_bench.py [--trials N] [--only KIND,...] [--json FILE]
"""
import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/blackbox"))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import USER, expect, wait_until  # noqa: E402
from test_address import VIRTUAL, HostedCluster  # noqa: E402
from test_cluster import consensus  # noqa: E402

EVERY = 0.02  # a write is begun
CONNECT, ANSWER = 1.0, 3.0
BEFORE, AFTER = 0.5, 0.7  # seconds of writing before the fault, and once the next member serves
PATIENCE = 120


def token_of(server):
    return server.get(f"users/{USER}/token?ttl=86400")["Token"]


class Writes:
    """Begins writes at an address until it is left; `acknowledged`: when, by name."""

    def __init__(self, address, token, prefix):
        self.address, self.prefix = address, prefix
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.trust = ssl.create_default_context()
        self.trust.check_hostname, self.trust.verify_mode = False, ssl.CERT_NONE
        self.acknowledged, self.latencies, self.stopped = {}, [], threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(256)
        self.begins = threading.Thread(target=self.begin, daemon=True)

    def __enter__(self):
        self.begins.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.begins.join()
        self.pool.shutdown()

    def begin(self):
        count = 0
        while not self.stopped.wait(EVERY):
            count += 1
            self.pool.submit(self.write, f"{self.prefix}-{count}")

    def write(self, name):
        begun = time.monotonic()
        http_to = http.client.HTTPSConnection(self.address, 8092, timeout=CONNECT, context=self.trust)
        try:
            http_to.connect()
            http_to.sock.settimeout(ANSWER)
            http_to.request("POST", "/api/v3/profiles", json.dumps({"Name": name}), self.headers)
            if http_to.getresponse().status == 201:
                self.acknowledged[name] = time.monotonic()
                self.latencies.append(self.acknowledged[name] - begun)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            http_to.close()

    def wait_acknowledged(self, since):
        wait_until("writes are acknowledged", lambda: any(at > since for at in list(self.acknowledged.values())), PATIENCE)

    def pause(self, since):
        ends = [since, *sorted(at for at in self.acknowledged.values() if at > since)]
        return max(after - before for before, after in zip(ends, ends[1:]))


# -- kinds of faults: what happens to the member that serves, and how it is mended

def kill(line, server):
    server.process.send_signal(signal.SIGKILL)


def terminate(line, server):
    server.process.send_signal(signal.SIGTERM)


def hand_over(line, server):
    expect(200, server.call("POST", "system/passive"))


def cut(line, server):
    line.hub.ip("link", "set", server.host.port, "down")


def pause(line, server):
    server.pause()


def start_again(line, server):
    server.process.wait(PATIENCE)
    server.start()


def mend(line, server):
    line.hub.ip("link", "set", server.host.port, "up")


def resume(line, server):
    server.resume()


KINDS = {"kill -9": (kill, start_again), "SIGTERM": (terminate, start_again), "hand-over": (hand_over, None),
         "cut line": (cut, mend), "paused": (pause, resume)}


def settled(cluster):
    """All members are there and hold the same, and another one could serve."""
    cluster.wait_equal()
    active = cluster.active()
    wait_until("failing over is safe", lambda: active.call("POST", "system/consensus/failOverSafe").json() is True and
               not any(node["Offline"] for node in consensus(active, "peers")) and
               active.get("info")["errors"] == [], PATIENCE)
    return active


def trial(cluster, line, kind, number, token):
    strike, repair = KINDS[kind]
    active = settled(cluster)
    others = [server for server in cluster.members.values() if server is not active]
    with Writes(VIRTUAL, token, f"{kind.replace(' ', '')}-{number}") as writes:
        writes.wait_acknowledged(0)
        time.sleep(BEFORE)
        since = time.monotonic()
        strike(line, active)
        cluster.active(others)
        writes.wait_acknowledged(time.monotonic())
        time.sleep(AFTER)
    if repair:
        repair(line, active)
    return writes.pause(since), set(writes.acknowledged)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(values):
    return {"trials": len(values), "p50": statistics.median(values), "p99": percentile(values, 0.99), "max": max(values)}


def syncs(directory, count=200):
    """Seconds of a write of 4 KiB and its sync."""
    out = []
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        for _ in range(count):
            begun = time.monotonic()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            out.append(time.monotonic() - begun)
    return out


def single_writes(site, line, seconds=4):
    server = namespaces.HostedServer(site.directory, "single", line.host("single"))
    site.servers["single"] = server
    server.start()
    with Writes(server.host.address, token_of(server), "single") as writes:
        time.sleep(seconds)
    server.stop()
    return writes.latencies


def show(name, figures):
    print(f"{name:24} {figures['trials']:6} {figures['p50'] * 1000:9.1f} {figures['p99'] * 1000:9.1f} {figures['max'] * 1000:9.1f}",
          flush=True)


def run(kinds, trials):
    out = {"load before": os.getloadavg()[0]}
    with contextlib.ExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = harness.Site()
        stack.callback(site.close)
        line = namespaces.Line()
        stack.callback(line.close)
        stack.enter_context(line.host("client").entered())
        print(f"{'':24} {'trials':>6} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
        out["sync of 4 KiB"] = row(syncs(site.directory))
        show("sync of 4 KiB", out["sync of 4 KiB"])
        out["write, single server"] = row(single_writes(site, line))
        show("write, single server", out["write, single server"])
        cluster = HostedCluster(site, home, line).make_at_address()
        token = token_of(settled(cluster))
        with Writes(VIRTUAL, token, "quiet") as writes:
            time.sleep(4)
        acknowledged = set(writes.acknowledged)
        out["write, cluster"] = row(writes.latencies)
        show("write, cluster", out["write, cluster"])
        for kind in kinds:
            pauses = []
            for number in range(trials):
                waited, told = trial(cluster, line, kind, number, token)
                pauses.append(waited)
                acknowledged |= told
            out[kind] = row(pauses)
            show(kind, out[kind])
        kept = {one["Name"] for one in settled(cluster).objects("profiles")}
        missing = len(acknowledged - kept)
        out |= {"acknowledged": len(acknowledged), "missing": missing, "load after": os.getloadavg()[0]}
    print(f"acknowledged writes: {out['acknowledged']}, of which are missing at the end: {out['missing']}")
    print(f"load of the machine: {out['load before']:.1f} before, {out['load after']:.1f} after, {os.cpu_count()} cores")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    if why := namespaces.why_not():
        return print(f"skipped: {why}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without taking the servers along
    out = run(options.only.split(","), options.trials)
    if options.json:
        options.json.write_text(json.dumps(out, indent=1))
    if out["missing"]:
        sys.exit("acknowledged writes are missing")


if __name__ == "__main__":
    main()
