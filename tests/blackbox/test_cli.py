"""The command line as people use it: real processes against a real server."""
import http.server
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import threading
import time

import pytest
import yaml

from harness import BINARY, ROOT, wait_until

REFERENCE = ROOT / "docs" / "reference" / "cli"


class CommandLine:
    """Calls the program in a home of its own."""

    def __init__(self, server, home, url=None):
        self.home = pathlib.Path(home)
        self.home.mkdir(parents=True, exist_ok=True)
        self.environment = {"HOME": str(self.home), "RS_ENDPOINT": url or server.url, "PATH": os.environ["PATH"]}

    def call(self, *words, stdin=None, program=BINARY, **variables):
        return subprocess.run([str(program), *map(str, words)], input=stdin, capture_output=True, timeout=60,
                              text=not isinstance(stdin, bytes), cwd=self.home, check=False,
                              env={**self.environment, **variables})

    def run(self, *words, **options):
        """Output of a command that must succeed."""
        done = self.call(*words, **options)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def json(self, *words, **options):
        return json.loads(self.run(*words, **options))

    def fails(self, *words, **options):
        """Error text of a command that must fail."""
        done = self.call(*words, **options)
        assert done.returncode == 1, f"{words}: exit {done.returncode}, {done.stdout}"
        assert done.stdout == ""
        return done.stderr


@pytest.fixture(scope="module")
def server(shared_site):
    return shared_site.server("cli", drp_id="cli").start()


@pytest.fixture
def cli(server, tmp_path):
    return CommandLine(server, tmp_path / "home")


def test_an_object_from_birth_to_death(cli):
    made = cli.json("profiles", "create", "-", stdin='{"Name": "cli-life", "Params": {"num": 1}}')
    assert made["Params"] == {"num": 1}
    assert cli.json("profiles", "update", "cli-life", "Description: new")["Description"] == "new"
    patch = '[{"op": "test", "path": "/Description", "value": "new"},' \
            ' {"op": "replace", "path": "/Description", "value": "newer"}]'
    assert cli.json("profiles", "patch", "cli-life", patch)["Description"] == "newer"
    assert "Test op failed" in cli.fails("profiles", "patch", "cli-life", patch)
    assert cli.run("profiles", "exists", "cli-life") == ""
    assert cli.run("profiles", "count", "Name=cli-life") == "1\n"
    before = cli.run("profiles", "etag", "cli-life")
    cli.run("profiles", "set", "cli-life", "param", "a/b", "to", "[1, two]")
    assert cli.json("profiles", "get", "cli-life", "param", "a/b") == [1, "two"]
    assert cli.run("profiles", "etag", "cli-life") != before
    assert cli.run("profiles", "destroy", "cli-life") == "Deleted profile cli-life\n"
    assert cli.fails("profiles", "exists", "cli-life") == "Error: profiles:cli-life does not exist\n"
    assert cli.fails("profiles", "show", "cli-life") == "Error: GET: profiles/cli-life: Not Found\n"


def test_every_format_says_the_same(cli):
    cli.run("profiles", "create", '{"Name": "cli-format", "Description": "a | b", "Meta": {"k": "v"}}')
    as_json = cli.json("profiles", "list", "Name", "Eq", "cli-format")
    assert yaml.safe_load(cli.run("profiles", "list", "Name=cli-format", "-F", "yaml")) == as_json
    assert list(as_json[0]) == sorted(as_json[0])
    table = cli.run("profiles", "list", "Name=cli-format", "-F", "table", "-J", "Name,Description,Meta")
    assert table == 'Name        Description  Meta\ncli-format  a | b        {"k":"v"}\n'
    text = cli.run("profiles", "list", "Name=cli-format", "-F", "text", "-J", "Name,Meta,None", "-H")
    assert text == "cli-format\tmap[k:v]\t<nil>\n"
    assert cli.run("profiles", "show", "Name:cli-format", "-F", "go").startswith("map[")
    assert "\033" not in cli.run("machines", "list")


