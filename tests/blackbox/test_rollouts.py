"""Rollouts: version sets to many endpoints in waves, their gates, and the way back.

Most endpoints are light here (fake_endpoint.py): they speak the stream and own a machine each. Their sets declare nothing, so that
an endpoint is in its wanted state as soon as its sets are put. What sets declare is carried out at real leaves.
"""
import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid

import pytest

import fake_endpoint as fake
from fake_endpoint import Closed, commit, item, ping
from harness import BINARY, FOLLOWING, PASSWORD, ROOT, USER, expect, wait_until

sys.path.insert(0, str(ROOT / "tests" / "foreign"))
from server import ForeignServer  # noqa: E402

UNDER_WAY = {"putting", "applying", "closing", "returning", "restoring", "leaving"}
OVER = {"done", "returned", "aborted", "failed"}


def name(prefix="roll"):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


# What an endpoint tells of itself: without that nothing is planned for it.
STATE = {"info": {"arch": "amd64", "os": "linux", "version": "v0.1.0"}, "components": [], "prefs": {"debugRenderer": "warn"},
         "global": {}, "plugins": [], "files": {}}


class Light:
    """A fake endpoint with one machine, which the test may break and mend."""

    def __init__(self, endpoint_id, certificate):
        self.id = endpoint_id
        self.machine = str(uuid.uuid4())
        self.available = True
        self.sequence = 1
        self.lock = threading.Lock()
        self.streams = []
        self.dark = False
        self.fake = fake.FakeEndpoint(endpoint_id, self._speak, certificate)
        self.fake.before_tls = lambda connection: self.dark
        self.url = self.fake.url

    def _body(self):
        return {"Name": f"machine-{self.id}", "Uuid": self.machine, "Available": self.available, "Validated": True}

    def _speak(self, stream):
        with self.lock:
            self.sequence = 1
            stream.begin(objects=[item("object", "machines", self.machine, self._body())])
            stream.send({"t": "state", "body": STATE})
            self.streams.append(stream)
        end = threading.Event()

        def speak():
            with contextlib.suppress(Closed):
                while not end.wait(1):
                    stream.send(ping(self.sequence))
        threading.Thread(target=speak, daemon=True).start()
        try:
            while True:
                stream.receive_frame()
        except Closed:
            pass
        finally:
            end.set()
            self.streams.remove(stream)

    def set_available(self, available):
        with self.lock:
            self.available = available
            self.sequence += 1
            for stream in self.streams:
                stream.send(item("change", "machines", self.machine, self._body()), commit(self.id, self.sequence))

    def set_dark(self, dark):
        self.dark = dark
        if dark:
            self.fake.cut()

    def close(self):
        self.fake.close()


class ForeignLight:
    """The same, of another make: it is followed by its public API."""

    def __init__(self, endpoint_id, certificate):
        self.id = endpoint_id
        self.server = ForeignServer(endpoint_id, version="4.17", certificate=certificate).start()
        self.url = self.server.url
        self.dark = False
        self.machine = self.server.put("machines", {"Name": f"machine-{endpoint_id}"})["Uuid"]
        self.available = True

    def set_available(self, available):
        self.available = available
        self.server.set_available("machines", self.machine, available)

    def set_dark(self, dark):
        self.dark = dark
        self.server.stop() if dark else self.server.start()

    def close(self):
        self.server.stop()


