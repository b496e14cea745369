"""Decides whether a history could have come from servers that keep what docs/guarantees.md promises.

Pure: reads nothing but the history. Each variable (a register, a sequence, a key, a parameter) becomes a chain: its
writes in the one order in which they took effect, and what each read saw of it, as a position in that order. Chains are
certain, not guessed, because values are unique and each write names what it replaces, adds to a list, or has one writer.

As a command it checks a history that was kept: checker.py FILE
"""
import collections
import dataclasses
import math
import sys

import history as history_module
import linearizable
from history import SECOND

NEVER = math.inf
# Ages are rounded up, so there is nothing to allow for where they are too low. How old replicas that are current may be
# said to be, in seconds, where they are too high.
CURRENT = 10.0
# What a register holds before its first swap.
FIRST = "first"
# What a client with a right login that asks for what exists can be told. Keys may also be absent.
STATUSES = {0, 200, 201, 406, 409, 429, 502, 503, 504}


@dataclasses.dataclass
class Violation:
    """A broken promise and the few operations that prove it."""
    rule: str
    text: str
    operations: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Chain:
    """`writes[i]` makes position i + 1; 0 is how the variable began. `reads` are (position, operation), `failed` are
    (position that was expected, operation) of writes that did not fit."""
    variable: str
    writes: list = dataclasses.field(default_factory=list)
    reads: list = dataclasses.field(default_factory=list)
    failed: list = dataclasses.field(default_factory=list)
    operations: list = dataclasses.field(default_factory=list)  # of a key: every read that was answered
    problems: list = dataclasses.field(default_factory=list)

    def report(self, rule, text, *operations):
        self.problems.append(Violation(rule, f"{self.variable}: {text}", [one for one in operations if one]))


def until(operation):
    """The latest time at which a write took effect."""
    return operation.end if operation.outcome == "done" else NEVER


def effective(operations):
    """Those of which it is known that they were carried out."""
    return [one for one in operations if one.outcome == "done"]


def reads_among(operations):
    return [one for one in operations if one.kind == "read" and one.outcome == "done"]


def final_read(reads):
    """The last one at the owner, or none: what everything else must have led to."""
    return max((one for one in reads if one.served == "owner"), key=lambda one: one.begin, default=None)


# -- chains

def explain_value(chain, read, value, writer):
    """A read saw a value that is no part of the order."""
    if writer is None:
        chain.report("unknown-value", f"{value!r} was seen and never written", read)
    elif writer.outcome in ("refused", "failed"):
        chain.report("refused-write-done", f"{value!r} was seen although its write was refused", writer, read)
    else:
        chain.report("lost-write", f"{value!r} was seen and is not what the final value came from", writer, read)


def place_reads(chain, reads, writers, first):
    """Gives each read its position by its value; `first` is the value of position 0."""
    places = {first: 0} | {write.value: place for place, write in enumerate(chain.writes, 1)}
    for read in reads:
        if read.seen in places:
            chain.reads.append((places[read.seen], read))
        else:
            explain_value(chain, read, read.seen, writers.get(read.seen))
    return places


def register_chain(variable, operations):
    """From the final value back to the first: each swap names the value it replaced."""
    chain = Chain(variable)
    swaps = [one for one in operations if one.kind == "swap"]
    writers = {one.value: one for one in swaps}
    reads = reads_among(operations)
    report_rivals(chain, swaps)
    last = final_read(reads)
    if last is None or not walk_back(chain, last, writers):
        return chain
    for write in chain.writes:
        if write.outcome in ("refused", "failed"):
            explain_value(chain, last, write.value, write)
    places = place_reads(chain, reads, writers, FIRST)
    report_lost(chain, effective(swaps), places, last)
    chain.failed = [(places[swap.expected], swap) for swap in swaps
                    if swap.outcome == "failed" and swap.expected in places]
    return chain


def report_rivals(chain, swaps):
    """One value has one successor."""
    winners = {}
    for swap in effective(swaps):
        if swap.expected in winners:
            chain.report("one-winner", f"two swaps replaced {swap.expected!r}", winners[swap.expected], swap)
        winners[swap.expected] = swap