def test_names_and_atomic_updates(cli):
    assert cli.json("machines", "create", "cli-by-name")["Name"] == "cli-by-name"
    assert cli.fails("subnets", "create", "word") == "Error: Unable to create a new subnets by name\n"
    shown = cli.run("machines", "show", "Name:cli-by-name")
    cli.run("machines", "update", "Name:cli-by-name", "Description: first", "--ref", "-", stdin=shown)
    refused = cli.fails("machines", "update", "Name:cli-by-name", "Description: second", "--ref", "-", stdin=shown)
    assert refused.startswith("Error: PATCH: ") and "Test op failed" in refused
    assert not re.search(r"\b409\b", refused), "no code; an identifier may hold these digits"
    assert cli.json("machines", "show", "Name:cli-by-name")["Description"] == "first"


def test_secure_parameters_are_sealed_before_they_leave(cli, server):
    cli.run("params", "create", '{"Name": "cli/secret", "Secure": true, "Schema": {"type": "string"}}')
    cli.run("profiles", "create", "cli-secure")
    shown = cli.run("-d", "profiles", "set", "cli-secure", "param", "cli/secret", "to", "-", stdin="open sesame")
    assert set(json.loads(shown)) == {"Key", "Nonce", "Payload"}
    assert set(cli.json("profiles", "get", "cli-secure", "param", "cli/secret")) == {"Key", "Nonce", "Payload"}
    assert cli.json("profiles", "get", "cli-secure", "param", "cli/secret", "--decode") == "open sesame"
    assert cli.json("profiles", "params", "cli-secure", "--decode") == {"cli/secret": "open sesame"}
    # What is sealed is still checked against the schema.
    assert "Invalid type" in cli.fails("profiles", "set", "cli-secure", "param", "cli/secret", "to", "[1]")
    assert "sesame" not in server.log()


def test_a_pack_from_a_directory_to_the_server_and_back(cli):
    source = cli.home / "source"
    for path, text in {"._Name.meta": "cli-pack\n", "._Version.meta": "v1.0.0", "._Documentation.meta": "Read me.\n",
                       "params/cli.pack.yaml": "Name: cli/pack\nSchema:\n  type: string\n",
                       "templates/cli-pack.tmpl": "#!/bin/sh\necho {{ .Machine.Name }}\n",
                       "tasks/cli-pack.json": '{"Name": "cli-pack-task", "Templates": [{"ID": "cli-pack.tmpl",'
                                              ' "Name": "x"}]}',
                       "notes.txt": "not part of it"}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    bundled = cli.call("contents", "bundle", cli.home / "pack.yaml", "Author=us", "--dir", source)
    assert bundled.returncode == 0
    assert bundled.stderr == "not part of the pack: notes.txt\n"
    summary = cli.json("contents", "upload", cli.home / "pack.yaml")
    assert summary["Counts"] == {"params": 1, "tasks": 1, "templates": 1}
    assert cli.json("tasks", "show", "cli-pack-task")["Bundle"] == "cli-pack"
    (cli.home / "shown.json").write_text(cli.run("contents", "show", "cli-pack"))
    cli.run("contents", "unbundle", cli.home / "shown.json", "--dir", cli.home / "copy")
    assert (cli.home / "copy/templates/cli-pack.tmpl").read_text() == (source / "templates/cli-pack.tmpl").read_text()
    assert (cli.home / "copy/._Author.meta").read_text() == "us"
    cli.run("contents", "bundle", cli.home / "again.json", "--dir", cli.home / "copy")
    again = json.loads((cli.home / "again.json").read_text())
    assert again["meta"]["Documentation"] == "Read me.\n"
    assert again["sections"]["params"]["cli/pack"]["Schema"] == {"type": "string"}
    cli.run("contents", "update", "cli-pack", cli.home / "again.json")
    assert "cli-pack-task" in cli.run("contents", "document", cli.home / "again.json")
    assert cli.run("contents", "destroy", "cli-pack") == "Deleted content cli-pack"
    assert cli.fails("contents", "exists", "cli-pack") == "Error: content:cli-pack does not exist\n"


