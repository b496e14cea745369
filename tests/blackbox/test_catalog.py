"""Catalogs of real servers: building, copying, installing, cleaning up. Packs are real ones where they are there."""
import concurrent.futures
import hashlib
import json
import threading
import time

import pytest
import requests

from harness import ROOT, expect, wait_until
from test_cli import CommandLine

REAL_PACKS = ROOT.parent / "shared" / "data" / "content-packs"
OWN_PACKS = ROOT / "tests" / "data" / "packs"
FOLDER = REAL_PACKS if REAL_PACKS.is_dir() else OWN_PACKS
PROVIDER = """#!/bin/sh
[ "$1" = define ] || exit 3
printf '{"Name":"%s","Version":"%s","PluginVersion":4,"Meta":{"License":"%%s"}}' "$RS_TOKEN"
"""


def packs():
    """Name -> document of every pack there is."""
    documents = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    return {pack["meta"]["Name"]: pack for pack in documents if pack["meta"].get("Version")}


def put(server, path, content):
    content = content if isinstance(content, (str, bytes)) else json.dumps(content)
    return expect(201, server.call("POST", f"files/rebar-catalog/{path}", content,
                                   headers={"Content-Type": "application/octet-stream"}))


def put_pack(server, name, version, **meta):
    pack = {"meta": {"Name": name, "Version": version, **meta},
            "sections": {"profiles": {f"{name}-profile": {"Name": f"{name}-profile", "Description": version}}}}
    put(server, f"{name}/{version}.json", pack)
    return pack


def put_real_packs(server):
    """Puts all of them into the catalog's tree; names with versions."""
    for name, pack in packs().items():
        put(server, f"{name}/{pack['meta']['Version']}.json", pack)
    return {name: pack["meta"]["Version"] for name, pack in packs().items()}


def action(server, name, body=None, status=200):
    return expect(status, server.call("POST", f"plugins/manager/actions/{name}", body or {})).json()


def build(server):
    return action(server, "buildCatalog")


def items(server):
    return {item["Id"]: item for item in server.objects("catalog_items")}


def joined(server):
    return action(server, "showCatalog")["sections"]["catalog_items"]


def catalog_url(server):
    return f"http://127.0.0.1:{server.static_port}/files/rebar-catalog/rackn-catalog.json"


def commands(server, tmp_path):
    return CommandLine(server, tmp_path / f"home-{server.name}")


def set_catalogs(server, *urls):
    expect(200, server.call("POST", "profiles/global/params/manager_catalog_urls", list(urls)))


@pytest.fixture
def server(site):
    return site.start("S")[0]


@pytest.fixture
def pair(site):
    """Where a catalog is, and where it goes."""
    return site.start("S", "T")


def test_an_empty_tree_is_an_empty_catalog(server):
    report = build(server)
    assert report["Items"] == 0 and report["Warnings"] == []
    assert requests.get(catalog_url(server), timeout=10).json()["sections"]["catalog_items"] == {}
    assert server.get("contents/rackn-catalog")["meta"]["Type"] == "catalog"


def test_real_packs_become_items_and_are_installed_elsewhere(pair, tmp_path):
    source, target = pair
    versions = put_real_packs(source)
    put(source, "prov/v1.2.3/amd64/linux/prov", PROVIDER % ("prov", "v1.2.3"))
    put(source, "drp/v4.8.0.amd64.linux.zip", b"PK-not-really")
    report = build(source)
    assert report["Changed"] and report["Warnings"] == []
    assert report["Items"] == 2 * (len(versions) + 2)
    found = items(source)
    for name, version in versions.items():
        item = found[f"{name}-stable"]
        content = (source.root / f"files/rebar-catalog/{name}/{version}.json").read_bytes()
        assert item["ActualVersion"] == version and item["ContentType"] == "ContentPackage"
        assert item["Shasum256"] == {"any/any": hashlib.sha256(content).hexdigest()}
        assert "/files/rebar-catalog/" in item["Source"]
    assert found["prov-stable"]["Meta"]["License"] == "catalog"
    assert found["prov-stable"]["Shasum256"]["arm64/linux"] == "NOTFOUND"
    lines = requests.get(catalog_url(source), timeout=10).text.splitlines()
    assert [line for line in lines if "drp-stable:::" in line][0].strip().startswith('"NOJQSource": "drp-stable:::http')
    # Both output files are the same, and the client's way to the newest one works.
    names = source.get("files?path=rebar-catalog/rackn-catalog")
    assert names == [report["Version"] + ".json"]
    cli = commands(target, tmp_path)
    name = min(versions)
    assert f"Installed {name} {versions[name]}" in cli.run("catalog", "item", "install", name, "-c", catalog_url(source))
    assert target.get(f"contents/{name}")["meta"]["Version"] == versions[name]


