#!/usr/bin/env python3
"""What one caller's heavy requests cost another: the 50th and 99th percentile of GET /info and of a small write while a
flood of one kind goes on, beside the same two without a flood in the same run. The goal is a 99th percentile below 50 ms
on two cores; the flood itself runs on the same cores, as many threads as --threads says.

usage: flood_bench.py [--seconds N] [--threads N] [--only KIND,...]
"""
import argparse
import contextlib
import io
import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import threading
import time
import zipfile

import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/blackbox"))
import harness  # noqa: E402
from harness import USER, expect  # noqa: E402

GOAL = 0.050
JSON = {"Content-Type": "application/json"}


def session(token=None, login=None):
    made = requests.Session()
    made.verify, made.trust_env = False, False
    if token:
        made.headers["Authorization"] = f"Bearer {token}"
    made.auth = login
    return made


# -- kinds of floods: each prepares the server and returns what one request of it is

def schemas(server):
    """Values whose schema takes all the steps that there are."""
    definitions = {f"d{i}": {"allOf": [{"$ref": f"#/definitions/d{i + 1}"}] * 2} for i in range(60)}
    definitions["d60"] = {}
    server.create("params", {"Name": "doubling", "Schema": {"allOf": [{"$ref": "#/definitions/d0"}], "definitions": definitions}})
    server.create("profiles", {"Name": "doubled"})
    return lambda http: http.post(f"{server.url}/api/v3/profiles/doubled/params/doubling", "1", headers=JSON, timeout=60)


def patches(server):
    """Patches that make as much as is allowed out of little."""
    server.create("profiles", {"Name": "patched"})
    steps = [{"op": "add", "path": "/Params/a", "value": "x" * 100_000}]
    steps += [{"op": "copy", "from": "/Params/a", "path": f"/Params/a{i}"} for i in range(300)]
    body = json.dumps(steps)
    return lambda http: http.patch(f"{server.url}/api/v3/profiles/patched", body, headers=JSON, timeout=60)


def filters(server):
    """Filters on a member that no index holds, over 20 000 machines."""
    rows = {f"f-{i}": {"Name": f"f-{i}", "Description": "d" * 200, "Params": {"rack": i % 100}} for i in range(20_000)}
    pack = {"meta": {"Name": "filtered", "Version": "v1.0.0"}, "sections": {"profiles": rows}}
    expect(201, server.call("POST", "contents", json.dumps(pack), headers=JSON))
    return lambda http: http.get(f"{server.url}/api/v3/profiles?rack=Re(^9[0-9]$)", timeout=60)


def lists(server):
    """Lists of 20 000 objects, read whole."""
    filters(server)
    return lambda http: http.get(f"{server.url}/api/v3/profiles", timeout=60)


