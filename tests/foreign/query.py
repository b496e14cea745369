"""List queries: filters by index or parameter, sorting, paging, and what is left of an object in an answer."""
import datetime
import ipaddress
import json
import re
import uuid

from problem import Problem

OPERATORS = ("Eq", "Ne", "Lt", "Lte", "Gt", "Gte", "Re", "Between", "Except", "In", "Nin")
_CALL = re.compile(r"([A-Za-z]+)\((.*)\)", re.DOTALL)
_BY_LOWER = {name.lower(): name for name in OPERATORS}


class Unfit(ValueError):
    """A value that its index does not take."""


# -- values that can be compared, by kind of index

def _address(text):
    return int(ipaddress.IPv4Address(text)) if text else -1


def _network(text):
    if not text:
        return (-1, 0)
    network = ipaddress.IPv4Interface(text)
    return (int(network.network.network_address), network.network.prefixlen)


_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


def moment(text):
    """An RFC 3339 time as (seconds, fraction) since the year 1, in UTC."""
    match = _STAMP.fullmatch(text)
    if not match:
        raise ValueError(text)
    zone = match[3].replace("Z", "+00:00")
    since = datetime.datetime.fromisoformat(match[1]) - datetime.datetime(1, 1, 1)
    offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return (since.days * 86400 + since.seconds - (offset if zone[0] == "+" else -offset), float(match[2] or 0))


def _boolean(text):
    if isinstance(text, bool):
        return text
    if text in ("true", "false"):
        return text == "true"
    raise ValueError(text)


def _uuid_text(text):
    return str(uuid.UUID(text)) if text else ""


def _integer(text):
    return int(text or 0)


COMPARABLE = {"": str, "bool": _boolean, "uuid": _uuid_text, "ip": _address, "cidr": _network, "time": moment,
              "time2": moment, "list": lambda value: value, "int": _integer}

BAD_VALUE = {
    "bool": "{name} must be true or false",
    "uuid": "Invalid UUID: {text}",
    "ip": "Invalid Address: {text}",
    "cidr": "Invalid subnet CIDR: {text}",
    "time": 'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}" as "2006"',
    "time2": 'ExpireTime is not valid: parsing time "{text}" as "2006-01-02T15:04:05Z07:00"',
    "int": "{name} must be a number",
}


def _wanted(index, text):
    try:
        return COMPARABLE[index.kind](text)
    except ValueError as failure:
        raise Unfit(BAD_VALUE[index.kind].format(name=index.name, text=text)) from failure


def index_value(collection, index, key, body):
    """What `index` sees of an object, comparable."""
    if index.name == "Key":
        return key
    if index.name == "Elevated":
        return bool(body.get("ExtraRoles") or body.get("ExtraClaims"))
    value = body
    for step in index.path:
        value = value.get(step) if isinstance(value, dict) else None
    if index.kind == "list":
        return list(value or [])
    try:
        return COMPARABLE[index.kind]("" if value is None else value)
    except (ValueError, TypeError):
        return COMPARABLE[index.kind]("0001-01-01T00:00:00Z" if index.kind.startswith("time") else "")


# -- predicates

def _arguments(operator, text):
    if operator in ("In", "Nin"):
        return [part.strip() for part in text.split(",")]
    if operator in ("Between", "Except"):
        parts = text.split(",")
        if len(parts) != 2:
            raise Unfit(f"{operator} needs two values")
        return parts
    return [text]


def split_call(text):
    """`Eq(x)` as operator and argument text; a plain value means Eq."""
    match = _CALL.fullmatch(text)
    operator = _BY_LOWER.get(match[1].lower()) if match else None
    return (operator, match[2]) if operator else ("Eq", text)


COMPARE = {
    "Eq": lambda value, wanted: value == wanted[0],
    "Ne": lambda value, wanted: value != wanted[0],
    "Lt": lambda value, wanted: value < wanted[0],
    "Lte": lambda value, wanted: value <= wanted[0],
    "Gt": lambda value, wanted: value > wanted[0],
    "Gte": lambda value, wanted: value >= wanted[0],
    "Between": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "Except": lambda value, wanted: value < wanted[0] or value > wanted[1],
    "In": lambda value, wanted: value in wanted,
    "Nin": lambda value, wanted: value not in wanted,
}
IN_LIST = {
    "Eq": lambda value, wanted: wanted[0] in value,
    "In": lambda value, wanted: any(one in value for one in wanted),
    "Ne": lambda value, wanted: wanted[0] not in value,
    "Nin": lambda value, wanted: not any(one in value for one in wanted),
}
ORDERED_ONLY = ("Lt", "Lte", "Gt", "Gte", "Between", "Except")


