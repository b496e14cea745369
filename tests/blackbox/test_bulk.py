"""Bulks: one operation on many objects of several endpoints, carried out by the server in the background."""
import time
import uuid

import pytest

from harness import expect, wait_until
from test_cli import CommandLine
from test_rights import caller_with

OVER = {"done", "failed", "stopped", "asking", "paused"}


def name(prefix="bulk"):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def machines(server, count, prefix, **more):
    return [server.create("machines", {"Name": f"{prefix}-{number}", **more})["Uuid"] for number in range(count)]


class Bulk:
    """A bulk of `server`, about the machines whose names begin with `prefix` unless `selection` says more."""

    def __init__(self, server, prefix="", what=None, **more):
        self.server, self.id = server, name()
        selection = {"Type": "machines", "Filter": f"Name=Re(^{prefix}-)", **more.pop("selection", {})}
        self.body = {"Id": self.id, "What": what or {"Kind": "set", "Fields": {"Description": "new"}},
                     "Selection": selection, **more}

    def create(self):
        expect(201, self.server.call("POST", "bulks", self.body))
        return self

    def tell(self, command, status=200):
        return expect(status, self.server.call("POST", f"bulks/{self.id}/actions/{command}", {})).json()

    def now(self):
        return self.server.get(f"bulks/{self.id}")

    def run(self, *states):
        self.create().tell("start")
        return self.wait(*states)

    def wait(self, *states):
        wanted = set(states) or OVER
        seen = wait_until(f"bulk {self.id} is {wanted}",
                          lambda: self.now()["State"] in wanted | {"done", "failed"} and self.now(), 60)
        assert seen["State"] in wanted, seen
        return seen

    def items(self, outcome=None, **query):
        words = "&".join(f"{key}={value}" for key, value in ({"Outcome": outcome} if outcome else {} | query).items())
        return self.server.get(f"bulks/{self.id}/items?{words}")


@pytest.fixture
def fleet(site):
    """A manager with endpoints A and B; three machines at each of the three."""
    manager, a, b = site.start("M", "A", "B")
    manager.become_manager().attach(a, b)
    for server in (manager, a, b):
        machines(server, 3, f"x-{server.id}", Description="old")
    wait_until("the manager sees all machines", lambda: manager.count("machines", "?Name=Re(^x-)") == 9)
    return manager, a, b


def descriptions(server):
    return {machine["Name"]: machine["Description"] for machine in server.objects("machines", "?Name=Re(^x-)")}


def test_every_endpoint_is_changed_by_the_user_who_started_it(fleet):
    manager, a, b = fleet
    locked, same = a.objects("machines", "?Name=Re(^x-)")[:2]
    a.patch(f"machines/{locked['Uuid']}", ("add", "/Locked", True))
    a.patch(f"machines/{same['Uuid']}", ("add", "/Description", "new"))
    wait_until("the manager sees it", lambda: manager.count("machines", "?Locked=true") == 1
               and list(descriptions(manager).values()).count("new") == 1)
    bulk = Bulk(manager, "x").create()
    preview = bulk.tell("preview")
    assert {key: preview[key] for key in ("Count", "WouldChange", "AlreadySo", "Locked", "NotAllowed")} == \
        {"Count": 9, "WouldChange": 7, "AlreadySo": 1, "Locked": 1, "NotAllowed": 0}
    assert [(owner["Endpoint"], owner["Count"], owner["InTouch"]) for owner in preview["Owners"]] == \
        [("M", 3, True), ("A", 3, True), ("B", 3, True)]
    assert bulk.now()["State"] == "previewed" and bulk.now()["Selection"]["Count"] == 9
    assert set(descriptions(b).values()) == {"old"}, "a preview changes nothing"
    bulk.tell("start")
    done = bulk.wait("done")
    assert (done["Counts"]["Done"], done["Counts"]["AlreadySo"], done["Counts"]["Locked"]) == (7, 1, 1)
    assert done["StartedBy"] == "user:rocketskates"
    assert set(descriptions(b).values()) == {"new"} and list(descriptions(a).values()).count("new") == 2
    assert bulk.items("locked")["Items"] == [{"Number": bulk.items("locked")["Items"][0]["Number"], "Endpoint": "A",
                                              "Key": locked["Uuid"], "Outcome": "locked"}]
    assert bulk.items()["Total"] == 9
    changed = b.objects("machines", "?Name=Re(^x-)")[0]
    assert b.get(f"machines/{changed['Uuid']}")["LastModifiedBy"], "the owner knows that somebody did it"
    expect(200, manager.call("DELETE", f"bulks/{bulk.id}"))
    expect(404, manager.call("GET", f"bulks/{bulk.id}/items"))