def walk_back(chain, last, writers):
    """Fills in the writes that led to the value of the last read. False: they go round."""
    value = last.seen
    while value in writers:
        chain.writes.append(writers[value])
        value = writers[value].expected
        if len(chain.writes) > len(writers):
            chain.report("one-order", "the values replace each other in a circle", *chain.writes[:3])
            chain.writes.clear()
            return False
    chain.writes.reverse()
    if value != FIRST:
        chain.report("unknown-value", f"{value!r} was there and never written", last, *chain.writes[:1])
    return True


def report_lost(chain, acknowledged, there, last):
    for write in acknowledged:
        if write.value not in there:
            chain.report("lost-write", f"{write.value!r} was acknowledged and is not part of what is there at the end",
                         write, last)


def sequence_chain(variable, operations):
    """The final list is the order; whatever was seen before must be how it began."""
    chain = Chain(variable)
    writers = {one.value: one for one in operations if one.kind == "append"}
    reads = reads_among(operations)
    last = final_read(reads)
    if last is None or report_doubled(chain, reads, writers):
        return chain
    final = last.seen or []
    strange = [value for value in final if value not in writers or writers[value].outcome in ("refused", "failed")]
    if strange:
        explain_value(chain, last, strange[0], writers.get(strange[0]))
        return chain
    chain.writes = [writers[value] for value in final]
    report_lost(chain, effective(writers.values()), final, last)
    for read in reads:
        place_list(chain, read, last, writers)
    return chain


def report_doubled(chain, reads, writers):
    """Whether something is there twice."""
    for read in reads:
        twice = [value for value, times in collections.Counter(read.seen or []).items() if times > 1]
        if twice:
            chain.report("doubled-write", f"{twice[0]!r} is there twice", writers.get(twice[0]), read)
            return True
    return False


def place_list(chain, read, last, writers):
    """What a read saw of a list must be the beginning of what the last one saw."""
    seen, final = read.seen or [], last.seen or []
    strange = next((value for value in seen if value not in final), None)
    if seen == final[:len(seen)]:
        chain.reads.append((len(seen), read))
    elif strange is not None:
        explain_value(chain, read, strange, writers.get(strange))
    else:
        chain.report("one-order", f"{seen!r:.300} is not how the final list {final!r:.300} began", read, last)


def parameter_chain(variable, operations):
    """One writer, which stops at the first write whose outcome it does not know: its order is the order."""
    chain = Chain(variable)
    puts = sorted((one for one in operations if one.kind == "put"), key=lambda one: one.begin)
    reads = reads_among(operations)
    seen = {one.seen for one in reads}
    chain.writes = [one for one in puts if one.outcome == "done" or one.outcome == "unknown" and one.value in seen]
    places = place_reads(chain, reads, {one.value: one for one in puts}, None)
    last, newest = final_read(reads), effective(puts)[-1:]
    if last and newest and last.begin > newest[0].end and places.get(last.seen, NEVER) < places[newest[0].value]:
        report_lost(chain, newest, (), last)
    return chain


def key_chain(variable, operations):
    """Absent, then there, then absent for ever: keys are used once."""
    chain = Chain(variable)
    creates = [one for one in operations if one.kind == "create"]
    deletes = [one for one in operations if one.kind == "delete"]
    reads = reads_among(operations)
    chain.operations = reads
    maker, remover = creation(chain, creates, deletes, reads), deletion(chain, deletes)
    if maker is None:
        return chain
    chain.writes = [maker] if remover is None else [maker, remover]
    chain.reads = list(key_positions(maker, remover, reads))
    last = final_read(reads)
    if last is not None:
        report_key_at_end(chain, maker, remover, deletes, last)
    return chain


def earliest(writes):
    """One write that stands for several of which it is not known which took effect."""
    return dataclasses.replace(min(writes, key=lambda one: one.begin), outcome="unknown")


