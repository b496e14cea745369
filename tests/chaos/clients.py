"""Clients of a hierarchy under faults. Each writes down when it asked, what for, when it was answered, and what was said."""
import base64
import collections
import contextlib
import http.client
import itertools
import json
import random
import ssl
import threading
import time

from checker import FIRST
from history import Operation

PATIENCE = (3, 10)  # seconds without a byte, by client; then the outcome is unknown
AVOIDANCE = 3  # seconds in which a client mostly asks others than who did not answer
PAUSE = 0.03  # seconds between operations, on average
DEMANDS = (1, 2, 4, 8)  # seconds, of X-Mullion-Max-Age
CREATORS = 2  # of each key
ELEMENTS = 50  # appends to one sequence before the next one is used
LIKE_NOT_DONE = {400, 401, 403, 404, 405, 406, 409, 412, 413, 422, 423, 429, 503, 507}
MAYBE_DONE = ("may have been carried out", "it was carried out")


class Asker:
    """Connections of one client to every server. Nothing is ever asked twice."""

    def __init__(self, ports, login, patience=max(PATIENCE)):
        self.ports = ports  # of each server
        self.patience = patience
        self.login = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        self.connections = {}
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def ask(self, operation, method, path, body=None):
        """Fills in what becomes of the operation; returns the answer's body, or None."""
        headers = {"Authorization": self.login}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if operation.max_age is not None:
            headers["X-Mullion-Max-Age"] = str(operation.max_age)
        sent = False
        operation.begin = time.monotonic_ns()
        try:
            connection = self.connect(operation.at)
            sent = True
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as failure:
            self.disconnect(operation.at)
            operation.end = time.monotonic_ns()
            operation.outcome, operation.text = "unknown" if sent else "refused", repr(failure)
            return None
        operation.end = time.monotonic_ns()
        self.read_headers(operation, answer)
        if answer.will_close:
            self.disconnect(operation.at)
        return self.judge(operation, text)

    def connect(self, server):
        if server not in self.connections:
            connection = http.client.HTTPSConnection("127.0.0.1", self.ports[server], timeout=self.patience,
                                                     context=self.context)
            connection.connect()
            self.connections[server] = connection
        return self.connections[server]

    def disconnect(self, server):
        with contextlib.suppress(KeyError, OSError):
            self.connections.pop(server).close()

    def close(self):
        for server in list(self.connections):
            self.disconnect(server)

    @staticmethod
    def read_headers(operation, answer):
        operation.status = answer.status
        age, commit = answer.headers["X-Mullion-Age"], answer.headers["X-Mullion-Commit"]
        operation.age = None if age is None else float(age)
        operation.pending = answer.headers["X-Mullion-Pending"] is not None
        if commit is not None:
            owner, epoch, seq = commit.split()
            operation.commit = [owner, epoch, int(seq)]

    @staticmethod
    def judge(operation, text):
        """What the status says about the outcome. A 503 is a refusal unless it says otherwise."""
        if operation.status in (200, 201):
            operation.outcome = "done"
            return json.loads(text)
        operation.text = text
        maybe = any(words in text for words in MAYBE_DONE) or operation.status not in LIKE_NOT_DONE
        operation.outcome = "unknown" if maybe else "refused"
        return None


class Names:
    """The variables of one owner, and how far their use has come. Thread-safe."""

    def __init__(self, owner, registers, sequences):
        self.owner = owner
        self.registers = [f"register-{owner}-{number}" for number in range(registers)]
        self.sequences = [f"sequence-{owner}-{number}" for number in range(sequences)]
        self.parameters = f"parameters-{owner}"
        self.used = self.sequences[:1]
        self.appended = itertools.count()
        self.keyed = itertools.count()
        self.keys = []
        self.created = collections.Counter()  # key: creations whose outcome is known
        self.parameter_names = []

    def sequence(self):
        """The one that is added to now, or none when all are used up."""
        place = next(self.appended) // ELEMENTS
        if place >= len(self.sequences):
            return None
        self.used = self.sequences[:place + 1]
        return self.sequences[place]

    def new_key(self):
        """CREATORS clients get each name, one after the other, and contend for it."""
        key = f"key-{self.owner}-{next(self.keyed) // CREATORS}"
        if key not in self.keys:
            self.keys.append(key)
        return key

    def initial_objects(self):
        """What is there before the first operation."""
        return ([{"Name": name, "Description": FIRST} for name in self.registers]
                + [{"Name": name, "Params": {"elements": []}} for name in self.sequences]
                + [{"Name": self.parameters}])


