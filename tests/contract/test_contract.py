"""Every collection, field, rule and index of the contract's facts against a real server."""
import json
import pathlib

import pytest

from harness import expect, wait_until
from samples import (GOOD_NAMES, KEY_RULE, MALFORMED, NAMES, NEEDED, REFUSED, TAKEN, WRONG_KINDS, head_of, key_of, unique,
                     value_of)

FACTS = json.loads((pathlib.Path(__file__).resolve().parents[1] / "data" / "models-facts.json").read_text())
COLLECTIONS = sorted(FACTS["objects"])
CREATED = [prefix for prefix in COLLECTIONS if FACTS["objects"][prefix]["traits"]["clientCreate"]]
# What the server fills in from preferences, by itself, or keeps to itself (docs/decisions).
FILLED = {("machines", "Stage"): "none", ("machines", "BootEnv"): "local", ("machines", "Pool"): "default",
          ("machines", "PoolStatus"): "Free", ("machines", "WorkflowComplete"): True, ("machines", "Runnable"): True,
          ("jobs", "State"): "created", ("stages", "RunnerWait"): True}
# What a creation forces, and what the server adds to it.
FORCED = {("machines", "WorkflowComplete"), ("machines", "Runnable"), ("stages", "RunnerWait")}
ADDED = {("subnets", "Options"): lambda shown: [option["Code"] for option in shown] == [1, 28]}
FLAGS = {"machines": {"feature-flags": "change-stage-v2"}, "tasks": {"feature-flags": "sane-exit-codes"}}
STAMPS = {fact["name"] for fact in FACTS["mixins"]["Stamped"]}
SECRET = {("machines", "Secret"), ("users", "Secret"), ("users", "PasswordHash")}
COMPUTED = {("endpoints", "ConnectionStatus"), ("endpoints", "Actions"), ("endpoints", "Components"),
            ("plugins", "PluginErrors")}
# Indexes that this server adds to those of the reference.
MORE_INDEXES = {"endpoints": {"ActionErrorCount", "ConnectionReason", "ConnectionSince", "ConnectionState", "ConnectionStatus", "VersionSets"},
                "jobs": {"ExitState"}, "machines": {"JobExitState", "JobState"},
                "reservations": {"Allocated", "Machine", "Parameter", "Subnet"},
                "catalog_items": {"ActualVersion", "ContentType", "HotFix", "Name", "Source", "Tip", "Type", "Version"}}
ZERO_TIME = "0001-01-01T00:00:00Z"
FIELDS = [(prefix, field) for prefix in CREATED for field in FACTS["objects"][prefix]["fields"]]


class Checks:
    """Counts what is checked, so that a table that shrinks is noticed."""

    def __init__(self):
        self.count = 0

    def equal(self, found, wanted, what):
        self.count += 1
        assert found == wanted, f"{what}: {json.dumps(found, default=sorted)[:300]} is not {json.dumps(wanted, default=sorted)[:300]}"

    def true(self, condition, what):
        self.count += 1
        assert condition, what

    def refused(self, answer, status, prefix, what):
        """An error of the contract's shape."""
        self.equal(answer.status_code, status, f"{what}: {answer.text[:200]}")
        error = answer.json()
        members = sorted(set(error) - {"Field"})  # ours: where one field is at fault
        self.equal((members, error["Code"], error["Model"]), (["Code", "Key", "Messages", "Model", "Type"], status, prefix), what)
        self.true(error["Messages"] and all(error["Messages"]), f"{what} says why")
        return error


CHECKS = Checks()


