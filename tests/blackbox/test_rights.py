"""Who may do what: every route as every kind of caller, tenants, tokens, secure parameters, licences; also at a manager.

The matrix is made from schema/routes.yaml: a route without an entry in CALLS fails the test that counts them.
"""
import concurrent.futures
import contextlib
import hashlib
import io
import itertools
import json
import re
import socket
import ssl
import subprocess
import threading
import uuid
import zipfile

import pytest
import requests
import websocket
import yaml

from harness import PASSWORD, PATIENCE, ROOT, USER, expect, wait_until

ROUTES = yaml.safe_load((ROOT / "schema" / "routes.yaml").read_text())["routes"]
TYPES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "schema" / "objects").glob("*.yaml"))}
# The tests that run again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("pair", "chain")
SECRET = "correct-horse-battery-staple"


def name(prefix="r"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Caller:
    """A client with a login of its own."""

    def __init__(self, server, token=None, login=None, address="127.0.0.1"):
        self.server = server
        self.session = requests.Session()
        self.session.verify, self.session.trust_env = False, False
        self.session.auth = login
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"
        adapter = requests.adapters.HTTPAdapter()
        adapter.init_poolmanager(1, 1, source_address=(address, 0))
        self.session.mount("https://", adapter)

    def call(self, method, path, body=None, **options):
        headers = options.pop("headers", {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers = {"Content-Type": "application/json", **headers}
        path = path if path.startswith("/") else "/api/v3/" + path
        return self.session.request(method, self.server.url + path, data=body, headers=headers, timeout=30, **options)

    def get(self, path):
        return expect(200, self.call("GET", path)).json()

    def count(self, collection):
        return int(expect(200, self.call("HEAD", collection)).headers["X-DRP-LIST-FILTER-COUNT"])

    def keys(self, collection, field="Name"):
        return {row[field] for row in self.get(collection)}

    def close(self):
        self.session.close()


def claims(*rights):
    return [dict(zip(("scope", "action", "specific"), right)) for right in rights]


def caller_with(server, *rights, roles=(), tenant=None, query=""):
    """A new user with exactly these rights, as a Caller; `.user` is the name, `.token` the token."""
    user = name("user")
    roles = list(roles)
    if rights:
        roles.append(server.create("roles", {"Name": name("role"), "Claims": claims(*rights)})["Name"])
    server.create("users", {"Name": user, "Roles": roles})
    if tenant:
        server.patch(f"tenants/{tenant}", ("add", "/Users/-", user))
    token = server.get(f"users/{user}/token?ttl=1h{query}")["Token"]
    caller = Caller(server, token=token)
    caller.user, caller.token = user, token
    return caller


def events_of(server, token, path="/api/v3/ws"):
    return websocket.create_connection(f"wss://127.0.0.1:{server.api_port}{path}?token={token}",
                                       sslopt={"cert_reqs": 0}, timeout=PATIENCE)


def tell(events, text):
    events.send(text)
    while json.loads(events.recv())["Type"] != "websocket":
        pass


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("S").start()


# -- the matrix: how to call each route

def machine_job(server):
    machine = server.create("machines", {"Name": name()})
    task = server.create("tasks", {"Name": name()})
    server.patch(f"machines/{machine['Uuid']}", ("replace", "/Tasks", [task["Name"]]))
    answer = server.call("POST", "jobs", {"Machine": machine["Uuid"]})
    assert answer.status_code in (201, 202), answer.text
    return answer.json()


ADDRESSES, SUBNETS = itertools.count(1), itertools.count(100)
MADE = {
    "machines": lambda: {"Name": name()}, "profiles": lambda: {"Name": name()}, "plugins": None, "stages": None,
    "roles": lambda: {"Name": name(), "Claims": []}, "tenants": lambda: {"Name": name()},
    "users": lambda: {"Name": name()}, "endpoints": lambda: {"Id": name()}, "params": lambda: {"Name": name()},
    "pools": lambda: {"Id": name()}, "bootenvs": lambda: {"Name": name()}, "templates": lambda: {"ID": name()}, "tasks": lambda: {"Name": name()},
    "version_sets": lambda: {"Id": name()},
    "bulks": lambda: {"Id": name(), "What": {"Kind": "delete"}, "Selection": {"Type": "machines"}},
    "subnets": lambda: {"Name": name(), "Subnet": f"10.{next(SUBNETS)}.0.0/16", "OnlyReservations": True},
    "reservations": lambda: {"Addr": f"10.9.{next(ADDRESSES) // 250}.{next(ADDRESSES) % 250 + 1}",
                             "Token": name(), "Strategy": "MAC"}}


class Subject:
    """An object for one call: what its address needs, and the name that claims have for it."""

    def __init__(self, server, prefix):
        kind = TYPES[prefix]
        made = machine_job(server) if prefix == "jobs" else server.create(prefix, MADE[prefix]())
        self.prefix, self.body = prefix, made
        self.key = made[kind["key"]["field"]]
        if kind["key"]["kind"] == "hex-address":
            self.key = "".join(f"{int(part):02X}" for part in self.key.split("."))
        self.right = made[kind["rights_by"]] if "rights_by" in kind else self.key


def prefixes_for(route):
    """Collections that stand for all where the route exists: the ones with rules of their own first."""
    needs = {"meta": "meta_api", "params": "has_params_api", "actions": "can_have_actions", "create": "client_create",
             "update": "client_update", "delete": "client_delete"}

    def fits(prefix):
        kind, wanted = TYPES[prefix], route.get("needs")
        if wanted in ("actions", "plugin_actions"):
            return kind.get("actions_path") == wanted or (wanted == "actions" and "actions_path" not in kind
                                                          and "can_have_actions" in kind["traits"])
        return wanted is None or needs[wanted] in kind["traits"]
    liked = ["jobs", "machines", "roles", "reservations", "profiles", "users", "tenants"]
    if route["handler"] == "create_object":
        liked.remove("jobs")  # the server makes these itself
    return [prefix for prefix in liked if fits(prefix)][:3]


PATCHES = {"patch_object": [], "patch_meta": [{"op": "add", "path": "/note", "value": "x"}],
           "patch_params": [{"op": "add", "path": "/note", "value": 1}], "replace_params": {"note": 2},
           "set_param": "3"}


def generic(server, route, method, prefix):
    """Arguments and body of a route of every collection."""
    handler = route["handler"]
    if handler == "create_object":
        return {"prefix": prefix}, MADE[prefix](), ""
    if handler in ("list_objects", "count_objects"):
        return {"prefix": prefix}, None, ""
    subject = Subject(server, prefix)
    arguments = {"prefix": prefix, "id": subject.key, "rest...": subject.key, "command": "nothing"}
    if handler in ("show_param", "set_param", "remove_param"):
        arguments["rest..."] = "note"
    if handler == "remove_param":
        expect(200, server.call("POST", f"{prefix}/{subject.key}/params/note", "1"))
    body = PATCHES.get(handler, {} if handler == "run_action" else None)
    return arguments, subject.body if handler == "replace_object" else body, subject.right


def special(**arguments):
    """A route with an address of its own; values that are functions of the server make what the call needs."""
    body = arguments.pop("body", None)
    return lambda server, route, method, prefix: (
        {key: value(server) if callable(value) else value for key, value in arguments.items()},
        body(server) if callable(body) else body, "")


def a_user(server):
    return Subject(server, "users").key


def a_machine(server):
    return Subject(server, "machines").key


def a_pack(server):
    pack = name("pack")
    expect(201, server.call("POST", "contents", {"meta": {"Name": pack}, "sections": {}}))
    return pack


def a_file(bucket):
    def make(server):
        path = name()
        expect(201, server.call("POST", f"{bucket}/{path}", b"x"))
        return path
    return make


def of_subject(prefix, body=None, **arguments):
    """A route of one collection whose object is looked up before its right is checked."""
    def make(server, route, method, _):
        subject = Subject(server, prefix)
        return {"id": subject.key, **arguments}, body, subject.right
    return make


def same_pack(server):
    return lambda arguments: {"meta": {"Name": arguments["id"]}, "sections": {}}


# (method, path) -> how to call it and what it answers those who may. HEAD is called like GET.
PLAIN = special()
CALLS = {
    ("GET", "/"): (PLAIN, 200), ("GET", "/swagger.json"): (PLAIN, 200),
    ("GET", "/info"): (PLAIN, 200), ("GET", "/objects"): (PLAIN, 200), ("GET", "/indexes"): (PLAIN, 200),
    ("GET", "/indexes/{collection}"): (special(collection="machines"), 200),
    ("GET", "/indexes/{collection}/{name}"): (special(collection="machines", name="Key"), 200),
    ("GET", "/prefs"): (PLAIN, 200), ("POST", "/prefs"): (special(body={}), 201),
    ("GET", "/logs"): (PLAIN, 200),
    ("POST", "/events"): (special(body={"Type": "matrix", "Action": "made", "Key": "k"}), 204),
    ("GET", "/ws"): (PLAIN, 400), ("GET", "/ws/{rest...}"): (special(**{"rest...": "nowhere"}), 404),
    ("GET", "/replication/stream"): (PLAIN, 400),
    ("GET", "/users/{id}/token"): (special(id=a_user), 200),
    ("PUT", "/users/{id}/password"): (special(id=a_user, body={"Password": "matrix password"}), 200),
    ("GET", "/users/{id}/capabilities"): (special(id=a_user), 200),
    ("GET", "/machines/{id}/token"): (special(id=a_machine), 200),
    ("GET", "/contents"): (PLAIN, 200),
    ("POST", "/contents"): (special(body=lambda server: {"meta": {"Name": name("pack")}, "sections": {}}), 201),
    ("GET", "/contents/{id}"): (special(id=a_pack), 200), ("DELETE", "/contents/{id}"): (special(id=a_pack), 204),
    ("PUT", "/contents/{id}"): (special(id=a_pack, body=same_pack), 200),
    ("GET", "/files"): (PLAIN, 200), ("GET", "/files/{rest...}"): (special(**{"rest...": a_file("files")}), 200),
    ("POST", "/files/{rest...}"): (special(**{"rest...": a_file("files")}, body="x"), 201),
    ("PUT", "/files/{rest...}"): (special(**{"rest...": a_file("files")}, body="x"), 201),
    ("DELETE", "/files/{rest...}"): (special(**{"rest...": a_file("files")}), 204),
    ("GET", "/isos"): (PLAIN, 200), ("GET", "/isos/{rest...}"): (special(**{"rest...": a_file("isos")}), 200),
    ("POST", "/isos/{rest...}"): (special(**{"rest...": a_file("isos")}, body="x"), 201),
    ("PUT", "/isos/{rest...}"): (special(**{"rest...": a_file("isos")}, body="x"), 201),
    ("DELETE", "/isos/{rest...}"): (special(**{"rest...": a_file("isos")}), 204),
    ("GET", "/ux"): (PLAIN, 200), ("GET", "/ux/{rest...}"): (special(**{"rest...": "none.js"}), 404), ("GET", "/local-ui"): (PLAIN, 200), ("GET", "/swagger-ui"): (PLAIN, 200),
    ("POST", "/whoami"): (special(body={}), 200),
    ("POST", "/plugin_providers/{id}"): (special(id="none", body=""), 400),
    ("GET", "/plugin_providers/{id}/binary"): (special(id="none"), 404),
    ("DELETE", "/plugin_providers/{id}"): (special(id="none"), 404),
    ("POST", "/system/cert"): (special(body={}), 400), ("POST", "/static/cert"): (special(body={}), 400),
    ("GET", "/debug/{what}"): (special(what="memory"), 200), ("GET", "/system/metrics"): (PLAIN, 200),
    ("GET", "/drp_debug/index/{collection}"): (special(collection="machines"), 200),
    ("GET", "/jobs/{id}/log"): (of_subject("jobs"), 200), ("PUT", "/jobs/{id}/log"): (of_subject("jobs", b"x"), 204),
    # Whoever may not get the machine may not name it.
    ("POST", "/jobs"): (special(body=lambda server: {"Machine": a_machine(server), "State": "created"}), (201, 422)),
    ("DELETE", "/jobs"): (special(), 200), ("GET", "/pools-active"): (PLAIN, 200),
    ("GET", "/pools/{id}/status"): (of_subject("pools"), 200),
    ("POST", "/pools/{id}/{command}"): (of_subject("pools", {}, command="addMachines"), 422),
    ("POST", "/machines/{id}/releaseToPool"): (of_subject("machines", {}), 422),
    ("GET", "/jobs/{id}/actions"): (of_subject("jobs"), 422), ("GET", "/jobs/{id}/archive"): (of_subject("jobs"), 404),
    ("DELETE", "/machines/{id}/cleanup"): (of_subject("machines"), 200),
    ("PATCH", "/machines/{id}/start"): (of_subject("machines", []), 200),
    ("POST", "/machines/{id}/pick/{name}"): (of_subject("machines", {}, name="runner"), 204),
    ("POST", "/subnets/{id}/allocate"): (of_subject("subnets", {}), (200, 403, 409)),  # a reservation comes of it
    ("DELETE", "/subnets/{id}/release/{name}"): (of_subject("subnets", name="10.0.0.1"), 404),
    ("GET", "/endpoints/{id}/plan"): (of_subject("endpoints"), 200),
    ("POST", "/endpoints/{id}/baseline"): (of_subject("endpoints", {"Name": "what-it-runs"}), 409),  # it never told of itself
    ("POST", "/plans"): (special(body={"Sets": [], "Targets": ""}), 200),
    ("GET", "/bulks/{id}/items"): (of_subject("bulks"), 200),
    ("GET", "/version_sets/{id}/pubkey"): (special(id="not-yet"), 200),
    ("DELETE", "/bootenvs/{id}/purgeLocal"): (of_subject("bootenvs", []), 422),  # it names no system
    ("GET", "/system/cert"): (PLAIN, 200), ("GET", "/static/cert"): (PLAIN, 200),
    ("POST", "/system/active"): (special(body=""), 200), ("POST", "/system/passive"): (special(body=""), 422),
    ("POST", "/system/backup"): (special(body=""), 200), ("POST", "/system/upgrade"): (special(body=""), 422),
    ("GET", "/system/upgrade"): (PLAIN, 200), ("DELETE", "/system/upgrade"): (special(body=""), 204),
    ("GET", "/system/upgrade/status"): (PLAIN, 200), ("POST", "/system/upgrade/stage"): (special(body=""), 422),
    ("DELETE", "/system/upgrade/stage"): (special(body=""), 204), ("POST", "/system/upgrade/exec"): (special(body=""), 404),
    ("POST", "/system/upgrade/run"): (special(body=""), 404),
    ("GET", "/healthz/active"): (PLAIN, 200), ("GET", "/healthz/ready"): (PLAIN, 200),
    ("GET", "/system/consensus/introduction"): (PLAIN, 200),
    ("POST", "/system/consensus/admit"): (special(body={}), 422),
    ("GET", "/system/consensus/{what}"): (special(what="id"), 200),
    ("POST", "/system/consensus/enroll"): (special(body=""), 422),
    ("POST", "/system/consensus/failOverSafe"): (special(body=""), 200),
    ("DELETE", "/system/consensus/node/{id}"): (special(id="none"), 422),
    ("POST", "/system/consensus/node/{id}/key"): (special(id="none", body=""), 422),
    ("PUT", "/system/consensus/state"): (special(body={"ConsensusAddr": "127.0.0.1:9"}), 422),
    ("GET", "/configuration_lease"): (PLAIN, 200),
    ("POST", "/configuration_lease"): (special(body={"holder": "M"}), 200),
    ("DELETE", "/configuration_lease"): (special(), 422),  # whose?
    ("GET", "/system/actions"): (PLAIN, 200), ("GET", "/system/actions/{command}"): (special(command="nothing"), 404),
    ("POST", "/system/actions/{command}"): (special(command="nothing", body={}), 404),
    ("GET", "/interfaces"): (PLAIN, 200), ("GET", "/interfaces/{id}"): (special(id="lo"), 200),
    ("POST", "/plugins/manager/actions/{command}"): (special(command="nothing", body={}), 404),
    ("POST", "/plugins/manager/addEndpoint"): (special(body={}), 409),
    ("POST", "/plugins/manager/buildCatalog"): (special(body={}), 200),
    ("POST", "/plugins/manager/collectCatalog"): (special(body={"dry_run": True}), 200),
    ("GET", "/meta/{prefix}/{rest...}"): (generic, 200), ("PATCH", "/meta/{prefix}/{rest...}"): (generic, 200),
    ("GET", "/{prefix}/{id}/params"): (generic, 200), ("POST", "/{prefix}/{id}/params"): (generic, 200),
    ("PUT", "/{prefix}/{id}/params"): (generic, 200), ("PATCH", "/{prefix}/{id}/params"): (generic, 200),
    ("GET", "/{prefix}/{id}/params/{rest...}"): (generic, 200),
    ("POST", "/{prefix}/{id}/params/{rest...}"): (generic, 200),
    ("PUT", "/{prefix}/{id}/params/{rest...}"): (generic, 200),
    ("DELETE", "/{prefix}/{id}/params/{rest...}"): (generic, 200),
    ("GET", "/{prefix}/{id}/pubkey"): (generic, 200), ("POST", "/{prefix}/{id}/pubkey"): (generic, 200),
    ("GET", "/{prefix}/{id}/actions"): (generic, 200), ("GET", "/{prefix}/{id}/actions/{command}"): (generic, 404),
    ("POST", "/{prefix}/{id}/actions/{command}"): (generic, 404),
    ("GET", "/{prefix}/{id}/plugin_actions"): (generic, 200),
    ("GET", "/{prefix}/{id}/history"): (generic, 200), ("GET", "/connections"): (PLAIN, 200),
    ("GET", "/{prefix}/{id}/plugin_actions/{command}"): (generic, 404),
    ("POST", "/{prefix}/{id}/plugin_actions/{command}"): (generic, 404),
    ("GET", "/{prefix}"): (generic, 200), ("POST", "/{prefix}"): (generic, 201),
    ("GET", "/{prefix}/{rest...}"): (generic, 200), ("PUT", "/{prefix}/{rest...}"): (generic, 200),
    ("PATCH", "/{prefix}/{rest...}"): (generic, 200), ("DELETE", "/{prefix}/{rest...}"): (generic, (200, 422)),
}
OF_SUBJECTS = {"make_user_token", "set_user_password", "show_capabilities", "make_machine_token", "show_interface"}


def calls_of(route):
    for method in route["methods"]:
        yield method, ("GET" if method == "HEAD" else method, route["path"])


def test_the_matrix_knows_every_route():
    """A new route must say here how it is called, and a route that is gone must not stay."""
    routes = {key for route in ROUTES for _, key in calls_of(route)}
    assert routes - set(CALLS) == set(), "routes without an entry in CALLS"
    assert set(CALLS) - routes == set(), "entries in CALLS without a route"


class Callers:
    """The callers that are the same for every route."""

    def __init__(self, server):
        self.server = server
        self.nobody, self.none = Caller(server), caller_with(server)
        self.admin = Caller(server, login=(USER, PASSWORD))
        members = {prefix: [] for prefix in TYPES if prefix not in ("preferences",)}
        tenant = server.create("tenants", {"Name": name("tenant"), "Members": members})["Name"]
        self.tenant = caller_with(server, roles=["superuser"], tenant=tenant)
        self.account = name("user")
        server.create("users", {"Name": self.account, "Roles": ["superuser"]})
        expect(200, server.call("PUT", f"users/{self.account}/password", {"Password": "the right one"}))
        short = server.get(f"users/{USER}/token?ttl=1")["Token"]
        self.expired = Caller(server, token=short)
        wait_until("the short token ends", lambda: self.expired.call("GET", "info").status_code == 401)
        self.guesses = itertools.count()

    def wrong(self):
        """Guessing is slowed down by address: each few tries come from another one."""
        return Caller(self.server, login=(self.account, "a wrong one"),
                      address=f"127.0.7.{next(self.guesses) // 4 + 1}")


@pytest.fixture(scope="module")
def callers(server):
    return Callers(server)


def status_of_none(route):
    if route["right"] == "authenticated" or route.get("denied") == "filter":
        return None
    if route.get("denied") == "not_found":
        return 404
    return 404 if route.get("object") and route.get("denied") != "always" else 403


def exact_right(route, arguments, right):
    values = {key.rstrip("."): value for key, value in arguments.items()}
    values["key"] = right
    words = [re.sub(r"\{([a-z]+)\}", lambda match: values[match.group(1)], word) for word in route["right"].split()]
    return tuple(words + [""])[:3]


def check(route, key, method, who, caller, arguments, body, wanted):
    path = re.sub(r"\{([^}]+)\}", lambda match: arguments[match.group(1)], route["path"])
    if callable(body):
        body = body(arguments)
    answer = caller.call(method, path if route.get("root") else "/api/v3" + path, body)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    told = f"{who}: {method} {path} -> {answer.status_code} {answer.text[:200]}, not {wanted}"
    assert answer.status_code in wanted, told
    if answer.status_code in (401, 403) and method != "HEAD":
        wrong_password = answer.status_code == 401 and who == "wrong password"
        assert answer.json()["Type"] == ("" if wrong_password else "AUTH"), told
    return answer


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{'-'.join(route['methods'])} {route['path']}")
def test_every_route_as_everybody(server, callers, route):
    for method, key in calls_of(route):
        for prefix in prefixes_for(route) if "{prefix}" in route["path"] else [""]:
            run_cell(server, callers, route, method, key, prefix)


def run_cell(server, callers, route, method, key, prefix):
    make, okay = CALLS[key]
    public = route["right"] == "public"

    def fresh():
        return make(server, route, method, prefix)
    arguments, body, right = fresh()
    refused = okay if public else 401
    for who, caller in (("nobody", callers.nobody), ("wrong password", callers.wrong()), ("expired token", callers.expired)):
        check(route, key, method, who, caller, arguments, body, refused)
    none = okay if public else status_of_none(route) or okay
    answer = check(route, key, method, "no rights", callers.none, arguments, body, none)
    needed = exact_right(route, arguments, right) if len(route["right"].split()) > 1 else None
    if answer.status_code == 403 and method != "HEAD":
        path = answer.request.url[len(server.url):]
        assert answer.json()["Messages"] == [f"Cannot access {path}", "Requires: " + " ".join(needed)]
    if route.get("denied") == "filter" and method == "GET":
        assert answer.json() == []
    if route["methods"] != ["GET", "HEAD"]:
        arguments, body, right = fresh()
    hidden = not public and (route.get("object") or route["handler"] in OF_SUBJECTS)
    hidden_status = 404 if hidden else 403 if route.get("whole") else okay
    check(route, key, method, "other tenant", callers.tenant, arguments, body, hidden_status)
    if needed:
        arguments, body, right = fresh()
        caller = caller_with(server, exact_right(route, arguments, right))
        check(route, key, method, "exactly the needed right", caller, arguments, body, okay)
        caller.close()
    arguments, body, right = fresh()
    check(route, key, method, "administrator", callers.admin, arguments, body, okay)


# Reads that may leave something behind: who asks for the key may seal values with it, so it must be kept. The right
# to ask is the right to change.
KEEPS = {"show_public_key", "show_set_key"}
ANY_SEALED = {"Key": "A" * 43 + "=", "Nonce": "A" * 32, "Payload": "A" * 24}


def sequence(server):
    return server.metrics()["mullion_store_sequence"]


def settled_sequence(server):
    """Once what a creation makes the server do by itself is done."""
    seen = [sequence(server)]

    def steady():
        seen.append(sequence(server))
        return seen[-1] == seen[-2]
    wait_until("the server rests", steady, pause=0.3)
    return seen[-1]


@pytest.mark.parametrize("route", [route for route in ROUTES if {"GET", "HEAD"} & set(route["methods"])],
                         ids=lambda route: route["path"])
def test_reads_write_nothing(server, callers, route):
    assert route["handler"] not in KEEPS or "updateSecure" in route["right"]
    for method, key in calls_of(route):
        for prefix in prefixes_for(route) if "{prefix}" in route["path"] else [""]:
            if method not in ("GET", "HEAD") or route["handler"] in KEEPS:
                continue
            arguments, body, _ = CALLS[key][0](server, route, method, prefix)
            path = re.sub(r"\{([^}]+)\}", lambda match: arguments[match.group(1)], route["path"])
            if route["path"].startswith("/endpoints/{id}"):  # what the manager writes of a new one may come late
                wait_until("the manager has seen it", lambda: server.get(f"endpoints/{arguments['id']}").get("ConnectionStatus"))
            before = settled_sequence(server)
            for query in ("", "?decode=true", "?aggregate=true&decode=true", "?expand=true&compose=true&decode=true"):
                callers.admin.call(method, (path if route.get("root") else "/api/v3" + path) + query, body)
            assert sequence(server) == before, f"{method} {path} wrote"


def test_decoding_what_was_sealed_elsewhere_makes_no_key(server):
    profile = server.create("profiles", {"Name": name(), "Params": {"sealed": ANY_SEALED}})["Name"]
    before = sequence(server)
    for path in (f"profiles/{profile}?decode=true", f"profiles/{profile}/params?decode=true",
                 f"profiles/{profile}/params/sealed?decode=true", f"profiles?Name={profile}&decode=true"):
        assert json.dumps(ANY_SEALED, separators=(",", ":")) in expect(200, server.call("GET", path)).text.replace(" ", "")
    assert sequence(server) == before


# -- tenants

@pytest.fixture
def tenancy(server):
    """A tenant with one profile, one of its users who may do everything, and a profile of nobody's."""
    mine, theirs = (server.create("profiles", {"Name": name()})["Name"] for _ in range(2))
    tenant = server.create("tenants", {"Name": name("tenant"), "Members": {"profiles": [mine]}})["Name"]
    return caller_with(server, roles=["superuser"], tenant=tenant), tenant, mine, theirs


def members(server, tenant, prefix="profiles"):
    return server.get(f"tenants/{tenant}")["Members"][prefix]


def test_hidden_objects_are_in_no_answer(server, tenancy):
    ann, tenant, mine, theirs = tenancy
    assert ann.keys("profiles") == {mine} and ann.count("profiles") == 1
    assert ann.keys("profiles?sort=Name&limit=50&Name=Re(r-)") == {mine}
    pack = ann.get("contents/BackingStore")["sections"]
    assert mine in pack["profiles"] and theirs not in pack["profiles"]
    expect(409, ann.call("POST", "profiles", {"Name": theirs}))
    made = expect(201, ann.call("POST", "profiles", {"Name": name()})).json()["Name"]
    assert ann.keys("profiles") == {mine, made} and set(members(server, tenant)) == {mine, made}
    expect(200, ann.call("DELETE", f"profiles/{made}"))
    server.delete(f"profiles/{mine}")
    assert members(server, tenant) == [] and ann.get("profiles") == []


def test_many_creations_at_once_all_join(server, tenancy):
    ann, tenant, mine, _ = tenancy
    names = [name() for _ in range(24)]
    callers = [Caller(server, token=ann.token) for _ in range(8)]

    def create(number):
        for key in names[number::8]:
            expect(201, callers[number].call("POST", "profiles", {"Name": key}))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(8)))
    assert set(members(server, tenant)) == {mine, *names} == ann.keys("profiles")


def test_a_tenant_with_users_stays(server, tenancy):
    ann, tenant, _, _ = tenancy
    refusal = expect(409, server.call("DELETE", f"tenants/{tenant}")).json()
    assert refusal["Messages"] == [f"Constraining Users: [{ann.user}]"]
    second = server.create("tenants", {"Name": name("tenant")})["Name"]
    refusal = server.call("PATCH", f"tenants/{second}", [{"op": "add", "path": "/Users/-", "value": ann.user}])
    assert expect(422, refusal).json()["Messages"] == [f"User {ann.user} is already in tenant {tenant}"]
    server.delete(f"users/{ann.user}")
    server.delete(f"tenants/{tenant}")


def test_events_are_those_of_the_tenant(server, tenancy):
    """Rights count when an event is sent, so each change of them waits until what came before has arrived."""
    ann, tenant, mine, theirs = tenancy
    events = events_of(server, ann.token)
    tell(events, "register profiles,templates.*.*")

    def change(profile, text):
        server.patch(f"profiles/{profile}", ("add", "/Description", text))

    def heard():
        event = json.loads(events.recv())
        return event["Key"], event["Action"], event["Object"].get("Description")
    change(theirs, "hidden")
    change(mine, "x")
    assert heard() == (mine, "update", "x")
    server.patch(f"tenants/{tenant}", ("add", "/Members/profiles/-", theirs))
    change(theirs, "y")
    assert heard() == (theirs, "update", "y")
    server.delete(f"profiles/{theirs}")  # which takes it out of the tenant
    assert heard() == (theirs, "delete", "y"), "its end is told too"
    server.patch(f"tenants/{tenant}", ("replace", "/Members/profiles", []))
    change(mine, "hidden")
    template = server.create("templates", {"ID": name(), "Contents": "x"})["ID"]
    assert heard()[:2] == (template, "create")
    events.close()


def test_what_ends_a_login_ends_its_events(server):
    profile = server.create("profiles", {"Name": name()})["Name"]
    reader = caller_with(server, ("profiles", "get", "*"))
    events = events_of(server, reader.token)
    tell(events, "register profiles.*.*")
    tell(events, f"register users.*.{reader.user}")  # users may always see themselves

    def change(path, field, value):
        server.patch(path, ("add", f"/{field}", value))

    def heard():
        event = json.loads(events.recv())
        return event["Type"], event["Object"]["Description"]
    change(f"profiles/{profile}", "Description", "x")
    assert heard() == ("profiles", "x")
    change(f"users/{reader.user}", "Roles", [])
    change(f"profiles/{profile}", "Description", "unseen")
    change(f"users/{reader.user}", "Description", "marker")
    assert [heard(), heard()] == [("users", ""), ("users", "marker")]
    change(f"users/{reader.user}", "Roles", ["superuser"])
    change(f"profiles/{profile}", "Description", "seen")
    assert [heard(), heard()] == [("users", "marker"), ("profiles", "seen")]
    change(f"users/{reader.user}", "Secret", "another")
    change(f"profiles/{profile}", "Description", "never")
    rest = []
    with contextlib.suppress(websocket.WebSocketConnectionClosedException):
        while text := events.recv():  # nothing is the end; a silence too long fails
            rest.append(text)
    assert not any("never" in text for text in rest)


def test_what_ends_a_login_ends_its_long_poll(server):
    profile = server.create("profiles", {"Name": name()})["Name"]
    reader = caller_with(server, ("profiles", "get", "*"))
    etag = reader.call("GET", f"profiles/{profile}").headers["ETag"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.call, "GET", f"profiles/{profile}",
                              headers={"If-None-Match": etag, "Prefer": "wait=20"})
        wait_until("the poll waits", lambda: not waiting.done(), timeout=2)
        server.patch(f"users/{reader.user}", ("replace", "/Roles", []))
        server.patch(f"profiles/{profile}", ("add", "/Description", "unseen"))
        assert waiting.result(10).status_code == 404


# -- tokens

@pytest.mark.parametrize("change", ["password", "PATCH Secret", "PUT Secret", "baseTokenSecret", "systemGrantorSecret"])
def test_changed_secrets_end_tokens_at_once(server, change):
    held, other = caller_with(server, ("info", "get", "")), caller_with(server, ("info", "get", ""))
    for caller in (held, other):
        caller.get("info")
    if change == "password":
        expect(200, server.call("PUT", f"users/{held.user}/password", {"Password": "another"}))
    elif change == "PATCH Secret":
        server.patch(f"users/{held.user}", ("add", "/Secret", "another secret"))
    elif change == "PUT Secret":
        body = dict(server.get(f"users/{held.user}"), Secret="another secret")
        assert "another secret" not in expect(200, server.call("PUT", f"users/{held.user}", body)).text
    else:
        server.set_preference(change, uuid.uuid4().hex)
    expect(401, held.call("GET", "info"))
    ends_all = change in ("baseTokenSecret", "systemGrantorSecret")
    expect(401 if ends_all else 200, other.call("GET", "info"))


def test_machine_tokens_end_with_their_machine_and_grantor(server):
    machine = server.create("machines", {"Name": name()})["Uuid"]
    granting = caller_with(server, roles=["superuser"])

    def token(caller):
        made = expect(200, caller.call("GET", f"machines/{machine}/token?ttl=1h")).json()["Token"]
        return Caller(server, token=made)
    held = token(granting)
    assert held.get(f"machines/{machine}")["Uuid"] == machine and held.keys("machines", "Uuid") == {machine}
    expect(404, held.call("DELETE", f"machines/{server.create('machines', {'Name': name()})['Uuid']}"))
    server.patch(f"machines/{machine}", ("add", "/Secret", "another"))
    expect(401, held.call("GET", f"machines/{machine}"))
    held = token(granting)
    server.patch(f"users/{granting.user}", ("add", "/Secret", "another"))
    expect(401, held.call("GET", f"machines/{machine}"))
    held = token(Caller(server, login=(USER, PASSWORD)))
    server.delete(f"machines/{machine}")
    expect(401, held.call("GET", "info"))


def test_tokens_never_add_rights(server):
    narrow = server.create("roles", {"Name": name("role"), "Claims": claims(("machines", "list,get", "*"))})["Name"]
    user = caller_with(server, roles=[narrow])

    def limited(query):
        return Caller(server, token=expect(200, user.call("GET", f"users/{user.user}/token?{query}")).json()["Token"])
    expect(404, limited(f"roles={narrow},superuser").call("GET", "profiles/global"))
    assert limited(f"roles={narrow}").get("machines") is not None
    assert limited("scope=machines&action=get").get(f"users/{user.user}/capabilities")["Claims"][0] == dict(
        scope="machines", action="get", specific="*")
    expect(403, limited("scope=machines").call("GET", f"users/{user.user}/token"))


# -- secure parameters

@pytest.fixture(scope="module")
def secure(server):
    return server.create("params", {"Name": name("secure"), "Secure": True, "Schema": {"type": "string"}})["Name"]


def clear_anywhere(*texts):
    return [text[max(0, text.find(SECRET) - 80):][:200] for text in texts if SECRET in text]


def test_secure_values_are_nowhere_in_clear(server, secure):
    profile = name()
    events = events_of(server, server.get(f"users/{USER}/token")["Token"])
    tell(events, "register *.*.*")
    answers = [server.call("POST", "profiles", {"Name": profile, "Params": {secure: SECRET}}),
               server.call("POST", f"profiles/{profile}/params/{secure}", json.dumps(SECRET)),
               server.call("PATCH", f"profiles/{profile}/params",
                           [{"op": "replace", "path": f"/{secure}", "value": SECRET}]),
               server.call("GET", f"profiles/{profile}"), server.call("GET", "profiles"),
               server.call("GET", f"profiles/{profile}/params?aggregate=true"),
               caller_with(server, ("contents", "get", "*")).call("GET", "contents/BackingStore"),
               server.call("GET", "logs")]
    refused = expect(422, server.call("POST", f"profiles/{profile}/params/{secure}", json.dumps([SECRET])))
    server.delete(f"profiles/{profile}")
    seen = []
    while not seen or json.loads(seen[-1])["Action"] != "delete":
        seen.append(events.recv())
    assert [expect(answer.status_code, answer) for answer in answers if answer.status_code >= 400] == []
    assert clear_anywhere(*(answer.text for answer in answers), refused.text, *seen, server.log()) == []
    assert len(seen) >= 4
    events.close()


def test_secure_values_are_read_by_right(server, secure):
    profile = server.create("profiles", {"Name": name(), "Params": {secure: SECRET}})["Name"]
    reader = caller_with(server, ("profiles", "list,get", "*"), ("profiles", "list,get", ""))
    opener = caller_with(server, ("profiles", "list,get,getSecure", "*"))
    for path in (f"profiles/{profile}", f"profiles/{profile}/params", f"profiles/{profile}/params/{secure}", "profiles"):
        assert SECRET in expect(200, opener.call("GET", f"{path}?decode=true")).text
        assert SECRET not in expect(200, reader.call("GET", path)).text
        refusal = expect(403, reader.call("GET", f"{path}?decode=true")).json()
        assert refusal["Messages"][1].startswith("Requires: profiles getSecure")


def test_rotation_seals_anew(server, secure):
    profile = server.create("profiles", {"Name": name(), "Params": {secure: SECRET}})["Name"]
    before, key = server.get(f"profiles/{profile}/params/{secure}"), server.get(f"profiles/{profile}/pubkey")
    fresh = expect(200, server.call("POST", f"profiles/{profile}/pubkey")).json()
    assert fresh != key and server.get(f"profiles/{profile}/pubkey") == fresh
    assert server.get(f"profiles/{profile}/params/{secure}") != before
    assert server.get(f"profiles/{profile}/params/{secure}?decode=true") == SECRET
    refusal = expect(422, server.call("POST", f"profiles/{profile}/params/{secure}", before)).json()
    assert refusal["Messages"] == ["SecureData corrupted"]


def test_rotation_and_writes_at_once_lose_nothing(server, secure):
    """A value sealed for the old key must not be stored beside the new one."""
    profile = server.create("profiles", {"Name": name()})["Name"]
    writer = Caller(server, login=(USER, PASSWORD))

    def write():
        for number in range(15):
            expect(200, writer.call("POST", f"profiles/{profile}/params/{secure}", json.dumps(f"v{number}")))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            expect(200, server.call("POST", f"profiles/{profile}/pubkey"))
        writing.result()
    assert server.get(f"profiles/{profile}/params/{secure}?decode=true") == "v14"


# -- licences

LICENCE_KEY = "6Rh8MOQIlSRv5oK85UqpFwhnS4WEK9koOjHxsS2sHxc="
MANAGER_ALONE = (
    "eyJPd25lciI6IlRlc3QiLCJMaWNlbnNlcyI6W3siTmFtZSI6Im1hbmFnZXIiLCJTdGFydERhdGUiOiIyMDIwLTAxLTAxVDAwOjAwOjAwWiIsIlNv"
    "ZnRFeHBpcmVEYXRlIjoiMjEwMC0wMS0wMVQwMDowMDowMFoiLCJIYXJkRXhwaXJlRGF0ZSI6IjIxMDAtMDEtMDFUMDA6MDA6MDBaIn1dfQ==."
    "kX3zJMpofUYmcTlRNjJQp0iGc/gRcqT+vNeMFK9zmcF/jXpwEZBYSBUXwyEv7+jW7GdJQybeZkxPSb/zwr2PCA==")


def test_roles_and_tenants_need_a_licence(site):
    server = site.server("L", flags=["--trusted-licence-keys", LICENCE_KEY]).start()
    role = server.create("roles", {"Name": name("role")})["Name"]
    licence = {"Name": "rackn-license", "Params": {"rackn/license": MANAGER_ALONE}}
    expect(201, server.call("POST", "contents", {"meta": {"Name": "rackn-license"}, "sections": {
        "profiles": {"rackn-license": licence}}}))
    for method, path, body, verb in (("POST", "roles", {"Name": "x"}, "create"), ("PATCH", f"roles/{role}", [], "update"),
                                     ("DELETE", f"roles/{role}", None, "delete"),
                                     ("POST", "tenants", {"Name": "x"}, "create")):
        refusal = expect(403, server.call(method, path, body)).json()
        assert refusal == {"Model": "", "Key": "", "Type": "AUTH", "Code": 403, "Messages": [
            f"Cannot access /api/v3/{path}",
            f"{path.split('/')[0]} {verb} is a licensed enterprise feature.  Contact support@rackn.com"]}
    assert server.get(f"roles/{role}")["Name"] == role
    server.create("profiles", {"Name": name()})


# -- at a manager

@pytest.fixture(scope="module")
def pair(shared_site):
    """An endpoint A and its manager M."""
    endpoint, manager = shared_site.start("A", "M")
    manager.become_manager().attach(endpoint)
    return endpoint, manager


def test_rights_hold_for_replicas(pair):
    endpoint, manager = pair
    one, two = (endpoint.create("machines", {"Name": name()})["Uuid"] for _ in range(2))
    for key in (one, two):
        wait_until("the replica is there", lambda key=key: manager.call("GET", f"machines/{key}").status_code == 200)
    reader = caller_with(manager, ("machines", "get", f"/A/{one}"), ("machines", "list", ""))
    assert reader.keys("machines", "Uuid") == {one} and reader.count("machines?Endpoint=A") == 1
    expect(404, reader.call("GET", f"machines/{two}"))
    expect(403, reader.call("DELETE", f"machines/{one}"))
    expect(404, reader.call("DELETE", f"machines/{two}"))
    for method, path in (("DELETE", f"machines/{one}"), ("GET", "machines"), ("GET", "profiles"), ("GET", "prefs")):
        expect(403, reader.call(method, f"/A/api/v3/{path}"))
    assert expect(200, reader.call("GET", f"/A/api/v3/machines/{one}")).json()["Uuid"] == one
    assert endpoint.get(f"machines/{one}")["Uuid"] == one, "nothing was deleted"


@pytest.fixture(scope="module")
def chain(shared_site):
    """A leaf LA, its manager LR, and the manager LM of that one."""
    leaf, middle, top = shared_site.start("LA", "LR", "LM")
    middle.become_manager().attach(leaf)
    top.become_manager().attach(middle)
    return leaf, middle, top


def about_one_object():
    """(method, path below the API) of every route about one object, with {key} for it."""
    for route in ROUTES:
        path = route["path"].replace("{prefix}", "{type}").replace("{command}", "poweron")
        fits = route.get("object") and "{type}" in path or path.startswith(("/users/{id}", "/machines/{id}"))
        if not fits or route["right"] in ("public", "authenticated"):
            continue
        after = path.split("{id}", 1)[-1] if "{id}" in path else ""
        path = path.replace("{id}", "{key}").replace("{rest...}", "x" if "{rest...}" in after else "{key}")
        yield from ((method, path) for method in route["methods"] if method != "HEAD")


@pytest.mark.parametrize("kind", ["machines", "profiles", "users"])
def test_a_key_names_the_object_of_this_server(chain, kind):
    """A caller at a manager who may do everything to the key here may do nothing to the site's of the same key."""
    leaf, middle, top = chain
    field = "Uuid" if kind == "machines" else "Name"
    key = str(uuid.uuid4()) if kind == "machines" else name()
    body = {"Name": name()} | {field: key}
    for server in (leaf, middle, top):
        server.create(kind, body)
    wait_until("the replicas are there", lambda: len([row for row in top.get(kind) if row[field] == key]) == 3)
    caller = caller_with(top, (kind, "*", key), ("users", "get,password,token", key))
    before = leaf.call("GET", f"{kind}/{key}")
    tried = 0
    for method, path in about_one_object():
        if path.startswith(("/users", "/machines")) and not path.startswith(f"/{kind}"):
            continue
        below = path.replace("{type}", kind).replace("{key}", key)
        sent = None if method in ("GET", "DELETE") else [] if method == "PATCH" else {field: key, "Password": "taken"}
        for prefix in ("/LA", "/LR/LA", "/LR"):
            answer = caller.call(method, f"{prefix}/api/v3{below}", sent)
            assert answer.status_code in (403, 404), f"{method} {prefix}{below}: {answer.status_code} {answer.text}"
            tried += 1
    assert tried > 40
    after = leaf.call("GET", f"{kind}/{key}")
    assert (after.text, after.headers["ETag"]) == (before.text, before.headers["ETag"])
    assert {row["Endpoint"] for row in caller.get(kind) if row[field] == key} == {"LM"}
    assert expect(200, caller.call("GET", f"{kind}/{key}")).json()["Endpoint"] == "LM"


@pytest.mark.parametrize("hops", [1, 2])
def test_half_a_right_is_none_elsewhere(chain, hops):
    """A right to one field, one action or one key can only be checked by who carries a request out, and the owner would ask it of
    the manager's login: nothing is sent."""
    leaf, manager = chain[0], chain[hops]
    machine = leaf.create("machines", {"Name": name()})
    key = machine["Uuid"]
    wait_until("the replica is there", lambda: manager.call("GET", f"machines/{key}").ok)
    caller = caller_with(manager, ("machines", "get,list", "*"), ("machines", "update:/Description", "*"),
                         ("machines", "action:nothing", "*"), ("machines", "create,delete,update", key))
    before = leaf.call("GET", f"machines/{key}")
    tried = 0
    for method, path in about_one_object():
        if method == "GET" or path.startswith("/users"):
            continue
        below = path.replace("{type}", "machines").replace("{key}", key)
        sent = {"POST": {"Description": "x"}, "PUT": machine | {"Description": "x"}, "DELETE": None,
                "PATCH": [{"op": "add", "path": "/Description", "value": "x"}]}[method]
        for prefix in ("", "/LA"):
            answer = caller.call(method, f"{prefix}/api/v3{below}", sent)
            assert answer.status_code in (403, 404), f"{method} {prefix}{below}: {answer.status_code} {answer.text}"
            tried += 1
    for body in ({"Name": name(), "Uuid": str(uuid.uuid4())}, {"Name": name(), "Uuid": key}):
        expect(403, caller.call("POST", "/LA/api/v3/machines", body))
    assert tried > 20
    after = leaf.call("GET", f"machines/{key}")
    assert (after.text, after.headers["ETag"]) == (before.text, before.headers["ETag"])


def archive(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for file, text in files.items():
            made.writestr(file, text)
    return packed.getvalue()


@pytest.mark.parametrize("hops", [1, 2])
def test_a_manager_lends_nobody_its_rights(chain, hops):
    """Whoever has the right of a route alone gets through a manager no more than what the route says: what a handler asks
    beyond that is not asked of the manager's login."""
    leaf, middle, top = chain
    manager = (middle, top)[hops - 1]
    machine, victim = leaf.create("machines", {"Name": name(), "Secret": SECRET}), leaf.create("profiles", {"Name": name()})
    subnet = leaf.create("subnets", MADE["subnets"]())["Name"]
    at = f"/LA/api/v3/machines/{machine['Uuid']}"
    wait_until("the replicas are there", lambda: manager.call("GET", f"machines/{machine['Uuid']}").ok
               and manager.call("GET", f"subnets/{subnet}").ok)

    caller = caller_with(manager, ("subnets", "*", "*"))
    for prefix in ("/LA/api/v3/", "/api/v3/"):
        wanted = {"Machine": machine["Uuid"], "Parameter": "taken"}
        expect(403, caller.call("POST", f"{prefix}subnets/{subnet}/allocate", wanted))
    caller = caller_with(manager, ("contents", "*", "*"))
    expect(403, caller.call("GET", "/LA/api/v3/contents/BackingStore"))
    caller = caller_with(manager, ("files", "post", "/LA/box/u.zip"))
    expect(403, caller.call("POST", "/LA/api/v3/files/box/u.zip?explode=true", archive(other="x")))
    caller = caller_with(manager, ("pools", "*", "*"))
    expect(403, caller.call("GET", "/LA/api/v3/pools/default/status"))
    caller = caller_with(manager, ("machines", "get,list,update", "*"))
    patch = [{"op": "add", "path": "/Profiles", "value": [victim["Name"]]}]
    expect(403, caller.call("PATCH", at + "/start", patch))
    for method, path, body in (("GET", at, None), ("GET", "/LA/api/v3/machines", None),
                               ("PATCH", at, [{"op": "add", "path": "/Description", "value": name()}])):
        answer = expect(200, caller.call(method, path, body))
        assert machine["Uuid"] in answer.text and SECRET not in answer.text, f"{method} {path}"
    assert SECRET in leaf.call("GET", f"machines/{machine['Uuid']}").text
    assert "taken" not in leaf.get(f"machines/{machine['Uuid']}/params")


def test_work_in_the_background_is_not_begun_with_a_managers_rights(chain):
    """Bulks, rollouts and plans of the server in between, asked for from above by somebody who may do nothing else."""
    leaf, middle, top = chain
    victim = leaf.create("profiles", {"Name": name()})["Name"]
    wait_until("the replica is there", lambda: victim in {row["Name"] for row in middle.get("profiles")})
    bulk = middle.create("bulks", {"Id": name(), "What": {"Kind": "delete"}, "Selection": {"Type": "profiles", "Keys": [victim]}})["Id"]
    sets = middle.create("version_sets", {"Id": name(), "Global": {"hidden": SECRET}})["Id"]
    caller = caller_with(top, ("bulks,rollouts,endpoints", "*", "*"))
    expect(403, caller.call("POST", f"/LR/api/v3/bulks/{bulk}/actions/start", {}))
    expect(403, caller.call("POST", "/LR/api/v3/bulks", {"Id": name(), "What": {"Kind": "delete"},
                                                         "Selection": {"Type": "profiles", "Keys": [victim]}}))
    expect(403, caller.call("POST", "/LR/api/v3/rollouts", {"Id": name(), "VersionSets": [sets], "Start": True}))
    for prefix in ("/LR/api/v3", "/api/v3"):
        answer = caller.call("GET", f"{prefix}/endpoints/LA/plan?sets={sets}")
        assert answer.status_code in (403, 404) and SECRET not in answer.text
    assert SECRET not in caller.call("POST", "plans", {"Sets": [sets], "Targets": ["LA"]}).text
    expect(403, caller.call("POST", "/LR/api/v3/plans", {"Sets": [sets], "Targets": ["LA"]}))
    expect(200, leaf.call("GET", f"profiles/{victim}"))


def listening_server(folder):
    """A TLS server of somebody else that notes what it is sent: (URL, fingerprint, the notes)."""
    key, certificate = folder / "key.pem", folder / "crt.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-subj", "/CN=127.0.0.1", "-days", "3"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    notes = []

    def serve():
        while True:
            with contextlib.suppress(OSError):
                near = listener.accept()[0]
                with context.wrap_socket(near, server_side=True) as taken:
                    taken.settimeout(5)
                    notes.append(taken.recv(4096))
            if listener.fileno() < 0:
                return

    threading.Thread(target=serve, daemon=True).start()
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
    return f"https://127.0.0.1:{listener.getsockname()[1]}", shown, notes, listener


def test_a_password_goes_to_nobody_elses_server(pair, tmp_path):
    """Who may write the parameters of an Endpoint object, and read no secrets, has no password sent to a server of theirs."""
    leaf, manager = pair
    url, shown, notes, listener = listening_server(tmp_path)
    caller = caller_with(manager, ("endpoints", "get,update", "*"))
    before = manager.get("endpoints/A")["Params"]
    expect(403, caller.call("PATCH", "endpoints/A", [{"op": "replace", "path": "/Params/manager~1url", "value": url},
                                                     {"op": "replace", "path": "/Params/manager~1fingerprint", "value": shown}]))
    expect(403, caller.call("POST", "endpoints/A/params/manager%2Ffingerprint", json.dumps(shown)))
    assert manager.get("endpoints/A")["Params"] == before
    # An address alone is another way to the one server whose certificate is known.
    expect(200, caller.call("POST", "endpoints/A/params/manager%2Furl", json.dumps(url)))
    wait_until("the other server is tried", lambda: not manager.status("A").startswith("Connected"))
    wait_until("its certificate is refused", lambda: shown in manager.status("A").replace(":", "").lower())
    assert not any(b"uthorization" in note for note in notes)
    expect(200, manager.call("POST", "endpoints/A/params/manager%2Furl", json.dumps(before["manager/url"])))
    manager.wait_status("A", "Connected")
    listener.close()


def test_a_machine_hears_of_no_replica(pair):
    """An endpoint deletes a member of a tenant while a machine of the manager listens to its events."""
    leaf, manager = pair
    machine = manager.create("machines", {"Name": name()})
    events = events_of(manager, manager.get(f"machines/{machine['Uuid']}/token")["Token"])
    tell(events, "register *.*.*")
    gone = leaf.create("profiles", {"Name": name()})["Name"]
    leaf.create("tenants", {"Name": name(), "Members": {"profiles": [gone]}})
    seen = lambda: gone in {row["Name"] for row in manager.get("profiles")}  # noqa: E731
    wait_until("the replica is there", seen)
    leaf.delete(f"profiles/{gone}")
    wait_until("the replica is gone", lambda: not seen())
    mark = manager.patch(f"machines/{machine['Uuid']}", ("add", "/Description", name()))["Description"]
    while True:
        event = json.loads(events.recv())
        assert gone not in json.dumps(event)
        if mark in json.dumps(event):
            break
    events.close()


def test_histories_keep_what_is_secret_now(server):
    """Neither the value that a parameter had before it was secure, nor an object that somebody else had under the same key."""
    parameter, profile, again = name(), name(), name()
    server.create("profiles", {"Name": profile, "Params": {parameter: "clear-words"}})
    server.patch(f"profiles/{profile}", ("replace", f"/Params/{parameter}", "clear-words-again"))
    server.create("params", {"Name": parameter, "Secure": True, "Schema": {"type": "string"}})
    reader = caller_with(server, ("profiles", "get", "*"))
    history = expect(200, reader.call("GET", f"profiles/{profile}/history"))
    assert len(history.json()["Entries"]) >= 2 and "clear-words" not in history.text

    server.create("profiles", {"Name": again, "Description": "theirs"})
    server.patch(f"profiles/{again}", ("replace", "/Description", "theirs too"))
    server.delete(f"profiles/{again}")
    tenant = server.create("tenants", {"Name": name(), "Members": {"profiles": []}})["Name"]
    ann = caller_with(server, roles=["superuser"], tenant=tenant)
    expect(201, ann.call("POST", "profiles", {"Name": again}))
    history = expect(200, ann.call("GET", f"profiles/{again}/history"))
    assert "theirs" not in history.text and history.json()["Complete"]


def test_no_spelling_of_a_path_makes_a_token(chain):
    """Paths that once were authorised as one request and carried out, with the manager's login, as another."""
    leaf, middle, top = chain
    nobody, files = caller_with(top), caller_with(top, ("files", "*", "*"))
    tail = "api/v3/users/rocketskates/token"
    for caller in (nobody, files):
        for prefix in ("LA", "LR/LA", "LR"):
            for path in (f"{prefix}/%61pi/v3/ws/x/{tail}", f"{prefix}/api/v3/ws/x/{tail}", f"{prefix}/api/%763/files/x/{tail}",
                         f"{prefix}/api/v3/files/x/{tail}", f"{prefix}/%2e%2e/{tail}", f"{prefix}/api/v3/files/..%2F..%2F..%2F{tail}",
                         f"{prefix}//{tail}", f"%4c{prefix[1:]}/{tail}"):
                answer = raw_get(top, "/" + path, caller.token)
                assert "Token" not in answer and not answer.startswith("HTTP/1.1 2"), f"{path}: {answer[:300]}"


def raw_get(server, target, token):
    """The answer to a request whose target no library has touched."""
    host, port = server.url.removeprefix("https://").split(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port)), 30) as plain, context.wrap_socket(plain) as line:
        line.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                     "Connection: close\r\n\r\n".encode())
        pieces = iter(lambda: line.recv(65536), b"")
        return b"".join(pieces).decode(errors="replace")