class Fleet:
    """A manager of light endpoints, each with the set `base`."""

    def __init__(self, site, count, manager=None):
        self.site = site
        self.manager = manager or site.start("M")[0].become_manager()
        certificate = fake.make_certificate(site.directory, name("certificate"))
        make = ForeignLight if FOLLOWING else Light
        self.lights = {f"E{i:02}": make(f"E{i:02}", certificate) for i in range(count)}
        site.others.extend(self.lights.values())
        for light in self.lights.values():
            expect(200, self.manager.add_endpoint(light))
        for set_name in ("base", "new"):
            if self.manager.call("GET", f"version_sets/{set_name}").status_code == 404:
                self.manager.create("version_sets", {"Id": set_name})
        self.reset()

    def reset(self):
        for light in self.lights.values():
            if light.dark:
                light.set_dark(False)
            if not light.available:
                light.set_available(True)
        for endpoint in self.lights:
            self.manager.wait_status(endpoint, "Connected")
            self.manager.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", ["base"]), ("add", "/Apply", False))
        wait_until("the machines are here", lambda: self.manager.count("machines", "?Available=true") == len(self.lights))

    def sets(self):
        return {row["Id"]: (tuple(row.get("VersionSets", [])), row.get("Apply", False))
                for row in self.manager.get("endpoints") if row["Id"] in self.lights}

    def plan(self, **more):
        return {"Id": name(), "VersionSets": ["new"], "TargetEndpoints": sorted(self.lights), "Settle": "1", **more}

    def create(self, **more):
        return self.manager.create("rollouts", self.plan(**more))["Id"]

    def act(self, rollout, command):
        return self.manager.call("POST", f"rollouts/{rollout}/actions/{command}", {})

    def look(self, rollout):
        return self.manager.get(f"rollouts/{rollout}")

    def wait_state(self, rollout, *states, timeout=60):
        seen = []

        def reached():
            seen[:] = [self.look(rollout)]
            return seen[0] if seen[0]["State"] in states else None
        try:
            return wait_until(f"{rollout} is {states}", reached, timeout, pause=0.1)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {seen[0]['State']} {seen[0]['Reason']} {seen[0]['Progress']}") from None


GATE = {"Collection": "machines", "Filter": "Endpoint=In($endpoints)&Available=false", "Count": 0}
UNTOUCHED = (("base",), False)
ROLLED_OUT = (("new", "base"), False)


@pytest.fixture(scope="module")
def shared_fleet(shared_site):
    return Fleet(shared_site, 10)


@pytest.fixture
def fleet(shared_fleet):
    """The light endpoints as they were at first; what a test leaves behind is aborted."""
    yield shared_fleet
    for row in shared_fleet.manager.get("rollouts"):
        if row["State"] not in OVER | {"planned"}:
            expect(200, shared_fleet.act(row["Id"], "abort"))
            shared_fleet.wait_state(row["Id"], *OVER)
    shared_fleet.reset()


def endpoints_of(rollout):
    return {entry["Endpoint"]: entry for wave in rollout["Progress"] for entry in wave["Endpoints"]}


# -- the proof

def test_fifty_endpoints_and_a_gate_that_fails_in_wave_two(site):
    fleet = Fleet(site, 50)
    before = fleet.sets()
    rollout = fleet.create(Waves=[{"Count": 10}, {"Percent": 40}], Concurrency=5, Soak="2", Gate=GATE, Apply=True)
    expect(200, fleet.act(rollout, "start"))
    broken = False
    touched = set()
    most = 0
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, fleet.look(rollout)
        now = fleet.look(rollout)
        states = endpoints_of(now)
        most = max(most, sum(entry["State"] in UNDER_WAY for entry in states.values()))
        touched |= {endpoint for endpoint, (sets, _) in fleet.sets().items() if "new" in sets}
        if not broken and now["Progress"][1]["State"] == "running":
            assert now["Progress"][0]["State"] == "done"
            assert touched <= {f"E{i:02}" for i in range(30)}
            fleet.lights[now["Progress"][1]["Endpoints"][3]["Endpoint"]].set_available(False)
            broken = True
        if now["State"] in OVER:
            break
        time.sleep(0.05)
    assert now["State"] == "returned" and broken
    assert now["Reason"] == "the gate of wave 2 does not hold: 1 machines match, wanted = 0"
    assert [wave["State"] for wave in now["Progress"]] == ["done", "failed", "waiting"]
    assert [len(wave["Endpoints"]) for wave in now["Progress"]] == [10, 20, 20]
    assert len(touched) >= 20 and not touched & {f"E{i:02}" for i in range(30, 50)}
    assert 2 <= most <= 5
    assert fleet.sets() == before
    assert {entry["State"] for entry in states.values()} == {"returned", "waiting"}
    assert [event["What"].split(":")[0] for event in now["History"]] == [
        "started", "wave 1 (10 endpoints) begins", "wave 1 soaks", "wave 1 is done", "wave 2 (40%) begins", "wave 2 soaks",
        "returning", "returned"]


