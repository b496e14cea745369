"""The web interface as browsers meet it: pages and files of the program, what protects them, how a page logs its websocket
in, and what it is told when an endpoint is not reached."""
import contextlib
import email.utils
import gzip
import hashlib
import json
import os
import re
import socket
import ssl
import threading
import time

import pytest
import requests
import websocket

from harness import PATIENCE, USER, expect, wait_until

# Set by ./x test, whose programs have an interface; others may be built without.
EXPECTED = os.environ.get("MULLION_EXPECT_UX") == "ON"
OPENS = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html,*/*;q=0.8"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types svelte-trusted-html mullion")
PROTECTION = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
              "Cross-Origin-Opener-Policy": "same-origin", "X-Content-Type-Options": "nosniff"}
# About managers, so again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("test_a_page_logs_its_websocket_in_by_a_sub_protocol",
                "test_refusals_say_who_was_not_reached_and_whether_it_may_have_heard")


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("E").start()


def nobody(server, method, path, headers=None, **options):
    """Without a login, without the encodings that the library adds, and without following."""
    headers = {"Accept-Encoding": None, "Accept": None, "User-Agent": None, **(headers or {})}
    return requests.request(method, server.url + path, headers=headers, verify=False, allow_redirects=False, timeout=10,
                            **options)


@pytest.fixture(scope="module")
def built_in(server):
    if nobody(server, "GET", "/ux/").status_code == 302:
        if EXPECTED:
            pytest.fail("this program was to be built with the web interface")
        pytest.skip("this program was built without the web interface")
    return server


def raw_body(server, path, headers):
    """Bytes as they come: requests unpacks what it gets."""
    answer = nobody(server, "GET", path, headers, stream=True)
    return answer, answer.raw.read(decode_content=False)


def assets_of(page):
    return re.findall(r'(?:src|href)="(/ux/assets/[^"]+)"', page)


def test_a_browser_is_led_to_the_interface_and_programs_are_not(built_in):
    opened = expect(302, nobody(built_in, "GET", "/", OPENS))
    assert opened.headers["Location"] == "/ux/"
    assert expect(302, nobody(built_in, "GET", "/", {"Accept": "text/html"})).headers["Location"] == "/ux/"
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"Sec-Fetch-Mode": "cors", "Accept": "text/html"}):
        assert "swagger.json" in expect(200, nobody(built_in, "GET", "/", headers)).text
    assert expect(302, nobody(built_in, "GET", "/ux")).headers["Location"] == "/ux/"


def test_the_page_and_what_it_loads(built_in):
    page = expect(200, nobody(built_in, "GET", "/ux/", OPENS))
    assert page.headers["Content-Type"] == "text/html; charset=utf-8" and page.headers["Cache-Control"] == "no-cache"
    assets = assets_of(page.text)
    assert any(name.endswith(".js") for name in assets)
    for name in assets:
        plain, bytes_plain = raw_body(built_in, name, {})
        packed, bytes_packed = raw_body(built_in, name, {"Accept-Encoding": "gzip, deflate, br"})
        assert plain.status_code == packed.status_code == 200
        assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(bytes_packed) == bytes_plain and len(bytes_packed) < len(bytes_plain)
        assert plain.headers["ETag"] == f'"{hashlib.sha256(bytes_plain).hexdigest()}"' != packed.headers["ETag"]
        for answer in (plain, packed):
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "Accept-Encoding" in answer.headers["Vary"]
        for encoding, whole in (({}, bytes_plain), ({"Accept-Encoding": "gzip"}, bytes_packed)):
            head = expect(200, nobody(built_in, "HEAD", name, encoding))
            assert int(head.headers["Content-Length"]) == len(whole)
        known = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]}
        assert expect(304, nobody(built_in, "GET", name, known)).content == b""
    later = {"If-Modified-Since": email.utils.formatdate(time.time() + 86400, usegmt=True)}
    expect(200, nobody(built_in, "GET", "/ux/", later))


@pytest.mark.parametrize("path, headers, status", [
    ("/ux/machines", {}, 200), ("/ux/machines/first.machine", OPENS, 200), ("/ux/endpoints/site.a", OPENS, 200),
    ("/ux/endpoints/site.a?_tab=plan", OPENS, 200), ("/ux/o/params/a%2Fb.c", OPENS, 200),
    ("/ux/machines/first.machine", {"Accept": "*/*"}, 404), ("/ux/assets/old-01234567.js", OPENS, 404),
    ("/ux/..%2findex.html", OPENS, 400), ("/ux/../index.html", OPENS, 400), ("/ux/%2e%2e/server.key", OPENS, 400),
    ("/ux/a%00b", OPENS, 400), ("/ux/a%ff", OPENS, 400)])
def test_links_into_the_interface(built_in, path, headers, status):
    page = nobody(built_in, "GET", "/ux/").text
    session = requests.Session()
    request = requests.Request("GET", built_in.url + "/", headers=headers).prepare()
    request.url = built_in.url + path  # the library would tidy it
    answer = expect(status, session.send(request, verify=False, timeout=10))
    assert (answer.text == page) == (status == 200)
    if status != 400:  # such a target has no meaning: not that of a page either
        for name, value in PROTECTION.items():
            assert answer.headers[name] == value


