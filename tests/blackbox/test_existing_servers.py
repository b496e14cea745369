"""Servers of another make below a manager: followed by their public API alone, however they lie."""
import dataclasses
import io
import json
import pathlib
import random
import sys
import threading
import time
import zipfile

import pytest
import requests

from harness import ROOT, expect, wait_equal, wait_until
from test_apply import applied, catalog, component, errors, pack, put, want
from test_cli import CommandLine

sys.path.insert(0, str(ROOT / "tests" / "foreign"))
import versions  # noqa: E402 (found by the line above)
from client import Client  # noqa: E402
from server import ForeignServer  # noqa: E402

# A server with so few collections that the slow walk through them takes less than the least interval, 10 s.
SPREAD = True  # no test shares servers with another
SMALL = dataclasses.replace(
    versions.VERSIONS["4.8"], plugin_types={},
    prefixes=("bootenvs", "machines", "profiles", "stages", "users", "roles", "preferences", "interfaces", "plugins",
              "plugin_providers"))
SMALL_ONES = [dataclasses.replace(one, plugin_types={}, prefixes=tuple(
    prefix for prefix in SMALL.prefixes if prefix in one.prefixes)) for one in versions.VERSIONS.values()]
WALK = {"manager/walk-interval": 10}
# A loss is seen by the walk that begins after it: the rest of one walk, and the next.
TWO_WALKS = 35
# Where half a collection goes at once, 30 s and a third walk: docs/mirror.md, "How long".
BOUND = TWO_WALKS + 30 + 15


def foreign(site, name, version="4.8", machines=0, seed=1):
    """A running server of another make."""
    server = ForeignServer(name, version=version, seed=seed)
    server.name = name
    site.others.append(server)
    server.populate(machines, seed=seed)
    return server.start()


def manager_of(site, *servers, name="M", **params):
    """A manager that shows these servers as connected."""
    manager = site.start(name)[0].become_manager()
    for server in servers:
        expect(200, manager.add_endpoint(server, **params))
    for server in servers:
        manager.wait_status(server.id, "Connected")
    return manager


def without_secrets(row):
    """The object as replicas hold it."""
    row = {name: value for name, value in row.items() if name != "PasswordHash"}
    if "manager/password" in row.get("Params", {}):
        row["Params"] = {name: value for name, value in row["Params"].items() if name != "manager/password"}
    return {**row, "Secret": ""} if "Secret" in row else row


def expected(server, collection, owner=None):
    return [without_secrets(row) for row in server.seen_by_manager(collection)
            if row["Endpoint"] == (owner or server.id)]


def shown(manager, collection, owner):
    """What the manager shows of one owner's collection, in order of keys; none where it knows no such collection."""
    answer = manager.call("GET", f"{collection}?Endpoint={owner}")
    if answer.status_code == 404 and "No route" in answer.text:
        return []
    return expect(200, answer).json()


def collections_of(server):
    return [one for one in Client(server).get("objects") if one != "preferences"]


def differences(server, manager, owner=None, collections=None):
    """The collections in which the manager's replica is not what the server has."""
    return [one for one in collections or collections_of(server)
            if shown(manager, one, owner or server.id) != expected(server, one, owner)]


def wait_same(server, *managers, timeout=10, **more):
    """Waits until these managers hold what the server has; tells the collections that differ."""
    for manager in managers:
        left = []

        def same():
            left[:] = differences(server, manager, **more)
            return not left
        try:
            wait_until(f"{manager.name} holds what {server.id} has", same, timeout, pause=0.1)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {left}") from None


def uuid_of(server, number=0):
    return server.objects("machines")[number]["Uuid"]


def describe(text):
    return [{"op": "replace", "path": "/Description", "value": text}]


def age(manager):
    return int(manager.call("GET", "machines?limit=1").headers.get("X-Mullion-Age", 0))


# -- what is seen

@pytest.mark.parametrize("version", ["3.13", "4.8", "4.17"])
def test_every_version_is_shown_as_it_is(site, version):
    server = foreign(site, "F", version, machines=20)
    server.load_pack("tools", "v1.2.3", {"profiles": {"of-tools": {"Name": "of-tools"}}})
    server.put("params", {"Name": "hidden", "Secure": True, "Schema": {"type": "string"}})
    Client(server).expect(201, "POST", "profiles", {"Name": "odd \" name", "Description": "\u00e9\u4e16"})
    Client(server).expect(200, "POST", "profiles/global/params/hidden", "in clear")
    server.put("jobs", {"Machine": uuid_of(server), "Token": "of a job"})
    server.put("leases", {"Addr": "10.1.2.3", "Token": "02:00:00:00:00:01"})
    manager = manager_of(site, server)
    assert differences(server, manager) == []
    assert age(manager) <= 3
    endpoint = manager.get("endpoints/F")
    assert endpoint["DRPVersion"] == server.version
    assert endpoint["Meta"]["mullion/followed"] == "events" and endpoint["Meta"]["mullion/followed-since"]
    assert [(one["Name"], one["Version"]) for one in endpoint["Components"]] == [("tools", "v1.2.3")]
    assert endpoint["Prefs"]["unknownBootEnv"] == "ignore"
    assert not [name for name in endpoint["Prefs"] if name.endswith("Secret")]
    assert "of-tools" not in [row["Name"] for row in shown(manager, "profiles", "F")]
    secret = [row["Secret"] for row in server.objects("machines") + server.objects("users")]
    everything = json.dumps([shown(manager, one, "F") for one in collections_of(server)])
    assert "in clear" not in everything and not [one for one in secret if one in everything]
    Client(server).expect(201, "POST", "prefs", {"unknownBootEnv": "local"})
    wait_until("the preference", lambda: manager.get("endpoints/F")["Prefs"]["unknownBootEnv"] == "local", 5)


def test_types_that_plugins_define_are_shown(site):
    server = foreign(site, "F", "4.17")
    server.put("racks", {"Id": "r1", "Height": 42})
    server.put("alerts", {"Name": "hot", "Level": "high"})
    manager = manager_of(site, server)
    assert differences(server, manager) == []
    assert manager.get("racks/r1")["Height"] == 42
    server.put("racks", {"Id": "r1", "Height": 43})
    wait_until("the change", lambda: manager.get("racks/r1")["Height"] == 43, 5)
    server.put("cmdb_records", {"Id": "c1", "Owner": "me"})
    wait_same(server, manager)
    server.delete("racks", "r1")
    wait_same(server, manager)


# -- convergence

FAULT_GROUPS = {
    "events": {"lose_events": .3, "duplicate_events": .3, "reorder_events": .5, "stale_events": .3},
    "events in pieces": {"fragment_events": 7, "bare_events": .5, "delay_events": .5},
    "no events": {"invalid_events": .1, "touch_pages": 2, "count_error": 5},
    "shifting pages": {"cap_limit": 3, "repeat_entries": .3, "churn_pages": 2},
    "no order": {"wrong_order": True, "churn_pages": 1, "lose_events": .5},
    "no filters": {"ignore_filters": ("Gt", "Gte", "Eq"), "churn_pages": 2, "cap_limit": 7},
    "no sort": {"ignore_sort": True, "touch_pages": 3, "lose_events": .3},
    "cut answers": {"cut_body": .1, "invalid_json": .05, "restart_in_page": 3},
    "busy": {"fail_share": .1, "fail_status": 429, "retry_after": 1, "answer_delay": .05},
    "errors": {"fail_share": .2, "fail_status": 500, "lose_events": .2},
    "other answers": {"other_objects": .3, "extra_acks": 2, "hide": ("roles",)},
    "silent": {"silent_websocket": True, "odd_entries": .05},
    "clock": {"clock_offset": -86400, "clock_jumps": 7200, "lose_events": .3},
    "heavy": {"huge_objects": 100_000, "trickle": 2_000_000},
}


class History(threading.Thread):
    """Reads the machines of one owner all the time, and notes what must never be seen."""

    def __init__(self, manager, owner, server=None):
        super().__init__(daemon=True)
        self.manager, self.owner, self.server = manager, owner, server
        self.deleting = {}  # when, by key: written by the test before it deletes
        self.wrong, self.reads = [], 0
        self.over = threading.Event()

    def run(self):
        known, gone = set(), set()
        while not self.over.wait(0.05):
            answer = self.manager.call("GET", f"machines?Endpoint={self.owner}&slim=Params,Meta")
            now = {row["Uuid"] for row in expect(200, answer).json()}
            self.reads += 1
            back = now & gone
            deleting = dict(self.deleting)
            lost = {key for key in known - now - set(deleting) if not self.churned(key)}
            late = {key for key in now & set(deleting) if time.monotonic() > deleting[key] + BOUND}
            self.wrong += [("shown again", key) for key in back] + [("vanished", key) for key in lost]
            self.wrong += [("shown too long", key) for key in late]
            gone |= known - now
            known |= now

    def churned(self, key):
        """Whether a fault of the fake deleted it; it no longer has it then."""
        return self.server is not None and self.server.state.get("machines", key) is None

    def stop(self):
        self.over.set()
        self.join()
        return self.wrong


def change_at_random(server, history, chance, rounds, pause):
    """Creates, changes and deletes machines and profiles; some of it without an event."""
    for number in range(rounds):
        silent = chance.random() < .3
        keys = [row["Uuid"] for row in server.objects("machines", own=True) if not row["Name"].endswith("-churn")]
        what = chance.choice(["create", "change", "change", "delete"])
        if what == "create" or len(keys) < 5:
            server.put("machines", {"Name": f"new-{number}"}, silent=silent)
        elif what == "change":
            server.put("machines", {"Uuid": chance.choice(keys), "Description": f"change {number}"}, silent=silent)
        else:
            key = chance.choice(keys)
            history.deleting[key] = time.monotonic()
            server.delete("machines", key, silent=silent)
        server.put("profiles", {"Name": f"p{chance.randrange(5)}", "Description": f"change {number}"}, silent=silent)
        time.sleep(pause)


def survives(site, groups, seed):
    """All of these servers, of every version, converge after their faults, and show nothing wrong meanwhile."""
    chance = random.Random(seed)
    servers = [foreign(site, f"F{number}", SMALL_ONES[(number + seed) % len(SMALL_ONES)], machines=30, seed=seed + number)
               for number in range(len(groups))]
    manager = manager_of(site, *servers, **WALK)
    histories, changes = [], []
    for server, faults in zip(servers, groups):
        history = History(manager, server.id, server)
        history.start()
        histories.append(history)
        server.faults.set(**faults)
        server.cut_websockets()
        changes.append(threading.Thread(target=change_at_random, args=(
            server, history, random.Random(chance.random()), 40, .2)))
    for one in changes:
        one.start()
    for one in changes:
        one.join()
    for server in servers:
        server.faults.clear()
    for server in servers:
        wait_same(server, manager, timeout=BOUND, collections=("machines", "profiles"))
    wrong = {history.owner: history.stop() for history in histories}
    assert not any(wrong.values()), wrong
    assert all(history.reads > 10 for history in histories)
    assert [server.failures for server in servers if server.failures] == []
    for server in servers:
        manager.wait_status(server.id, "Connected")


@pytest.mark.parametrize("half", [0, 1])
def test_every_fault_is_survived(site, half):
    survives(site, list(FAULT_GROUPS.values())[half::2], seed=half)


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_together_are_survived(site, seed):
    chance = random.Random(seed)
    groups = []
    for _ in range(5):
        together = {}
        for name in chance.sample(list(FAULT_GROUPS), 3):
            together.update(FAULT_GROUPS[name])
        groups.append(together)
    survives(site, groups, seed)


