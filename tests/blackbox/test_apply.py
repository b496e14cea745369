"""Plans carried out: every kind of element against real endpoints, and what can go wrong on the way.

MULLION_TEST_ISO_MIB says how large the iso of the test of cut and slow links is.
"""
import contextlib
import hashlib
import json
import os
import re
import subprocess
import threading
import time

import pytest
import websocket

from harness import USER, by_stream_only, expect, wait_until
from provider_scripts import obedient
from test_cli import CommandLine
from test_plugins import EXAMPLE
from test_server import events_of, tell

SPREAD = True  # no test shares servers with another
MIB = 1 << 20
ISO_MIB = int(os.environ.get("MULLION_TEST_ISO_MIB", "1024"))
SECRET = "hush-applied-51c2"


def pack(name, version, prerequisites="", **profiles):
    sections = {"profiles": {key: {"Name": key, "Description": value} for key, value in profiles.items()}}
    return {"meta": {"Name": name, "Version": version, "Prerequisites": prerequisites}, "sections": sections}


def put(manager, path, content):
    content = json.dumps(content) if isinstance(content, dict) else content
    expect(201, manager.call("POST", path, content, headers={"Content-Type": "application/octet-stream"}))


def catalog(manager, *packs, providers=()):
    """A catalog of these packs and provider programs (name, version, program)."""
    for one in packs:
        put(manager, f"files/rebar-catalog/{one['meta']['Name']}/{one['meta']['Version']}.json", one)
    for name, version, program in providers:
        put(manager, f"files/rebar-catalog/{name}/{version}/amd64/linux/{name}", program)
    expect(200, manager.call("POST", "plugins/manager/actions/buildCatalog", {}, timeout=120))


def want(manager, endpoint="A", apply=True, set_id="wish", **body):
    """The endpoint shall be like this set, which is made or replaced."""
    body = {"Id": set_id, "Apply": True, **body}
    if manager.call("HEAD", f"version_sets/{set_id}").status_code == 404:
        manager.create("version_sets", body)
    else:
        expect(200, manager.call("PUT", f"version_sets/{set_id}", body))
    manager.patch(f"endpoints/{endpoint}", ("add", "/VersionSets", [set_id]), ("add", "/Apply", apply))


def component(name, version="stable", kind="ContentPackage"):
    return {"Name": name, "Version": version, "Type": kind}


def plan(manager, endpoint="A"):
    return manager.get(f"endpoints/{endpoint}/plan")


def actions(manager, endpoint="A"):
    return manager.get(f"endpoints/{endpoint}").get("Actions") or []


def errors(manager, endpoint="A"):
    return manager.get(f"endpoints/{endpoint}").get("Errors") or []


def applied(manager, endpoint="A", timeout=40):
    """Waits until nothing is left to do and nobody configures the endpoint."""
    def done():
        row = manager.get(f"endpoints/{endpoint}")
        left = plan(manager, endpoint)
        quiet = "mullion/configured-by" not in (row.get("Meta") or {})
        return quiet and not row.get("Actions") and not left.get("Actions") and not row.get("Errors")
    try:
        wait_until(f"{endpoint} is as wanted", done, timeout, pause=0.1)
    except AssertionError as failure:
        row = manager.get(f"endpoints/{endpoint}")
        left = {name: row.get(name) for name in ("Actions", "Errors", "Meta")}
        raise AssertionError(f"{failure}; left: {left}; plan: {plan(manager, endpoint)}") from None


def versions(server):
    return {row["meta"]["Name"]: row["meta"]["Version"] for row in server.get("contents")}


