"""Routes beyond those of every collection, over HTTPS: jobs and logs, whoami, pools, certificates, debug, filters."""
import base64
import concurrent.futures
import hashlib
import json
import socket
import ssl
import subprocess
import uuid

import pytest
import requests

from harness import PASSWORD, USER, expect, wait_until
from test_server import LOGIN, add_role, add_user, as_user, connect, name, refused, talk


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("R").start()


def machine(server, **members):
    return server.create("machines", {"Name": name("m"), **members})


def job(server, machine_uuid, **members):
    return server.create("jobs", {"Machine": machine_uuid, "State": "created", **members})


def raw(server, text):
    """Head and body of one answer, byte for byte."""
    with connect(server.api_port) as connection:
        answer = talk(connection, text.replace("\n", "\r\n").replace("LOGIN\r\n", LOGIN.decode()).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode(), body


# -- addresses of subnets

def test_everybody_gets_an_address_of_their_own(server):
    net = server.create("subnets", {"Name": name("net"), "Subnet": "10.78.0.0/27", "OnlyReservations": True})["Name"]
    with concurrent.futures.ThreadPoolExecutor(15) as pool:
        answers = list(pool.map(lambda _: server.call("POST", f"subnets/{net}/allocate"), range(30)))
    addresses = {expect(200, answer).json()["Addr"] for answer in answers}
    assert addresses == {f"10.78.0.{host}" for host in range(1, 31)}
    refused(409, server.call("POST", f"subnets/{net}/allocate"), Model="subnets", Key=net)
    assert server.count("reservations", f"?Allocated=true&Subnet={net}") == 30
    expect(200, server.call("DELETE", f"subnets/{net}/release/10.78.0.9"))
    assert expect(200, server.call("POST", f"subnets/{net}/allocate")).json()["Addr"] == "10.78.0.9"
    for host in range(1, 31):
        expect(200, server.call("DELETE", f"subnets/{net}/release/10.78.0.{host}"))
    expect(200, server.call("DELETE", f"subnets/{net}"))


def test_catalog_items_are_found_by_what_clients_ask_for(server):
    for version in ("v1.2.0", "v1.10.0"):
        server.create("catalog_items", {"Id": f"seek-{version}", "Name": "seek", "Version": version, "ActualVersion": version,
                                        "ContentType": "ContentPackage", "Source": f"self://{version}", "Tip": version == "v1.10.0"})
    for query, found in (("Version=v1.2.0", ["v1.2.0"]), ("Version=1.2.0", ["v1.2.0"]), ("Version=Gt(v1.9.0)", ["v1.10.0"]),
                         ("sort=Version", ["v1.2.0", "v1.10.0"]), ("sort=ActualVersion&reverse=true", ["v1.10.0", "v1.2.0"]),
                         ("ContentType=ContentPackage", ["v1.10.0", "v1.2.0"]), ("Tip=true", ["v1.10.0"]), ("HotFix=true", []),
                         ("Type=catalog_items&Source=self://v1.2.0", ["v1.2.0"])):
        shown = [item["Version"] for item in server.get(f"catalog_items?Name=seek&{query}")]
        assert shown == found, query
    for version in ("v1.2.0", "v1.10.0"):
        expect(200, server.call("DELETE", f"catalog_items/seek-{version}"))


# -- transport

def test_empty_answers_say_so(server):
    made = job(server, machine(server)["Uuid"])
    for request in (f"PUT /api/v3/jobs/{made['Uuid']}/log HTTP/1.1\nHost: x\nLOGIN\nConnection: close\n"
                    "Content-Type: application/octet-stream\nContent-Length: 2\n\nhi",
                    "POST /api/v3/events HTTP/1.1\nHost: x\nLOGIN\nConnection: close\n"
                    'Content-Type: application/json\nContent-Length: 25\n\n{"Type":"a","Action":"b"}'):
        head, body = raw(server, request)
        assert head.split()[1] in ("200", "204")
        assert "\r\nContent-Length: 0" in head and "\r\nContent-Type: application/json" in head
        assert body == b""


def test_both_accept_lines_and_head(server):
    head, _ = raw(server, "GET /api/v3/info HTTP/1.1\nHost: x\nLOGIN\nAccept: application/json\n"
                          "Accept: application/octet-stream\nConnection: close\n\n")
    assert head.startswith("HTTP/1.1 200")
    for path in ("info", "objects", "indexes", "prefs", "logs", "interfaces", "contents", "profiles/global",
                 "pools-active", "system/cert", "debug/store", "machines"):
        shown = expect(200, server.call("HEAD", path))
        assert shown.content == b"" and shown.headers["Content-Type"] == "application/json", path


def test_ids_by_any_unique_index(server):
    made = machine(server)
    for key in (made["Uuid"], f"Uuid:{made['Uuid']}", f"Key:{made['Uuid']}", f"Name:{made['Name']}"):
        assert server.get(f"machines/{key}")["Uuid"] == made["Uuid"]
    for key in ("Runnable:true", "Nothing:x", "Name:nobody", "Address:10.0.0.1"):
        refused(404, server.call("GET", f"machines/{key}"), ["Not Found"], Key=key)
    subnet = server.create("subnets", {"Name": name("s"), "Subnet": "10.77.0.0/24", "ActiveStart": "10.77.0.10",
                                       "ActiveEnd": "10.77.0.20", "Strategy": "MAC", "Enabled": True})
    assert server.get("subnets/Subnet:10.77.0.0/24")["Name"] == subnet["Name"]
    reservation = server.create("reservations", {"Addr": "10.77.0.99", "Strategy": "MAC", "Token": "aa:bb:cc:dd:ee:01"})
    for key in ("10.77.0.99", "0A4D0063", "0a4d0063", "Key:0A4D0063"):
        assert server.get(f"reservations/{key}")["Addr"] == reservation["Addr"], key
    refused(404, server.call("GET", "reservations/Addr:10.77.0.99"), ["Not Found"])  # no unique index, as elsewhere
    refused(404, server.call("GET", "reservations/10.77.0.98"), ["Not Found"], Key="0A4D0062")
    server.create("params", {"Name": "deep/er/key"})
    assert server.get("params/deep/er/key")["Name"] == server.get("params/deep%2Fer%2Fkey")["Name"]


def test_a_client_may_ask_for_the_line_of_its_request(server):
    token = name("find")
    server.get("objects", headers={"X-Log-Request": "trace", "X-Log-Token": token})
    line = wait_until("the line is in the log", lambda: [x for x in server.log().splitlines() if token in x])[0]
    assert " trace api: GET /api/v3/objects status=200" in line
    assert any(token in entry["Message"] and entry["Level"] == "trace" for entry in server.get("logs"))


# -- jobs

def test_life_of_a_job_log(site):
    made = site.server("J").start()
    task = job(made, machine(made)["Uuid"])
    path = f"jobs/{task['Uuid']}/log"
    octets = {"Content-Type": "application/octet-stream"}
    assert made.call("GET", path).content == b""
    expect(204, made.call("PUT", path, "one\n", headers=octets))
    expect(204, made.session.put(f"{made.url}/api/v3/{path}", data=iter([b"tw", b"o\n"]), headers=octets))
    shown = made.call("GET", path, headers={"Accept": "application/octet-stream"})
    assert shown.content == b"one\ntwo\n" and shown.headers["Content-Type"] == "application/octet-stream"
    assert made.call("HEAD", path).headers["Content-Length"] == "8"
    made.stop()
    made.start()
    assert made.call("GET", path).content == b"one\ntwo\n"
    files = lambda: [file for file in (made.root / "job-logs").rglob("*") if file.is_file()]
    assert len(files()) == 1
    refused(422, made.call("DELETE", f"jobs/{task['Uuid']}"),
            [f"Jobs {task['Uuid']} is not in a deletable state: created"], Type="ValidationError", Model="jobs")
    made.patch(f"jobs/{task['Uuid']}", ("replace", "/State", "finished"))
    made.delete(f"jobs/{task['Uuid']}")
    wait_until("the log goes with the job", lambda: not files())
    # What a crash leaves is swept out at the next start.
    made.stop()
    orphan = str(uuid.uuid4())
    orphan = made.root / "job-logs" / orphan[:2] / orphan
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_text("left")
    made.start()
    wait_until("the orphan is swept out", lambda: not files())


def test_a_job_log_is_limited(site):
    made = site.server("L", flags=["--max-job-log", "1KiB"]).start()
    path = f"jobs/{job(made, machine(made)['Uuid'])['Uuid']}/log"
    expect(204, made.call("PUT", path, b"x" * 1000))
    refused(413, made.call("PUT", path, b"y" * 100), ["The log of a job holds at most 1024 bytes"])
    assert made.call("GET", path).content == b"x" * 1000


def test_purge(server):
    uuids = [job(server, machine(server)["Uuid"], State="finished", EndTime="2020-01-01T00:00:00Z")["Uuid"]
             for _ in range(3)]
    expect(200, server.call("DELETE", "jobs?dryrun=true&completeJobsPurgedAfter=1d"))
    first = server.get(f"jobs/{uuids[0]}")["Machine"]
    gone = expect(200, server.call("DELETE", f"jobs?machine={first}&completeJobsPurgedAfter=1d")).json()
    assert gone == [uuids[0]]
    server.delete(f"machines/{server.get(f'jobs/{uuids[1]}')['Machine']}")
    assert uuids[1] in expect(200, server.call("DELETE", "jobs?machine=missing")).json()
    assert server.get(f"jobs/{uuids[2]}")["State"] == "finished"
    refused(400, server.call("DELETE", "jobs?jobsToKeep=x"), ["jobsToKeep: x is not a number"])
    assert "selective-job-purge" in server.get("info")["features"]


def test_runners_reach_the_jobs_of_their_machine_alone(server):
    mine, other = machine(server), machine(server)
    token = server.get(f"machines/{mine['Uuid']}/token")["Token"]
    runner = as_user(server, token=token)
    own, foreign = job(server, mine["Uuid"]), job(server, other["Uuid"])
    assert runner.get(f"{runner.url}jobs/{own['Uuid']}").status_code == 200
    assert runner.put(f"{runner.url}jobs/{own['Uuid']}/log", data=b"out").status_code == 204
    assert runner.get(f"{runner.url}jobs/{own['Uuid']}/log").content == b"out"
    assert runner.get(f"{runner.url}jobs/{foreign['Uuid']}").status_code == 404
    assert runner.put(f"{runner.url}jobs/{foreign['Uuid']}/log", data=b"out").status_code == 404


# -- who is it, and where does it belong?

def test_whoami(server):
    mac = "52:54:00:%02x:%02x:%02x" % tuple(uuid.uuid4().bytes[:3])
    made = machine(server, HardwareAddrs=[mac])
    ask = lambda body: expect(200, server.call("POST", "whoami", body)).json()["Result"]
    found = ask({"MacAddrs": [mac.upper()], "Fingerprint": {}, "OnDiskUUID": ""})
    assert (found["Score"], found["Uuid"]) == (100, made["Uuid"])
    runner = as_user(server, token=found["Token"])
    assert runner.get(f"{runner.url}machines/{made['Uuid']}").json()["Name"] == made["Name"]
    assert ask({"OnDiskUUID": made["Uuid"], "MacAddrs": [], "Fingerprint": {}})["Score"] == 1000
    assert ask({"MacAddrs": ["52:54:00:ff:ff:ff"], "Fingerprint": {}}) == {}
    refused(400, server.call("POST", "whoami", []), ["The body is not a JSON object"])


def test_pools_are_read(server):
    pool = server.create("pools", {"Id": name("pool")})["Id"]
    assert pool not in server.get("pools-active") and server.get(f"pools/{pool}/status") == {}
    made = machine(server, Pool=pool)
    assert pool in server.get("pools-active")
    assert server.get(f"pools/{pool}/status") == {
        made["PoolStatus"]: [{"Name": made["Name"], "Uuid": made["Uuid"], "Allocated": False,
                              "Status": made["PoolStatus"]}]}
    refused(422, server.call("POST", f"pools/{pool}/addMachines", {"pool/all-machines": True}), Model="pools", Key=pool)
    refused(422, server.call("POST", f"machines/{made['Uuid']}/releaseToPool", {}), Model="machines")


# -- certificates

def new_pair(directory, common_name):
    key, certificate = directory / f"{common_name}.key", directory / f"{common_name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/CN={common_name}", "-days", "2", "-keyout", key, "-out", certificate],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate.read_bytes(), key.read_bytes()