def test_a_walk_corrects_what_no_event_told(site):
    server = foreign(site, "F", SMALL, machines=20)
    manager = manager_of(site, server, **WALK)
    changed, deleted = uuid_of(server, 0), uuid_of(server, 1)
    server.put("machines", {"Uuid": changed, "Description": "in silence"}, silent=True)
    server.delete("machines", deleted, silent=True)
    server.put("machines", {"Name": "made in silence"}, silent=True)
    wait_same(server, manager, timeout=TWO_WALKS)
    assert "replica corrected" in manager.log()


def test_corrections_are_counted(site):
    server = foreign(site, "F", SMALL, machines=5)
    manager = manager_of(site, server, **WALK)
    server.put("machines", {"Uuid": uuid_of(server), "Description": "in silence"}, silent=True)
    wait_same(server, manager, timeout=TWO_WALKS)
    assert manager.metrics()['mullion_mirror_corrections_total{endpoint="F"}'] == 1


@pytest.mark.parametrize("trouble", ["event of no collection", "unreadable object"])
def test_what_cannot_be_read_is_not_asked_for_all_the_time(site, trouble):
    server = foreign(site, "F", machines=5)
    manager = manager_of(site, server)
    if trouble == "unreadable object":
        server.faults.set(invalid_json=1, fail_paths=f"machines/{uuid_of(server)}")
        server.put("machines", {"Uuid": uuid_of(server), "Description": "changed"})
    else:
        event = {"Type": "weather", "Action": "rain", "Key": "berlin", "Object": {"Wet": True}}
        Client(server).expect(204, "POST", "events", event)
    before = len(server.requests)
    time.sleep(3)
    assert len(server.requests) - before < 20
    if trouble == "event of no collection":
        assert age(manager) <= 4


def test_what_the_account_may_not_read_any_more_is_not_called_current(site):
    server = foreign(site, "F", SMALL, machines=3)
    manager = manager_of(site, server, **WALK)
    server.faults.set(forbid=("machines",))
    manager.wait_status("F", "Error: login refused: this account may not read machines any more", timeout=TWO_WALKS)
    assert manager.count("machines", "?Endpoint=F") == 3, "what was read stays, with its age"
    before = age(manager)
    time.sleep(2)
    assert age(manager) > before
    server.faults.set(forbid=())
    manager.wait_status("F", "Connected", timeout=60)
    wait_until("it is current again", lambda: age(manager) <= 6)


def test_nothing_is_missed_between_pages_and_events(site):
    """What changes while pages are read, before and behind the page that was sent last: the next walk is minutes away."""
    server = foreign(site, "F", SMALL, machines=40)
    rounds = []

    def change(_, prefix, __):
        if prefix != "machines" or len(rounds) >= 20:
            return
        number = len(rounds)
        rounds.append(number)
        keys = sorted(row["Uuid"] for row in server.objects("machines", own=True))
        server.put("machines", {"Uuid": f"00000000-0000-4000-8000-{number:012}", "Name": f"first-{number}"})
        server.put("machines", {"Uuid": f"ffffffff-ffff-4fff-bfff-{number:012}", "Name": f"last-{number}"})
        server.put("machines", {"Uuid": keys[1], "Description": f"changed {number}"})
        server.put("machines", {"Uuid": keys[-2], "Description": f"changed {number}"})
        for key in (keys[0], keys[-1]):
            server.delete("machines", key)
    server.faults.set(cap_limit=5, between_pages=change)
    manager = manager_of(site, server)
    assert len(rounds) >= 5
    wait_same(server, manager, collections=("machines",), timeout=20)
    assert manager.metrics()['mullion_mirror_corrections_total{endpoint="F"}'] == 0, "events told of everything"