class World:
    """A server with the objects that others refer to."""

    def __init__(self, server):
        self.server = server
        self.names = {"profile": unique("wprofile"), "task": unique("wtask"), "workflow": unique("wflow")}
        server.create("profiles", {"Name": self.names["profile"]})
        server.create("tasks", {"Name": self.names["task"]})
        server.create("workflows", {"Name": self.names["workflow"], "Stages": ["local"]})
        self.names["machine"] = server.create("machines", {"Name": unique("wm")})["Uuid"]

    def fill(self, value):
        text = json.dumps(value)
        for name, real in self.names.items():
            text = text.replace(f"${{{name}}}", real)
        return json.loads(text)

    def body(self, prefix, **more):
        field = FACTS["objects"][prefix]["key"]
        needed = NEEDED.get(prefix, dict)()
        return self.fill({field: key_of(prefix, field), **needed, **more})

    def post(self, prefix, body):
        return self.server.call("POST", prefix, self.fill(body))

    def create(self, prefix, **more):
        shown = expect(201, self.post(prefix, self.body(prefix, **more))).json()
        return self.settled(prefix, shown)

    def settled(self, prefix, shown):
        """Endpoints and plugins are looked at by the server itself once they are made."""
        seen = {"endpoints": lambda now: now.get("ConnectionStatus"),
                "plugins": lambda now: now["PluginErrors"] != ["The plugin is starting"]}.get(prefix)
        if seen is None:
            return shown
        path = self.path(prefix, shown)
        return wait_until("the server has seen it", lambda: (now := self.server.get(path)) and seen(now) and now)

    def path(self, prefix, shown):
        key = shown[FACTS["objects"][prefix]["key"]]
        return f"{prefix}/{key}"

    def remove(self, prefix, shown):
        path = self.path(prefix, shown)
        if shown.get("Locked"):
            self.server.patch(path, ("replace", "/Locked", False))
        if prefix == "jobs":
            self.server.patch(path, ("replace", "/State", "finished"))
        return self.server.delete(path)


@pytest.fixture(scope="module")
def world(server):
    return World(server)


def default_of(prefix, fact):
    """What a field shows that nobody set."""
    if (prefix, fact["name"]) in FILLED:
        return FILLED[prefix, fact["name"]]
    if fact["name"] in ("StartTime", "EndTime"):
        return ZERO_TIME
    if "default" in fact:
        return fact["default"]
    kinds = {"string": "", "bytes": "", "integer": 0, "number": 0, "boolean": False, "any": None, "list": [], "map": {}}
    head = fact["kind"].split(" ")[0]
    if head in kinds:
        return kinds[head]
    return {inner["name"]: default_of(fact["kind"], inner) for inner in FACTS["types"][fact["kind"]]
            if not inner.get("omit_empty")}


def check_default(prefix, fact, shown, what):
    if (prefix, fact["name"]) in ADDED:
        CHECKS.true(ADDED[prefix, fact["name"]](shown), f"{prefix}.{fact['name']} {what}: {shown}")
    else:
        CHECKS.equal(shown, None if fact.get("omit_empty") else default_of(prefix, fact), f"{prefix}.{fact['name']} {what}")


def mixin_facts(prefix):
    return [fact for mixin in FACTS["objects"][prefix]["mixins"] for fact in FACTS["mixins"][mixin]]


# -- whole objects

@pytest.mark.parametrize("prefix", CREATED)
def test_defaults_and_round_trip(world, prefix):
    facts, wanted = FACTS["objects"][prefix], world.body(prefix)
    shown = expect(201, world.post(prefix, wanted)).json()
    for fact in facts["fields"]:
        name = fact["name"]
        if (prefix, name) in SECRET:
            CHECKS.true(not shown.get(name), f"{prefix}.{name} is not shown")
        elif name in wanted:
            CHECKS.equal(shown.get(name), wanted[name], f"{prefix}.{name}")
        elif fact.get("omit_empty"):
            CHECKS.true(name not in shown, f"{prefix}.{name} is left out when empty")
        else:
            CHECKS.true(name in shown, f"{prefix}.{name} is always there")
            if (prefix, name) != ("plugins", "PluginErrors"):  # not in service yet
                check_default(prefix, fact, shown[name], "by default")
    for fact in mixin_facts(prefix):
        CHECKS.true(fact["name"] in shown, f"{prefix}.{fact['name']}")
    if facts["traits"]["hasValidation"]:
        wanted_errors = shown["PluginErrors"] if prefix == "plugins" else []
        CHECKS.equal((shown["Validated"], shown["Errors"]), (True, wanted_errors), f"{prefix} is valid")
    shown, path = world.settled(prefix, shown), world.path(prefix, shown)
    answer = expect(200, world.server.call("GET", path))
    CHECKS.equal(answer.json(), shown, f"GET {path}")
    CHECKS.equal(expect(200, world.server.call("HEAD", path)).headers["ETag"], answer.headers["ETag"], "ETag of HEAD")
    key = facts["key"]
    CHECKS.equal(world.server.get(f"{prefix}?{key}={shown[key]}"), [shown], f"list of {prefix}")
    CHECKS.equal(world.server.patch(path), shown, "an empty patch")
    CHECKS.equal(expect(200, world.server.call("PUT", path, shown)).json(), shown, "the object put as it is")
    CHECKS.equal(expect(200, world.server.call("GET", path)).headers["ETag"], answer.headers["ETag"], "nothing changed")
    if prefix == "jobs":
        world.server.patch(path, ("replace", "/State", "finished"))
        world.server.delete(path)
    else:
        CHECKS.equal(world.server.delete(path).json(), shown, "DELETE answers the object")
    CHECKS.refused(world.server.call("GET", path), 404, prefix, f"{path} is gone")


