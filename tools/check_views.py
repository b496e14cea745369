#!/usr/bin/env python3
"""Fails when a view of the database is held while a coroutine waits, or for as long as an object lives: views are few
and keep old pages, so they are for a piece of work, never for as long as a peer takes (src/store/store.h). And when a lock
is held while a coroutine waits: another thread may go on with it, which must not give back what it did not take."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SNAPSHOT = r"(?:const\s+)?std::shared_ptr<const\s+(?:store::)?Snapshot>"
TAKEN = re.compile(rf"(?:{SNAPSHOT}|(?:const\s+)?auto|(?:const\s+)?View)\s+(\w+)\s*(?:=\s*[^;]*snapshot\(\)|;)")
RESULT = re.compile(r"Result<View>\s+(\w+)\s*=\s*co_await")
MEMBER = re.compile(rf"^\s*{SNAPSHOT}\s+(\w+_)\s*[;={{]", re.M)
# Members of what a header shows as a struct have no underscore.
STRUCT_MEMBER = re.compile(rf"^\s*{SNAPSHOT}\s+(\w+)\s*[;={{]", re.M)
IN_STATEMENT = re.compile(r"\bco_await\s+(?!env::run_blocking)[^;{}]*\bsnapshot\(\)")
TOKEN = re.compile(r"[{}]|\bco_await\b|\b(\w+)\.reset\(\)|;")
LOCK = re.compile(r"\b(?:Read|Write)?Lock\s+(\w+)\([^;{]*\);")
LOCK_TOKEN = re.compile(r"[{}]|\bco_await\b|\b(\w+)\.unlock\(\)")
# What stands before the body of a lambda, which is a function of its own.
LAMBDA = re.compile(r"\]\s*(?:\((?:[^()]|\([^()]*\))*\))?[\w\s:<>,*&-]*(?:REQUIRES\([^)]*\))?\s*$")
# Work of this process that is waited for, and that has an end of its own.
ALLOWED = {
    ("src/objects/internal/write_attempt.h", "snapshot"): "one attempt at a write: keys are made and values sealed by the blocking threads",
}


def without_comments(text):
    """The same length and lines: comments and the insides of texts become blanks."""
    blank = lambda found: re.sub(r"[^\n]", " ", found.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', blank, text, flags=re.S)


def held(text):
    """(line, name) of every wait while a named view is in scope."""
    starts = {}
    for pattern in (TAKEN, RESULT):
        for found in pattern.finditer(text):
            if pattern is RESULT or "snapshot()" in found.group(0) or "Snapshot>" in found.group(0):
                starts[found.end()] = found.group(1)
    scopes, pending = [[]], sorted(starts.items())
    for token in TOKEN.finditer(text):
        while pending and pending[0][0] <= token.start():
            scopes[-1].append(pending.pop(0)[1])
        word = token.group(0)
        if word == "{":
            scopes.append([])
        elif word == "}":
            if len(scopes) > 1:
                scopes.pop()
        elif word == "co_await":
            if text[token.end():].lstrip().startswith("env::run_blocking"):
                continue
            for name in (name for scope in scopes for name in scope):
                yield text.count("\n", 0, token.start()) + 1, name
        elif token.group(1):
            scopes = [[name for name in scope if name != token.group(1)] for scope in scopes]


def held_locks(text):
    """(line, name) of every wait of a coroutine while a lock of the same function is in scope."""
    pending = sorted((found.end(), found.group(1)) for found in LOCK.finditer(text))
    functions = [[[]]]  # of each function that is open, its scopes
    for token in LOCK_TOKEN.finditer(text):
        while pending and pending[0][0] <= token.start():
            functions[-1][-1].append(pending.pop(0)[1])
        word = token.group(0)
        if word == "{":
            if LAMBDA.search(text, max(0, token.start() - 400), token.start()):
                functions.append([])
            functions[-1].append([])
        elif word == "}":
            functions[-1].pop()
            if not functions[-1]:
                functions.pop()
            if not functions:
                functions = [[[]]]
        elif word == "co_await":
            for name in (name for scope in functions[-1] for name in scope):
                yield text.count("\n", 0, token.start()) + 1, name
        else:
            functions[-1] = [[name for name in scope if name != token.group(1)] for scope in functions[-1]]


def breaches():
    for path in sorted((ROOT / "src").rglob("*")):
        name = str(path.relative_to(ROOT))
        if path.suffix not in (".h", ".cc"):
            continue
        text = without_comments(path.read_text())
        for line, lock in held_locks(text):
            yield f"{name}:{line}: waits while it holds the lock `{lock}`"
        if name.endswith(("_test.cc", "_testing.h")):
            continue
        for line, view in held(text):
            if (name, view) not in ALLOWED:
                yield f"{name}:{line}: waits while it holds the view `{view}`"
        for found in IN_STATEMENT.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: a view lasts as long as what is waited for"
        for member in (STRUCT_MEMBER if path.suffix == ".h" else MEMBER).finditer(text):
            line = text.count("\n", 0, member.start(1)) + 1
            if (name, member.group(1)) not in ALLOWED:
                yield f"{name}:{line}: the member `{member.group(1)}` keeps a view for as long as its object lives"


def main():
    found = list(breaches())
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
