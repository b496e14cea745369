"""What a tenant hides changes no answer that its users get: not by a name, and not by a count.

Every route that reads is asked before and after objects of every type are made that the tenant hides, at the server itself and over
one and two hops. What differs although nothing was made (times, places in logs) is learnt by asking several times.

And every route whose path names an object is asked for one that the caller may not see, and for one that is not there: the
answers are the same but for the name.
"""
import json
import types
import uuid

import pytest

from harness import expect, wait_until
from provider_scripts import definition, shell
from test_rights import (MADE, PATCHES, ROUTES, TYPES, Subject, caller_with, chain, name, prefixes_for)  # noqa: F401: the fixture

# Routes whose answers are about what others do, and say so in docs/security.md.
TOLD = {"list_logs"}
OBJECTS = 3


def reading_routes():
    for route in ROUTES:
        if "GET" in route["methods"] and route["handler"] not in TOLD and not route.get("root"):
            yield from ((route, method) for method in route["methods"] if method in ("GET", "HEAD"))


def leaves(value, at=""):
    """A JSON value as (place, value) of everything in it that holds nothing."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{at}/{key}")
        yield f"{at}#", sorted(value)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{at}/{number}")
        yield f"{at}#", len(value)
    else:
        yield at, value


def facts(answer):
    out = {"status": answer.status_code}
    for header, value in answer.headers.items():
        if header not in ("X-Request-Id", "Date", "Content-Length"):
            out[header] = value
    try:
        out.update(leaves(answer.json()))
    except ValueError:
        out["text"] = answer.text
    return out


def paths(prefix, caller):
    """Each way to ask each route that reads: of collections, of every one."""
    for route, method in reading_routes():
        path = route["path"].replace("{rest...}", "none").replace("{name}", "Key").replace("{command}", "none")
        if route["handler"] == "show_debug":
            for what in ("store", "support", "routes", "events"):
                yield method, f"{prefix}/api/v3/debug/{what}"
        elif route["handler"] == "show_consensus":
            for what in ("state", "fullstate", "peers", "id"):
                yield method, f"{prefix}/api/v3/system/consensus/{what}"
        elif route["path"] == "/contents/{id}":
            yield method, f"{prefix}/api/v3/contents/BackingStore"
        elif "{collection}" in path:
            yield from ((method, f"{prefix}/api/v3{path.replace('{collection}', kind)}") for kind in ("machines", "profiles"))
        elif path == "/{prefix}":
            for kind in TYPES:
                yield method, f"{prefix}/api/v3/{kind}"
                yield method, f"{prefix}/api/v3/{kind}?limit=1&Available=true"
                if method == "GET":
                    yield method, f"{prefix}/api/v3/{kind}?group-by=Endpoint"
        elif route["path"] == "/users/{id}/capabilities":
            yield method, f"{prefix}/api/v3/users/{caller.user}/capabilities"
        elif "{id}" not in path and "{prefix}" not in path and "/ws" not in path and "stream" not in path:
            yield method, f"{prefix}/api/v3{path}"


def make_hidden(server):
    for _ in range(OBJECTS):
        for kind, body in MADE.items():
            if body:
                server.create(kind, body())


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_what_a_tenant_hides_changes_no_answer(chain, hops):  # noqa: F811
    servers = chain
    leaf, asked = servers[0], servers[hops]
    prefix = ("", "/LA", "/LA")[hops]
    tenant = asked.create("tenants", {"Name": name("tenant"), "Members": {kind: [] for kind in TYPES if kind != "preferences"}})["Name"]
    caller = caller_with(asked, roles=["superuser"], tenant=tenant)
    ways = list(paths(prefix, caller)) + (list(paths("", caller)) if hops else [])

    def ask():
        return {way: facts(caller.call(*way)) for way in ways}
    samples = []
    for _ in range(3):
        for server in servers:  # what everybody may see, and changes places in logs
            server.call("POST", "events", {"Type": "t", "Action": "a", "Key": "k"})
        samples.append(ask())
    for server in servers:
        make_hidden(server)
    wait_until("replicas are there", lambda: asked.count("machines") >= OBJECTS * (hops + 1))
    after = ask()
    told = {}
    for way in ways:
        for place in {place for sample in (*samples, after) for place in sample[way]}:
            before = [sample[way].get(place) for sample in samples]
            if len({json.dumps(value) for value in before}) == 1 and before[0] != after[way].get(place):
                told.setdefault(" ".join(way), []).append((place, before[0], after[way].get(place)))
    assert told == {}, "\n".join(f"{way}: {places[:5]}" for way, places in told.items())


# -- an object that may not be seen is one that is not there

# Routes whose answer says that an object exists which may not be read; the reason stands in schema/routes.yaml (`denied`).
TELLS_EXISTENCE = {"always"}
# Public keys are made for what is not there yet, and differ from one another in any case.
OPEN_NAMES = {"show_set_key"}
# What creates under a name that is taken says so, whoever has it (docs/security.md).
CREATES = {"upload_provider"}


def collection_of(route):
    """The collections whose objects a route's path names by their keys: "" when it names none."""
    words = route["path"].strip("/").split("/")
    if "{id}" not in words and "{rest...}" not in words:
        return []
    if "{prefix}" in words:
        return prefixes_for(route)
    collection = route.get("collection", words[0])
    return [collection] if collection in TYPES and route["handler"] not in CREATES else []


