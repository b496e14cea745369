"""A server that replaces its own program: two really different builds, and every kind of program that should not come
to serve."""
import atexit
import functools
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

import pytest
import requests

import harness
from harness import ROOT, expect, wait_until

sys.path.insert(0, str(ROOT / "tools"))
import make_package as packages  # noqa: E402
from package_key import make_key  # noqa: E402

NEXT = pathlib.Path(os.environ.get("MULLION_NEXT_BINARY", harness.BINARY.resolve().parent / "mullion_next"))
REPORT = '{"name":"mullion","version":"%s","arch":"amd64","os":"linux"}'
# About managers, so again with endpoints that are followed by their public API.
FOLLOWED_TOO = ("test_a_program_on_trial_acts_on_nobody",
                "test_a_manager_sees_the_new_version",
                "test_a_version_set_upgrades_the_server_and_goes_on",
                "test_a_version_set_with_a_broken_server_is_taken_back_and_says_so",
                "test_a_version_set_brings_the_user_interface")


@functools.cache
def key_pair():
    """The file of the secret key that signs packages here, and the public key that the servers trust."""
    folder = pathlib.Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    return folder / "key.pem", make_key(folder / "key.pem")


def make_package(program, output, key=None, **manifest):
    return packages.make_package(program, output, key=key or key_pair()[0], **manifest)


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """The two programs without debug information, and the package of the new one."""
    folder = tmp_path_factory.mktemp("programs")
    made = {}
    for name, source in (("old", harness.BINARY), ("new", NEXT)):
        made[name] = folder / name
        subprocess.run(["strip", "-o", str(made[name]), str(source)], check=True)
    made["package"] = make_package(made["new"], folder)
    return made


def version_of(program):
    answer = subprocess.run([str(program), "__self_check"], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)["version"]


class Upgradable(harness.Server):
    """A server that runs from a program file of its own."""

    def install(self, programs, called="bin/mullion", deadline=20):
        self.program = self.root.parent / f"{self.name}-program" / called
        self.program.parent.mkdir(parents=True)
        shutil.copy(programs["old"], self.program)
        self.flags += ["--upgrade-deadline", str(deadline), "--trusted-package-keys", key_pair()[1]]
        self.folder, self.word = None, str(self.program)
        self.user = None
        return self

    def command(self):
        return [self.word, *super().command()[1:]]

    def launch(self):
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder, user=self.user,
                                            env={**os.environ, **self.environment})
        return self

    def send(self, package, query=""):
        data = package if isinstance(package, bytes) else package.read_bytes()
        return self.call("POST", "system/upgrade" + query, data)

    def outcome(self, timeout=30):
        """What is told once nothing is pending any more."""
        def ended():
            answer = self.call("GET", "system/upgrade")
            return answer.status_code == 200 and answer.json()["State"] != "pending" and answer.json()
        return wait_until("the upgrade has ended", ended, timeout)

    def version(self):
        return self.get("info")["version"]

    def leftovers(self):
        beside = [path.name for path in self.program.parent.iterdir() if path != self.program]
        inside = [path.name for path in (self.root / "upgrade").iterdir()] if (self.root / "upgrade").exists() else []
        return beside + [name for name in inside if name not in ("previous", "result.json", "ready.json")]


@pytest.fixture
def server(site, programs):
    def made(**options):
        server = Upgradable(site.directory, f"S{len(site.servers)}")
        site.servers[server.name] = server
        return server.install(programs, **options)
    return made


def package_of(script, version="v9.9.9", **manifest):
    """A package whose program is a script."""
    folder = pathlib.Path(harness.tempfile.mkdtemp())
    (folder / "program").write_text(script)
    data = make_package(folder / "program", folder, **{"version": version, "arch": "amd64", "os": "linux", **manifest})
    content = data.read_bytes()
    shutil.rmtree(folder)
    return content


def pretender(serve, version="v9.9.9"):
    """A program that says what it should when asked, and does something else when it should serve."""
    report = REPORT % version
    return f"#!/bin/sh\nif [ \"$1\" = __self_check ]; then echo '{report}'; exit 0; fi\n{serve}\n"