def test_tenants_hold_for_replicas(pair):
    endpoint, manager = pair
    bound_there = endpoint.get("tenants")
    one, two = (endpoint.create("machines", {"Name": name()})["Uuid"] for _ in range(2))
    tenant = manager.create("tenants", {"Name": name("tenant"), "Members": {"machines": [f"/A/{one}"]}})["Name"]
    ann = caller_with(manager, roles=["superuser"], tenant=tenant)
    wait_until("the replica is there", lambda: ann.keys("machines", "Uuid") == {one})
    expect(404, ann.call("PATCH", f"machines/{two}", []))
    expect(404, ann.call("GET", f"/A/api/v3/machines/{two}"))
    expect(403, ann.call("GET", "/A/api/v3/machines"))
    expect(200, ann.call("PATCH", f"machines/{one}", [{"op": "add", "path": "/Description", "value": "by ann"}]))
    made = expect(201, ann.call("POST", "/A/api/v3/machines", {"Name": name()})).json()["Uuid"]
    wait_until("what ann made there is hers here", lambda: ann.keys("machines", "Uuid") == {one, made})
    assert endpoint.get("tenants") == bound_there, "tenants bind where they are"


def test_what_only_the_owner_could_cut_is_not_asked_for_by_tenants(pair):
    """Answers about several objects, tokens and streams of another endpoint are made there with the manager's login."""
    endpoint, manager = pair
    pool = endpoint.create("pools", {"Id": name("pool")})["Id"]
    machine = {"Name": name(), "HardwareAddrs": [f"52:54:00:{':'.join(uuid.uuid4().hex[i:i + 2] for i in (0, 2, 4))}"], "Pool": pool}
    hidden = endpoint.create("machines", machine)["Uuid"]
    wait_until("the replica is there", lambda: manager.call("GET", f"machines/{hidden}").status_code == 200)
    tenant = manager.create("tenants", {"Name": name("tenant"), "Members": {"machines": [], "users": []}})["Name"]
    ann = caller_with(manager, roles=["superuser"], tenant=tenant)
    asked = {"MacAddrs": machine["HardwareAddrs"], "Fingerprint": {}}
    for method, path, body in (("POST", "whoami", asked), ("GET", "pools-active", None), ("GET", f"pools/{pool}/status", None),
                               ("GET", f"machines/{hidden}/token", None), ("GET", f"users/{USER}/token", None),
                               ("GET", "replication/stream", None)):
        answer = ann.call(method, f"/A/api/v3/{path}", body)
        assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text}"
        assert not {"Uuid", "Token"} & set(answer.json()) and machine["Name"] not in answer.text
    assert expect(200, ann.call("POST", "whoami", asked)).json()["Result"] == {}