NAMING = [(route, prefix) for route in ROUTES for prefix in collection_of(route)]


def key_like(prefix):
    """A key of the kind that the collection has, of an object that is not there."""
    kind = TYPES[prefix]["key"]["kind"]
    return str(uuid.uuid4()) if kind == "uuid" else f"0A63{uuid.uuid4().hex[:4].upper()}" if kind == "hex-address" else name()


def path_of(route, prefix, key):
    """The route's path that names `key`; whatever else it names is the same for all."""
    path = route["path"].replace("{prefix}", prefix).replace("{command}", "nothing").replace("{name}", "10.0.0.1")
    rest = "x" if "{id}" in path else key
    return path.replace("{id}", key).replace("{rest...}", rest)


def body_of(route, method, prefix, subject):
    """What the route is sent about an object; texts, so that a key in it can be exchanged."""
    if method in ("GET", "HEAD", "DELETE") or route.get("body") is None:
        return None
    if route["body"] == "stream":
        return "x"
    if route["handler"] == "replace_object":
        return json.dumps(subject.body)
    sent = {"set_user_password": {"Password": "taken over"}, "start_machine": []}.get(route["handler"])
    return json.dumps(PATCHES.get(route["handler"], {}) if sent is None else sent)


def said(answer, key):
    """An answer without the key it is about."""
    headers = {header: value for header, value in answer.headers.items() if header not in ("X-Request-Id", "Date", "Content-Length")}
    return answer.status_code, json.dumps(headers).replace(key, "KEY"), answer.text.replace(key, "KEY")


def a_provider(server):
    made = name()
    expect(201, server.call("POST", f"plugin_providers/{made}", shell(definition(made))))
    return types.SimpleNamespace(key=made, body=server.get(f"plugin_providers/{made}"))


def an_interface(server):
    """Every machine has it: nobody makes interfaces."""
    return types.SimpleNamespace(key="lo", body=server.get("interfaces/lo"))


class Unseen:
    """Two callers who may not see the objects of `owner`, at the server `asked`: a tenant hides them from one, who may do everything
    else; the other may do everything to other objects alone."""

    def __init__(self, asked):
        self.asked = asked
        members = {kind: [] for kind in TYPES if kind != "preferences"}
        tenant = asked.create("tenants", {"Name": name("tenant"), "Members": members})["Name"]
        self.hidden = caller_with(asked, roles=["superuser"], tenant=tenant)
        self.without = caller_with(asked, *((kind, "*", "another") for kind in TYPES))


@pytest.fixture(scope="module")
def unseen(chain):  # noqa: F811
    return [Unseen(server) for server in chain]


@pytest.fixture(scope="module")
def kept(chain):  # noqa: F811
    """An object of each collection at the leaf, the same for all tests: none of them changes it."""
    leaf, objects = chain[0], {}

    def one(prefix):
        if prefix not in objects:
            make = {"plugin_providers": a_provider, "interfaces": an_interface}.get(prefix)
            objects[prefix] = make(leaf) if make else Subject(leaf, prefix)
            if prefix == "endpoints":  # what the server writes of a new one may come late
                wait_until("the server has seen it", lambda: leaf.get(f"endpoints/{objects[prefix].key}").get("ConnectionStatus"))
        return objects[prefix]
    return one


def arrived(server, prefix, key):
    return not TYPES[prefix].get("replicated", True) or server.call("GET", f"{prefix}/{key}").ok


