#!/usr/bin/env python3
"""Servers of another make for tests of the web interface: machines whose jobs ran tasks, some of which failed.

usage: foreign_fleet.py SPEC, where SPEC is JSON: [{"id": "C", "failed": 40, "finished": 80, "seed": 1, "clock": 80}, ...];
`clock`: seconds that the server's clock is ahead

Only agents of such servers run tasks, so what failed where is planted there, as agents would have left it. Prints one
line of JSON, {"ID": "URL", ...}, and runs until its input ends.
"""
import datetime
import json
import pathlib
import random
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "foreign"))
from server import ForeignServer  # noqa: E402 (found by the line above)

TASK = "network-config"
OTHERS = ("install-packages", "burn-in", "raid-config")
# What a log says: the share of failures, and its last lines with what differs from machine to machine.
TALES = (
    (0.85, "curl: (28) Connection timed out after {ms} milliseconds: https://mirror.example.org/{mac}"),
    (0.15, "dhclient[{pid}]: No DHCPOFFERS received on {mac}."),
)


def stamp(seconds_ago):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def log_of(chance, name, failed):
    lines = [f"{stamp(60)} begin on {name}", "+ apply-network --all"]
    if failed:
        mac = ":".join(f"{chance.randrange(256):02x}" for _ in range(6))
        tale = TALES[0][1] if chance.random() < TALES[0][0] else TALES[1][1]
        lines += [tale.format(ms=chance.randrange(300_000, 301_000), mac=mac, pid=chance.randrange(1 << 16)),
                  f"Task {TASK} failed", "Command exited with status 1"]
    else:
        lines.append("done")
    return "\n".join(lines) + "\n"


def plant(server, spec):
    chance = random.Random(spec.get("seed", 1))
    for name in (TASK, *OTHERS):
        server.put("tasks", {"Name": name}, silent=True)
    for name in ("rack-switch-v1", "rack-switch-v2", "base"):
        server.put("profiles", {"Name": name}, silent=True)
    total = spec.get("failed", 0) + spec.get("finished", 0)
    for number in range(total):
        failed = number < spec.get("failed", 0)
        machine, job = (str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(2))
        name = f"web-{server.id.lower()}-{number:03d}.example.org"
        switch = "rack-switch-v2" if failed or chance.random() < 0.02 else "rack-switch-v1"
        task = TASK if failed or chance.random() < 0.31 else chance.choice(OTHERS)
        began = chance.randrange(120, 2400)
        server.put("machines", {
            "Uuid": machine, "Name": name, "Profiles": ["base", switch], "Pool": chance.choice(["compute", "storage"]),
            "Arch": "amd64", "OS": "ubuntu-22.04", "Address": f"10.4.{number // 250}.{number % 250 + 1}",
            "CurrentJob": job, "Runnable": not failed, "Stage": "none"}, silent=True)
        server.put("jobs", {
            "Uuid": job, "Machine": machine, "Task": task, "Stage": "network", "Workflow": "deploy", "BootEnv": "local",
            "State": "failed" if failed else "finished", "ExitState": "failed" if failed else "complete",
            "Current": True, "StartTime": stamp(began), "EndTime": stamp(began - 60)}, silent=True)
        server.state.binaries["log", job] = log_of(chance, name, failed).encode()


def main():
    servers = []
    for spec in json.loads(sys.argv[1]):
        server = ForeignServer(spec["id"], version=spec.get("version", "4.8"), seed=spec.get("seed", 1))
        server.faults.clock_offset = spec.get("clock", 0)
        plant(server, spec)
        servers.append(server.start())
    print(json.dumps({server.id: server.url for server in servers}), flush=True)
    for line in sys.stdin:
        words = line.split()
        for server in servers:
            if words == ["stop", server.id]:
                server.stop()
    for server in servers:
        server.stop()


if __name__ == "__main__":
    main()
