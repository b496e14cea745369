"""Histories under faults: rounds of load and disturbance, each checked. See README.md."""
import argparse
import collections
import itertools
import pathlib
import random
import shutil
import sys
import threading
import time

import checker
import clients
import foreign
import nemesis
from hierarchy import LEVELS, ROOT, Hierarchy, harness
from history import History

CLIENTS = 16
KEPT = ROOT / "build" / "chaos"


class Round:
    """One hierarchy, one schedule of faults, one history."""

    def __init__(self, seed, seconds, of_another_make=False):
        self.seed, self.seconds, self.of_another_make = seed, seconds, of_another_make
        self.directory = KEPT / f"seed-{seed}"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def play(self):
        """The history. What does not come to rest afterwards is part of it."""
        hierarchy = Hierarchy(self.seed if self.of_another_make else None)
        try:
            history = History(self.seed, LEVELS, time.monotonic_ns(), bounds=hierarchy.bounds(), foreign=hierarchy.foreign,
                              by_events=self.of_another_make or bool(harness.FOLLOWING))
            self.load(hierarchy, history)
            self.settle(hierarchy, history)
            hierarchy.keep(self.directory)
            history.save(self.directory / "history.jsonl")
            return history
        finally:
            hierarchy.close()

    def client(self, hierarchy, number, numbers, stop):
        patience = clients.PATIENCE[number % len(clients.PATIENCE)]
        asker = clients.Asker(hierarchy.ports, (harness.USER, harness.PASSWORD), patience)
        return clients.Client(number, self.seed, LEVELS, hierarchy.names, asker, numbers, stop)

    def load(self, hierarchy, history):
        stop, numbers = threading.Event(), itertools.count()
        workers = [self.client(hierarchy, number, numbers, stop) for number in range(CLIENTS)]
        disturber = nemesis.Nemesis(hierarchy, self.faults(hierarchy), stop)
        liars = [foreign.Liar(hierarchy.servers[name], foreign.lies(self.seed, self.seconds), stop)
                 for name in hierarchy.foreign]
        for thread in (disturber, *liars, *workers):
            thread.start()
        try:
            stop.wait(self.seconds)
            for thread in (disturber, *liars):
                thread.join()
        finally:
            stop.set()
            disturber.join()  # it starts again what it has killed: nothing must be left running
        for worker in workers:
            worker.join()
            history.operations += worker.operations
            if worker.failure is not None:
                raise worker.failure
        history.faults, history.troubles = disturber.told, disturber.troubles
        history.faults += [told for liar in liars for told in liar.told]
        self.numbers = numbers

    def faults(self, hierarchy):
        """The schedule of the seed. With leaves of another make, even seeds leave the way to them alone: only then does a
        round hold enough time in which nothing but lies hinders what the bound is about."""
        planned = nemesis.schedule(self.seed, self.seconds)
        for name in hierarchy.foreign:
            spared = {name, f"R1-{name}", "R1"} if self.seed % 2 == 0 else set()
            planned = [fault for fault in planned
                       if fault.target not in spared and not (fault.target == name and fault.kind == "stop")]
        return planned

    def known(self, hierarchy, number, stop):
        """What a client that asks without lines in between is made of."""
        asker = clients.Asker({name: server.api_port for name, server in hierarchy.servers.items()},
                              (harness.USER, harness.PASSWORD))
        return number, self.seed, LEVELS, hierarchy.names, asker, self.numbers, stop

    def settle(self, hierarchy, history):
        calm = threading.Event()
        watcher = clients.Watcher(*self.known(hierarchy, CLIENTS + 1, calm), owners=list(history.bounds))
        watcher.start()
        try:
            hierarchy.wait_calm()
        except AssertionError as failure:
            history.troubles.append(f"after the faults: {failure}")
        calm.set()
        watcher.join()
        if watcher.failure is not None:
            raise watcher.failure
        last = clients.Client(*self.known(hierarchy, CLIENTS, threading.Event()))
        last.read_everything()
        history.operations += watcher.operations + last.operations
        history.states = [{"owner": owner, "server": server, "digest": digest}
                          for owner, digests in hierarchy.digests().items() for server, digest in digests.items()]
        history.mismatches = hierarchy.mismatches()


class Totals:
    """Numbers over all rounds."""

    def __init__(self):
        self.operations, self.faults, self.failed = collections.Counter(), collections.Counter(), []

    def add(self, history):
        self.operations.update((one.kind, one.outcome) for one in history.operations)
        self.faults.update(fault["kind"] for fault in history.faults)

    def show(self):
        kinds = collections.defaultdict(list)
        for (kind, outcome), count in sorted(self.operations.items()):
            kinds[kind].append(f"{count} {outcome}")
        for kind, counts in kinds.items():
            print(f"  {kind:7} {', '.join(counts)}")
        print(f"  {sum(self.faults.values())} faults of {len(self.faults)} kinds: "
              + ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items())))


def play(seed, seconds, totals, of_another_make=False):
    """Plays and checks one round, and says what was found."""
    print(f"seed {seed}: ", end="", flush=True)
    made = Round(seed, seconds, of_another_make)
    history = made.play()
    totals.add(history)
    found = checker.check(history)
    print(f"{len(history.operations)} operations, {len(history.faults)} faults, {len(found)} violations", flush=True)
    if not found:
        shutil.rmtree(made.directory)
        return
    totals.failed.append(seed)
    print(checker.report(history, found))
    more = " --foreign" if of_another_make else ""
    print(f"history and logs: {made.directory}\nagain: ./x chaos{more} --rounds 1 --seed {seed} --seconds {seconds}",
          flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="./x chaos", description="Histories under faults, checked.")
    parser.add_argument("--minutes", type=float, default=60, help="begin rounds until then (60)")
    parser.add_argument("--rounds", type=int, help="so many rounds instead")
    parser.add_argument("--seed", type=int, help="of the first round; the next ones count on from it (random)")
    parser.add_argument("--seconds", type=int, default=40, help="load of a round; part of what a seed means (40)")
    parser.add_argument("--foreign", action="store_true",
                        help="A is of another make and misleads, B is followed by its public API")
    return parser.parse_args()


def main():
    options = arguments()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed
    totals, end = Totals(), time.monotonic() + 60 * options.minutes
    for number in itertools.count():
        if number == options.rounds or options.rounds is None and time.monotonic() >= end:
            break
        play(seed + number, options.seconds, totals, options.foreign)
    totals.show()
    if totals.failed:
        print(f"failed: {' '.join(map(str, totals.failed))}")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
