"""Histories of a cluster under faults: three members in networks of their own, clients that only raise counters, and a
schedule of disturbances that a seed makes. See README.md."""
import argparse
import collections
import contextlib
import dataclasses
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

from hierarchy import ROOT, WallClock, build_library, harness

sys.path.insert(0, str(ROOT / "tests" / "blackbox"))
import linearizable  # noqa: E402
import namespaces  # noqa: E402
from cluster_history import Load  # noqa: E402
from harness import wait_until  # noqa: E402
from test_address import HostedCluster  # noqa: E402
from test_cluster import full_state, health  # noqa: E402

NAMES = ("one", "two", "three")
KEPT = ROOT / "build" / "chaos"
DAY = 24 * 3600
DISK_MEGABYTES = 256
# Seconds: what lasts, and the rest between two faults.
LASTS, RESTS = (0.3, 4.0), (0.3, 2.0)
# What a fault is done to: anybody, whoever serves, or two members at a time.
KINDS = {
    "kill": ("any", "active", "two"),
    "stop": ("any", "active"),
    "cut": ("any", "active"),
    "one-way-out": ("any", "active"),
    "one-way-in": ("any", "active"),
    "slow-line": ("any", "active"),
    "slow-disk": ("any", "active"),
    "full-disk": ("any", "active"),
    "clock-ahead": ("any",),
    "clock-back": ("any",),
    "hand-over": ("any",),
    "forget": ("any", "active"),
}
# How a member is made to forget, or finds something else than it left.
FORGETS = ("journal-gone", "journal-flipped", "put-back", "database-gone", "database-flipped", "database-old")


@dataclasses.dataclass
class Fault:
    """One disturbance. `pick` chooses among those that it may be done to, when it is done."""
    kind: str
    whom: str
    pick: int
    lasts: float
    rests: float
    how: str = ""


def schedule(seed, seconds):
    """Faults one after the other, as a function of the seed alone: each kind comes before any comes twice."""
    dice, faults, total, deck = random.Random(seed), [], 0.0, []
    while total < seconds:
        if not deck:
            deck = list(KINDS)
            dice.shuffle(deck)
        kind = deck.pop()
        fault = Fault(kind, dice.choice(KINDS[kind]), dice.randrange(6), round(dice.uniform(*LASTS), 2),
                      round(dice.uniform(*RESTS), 2), dice.choice(FORGETS) if kind == "forget" else "")
        faults.append(fault)
        total += fault.lasts + fault.rests
    return faults


