"""Version sets of a top manager at leaves below a manager in between: they travel, with what they need, once."""
import hashlib
import json

import pytest

from harness import expect, wait_until


def pack(version, value):
    return {"meta": {"Name": "site", "Version": version},
            "sections": {"profiles": {"site-profile": {"Name": "site-profile", "Params": {"site": value}}}}}


@pytest.fixture
def tree(site):
    """A and B below R1, R1 below M1."""
    a, b, middle, top = site.start("A", "B", "R1", "M1")
    middle.become_manager().attach(a, b)
    top.become_manager().attach(middle)
    wait_until("M1 sees the leaves", lambda: top.count("endpoints") == 3)
    return a, b, middle, top


def put_pack(manager, version, value):
    expect(201, manager.call("POST", f"files/rebar-catalog/site/{version}.json", pack(version, value)))
    expect(200, manager.call("POST", "plugins/manager/actions/buildCatalog", {}))


def declare(manager, **members):
    return manager.create("version_sets", {"Id": "base", "Apply": True, **members})


def assign(manager, *endpoints):
    for endpoint in endpoints:
        manager.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", ["base"]), ("add", "/Apply", True))


def is_done(manager, endpoint):
    shown = manager.get(f"endpoints/{endpoint}")
    return shown.get("VersionSets") == ["base"] and not shown.get("Actions") and shown["Available"]


def profile_of(leaf):
    answer = leaf.call("GET", "profiles/site-profile")
    return answer.json()["Params"]["site"] if answer.status_code == 200 else None


def uploads(manager):
    """Pieces of files that reached a manager."""
    return [line for line in manager.log().splitlines() if "api: POST /api/v3/files/travelled/" in line]


def test_a_set_of_the_top_reaches_leaves_through_the_middle(tree):
    a, b, middle, top = tree
    put_pack(top, "v1.0.0", "one")
    content = b"from the top\n" * 1000
    expect(201, top.call("POST", "files/notes/hello.txt", content))
    declare(top, Components=[{"Type": "CP", "Name": "site", "Version": "stable"}], Global={"site/name": "edge"},
            Files=[{"Path": "files/hello.txt", "Source": "self://files/notes/hello.txt",
                    "Sha256Sum": hashlib.sha256(content).hexdigest()}])
    assign(top, "A")
    wait_until("A is as declared", lambda: is_done(top, "A") and profile_of(a) == "one")
    assert a.call("GET", "files/hello.txt").content == content
    assert a.get("profiles/global/params/site/name") == "edge"
    copy = middle.get("version_sets/base")
    assert copy["Meta"]["mullion/from"] == "M1"
    assert copy["Components"][0]["Version"] == "v1.0.0", "the copy is pinned"
    assert a.get("configuration_lease").get("holder", "") in ("R1", ""), "only R1 configured it"

    sent = len(uploads(middle))
    assert top.metrics()["mullion_travelled_files_total"] == 2
    assign(top, "B")
    wait_until("B is as declared", lambda: is_done(top, "B") and profile_of(b) == "one")
    assert len(uploads(middle)) == sent, "a second leaf costs the link from the top nothing"

    put_pack(top, "v2.0.0", "two")
    wait_until("`stable` moves on", lambda: profile_of(a) == profile_of(b) == "two")
    wait_until("the old item is taken back", lambda: middle.call("HEAD", "catalog_items/travelled-site-v1.0.0").status_code == 404)

    for endpoint in ("A", "B"):
        top.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", []))
    wait_until("the copy is taken back", lambda: middle.call("HEAD", "version_sets/base").status_code == 404)
    assert top.call("HEAD", "version_sets/base").status_code == 200
    wait_until("no file of it is left below", lambda: not [
        name for name in middle.get("files?path=travelled&all=true") if not name.endswith("/")])


def test_what_is_installed_at_the_top_travels(tree):
    a, _, middle, top = tree
    expect(201, top.call("POST", "contents", pack("v1.0.0", "one")))
    declare(top, Components=[{"Name": "site", "Version": "stable"}])
    assign(top, "A")
    wait_until("A has the pack", lambda: profile_of(a) == "one", 40)
    wait_until("nothing is left to do", lambda: is_done(top, "A"))
    items = {row["Id"]: row for row in middle.objects("catalog_items")}
    assert list(items) == ["travelled-site-v1.0.0"] and items["travelled-site-v1.0.0"]["Source"].startswith("self://")
    expect(200, top.call("PUT", "contents/site", pack("v1.1.0", "two")))
    wait_until("A has the newer one", lambda: profile_of(a) == "two", 40)
    # What the middle has installed means `stable` to its own sets, whatever came from above.
    expect(201, middle.call("POST", "contents", pack("v3.0.0", "of the middle")))
    middle.create("version_sets", {"Id": "local", "Apply": True, "Components": [{"Name": "site", "Version": "stable"}]})
    plan = middle.get("endpoints/B/plan?sets=local")
    assert [(row["Name"], row["ActualVersion"]) for row in plan["Actions"]] == [("site", "v3.0.0")]


def test_a_middle_with_a_catalog_of_its_own_takes_the_same_version(tree):
    a, _, middle, top = tree
    for manager in (middle, top):
        put_pack(manager, "v1.0.0", "one")
    declare(top, Components=[{"Type": "CP", "Name": "site", "Version": "stable"}])
    assign(top, "A")
    wait_until("A is as declared", lambda: is_done(top, "A") and profile_of(a) == "one")
    assert middle.get("catalog_items/site-v1.0.0")["ReadOnly"], "its own item is its own"