def test_becomes_the_new_program_and_stays_the_same_process(server, programs):
    one = server().start()
    machine = one.create("machines", {"Name": "kept"})
    process, old = one.process.pid, one.version()
    info = expect(201, one.send(programs["package"])).json()
    assert info == {"Path": "system/upgrade", "Size": programs["package"].stat().st_size}
    ended = one.outcome()
    assert ended["Text"] == f"upgraded {old} -> v9.9.9" and ended["State"] == "upgraded"
    assert one.version() == "v9.9.9" and one.process.poll() is None and one.process.pid == process
    assert one.get(f"machines/{machine['Uuid']}")["Name"] == "kept"
    assert version_of(one.program) == "v9.9.9" and version_of(one.root / "upgrade" / "previous") == old
    assert one.get("info")["errors"] == [] and one.leftovers() == []
    one.kill()
    one.start()
    assert one.version() == "v9.9.9" and one.outcome()["State"] == "upgraded"
    # And back, when it is said explicitly.
    back = make_package(programs["old"], one.program.parent.parent)
    refused = expect(422, one.send(back)).json()
    assert f"{old} is not newer than the running v9.9.9" in refused["Messages"][0]
    expect(201, one.send(back, "?force=true"))
    assert one.outcome()["Text"] == f"upgraded v9.9.9 -> {old}" and one.version() == old
    assert one.stop() == 0


def test_a_package_waits_until_it_is_asked_for(server, programs):
    one = server().start()
    old, package = one.version(), programs["package"].read_bytes()
    def staged():
        assert one.get("system/upgrade/status")["Params"].get("Staged") == one.get("system/upgrade").get("Staged")
        return one.get("system/upgrade").get("Staged")
    assert expect(404, one.call("POST", "system/upgrade/exec")).json()["Messages"] == [
        "No package is staged: send one to system/upgrade/stage"]
    expect(422, one.call("POST", "system/upgrade/stage", b"no zip at all" * 100))
    assert staged() is None
    info = expect(201, one.call("POST", "system/upgrade/stage", package)).json()
    assert info == {"Path": "system/upgrade/stage", "Size": len(package)} and staged() == "v9.9.9"
    expect(422, one.call("POST", "system/upgrade/stage", b"no zip at all" * 100))
    assert staged() == "v9.9.9", "the one that is good stays"
    expect(204, one.call("DELETE", "system/upgrade/stage"))
    expect(404, one.call("POST", "system/upgrade/exec"))
    # The very program that runs: nothing to do.
    same = make_package(one.program, one.program.parent.parent).read_bytes()
    expect(201, one.call("POST", "system/upgrade/stage", same))
    expect(204, one.call("POST", "system/upgrade/run"))
    assert one.get("system/upgrade")["State"] == "none" and one.version() == old
    # Over a restart.
    expect(201, one.call("POST", "system/upgrade/stage", package))
    one.kill()
    one.start()
    assert staged() == "v9.9.9" and one.version() == old
    expect(202, one.call("POST", "system/upgrade/exec"))
    assert one.outcome()["Text"] == f"upgraded {old} -> v9.9.9" and one.version() == "v9.9.9"
    assert staged() is None and one.leftovers() == []
    back = make_package(programs["old"], one.program.parent.parent).read_bytes()
    refused = expect(422, one.call("POST", "system/upgrade/stage", back)).json()
    assert f"{old} is not newer than the running v9.9.9" in refused["Messages"][0]
    expect(201, one.call("POST", "system/upgrade/stage?force=true", back))
    expect(202, one.call("POST", "system/upgrade/run"))
    assert one.outcome()["Text"] == f"upgraded v9.9.9 -> {old}"


@pytest.mark.parametrize("how", ["relative", "path", "dr-provision", "symlink"])
def test_however_it_was_started(server, programs, how):
    one = server(called="bin/dr-provision" if how == "dr-provision" else "bin/mullion")
    if how == "relative":
        one.folder, one.word = one.program.parent.parent, "./bin/mullion"
    if how == "path":
        one.word, one.environment = "mullion", {"PATH": f"{one.program.parent}:{os.environ['PATH']}"}
        one.folder = "/"
    if how == "symlink":
        link = one.program.parent.parent / "mullion"
        link.symlink_to(one.program)
        one.word = str(link)
    if how == "dr-provision":
        one.command = lambda: [str(one.program), *harness.Server.command(one)[2:]]
    one.start()
    expect(201, one.send(programs["package"]))
    assert one.outcome()["State"] == "upgraded" and one.version() == "v9.9.9"
    assert version_of(one.program) == "v9.9.9" and one.process.poll() is None


