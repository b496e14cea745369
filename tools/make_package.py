#!/usr/bin/env python3
"""Makes a package of the server for POST /system/upgrade and the catalog (docs/formats.md).

    tools/make_package.py --key FILE [--program build/mullion] [--output build] [--strip]

FILE is a secret key of tools/package_key.py; without it the package is not signed, and servers refuse it unless they
run with --allow-unsigned-packages. What the program is - version, architecture, system - it is asked itself; the options --version, --arch and --os say
otherwise, for programs that cannot run here and for tests.
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

from package_key import sign

ROOT = pathlib.Path(__file__).resolve().parent.parent
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same program makes the same package


def report_of(program):
    """What the program says of itself."""
    answer = subprocess.run([str(program), "__self_check"], capture_output=True, text=True, timeout=30)
    if answer.returncode != 0:
        sys.exit(f"{program} does not say what it is: {answer.stderr.strip()}")
    return json.loads(answer.stdout)


def add(archive, name, content, mode):
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compresslevel=1)


def make_package(program, output, version=None, arch=None, os=None, sha256=None, key=None):
    """Writes OUTPUT/VERSION.ARCH.OS.zip, signed with the secret key in file KEY, and answers its path."""
    content = pathlib.Path(program).read_bytes()
    said = {} if version and arch and os else report_of(program)
    manifest = {"name": "mullion", "version": version or said["version"], "arch": arch or said["arch"],
                "os": os or said["os"], "sha256": sha256 or hashlib.sha256(content).hexdigest()}
    path = pathlib.Path(output) / "{version}.{arch}.{os}.zip".format(**manifest)
    text = json.dumps(manifest, indent=2) + "\n"
    with zipfile.ZipFile(path, "w") as archive:  # manifest and signature first: servers read no further without them
        add(archive, "manifest.json", text, 0o644)
        if key is not None:
            with tempfile.TemporaryDirectory() as folder:
                add(archive, "manifest.json.sig", sign(key, text.encode(), folder) + "\n", 0o644)
        add(archive, "bin/{os}/{arch}/mullion".format(**manifest), content, 0o755)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "mullion")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build", help="folder of the package")
    parser.add_argument("--key", type=pathlib.Path, help="secret key that signs it (tools/package_key.py)")
    parser.add_argument("--version")
    parser.add_argument("--arch")
    parser.add_argument("--os")
    parser.add_argument("--strip", action="store_true", help="leave debug information out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = options.program
        if options.strip:
            program = pathlib.Path(shutil.copy(program, folder))
            subprocess.run(["strip", str(program)], check=True)
        print(make_package(program, options.output, options.version, options.arch, options.os,
                           key=options.key))


if __name__ == "__main__":
    main()