def test_only_what_changed_is_read_again(server):
    for i in range(20):
        put_pack(server, "own", f"v1.0.{i}")
    assert build(server)["Read"] == 20
    again = build(server)
    assert (again["Read"], again["Changed"]) == (0, False)
    put_pack(server, "own", "v1.0.7", Description="other")
    put_pack(server, "own", "v1.1.0")
    third = build(server)
    assert (third["Read"], third["Changed"]) == (2, True)
    assert items(server)["own-stable"]["ActualVersion"] == "v1.1.0"
    server.stop()
    server.start()
    assert build(server)["Read"] == 0


def test_stable_is_never_a_development_build(server):
    for version in ("v1.0.0", "v1.10.0", "v1.9.0", "v2.0.0-tip.1", "v2.0.0-tip.10", "v1.11.0-rc.1"):
        put_pack(server, "own", version)
    build(server)
    found = items(server)
    assert found["own-stable"]["ActualVersion"] == "v1.10.0" and not found["own-stable"].get("Tip")
    assert found["own-tip"]["ActualVersion"] == "v2.0.0-tip.10" and found["own-tip"]["Tip"]


def test_what_is_damaged_goes_nowhere(pair, tmp_path):
    source, target = pair
    put_pack(source, "own", "v1.0.0")
    build(source)
    place = source.root / "files/rebar-catalog/own/v1.0.0.json"
    place.write_text(place.read_text().replace("v1.0.0", "v1.0.0 "))
    cli = commands(target, tmp_path)
    for words in (("item", "install", "own"), ("item", "download", "own"), ("updateLocal",),
                  ("copyLocal", "--location", tmp_path / "copy")):
        assert "expected sha256" in cli.fails("catalog", *words, "-c", catalog_url(source))
    expect(404, target.call("GET", "contents/own"))
    expect(404, target.call("GET", "files/rebar-catalog/own/v1.0.0.json"))


def test_a_server_without_a_catalog_is_filled(pair, tmp_path):
    source, target = pair
    for version in ("v1.0.0", "v1.1.0", "v2.0.0-tip.1"):
        for i in range(6):
            put_pack(source, f"own{i}", version)
    build(source)
    cli = commands(target, tmp_path)
    copied = cli.run("catalog", "updateLocal", "-c", catalog_url(source), "--concurrency", "5").split()
    assert sorted(copied) == [f"rebar-catalog/own{i}/v1.1.0.json" for i in range(6)]
    assert "v1.1.0" not in cli.run("catalog", "updateLocal", "-c", catalog_url(source), "--tip")
    assert cli.run("catalog", "build").splitlines()[0].split() == ["Version", "Changed", "Items", "Files", "Read"]
    assert items(target)["own3-stable"]["ActualVersion"] == "v1.1.0"
    assert cli.run("catalog", "updateLocal", "-c", catalog_url(source), "--versions", "stable,tip") == ""
    # A tip that moved is fetched again; what is there is not, built or not.
    put_pack(source, "own3", "v2.0.0-tip.2")
    build(source)
    assert cli.run("catalog", "updateLocal", "-c", catalog_url(source), "--tip") == "rebar-catalog/own3/v2.0.0-tip.2.json\n"
    assert len(cli.run("catalog", "updateLocal", "-c", catalog_url(source), "--all").split()) == 6
    assert "no item of version v7" in cli.fails("catalog", "updateLocal", "-c", catalog_url(source), "--version", "v7")