BROKEN = {
    "ends": ("exit 1", "it ended with exit code 1 before it became ready"),
    "crashes": ("kill -SEGV $$", "it ended with signal 11 before it became ready"),
    "hangs": ("while :; do sleep 0.1; done", "it did not become ready within 3 s"),
    "hangs and ignores signals": ("trap '' TERM INT; while :; do sleep 0.1; done", "it did not become ready within 3 s"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_goes_back_to_the_old_program(server, kind):
    serve, reason = BROKEN[kind]
    one = server(deadline=3).start()
    process, old = one.process.pid, one.version()
    before = hashlib.sha256(one.program.read_bytes()).hexdigest()
    expect(201, one.send(package_of(pretender(serve))))
    ended = one.outcome()
    assert ended["State"] == "rolled back" and reason in ended["Text"], ended
    assert one.version() == old and one.process.pid == process and one.process.poll() is None
    assert hashlib.sha256(one.program.read_bytes()).hexdigest() == before
    assert one.get("info")["errors"] == [ended["Text"]] and ended["Text"] in one.log()
    assert one.leftovers() == []
    expect(204, one.call("DELETE", "system/upgrade"))
    assert one.get("info")["errors"] == [] and one.outcome()["State"] == "none"


def test_goes_back_from_one_that_says_it_is_ready_but_does_not_serve(server):
    one = server(deadline=3)
    note = '{"Version":"v9.9.9","Url":"https://127.0.0.1:9"}'
    script = f"echo '{note}' > {one.root}/upgrade/ready.json\nwhile :; do sleep 0.1; done"
    one.start()
    expect(201, one.send(package_of(pretender(script))))
    assert "it was ready but did not serve within 3 s" in one.outcome()["Text"]
    assert one.process.poll() is None


def altered(package, name, content):
    """The same package with other content of one entry; without it when there is none."""
    out = io.BytesIO()
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry))
        if content is not None:
            new.writestr(name, content)
    return out.getvalue()