@pytest.mark.parametrize("prefix", CREATED)
def test_create_twice_and_unknown_members(world, prefix):
    wanted = world.body(prefix, NoSuchField={"a": 1})
    shown = expect(201, world.post(prefix, wanted)).json()
    CHECKS.true("NoSuchField" not in shown, f"{prefix}: unknown members are dropped")
    error = CHECKS.refused(world.post(prefix, wanted), 409, prefix, f"{prefix} twice")
    CHECKS.equal((error["Type"], error["Messages"]), ("CREATE", ["already exists"]), f"{prefix} twice")
    key = FACTS["objects"][prefix]["key"]
    if key != "Uuid":
        error = CHECKS.refused(world.post(prefix, {**wanted, key: ""}), 400, prefix, f"{prefix} without key")
        CHECKS.equal((error["Type"], error["Messages"]), ("CREATE", ["Empty key not allowed"]), f"{prefix} without key")
    lower = world.body(prefix)
    lower[key.lower()] = lower.pop(key)
    again = expect(201, world.post(prefix, lower)).json()
    CHECKS.equal(again[key], lower[key.lower()], f"{prefix}: names of members in other capitals")
    for text in ("[]", "7", '"x"', "null", "{", ""):
        CHECKS.refused(world.server.call("POST", prefix, text, headers={"Content-Type": "application/json"}), 400, prefix, text)
    for gone in (shown, again):
        world.remove(prefix, gone)


@pytest.mark.parametrize("prefix", CREATED)
def test_what_the_server_keeps_is_not_taken(world, prefix):
    facts = FACTS["objects"][prefix]
    kept = [fact for fact in facts["fields"] + mixin_facts(prefix) if fact.get("read_only") and fact["name"] != "Subnet"]
    plain = world.create(prefix)
    tried = {fact["name"]: value_of(fact["kind"], FACTS["types"]) for fact in kept}
    for name in ("CurrentJob", "Previous", "Machine"):
        if name in tried:
            tried[name] = "4c0ffee0-0000-4000-8000-0000000000bb"
    shown = world.create(prefix, **tried)
    path = world.path(prefix, shown)
    put = expect(200, world.server.call("PUT", path, {**shown, **tried})).json()
    for name in STAMPS & set(tried):
        CHECKS.true(tried[name] not in (shown[name], put[name]), f"{prefix}.{name} is the server's")
    for name in set(tried) - STAMPS:
        CHECKS.equal(shown.get(name), plain.get(name), f"{prefix}.{name} at creation")
        CHECKS.equal(put.get(name), plain.get(name), f"{prefix}.{name} by PUT")
    world.remove(prefix, plain)
    world.remove(prefix, put)


# -- fields

def samples_of(prefix, fact):
    given = TAKEN.get((prefix, fact["name"]))
    if given is not None:
        return given
    if fact["name"] == "Templates":
        path = {"Path": "p"} if prefix != "tasks" else {"Path": ""}
        full = {"Name": "t", **path, "Link": "", "ID": "", "Contents": "c", "Meta": {}}
        return [[full], [full, {**full, "Name": "u", "Link": "l", "Contents": ""}]]
    return [value_of(fact["kind"], FACTS["types"])]


def settable(prefix, fact):
    key = FACTS["objects"][prefix]["key"]
    return not fact.get("read_only") and fact["name"] != key and (prefix, fact["name"]) not in SECRET | COMPUTED


