"""What a tenant hides changes no answer that its users get: not by a name, and not by a count.

Every route that reads is asked before and after objects of every type are made that the tenant hides, at the server itself and over
one and two hops. What differs although nothing was made (times, places in logs) is learnt by asking several times.
"""
import json
import re

import pytest

from harness import PATIENCE, expect, wait_until
from test_rights import CALLS, MADE, ROUTES, TYPES, caller_with, chain, name  # noqa: F401: the fixture

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