def test_every_answer_keeps_the_page_from_harm(built_in):
    asset = assets_of(nobody(built_in, "GET", "/ux/").text)[0]
    for method, path in (("GET", "/ux/"), ("HEAD", "/ux/"), ("GET", "/ux"), ("GET", asset), ("POST", "/ux/"),
                         ("DELETE", "/ux/index.html"), ("GET", "/ux/none.js"), ("GET", "/ux/a/b/c")):
        answer = nobody(built_in, method, path)
        assert answer.status_code < 500
        for name, value in PROTECTION.items():
            assert answer.headers[name] == value, (method, path, name)
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "Set-Cookie" not in answer.headers
    assert "Content-Security-Policy" not in built_in.call("GET", "info").headers


def test_a_package_in_files_takes_its_place(site):
    one, = site.start("A")
    before = nobody(one, "GET", "/ux/", OPENS)
    expect(201, one.call("POST", "files/ux/index.html", "<html>another</html>"))
    expect(201, one.call("POST", "files/ux/assets/main-3f9a01cc.js", "let x;"))
    for path in ("/ux/", "/ux/machines/first.machine"):
        page = expect(200, nobody(one, "GET", path, OPENS))
        assert page.text == "<html>another</html>"
        for name, value in PROTECTION.items():
            if name != "Content-Security-Policy":
                assert page.headers[name] == value
        assert page.headers["Content-Security-Policy"] == "base-uri 'self'; frame-ancestors 'none'; object-src 'none'"
    assert "immutable" in expect(200, nobody(one, "GET", "/ux/assets/main-3f9a01cc.js")).headers["Cache-Control"]
    expect(404, nobody(one, "GET", "/ux/assets/main-0.js", OPENS))
    assert expect(302, nobody(one, "GET", "/")).headers["Location"] == "/ux/"
    expect(204, one.call("DELETE", "files/ux/index.html"))
    after = nobody(one, "GET", "/ux/", OPENS)
    assert (after.status_code, after.text) == (before.status_code, before.text)


def test_the_fingerprint_is_told_before_anybody_logs_in(server):
    with socket.create_connection(("127.0.0.1", server.api_port)) as plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as secure:
            shown = hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()
    for method in ("GET", "HEAD"):
        for headers in ({}, OPENS):
            assert nobody(server, method, "/", headers).headers["X-Mullion-Certificate-SHA256"] == shown
    info = server.get("info")
    assert info["certificate_fingerprint"] == shown and "ux-socket-token" in info["features"]


# -- websockets

def open_socket(server, protocols, path="/api/v3/ws"):
    return websocket.create_connection(f"wss://127.0.0.1:{server.api_port}{path}", sslopt={"cert_reqs": 0}, timeout=PATIENCE,
                                       subprotocols=protocols)


def registers(events):
    events.send("register profiles.*.*")
    return json.loads(events.recv())["Action"] == "register"


def make_token(server):
    return server.get(f"users/{USER}/token?ttl=600")["Token"]


def be_talkative(*servers):
    for server in servers:
        for name in server.get("prefs"):
            if name.startswith("debug") or name == "logLevel":
                with contextlib.suppress(AssertionError):
                    server.set_preference(name, "trace")


def test_a_page_logs_its_websocket_in_by_a_sub_protocol(site):
    leaf, middle, top = site.start("A", "R1", "M1")
    middle.become_manager().attach(leaf)
    top.become_manager().attach(middle)
    be_talkative(leaf, middle, top)
    token = make_token(top)
    wait_until("A is there", lambda: top.count("endpoints") == 2)
    for path in ("/api/v3/ws", "/api/v3/ws/R1/A", "/A/api/v3/ws", "/R1/api/v3/ws"):
        events = open_socket(top, ["mullion.v1", f"mullion.bearer.{token}"], path)
        assert events.getsubprotocol() == "mullion.v1", path
        assert token not in str(events.getheaders())
        assert registers(events), path
        events.close()
    heard = open_socket(top, ["mullion.v1", f"mullion.bearer.{token}"])
    assert registers(heard)
    leaf.create("profiles", {"Name": "seen"})
    assert json.loads(heard.recv())["Key"] == "seen"
    heard.close()
    for protocols in (["mullion.v1"], ["mullion.v1", "mullion.bearer.wrong"], ["mullion.v1", f"mullion.bearer.{token}x"]):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            open_socket(top, protocols)
        assert refused.value.status_code == 401
    # A request that is no websocket: neither a login, nor told to the owner.
    headers = {"Sec-WebSocket-Protocol": f"mullion.bearer.{token}"}
    expect(401, nobody(top, "GET", "/api/v3/machines", headers))
    expect(200, top.call("GET", "/A/api/v3/machines", headers=headers))
    for server in (leaf, middle, top):
        assert token not in server.log() and "mullion.bearer" not in server.log()