def includes(shown, wanted):
    """Whether all of `wanted` is in `shown`: nested objects show more of their members, or leave out empty ones."""
    if isinstance(wanted, dict) and isinstance(shown, dict):
        return all(includes(shown.get(name, value), value) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(shown, list):
        return len(wanted) == len(shown) and all(map(includes, shown, wanted))
    return shown == wanted


@pytest.mark.parametrize("prefix,fact", FIELDS, ids=lambda value: value if isinstance(value, str) else value["name"])
def test_field_takes_what_it_should(world, prefix, fact):
    if not settable(prefix, fact):
        return
    name = fact["name"]
    for sample in samples_of(prefix, fact):
        sample = world.fill(sample)
        empty = sample in ("", [], {}, False, 0, None)
        more = {"ActiveStart": "10.9.8.7", "ActiveEnd": "10.9.8.7"} if name.startswith("Active") else {}
        shown = world.create(prefix, **{**more, name: sample})
        found = shown.get(name, sample) if empty else shown.get(name)
        forced = (prefix, name) in FORCED
        wanted = default_of(prefix, fact) if forced else sample
        CHECKS.true((prefix, name) in ADDED or includes(found, wanted), f"{prefix}.{name}: {sample} became {found}")
        path = world.path(prefix, shown)
        CHECKS.equal(world.server.get(path).get(name), shown.get(name), f"GET {path} {name}")
        world.remove(prefix, shown)
        if forced or (prefix, name) in {("subnets", "Subnet"), ("subnets", "Options"), ("machines", "Tasks"), ("machines", "Stage"), ("machines", "CurrentTask")}:
            continue
        base = world.create(prefix, **more)
        path = world.path(prefix, base)
        patched = world.server.patch(path, ("add", f"/{name}", sample))
        CHECKS.equal(patched.get(name), shown.get(name), f"PATCH {path} {name}")
        aside = dict.fromkeys({name, "Available", "Errors", *STAMPS}, 0)
        CHECKS.equal({**patched, **aside}, {**base, **aside}, "nothing else changes")
        world.remove(prefix, patched)


@pytest.mark.parametrize("prefix,fact", FIELDS, ids=lambda value: value if isinstance(value, str) else value["name"])
def test_field_refuses_what_it_should(world, prefix, fact):
    name = fact["name"]
    if fact.get("read_only") or (prefix, name) in SECRET or head_of(fact["kind"]) == "any":
        wrong = []
    else:
        wrong = WRONG_KINDS[head_of(fact["kind"])]
    for value in wrong:
        error = CHECKS.refused(world.post(prefix, world.body(prefix, **{name: value})), 400, prefix, f"{prefix}.{name}: {value}")
        CHECKS.true(f"Field {name}: expected " in error["Messages"][0], error["Messages"])
    for value in MALFORMED.get((prefix, name), []):
        error = CHECKS.refused(world.post(prefix, world.body(prefix, **{name: value})), 400, prefix, f"{prefix}.{name}: {value}")
        CHECKS.true(name in error["Messages"][0] and value in error["Messages"][0], error["Messages"])
    for value in REFUSED.get((prefix, name), []):
        error = CHECKS.refused(world.post(prefix, world.body(prefix, **{name: value})), 422, prefix, f"{prefix}.{name}: {value}")
        CHECKS.equal(error["Type"], "ValidationError", f"{prefix}.{name}: {value}")
    if settable(prefix, fact) and not fact.get("nullable") and (prefix, name) not in {("machines", "Name"), ("jobs", "Machine")}:
        needed = NEEDED.get(prefix, dict)()
        if name not in needed:
            shown = world.create(prefix, **{name: None})
            check_default(prefix, fact, shown.get(name), "given as null")
            world.remove(prefix, shown)


def test_refused_changes_change_nothing(world):
    for (prefix, name), values in REFUSED.items():
        before = world.create(prefix)
        path = world.path(prefix, before)
        for value in values:
            if (prefix, name) in {("reservations", "Addr"), ("machines", "Name"), ("machines", "BootEnv"), ("jobs", "Machine")}:
                continue
            answer = world.server.call("PATCH", path, [{"op": "add", "path": f"/{name}", "value": value}])
            CHECKS.refused(answer, 422, prefix, f"{prefix}.{name}: {value}")
        CHECKS.equal(world.server.get(path), before, f"{path} after refusals")
        world.remove(prefix, before)


@pytest.mark.parametrize("prefix", sorted(prefix for prefix, rule in KEY_RULE.items() if rule))
def test_names(world, prefix):
    taken, refused = NAMES[KEY_RULE[prefix]]
    key = FACTS["objects"][prefix]["key"]
    for name in taken:
        wanted = {**world.body(prefix), key: name + ("" if name in ("a", "x" * 200) else unique("q"))}
        shown = expect(201, world.post(prefix, wanted)).json()
        CHECKS.equal(shown[key], wanted[key], f"{prefix} {name!r}")
        CHECKS.equal(world.server.get(f"{prefix}/{wanted[key]}")[key], wanted[key], f"GET {prefix} {name!r}")
        world.remove(prefix, shown)
    for name in refused:
        error = CHECKS.refused(world.post(prefix, {**world.body(prefix), key: name}), 422, prefix, f"{prefix} {name!r}")
        CHECKS.true(any(f"`{name}`" in text for text in error["Messages"]), error["Messages"])
    CHECKS.true(set(GOOD_NAMES) <= set(taken), "names that every rule takes")


# -- indexes

SPECIAL = {"Key", "Endpoint", "Params", "Valid", "Available", "HardwareAddr", "ActiveAddress", "Address", "OsName", "Elevated"}


def index_sample(prefix, name, shown):
    """The text that finds `shown` by this index; None where that takes more than a field."""
    key = shown[FACTS["objects"][prefix]["key"]]
    if FACTS["objects"][prefix]["key"] == "Addr":
        key = "".join(f"{int(part):02X}" for part in key.split("."))
    special = {"Key": key, "Endpoint": "", "Valid": "true", "Available": str(shown.get("Available", True)).lower()}
    if name in special:
        return special[name]
    value = shown.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    if name in SPECIAL and name != "Address" or not isinstance(value, str) or value == "":
        return None
    return value


@pytest.mark.parametrize("prefix", sorted(FACTS["objects"]))
def test_indexes(world, prefix):
    facts = FACTS["objects"][prefix]["indexes"]
    def known(indexes):
        more = MORE_INDEXES.get(prefix, set())
        CHECKS.equal(more - set(indexes), set(), f"added indexes of {prefix}")
        return {name: index for name, index in indexes.items() if name not in more}

    CHECKS.equal(known(world.server.get(f"indexes/{prefix}")), facts, f"indexes of {prefix}")
    for name, index in facts.items():
        CHECKS.equal(world.server.get(f"indexes/{prefix}/{name}"), index, f"index {prefix}.{name}")
    CHECKS.equal(world.server.get(f"indexes/{prefix}/Nonsense"), {"Type": "", "Unique": False, "Unordered": False, "Regex": False},
                 "no such index")
    CHECKS.equal(known(world.server.get("indexes").get(prefix, {})), facts, f"{prefix} among all indexes")
    if prefix not in CREATED:
        return
    more = {"machines": {"Address": "10.1.2.3", "OS": "linux"}}.get(prefix, {})
    described = {"Description": unique("text")} if "Description" in facts else {}
    shown = world.create(prefix, **more, **described)
    key = FACTS["objects"][prefix]["key"]
    same = f"{key}={shown[key]}"
    for name, index in facts.items():
        sample = index_sample(prefix, name, shown)
        if sample is None:
            continue
        CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}={sample}"), [shown], f"{prefix}?{name}={sample}")
        CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Eq({sample})"), [shown], f"{prefix}?{name}=Eq({sample})")
        CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Ne({sample})"), [], f"{prefix}?{name}=Ne({sample})")
        CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=In({sample})"), [shown], f"{prefix}?{name}=In({sample})")
        CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Nin({sample})"), [], f"{prefix}?{name}=Nin({sample})")
        CHECKS.equal(world.server.count(prefix, f"?{same}&{name}={sample}"), 1, f"count of {prefix}?{name}={sample}")
        if index["Unique"]:
            CHECKS.equal(world.server.get(f"{prefix}/{name}:{sample}"), shown, f"{prefix}/{name}:{sample}")
        elif name not in ("Endpoint",):
            CHECKS.refused(world.server.call("GET", f"{prefix}/{name}:{sample}"), 404, prefix, f"{prefix}/{name}: is no key")
        ordered = world.server.call("GET", f"{prefix}?{same}&sort={name}")
        CHECKS.equal(ordered.status_code, 406 if index["Unordered"] else 200, f"{prefix}?sort={name}")
        if not index["Unordered"] and sample:
            CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Gte({sample})"), [shown], f"{prefix}?{name}=Gte({sample})")
            CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Lt({sample})"), [], f"{prefix}?{name}=Lt({sample})")
            CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Between({sample},{sample})"), [shown], f"Between of {name}")
            CHECKS.equal(world.server.get(f"{prefix}?{same}&{name}=Except({sample},{sample})"), [], f"Except of {name}")
        expression = world.server.call("GET", f"{prefix}?{same}&{name}=Re(.)")
        CHECKS.equal(expression.status_code, 200 if index["Regex"] else 406, f"{prefix}?{name}=Re(.)")
    world.remove(prefix, shown)