def test_a_dark_endpoint_is_unreachable_and_retried_when_it_is_back(fleet):
    manager, a, b = fleet
    b.stop()
    wait_until("B is dark", lambda: not manager.status("B").startswith("Connected"))
    bulk = Bulk(manager, "x").create()
    assert {owner["Endpoint"]: owner["InTouch"] for owner in bulk.tell("preview")["Owners"]} == \
        {"M": True, "A": True, "B": False}
    bulk.tell("start")
    failed = bulk.wait("failed")
    assert (failed["Counts"]["Done"], failed["Counts"]["Unreachable"]) == (6, 3)
    assert failed["Reason"] == "3 of 9 were not done"
    assert all("B" in item["Message"] for item in bulk.items("unreachable")["Items"])
    b.start()
    manager.wait_status("B", "Connected", 40)
    bulk.tell("retry")
    assert bulk.wait("done")["Counts"]["Done"] == 9
    assert set(descriptions(b).values()) == {"new"}


def test_it_stops_after_failures_and_asks_after_the_first_few(fleet):
    manager, a, b = fleet
    machines(manager, 30, "y")
    wrong = Bulk(manager, "y", {"Kind": "set", "Fields": {"Workflow": "absent"}}, StopAfter=2, Concurrency=1)
    stopped = wrong.run("stopped")
    assert stopped["Counts"]["Refused"] == 2 and stopped["Counts"]["Pending"] == 28
    assert "after 2 failures" in stopped["Reason"]
    assert "absent" in wrong.items("refused")["Items"][0]["Message"]
    careful = Bulk(manager, "y", First=5)
    asking = careful.run("asking")
    assert asking["Counts"]["Done"] == 5 and asking["Counts"]["Pending"] == 25
    expect(422, manager.call("DELETE", f"bulks/{careful.id}"))
    careful.tell("continue")
    assert careful.wait("done")["Counts"]["Done"] == 30
    again = careful.tell("start", 422)
    assert "the bulk is done" in again["Messages"][0]


def test_a_manager_that_is_killed_goes_on_and_repeats_nothing(fleet):
    manager, a, b = fleet
    machines(manager, 400, "z")
    bulk = Bulk(manager, "z", {"Kind": "set-params", "Params": {"bulk-mark": 1}}, Concurrency=2).create()
    bulk.tell("start")
    wait_until("some are done", lambda: manager.count("machines", "?Name=Re(^z-)&bulk-mark=1") > 20)
    manager.kill()
    manager.start()
    over = bulk.wait("done", "failed")
    counts = over["Counts"]
    assert counts["Total"] == 400 and counts["Done"] + counts["Unknown"] == 400, counts
    assert counts["Unknown"] <= 2, "no more than were under way"
    done = manager.count("machines", "?Name=Re(^z-)&bulk-mark=1")
    assert counts["Done"] <= done <= 400


def test_pausing_and_resuming(fleet):
    manager, a, b = fleet
    machines(manager, 300, "p")
    bulk = Bulk(manager, "p", Concurrency=1).create()
    bulk.tell("start")
    wait_until("some are done", lambda: bulk.items("done")["Total"] > 5)
    assert bulk.tell("pause")["State"] == "paused"
    time.sleep(0.5)
    seen = bulk.items("done")["Total"]
    time.sleep(0.5)
    assert bulk.items("done")["Total"] == seen < 300
    bulk.tell("resume")
    assert bulk.wait("done")["Counts"]["Done"] == 300


def test_rights_are_those_of_who_started_it_as_of_now(fleet):
    manager, a, b = fleet
    machines(manager, 300, "r")
    reader = caller_with(manager, ("machines", "list,get", "*"), ("bulks", "*", "*"))
    reader.get = lambda path: expect(200, reader.call("GET", path)).json()
    blind = Bulk(reader, "r")
    over = blind.run("done")
    assert over["Counts"]["NotAllowed"] == 300 and over["StartedBy"] == f"user:{reader.user}"
    assert set(machine["Description"] for machine in manager.objects("machines", "?Name=Re(^r-)")) == {""}
    nobody = caller_with(manager, ("machines", "*", "*"))
    expect(403, nobody.call("POST", "bulks", Bulk(manager, "r").body))

    writer = caller_with(manager, ("machines", "list,get,update", "*"), ("bulks", "*", "*"))
    writer.get = reader.get
    bulk = Bulk(writer, "r", Concurrency=1)
    bulk.server = manager
    expect(201, writer.call("POST", "bulks", bulk.body))
    expect(200, writer.call("POST", f"bulks/{bulk.id}/actions/start", {}))
    wait_until("some are done", lambda: bulk.items("done")["Total"] > 3)
    role = manager.get(f"users/{writer.user}")["Roles"][0]
    manager.patch(f"roles/{role}", ("replace", "/Claims", [{"scope": "machines", "action": "list,get", "specific": "*"}]))
    over = bulk.wait("done", "failed")
    assert over["Counts"]["Done"] + over["Counts"]["NotAllowed"] + over["Counts"]["Refused"] == 300
    assert over["Counts"]["NotAllowed"] > 0, "what came after the right was lost"
    other = Bulk(manager, "r", Concurrency=1)
    reader.close()