def test_a_pack_directory_is_taken_whole(cli):
    source, real = cli.home / "linked", cli.home / "elsewhere"
    for folder in (source / "tasks" / "deep", real):
        folder.mkdir(parents=True)
    (source / "._Name.meta").write_text("cli-linked")
    (real / "p.yaml").write_text("Name: cli-linked\nDescription: 12\n")
    (source / "profiles").symlink_to(real)
    (source / "tasks" / "a.yaml").write_text("Name: cli-twice\nDescription: first\n")
    (source / "tasks" / "b.yaml").write_text("Name: cli-twice\nDescription: last\n")
    done = cli.call("contents", "bundle", cli.home / "linked.json", "--dir", source)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ("not part of the pack: tasks/deep/\n"
                           "warning: tasks cli-twice stands in tasks/a.yaml and in tasks/b.yaml: the last one counts\n")
    sections = json.loads((cli.home / "linked.json").read_text())["sections"]
    assert sections["profiles"]["cli-linked"]["Description"] == "12"
    assert sections["tasks"]["cli-twice"]["Description"] == "last"
    (source / "tasks" / ".#a.yaml").symlink_to("user@host:1")  # an editor at work
    assert cli.call("contents", "bundle", cli.home / "linked.json", "--dir", source).returncode == 0
    (source / "params.yaml").symlink_to("/not/checked/out")
    assert "params.yaml is a link to what is no file" in cli.fails("contents", "bundle", cli.home / "linked.json", "--dir", source)


def test_input_is_read_whole_or_refused(cli):
    def refused(text, why):
        error = cli.fails("profiles", "create", "-", stdin=text)
        assert why in error, error

    refused("Name: cli-first\n---\nName: cli-second\n", "line 2: a second document begins here")
    refused("Name: cli-first\nDescription: a\nDescription: b\n", "line 3: member `Description` stands here a second time")
    refused('{"Name": "cli-first", "Name": "cli-second"}', "member `Name` stands here a second time")
    refused("Name: cli-first\nDescription: !vault x\n", "line 2: `x` cannot be read as !vault")
    assert not [one for one in cli.json("profiles", "list") if one["Name"].startswith("cli-first")]
    cli.run("profiles", "create", "Name: cli-typed\nDescription: 12\nMeta: {a: yes, b: 0x10}\nParams: {aa: yes, bb: 0x10}")
    typed = cli.json("profiles", "show", "cli-typed")
    assert (typed["Description"], typed["Meta"]) == ("12", {"a": "true", "b": "16"})
    assert typed["Params"] == {"aa": True, "bb": 16}
    assert cli.json("profiles", "update", "cli-typed", "Meta: {a: ~, c: 7}")["Meta"] == {"b": "16", "c": "7"}


def test_aliases_cost_no_memory(cli):
    bomb = "Name: cli-bomb\nParams:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 11))
    words = ["prlimit", f"--as={1 << 30}", str(BINARY), "profiles", "create", "-"]
    done = subprocess.run(words, input=bomb, capture_output=True, text=True, timeout=60, env=cli.environment, check=False)
    assert done.returncode == 1 and "aliases make too much of this document" in done.stderr, done.stderr


def test_live_objects_become_a_pack(cli):
    cli.run("profiles", "create", '{"Name": "cli-bundlize", "Params": {"num": 1}}')
    cli.run("contents", "bundlize", cli.home / "made.json", "Name=cli-made", "profiles:cli-bundlize", "--delete",
            "--reload")
    assert cli.json("profiles", "show", "cli-bundlize")["Bundle"] == "cli-made"
    cli.run("contents", "destroy", "cli-made")
    assert cli.run("contents", "convert", cli.home / "made.json") == "Created profiles:cli-bundlize\n"
    assert cli.json("profiles", "show", "cli-bundlize")["Bundle"] == ""


