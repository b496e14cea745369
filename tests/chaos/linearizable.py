"""A second opinion on histories of one register, which knows nothing of how the first one is formed: the search of Wing and
Gong for an order of the operations that fits their times and what they were told, with Lowe's memory of what was tried.

It stands in for porcupine, which is not to be had where this is built. Pure. The first opinion (checker.py,
cluster_history.py) is a rule for each promise and says which one is broken; this one only says whether any order exists.
"""
import dataclasses
import math

NEVER = math.inf
# Of the search: what needs more is undecided, and said to be. No history of a round has come near it.
MOST_STEPS = 2_000_000


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation on the register. kind: `write`; `read`; `swap`, carried out when `expected` was there; `missed`, a swap
    that was told that it was not. `end` is NEVER of one whose outcome nobody knows: then it may have happened or not."""
    kind: str
    begin: float
    end: float
    value: object = None
    expected: object = None

    @property
    def certain(self):
        return self.end != NEVER

    def after(self, state):
        """The state behind it, or None: it cannot stand here. States are tuples of one, so that no value is None."""
        if self.kind == "write":
            return (self.value,)
        if self.kind == "swap":
            return (self.value,) if state == (self.expected,) else None
        fits = (state == (self.value,)) if self.kind == "read" else (state != (self.expected,))
        return state if fits else None


class Undecided(Exception):
    pass


def without_what_left_no_trace(steps):
    """A write of unknown outcome whose value nobody met may be taken not to have happened: values are unique. But whoever
    was told that a value was not there may have met any other."""
    if any(step.kind == "missed" for step in steps):
        return steps
    met = {step.value for step in steps if step.kind == "read"} | {step.expected for step in steps if step.kind == "swap"}
    return [step for step in steps if step.certain or step.value in met]


def order_exists(steps, first, most=MOST_STEPS):
    """Whether some order of the steps, each between its begin and its end, is one of a register that held `first`."""
    steps = sorted(without_what_left_no_trace(steps), key=lambda step: (step.begin, step.end))
    wanted = sum(1 << at for at, step in enumerate(steps) if step.certain)
    tried, count = set(), 0
    path = [(0, (first,), iter(possible_next(steps, 0)))]  # (what is done, state, what is left to try)
    while path:
        done, state, rest = path[-1]
        if done & wanted == wanted:
            return True
        at = next(rest, None)
        if at is None:
            path.pop()
            continue
        count += 1
        if count > most:
            raise Undecided(f"after {most} steps of {len(steps)} operations")
        after = steps[at].after(state)
        mark = (done | 1 << at, after)
        if after is None or mark in tried:
            continue
        tried.add(mark)
        path.append((*mark, iter(possible_next(steps, mark[0]))))
    return False


def possible_next(steps, done):
    """What may come next: nothing that is left ended before it began. Those of known outcome are tried first."""
    left, first_end = [], NEVER
    at = (~done & (done + 1)).bit_length() - 1  # everything before it is done
    for number in range(at, len(steps)):
        if steps[number].begin > first_end:
            break
        if not done >> number & 1:
            left.append(number)
            first_end = min(first_end, steps[number].end)
    left = [number for number in left if steps[number].begin <= first_end]
    return sorted(left, key=lambda number: (not steps[number].certain, steps[number].end))


def opinion(variable, steps, first, most=MOST_STEPS):
    """"" or what is to be said of the history of one register."""
    try:
        return "" if order_exists(steps, first, most) else f"{variable}: there is no order of its operations"
    except Undecided as why:
        return f"{variable}: undecided {why}"


# -- from what the two kinds of rounds write down

def steps_of_counter(writes, reads):
    """Of a counter of a cluster (cluster_history.py)."""
    return [Step("write", write.begun, write.ended if write.acknowledged else NEVER, write.value) for write in writes] + \
        [Step("read", read.begun, read.ended, read.value) for read in reads]


def of_cluster(history, final, now):
    """`final`: counter -> value that was read after everything, at `now`."""
    found = []
    for counter in sorted({write.counter for write in history.writes}):
        steps = steps_of_counter([write for write in history.writes if write.counter == counter],
                                 [read for read in history.reads if read.counter == counter])
        steps.append(Step("read", now, now + 1, final[counter]))
        found.append(opinion(counter, steps, 0))
    return [text for text in found if text]


SWAPS = {"done": "swap", "unknown": "swap", "failed": "missed"}


def steps_of_register(operations):
    """Of a register of a hierarchy (history.py), as its owner answered for it."""
    steps = []
    for one in operations:
        if one.kind == "swap" and one.outcome in SWAPS:
            end = NEVER if one.outcome == "unknown" else one.end
            steps.append(Step(SWAPS[one.outcome], one.begin, end, one.value, one.expected))
        elif one.kind == "read" and one.outcome == "done" and one.served == "owner":
            steps.append(Step("read", one.begin, one.end, one.seen))
    return steps