class Client(threading.Thread):
    """One session: one operation at a time, chosen by the seed, until told to stop."""

    def __init__(self, number, seed, levels, names, asker, numbers, stop):
        super().__init__(daemon=True)
        self.number, self.levels, self.names, self.asker = number, levels, names, asker
        self.choose = random.Random(f"{seed}/{number}")
        self.numbers = numbers  # of operations, shared by all
        self.stop = stop
        self.operations = []
        self.values = itertools.count(1)
        self.puts = {}  # owner: (parameter's name, its newest value)
        self.avoided = {}  # server: until when
        self.failure = None

    def run(self):
        try:
            while not self.stop.is_set():
                owner = self.choose.choices(list(self.names), [6, 3, 1, 1][:len(self.names)])[0]
                self.one_of(self.swaps, 5, self.read_register, 4, self.read_list, 1, self.append, 2, self.read_sequence, 1,
                            self.create, 1, self.delete, 1, self.read_key, 1, self.put, 1, self.read_parameter, 1)(owner)
                self.stop.wait(self.choose.uniform(0, 2 * PAUSE))
        except Exception as failure:  # of this program: the round is worth nothing
            self.failure = failure
            raise
        finally:
            self.asker.close()

    def one_of(self, *pairs):
        return self.choose.choices(pairs[0::2], pairs[1::2])[0]

    # -- where and how

    def operation(self, kind, variable, owner, at=None, served="owner", **more):
        made = Operation(number=next(self.numbers), session=self.number, kind=kind, variable=variable, owner=owner,
                         at=at or self.any_level(owner), served=served, begin=0, **more)
        self.operations.append(made)
        return made

    def any_level(self, owner):
        levels = self.levels[owner]
        if self.operations and self.operations[-1].outcome == "unknown":
            self.avoided[self.operations[-1].at] = time.monotonic() + AVOIDANCE
        working = [server for server in levels if self.avoided.get(server, 0) < time.monotonic()]
        return self.choose.choice(working if working and self.choose.random() < 0.8 else levels)

    def path(self, operation, rest):
        """Below the owner's name, or as the server's own: writes go to the owner either way, reads only the first way."""
        if operation.at == operation.owner:
            return f"/api/v3/{rest}"
        forwarded = operation.kind not in ("read", "list") and self.choose.random() < 0.5
        named = operation.served == "owner" and (operation.kind in ("read", "create") or forwarded)
        return f"/{operation.owner}/api/v3/{rest}" if named else f"/api/v3/{rest}"

    def read(self, variable, owner, rest, kind="read", at=None, served=None):
        """The answer's body; the operation says the rest."""
        at = at or self.any_level(owner)
        if served is None:
            served = "owner" if at == owner or kind == "read" and self.choose.random() < 0.2 else "replica"
        demand = self.choose.choice(DEMANDS) if served == "replica" and self.choose.random() < 0.3 else None
        read = self.operation(kind, variable, owner, at, served, max_age=demand)
        body = self.asker.ask(read, "GET", self.path(read, rest))
        if read.status == 404 and variable.startswith("key/"):
            read.outcome = "done"
        return read, body

    def value(self):
        return f"{self.number}-{next(self.values)}"

    # -- registers

    def read_register(self, owner, name=None, **where):
        name = name or self.choose.choice(self.names[owner].registers)
        read, body = self.read(f"register/{name}", owner, f"profiles/{name}", **where)
        read.seen = body and body["Description"]
        return read

    def swaps(self, owner):
        """Reads a register and goes on from there, as long as nobody else comes between."""
        read = self.read_register(owner)
        name, value = read.variable.split("/")[1], read.seen
        for _ in range(self.choose.choice((1, 1, 2, 4))):
            if value is None:
                return
            value = self.swap(owner, name, value)

    def swap(self, owner, name, expected):
        """The new value, or None when it is not known to be there."""
        swap = self.operation("swap", f"register/{name}", owner, expected=expected, value=self.value())
        patch = [{"op": "test", "path": "/Description", "value": expected},
                 {"op": "replace", "path": "/Description", "value": swap.value}]
        self.asker.ask(swap, "PATCH", self.path(swap, f"profiles/{name}"), patch)
        if swap.outcome == "refused" and "Test op failed" in swap.text:
            swap.outcome = "failed"
        return swap.value if swap.outcome == "done" else None

    def read_list(self, owner, **where):
        names = self.names[owner].registers
        read, body = self.read(f"registers/{owner}", owner, f"profiles?Endpoint={owner}&Name=In({','.join(names)})",
                               kind="list", **where)
        if body is not None:
            read.seen = {f"register/{row['Name']}": row["Description"] for row in body}

    # -- sequences

    def append(self, owner):
        name = self.names[owner].sequence()
        if name is None:
            return
        append = self.operation("append", f"sequence/{name}", owner, value=self.value())
        patch = [{"op": "add", "path": "/Params/elements/-", "value": append.value}]
        self.asker.ask(append, "PATCH", self.path(append, f"profiles/{name}"), patch)

    def read_sequence(self, owner, name=None, **where):
        name = name or self.choose.choice(self.names[owner].used)
        read, body = self.read(f"sequence/{name}", owner, f"profiles/{name}", **where)
        read.seen = body and body["Params"]["elements"]

    # -- keys

    def create(self, owner):
        key = self.names[owner].new_key()
        create = self.operation("create", f"key/{key}", owner, value=self.value())
        body = {"Name": key, "Description": create.value}
        self.asker.ask(create, "POST", self.path(create, "profiles"), body)
        if create.outcome == "refused" and create.status in (409, 422):
            create.outcome = "failed"
        self.names[owner].created[key] += create.outcome != "unknown"

    def some_key(self, owner):
        keys = self.names[owner].keys[-20:]
        return self.choose.choice(keys) if keys else None

    def delete(self, owner):
        """Only what nobody creates any more, so that each key comes and goes once."""
        key = self.some_key(owner)
        if key is None or self.names[owner].created[key] < CREATORS:
            return
        delete = self.operation("delete", f"key/{key}", owner)
        self.asker.ask(delete, "DELETE", self.path(delete, f"profiles/{key}"))
        if delete.status == 404:
            delete.outcome = "failed"

    def read_key(self, owner, key=None, **where):
        key = key or self.some_key(owner)
        if key is None:
            return
        read, body = self.read(f"key/{key}", owner, f"profiles/{key}", **where)
        read.seen = body and body["Description"]

    # -- parameters

    def put(self, owner):
        """Only this client writes this parameter, and never again after an outcome that it does not know."""
        names = self.names[owner]
        name, value = self.puts.get(owner, (None, 0))
        if name is None:
            name, value = f"by-{self.number}-{next(self.values)}", 0
            names.parameter_names.append(name)
        put = self.operation("put", f"parameter/{names.parameters}/{name}", owner, value=value + 1)
        self.asker.ask(put, "POST", self.path(put, f"profiles/{names.parameters}/params/{name}"), put.value)
        self.puts[owner] = (None, 0) if put.outcome == "unknown" else (name, put.value)

    def read_parameter(self, owner, name=None, **where):
        names = self.names[owner]
        if not names.parameter_names:
            return
        name = name or self.choose.choice(names.parameter_names[-20:])
        read, body = self.read(f"parameter/{names.parameters}/{name}", owner,
                               f"profiles/{names.parameters}/params/{name}", **where)
        read.seen = body

    # -- the end

    def read_everything(self):
        """Every variable once more at its owner: what all that happened must have led to."""
        for owner in self.names:
            self.read_all_of(owner, at=owner, served="owner")
        self.asker.close()

    def read_all_of(self, owner, **where):
        names = self.names[owner]
        for name in names.registers:
            self.read_register(owner, name, **where)
        for name in names.sequences:
            self.read_sequence(owner, name, **where)
        for key in names.keys:
            self.read_key(owner, key, **where)
        for name in names.parameter_names:
            self.read_parameter(owner, name, **where)


class Watcher(Client):
    """Reads everything of some owners at the levels above them, over and over, until told to stop."""

    def __init__(self, *known, owners):
        super().__init__(*known)
        self.owners = owners

    def run(self):
        try:
            while not self.stop.is_set():
                for owner in self.owners:
                    for manager in self.levels[owner][1:]:
                        self.read_all_of(owner, at=manager, served="replica")
                self.stop.wait(1)
        except Exception as failure:  # of this program: the round is worth nothing
            self.failure = failure
            raise
        finally:
            self.asker.close()
