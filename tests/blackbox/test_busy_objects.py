"""Many who write the same object at once: what does not contradict is done, one after another."""
import concurrent.futures

import requests

from harness import PASSWORD, USER, expect, wait_until

WRITERS = 32
EACH = 8
# About managers, so again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("test_parameters_and_patches_of_one_machine_are_all_done",)


def together(work):
    """What `work(writer)` gives for every writer, all at once."""
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(work, range(WRITERS)))


def client_of(server, user=USER, password=PASSWORD):
    """For one thread: sessions are not shared among them."""
    session = requests.Session()
    session.auth, session.verify, session.trust_env = (user, password), False, False

    def call(method, path, body=None):
        return session.request(method, f"{server.url}/api/v3/{path}", json=body, timeout=60)
    return call


def test_parameters_and_patches_of_one_machine_are_all_done(site):
    leaf, manager = site.start("A", "M")
    manager.become_manager().attach(leaf)
    uuid = leaf.create("machines", {"Name": "busy"})["Uuid"]
    wait_until("it is copied", lambda: manager.call("GET", f"machines/{uuid}").status_code == 200)

    def write(writer):
        call = client_of((leaf, manager)[writer % 2])
        answers = []
        for i in range(EACH):
            answers.append(call("POST", f"machines/{uuid}/params/p-{writer}-{i}", i))
            answers.append(call("PATCH", f"machines/{uuid}", [{"op": "add", "path": f"/Meta/m-{writer}-{i}", "value": "x"}]))
        return [answer.text for answer in answers if answer.status_code != 200]
    assert [refused for refused in together(write) if refused] == []
    machine = leaf.get(f"machines/{uuid}")
    assert sum(key.startswith("p-") for key in machine["Params"]) == WRITERS * EACH
    assert sum(key.startswith("m-") for key in machine["Meta"]) == WRITERS * EACH


def test_what_joins_and_leaves_one_tenant_is_all_done(site):
    server = site.start("A")[0]
    server.create("roles", {"Name": "maker", "Claims": [{"scope": "profiles", "action": "*", "specific": "*"}]})
    server.create("users", {"Name": "busy-user", "Roles": ["maker"]})
    expect(200, server.call("PUT", "users/busy-user/password", {"Password": "secret-words"}))
    server.create("tenants", {"Name": "busy-tenant", "Users": ["busy-user"], "Members": {"profiles": []}})

    def make(writer):
        made = client_of(server, "busy-user", "secret-words")("POST", "profiles", {"Name": f"busy-{writer}"})
        if made.status_code != 201:
            return made.text
        if writer % 2:
            return ""
        gone = client_of(server)("DELETE", f"profiles/busy-{writer}")
        return "" if gone.status_code == 200 else gone.text
    assert [refused for refused in together(make) if refused] == []
    members = server.get("tenants/busy-tenant")["Members"]["profiles"]
    assert sorted(members) == sorted(f"busy-{writer}" for writer in range(WRITERS) if writer % 2)


def test_writes_that_contradict_are_told_apart(site):
    """Of many who test for the same value, one wins and the others are refused as such."""
    server = site.start("A")[0]
    uuid = server.create("machines", {"Name": "wanted"})["Uuid"]
    patch = [{"op": "test", "path": "/Description", "value": ""}, {"op": "replace", "path": "/Description", "value": "mine"}]
    answers = together(lambda writer: client_of(server)("PATCH", f"machines/{uuid}", patch))
    assert sorted(answer.status_code for answer in answers)[:2] == [200, 409], [answer.text for answer in answers]
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert all("Test op failed" in answer.text for answer in answers if answer.status_code != 200)