def test_a_manager_that_is_killed_goes_on(site):
    fleet = Fleet(site, 10)
    rollout = fleet.create(Waves=[{"Count": 2}, {"Count": 4}], Concurrency=2, Soak="1", Gate=GATE, Apply=True)
    expect(200, fleet.act(rollout, "start"))
    for number in range(3):
        wait_until("it has moved", lambda: sum(entry["State"] == "done" for entry in endpoints_of(fleet.look(rollout))
                                               .values()) >= 1 + 2 * number, timeout=60)
        fleet.manager.kill()
        fleet.manager.start()
        for endpoint in fleet.lights:
            fleet.manager.wait_status(endpoint, "Connected")
    done = fleet.wait_state(rollout, *OVER)
    assert done["State"] == "done", done
    assert set(fleet.sets().values()) == {ROLLED_OUT}
    assert sum(event["What"].endswith("is done") or "is done:" in event["What"] for event in done["History"]) == 3
    expect(200, fleet.act(rollout, "return"))
    wait_until("it returns", lambda: any(entry["State"] == "returned" for entry in endpoints_of(fleet.look(rollout)).values()))
    fleet.manager.kill()
    fleet.manager.start()
    assert fleet.wait_state(rollout, *OVER)["State"] == "returned"
    assert set(fleet.sets().values()) == {UNTOUCHED}


def test_leaves_below_another_manager(site):
    top, middle = site.start("M1", "R1")
    middle.become_manager()
    top.become_manager().attach(middle)
    fleet = Fleet(site, 3, manager=middle)
    for endpoint in fleet.lights:
        wait_until("the top sees it", lambda: top.call("GET", f"endpoints/{endpoint}").status_code == 200)
    top.create("version_sets", {"Id": "new"})
    rollout = top.create("rollouts", fleet.plan(Targets="Id=In(E00,E01,E02)", TargetEndpoints=[], Apply=True, Start=True))
    assert rollout["State"] == "running" and rollout["Progress"][0]["Endpoints"][0]["Owner"] == "R1"

    def state():
        return top.get(f"rollouts/{rollout['Id']}")["State"]
    wait_until("it is done", lambda: state() in OVER, timeout=60)
    assert state() == "done"
    assert set(fleet.sets().values()) == {ROLLED_OUT}
    expect(200, top.call("POST", f"rollouts/{rollout['Id']}/actions/return", {}))
    wait_until("it is returned", lambda: state() == "returned", timeout=60)
    assert set(fleet.sets().values()) == {UNTOUCHED}


def test_an_owner_that_is_away_cannot_be_put(site):
    top, middle = site.start("M1", "R1")
    middle.become_manager()
    top.become_manager().attach(middle)
    fleet = Fleet(site, 1, manager=middle)
    wait_until("the top sees it", lambda: top.call("GET", "endpoints/E00").status_code == 200)
    top.create("version_sets", {"Id": "new"})
    middle.kill()
    wait_until("it is lost", lambda: not top.status("R1").startswith("Connected"))
    rollout = top.create("rollouts", fleet.plan(Start=True, StopWhen={"EndpointLimit": "3"}))["Id"]
    shown = wait_until("it gives up", lambda: (now := top.get(f"rollouts/{rollout}"))["State"] in OVER and now, timeout=40)
    # A change may have reached the owner unseen: nobody knows now what the endpoint has.
    assert (shown["State"], shown["Reason"]) == ("failed", "1 of 1 endpoints failed; not returned: E00")
    assert any("E00 failed: its version sets could not be put" in event["What"] for event in shown["History"])
    middle.start()
    assert fleet.sets() == {"E00": UNTOUCHED}
    wait_until("it is back", lambda: top.status("R1") == "Connected", timeout=60)
    expect(200, top.call("POST", f"rollouts/{rollout}/actions/return", {}))
    wait_until("it is returned", lambda: top.get(f"rollouts/{rollout}")["State"] == "returned", timeout=60)