def sum_of(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def pair(site):
    """A manager with the endpoint A."""
    a, m = site.start("A", "M")
    m.become_manager().attach(a)
    return a, m


def test_every_kind_is_added_changed_removed_and_ignored(pair, tmp_path):
    a, m = pair
    catalog(m, pack("base", "v1.0.0", one="1"), pack("base", "v2.0.0", one="2"), pack("top", "v1.0.0", "base", two="1"),
            providers=[("worker", "v1.0.0", obedient("worker", tmp_path / "notes", auto_start=False))])
    first, second = os.urandom(3 * MIB), os.urandom(2 * MIB)
    put(m, "files/mine/first", first)
    put(m, "isos/second.iso", second)
    a.create("params", {"Name": "pass", "Secure": True, "Schema": {"type": "string"}})
    m.create("params", {"Name": "pass", "Secure": True, "Schema": {"type": "string"}})
    expect(201, a.call("POST", "contents", pack("by-hand", "v1.0.0", hand="x")))
    wait_until("the hand-installed pack is known", lambda: any(
        row["Name"] == "by-hand" for row in m.get("endpoints/A").get("Components", [])))
    want(m, Components=[component("top"), component("base", "v1.0.0"), component("worker", kind="PluginProvider"),
                        component("by-hand", "ignore")],
         Plugins=[{"Name": "w1", "Provider": "worker", "Params": {"pass": SECRET, "nn": 1}, "Meta": {"x/y": "z"}}],
         Prefs={"unknownTokenTimeout": "901"}, Global={"plain": [1, "a"], "pass": SECRET},
         Files=[{"Path": "files/first", "Source": "self://files/mine/first", "Sha256Sum": sum_of(first)},
                {"Path": "isos/second.iso", "Source": "self://isos/second.iso", "Sha256Sum": sum_of(second)}])
    applied(m)
    assert {"base": "v1.0.0", "top": "v1.0.0", "by-hand": "v1.0.0"}.items() <= versions(a).items()
    assert a.get("profiles/global/params?decode=true") == {"plain": [1, "a"], "pass": SECRET}
    assert a.get("profiles/global/params")["pass"] != SECRET
    assert a.get("plugins/w1/params?decode=true") == {"pass": SECRET, "nn": 1}
    assert a.get("plugins/w1")["Meta"]["x/y"] == "z"
    assert a.get("prefs")["unknownTokenTimeout"] == "901"
    # A secret that somebody puts into the plugin there is nothing to do, and outlives changes.
    a.create("params", {"Name": "hand", "Secure": True, "Schema": {"type": "string"}})
    expect(200, a.call("POST", "plugins/w1/params/hand", json.dumps(SECRET + " by hand")))
    wait_until("the plugin is known with it", lambda: any(
        "hand" in (row.get("Params") or {}) for row in m.get("endpoints/A").get("Plugins", [])))
    applied(m)
    assert (a.call("GET", "files/first").content, a.call("GET", "isos/second.iso").content) == (first, second)
    # Changed.
    want(m, Components=[component("top"), component("base", "v2.0.0"), component("worker", kind="PluginProvider")],
         Plugins=[{"Name": "w1", "Provider": "worker", "Params": {"pass": SECRET + "2", "nn": 2}}],
         Prefs={"unknownTokenTimeout": "902"}, Global={"plain": {"b": 1}, "pass": SECRET + "2"},
         Files=[{"Path": "files/first", "Source": "self://isos/second.iso", "Sha256Sum": sum_of(second)}])
    applied(m)
    assert versions(a)["base"] == "v2.0.0" and "by-hand" not in versions(a), "nobody ignores it any more"
    assert a.get("profiles/global/params?decode=true")["pass"] == SECRET + "2"
    assert a.get("plugins/w1/params?decode=true") == {"pass": SECRET + "2", "nn": 2, "hand": SECRET + " by hand"}
    assert a.call("GET", "files/first").content == second
    # Removed: the plugin of a kind that is still declared, the pack nobody needs.
    want(m, Components=[component("base", "v2.0.0"), component("worker", kind="PluginProvider")],
         Plugins=[{"Name": "w2", "Provider": "worker"}])
    applied(m)
    assert "top" not in versions(a)
    assert {row["Name"] for row in a.get("plugins")} >= {"w2"} and a.call("GET", "plugins/w1").status_code == 404
    for server in (a, m):
        assert SECRET not in server.log() and SECRET not in json.dumps(server.get("logs"))


def install(server, document):
    name = document["meta"]["Name"]
    if server.call("HEAD", f"contents/{name}").status_code == 404:
        return expect(201, server.call("POST", "contents", document))
    return expect(200, server.call("PUT", f"contents/{name}", document))


def test_what_is_installed_at_the_manager_needs_no_catalog(pair, tmp_path):
    a, m = pair
    program = EXAMPLE.read_bytes()
    install(m, pack("own", "v1.0.0", one="1"))
    expect(201, m.call("POST", "plugin_providers/incrementer", program, timeout=60))
    want(m, Components=[component("own", "v1.0.0"), component("incrementer", kind="PluginProvider")])
    applied(m)
    assert versions(a)["own"] == "v1.0.0" and a.get("profiles/one")["Description"] == "1"
    assert a.call("GET", "plugin_providers/incrementer/binary").content == program
    assert a.get("contents/own") == m.get("contents/own")
    action = plan(m)
    assert not action["Actions"] and not (m.root / "files/rebar-catalog").exists(), "nothing that all may read"
    # A newer one is followed at once.
    want(m, Components=[component("own", "tip"), component("incrementer", kind="PluginProvider")])
    wait_until("there is no tip build", lambda: any("has no ContentPackage own tip" in text for text in errors(m)))
    for version, value in (("v1.1.0-tip.1", "2"), ("v1.1.0-tip.2", "3")):
        install(m, pack("own", version, one=value))
        wait_until("the tip moves", lambda: versions(a)["own"] == version, 20, pause=0.1)
        applied(m)
        assert a.get("profiles/one")["Description"] == value
    # Catalogs come first: words mean what they have, an exact version is found in either.
    catalog(m, pack("own", "v0.9.0", one="old"))
    want(m, Components=[component("own"), component("incrementer", kind="PluginProvider")])
    applied(m)
    assert versions(a)["own"] == "v0.9.0"
    want(m, Components=[component("own", "v1.1.0-tip.2"), component("incrementer", kind="PluginProvider")])
    applied(m)
    assert a.get("profiles/one")["Description"] == "3"
    catalog(m, pack("own", "v1.1.0-tip.3", one="of the catalog"))
    install(m, pack("own", "v1.1.0-tip.3", one="installed"))
    want(m, Components=[component("own", "v1.1.0-tip.3"), component("incrementer", kind="PluginProvider")])
    applied(m)
    assert a.get("profiles/one")["Description"] == "of the catalog"
    # What is removed here is offered no more; who has it keeps it.
    expect(204, m.call("DELETE", "contents/own"))
    applied(m)
    expect(200, a.call("DELETE", "plugin_providers/incrementer"))
    expect(200, m.call("DELETE", "plugin_providers/incrementer"))
    wait_until("nobody has it", lambda: any("no PluginProvider named incrementer" in text for text in errors(m)))


def test_an_installed_pack_with_secrets_stays_at_the_manager(pair):
    a, m = pair
    secret = pack("vault", "v1.0.0")
    secret["sections"] = {"params": {"pw": {"Name": "pw", "Secure": True, "Schema": {"type": "string"}}},
                          "profiles": {"safe": {"Name": "safe", "Params": {"pw": SECRET}}}}
    install(m, secret)
    want(m, Components=[component("vault", "v1.0.0")])
    wait_until("the plan says why", lambda: any("not sent elsewhere: profiles/safe holds a secret" in text
                                                for text in errors(m)))
    assert not actions(m) and "vault" not in versions(a)
    kept = [path for path in m.root.glob("catalog/**/*") if path.is_file()]
    assert not any(b"vault" in path.read_bytes() for path in kept)
    assert SECRET not in json.dumps([plan(m), errors(m)])
    del secret["sections"]["profiles"]["safe"]["Params"]
    install(m, secret)
    applied(m)
    assert versions(a)["vault"] == "v1.0.0"


def test_a_secret_goes_only_where_it_stays_one(pair):
    """A set's parameter that becomes secure is sealed in it, and not sent to an endpoint where it is not secure."""
    a, m = pair
    pin = {"Name": "pin", "Schema": {"type": "string"}}
    for server in pair:
        server.create("params", pin)
    want(m, Global={"pin": "before", "plain": 1})
    applied(m)
    secure = [{"op": "add", "path": "/Secure", "value": True}]
    expect(200, m.call("PATCH", "params/pin", secure))
    wait_until("the set is sealed", lambda: set(m.get("version_sets/wish")["Global"]["pin"]) == {"Key", "Nonce", "Payload"})
    want(m, Global={"pin": SECRET, "plain": 2})
    reason = "Global pin: pin is secret here, and no secure parameter there"
    wait_until("it alone is not sent", lambda: errors(m) == [reason] and [
        (action["Name"], action["Value"]) for action in actions(m)] == [("pin", "********")])
    assert a.get("profiles/global/params") == {"pin": "before", "plain": 2}
    other = m.get("version_sets/wish")["Global"]["pin"]
    copied = m.call("POST", "version_sets", {"Id": "copied", "Global": {"pin": other}})
    assert (copied.status_code, copied.json()["Messages"]) == (422, ["SecureData corrupted"])
    expect(200, a.call("PATCH", "params/pin", secure))
    applied(m)
    assert a.get("profiles/global/params?decode=true") == {"pin": SECRET, "plain": 2}
    for server in pair:
        assert SECRET not in server.log() and SECRET not in server.call("GET", "profiles/global").text


def test_drift_is_shown_and_healed(pair):
    a, m = pair
    catalog(m, pack("base", "v1.0.0", one="1"))
    want(m, apply=False, Components=[component("base")], Global={"gg": "wanted"})
    wait_until("it is planned", lambda: len(actions(m)) == 2)
    time.sleep(0.5)
    assert "base" not in versions(a), "a preview changes nothing"
    m.patch("endpoints/A", ("add", "/Apply", True))
    applied(m)
    m.patch("endpoints/A", ("add", "/Apply", False))
    expect(204, a.call("DELETE", "contents/base"))
    expect(200, a.call("POST", "profiles/global/params/gg", '"by hand"'))
    begin = time.monotonic()
    wait_until("the drift shows", lambda: {row["Name"] for row in actions(m)} == {"base", "gg"}, 5)
    assert time.monotonic() - begin < 5
    m.patch("endpoints/A", ("add", "/Apply", True))
    applied(m)
    assert a.get("profiles/global/params")["gg"] == "wanted" and "base" in versions(a)


def test_secrets_that_end_every_login(pair):
    """No set holds them. Changed at the endpoint they end the manager's own login, and it goes on."""
    a, m = pair
    for secret in ("baseTokenSecret", "systemGrantorSecret"):
        refused = expect(422, m.call("POST", "version_sets", {"Id": "open", "Prefs": {secret: "b" * 32}})).text
        assert f"Prefs.{secret}: a secret of each server" in refused and "b" * 32 not in refused
    want(m, Prefs={"unknownTokenTimeout": "903"})
    applied(m)
    expect(201, m.call("POST", "/A/api/v3/prefs", {"baseTokenSecret": "b" * 32, "systemGrantorSecret": "g" * 32}))
    want(m, Prefs={"unknownTokenTimeout": "904"}, Global={"after": 1})
    applied(m)
    assert a.get("profiles/global/params")["after"] == 1
    assert m.get("/A/api/v3/prefs")["unknownTokenTimeout"] == "904", "forwarding goes on too"
    m.wait_status("A", "Connected")


def collect(events, seen):
    """Appends what comes as (type, action, key), until nothing more comes. Who does not read is cut off."""
    with contextlib.suppress(websocket.WebSocketException, OSError):
        while text := events.recv():  # nothing: it was closed
            event = json.loads(text)
            seen.append((event["Type"], event["Action"], event["Key"]))


@pytest.mark.parametrize("who", ["A", "M"])
def test_kill_9_on_the_way(pair, who):
    """Nothing is done twice: M's log says so, and A's events while A lives."""
    a, m = pair
    events = events_of(a, timeout=120)
    for pattern in ("profiles.*.global", "contents.*.*"):
        assert tell(events, f"register {pattern}")["Action"] == "register"
    seen = []
    reader = threading.Thread(target=collect, args=(events, seen), daemon=True)
    reader.start()
    victim = {"A": a, "M": m}[who]
    packs = [pack(f"pack{i}", "v1.0.0", **{f"p{i}": "x"}) for i in range(6)]
    catalog(m, *packs)
    wanted = {f"param{i}": i for i in range(30)}
    want(m, Components=[component(one["meta"]["Name"]) for one in packs], Global=wanted)
    for round_number in range(4):
        time.sleep(0.1 * (round_number + 1))
        victim.kill()
        victim.start()
    applied(m, timeout=40)  # less than the lease that the dead one had
    assert a.get("profiles/global/params") == wanted
    assert {f"pack{i}" for i in range(6)} <= set(versions(a))
    done = re.findall(r"carried out .*?kind=(\S+) name=(\S+)", m.log())
    assert done and len(done) == len(set(done)), "nothing is carried out twice"
    if who == "M":
        wait_until("the last event is here", lambda: len(seen) >= len(wanted) + len(packs), 5)
        time.sleep(0.5)
        assert sum(event[0] == "profiles" for event in seen) == len(wanted), "each parameter is set once"
        assert sorted(event[1:] for event in seen if event[0] == "contents") == [
            ("create", f"pack{i}") for i in range(6)], "each pack comes once"
    events.close()
    reader.join(10)


@pytest.mark.parametrize("ending", ["kill -9", "SIGTERM"])
@pytest.mark.parametrize("who", ["M", "A"])
def test_an_end_at_each_step(site, tmp_path, who, ending):
    """Every kind of element over a narrow link; the victim ends whenever one more action was carried out."""
    a, m = site.start("A", "M")
    gate = site.gate(a)
    m.become_manager().attach(a, url=gate.url)
    victim = {"A": a, "M": m}[who]
    catalog(m, pack("base", "v1.0.0", one="1"), pack("top", "v1.0.0", "base", two="2"),
            providers=[("worker", "v1.0.0", obedient("worker", tmp_path / "notes", auto_start=False))])
    content = os.urandom(100_000)
    put(m, "files/mine/first", content)
    for server in (a, m):
        server.create("params", {"Name": "pass", "Secure": True, "Schema": {"type": "string"}})
    gate.rate = 100_000
    want(m, Components=[component("top"), component("base"), component("worker", kind="PluginProvider")],
         Plugins=[{"Name": "w1", "Provider": "worker", "Params": {"pass": SECRET, "nn": 1}}],
         Prefs={"unknownTokenTimeout": "901"}, Global={"plain": [1, "a"], "pass": SECRET},
         Files=[{"Path": "files/first", "Source": "self://files/mine/first", "Sha256Sum": sum_of(content)},
                {"Path": "isos/second.iso", "Source": "self://files/mine/first", "Sha256Sum": sum_of(content)}])

    def done():
        return re.findall(r"carried out .*?kind=(\S+) name=(\S+)", m.log())
    ends, counted = 0, 0
    wait_until("a plan", lambda: len(actions(m)) == 9)
    while actions(m):
        # What a dying manager had no time to tell of is found done by the next one.
        wait_until("one more action is carried out", lambda: len(done()) > counted or not actions(m), 60)
        counted = len(done())
        if ending == "kill -9":
            victim.kill()
        else:
            assert victim.stop() == 0
        victim.start()
        ends += 1
    gate.rate = None
    applied(m, timeout=60)
    assert ends >= 5, "the link is narrow enough for ends between the actions"
    assert len(done()) == len(set(done())), "nothing is carried out twice"
    assert {"base": "v1.0.0", "top": "v1.0.0"}.items() <= versions(a).items()
    assert a.get("profiles/global/params?decode=true") == {"plain": [1, "a"], "pass": SECRET}
    assert a.get("plugins/w1/params?decode=true") == {"pass": SECRET, "nn": 1}
    assert a.get("prefs")["unknownTokenTimeout"] == "901"
    assert a.call("GET", "files/first").content == a.call("GET", "isos/second.iso").content == content


def test_a_large_iso_over_a_cut_and_a_slow_link(site):
    a, m = site.start("A", "M")
    gate = site.gate(a)
    m.become_manager().attach(a, url=gate.url)
    size = ISO_MIB * MIB
    block = os.urandom(MIB)
    seen = hashlib.sha256()
    for _ in range(ISO_MIB):
        seen.update(block)
    expect(201, m.session.post(m.url + "/api/v3/isos/big.iso", data=(block for _ in range(ISO_MIB)), timeout=300))
    gate.rate = size / 10
    want(m, Files=[{"Path": "isos/big.iso", "Source": "self://isos/big.iso", "Sha256Sum": seen.hexdigest()}])

    def offset():
        answer = a.call("HEAD", "isos/big.iso?partial=true")
        return int(answer.headers["Upload-Offset"]) if answer.status_code == 200 else 0
    sent = []
    for part in (8, 3):
        wait_until("some of it arrived", lambda: offset() > size // part, 120)
        gate.cut()
        time.sleep(0.3)
        sent.append(offset())
        gate.mend()
    wait_until("it goes on", lambda: offset() > sent[1], 120)
    gate.hold()  # while it is slow: it must not be whole before
    time.sleep(2)
    gate.rate = None
    gate.mend()
    applied(m, timeout=240)
    head = expect(200, a.call("HEAD", "isos/big.iso"))
    assert head.headers["X-DRP-SHA256SUM"] == seen.hexdigest()

    def carried_out():
        return [line for line in m.log().splitlines() if "carried out" in line and "big.iso" in line]
    wait_until("the log says so", carried_out)
    finished = carried_out()
    assert len(finished) == 1, "it is sent once"
    last = int(finished[0].split(" bytes=")[1].split()[0])
    assert last <= size - sent[1] + MIB, "what had arrived was not sent again"


def test_a_wrong_checksum_and_a_missing_prerequisite(pair, tmp_path):
    a, m = pair
    catalog(m, pack("good", "v1.0.0", gg="1"), pack("spoilt", "v1.0.0", ss="1"), pack("needy", "v1.0.0", "absent", nn="1"))
    place = m.root / "files" / "rebar-catalog" / "spoilt" / "v1.0.0.json"
    right = place.read_text()
    place.write_text(right.replace("1", "2"))
    expect(201, a.call("POST", "contents", pack("by-hand", "v1.0.0", hand="x")))
    want(m, Components=[component("good"), component("spoilt", "v1.0.0"), component("needy")], Global={"gg": 1})
    wait_until("what is sound is done", lambda: "good" in versions(a) and a.get("profiles/global/params").get("gg") == 1)
    wait_until("both are told", lambda: any("expected sha256" in text for text in errors(m))
               and any("needs absent" in text for text in errors(m)), 30)
    row = m.get("endpoints/A")
    assert row["ActionErrorCount"] == 1 and row["Available"] is False
    assert "spoilt" not in versions(a) and "by-hand" in versions(a), "nothing is removed while there is a problem"
    plan = m.get("endpoints/A/plan")
    assert 0 < plan["Done"] < plan["Total"]
    assert re.search(r"^A: [^\n]*, \d+ of \d+ done", CommandLine(m, tmp_path).run("endpoints", "plan", "A"))
    place.write_text(right)
    want(m, Components=[component("good"), component("spoilt", "v1.0.0")], Global={"gg": 1})
    applied(m)
    assert "spoilt" in versions(a) and "by-hand" not in versions(a)


def may_mount():
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this machine lets nobody mount a small disk")
def test_a_full_disk_at_the_endpoint(site):
    a, m = site.server("A"), site.server("M").start()
    a.root.mkdir(parents=True)
    script = 'mount -t tmpfs -o size=48m tmpfs "$0" && exec "$@"'
    plain = a.command
    a.command = lambda: ["unshare", "-rm", "sh", "-c", script, str(a.root), *plain()]
    a.start()
    m.become_manager().attach(a)
    content = os.urandom(64 * MIB)
    put(m, "files/large", content)
    wish = {"Path": "files/large", "Source": "self://files/large", "Sha256Sum": sum_of(content)}
    want(m, Files=[wish], Global={"gg": 1})
    wait_until("it is told", lambda: any("507" in text for text in errors(m)), 60)
    wait_until("the rest is done", lambda: a.get("profiles/global/params").get("gg") == 1)
    small = os.urandom(MIB)
    put(m, "files/small", small)
    want(m, Files=[{"Path": "files/large", "Source": "self://files/small", "Sha256Sum": sum_of(small)}])
    applied(m)


@by_stream_only("the endpoint holds no lease then: test_who_configures_a_server_stands_there")
def test_two_managers_over_one_endpoint(site):
    a, r1, r2 = site.start("A", "R1", "R2")
    for manager in (r1, r2):
        manager.become_manager().attach(a)
    expect(200, a.call("POST", "configuration_lease", {"holder": "R2", "seconds": 6}))
    want(r1, Global={"gg": "from R1"})
    wait_until("R1 says who configures it", lambda: "configured by R2" in errors(r1))
    assert a.get("profiles/global/params").get("gg") is None
    wait_until("R2 is told so too", lambda: (r2.get("endpoints/A").get("Meta") or {}).get(
        "mullion/configured-by") == "R2", 5)
    applied(r1)
    assert a.get("profiles/global/params")["gg"] == "from R1"


def test_a_hanging_endpoint_holds_up_nobody(site):
    a, b = site.start("A", "B")
    m = site.server("M", flags=["--apply-concurrency", "1"]).start()
    m.become_manager().attach(a, b)
    a.pause()
    try:
        want(m, "A", Global={"gg": 1})
        want(m, "B", Global={"gg": 1})
        applied(m, "B", timeout=40)
    finally:
        a.resume()
    applied(m, "A")