def creation(chain, creates, deletes, reads):
    """The write that made the key, or none."""
    by_value = {one.value: one for one in creates}
    done = effective(creates)
    seen = {one.seen: one for one in reads if one.seen is not None}
    for value, read in seen.items():
        if value not in by_value or by_value[value].outcome in ("refused", "failed"):
            explain_value(chain, read, value, by_value.get(value))
    values = {one.value for one in done} | set(seen)
    if len(values) > 1:
        chain.report("one-winner", f"several creations took effect: {sorted(map(str, values))}", *done[:2], *seen.values())
    made = done + [by_value[value] for value in seen if value in by_value]
    if made or not effective(deletes):
        return made[0] if made else None
    perhaps = [one for one in creates if one.outcome == "unknown"]
    if not perhaps:
        chain.report("unknown-value", "it was deleted and never created", *effective(deletes)[:1])
    return earliest(perhaps) if perhaps else None


def deletion(chain, deletes):
    """The write that removed the key, or none."""
    done = effective(deletes)
    if len(done) > 1:
        chain.report("doubled-write", "it was deleted twice", *done[:2])
    perhaps = [one for one in deletes if one.outcome == "unknown"]
    return done[0] if done else earliest(perhaps) if perhaps else None


def key_positions(maker, remover, reads):
    """Of every read what it saw. Absent is before the creation or after the deletion: where both are possible it says
    nothing."""
    for read in reads:
        if read.seen is not None:
            yield 1, read
        elif remover is None or remover.begin > read.end:
            yield 0, read
        elif maker.outcome == "done" and read.served == "owner" and read.begin > maker.end:
            yield 2, read


def report_key_at_end(chain, maker, remover, deletes, last):
    if remover is None and last.seen is None and maker.outcome == "done" and last.begin > maker.end:
        refused = [one for one in deletes if one.outcome in ("refused", "failed")]
        chain.report("refused-write-done" if refused else "lost-write",
                     "it was created, is not there at the end, and nobody deleted it", maker, last, *refused[:1])
    if last.seen is not None and remover is not None and last.begin > until(remover):
        chain.report("lost-write", "it was deleted and is there at the end", remover, last)


CHAINS = {"register": register_chain, "sequence": sequence_chain, "parameter": parameter_chain, "key": key_chain}


def single_reads(operation):
    """A list as reads of each thing in it."""
    for variable, value in (operation.seen or {}).items():
        yield dataclasses.replace(operation, kind="read", variable=variable, seen=value)


def chains(history):
    """The chains of all variables."""
    operations = collections.defaultdict(list)
    for operation in history.operations:
        for one in single_reads(operation) if operation.kind == "list" else (operation,):
            operations[one.variable].append(one)
    return [CHAINS[variable.split("/")[0]](variable, found) for variable, found in sorted(operations.items())]


# -- order

def check_owner_order(chain):
    """Real time at the owner: every operation takes effect at one moment between its beginning and its end. Moments are
    given as early as the order allows; one that comes after the end of its operation proves that there are none."""
    groups = collections.defaultdict(list)
    for position, read in chain.reads:
        if read.served == "owner":
            groups[position].append(read)
    moment, cause = -1, None
    starts = []  # from when on each position may have been there
    for position in range(len(chain.writes) + 1):
        write = chain.writes[position - 1] if position else None
        if write is not None:
            if write.begin > moment:
                moment, cause = write.begin, write
            if moment > until(write):
                return [Violation("real-time-order", f"{chain.variable}: the second took effect before the first "
                                  "and was over before the first began", [cause, write])]
        starts.append(moment)
        for read in groups[position]:
            if moment > read.end:
                return [Violation("real-time-order", f"{chain.variable}: the owner showed what came later than the "
                                  "first, and was read before it began", [cause, read])]
        for read in groups[position]:
            if read.begin > moment:
                moment, cause = read.begin, read
    return check_failed(chain, starts)


def check_failed(chain, starts):
    """A swap that failed although what it expected was there all the time."""
    witnesses = sorted([(position, read.end, read) for position, read in chain.reads]
                       + [(place, until(write), write) for place, write in enumerate(chain.writes, 1)],
                       key=lambda one: one[1])
    there = {}  # position: by when it certainly had come
    for position, end, operation in witnesses:
        there.setdefault(position, (end, operation))
    for expected, swap in chain.failed:
        came = [there[place] for place in there if place >= expected] if expected else [(-1, None)]
        came = min(came, key=lambda one: one[0], default=(NEVER, None))
        left = starts[expected + 1] if expected + 1 < len(starts) else NEVER
        if came[0] < swap.begin and swap.end < left:
            return [Violation("real-time-order", f"{chain.variable}: a swap failed although the value that it expected "
                              "was there all the time", [one for one in (came[1], swap) if one])]
    return []