def test_a_machine_works_at_its_own_endpoint(pair):
    endpoint, manager = pair
    machine = {"Uuid": str(uuid.uuid4()), "Name": name()}
    for server in pair:
        server.create("machines", machine)
    hidden = endpoint.create("profiles", {"Name": name()})["Name"]
    wait_until("the replica is there", lambda: manager.call("GET", f"profiles/{hidden}").ok)
    wait_until("both are there", lambda: manager.count("machines", f"?Uuid={machine['Uuid']}") == 2)
    token = manager.get(f"machines/{machine['Uuid']}/token")["Token"]
    held = Caller(manager, token=token)
    assert held.get(f"machines/{machine['Uuid']}")["Endpoint"] == "M"
    for kind in ("machines", "profiles", "stages", "jobs"):  # a machine may read every profile and stage, of its own server
        assert {row["Endpoint"] for row in held.get(kind)} <= {"M"}, kind
        assert held.count(kind) == len(held.get(kind)) == held.count(f"{kind}?Endpoint=M")
    for method, path, body in (("GET", f"machines/{machine['Uuid']}", None), ("PATCH", f"machines/{machine['Uuid']}", []),
                               ("GET", "info", None), ("POST", "jobs", {"Machine": machine["Uuid"]})):
        expect(403, held.call(method, f"/A/api/v3/{path}", body))