def test_a_set_of_the_middle_wins_over_one_of_the_same_name(tree):
    a, _, middle, top = tree
    declare(middle, Global={"site/name": "of the middle"})
    declare(top, Global={"site/name": "of the top"})
    assign(top, "A")
    wait_until("A is as R1 says", lambda: a.get("profiles/global/params/site/name") == "of the middle")
    wait_until("M1 says so", lambda: "R1 has a version set base of its own" in top.log())
    assert middle.get("version_sets/base")["Global"] == {"site/name": "of the middle"}


def test_a_middle_that_was_dark_gets_what_it_missed(tree):
    a, _, middle, top = tree
    put_pack(top, "v1.0.0", "one")
    declare(top, Components=[{"Type": "CP", "Name": "site", "Version": "stable"}])
    assign(top, "A")
    wait_until("A is as declared", lambda: is_done(top, "A") and profile_of(a) == "one")
    middle.kill()
    top.wait_status("R1", "Lost")
    put_pack(top, "v2.0.0", "two")
    middle.start()
    wait_until("A follows once R1 is back", lambda: profile_of(a) == "two", timeout=40)


def is_sealed(value):
    return set(value) == {"Key", "Nonce", "Payload"}


def secret_at(leaf):
    return leaf.call("GET", "profiles/global/params/site/key?decode=true").text


def test_secret_values_of_sets_travel_sealed_for_the_manager_that_applies_them(tree):
    a, _, middle, top = tree
    for server in (a, top):  # the one in between need not know what is secret
        server.create("params", {"Name": "site/key", "Secure": True, "Schema": {"type": "string"}})
    made = declare(top, Global={"site/key": "swordfish", "plain": 1})
    assert is_sealed(made["Global"]["site/key"])
    again = top.patch("version_sets/base", ("add", "/Description", "changed"))
    assert again["Global"] == made["Global"], "what is sealed stays as it is"
    assign(top, "A")
    wait_until("A has the value", lambda: secret_at(a) == '"swordfish"', 40)
    wait_until("an equal secret plans nothing", lambda: is_done(top, "A"))
    copy = middle.get("version_sets/base")
    assert is_sealed(copy["Global"]["site/key"]) and copy["Global"] != made["Global"]
    top.create("version_sets", {"Id": "other", "Apply": True, "Global": {"other": 1}})
    top.patch("endpoints/A", ("add", "/VersionSets", ["base", "other"]))
    wait_until("another set follows", lambda: a.get("profiles/global/params").get("other") == 1)
    assert middle.get("version_sets/base") == copy, "what is there already is not sent again"
    top.patch("version_sets/base", ("add", "/Global/site~1key", "cuttlefish"))
    wait_until("A has the new value", lambda: secret_at(a) == '"cuttlefish"', 40)
    logs = middle.log() + top.log() + a.log()
    assert "swordfish" not in logs and "cuttlefish" not in logs
    assert "swordfish" not in json.dumps([top.objects("version_sets"), middle.objects("version_sets")])


def test_the_key_of_a_set_is_there_before_the_set(site):
    (m,) = site.start("M")
    key = m.get("version_sets/to-come/pubkey")
    m.create("version_sets", {"Id": "to-come"})
    assert m.get("version_sets/to-come/pubkey") == key and len(key) == 44
    assert m.call("GET", f"version_sets/{'x' * 2000}/pubkey").status_code in (400, 422)
    assert m.call("GET", "version_sets/%FF/pubkey").status_code in (200, 400, 422)


def test_secret_values_of_plugins_in_sets_are_sealed(tree):
    a, _, middle, top = tree
    for server in (a, middle):
        server.create("params", {"Name": "site/key", "Secure": True, "Schema": {"type": "string"}})
    made = middle.create("version_sets", {"Id": "secrets", "Apply": True, "Global": {"site/key": "swordfish"}, "Plugins": [
        {"Name": "none", "Provider": "none", "Params": {"site/key": "swordfish"}}]})
    assert is_sealed(made["Plugins"][0]["Params"]["site/key"])
    middle.patch("version_sets/secrets", ("remove", "/Plugins/0"))
    top.patch("endpoints/A", ("add", "/VersionSets", ["secrets"]), ("add", "/Apply", True))
    wait_until("A has the value", lambda: secret_at(a) == '"swordfish"')
    wait_until("an equal secret plans nothing", lambda: not top.get("endpoints/A").get("Actions"))
    assert "swordfish" not in middle.log() + top.log() + a.log()


def test_a_middle_that_stands_still_holds_up_no_other(site):
    a, c, slow, fast, top = site.start("A", "C", "R1", "R2", "M1")
    gate = site.gate(slow)
    slow.become_manager().attach(a)
    fast.become_manager().attach(c)
    top.become_manager().attach(slow, url=gate.url)
    top.attach(fast)
    wait_until("M1 sees the leaves", lambda: top.count("endpoints") == 4)
    put_pack(top, "v1.0.0", "one")
    assign(top, "A", "C")
    gate.hold()  # both wait for the set, and only one can get it
    declare(top, Components=[{"Type": "CP", "Name": "site", "Version": "stable"}])
    wait_until("C is as declared", lambda: profile_of(c) == "one", timeout=5)
    put_pack(top, "v2.0.0", "two")
    wait_until("C follows while R1 stands still", lambda: profile_of(c) == "two", timeout=5)
    gate.mend()
    wait_until("A follows in the end", lambda: profile_of(a) == "two", timeout=60)
