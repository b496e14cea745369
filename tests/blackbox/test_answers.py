"""Answers that clients and scripts of others rely on: reasons, counts, owners, what is always there, and when an answer comes."""
import base64
import json
import os
import socket
import ssl
import subprocess
import time

import pytest

import provider_scripts as scripts
from harness import BINARY, PASSWORD, USER, Site, expect, wait_until
from test_rights import caller_with


@pytest.fixture(scope="module")
def world():
    """An endpoint and a manager over it."""
    site = Site()
    leaf, manager = site.start("leaf", "top")
    manager.become_manager().attach(leaf)
    yield {"leaf": leaf, "manager": manager}
    site.close()


@pytest.fixture
def leaf(world):
    return world["leaf"]


@pytest.fixture
def manager(world):
    return world["manager"]


def upload(server, name, program):
    return server.call("POST", f"plugin_providers/{name}", program.encode(), headers={"Content-Type": "application/octet-stream"})


# -- refusals

@pytest.mark.parametrize("prefix", ["", "/leaf"])
def test_a_broken_body_is_the_fault_of_who_sends_it(leaf, manager, prefix):
    """Through a manager, too: its next hop did nothing wrong, and is there."""
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for chunks in ("zz\r\n", "5\r\n{\"Nam\r\nzz\r\n", "-1\r\n"):
        with socket.create_connection(("127.0.0.1", manager.api_port), 30) as plain, context.wrap_socket(plain) as line:
            line.sendall(f"POST {prefix}/api/v3/profiles HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\n"
                         f"Transfer-Encoding: chunked\r\n\r\n{chunks}".encode())
            answer = b"".join(iter(lambda: line.recv(65536), b"")).decode()
        head, _, body = answer.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 400 "), answer
        assert json.loads(body)["Messages"][0].startswith("broken request body"), answer
        assert "X-Mullion-Unreachable" not in head
    assert manager.status("leaf") == "Connected"

@pytest.mark.parametrize("path,status", [("machines/nobody", 404), ("machines?Runnable=Lt(1)", 406), ("nowhere", 404), ("jobs/none/log", 404)])
def test_refusals_of_head_say_what_get_says(leaf, path, status):
    told = expect(status, leaf.call("GET", path)).json()["Messages"]
    assert expect(status, leaf.call("HEAD", path)).headers["X-Mullion-Error"] == "; ".join(told)
    assert "X-Mullion-Error" not in leaf.call("HEAD", "machines").headers


def test_a_wrong_password_is_said_by_commands_that_only_count(leaf):
    environment = {**os.environ, "RS_ENDPOINT": leaf.url, "RS_KEY": f"{USER}:wrong", "HOME": str(leaf.root)}
    done = subprocess.run([BINARY, "-x", "machines", "count"], env=environment, capture_output=True, text=True, timeout=30)
    said = leaf.call("GET", "machines", auth=(USER, "wrong")).json()["Messages"][0]
    assert done.returncode == 1 and said in done.stderr


def test_refusals_name_the_object_as_the_client_did(leaf):
    uuid = leaf.create("machines", {"Name": "asked-for"})["Uuid"]
    reader = caller_with(leaf, ("machines", "get", "*"))
    for spelled in ("Name:asked-for", uuid):
        refused = expect(403, reader.call("PATCH", f"machines/{spelled}", [{"op": "add", "path": "/Description", "value": "x"}]))
        assert refused.json()["Messages"][1] == f"Requires: machines update {spelled}"
        refused = expect(403, reader.call("GET", f"machines/{spelled}?decode=true"))
        assert refused.json()["Messages"][1] == f"Requires: machines getSecure {spelled}"


# -- lists