def archives(server):
    """Archives of 1 000 files, unpacked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(1000):
            archive.writestr(f"d/{i}", b"x" * 4096)
    content = packed.getvalue()
    return lambda http: http.post(f"{server.url}/api/v3/files/flood/all.zip?explode=true", content, timeout=60)


def packs(server):
    """Packs of 2 000 objects, replaced."""
    rows = {f"p-{i}": {"Name": f"p-{i}", "Description": "d" * 100} for i in range(2000)}
    body = json.dumps({"meta": {"Name": "replaced", "Version": "v1.0.0"}, "sections": {"profiles": rows}})
    expect(201, server.call("POST", "contents", body, headers=JSON))
    return lambda http: http.put(f"{server.url}/api/v3/contents/replaced", body, headers=JSON, timeout=60)


def logins(server):
    """Logins with a wrong password, each of another name."""
    count = iter(range(1 << 30))
    return lambda http: http.get(f"{server.url}/api/v3/info", auth=(f"nobody-{next(count)}", "guess"), timeout=60)


def searches(server):
    """Words that nothing has, looked for in 20 000 objects."""
    filters(server)
    return lambda http: http.get(f"{server.url}/api/v3/profiles?search=nowhere%20else&limit=1", timeout=60)


def groups(server):
    """Counts of 20 000 objects by a value that each has alone."""
    filters(server)
    return lambda http: http.get(f"{server.url}/api/v3/profiles?group-by=Name,Endpoint", timeout=60)


def histories(server):
    """All that the log has of an object that was changed often."""
    server.create("profiles", {"Name": "changed"})
    for number in range(300):
        server.patch("profiles/changed", ("add", "/Description", f"{number} " + "d" * 20_000))
    return lambda http: http.get(f"{server.url}/api/v3/profiles/changed/history?limit=250", timeout=60)


def plans(server):
    """What a set would do to 500 endpoints."""
    server.create("version_sets", {"Id": "planned", "Prefs": {"defaultStage": "none"}})
    for number in range(500):
        server.create("endpoints", {"Id": f"e-{number}"})
    body = json.dumps({"Sets": ["planned"], "Targets": ""})
    return lambda http: http.post(f"{server.url}/api/v3/plans", body, headers=JSON, timeout=60)


def previews(server):
    """What a bulk would do to 20 000 objects."""
    filters(server)
    server.create("bulks", {"Id": "previewed", "What": {"Kind": "set-params", "Params": {"rack": 7}}, "Selection": {"Type": "profiles"}})
    return lambda http: http.post(f"{server.url}/api/v3/bulks/previewed/actions/preview", "{}", headers=JSON, timeout=60)


def allocations(server):
    """Addresses of a subnet of which few are free."""
    server.create("subnets", {"Name": "crowded", "Subnet": "10.7.0.0/16", "OnlyReservations": True})
    for number in range(500):
        server.create("reservations", {"Addr": f"10.7.{number // 250}.{number % 250 + 1}", "Token": f"t-{number}", "Strategy": "MAC"})
    return lambda http: http.post(f"{server.url}/api/v3/subnets/crowded/allocate", "{}", headers=JSON, timeout=60)


KINDS = {"schemas": schemas, "patches": patches, "filters": filters, "lists": lists, "archives": archives, "packs": packs,
         "logins": logins, "searches": searches, "groups": groups, "histories": histories, "plans": plans, "previews": previews,
         "allocations": allocations}


class Flood:
    """Many requests of one kind at the same time, until the end of the block. They come from a process of low priority:
    whoever floods a server has processors of its own."""

    def __init__(self, request, login, threads):
        context = multiprocessing.get_context("fork")
        self.over, self.sent = context.Event(), context.Value("Q", 0)
        self.process = context.Process(target=self.run, args=(request, login, threads))

    def run(self, request, login, threads):
        os.nice(19)
        workers = [threading.Thread(target=self.send, args=(request, login)) for _ in range(threads)]
        for worker in workers:
            worker.start()

    def send(self, request, login):
        with session(login=login) as http:
            while not self.over.is_set():
                with contextlib.suppress(requests.RequestException):
                    request(http)
                with self.sent.get_lock():
                    self.sent.value += 1

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.process.join(30)
        self.process.kill()


def measure(server, token, seconds):
    """Sorted times of GET /info and of a small write, one after the other, of a caller with a login of its own."""
    reads, writes = [], []
    until = time.monotonic() + seconds
    with session(token=token) as http:
        number = 0
        while time.monotonic() < until:
            number += 1
            begin = time.monotonic()
            http.get(f"{server.url}/api/v3/info", timeout=60).raise_for_status()
            reads.append(time.monotonic() - begin)
            begin = time.monotonic()
            http.post(f"{server.url}/api/v3/profiles/small/params/number", str(number), headers=JSON, timeout=60).raise_for_status()
            writes.append(time.monotonic() - begin)
    return sorted(reads), sorted(writes)


def percentile(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def row(kind, measured, quiet, sent):
    cells = []
    for times, alone in zip(measured, quiet):
        p99, yardstick = percentile(times, 0.99), percentile(alone, 0.99)
        cells.append(f"{statistics.median(times) * 1e3:6.1f} {p99 * 1e3:7.1f} {p99 / yardstick:6.1f} {'yes' if p99 < GOAL else 'NO':>4}")
    print(f"{kind:<10} | " + " | ".join(cells) + f" | {sent:>8}", flush=True)


def one_kind(kind, arguments):
    with contextlib.closing(harness.Site()) as site:
        server = site.server("a").start()
        server.create("profiles", {"Name": "small"})
        server.create("users", {"Name": "flood", "Roles": ["superuser"]})
        expect(200, server.call("PUT", "users/flood/password", {"Password": "flood"}))
        token = server.get(f"users/{USER}/token?ttl=1h")["Token"]
        request = KINDS[kind](server)
        quiet = measure(server, token, arguments.seconds)
        with Flood(request, ("flood", "flood"), arguments.threads) as flood:
            time.sleep(1)
            measured = measure(server, token, arguments.seconds)
        row(kind, measured, quiet, flood.sent.value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--only", default=",".join(KINDS))
    arguments = parser.parse_args()
    print(f"{'flood of':<10} | {'info: p50 ms, p99 ms, times, <50':^27} | {'write: p50 ms, p99 ms, times, <50':^27} | requests")
    for kind in arguments.only.split(","):
        one_kind(kind, arguments)


if __name__ == "__main__":
    main()