def test_files_go_up_come_down_and_go_on_where_they_stopped(cli, server):
    content = os.urandom(3_000_000)
    (cli.home / "big").write_bytes(content)
    assert cli.json("files", "upload", "big", "as", "cli/dir/big") == {"Path": "/cli/dir/big", "Size": len(content)}
    assert cli.run("files", "exists", "cli/dir/big") == ""
    assert cli.json("files", "list", "cli") == ["dir/"]
    assert cli.json("files", "list", "cli", "--recurse") == ["dir/", "dir/big"]
    (cli.home / "copy.part").write_bytes(content[:1_000_000])
    cli.run("files", "download", "cli/dir/big", "to", "copy")
    assert (cli.home / "copy").read_bytes() == content
    assert "-> 304" in cli.call("-d", "files", "download", "cli/dir/big", "to", "copy").stderr
    (cli.home / "copy.part").write_bytes(b"something else")
    cli.run("files", "download", "cli/dir/big", "to", "copy")
    assert (cli.home / "copy").read_bytes() == content
    assert cli.run("files", "download", "cli/dir/big", stdin=b"") == content
    assert cli.run("files", "static", "cli/dir/big", stdin=b"") == content
    cli.run("files", "upload", f"http://127.0.0.1:{server.static_port}/files/cli/dir/big", "as", "cli/second")
    assert cli.run("files", "download", "cli/second", stdin=b"") == content
    assert cli.run("files", "destroy", "cli/second") == "Deleted cli/second"
    assert cli.fails("files", "download", "cli/second", "to", "none").startswith("Error: GET: files/")
    assert not (cli.home / "none").exists() and not (cli.home / "none.part").exists()


def test_waiting(cli):
    cli.run("machines", "create", "cli-wait")
    assert cli.run("machines", "wait", "Name:cli-wait", "Runnable", "true", 5) == "complete\n"
    assert cli.run("machines", "wait", "Name:cli-wait", "Description", "never", 1) == "timeout\n"
    assert cli.run("machines", "show", "Name:cli-wait", "--wait", "1s") == "Timeout: no change\n"
    waiting = subprocess.Popen([str(BINARY), "machines", "wait", "Name:cli-wait", "Description", "there", "60"],
                               stdout=subprocess.PIPE, text=True, env=cli.environment)
    time.sleep(0.3)  # whether it waits already or not: it must see the change
    cli.run("machines", "update", "Name:cli-wait", "Description: there")
    assert waiting.communicate(timeout=30)[0] == "complete\n"
    assert waiting.returncode == 0


def test_mistakes_are_told_apart(cli):
    assert "Usage:\n  mullion machines show ID" in cli.fails("machines", "show")
    assert "Usage" not in cli.fails("machines", "show", "no-such-machine")
    assert cli.fails("machines", "create", "@nofile") == "Error: there is no file nofile\n"
    assert cli.fails("-P", "wrong", "-x", "machines", "list").startswith("Error: Error creating Session: ")
    refused = cli.fails("-E", "https://127.0.0.1:1", "-x", "machines", "list")
    assert refused.startswith("Error: Error creating Session: ") and "https://127.0.0.1:1" in refused
    invalid = cli.fails("machines", "create", '{"Name": "cli-bad", "Stage": "none such"}')
    assert invalid.startswith("Error: ValidationError: machines/")
    cli.run("profiles", "create", '{"Name": "cli-used"}')
    cli.run("machines", "create", '{"Name": "cli-user", "Profiles": ["cli-used"]}')
    assert cli.fails("profiles", "destroy", "cli-used").startswith("Error: StillInUseError: profiles/cli-used")


def test_the_token_cache(cli):
    cache = cli.home / "tokens"
    (cache).mkdir()
    (cache / ".rocketskates.token").write_text("of-drpcli")
    cli.run("info", "check", RS_TOKEN_CACHE=str(cache))
    folder = cache / "by-server"
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700 and file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(file.read_text())
    assert kept["Address"] == cli.environment["RS_ENDPOINT"] and kept["Username"] == "rocketskates"
    assert cli.run("info", "check", "-P", "wrong", RS_TOKEN_CACHE=str(cache)) == '{\n  "active": true\n}\n'
    for damage in ("stale", "", json.dumps({**kept, "Token": "stale"}), "\0" * 100):
        file.write_text(damage)
        cli.run("info", "check", RS_TOKEN_CACHE=str(cache))
        assert json.loads(file.read_text())["Token"] not in ("stale", "")
    cli.run("-T", kept["Token"], "machines", "count")


