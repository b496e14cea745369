#!/usr/bin/env python3
"""Fails when two sources of a room, or two of its tests, give one name to what each keeps for itself (in an anonymous namespace), or when a name
that one keeps for itself is one of the room's own functions: the sources of a room are compiled together (mullion_batches
in cmake/room.cmake), where such names clash, or where one overload would take the calls of another. What is alike belongs into
the room's internal/, what is not alike has another name."""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPENS = re.compile(r"(?:inline )?namespace(?: ([\w:]+))? \{(?!.*\})")
TYPE = re.compile(r"(?:class|struct|enum class|enum|union) (\w+)(?! *::)[^;]*$")
ALIAS = re.compile(r"using (\w+) =")
CONSTANT = re.compile(r"(?:inline |static |thread_local )*const(?:expr|init)? .*?\b(?<!::)(\w+)(?:\[[^\]]*\])*(?: =|\{|\(|;)")
FUNCTION = re.compile(r"[\w:<].*?\b(?<!::)([a-z_]\w*)\(")
VARIABLE = re.compile(r"(?!using|return|typedef|template|friend)[\w:<].*?\b(?<!::)(\w+)(?:\[[^\]]*\])*(?: =.*|\{.*)?;$")
SAME_EVERYWHERE = {"static_assert", "json", "fs", "asio"}


def definitions(text):
    """(name, whether the file keeps it for itself, line number) of what stands in namespaces; relies on the formatting."""
    namespaces = []
    for number, line in enumerate(text.splitlines(), 1):
        opens = OPENS.match(line)
        if opens:
            namespaces.append(opens.group(1))
        elif line.startswith("}  // namespace"):
            if namespaces:
                namespaces.pop()
        elif line and line[0] not in " })/#" and not line.startswith(("namespace ", "TEST", "INSTANTIATE_TEST")):
            line = re.sub(r"^template <.*?> (?=\w)", "", line)
            found = next((match for match in (kind.match(line) for kind in (TYPE, ALIAS, CONSTANT, FUNCTION, VARIABLE)) if match), None)
            if found and found.group(1) not in SAME_EVERYWHERE:
                yield found.group(1), None in namespaces or line.startswith("static "), number


def clashes(room, tests):
    kept, open_to_all = collections.defaultdict(dict), collections.defaultdict(dict)
    for path in sorted((ROOT / "src" / room).rglob("*")):
        compiled = path.suffix == ".cc" and path.stem.endswith("_test") == tests
        if not compiled and path.suffix != ".h" or path.stem.endswith("_testing") and not tests:
            continue
        for name, own, number in definitions(path.read_text()):
            (kept if own else open_to_all)[name].setdefault(path.relative_to(ROOT), number)
    for name, places in sorted(kept.items()):
        others = {**open_to_all.get(name, {}), **places}
        if len(others) > 1:
            yield f"{name}: " + ", ".join(f"{path}:{number}" for path, number in sorted(others.items()))


def main():
    found = [clash for room in sorted((ROOT / "src").iterdir()) if room.is_dir()
             for tests in (False, True) for clash in clashes(room.name, tests)]
    for clash in found:
        print(clash)
    if found:
        sys.exit(f"{len(found)} names mean two things in one room (tools/check_names.py says why that matters)")


if __name__ == "__main__":
    main()
