"""Requests made from the server's own OpenAPI document: nothing fails inside, and every answer is as the document says.

The numbers are drawn from a seed, so a failure can be repeated: MULLION_SEED=N, MULLION_OPENAPI_SECONDS=S.
"""
import json
import os
import random
import time
import urllib.parse

import jsonschema
import pytest

import harness
from harness import expect

SEED = int(os.environ.get("MULLION_SEED", "1"))
SECONDS = float(os.environ.get("MULLION_OPENAPI_SECONDS", "20"))
# What would end the test itself: the account it uses, the process, its disk.
HARMFUL = {("post", "/system/upgrade"), ("post", "/system/backup"), ("post", "/system/consensus/enroll")}
HARMFUL_IDS = {"rocketskates", "superuser"}
TEXTS = ["", "a", "text", "ü", "global", "local", "none", "true", "false", "-1", "0", "1", "1h", "never", "x" * 300, "Name:global",
         "Uuid:x", "Name:", ":", "%", "a/b", "..", "Eq(x)", "Re(()", "Between(1,2)", "In()", "Lt(", "1.2.3.4", "2024-01-01T00:00:00Z",
         "{}", "\U0001f600", "DROP TABLE", "\x7f", "../../etc", "Meta", "Params", "Name", "Uuid", "Address"]
NUMBERS = [0, 1, -1, 7, 2 ** 31, -2 ** 31, 2 ** 53, 2 ** 63 - 1, 1.5, -0.0, 1e300]
JUNK = [None, True, False, 0, -1, 1.5, "", "text", [], {}, [None], {"a": None}, [[]], [{}]]