def check_future(chain):
    """Nothing is seen before its write began."""
    for position, read in chain.reads:
        if position and chain.writes[position - 1].begin > read.end:
            return [Violation("value-from-the-future", f"{chain.variable}: seen before it was written",
                              [chain.writes[position - 1], read])]
    return []


def sightings(history, chain):
    """(end, level, position, operation): by then, the servers up to this level had reached this position. A write that
    was answered without X-Mullion-Pending is shown at every level it passed through."""
    for position, read in chain.reads:
        yield read.end, history.level(read), position, read
    for position, write in enumerate(chain.writes, 1):
        if write.outcome == "done":
            passed = 0 if write.pending else history.levels[write.owner].index(write.at)
            yield write.end, passed, position, write


def order_rule(sight, read):
    """The name of the promise that says that `read` must show what `sight` did."""
    if sight.kind != "read":
        return "read-your-writes" if sight.session == read.session else "real-time-order"
    return "monotonic-reads" if sight.at == read.at and sight.served == read.served else "real-time-order"


def check_level(history, chain, level):
    """What was shown at this level or above it stays shown: to the same session and, since there is one store, to all."""
    seen = sorted((one for one in sightings(history, chain) if one[1] >= level), key=lambda one: one[0])
    reads = sorted(((read.begin, position, read) for position, read in chain.reads if history.level(read) == level),
                   key=lambda one: one[0])
    newest, witness, at = 0, None, 0
    for begin, position, read in reads:
        while at < len(seen) and seen[at][0] < begin:
            if seen[at][2] > newest:
                newest, witness = seen[at][2], seen[at][3]
            at += 1
        if position < newest:
            proof = [chain.writes[newest - 1], witness, read]
            return [Violation(order_rule(witness, read), f"{chain.variable}: {level} levels above its owner an older "
                              f"value was shown than before ({newest - position} writes)", unique(proof))]
    return []


def unique(operations):
    return list({one.number: one for one in operations}.values())


def check_levels(history, chain):
    if not chain.reads:
        return []
    levels = range(len(history.levels[chain.reads[0][1].owner]))
    return [found for level in levels for found in check_level(history, chain, level)]


# -- ages

def outdated(chain):
    """Of each position by when it was certainly over, and the operation that shows that."""
    ends = [(NEVER, None)] * (len(chain.writes) + 1)
    witnesses = chain.reads + list(enumerate(chain.writes, 1))
    for position, operation in witnesses:
        if position and until(operation) < ends[position - 1][0]:
            ends[position - 1] = (operation.end, operation)
    for before in range(len(ends) - 2, -1, -1):
        ends[before] = min(ends[before], ends[before + 1], key=lambda one: one[0])
    return ends


class Worst:
    """The worst of several answers that break one rule, and how many there are."""

    def __init__(self, rule):
        self.rule, self.count, self.excess, self.violation = rule, 0, 0.0, None

    def add(self, excess, text, *operations):
        self.count += 1
        if self.violation is None or excess > self.excess:
            self.excess, self.violation = excess, Violation(self.rule, text, list(operations))

    def found(self):
        if self.violation is None:
            return []
        self.violation.text += f" ({self.count} such answers)" if self.count > 1 else ""
        return [self.violation]


def check_ages(history, chain):
    """An answer from a replica is never older than it says, nor than the reader allows. Of an event that a server of another
    make loses nobody can know: what holds there is the bound."""
    if chain.reads and chain.reads[0][1].owner in history.foreign:
        return []
    ends = outdated(chain)
    below, demand = Worst("age-below-truth"), Worst("max-age")
    for position, read in chain.reads:
        if history.level(read) == 0 or position >= len(ends):
            continue
        over, witness = ends[position]
        true = (read.begin - over) / SECOND
        text = f"{chain.variable} at {read.at}: at least {true:.1f} s old"
        if read.age is not None and true > read.age:
            below.add(true - read.age, f"{text}, and said to be {read.age:g} s old", witness, read)
        if read.max_age is not None and true > read.max_age:
            demand.add(true - read.max_age, f"{text}, and at most {read.max_age:g} s were allowed", witness, read)
    return below.found() + demand.found()


