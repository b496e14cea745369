"""tools/build_ux.py with a Node.js, an npm and a packer that only note that they ran."""
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NODE = "#!/bin/sh\necho v18.20.4\n"
# "Fetches" a vite that copies the page.
NPM = """#!/bin/sh
echo "npm $*" >> "$CALLS"
[ ! -e "$CALLS.no-network" ] || { echo "EAI_AGAIN registry"; exit 1; }
mkdir -p node_modules/.bin
cat > node_modules/.bin/vite <<'VITE'
#!/bin/sh
echo vite >> "$CALLS"
mkdir -p "$MULLION_UX_OUT"
cp index.html "$MULLION_UX_OUT"
VITE
chmod +x node_modules/.bin/vite
"""
PACKER = "import pathlib, sys\npathlib.Path(sys.argv[2]).write_bytes(b'MUXPACK1' + (pathlib.Path(sys.argv[1]) / 'index.html').read_bytes())\n"


class Workshop:
    """A copy of the script between sources and tools of its own."""

    def __init__(self, folder):
        self.calls_file = folder / "calls"
        self.sources = folder / "ux"
        self.bin = folder / "bin"
        self.build = folder / "build"
        self.pack = self.build / "ux.pack"
        for path, text in {"tools/build_ux.py": (ROOT / "tools" / "build_ux.py").read_text(), "tools/pack_ux.py": PACKER,
                           "ux/package.json": "{}", "ux/package-lock.json": "{}", "ux/index.html": "<html>",
                           "ux/src/main.ts": "1", "ux/tests/a.ts": "1", "ux/node_modules/x": "1", "bin/node": NODE,
                           "bin/npm": NPM}.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(0o755)
        self.script = folder / "tools" / "build_ux.py"

    def run(self, mode="ON", path=None):
        environment = {**os.environ, "CALLS": str(self.calls_file), "PATH": path or f"{self.bin}:/usr/bin:/bin"}
        return subprocess.run([sys.executable, self.script, "--mode", mode, self.build, self.pack], env=environment,
                              capture_output=True, text=True, check=False)

    def calls(self):
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        self.calls_file.unlink(missing_ok=True)
        return [line.split()[0] for line in text.splitlines()]

    @property
    def is_marked(self):
        return (self.build / "ux.pack.built").exists()


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path)


def test_what_did_not_change_is_not_done_again(workshop):
    assert workshop.run().returncode == 0
    assert workshop.calls() == ["npm", "vite"] and workshop.is_marked
    assert workshop.pack.read_bytes() == b"MUXPACK1<html>"
    before = workshop.pack.stat().st_mtime_ns
    (workshop.sources / "index.html").touch()
    (workshop.sources / "tests" / "a.ts").write_text("2")
    assert workshop.run().returncode == 0
    assert workshop.calls() == [] and workshop.pack.stat().st_mtime_ns == before
    (workshop.sources / "index.html").write_text("<p>")
    workshop.run()
    assert workshop.calls() == ["vite"] and workshop.pack.read_bytes() == b"MUXPACK1<p>"
    (workshop.sources / "package-lock.json").write_text("{ }")
    workshop.run()
    assert workshop.calls() == ["npm", "vite"]


def test_sources_that_are_gone_are_gone_in_the_build(workshop):
    workshop.run()
    tree = workshop.build / "tree"
    assert (tree / "src" / "main.ts").exists()
    assert not (tree / "tests").exists() and not (tree / "node_modules" / "x").exists()
    (workshop.sources / "src" / "main.ts").unlink()
    workshop.run()
    assert not (tree / "src").exists() and (tree / "node_modules" / ".bin" / "vite").exists()


def test_without_the_network_the_server_is_built_without_it_and_the_next_build_tries_again(workshop):
    marker = workshop.calls_file.with_name("calls.no-network")
    marker.touch()
    said = workshop.run("AUTO")
    assert said.returncode == 0 and workshop.pack.read_bytes() == b"" and not workshop.is_marked
    assert "The web interface is not built: npm ci failed" in said.stdout and "EAI_AGAIN" in said.stdout
    assert "The server works without it" in said.stdout
    failed = workshop.run("ON")
    assert failed.returncode != 0 and "The web interface is not built" in failed.stderr
    before = workshop.pack.stat().st_mtime_ns
    workshop.run("AUTO")
    assert workshop.pack.stat().st_mtime_ns == before, "nothing is linked again because of it"
    marker.unlink()
    assert workshop.run("AUTO").returncode == 0 and workshop.pack.read_bytes() == b"MUXPACK1<html>"
    assert workshop.is_marked


@pytest.mark.parametrize("missing, reason", [("npm", "npm is not installed"), ("node", "node is not installed")])
def test_without_the_tools_it_says_which(workshop, missing, reason):
    only = workshop.bin.with_name("only")
    only.mkdir()
    for tool in ("node", "npm"):
        if tool != missing:
            (only / tool).symlink_to(workshop.bin / tool)
    assert reason in workshop.run("AUTO", path=str(only)).stdout
    assert workshop.run("ON", path=str(only)).returncode != 0


def test_an_old_node_is_refused(workshop):
    (workshop.bin / "node").write_text("#!/bin/sh\necho v16.20.2\n")
    assert "Node.js is v16.20.2, and 18 or later is needed" in workshop.run("AUTO").stdout


def test_a_build_that_fails_leaves_no_pack_of_before(workshop):
    workshop.run()
    (workshop.script.with_name("pack_ux.py")).write_text("import sys\nsys.exit('over budget')\n")
    failed = workshop.run("AUTO")
    assert "packing failed:\nover budget" in failed.stdout and workshop.pack.read_bytes() == b""
