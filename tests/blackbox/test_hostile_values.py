"""Schemas, values and patches that cost more than they look: each is answered, and meanwhile so are others."""
import concurrent.futures
import re

from harness import expect

MANY = 50_000


def doubling(levels):
    definitions = {f"d{level}": {"allOf": [{"$ref": f"#/definitions/d{level + 1}"}] * 2} for level in range(levels)}
    return {"allOf": [{"$ref": "#/definitions/d0"}], "definitions": {**definitions, f"d{levels}": {}}}


# name: (schema, value, status of the value)
HOSTILE = {
    "doubling": (doubling(60), 1, 422),
    "unique": ({"uniqueItems": True}, [{"id": number} for number in range(MANY)], 200),
    "choice": ({"items": {"enum": list(range(20_000))}}, list(range(20_000)), 200),
    "names": ({"patternProperties": {"^(a+)+$": {}}}, {"a" * 40 + "!": 1}, 200),
    "long-name": ({"patternProperties": {"^(.|x)*$": {}}}, {"a" * 300_000: 1}, 200),
}
REFUSED = {
    "chain": {"$ref": "#/definitions/d0",
              "definitions": {**{f"d{i}": {"$ref": f"#/definitions/d{i + 1}"} for i in range(MANY * 2)},
                              f"d{MANY * 2}": {}}},
    "endless": {"dependencies": {"a": {"$ref": "#"}}},
    "look-around": {"pattern": "^(?!a)"},
}


def test_hostile_schemas_are_answered_while_others_work(site):
    server, = site.start("A")
    for name, schema in REFUSED.items():
        answer = expect(422, server.call("POST", "params", {"Name": name, "Schema": schema}))
        assert answer.json()["Messages"][0].startswith(f"{name}: Invalid schema: "), answer.text[:300]
    server.create("profiles", {"Name": "held"})
    for name, (schema, _, _) in HOSTILE.items():
        server.create("params", {"Name": name, "Schema": schema})
    with concurrent.futures.ThreadPoolExecutor(16) as clients:
        answers = {}
        for name, (_, value, status) in HOSTILE.items():
            for number in range(3):
                profile = server.create("profiles", {"Name": f"{name}-{number}"})["Name"]
                answers[profile] = (status, clients.submit(
                    server.call, "POST", f"profiles/{profile}/params/{name}", value, timeout=120))
        while not all(answer.done() for _, answer in answers.values()):
            expect(200, server.call("GET", "info"))
            expect(200, server.call("PATCH", "profiles/held", [{"op": "add", "path": "/Description", "value": "x"}]))
        for profile, (status, answer) in answers.items():
            assert answer.result().status_code == status, (profile, answer.result().text[:300])
    server.stop()


def test_a_patch_makes_no_more_than_a_body_may_be(site):
    server, = site.start("A", flags=["--max-body", "8MiB"])
    server.create("profiles", {"Name": "large"})
    patch = [{"op": "add", "path": "/Params/a", "value": "x" * 1_000_000}]
    patch += [{"op": "copy", "from": "/Params/a", "path": f"/Params/a{number}"} for number in range(5_000)]
    answer = expect(413, server.call("PATCH", "profiles/large", patch))
    assert re.match(r"Patch error at line 8: the result is larger than 8388608 bytes", answer.json()["Messages"][0])
    with open(f"/proc/{server.process.pid}/status") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])
    assert peak < 400_000