def test_refuses_what_is_no_good_package_and_changes_nothing(server, programs):
    one = server().start()
    good = programs["package"].read_bytes()
    refusals = [
        (b"", "The body is empty"),
        (b"no zip at all" * 100, "Cannot explode"),
        (good[:len(good) // 2], "Cannot explode"),
        (altered(programs["package"], "manifest.json", None), "No manifest.json at the beginning of the package"),
        (altered(programs["package"], "extra", "x"), "The package holds extra, which its manifest does not name"),
        (altered(programs["package"], "bin/linux/amd64/mullion", None), "No bin/linux/amd64/mullion in the package"),
        (altered(programs["package"], "../evil", "x"), "leaves its directory"),
        (package_of("x", sha256="0" * 64), "The checksum of bin/linux/amd64/mullion is"),
        (package_of("x", arch="ppc64le"), "The package is for ppc64le/linux, this server runs on amd64/linux"),
        (package_of("x", version="v0.0.1"), "v0.0.1 is not newer than the running"),
        (package_of("x", version="newest"), "newest is no version"),
        (package_of("#!/bin/sh\necho broken >&2\nexit 1\n"), "does not start here: exit code 1: broken"),
        (package_of("neither ELF nor script"), "The program in the package"),
        (package_of(pretender("exit 0", "v9.9.8")), "says that its version is v9.9.8, the manifest v9.9.9"),
    ]
    for body, reason in refusals:
        error = expect(422, one.send(body)).json()
        assert reason in error["Messages"][0], error
        assert error["Model"] == "system" and error["Key"] == "upgrade"
        assert one.leftovers() == [], reason
    assert one.get("system/upgrade")["State"] == "none" and one.process.poll() is None
    assert "upgrade from=" not in one.log()


def zip_of(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def entries_of(package):
    with zipfile.ZipFile(package) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def test_only_what_a_trusted_key_signed_is_unpacked_and_run(server, programs, tmp_path):
    one = server().start()
    make_key(tmp_path / "other.pem")
    marker = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    described = {"version": "v9.9.9", "arch": "amd64", "os": "linux"}
    unsigned = packages.make_package(program, tmp_path, **described).read_bytes()
    foreign = make_package(program, tmp_path, key=tmp_path / "other.pem", **described).read_bytes()
    head, signature, good = entries_of(programs["package"])
    text = program.read_bytes()
    changed = json.loads(head[1]) | {"sha256": hashlib.sha256(text).hexdigest()}
    refusals = [
        (unsigned, "The package is not signed"),
        (foreign, "The package is not signed by a trusted key"),
        (zip_of([(head[0], json.dumps(changed)), signature, (good[0], text)]), "not signed by a trusted key"),
        (zip_of([(head[0], head[1]), (signature[0], "AAAA"), good]), "not signed by a trusted key"),
        (zip_of([head, good, signature]), "The package is not signed"),
        (zip_of([head, signature, (good[0], text)]), "The checksum of bin/linux/amd64/mullion is"),
        (zip_of([head, signature, good, (head[0], json.dumps(changed)), (good[0], text)]), "The checksum of"),
    ]
    for body, reason in refusals:
        assert reason in expect(422, one.send(body)).json()["Messages"][0]
        assert one.leftovers() == [] and not marker.exists(), reason
    assert one.get("info")["errors"] == []
    one.stop()
    one.flags = one.flags[:-2]
    one.start()
    assert "No key is trusted" in expect(422, one.send(foreign)).json()["Messages"][0]


def test_unsigned_packages_only_with_a_setting_that_is_told(server, programs, tmp_path):
    one = server()
    one.flags += ["--allow-unsigned-packages"]
    one.start()
    assert one.get("info")["errors"] == ["packages of the server need no signature (--allow-unsigned-packages)"]
    expect(201, one.send(packages.make_package(programs["new"], tmp_path)))
    assert one.outcome()["State"] == "upgraded" and one.version() == "v9.9.9"


def test_a_key_that_is_none_is_refused_at_the_start(site):
    one = site.server("K", flags=["--trusted-package-keys", "bm90IGEga2V5"])
    one.launch()
    assert one.process.wait(20) != 0
    assert "--trusted-package-keys: bm90IGEga2V5 is no Ed25519 public key in base64" in one.log()


def test_a_cut_upload_leaves_nothing_and_blocks_nobody(server, programs):
    one = server().start()
    connection = http.client.HTTPSConnection("127.0.0.1", one.api_port, context=ssl._create_unverified_context())
    connection.putrequest("POST", "/api/v3/system/upgrade")
    connection.putheader("Authorization", requests.auth._basic_auth_str(harness.USER, harness.PASSWORD))
    connection.putheader("Content-Length", "10000000")
    connection.endheaders(b"x" * 100000)
    wait_until("the upload has begun", lambda: (one.root / "upgrade" / "incoming" / "package.zip").exists())
    error = expect(409, one.send(programs["package"])).json()
    assert error["Messages"] == ["An upgrade of this server is under way"]
    connection.close()
    wait_until("nothing is left", lambda: one.leftovers() == [])
    wait_until("the next one is taken", lambda: one.send(programs["package"]).status_code == 201, pause=0.2)
    assert one.outcome()["State"] == "upgraded"


def test_nobody_else_is_served_by_a_program_on_trial(server, programs):
    """Whatever is answered between the old and the final new program is a 503: nothing is promised that a way back
    could take away."""
    one = server().start()
    seen, stop = [], threading.Event()

    def write():
        session = requests.Session()
        session.auth, session.verify, session.trust_env = one.session.auth, False, False
        while not stop.is_set():
            try:
                answer = session.post(one.url + "/api/v3/profiles", json={"Name": f"p{len(seen)}-{time.time_ns()}"},
                                      timeout=5)
                seen.append((answer.status_code, answer.text if answer.status_code == 503 else answer.json()["Name"]))
            except requests.RequestException:
                seen.append((0, ""))
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        expect(201, one.send(programs["package"]))
        assert one.outcome()["State"] == "upgraded"
    finally:
        stop.set()
        writer.join()
    assert {status for status, _ in seen} <= {0, 201, 503}
    assert any("v9.9.9 is being tried: it serves nobody yet" in text for status, text in seen if status == 503)
    kept = {profile["Name"] for profile in one.objects("profiles")}
    assert {name for status, name in seen if status == 201} <= kept


def test_a_program_on_trial_acts_on_nobody(site):
    """The new program's process without its supervisor: the trial lasts as long as the test likes."""
    leaf, manager = site.start("A", "M1")
    gate = site.gate(leaf)
    manager.become_manager().attach(leaf, url=gate.url)
    manager.create("version_sets", {"Id": "wanted", "Apply": True, "Prefs": {"unknownTokenTimeout": "901"}})
    manager.patch("endpoints/A", ("add", "/VersionSets", ["wanted"]), ("add", "/Apply", True))
    wait_until("it is as declared", lambda: leaf.get("prefs")["unknownTokenTimeout"] == "901")
    manager.stop()
    leaf.set_preference("unknownTokenTimeout", "902")
    gate.newest = None
    (manager.root / "upgrade").mkdir(exist_ok=True)
    pending = {"From": "v0", "To": "v1", "Program": str(manager.root / "program"), "DeadlineSeconds": 60,
               "Candidate": str(manager.root / ".program.upgrade"), "Fingerprint": "", "Started": ""}
    (manager.root / "upgrade" / "pending.json").write_text(json.dumps(pending))
    manager.environment = {"MULLION_UPGRADE_TRIAL": "1"}
    manager.launch()
    wait_until("it serves, on trial", lambda: (manager.root / "upgrade" / "ready.json").exists())
    assert "is being tried" in expect(503, manager.call("GET", "info")).text
    time.sleep(2)
    assert gate.newest is None and leaf.get("prefs")["unknownTokenTimeout"] == "902"
    assert manager.stop() == 0
    manager.environment = {}
    manager.start()
    wait_until("the accepted program goes on", lambda: leaf.get("prefs")["unknownTokenTimeout"] == "901")
    assert gate.newest is not None


def test_a_supervisor_without_an_upgrade_becomes_the_server(site):
    one = site.server("S")
    (one.root / "upgrade").mkdir(parents=True)
    (one.root / "upgrade" / "pending.json").write_text("{")
    serve = harness.Server.command(one)
    one.command = lambda: [serve[0], "__supervise_upgrade", str(one.root), serve[0], *serve]
    one.start()
    assert one.process.poll() is None and "no upgrade is pending" in one.log()


@pytest.mark.parametrize("moment", range(6))
def test_a_power_cut_at_any_moment_leaves_a_program_that_runs(server, programs, moment):
    one = server().start()
    old = one.version()
    expect(201, one.send(programs["package"]))
    time.sleep(moment * 0.35)
    one.kill()
    wait_until("the base root is free", lambda: _starts(one))
    ended = one.outcome()
    assert ended["State"] in ("upgraded", "rolled back")
    wanted = "v9.9.9" if ended["State"] == "upgraded" else old
    assert one.version() == version_of(one.program) == wanted, ended
    assert one.leftovers() == []
    # And it is no dead end.
    if ended["State"] == "rolled back":
        expect(201, one.send(programs["package"]))
        assert one.outcome()["Text"].startswith("upgraded")


def _starts(one):
    try:
        one.start()
        return True
    except AssertionError:
        return False


def test_a_stop_during_the_trial_stops(server):
    one = server(deadline=30).start()
    expect(201, one.send(package_of(pretender("while :; do sleep 0.1; done"))))
    wait_until("the new program is tried", lambda: "stopped" in one.log())
    time.sleep(0.5)
    assert one.stop() == 0
    one.start()
    assert "asked to stop" in one.outcome()["Text"] and one.leftovers() == []


def test_a_program_file_that_may_not_be_replaced(server, programs):
    if os.getuid() != 0:
        pytest.skip("needs to start a server as another user")
    one = server()
    one.user = "nobody"
    one.root.mkdir(parents=True)
    for path in (one.root.parent, one.program.parent.parent, one.program.parent):
        path.chmod(0o755)
    shutil.chown(one.root, "nobody")
    one.start()
    error = expect(422, one.send(programs["package"])).json()
    assert error["Messages"] == [f"the program file {one.program} is not writable by this server"]
    assert one.process.poll() is None


def may_mount():
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this machine lets nobody mount a small disk")
@pytest.mark.parametrize("step", ["receiving", "unpacking", "keeping the old program"])
def test_a_full_disk_refuses_the_upgrade_and_leaves_nothing(server, programs, step):
    package, program = programs["package"].stat().st_size, programs["new"].stat().st_size
    room = {"receiving": package // 2, "unpacking": package + program // 2,
            "keeping the old program": package + program + programs["old"].stat().st_size // 2}[step]
    one = server()
    plain = one.command()
    script = f'mount -t tmpfs -o size={room + 8 * 2**20} tmpfs "$0" && exec "$@"'
    one.root.mkdir(parents=True)
    one.command = lambda: ["unshare", "-rm", "sh", "-c", script, str(one.root), *plain]
    one.start()
    # Leaves exactly that much room.
    inside = pathlib.Path(f"/proc/{one.process.pid}/root") / str(one.root)[1:]
    free = os.statvfs(inside).f_bavail * os.statvfs(inside).f_frsize
    (inside / "ballast").write_bytes(bytes(max(0, free - room)))
    old = one.version()
    try:
        expect(507, one.send(programs["package"]))
    except requests.ConnectionError:  # the answer came while the package was still being sent
        wait_until("it is refused", lambda: "POST /api/v3/system/upgrade status=507" in one.log())
    left = [path.name for path in (inside / "upgrade").iterdir()]
    assert set(left) <= {"previous"} and [path.name for path in one.program.parent.iterdir()] == [one.program.name]
    assert one.version() == old and one.get("system/upgrade")["State"] == "none"
    (inside / "ballast").unlink()
    one.create("profiles", {"Name": "after"})


def test_a_manager_sees_the_new_version(server, site, programs):
    leaf = server().start()
    manager, = site.start("M1")
    manager.become_manager().attach(leaf)
    expect(201, manager.call("POST", f"/{leaf.id}/api/v3/system/upgrade", programs["package"].read_bytes()))
    wait_until("M1 shows the new version", lambda: manager.get(f"endpoints/{leaf.id}").get("DRPVersion") == "v9.9.9", 40)
    manager.wait_status(leaf.id, "Connected")


def declared(site, leaf, files, url=None, **wanted):
    """A manager over `leaf` with these files in its catalog, and a set that wants something of them."""
    manager, = site.start("M1")
    manager.become_manager().attach(leaf, url=url)
    for path, content in files.items():
        expect(201, manager.call("POST", f"files/rebar-catalog/{path}", content))
    report = expect(200, manager.call("POST", "plugins/manager/actions/buildCatalog", {})).json()
    assert not report["Warnings"], report
    manager.create("version_sets", {"Id": "wanted", "Apply": True, **wanted})
    manager.patch(f"endpoints/{leaf.id}", ("add", "/VersionSets", ["wanted"]), ("add", "/Apply", True))
    return manager


def test_a_version_set_upgrades_the_server_and_goes_on(server, site, programs):
    leaf = server().start()
    process = leaf.process.pid
    manager = declared(site, leaf, {"drp/v9.9.9.amd64.linux.zip": programs["package"].read_bytes()}, DRPVersion="stable",
                       Prefs={"unknownTokenTimeout": "901"})
    wait_until("everything is as declared", timeout=60, condition=lambda: manager.get(f"endpoints/{leaf.id}").get(
        "DRPVersion") == "v9.9.9" and not manager.get(f"endpoints/{leaf.id}").get("Actions"))
    assert leaf.process.pid == process and leaf.version() == "v9.9.9"
    assert leaf.get("prefs")["unknownTokenTimeout"] == "901", "what waits for the restart is done after it"


def test_a_cut_in_the_middle_of_a_package_resumes(server, site, programs):
    leaf = server().start()
    gate = site.gate(leaf)
    gate.rate = programs["package"].stat().st_size / 4
    manager = declared(site, leaf, {"drp/v9.9.9.amd64.linux.zip": programs["package"].read_bytes()}, url=gate.url, DRPVersion="stable")

    digest = hashlib.sha256(programs["package"].read_bytes()).hexdigest()
    where = f"files/upgrades/{digest[:16]}.zip"

    def offset():
        answer = leaf.call("HEAD", f"{where}?partial=true")
        return int(answer.headers["Upload-Offset"]) if answer.status_code == 200 else 0
    wait_until("half of it is there", lambda: offset() > programs["package"].stat().st_size // 3, 60)
    gate.cut()
    there = offset()
    gate.mend()
    wait_until("it goes on where it was", lambda: offset() > there, 30)
    gate.rate = None
    wait_until("the new version runs", lambda: manager.get(f"endpoints/{leaf.id}").get("DRPVersion") == "v9.9.9", 60)
    wait_until("nothing is left to do", lambda: not manager.get(f"endpoints/{leaf.id}").get("Actions"))
    line = wait_until("it is told", lambda: next(
        (line for line in manager.log().splitlines() if "carried out" in line and "kind=DRP " in line), None))
    assert int(line.split(" bytes=")[1].split()[0]) < programs["package"].stat().st_size - there + (1 << 20)
    wait_until("the package is gone", lambda: leaf.call("HEAD", where).status_code == 404)


def test_a_package_that_was_uploaded_before(server, programs):
    one = server().start()
    expect(201, one.call("POST", "files/upgrades/new.zip", programs["package"].read_bytes()))
    for wrong in ("files/none", "isos/x", "upgrades/new.zip", "files/../secret", ""):
        error = expect(422, one.send(b"", f"?file={wrong}")).json()
        assert error["Messages"] == [f"file: {wrong} is no file of this server"]
    expect(201, one.send(b"", "?file=files/upgrades/new.zip"))
    assert one.outcome()["State"] == "upgraded" and one.version() == "v9.9.9"


def test_a_version_set_with_a_broken_server_is_taken_back_and_says_so(server, site):
    leaf = server(deadline=3).start()
    old = leaf.version()
    broken = package_of(pretender("exit 1"))
    manager = declared(site, leaf, {"drp/v9.9.9.amd64.linux.zip": broken}, DRPVersion="v9.9.9")
    wait_until("M1 says what happened", timeout=60, condition=lambda: any(
        "rolled back" in error for error in manager.get(f"endpoints/{leaf.id}").get("Errors") or []))
    shown = manager.get(f"endpoints/{leaf.id}")
    assert (shown["DRPVersion"], shown["Available"], shown["Actions"][0]["Type"]) == (old, False, "DRP")
    assert leaf.version() == old
    manager.patch(f"endpoints/{leaf.id}", ("add", "/VersionSets", []))
    wait_until("it is fine again", lambda: manager.get(f"endpoints/{leaf.id}")["Available"])


def test_a_version_set_brings_the_user_interface(site):
    leaf, = site.start("A")
    manager = declared(site, leaf, {"drp-ux/v4.1.0.zip": ux_package("v4.1.0")}, DRPUXVersion="stable")
    wait_until("it is there", lambda: manager.get("endpoints/A").get("DRPUXVersion") == "v4.1.0" and not manager.get(
        "endpoints/A").get("Actions"))
    assert "hello" in leaf.call("GET", "/ux/").text


# -- the user interface

def ux_package(version, page="<html>hello</html>", **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("index.html", page)
        archive.writestr("ux-version.json", json.dumps({"version": version}))
        archive.writestr("assets/main-3f9a01cc.js", "let x;")
        for name, content in more.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_user_interface_is_installed_and_served(site):
    one, = site.start("A")
    page = one.call("GET", "/", allow_redirects=False)
    assert page.status_code == 200 and "text/html" in page.headers["Content-Type"]
    assert one.call("GET", "/ux", allow_redirects=False).headers["Location"] in ("/", "/ux/")  # as it was built
    expect(404, one.call("GET", "/ux/main.js"))
    for version in ("v2.1.0", "v2.2.0"):
        expect(201, one.call("POST", "files/ux/drp-ux.zip?explode=true", ux_package(version, f"<html>{version}</html>")))
        assert one.call("GET", "/", allow_redirects=False).headers["Location"] == "/ux/"
        assert one.call("GET", "/ux", allow_redirects=False).headers["Location"] == "/ux/"
        nobody = requests.Session()
        nobody.verify, nobody.trust_env = False, False
        for path in ("/ux/", "/ux/index.html", "/ux/machines/42"):
            shown = expect(200, nobody.get(one.url + path))
            assert shown.text == f"<html>{version}</html>" and shown.headers["Cache-Control"] == "no-cache"
            assert shown.headers["Content-Type"].startswith("text/html")
            expect(304, nobody.get(one.url + path, headers={"If-None-Match": shown.headers["ETag"]}))
        script = expect(200, nobody.get(one.url + "/ux/assets/main-3f9a01cc.js"))
        assert "javascript" in script.headers["Content-Type"] and "immutable" in script.headers["Cache-Control"]
        expect(404, nobody.get(one.url + "/ux/assets/none.js"))
        expect(400, nobody.get(one.url + "/ux/%2e%2e/secret.txt"))
