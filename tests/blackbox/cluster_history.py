"""What clients of a cluster were told, and whether one server that never loses anything could have said it.

Each writer has a counter of its own, which it only ever raises, one write after the other. So checking is exact and
needs no search: a read of a counter is right when it is not older than the newest write that was acknowledged before
the read began, not newer than the newest write that had begun when it ended, and not older than what a read showed that
ended before it began: what nobody acknowledged may have happened or not, but not happen and then not have happened.
"""
import dataclasses
import threading
import time

import requests

import harness

NEVER = float("inf")


@dataclasses.dataclass
class Write:
    counter: str
    value: int
    begun: float
    ended: float = NEVER
    status: int = 0  # 0: no answer

    @property
    def acknowledged(self):
        return 200 <= self.status < 300


@dataclasses.dataclass
class Read:
    counter: str
    member: str
    begun: float
    ended: float
    value: int


class History:
    """Thread-safe: appending to lists is all that threads do here."""

    def __init__(self):
        self.writes, self.reads, self.odd = [], [], []

    def acknowledged(self):
        return [write for write in self.writes if write.acknowledged]

    def violations(self, final):
        """`final`: counter -> value after everything."""
        found = list(self.odd)
        for counter in {write.counter for write in self.writes}:
            writes = [write for write in self.writes if write.counter == counter]
            reads = [read for read in self.reads if read.counter == counter]
            found += [problem for read in reads if (problem := judge(read, writes))]
            last = Read(counter, "at the end", time.monotonic(), time.monotonic(), final[counter])
            found += [problem for problem in [judge(last, writes)] if problem]
            found += backwards([*reads, last])
        return found

    def longest_gap(self):
        """Between acknowledged writes of anybody, in seconds."""
        ends = sorted(write.ended for write in self.acknowledged())
        return max((after - before for before, after in zip(ends, ends[1:])), default=NEVER)

    def recovery(self, moment):
        """From `moment` to the next acknowledged write that began afterwards."""
        return min((write.ended for write in self.acknowledged() if write.begun > moment), default=NEVER) - moment


def judge(read, writes):
    least = max((write.value for write in writes if write.acknowledged and write.ended < read.begun), default=0)
    most = max((write.value for write in writes if write.begun < read.ended), default=0)
    if read.value < least:
        return f"{read} is stale: {least} was acknowledged before"
    if read.value > most:
        return f"{read} is from the future: only {most} had begun"
    return None


def backwards(reads):
    """Reads that show less than another one that had ended before they began."""
    ended = sorted(reads, key=lambda read: read.ended)
    found, newest, at = [], None, 0
    for read in sorted(reads, key=lambda read: read.begun):
        while ended[at].ended < read.begun:
            if newest is None or ended[at].value > newest.value:
                newest = ended[at]
            at += 1
        if newest is not None and read.value < newest.value:
            found.append(f"{read} goes back behind {newest}")
    return found


class Load:
    """Writers and readers at work, each with one request at a time."""

    def __init__(self, servers, writers=4, readers=2):
        self.history = History()
        self.servers = servers
        self.stop_asked = threading.Event()
        self.counters = [f"counter-{number}" for number in range(writers)]
        self.threads = [threading.Thread(target=self._write, args=(number,), daemon=True) for number in range(writers)]
        self.threads += [threading.Thread(target=self._read, args=(number,), daemon=True) for number in range(readers)]

    def prepare(self, server):
        for counter in self.counters:
            server.create("profiles", {"Name": counter, "Params": {"number": 0}})

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, failure, *_):
        if failure is None:
            harness.wait_until("there is enough to check", self._enough, harness.PATIENCE)
        self.stop_asked.set()
        for thread in self.threads:
            thread.join(30)

    def _enough(self):
        return len(self.history.acknowledged()) > 50 and len(self.history.reads) > 50

    @staticmethod
    def _session():
        session = requests.Session()
        session.auth = ("rocketskates", "r0cketsk8ts")
        session.verify = False
        session.trust_env = False
        return session

    def _write(self, number):
        session, counter, value = self._session(), self.counters[number], 0
        turn = number
        while not self.stop_asked.is_set():
            value += 1
            write = Write(counter, value, time.monotonic())
            self.history.writes.append(write)
            server = self.servers[turn % len(self.servers)]
            try:
                answer = session.post(f"{server.url}/api/v3/profiles/{counter}/params/number", json=value, timeout=(1, 5))
                write.status, write.ended = answer.status_code, time.monotonic()
            except requests.RequestException:
                session = self._session()
            if not write.acknowledged:
                turn += 1  # as clients do that know of several members
                if write.status not in (0, 502, 503, 504):
                    self.history.odd.append(f"{write} is no answer of a server that lost its lead")
                time.sleep(0.02)

    def _read(self, number):
        session, turn = self._session(), number
        while not self.stop_asked.is_set():
            turn += 1
            server, counter = self.servers[turn % len(self.servers)], self.counters[turn % len(self.counters)]
            begun = time.monotonic()
            try:
                answer = session.get(f"{server.url}/api/v3/profiles/{counter}/params/number", timeout=(1, 5))
            except requests.RequestException:
                session = self._session()
                continue
            if answer.status_code == 200:
                self.history.reads.append(Read(counter, server.name, begun, time.monotonic(), answer.json()))
            elif answer.status_code not in (502, 503, 504):
                self.history.odd.append(f"{server.name} answered a read with {answer.status_code}: {answer.text[:200]}")
            time.sleep(0.005)