# -- the bound of those that are followed by their public API

# Seconds after a disturbance until it is over for whoever follows: it is noticed, waited for and connected again, and the
# first walk is made. A manager notices within 5 s, and waits for as long again as it was alone, 15 s at most.
RECOVERY = 15
# What disturbs nobody: the time of what follows is steady, and lines of clients are not those of managers.
UNFELT = {"clock-ahead", "clock-back"}


def downtimes(history, owner, at):
    """When objects of `owner` could not reach the server `at`: (begin, end), in order and apart."""
    way = history.levels[owner][:history.levels[owner].index(at) + 1]
    felt = {*way, *(f"{above}-{below}" for below, above in zip(way, way[1:]))}
    spans = sorted((fault["begin"], fault.get("end", NEVER) + RECOVERY * SECOND) for fault in history.faults
                   if fault["target"] in felt and fault["kind"] not in UNFELT and not fault.get("misleads"))
    out = []
    for begin, end in spans:
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def time_up(spans, begin, end):
    """Seconds between two moments that are not in these spans."""
    down = sum(max(0, min(end, until_) - max(begin, from_)) for from_, until_ in spans)
    return (end - begin - down) / SECOND


def check_bound(history, chain):
    """What no event told of, a deletion among it, is corrected in time: nobody sees for longer what is over, but for the time
    in which nothing came through."""
    if not chain.reads or chain.reads[0][1].owner not in history.bounds:
        return []
    owner = chain.reads[0][1].owner
    ends, worst, spans = outdated(chain), Worst("beyond-bound"), {}
    for position, read in chain.reads:
        if history.level(read) == 0 or position >= len(ends) or ends[position][0] > read.begin:
            continue
        over, witness = ends[position]
        if read.at not in spans:
            spans[read.at] = downtimes(history, owner, read.at)
        late = time_up(spans[read.at], over, read.begin)
        if late > history.bounds[owner]:
            worst.add(late, f"{chain.variable} at {read.at}: wrong for {late:.1f} s in which nothing hindered it; "
                      f"{history.bounds[owner]:g} s are promised", witness, read)
    return worst.found()


def check_deleted(history, chain):
    """An object that is gone at a level does not come back there: keys are used once."""
    if not chain.variable.startswith("key/"):
        return []
    for level in range(1, max(map(len, history.levels.values()))):
        reads = sorted((read for read in chain.operations if history.level(read) == level), key=lambda one: one.begin)
        gone = None  # the first absence that began after somebody had seen it there
        for read in reads:
            if read.seen is not None and gone is not None and gone.end < read.begin:
                return [Violation("deleted-again", f"{chain.variable}: {level} levels above its owner it was gone and is "
                                  "shown again", [gone, read])]
            seen = [one for one in reads if one.seen is not None and one.end < read.begin]
            if read.seen is None and seen and (gone is None or read.end < gone.end):
                gone = read
    return []


# What a server says of a replica whose age it cannot know: the time since 1970.
UNKNOWN_AGE = 1_000_000_000


def jumps_over_restarts(history):
    """Seconds by which replicas may look older than they are: only the wall clock lasts over a restart."""
    restarted = {fault["target"] for fault in history.faults if fault["kind"] in ("kill", "restart", "restart-elsewhen")}
    jumps = [fault for fault in history.faults if fault["target"] in restarted
             and fault["kind"] in ("clock-ahead", "clock-back", "restart-elsewhen")]
    return sum(abs(fault["seconds"]) for fault in jumps)


