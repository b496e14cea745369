"""Every answer of every route is what the types of the public v4.8 Go client can read, whatever the server's id is."""
import json
import re

import pytest
import websocket
import yaml

import harness
from go_types import PREFIXES, knows, problems
from harness import expect
from samples import NEEDED, TAKEN, key_of

SCHEMA = harness.ROOT / "schema"
ROUTES = yaml.safe_load((SCHEMA / "routes.yaml").read_text())["routes"]
ANSWERS = yaml.safe_load((SCHEMA / "answers.yaml").read_text())["handlers"]
OBJECTS = {entry["prefix"]: entry for entry in
           (yaml.safe_load(path.read_text()) for path in sorted((SCHEMA / "objects").glob("*.yaml")))}
NEEDS = {"meta": lambda entry: "Meta" in entry["mixins"], "params": lambda entry: "has_params_api" in entry["traits"],
         "actions": lambda entry: entry.get("actions_path") == "actions",
         "plugin_actions": lambda entry: entry.get("actions_path") == "plugin_actions",
         "create": lambda entry: "client_create" in entry["traits"],
         "update": lambda entry: "client_update" in entry["traits"],
         "delete": lambda entry: "client_delete" in entry["traits"]}
# What the client reads where schema/answers.yaml says less than it could.
READ_AS = {"show_pool_status": "map of list of PoolResult", "list_actions": "list of AvailableAction",
           "list_system_actions": "list of AvailableAction", "list_preferences": "map of string"}
CONSENSUS = {"id": "uuid", "leader": "uuid", "active": "uuid", "peers": "list of NodeInfo", "state": "CurrentHAState",
             "fullstate": "CurrentHAState", "introduction": "GlobalHaState"}
# No JSON, or nothing that a request of its own can show.
SILENT = {"open_websocket", "open_owner_websocket", "open_replication_stream", "front_page", "open_ux", "show_ux",
          "redirect_home", "show_openapi", "upgrade_server", "make_backup", "download_provider", "remove_provider",
          "upload_provider", "list_indexes", "show_index_debug", "show_debug", "replace_certificate",
          "enroll_member"}  # the last one makes a member of the server, which starts anew


def filled(prefix, machine):
    """An object with something in every member that has a form of its own."""
    field = OBJECTS[prefix]["key"]["field"]
    body = {field: key_of(prefix, field), **NEEDED.get(prefix, dict)()}
    for (owner, name), values in TAKEN.items():
        if owner == prefix and name != field and "${" not in json.dumps(values[-1]):
            body.setdefault(name, values[-1])
    if "Machine" in body:
        body["Machine"] = machine
    if prefix == "leases":
        body |= {"Token": "t-" + body["Addr"], "Strategy": "MAC", "ExpireTime": "2030-01-02T03:04:05Z", "Via": "10.0.0.1"}
    if prefix == "machines":
        for name in ("Uuid", "Profiles", "Tasks", "CurrentTask", "Workflow", "Locked"):
            body.pop(name, None)
    return body


class Reader:
    """Asks a server and reads what it answers as the client does."""

    def __init__(self, server):
        self.server, self.read, self.found = server, set(), []
        machine = server.create("machines", {"Name": "reader"})["Uuid"]
        self.keys = {}
        for prefix, entry in OBJECTS.items():
            if "client_create" not in entry["traits"]:
                continue
            body = filled(prefix, machine)
            answer = server.call("POST", prefix, body)
            if answer.status_code != 201:  # members that do not go together; the key alone does
                body = {name: body[name] for name in ({entry["key"]["field"]} | set(NEEDED.get(prefix, dict)()))}
                body |= {"Machine": machine, "State": "created"} if prefix == "jobs" else {}
                answer = expect(201, server.call("POST", prefix, body))
            self.take("create_object", entry["type"] if prefix in PREFIXES else "any", answer)
            self.keys[prefix] = answer.json()[entry["key"]["field"]]
        self.keys |= {"interfaces": "lo", "plugin_providers": "none", "preferences": "none"}

    def take(self, handler, word, answer):
        self.read.add(handler)
        kind = answer.headers.get("Content-Type", "")
        if not answer.content or "json" not in kind:
            return
        word = "Error" if answer.status_code >= 400 else word
        where = f"{answer.request.method} {answer.request.path_url} {answer.status_code} as {word}"
        self.found += [f"{where}: {problem}" for problem in problems(answer.json(), word)]

    def word_of(self, handler, answer, prefix):
        if handler in READ_AS:
            return READ_AS[handler]
        word = ANSWERS.get(handler, {}).get("answers", {}).get(answer.status_code, "any")
        word = word.replace("{type}", OBJECTS[prefix]["type"] if prefix else "any")
        return word if knows(word) else "any"

    def ask(self, route, prefix=None):
        path = route["path"].replace("{prefix}", prefix or "")
        about = prefix or route.get("collection")
        if about:
            path = re.sub(r"\{(id|rest\.\.\.)\}", lambda found: self.value(route, found[1], about), path, count=1)
        path = re.sub(r"\{(\w+)(\.\.\.)?\}", "none", path)
        for method in route["methods"]:
            if method == "DELETE":
                continue
            body = [] if method == "PATCH" else {} if route.get("body") == "json" else None
            answer = self.server.call(method, path.lstrip("/"), body)
            self.take(route["handler"], self.word_of(route["handler"], answer, prefix), answer)

    def value(self, route, name, about):
        behind_key = "/{id}/" in route["path"] and name == "rest..."
        return "none" if behind_key else str(self.keys.get(about, "none"))


