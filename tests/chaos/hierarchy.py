"""The servers of one round: leaves A and B below R1, R1 below M1, with lines that can be disturbed between all of them and
in front of them, and a wall clock of its own for each."""
import hashlib
import json
import pathlib
import re
import struct
import subprocess
import sys

import clients
import foreign
from proxy import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "blackbox"))
import harness  # noqa: E402
from harness import expect, wait_until  # noqa: E402

BELOW = {"R1": ["A", "B"], "M1": ["R1"]}
LEVELS = {"A": ["A", "R1", "M1"], "B": ["B", "R1", "M1"], "R1": ["R1", "M1"], "M1": ["M1"]}
LINES = ["R1-A", "R1-B", "M1-R1"]  # from the manager to what it has attached
CLIENT_LINES = ["client-A", "client-R1", "client-M1"]
COLLECTIONS = ("machines", "profiles", "pools")
# Of each owner: how many registers and sequences.
SIZES = {"A": (3, 12), "B": (2, 8), "R1": (1, 4), "M1": (1, 4)}
START_SECONDS, STOP_SECONDS, CALM_SECONDS = 60, 30, 90


def build_library(directory, name):
    """What a process is preloaded with, from the source of this name."""
    library = pathlib.Path(directory) / f"{name}.so"
    subprocess.run(["g++", "-x", "c", "-O2", "-shared", "-fPIC", "-o", library,
                    pathlib.Path(__file__).with_name(f"{name}.c")], check=True)
    return library


def build_shim(directory):
    """The library that moves the wall clock of a process."""
    return build_library(directory, "clock_shim")


class WallClock:
    """By how much the wall clock of one server differs from the truth."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(struct.pack("q", 0))

    def move(self, seconds):
        """In place: the server has the file mapped."""
        with open(self.path, "r+b") as file:
            file.write(struct.pack("q", seconds))


class Hierarchy:
    """Started, attached, filled and equal at all levels once made. With `foreign_seed` A is of another make, and B is
    followed as if it were: `foreign` names the first."""

    def __init__(self, foreign_seed=None):
        self.foreign_seed = foreign_seed
        self.foreign = [] if foreign_seed is None else ["A"]
        self.site = harness.Site()
        self.proxy = Proxy()
        try:
            self.clocks, self.servers = {}, {}
            self.start()
            self.attach()
            self.names = {owner: clients.Names(owner, *SIZES[owner]) for owner in LEVELS}
            self.fill()
        except BaseException:
            self.close(keep_logs=True)
            raise

    def start(self):
        library = build_shim(self.site.directory)
        for name in self.foreign:
            self.servers[name] = foreign.Leaf(name, self.foreign_seed).launch()
            self.clocks[name] = foreign.Clock(self.servers[name])
            self.site.others.append(self.servers[name])
        for name in LEVELS:
            if name in self.servers:
                continue
            self.clocks[name] = WallClock(self.site.directory / f"{name}.clock")
            environment = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self.clocks[name].path)}
            self.servers[name] = self.site.server(name, environment=environment).launch()
        for server in self.servers.values():
            server.wait_ready(START_SECONDS)

    def attach(self):
        self.ports = {name: server.api_port for name, server in self.servers.items()}
        for manager, below in BELOW.items():
            self.servers[manager].become_manager()
            for name in below:
                port = self.proxy.open(f"{manager}-{name}", self.servers[name].api_port)
                # How old a manager's own copies are, its public API does not tell: managers follow each other by the stream.
                more = {"manager/follow": "auto"} if name in BELOW else self.following()
                login = foreign.MANAGER if name in self.foreign else (harness.USER, harness.PASSWORD)
                url = f"https://127.0.0.1:{port}"
                expect(200, self.servers[manager].add_endpoint(self.servers[name], url, *login, **more))
        for line in CLIENT_LINES:
            name = line.split("-")[1]
            self.ports[name] = self.proxy.open(line, self.servers[name].api_port)

    def following(self):
        """How the leaves are followed."""
        if self.foreign_seed is None:
            return {}
        return {"manager/follow": "events", "manager/walk-interval": foreign.WALK_INTERVAL}

    def bounds(self):
        """Of each owner that is followed by events: for how many seconds what no event told of may be wrong."""
        if self.foreign_seed is None:
            return {}
        leaves = [name for below in BELOW.values() for name in below if name not in BELOW]
        return {name: foreign.bound(len(foreign.FEW.prefixes) if name in self.foreign else len(self.servers[name].get("objects")))
                for name in leaves}

    def fill(self):
        for owner, names in self.names.items():
            for body in names.initial_objects():
                self.servers[owner].create("profiles", body)
        self.wait_calm()

    # -- at rest

    def digest(self, owner, server):
        """Of all objects of an owner, byte for byte, as one server shows them."""
        seen = hashlib.sha256()
        for collection in COLLECTIONS:
            rows = self.servers[server].objects(collection, f"?Endpoint={owner}")
            rows = [dict(row, Endpoint=owner) for row in rows if row.get("Bundle") in (None, "", "BackingStore")]
            for row in sorted(json.dumps(row, sort_keys=owner in self.foreign) for row in rows):
                seen.update(row.encode() + b"\n")
        return seen.hexdigest()

    def digests(self):
        return {owner: {server: self.digest(owner, server) for server in levels} for owner, levels in LEVELS.items()}

    def different(self):
        """Owners that are not shown equally at all levels."""
        return [owner for owner, digests in self.digests().items() if len(set(digests.values())) > 1]

    def ages(self):
        """What each manager says about the age of what it shows, for readers that allow a few seconds."""
        answers = [self.servers[manager].call("GET", "profiles?limit=1", headers={"X-Mullion-Max-Age": "8"})
                   for manager in BELOW]
        return [float(answer.headers["X-Mullion-Age"]) for answer in answers if answer.status_code == 200]

    def numbers(self):
        return [server.metrics()["mullion_store_sequence"] for server in self.servers.values()]

    def wait_calm(self):
        """Until every level shows the same, says that it is current, and nobody writes any more."""
        for manager, below in BELOW.items():
            for name in below:
                self.servers[manager].wait_status(name, "Connected", CALM_SECONDS)
        before = []

        def calm():
            before.append(self.numbers())
            try:
                level = len(self.ages()) == len(BELOW) and not self.different()
            except AssertionError:  # an answer that a moment later may be another
                return False
            return level and before[-2:-1] == [self.numbers()]
        wait_until("all levels are equal, current and at rest", calm, CALM_SECONDS, pause=0.5)

    def mismatches(self):
        """Digests that differed since each manager was made, by its log: counters begin anew with each start."""
        return {manager: len(re.findall("digest mismatch", self.servers[manager].log())) for manager in BELOW}

    def keep(self, directory):
        """Logs of the servers, for whoever looks for the reason."""
        for server in self.servers.values():
            (directory / f"{server.name}.log").write_text(server.log())

    def close(self, keep_logs=False):
        self.proxy.close()
        self.site.close(keep_logs)