def own_memory(server):
    """What the process itself has allocated, bytes; the mapped database is not among it."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


def memory_of_copy(site, name, machines):
    """What a manager allocates at most while it copies so many machines of 60 kB, bytes."""
    server = foreign(site, f"F{name}", SMALL, machines=machines)
    server.faults.set(huge_objects=60_000)
    manager = site.start(name)[0].become_manager()
    before, most = own_memory(manager), 0
    expect(200, manager.add_endpoint(server))

    def copied():
        nonlocal most
        most = max(most, own_memory(manager))
        return manager.count("machines", f"?Endpoint={server.id}") == machines
    wait_until("everything is here", copied, timeout=120)
    manager.kill()
    server.stop()
    return most - before


def test_a_copy_takes_memory_for_pages_and_not_for_the_server(site):
    few, many = memory_of_copy(site, "M1", 300), memory_of_copy(site, "M2", 1200)  # 18 MB, 72 MB
    assert many - few < 24e6, f"{few / 1e6:.0f} MB, {many / 1e6:.0f} MB"


def test_pages_of_one_object_are_walked_through(site):
    server = foreign(site, "F", SMALL)
    server.faults.set(cap_limit=1)
    server.populate(5)
    manager = manager_of(site, server)
    assert differences(server, manager) == []


def test_one_unreadable_entry_does_not_keep_an_endpoint_from_being_current(site):
    server = foreign(site, "F", machines=5)
    send = server._send

    def without_key(connection, request, answer):
        if request.method == "GET" and request.parts[2:] == ["tenants"]:
            answer.data = b'[{"Description":"of a plugin that knows no keys"}]'
        send(connection, request, answer)
    server._send = without_key
    manager = manager_of(site)
    expect(200, manager.add_endpoint(server))
    manager.wait_status("F", "Connected", timeout=5)


def test_a_key_that_is_too_long_does_not_hold_up_others(site):
    server = foreign(site, "F", machines=2)
    server.put("profiles", {"Name": "k" * 481})
    manager = manager_of(site, server)
    server.put("profiles", {"Name": "k" * 481, "Description": "changed"})
    server.put("profiles", {"Name": "other"})
    wait_until("the other one", lambda: manager.count("profiles", "?Endpoint=F&Name=other") == 1)
    assert manager.count("profiles", "?Endpoint=F") == 2, "that one, and the global one"
    assert manager.status("F") == "Connected"


def test_one_object_that_cannot_be_shown_does_not_hold_up_others(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.faults.set(fail_share=1, fail_status=500, fail_paths=f"machines/{uuid_of(server)}")
    server.put("machines", {"Uuid": uuid_of(server), "Description": "not shown"})
    time.sleep(8)
    other = uuid_of(server, 1)
    server.put("machines", {"Uuid": other, "Description": "shown"})
    wait_until("the change", lambda: manager.get(f"machines/{other}")["Description"] == "shown", 3)


NAMES = ["a(b)c", "a,b", "a b", "a%25b", "\u00fcn\u00ef", "Eq(x)", "x)", "(y", "a&b=c", "a+b", "q?r", "-dash",
         "Gte(zz)", "z\\w", 'qu"ote', "#h", ".dot", "null", "5", "k" * 480]


@pytest.mark.parametrize("leads_to_others", [False, True])
def test_names_are_only_names(site, leads_to_others):
    server = foreign(site, "F", "4.17")
    if leads_to_others:
        server.add_child(foreign(site, "Y", "4.17"))
    manager = manager_of(site, server)
    server.faults.set(cap_limit=2)
    for silent in (False, True):
        for name in NAMES:
            server.put("profiles", {"Name": name, "Description": f"silent: {silent}"}, silent=silent)
        if silent:
            server.cut_websockets()
        wait_same(server, manager, collections=("profiles",))
    for name in NAMES:
        server.delete("profiles", name)
    wait_same(server, manager, collections=("profiles",))


def test_what_a_pack_shows_instead_is_no_object_of_the_writable_layer(site):
    server = foreign(site, "F")
    server.load_pack("base", "v1.0.0", {"profiles": {"covered": {"Name": "covered"}}}, Overwritable=True)
    server.put("profiles", {"Name": "covered", "Description": "own"})
    manager = manager_of(site, server)
    assert manager.get("profiles/covered")["Description"] == "own"
    server.delete("profiles", "covered")
    wait_until("it is gone", lambda: manager.call("GET", "profiles/covered").status_code == 404, 5)


def test_collections_that_are_gone_are_gone(site):
    server = foreign(site, "F", machines=2)
    server.put("racks", {"Id": "r1"})
    manager = manager_of(site, server)
    assert manager.get("racks/r1")["Endpoint"] == "F"
    server.restart(version="3.13")
    wait_until("it is another version", lambda: manager.get("endpoints/F")["DRPVersion"] == "v3.13.6")
    wait_until("racks are gone", lambda: manager.call("GET", "racks/r1").status_code == 404)
    wait_same(server, manager)


def test_an_account_with_few_rights_shows_what_it_may_see(site):
    server = foreign(site, "F", machines=3)
    server.put("roles", {"Name": "few", "Claims": [{"scope": "machines", "action": "list,get", "specific": "*"}]})
    server.add_user("reader", "secret", ["few"])
    manager = manager_of(site)
    expect(200, manager.add_endpoint(server, user="reader", password="secret"))
    manager.wait_status("F", "Connected")
    server.put("machines", {"Name": "new"})
    wait_same(server, manager, collections=("machines",))
    assert shown(manager, "profiles", "F") == []


# -- rights that are cut without a word

def silently_without(site, collection, count=20):
    """The manager of a server that holds so many objects of a collection and is about to show less of them."""
    server = foreign(site, "F", SMALL, machines=count if collection == "machines" else 3)
    for number in range(count - 1 if collection == "profiles" else 0):
        server.put("profiles", {"Name": f"p{number:02}"})  # beside the global one
    return server, manager_of(site, server, **WALK)


def test_what_is_counted_and_not_shown_is_not_taken_for_deleted(site):
    server, manager = silently_without(site, "machines")
    server.faults.set(hide=("machines",))
    status = manager.wait_status("F", "Error: login refused", timeout=TWO_WALKS)
    assert "this account is shown 0 of the 20 machines that the endpoint counts" in status
    time.sleep(3)
    assert manager.count("machines", "?Endpoint=F") == 20
    manager.kill()
    manager.start()
    manager.wait_status("F", "Error: login refused", timeout=30)
    assert manager.count("machines", "?Endpoint=F") == 20, "it knows still that it saw all of them"
    server.faults.set(hide=())
    manager.wait_status("F", "Connected", timeout=30)
    server.delete("machines", uuid_of(server), silent=True)
    wait_same(server, manager, timeout=TWO_WALKS, collections=("machines",))


def test_a_collection_that_empties_itself_without_a_word_is_looked_at_twice(site):
    server, manager = silently_without(site, "profiles")
    server.faults.set(hide=("profiles",))
    wait_until("it is seen", lambda: "20 of 20 are not shown any more" in manager.log(), timeout=TWO_WALKS)
    assert manager.count("profiles", "?Endpoint=F") == 20
    wait_until("it is not called current", lambda: age(manager) >= 6)
    server.faults.set(hide=())
    wait_until("it is current again", lambda: age(manager) <= 3, timeout=50)
    assert differences(server, manager, collections=("profiles",)) == []
    assert "replica corrected endpoint=F type=profiles" not in manager.log()


WITH_TENANTS = dataclasses.replace(SMALL, prefixes=SMALL.prefixes + ("tenants",))
SOME = ["global", "p0", "p1", "p2"]
# All but some profiles.
FEWER = [{"scope": "profiles", "action": "*", "specific": ",".join(SOME)},
         {"scope": "users,roles,tenants,machines,info,objects,preferences,contents,plugin_providers,plugins,bootenvs,stages,"
                   "interfaces,files", "action": "*", "specific": "*"}]


def read_by(site, claims):
    """A server with six profiles, its manager, and the account and the role of that."""
    server = foreign(site, "F", WITH_TENANTS, machines=2)
    for number in range(5):
        server.put("profiles", {"Name": f"p{number}"})
    server.put("roles", {"Name": "reading", "Claims": claims})
    server.add_user("reader", "secret", ["reading"])
    manager = site.start("M")[0].become_manager()
    expect(200, manager.add_endpoint(server, user="reader", password="secret", **WALK))
    manager.wait_status("F", "Connected")
    return server, manager


EVERYTHING = [{"scope": "*", "action": "*", "specific": "*"}]
CUTS = {
    "its role": lambda server: server.put("roles", {"Name": "reading", "Claims": FEWER}, silent=True),
    "another role": lambda server: (server.put("roles", {"Name": "fewer", "Claims": FEWER}),
                                    server.put("users", {"Name": "reader", "Roles": ["fewer"]})),
    "no role": lambda server: server.put("users", {"Name": "reader", "Roles": []}),
    "a tenant": lambda server: server.put("tenants", {"Name": "t", "Users": ["reader"], "Members": {"profiles": SOME}}),
    "an empty tenant": lambda server: server.put("tenants", {"Name": "t", "Users": ["reader"], "Members": {"profiles": []}}),
}


@pytest.mark.parametrize("cut", list(CUTS))
def test_few_objects_that_the_account_may_not_read_any_more_are_not_taken_for_deleted(site, cut):
    server, manager = read_by(site, EVERYTHING)
    assert "mullion/followed-rights" not in manager.get("endpoints/F")["Meta"]
    CUTS[cut](server)
    status = manager.wait_status("F", "Error: login refused", timeout=TWO_WALKS)
    if cut in ("its role", "another role", "a tenant"):
        assert "by its roles and its tenant this account may not read 2 of the 6 profiles that it was shown" in status
    assert manager.count("profiles", "?Endpoint=F") == 6
    before = age(manager)
    wait_until("the age counts on", lambda: age(manager) > before)
    server.put("roles", {"Name": "reading", "Claims": EVERYTHING})
    server.put("users", {"Name": "reader", "Roles": ["reading"]})
    server.delete("tenants", "t")
    manager.wait_status("F", "Connected", timeout=40)
    server.delete("profiles", "p4", silent=True)
    wait_same(server, manager, timeout=TWO_WALKS, collections=("profiles",))


def test_what_an_account_with_few_rights_may_read_and_is_gone_is_gone(site):
    server, manager = read_by(site, FEWER)
    assert [row["Name"] for row in shown(manager, "profiles", "F")] == SOME
    server.delete("profiles", "p1", silent=True)
    wait_until("it is gone", lambda: len(shown(manager, "profiles", "F")) == 3, timeout=TWO_WALKS)
    assert manager.status("F") == "Connected"


@pytest.mark.parametrize("hidden, reason", [("roles", "this account may not read its role reading"),
                                            ("tenants", "this account may not read every tenant")])
def test_rights_that_cannot_be_known_are_said_to_be(site, hidden, reason):
    few = [dict(claim, scope=claim["scope"].replace(f"{hidden},", "")) for claim in FEWER]
    server, manager = read_by(site, few)
    assert manager.get("endpoints/F")["Meta"]["mullion/followed-rights"] == reason
    server.put("roles", {"Name": "reading", "Claims": FEWER})
    wait_until("they are known", lambda: "mullion/followed-rights" not in manager.get("endpoints/F")["Meta"],
               timeout=TWO_WALKS)


@pytest.mark.parametrize("fault", [{"fail_share": 1, "fail_status": 500}, {"invalid_json": 1}])
def test_a_collection_that_cannot_be_read_holds_up_no_other(site, fault):
    server = foreign(site, "F", SMALL, machines=3)
    server.put("stages", {"Name": "s1"})
    server.faults.set(**fault, fail_paths="v3/stages")
    manager = manager_of(site, server, **WALK)

    def told():
        return manager.get("endpoints/F")["Meta"].get("mullion/followed-troubles", "")
    first = wait_until("the trouble is said", told, timeout=5)
    assert first.startswith("stages cannot be read since 20")
    assert age(manager) <= 3 and differences(server, manager, collections=("machines", "profiles")) == []
    server.put("machines", {"Name": "new"})
    wait_same(server, manager, collections=("machines",), timeout=5)
    answer = manager.call("GET", "stages?Endpoint=F")
    assert int(answer.headers["X-Mullion-Age"]) > 1000 and answer.headers["X-Mullion-Stale"].startswith("F;age="), \
        "they were never read"
    expect(503, manager.call("GET", "stages?Endpoint=F", headers={"X-Mullion-Max-Age": "60"}))
    asked = [one.time for one in server.asked("GET", "stages")]
    wait_until("it is tried again", lambda: len(server.asked("GET", "stages")) > len(asked) + 1)
    tried = [one.time for one in server.asked("GET", "stages")]
    assert all(later - earlier > 3 for earlier, later in zip(tried, tried[1:]))
    assert told().split(":")[:4] == first.split(":")[:4], "since when stays"
    server.faults.clear()
    wait_until("the trouble is over", lambda: told() == "", timeout=TWO_WALKS)
    assert differences(server, manager, collections=("stages",)) == []
    wait_until("it is current", lambda: int(manager.call("GET", "stages?Endpoint=F").headers["X-Mullion-Age"]) <= 3)


class Truth(threading.Thread):
    """Reads the stages of F at every level, and what they say of their age: while they show the old state it must be at least
    as long ago as that state was replaced."""

    def __init__(self, *levels):
        super().__init__(daemon=True)
        self.levels, self.replaced, self.over = levels, None, threading.Event()
        self.wrong, self.reads = [], 0

    def run(self):
        while not self.over.wait(.1):
            for level in self.levels:
                begun = time.monotonic()
                try:
                    answer = level.call("GET", "stages?Endpoint=F&Name=s1", timeout=5)
                except requests.RequestException:
                    continue  # it is being restarted
                if answer.status_code != 200 or not answer.json() or self.replaced is None:
                    continue
                self.reads += 1
                if answer.json()[0]["Description"] == "old" and int(answer.headers["X-Mullion-Age"]) < begun - self.replaced:
                    self.wrong.append((level.name, answer.headers["X-Mullion-Age"], begun - self.replaced))

    def stop(self):
        self.over.set()
        self.join()
        return self.wrong


def age_of(level, collection):
    return int(level.call("GET", f"{collection}?Endpoint=F").headers["X-Mullion-Age"])


def connection_of(level, owner):
    return {one["Endpoint"]: one for one in level.get("connections")}[owner]


def test_what_is_held_up_is_as_old_at_every_level_and_nothing_else_is(site):
    server = foreign(site, "F", SMALL, machines=3)
    server.put("stages", {"Name": "s1", "Description": "old"})
    low = manager_of(site, server, name="R", **WALK)
    middle = manager_of(site, low, name="S")
    top = manager_of(site, middle, name="T")
    levels = (low, middle, top)
    for level in levels:
        wait_until(f"{level.name} has it", lambda: level.count("stages", "?Endpoint=F&Name=s1") == 1)
        wait_until(f"{level.name} is current", lambda: age_of(level, "stages") <= 9)
    truth = Truth(*levels)
    truth.start()
    server.faults.set(fail_share=1, fail_status=500, fail_paths="v3/stages")
    server.put("stages", {"Name": "s1", "Description": "new"})
    truth.replaced = time.monotonic()

    def is_said(level):
        answer = level.call("GET", "stages?Endpoint=F")
        return answer.headers.get("X-Mullion-Stale", "").startswith("F;age=") and answer
    for level in levels:
        wait_until(f"{level.name} says so", lambda: is_said(level), timeout=TWO_WALKS)
        wait_until(f"{level.name} says why", lambda: "stages cannot be read" in level.get("endpoints/F")["Meta"].get(
            "mullion/followed-troubles", ""), timeout=TWO_WALKS)
    wait_until("they are older than anything else", lambda: age_of(top, "stages") > 12)
    for number, level in enumerate(levels, 1):
        refused = expect(503, level.call("GET", "stages?Endpoint=F", headers={"X-Mullion-Max-Age": "12"}))
        assert "stages cannot be read there: " in refused.text and "stages answers 500" in refused.text
        expect(503, level.call("HEAD", "stages?Endpoint=F", headers={"X-Mullion-Max-Age": "12"}))
        wait_until(f"{level.name} is young", lambda: connection_of(level, "F")["Age"] <= 3 * number + 1)
        told = connection_of(level, "F")
        assert told["InTouch"]
        assert told["HeldUp"]["stages"]["Age"] > 12 and "stages answers 500" in told["HeldUp"]["stages"]["Reason"]
        for collection in ("machines", "profiles"):
            wait_until(f"{collection} are young", lambda: age_of(level, collection) <= 3 * number)
            assert "X-Mullion-Stale" not in level.call("GET", f"{collection}?Endpoint=F").headers
    # Events of what cannot be read make nothing else old.
    for number in range(4):
        server.put("stages", {"Name": "s2", "Description": str(number)})
        time.sleep(.5)
    wait_until("its machines are young", lambda: age_of(low, "machines") <= 3)
    for level in (middle, top, low):  # each of them forgets what it has in memory
        level.kill()
        level.start()
    for level in levels:
        wait_until(f"{level.name} follows again", lambda: age_of(level, "machines") <= 9)
    server.faults.clear()
    for level in levels:
        wait_until(f"{level.name} shows it", lambda: level.get("stages/s1")["Description"] == "new", timeout=TWO_WALKS)
        wait_until(f"{level.name} calls it current", lambda: age_of(level, "stages") <= 9)
        assert "HeldUp" not in connection_of(level, "F")
    assert truth.stop() == [] and truth.reads > 50
    assert differences(server, top, collections=("stages",)) == []


def test_what_is_made_of_a_collection_that_is_held_up_is_as_old(site):
    """Machines that are found by what profiles say are as old as the profiles, at every level; the metrics tell it, too."""
    server = foreign(site, "F", SMALL, machines=3)
    server.put("profiles", {"Name": "global", "Params": {"of-profile": "old"}})
    server.put("machines", {"Uuid": uuid_of(server), "Pool": "here"})
    low = manager_of(site, server, name="R", **WALK)
    top = manager_of(site, low, name="T")
    found, others = "machines?Endpoint=F&of-profile=old", ("machines?Endpoint=F", "machines?Endpoint=F&Pool=here", "pools-active")
    for level in (low, top):
        wait_until(f"{level.name} finds them", lambda: len(level.get(found)) == 3)
        wait_until(f"{level.name} is current", lambda: age_of(level, "profiles") <= 6)
    server.faults.set(fail_share=1, fail_status=500, fail_paths="v3/profiles")
    server.put("profiles", {"Name": "global", "Params": {"of-profile": "new"}})

    def age_at(level, path):
        return int(level.call("GET", path).headers["X-Mullion-Age"])
    for number, level in enumerate((low, top), 1):
        wait_until(f"{level.name} says so", lambda: age_at(level, found) > 12, timeout=TWO_WALKS)
        answer = level.call("HEAD", found)
        assert answer.headers["X-Mullion-Stale"].startswith("F;age=")
        refused = expect(503, level.call("GET", found, headers={"X-Mullion-Max-Age": "12"}))
        assert "profiles cannot be read there: " in refused.text
        groups = f"{found}&group-by=Name"
        assert age_at(level, groups) > 12
        for path in others:
            wait_until(f"{path} is young at {level.name}", lambda: age_at(level, path) <= 3 * number)
            assert "X-Mullion-Stale" not in level.call("GET", path).headers
        metrics = level.metrics()
        assert metrics['mullion_endpoint_connected{endpoint="F"}'] == 1
        # Its global parameters, and who configures it, are profiles, too.
        assert set(connection_of(level, "F")["HeldUp"]) == {"profiles", "state/global", "state/lease"}
        assert metrics['mullion_endpoint_held_up_collections{endpoint="F"}'] == 3
        assert metrics['mullion_endpoint_age_seconds{endpoint="F"}'] > 12
    assert top.metrics()['mullion_endpoint_held_up_collections{endpoint="R"}'] == 0
    assert top.metrics()['mullion_endpoint_age_seconds{endpoint="R"}'] < 12
    server.faults.clear()
    for level in (low, top):
        wait_until(f"{level.name} finds none any more", lambda: level.get(found) == [], timeout=TWO_WALKS)
        wait_until(f"{level.name} calls it current", lambda: age_at(level, found) <= 6)
        wait_until(f"{level.name} has read all of it", lambda: "HeldUp" not in connection_of(level, "F"), timeout=TWO_WALKS)
        metrics = level.metrics()
        assert metrics['mullion_endpoint_held_up_collections{endpoint="F"}'] == 0
        assert metrics['mullion_endpoint_age_seconds{endpoint="F"}'] < 12


def test_parts_of_the_reported_state_that_cannot_be_read_are_as_old(site):
    """Plans are made of what a server reports of itself: of its packs, preferences and files, too."""
    server = foreign(site, "F", SMALL, machines=3)
    server.load_pack("tools", "v1.0.0")
    low = manager_of(site, server, name="R", **{"manager/walk-interval": 300})
    top = manager_of(site, low, name="T")
    expect(201, low.call("POST", "version_sets", {"Id": "calm", "Prefs": {"debugRenderer": "error"}}))

    def facts_age():
        return expect(200, low.call("POST", "plans", {"Sets": ["calm"], "Targets": ["F"]})).json()["FactsAges"].get("F")

    def tools():
        return [one["Version"] for one in low.get("endpoints/F")["Components"] if one["Name"] == "tools"]
    for level in (low, top):
        wait_until(f"{level.name} is current", lambda: level.count("machines", "?Endpoint=F") == 3 and age_of(level, "machines") <= 6)
    assert tools() == ["v1.0.0"] and facts_age() < 6
    with server.faults.on(fail_share=1, fail_status=500, fail_paths="v3/(contents|prefs)$"):
        server.load_pack("tools", "v2.0.0")
        for number, level in enumerate((low, top), 1):
            wait_until(f"{level.name} says so", lambda: set(connection_of(level, "F").get("HeldUp", {})) == {
                "state/contents", "state/prefs"})
            wait_until("they grow old", lambda: connection_of(level, "F")["HeldUp"]["state/contents"]["Age"] > 12)
            assert connection_of(level, "F")["HeldUp"]["state/prefs"]["Reason"] == "it answers 500"
            assert connection_of(level, "F")["InTouch"]
            wait_until("nothing else is old", lambda: age_of(level, "machines") <= 3 * number)
        assert "state/contents cannot be read" in low.get("endpoints/F")["Meta"]["mullion/followed-troubles"]
        assert tools() == ["v1.0.0"], "stays as it was"
        assert facts_age() > 12
    # They are asked for again by themselves, long before the next walk.
    wait_until("what it has is seen", lambda: tools() == ["v2.0.0"], timeout=60)
    for level in (low, top):
        wait_until(f"{level.name} says so", lambda: "HeldUp" not in connection_of(level, "F"))
    wait_until("plans are made of what is young", lambda: facts_age() < 6)


@pytest.mark.parametrize("fault", [{"fail_share": 1, "fail_status": 404}, {"invalid_json": 1}])
def test_a_list_of_packs_that_is_none_says_nothing_of_them(site, fault):
    """Else a plan would install them all."""
    server = foreign(site, "F", SMALL, machines=1)
    server.load_pack("tools", "v1.0.0")
    manager = manager_of(site, server, **WALK)
    wait_until("it is current", lambda: manager.count("machines", "?Endpoint=F") == 1 and age_of(manager, "machines") <= 3)
    before = manager.get("endpoints/F")["Components"]
    with server.faults.on(**fault, fail_paths="v3/contents$"):
        server.load_pack("tools", "v2.0.0")
        wait_until("it is said", lambda: set(connection_of(manager, "F").get("HeldUp", {})) == {"state/contents"})
        assert manager.get("endpoints/F")["Components"] == before
    wait_until("it is read again", lambda: "HeldUp" not in connection_of(manager, "F"), timeout=TWO_WALKS)
    versions = lambda: [one["Version"] for one in manager.get("endpoints/F")["Components"] if one["Name"] == "tools"]
    wait_until("what it has is written to its object", lambda: versions() == ["v2.0.0"])


def test_one_object_that_cannot_be_read_makes_its_collection_old_and_no_other(site):
    server = foreign(site, "F", SMALL, machines=3)
    server.put("stages", {"Name": "s1", "Description": "old"})
    manager = manager_of(site, server, **{"manager/walk-interval": 300})
    wait_until("it is current", lambda: age_of(manager, "stages") <= 3)
    truth = Truth(manager)
    truth.start()
    server.faults.set(fail_share=1, fail_status=500, fail_paths="stages/s1")
    server.put("stages", {"Name": "s1", "Description": "new"})
    truth.replaced = time.monotonic()
    wait_until("its collection grows old", lambda: age_of(manager, "stages") >= 6)
    wait_until("its machines do not", lambda: age_of(manager, "machines") <= 3)
    wait_until("the list is asked for, long before the next walk", lambda: manager.get("stages/s1")["Description"] == "new",
               timeout=60)
    wait_until("it is current", lambda: age_of(manager, "stages") <= 3)
    assert truth.stop() == [] and truth.reads > 20


def test_a_list_that_is_not_found_says_nothing_of_what_was_in_it(site):
    server = foreign(site, "F", SMALL, machines=3)
    manager = manager_of(site, server, **WALK)
    with server.faults.on(fail_share=1, fail_status=404, fail_paths="v3/machines"):
        wait_until("it is said", lambda: "machines cannot be read" in manager.get("endpoints/F")["Meta"].get(
            "mullion/followed-troubles", ""), timeout=TWO_WALKS)
        assert manager.count("machines", "?Endpoint=F") == 3 and age(manager) > 3
    wait_until("they are current again", lambda: age(manager) <= 3, timeout=TWO_WALKS)


def test_a_demand_finer_than_what_can_be_known_is_refused_by_every_level(site):
    server = foreign(site, "F", machines=1)
    low = manager_of(site, server, name="R")
    top = manager_of(site, low, name="T")
    for level, smallest in ((low, 3), (top, 6)):
        wait_until(f"{level.name} is current", lambda: level.count("machines", "?Endpoint=F") == 1 and age_of(
            level, "machines") <= smallest)
        refused = expect(503, level.call("GET", "machines?Endpoint=F", headers={"X-Mullion-Max-Age": "0"}))
        assert f"X-Mullion-Max-Age below {smallest} is finer than what can be known" in refused.json()["Messages"][0]


def test_a_write_while_nobody_follows_is_pending(site):
    server = foreign(site, "F", machines=1)
    manager = manager_of(site, server)
    server.faults.set(refuse_websocket=500)
    server.cut_websockets()
    wait_until("nobody follows", lambda: manager.status("F") != "Connected")
    path = f"machines/{uuid_of(server)}"
    answer = expect(200, manager.call("PATCH", path, describe("in between")))
    assert answer.headers["X-Mullion-Pending"] == "F"
    assert "X-Mullion-Pending" not in expect(201, manager.call("POST", "/F/api/v3/files/a", b"content")).headers
    server.faults.clear()
    wait_until("the next connection brings it", lambda: manager.get(path)["Description"] == "in between")


# More than are asked for one by one when events name them.
MANY = 620


def delete_most(server, silent):
    for number in range(MANY - 20):
        server.delete("profiles", f"p{number:02}", silent=silent)


def test_many_objects_that_went_without_a_word_go(site):
    server, manager = silently_without(site, "profiles", count=MANY)
    delete_most(server, silent=True)
    before = len(server.asked("GET", "profiles"))
    wait_same(server, manager, timeout=BOUND + 60, collections=("profiles",))
    assert len(server.asked("GET", "profiles")) - before < 2 * MANY, "a question for each, and the walks"
    manager.wait_status("F", "Connected")
    wait_until("it is current", lambda: age(manager) <= 3, timeout=BOUND)


def test_many_objects_that_are_said_to_go_need_no_second_look(site):
    server, manager = silently_without(site, "profiles", count=MANY)
    delete_most(server, silent=False)
    wait_same(server, manager, timeout=60, collections=("profiles",))
    assert "are not shown any more" not in manager.log()


@pytest.mark.parametrize("fault", [{"hide": ("endpoints",)}, {"fail_share": 1, "fail_status": 500,
                                                              "fail_paths": "v3/endpoints"}])
def test_a_list_of_endpoints_that_fails_drops_no_owner(site, fault):
    child, server = foreign(site, "Y", "4.17", machines=5), foreign(site, "F", dataclasses.replace(
        versions.VERSIONS["4.17"], plugin_types={}, prefixes=SMALL.prefixes + ("endpoints",)))
    server.add_child(child)
    manager = manager_of(site, server, **WALK)
    wait_until("Y is seen", lambda: manager.count("machines", "?Endpoint=Y") == 5)
    history = History(manager, "Y")
    history.start()
    with server.faults.on(**fault):
        before = len(server.asked("GET", "endpoints"))
        wait_until("a walk asked", lambda: len(server.asked("GET", "endpoints")) > before, timeout=TWO_WALKS)
        time.sleep(2)
    time.sleep(2)
    assert history.stop() == []
    wait_until("Y is current", lambda: manager.count("machines", "?Endpoint=Y") == 5 and age(manager) <= 3, timeout=60)


# -- attacks

def test_acknowledgements_without_a_question_prove_nothing(site):
    server = foreign(site, "F", machines=2)
    server.faults.set(extra_acks=5)
    manager = manager_of(site, server)
    time.sleep(4)
    server.faults.set(silent_websocket=True)
    server.put("machines", {"Uuid": uuid_of(server), "Description": "not told"})
    assert "no word on its websocket" in manager.wait_status("F", "Lost", timeout=12)


def test_an_answer_that_shows_another_object_removes_none(site):
    server = foreign(site, "F", SMALL, machines=10)
    manager = manager_of(site, server, **WALK)
    history = History(manager, "F", server)
    history.start()
    server.faults.set(other_objects=1, fail_paths="machines/")
    for number in range(10):
        server.put("machines", {"Uuid": uuid_of(server, number), "Description": "changed"})
    time.sleep(3)
    server.faults.clear()
    wait_same(server, manager, timeout=TWO_WALKS, collections=("machines",))
    assert history.stop() == []


@pytest.mark.parametrize("faults", [{"cap_limit": 1}, {"ignore_filters": ("Eq",), "cap_limit": 3},
                                    {"odd_entries": .5}])
def test_a_list_that_does_not_obey_removes_nothing_of_another_owner(site, faults):
    x, y, z, low, _ = hierarchy(site)
    histories = [History(low, owner) for owner in "XYZ"]
    for history in histories:
        history.start()
    x.faults.set(**faults)
    for number in range(5):
        x.put("profiles", {"Name": "shared", "Description": f"change {number}"})
        x.put("machines", {"Uuid": uuid_of(x), "Description": f"change {number}"})
        time.sleep(.3)
    shared = {row["Endpoint"] for row in low.objects("profiles", "?Name=shared")}
    x.faults.clear()
    assert shared == {"X", "Y", "Z"}
    x.put("profiles", {"Name": "shared", "Description": "at last"})
    wait_same(x, low, timeout=40, collections=("profiles",))
    assert [history.stop() for history in histories] == [[], [], []]


def test_events_without_end_cost_requests_now_and_then(site):
    server = foreign(site, "F", machines=5)
    manager = manager_of(site, server)
    client = Client(server)
    over = threading.Event()

    def shout():
        while not over.wait(.01):
            for event in ({"Type": "preferences", "Action": "save", "Key": "x"},
                          {"Type": "profiles", "Action": "save", "Key": "k" * 600}):
                client.expect(204, "POST", "events", {**event, "Object": {}})
    thread = threading.Thread(target=shout)
    thread.start()
    time.sleep(1)
    begun, before = time.monotonic(), len([one for one in server.requests if one.method != "POST"])
    time.sleep(5)
    asked = len([one for one in server.requests if one.method != "POST"]) - before
    seconds = time.monotonic() - begun
    over.set()
    thread.join()
    # Ten for what the server is, every 2 s, and five walks through its profiles a second; some 40 events a second came.
    assert asked < 25 * seconds
    wait_same(server, manager, collections=("profiles", "machines"))


def test_a_websocket_that_floods_ends_alone(site):
    """A frame that is announced with 2^62 bytes is not waited for."""
    server, other = foreign(site, "F", machines=2), foreign(site, "G", machines=1, seed=2)
    manager = manager_of(site, server, other)
    for one in list(server._sockets):
        one.stream.send_bytes(bytes([0x81, 127]) + (1 << 62).to_bytes(8, "big") + b"x" * 1000)
    wait_until("it is cut", lambda: "connection ended endpoint=F" in manager.log(), timeout=5)
    other.put("machines", {"Uuid": uuid_of(other), "Description": "as ever"})
    wait_same(other, manager, collections=("machines",), timeout=5)
    server.put("machines", {"Uuid": uuid_of(server), "Description": "after"})
    wait_same(server, manager, collections=("machines",), timeout=30)


@pytest.mark.parametrize("faults", [{"cut_body": 1}, {"fail_share": 1, "fail_status": 502}])
def test_what_is_forwarded_to_a_server_that_answers_rubbish_fails_alone(site, faults):
    server, other = foreign(site, "F", machines=2), foreign(site, "G", machines=1, seed=2)
    manager = manager_of(site, server, other)
    path = f"machines/{uuid_of(server)}"
    with server.faults.on(**faults, fail_paths="machines/"):
        for method, target, body in (("GET", f"/F/api/v3/{path}", None), ("PATCH", path, describe("x")), ("DELETE", path, None)):
            begun = time.monotonic()
            try:
                answer = manager.call(method, target, body, timeout=20)
            except requests.exceptions.ChunkedEncodingError:
                continue  # it was cut where the server cut it
            assert answer.status_code in (502, 503) and time.monotonic() - begun < 15, (method, answer.status_code)
            if answer.status_code == 503:
                assert answer.headers["X-Mullion-Unreachable"].startswith("F;") and "F" in answer.json()["Messages"][0]
        expect(200, manager.call("PATCH", f"machines/{uuid_of(other)}", describe("as ever")))
    expect(201, manager.call("POST", "/F/api/v3/machines", {"Name": "after"}))
    wait_same(server, manager, collections=("machines",), timeout=60)


# -- writes

def write_everything(manager, path, check):
    """Every kind of write to a machine; `check` sees each answer, and how the machine should be now."""
    whole = manager.get(path)
    check(manager.call("PATCH", path, describe("by PATCH")), Description="by PATCH")
    check(manager.call("PUT", path, {**manager.get(path), "Description": "by PUT"}), Description="by PUT")
    check(manager.call("POST", f"{path}/params/p", "7"), Params={**whole["Params"], "p": 7})
    check(manager.call("PATCH", f"{path}/params", [{"op": "add", "path": "/q", "value": 8}]),
          Params={**whole["Params"], "p": 7, "q": 8})
    check(manager.call("DELETE", f"{path}/params/p"), Params={**whole["Params"], "q": 8})
    check(manager.call("PATCH", "meta/" + path.removeprefix("/F/api/v3/"),
                       [{"op": "add", "path": "/colour", "value": "red"}]), Meta={"colour": "red"})


@pytest.mark.parametrize("version", ["3.13", "4.8", "4.17"])
def test_writes_are_read_back_at_every_level(site, version):
    server = foreign(site, "F", version, machines=3)
    server.actions["machines", "rename"] = lambda thing, _: server.put(
        "machines", {"Uuid": thing["Uuid"], "Description": "by an action"}) and "done"
    low = manager_of(site, server, name="R")
    high = manager_of(site, low, name="T")
    for manager in (low, high):
        key = uuid_of(server, 1 if manager is low else 2)
        wait_until("the machine arrives", lambda: manager.call("GET", f"machines/{key}").status_code == 200)

        def check(answer, **members):
            assert answer.status_code in (200, 201, 204), answer.text
            assert "X-Mullion-Pending" not in answer.headers, (answer.request.method, answer.request.url)
            for level in (low, manager):
                seen = level.get(f"machines/{key}")
                assert {name: seen[name] for name in members} == members, level.name
        write_everything(manager, f"machines/{key}", check)
        check(manager.call("POST", f"machines/{key}/actions/rename", {}), Description="by an action")
        made = manager.call("POST", "/F/api/v3/machines", {"Name": f"made-{manager.name}"})
        made_key = expect(201, made).json()["Uuid"]
        assert "X-Mullion-Pending" not in made.headers
        for level in (low, manager):
            assert level.get(f"machines/Name:made-{manager.name}")["Endpoint"] == "F"
        gone = expect(200, manager.call("DELETE", f"machines/{made_key}"))
        assert "X-Mullion-Pending" not in gone.headers
        for level in (low, manager):
            expect(404, level.call("GET", f"machines/{made_key}"))
    wait_same(server, low, high)


def test_many_writers_leave_the_replica_equal(site):
    server = foreign(site, "F", machines=1)
    low = manager_of(site, server, name="R")
    high = manager_of(site, low, name="T")
    key = uuid_of(server)
    wait_until("the machine arrives", lambda: high.call("GET", f"machines/{key}").status_code == 200)

    def write(number):
        for value in range(25):
            manager = (low, high)[value % 2]
            answer = manager.call("POST", f"machines/{key}/params/w{number}", str(value))
            assert "X-Mullion-Pending" not in expect(200, answer).headers
    writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    wait_same(server, low, high, timeout=5, collections=("machines",))


def test_answers_of_the_owner_name_it_and_hold_no_secrets(site):
    server = foreign(site, "F", machines=1)
    manager = manager_of(site, server)
    path = f"machines/{uuid_of(server)}"
    answers = [expect(200, manager.call("PATCH", path, describe("x"))).json(), manager.get(f"/F/api/v3/{path}"),
               manager.get("/F/api/v3/machines?limit=1")[0], manager.get(path),
               expect(201, manager.call("POST", "/F/api/v3/users", {"Name": "someone"})).json()]
    assert answers[0]["Endpoint"] == "F"
    assert [answer["Secret"] for answer in answers] == [""] * len(answers)


@pytest.mark.parametrize("collection,body", [
    ("contents", {"meta": {"Name": "pack", "Version": "v1.0.0"}, "sections": {"profiles": {"pp": {"Name": "pp"}}}}),
    ("files/some/file", b"content")])
def test_nothing_is_pending_that_replicas_never_hold(site, collection, body):
    server = foreign(site, "F")
    manager = manager_of(site, server)
    answer = expect(201, manager.call("POST", f"/F/api/v3/{collection}", body))
    assert "X-Mullion-Pending" not in answer.headers


def test_an_action_of_which_nothing_is_heard_in_time_is_pending(site):
    server = foreign(site, "F", machines=2)
    key = uuid_of(server)
    server.actions["machines", "rename"] = lambda thing, _: server.put(
        "machines", {"Uuid": thing["Uuid"], "Description": "by an action"}) and "done"
    manager = manager_of(site, server)
    server.faults.set(silent_websocket=True)
    begun = time.monotonic()
    answer = expect(200, manager.call("POST", f"machines/{key}/actions/rename", {}))
    assert answer.headers["X-Mullion-Pending"] == "F" and 1.9 < time.monotonic() - begun < 5
    server.faults.clear()
    wait_until("it comes", lambda: manager.get(f"machines/{key}")["Description"] == "by an action", timeout=30)


def test_writes_are_read_back_while_everything_is_read_again(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.faults.set(answer_delay=.3)
    server.cut_websockets()
    manager.wait_status("F", "Updating")
    answer = expect(200, manager.call("PATCH", f"machines/{uuid_of(server)}", describe("meanwhile")))
    assert "X-Mullion-Pending" not in answer.headers
    assert manager.get(f"machines/{uuid_of(server)}")["Description"] == "meanwhile"


class HeldAnswer:
    """The next answer to a PATCH is held back after it was carried out, while the server goes on."""

    def __init__(self, server):
        self.done, self.release, send = threading.Event(), threading.Event(), server._send

        def hold(connection, request, answer):
            if request.method == "PATCH" and not self.done.is_set():
                self.done.set()
                self.release.wait(20)
            send(connection, request, answer)
        server._send = hold

    def begin(self, manager, key, text):
        self.thread = threading.Thread(target=lambda: expect(
            200, manager.call("PATCH", f"machines/{key}", describe(text))))
        self.thread.start()
        assert self.done.wait(10)

    def end(self):
        self.release.set()
        self.thread.join()




def test_a_late_answer_does_not_bring_back_what_was_deleted(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    key, held = uuid_of(server), HeldAnswer(server)
    held.begin(manager, key, "late")
    server.delete("machines", key)
    wait_until("it is gone", lambda: manager.call("GET", f"machines/{key}").status_code == 404)
    held.end()
    expect(404, manager.call("GET", f"machines/{key}"))


@pytest.mark.parametrize("writer", ["another client", "another user of the manager"])
def test_a_late_answer_does_not_undo_a_newer_change(site, writer):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    key, held = uuid_of(server), HeldAnswer(server)
    held.begin(manager, key, "first")
    if writer == "another client":
        server.put("machines", {"Uuid": key, "Description": "second"})
        wait_until("the change", lambda: manager.get(f"machines/{key}")["Description"] == "second")
    else:
        expect(200, manager.call("PATCH", f"machines/{key}", describe("second")))
    held.end()
    assert manager.get(f"machines/{key}")["Description"] == "second"


# -- hierarchies

def hierarchy(site):
    """Z below Y below X, which are of another make, below R below T."""
    z, y, x = (foreign(site, name, "4.17", machines=2, seed=number) for number, name in enumerate("ZYX"))
    y.add_child(z)
    x.add_child(y)
    for server in (x, y, z):
        server.put("profiles", {"Name": "shared", "Description": f"of {server.id}"})
    low = manager_of(site, x, name="R")
    high = manager_of(site, low, name="T")
    for manager in (low, high):
        wait_until(f"{manager.name} sees three owners",
                   lambda: {row["Endpoint"] for row in manager.objects("profiles", "?Name=shared")} == {"X", "Y", "Z"})
    return x, y, z, low, high


def test_objects_behind_another_makes_manager_belong_to_their_owners(site):
    x, y, z, low, high = hierarchy(site)
    for owner in "XYZ":
        wait_same(x, low, high, owner=owner)
    for server in (x, y, z):
        server.put("profiles", {"Name": "shared", "Description": f"changed at {server.id}"})
        server.put("machines", {"Uuid": uuid_of(server), "Description": "changed"})
    z.delete("profiles", "shared")
    for owner in "XYZ":
        wait_same(x, low, high, owner=owner)
    assert {row["Endpoint"] for row in high.objects("profiles", "?Name=shared")} == {"X", "Y"}


def test_writes_reach_the_owner_behind_another_makes_manager(site):
    x, y, z, low, high = hierarchy(site)
    for server in (z, y, x):
        path = f"/{server.id}/api/v3/profiles/shared"
        answer = expect(200, high.call("PATCH", path, describe(f"for {server.id}")))
        assert "X-Mullion-Pending" not in answer.headers, server.id
        seen = {row["Endpoint"]: row["Description"] for row in high.objects("profiles", "?Name=shared")}
        assert seen[server.id] == f"for {server.id}"
    for server in (x, y, z):
        own = [row for row in server.objects("profiles", own=True) if row["Name"] == "shared"]
        assert [row["Description"] for row in own] == [f"for {server.id}"]
    made = expect(201, high.call("POST", "/Z/api/v3/profiles", {"Name": "made"}))
    assert made.json()["Name"] == "made" and "X-Mullion-Pending" not in made.headers
    assert high.get("profiles/made")["Endpoint"] == "Z"
    expect(200, high.call("DELETE", "/Z/api/v3/profiles/made"))
    expect(404, high.call("GET", "profiles/made"))


def test_ages_behind_another_makes_manager_are_said_to_be_unknown(site):
    child, server, own = foreign(site, "Y", "4.17", machines=2), foreign(site, "F", "4.17"), site.start("A")[0]
    server.add_child(child)
    low = manager_of(site, server, own, name="R")
    high = manager_of(site, low, name="T")
    for manager in (low, high):
        wait_until("Y is seen", lambda: manager.count("machines", "?Endpoint=Y") == 2)
        answer = manager.call("GET", "machines")
        assert answer.headers["X-Mullion-Age-Untold"] == "Y;by=F"
        refused = manager.call("GET", "machines", headers={"X-Mullion-Max-Age": "3600"})
        assert refused.status_code == 503
        assert "how old the copy of Y is cannot be known: F passes it on and does not tell it" in refused.text
        for told in ("F", "A"):
            answer = manager.call("GET", f"machines?Endpoint={told}", headers={"X-Mullion-Max-Age": "9"})
            assert answer.status_code == 200 and "X-Mullion-Age-Untold" not in answer.headers
        connections = {one["Endpoint"]: one.get("AgeUntoldBy") for one in manager.get("connections")}
        assert connections["Y"] == "F" and not connections["F"] and not connections["A"]
    low.attach(child)
    for manager in (low, high):
        wait_until("its own word counts", lambda: manager.call(
            "GET", "machines", headers={"X-Mullion-Max-Age": "9"}).status_code == 200)


def test_an_owner_that_leaves_its_manager_leaves_ours(site):
    x, _, _, low, high = hierarchy(site)
    x.remove_child("Y")
    for manager in (low, high):
        wait_until("only X is left", lambda: {row["Endpoint"] for row in manager.objects("machines")} == {"X"}, 10)
    wait_same(x, low, high, owner="X")


def test_an_owner_that_is_dark_behind_another_makes_manager_is_said_to_be(site):
    child, server = foreign(site, "Y", "4.17", machines=2), foreign(site, "F", "4.17")
    server.add_child(child)
    manager = manager_of(site, server)
    wait_until("Y is current", lambda: manager.count("machines", "?Endpoint=Y") == 2 and age(manager) <= 3)
    child.stop()
    server.put("endpoints", {"Id": "Y", "ConnectionStatus": "Lost"})
    wait_until("it grows old", lambda: age(manager) >= 5)
    assert "Y" in manager.call("GET", "machines").headers["X-Mullion-Stale"]
    refused = manager.call("PATCH", f"machines/{uuid_of(child)}", describe("x"))
    assert refused.status_code in (502, 503)
    child.start()
    server.put("endpoints", {"Id": "Y", "ConnectionStatus": "Connected"})
    wait_until("it is young again", lambda: age(manager) <= 3)


def test_another_makes_manager_cannot_speak_for_us_or_for_strangers(site):
    server = foreign(site, "F", "4.17")
    server.add_child(foreign(site, "Y", "4.17"))
    manager = manager_of(site, server)
    manager.create("profiles", {"Name": "mine", "Description": "own"})
    server.put("endpoints", {"Id": "M", "ConnectionStatus": "Connected"})
    for owner in ("M", "nobody"):
        server.state.write_foreign("profiles", "mine", owner, {"Name": "mine", "Description": "forged"}, "create")
    server.put("profiles", {"Name": "marker"})
    wait_until("the marker", lambda: manager.count("profiles", "?Name=marker") == 1)
    server.cut_websockets()
    time.sleep(2)
    manager.wait_status("F", "Connected")
    assert [row["Description"] for row in manager.objects("profiles", "?Name=mine")] == ["own"]


def test_a_direct_way_and_one_behind_another_makes_manager_lead_to_one_owner(site):
    child, server = foreign(site, "Y", "4.17", machines=3), foreign(site, "F", "4.17")
    server.add_child(child)
    manager = manager_of(site, server)
    gate = site.gate(child)
    manager.attach(child, url=gate.url)
    assert manager.count("machines", "?Endpoint=Y") == 3
    gate.cut()
    child.put("machines", {"Uuid": uuid_of(child), "Description": "through F"})
    wait_until("the way through F", lambda: manager.get(f"machines/{uuid_of(child)}")["Description"] == "through F")
    gate.mend()
    manager.wait_status("Y", "Connected", timeout=30)
    child.put("machines", {"Uuid": uuid_of(child), "Description": "direct"})
    wait_same(child, manager, collections=("machines",))


# -- trouble

def test_a_revoked_token_is_no_refused_login(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.revoke_tokens()
    server.put("machines", {"Uuid": uuid_of(server), "Description": "after"})
    wait_until("the change", lambda: manager.get(f"machines/{uuid_of(server)}")["Description"] == "after", 5)
    assert "login refused" not in manager.log()


@pytest.mark.parametrize("killed", ["R", "T"])
def test_managers_that_are_killed_lose_nothing(site, killed):
    server = foreign(site, "F", machines=10)
    low = manager_of(site, server, name="R")
    high = manager_of(site, low, name="T")
    wait_same(server, high)
    one = site.servers[killed]
    one.kill()
    server.delete("machines", uuid_of(server))
    server.put("machines", {"Name": "made meanwhile"})
    one.start()
    assert one.count("machines", "?Endpoint=F") >= 9, "it shows what it had"
    wait_same(server, low, high, timeout=20)


def test_an_endpoint_that_is_taken_off_and_attached_again_is_whole(site):
    server = foreign(site, "F", machines=10)
    low = manager_of(site, server, name="R")
    high = manager_of(site, low, name="T")
    low.delete("endpoints/F")
    wait_until("nothing is left", lambda: low.count("machines") + high.count("machines") == 0)
    expect(200, low.add_endpoint(server))
    wait_same(server, low, high, timeout=20)


@pytest.mark.parametrize("trouble", ["restart", "cut_connections", "cut_websockets", "revoke_tokens"])
def test_it_comes_back_by_itself(site, trouble):
    server = foreign(site, "F", machines=20)
    manager = manager_of(site, server)
    server.put("machines", {"Uuid": uuid_of(server), "Description": "before, in silence"}, silent=True)
    getattr(server, trouble)()
    server.put("machines", {"Uuid": uuid_of(server, 1), "Description": "after"})
    wait_until("the change", lambda: manager.get(f"machines/{uuid_of(server, 1)}")["Description"] == "after", 20)
    wait_same(server, manager, timeout=20)
    manager.wait_status("F", "Connected")


def test_writes_go_on_with_a_fresh_token(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.revoke_tokens()
    key = uuid_of(server)
    assert "X-Mullion-Pending" not in expect(
        200, manager.call("PATCH", f"machines/{key}", describe("after all"))).headers
    assert manager.get(f"machines/{key}")["Description"] == "after all"


def test_another_password_is_said_and_can_be_given(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.set_password("rocketskates", "another one")
    server.cut_websockets()
    assert manager.wait_status("F", "Error").startswith("Error: login refused")
    time.sleep(3)
    assert len([one for one in server.requests if one.status == 401]) < 6
    manager.patch("endpoints/F", ("replace", "/Params/manager~1password", "another one"))
    manager.wait_status("F", "Connected")


def test_another_certificate_is_refused_until_it_is_accepted(site, tmp_path):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.change_certificate()
    server.cut_connections()
    assert "certificate fingerprint changed" in manager.wait_status("F", "Error")
    CommandLine(manager, tmp_path).json("endpoints", "accept", "F")
    manager.wait_status("F", "Connected")


def test_another_server_at_the_address_is_not_taken_for_it(site, tmp_path):
    server = foreign(site, "F", machines=5)
    manager = manager_of(site, server)
    before = shown(manager, "machines", "F")
    server.replace("G")
    server.populate(3, seed=9)
    assert "certificate fingerprint changed" in manager.wait_status("F", "Error")
    CommandLine(manager, tmp_path).json("endpoints", "accept", "F")
    wait_until("the other id is said", lambda: "is now the endpoint G" in manager.status("F"))
    assert shown(manager, "machines", "F") == before, "nothing was removed, nothing taken over"


def test_a_silent_connection_is_lost(site):
    server = foreign(site, "F", machines=2)
    manager = manager_of(site, server)
    server.faults.set(silent_websocket=True)
    assert "no word on its websocket" in manager.wait_status("F", "Lost", timeout=12)
    assert age(manager) >= 5
    first = age(manager)
    time.sleep(2)
    assert age(manager) > first
    refused = manager.call("GET", "machines", headers={"X-Mullion-Max-Age": "3"})
    assert refused.status_code == 503
    server.faults.clear()
    manager.wait_status("F", "Connected")
    wait_until("it is young again", lambda: age(manager) <= 3, 5)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_left_alone_as_long_as_it_asks(site, status):
    server = foreign(site, "F", machines=20)
    manager = manager_of(site, server)
    with server.faults.on(fail_share=1, fail_status=status, retry_after=4, fail_paths="machines/"):
        before = len(server.requests)
        for number in range(20):
            server.put("machines", {"Uuid": uuid_of(server, number), "Description": "changed"})
        time.sleep(6)
        assert len(server.requests) - before <= 8, "two rounds of what is asked for at once"
    wait_same(server, manager, timeout=15, collections=("machines",))


@pytest.mark.parametrize("given,most", [({}, 4), ({"manager/requests-at-once": 2}, 2)])
def test_never_more_requests_at_once_than_are_allowed(site, given, most):
    server = foreign(site, "F", machines=0)
    server.populate(60)
    manager = manager_of(site, server, **given)
    server.faults.set(answer_delay=.05)
    server.max_concurrent = 0
    for number in range(60):
        server.put("machines", {"Uuid": uuid_of(server, number), "Description": "changed"})
    wait_same(server, manager, timeout=20, collections=("machines",))
    time.sleep(2)
    assert 1 <= server.max_concurrent <= most


def test_a_server_that_answers_late_is_as_old_as_it_is(site):
    """Its websocket is as ever: what counts is that nothing which it told of is missing."""
    server = foreign(site, "F", SMALL, machines=2)
    server.put("stages", {"Name": "s1", "Description": "old"})
    manager = manager_of(site, server)
    wait_until("it is current", lambda: age_of(manager, "stages") <= 3)
    truth = Truth(manager)
    truth.start()
    server.faults.set(answer_delay=8, fail_paths="v3/stages")
    server.put("stages", {"Name": "s1", "Description": "new"})
    truth.replaced = time.monotonic()
    wait_until("it grows old", lambda: age_of(manager, "stages") >= 5, timeout=8)
    assert manager.status("F") == "Connected"
    wait_until("it comes", lambda: manager.get("stages/s1")["Description"] == "new")
    wait_until("it is current", lambda: age_of(manager, "stages") <= 3, timeout=20)
    assert truth.stop() == []


def test_at_rest_it_costs_one_websocket(site):
    server = foreign(site, "F", machines=100)
    manager = manager_of(site, server)
    time.sleep(1)
    before = len(server.requests)
    time.sleep(8)
    assert len(server.requests) == before
    assert server.websockets == 1 and server.connections < 10
    assert age(manager) <= 3


def test_at_rest_one_object_is_asked_for_every_15_s(site):
    """docs/mirror.md, "What it costs the server": each time of another collection."""
    server = foreign(site, "F", machines=3)
    manager_of(site, server)
    first = len(server.requests)
    wait_until("two of them", lambda: len(server.requests) >= first + 2)
    asked = server.requests[first:first + 2]
    assert all(one.method == "GET" and one.path.endswith("?limit=1") for one in asked), asked
    assert asked[0].path != asked[1].path and asked[1].time - asked[0].time > 14


def test_a_walk_costs_what_is_stated(site):
    server = foreign(site, "F", SMALL, machines=20)
    manager_of(site, server, **WALK)

    def walks():
        """The requests of each whole walk after the first; each begins with the collections."""
        asked = [one for one in list(server.requests) if not one.path.endswith("?limit=1")]
        begins = [at for at, one in enumerate(asked) if one.path.endswith("/objects")]
        return [asked[begin:end] for begin, end in zip(begins[1:], begins[2:])]
    walk = wait_until("a whole walk", walks)[0]
    assert len(walk) <= 12 + 2 * len(SMALL.prefixes), [one.path for one in walk]
    pages = [one.time for one in walk if "sort=Key" in one.path]
    assert all(later - earlier > .9 for earlier, later in zip(pages, pages[1:])), "one a second"


def test_the_servers_own_records_name_our_account_and_our_log_names_the_user(site):
    """Its API has no place for another name: docs/manager.md."""
    server = foreign(site, "F", "4.17", machines=1)
    server.add_user("ours", "secret")
    manager = site.start("M")[0].become_manager()
    expect(200, manager.add_endpoint(server, user="ours", password="secret"))
    manager.wait_status("F", "Connected")
    manager.create("users", {"Name": "alice", "Roles": ["superuser"]})
    expect(200, manager.call("PUT", "users/alice/password", {"Password": "a long enough secret"}))
    path = f"machines/{uuid_of(server)}"
    answer = expect(200, requests.patch(f"{manager.url}/api/v3/{path}", json=describe("by alice"), verify=False,
                                        auth=("alice", "a long enough secret")))
    assert server.objects("machines")[0]["LastModifiedBy"] == "ours"
    assert f"principal=user:alice id={answer.headers['X-Request-Id']}" in manager.log()


# -- one way and the other

def way_of(manager, owner):
    return manager.get(f"endpoints/{owner}").get("Meta", {}).get("mullion/followed")


def test_switching_ways_changes_no_byte(site):
    owner, manager = site.start("A", "M")
    for number in range(30):
        owner.create("machines", {"Name": f"m{number}", "Params": {"f": 1.50, "big": 12345678901234567890}})
    owner.create("profiles", {"Name": "plain", "Meta": {"a": "<&>\u2028\u00e9"}})
    owner.create("users", {"Name": "somebody"})
    expect(200, owner.call("PUT", "users/somebody/password", {"Password": "a long enough secret"}))
    manager.become_manager()
    expect(200, manager.add_endpoint(owner, **{"manager/follow": "events"}))
    manager.wait_status("A", "Connected")
    before = manager.get("endpoints/A")
    texts = {}
    history = History(manager, "A")
    history.start()
    for way in ("events", "auto", "events"):
        manager.patch("endpoints/A", ("replace", "/Params/manager~1follow", way))
        wanted = {"events": "events", "auto": "stream"}[way]
        wait_until(f"followed by {wanted}", lambda: way_of(manager, "A") == wanted)
        manager.wait_status("A", "Connected")
        wait_equal(owner, manager)
        text = {one: expect(200, manager.call("GET", f"{one}?Endpoint=A&sort=Key")).text for one in
                ("machines", "profiles", "users", "roles", "pools", "stages")}
        assert texts in ({}, text), way
        texts = text
    assert history.stop() == []
    after = manager.get("endpoints/A")
    for name in ("Id", "CreatedAt", "VersionSets", "Components", "DRPVersion", "Prefs"):
        assert before.get(name) == after.get(name), name


def test_a_server_that_mullion_replaces_stays_the_same_endpoint(site, tmp_path):
    server, manager, owner = foreign(site, "A", machines=5), site.start("M")[0].become_manager(), site.server("A")
    owner.api_port = server.api_port
    expect(200, manager.add_endpoint(server))
    manager.wait_status("A", "Connected")
    manager.create("version_sets", {"Id": "nothing"})
    manager.patch("endpoints/A", ("add", "/Meta/mine", "kept"), ("add", "/VersionSets", ["nothing"]))
    cli = CommandLine(manager, tmp_path)
    for old, new, way in ((server, owner, "stream"), (owner, server, "events")):
        old.stop()
        new.start()
        manager.wait_status("A", "Error")
        cli.json("endpoints", "accept", "A")
        wait_until(f"followed by {way}", lambda: way_of(manager, "A") == way)
        manager.wait_status("A", "Connected")
        known = manager.get("endpoints/A")
        assert known["Meta"]["mine"] == "kept" and known["VersionSets"] == ["nothing"]
        assert manager.get("/A/api/v3/info")["id"] in ("A", server.local_id), "requests find it"
        assert manager.count("machines", "?Endpoint=A") == (0 if way == "stream" else 5)
    server.put("machines", {"Name": "after"})
    wait_same(server, manager)


def test_levels_above_do_not_notice_that_an_endpoint_is_followed_in_another_way(site):
    """A below R below S below T: what T shows, whom it reaches, and how old it says it all is."""
    owner, low, middle, top = site.start("A", "R", "S", "T")
    for number in range(30):
        owner.create("machines", {"Name": f"m{number}", "Params": {"f": 1.50, "big": 12345678901234567890}})
    low.become_manager()
    expect(200, low.add_endpoint(owner, **{"manager/follow": "events"}))
    low.wait_status("A", "Connected")
    middle.become_manager().attach(low)
    top.become_manager().attach(middle)
    low.create("version_sets", {"Id": "nothing"})
    low.patch("endpoints/A", ("add", "/VersionSets", ["nothing"]))
    wait_equal(owner, low, middle, top)
    texts, histories = {}, [History(level, "A") for level in (low, top)]
    for history in histories:
        history.start()
    for number, way in enumerate(("events", "auto", "events", "auto")):
        low.patch("endpoints/A", ("replace", "/Params/manager~1follow", way))
        wanted = {"events": "events", "auto": "stream"}[way]
        for level in (low, middle, top):
            wait_until(f"{level.name} shows that it is followed by {wanted}", lambda: way_of(level, "A") == wanted)
        low.wait_status("A", "Connected")
        answer = expect(200, top.call("PATCH", "/A/api/v3/machines/Name:m0", describe(f"{number} by {way}")))
        assert "X-Mullion-Pending" not in answer.headers, way
        for level in (low, middle, top):
            assert level.get("machines/Name:m0")["Description"] == f"{number} by {way}", "it is read where it was written"
        made = owner.create("machines", {"Name": f"made-{number}"})
        wait_until("it is heard of at the top", lambda: top.count("machines", f"?Uuid={made['Uuid']}") == 1)
        for history in histories:
            history.deleting[made["Uuid"]] = time.monotonic()
        owner.delete(f"machines/{made['Uuid']}")
        owner.patch("machines/Name:m0", ("replace", "/Description", ""))
        wait_equal(owner, low, middle, top)
        text = {one: expect(200, top.call("GET", f"{one}?Endpoint=A&sort=Key&slim=Meta")).text
                for one in ("profiles", "pools", "stages")}
        assert texts in ({}, text), way
        texts = text
        wait_until("the top calls it current", lambda: connection_of(top, "A")["Age"] <= 9 and connection_of(top, "A")["InTouch"])
        assert expect(200, top.call("GET", "machines?Endpoint=A", headers={"X-Mullion-Max-Age": "9"}))
        assert connection_of(top, "A")["Hops"] == ["S", "R"] and "HeldUp" not in connection_of(top, "A")
        assert top.get("endpoints/A")["VersionSets"] == ["nothing"]
    assert [history.stop() for history in histories] == [[], []]


def test_a_server_that_mullion_replaces_stays_the_same_endpoint_two_levels_up(site, tmp_path):
    server, low, top, owner = foreign(site, "A", SMALL, machines=5), *site.start("R", "T"), site.server("A")
    owner.api_port = server.api_port
    low.become_manager()
    top.become_manager().attach(low)
    expect(200, low.add_endpoint(server, **WALK))
    low.wait_status("A", "Connected")
    wait_until("the top knows it", lambda: top.count("endpoints", "?Id=A") == 1)
    top.create("version_sets", {"Id": "from-above"})
    top.patch("endpoints/A", ("add", "/Meta/mine", "kept"), ("add", "/VersionSets", ["from-above"]))
    cli = CommandLine(low, tmp_path)
    for old, new, way in ((server, owner, "stream"), (owner, server, "events")):
        if old is server:  # what is held up goes with the server that did not let it be read
            server.faults.set(fail_share=1, fail_status=500, fail_paths="v3/stages")
            wait_until("the top says what is held up", lambda: "stages" in connection_of(top, "A").get("HeldUp", {}), timeout=TWO_WALKS)
        old.stop()
        server.faults.clear()
        new.start()
        low.wait_status("A", "Error")
        cli.json("endpoints", "accept", "A")
        for level in (low, top):
            wait_until(f"{level.name} shows {way}", lambda: way_of(level, "A") == way)
            wait_until(f"{level.name} shows its machines",
                       lambda: level.count("machines", "?Endpoint=A") == (0 if way == "stream" else 5))
        low.wait_status("A", "Connected")
        known = top.get("endpoints/A")
        assert known["Endpoint"] == "R" and known["Meta"]["mine"] == "kept" and known["VersionSets"] == ["from-above"]
        assert top.get("/A/api/v3/info")["id"] in ("A", server.local_id), "requests find it"
        wait_until("the top calls it current", lambda: connection_of(top, "A")["Age"] <= 6 and connection_of(top, "A")["InTouch"])
        wait_until("nothing is held up", lambda: "HeldUp" not in connection_of(top, "A"))
        made = expect(201, top.call("POST", "/A/api/v3/profiles", {"Name": f"by-{way}"}))
        assert "X-Mullion-Pending" not in made.headers and top.get(f"profiles/by-{way}")["Endpoint"] == "A"
    assert top.count("profiles", "?Name=by-stream") == 0, "the other server has it"
    server.put("machines", {"Name": "after"})
    wait_same(server, low, top)


# -- the mission with servers of another make

def test_the_mission_with_three_servers_of_another_make(site):
    b, d = foreign(site, "B", "3.13", machines=5, seed=1), foreign(site, "D", "4.8", machines=5, seed=2)
    r2 = foreign(site, "R2", "4.17", seed=3)
    a, c, r1, m1 = site.start("A", "C", "R1", "M1")
    r1.become_manager().attach(a, b)
    r2.add_child(d)
    r2.add_child(c.url, "C")
    m1.become_manager().attach(r1, r2)
    wait_until("M1 sees all endpoints", lambda: m1.count("endpoints") >= 6)
    machine = a.create("machines", {"Name": "of-a"})
    wait_until("A's machine", lambda: m1.count("machines", "?Name=of-a") == 1)
    wait_same(b, r1, m1)
    wait_same(r2, m1, owner="D", collections=("machines", "profiles"))
    wait_same(r2, m1, owner="R2")
    for owner, key in (("A", machine["Uuid"]), ("B", uuid_of(b)), ("D", uuid_of(d))):
        answer = expect(200, m1.call("PATCH", f"machines/{key}", describe(f"by M1 for {owner}")))
        assert "X-Mullion-Pending" not in answer.headers, owner
        assert m1.get(f"machines/{key}")["Description"] == f"by M1 for {owner}"
    assert [row for row in d.objects("machines") if row["Description"] == "by M1 for D"]


# -- configuration

def package(*files):
    """A zip of these (name, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def test_version_sets_are_carried_out_by_the_public_routes(site):
    server = foreign(site, "F")
    manager = manager_of(site, server)
    catalog(manager, pack("base", "v1.0.0", red="1"), pack("top", "v2.0.0", "base", blue="2"))
    expect(201, manager.call("POST", "files/tool", b"a tool"))
    want(manager, "F", Components=[component("top"), component("base")], Prefs={"knownTokenTimeout": "1234"},
         Global={"color": {"of": "site"}}, Files=[{"Path": "files/tool", "Source": "self://files/tool"}])
    applied(manager, "F")
    client = Client(server)
    assert {row["meta"]["Name"] for row in client.get("contents")} >= {"base", "top"}
    assert client.get("prefs")["knownTokenTimeout"] == "1234"
    assert client.get("profiles/global/params") == {"color": {"of": "site"}}
    assert client.call("GET", "files/tool").data == b"a tool"
    row = manager.get("endpoints/F")
    assert {one["Name"]: one["Version"] for one in row["Components"]} == {"base": "v1.0.0", "top": "v2.0.0"}
    assert row["Available"] and not row.get("Actions")
    client.expect(201, "POST", "prefs", {"knownTokenTimeout": "77"})
    wait_until("drift is mended", lambda: client.get("prefs")["knownTokenTimeout"] == "1234")
    client.expect(201, "POST", "files/tool", b"another")
    wait_until("a file is mended", lambda: client.call("GET", "files/tool").data == b"a tool")


def test_who_configures_a_server_stands_there(site):
    server = foreign(site, "F")
    manager = manager_of(site, server)
    lease = "mullion-configuration-lease"
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 30))
    server.put("profiles", {"Name": lease,
                            "Params": {"mullion/configured-by": "OTHER", "mullion/configured-until": later}})
    want(manager, "F", Prefs={"knownTokenTimeout": "1234"})
    wait_until("the other one is waited for", lambda: "configured by OTHER" in errors(manager, "F"))
    assert Client(server).get("prefs")["knownTokenTimeout"] != "1234"
    server.delete("profiles", lease)
    wait_until("its turn comes", lambda: Client(server).get("prefs")["knownTokenTimeout"] == "1234", timeout=90)
    wait_until("the lease is given back", lambda: lease not in {row["Name"] for row in server.objects("profiles")})