def shown_fingerprint(port):
    with connect(port) as connection:
        return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()


def fingerprint(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()


def tls_cert(certificate, key):
    return {"Cert": base64.b64encode(certificate).decode(), "Key": base64.b64encode(key).decode()}


def test_certificates_are_replaced_while_the_server_runs(site, tmp_path):
    made = site.server("C").start()
    first = shown_fingerprint(made.api_port)
    assert shown_fingerprint(made.static_secure_port) == first
    certificate, key = new_pair(tmp_path, "api")
    other, other_key = new_pair(tmp_path, "static")
    refused(422, made.call("POST", "system/cert", tls_cert(certificate, other_key)),
            ["Cert and Key do not belong together"])
    refused(422, made.call("POST", "system/cert", tls_cert(b"nothing", key)), ["Cert: no certificate in PEM"])
    refused(400, made.call("POST", "system/cert", {"Cert": "x"}))
    assert shown_fingerprint(made.api_port) == first
    answer = expect(200, made.call("POST", "system/cert", tls_cert(certificate, key))).json()
    assert answer == {"Cert": base64.b64encode(certificate).decode(), "Key": ""}
    assert made.get("system/cert") == answer
    assert shown_fingerprint(made.api_port) == shown_fingerprint(made.static_secure_port) == fingerprint(certificate)
    expect(200, made.call("POST", "static/cert", tls_cert(other, other_key)))
    assert shown_fingerprint(made.api_port) == fingerprint(certificate)
    assert shown_fingerprint(made.static_secure_port) == fingerprint(other)
    made.stop()
    # A crash between the two files: the noted pair wins at the next start.
    last, last_key = new_pair(tmp_path, "last")
    (made.root / "server.key").write_bytes(last_key)
    (made.root / "server.crt.pending").write_bytes(b"%d\n" % len(last_key) + last_key + last)
    made.start()
    assert shown_fingerprint(made.api_port) == fingerprint(last)
    assert shown_fingerprint(made.static_secure_port) == fingerprint(other)
    assert not (made.root / "server.crt.pending").exists()
    assert "PRIVATE KEY" not in made.log()


# -- what the server says about itself

def test_debug_pages_hold_no_secrets(server):
    made = machine(server)
    server.create("params", {"Name": "hidden/value", "Secure": True, "Schema": {"type": "string"}})
    expect(200, server.call("POST", f"machines/{made['Uuid']}/params/hidden/value", '"tell nobody"'))
    token = server.get(f"users/{USER}/token")["Token"]
    for page in ("memory", "threads?seconds=1", "store", "routes", "events", "support"):
        text = json.dumps(server.get(f"debug/{page}"))
        assert "tell nobody" not in text and token not in text and PASSWORD not in text and "PRIVATE" not in text
    assert server.get("debug/support")["Preferences"]["baseTokenSecret"] == "********"
    refused(404, server.call("GET", "debug/everything"), Model="debug", Key="everything")
    refused(400, server.call("GET", "debug/threads?seconds=1000"))
    assert server.get("drp_debug/index/machines")["Indexes"]["Name"]["Unique"] is True
    stranger = as_user(server, *add_user(server, add_role(server, ("*", "list,get", "*"))))
    refused(403, stranger.get(stranger.url + "debug/support"), Type="AUTH")


def test_features_are_what_this_version_does(server):
    features = server.get("info")["features"]
    assert {"api-v3", "http-range-header", "secure-params", "threaded-log-levels", "replication-stream"} <= set(features)
    assert not {"sprig", "workflows", "fsm-runner", "inline-upgrade"} & set(features)
    # Packs written for what comes later load all the same.
    pack = name("pack")
    expect(201, server.call("POST", "contents", {
        "meta": {"Name": pack, "Version": "v1.0.0", "RequiredFeatures": "sprig, workflows"}, "sections": {}}))
    assert server.call("DELETE", f"contents/{pack}").status_code in (200, 204)
    refused(422, server.call("POST", "contents", {
        "meta": {"Name": pack, "Version": "v1.0.0", "RequiredFeatures": "time-travel"}, "sections": {}}))


def test_logins_and_unlocking_are_audited(server):
    user, password = add_user(server)
    session = as_user(server, user, password)
    session.get(session.url + "info")
    session = as_user(server, user, "wrong")
    assert session.get(session.url + "info").status_code == 401
    made = machine(server, Locked=True)
    server.patch(f"machines/{made['Uuid']}", ("replace", "/Locked", False))
    lines = [line["Message"] for line in server.get("logs") if line["Level"] == "audit"]
    for wanted in (f"Authenticated user {user} from ", f"login refused user={user} ", f"unlocked machines={made['Uuid']} "):
        assert any(line.startswith(wanted) for line in lines), wanted


def test_lines_of_a_request_have_one_group(server):
    user, password = add_user(server)
    session = as_user(server, user, password)
    assert session.post(session.url + "profiles", json={"Name": name()}).status_code == 403
    lines = [line for line in server.get("logs") if user in line["Message"] or line["Principal"] == f"user:{user}"]
    login = next(line for line in lines if line["Message"].startswith("Authenticated"))
    access = next(line for line in lines if line["Message"].startswith("POST /api/v3/profiles"))
    assert login["Group"] == access["Group"] > 0
    assert (access["Principal"], access["File"]) == (f"user:{user}", "api/internal/dispatcher.cc")
    assert all(line["File"].endswith((".cc", ".h")) and not line["File"].startswith(("/", ".")) and line["Line"] > 0
               for line in server.get("logs"))


# -- filters

def test_versions_are_compared_as_versions(server):
    mark = name("v")
    for number, version in enumerate(("v4.10.0", "v4.9.2", "v4.10.0-rc.2", "v4.10.0-rc.10", "tip")):
        server.create("endpoints", {"Id": f"{mark}-{number}", "DRPVersion": version})

    def found(query):
        return [row["Id"][-1] for row in server.get(f"endpoints?Id=Re(^{mark}-)&{query}")]

    assert found("sort=DRPVersion") == ["4", "1", "2", "3", "0"]
    assert found("DRPVersion=Lt(4.10)") == ["1", "2", "3", "4"]
    assert found("DRPVersion=Gt(v4.9.2)") == ["0", "2", "3"]
    assert found("DRPVersion=Between(v4.10.0-rc.3,v4.10.0)") == ["0", "3"]
    assert found("DRPVersion=Re(^v4[.]10)") == ["0", "2", "3"]
    assert found("DRPVersion=tip") == ["4"]
    refused(406, server.call("GET", "endpoints?DRPVersion=Lt(tip)"), ["DRPVersion must be a version: tip"], Model="endpoints")
    for number in range(5):
        server.delete(f"endpoints/{mark}-{number}")


@pytest.fixture(scope="module")
def herd(server):
    """Objects with parameters in every collection that has them."""
    mark = name("h")
    server.create("params", {"Name": "f/default", "Schema": {"type": "boolean", "default": False}})
    server.create("params", {"Name": "f/secret", "Secure": True, "Schema": {"type": "string"}})
    server.create("profiles", {"Name": f"{mark}-rack", "Params": {"f/rack": "r7"}})
    values = {"f/number": [1, 2.5, 10], "f/flag": [True, False, None], "f/text": ["a", "b", "10"]}
    rows = []
    for index in range(3):
        params = {key: given[index] for key, given in values.items() if given[index] is not None}
        rows.append(machine(server, Description=mark, Params=params, Profiles=[f"{mark}-rack"] if index == 0 else []))
    for collection, key in (("profiles", "Name"), ("stages", "Name")):
        for number in (1, 2):
            server.create(collection, {key: f"{mark}-{number}", "Description": mark, "Params": {"f/number": number}})
    expect(200, server.call("POST", f"machines/{rows[0]['Uuid']}/params/f/secret", '"x"'))
    return mark, [row["Uuid"] for row in rows]


@pytest.mark.parametrize("query, wanted", [
    ("f/number=1", [0]), ("f/number=Eq(2.5)", [1]), ("f/number=Gt(1)", [1, 2]), ("f/number=Lte(2.5)", [0, 1]),
    ("f/number=Between(2,10)", [1, 2]), ("f/number=Except(2,5)", [0, 2]), ("f/number=In(1,10)", [0, 2]),
    ("f/number=Nin(1,10)", [1]), ("f/number=Ne(1)", [1, 2]), ("f/number=+1", [0]),
    ("f/flag=true", [0]), ("f/flag=True", [0]), ("f/flag=false", [1]),
    ("f/text=a", [0]), ('f/text="10"', [2]), ("f/text='10'", [2]), ("f/text=10", []), ("f/text=Re(^[ab]$)", [0, 1]),
    ("f/default=false", [0, 1, 2]), ("f/default=true", []), ("f/rack=r7", [0]), ("f/rack=Ne(r7)", [1, 2]),
    ("f/nothing=1", []), ("f/nothing=Ne(1)", [0, 1, 2]), ("f/secret=x", []), ("f/secret=Ne(x)", [1, 2]),
    ("Params=f/flag", [0, 1]), ("f/number=Gt(0)&f/flag=true", [0])])
def test_filters_on_parameters_of_machines(server, herd, query, wanted):
    mark, uuids = herd
    items = dict(item.split("=", 1) for item in query.split("&"))
    answer = expect(200, server.call("GET", "machines", params={"Description": mark, **items}))
    assert sorted(uuids.index(row["Uuid"]) for row in answer.json()) == wanted
    count = expect(200, server.call("HEAD", "machines", params={"Description": mark, "limit": 1, **items}))
    assert count.headers["X-DRP-LIST-FILTER-COUNT"] == str(len(wanted))


def test_filters_on_parameters_of_other_collections(server, herd):
    mark, _ = herd
    for collection in ("profiles", "stages"):
        assert len(server.get(f"{collection}?Description={mark}&f/number=Gte(1)")) == 2
        assert [row["Name"] for row in server.get(f"{collection}?Description={mark}&f/number=2")] == [f"{mark}-2"]
        # Elsewhere only what the object sets itself counts.
        assert server.get(f"{collection}?Description={mark}&f/default=false") == []
    refused(406, server.call("GET", "jobs?f/number=1"), ["f/number is not an index of jobs"], Type="GET", Model="jobs")


def test_subnets_are_found_by_addresses_inside(server):
    made = server.create("subnets", {"Name": name("s"), "Subnet": "10.88.4.0/22", "ActiveStart": "10.88.4.10",
                                     "ActiveEnd": "10.88.4.20", "Strategy": "MAC", "Enabled": True})["Name"]
    inside = lambda query: made in [row["Name"] for row in server.get(f"subnets?{query}")]
    for query, wanted in (("Address=10.88.4.0", True), ("Address=10.88.7.255", True), ("Address=10.88.8.0", False),
                          ("ActiveAddress=10.88.4.20", True), ("ActiveAddress=10.88.4.21", False),
                          ("Address=In(1.2.3.4,10.88.5.1)", True), ("Address=Ne(10.88.5.1)", False),
                          ("ActiveAddress=Nin(10.88.5.1)", True)):
        assert inside(query) == wanted, query
    refused(406, server.call("GET", "subnets?Address=fred"), ["Invalid Address: fred"])
    refused(406, server.call("GET", "subnets?Address=Lt(10.0.0.1)"), ["Address has no order"])
    assert made in [row["Name"] for row in server.get("subnets?sort=Address")]


def test_paging_and_order(server, herd):
    mark, _ = herd
    everything = server.get(f"profiles?Description={mark}")
    assert [row["Name"] for row in everything] == [f"{mark}-1", f"{mark}-2"]
    assert server.get(f"profiles?Description={mark}&limit=0") == []
    assert server.get(f"profiles?Description={mark}&reverse=true&limit=1") == everything[1:]
    assert server.get(f"profiles?Description={mark}&sort=Name&reverse=true&offset=1") == everything[:1]
    assert server.get(f"profiles?Description={mark}&offset=9") == []
    for query, message in (("limit=-1", "Limit cannot be negative"), ("offset=-1", "Offset cannot be negative"),
                           ("sort=Params", "Not sortable: Params")):
        refused(406, server.call("GET", f"profiles?{query}"), [message], Type="GET", Model="profiles", Key="")
        assert server.call("HEAD", f"profiles?{query}").status_code == 406
