"""Reads values as the types of the public v4.8 Go client do: ids that are UUIDs, times, numbers that fit, kinds."""
import base64
import binascii
import datetime
import ipaddress
import json
import pathlib
import re
import uuid

TABLE = json.loads((pathlib.Path(__file__).resolve().parents[1] / "data" / "go-types.json").read_text())
TYPES, PREFIXES, ENUMS = TABLE["types"], TABLE["prefixes"], TABLE["enums"]
BOUNDS = {"int32": (-2**31, 2**31 - 1), "int64": (-2**63, 2**63 - 1), "uint64": (0, 2**64 - 1), "uint8": (0, 255)}
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def is_uuid(text):
    # The client writes and compares the canonical form; an unset one is the empty text.
    return text == "" or text == str(uuid.UUID(text))


def is_time(text):
    found = TIME.fullmatch(text)
    return bool(found) and datetime.datetime.fromisoformat(found[1]) is not None


def is_ip(text):
    return text == "" or ipaddress.ip_address(text) is not None


def is_base64(text):
    return base64.b64decode(text, validate=True) is not None


TEXTS = {"uuid": is_uuid, "time": is_time, "ip": is_ip, "base64": is_base64, "string": lambda text: True}


def text_problem(value, word):
    if not isinstance(value, str):
        return f"{json.dumps(value)[:80]} is no text"
    if word.startswith("enum "):
        return None if value in ENUMS[word[5:]] else f"{value!r} is no {word[5:]}"
    try:
        good = TEXTS[word](value)
    except (ValueError, binascii.Error):
        good = False
    return None if good else f"{value!r} is no {word}"


def plain_problem(value, word):
    """Of a value that is not null and has a plain kind."""
    if word == "any":
        return None
    if word in BOUNDS:
        low, high = BOUNDS[word]
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return None if fits else f"{json.dumps(value)[:80]} is no {word}"
    if word == "boolean":
        return None if isinstance(value, bool) else f"{json.dumps(value)[:80]} is no boolean"
    if word == "number":
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        return None if good else f"{json.dumps(value)[:80]} is no number"
    return text_problem(value, word)


def problems(value, word, where=""):
    """What the Go client's JSON decoder would refuse in `value` when it reads it as `word`."""
    if value is None:
        return []
    if word.startswith("list of "):
        if not isinstance(value, list):
            return [f"{where}: {json.dumps(value)[:80]} is no list"]
        return [found for i, item in enumerate(value) for found in problems(item, word[8:], f"{where}[{i}]")]
    if word.startswith("map of "):
        if not isinstance(value, dict):
            return [f"{where}: {json.dumps(value)[:80]} is no map"]
        return [found for key, item in value.items() for found in problems(item, word[7:], f"{where}.{key}")]
    if word in TYPES:
        if not isinstance(value, dict):
            return [f"{where}: {json.dumps(value)[:80]} is no {word}"]
        return [found for key, kind in TYPES[word].items() if key in value
                for found in problems(value[key], kind, f"{where}.{key}")]
    problem = plain_problem(value, word)
    return [f"{where}: {problem}"] if problem else []


def knows(word):
    """Whether the table says anything about values of this word."""
    for head in ("list of ", "map of "):
        if word.startswith(head):
            return knows(word[len(head):])
    return word in TYPES or word in BOUNDS or word in TEXTS or word in ("any", "boolean", "number")
