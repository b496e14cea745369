"""Version sets and plans at a manager with leaves: live Actions, drift, problems, baselines, sets from files.

Nothing is applied here: Endpoint.Apply stays off, so Actions are what would be done.
"""
import hashlib
import json
import uuid

import pytest
import yaml

from harness import expect, wait_until
from test_cli import CommandLine
from test_server import add_role, add_user, as_user

SUM = "a" * 64


def name(prefix="set"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def pack(pack_name, version="v1.0.0", prerequisites=""):
    return {"meta": {"Name": pack_name, "Version": version, "Prerequisites": prerequisites}, "sections": {}}


def item(manager, item_name, version, kind="ContentPackage", word=None, prerequisites="", platform="any/any"):
    """A catalog item of the manager's own."""
    body = {"Id": f"{item_name}-{word or version}", "Name": item_name, "Version": word or version, "ActualVersion": version,
            "ContentType": kind, "Source": f"http://127.0.0.1:9/files/rebar-catalog/{item_name}/{version}.json",
            "Shasum256": {platform: SUM}, "Meta": {"Prerequisites": prerequisites}}
    return manager.create("catalog_items", body)


@pytest.fixture(scope="module")
def manager(shared_site):
    manager, *_ = shared_site.start("M", "A", "B")
    manager.become_manager()
    manager.attach(shared_site.servers["A"], shared_site.servers["B"])
    return manager


@pytest.fixture
def leaf(shared_site, manager):
    """Leaf A, which nobody has wishes for yet."""
    yield shared_site.servers["A"]
    manager.patch("endpoints/A", ("add", "/VersionSets", []), ("add", "/VersionSet", ""), ("add", "/VersionSetsDisabled", False))
    wait_until("nothing is wanted of A", lambda: not actions(manager) and manager.get("endpoints/A")["Available"])


def actions(manager, endpoint="A"):
    return manager.get(f"endpoints/{endpoint}").get("Actions") or []


def lines(manager, endpoint="A"):
    return [(action["Action"], action["Type"], action["Name"]) for action in actions(manager, endpoint)]


def want(manager, *bodies, endpoint="A"):
    """Makes sets and names them, the first wins; answers their names."""
    ids = []
    for body in bodies:
        ids.append(manager.create("version_sets", {"Id": name(), "Apply": True, **body})["Id"])
    manager.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", ids))
    return ids


def errors(manager, endpoint="A"):
    return manager.get(f"endpoints/{endpoint}").get("Errors") or []


def wait_lines(manager, expected, endpoint="A", timeout=10):
    wait_until(f"{endpoint} has {expected}", lambda: lines(manager, endpoint) == expected, timeout)


# -- live plans

def test_actions_follow_sets_and_endpoint(manager, leaf):
    set_id, = want(manager, {"Prefs": {"unknownTokenTimeout": "700"}, "Global": {"site": "west"}})
    wait_lines(manager, [("Set", "Pref", "unknownTokenTimeout"), ("Set", "Global", "site")])
    assert actions(manager)[1]["Value"] == "west"
    # By hand at the endpoint, in the direction of the set and away from it.
    leaf.set_preference("unknownTokenTimeout", "700")
    wait_lines(manager, [("Set", "Global", "site")])
    expect(200, leaf.call("POST", "profiles/global/params/site", json.dumps("west")))
    wait_lines(manager, [])
    leaf.set_preference("unknownTokenTimeout", "900")
    wait_lines(manager, [("Set", "Pref", "unknownTokenTimeout")])
    # Another wish.
    manager.patch(f"version_sets/{set_id}", ("replace", "/Prefs", {"unknownTokenTimeout": "900"}))
    wait_lines(manager, [])


def test_only_the_endpoints_that_name_a_set_are_planned_for(manager, leaf):
    want(manager, {"Prefs": {"knownTokenTimeout": "4000"}})
    wait_lines(manager, [("Set", "Pref", "knownTokenTimeout")])
    assert lines(manager, "B") == []


def test_first_wins_and_the_deprecated_name_is_last(manager, leaf):
    first, second = want(manager, {"Global": {"k": "first"}}, {"Global": {"k": "second", "l": "second"}})
    last = manager.create("version_sets", {"Id": name(), "Apply": True, "Global": {"l": "last", "m": "last"}})["Id"]
    manager.patch("endpoints/A", ("add", "/VersionSet", last))
    wait_until("all three are heard", lambda: [action["Value"] for action in actions(manager)] == ["first", "second", "last"])
    plan = manager.get("endpoints/A/plan")
    assert plan["VersionSets"] == [first, second, last]
    assert [(line["Set"], line["Shadows"]) for line in plan["Actions"]] == [(first, [second]), (second, [last]), (last, [])]
    assert plan["Apply"] is False and plan["State"] == "idle"


def test_disabled_means_no_plan(manager, leaf):
    want(manager, {"Global": {"k": "v"}})
    wait_lines(manager, [("Set", "Global", "k")])
    manager.patch("endpoints/A", ("add", "/VersionSetsDisabled", True))
    wait_lines(manager, [])
    assert manager.get("endpoints/A/plan")["State"] == "disabled"


def test_what_users_send_for_computed_fields_does_not_stay(manager, leaf):
    want(manager, {"Global": {"k": "v"}})
    wait_lines(manager, [("Set", "Global", "k")])
    manager.patch("endpoints/A", ("add", "/Actions", []))
    wait_lines(manager, [("Set", "Global", "k")])


# -- what is wrong is said, and nothing is lost for it

def test_missing_set_stops_everything_until_it_comes(manager, leaf):
    leaf.create("contents", pack(name("by-hand")))
    there = manager.create("version_sets", {"Id": name(), "Apply": True, "Global": {"k": "v"}})["Id"]
    gone = name("gone")
    answer = manager.patch("endpoints/A", ("add", "/VersionSets", [there, gone]))
    assert answer["Available"] is False and answer["Errors"] == [f"VersionSet {gone} (at 1) does not exist"]
    wait_until("nothing is planned", lambda: errors(manager) == [f"VersionSet {gone} (at 1) does not exist"])
    assert lines(manager) == []
    manager.patch("endpoints/A", ("add", "/Description", "touched"))
    assert errors(manager) == [f"VersionSet {gone} (at 1) does not exist"], "a write keeps what the plan said, once"
    manager.create("version_sets", {"Id": gone, "Apply": True})
    wait_lines(manager, [("Set", "Global", "k")])
    assert manager.get("endpoints/A")["Available"] is True


def test_bad_sets_are_refused_with_every_fault(manager):
    answer = expect(422, manager.call("POST", "version_sets", {
        "Id": "bad", "Components": [{"Name": "a", "Type": "CPX", "Version": "tip"}, {"Name": "b", "Type": "CP"}],
        "Files": [{"Path": "etc/x", "Source": "self://files/x"}]})).json()
    assert len(answer["Messages"]) == 3
    assert "Components[0] (a): Type: `CPX`" in answer["Messages"][0]
    assert "Components[1] (b): Version is missing" in answer["Messages"][1]
    assert "Files[0] (etc/x): Path" in answer["Messages"][2]
    expect(404, manager.call("GET", "version_sets/bad"))


def test_named_sets_cannot_be_deleted(manager, leaf):
    set_id, = want(manager, {})
    answer = expect(409, manager.call("DELETE", f"version_sets/{set_id}"))
    assert "In use by Endpoint A" in answer.text


def test_unknown_items_and_prerequisites(manager, leaf):
    good, needy, unknown = name("good"), name("needy"), name("unknown")
    item(manager, good, "v1.0.0")
    item(manager, needy, "v1.0.0", prerequisites="nowhere")
    set_id, = want(manager, {"Components": [{"Name": needy, "Type": "CP", "Version": "v1.0.0"},
                                            {"Name": unknown, "Type": "ContentPackage", "Version": "stable"},
                                            {"Name": good, "Type": "CP", "Version": "v1.0.0"}]})
    wait_until("problems are told", lambda: len(errors(manager)) == 2)
    told = "\n".join(errors(manager))
    assert f"{set_id}: {needy} v1.0.0 needs nowhere, which is neither installed nor wanted" in told and unknown in told
    assert ("AddOrUpdate", "ContentPackage", good) in lines(manager), "what is sound stays visible"
    assert manager.get("endpoints/A")["Available"] is False
    # The catalog gets it.
    item(manager, unknown, "v2.0.0", word="stable")
    wait_until("one problem less", lambda: len(errors(manager)) == 1)
    assert ("AddOrUpdate", "ContentPackage", unknown) in lines(manager)


# -- components

def test_packs_in_order_with_deletions_apart(manager, leaf):
    base, top, mine, spared = name("base"), name("top"), name("mine"), name("spared")
    for row in leaf.get("contents"):
        if row["meta"]["Name"].startswith(("by-hand", "mine")):
            leaf.call("DELETE", f"contents/{row['meta']['Name']}")
    leaf.create("contents", pack(mine, "v0.1.0"))
    leaf.create("contents", pack(spared))
    leaf.create("contents", pack(base, "v1.0.0"))
    item(manager, base, "v2.0.0")
    item(manager, base, "v2.0.0", word="stable")
    item(manager, top, "v1.0.0", prerequisites=f"{base}: >=2.0")
    set_id, = want(manager, {"Components": [
        {"Name": top, "Type": "CP", "Version": "v1.0.0"}, {"Name": base, "Version": "stable"},
        {"Name": spared, "Type": "CP", "Version": "ignore"}]})
    wait_lines(manager, [("AddOrUpdate", "ContentPackage", base), ("AddOrUpdate", "ContentPackage", top),
                         ("Delete", "ContentPackage", mine)])
    wait_until("the plan is made from all that the endpoint reported",
               lambda: manager.get("endpoints/A/plan")["Actions"][0]["Current"] == "v1.0.0")
    plan = manager.get("endpoints/A/plan")
    assert [line["Name"] for line in plan["Actions"]] == [base, top]
    assert [(line["Name"], line["Current"]) for line in plan["Deletions"]] == [(mine, "v0.1.0")]
    assert plan["Actions"][0]["ActualVersion"] == "v2.0.0"
    assert plan["Actions"][1]["After"] == [0]
    assert plan["Problems"] == []
    # A new version of a pack without objects is told too.
    expect(200, leaf.call("PUT", f"contents/{base}", pack(base, "v2.0.0")))
    wait_lines(manager, [("AddOrUpdate", "ContentPackage", top), ("Delete", "ContentPackage", mine)])
    # Nothing about packs is declared any more, so none is removed.
    manager.patch(f"version_sets/{set_id}", ("replace", "/Components", []))
    wait_lines(manager, [])
    for pack_name in (mine, spared, base):
        leaf.call("DELETE", f"contents/{pack_name}")


def test_servers_restart_and_that_is_said(manager, leaf):
    arch = manager.get("endpoints/A")["Arch"]
    item(manager, "drp", "v99.0.0", kind="DRP", platform=f"{arch}/linux")
    want(manager, {"DRPVersion": "v99.0.0", "Global": {"k": "v"}})
    wait_lines(manager, [("AddOrUpdate", "DRP", "drp"), ("Set", "Global", "k")])
    plan = manager.get("endpoints/A/plan")
    assert plan["Restarts"] is True and plan["Actions"][0]["Restarts"] is True
    assert plan["Actions"][0]["Current"] == leaf.get("info")["version"]
    assert plan["Actions"][1]["After"] == [0]
    expect(200, manager.call("DELETE", "catalog_items/drp-v99.0.0"))
    wait_until("the item is missed", lambda: errors(manager))


# -- files

def test_files_by_checksum(manager, leaf):
    path, content = f"files/{name('tool')}", b"#!/bin/sh\n"
    set_id, = want(manager, {"Files": [{"Path": path, "Source": f"self://{path}"}]})
    wait_until("the source is missed", lambda: errors(manager) == [f"{set_id}: {path}: this server has no {path}"])
    expect(201, manager.call("POST", path, content))
    wait_lines(manager, [("AddOrUpdate", "File", path)])
    line = manager.get("endpoints/A/plan")["Actions"][0]
    assert line["Bytes"] == len(content) and line["Sha256Sum"] == hashlib.sha256(content).hexdigest()
    assert line["Source"] == f"self://{path}"
    expect(201, leaf.call("POST", path, content))
    wait_lines(manager, [])
    expect(201, leaf.call("POST", path, b"changed by hand"))
    wait_lines(manager, [("AddOrUpdate", "File", path)])
    expect(204, leaf.call("DELETE", path))
    assert lines(manager) == [("AddOrUpdate", "File", path)]


# -- previews, rights, levels

def test_preview_changes_nothing(manager, leaf):
    set_id = manager.create("version_sets", {"Id": name(), "Apply": True, "Global": {"k": "v"}})["Id"]
    plan = manager.get(f"endpoints/A/plan?sets={set_id}")
    assert [line["Name"] for line in plan["Actions"]] == ["k"] and plan["VersionSets"] == [set_id]
    assert lines(manager) == []
    answer = expect(404, manager.call("GET", "endpoints/A/plan?sets=nobody-made-this"))
    assert answer.json()["Key"] == "nobody-made-this"
    expect(404, manager.call("GET", "endpoints/Z/plan"))


def test_a_set_that_may_not_be_read_is_not_previewed(manager, leaf):
    set_id = manager.create("version_sets", {"Id": name(), "Apply": True, "Global": {"k": "hidden"}})["Id"]
    path = f"endpoints/A/plan?sets={set_id}"
    blind = as_user(manager, *add_user(manager, add_role(manager, ("endpoints", "get", "*"))))
    answer = blind.get(blind.url + path, timeout=30)
    assert (answer.status_code, answer.json()["Key"]) == (404, set_id), "as if there were none"
    seeing = as_user(manager, *add_user(manager, add_role(manager, ("endpoints,version_sets", "get", "*"))))
    assert seeing.get(seeing.url + path, timeout=30).json()["VersionSets"] == [set_id]


def test_plans_come_from_the_owner(site):
    top, middle, leaf = site.start("T1", "R1", "L1")
    for server in (middle, top):
        server.become_manager()
    middle.attach(leaf)
    top.attach(middle)
    set_id, = want(middle, {"Global": {"k": "v"}}, endpoint="L1")
    wait_lines(middle, [("Set", "Global", "k")], "L1")
    wait_until("the top sees the object", lambda: lines(top, "L1") == [("Set", "Global", "k")])
    assert top.get("endpoints/L1/plan")["VersionSets"] == [set_id]
    # A set that only a replica has is none of the top's.
    answer = top.patch("endpoints/R1", ("add", "/VersionSets", [set_id]))
    assert answer["Errors"] == [f"VersionSet {set_id} (at 0) does not exist"]


def test_plans_survive_a_restart_of_the_manager(site):
    manager, leaf = site.start("M2", "L2")
    manager.become_manager().attach(leaf)
    want(manager, {"Global": {"site": "v"}, "Files": [{"Path": "files/x", "Source": "http://127.0.0.1:9/x", "Sha256Sum": SUM}]},
         endpoint="L2")
    wanted = [("AddOrUpdate", "File", "files/x"), ("Set", "Global", "site")]
    wait_lines(manager, wanted, "L2")
    manager.kill()
    expect(200, leaf.call("POST", "profiles/global/params/site", json.dumps("v")))
    manager.start()
    wait_lines(manager, wanted[:1], "L2")
    assert manager.get("endpoints/L2")["Available"] is True


# -- baseline

def test_baseline_of_an_equal_endpoint_plans_nothing(manager, leaf, tmp_path):
    cli = CommandLine(manager, tmp_path / "home")
    mine = name("mine")
    leaf.create("contents", pack(mine, "v3.1.4"))
    expect(200, leaf.call("POST", "profiles/global/params/site", {"deep": [1, 2]}))

    def known():
        told = manager.get("endpoints/A")
        global_parameters = told.get("Global") or {}
        return mine in [row["Name"] for row in told.get("Components") or []] and global_parameters.get("site") == {"deep": [1, 2]}
    wait_until("the manager knows", known)
    set_id = name("baseline")
    done = cli.call("version_sets", "baseline", set_id, "--from", "A", "--create")
    assert done.returncode == 0, done.stderr
    assert "left out: Pref baseTokenSecret: a secret" in done.stderr and "left out: Pref logLevel" in done.stderr
    made = manager.get(f"version_sets/{set_id}")
    assert [row["Version"] for row in made["Components"] if row["Name"] == mine] == ["v3.1.4"]
    assert made["DRPVersion"] == leaf.get("info")["version"] and made["Global"]["site"] == {"deep": [1, 2]}
    plan = manager.get(f"endpoints/A/plan?sets={set_id}")
    assert plan["Actions"] == [] and plan["Deletions"] == [] and plan["Problems"] == []
    # The other leaf has no such pack, and no catalog has it.
    other = manager.get(f"endpoints/B/plan?sets={set_id}")
    assert any(mine in problem for problem in other["Problems"])
    assert "site" in [line["Name"] for line in other["Actions"]]
    leaf.call("DELETE", f"contents/{mine}")
    # Printed only, unless it is to be created.
    printed = cli.json("version_sets", "baseline", "never-made", "--from", "A", "--format", "json")
    assert printed["Id"] == "never-made"
    expect(404, manager.call("GET", "version_sets/never-made"))
    assert "--from ENDPOINT is needed" in cli.fails("version_sets", "baseline", "x")


# -- the command line

def test_plan_for_people_and_programs(manager, leaf, tmp_path):
    cli = CommandLine(manager, tmp_path / "home")
    stray, set_name = name("stray"), None
    leaf.create("contents", pack(stray, "v1.0.0"))
    kept = name("kept")
    item(manager, kept, "v1.0.0")
    set_name, = want(manager, {"Global": {"k": "v"}, "Components": [{"Name": kept, "Type": "CP", "Version": "v1.0.0"}]})
    wait_until("the deletion is planned", lambda: ("Delete", "ContentPackage", stray) in lines(manager))
    text = cli.run("endpoints", "plan", "A")
    above, below = text.split("removed, because no set declares them:")
    assert kept in above and set_name in above and stray not in above
    assert stray in below and "to do," in below
    data = cli.json("endpoints", "plan", "A", "--format", "json")
    assert stray in [line["Name"] for line in data["Deletions"]]
    leaf.call("DELETE", f"contents/{stray}")


def test_sets_from_files(manager, tmp_path):
    cli = CommandLine(manager, tmp_path / "home")
    one, two, three = name("git"), name("git"), name("git")
    sets = tmp_path / "sets"
    sets.mkdir()
    (sets / "a.yaml").write_text(yaml.safe_dump_all([{"Id": one, "Apply": True, "Global": {"k": 1}}, {"Id": two}]))
    (sets / "b.json").write_text(json.dumps([{"Id": three, "Prefs": {"logLevel": "warn"}}]))

    def apply(*words, status):
        done = cli.call("version_sets", "apply", "-f", sets, *words)
        assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if status != 1 else done.stderr

    assert f"+ {one}\n" in apply("--dry-run", status=2)
    expect(404, manager.call("GET", f"version_sets/{one}"))
    apply(status=2)
    stamps = [manager.call("GET", f"version_sets/{one}").headers["ETag"]]
    assert "0 new, 0 changed, 0 removed, 3 unchanged" in apply(status=0)
    stamps.append(manager.call("GET", f"version_sets/{one}").headers["ETag"])
    assert stamps[0] == stamps[1]
    (sets / "a.yaml").write_text(yaml.safe_dump({"Id": one, "Apply": True, "Global": {"k": 2}}))
    text = apply(status=2)
    assert "Global.k: 1 -> 2" in text and "- " not in text
    assert manager.get(f"version_sets/{one}")["Global"] == {"k": 2}
    assert manager.get(f"version_sets/{two}"), "without --prune it stays"
    # A fault in one file, and nothing of the others is written.
    (sets / "a.yaml").write_text(yaml.safe_dump({"Id": one, "Global": {"k": 3}}))
    (sets / "c.yaml").write_text(yaml.safe_dump({"Id": name(), "Componets": []}))
    assert "Componets" in apply(status=1)
    assert manager.get(f"version_sets/{one}")["Global"] == {"k": 2}


def test_prune_removes_what_no_file_has(site, tmp_path):
    server = site.server("P").start()
    cli = CommandLine(server, tmp_path / "home")
    server.create("version_sets", {"Id": "stray"})
    sets = tmp_path / "sets"
    sets.mkdir()
    assert "no version sets" in cli.call("version_sets", "apply", "-f", sets, "--prune").stderr
    assert server.get("version_sets/stray")
    (sets / "a.yaml").write_text("Id: kept\n")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "b.yaml").write_text("Id: stray\n")
    for link, target in (("b.yaml", "/not/checked/out/b.yaml"), ("linked", tmp_path / "real")):
        (sets / link).symlink_to(target)
        done = cli.call("version_sets", "apply", "-f", sets, "--prune")
        assert done.returncode == 1 and link in done.stderr, f"{done.returncode}: {done.stdout}{done.stderr}"
        assert server.get("version_sets/stray"), "what is not seen is not taken for what is not wanted"
        (sets / link).unlink()
    done = cli.call("version_sets", "apply", "-f", sets, "--prune", "--format", "json")
    assert done.returncode == 2 and json.loads(done.stdout)["Removed"] == ["stray"]
    expect(404, server.call("GET", "version_sets/stray"))
    assert cli.call("version_sets", "apply", "-f", sets, "--prune").returncode == 0
