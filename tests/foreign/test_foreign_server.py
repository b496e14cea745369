"""The fake of a foreign server does what the public API says, as each version does it, and lies when it is told to."""
import base64
import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

import box
import query
import versions
from client import Client, EventStream, Refused, unverified, wait_until
from faults import FAULTS
from server import ForeignServer

EVERY = pytest.mark.parametrize("version", list(versions.VERSIONS))


@pytest.fixture
def server(version):
    with ForeignServer("52:54:00:00:00:01", version) as one:
        yield one
    assert one.failures == []


@pytest.fixture
def newest():
    with ForeignServer("52:54:00:00:00:17", "4.17") as one:
        yield one
    assert one.failures == []


@pytest.fixture
def plain():
    with ForeignServer("52:54:00:00:00:48", "4.8") as one:
        yield one
    assert one.failures == []


def machines(server, *names):
    return [server.put("machines", {"Name": name}) for name in names]


def fingerprint(server):
    end = unverified().wrap_socket(socket.create_connection(("127.0.0.1", server.api_port), timeout=5))
    with end:
        return hashlib.sha256(end.getpeercert(True)).hexdigest()


# -- logins

@EVERY
def test_info_says_who_it_is_and_nothing_of_our_stream(server, version):
    info = Client(server).get("info")
    assert (info["id"], info["ha_id"]) == (server.id, server.id)
    assert info["version"] == versions.VERSIONS[version].text
    assert info["api_port"] == server.api_port
    assert "replication-stream" not in info["features"]
    assert "api-v3" in info["features"]
    assert Client(server).call("GET", "replication/stream").status == 404


@EVERY
def test_a_wrong_password_is_401(server, version):
    reply = Client(server, password="wrong").expect(401, "GET", "info")
    assert "WWW-Authenticate" in reply.headers
    if version == "3.13":
        assert not reply.data.startswith(b"{")
    else:
        assert reply.json()["Type"] == "AUTH"


@EVERY
def test_tokens_work_until_they_end(server):
    answer = Client(server).get("users/rocketskates/token", ttl="1")
    assert answer["Info"]["id"] == server.id
    by_token = Client(server, token=answer["Token"])
    by_token.expect(200, "GET", "info")
    server.faults.set(clock_offset=2)
    by_token.expect(401, "GET", "info")


def test_tokens_end_with_the_password_and_with_the_secrets(plain):
    client = Client(plain)
    tokens = [client.get("users/rocketskates/token")["Token"] for _ in range(2)]
    client.expect(201, "POST", "prefs", {"systemGrantorSecret": "other"})
    Client(plain, token=tokens[0]).expect(401, "GET", "info")
    token = client.get("users/rocketskates/token", ttl="3y")["Token"]
    client.expect(200, "PUT", "users/rocketskates/password", {"Password": "new"})
    Client(plain, token=token).expect(401, "GET", "info")
    client.expect(401, "GET", "info")
    Client(plain, password="new").expect(200, "GET", "info")
    assert "cow" in Client(plain, password="new").error(400, "GET", "users/rocketskates/token?ttl=cow")["Messages"][0]


def test_a_user_without_roles_sees_nothing(plain):
    plain.add_user("nobody", "secret", [])
    one, = machines(plain, "m1")
    nobody = Client(plain, "nobody", "secret")
    assert nobody.get("machines") == []
    assert nobody.error(404, "GET", f"machines/{one['Uuid']}")["Messages"] == ["Not Found"]
    error = nobody.error(403, "POST", "machines", {"Name": "m2"})
    assert (error["Type"], error["Messages"]) == ("AUTH", ["Cannot access /api/v3/machines",
                                                           "Requires: machines create "])
    nobody.expect(200, "GET", "users/nobody/token")


def test_claims_limit_what_is_seen_and_changed(plain):
    first, second = machines(plain, "m1", "m2")
    plain.put("roles", {"Name": "few", "Claims": [
        {"scope": "machines", "action": "get, list, update:/Description", "specific": first["Uuid"]}]})
    plain.add_user("few", "secret", ["few"])
    few = Client(plain, "few", "secret")
    assert [one["Name"] for one in few.get("machines")] == ["m1"]
    few.expect(404, "GET", f"machines/{second['Uuid']}")
    few.expect(200, "PATCH", f"machines/{first['Uuid']}", [{"op": "replace", "path": "/Description", "value": "x"}])
    few.expect(403, "PATCH", f"machines/{first['Uuid']}", [{"op": "replace", "path": "/OS", "value": "x"}])


# -- collections

@EVERY
def test_objects_lists_the_collections_of_the_version(server, version):
    names = Client(server).get("objects")
    assert names == sorted(names)
    assert "preferences" in names
    assert not {"interfaces", "plugin_providers"} & set(names)
    assert ("pools" in names) == (version != "3.13")
    assert ("alerts" in names) == (version == "4.17")
    assert ("racks" in names) == (version != "3.13")
    for name in names:
        assert isinstance(Client(server).get(name), list)


@EVERY
def test_the_life_of_an_object(server, version):
    client = Client(server)
    made = client.expect(201, "POST", "machines", {"Name": "m1", "Nonsense": 1}).json()
    assert "Nonsense" not in made
    assert (made["Name"], made["Validated"], made["Available"], made["Endpoint"]) == ("m1", True, True, "")
    assert ("CreatedAt" in made) == (version == "4.17")
    assert ("PoolStatus" in made) == (version != "3.13")
    path = f"machines/{made['Uuid']}"
    first = client.expect(200, "GET", path)
    assert first.json() == made
    tag = first.headers["ETag"]
    assert client.expect(200, "HEAD", path).headers["ETag"] == tag
    assert client.expect(200, "GET", "machines/Name:m1").json() == made
    client.expect(404, "GET", "machines/Runnable:true")
    patched = client.expect(200, "PATCH", path, [{"op": "test", "path": "/Description", "value": ""},
                                                 {"op": "replace", "path": "/Description", "value": "x"}]).json()
    assert patched["Description"] == "x"
    assert client.expect(200, "HEAD", path).headers["ETag"] != tag
    put = client.expect(200, "PUT", path, {**patched, "Description": "y"}).json()
    assert put["Description"] == "y"
    assert client.expect(200, "PATCH", path, []).json() == put
    error = client.error(409, "POST", "machines", {"Name": "m1", "Uuid": made["Uuid"]})
    assert (error["Type"], error["Key"], error["Messages"]) == ("CREATE", made["Uuid"], ["already exists"])
    assert client.expect(200, "DELETE", path).json() == put
    assert client.error(404, "DELETE", path) == {"Model": "machines", "Key": made["Uuid"], "Type": "DELETE",
                                                 "Messages": ["Not Found"], "Code": 404}