def test_an_archive_needs_the_right_to_every_file(server):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside", "x")
    one = caller_with(server, ("files", "post", "box/archive.zip"))
    refusal = expect(403, one.call("POST", "files/box/archive.zip?explode=true", packed.getvalue())).json()
    assert refusal["Messages"][1].startswith("Requires: files post")
    assert server.call("HEAD", "files/box/inside").status_code == 404
    expect(201, one.call("POST", "files/box/archive.zip", packed.getvalue()))
    every = caller_with(server, ("files", "post", "*"))
    expect(201, every.call("POST", "files/box/archive.zip?explode=true", packed.getvalue()))


def test_a_job_does_not_become_another_machines(server):
    """Rights to jobs go by their machine: who may change the jobs of one does not give them to another."""
    job, other = machine_job(server), server.create("machines", {"Name": name()})["Uuid"]
    writer = caller_with(server, ("jobs", "get,update", job["Machine"]))
    expect(200, writer.call("PATCH", f"jobs/{job['Uuid']}", [{"op": "replace", "path": "/ExitState", "value": "reboot"}]))
    answer = writer.call("PATCH", f"jobs/{job['Uuid']}", [{"op": "replace", "path": "/Machine", "value": other}])
    assert answer.status_code in (403, 422), answer.text
    assert server.get(f"jobs/{job['Uuid']}")["Machine"] == job["Machine"]


