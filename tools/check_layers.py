#!/usr/bin/env python3
"""Fails when a room includes a room it must not know (docs/architecture.md), or another room's internal/; when a pure room or
the command line includes more than it may; when a handler of the API looks objects up past the one place that applies rights
(src/api/internal/finder.h), or asks more of the caller than its route says and nobody asks it before the request is forwarded
(src/api/internal/owner_asks.h); when the API writes an object past the steps of objects::Write; when the command line opens a connection past the one place that decides whom it talks to; when a
coroutine is started without a strand; when a wait for a descriptor is believed to end only when that is ready; when a condition decides about an await; when a room asks for time or chance by itself
instead of being given it, or waits past the timers that it is given; when a lock is one that clang cannot check (base/mutex.h); when a small
helper that base has is written once more; when a path of the API is written by hand (src/client); or when a room of the web interface imports another one against the arrows (ux/README.md)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CMAKE = (ROOT / "CMakeLists.txt").read_text()
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.M)
CONFINED = re.compile(r'#include\s+<(boost/beast|boost/asio/ssl|openssl/ssl|lmdb\.h)')
CONFINED_TO = {"boost/beast": "src/net/", "boost/asio/ssl": "src/net/", "openssl/ssl": "src/net/",
               "lmdb.h": ("src/store/", "src/cluster/")}
# Connections of the command line are opened where it is decided who a server is, and nowhere else.
CONNECTING = re.compile(r"\bnet::(make_client|open_url|peer_certificate)\(")
CONNECTING_IN_CLI = "cli/connection/server_trust.cc"


def allowed_rooms():
    """room -> every room it may include, read from the one list in CMakeLists.txt."""
    direct = {}
    for name, body in re.findall(r"mullion_room\((\w+)([^)]*)\)", CMAKE):
        rooms = re.search(r"ROOMS ([\w ]+?)(?: LIBS|$)", body.strip())
        direct[name] = rooms.group(1).split() if rooms else []
        for other in direct[name]:
            if other not in direct:
                sys.exit(f"CMakeLists.txt: room {name} names {other}, which is not above it")
    reach = {}
    for name, others in direct.items():
        reach[name] = {name}.union(*(reach[other] for other in others)) if others else {name}
    return reach


def breaches():
    reach = allowed_rooms()
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        relative = path.relative_to(ROOT / "src")
        text = path.read_text()
        for match in CONFINED.finditer(text):
            if not str(path.relative_to(ROOT)).startswith(CONFINED_TO[match.group(1)]):
                yield f"{relative} includes <{match.group(1)}...>, which is confined to {CONFINED_TO[match.group(1)]}"
        if len(relative.parts) < 2:
            continue
        room = relative.parts[0]
        opens = room == "cli" and path.suffix == ".cc" and not path.name.endswith("_test.cc") and CONNECTING.search(text)
        if opens and str(relative) != CONNECTING_IN_CLI:
            yield f"{relative} calls {opens.group(0)}): only {CONNECTING_IN_CLI} may"
        if room not in reach:
            yield f"{relative}: room {room} is not in CMakeLists.txt"
            continue
        for include in INCLUDE.findall(text):
            target = include.split("/")[0]
            if target not in reach:
                continue
            if target not in reach[room]:
                yield f"{relative} includes {include}: {room} must not know {target}"
            if target != room and "/internal/" in include:
                yield f"{relative} includes {include}: internal to {target}"


# Folder -> all that its sources may include: what is computed there depends on arguments alone.
PURE = {
    "plan/": re.compile(r"(?:base|model|plan)/|versionset/(?:fingerprint|merge|sources|values)\.h$|catalog/items\.h$"),
}
IMPURE_LIBRARY = re.compile(r"#include <((?:atomic|chrono|condition_variable|coroutine|filesystem|fstream|future|iostream|mutex|random|thread)|boost/asio[^>]*)>")


def impure_includes():
    for folder, allowed in PURE.items():
        for path in sorted((ROOT / "src" / folder).rglob("*")):
            if path.suffix not in (".h", ".cc") or path.stem.endswith(("_test", "_testing")):
                continue
            text = path.read_text()
            foreign = [name for name in INCLUDE.findall(text) if not allowed.match(name)]
            for name in foreign + IMPURE_LIBRARY.findall(text):
                yield f"{path.relative_to(ROOT)} includes {name}: {folder} is pure and depends on arguments alone"


# The command line is no part of a server: what it may know of the rooms of one (docs/architecture.md says why).
CLI_INCLUDES = re.compile(r"(?:base|cli|client|env|model|net|settings|yaml)/|versionset/merge\.h$|catalog/(?:items|installed|catalog_url)\.h$|store/compaction\.h$|cluster/recovery\.h$")


def server_rooms_in_cli():
    for path in sorted((ROOT / "src" / "cli").rglob("*")):
        for name in INCLUDE.findall(path.read_text()) if path.suffix in (".h", ".cc") else []:
            if not CLI_INCLUDES.match(name):
                yield f"{path.relative_to(ROOT)} includes {name}: the command line knows no more of a server than docs/architecture.md lists"


# How objects are read from the store; handlers have finder.h for that.
LOOKS_UP = re.compile(r"get_local\(|get_all_owners\(|\bscan(?:_owner|_local)?\(|(?:->|\.)query\(|refs_by_index\(|find_local\(|"
                      r"[sS]napshot\S*(?:->|\.)get\(|\.secret\(")


def unguarded_lookups():
    for path in sorted((ROOT / "src" / "api").rglob("*.cc")):
        text = path.read_text()
        handles = "namespace handlers {" in text or path.name == "dispatcher.cc"
        if not handles or path.name.endswith("_test.cc"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if LOOKS_UP.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: a handler looks objects up past api/internal/finder.h"


# Where handlers ask more of the caller than the right of their route; an owner elsewhere would ask it of this server's login.
ASKS_RIGHTS = re.compile(r"\bauth::(?:authorise|covers)\(|\bauthorise\(|\bmay\(|\bsend_as\(")
# File -> what keeps a request from being carried out elsewhere with the rights of a manager.
ASKED_HERE = {
    "blobs.cc": "asks: files post ?explode, isos post ?explode",
    "contents.cc": "asks: * getSecure",
    "pools.cc": "asks: machines get",
    "subnet_addresses.cc": "asks: reservations ..., machines ...",
    "version_sets.cc": "asks: version_sets get ?sets",
    "fleet_plans.cc": "asks: version_sets get",
    "fleet_targets.cc": "lists of others need the right to read them all (dispatcher.cc)",
    "interfaces.cc": "lists of others need the right to read them all (dispatcher.cc)",
    "job_purge_plan.cc": "lists of others need the right to read them all (dispatcher.cc)",
    "objects_read.cc": "lists of others need the right to read them all; secrets are not shown on behalf of others (objects/shown_secrets.cc)",
    "hooks.cc": "forwarded_references.cc: endpoints getSecure for Params",
    "bulk_requests.cc": "asks_of_writers: * *",
    "dispatcher.cc": "decides what is forwarded", "owner_asks.cc": "decides what is forwarded", "rights.cc": "the rights of routes",
    "objects/internal/write_checks.cc": "half a right is not forwarded (dispatcher.cc)",
    "objects/internal/field_rights.cc": "half a right is not forwarded (dispatcher.cc)",
    "objects/internal/new_references.cc": "forwarded_references.cc",
    "objects/shown_secrets.cc": "not shown on behalf of others",
    "objects/rights.cc": "what claims say",
    "finder.cc": "what exists", "live_rights.cc": "the rights of routes, again", "event_reader.cc": "events are cut where they are read",
}


def unasked_rights():
    objects = [path for path in (ROOT / "src" / "objects").rglob("*.cc") if not path.name.endswith("_test.cc")]
    for path in sorted([*(ROOT / "src" / "api" / "internal").glob("*.cc"), *objects]):
        name = str(path.relative_to(ROOT / "src")) if path in objects else path.name
        if name in ASKED_HERE:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if ASKS_RIGHTS.search(line.split("//")[0]):
                yield (f"{path.relative_to(ROOT)}:{number}: a handler asks more than the right of its route: say so by `asks` in "
                       f"schema/routes.yaml (api/internal/owner_asks.h), and here")


# Objects are written by objects::Write, which makes every check; whoever in the API commits by itself says why none is needed.
COMMITS = re.compile(r"\bcommit_(?:async|sync)\(|\bstore_?\.commit\(")
COMMITS_BY_ITSELF = {
    "api.cc": "the manager's own plugin, which is no object of the writable layer",
    "internal/session.cc": "a password: no object changes",
    "internal/jobs.cc": "many old jobs in one commit, each judged by job_purge.h and the right to delete it",
    "internal/job_state_keeper.cc": "what the server itself says of machines",
    "internal/secure_upgrade.cc": "values that the server itself seals",
}


def writes_past_their_checks():
    used = set()
    for path in sorted((ROOT / "src" / "api").rglob("*.cc")):
        name = str(path.relative_to(ROOT / "src" / "api"))
        if name.endswith("_test.cc"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not COMMITS.search(line.split("//")[0]):
                continue
            used.add(name)
            if name not in COMMITS_BY_ITSELF:
                yield f"src/api/{name}:{number}: objects are written by objects::Write, which makes every check (objects/write.h)"
    for name in sorted(COMMITS_BY_ITSELF.keys() - used):
        yield f"tools/check_layers.py: api/{name} does not commit by itself any more: take it off the list"


# GCC 12 destroys temporaries of such an await twice when the condition decides about them, and aggregates in its arguments, and
# what a lambda among its arguments has copied.
CONDITIONAL_AWAIT = re.compile(r"(?:&&|\|\||\?|\s:)\s*!?\(?co_await|(?:if|while) \(!?co_await|co_await[^;]*\?\s*(?:\"|std::)")

RAW_TEXT = re.compile(r'R"(\w*)\([^\n]*?\)\1"')
GIVEN_AGGREGATE = re.compile(r"co_await\b[^;{}\[]*[(,]\s*\{\s*[^\s}]|co_await\b(?:(?!exchange)[^;{}\[])*[(,]\s*\{\s*\}")  # over line ends
GIVEN_LAMBDA = re.compile(r"co_await\b[^;{}]*?[(,]\s*\[([^\]\[]*)\]\s*[({]")  # over line ends


def conditional_awaits():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        code = "\n".join(line.split("//")[0] for line in RAW_TEXT.sub('""', path.read_text()).splitlines())
        for number, line in enumerate(code.splitlines(), 1):
            if CONDITIONAL_AWAIT.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: a condition decides about an await: give a name to the result"
        for found in GIVEN_AGGREGATE.finditer(code):
            number = code.count("\n", 0, found.end()) + 1
            yield f"{path.relative_to(ROOT)}:{number}: an await is given an aggregate: give a name to it"
        for found in GIVEN_LAMBDA.finditer(code):
            if all(capture.strip() == "this" or capture.strip()[:1] in ("", "&") for capture in found[1].split(",")):
                continue
            number = code.count("\n", 0, found.end()) + 1
            yield f"{path.relative_to(ROOT)}:{number}: an await is given a lambda that copies: give a name to it, or let it refer to what it uses"


# Until C++23 the pointer or document that a call returns is gone before the loop over what it holds begins.
LOOP_PAST_ITS_OWNER = re.compile(r"\bfor \([^;]* : [^;]*\.json\(\)\.|\bfor \([^;]*[^:]:[^:][^;]*\w\([^()]*\)->\w+(?:\.\w+)*\)(?:\s*$|\s*[^.\-)\s])")


def loops_past_their_owner():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if LOOP_PAST_ITS_OWNER.search(line.split("//")[0]):
                yield f"{path.relative_to(ROOT)}:{number}: a loop over what a returned pointer owns: give the pointer a name"


# Its end is an exception when a file cannot be read, whatever the stream was told: env::read_file says so in a Result.
FILE_READ_BY_ITERATOR = re.compile(r"istreambuf_iterator<char>\((?!call\.terminal\.in\))")


def files_read_by_iterators():
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc") or path.stem.endswith(("_test", "_testing")):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if FILE_READ_BY_ITERATOR.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: a file is read by iterators, which throw: use env::read_file"


# A coroutine that two threads may run at once is a race as soon as it waits for several things.
STARTS_COROUTINES = {"src/env/runtime.cc", "src/env/launch.h", "src/env/run_on.h"}


def coroutines_without_strand():
    for folder in ("src", "bench", "fuzz"):
        for path in sorted((ROOT / folder).rglob("*")):
            relative = str(path.relative_to(ROOT))
            if path.suffix not in (".h", ".cc") or relative in STARTS_COROUTINES:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if "co_spawn(" in line:
                    yield f"{relative}:{number}: a coroutine is started past env::launch and env::TaskGroup, which give it a strand"


# asio may end such a wait before the descriptor is ready (env/readiness.h).
WAITS_FOR_READINESS = re.compile(r"::wait_(?:read|write|error)\b")


def waits_that_end_early():
    for path in sorted((ROOT / "src").rglob("*.[hc]*")):
        text = path.read_text()
        if '"env/readiness.h"' in text:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if WAITS_FOR_READINESS.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: a wait for a descriptor may end early: ask whether it is ready then (env/readiness.h)"


# What a room decides by time or chance can be tested only when both are given to it (env::Clock, env::Timers).
ASKS_BY_ITSELF = re.compile(r"\bsystem_clock\(\)|\bsystem_timers\(\)|(?:steady|system|high_resolution)_clock::now\b|"
                            r"\benv::(?:random_\w+|secure_random)\b")
# Exact file, or a folder that ends with a slash -> why it may.
MAY_ASK = {
    "env/": "the room that asks the machine",
    "server/": "assembly: gives clock, timers and chance to the other rooms; keys and upgrades of the process",
    "cli/": "a process of its own, whose time is that of its user",
    "base/log.cc": "lines of the log bear the time of the machine",
    "net/internal/connection.cc": "ids of requests",
    "net/internal/conversation.cc": "masks that nobody may foresee",
    "net/internal/tls.cc": "serial numbers and session keys of certificates",
    "auth/authenticator.cc": "secrets",
    "auth/internal/accounts.cc": "secrets",
    "prefs/preferences.cc": "secrets",
    "packs/internal/first_start.cc": "secrets",
    "plugins/internal/plugin_child.cc": "names of scratch folders",
    "plugins/internal/provider_files.cc": "names of scratch folders",
    "files/blobs.cc": "names of scratch folders",
    "files/followed_tree.cc": "names of scratch folders",
    "files/sharing.cc": "revisions, which must never come twice",
    "catalog/internal/scanner.cc": "names of scratch folders",
    "api/internal/iso_installs.cc": "names of scratch folders",
    "api/internal/system.cc": "names of backups",
    "objects/internal/write_checks.cc": "keys of new objects",
    "store/internal/store_impl.cc": "epochs, which must never come twice",
    "net/internal/stream.cc": "moments at which asio's timers end reading and writing, by the clock of those timers",
    "cluster/internal/call_queue.h": "a real process around a Member, whose time is given",
    "cluster/node_agreed.cc": "a real process around a Member, whose time is given",
    "cluster/node_lead.cc": "a real process around a Member, whose time is given",
    "cluster/node_members.cc": "a real process around a Member, whose time is given",
    "cluster/node_start.cc": "a real process around a Member, whose time is given",
    "cluster/peer_link.cc": "names of files on their way between processes",
    "store/store.h": "what a store uses that is given no clock: the tools of one that is stopped, and tests",
    "store/internal/engine.h": "the same",
}


def unasked_time():
    used = set()
    for path in sorted((ROOT / "src").rglob("*")):
        relative = str(path.relative_to(ROOT / "src"))
        if path.suffix not in (".h", ".cc") or path.stem.endswith(("_test", "_testing")) or "/" not in relative:
            continue
        numbers = [number for number, line in enumerate(path.read_text().splitlines(), 1)
                   if ASKS_BY_ITSELF.search(line.split("//")[0])]
        reasons = [place for place in (relative, relative.split("/")[0] + "/") if place in MAY_ASK]
        used.update(reasons if numbers else [])
        for number in numbers if not reasons else []:
            yield f"src/{relative}:{number}: time and chance are given to a room (env::Clock, env::Timers), not asked for"
    for place in sorted(MAY_ASK.keys() - used):
        yield f"tools/check_layers.py: {place} does not ask for time or chance any more: take it off the list"


# Rooms whose waits are simulated, by the timers that they are given: one that waits by the machine's stands still there.
SIMULATED = ("apply", "bulk", "manager", "mirror", "replication", "rollout")
WAITS_BY_ITSELF = re.compile(r"\benv::sleep_for\(|\bwait\((?:seen|version|\w*\.version\(\)|0),")


def waits_by_themselves():
    for room in SIMULATED:
        for path in sorted((ROOT / "src" / room).rglob("*")):
            if path.suffix not in (".h", ".cc") or path.stem.endswith(("_test", "_testing")):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if WAITS_BY_ITSELF.search(line.split("//")[0]):
                    yield f"{path.relative_to(ROOT)}:{number}: a room that is simulated waits by the timers that it is given (env::Timers)"


# Clang checks what a mutex of base/mutex.h guards, and knows nothing of those of the standard library.
MUTEX_HEADER = "base/mutex.h"
STANDARD_LOCK = re.compile(r"\bstd::(?:(?:recursive_|shared_)?(?:timed_)?mutex|lock_guard|unique_lock|shared_lock|scoped_lock|"
                           r"condition_variable(?:_any)?)\b")
MUTEX_MEMBER = re.compile(r"^\s*(?:mutable |static )*(?:Shared)?Mutex (\w+)(?:\{[^}]*\})?;(.*)$")
UNCHECKED = re.compile(r"\bNO_THREAD_SAFETY_ANALYSIS\b|\bassume_held\(\)")


def unchecked_locks():
    for path in sorted((ROOT / "src").rglob("*")):
        relative = str(path.relative_to(ROOT / "src"))
        if path.suffix not in (".h", ".cc") or relative == MUTEX_HEADER:
            continue
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            code, _, reason = line.partition("//")
            if STANDARD_LOCK.search(code):
                yield f"src/{relative}:{number}: a lock of the standard library, which clang cannot check: use {MUTEX_HEADER}"
            if UNCHECKED.search(code) and not reason.strip():
                yield f"src/{relative}:{number}: the analysis is told something that it cannot see: say beside it why it is right"
            member = MUTEX_MEMBER.match(code)
            if member and not reason.strip() and f"GUARDED_BY({member.group(1)})" not in text:
                yield f"src/{relative}:{number}: no member is GUARDED_BY({member.group(1)}): say beside it what it is for"


# Small helpers that every room needs exist once: what is written by hand elsewhere is another one of a kind. Kind -> how it
# looks, where it is (files or folders), which files may do it nevertheless (and why), what to use instead.
HELPERS = {
    "JSON is read": (re.compile(r"\bjson::(?:parse|parse_into)\(|\bjson::(?:stream_)?parser\b"), ("base/json.cc",), {},
                     "base/json.h (parse_json, read_json, own_json)"),
    "an error object is taken apart or made": (re.compile(r'"Messages"'), ("base/error_object.cc",), {"bulk/ledger.cc": "outcomes of a bulk"}, "base/error_object.h"),
    "letters are told apart": (re.compile(r"\bstd::(?:to(?:lower|upper)|is(?:x?digit|alnum|alpha|space|upper|lower))\b|>= 'A' && \w+ <= 'Z'"),
                               ("base/letters.h",), {}, "base/letters.h"),
    "hexadecimal digits are listed": (re.compile(r'"0123456789abcdef(?:ABCDEF-?)?"'), ("base/letters.cc",), {"base/text.cc": "code points, of any length"},
                                      "base/letters.h (hex_text, hex_value, is_sha256, is_uuid)"),
    "base64 is written or read": (re.compile(r'"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789[-+][/_]"'), ("base/base64.cc",), {},
                                  "base/base64.h, env::random_text"),
    "percent signs are decoded": (re.compile(r"== '%' [&?]"), ("base/percent.cc",), {}, "base/percent.h"),
    "text is trimmed": (re.compile(r'find_last_not_of\(" |while \([^;]*front\(\) == \' \''), ("base/text.cc",), {}, "base/text.h (trimmed)"),
    "random numbers are made": (re.compile(r"0xbf58476d1ce4e5b9"), ("env/dice_testing.h",), {}, "env/dice_testing.h, env/random.h"),
}


def helpers_twice():
    used = set()
    for path in sorted((ROOT / "src").rglob("*")):
        relative = str(path.relative_to(ROOT / "src"))
        if path.suffix not in (".h", ".cc") or path.stem.endswith("_test"):
            continue
        lines = path.read_text().splitlines()
        for kind, (looks, homes, allowed, instead) in HELPERS.items():
            if relative in homes or (path.stem.endswith("_testing") and kind != "random numbers are made"):
                continue
            for number, line in enumerate(lines, 1):
                if not looks.search(line.split("// ")[0]):
                    continue
                used.add((kind, relative))
                if relative not in allowed:
                    yield f"src/{relative}:{number}: {kind} past the one place for it: use {instead}"
    for kind, (_, _, allowed, _) in HELPERS.items():
        for place in sorted(allowed):
            if (kind, place) not in used:
                yield f"tools/check_layers.py: {place} is no exception of `{kind}` any more: take it off the list"


# Requests to a server are made by the functions of client/routes.h, which know the routes that there are.
PATH_OF_API = re.compile(r'"[^"]*/api/v3')
# Exact file, or a folder that ends with a slash -> why it may.
MAY_WRITE_PATHS = {
    "client/": "makes the functions",
    "server/server.cc": "a text for people",
    "bulk/internal/judge.cc": "one object to this server itself; whatever follows its key is added",
    "mirror/internal/target.cc": "takes targets apart",
    "api/internal/finder.cc": "a text for people",
    "api/internal/collections.cc": "a text for people",
    "api/internal/consensus.cc": "the key of an error",
}


def paths_by_hand():
    used = set()
    for path in sorted((ROOT / "src").rglob("*")):
        relative = str(path.relative_to(ROOT / "src"))
        if path.suffix not in (".h", ".cc") or path.stem.endswith(("_test", "_testing")):
            continue
        numbers = [number for number, line in enumerate(path.read_text().splitlines(), 1)
                   if PATH_OF_API.search(line.split("// ")[0])]
        reasons = [place for place in (relative, relative.split("/")[0] + "/") if place in MAY_WRITE_PATHS]
        used.update(reasons if numbers else [])
        for number in numbers if not reasons else []:
            yield f"src/{relative}:{number}: a path of the API is written by hand: client/routes.h has a function for each route"
    for place in sorted(MAY_WRITE_PATHS.keys() - used):
        yield f"tools/check_layers.py: {place} writes no path of the API any more: take it off the list"


# The rooms of ux/src, each of which may import itself and those before it; a file beside the folders is a room of its own.
UX_ROOMS = ("text", "api", "live", "router", "location", "keys", "parts", "grid", "frame", "pages", "main")
UX_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*(\(?)\s*['"](\.[^'"]+)['"]""")
# A page imports no other one but these, which pages are made of.
UX_SHARED_PAGES = "generic"