def test_a_plan_says_how_far_it_is_and_what_is_left_of_the_lease(site):
    server = foreign(site, "F", SMALL)
    manager = manager_of(site, server)
    with server.faults.on(answer_delay=1, fail_paths="v3/prefs"):
        want(manager, "F", Prefs={"knownTokenTimeout": "1234", "unknownTokenTimeout": "1234"})

        def at_the_second():
            plan = manager.get("endpoints/F/plan")
            return (plan.get("Done"), plan.get("Total")) == (1, 2) and plan
        plan = wait_until("the first is done", at_the_second, timeout=60)
        assert 0 < plan["LeaseSeconds"] <= 300 and plan["ConfiguredBy"] == manager.name
    applied(manager, "F", timeout=90)
    wait_until("nothing is under way", lambda: not {"Done", "Total", "LeaseSeconds"} & set(manager.get("endpoints/F/plan")))


def test_two_managers_over_one_server_take_turns(site):
    """Writing takes its time there: whoever comes second finds the other's name, waits, and does its own later."""
    server = foreign(site, "F", "4.17")
    managers = [manager_of(site, server, name=name) for name in ("R1", "R2")]
    preferences = ("knownTokenTimeout", "unknownTokenTimeout")
    waited = set()
    with server.faults.on(answer_delay=3, fail_paths="v3/prefs"):
        for manager, name in zip(managers, preferences):
            want(manager, "F", Prefs={name: "1234"})

        def one_waits():
            for manager, other in zip(managers, ("R2", "R1")):
                if any(f"configured by {other}" in error for error in manager.get("endpoints/F").get("Errors") or []):
                    waited.add(manager.name)
            return waited
        wait_until("one of them waits for the other", one_waits)
    wait_until("both are done", lambda: all(Client(server).get("prefs")[name] == "1234" for name in preferences), timeout=90)
    for manager in managers:
        applied(manager, "F", timeout=90)
    wait_until("the marker is gone", lambda: "mullion-configuration-lease" not in {
        row["Name"] for row in server.objects("profiles")}, timeout=90)