def test_rights_to_jobs_go_by_the_machine_of_the_same_server(pair):
    """A machine of the manager and one of the site have the same Uuid, and each has a job."""
    endpoint, manager = pair
    machine, jobs = {"Uuid": str(uuid.uuid4()), "Name": name()}, {}
    task = name()
    for server in pair:
        server.create("tasks", {"Name": task})
        server.create("machines", machine)
        server.patch(f"machines/{machine['Uuid']}", ("replace", "/Tasks", [task]))
        jobs[server.id] = server.call("POST", "jobs", {"Machine": machine["Uuid"]}).json()["Uuid"]
    wait_until("the replica is there", lambda: manager.call("GET", f"jobs/{jobs['A']}").ok)
    here = caller_with(manager, ("jobs", "list,get", machine["Uuid"]))
    assert here.keys("jobs", "Uuid") == {jobs["M"]} and here.count("jobs") == 1
    assert expect(200, here.call("GET", f"jobs/{jobs['M']}")).json()["Uuid"] == jobs["M"]
    expect(404, here.call("GET", f"jobs/{jobs['A']}"))
    expect(404, here.call("GET", f"/A/api/v3/jobs/{jobs['A']}"))
    there = caller_with(manager, ("jobs", "list,get", f"/A/{machine['Uuid']}"))
    assert there.keys("jobs", "Uuid") == set() and there.count("jobs") == 0
    for job in jobs.values():
        expect(404, there.call("GET", f"jobs/{job}"))


