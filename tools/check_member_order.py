#!/usr/bin/env python3
"""Fails when a store is declared before the runtime on which its writer answers: what is declared first goes last,
and whoever is given a callback goes before what the callback uses."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = r"[a-z]\w*(?:\{[^;]*\}|\([^;]*\)| = [^;]*)?;"
RUNTIME = re.compile(r"^\s*(?:const )?(?:std::unique_ptr<)?(?:env::)?Runtime>?\s+" + NAME)
STORE = re.compile(r"^\s*(?:const )?(?:std::unique_ptr<(?:store::)?Store>|auto)\s+\w*store\w*(?:;| = )")


def late_runtimes(text):
    """Lines with a runtime that stands behind a store of the same block."""
    blocks = [None]  # of each open block the line of its first store
    for number, line in enumerate(text.splitlines(), 1):
        if RUNTIME.match(line) and blocks[-1]:
            yield number, blocks[-1]
        if STORE.match(line) and not blocks[-1]:
            blocks[-1] = number
        for character in re.sub(r'"(?:\\.|[^"\\])*"|\'.\'|//.*', "", line):
            if character == "{":
                blocks.append(None)
            elif character == "}" and len(blocks) > 1:
                blocks.pop()


def main():
    found = False
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        for number, store in late_runtimes(path.read_text()):
            print(f"{path.relative_to(ROOT)}:{number}: the runtime must stand before the store of line {store}")
            found = True
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