def test_heads_of_lists_tell_three_counts(leaf):
    for number in range(5):
        leaf.create("profiles", {"Name": f"counted-{number}"})
    counts = {"X-DRP-LIST-COUNT": 2, "X-DRP-LIST-FILTER-COUNT": 5, "X-DRP-LIST-TOTAL-COUNT": leaf.count("profiles")}
    for method in ("GET", "HEAD"):
        headers = expect(200, leaf.call(method, "profiles?Name=Re(counted)&limit=2&offset=1")).headers
        assert {name: int(headers[name]) for name in counts} == counts
    headers = leaf.call("HEAD", "profiles?Name=Re(counted)&limit=2&offset=4").headers
    assert headers["X-DRP-LIST-COUNT"] == "1"


def test_an_own_account_is_opened_by_name_and_listed_by_right(leaf):
    plain = caller_with(leaf)
    assert plain.get("users") == [] and plain.count("users") == 0
    assert plain.get(f"users/{plain.user}")["Name"] == plain.user
    reading = caller_with(leaf, ("users", "get", "*"))
    assert reading.user in {user["Name"] for user in reading.get("users")}


# -- changes that a manager passes on

def test_what_is_changed_below_an_owner_says_whose_it_is(leaf, manager):
    path = f"/{leaf.id}/api/v3/profiles"
    made = expect(201, manager.call("POST", path, {"Name": "passed-on"})).json()
    assert (made["Endpoint"], leaf.get("profiles/passed-on")["Endpoint"]) == (leaf.id, "")
    wait_until("the manager has it", lambda: manager.call("GET", "profiles/passed-on").status_code == 200)
    patch = [{"op": "add", "path": "/Description", "value": "x"}]
    for answer in (manager.call("PATCH", path + "/passed-on", patch), manager.call("PATCH", "profiles/passed-on", patch),
                   manager.call("PUT", path + "/passed-on", {**made, "Description": "y"}), manager.call("DELETE", path + "/passed-on")):
        assert expect(200, answer).json()["Endpoint"] == leaf.id


# -- secrets of machines

def test_the_secret_that_a_client_set_is_read_by_those_who_may(leaf, manager):
    made = leaf.create("machines", {"Name": "secretive", "Secret": "chosen one"})
    path = f"machines/{made['Uuid']}"
    assert made["Secret"] == "chosen one" == leaf.get(path)["Secret"]
    assert leaf.get("machines?Name=secretive") == [leaf.get(path)] == [made]
    reader, trusted = caller_with(leaf, ("machines", "list,get", "*")), caller_with(leaf, ("machines", "list,get,getSecure", "*"))
    assert reader.get(path)["Secret"] == "" and reader.get("machines?Name=secretive")[0]["Secret"] == ""
    assert trusted.get(path)["Secret"] == "chosen one" == trusted.get("machines?Name=secretive")[0]["Secret"]
    wait_until("the manager has it", lambda: manager.call("GET", path).status_code == 200)
    assert manager.get(path)["Secret"] == "", "secrets are not replicated"
    # What was shown is written back and changes nothing; a patch may test it.
    assert expect(200, leaf.call("PUT", path, made)).json() == made
    assert leaf.patch(path, ("test", "/Secret", "chosen one"), ("add", "/Description", "x"))["Secret"] == "chosen one"
    # It is used: another one ends the machine's tokens.
    token = leaf.get(f"{path}/token")["Token"]
    bearer = {"Authorization": f"Bearer {token}"}
    expect(200, leaf.call("GET", path, headers=bearer, auth=lambda request: request))
    leaf.patch(path, ("replace", "/Secret", "another one"))
    expect(401, leaf.call("GET", path, headers=bearer, auth=lambda request: request))
    assert leaf.delete(path).json()["Secret"] == "another one"


def test_the_secret_that_the_server_made_is_shown_to_nobody(leaf):
    made = leaf.create("machines", {"Name": "unasked"})
    path = f"machines/{made['Uuid']}"
    assert made["Secret"] == leaf.get(path)["Secret"] == leaf.get(path + "?decode=true")["Secret"] == ""


# -- what is always there