def test_a_pool_shows_the_machines_that_may_be_read(server):
    pool = server.create("pools", {"Id": name("pool")})["Id"]
    one, two = (server.create("machines", {"Name": name(), "Pool": pool}) for _ in range(2))
    none = caller_with(server, ("pools", "list,get", "*"))
    assert pool not in none.get("pools-active")
    text = expect(200, none.call("GET", f"pools/{pool}/status")).text
    assert not any(machine[field] in text for machine in (one, two) for field in ("Uuid", "Name"))
    some = caller_with(server, ("pools", "list,get", "*"), ("machines", "get", one["Uuid"]))
    text = expect(200, some.call("GET", f"pools/{pool}/status")).text
    assert one["Uuid"] in text and two["Uuid"] not in text and two["Name"] not in text
    assert pool in some.get("pools-active")


def test_who_else_has_an_object_is_told_to_those_who_may_read_it(chain):
    """A key that two endpoints have is ambiguous for who may read both, and for nobody else."""
    leaf, middle, top = chain
    key = name()
    for server in (leaf, middle):
        server.create("profiles", {"Name": key})
    wait_until("both replicas are there", lambda: top.call("GET", f"profiles/{key}").status_code == 409)
    both = caller_with(top, ("profiles", "get", f"/LA/{key},/LR/{key}"))
    assert "/LA/" in expect(409, both.call("GET", f"profiles/{key}")).text
    one = caller_with(top, ("profiles", "get", f"/LA/{key}"))
    assert expect(200, one.call("GET", f"profiles/{key}")).json()["Endpoint"] == "LA"
    none = expect(404, caller_with(top, ("profiles", "get", "another")).call("GET", f"profiles/{key}"))
    assert none.json()["Messages"] == ["Not Found"]