@EVERY
def test_errors_of_patches(server, version):
    one, = machines(server, "m1")
    error = Client(server).error(409, "PATCH", f"machines/{one['Uuid']}",
                                 [{"op": "test", "path": "/Name", "value": "other"}])
    assert (error["Type"], error["Model"]) == ("PATCH", "machines")
    if version == "3.13":
        assert error["Messages"] == ["Patch failed to apply at line 0", "Test op failed."]
    else:
        assert error["Messages"][0] == "Patch error at line 0: Test op failed."
    Client(server).error(409, "PATCH", f"machines/{one['Uuid']}", [{"op": "remove", "path": "/Nothing"}])
    Client(server).error(406, "PATCH", f"machines/{one['Uuid']}", {"no": "patch"})
    assert Client(server).call("PATCH", f"machines/{one['Uuid']}", b"{").status == 400


def test_routes_that_do_not_exist(plain):
    error = Client(plain).error(404, "GET", "john")
    assert (error["Model"], error["Key"], error["Type"], error["Messages"]) == \
        ("/api/v3/john", "", "GET", ["No route"])


def test_validation_names_what_is_missing(plain):
    error = Client(plain).error(422, "POST", "machines", {"Name": "m1", "Stage": "baz", "Profiles": ["foo"],
                                                          "Uuid": "00000000-0000-0000-0000-000000000001"})
    assert error["Type"] == "ValidationError"
    assert error["Messages"] == ["Stage baz does not exist",
                                 "00000000-0000-0000-0000-000000000001: Profile foo (at 0) does not exist"]
    assert Client(plain).error(422, "POST", "profiles", {"Name": ""})["Messages"] == ["Empty key not allowed"]


def test_stamps_of_417_say_who_and_when(newest):
    client = Client(newest)
    newest.add_user("alice", "secret")
    made = Client(newest, "alice", "secret").expect(201, "POST", "profiles", {"Name": "p"}).json()
    assert (made["CreatedBy"], made["LastModifiedBy"]) == ("alice", "alice")
    assert made["CreatedAt"] == made["LastModifiedAt"]
    changed = client.expect(200, "PATCH", "profiles/p", [{"op": "add", "path": "/Description", "value": "x"}]).json()
    assert (changed["CreatedBy"], changed["LastModifiedBy"]) == ("alice", "rocketskates")
    assert changed["CreatedAt"] == made["CreatedAt"] < changed["LastModifiedAt"]
    query.moment(changed["LastModifiedAt"])


def test_addresses_are_keys_in_both_forms(plain):
    client = Client(plain)
    client.expect(201, "POST", "reservations", {"Addr": "192.168.100.20", "Token": "a", "Strategy": "MAC"})
    client.expect(201, "POST", "reservations", {"Addr": "192.168.100.3", "Token": "b", "Strategy": "MAC"})
    assert client.get("reservations/192.168.100.20")["Token"] == "a"
    assert client.get("reservations/c0a86403")["Token"] == "b"
    assert [one["Token"] for one in client.get("reservations")] == ["b", "a"]
    assert client.error(404, "GET", "reservations/192.168.100.4")["Key"] == "C0A86404"


def test_long_polls_wait_for_a_change(plain):
    one, = machines(plain, "m1")
    client, path = Client(plain), f"machines/{one['Uuid']}"
    tag = client.expect(200, "GET", path).headers["ETag"]
    assert client.expect(304, "GET", path, headers={"If-None-Match": tag}).data == b""
    timer = threading.Timer(0.2, plain.put, ("machines", {"Uuid": one["Uuid"], "Description": "late"}))
    timer.start()
    waited = client.expect(200, "GET", path, headers={"If-None-Match": tag, "Prefer": "wait=5"})
    assert waited.json()["Description"] == "late"


# -- lists

FILTERS = (
    ("Name=m2", ["m2"]),
    ("Name=Eq(m2)", ["m2"]),
    ("Name=Ne(m2)", ["m1", "m3", "m4"]),
    ("Name=Lt(m2)", ["m1"]),
    ("Name=Lte(m2)", ["m1", "m2"]),
    ("Name=Gt(m2)", ["m3", "m4"]),
    ("Name=Gte(m2)", ["m2", "m3", "m4"]),
    ("Name=gte(m4)", ["m4"]),
    ("Name=Re(%5Em%5B12%5D)", ["m1", "m2"]),
    ("Name=Between(m2,m3)", ["m2", "m3"]),
    ("Name=Except(m2,m3)", ["m1", "m4"]),
    ("Name=In(m1,m4)", ["m1", "m4"]),
    ("Name=Nin(m1,m4)", ["m2", "m3"]),
    ("Address=Gt(10.0.0.9)", ["m3", "m4"]),
    ("Runnable=false", ["m2"]),
    ("Profiles=Eq(global)", ["m3"]),
    ("Profiles=Nin(global)", ["m1", "m2", "m4"]),
    ("height=Gt(2)", ["m3", "m4"]),
    ("flag=true", ["m1"]),
    ("unheard=of", []),
    ("Endpoint=", ["m1", "m2", "m3", "m4"]),
    ("Name=Gt(m1)&Runnable=true", ["m3", "m4"]),
)


def four_machines(server):
    for at, address in enumerate(("10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11"), 1):
        server.put("machines", {"Name": f"m{at}", "Address": address, "Runnable": at != 2,
                                "Params": {"height": at, **({"flag": True} if at == 1 else {})},
                                "Profiles": ["global"] if at == 3 else []})


@EVERY
def test_filters(server):
    four_machines(server)
    client = Client(server)
    for text, names in FILTERS:
        assert [one["Name"] for one in client.get(f"machines?{text}&sort=Name")] == names, text
        assert client.count(f"machines?{text}&limit=1") == len(names), text


@EVERY
def test_bad_filters_are_406(server):
    client = Client(server)
    for text, message in (("Runnable=fred", "Runnable must be true or false"), ("Uuid=false", "Invalid UUID: false"),
                          ("limit=-1", "Limit cannot be negative"), ("offset=-1", "Offset cannot be negative")):
        error = client.error(406, "GET", "machines?" + text)
        assert (error["Type"], error["Model"], error["Key"], error["Messages"]) == ("GET", "machines", "", [message])
    client.error(406, "GET", "machines?sort=Runnable")
    client.error(406, "GET", "machines?sort=Nothing")