def _expression(text):
    try:
        return re.compile(text)
    except re.error as failure:
        raise Unfit(f"error parsing regexp: {failure}") from failure


def _by_index(collection, index, operator, text):
    if operator == "Re":
        if not index.regex:
            raise Unfit(f"{index.name} cannot be matched with a regular expression")
        expression = _expression(text)
        return lambda key, body: expression.search(index_value(collection, index, key, body)) is not None
    if operator in ORDERED_ONLY and index.unordered:
        raise Unfit(f"{index.name} is not ordered")
    wanted = [_wanted(index, part) for part in _arguments(operator, text)]
    compare = (IN_LIST if index.kind == "list" else COMPARE)[operator]
    return lambda key, body: compare(index_value(collection, index, key, body), wanted)


def _scalar(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def _by_param(name, operator, text):
    if operator == "Re":
        expression = _expression(text)
        return lambda key, body: isinstance((body.get("Params") or {}).get(name), str) and \
            expression.search(body["Params"][name]) is not None
    wanted = [_scalar(part) for part in _arguments(operator, text)]
    compare = COMPARE[operator]

    def matches(key, body):
        params = body.get("Params") or {}
        try:
            return name in params and compare(params[name], wanted)
        except TypeError:
            return False
    return matches


def predicate(collection, name, text):
    """A test of (key, object) for one item of the query. Raises Unfit."""
    operator, argument = split_call(text)
    index = collection.indexes.get(name)
    if index is not None:
        return _by_index(collection, index, operator, argument)
    if collection.has_params:
        return _by_param(name, operator, argument)
    raise Unfit(f"{name} is not an index")


# -- the whole query

def refuse(prefix, *messages):
    return Problem(406, "GET", prefix, "", *messages)


def _number(prefix, items, name):
    texts = [text for word, text in items if word == name]
    if not texts:
        return None
    try:
        number = int(texts[-1])
    except ValueError as failure:
        raise refuse(prefix, f'strconv.ParseInt: parsing "{texts[-1]}": invalid syntax') from failure
    if number < 0:
        raise refuse(prefix, f"{name.capitalize()} cannot be negative")
    return number


def _truth(items, name):
    return any(word == name and text.lower() in ("true", "") for word, text in items)


class ListQuery:
    """The parsed query of a list.

    version      the version's conduct
    collection   what is listed
    items        (name, text) pairs as they came
    ignored      operators whose filters are passed over (a fault)
    ignore_sort  `sort` and `reverse` are passed over (a fault)
    Raises Problem 406.
    """

    def __init__(self, version, collection, items, ignored=(), ignore_sort=False):
        self.version = version
        self.collection = collection
        self.items = items
        prefix = collection.prefix
        self.limit = _number(prefix, items, "limit")
        self.offset = _number(prefix, items, "offset") or 0
        if self.limit == 0 and version.limit_zero_is_all:
            self.limit = None
        self.reverse = _truth(items, "reverse") and not ignore_sort
        self.sort = [] if ignore_sort else self._sort_indexes()
        self.tests = []
        for name, text in items:
            if name in version.list_queries or split_call(text)[0] in ignored:
                continue
            try:
                self.tests.append(predicate(collection, name, text))
            except (Unfit, KeyError) as failure:
                raise refuse(prefix, str(failure)) from failure

    def _sort_indexes(self):
        names = [text for word, text in self.items if word == "sort" and text]
        indexes = [self.collection.indexes.get(name) for name in names]
        for name, index in zip(names, indexes):
            if index is None or index.unordered:
                raise refuse(self.collection.prefix, f"{name} cannot be sorted by")
        return indexes

    def words(self, name):
        return [part for word, text in self.items if word == name for part in text.split(",") if part]

    def truth(self, name):
        return _truth(self.items, name)

    def matching(self, rows):
        """Of (key, object, ...) rows in order of keys: those that pass, sorted."""
        out = [row for row in rows if all(test(row[0], row[1]) for test in self.tests)]
        for index in reversed(self.sort):
            out.sort(key=lambda row, index=index: index_value(self.collection, index, row[0], row[1]))
        if self.reverse:
            out.reverse()
        return out

    def page(self, rows):
        end = None if self.limit is None else self.offset + self.limit
        return rows[self.offset:end]


def reduced(collection, body, slim, params):
    """The object without what the query does not want; itself if it wants everything."""
    if not slim and not params:
        return body
    out = dict(body)
    for name in slim:
        if name in ("Meta", "Params") and name in out:
            out[name] = {}
    if params and "Params" in out:
        out["Params"] = {name: value for name, value in out["Params"].items() if name in params}
    if "Partial" in out:
        out["Partial"] = True
    return out