# -- collections

@pytest.mark.parametrize("prefix", COLLECTIONS)
def test_routes_of_a_collection(world, prefix):
    traits = FACTS["objects"][prefix]["traits"]
    call = world.server.call
    if prefix != "preferences":
        CHECKS.true(isinstance(world.server.get(prefix), list), f"GET {prefix}")
        if prefix != "interfaces":
            CHECKS.true(int(expect(200, call("HEAD", prefix)).headers["X-DRP-LIST-FILTER-COUNT"]) >= 0, f"HEAD {prefix}")
    for name, method, path, there in (
            ("create", "POST", prefix, traits["clientCreate"]), ("update", "PATCH", f"{prefix}/nobody", traits["clientUpdate"]),
            ("update", "PUT", f"{prefix}/nobody", traits["clientUpdate"]), ("delete", "DELETE", f"{prefix}/nobody", traits["clientDelete"])):
        answer = call(method, path, {} if method != "PATCH" else [])
        absent = answer.status_code in (404, 405) and answer.json()["Messages"] == ["No route"]
        CHECKS.equal(not absent, there, f"{name}: {method} {path} {answer.text[:100]}")
    for name, path, there in (("params", f"{prefix}/nobody/params", traits["hasParamsApi"]),
                              ("meta", f"meta/{prefix}/nobody", traits["hasMeta"])):
        if prefix in ("interfaces", "preferences", "plugin_providers"):
            continue
        error = CHECKS.refused(call("GET", path), 404, call("GET", path).json()["Model"], path)
        CHECKS.equal(error["Messages"] != ["No route"] and error["Key"].lower() == "nobody", there, f"{name}: {path} {error}")