@EVERY
def test_order_and_pages(server, version):
    machines(server, *(f"m{number:02d}" for number in range(25)))
    client = Client(server)
    everything = client.get("machines")
    keys = [one["Uuid"] for one in everything]
    assert keys == sorted(keys)
    assert [one["Uuid"] for one in client.get("machines?reverse=true")] == keys[::-1]
    assert [one["Name"] for one in client.get("machines?sort=Name&reverse=true&offset=1&limit=2")] == ["m23", "m22"]
    by_offset = [one for offset in range(0, 30, 10) for one in client.get("machines", limit=10, offset=offset)]
    assert by_offset == everything
    by_key, last = [], "00000000-0000-0000-0000-000000000000"
    while page := client.get("machines", Uuid=f"Gt({last})", sort="Uuid", limit=7):
        by_key += page
        last = page[-1]["Uuid"]
    assert by_key == everything
    assert [one["Uuid"] for one in client.get(f"machines?Key=Gt({keys[20]})")] == keys[21:]
    assert len(client.get("machines?limit=0")) == (25 if version == "4.17" else 0)
    headers = client.expect(200, "HEAD", "machines?Name=Lt(m10)&limit=3").headers
    assert (headers["X-DRP-LIST-TOTAL-COUNT"], headers["X-DRP-LIST-FILTER-COUNT"]) == ("25", "10")
    assert headers["X-DRP-LIST-COUNT"] == ("3" if version == "4.17" else None)
    assert ("X-DRP-LIST-TOTAL-COUNT" in client.call("GET", "machines").headers) == (version == "4.17")


def test_what_lists_leave_out(plain):
    plain.put("machines", {"Name": "m1", "Params": {"a": 1, "b": 2}, "Meta": {"icon": "x"}})
    client = Client(plain)
    slim, = client.get("machines?slim=Params,Meta")
    assert (slim["Params"], slim["Meta"], slim["Partial"]) == ({}, {}, True)
    some, = client.get("machines?params=b,c")
    assert (some["Params"], some["Partial"]) == ({"b": 2}, True)
    assert client.get("machines")[0]["Partial"] is False
    plain.put("profiles", {"Name": "global", "Params": {"c": 3}})
    assert client.get("machines?aggregate=true&params=a,c")[0]["Params"] == {"a": 1, "c": 3}


def test_queries_of_417(newest):
    four_machines(newest)
    client = Client(newest)
    newest.put("filters", {"Id": "high", "Object": "machines",
                           "Queries": [{"Name": "height", "Op": "Gt", "Value": "2"}]})
    assert [one["Name"] for one in client.get("machines?filter=high&sort=Name")] == ["m3", "m4"]
    assert [one["Name"] for one in client.get("machines", raw="Name=m1")] == ["m1"]
    assert client.get("machines?group-by=Runnable&range-only=true") == {"true": 3, "false": 1}
    assert len(client.get("machines?reduced=true&commented=true&expand=true&exclude-self=true")) == 4
    assert client.get("machines?CreatedAt=Gt(2020-01-01T00:00:00Z)&sort=LastModifiedAt")
    assert client.count("machines?WorkOrderMode=Eq(false)") == 4


@EVERY
def test_indexes(server, version):
    client = Client(server)
    index = client.get("indexes/machines/Name")
    assert (index["Type"], index["Unique"]) == ("string", True)
    assert ("Regex" in index) == (version != "3.13")
    assert client.get("indexes")["machines"]["Name"] == index
    assert client.get("indexes/machines/Nothing")["Type"] == ""


# -- parts of objects

@EVERY
def test_params_and_meta(server):
    one = server.put("machines", {"Name": "m1", "Profiles": ["global"]})
    client, path = Client(server), f"machines/{one['Uuid']}"
    assert client.expect(200, "POST", path + "/params/a/b", 5).json() == 5
    assert client.get(path + "/params/a/b") == 5
    assert client.get(path + "/params/none") is None
    assert client.get(path + "/params") == {"a/b": 5}
    client.expect(200, "POST", "profiles/global/params/c", "global")
    assert client.get(path + "/params?aggregate=true") == {"a/b": 5, "c": "global"}
    assert client.expect(200, "PATCH", path + "/params", [{"op": "add", "path": "/d", "value": 1}]).json() == \
        {"a/b": 5, "d": 1}
    assert client.expect(200, "POST", path + "/params", {"z": 1}).json() == {"z": 1}
    assert client.expect(200, "DELETE", path + "/params/z").json() == 1
    error = client.error(404, "DELETE", path + "/params/z")
    assert (error["Model"], error["Key"], error["Messages"]) == ("params", "z", ["Not Found"])
    assert client.expect(200, "PATCH", f"meta/{path}", [{"op": "add", "path": "/icon", "value": "x"}]).json() == \
        {"icon": "x"}
    assert client.get(f"meta/{path}") == {"icon": "x"}


def test_values_are_checked_against_their_param(plain):
    plain.put("params", {"Name": "size", "Schema": {"type": "integer", "default": 3}})
    client = Client(plain)
    assert "Expected: integer, given: string" in client.error(422, "POST", "profiles/global/params/size",
                                                              "x")["Messages"][0]
    assert client.get("profiles/global/params/size?aggregate=true") == 3


def test_secure_parameters_stay_closed(plain):
    plain.put("params", {"Name": "secret", "Secure": True})
    client = Client(plain)
    key = base64.b64decode(client.get("profiles/global/pubkey"))
    sent = dict(zip(("Key", "Nonce", "Payload"), (base64.b64encode(part).decode()
                                                  for part in box.seal(key, b'"hidden"'))))
    client.expect(200, "POST", "profiles/global/params/secret", sent)
    assert client.get("profiles/global")["Params"]["secret"] == sent
    assert client.get("profiles/global/params/secret?decode=true") == "hidden"
    client.expect(200, "POST", "profiles/global/params/secret", "clear")
    assert set(client.get("profiles/global/params/secret")) == {"Key", "Nonce", "Payload"}
    assert client.get("profiles/global?decode=true")["Params"]["secret"] == "clear"
    assert client.count("params?Secure=Eq(true)") == 1


def test_boxes_are_those_of_nacl():
    public = pytest.importorskip("nacl.public")
    ours = public.PrivateKey(box.new_key())
    sender, nonce, payload = box.seal(bytes(ours.public_key), b"text" * 50)
    assert public.Box(ours, public.PublicKey(sender)).decrypt(payload, nonce) == b"text" * 50
    theirs = public.PrivateKey.generate()
    sealed = public.Box(theirs, ours.public_key).encrypt(b"back")
    assert box.open_sealed(bytes(ours), bytes(theirs.public_key), sealed.nonce, sealed.ciphertext) == b"back"
    with pytest.raises(box.Corrupted):
        box.open_sealed(bytes(ours), bytes(theirs.public_key), sealed.nonce, b"x" + sealed.ciphertext[1:])