# -- what is done has been done

def value_at(leaf):
    return leaf.get("profiles/global").get("Params", {}).get("roll/value")


def declare_values(manager):
    for set_id, value in (("old", 1), ("new", 2)):
        manager.create("version_sets", {"Id": set_id, "Apply": True, "Global": {"roll/value": value}})


def follow(manager, rollout, leaves):
    """Looks until it is over; what is said of a leaf is true of it at that moment."""
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline, manager.get(f"rollouts/{rollout}")
        shown = manager.get(f"rollouts/{rollout}")
        for endpoint, entry in endpoints_of(shown).items():
            if entry["State"] in {"closing", "done"}:
                assert value_at(leaves[endpoint]) == 2, shown
            if entry["State"] in {"restoring", "returned"}:
                assert value_at(leaves[endpoint]) == 1, shown
        if shown["State"] in OVER:
            return shown


@pytest.mark.parametrize("settle", ["0", "1"])
def test_a_wave_is_done_when_its_sets_are_carried_out(site, settle):
    manager, first, second = site.start("M", "A", "B")
    leaves = {"A": first, "B": second}
    manager.become_manager().attach(first, second)
    declare_values(manager)
    for endpoint in leaves:
        manager.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", ["old"]), ("add", "/Apply", True))
        wait_until("it is as it was", lambda: value_at(leaves[endpoint]) == 1)
        manager.patch(f"endpoints/{endpoint}", ("add", "/Apply", False))
    rollout = manager.create("rollouts", {"Id": name(), "VersionSets": ["new"], "TargetEndpoints": ["A", "B"], "Settle": settle,
                                          "Waves": [{"Count": 1}], "Apply": True, "Start": True})["Id"]
    assert follow(manager, rollout, leaves)["State"] == "done"
    assert {manager.get(f"endpoints/{endpoint}").get("Apply", False) for endpoint in leaves} == {False}
    expect(200, manager.call("POST", f"rollouts/{rollout}/actions/return", {}))
    assert follow(manager, rollout, leaves)["State"] == "returned"
    assert {value_at(leaf) for leaf in leaves.values()} == {1}


def test_a_set_is_carried_out_below_another_manager(site):
    top, middle, leaf = site.start("M1", "R1", "A")
    middle.become_manager().attach(leaf)
    top.become_manager().attach(middle)
    wait_until("the top sees it", lambda: top.call("GET", "endpoints/A").status_code == 200)
    declare_values(top)
    rollout = top.create("rollouts", {"Id": name(), "VersionSets": ["new"], "TargetEndpoints": ["A"], "Settle": "0", "Apply": True,
                                      "Start": True})["Id"]
    assert follow(top, rollout, {"A": leaf})["State"] == "done"
    assert value_at(leaf) == 2

    def told(sets):
        again = top.create("rollouts", {"Id": name(), "VersionSets": sets, "TargetEndpoints": ["A"]})["Id"]
        return expect(200, top.call("POST", f"rollouts/{again}/actions/dryrun", {})).json()["Waves"][0]["Endpoints"][0]
    assert told(["new"])["Actions"] == [] and "Problem" not in told(["new"])
    middle.create("version_sets", {"Id": "more", "Global": {"roll/more": 1}})
    assert [line["Name"] for line in told(["more"])["Actions"]] == ["roll/more"]
    top.create("version_sets", {"Id": "unheard-of"})
    assert told(["unheard-of"])["Problem"] == "R1 plans for it, and does not have all of these sets yet"