def check_told_ages(history):
    """Every answer from a replica says its age, one that can be and that the reader allows. (Who asks for a key that no
    owner has is told no age: nobody's replica answered.)"""
    missing, excess, beyond = Worst("age-missing"), Worst("max-age"), Worst("age-beyond-truth")
    jumps = jumps_over_restarts(history)
    for read in history.operations:
        if read.kind not in ("read", "list") or read.outcome != "done" or history.level(read) == 0:
            continue
        if read.age is None and read.status == 404:
            continue
        if read.age is None:
            missing.add(0, f"{read.variable} at {read.at}: no X-Mullion-Age", read)
            continue
        if read.max_age is not None and read.age > math.ceil(read.max_age):
            excess.add(read.age, f"{read.variable} at {read.at}: older than the reader allows", read)
        if jumps and read.age >= UNKNOWN_AGE:
            continue  # after a restart under a clock that was set back nobody knows
        possible = (read.end - history.start) / SECOND + jumps + CURRENT
        if read.age > possible:
            beyond.add(read.age - possible, f"{read.variable} at {read.at}: said to be {read.age:g} s old; the replica "
                       f"was current {(read.end - history.start) / SECOND:.0f} s ago", read)
    return missing.found() + excess.found() + beyond.found()


# -- whole histories

def check_commits(history):
    """Sequence numbers of an owner: one history, none given twice, in the order of real time."""
    by_owner = collections.defaultdict(list)
    for operation in history.operations:
        if operation.outcome != "done" or operation.kind in ("read", "list"):
            continue
        if operation.commit is None and not history.owes_commit(operation):
            continue
        if operation.commit is None:
            return [Violation("sequence", f"{operation.variable}: acknowledged without X-Mullion-Commit", [operation])]
        if operation.commit[0] != operation.owner:
            return [Violation("sequence", f"{operation.variable}: the commit is another owner's", [operation])]
        if history.names_owners_commit(operation):
            by_owner[operation.owner].append(operation)
    return [found for operations in by_owner.values() for found in check_owner_commits(operations)]


def check_owner_commits(operations):
    found, numbers = [], {}
    for operation in operations:
        place = tuple(operation.commit[1:])
        if place in numbers:
            found.append(Violation("sequence", f"the number {place} was given twice", [numbers[place], operation]))
        numbers[place] = operation
    if len({operation.commit[1] for operation in operations}) > 1:
        other = next(one for one in operations if one.commit[1] != operations[0].commit[1])
        found.append(Violation("sequence", "the epoch changed although nobody replaced the server",
                               [operations[0], other]))
    newest, ended, at = None, sorted(operations, key=lambda one: one.end), 0
    for operation in sorted(operations, key=lambda one: one.begin):
        while ended[at].end < operation.begin:
            if newest is None or ended[at].commit[2] > newest.commit[2]:
                newest = ended[at]
            at += 1
        if newest is not None and operation.commit[2] < newest.commit[2]:
            return found + [Violation("sequence", "a later write has a lower number", [newest, operation])]
    return found


def check_chain_commits(history, chain):
    """The order of a variable is the order of its commits."""
    done = [one for one in effective(chain.writes) if history.names_owners_commit(one)]
    for before, after in zip(done, done[1:]):
        if before.commit[2] >= after.commit[2]:
            return [Violation("sequence", f"{chain.variable}: the numbers contradict the values", [before, after])]
    return []


def check_moments(history, found_chains):
    """A list shows its owner at one moment: of any two, one is nowhere behind the other."""
    places = {chain.variable: {write.value: place for place, write in enumerate(chain.writes, 1)}
              for chain in found_chains if chain.variable.startswith("register/")}
    lists = collections.defaultdict(list)
    for operation in history.operations:
        if operation.kind == "list" and operation.outcome == "done" and history.shows_one_moment(operation):
            vector = [places[name].get(value, 0) for name, value in sorted((operation.seen or {}).items())]
            lists[operation.variable].append((vector, operation))
    found = []
    for variable, shown in lists.items():
        shown.sort(key=lambda one: sum(one[0]))
        for (before, first), (after, second) in zip(shown, shown[1:]):
            if len(before) != len(after) or any(a > b for a, b in zip(before, after)):
                found.append(Violation("one-moment", f"{variable}: two lists show no moments of one history",
                                       [first, second]))
                break
    return found