def test_actions(plain):
    one, = machines(plain, "m1")
    plain.actions["machines", "power"] = lambda body, given: {"of": body["Name"], **given}
    client, path = Client(plain), f"machines/{one['Uuid']}/actions"
    assert [offered["Command"] for offered in client.get(path)] == ["power"]
    assert client.expect(200, "POST", path + "/power", {"a": 1}).json() == {"of": "m1", "a": 1}
    assert client.error(404, "GET", path + "/other")["Messages"] == ["other: Not Found"]
    assert client.error(404, "POST", path + "/other")["Type"] == "INVOKE"


# -- the server as a whole

@EVERY
def test_preferences(server, version):
    client = Client(server)
    assert client.get("prefs")["unknownBootEnv"] == "ignore"
    assert client.expect(201, "POST", "prefs", {"logLevel": "info"}).json()["logLevel"] == "info"
    assert {"Name": "logLevel", "Val": "info"}.items() <= client.get("preferences/logLevel").items()
    assert client.get("info")["manager"] is False
    client.expect(422 if version == "3.13" else 201, "POST", "prefs", {"manager": "true"})
    assert client.get("info")["manager"] is (version != "3.13")
    assert client.error(422, "POST", "prefs", {"greg": "1"})["Messages"] == ["Unknown Preference greg"]


@EVERY
def test_content_packages_come_and_go(server, version):
    client = Client(server)
    pack = {"meta": {"Name": "pack", "Version": "v1.2.3"},
            "sections": {"profiles": {"layered": {"Name": "layered", "Params": {"a": 1}}}}}
    with EventStream(client) as events:
        events.register("*.*.*")
        summary = client.expect(201, "POST", "contents", pack).json()
        assert (summary["meta"]["Type"], summary["Counts"]) == ("dynamic", {"profiles": 1})
        seen = [(event["Type"], event["Action"], event["Key"]) for event in events.until_quiet()]
        assert ("contents", "create", "pack") in seen
        assert (("profiles", "create", "layered") in seen) == (version == "4.17")
    layered = client.get("profiles/layered")
    assert (layered["ReadOnly"], layered["Bundle"]) == (True, "pack")
    assert client.error(422, "DELETE", "profiles/layered")["Messages"] == ["readonly: layered"]
    client.error(422, "POST", "profiles/layered/params/a", 2)
    assert client.error(409, "POST", "contents", pack)["Messages"] == ["Content pack already exists"]
    pack["sections"]["profiles"] = {"other": {"Name": "other"}}
    client.expect(200, "PUT", "contents/pack", pack)
    client.expect(404, "GET", "profiles/layered")
    assert client.get("contents/pack")["sections"] == pack["sections"]
    names = [entry["meta"]["Name"] for entry in client.get("contents")]
    assert names == ["BackingStore", "pack", "BasicStore"]
    client.expect(204, "DELETE", "contents/pack")
    client.expect(404, "GET", "profiles/other")
    assert client.error(404, "GET", "contents/pack")["Messages"] == ["No such content store"]
    client.error(404, "PUT", "contents/pack", pack)


def test_packages_that_clash_are_refused(plain):
    plain.put("profiles", {"Name": "mine"})
    pack = {"meta": {"Name": "pack"}, "sections": {"profiles": {"mine": {"Name": "mine"}}}}
    client = Client(plain)
    assert client.error(422, "POST", "contents", pack)["Messages"] == [
        "profiles:mine in layer dynamic-pack would override layer writable-BackingStore"]
    client.expect(201, "POST", "contents?replaceWritable=true", pack)
    assert client.get("profiles/mine")["Bundle"] == "pack"
    client.error(422, "POST", "contents", {"meta": {"Name": "x", "Prerequisites": "absent"}})
    client.error(422, "POST", "contents", {"meta": {"Name": "x", "RequiredFeatures": "wings"}})
    client.error(422, "POST", "contents", {"meta": {}})


def test_an_override_of_basic_content_can_be_taken_back(plain):
    client = Client(plain)
    client.expect(200, "PATCH", "stages/local", [{"op": "replace", "path": "/Description", "value": "mine"}])
    assert client.get("stages/local")["ReadOnly"] is False
    client.expect(200, "DELETE", "stages/local")
    assert client.get("stages/local")["Bundle"] == "BasicStore"


def test_plugin_providers_and_what_they_bring(plain):
    client = Client(plain)
    definition = {"Name": "ipmi", "Version": "v4.1.0", "AutoStart": True, "StoreObjects": {"gadgets": {}},
                  "Content": json.dumps({"meta": {}, "sections": {"params": {"ipmi/mode": {"Name": "ipmi/mode"}}}})}
    script = b"#!/bin/sh\ncat <<'END'\n" + json.dumps(definition).encode() + b"\nEND\n"
    assert client.expect(201, "POST", "plugin_providers/ipmi", script).json() == {"path": "ipmi", "size": len(script)}
    assert client.get("plugin_providers/ipmi")["Version"] == "v4.1.0"
    assert client.get("plugins/ipmi")["Provider"] == "ipmi"
    assert client.get("params/ipmi/mode")["Bundle"] == "ipmi"
    assert "gadgets" in client.get("objects")
    client.expect(201, "POST", "gadgets", {"Id": "g", "Params": {"a": 1}})
    assert client.expect(200, "GET", "plugin_providers/ipmi/binary").data == script
    client.expect(201, "POST", "plugin_providers/other", b"\x7fELF v2.0.1\0")
    assert client.get("plugin_providers/other")["Version"] == "v2.0.1"
    client.expect(200, "DELETE", "plugin_providers/ipmi")
    client.expect(404, "GET", "params/ipmi/mode")


def test_files_and_isos(plain):
    client = Client(plain)
    data = b"content" * 1000
    assert client.expect(201, "POST", "files/a/b", data).json() == {"Path": "/a/b", "Size": len(data)}
    assert client.expect(201, "POST", "isos/x.iso", data).json()["Path"] == "x.iso"
    assert client.get("files") == ["a/"]
    assert client.get("files?all=true") == ["a/b"]
    assert client.get("files?path=a") == ["b"]
    head = client.expect(200, "HEAD", "files/a/b").headers
    assert head["X-DRP-SHA256SUM"] == hashlib.sha256(data).hexdigest()
    assert head["ETag"] == f'"SHA256:{head["X-DRP-SHA256SUM"]}"'
    assert head["Content-Length"] == str(len(data))
    assert client.expect(200, "GET", "files/a/b").data == data
    assert client.expect(206, "GET", "files/a/b", headers={"Range": "bytes=1-3"}).data == data[1:4]
    client.expect(304, "GET", "files/a/b", headers={"If-None-Match": head["ETag"]})
    assert client.error(404, "GET", "files/a")["Messages"] == ["Not a regular file"]
    client.expect(204, "DELETE", "files/a/b")
    assert client.error(404, "DELETE", "files/a/b")["Messages"] == ["Unable to delete"]
    client.expect(404, "GET", "files?path=nowhere")


