#!/usr/bin/env python3
"""Packs the built web interface into one file, and holds it to its budget.

usage: pack_ux.py BUILD_DIRECTORY PACK

BUILD_DIRECTORY is what `vite build` wrote. PACK becomes the bytes `MUXPACK1`, the length of a JSON text as little-endian
u32, the JSON text, and the files, each as a gzip stream. The JSON text is
{"files":[{"name","type","sha256","offset","stored","length"}, ...]}, sorted by name: media type, SHA-256 of the
uncompressed bytes, where the stream begins (counted from the end of the JSON text), its length, and the length without
compression. The same input gives the same bytes. Prints what loads first and what loads later; fails over budget.
"""
import gzip
import hashlib
import json
import pathlib
import struct
import sys

MAGIC = b"MUXPACK1"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".json": "application/json",
         ".png": "image/png", ".txt": "text/plain; charset=utf-8", ".ico": "image/x-icon"}
MANIFEST = "manifest.json"  # says what loads first; nothing at run time reads it, so it is not packed
FIRST_BUDGET = 150 * 1024
LATER_BUDGET = 500 * 1024
LARGEST_BUDGET = 190 * 1024


class PackError(Exception):
    """The build is not what can be packed."""


def compressed(data):
    return gzip.compress(data, compresslevel=9, mtime=0)


def read_build(folder):
    """Name -> bytes of every file below `folder`."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if "index.html" not in files:
        raise PackError(f"{folder} holds no index.html: build the interface first")
    return files


def packed(files):
    entries, streams, offset = [], [], 0
    for name in sorted(files):
        media_type = TYPES.get(pathlib.PurePosixPath(name).suffix)
        if media_type is None:
            raise PackError(f"{name}: no media type is known for it; add it to TYPES")
        stream = compressed(files[name])
        entries.append({"name": name, "type": media_type, "sha256": hashlib.sha256(files[name]).hexdigest(),
                        "offset": offset, "stored": len(stream), "length": len(files[name])})
        streams.append(stream)
        offset += len(stream)
    index = json.dumps({"files": entries}, separators=(",", ":")).encode()
    return MAGIC + struct.pack("<I", len(index)) + index + b"".join(streams)


def loaded_first(files, manifest):
    """Names that the page needs before it shows anything: index.html, what it names, and all they import."""
    first, waiting = set(), [key for key, chunk in manifest.items() if chunk.get("isEntry")]
    while waiting:
        chunk = manifest[waiting.pop()]
        if chunk["file"] in first:
            continue
        first.update([chunk["file"], *chunk.get("css", [])])
        waiting += chunk.get("imports", [])
    page = files["index.html"].decode()
    return first | {name for name in files if f'"/ux/{name}"' in page}


def is_code(name):
    return name.endswith((".js", ".css"))


def budget_faults(files, manifest):
    """Prints the table, largest first; answers what is over budget."""
    first = loaded_first(files, manifest)
    sizes = {name: len(compressed(data)) for name, data in files.items() if is_code(name)}
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:12]:
        print(f"{size / 1024:8.1f} KB  {'first' if name in first else 'later'}  {name}")
    later = [size for name, size in sizes.items() if name not in first]
    sums = [("loads first", sum(size for name, size in sizes.items() if name in first), FIRST_BUDGET),
            ("loads later, all", sum(later), LATER_BUDGET), ("loads later, largest", max(later, default=0), LARGEST_BUDGET)]
    for what, size, most in sums:
        print(f"{size / 1024:8.1f} KB  of {most / 1024:.0f} KB  {what}")
    return [f"{what}: {size} bytes of gzip, {most} allowed" for what, size, most in sums if size > most]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, pack = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    try:
        files = read_build(folder)
        manifest = json.loads(files.pop(MANIFEST, b"{}"))
        data = packed(files)
    except (PackError, OSError, ValueError) as error:
        sys.exit(f"pack_ux: {error}")
    faults = budget_faults(files, manifest)
    if faults:
        sys.exit("pack_ux: over budget: " + "; ".join(faults))
    pack.write_bytes(data)


if __name__ == "__main__":
    main()
