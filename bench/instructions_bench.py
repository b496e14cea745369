#!/usr/bin/env python3
"""What requests cost the server in instructions, beside the same of an earlier program: valgrind counts them, so that other
load of the machine changes nothing. Each kind of request is sent some times to warm up, then counted; a start with many
objects is counted until its first answer.

usage: instructions_bench.py OLD_PROGRAM [--requests N] [--only KIND,...] [--keep FOLDER]
  OLD_PROGRAM  the yardstick, e.g. `mullion` of version 0.1.0, built for release by the same compiler
  --keep       leaves callgrind's files there; callgrind_annotate shows where the instructions go
"""
import argparse
import base64
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile

import websocket

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/blackbox"))
import harness  # noqa: E402
from harness import PASSWORD, USER  # noqa: E402

WARM = 20
OBJECTS = 20_000
START = f"start with {OBJECTS:,} objects"


class CountedServer(harness.Server):
    """A server whose instructions are counted when told to."""

    def __init__(self, program, folder, name, counts=None, from_start=False):
        super().__init__(folder, name, flags=["--map-size", "1GiB"])  # valgrind has less address space
        self.program, self.counts, self.from_start, self.dumps = program, counts, from_start, 0

    def command(self):
        counted = ["valgrind", "-q", "--tool=callgrind", f"--instr-atstart={'yes' if self.from_start else 'no'}",
                   f"--callgrind-out-file={self.counts}/{self.name}"]
        return [*(counted if self.counts else []), str(self.program), *super().command()[1:]]

    def control(self, *words):
        subprocess.run(["callgrind_control", *words, str(self.process.pid)], check=True, capture_output=True)

    def dump(self):
        """Instructions since the last dump."""
        self.control("-d")
        self.dumps += 1
        text = pathlib.Path(f"{self.counts}/{self.name}.{self.dumps}").read_text()
        return int(re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[1])

    @contextlib.contextmanager
    def counting(self, result):
        """Appends the instructions of the block to `result`."""
        self.control("-i", "on")
        self.control("-z")
        yield
        result.append(self.dump())
        self.control("-i", "off")


class Client:
    """One connection that is kept, with a token."""

    def __init__(self, server):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.connection = http.client.HTTPSConnection("127.0.0.1", server.api_port, context=context, timeout=600)
        token = server.call("GET", f"users/{USER}/token?ttl=4h", timeout=600).json()["Token"]
        self.headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token}

    def __call__(self, method, path, body=None, headers=None):
        text = None if body is None else json.dumps(body)
        self.connection.request(method, "/api/v3/" + path, text, headers or self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")


def profile(number):
    return {"Name": f"bench-{number:05}", "Description": "d" * 200, "Meta": {"color": "black"}, "Params": {"rack": number % 50}}


def replaced(text):
    return [{"op": "replace", "path": "/Description", "value": text}]


def kinds(server, ask):
    """By name: what one request of it is, told its number. What is deleted was created before."""
    by_password = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    listening = []

    def heard(number):
        if not listening:
            listening.append(websocket.create_connection(
                f"wss://127.0.0.1:{server.api_port}/api/v3/ws", sslopt={"cert_reqs": 0}, timeout=600,
                header=[f"Authorization: {ask.headers['Authorization']}"]))
            listening[0].send("register profiles.*.*")
            listening[0].recv()
        ask("PATCH", "profiles/bench-00007", replaced(f"event {number}."))
        while f"event {number}." not in listening[0].recv():
            pass

    return {
        "GET info": lambda number: ask("GET", "info"),
        "GET one profile": lambda number: ask("GET", "profiles/bench-00001"),
        "GET by password": lambda number: ask("GET", "profiles/bench-00001", headers=by_password),
        "a token": lambda number: ask("GET", f"users/{USER}/token"),
        "list of 100": lambda number: ask("GET", "profiles?limit=100"),
        "list of 1000": lambda number: ask("GET", "profiles?limit=1000"),
        "list of 100 by an index": lambda number: ask("GET", "profiles?Name=Gte(bench-00100)&limit=100"),
        "list by a parameter": lambda number: ask("GET", "profiles?rack=7&limit=100"),
        "POST": lambda number: ask("POST", "profiles", {**profile(number), "Name": f"new-{number}"}),
        "PATCH": lambda number: ask("PATCH", "profiles/bench-00002", replaced(f"{number}")),
        "set a parameter": lambda number: ask("POST", "profiles/bench-00003/params/rack", number),
        "DELETE": lambda number: ask("DELETE", f"profiles/new-{number}"),
        "PATCH that a websocket hears": heard,
    }


def fill(server, count):
    ask = Client(server)
    for number in range(count):
        ask("POST", "profiles", profile(number))


def costs_of(program, folder, name, wanted, requests):
    """Instructions for each request, by kind."""
    server = CountedServer(program, folder, name).start()
    fill(server, 1000)
    server.stop()
    server = CountedServer(program, folder, name, folder / "counts").launch()
    server.wait_ready(600)
    out = {}
    for kind, request in kinds(server, Client(server)).items():
        if not wanted(kind):
            continue
        count = max(requests // 10, 5) if kind in ("list of 1000", "list by a parameter") else requests
        for number in range(WARM):
            request(number)
        counted = []
        with server.counting(counted):
            for number in range(WARM, WARM + count):
                request(number)
        out[kind] = counted[0] / count
    server.kill()
    return out


def start_of(program, folder, name):
    server = CountedServer(program, folder, name).start()
    fill(server, OBJECTS)
    server.stop()
    server = CountedServer(program, folder, name, folder / "counts", from_start=True).launch()
    server.wait_ready(1200)
    count = server.dump()
    server.kill()
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", default="")
    options = parser.parse_args()
    only = options.only.split(",") if options.only else []
    folder = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="mullion-instructions-"))
    (folder / "counts").mkdir(parents=True, exist_ok=True)

    def wanted(kind):
        return not only or kind in only or (kind == "POST" and "DELETE" in only)
    costs = {}
    for name, program in (("now", harness.BINARY), ("before", pathlib.Path(options.old))):
        costs[name] = costs_of(program, folder, name, wanted, options.requests)
        if wanted(START):
            costs[name][START] = start_of(program, folder, "start-" + name)
    print("| instructions of the server for | now | before | ratio |\n|---|---|---|---|")
    for kind, now in costs["now"].items():
        before = costs["before"][kind]
        print(f"| {kind} | {now:,.0f} | {before:,.0f} | {now / before:.2f} |")
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
