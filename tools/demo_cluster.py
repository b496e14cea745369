"""R1 of the demonstration as a cluster of three, and the kill of its active member while clients write."""
import collections
import dataclasses
import threading
import time

import requests

WRITERS = 4
WARM_UP, AFTERWARDS = 1.5, 2.0  # seconds of writing before the kill, and after the first write that follows it
CLUSTER_SECONDS = 90
PREFIX = "demo-write-"
MAY_HAVE_RUN = "may have been carried out"
TRY_AGAIN = (502, 503, 504)


class ClusterError(Exception):
    """What the demonstration of a cluster cannot go on from, in words for people."""


def await_fact(what, condition, seconds=CLUSTER_SECONDS):
    """Waits until `condition()` is true and answers its value."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if value := condition():
                return value
        except requests.RequestException:
            pass  # a member that starts anew
        if time.monotonic() > deadline:
            raise ClusterError(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


@dataclasses.dataclass
class Write:
    """One object that a client wanted to create. It is sent again only when it is certain that nothing was done."""
    name: str
    begun: float
    ended: float = 0.0
    fate: str = "unknown"  # or "acknowledged", "never carried out"
    refused: int = 0  # times that it was told to try again, or met a closed port


def fate_of(status, text):
    """What a client knows of its write after an answer; "refused": nothing was done, and it may try again."""
    if 200 <= status < 300:
        return "acknowledged"
    if status in TRY_AGAIN:
        return "unknown" if MAY_HAVE_RUN in text else "refused"
    raise ClusterError(f"a write was answered {status} {text.strip()[:200]}: no answer of a cluster that changes its lead")


def fate_of_failure(failure):
    """The same when there was no answer: only a connection that was never made has certainly done nothing."""
    return "refused" if isinstance(failure, requests.ConnectTimeout) or "NewConnectionError" in str(failure) else "unknown"


class Writers:
    """Clients that know the addresses of all members, each with one request at a time."""

    def __init__(self, servers, token):
        self.servers, self.token = servers, token
        self.writes, self.failures = [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(WRITERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)

    def run(self, number):
        try:
            self.write_on(number)
        except ClusterError as failure:
            self.failures.append(failure)

    def write_on(self, number):
        session, turn = self.session(), number
        while not self.stopping.is_set():
            write = Write(f"{PREFIX}{number}-{len(self.writes)}", time.monotonic())
            self.writes.append(write)
            while True:
                fate, session = self.send(session, self.servers[turn % len(self.servers)], write.name)
                turn += fate != "acknowledged"  # another member may know better
                if fate != "refused":
                    break
                write.refused += 1
                if self.stopping.is_set():
                    fate = "never carried out"
                    break
                time.sleep(0.05)
            write.ended, write.fate = time.monotonic(), fate

    def session(self):
        session = requests.Session()
        session.trust_env = session.verify = False
        session.headers["Authorization"] = f"Bearer {self.token}"
        return session

    def send(self, session, server, name):
        try:
            answer = session.post(f"{server.url}/api/v3/profiles", json={"Name": name}, timeout=(1, 10))
        except requests.RequestException as failure:
            return fate_of_failure(failure), self.session()
        return fate_of(answer.status_code, answer.text), session

    def acknowledged(self, since=0.0):
        """Writes that began after a moment and were acknowledged."""
        return [write for write in list(self.writes) if write.fate == "acknowledged" and write.begun > since]


@dataclasses.dataclass
class Report:
    """What the kill did to clients."""
    killed: str
    active: str
    recovery: float  # seconds from the kill to the end of the next acknowledged write
    writes: list
    present: dict  # place -> names of the writes that are there

    def lines(self):
        fates = collections.Counter(write.fate for write in self.writes)
        retried = [write for write in self.writes if write.refused]
        through = sum(write.fate == "acknowledged" for write in retried)
        unknown = [write.name for write in self.writes if write.fate == "unknown"]
        everywhere = set.intersection(*self.present.values())
        yield f"{self.killed} was killed (kill -9) while {WRITERS} clients wrote; {self.active} took over."
        yield f"  next acknowledged write   {self.recovery:.2f} s after the kill"
        yield f"  acknowledged              {fates['acknowledged']} of {len(self.writes)} writes"
        yield f"  refused and retried       {len(retried)}, of which {through} were acknowledged then"
        yield (f"  outcome unknown           {len(unknown)}, of which {len(everywhere.intersection(unknown))} "
               "turned out to have been carried out")
        for place in self.present:
            missing = self.missing(place)
            yield (f"  read back at {place:<12} {fates['acknowledged'] - len(missing)} of {fates['acknowledged']} "
                   f"acknowledged writes: {'none is missing' if not missing else 'MISSING ' + ', '.join(missing[:5])}")

    def missing(self, place):
        return sorted(write.name for write in self.writes
                      if write.fate == "acknowledged" and write.name not in self.present[place])

    def lost(self):
        return sorted({name for place in self.present for name in self.missing(place)})


class Cluster:
    """Members of one endpoint, the first of which founds it. Servers are the demonstration's."""

    def __init__(self, name, members, login):
        self.name, self.members, self.login = name, members, login

    def form(self, enroll):
        """Three times the command of an operator: `enroll(active, member, pairs)`."""
        first = self.members[0]
        enroll(first, first, ["HaID", self.name])
        await_fact(f"{first.name} serves {self.name}", lambda: self.is_active(first))
        for count, member in enumerate(self.members[1:], 2):
            enroll(first, member, [])
            await_fact(f"{member.name} belongs to {self.name}", lambda count=count: self.voters() == count)

    def is_active(self, server):
        answer = requests.get(f"{server.url}/healthz/active", verify=False, timeout=2)
        return answer.status_code == 200

    def active(self, among=None):
        def serving():
            return [server for server in among or self.members if not server.stopped() and self.answers_active(server)]
        return await_fact(f"a member of {self.name} serves", serving)[0]

    def answers_active(self, server):
        try:
            return self.is_active(server)
        except requests.RequestException:
            return False

    def ask(self, server, path):
        return requests.get(f"{server.url}/api/v3/{path}", auth=self.login, verify=False, timeout=5).json()

    def voters(self):
        """Members with a vote."""
        passive = self.ask(self.members[0], "info")["ha_passive_state"]
        return 1 + sum(member["electable"] for member in passive)

    def level(self):
        """Whether all members hold the same rows."""
        states = [self.ask(server, "system/consensus/fullstate") for server in self.members]
        return len({str([state["Seq"], state["Digests"]]) for state in states}) == 1

    def names_at(self, server):
        return self.names_in(self.ask(server, f"profiles?slim=Params,Meta&Endpoint={self.name}"))

    @staticmethod
    def names_in(profiles):
        return {profile["Name"] for profile in profiles if profile["Name"].startswith(PREFIX)}

    def kill_while_writing(self, token):
        """Kills the active member under load, starts it again, and reads everything back at every member."""
        victim = self.active()
        others = [member for member in self.members if member is not victim]
        with Writers(self.members, token) as writers:
            time.sleep(WARM_UP)
            killed = time.monotonic()
            victim.kill()
            await_fact("a write is acknowledged again", lambda: writers.failures or writers.acknowledged(killed))
            active = self.active(others)
            time.sleep(AFTERWARDS)
        if writers.failures:
            raise writers.failures[0]
        recovery = min(write.ended for write in writers.acknowledged(killed)) - killed
        victim.launch()
        await_fact(f"{victim.name} is back and level with the others", self.level)
        present = {server.name: self.names_at(server) for server in self.members}
        return Report(victim.name, active.name, recovery, writers.writes, present)