def test_content_of_users_is_an_item_like_others(pair, tmp_path):
    source, target = pair
    put_pack(source, "house", "v0.3.0", Prerequisites="walls: >=1.0")
    put_pack(source, "walls", "v1.2.0")
    put_pack(source, "unwanted", "v1.0.0")
    build(source)
    target.create("version_sets", {"Id": "mine", "Components": [
        {"Name": "house", "Type": "CP", "Version": "v0.3.0"}, {"Name": "walls", "Type": "ContentPackage", "Version": "stable"}]})
    cli = commands(target, tmp_path)
    copied = cli.run("catalog", "updateLocal", "-c", catalog_url(source), "--version-set", "mine").split()
    assert sorted(copied) == ["rebar-catalog/house/v0.3.0.json", "rebar-catalog/walls/v1.2.0.json"]
    cli.run("catalog", "build")
    # Without -c it is the server's own catalog; what is required comes first.
    assert cli.run("catalog", "item", "install", "house") == "Installed walls v1.2.0\nInstalled house v0.3.0\n"
    slim = cli.json("catalog", "create", "-c", catalog_url(source), "--pkg-version", "stable")
    assert sorted(slim["sections"]["catalog_items"]) == ["house-stable", "unwanted-stable", "walls-stable"]


def test_the_first_of_several_catalogs_wins(pair, tmp_path):
    source, target = pair
    put_pack(source, "own", "v1.0.0", Description="of the source")
    put_pack(source, "more", "v1.0.0")
    build(source)
    put_pack(target, "own", "v1.0.0", Description="of the target")
    build(target)
    set_catalogs(target, catalog_url(source))
    wait_until("the other catalog is joined", lambda: "more-stable" in joined(target))
    assert joined(target)["own-stable"]["Meta"]["Description"] == "of the target"
    target.create("catalog_items", {"Id": "more-stable", "Name": "more", "Version": "stable", "ActualVersion": "v9.0.0",
                                    "ContentType": "ContentPackage", "Source": "self://files/x"})
    wait_until("own objects come first", lambda: joined(target)["more-stable"]["ActualVersion"] == "v9.0.0")
    cli = commands(target, tmp_path)
    assert cli.json("catalog", "item", "show", "more-stable")["Source"] == "self://files/x"
    shown = cli.json("catalog", "show", "-c", catalog_url(source), "-c", catalog_url(target))
    assert shown["own-stable"]["Meta"]["Description"] == "of the source"