def test_a_user_who_is_gone_stops_it(fleet):
    manager, a, b = fleet
    machines(manager, 300, "g")
    user = caller_with(manager, ("*", "*", "*"))
    bulk = Bulk(manager, "g", Concurrency=1)
    expect(201, user.call("POST", "bulks", bulk.body))
    expect(200, user.call("POST", f"bulks/{bulk.id}/actions/start", {}))
    wait_until("some are done", lambda: bulk.items("done")["Total"] > 3)
    manager.delete(f"users/{user.user}")
    stopped = bulk.wait("stopped")
    assert f"the login of user:{user.user} ended" in stopped["Reason"]
    assert stopped["Counts"]["Refused"] <= 1, "what was under way at that moment"
    bulk.tell("retry")
    assert bulk.wait("done")["Counts"]["Done"] == 300


def test_a_tenant_is_not_left(fleet):
    manager, a, b = fleet
    inside = machines(manager, 2, "t")
    machines(manager, 3, "t-out")
    tenant = name("tenant")
    manager.create("tenants", {"Name": tenant, "Members": {"machines": inside, "bulks": []}})
    user = caller_with(manager, ("*", "*", "*"), tenant=tenant)
    bulk = Bulk(manager, "t")
    expect(201, user.call("POST", "bulks", bulk.body))
    expect(200, user.call("POST", f"bulks/{bulk.id}/actions/start", {}))
    assert bulk.wait("done")["Counts"]["Total"] == 2
    assert manager.count("machines", "?Name=Re(^t-)&Description=new") == 2
    foreign = Bulk(manager, "t").create()
    foreign.tell("start")
    foreign.wait("done")
    expect(404, user.call("GET", f"bulks/{foreign.id}/items"))


@pytest.mark.parametrize("change, fault", [
    ({"Selection": {"Type": "machines", "Filter": "Nome=a"}}, "Selection.Filter: Nome is neither an index of machines nor a parameter"),
    ({"Selection": {"Type": "nothings"}}, "Selection.Type: there is no collection nothings"),
    ({"Selection": {"Type": "machines", "Filter": "Name=a", "Keys": ["b"]}}, "not both"),
    ({"What": {"Kind": "set", "Fields": {"Werkflow": "a"}}}, "What.Fields: machines have no field Werkflow"),
    ({"What": {"Kind": "set"}}, "What.Fields: says nothing"),
    ({"What": {"Kind": "paint"}}, "paint"),
    ({"StopAfter": -1}, "StopAfter: is negative"),
])
def test_wrong_ones_are_refused_with_the_field_at_fault(shared_site, change, fault):
    server = shared_site.servers.get("S") or shared_site.server("S").start()
    answer = expect(422, server.call("POST", "bulks", {**Bulk(server, "q").body, **change})).json()
    assert any(fault in message for message in answer["Messages"]), answer


def test_the_selection_is_frozen_and_counted(shared_site):
    server = shared_site.servers.get("S") or shared_site.server("S").start()
    keys = machines(server, 4, "c")
    bulk = Bulk(server, "c", selection={"Except": [keys[0]]}).create()
    assert bulk.tell("preview")["Count"] == 3
    late = machines(server, 1, "c-late")
    assert "3 objects were expected, there are 4 now" in bulk.tell("start", 409)["Messages"][0]
    bulk.tell("preview")
    bulk.tell("start")
    bulk.wait("done")
    assert server.get(f"machines/{keys[0]}")["Description"] == "" and server.get(f"machines/{late[0]}")["Description"] == "new"
    fixed = expect(422, server.call("PATCH", f"bulks/{bulk.id}", [{"op": "replace", "path": "/What/Kind", "value": "delete"}]))
    assert "What: is fixed" in fixed.text
    gone = Bulk(server, what={"Kind": "delete"}, selection={"Filter": "", "Keys": keys})
    assert gone.run("done")["Counts"]["Done"] == 4
    assert server.count("machines", "?Name=Re(^c-)") == 1
    expect(406, server.call("GET", f"bulks/{gone.id}/items?Outcome=nearly"))
    expect(406, server.call("GET", f"bulks/{gone.id}/items?limit=-1"))
    assert len(server.get(f"bulks/{gone.id}/items?limit=3&offset=2")["Items"]) == 2