def test_events_of_an_endpoint_are_those_of_the_tenant(pair):
    endpoint, manager = pair
    seen, unseen = (endpoint.create("profiles", {"Name": name()})["Name"] for _ in range(2))
    tenant = manager.create("tenants", {"Name": name("tenant"), "Members": {"profiles": [f"/A/{seen}"]}})["Name"]
    reader = caller_with(manager, roles=["superuser"], tenant=tenant)
    for path in ("/api/v3/ws/A", "/A/api/v3/ws"):
        events = events_of(manager, reader.token, path)
        tell(events, "register profiles.*.*")
        endpoint.patch(f"profiles/{unseen}", ("add", "/Description", path))
        endpoint.patch(f"profiles/{seen}", ("add", "/Description", path))
        assert json.loads(events.recv())["Key"] == seen
        events.close()


def test_events_are_those_of_whom_their_object_names(chain):
    """A manager tells what it heard of an endpoint: a right to its own object of the same key is not one to that."""
    leaf, middle, top = chain
    key = name()
    for server in (leaf, middle):
        server.create("profiles", {"Name": key})
    wait_until("the replicas are there", lambda: len([row for row in top.get("profiles") if row["Name"] == key]) == 2)
    reader = caller_with(top, ("profiles", "get", f"/LR/{key}"))
    for path in ("/api/v3/ws/LR", "/LR/api/v3/ws"):
        events, all_of_it = events_of(top, reader.token, path), events_of(top, top.get(f"users/{USER}/token")["Token"], path)
        for each in (events, all_of_it):
            tell(each, f"register profiles.*.{key}")
        leaf.patch(f"profiles/{key}", ("add", "/Description", f"of the leaf, {path}"))
        assert json.loads(all_of_it.recv())["Object"]["Endpoint"] == "LA"
        middle.patch(f"profiles/{key}", ("add", "/Description", path))
        told = json.loads(events.recv())["Object"]
        assert (told["Endpoint"], told["Description"]) == ("LR", path)
        for each in (events, all_of_it):
            each.close()


