"""What happened in one round: every operation of every client, the faults, and how it ended. Kept as JSON lines."""
import dataclasses
import json

SECOND = 1_000_000_000


@dataclasses.dataclass(slots=True)
class Operation:
    """One request of one client. Times are nanoseconds of the steady clock, which all processes here share.

    outcome: `done`; `failed`, the owner looked and it did not fit (other value, key taken, key absent); `refused`, not
    done for another reason; `unknown`, no answer or one that says that it may have been carried out.
    """
    number: int
    session: int
    kind: str  # swap, append, create, delete, put, read, list
    variable: str  # KIND/NAME: register, sequence, key, parameter; of a list: registers/OWNER
    owner: str
    at: str  # the server that was asked
    served: str  # "owner": carried out there, whatever the way; "replica": by the server that was asked
    begin: int
    end: int = 0
    outcome: str = "unknown"
    status: int = 0  # 0: no answer
    value: object = None  # to be written
    expected: object = None  # by a swap
    seen: object = None  # in the answer of a read; None: absent
    age: float | None = None  # X-Mullion-Age
    max_age: float | None = None  # X-Mullion-Max-Age
    pending: bool = False  # X-Mullion-Pending
    commit: list | None = None  # X-Mullion-Commit: owner, epoch, seq
    text: str = ""  # why not

    def describe(self, start=0):
        """One line for people; times in seconds since `start`."""
        words = [f"#{self.number} session {self.session} {self.kind} {self.variable} at {self.at} by {self.served}:",
                 f"{(self.begin - start) / SECOND:.3f}..{(self.end - start) / SECOND:.3f} s",
                 self.outcome, str(self.status or "no answer")]
        for name in ("expected", "value", "seen", "age", "max_age", "commit"):
            if getattr(self, name) is not None:
                words.append(f"{name}={getattr(self, name)!r:.200}")
        if self.pending:
            words.append("pending")
        return " ".join(words + ([f"({self.text[:200]})"] if self.text else []))


@dataclasses.dataclass
class History:
    """`levels`: of each owner the servers that show its objects, the owner first, then upwards."""
    seed: int
    levels: dict
    start: int  # every replica was current at this time
    operations: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)  # {kind, target, begin, end, ...}
    states: list = dataclasses.field(default_factory=list)  # at the end: {owner, server, digest}
    mismatches: dict = dataclasses.field(default_factory=dict)  # digests that differed, by server
    troubles: list = dataclasses.field(default_factory=list)  # servers that did not stop, start or recover
    bounds: dict = dataclasses.field(default_factory=dict)  # of owners followed by their public API: seconds, see checker.py
    foreign: list = dataclasses.field(default_factory=list)  # owners of another make: they number no commits and may mislead
    by_events: bool = False  # owners are followed by their public API: managers name places of their replicas as commits

    def level(self, operation):
        """How far above the owner the answer was made: 0 is the owner itself."""
        return 0 if operation.served == "owner" else self.levels[operation.owner].index(operation.at)

    def names_owners_commit(self, operation):
        """Whether the commit of an answer is a place in the owner's log."""
        if operation.commit is None or operation.owner in self.foreign:
            return False
        return operation.at == operation.owner or not self.by_events

    def owes_commit(self, operation):
        """Whether an answer to a write names a commit: servers of another make know none, and one that is pending here none yet."""
        return operation.owner not in self.foreign or operation.at != operation.owner and not operation.pending

    def shows_one_moment(self, operation):
        """Whether a list comes from one state of its owner: who follows by the public API reads objects one by one."""
        return self.level(operation) == 0 or not self.by_events

    def save(self, path):
        head = {name: value for name, value in vars(self).items() if name != "operations"}
        with open(path, "w") as out:
            out.write(json.dumps(head) + "\n")
            for operation in self.operations:
                out.write(json.dumps(dataclasses.asdict(operation)) + "\n")


def load(path):
    """The history that `save` wrote."""
    with open(path) as lines:
        made = History(**json.loads(next(lines)))
        made.operations = [Operation(**json.loads(line)) for line in lines]
    return made