def test_an_account_that_may_not_write_profiles_configures_without_the_marker(site):
    server = foreign(site, "F")
    server.put("roles", {"Name": "few", "Claims": [
        {"scope": "profiles", "action": "list,get", "specific": "*"},
        {"scope": "users,roles,tenants,machines,info,objects,preferences,prefs,contents,plugin_providers,plugins,bootenvs,"
                  "stages,interfaces,files,isos,system", "action": "*", "specific": "*"}]})
    server.add_user("reader", "secret", ["few"])
    manager = site.start("M")[0].become_manager()
    expect(200, manager.add_endpoint(server, user="reader", password="secret"))
    manager.wait_status("F", "Connected")
    want(manager, "F", Prefs={"knownTokenTimeout": "1234"})
    wait_until("it is as declared", lambda: Client(server).get("prefs")["knownTokenTimeout"] == "1234")
    applied(manager, "F")
    assert "mullion-configuration-lease" not in {row["Name"] for row in server.objects("profiles")}


def test_a_server_is_upgraded_by_its_own_package_and_never_by_ours(site):
    server = foreign(site, "F")
    manager = manager_of(site, server)
    manifest = {"name": "mullion", "version": "v4.9.0", "arch": "amd64", "os": "linux"}
    ours = package(("manifest.json", json.dumps(manifest)), ("bin/linux/amd64/mullion", "program"))
    put(manager, "files/rebar-catalog/drp/v4.9.0.amd64.linux.zip", ours)
    put(manager, "files/rebar-catalog/drp/v4.9.1.amd64.linux.zip", package(("bin/linux/amd64/dr-provision", "v4.9.1")))
    catalog(manager)
    want(manager, "F", DRPVersion="v4.9.0")
    wait_until("it is refused", lambda: any("holds Mullion" in error for error in errors(manager, "F")))
    assert not server.asked("POST", "system/upgrade")
    server.upgrade_to = "v4.9.1"
    want(manager, "F", DRPVersion="v4.9.1", Prefs={"knownTokenTimeout": "1234"})
    wait_until("it runs the other version", lambda: manager.get("endpoints/F").get("DRPVersion") == "v4.9.1",
               timeout=60)
    applied(manager, "F", timeout=60)
    assert Client(server).get("prefs")["knownTokenTimeout"] == "1234"


