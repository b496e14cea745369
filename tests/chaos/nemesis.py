"""Who disturbs. The schedule of a round is a function of its seed alone."""
import dataclasses
import random
import threading
import time

from hierarchy import CLIENT_LINES, LEVELS, LINES, START_SECONDS, STOP_SECONDS

SERVERS = list(LEVELS)
MANAGERS = ["R1", "M1"]
HOUR = 3600
# Seconds that faults last. A manager gives up after 15 s of silence: that must happen too.
SHORT, LONG = (1, 2, 4), (2, 3, 6, 18)
AT_ONCE = 4  # targets that are disturbed at one time, at most
# What is done to a line, as proxy.py names it.
LINE_KINDS = {
    "cut": {"fault": "cut"},
    "refuse": {"fault": "refuse"},
    "hold": {"fault": "hold", "direction": "both"},
    "hold-up": {"fault": "hold", "direction": "up"},
    "hold-down": {"fault": "hold", "direction": "down"},
    "lose": {"fault": "lose", "direction": "both"},
    "lose-down": {"fault": "lose", "direction": "down"},
    "sever-near": {"fault": "sever", "side": "near"},
    "sever-far": {"fault": "sever", "side": "far"},
    "delay": {"fault": "delay"},
    "throttle": {"fault": "throttle"},
    "reset": {"fault": "reset"},
    "close": {"fault": "close"},
    "corrupt-up": {"fault": "corrupt", "direction": "up"},
    "corrupt-down": {"fault": "corrupt", "direction": "down"},
    "drop": {"fault": "drop", "direction": "both"},
}
CLIENT_KINDS = {"client-cut": "cut", "client-hold-down": "hold-down", "client-reset": "reset"}
LASTING = {"hold", "hold-up", "hold-down", "lose", "lose-down", "sever-near", "sever-far", "stop"}
SERVER_KINDS = {"kill": SERVERS, "stop": SERVERS, "restart": SERVERS, "clock-ahead": SERVERS, "clock-back": SERVERS,
                "restart-elsewhen": MANAGERS}
# Kills often: at each moment of a write they could do harm.
DECK = [*LINE_KINDS, *CLIENT_KINDS, *SERVER_KINDS, *["kill"] * 5]


@dataclasses.dataclass
class Fault:
    """One disturbance; times in seconds since the beginning of the load."""
    kind: str
    target: str
    begin: float
    duration: float
    how: dict


def targets(kind):
    if kind in LINE_KINDS:
        return LINES
    return CLIENT_LINES if kind in CLIENT_KINDS else SERVER_KINDS[kind]


def details(kind, choose):
    """What there is to choose besides time and place."""
    how = dict(LINE_KINDS.get(CLIENT_KINDS.get(kind, kind), {}))
    if how.get("fault") == "delay":
        how["seconds"] = choose.choice((0.05, 0.5, 2.5))
    if how.get("fault") == "throttle":
        how["rate"] = choose.choice((2_000, 20_000))
    if how.get("fault") in ("corrupt", "drop"):
        how["place"] = choose.randrange(10_000)
    if kind in ("clock-ahead", "clock-back", "restart-elsewhen"):
        sign = {"clock-ahead": 1, "clock-back": -1}.get(kind) or choose.choice((1, -1))
        how["seconds"] = sign * choose.choice((30, HOUR))
    return how


def schedule(seed, seconds):
    """Faults of one round: kinds from a shuffled deck, some at a time, never two on one target."""
    choose = random.Random(f"nemesis {seed}")
    faults, deck, now = [], [], 1.0
    while now < seconds - 3:
        deck = deck or choose.sample(DECK, len(DECK))
        kind = deck.pop()
        duration = min(choose.choice(LONG if kind in LASTING else SHORT), seconds - 2 - now)
        busy = {fault.target for fault in faults if fault.begin + fault.duration + 1 > now}
        free = [target for target in targets(kind) if target not in busy]
        if free and len(busy) < AT_ONCE:
            faults.append(Fault(kind, choose.choice(free), round(now, 2), round(duration, 2), details(kind, choose)))
        now += choose.uniform(0.4, 2.4)
    return faults


class Nemesis(threading.Thread):
    """Carries out a schedule; `told` are the faults as they were, for the history."""

    def __init__(self, hierarchy, faults, stop):
        super().__init__(daemon=True)
        self.hierarchy, self.faults, self.stop = hierarchy, faults, stop
        self.told, self.troubles, self.threads = [], [], []
        # On a slow machine a fault lasts longer than planned; the next one of its target waits.
        self.locks = {target: threading.Lock() for target in (*SERVERS, *LINES, *CLIENT_LINES)}

    def run(self):
        begin = time.monotonic()
        for fault in self.faults:
            if self.stop.wait(max(0, begin + fault.begin - time.monotonic())):
                break
            thread = threading.Thread(target=self.carry_out, args=(fault,), daemon=True)
            thread.start()
            self.threads.append(thread)
        for thread in self.threads:
            thread.join()

    def carry_out(self, fault):
        with self.locks[fault.target]:
            self.disturb(fault)

    def disturb(self, fault):
        told = {"kind": fault.kind, "target": fault.target, "begin": time.monotonic_ns(), **fault.how}
        self.told.append(told)
        try:
            if fault.target in self.hierarchy.servers:
                self.disturb_server(fault)
            else:
                self.disturb_line(fault)
        except Exception as failure:  # a server that does not start or stop, mostly
            self.troubles.append(f"{fault.kind} of {fault.target}: {failure!r}")
        told["end"] = time.monotonic_ns()

    def disturb_line(self, fault):
        self.hierarchy.proxy.disturb(fault.target, **fault.how)
        self.stop.wait(fault.duration)
        self.hierarchy.proxy.mend(fault.target)

    def disturb_server(self, fault):
        server, clock = self.hierarchy.servers[fault.target], self.hierarchy.clocks[fault.target]
        if fault.kind == "kill":
            server.kill()
            self.stop.wait(fault.duration / 2)
            self.start_again(server)
        if fault.kind in ("restart", "restart-elsewhen"):
            code = server.stop(STOP_SECONDS)
            if code != 0:
                self.troubles.append(f"{server.name} was asked to stop and ended with {code}")
            clock.move(fault.how.get("seconds", 0))
            self.start_again(server)
        if fault.kind == "stop":
            server.pause()
            self.stop.wait(fault.duration)
            server.resume()
        if fault.kind.startswith("clock"):
            clock.move(fault.how["seconds"])
        if "seconds" in fault.how:
            self.stop.wait(fault.duration)
            clock.move(0)

    @staticmethod
    def start_again(server):
        server.launch()
        server.wait_ready(START_SECONDS)
