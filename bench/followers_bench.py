#!/usr/bin/env python3
"""What a write costs, whoever listens: the 50th and 99th percentile of a small write without listeners, beside the same with
10 000 registrations that other objects are about, with 100 connections that are told of every write, and with connections that
are told and do not read. The order is turned round and repeated, and the median of the rounds is shown. The goal is a 99th
percentile that is at most 10 % above that without listeners. Those who read are in processes of low priority: they have
processors of their own elsewhere.

usage: followers_bench.py [--seconds N] [--rounds N]
"""
import argparse
import contextlib
import functools
import multiprocessing
import os
import pathlib
import statistics
import sys
import threading
import time

import requests
import websocket

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/blackbox"))
import harness  # noqa: E402
from harness import USER  # noqa: E402

JSON = {"Content-Type": "application/json"}


def connect(server, token):
    return websocket.create_connection(f"wss://127.0.0.1:{server.api_port}/api/v3/ws?token={token}", sslopt={"cert_reqs": 0},
                                       timeout=30)


def register(events, patterns):
    for pattern in patterns:
        events.send(f"register {pattern}")
        events.recv()


def drain(sockets, stop):
    os.nice(19)

    def read(events):
        with contextlib.suppress(Exception):
            while not stop.is_set():
                events.recv()

    threads = [threading.Thread(target=read, args=(events,), daemon=True) for events in sockets]
    for thread in threads:
        thread.start()
    stop.wait()


@contextlib.contextmanager
def nobody(server, token):
    yield


@contextlib.contextmanager
def registered(server, token):
    """10 000 registrations on 10 connections, of objects that nobody writes."""
    sockets = [connect(server, token) for _ in range(10)]
    for number, events in enumerate(sockets):
        register(events, [f"machines.save.m-{number}-{i}" for i in range(1000)])
    yield
    for events in sockets:
        events.close()


@contextlib.contextmanager
def told(server, token, count, reads):
    """Connections that are told of every write."""
    sockets = [connect(server, token) for _ in range(count)]
    for events in sockets:
        register(events, ["*.*.*"])
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    reader = context.Process(target=drain, args=(sockets if reads else [], stop))
    reader.start()
    yield
    stop.set()
    reader.join(5)
    reader.kill()
    for events in sockets:
        events.close()


CASES = {"nobody": nobody, "10 000 registrations": registered, "100 told": functools.partial(told, count=100, reads=True),
         "10 that do not read": functools.partial(told, count=10, reads=False)}


def writes(server, token, seconds):
    times = []
    until = time.monotonic() + seconds
    with requests.Session() as http:
        http.verify, http.trust_env = False, False
        http.headers["Authorization"] = f"Bearer {token}"
        while time.monotonic() < until:
            begin = time.monotonic()
            answer = http.post(f"{server.url}/api/v3/profiles/small/params/number", str(len(times)), headers=JSON, timeout=60)
            answer.raise_for_status()
            times.append(time.monotonic() - begin)
    return sorted(times)


def percentile(times, share):
    return times[min(len(times) - 1, int(len(times) * share))] * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    figures = {name: [] for name in CASES}
    with contextlib.closing(harness.Site()) as site:
        server = site.server("a").start()
        server.create("profiles", {"Name": "small"})
        token = server.get(f"users/{USER}/token?ttl=1h")["Token"]
        writes(server, token, 1)
        for number in range(arguments.rounds):
            for name in list(CASES) if number % 2 == 0 else reversed(CASES):
                with CASES[name](server, token):
                    times = writes(server, token, arguments.seconds)
                figures[name].append((percentile(times, 0.5), percentile(times, 0.99)))
    print(f"{'who listens':<22} | write: p50 ms, p99 ms | p99 to that without")
    alone = statistics.median(p99 for _, p99 in figures["nobody"])
    for name, rounds in figures.items():
        p50, p99 = (statistics.median(column) for column in zip(*rounds))
        print(f"{name:<22} | {p50:12.2f} {p99:8.2f} | {p99 / alone:18.2f}")


if __name__ == "__main__":
    main()