class Impostor:
    """An https server with a certificate of its own that notes every request, and answers as a DRP server would."""

    def __init__(self, folder, port=0):
        self.seen = seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                seen.append((self.path, dict(self.headers)))
                text = b'{"Token": "given-by-the-impostor"}' if "/token" in self.path else b"[]"
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = do_GET

        folder.mkdir(exist_ok=True)
        key, certificate = folder / "key.pem", folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=impostor", "-days", "2", "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
        self.fingerprint = fingerprint_of(certificate)
        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def fingerprint_of(certificate):
    done = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"], check=True,
                          capture_output=True, text=True)
    return done.stdout.split("=")[1].strip().replace(":", "").lower()


def test_another_server_at_a_known_address_gets_nothing(tmp_path):
    first = Impostor(tmp_path / "first")
    cli = CommandLine(None, tmp_path / "home", url=first.url)
    said = cli.call("machines", "list")
    assert said.returncode == 0 and said.stderr.count(first.fingerprint) == 1
    assert cli.call("machines", "list").stderr == ""
    known = cli.home / ".config/mullion/known_servers"
    assert known.stat().st_mode & 0o777 == 0o600 and known.parent.stat().st_mode & 0o777 == 0o700
    port = first.port
    first.close()
    second = Impostor(tmp_path / "second", port)
    try:
        for words in (["machines", "list"], ["-T", "my-token", "machines", "list"], ["-x", "machines", "list"],
                      ["machines", "wait", "x", "Name", "y", "5"], ["events", "watch"], ["proxy", "socket"],
                      ["files", "upload", "-", "as", "x"], ["version_sets", "list"], ["catalog", "items"],
                      ["profiles", "create", second.url]):
            refused = cli.call(*words, stdin="x")
            assert refused.returncode == 1 and "HAS CHANGED" in refused.stderr, f"{words}: {refused}"
            assert second.seen == [], words
        assert first.fingerprint in refused.stderr
        command = f"mullion trust {second.url} {second.fingerprint}"
        assert command in refused.stderr
        cli.run(*command.split()[1:])
        cli.run("machines", "list")
        spelled = ":".join(second.fingerprint[i:i + 2] for i in range(0, 64, 2)).upper()
        cli.run("--fingerprint", f"sha256:{spelled}", "machines", "list")
        before = len(second.seen)
        cli.fails("--fingerprint", first.fingerprint, "machines", "list")
        cli.fails("machines", "list", RS_CA=str(tmp_path / "first/certificate.pem"))
        assert len(second.seen) == before
    finally:
        second.close()


def test_strict_verification_from_the_first_call_on(cli, tmp_path):
    refused = cli.fails("machines", "list", RS_VERIFY="strict")
    command = next(line.strip() for line in refused.splitlines() if " trust " in line)
    assert not (cli.home / ".config").exists()
    cli.run(*command.split()[1:])
    cli.run("machines", "list", RS_VERIFY="strict")
    assert cli.call("machines", "list", RS_VERIFY="none", RS_KNOWN_SERVERS=str(tmp_path / "none")).stderr == ""
    assert not (tmp_path / "none").exists()


def test_a_token_is_shown_to_its_server_alone(cli, tmp_path):
    cli.run("machines", "list")
    (file,) = (cli.home / ".cache/drpcli/tokens/by-server").iterdir()
    token = json.loads(file.read_text())["Token"]
    other = Impostor(tmp_path / "other")
    try:
        cli.run("-E", other.url, "machines", "list")
        assert other.seen and token not in json.dumps(other.seen)
        cli.run("machines", "list")
        assert "given-by-the-impostor" not in file.read_text()
    finally:
        other.close()