# -- steering

def test_pause_resume_and_what_is_under_way(fleet):
    rollout = fleet.create(Concurrency=2, Settle="2")
    expect(200, fleet.act(rollout, "start"))
    wait_until("some are under way", lambda: "applying" in {entry["State"] for entry in endpoints_of(fleet.look(rollout)).values()})
    paused = expect(200, fleet.act(rollout, "pause")).json()
    assert (paused["State"], paused["Reason"]) == ("paused", f"paused by user:{USER}")
    wait_until("what is under way ends", lambda: not UNDER_WAY & {entry["State"] for entry in endpoints_of(
        fleet.look(rollout)).values()})
    touched = sum("new" in sets for sets, _ in fleet.sets().values())
    assert 2 <= touched < 10
    time.sleep(3)
    assert sum("new" in sets for sets, _ in fleet.sets().values()) == touched
    expect(200, fleet.act(rollout, "resume"))
    assert fleet.wait_state(rollout, *OVER)["State"] == "done"
    assert set(fleet.sets().values()) == {ROLLED_OUT}


def test_abort_leaves_what_is_done_and_return_takes_it_back(fleet):
    rollout = fleet.create(Waves=[{"Count": 3}], Soak="1h", Apply=True)
    expect(200, fleet.act(rollout, "start"))
    fleet.wait_state(rollout, "soaking")
    expect(200, fleet.act(rollout, "abort"))
    assert fleet.wait_state(rollout, *OVER)["State"] == "aborted"
    sets = fleet.sets()
    assert [sets[f"E{i:02}"] for i in range(4)] == [ROLLED_OUT] * 3 + [UNTOUCHED]
    assert expect(422, fleet.act(rollout, "resume")).json()["Messages"] == [
        "the rollout is aborted: resume is for rollouts that are paused"]
    expect(200, fleet.act(rollout, "return"))
    assert fleet.wait_state(rollout, "returned", "failed")["State"] == "returned"
    assert set(fleet.sets().values()) == {UNTOUCHED}


def test_a_dark_endpoint_pauses_and_gets_another_turn(fleet):
    fleet.lights["E03"].set_dark(True)
    wait_until("it is lost", lambda: fleet.manager.status("E03") != "Connected")
    rollout = fleet.create(OnFailure="pause", StopWhen={"EndpointLimit": "3"}, Start=True)
    paused = fleet.wait_state(rollout, "paused")
    assert paused["Reason"] == "1 of 10 endpoints failed"
    assert endpoints_of(paused)["E03"]["Reason"] == "it is not connected"
    fleet.lights["E03"].set_dark(False)
    fleet.manager.wait_status("E03", "Connected", timeout=40)
    expect(200, fleet.act(rollout, "resume"))
    assert fleet.wait_state(rollout, *OVER)["State"] == "done"
    assert set(fleet.sets().values()) == {ROLLED_OUT}


def test_a_gate_waits_with_patience(fleet):
    fleet.lights["E00"].set_available(False)
    wait_until("the machine is broken", lambda: fleet.manager.count("machines", "?Available=false") == 1)
    rollout = fleet.create(Gate={**GATE, "Patience": "10m"}, Start=True)
    fleet.wait_state(rollout, "soaking")
    shown = wait_until("the gate is asked", lambda: fleet.look(rollout)["Progress"][0].get("Gate"))
    assert shown == "1 machines match, wanted = 0"
    fleet.lights["E00"].set_available(True)
    assert fleet.wait_state(rollout, *OVER, timeout=5)["State"] == "done"