class Document:
    """The document with its references, and schemas that jsonschema understands."""

    def __init__(self, text):
        self.raw = text
        self.resolver = jsonschema.RefResolver("", self.plain(text))

    def plain(self, node):
        """OpenAPI's `nullable` in the words of JSON Schema."""
        if isinstance(node, list):
            return [self.plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        out = {key: self.plain(value) for key, value in node.items() if key not in ("nullable", "format")}
        if node.get("nullable") is True:
            return {"anyOf": [out, {"type": "null"}]}
        return out

    def find(self, node):
        while isinstance(node, dict) and "$ref" in node:
            target = self.raw
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def validate(self, value, schema):
        jsonschema.Draft4Validator(self.plain(schema), resolver=self.resolver).validate(value)

    def operations(self):
        for path, methods in self.raw["paths"].items():
            for method, operation in methods.items():
                if (method, path) not in HARMFUL:
                    yield method, path, operation


class Generator:
    """Values after a schema, now and then spoilt."""

    def __init__(self, document, dice, keys):
        self.document, self.dice, self.keys = document, dice, keys

    def value(self, schema, depth=0):
        schema = self.document.find(schema)
        if self.dice.random() < 0.06 or depth > 5:
            return self.dice.choice(JUNK)
        if "allOf" in schema:
            return self.value(schema["allOf"][0], depth)
        if "enum" in schema and self.dice.random() < 0.8:
            return self.dice.choice(schema["enum"])
        make = {"string": self.text, "integer": lambda: self.dice.choice(NUMBERS), "number": lambda: self.dice.choice(NUMBERS),
                "boolean": lambda: self.dice.random() < 0.5}.get(schema.get("type"))
        if make is not None:
            return make()
        if schema.get("type") == "array":
            return [self.value(schema["items"], depth + 1) for _ in range(self.dice.choice([0, 1, 1, 2]))]
        if schema.get("type") == "object":
            return self.members(schema, depth)
        return self.dice.choice(JUNK + TEXTS)

    def members(self, schema, depth):
        out = {name: self.value(inner, depth + 1) for name, inner in schema.get("properties", {}).items()
               if self.dice.random() < 0.3 or name in ("Name", "Id", "ID", "op", "path")}
        if isinstance(schema.get("additionalProperties"), dict):
            for _ in range(self.dice.choice([0, 1, 2])):
                out[self.text()] = self.value(schema["additionalProperties"], depth + 1)
        return out

    def text(self):
        if self.dice.random() < 0.4:
            return f"gen{self.dice.randrange(200)}x"
        return self.dice.choice(TEXTS)

    def segment(self, path, name):
        """A path argument: often something that is there."""
        known = self.keys.get(path.split("/")[1], []) + self.keys.get(path.split("/")[2] if path.startswith("/meta/") else "", [])
        if name == "id" and known and self.dice.random() < 0.7:
            return self.dice.choice(known)
        text = self.text()
        return text if text.strip("./ ") else "x"  # the HTTP library would shorten the path


def seeded_keys(server):
    """One object of each collection that can be made, and what is there anyway."""
    machine = server.create("machines", {"Name": "seeded-machine"})["Uuid"]
    server.create("params", {"Name": "seeded-param", "Secure": True})
    server.create("subnets", {"Name": "seeded-net", "Subnet": "10.0.0.0/8", "OnlyReservations": True})
    server.create("reservations", {"Addr": "10.1.1.1", "Token": "t", "Strategy": "MAC"})
    server.create("jobs", {"Machine": machine, "State": "created"})
    for prefix, key in (("profiles", "Name"), ("stages", "Name"), ("tasks", "Name"), ("workflows", "Name"), ("users", "Name"),
                        ("tenants", "Name"), ("roles", "Name"), ("pools", "Id"), ("templates", "ID"), ("contexts", "Name"),
                        ("version_sets", "Id"), ("rollouts", "Id"), ("catalog_items", "Id"), ("bootenvs", "Name"), ("endpoints", "Id")):
        server.create(prefix, {key: f"seeded-{prefix[:-1]}"})
    expect(201, server.call("POST", "files/seeded.txt", b"0123456789", headers={"Content-Type": "application/octet-stream"}))
    expect(201, server.call("POST", "contents", {"meta": {"Name": "seeded-pack"}}))
    keys = {}
    for prefix in server.get("objects"):
        if prefix == "preferences":
            continue
        for row in server.get(prefix):
            field = next(name for name in ("Uuid", "Addr", "Id", "ID", "Name") if name in row)
            keys.setdefault(prefix, []).append(row[field])
    return {**keys, "files": ["seeded.txt"], "contents": ["seeded-pack", "BasicStore"], "interfaces": ["lo"]}


class Prober:
    """Sends requests and judges answers."""

    def __init__(self, server, document, dice):
        self.server, self.document, self.dice = server, document, dice
        self.generator = Generator(document, dice, seeded_keys(server))
        self.sent, self.statuses, self.validated = 0, {}, 0

    def request(self, method, path, operation):
        target, query = path, []
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                value = self.generator.segment(path, parameter["name"])
                if method != "get" and value in HARMFUL_IDS:
                    value = "somebody"
                target = target.replace(f"{{{parameter['name']}}}", urllib.parse.quote(str(value), safe=""))
            elif self.dice.random() < 0.25:
                value = self.generator.value(parameter["schema"])
                query.append(f"{parameter['name']}={urllib.parse.quote(str(value))}")
        if method in ("get", "head") and self.dice.random() < 0.2:
            query.append(f"{self.dice.choice(TEXTS[:4] + TEXTS[-4:])}={urllib.parse.quote(self.dice.choice(TEXTS))}")
        return "/api/v3" + target + ("?" + "&".join(query) if query else "")

    def body(self, operation):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            if self.dice.random() < 0.03:
                return b"{nonsense", "application/json"
            value = self.generator.value(content["application/json"]["schema"])
            return json.dumps(value).encode(), "application/json"
        if content:
            return self.dice.randbytes(self.dice.randrange(2000)), "application/octet-stream"
        return None, None

    def send(self, method, path, operation):
        url = self.request(method, path, operation)
        data, media = self.body(operation)
        headers = {"Content-Type": media} if media else None
        answer = self.server.call(method.upper(), url, data, headers=headers)
        self.sent += 1
        self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
        self.judge(method, path, operation, answer, data)

    def judge(self, method, path, operation, answer, data):
        what = f"seed {SEED}, request {self.sent}: {method.upper()} {answer.request.url} {data!r:.500} -> {answer.status_code} {answer.text[:500]}"
        assert answer.status_code < 500, what
        told = operation["responses"].get(str(answer.status_code))
        assert told is not None, f"undocumented status of {path}: {what}"
        content = self.document.find(told).get("content", {})
        if method == "head" or not content:
            assert answer.content == b"", f"a body nobody declared: {what}"
            return
        if "application/json" not in content:
            return
        assert answer.headers["Content-Type"] == "application/json", what
        try:
            self.document.validate(answer.json(), content["application/json"]["schema"])
        except jsonschema.ValidationError as trouble:
            raise AssertionError(f"{trouble.message} at {list(trouble.path)}: {what}") from None
        self.validated += 1


@pytest.fixture(scope="module")
def own_server(request):
    site = harness.Site()
    try:
        yield site.start("G")[0]
    finally:
        site.close(keep_logs=request.session.testsfailed > 0)


def test_every_operation_answers_as_documented(own_server):
    document = Document(expect(200, own_server.call("GET", "/swagger.json")).json())
    tester = Prober(own_server, document, random.Random(SEED))
    operations = list(document.operations())
    deadline = time.monotonic() + SECONDS
    rounds = 0
    while rounds == 0 or time.monotonic() < deadline:
        tester.dice.shuffle(operations)
        for operation in operations:
            tester.send(*operation)
            if rounds > 0 and time.monotonic() > deadline:
                break
        rounds += 1
    print(f"{tester.sent} requests over {len(operations)} operations in {rounds} rounds, {tester.validated} bodies validated; "
          f"statuses {dict(sorted(tester.statuses.items()))}")
    assert len(operations) > 300 and tester.validated > 300
    assert own_server.process.poll() is None
    own_server.get("info")


def test_every_route_is_in_the_document(own_server):
    """The document is made from the route table; this catches a collection that is served but not described."""
    paths = expect(200, own_server.call("GET", "/swagger.json")).json()["paths"]
    for prefix in own_server.get("objects"):
        assert f"/{prefix}" in paths and f"/{prefix}/{{id}}" in paths, prefix
    for methods in paths.values():
        for operation in methods.values():
            assert operation["summary"] and operation["tags"]
            assert any(int(status) < 400 for status in operation["responses"])