def check_answers(history):
    """Errors are what they are: no answer says that a right login is wrong, or that what exists does not."""
    found = {}
    for operation in history.operations:
        absent = operation.status == 404 and operation.variable.startswith("key/")
        if operation.status in STATUSES or absent:
            continue
        found.setdefault(operation.status, Worst("wrong-answer")).add(
            0, f"{operation.kind} at {operation.at} was answered {operation.status}", operation)
    return [one for worst in found.values() for one in worst.found()]


def check_end(history):
    """All levels are equal, digests agreed all the time, every server stopped, started and came back."""
    found = []
    digests = collections.defaultdict(dict)
    for state in history.states:
        digests[state["owner"]][state["server"]] = state["digest"]
    for owner, servers in history.levels.items():
        missing = [server for server in servers if server not in digests[owner]]
        if missing or len(set(digests[owner].values())) != 1:
            found.append(Violation("not-equal", f"objects of {owner} at the end: {digests[owner]}, not told: {missing}"))
    for server, count in history.mismatches.items():
        if count:
            found.append(Violation("digest-mismatch", f"{server} found {count:g} digests that differ"))
    return found + [Violation("server", text) for text in history.troubles]


def check_coverage(history):
    """A history in which little happened proves little."""
    done = {(one.kind, history.level(one) if one.kind in ("read", "list") else 0)
            for one in effective(history.operations)}
    wanted = [(kind, 0) for kind in ("swap", "append", "create", "delete", "put")]
    wanted += [("read", level) for level in range(max(map(len, history.levels.values())))]
    return [Violation("coverage", f"not one {kind} succeeded {level} levels above the owner")
            for kind, level in wanted if (kind, level) not in done]


def check_second_opinion(history):
    """Of registers at their owners, by a search that knows nothing of chains (linearizable.py)."""
    operations = collections.defaultdict(list)
    for operation in history.operations:
        if operation.variable.startswith("register/"):
            operations[operation.variable].append(operation)
    said = [linearizable.opinion(variable, linearizable.steps_of_register(found), FIRST)
            for variable, found in sorted(operations.items())]
    return [Violation("second-opinion", text) for text in said if text]


def check(history):
    """All violations, at most one of each rule for each variable and level."""
    made = chains(history)
    found = [problem for chain in made for problem in chain.problems]
    for chain in made:
        found += check_owner_order(chain) + check_future(chain) + check_levels(history, chain)
        found += check_ages(history, chain) + check_chain_commits(history, chain)
        found += check_bound(history, chain) + check_deleted(history, chain)
    found += check_second_opinion(history)
    found += check_moments(history, made) + check_told_ages(history) + check_commits(history)
    return found + check_answers(history) + check_end(history) + check_coverage(history)


def explain(history, violation):
    """The lines that show one violation: the rule, the operations, and the faults of that time."""
    lines = [f"{violation.rule}: {violation.text}"]
    operations = sorted(violation.operations, key=lambda one: one.begin)
    lines += ["  " + one.describe(history.start) for one in operations]
    if operations:
        begin, end = operations[0].begin - 3 * SECOND, operations[-1].end
        lines += [f"  fault {describe_fault(fault, history.start)}" for fault in history.faults
                  if fault["begin"] < end and fault.get("end", NEVER) > begin]
    return "\n".join(lines)


def report(history, found):
    """Of each broken rule one violation in full, and how many more there are."""
    by_rule = collections.defaultdict(list)
    for violation in found:
        by_rule[violation.rule].append(violation)
    parts = []
    for same in by_rule.values():
        parts.append(explain(history, same[0]))
        if len(same) > 1:
            parts.append(f"  and {len(same) - 1} more of this rule")
    return "\n".join(parts)


def describe_fault(fault, start):
    more = [f"{name}={fault[name]}" for name in ("seconds", "rate") if name in fault]
    end = f"{(fault['end'] - start) / SECOND:.1f}" if "end" in fault else ""
    return (f"{(fault['begin'] - start) / SECOND:.1f}..{end} s: {fault['kind']} {fault['target']}"
            + "".join(f" {one}" for one in more))


def main():
    history = history_module.load(sys.argv[1])
    found = check(history)
    print(report(history, found) + f"\n{len(history.operations)} operations, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