def test_what_somebody_changes_by_hand_is_not_overwritten(fleet):
    rollout = fleet.create(Settle="5", OnFailure="pause", Start=True)
    wait_until("the sets are put", lambda: fleet.sets()["E05"] == ROLLED_OUT)
    fleet.manager.patch("endpoints/E05", ("add", "/VersionSets", ["base", "new"]))
    paused = fleet.wait_state(rollout, "paused")
    assert endpoints_of(paused)["E05"]["Reason"] == "its version sets or Apply were changed by somebody else"
    assert fleet.sets()["E05"] == (("base", "new"), False)


def test_replacing_and_meta_waves(fleet):
    for endpoint, ring in (("E00", "10"), ("E01", "9"), ("E02", "9")):
        fleet.manager.patch(f"endpoints/{endpoint}", ("add", "/Meta/ring", ring))
    rollout = fleet.create(Mode="replace", WaveBy="ring", TargetEndpoints=["E00", "E01", "E02", "E03"], Start=True)
    done = fleet.wait_state(rollout, *OVER)
    assert done["State"] == "done"
    assert [(wave["Name"], len(wave["Endpoints"])) for wave in done["Progress"]] == [
        ("ring=9", 2), ("ring=10", 1), ("without ring", 1)]
    assert fleet.sets()["E01"] == (("new",), False)
    assert done["Before"]["E01"] == {"VersionSets": ["base"], "Apply": False}


# -- what is refused

def test_plans_are_checked(fleet):
    for wrong, message in (
            ({"Mode": "merge"}, "Mode: `merge` is none of add, replace"),
            ({"Soak": "soon"}, "Soak: `soon` is no duration such as 90, 30m or 1h30m, a year at most"),
            ({"Waves": [{"Count": 1, "Percent": 10}]}, "Waves[0]: needs exactly one of Count, Percent, MetaKey, Endpoints"),
            ({"Targets": "Id=A"}, "Targets and TargetEndpoints exclude each other"),
            ({"Gate": {"Collection": "machines", "Comparison": "~"}}, "Gate.Comparison: `~` is none of = != < <= > >="),
            ({"TargetEndpoints": [], "Targets": "Apply=maybe"}, "Targets: Apply must be true or false"),
            ({"Gate": {"Collection": "jobs", "Filter": "Nothing=1"}}, "Gate.Filter: Nothing is not an index of jobs"),
            ({"Concurrency": 0}, "Concurrency must be between 1 and 1000")):
        refused = expect(422, fleet.manager.call("POST", "rollouts", fleet.plan(**wrong))).json()
        assert (refused["Type"], refused["Messages"]) == ("ValidationError", [message]), wrong
    for wrong, message in (({"VersionSets": ["absent"]}, "VersionSets: there is no version set absent here"),
                           ({"VersionSets": []}, "VersionSets is empty: name the sets to put"),
                           ({"TargetEndpoints": ["E00", "ZZ"]}, "TargetEndpoints: endpoint ZZ is not known here"),
                           ({"TargetEndpoints": [], "Targets": "Id=ZZ"}, "Targets: no endpoint fits"),
                           ({"Waves": [{"Endpoints": ["ZZ"]}]}, "Waves[0]: endpoint ZZ is no target")):
        rollout = fleet.create(**wrong)
        assert expect(422, fleet.act(rollout, "start")).json()["Messages"] == [message], wrong
        begun = fleet.manager.patch(f"rollouts/{rollout}", ("add", "/Start", True))
        assert (begun["State"], begun["Reason"]) == ("planned", f"not started: {message}")
    assert set(fleet.sets().values()) == {UNTOUCHED}