def test_rollouts_and_baselines_are_the_same(site):
    servers = [foreign(site, name, version) for name, version in (("F1", "3.13"), ("F2", "4.8"), ("F3", "4.17"))]
    manager = manager_of(site, *servers)
    manager.create("version_sets", {"Id": "new", "Apply": True, "Prefs": {"knownTokenTimeout": "4321"}})
    rollout = manager.create("rollouts", {"Id": "roll", "VersionSets": ["new"], "Settle": "1", "Start": True,
                                          "TargetEndpoints": [server.id for server in servers], "Apply": True,
                                          "Waves": [{"Count": 1}, {"Percent": 100}]})
    done = wait_until("the rollout has ended", lambda: manager.get(f"rollouts/{rollout['Id']}")["State"] in (
        "done", "failed", "paused") and manager.get(f"rollouts/{rollout['Id']}"), timeout=60)
    assert done["State"] == "done", (done["State"], done.get("Reason"), done.get("History"))
    for server in servers:
        assert Client(server).get("prefs")["knownTokenTimeout"] == "4321"
    baseline = expect(200, manager.call("POST", "endpoints/F2/baseline", {"Name": "as-f2"})).json()
    assert baseline["VersionSet"]["Prefs"]["knownTokenTimeout"] == "4321"
    manager.create("version_sets", baseline["VersionSet"])
    plan = manager.get("endpoints/F2/plan?sets=as-f2")
    assert plan["Actions"] == [], "what was read back is what is there"