def ux_room(path):
    """Room of a file below ux/src, and the folder of a page."""
    first = path.parts[0] if len(path.parts) > 1 else path.name.split(".")[0]
    return first, path.parts[1] if first == "pages" else ""


def ux_breaches():
    sources = ROOT / "ux" / "src"
    for path in sorted(sources.rglob("*")):
        if path.suffix not in (".ts", ".svelte"):
            continue
        name = path.relative_to(sources)
        room, page = ux_room(name)
        if room not in UX_ROOMS:
            yield f"ux/src/{name}: room {room} is not in the list of tools/check_layers.py"
            continue
        for loaded, target in UX_IMPORT.findall(path.read_text()):
            other = (path.parent / target.split("?")[0]).resolve().relative_to(sources)
            if other.suffix == ".css":
                continue
            its_room, its_page = ux_room(other)
            # The table of addresses loads pages when they are opened.
            if room == "router" and loaded:
                continue
            if UX_ROOMS.index(its_room) > UX_ROOMS.index(room):
                yield f"ux/src/{name} imports {target}: {room} must not know {its_room}"
            if room == its_room == "pages" and page != its_page != UX_SHARED_PAGES:
                yield f"ux/src/{name} imports {target}: a page imports no other one, except {UX_SHARED_PAGES}/"


def main():
    found = [*breaches(), *ux_breaches(), *impure_includes(), *server_rooms_in_cli(), *files_read_by_iterators(), *coroutines_without_strand(), *waits_that_end_early(), *conditional_awaits(), *loops_past_their_owner(), *unguarded_lookups(), *unasked_rights(), *writes_past_their_checks(), *unasked_time(), *waits_by_themselves(), *unchecked_locks(), *helpers_twice(), *paths_by_hand()]
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