def test_actions_profiles_and_tests_that_fail(shared_site):
    server = shared_site.servers.get("S") or shared_site.server("S").start()
    keys = machines(server, 3, "k")
    server.patch(f"machines/{keys[0]}", ("add", "/Description", "mine"))
    guarded = Bulk(server, "k", {"Patch": [{"op": "test", "path": "/Description", "value": ""},
                                           {"op": "replace", "path": "/Description", "value": "ours"}]})
    assert guarded.run("failed")["Counts"]["Conflict"] == 1
    assert guarded.items("conflict")["Items"][0]["Key"] == keys[0]
    assert server.get(f"machines/{keys[0]}")["Description"] == "mine"
    guarded.tell("retry")
    assert guarded.wait("failed")["Counts"]["Conflict"] == 1, "a conflict is for people"

    profile = server.create("profiles", {"Name": name("profile")})["Name"]
    added = Bulk(server, "k", {"Kind": "add-profiles", "Names": [profile]}).run("done")
    assert added["Counts"]["Done"] == 3
    assert all(server.get(f"machines/{key}")["Profiles"] == [profile] for key in keys)
    Bulk(server, "k", {"Kind": "remove-profiles", "Names": [profile]}).run("done")
    assert not server.get(f"machines/{keys[1]}")["Profiles"]

    rollouts = [server.create("rollouts", {"Id": name("roll"), "TargetEndpoints": ["nobody"]})["Id"] for _ in range(2)]
    selection = {"Type": "rollouts", "Filter": "", "Keys": rollouts}
    refused = Bulk(server, what={"Kind": "action", "Action": "pause"}, selection=selection).run("failed")
    assert refused["Counts"]["Conflict"] == 2, "409: this server is no manager"


def test_the_command_follows_it_to_the_end(shared_site, tmp_path):
    server = shared_site.servers.get("S") or shared_site.server("S").start()
    machines(server, 3, "cli")
    line = CommandLine(server, tmp_path / "home")
    words = ["bulk", "run", "machines", "Name=Re(^cli-)", "--set", "Description=new"]
    before = server.count("bulks")
    assert "3 objects: would change 3" in line.run(*words, "--dry-run")
    assert server.count("bulks") == before, "a dry run leaves nothing behind"
    assert "not confirmed, nothing was changed" in line.fails(*words)
    assert server.count("machines", "?Name=Re(^cli-)&Description=new") == 0
    assert "done: 3 of 3 done" in line.run(*words, "--yes")
    assert "already so 3" in line.run(*words, "--dry-run")
    wrong = line.call("bulk", "run", "machines", "Name=Re(^cli-)", "--set", "Workflow=absent", "--yes", "--id", "wrong")
    assert wrong.returncode == 1 and "3 refused" in wrong.stderr
    assert "absent" in line.run("bulks", "items", "wrong", "--outcome", "refused")
    assert "Nome is neither" in line.fails("bulk", "run", "machines", "Nome=a", "--delete", "--yes")


def test_views_are_kept_like_every_object(shared_site):
    server = shared_site.servers.get("S") or shared_site.server("S").start()
    view = {"Id": name("view"), "Description": "d", "ApplicableRoles": ["superuser"], "LandingPage": "machines",
            "Menu": [{"Id": "g", "Items": []}], "Columns": {"machines": ["Name", "Stage"]},
            "Filter": {"machines": "Available=false"}, "BrandingImage": "files/logo.png", "Meta": {"a": "b"},
            "Query": "machines?Available=false&sort=Name"}
    server.create("ux_views", view)
    stored = server.get(f"ux_views/{view['Id']}")
    assert {key: stored[key] for key in view} == view
    assert [row["Id"] for row in server.objects("ux_views", "?ApplicableRoles=superuser")] == [view["Id"]]
    reader = caller_with(server, ("ux_views", "list", "*"))
    assert reader.call("GET", "ux_views").json() == [], "rights are by key, as everywhere"