def test_sets_travel_to_a_manager_of_another_make(site):
    leaf, middle = foreign(site, "A", machines=2), foreign(site, "R")
    middle.add_child(leaf)
    top = manager_of(site, middle)
    wait_until("the leaf is seen", lambda: top.count("machines", "?Endpoint=A") == 2)
    top.create("version_sets", {"Id": "from-above", "Apply": True, "Prefs": {"knownTokenTimeout": "55"}})
    top.patch("endpoints/A", ("add", "/VersionSets", ["from-above"]))
    there = wait_until("the set is there", lambda: [row for row in Client(middle).get("version_sets")
                                                    if row["Id"] == "from-above"])
    assert there[0]["Prefs"] == {"knownTokenTimeout": "55"} and there[0]["Meta"]["mullion/from"] == "M"

    def sets_there():
        return {row["Id"]: row["Prefs"] for row in Client(middle).get("version_sets")}
    top.patch("version_sets/from-above", ("replace", "/Prefs/knownTokenTimeout", "66"))
    wait_until("a change follows", lambda: sets_there()["from-above"] == {"knownTokenTimeout": "66"})
    top.patch("endpoints/A", ("replace", "/VersionSets", []))
    wait_until("it is taken back", lambda: "from-above" not in sets_there())
    assert top.get("endpoints/R")["Meta"]["mullion/followed-resolution"] == "3"
