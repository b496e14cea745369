"""What managers promise holds whatever way an endpoint is followed: each black-box test about managers runs a second time with
endpoints that are followed by their public API, or a reason why not is written here or with the test."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLACKBOX = ROOT / "tests" / "blackbox"
# What a test does that knows of a manager.
MANAGES = re.compile(r"become_manager|\bmission\b|attach\(|add_endpoint\(")
# Tests, or whole files, that do not run again, and why.
NOT_AGAIN = {
    "test_existing_servers.py": "its servers are of another make: they are followed by their public API in the first run",
    "test_a_cut_in_the_middle_of_a_package_resumes": "the public API resumes no upload of a package: "
                                                     "test_a_server_is_upgraded_by_its_own_package_and_never_by_ours",
    "test_commands_are_limited": "messages of a client are counted at its own server, whatever way the endpoint is followed",
    "test_the_address_is_changed_while_the_cluster_runs": "a cluster of another make is one endpoint with one address, and tells of no "
                                                          "members: test_cluster_manager.py",
    "test_what_a_member_pushes_after_it_was_succeeded_is_refused": "servers of another make do not know the header",
    # Of test_peers.py: endpoints that speak a broken stream. What is like it on the other way follows.
    "test_what_breaks_the_protocol_ends_the_session_alone": "records of the stream: test_every_fault_is_survived",
    "test_digests_that_are_never_right_do_not_make_a_storm": "digests of the stream: test_events_without_end_cost_requests_now_and_then",
    "test_a_replica_that_differs_is_compared_and_repaired": "digests of the stream: test_a_walk_corrects_what_no_event_told",
    "test_what_is_forwarded_to_a_broken_endpoint_fails_alone":
        "its endpoint speaks the stream: test_what_is_forwarded_to_a_server_that_answers_rubbish_fails_alone",
    "test_another_server_in_its_place_is_refused":
        "its endpoint speaks the stream: test_another_server_at_the_address_is_not_taken_for_it",
    "test_another_certificate_is_refused_until_its_fingerprint_is_given":
        "its endpoint speaks the stream: test_another_certificate_is_refused_until_it_is_accepted",
    "test_owners_that_would_make_a_loop_are_not_followed":
        "announcements of the stream: test_another_makes_manager_cannot_speak_for_us_or_for_strangers",
    "test_nobody_speaks_for_others":
        "records of the stream: test_another_makes_manager_cannot_speak_for_us_or_for_strangers",
    "test_an_owner_that_is_back_is_believed_again":
        "announcements of the stream: test_a_direct_way_and_one_behind_another_makes_manager_lead_to_one_owner",
    "test_a_message_without_end_is_refused": "frames of the stream: test_a_websocket_that_floods_ends_alone",
    "test_a_flood_drowns_nobody": "records of the stream: test_a_websocket_that_floods_ends_alone",
}


def again():
    """The files of the second run."""
    script = (ROOT / "tools" / "x.sh").read_text()
    named = re.search(r"FOLLOWED_BY_EVENTS=\(([^)]*)\)", script).group(1).split()
    return {f"test_{name}" for name in named}


def functions_of(text):
    """Each test's name and text, marks included."""
    pieces = re.split(r"^(?=(?:@|def |class ))", text, flags=re.MULTILINE)
    marks = ""
    for piece in pieces:
        if piece.startswith("@"):
            marks += piece
            continue
        if named := re.match(r"def (test_\w+)\(", piece):
            yield named.group(1), marks + piece
        marks = ""


def test_every_test_about_managers_runs_again_or_says_why_not():
    left_out = []
    for path in sorted(BLACKBOX.glob("test_*.py")):
        text = path.read_text()
        about = {name for name, body in functions_of(text) if MANAGES.search(body)}
        chosen = re.search(r"^FOLLOWED_TOO = \(([^)]*)\)", text, re.MULTILINE)
        if path.name in NOT_AGAIN:
            continue
        if path.name not in again():
            left_out += [f"{path.name}: {name}" for name in about if name not in NOT_AGAIN]
        elif chosen:
            names = set(re.findall(r'"(\w+)"', chosen.group(1)))
            bodies = dict(functions_of(text))
            left_out += [f"{path.name}: {name}" for name in about if name not in names | set(NOT_AGAIN)
                         and not names & set(re.findall(r"\w+", bodies[name].partition(")")[0]))]
    assert not left_out, left_out


def test_reasons_are_about_what_is_there():
    texts = {path.name: path.read_text() for path in BLACKBOX.glob("test_*.py")}
    there = {name for text in texts.values() for name, _ in functions_of(text)} | set(texts)
    assert set(NOT_AGAIN) <= there and again() <= set(texts)
    assert all(len(reason) > 20 for reason in NOT_AGAIN.values())
    for name, text in texts.items():
        for reason in re.findall(r"^(?:pytestmark = |@)by_stream_only(.*)$", text, re.MULTILINE):
            assert re.match(r'\("[^"]{20,}"\)$', reason), (name, reason)
            assert {named for named in re.findall(r"test_\w+", reason)} <= there, (name, reason)