@pytest.mark.parametrize("prefix", [prefix for prefix in CREATED if FACTS["objects"][prefix]["traits"]["metaApi"]])
def test_meta(world, prefix):
    shown = world.create(prefix, Meta={"colour": "red"})
    key = shown[FACTS["objects"][prefix]["key"]]
    meta = f"meta/{prefix}/{key}"
    own = FLAGS.get(prefix, {}) | {"colour": "red"}
    CHECKS.equal(world.server.get(meta), own, f"GET {meta}")
    CHECKS.equal(world.server.patch(meta, ("add", "/size", "large")), own | {"size": "large"}, f"PATCH {meta}")
    CHECKS.equal(world.server.get(f"{prefix}/{key}")["Meta"], own | {"size": "large"}, "the object has it")
    for wrong in (7, {}, [], True):
        CHECKS.refused(world.server.call("PATCH", meta, [{"op": "add", "path": "/x", "value": wrong}]), 400, prefix, f"{meta}: {wrong}")
    CHECKS.refused(world.server.call("PATCH", meta, [{"op": "test", "path": "/x", "value": "y"}]), 409, prefix, meta)
    world.remove(prefix, shown)


@pytest.mark.parametrize("prefix", [prefix for prefix in CREATED if FACTS["objects"][prefix]["traits"]["hasParamsApi"]])
def test_params(world, prefix):
    shown = world.create(prefix, Params={"one": 1})
    params = f"{prefix}/{shown[FACTS['objects'][prefix]['key']]}/params"
    CHECKS.equal(world.server.get(params), {"one": 1}, f"GET {params}")
    for value in (7, -1, 2.5, "text", "", True, None, [], [1, [2]], {}, {"a": {"b": None}}, 2 ** 53, "ü\u0000\U0001f600"):
        expect(200, world.server.call("POST", f"{params}/some/name", json.dumps(value), headers={"Content-Type": "application/json"}))
        CHECKS.equal(world.server.get(f"{params}/some/name"), value, f"{params}: {value!r}")
    CHECKS.equal(world.server.get(f"{params}/absent"), None, "what is not set is null")
    CHECKS.equal(world.server.delete(f"{params}/one").json(), 1, "DELETE answers the value")
    CHECKS.refused(world.server.call("DELETE", f"{params}/one"), 404, "params", "DELETE of what is not set")
    CHECKS.equal(expect(200, world.server.call("POST", params, {"two": 2})).json(), {"two": 2}, "all replaced")
    CHECKS.equal(world.server.patch(params, ("add", "/three", 3)), {"two": 2, "three": 3}, "patched")
    world.remove(prefix, shown)


def test_enough_is_checked(request):
    """Only when the whole file ran: the tables must not shrink unnoticed."""
    if any(argument for argument in request.config.args if "::" in argument) or request.config.getoption("keyword"):
        return
    print(f"{CHECKS.count} checks")
    assert CHECKS.count >= 2000
