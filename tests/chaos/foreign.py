"""A leaf of another make in a round: the fake of tests/foreign as the hierarchy and its nemesis handle servers, and how it
misleads whoever follows it. The schedule of a round is a function of its seed alone."""
import dataclasses
import pathlib
import random
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "foreign"))
import versions  # noqa: E402 (found by the line above)
from faults import FAULTS  # noqa: E402
from server import ForeignServer  # noqa: E402

# So few collections that a walk takes little more than the least interval between two.
FEW = dataclasses.replace(
    versions.VERSIONS["4.8"], plugin_types={},
    prefixes=("bootenvs", "machines", "profiles", "stages", "users", "roles", "preferences", "interfaces", "plugins",
              "plugin_providers", "pools"))
WALK_INTERVAL = 10  # seconds, the least that manager/walk-interval takes
# What a busy machine may add to the bound of docs/mirror.md: requests of a walk that are answered late.
BUSY = 15
MANAGER = ("follower", "of a manager")  # login that lies about lists are meant for

# What misleads and costs nobody time: the stated bound must hold as if it were not there.
MISLEADING = {
    "lose-events": {"lose_events": .4},
    "repeat-events": {"duplicate_events": .5},
    "reorder-events": {"reorder_events": .5},
    "late-events": {"delay_events": 1},
    "stale-events": {"stale_events": .5},
    "bare-events": {"bare_events": 1},
    "short-pages": {"cap_limit": 20},
    "repeat-entries": {"repeat_entries": .3},
    "no-order": {"wrong_order": True},
    "no-filters": {"ignore_filters": ("Gt", "Gte", "Eq")},
    "no-sort": {"ignore_sort": True},
    "odd-entries": {"odd_entries": .1},
    "extra-acks": {"extra_acks": 2},
    "wrong-clock": {"clock_offset": -86400, "clock_jumps": 7200},
}
# What keeps requests or events from coming through: that time counts as downtime.
OBSTRUCTING = {
    "busy": {"fail_share": .2, "fail_status": 429, "retry_after": 1},
    "unwell": {"fail_share": .2, "fail_status": 503},
    "cut-answers": {"cut_body": .1},
    "slow-answers": {"answer_delay": .2},
    "silent": {"silent_websocket": True},
    "no-events-at-all": {"invalid_events": .2},
    "restart-in-page": {"restart_in_page": 3},
}


def bound(collections):
    """Seconds after which what no event told of is corrected: docs/mirror.md, "How long", where a page is a second."""
    return max(WALK_INTERVAL, collections) + BUSY


@dataclasses.dataclass
class Lie:
    """Times in seconds since the beginning of the load."""
    kind: str
    begin: float
    duration: float

    @property
    def obstructs(self):
        return self.kind in OBSTRUCTING

    def faults(self):
        return OBSTRUCTING[self.kind] if self.obstructs else MISLEADING[self.kind]


def lies(seed, seconds):
    """Events are lost all the time; beside that one lie after the other, and in the first third those that obstruct: after
    it the bound is on."""
    choose = random.Random(f"lies {seed}")
    out, now, deck = [Lie("lose-events", 0, seconds)], 1.0, []
    obstructing = choose.sample(list(OBSTRUCTING), 2)
    others = [kind for kind in MISLEADING if kind != "lose-events"]
    while now < seconds - 3:
        deck = deck or choose.sample(others, len(others))
        kind = obstructing.pop() if obstructing and now < seconds / 3 - 3 and choose.random() < .7 else deck.pop()
        duration = round(choose.uniform(1, 3), 2)
        out.append(Lie(kind, round(now, 2), duration))
        now += duration + choose.uniform(0, 1)
    return out


class Liar(threading.Thread):
    """Carries out the lies of one leaf; `told` are those that were, for the history."""

    def __init__(self, leaf, planned, stop):
        super().__init__(daemon=True)
        self.leaf, self.planned, self.stop, self.told = leaf, planned, stop, []

    def run(self):
        begin = time.monotonic()
        threads = []
        for lie in self.planned:
            if self.stop.wait(max(0, begin + lie.begin - time.monotonic())):
                break
            threads.append(threading.Thread(target=self.tell, args=(lie,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def tell(self, lie):
        told = {"kind": lie.kind, "target": self.leaf.name, "begin": time.monotonic_ns(), "misleads": not lie.obstructs}
        self.told.append(told)
        self.leaf.faults.set(**lie.faults())
        self.stop.wait(lie.duration)
        self.leaf.faults.set(**{name: FAULTS[name][0] for name in lie.faults()})
        told["end"] = time.monotonic_ns()


class Leaf(ForeignServer):
    """Stopped and started like a process, with the same port and what it has stored."""

    def __init__(self, name, seed):
        super().__init__(name, version=FEW, seed=seed)
        self.name = name
        self.add_user(*MANAGER)
        self.faults.lists_of = MANAGER[0]
        self.changes = 0
        self.state.listeners.append(self._count)

    def _count(self, _):
        self.changes += 1

    def launch(self):
        return self.start()

    def wait_ready(self, timeout=0):
        """It listens when it was started."""

    def kill(self):
        super().stop()

    def stop(self, timeout=0):
        super().stop()
        return 0

    def create(self, collection, body):
        return self.put(collection, body)

    def objects(self, prefix, query=""):
        return super().objects(prefix, own=True)

    def metrics(self):
        return {"mullion_store_sequence": self.changes}

    def log(self):
        return "".join(f"{one.time:.3f} {one.user} {one.method} {one.path} {one.status}\n" for one in list(self.requests))


class Clock:
    """By how much the leaf's clock differs from the truth, as of a process."""

    def __init__(self, leaf):
        self.leaf = leaf

    def move(self, seconds):
        self.leaf.faults.set(clock_offset=seconds)
