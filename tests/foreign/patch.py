"""RFC 6902 patches of JSON values."""
import copy


class PathMissing(Exception):
    """A pointer leads nowhere. `line` is the operation's number, `path` its pointer."""

    def __init__(self, line, path):
        super().__init__(path)
        self.line, self.path = line, path


class TestFailed(Exception):
    """An operation `test` found something else."""

    def __init__(self, line):
        super().__init__(line)
        self.line = line


class Undecodable(Exception):
    """No patch at all."""


def _steps(pointer):
    if pointer == "":
        return []
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise KeyError(pointer)
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _member(container, step):
    return container[int(step)] if isinstance(container, list) else container[step]


def _get(document, pointer):
    for step in _steps(pointer):
        document = _member(document, step)
    return document


def _parent(document, pointer):
    *way, last = _steps(pointer)
    for step in way:
        document = _member(document, step)
    if not isinstance(document, (dict, list)):
        raise KeyError(pointer)
    return document, last


def _add(document, pointer, value):
    if pointer == "":
        return value
    parent, last = _parent(document, pointer)
    if isinstance(parent, dict):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    elif 0 <= int(last) <= len(parent):
        parent.insert(int(last), value)
    else:
        raise IndexError(pointer)
    return document


def _remove(document, pointer):
    parent, last = _parent(document, pointer)
    _member(parent, last)
    del parent[last if isinstance(parent, dict) else int(last)]
    return document


def _replace(document, pointer, value):
    if pointer == "":
        return value
    parent, last = _parent(document, pointer)
    _member(parent, last)
    parent[last if isinstance(parent, dict) else int(last)] = value
    return document


def _step(document, line, operation):
    kind, pointer, value = operation.get("op"), operation.get("path"), copy.deepcopy(operation.get("value"))
    if kind == "test":
        if _get(document, pointer) != value:
            raise TestFailed(line)
        return document
    if kind == "add":
        return _add(document, pointer, value)
    if kind == "remove":
        return _remove(document, pointer)
    if kind == "replace":
        return _replace(document, pointer, value)
    if kind in ("move", "copy"):
        value = copy.deepcopy(_get(document, operation.get("from")))
        if kind == "move":
            document = _remove(document, operation["from"])
        return _add(document, pointer, value)
    raise Undecodable(f"unknown operation {kind!r}")


def apply(document, operations):
    """A changed copy of `document`. Raises TestFailed, PathMissing, Undecodable."""
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise Undecodable("a patch is a list of operations")
    document = copy.deepcopy(document)
    for line, operation in enumerate(operations):
        try:
            document = _step(document, line, operation)
        except (KeyError, IndexError, TypeError, ValueError) as failure:
            raise PathMissing(line, operation.get("path")) from failure
    return document