def test_the_pool_that_machines_are_in_is_there(leaf):
    uuid = leaf.create("machines", {"Name": "pooled"})["Uuid"]
    assert leaf.get(f"machines/{uuid}")["Pool"] == leaf.get("pools/default")["Id"] == "default"
    assert uuid in {machine["Uuid"] for machine in leaf.get("pools/default/status")["Free"]}
    assert "embedded-pool" in leaf.get("info")["features"]
    assert leaf.patch("pools/default", ("add", "/Description", "ours"))["Description"] == "ours" == leaf.get("pools/default")["Description"]
    assert leaf.call("DELETE", "pools/default").status_code == 409, "machines are in it"


def test_the_writable_layer_holds_every_preference_and_no_provider(leaf):
    expect(201, upload(leaf, "listed", scripts.shell(scripts.definition("listed"))))
    document = leaf.get("contents/BackingStore")
    assert "plugin_providers" not in document["sections"]
    shown = leaf.get("prefs")
    found = document["sections"]["preferences"]
    assert {name: entry["Val"] for name, entry in found.items()} == shown and len(shown) > 10
    assert all(entry["Name"] == name and entry["Meta"] == {} for name, entry in found.items())
    assert found["systemGrantorSecret"]["Val"] == "********"
    counts = next(each for each in leaf.get("contents") if each["meta"]["Name"] == "BackingStore")["Counts"]
    assert counts["preferences"] == len(shown) and "plugin_providers" not in counts


def test_the_plugin_of_the_manager_is_where_a_manager_is(leaf, manager):
    assert leaf.call("GET", "plugins/manager").status_code == 404
    assert manager.get("plugins/manager")["Provider"] == "manager"


@pytest.mark.parametrize("name", ["heap", "goroutine", "allocs", "heapdump", "threadcreate", "profile?seconds=0", "trace?seconds=0"])
def test_names_of_debug_facts_of_other_servers_answer(leaf, name):
    assert expect(200, leaf.call("GET", f"debug/{name}")).json()


def test_the_server_tells_its_version(tmp_path, leaf):
    program = tmp_path / "dr-provision"
    program.symlink_to(BINARY.resolve())
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, leaf.get("info")["version"] + "\n")


def test_who_logged_in_stands_in_the_log(leaf):
    leaf.create("users", {"Name": "seen-coming", "Roles": ["superuser"]})
    expect(200, leaf.call("PUT", "users/seen-coming/password", {"Password": "pw"}))
    expect(200, leaf.call("GET", "info", auth=("seen-coming", "pw")))
    line = next(line for line in leaf.get("logs") if line["Message"].startswith("Authenticated user seen-coming from 127.0.0.1"))
    assert line["Level"] == "audit"


# -- routes that 4.17 knows

@pytest.mark.parametrize("prefix", ["contexts", "roles", "tenants", "catalog_items"])
def test_more_types_have_actions(leaf, prefix):
    field = "Id" if prefix == "catalog_items" else "Name"
    leaf.create(prefix, {field: "with-actions"})
    assert leaf.get(f"{prefix}/with-actions/actions") == []
    expect(404, leaf.call("POST", f"{prefix}/with-actions/actions/none", {}))


@pytest.mark.parametrize("prefix,body", [("subnets", {"Name": "bearing", "Subnet": "10.77.0.0/24", "OnlyReservations": True}),
                                         ("reservations", {"Addr": "10.77.0.9", "Token": "t", "Strategy": "MAC"})])
def test_networks_have_parameters(leaf, prefix, body):
    leaf.create(prefix, body)
    key = body.get("Name", body.get("Addr"))
    assert leaf.get(f"{prefix}/{key}/params") == {}
    expect(200, leaf.call("POST", f"{prefix}/{key}/params/a/b", "[1]"))
    assert leaf.get(f"{prefix}/{key}/params/a/b") == [1] == leaf.get(f"{prefix}/{key}")["Params"]["a/b"]
    assert leaf.get(f"{prefix}/{key}/pubkey")
    assert len(leaf.get(f"{prefix}?a/b=Eq([1])")) == 1
    leaf.delete(f"{prefix}/{key}")