def test_chunked_uploads(plain):
    end = unverified().wrap_socket(socket.create_connection(("127.0.0.1", plain.api_port), timeout=5))
    with end:
        head = (f"POST /api/v3/files/chunked HTTP/1.1\r\nHost: x\r\nAuthorization: {Client(plain).authorization}\r\n"
                "Transfer-Encoding: chunked\r\n\r\n")
        end.sendall(head.encode() + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert b" 201 " in end.recv(4096)
    assert Client(plain).expect(200, "GET", "files/chunked").data == b"abcde"


def test_an_upgrade_drops_everybody_and_comes_back_newer(plain):
    machines(plain, "m1")
    plain.upgrade_seconds = 0.3
    client = Client(plain)
    with EventStream(client) as events:
        events.register("*.*.*")
        client.expect(201, "POST", "system/upgrade", b"PK\3\4 dr-provision v4.17.5 ")
        with pytest.raises(OSError):
            events.several(2)
    wait_until("connections are refused", lambda: plain._listener is None)
    with pytest.raises(OSError):
        client.get("info")
    wait_until("the server is back", lambda: plain._listener is not None)
    assert client.get("info")["version"] == "v4.17.5"
    one, = client.get("machines")
    assert (one["Name"], one["WorkOrderMode"]) == ("m1", False)
    client.error(422, "POST", "system/upgrade", b"nothing")


def test_an_upgrade_in_steps(newest):
    newest.upgrade_seconds = 0.1
    newest.state.add_collection("gadgets")
    newest.put("gadgets", {"Id": "g"})
    client = Client(newest)
    client.error(404, "POST", "system/upgrade/exec")
    client.expect(201, "POST", "system/upgrade/stage", b"dr-provision v4.17.0")
    client.expect(204, "POST", "system/upgrade/exec")
    client.expect(201, "POST", "system/upgrade/stage", b"dr-provision v4.18.2")
    assert client.get("system/upgrade/status")["Params"]["staged"] is True
    client.expect(202, "POST", "system/upgrade/exec")
    wait_until("the server is back", lambda: newest._listener is not None and newest.version == "v4.18.2")
    assert [one["Id"] for one in client.get("gadgets")] == ["g"]
    with ForeignServer(version="4.8") as older:
        assert Client(older).call("POST", "system/upgrade/stage", b"dr-provision v4.17.0").status == 404


def test_a_server_that_does_not_come_back(plain):
    plain.upgrade_returns, plain.upgrade_seconds, plain.upgrade_to = False, 0, "4.17"
    Client(plain).expect(201, "POST", "system/upgrade", b"anything")
    wait_until("it is gone", lambda: plain._listener is None)
    with pytest.raises(OSError):
        Client(plain).get("info")


def test_versions_without_endpoints_are_no_managers():
    with pytest.raises(ValueError, match="no endpoints"):
        ForeignServer(version="3.13").add_child(ForeignServer())


def test_other_routes(plain):
    client = Client(plain)
    machines(plain, "m1")
    assert any("machines create" in line["Message"] for line in client.get("logs"))
    assert client.get("interfaces/eth0")["Name"] == "eth0"
    assert client.error(404, "GET", "interfaces/no")["Messages"] == ["No interface"]
    assert client.get("system/consensus/state")["Enabled"] is False
    assert client.get("system/consensus/id") == client.get("system/consensus/leader")


def test_what_was_asked_is_told(plain):
    client = Client(plain)
    client.get("machines?limit=3")
    client.expect(404, "GET", "machines/none")
    first, second = plain.asked("GET", "machines")
    assert (first.path, first.user, first.status) == ("/api/v3/machines?limit=3", "rocketskates", 200)
    assert second.status == 404
    plain.faults.set(answer_delay=0.2)
    askers = [threading.Thread(target=client.get, args=("info",)) for _ in range(4)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert plain.max_concurrent == 4


# -- events

@EVERY
def test_events_of_a_life(server, version):
    conduct = versions.VERSIONS[version]
    client = Client(server)
    with EventStream(client) as events:
        ack = events.register("machines.*.*")
        assert (ack["Type"], ack["Action"], ack["Key"]) == ("websocket", "register", "machines.*.*")
        assert ack["Object"] == ""
        one = client.expect(201, "POST", "machines", {"Name": "m1"}).json()
        path = f"machines/{one['Uuid']}"
        client.expect(200, "PATCH", path, [{"op": "replace", "path": "/Description", "value": "x"}])
        client.expect(200, "POST", path + "/params/a", 1)
        server.put("machines", {"Uuid": one["Uuid"], "Description": "y"})
        server.put("machines", {"Uuid": one["Uuid"], "Description": "z"}, silent=True)
        client.expect(200, "DELETE", path)
        seen = events.until_quiet()
    wanted = ["create", *conduct.write_actions, *conduct.part_actions, *conduct.server_actions, conduct.delete_action]
    assert [event["Action"] for event in seen] == wanted
    assert {event["Key"] for event in seen} == {one["Uuid"]}
    assert seen[0]["Object"] == one
    assert seen[0]["Original"] is None
    assert (seen[1]["Original"]["Description"], seen[1]["Object"]["Description"]) == ("", "x")
    assert seen[-1]["Object"]["Description"] == "z"
    assert seen[-1]["Original"] is None
    if version == "3.13":
        assert "Principal" not in seen[0]
    else:
        assert seen[0]["Principal"] == "user:rocketskates"
        assert seen[-2]["Principal"] == "system"
    for event in seen:
        query.moment(event["Time"])


def test_only_what_is_registered_comes(plain):
    with EventStream(Client(plain)) as events:
        events.register("profiles,stages.create,save.*")
        events.register("profiles.*.a.b")
        events.register(r"profiles.update.c\2d")
        plain.put("machines", {"Name": "m"})
        plain.put("profiles", {"Name": "a.b"})
        plain.put("profiles", {"Name": "c,d"}, silent=True)
        plain.put("profiles", {"Name": "c,d", "Description": "x"}, principal="user:x")
        plain.put("profiles", {"Name": "e"}, silent=True)
        plain.put("profiles", {"Name": "e", "Description": "x"}, principal="user:x")
        plain.delete("profiles", "a.b")
        seen = [(event["Action"], event["Key"]) for event in events.until_quiet()]
        assert seen == [("create", "a.b"), ("update", "c,d"), ("delete", "a.b")]
        assert events.register("profiles.*.a.b", "deregister")["Action"] == "deregister"
        events.register("profiles,stages.create,save.*", "deregister")
        plain.put("profiles", {"Name": "a.b"})
        assert events.until_quiet() == []
        assert events.register("nonsense")["Action"] == "error"


def test_posted_events_and_others(plain):
    client = Client(plain)
    with EventStream(client) as events:
        events.register("*.*.*")
        client.expect(204, "POST", "events", {"Type": "beeblebrox", "Action": "created", "Key": "foo", "Object": [1]})
        event = events.next()
        assert (event["Type"], event["Action"], event["Key"], event["Object"]) == \
            ("beeblebrox", "created", "foo", [1])
        client.expect(201, "POST", "prefs", {"defaultStage": "local"})
        event = events.next()
        assert (event["Type"], event["Action"], event["Key"]) == ("preferences", "save", "defaultStage")
        client.expect(201, "POST", "files/x", b"1")
        assert events.next()["Type"] == "files"


def test_websockets_need_a_login(plain):
    with pytest.raises(Refused, match="401"):
        EventStream(Client(plain, password="wrong"))
    token = Client(plain).get("users/rocketskates/token")["Token"]
    by_query = Client(plain)
    by_query.authorization = "None"
    with EventStream(by_query, f"/api/v3/ws?token={token}") as events:
        assert events.register("*.*.*")["Type"] == "websocket"
        assert plain.websockets == 1
        assert plain.registrations() == [["*.*.*"]]
    wait_until("the websocket is closed", lambda: plain.websockets == 0)


def test_events_are_only_for_those_who_may_see_them(plain):
    plain.add_user("nobody", "secret", [])
    with EventStream(Client(plain, "nobody", "secret")) as events:
        events.register("*.*.*")
        machines(plain, "m1")
        assert events.until_quiet() == []


# -- managers

@pytest.fixture
def tree():
    """A manager over a manager over an endpoint: top, middle, leaf."""
    with ForeignServer("top", "4.17") as top, ForeignServer("middle", "4.17") as middle, \
            ForeignServer("leaf", "4.8") as leaf:
        machines(leaf, "l1")
        middle.put("profiles", {"Name": "p"})
        top.put("profiles", {"Name": "p"})
        middle.add_child(leaf)
        top.add_child(middle)
        yield top, middle, leaf
    assert top.failures + middle.failures + leaf.failures == []


def test_objects_of_children_are_shown_with_their_owner(tree):
    top, middle, leaf = tree
    client = Client(top)
    one, = client.get("machines")
    assert (one["Name"], one["Endpoint"]) == ("l1", "leaf")
    assert [(row["Name"], row["Endpoint"]) for row in client.get("profiles?Name=p")] == [("p", ""), ("p", "middle")]
    assert {row["Id"]: row["Endpoint"] for row in client.get("endpoints")} == {"middle": "", "leaf": "middle"}
    assert {row["Endpoint"] for row in client.get("profiles?Name=global")} == {"", "middle", "leaf"}
    assert client.count("machines?Endpoint=leaf") == 1
    assert [row["Endpoint"] for row in middle.seen_by_manager("profiles") if row["Name"] == "p"] == ["middle"]
    assert [row["Endpoint"] for row in middle.seen_by_manager("machines")] == ["leaf"]
    with EventStream(client) as events:
        events.register("machines.*.*")
        new, = machines(leaf, "l2")
        event = events.next()
        assert (event["Action"], event["Key"], event["Object"]["Endpoint"]) == ("create", new["Uuid"], "leaf")
        leaf.delete("machines", new["Uuid"])
        assert events.next()["Action"] == "destroy"
    assert client.count("machines") == 1


def test_changes_at_a_manager_go_to_the_owner(tree):
    top, _, leaf = tree
    client = Client(top)
    path = f"machines/{leaf.objects('machines')[0]['Uuid']}"
    client.expect(200, "PATCH", path, [{"op": "replace", "path": "/Description", "value": "from the top"}])
    assert leaf.objects("machines")[0]["Description"] == "from the top"
    assert client.get(path)["Description"] == "from the top"
    client.expect(200, "POST", path + "/params/a", 1)
    assert client.get(path + "/params") == {"a": 1}
    client.expect(200, "DELETE", path)
    assert client.get("machines") == []


def test_prefixes_lead_to_the_endpoint(tree):
    top, _, leaf = tree
    client = Client(top)
    for prefix in ("/middle/leaf", "/leaf"):
        assert client.get(prefix + "/api/v3/info")["id"] == "leaf"
    assert client.get("/middle/api/v3/info")["id"] == "middle"
    client.expect(201, "POST", "/middle/leaf/api/v3/profiles", {"Name": "q"})
    assert "q" in [one["Name"] for one in leaf.objects("profiles")]
    client.error(404, "GET", "/nobody/api/v3/info")
    leaf.stop()
    client.error(502, "GET", "/leaf/api/v3/info")


def test_websockets_lead_to_the_endpoint(tree):
    top, _, leaf = tree
    for path in ("/api/v3/ws/middle/leaf", "/api/v3/ws/leaf"):
        with EventStream(Client(top), path) as events:
            assert events.register("profiles.*.*")["Type"] == "websocket"
            leaf.put("profiles", {"Name": path[-9:].replace("/", "-")})
            assert events.next()["Object"]["Endpoint"] == ""


def test_a_child_that_leaves_takes_its_objects_along(tree):
    top, middle, _ = tree
    Client(middle).expect(200, "DELETE", "endpoints/leaf")
    client = Client(top)
    assert client.get("machines") == []
    assert [one["Id"] for one in client.get("endpoints")] == ["middle"]


# -- faults

def changes(server, count):
    """So many changes of one machine, and the events that a listener to all of them gets."""
    one, = machines(server, "m")
    with EventStream(Client(server)) as events:
        events.register("machines.*.*")
        for number in range(count):
            server.put("machines", {"Uuid": one["Uuid"], "Description": f"{number}"})
        return [event["Object"] and event["Object"]["Description"] for event in events.until_quiet()]


def test_lost_and_doubled_events(plain):
    plain.faults.set(lose_events=0.5)
    assert 20 < len(changes(plain, 100)) < 80
    plain.faults.set(lose_events=0, duplicate_events=1)
    assert changes(plain, 3) == ["0", "0", "1", "1", "2", "2"]


def test_late_and_reordered_events(plain):
    begun = time.monotonic()
    with plain.faults.on(delay_events=0.2):
        assert changes(plain, 5) == ["0", "1", "2", "3", "4"]
    assert time.monotonic() - begun > 0.2
    with plain.faults.on(reorder_events=0.2):
        seen = changes(plain, 30)
    assert sorted(seen, key=int) == [str(number) for number in range(30)] != seen


def test_bare_and_stale_events(plain):
    with plain.faults.on(bare_events=1):
        assert changes(plain, 2) == [None, None]
    with plain.faults.on(stale_events=1):
        assert changes(plain, 2) == ["", "0"]


def test_events_in_pieces_and_broken_ones(plain):
    with EventStream(Client(plain)) as events:
        events.register("profiles.*.*")
        with plain.faults.on(fragment_events=100):
            made = plain.put("profiles", {"Name": "p"})
            assert events.next()["Object"] == made
        assert events.frames > 3
        with plain.faults.on(invalid_events=1):
            plain.put("profiles", {"Name": "q"})
            with pytest.raises(ValueError):
                events.next()


def test_the_same_seed_loses_the_same_events():
    seen = []
    for _ in range(2):
        with ForeignServer(seed=7) as server:
            server.faults.set(lose_events=0.3)
            seen.append(changes(server, 50))
    assert seen[0] == seen[1]


def test_lists_that_lie(plain):
    machines(plain, *(f"m{number:02d}" for number in range(20)))
    client = Client(plain)
    honest = client.get("machines")
    faults = plain.faults
    with faults.on(ignore_filters=("Gt",)):
        assert client.get(f"machines?Key=Gt({honest[10]['Uuid']})") == honest
        assert len(client.get("machines?Name=Eq(m01)")) == 1
    with faults.on(ignore_sort=True):
        assert client.get("machines?sort=Name&reverse=true") == honest
    with faults.on(wrong_order=True):
        shuffled = client.get("machines")
        assert shuffled != honest
        assert sorted(shuffled, key=lambda one: one["Uuid"]) == honest
    with faults.on(cap_limit=7):
        assert client.get("machines?limit=15") == honest[:7]
    with faults.on(repeat_entries=0.5):
        assert 20 < len(client.get("machines")) < 40
    with faults.on(odd_entries=0.5):
        odd = client.get("machines")
        assert len(odd) == 20
        assert 2 < len([one for one in odd if one in honest]) < 18
    with faults.on(count_error=-5):
        assert client.count("machines") == 15
    with faults.on(huge_objects=100000):
        assert len(client.get("machines?limit=1")[0]["Description"]) == 100000
        assert len(client.get(f"machines/{honest[0]['Uuid']}")["Description"]) == 100000
    assert client.get("machines") == honest


def test_pages_that_shift(plain):
    machines(plain, *(f"m{number:02d}" for number in range(20)))
    client = Client(plain)
    called = []
    with plain.faults.on(churn_pages=3, between_pages=lambda *what: called.append(what[1:])):
        sizes = [client.count("machines")]
        for offset in range(0, 20, 10):
            client.get("machines", limit=10, offset=offset)
        wait_until("the page is over", lambda: len(called) == 2)
        sizes.append(client.count("machines"))
    assert sizes == [20, 23]
    assert called == [("machines", 0), ("machines", 10)]


def test_objects_that_change_between_page_and_event(plain):
    machines(plain, "m1", "m2")
    client = Client(plain)
    with EventStream(client) as events, plain.faults.on(touch_pages=2):
        events.register("machines.*.*")
        page = client.get("machines")
        seen = events.several(2)
    assert [one["Description"] for one in page] == ["", ""]
    assert [event["Object"]["Description"] for event in seen] == ["touched 1", "touched 2"]


def test_a_restart_in_the_middle_of_a_page(plain):
    plain.populate(200)
    plain.faults.set(restart_in_page=2, restart_pause=0.1)
    client = Client(plain)
    assert len(client.get("machines?limit=50")) == 50
    with pytest.raises((OSError, http.client.HTTPException)):
        client.get("machines?limit=50&offset=50")

    def back():
        try:
            return client.count("machines") == 200
        except OSError:
            return False
    wait_until("it is back", back)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_requests_that_fail(plain, status):
    client = Client(plain)
    with plain.faults.on(fail_share=0.5, fail_status=status, retry_after=2, fail_paths="machines"):
        replies = [client.call("GET", "machines") for _ in range(40)]
        failed = [reply for reply in replies if reply.status == status]
        assert 5 < len(failed) < 35
        assert failed[0].headers["Retry-After"] == "2"
        assert failed[0].json()["Code"] == status
        assert client.call("GET", "info").status == 200
    assert plain.faults.counts["fail_share"] == len(failed)


def test_bodies_that_break(plain):
    plain.populate(50)
    client = Client(plain)
    with plain.faults.on(cut_body=1), pytest.raises(Exception, match="IncompleteRead"):
        client.get("machines")
    with plain.faults.on(invalid_json=1), pytest.raises(ValueError):
        client.get("machines")
    with plain.faults.on(trickle=2000):
        begun = time.monotonic()
        assert len(client.get("machines?limit=1")) == 1
        assert time.monotonic() - begun > 0.2
    assert len(client.get("machines")) == 50


def test_an_answer_that_never_ends(plain):
    client = Client(plain)
    end = unverified().wrap_socket(socket.create_connection(("127.0.0.1", plain.api_port), timeout=5))
    with end, plain.faults.on(endless=1):
        head = f"GET /api/v3/machines HTTP/1.1\r\nHost: x\r\nAuthorization: {client.authorization}\r\n\r\n"
        end.sendall(head.encode())
        got = b""
        begun = time.monotonic()
        while time.monotonic() - begun < 0.5:
            got += end.recv(4096)
    assert got.startswith(b"HTTP/1.1 200")
    assert got.count(b"\r\n40\r\n") > 5
    client.get("machines")


def test_websockets_that_say_nothing(plain):
    client = Client(plain)
    with EventStream(client) as events:
        events.register("*.*.*")
        with plain.faults.on(silent_websocket=True):
            events.say("register machines.*.*")
            machines(plain, "m1")
            assert events.next(0.3) is None
    with EventStream(client) as events, plain.faults.on(no_acks=True):
        events.say("register machines.*.*")
        assert events.next(0.2) is None
        machines(plain, "m2")
        assert events.next()["Type"] == "machines"
    with plain.faults.on(refuse_websocket=503), pytest.raises(Refused, match="503"):
        EventStream(client)
    with EventStream(client) as events:
        events.register("*.*.*")
        plain.cut_websockets()
        with pytest.raises(OSError):
            events.next()


def test_a_listener_that_does_not_read_is_dropped(plain, monkeypatch):
    monkeypatch.setattr("sockets.MOST_WAITING", 50)
    with EventStream(Client(plain)) as events:
        events.register("*.*.*")
        big = "x" * 200000
        one, = machines(plain, "m1")
        for number in range(200):
            plain.put("machines", {"Uuid": one["Uuid"], "Description": f"{number}{big}"})
        wait_until("it is dropped", lambda: plain.websockets == 0)


def test_acknowledgements_that_come_too_often(plain):
    with plain.faults.on(extra_acks=2), EventStream(Client(plain)) as events:
        events.say("register machines.*.*")
        assert [(one["Type"], one["Key"]) for one in events.several(3)] == [("websocket", "machines.*.*")] * 3


def test_answers_that_show_another_object(plain):
    client = Client(plain)
    plain.put("profiles", {"Name": "one"})
    plain.put("profiles", {"Name": "two"})
    with plain.faults.on(other_objects=1):
        assert client.get("profiles/one")["Name"] != "one"
    assert client.get("profiles/one")["Name"] == "one"


def test_a_clock_that_is_wrong(newest):
    with newest.faults.on(clock_offset=-86400 * 400):
        old = newest.put("profiles", {"Name": "old"})
    new = newest.put("profiles", {"Name": "new"})
    assert old["CreatedAt"] < new["CreatedAt"]
    assert int(old["CreatedAt"][:4]) < int(new["CreatedAt"][:4])
    with newest.faults.on(clock_jumps=3600):
        stamps = [newest.put("profiles", {"Name": "new", "Description": f"{n}"})["LastModifiedAt"] for n in range(20)]
    assert stamps != sorted(stamps)


def test_logins_that_are_taken_away(plain):
    client = Client(plain)
    token = client.get("users/rocketskates/token")["Token"]
    plain.revoke_tokens()
    Client(plain, token=token).expect(401, "GET", "info")
    with plain.faults.on(refuse_tokens=True):
        fresh = Client(plain, token=client.get("users/rocketskates/token")["Token"])
        fresh.expect(401, "GET", "info")
    fresh.expect(200, "GET", "info")
    with plain.faults.on(refuse_logins=True):
        client.expect(401, "GET", "info")
        fresh.expect(200, "GET", "info")


def test_rights_that_are_taken_away(plain):
    one, = machines(plain, "m1")
    client = Client(plain)
    with EventStream(client) as events:
        events.register("machines.*.*")
        with plain.faults.on(forbid=("machines",)):
            assert client.error(403, "GET", "machines")["Type"] == "AUTH"
            client.error(403, "GET", f"machines/{one['Uuid']}")
            client.get("profiles")
            machines(plain, "m2")
            assert events.until_quiet() == []
    with plain.faults.on(hide=("machines",)):
        assert client.get("machines") == []
        client.error(404, "GET", f"machines/{one['Uuid']}")
    assert len(client.get("machines")) == 2


def test_a_tenant_hides_what_it_does_not_list(plain):
    one, two = machines(plain, "m1", "m2")
    plain.add_user("tenant", "secret")
    client = Client(plain, "tenant", "secret")
    assert len(client.get("machines")) == 2
    plain.put("tenants", {"Name": "t", "Users": ["tenant"], "Members": {"machines": [one["Uuid"]]}})
    assert [row["Uuid"] for row in client.get("machines")] == [one["Uuid"]]
    client.error(404, "GET", f"machines/{two['Uuid']}")
    assert len(Client(plain).get("machines")) == 2
    client.get("profiles")
    plain.delete("tenants", "t")
    assert len(client.get("machines")) == 2


def test_another_certificate_and_another_server(plain):
    machines(plain, "m1")
    first = fingerprint(plain)
    plain.change_certificate()
    second = fingerprint(plain)
    assert first != second
    port = plain.api_port
    plain.replace("52:54:00:00:00:99", "4.17")
    client = Client(plain)
    assert plain.api_port == port
    assert client.get("info")["id"] == "52:54:00:00:00:99"
    assert client.get("machines") == []
    assert fingerprint(plain) not in (first, second)
    with plain.faults.on(info_lies={"id": "other", "ha_id": None}):
        assert client.get("info")["ha_id"] is None


def test_connections_that_are_refused(plain):
    client = Client(plain)
    with plain.faults.on(refuse_connections=True), pytest.raises((OSError, ssl.SSLError)):
        client.get("info")
    with plain.faults.on(handshake_delay=0.2):
        begun = time.monotonic()
        client.get("info")
        assert time.monotonic() - begun > 0.2


def test_restarts_keep_the_state_or_not(plain):
    machines(plain, "m1")
    client = Client(plain)
    token = client.get("users/rocketskates/token")["Token"]
    plain.restart()
    assert len(Client(plain, token=token).get("machines")) == 1
    plain.restart(reset=True)
    assert client.get("machines") == []
    Client(plain, token=token).expect(401, "GET", "info")


def test_every_fault_is_described_and_unknown_ones_are_none(plain):
    assert all(meaning for _, meaning in FAULTS.values())
    with pytest.raises(AttributeError):
        plain.faults.set(nonsense=1)
    plain.faults.set(lose_events=1, hide=("machines",))
    plain.faults.clear()
    assert all(getattr(plain.faults, name) == off for name, (off, _) in FAULTS.items())


# -- by hand

def test_it_runs_by_hand():
    command = [sys.executable, versions.__file__.replace("versions.py", "server.py"), "--version", "4.8", "--id",
               "site-1", "--machines", "3", "--fault", "cap_limit=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline()
            assert said.startswith("site-1 v4.8.0 at https://127.0.0.1:")

            class There:
                url = said.split(" at ")[1].split(",")[0]
            assert len(Client(There).get("machines")) == 2
        finally:
            process.terminate()


def test_version_texts_find_their_conduct():
    for text, like in (("v4.9.1", "4.8"), ("v4.17.3-alpha", "4.17"), ("4.6.7", "3.13"), ("v5.0.0", "4.17")):
        found = versions.version_of(text)
        assert found.prefixes == versions.VERSIONS[like].prefixes
        assert found.text.lstrip("v") == text.lstrip("v")
    for conduct in versions.VERSIONS.values():
        assert "replication-stream" not in conduct.features