def test_a_server_of_this_computer_that_is_set_up_anew_is_accepted(site, tmp_path):
    server = site.server("anew").start()
    cli = CommandLine(server, tmp_path / "home")
    cli.run("machines", "list")
    server.stop()
    shutil.rmtree(server.root)
    server.start()
    again = cli.call("machines", "list")
    assert again.returncode == 0 and "set up anew" in again.stderr
    assert cli.call("machines", "list").stderr == ""
    # A certificate that somebody installed is something else.
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mine", "-days", "2",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    cli.run("system", "certs", "set", certificate, key)
    server.stop()
    server.start()
    refused = cli.fails("machines", "list")
    assert f"mullion trust {server.url} {fingerprint_of(certificate)}" in refused
    cli.run("trust", server.url)
    cli.run("machines", "list")


def told(watch, tmp_path, word):
    """Whether the watch, whose stderr is a file, has said so."""
    return lambda: word in (tmp_path / f"err-{watch.args[1]}").read_text() or watch.poll() is not None


def test_waits_and_watches_go_on_when_the_server_restarts(site, tmp_path):
    server = site.server("restarting").start()
    cli = CommandLine(server, tmp_path / "home")
    cli.run("machines", "create", "cli-end")
    watches = {}
    for words in (["events", "watch", "profiles.create.*"], ["machines", "wait", "Name:cli-end", "Description", "x", "120"]):
        with open(tmp_path / f"err-{words[0]}", "w", encoding="utf-8") as errors:
            watches[words[0]] = subprocess.Popen([str(BINARY), *words], stdout=subprocess.PIPE, stderr=errors, text=True,
                                                 env=cli.environment)
    wait_until("they watch", lambda: server.metrics()["mullion_api_websockets"] >= len(watches))
    for end in (server.stop, server.kill):
        end()
        for watch in watches.values():
            wait_until("it is noticed", told(watch, tmp_path, "lost touch"))
        server.start()
        wait_until("they are back", lambda: server.metrics()["mullion_api_websockets"] >= len(watches), timeout=60)
    cli.run("profiles", "create", "cli-after")
    cli.run("machines", "update", "Name:cli-end", "Description: x")
    assert watches["machines"].communicate(timeout=60)[0] == "complete\n"
    assert watches["machines"].returncode == 0
    wait_until("it heard", told(watches["events"], tmp_path, "in touch"))
    watches["events"].send_signal(signal.SIGINT)
    heard, _ = watches["events"].communicate(timeout=60)
    assert watches["events"].returncode == 0 and "cli-after" in heard, heard
    for name in watches:
        errors = (tmp_path / f"err-{name}").read_text()
        assert "in touch with" in errors and "Error" not in errors, errors
        assert "runtime" not in errors and "group" not in errors and "task" not in errors, errors


def test_words_as_scripts_have_them(cli):
    for name in ("cli-words-a", "cli-words-b", "cli-words-c"):
        cli.run("profiles", "create", name)
    names = [profile["Name"] for profile in cli.json("profiles", "list", "Name", "Re", "cli-words-.", "sort", "Name", "reverse", "limit", "2")]
    assert names == ["cli-words-c", "cli-words-b"]
    cli.run("profiles", "set", "cli-words-a", "set", "cli/word", "to", "1")
    assert cli.json("profiles", "get", "cli-words-a", "whatever", "cli/word") == 1
    assert "already present" in cli.fails("profiles", "add", "cli-words-a", "param", "cli/word", "to", "2")
    assert cli.json("profiles", "get", "cli-words-a", "param", "cli/word") == 1
    for words in (("profiles", "params", "cli-words-a", '{"cli/word": 3}', "--ref", '{"cli/word": "other"}'),
                  ("profiles", "set", "cli-words-a", "param", "cli/word", "to", "3", "--ref", "other"),
                  ("profiles", "remove", "cli-words-a", "param", "cli/word", "--ref", "other"),
                  ("profiles", "update", "cli-words-a", "Description: x", "--ref", "Description: other")):
        assert "Test op failed" in cli.fails(*words)
    assert cli.json("profiles", "params", "cli-words-a") == {"cli/word": 1}
    assert cli.json("profiles", "params", "cli-words-a", '{"cli/other": 3}', "--ref", '{"cli/word": 1}') == {"cli/other": 3}
    assert "does not exist" in cli.fails("extended", "-l", "cli-no-such-type", "exists", "x")
    assert cli.json("extended", "-l", "profiles", "list", "Name=cli-words-a")[0]["Name"] == "cli-words-a"