def test_what_is_installed_is_the_last_catalog(server, tmp_path):
    for name, pack in packs().items():
        expect(201, server.call("POST", "contents", pack))
        wait_until("it is an item", lambda: f"{name}-{pack['meta']['Version']}" in joined(server))
    name = min(packs())
    cli = commands(server, tmp_path)
    shown = json.loads(cli.run("catalog", "item", "show", f"{name}-stable"))
    assert shown["Source"] == f"installed://contents/{name}"
    cli.run("catalog", "item", "download", f"{name}-stable", "to", str(tmp_path / "got.json"))
    content = (tmp_path / "got.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == shown["Shasum256"]["any/any"]
    assert json.loads(content) == server.get(f"contents/{name}")
    # They make a catalog of their own, elsewhere or here.
    cli.run("catalog", "copyLocal", "--location", str(tmp_path / "tree"))
    put(server, f"{name}/{shown['ActualVersion']}.json", content)
    build(server)
    again = joined(server)[f"{name}-stable"]
    assert again["Shasum256"] == shown["Shasum256"] and "/files/rebar-catalog/" in again["Source"]
    assert action(server, "collectCatalog", {"dry_run": True})["Removed"] == []
    expect(201, server.call("POST", "contents", {"meta": {"Name": "short", "Version": "v1.0.0"}}))
    wait_until("it is there", lambda: "short-stable" in joined(server))
    expect(204, server.call("DELETE", "contents/short"))
    wait_until("it is gone", lambda: not {"short-stable", "short-v1.0.0"} & set(joined(server)))


def test_it_works_without_any_network(pair):
    source, target = pair
    put_pack(source, "far", "v1.0.0")
    build(source)
    put_pack(target, "near", "v1.0.0")
    set_catalogs(target, catalog_url(source), "http://192.0.2.1:9/never.json", "self://files/rebar-catalog/none.json")
    wait_until("the other catalog is joined", lambda: "far-stable" in joined(target))
    source.kill()
    target.stop()
    target.start()
    assert build(target)["Items"] == 2
    assert {"far-stable", "near-stable"} <= set(joined(target))
    wait_until("it is told what cannot be read",
               lambda: any("none.json" in line for line in action(target, "showCatalog")["problems"]))


def test_nobody_needs_old_versions(server, tmp_path):
    for version in ("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v2.0.0-tip.1"):
        put_pack(server, "own", version)
    build(server)
    server.create("version_sets", {"Id": "base", "Components": [
        {"Name": "own", "Type": "ContentPackage", "Version": "v1.1.0"}]})
    put_pack(server, "given", "v1.0.0")
    put_pack(server, "given", "v1.1.0")
    server.create("version_sets", {"Id": "files", "Files": [
        {"Path": "files/given.json", "Source": "self://files/rebar-catalog/given/v1.0.0.json"}]})
    action(server, "collectCatalog", {"dryRun": True}, 400)
    build(server)
    trial = action(server, "collectCatalog", {"dry_run": True})
    assert [version["Id"] for version in trial["Removed"]] == ["own-v1.0.0", "own-v1.2.0"]
    assert {version["Id"]: version["UsedBy"] for version in trial["Kept"]} == {
        "given-v1.0.0": ["version_sets/files"], "given-v1.1.0": ["stable"],
        "own-v1.1.0": ["version_sets/base"], "own-v1.3.0": ["stable"], "own-v2.0.0-tip.1": ["tip"]}
    assert "own-v1.0.0" in items(server)
    assert "removed" in commands(server, tmp_path).run("catalog", "collect")
    assert sorted(items(server)) == ["given-stable", "given-v1.0.0", "given-v1.1.0", "own-stable", "own-tip",
                                     "own-v1.1.0", "own-v1.3.0", "own-v2.0.0-tip.1"]
    assert action(server, "collectCatalog")["Removed"] == []
    expect(404, server.call("GET", "files/rebar-catalog/own/v1.0.0.json"))


# 30 names with their `stable`; the extra pack adds its versions and one `stable`.
WHOLE = {60} | set(range(62, 72))


def test_readers_see_the_old_or_the_new_catalog(server):
    for i in range(30):
        put_pack(server, f"own{i:02}", "v1.0.0")
    build(server)
    done, seen, failures = threading.Event(), set(), []

    def read():
        session = requests.Session()
        session.auth, session.verify, session.trust_env = server.session.auth, False, False
        while not done.is_set():
            whole = session.get(catalog_url(server), timeout=10).json()["sections"]["catalog_items"]
            loaded = session.get(f"{server.url}/api/v3/catalog_items", timeout=10)
            seen.add(len(whole))
            if loaded.status_code != 200 or len(loaded.json()) not in WHOLE:
                failures.append((loaded.status_code, len(loaded.json())))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(10):
        put_pack(server, "extra", f"v1.0.{i}")
        build(server)
    done.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert seen <= WHOLE and len(seen) > 1


def test_builds_that_come_together_end_alike(server):
    for i in range(40):
        put_pack(server, f"own{i}", "v1.0.0")
    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        reports = list(callers.map(lambda _: requests.post(
            f"{server.url}/api/v3/plugins/manager/actions/buildCatalog", json={}, auth=server.session.auth,
            verify=False, timeout=60).json(), range(8)))
    assert [(report["Version"], report["Items"]) for report in reports] == [("1.0.1", 80)] * 8


def test_a_killed_build_leaves_a_whole_catalog(server):
    """Killed early, late and in between: somewhere between reading and publishing is where it hurts."""
    for i in range(60):
        put_pack(server, f"own{i}", "v1.0.0")
    began = time.monotonic()
    build(server)
    whole = time.monotonic() - began
    before, cut = 120, 0
    for step in range(1, 7):
        for i in range(60):
            put_pack(server, f"own{i}", f"v1.{step}.0")
        with concurrent.futures.ThreadPoolExecutor(1) as callers:
            called = callers.submit(build, server)
            time.sleep(whole * step / 6)
            server.kill()
            failure = called.exception()
        assert failure is None or isinstance(failure, requests.RequestException), failure
        cut += failure is not None
        server.start()
        after = before + 60
        loaded = set(items(server))
        assert len(loaded) in (before, after)
        assert failure is not None or len(loaded) == after
        assert len(requests.get(catalog_url(server), timeout=10).json()["sections"]["catalog_items"]) in (before, after)
        build(server)
        assert len(items(server)) == after
        before = after
    assert cut > 0, "no build was cut"