def test_a_plan_is_fixed_once_it_has_begun(fleet):
    planned = fleet.manager.create("rollouts", fleet.plan(State="done", Reason="mine", History=[{"What": "x"}]))
    assert (planned["State"], planned["Reason"], planned["History"]) == ("planned", "", [])
    rollout = planned["Id"]
    fleet.manager.patch(f"rollouts/{rollout}", ("replace", "/Soak", "1h"))
    expect(200, fleet.act(rollout, "start"))
    fleet.wait_state(rollout, "soaking")
    refused = expect(422, fleet.manager.call("PATCH", f"rollouts/{rollout}",
                                             [{"op": "replace", "path": "/Soak", "value": "2h"}])).json()
    assert refused["Messages"] == [
        "Soak cannot be changed: the rollout is soaking; abort or return it and create another one"]
    assert fleet.manager.patch(f"rollouts/{rollout}", ("replace", "/Description", "x"),
                               ("replace", "/State", "done"))["State"] == "soaking"
    assert "abort or return it first" in expect(422, fleet.manager.call("DELETE", f"rollouts/{rollout}")).json()["Messages"][0]
    other = fleet.create(TargetEndpoints=["E01"])
    assert expect(422, fleet.act(other, "start")).json()["Messages"] == [
        f"endpoint E01 is in rollout {rollout}, which is soaking: wait for it, or abort it"]
    expect(200, fleet.act(rollout, "abort"))
    fleet.wait_state(rollout, "aborted")
    expect(200, fleet.act(other, "start"))
    fleet.wait_state(other, "done")
    fleet.manager.delete(f"rollouts/{rollout}")


def test_who_may_start(fleet):
    manager = fleet.manager
    expect(404, manager.call("POST", "rollouts/nothing/actions/start", {}))
    rollout = fleet.create(TargetEndpoints=["E00"])
    assert {row["Command"] for row in manager.get(f"rollouts/{rollout}/actions")} == {
        "start", "pause", "resume", "abort", "return", "dryrun"}
    expect(404, fleet.act(rollout, "explode"))
    tenant = name("tenant")
    for user, claims in (("blind", [("rollouts", "*")]),
                         ("planner", [("rollouts", "*"), ("endpoints", "get"), ("version_sets", "get")]),
                         ("runner", [("rollouts", "*"), ("endpoints", "*"), ("version_sets", "get")]),
                         ("reader", [("rollouts", "list,get,actions")]), ("confined", [("rollouts", "*"), ("endpoints", "*")])):
        manager.create("roles", {"Name": f"{user}-role", "Claims": [
            {"scope": scope, "action": action, "specific": "*"} for scope, action in claims]})
        manager.create("users", {"Name": user, "Roles": [f"{user}-role"]})
        expect(200, manager.call("PUT", f"users/{user}/password", {"Password": "a long password"}))
    manager.create("tenants", {"Name": tenant, "Users": ["confined"], "Members": {"endpoints": ["E01"]}})

    def act(user):
        return manager.call("POST", f"rollouts/{rollout}/actions/start", {}, auth=(user, "a long password"))
    expect(403, act("reader"))
    assert "Requires: endpoints update E00" in expect(403, act("planner")).json()["Messages"]
    for user in ("blind", "confined"):  # what they may not see is not there
        assert expect(422, act(user)).json()["Messages"] == ["TargetEndpoints: endpoint E00 is not known here"]
    assert fleet.look(rollout)["State"] == "planned"
    expect(200, act("runner"))
    done = fleet.wait_state(rollout, "done")
    assert done["History"][0]["Who"] == "user:runner"


def test_without_the_manager_nothing_begins(fleet):
    rollout = fleet.create(TargetEndpoints=["E00"])
    fleet.manager.set_preference("manager", "false")
    try:
        wait_until("it is off", lambda: fleet.act(rollout, "start").status_code == 409)
        assert "is no manager" in fleet.act(rollout, "start").json()["Messages"][0]
    finally:
        fleet.manager.set_preference("manager", "true")


# -- what failed is not done

@pytest.mark.parametrize("dark, waves, state, reason", [
    (["E00"], [{"Count": 1}], "returned", "every endpoint of wave 1 failed"),
    (["E02"], [{"Count": 1}], "failed", "1 of 3 endpoints failed")])