def test_events_of_an_endpoint_are_cut_to_the_reader(pair):
    endpoint, manager = pair
    seen, unseen = (endpoint.create("profiles", {"Name": name()})["Name"] for _ in range(2))
    reader = caller_with(manager, ("profiles", "get", f"/A/{seen}"))
    for path in ("/api/v3/ws/A", "/A/api/v3/ws"):
        events = events_of(manager, reader.token, path)
        tell(events, "register profiles.*.*")
        endpoint.patch(f"profiles/{unseen}", ("add", "/Description", path))
        endpoint.patch(f"profiles/{seen}", ("add", "/Description", path))
        assert json.loads(events.recv())["Key"] == seen
        events.close()


def test_secure_values_do_not_leave_their_endpoint(pair):
    endpoint, manager = pair
    secure = endpoint.create("params", {"Name": name("secure"), "Secure": True})["Name"]
    profile = endpoint.create("profiles", {"Name": name(), "Params": {secure: SECRET}})["Name"]
    wait_until("the replica is there", lambda: manager.call("GET", f"profiles/{profile}").status_code == 200)
    texts = [manager.call("GET", path).text for path in (
        f"profiles/{profile}", "profiles", f"profiles/{profile}/params", "endpoints/A", "logs", "profiles?decode=true")]
    assert clear_anywhere(*texts, manager.log(), endpoint.log()) == []
    opened = expect(200, manager.call("GET", f"profiles/{profile}?decode=true")).json()
    assert opened["Params"][secure] == SECRET, "asked for by somebody with the right, it is opened at its owner"
    reader = caller_with(manager, ("profiles", "get", "*"))
    expect(403, reader.call("GET", f"profiles/{profile}?decode=true"))
    fresh = expect(200, manager.call("POST", f"profiles/{profile}/pubkey")).json()
    assert fresh == endpoint.get(f"profiles/{profile}/pubkey"), "rotation is carried out at the owner"
