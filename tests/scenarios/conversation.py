"""Recorded conversations: reads `.scenario` files and compares answers with patterns. README.md describes the format."""
import json
import pathlib
import re


class ScenarioError(Exception):
    """A file that cannot be read, with the line."""


class Mismatch(AssertionError):
    """What differs, and where."""


KINDS = {
    "any": lambda value: True,
    "string": lambda value: isinstance(value, str),
    "text": lambda value: isinstance(value, str) and value != "",
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "uuid": lambda value: isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value)),
    "time": lambda value: isinstance(value, str) and bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[-+]\d\d:\d\d)", value)),
    "base64": lambda value: isinstance(value, str) and bool(re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value)),
}
WILD = re.compile(r"\$(?:(?P<kind>[a-z0-9]+)|/(?P<regex>.*)/)(?: as (?P<name>\w+))?", re.S)
REST = "..."


def match(pattern, value, names, where="body"):
    """Raises Mismatch unless `value` is as `pattern` has it; `$kind as name` puts what it meets into `names`."""
    if isinstance(pattern, str):
        return match_text(pattern, value, names, where)
    if isinstance(pattern, dict):
        return match_object(pattern, value, names, where)
    if isinstance(pattern, list):
        return match_array(pattern, value, names, where)
    if isinstance(pattern, bool) != isinstance(value, bool) or pattern != value:
        raise Mismatch(f"{where}: expected {json.dumps(pattern)}, got {json.dumps(value)}")
    return None


def match_text(pattern, value, names, where):
    wild = WILD.fullmatch(pattern)
    if wild is None:
        literal = pattern[1:] if pattern.startswith("$$") else pattern
        if literal != value:
            raise Mismatch(f"{where}: expected {json.dumps(literal)}, got {json.dumps(value)}")
        return
    if wild["regex"] is not None:
        fits = isinstance(value, str) and re.search(wild["regex"], value)
    else:
        if wild["kind"] not in KINDS:
            raise ScenarioError(f"{where}: there is no kind {pattern}; kinds are {', '.join(KINDS)}")
        fits = KINDS[wild["kind"]](value)
    if not fits:
        raise Mismatch(f"{where}: {json.dumps(value)} is not {pattern}")
    if wild["name"]:
        names[wild["name"]] = value


def match_object(pattern, value, names, where):
    if not isinstance(value, dict):
        raise Mismatch(f"{where}: expected an object, got {json.dumps(value)[:200]}")
    for key, wanted in pattern.items():
        if key == REST:
            continue
        if key not in value:
            raise Mismatch(f"{where}.{key} is missing; there are {', '.join(sorted(value))}")
        match(wanted, value[key], names, f"{where}.{key}")
    extra = value.keys() - pattern.keys()
    if extra and REST not in pattern:
        raise Mismatch(f"{where} has more than expected: {', '.join(sorted(extra))}")


def match_array(pattern, value, names, where):
    if not isinstance(value, list):
        raise Mismatch(f"{where}: expected an array, got {json.dumps(value)[:200]}")
    if REST not in pattern:
        if len(pattern) != len(value):
            raise Mismatch(f"{where}: expected {len(pattern)} items, got {len(value)}: {json.dumps(value)[:400]}")
        for position, (wanted, item) in enumerate(zip(pattern, value)):
            match(wanted, item, names, f"{where}[{position}]")
        return
    if not fits_glob(pattern, value, names):
        raise Mismatch(f"{where}: {json.dumps(value)[:400]} is not {json.dumps(pattern)}")


def fits_glob(pattern, value, names):
    """Items in this order, with any others where the pattern has "..."."""
    if not pattern:
        return not value
    if pattern[0] == REST:
        return any(fits_glob(pattern[1:], value[start:], names) for start in range(len(value) + 1))
    if not value:
        return False
    found = dict(names)
    try:
        match(pattern[0], value[0], found)
    except Mismatch:
        return False
    if not fits_glob(pattern[1:], value[1:], found):
        return False
    names.update(found)
    return True


def fill(value, names):
    """`${name}` replaced in all texts of a pattern or request."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(names[found[1]]), value)
    if isinstance(value, dict):
        return {fill(key, names): fill(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, names) for item in value]
    return value


# -- files

class Part:
    """One request or one expected answer: its first line, headers, and body (JSON, raw text, or None)."""

    def __init__(self, line_number, first):
        self.line = line_number
        self.first = first
        self.headers = {}
        self.body = None
        self.raw = None
        self.lines = []

    def finish(self, path):
        lines = [line for line in self.lines if line.strip()]
        while lines and (header := re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*): ?(.*)", lines[0])):
            self.headers[header[1]] = header[2]
            lines.pop(0)
        if not lines:
            return self
        if all(line.startswith("|") for line in lines):
            self.raw = "\n".join(line[1:].removeprefix(" ") for line in lines)
        elif lines == ["(empty)"]:
            self.raw = ""
        else:
            try:
                self.body = json.loads("\n".join(lines))
            except ValueError as trouble:
                raise ScenarioError(f"{path}:{self.line}: the body is no JSON: {trouble}") from trouble
        return self


class Exchange:
    """A request (absent when only an event is awaited) and its expected answer."""

    def __init__(self, request, answer):
        self.request = request
        self.answer = answer


class Scenario:
    """A file: what it shows, where it runs, and its exchanges in order."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.title, self.runs, self.exchanges = "", ["leaf"], []
        self.read()

    def read(self):
        part, parts = None, []
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            if line.startswith("#"):
                self.read_remark(line[1:].strip())
            elif line.startswith(("> ", "< ")):
                part = Part(number, line)
                parts.append(part)
            elif part is not None:
                part.lines.append(line)
            elif line.strip():
                raise ScenarioError(f"{self.path}:{number}: expected a remark or a request, got {line!r}")
        self.pair([part.finish(self.path) for part in parts])

    def read_remark(self, text):
        if text.startswith("runs:"):
            self.runs = text.removeprefix("runs:").split()
        elif not self.title:
            self.title = text

    def pair(self, parts):
        request = None
        for part in parts:
            if part.first.startswith(">"):
                if request is not None:
                    raise ScenarioError(f"{self.path}:{request.line}: this request has no answer")
                request = part
            else:
                self.exchanges.append(Exchange(request, part))
                request = None
        if request is not None:
            raise ScenarioError(f"{self.path}:{request.line}: this request has no answer")
        if not self.exchanges:
            raise ScenarioError(f"{self.path}: nothing happens")