def run(server):
    reader = Reader(server)
    for route in ROUTES:
        if route["handler"] in SILENT or route.get("root"):
            continue
        if "{prefix}" not in route["path"]:
            if route["handler"] != "show_consensus":
                reader.ask(route)
            continue
        for prefix, entry in OBJECTS.items():
            if prefix in reader.keys and NEEDS.get(route.get("needs", ""), lambda entry: True)(entry):
                reader.ask(route, prefix)
    for what, word in CONSENSUS.items():
        reader.take("show_consensus", word, expect(200, server.call("GET", f"system/consensus/{what}")))
    reader.take("list_indexes", "map of map of Index", expect(200, server.call("GET", "indexes")))
    reader.take("show_object", "UserToken", expect(200, server.call("GET", "users/rocketskates/token")))
    return reader


@pytest.mark.parametrize("name", ["leaf", "manager"])
def test_every_answer_is_read(world, name):
    reader = run(getattr(world, name))
    assert not reader.found, "\n".join(reader.found[:40])
    asked = {route["handler"] for route in ROUTES if not route.get("root")} - SILENT
    deleting = {route["handler"] for route in ROUTES if route["methods"] == ["DELETE"]}
    assert asked - deleting <= reader.read, f"not asked: {sorted(asked - deleting - reader.read)}"


def test_a_manager_shows_what_its_endpoints_have(world):
    for prefix, word in PREFIXES.items():
        if prefix in ("preferences",):
            continue
        answer = expect(200, world.manager.call("GET", prefix))
        assert not problems(answer.json(), f"list of {word}"), prefix


def test_events_are_read(world):
    import ssl
    address = world.leaf.url.replace("https", "wss") + "/api/v3/ws"
    token = world.leaf.get("users/rocketskates/token")["Token"]
    socket = websocket.create_connection(address, header={"Authorization": f"Bearer {token}"}, timeout=20,
                                         sslopt={"cert_reqs": ssl.CERT_NONE})
    try:
        socket.send("register machines.*.*")
        uuid = world.leaf.create("machines", {"Name": "heard"})["Uuid"]
        world.leaf.delete(f"machines/{uuid}")
        heard = []
        while len(heard) < 2:
            event = json.loads(socket.recv())
            assert not problems(event, "Event")
            if event["Type"] == "machines":
                heard.append(event["Action"])
                assert not problems(event["Object"], "Machine")
        assert heard == ["create", "delete"]
    finally:
        socket.close()


def test_ids_of_clusters_are_uuids_of_the_server(world):
    """The id of an endpoint may be any text; what the client reads into a UUID is one, and stays the same."""
    info = world.leaf.get("info")
    node = info["ClusterState"]["Nodes"][0]["ConsensusID"]
    assert info["id"] == world.leaf.id and len(node) == 36
    assert {node, info["ha_consensus_id"], world.leaf.get("system/consensus/id"),
            world.leaf.get("system/consensus/state")["ConsensusID"]} == {node}
    assert world.manager.get("info")["ClusterState"]["Nodes"][0]["ConsensusID"] != node


@pytest.mark.parametrize("fingerprint", [{"SSNHash": "x"}, {"CSNHash": "%%%%"}, {"MemoryIds": ["QQ==", "m"]}, {"SSNHash": "===="}])
def test_bytes_that_the_client_could_not_read_are_refused(world, fingerprint):
    refused = expect(400, world.leaf.call("POST", "machines", {"Name": "unread", "Fingerprint": fingerprint})).json()
    assert "expected base64" in refused["Messages"][0]


@pytest.mark.parametrize("value,word", [
    ("fe:ed:00:11:22:33", "uuid"), ("5EED0000-0000-4000-8000-000000000001", "uuid"), (7, "uuid"), ("yesterday", "time"),
    ("2024-01-01", "time"), ("10.0.0", "ip"), ("%", "base64"), (1.5, "int64"), (2**31, "int32"), (256, "uint8"), (-1, "uint64"),
    (True, "int64"), ("1", "int64"), (0, "boolean"), ("Nowhere", "enum PoolStatus"), ({}, "list of string"), ([], "Machine"),
    ({"Uuid": "x"}, "Machine"), ({"a": 1}, "map of string"), ([{"Code": 300}], "list of DhcpOption"),
    ({"ClusterState": {"Nodes": [{"ConsensusID": "A"}]}}, "Info")])
def test_the_reader_refuses(value, word):
    assert problems(value, word)


@pytest.mark.parametrize("value,word", [
    (None, "uuid"), ("", "uuid"), ("", "ip"), ("2024-01-01T00:00:00.123456789+02:00", "time"),
    ("0001-01-01T00:00:00Z", "time"), (2**64 - 1, "uint64"), ({"NoSuchMember": object}, "Machine")])
def test_the_reader_takes(value, word):
    assert not problems(value, word)