def test_the_login_in_the_query_still_works(server):
    token = make_token(server)
    events = open_socket(server, None, f"/api/v3/ws?token={token}")
    assert registers(events) and events.getsubprotocol() is None
    events.close()
    assert token not in server.log()


# -- owners that are not reached

def facts_of(answer):
    owner, *rest = expect(503, answer).headers["X-Mullion-Unreachable"].split(";")
    return owner, dict(part.split("=", 1) for part in rest)


def test_refusals_say_who_was_not_reached_and_whether_it_may_have_heard(site):
    leaf, middle, top = site.start("A", "R1", "M1")
    gate = site.gate(middle)
    middle.become_manager().attach(leaf)
    top.become_manager().attach(middle, url=gate.url)
    machine = leaf.create("machines", {"Name": "far"})
    path = f"machines/{machine['Uuid']}"
    wait_until("M1 has it", lambda: top.count("machines", "?Name=far") == 1)
    change = [{"op": "add", "path": "/Description", "value": "changed"}]

    leaf.kill()
    middle.wait_status("A", "Lost", timeout=5)
    for way in (path, f"/A/api/v3/{path}", f"/R1/A/api/v3/{path}"):
        owner, facts = facts_of(top.call("PATCH", way, change))
        assert (owner, facts["hop"], facts["ran"]) == ("A", "A", "no"), "as R1 says it"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", facts["since"])
    owner, facts = facts_of(top.call("HEAD", f"/A/api/v3/{path}"))
    assert (owner, facts["ran"]) == ("A", "no")
    leaf.start()
    middle.wait_status("A", "Connected")
    wait_until("M1 reaches it", lambda: top.call("PATCH", path, change).status_code == 200)

    # The connection breaks while R1 has the request: nobody can tell.
    gate.hold()
    answers = []
    asking = threading.Thread(target=lambda: answers.append(top.call("PATCH", path, change, timeout=60)))
    asking.start()
    time.sleep(0.7)
    gate.cut()
    asking.join()
    owner, facts = facts_of(answers[0])
    assert (owner, facts["hop"], facts["ran"]) == ("A", "R1", "maybe")
    gate.holding = False
    top.wait_status("R1", "Lost", timeout=20)
    owner, facts = facts_of(top.call("PATCH", path, change))
    assert (owner, facts["hop"], facts["ran"]) == ("A", "R1", "no")


def test_an_error_about_one_field_names_it(server):
    refused = expect(400, server.call("POST", "machines", {"Name": "m", "Tasks": ["a", 1]})).json()
    assert refused["Field"] == "Tasks[1]" and "Tasks[1]" in refused["Messages"][0]
    refused = expect(400, server.call("POST", "machines", {"Name": "m", "Runnable": "yes"})).json()
    assert refused["Field"] == "Runnable"
    for query, field in (("Available=maybe", "Available"), ("Name=Re(()", "Name"), ("limit=many", "limit"), ("sort=Nothing", "sort")):
        assert expect(406, server.call("GET", f"machines?{query}")).json()["Field"] == field
    server.create("params", {"Name": "count", "Schema": {"type": "integer"}})
    server.create("profiles", {"Name": "counted"})
    assert expect(422, server.call("POST", "profiles/counted/params/count", "\"x\"")).json()["Field"] == "Params.count"
    assert "Field" not in expect(404, server.call("GET", "machines/none")).json()


# -- metrics

def test_the_metrics_are_there_as_json_for_who_may_see_them(server):
    shown = server.get("system/metrics")
    by_name = {metric["Name"]: metric for metric in shown["Metrics"]}
    page = server.metrics()
    assert shown["Id"] == "E" and {name.split("{")[0] for name in page} >= {
        name for name, metric in by_name.items() if metric["Kind"] != "histogram"}
    assert by_name["mullion_build_info"]["Samples"][0]["Labels"]["id"] == "E"
    histogram = by_name["mullion_api_request_seconds"]
    sample = histogram["Samples"][0]
    assert histogram["Kind"] == "histogram" and 0 < sample["Count"] and sample["Labels"]["route"]
    counts = [bucket["Count"] for bucket in sample["Buckets"]]
    assert counts == sorted(counts) and counts[-1] <= sample["Count"]
    few = server.get("system/metrics?names=mullion_store_objects,mullion_api_websockets")
    assert [metric["Name"] for metric in few["Metrics"]] == ["mullion_store_objects", "mullion_api_websockets"]
    assert few["Metrics"][0]["Samples"][0]["Value"] > 0
    refused = expect(400, server.call("GET", "system/metrics?names=mullion_none")).json()
    assert refused["Field"] == "names"
    expect(401, nobody(server, "GET", "/api/v3/system/metrics"))
    server.create("users", {"Name": "ann"})
    expect(200, server.call("PUT", "users/ann/password", {"Password": "p"}))
    expect(403, requests.get(f"{server.url}/api/v3/system/metrics", auth=("ann", "p"), verify=False, timeout=10))