@pytest.mark.parametrize("route, prefix", NAMING, ids=lambda part: part if isinstance(part, str) else f"{'-'.join(part['methods'])} {part['path']}")
def test_what_may_not_be_seen_is_as_what_is_not_there(chain, unseen, kept, route, prefix):  # noqa: F811
    leaf, subject = chain[0], kept(prefix)
    before = expect(200, leaf.call("GET", f"{prefix}/{subject.key}"))
    for server in chain[1:]:
        wait_until("the replica is there", lambda server=server: arrived(server, prefix, subject.key))
    tried = 0
    for hops, way in ((0, ""), (1, "/LA"), (1, ""), (2, "/LA"), (2, "/LR/LA"), (2, "")):
        for method in route["methods"]:
            for who in ("hidden", "without"):
                if who == "without" and route.get("denied") in TELLS_EXISTENCE:
                    continue
                absent, caller = key_like(prefix), getattr(unseen[hops], who)
                sent = body_of(route, method, prefix, subject)

                def ask(key):
                    body = sent and sent.replace(subject.key, key)
                    return caller.call(method, f"{way}/api/v3{path_of(route, prefix, key)}", body)
                real, none = said(ask(subject.key), subject.key), said(ask(absent), absent)
                where = f"{who} at {unseen[hops].asked.name}: {method} {way}{path_of(route, prefix, subject.key)}"
                if route["handler"] in OPEN_NAMES:
                    real, none = real[0], none[0]
                assert real == none, where
                tried += 1
    assert tried >= 6
    after = leaf.call("GET", f"{prefix}/{subject.key}")
    assert (after.status_code, after.text, after.headers.get("ETag")) == (200, before.text, before.headers.get("ETag"))


def test_a_program_takes_no_hidden_ones_place(chain, unseen, kept):  # noqa: F811
    leaf, provider = chain[0], kept("plugin_providers")
    before = expect(200, leaf.call("GET", f"plugin_providers/{provider.key}/binary")).content
    refusal = expect(409, unseen[0].hidden.call("POST", f"plugin_providers/{provider.key}", shell(definition(provider.key, Version="v2.0.0"))))
    assert refusal.json()["Messages"] == ["already exists"]
    assert expect(200, leaf.call("GET", f"plugin_providers/{provider.key}/binary")).content == before


def test_a_program_belongs_to_the_tenant_of_its_sender(chain, unseen):  # noqa: F811
    leaf, mine, others = chain[0], unseen[0].hidden, Unseen(chain[0]).hidden
    made = name()
    for version in ("v1.0.0", "v2.0.0"):
        expect(201, mine.call("POST", f"plugin_providers/{made}?replaceWritable=true", shell(definition(made, Version=version))))
        assert expect(200, mine.call("GET", f"plugin_providers/{made}")).json()["Version"] == version
    expect(404, others.call("GET", f"plugin_providers/{made}"))
    expect(404, others.call("DELETE", f"plugin_providers/{made}"))
    expect(200, mine.call("DELETE", f"plugin_providers/{made}"))
    expect(404, leaf.call("GET", f"plugin_providers/{made}"))


@pytest.mark.parametrize("way", ["", "/LA"])
def test_what_is_named_in_a_body_may_not_be_seen_either(chain, kept, way):  # noqa: F811
    # A machine without work would be answered by 204, were it found.
    leaf, asked = chain[0], chain[1 if way else 0]
    hidden, sets = leaf.create("machines", {"Name": name()})["Uuid"], leaf.create("version_sets", {"Id": name()})["Id"]
    subnet = leaf.create("subnets", MADE["subnets"]())["Name"]
    wait_until("the replicas are there", lambda: all(asked.call("GET", path).ok for path in (
        f"machines/{hidden}", f"version_sets/{sets}", f"subnets/{subnet}")))
    seen = {kind: [] for kind in TYPES if kind not in ("preferences", "subnets", "jobs")}
    tenant = asked.create("tenants", {"Name": name("tenant"), "Members": seen})["Name"]
    bound = caller_with(asked, roles=["superuser"], tenant=tenant)
    others = caller_with(asked, ("jobs,subnets,reservations,endpoints", "*", "*"), ("machines,version_sets", "*", "another"))
    before = expect(200, leaf.call("GET", f"machines/{hidden}"))
    job = str(uuid.uuid4())
    for caller in (bound, others):
        for method, path, body, like in (
                ("POST", "jobs", {"Uuid": job, "Machine": hidden}, (hidden, key_like("machines"))),
                ("POST", "jobs", {"Uuid": job, "Machine": hidden, "State": "created"}, (hidden, key_like("machines"))),
                ("POST", f"subnets/{subnet}/allocate", {"Machine": hidden, "Parameter": "taken"}, (hidden, key_like("machines"))),
                ("POST", "plans", {"Sets": [sets], "Targets": []}, (sets, key_like("version_sets")))):
            real, none = (caller.call(method, f"{way}/api/v3/{path}", json.dumps(body).replace(like[0], key)) for key in like)
            assert real.status_code >= 400, f"{method} {way}{path}: {real.status_code} {real.text}"
            assert said(real, like[0]) == said(none, like[1]), f"{method} {way}{path}"
    after = leaf.call("GET", f"machines/{hidden}")
    assert (after.text, after.headers["ETag"]) == (before.text, before.headers["ETag"])