def test_a_put_need_not_repeat_the_key(leaf):
    made = leaf.create("reservations", {"Addr": "10.78.0.9", "Token": "put", "Strategy": "MAC"})
    for spelled in ("10.78.0.9", "0A4E0009"):
        body = {name: value for name, value in made.items() if name != "Addr"}
        assert expect(200, leaf.call("PUT", f"reservations/{spelled}", body)).json() == made
    leaf.delete("reservations/10.78.0.9")


def test_machines_start_and_are_cleaned_up(leaf):
    leaf.create("workflows", {"Name": "of-starts", "Stages": ["local"]})
    uuid = leaf.create("machines", {"Name": "starts"})["Uuid"]
    started = expect(200, leaf.call("PATCH", f"machines/{uuid}/start", [{"op": "replace", "path": "/Workflow", "value": "of-starts"}])).json()
    assert (started["Workflow"], started["Runnable"]) == ("of-starts", False)
    expect(204, leaf.call("POST", f"machines/{uuid}/pick/runner", {}))
    assert expect(200, leaf.call("DELETE", f"machines/{uuid}/cleanup")).json()["Uuid"] == uuid
    expect(404, leaf.call("GET", f"machines/{uuid}"))


# -- plugins

def test_a_plugin_can_be_used_when_its_creation_is_answered(leaf, tmp_path):
    notes = tmp_path / "notes"
    notes.touch()
    expect(201, upload(leaf, "prompt", scripts.obedient("prompt", notes, actions=[["profiles", "ready"]], auto_start=False)))
    made = leaf.create("plugins", {"Name": "prompt-one", "Provider": "prompt"})
    assert (made["Available"], made["PluginErrors"]) == (True, [])
    expect(200, leaf.call("POST", "profiles/global/actions/ready", {}))
    leaf.delete("plugins/prompt-one")
    expect(201, upload(leaf, "prompt", scripts.obedient("prompt", notes, actions=[["profiles", "ready"]])))
    expect(200, leaf.call("POST", "profiles/global/actions/ready", {}))
    leaf.delete("plugins/prompt")
    leaf.delete("plugin_providers/prompt")


def test_a_plugin_that_takes_its_time_is_answered_all_the_same(leaf):
    """A program that defines itself and then says nothing."""
    silent = scripts.shell(scripts.definition("silent", AutoStart=False), listen="exec sleep 600")
    expect(201, upload(leaf, "silent", silent))
    begin = time.monotonic()
    made = leaf.create("plugins", {"Name": "silent-one", "Provider": "silent"})
    assert made["Available"] is False and made["PluginErrors"] == ["The plugin is starting"]
    assert time.monotonic() - begin < 25
    leaf.delete("plugins/silent-one")


@pytest.mark.parametrize("call", ["define", "unpack"])
def test_a_provider_that_fails_is_refused_in_its_own_words(leaf, call):
    program = f"#!/bin/sh\nif [ \"$1\" = {call} ]; then echo on the way >&2; echo 'no licence for \033[1mthis' \"$RS_TOKEN\" >&2; exit 3; fi\n" \
              + scripts.definition("wordy") + "\n"
    refused = expect(422, upload(leaf, "wordy", program)).json()["Messages"]
    assert refused == [f"{call}: ended with exit code 3: on the way\\x0ano licence for \\x1b[1mthis ********"]


def test_what_a_pack_says_of_itself_stands_in_the_meta_of_its_provider(leaf):
    content = '{"meta": {"Name": "spoken", "Author": "Somebody", "DisplayName": "Spoken", "Color": "red", "Icon": "bell"}, "sections": {}}'
    expect(201, upload(leaf, "spoken", scripts.shell(scripts.definition("spoken", Content=content, Meta={"color": "blue"}))))
    meta = leaf.get("plugin_providers/spoken")["Meta"]
    assert meta["Author"] == "Somebody" and meta["DisplayName"] == "Spoken" and meta["Type"] == "plugin"
    assert (meta["color"], meta["icon"]) == ("blue", "bell")