def test_a_machine_is_always_in_a_stage(cli):
    cli.run("machines", "create", "cli-staged")
    cli.run("machines", "stage", "Name:cli-staged", "local")
    assert cli.json("machines", "stage", "Name:cli-staged", "")["Stage"] == "none"


def test_output_that_cannot_be_written_is_an_error(cli):
    cli.run("profiles", "create", "cli-full")
    (cli.home / "content").write_bytes(os.urandom(500_000))
    cli.run("files", "upload", "content", "as", "cli/full")
    for words in (["profiles", "list"], ["profiles", "show", "cli-full"], ["profiles", "list", "-F", "table"],
                  ["files", "download", "cli/full"], ["files", "static", "cli/full"], ["version"], ["--help"],
                  ["completion", "bash"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([str(BINARY), *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60,
                                  env=cli.environment, check=False)
        assert done.returncode == 1 and "cannot" in done.stderr, f"{words}: {done.returncode} {done.stderr}"


@pytest.mark.parametrize("starter", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_reader_who_has_enough_is_no_error(cli, starter):
    """As in `mullion profiles list | head -1`; who starts it may ignore the signal, as systemd does."""
    for number in range(20):
        cli.call("profiles", "create", json.dumps({"Name": f"cli-long-{number}", "Description": "d" * 20_000}))
    for words in (["profiles", "list"], ["profiles", "list", "-F", "yaml"]):
        done = subprocess.Popen([str(BINARY), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=cli.environment, restore_signals=False,
                                preexec_fn=lambda: signal.signal(signal.SIGPIPE, starter))
        assert done.stdout.read(1) in "[-"
        done.stdout.close()
        assert (done.stderr.read(), done.wait(60)) == ("", -signal.SIGPIPE)
        done.stderr.close()


STEERING = ["\r", "\v", "\f", "\x07", "\x1b[31m", "\x1b]0;title", "\x7f", "\x85", "\x9b", "\u061c", "\u200e", "\u200f",
            "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"]


def test_what_strangers_wrote_steers_no_terminal(cli):
    text = "h\nforged" + "".join(STEERING) + "t"
    cli.run("machines", "create", json.dumps({"Name": "cli-steer", "Description": text, "Meta": {"k": text}}))
    in_path = "forged" + "".join(word for word in STEERING if word >= "\x80")  # the others are no path
    (cli.home / "log").write_text(text)
    cli.run("files", "upload", "log", "as", "cli/steer")

    def on_terminal(words):
        command = " ".join(shlex.quote(str(word)) for word in [BINARY, *words])
        done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, timeout=60, check=False,
                              env={**cli.environment, "TERM": "dumb"})
        return done.stdout.decode().replace("\r\n", "\n")
    shown = ["-J", "Name,Description,Meta"]
    for words in (["machines", "show", "Name:cli-steer"], ["machines", "list", "Name=cli-steer", "-F", "yaml"],
                  ["machines", "list", "Name=cli-steer", "-F", "go"], ["machines", "show", in_path],
                  ["machines", "list", "Name=cli-steer", "-F", "table", *shown], ["files", "download", "cli/steer"],
                  ["machines", "list", "Name=cli-steer", "-F", "text", *shown], [text]):
        output = on_terminal(words)
        assert "forged" in output
        assert not [part for part in STEERING if part in output], f"{words}: {output!r}"
    assert cli.json("machines", "show", "Name:cli-steer")["Description"] == text
    for kind in ("table", "text"):
        output = cli.run("machines", "list", "Name=cli-steer", "-F", kind, "-H", "-j", 999, *shown)
        assert not [part for part in STEERING if part in output] and output.count("\n") == 1, output
    refused = cli.fails("machines", "show", text)
    assert not [part for part in STEERING if part in refused] and refused.count("\n") == 1, refused


def test_called_as_drpcli_it_is_the_command_line(cli):
    program = cli.home / "drpcli"
    program.symlink_to(BINARY.resolve())
    assert "Usage:\n  drpcli machines show ID" in cli.fails("machines", "show", program=program)
    assert "serve comes first" in cli.fails("serve", program=program)
    (cli.home / ".drpclirc").write_text("RS_FORMAT=yaml\n")
    assert yaml.safe_load(cli.run("prefs", "list", program=program))["defaultStage"] == "none"


def test_a_local_socket_leads_to_the_server(cli):
    socket = cli.home / "proxy.sock"
    proxy = subprocess.Popen([str(BINARY), "proxy", str(socket)], env=cli.environment, stdout=subprocess.DEVNULL)
    try:
        wait_until("the socket is there", socket.exists)
        through = {"RS_LOCAL_PROXY": str(socket), "RS_ENDPOINT": "https://nowhere.invalid"}
        cli.run("machines", "create", "cli-through-socket", **through)
        assert cli.run("machines", "wait", "Name:cli-through-socket", "Runnable", "true", 10, **through) == "complete\n"
        (cli.home / "x").write_bytes(b"x" * 1_000_000)
        cli.run("files", "upload", "x", "as", "cli/through", **through)
        assert cli.run("files", "download", "cli/through", stdin=b"", **through) == b"x" * 1_000_000
    finally:
        proxy.send_signal(signal.SIGTERM)
        assert proxy.wait(20) == 0
    assert not socket.exists()


def test_colours_and_bars_on_terminals_only(cli):
    """`script` gives the program a terminal."""
    def on_terminal(*words, **variables):
        return subprocess.run(["script", "-qec", " ".join([str(BINARY), *words]), "/dev/null"], capture_output=True,
                              timeout=60, text=True, check=True,
                              env={**cli.environment, "TERM": "xterm", **variables}).stdout
    assert "\033[34;1m\"active\"\033[0m" in on_terminal("info", "check")
    assert "\033" not in on_terminal("info", "check", NO_COLOR="1")
    assert "\033" not in on_terminal("info", "check", TERM="dumb")
    assert "\033[31m" in on_terminal("info", "check", "-C", "1=31")


def test_reference_pages_are_current(cli, tmp_path):
    cli.run("__reference", tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.glob("*.md")}
    kept = {path.name: path.read_text() for path in REFERENCE.glob("*.md")}
    assert sorted(written) == sorted(kept), "./x fix renews docs/reference/cli"
    for name, text in written.items():
        assert kept[name] == text, f"docs/reference/cli/{name} is not what the program would write; ./x fix renews it"


class BreakingServer(http.server.BaseHTTPRequestHandler):
    """Logs everybody in, and breaks the first connections that ask for profiles."""
    protocol_version = "HTTP/1.1"
    breaks = 0

    def log_message(self, *_):
        pass

    def do_GET(self):
        if "/profiles" in self.path and BreakingServer.breaks > 0:
            BreakingServer.breaks -= 1
            self.close_connection = True
            return
        text = b"[]" if "/profiles" in self.path else b'{"Token": "token"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def test_requests_are_repeated_when_the_connection_breaks(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), BreakingServer) as breaking:
        threading.Thread(target=breaking.serve_forever, daemon=True).start()
        cli = CommandLine(None, tmp_path / "home", url=f"http://127.0.0.1:{breaking.server_port}")
        BreakingServer.breaks = 4
        begun = time.monotonic()
        assert cli.run("profiles", "list") == "[]\n"
        assert BreakingServer.breaks == 0 and time.monotonic() - begun >= 1
        breaking.shutdown()
