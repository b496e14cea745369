#!/usr/bin/env python3
"""How long a content pack takes through the HTTP API of a real server: load, replace, show, remove.

usage: pack_bench.py [--objects N]      objects in the pack, default 5000
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/blackbox"))
import harness  # noqa: E402


def make_pack(objects, version, secure=0):
    """Like packs in the wild: tasks and templates with text, params with schemas, stages and profiles that refer."""
    count = objects // 5
    script = "#!/bin/bash\nset -e\n" + "echo {{ .Machine.Name }} {{ .Param \"p-1\" }}\n" * 30
    sections = {"params": {}, "templates": {}, "tasks": {}, "stages": {}, "profiles": {}}
    for i in range(count):
        sections["params"][f"p-{i}"] = {"Name": f"p-{i}", "Schema": {"type": "string", "default": "x"},
                                        "Secure": i < secure, "Documentation": "What it means. " * 10}
        sections["templates"][f"t-{i}.tmpl"] = {"ID": f"t-{i}.tmpl", "Contents": script}
        sections["tasks"][f"k-{i}"] = {"Name": f"k-{i}", "RequiredParams": [f"p-{i}"],
                                       "Templates": [{"Name": "run", "ID": f"t-{i}.tmpl"}]}
        sections["stages"][f"s-{i}"] = {"Name": f"s-{i}", "Tasks": [f"k-{i}"], "BootEnv": "local"}
        sections["profiles"][f"f-{i}"] = {"Name": f"f-{i}", "Params": {f"p-{i}": "value"}, "Description": version}
    return {"meta": {"Name": "bench", "Version": version}, "sections": sections}


def timed(server, method, path, body=None):
    text = None if body is None else json.dumps(body)
    begin = time.monotonic()
    answer = server.call(method, path, text, headers={"Content-Type": "application/json"}, timeout=120)
    seconds = time.monotonic() - begin
    assert answer.status_code in (200, 201, 204), answer.text[:500]
    return seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as directory:
        server = harness.Server(directory, "S").start()
        for i in range(arguments.rounds):
            first, second = (make_pack(arguments.objects, f"v1.{i}.{n}") for n in range(2))
            for what, method, path, body in (
                    ("load", "POST", "contents", first), ("replace, one field of a fifth changed", "PUT",
                                                          "contents/bench", second),
                    ("show", "GET", "contents/bench", None), ("remove", "DELETE", "contents/bench", None)):
                figures.setdefault(what, []).append(timed(server, method, path, body))
        for i in range(arguments.rounds):
            secure = make_pack(arguments.objects, f"v2.{i}.0", secure=arguments.objects // 5)
            figures.setdefault("load, a fifth with secure values", []).append(timed(server, "POST", "contents", secure))
            figures.setdefault("show, secure values in clear", []).append(timed(server, "GET", "contents/bench"))
            timed(server, "DELETE", "contents/bench")
        server.stop()
    print(f"content pack of {arguments.objects} objects, median of {arguments.rounds}")
    for what, seconds in figures.items():
        print(f"{what:40} {statistics.median(seconds):7.3f} s")


if __name__ == "__main__":
    main()