class Member(namespaces.HostedServer):
    """A member with a clock that jumps, and a disk of its own that may be slow or full."""

    def __init__(self, directory, name, host, libraries):
        super().__init__(directory, name, host)
        self.clock = WallClock(directory / f"{name}.clock")
        self.slowness = WallClock(directory / f"{name}.disk")  # the same file of one number
        self.environment = {"LD_PRELOAD": ":".join(map(str, libraries)), "CHAOS_CLOCK": str(self.clock.path),
                            "CHAOS_DISK": str(self.slowness.path)}
        self.consensus_port = 8093
        self.root.mkdir(parents=True)
        namespaces.run("mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "chaos", str(self.root))

    @property
    def filler(self):
        return self.root / "filler"

    def start(self):
        self.launch()
        self.set_password()
        self.wait_ready()
        return self

    def close(self):
        self.stop_hard()
        subprocess.run(["umount", "-l", str(self.root)], capture_output=True)

    def stop_hard(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def relaunch(self):
        self.stop_hard()
        self.launch()


class Site:
    """What HostedCluster needs of one."""

    def __init__(self, directory):
        self.directory, self.servers = pathlib.Path(directory), {}
        self.libraries = [build_library(directory, source) for source in ("clock_shim", "disk_shim")]


class ChaosCluster(HostedCluster):
    def launch(self, name, wrapper=(), flags=()):
        server = Member(self.site.directory, name, self.line.host(name), self.site.libraries)
        self.site.servers[name] = self.members[name] = server
        return server.start()


class Nemesis(threading.Thread):
    """Does what the schedule says, and mends it. A fault that makes a member forget has the cluster to itself: that one
    member's memory may be lost is promised, not that others fail before it is repaired."""

    def __init__(self, cluster, faults, line):
        super().__init__(daemon=True)
        self.cluster, self.faults, self.line = cluster, faults, line
        self.told, self.failure = [], None
        self.stop_asked = threading.Event()

    def run(self):
        with self.line.hosts["client"].entered():
            try:
                for fault in self.faults:
                    if self.stop_asked.is_set():
                        return
                    self.disturb(fault)
                    self.stop_asked.wait(fault.rests)
            except Exception as failure:  # noqa: BLE001 - whatever it is belongs to the round
                self.failure = failure

    def victims(self, fault):
        members = list(self.cluster.members.values())
        if fault.whom == "two":
            return [member for number, member in enumerate(members) if number != fault.pick % 3]
        if fault.whom == "active":
            active = [member for member in members if health(member, "active") == 200]
            if active:
                return active[:1]
        return [members[fault.pick % 3]]

    def disturb(self, fault):
        victims = self.victims(fault)
        self.told.append(f"{fault.kind}{' ' + fault.how if fault.how else ''} of "
                         f"{' and '.join(one.name for one in victims)} for {fault.lasts} s")
        if fault.kind == "forget":
            return self.forget(victims[0], fault)
        with contextlib.ExitStack() as mended:
            for victim in victims:
                mended.enter_context(getattr(self, fault.kind.replace("-", "_"))(victim))
            self.stop_asked.wait(fault.lasts)

    @contextlib.contextmanager
    def kill(self, victim):
        victim.kill()
        yield
        victim.launch()

    @contextlib.contextmanager
    def stop(self, victim):
        victim.pause()
        yield
        victim.resume()

    @contextlib.contextmanager
    def cut(self, victim):
        self.line.hub.ip("link", "set", victim.host.port, "down")
        yield
        self.line.hub.ip("link", "set", victim.host.port, "up")

    def _others(self, victim):
        return [member for member in self.cluster.members.values() if member is not victim]

    @contextlib.contextmanager
    def _no_way(self, pairs):
        for sender, receiver in pairs:
            sender.host.ip("route", "add", "blackhole", f"{receiver.host.address}/32")
        yield
        for sender, receiver in pairs:
            sender.host.ip("route", "del", "blackhole", f"{receiver.host.address}/32")

    def one_way_out(self, victim):
        return self._no_way([(victim, other) for other in self._others(victim)])

    def one_way_in(self, victim):
        return self._no_way([(other, victim) for other in self._others(victim)])

    @contextlib.contextmanager
    def slow_line(self, victim):
        """What it sends waits for up to 400 ms, and what does not fit is lost."""
        def tc(*words):
            namespaces.run("nsenter", f"--net={victim.host.path}", "tc", "qdisc", *words)
        tc("add", "dev", "eth0", "root", "tbf", "rate", "400kbit", "burst", "4kb", "latency", "400ms")
        yield
        tc("del", "dev", "eth0", "root")

    @contextlib.contextmanager
    def slow_disk(self, victim):
        victim.slowness.move(700)
        yield
        victim.slowness.move(0)

    @contextlib.contextmanager
    def full_disk(self, victim):
        with open(victim.filler, "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(1 << 16))
        yield
        victim.filler.unlink()
        if victim.process.poll() is not None:  # one whose disk answered an error ends, and is started by its supervisor
            victim.launch()

    @contextlib.contextmanager
    def clock_ahead(self, victim):
        victim.clock.move(DAY)
        yield
        victim.clock.move(0)

    @contextlib.contextmanager
    def clock_back(self, victim):
        victim.clock.move(-DAY)
        yield
        victim.clock.move(0)

    @contextlib.contextmanager
    def hand_over(self, victim):
        with contextlib.suppress(Exception):
            victim.call("POST", "system/active", timeout=10)
        yield

    def forget(self, victim, fault):
        wait_whole(self.cluster, [])
        older = victim.root / "older"
        if fault.how in ("put-back", "database-old"):
            victim.kill()
            keep(victim.root, older)
            victim.launch()
            wait_whole(self.cluster, [])
            self.stop_asked.wait(fault.lasts)
        victim.kill()
        spoil(victim.root, older, fault.how)
        victim.launch()
        wait_whole(self.cluster, self.told)


def keep(root, older):
    shutil.rmtree(older, ignore_errors=True)
    older.mkdir()
    for name in ("data", "cluster"):
        shutil.copytree(root / name, older / name)


def spoil(root, older, how):
    what = {"journal": root / "cluster" / "journal", "database": root / "data"}.get(how.split("-")[0])
    if how.endswith("-gone"):
        shutil.rmtree(what)
    elif how.endswith("-flipped"):
        with open(what / "data.mdb", "r+b") as file:  # the pages after the first ones are not what they were
            file.seek(8192)
            file.write(os.urandom(max(what.joinpath("data.mdb").stat().st_size - 8192, 0)))
    elif how == "database-old":
        shutil.rmtree(root / "data")
        (older / "data").rename(root / "data")
    elif how == "put-back":
        for name in ("data", "cluster"):
            shutil.rmtree(root / name)
            (older / name).rename(root / name)
    shutil.rmtree(older, ignore_errors=True)


def wait_whole(cluster, told):
    """Three members with a vote each take part; whoever ended meanwhile is started, as a supervisor does."""
    begun = time.monotonic()

    def whole():
        for member in cluster.members.values():
            if member.process.poll() is not None:
                member.launch()
        active = [member for member in cluster.members.values() if health(member, "active") == 200]
        states = [full_state(member) for member in cluster.members.values()]
        if not active or not all(states):
            return False
        nodes = full_state(active[0])["Nodes"]
        return len(nodes) == 3 and not any(node["Offline"] for node in nodes) and \
            all(info(member)["errors"] == [] for member in cluster.members.values())
    wait_until("all members take part with a vote", whole, 90, 0.2)
    if told:
        told[-1] += f", whole again after {time.monotonic() - begun:.1f} s"


def info(member):
    """Its own view, whoever serves."""
    return member.session.get(f"{member.url}/api/v3/info", timeout=5).json()


class Round:
    """One cluster, one schedule, one history."""

    def __init__(self, seed, seconds):
        self.seed, self.seconds = seed, seconds
        self.directory = KEPT / f"cluster-{seed}"

    def play(self):
        """What was found, the load's history, what was done, and how many times the lead went elsewhere."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        line = namespaces.Line()
        cluster = None
        try:
            client = line.host("client")
            with client.entered():
                cluster = ChaosCluster(Site(self.directory), self.directory / "home", line)
                cluster.make()
                return self.disturbed(cluster, line)
        finally:
            for member in cluster.members.values() if cluster else []:
                member.close()
            line.close()

    def disturbed(self, cluster, line):
        members = list(cluster.members.values())
        load, found = Load(members), []
        load.prepare(members[0])
        nemesis = Nemesis(cluster, schedule(self.seed, self.seconds), line)
        terms = [full_state(cluster.active())["Term"]]
        with load:
            nemesis.start()
            nemesis.join(self.seconds * 20 + 300)
            nemesis.stop_asked.set()
            nemesis.join(120)
            try:
                wait_whole(cluster, [])
                time.sleep(1)
            except AssertionError as failure:
                found.append(str(failure))
        if nemesis.failure is not None:
            found.append(f"the disturbance did not end: {nemesis.failure!r}")
        found += self.judge(cluster, load)
        with contextlib.suppress(Exception):
            terms.append(full_state(cluster.active())["Term"])
        return found, load.history, nemesis.told, terms[-1] - terms[0]

    @staticmethod
    def judge(cluster, load):
        try:
            active = cluster.active()
            final = {counter: active.get(f"profiles/{counter}/params/number") for counter in load.counters}
            found = load.history.violations(final)
            found += [f"second opinion: {text}" for text in linearizable.of_cluster(load.history, final, time.monotonic())]
            cluster.wait_equal()
        except (AssertionError, OSError) as failure:
            return [f"after the faults: {failure}"]
        for member in cluster.members.values():
            if "a rule of the cluster's member is broken" in member.log():
                found.append(f"{member.name} broke a rule of its own")
        return found


def arguments(words):
    parser = argparse.ArgumentParser(prog="./x chaos --cluster", description="Histories of a cluster under faults, checked.")
    parser.add_argument("--minutes", type=float, default=60, help="begin rounds until then (60)")
    parser.add_argument("--rounds", type=int, help="so many rounds instead")
    parser.add_argument("--seed", type=int, help="of the first round; the next ones count on from it (random)")
    parser.add_argument("--seconds", type=int, default=40, help="faults of a round; part of what a seed means (40)")
    return parser.parse_args(words)


def main(words):
    options = arguments(words)
    if namespaces.why_not():
        print(namespaces.why_not())
        return 0
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    begun, failed, sums, gaps = time.monotonic(), [], collections.Counter(), []
    for number in itertools.count():
        if number == options.rounds or options.rounds is None and time.monotonic() >= begun + 60 * options.minutes:
            break
        print(f"seed {seed + number}: ", end="", flush=True)
        made = Round(seed + number, options.seconds)
        found, history, told, terms = made.play()
        sums.update(rounds=1, writes=len(history.writes), acknowledged=len(history.acknowledged()),
                    reads=len(history.reads), faults=len(told), terms=terms, found=len(found))
        gaps.append(history.longest_gap())
        print(f"{len(history.acknowledged())} writes acknowledged of {len(history.writes)}, {len(history.reads)} reads, "
              f"{len(told)} faults, {terms} terms, longest pause {gaps[-1]:.1f} s, {len(found)} findings", flush=True)
        if found:
            failed.append(seed + number)
            print("\n".join([*told, *found[:20]]))
            print(f"logs: {made.directory}\nagain: ./x chaos --cluster --rounds 1 --seed {seed + number} "
                  f"--seconds {options.seconds}", flush=True)
        else:
            shutil.rmtree(made.directory, ignore_errors=True)
    print(f"{dict(sums)} in {(time.monotonic() - begun) / 60:.0f} minutes")
    if failed:
        print(f"failed: {' '.join(map(str, failed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