def test_failures_that_are_put_up_with_are_no_success(fleet, dark, waves, state, reason):
    for endpoint in dark:
        fleet.lights[endpoint].set_dark(True)
        wait_until("it is dark", lambda: not fleet.manager.status(endpoint).startswith("Connected"))
    rollout = fleet.create(Waves=waves, TargetEndpoints=["E00", "E01", "E02"], StopWhen={"Failed": 3, "EndpointLimit": "2"})
    assert run_cli(fleet.manager, "rollouts", "start", rollout).returncode == 0
    watched = run_cli(fleet.manager, "rollouts", "watch", rollout)
    shown = fleet.look(rollout)
    assert (shown["State"], shown["Reason"].split(";")[0]) in ((state, reason), ("failed", reason)), shown
    assert watched.returncode == 1 and reason in watched.stderr, watched
    assert (shown["Progress"][1]["State"] == "waiting") == (dark == ["E00"])
    assert [event["What"] for event in shown["History"]].count("done") == 0


def test_filters_by_names_that_nobody_knows_are_refused(fleet):
    gate = {"Collection": "machines", "Filter": "Endpoint=In($endpoints)&availabel=false", "Count": 0}
    for more in ({"Targets": "rollout/rack=7", "TargetEndpoints": []}, {"Gate": gate}):
        refused = expect(422, fleet.manager.call("POST", "rollouts", fleet.plan(**more))).json()
        assert "is neither an index of" in refused["Messages"][0], refused
    fleet.manager.create("params", {"Name": "rollout/rack"})
    fleet.manager.create("rollouts", fleet.plan(Targets="rollout/rack=7", TargetEndpoints=[]))


# -- seeing it

def run_cli(server, *words, timeout=60):
    return subprocess.run([str(BINARY), "-E", server.url, "-U", USER, "-P", PASSWORD, *words], capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, "HOME": str(server.root)}, check=False)


def test_command_line(fleet):
    rollout = fleet.create(Waves=[{"Count": 2}], TargetEndpoints=["E00", "E01", "E02"], Soak="1")
    dry = run_cli(fleet.manager, "rollouts", "dryrun", rollout)
    assert dry.returncode == 0, dry.stderr
    lines = dry.stdout.splitlines()
    assert lines[0] == "wave 1 (2 endpoints): 2 endpoints" and "  E00: base -> new,base" in lines
    assert "wave 2 (the others): 1 endpoints" in lines
    assert set(fleet.sets().values()) == {UNTOUCHED}
    for command, state in (("start", "running"), ("pause", "paused"), ("resume", "running")):
        done = run_cli(fleet.manager, "rollouts", command, rollout)
        assert done.returncode == 0 and f'"State": "{state}"' in done.stdout, done
    watched = run_cli(fleet.manager, "rollouts", "watch", rollout)
    assert watched.returncode == 0, watched
    assert watched.stdout.splitlines()[-1] == f"{rollout}: done, wave 2 of 2: 3 done"
    again = run_cli(fleet.manager, "rollouts", "start", rollout)
    assert again.returncode == 1 and "create another one to start again" in again.stderr
    assert run_cli(fleet.manager, "rollouts", "return", rollout).returncode == 0
    returned = run_cli(fleet.manager, "rollouts", "watch", rollout)
    assert returned.returncode == 1 and "the rollout is returned" in returned.stderr


def test_events_and_metrics(fleet):
    rollout = fleet.create(TargetEndpoints=["E00", "E01"], Soak="1h", Start=True)
    fleet.wait_state(rollout, "soaking")
    wait_until("the metrics say so", lambda: fleet.manager.metrics()["mullion_rollouts"] == 1)
    assert fleet.manager.metrics()['mullion_rollout_endpoints{state="done"}'] == 2
    expect(200, fleet.act(rollout, "abort"))
    fleet.wait_state(rollout, "aborted")
    wait_until("the metrics say so", lambda: fleet.manager.metrics()["mullion_rollouts"] == 0)
