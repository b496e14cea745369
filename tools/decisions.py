#!/usr/bin/env python3
"""docs/decisions: whether each file has the form of a decision, and the list of them in its README.

decisions.py           renews the list
decisions.py --check   fails when it is out of date, or a file lacks a part
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "decisions"
PARTS = ["Context", "Decision", "Alternatives", "Reason"]
NAME = re.compile(r"(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
HEAD = re.compile(r"# (\d{4})\. (\S[^\n]*)\n\n(\d{4}-\d\d-\d\d) · (\S[^\n]*)\n\n")
LIST = "<!-- renewed by tools/decisions.py -->\n"


def read(path):
    """(number, title, date, area) of a decision; faults are raised as ValueError."""
    text = path.read_text()
    name, head = NAME.fullmatch(path.name), HEAD.match(text)
    if not name or not head or name.group(1) != head.group(1):
        raise ValueError("expected NNNN-title.md that begins with '# NNNN. Title', a date and an area")
    if re.findall(r"^## (.*)$", text, re.M) != PARTS:
        raise ValueError(f"expected the parts {', '.join(PARTS)}, in this order")
    for part, body in zip(PARTS, re.split(r"^## .*$", text, flags=re.M)[1:]):
        if not body.strip():
            raise ValueError(f"{part} says nothing")
    return head.groups()


def read_all(folder):
    """The decisions by number, and what is wrong with some."""
    decisions, faults = {}, []
    for path in sorted(folder.glob("*.md")):
        if path.name == "README.md":
            continue
        try:
            number, *rest = read(path)
        except ValueError as fault:
            faults.append(f"docs/decisions/{path.name}: {fault}")
            continue
        if number in decisions:
            faults.append(f"docs/decisions/{path.name}: the number of {decisions[number][0]} is given twice")
        decisions[number] = (path.name, *rest)
    return decisions, faults


def listed(decisions):
    """The list of the README, by area."""
    areas = {}
    for number, (name, title, date, area) in decisions.items():
        areas.setdefault(area, []).append(f"* [{number}]({name}) {title} ({date})")
    return "".join(f"\n## {area}\n\n" + "\n".join(lines) + "\n" for area, lines in areas.items())


def main():
    decisions, faults = read_all(FOLDER)
    readme = FOLDER / "README.md"
    text = readme.read_text()
    wanted = text.split(LIST)[0] + LIST + listed(decisions)
    if "--check" not in sys.argv:
        readme.write_text(wanted)
    elif text != wanted:
        faults.append("docs/decisions/README.md is out of date: python3 tools/decisions.py")
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
