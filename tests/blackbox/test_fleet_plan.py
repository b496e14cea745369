"""Fleet plans: what version sets would do to many endpoints, as the few plans that there really are."""
import uuid

import pytest

from harness import expect, wait_until
from test_cli import CommandLine
from test_rights import caller_with


def name(prefix="set"):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def tree(shared_site):
    """M1 has A and R; R has B and C, which was never seen by M1 itself."""
    m1, r, a, b, c = shared_site.start("M1", "R", "A", "B", "C")
    r.become_manager().attach(b, c)
    m1.become_manager().attach(a, r)
    wait_until("M1 sees the endpoints of R", lambda: m1.count("endpoints", "?Id=In(B,C)") == 2)
    return m1, r, a, b, c


def a_set(server, value):
    return server.create("version_sets", {"Id": name(), "Prefs": {"debugRenderer": value}})["Id"]


def plan(server, sets, targets, status=200):
    return expect(status, server.call("POST", "plans", {"Sets": sets, "Targets": targets})).json()


def groups(answer):
    return sorted((group["Endpoints"], [(line["Type"], line["Name"], line["Current"]) for line in group["Actions"]])
                  for group in answer["Groups"])


def test_equal_plans_are_one_group_at_any_depth(tree):
    m1, r, a, b, c = tree
    wanted = a_set(m1, "error")
    b.set_preference("debugRenderer", "info")
    r.create("version_sets", {"Id": wanted, "Prefs": {"debugRenderer": "error"}})
    wait_until("R planned with what B says", lambda: any(
        line["Current"] == "info" for line in r.get(f"endpoints/B/plan?sets={wanted}")["Actions"]))
    answer = plan(m1, [wanted], "Id=In(A,B,C)")
    assert groups(answer) == [(["A", "C"], [("Pref", "debugRenderer", "warn")]), (["B"], [("Pref", "debugRenderer", "info")])]
    assert answer["Count"] == 3 and answer["Problems"] == [] and answer["Sets"] == [wanted]
    assert answer["Links"] == [], "preferences move no bytes"
    assert "A" in answer["FactsAges"] and "B" in answer["FactsAges"]
    assert not m1.get("endpoints/A").get("VersionSets"), "a plan changes nothing"


def test_bytes_are_of_links_and_each_server_fetches_once(tree):
    m1, r, a, b, c = tree
    expect(201, m1.call("PUT", "files/fleet/big.bin", b"x" * 5000))
    body = {"Id": name(), "Files": [{"Path": "files/fleet-copy.bin", "Source": "self://files/fleet/big.bin"}]}
    m1.create("version_sets", body)
    answer = plan(m1, [body["Id"]], ["A"])
    assert answer["Groups"][0]["Bytes"] == 5000
    assert answer["Links"] == [{"From": "M1", "To": "A", "Bytes": 5000, "Artifacts": 1}]


def test_a_dark_manager_is_a_problem_of_its_own(site):
    m1, r, a, b = site.start("M1", "R", "A", "B")
    r.become_manager().attach(b)
    m1.become_manager().attach(a, r)
    wait_until("M1 sees B", lambda: m1.count("endpoints", "?Id=B") == 1)
    wanted = a_set(m1, "error")
    r.stop()
    wait_until("R is dark", lambda: not m1.status("R").startswith("Connected"))
    answer = plan(m1, [wanted], ["A", "B", "nobody"])
    assert [group["Endpoints"] for group in answer["Groups"]] == [["A"]]
    reasons = {problem["Endpoints"][0]: problem["Reason"] for problem in answer["Problems"]}
    assert "unreachable" in reasons["B"] and "not known" in reasons["nobody"]


def test_endpoints_that_may_not_be_seen_are_not_planned(tree):
    m1, r, a, b, c = tree
    wanted = a_set(m1, "error")
    some = caller_with(m1, ("endpoints", "list", "*"), ("endpoints", "get", "A,/R/B"), ("version_sets", "get", "*"))
    answer = expect(200, some.call("POST", "plans", {"Sets": [wanted], "Targets": ""})).json()
    seen = [endpoint for group in answer["Groups"] + answer["Problems"] for endpoint in group["Endpoints"]]
    assert sorted(seen) == ["A", "B"]
    none = caller_with(m1, ("endpoints", "*", "*"))
    expect(404, none.call("POST", "plans", {"Sets": [wanted], "Targets": ""}))
    tenant = name("tenant")
    m1.create("tenants", {"Name": tenant, "Members": {"endpoints": ["A"]}})
    member = caller_with(m1, ("*", "*", "*"), tenant=tenant)
    answer = expect(200, member.call("POST", "plans", {"Sets": [wanted], "Targets": ["A", "R"]})).json()
    assert [group["Endpoints"] for group in answer["Groups"]] == [["A"]]
    assert [problem["Endpoints"] for problem in answer["Problems"]] == [["R"]]


@pytest.mark.parametrize("body, fault", [
    ({"Sets": [], "Targets": "Nome=A"}, "Targets: Nome"),
    ({"Sets": []}, "Targets: a query over endpoints"),
    ({"Targets": ""}, "Sets: the version sets are missing"),
    ({"Sets": [1], "Targets": ""}, "Sets: a list of names"),
    ({"Sets": [], "Targets": [""]}, "Targets: a list of names"),
    ({"Sets": [], "Targets": ["a"] * 1001}, "at most 1000"),
    ({"Sets": ["a"] * 101, "Targets": ""}, "Sets: at most 100"),
    ({"Sets": [], "Targets": "", "Target": ""}, "Target: is not known here"),
    ([], "not a JSON object"),
])
def test_wrong_ones_are_refused(tree, body, fault):
    answer = expect(422, tree[0].call("POST", "plans", body)).json()
    assert fault in answer["Messages"][0], answer


def test_the_command_shows_them(tree, tmp_path):
    m1 = tree[0]
    wanted = a_set(m1, "error")
    line = CommandLine(m1, tmp_path / "home")
    table = line.run("endpoints", "plans", "--sets", wanted, "Id=A", "--format", "table")
    assert "1 endpoints" in table and "debugRenderer" in table
    shown = line.json("endpoints", "plans", "--sets", wanted, "Id=A", "--format", "json")
    assert shown["Groups"][0]["Endpoints"] == ["A"]
