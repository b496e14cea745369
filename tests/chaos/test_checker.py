"""The checker can fail: each kind of broken promise is planted in a history and must be found, and only then."""
import dataclasses
import json
import random

import pytest

import checker
import history
from history import SECOND, History, Operation

LEVELS = {"A": ["A", "R1", "M1"]}


class Story:
    """Writes a history down; times are seconds since its start. Reads are at the owner unless `at` is a manager."""

    def __init__(self):
        self.history = History(seed=0, levels=LEVELS, start=0,
                               states=[{"owner": "A", "server": server, "digest": "same"} for server in LEVELS["A"]])
        self.sequence = 0

    def add(self, kind, variable, begin, end, **more):
        at = more.pop("at", "A")
        served = more.pop("served", "replica" if kind in ("read", "list") and at != "A" else "owner")
        more.setdefault("outcome", "done")
        if more["outcome"] == "done" and kind not in ("read", "list"):
            self.sequence += 1
            more.setdefault("commit", ["A", "e", self.sequence])
        if served == "replica":
            more.setdefault("age", 1)
        made = Operation(number=len(self.history.operations), session=more.pop("session", 1), kind=kind, variable=variable,
                         owner="A", at=at, served=served, begin=int(begin * SECOND), end=int(end * SECOND),
                         status=more.pop("status", 200), **more)
        self.history.operations.append(made)
        return made

    def swap(self, begin, end, expected, value, **more):
        return self.add("swap", "register/x", begin, end, expected=expected, value=value, **more)

    def read(self, begin, end, seen, **more):
        return self.add("read", more.pop("variable", "register/x"), begin, end, seen=seen, **more)

    def rules(self, coverage=False):
        return sorted({found.rule for found in checker.check(self.history)
                       if coverage or found.rule not in ("coverage", "second-opinion")})

    def doubted(self):
        """By the second opinion."""
        return [found for found in checker.check(self.history) if found.rule == "second-opinion"]


@pytest.fixture
def story():
    return Story()


def register(story, final="b"):
    """first -> a at 1 s -> b at 2 s, and what is read at the end."""
    story.swap(1, 1.1, "first", "a")
    story.swap(2, 2.1, "a", "b")
    story.read(90, 90.1, final)


# -- registers

def test_the_second_opinion_agrees(story):
    register(story)
    assert not story.doubted()
    story.swap(1.5, 1.6, "a", "c", outcome="failed", status=409)
    assert story.doubted(), "what it expected was there all the time"


@pytest.mark.parametrize("final", ["a", "first", "z"])
def test_the_second_opinion_finds_what_is_lost_or_strange(story, final):
    register(story, final)
    assert story.doubted()


def test_two_winners(story):
    register(story)
    story.swap(1.5, 1.6, "a", "c", commit=["A", "e", 9])
    assert "one-winner" in story.rules()


def test_a_lost_write(story):
    register(story)
    story.swap(3, 3.1, "b", "c")
    assert story.rules() == ["lost-write"]


def test_a_value_that_came_and_went(story):
    register(story)
    story.swap(3, 3.1, "b", "c", outcome="unknown")
    assert story.rules() == []
    story.read(4, 4.1, "c")
    assert story.rules() == ["lost-write"]


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_a_refused_write_that_was_done(story, outcome):
    register(story, final="c")
    story.swap(3, 3.1, "b", "c", outcome=outcome, status=503)
    assert "refused-write-done" in story.rules()


def test_a_refused_write_that_was_seen_for_a_moment(story):
    register(story)
    story.swap(3, 3.1, "b", "c", outcome="refused", status=503)
    story.read(4, 4.1, "c", at="R1")
    assert story.rules() == ["refused-write-done"]


@pytest.mark.parametrize("final", ["b", "c", "d"])
def test_an_unknown_outcome_is_either(story, final):
    register(story, final)
    story.swap(3, 13, "b", "c", outcome="unknown", status=0)
    if final == "d":
        story.swap(40, 41, "b", "d")
    assert story.rules() == []


def test_an_unknown_outcome_may_come_late(story):
    register(story, final="c")
    story.swap(3, 13, "b", "c", outcome="unknown", status=0)
    story.read(40, 40.1, "b")
    assert story.rules() == []


def test_a_value_that_nobody_wrote(story):
    register(story)
    story.read(5, 5.1, "garbage", at="M1")
    assert story.rules() == ["unknown-value"]


def test_a_history_that_began_elsewhere(story):
    story.swap(1, 1.1, "elsewhere", "a")
    story.read(90, 90.1, "a")
    assert story.rules() == ["unknown-value"]


def test_values_in_a_circle(story):
    story.swap(1, 1.1, "b", "a")
    story.swap(2, 2.1, "a", "b")
    story.read(90, 90.1, "b")
    assert "one-order" in story.rules()


def test_real_time_of_writes(story):
    story.swap(1, 1.1, "a", "b")
    story.swap(2, 2.1, "first", "a")
    story.read(90, 90.1, "b")
    assert "real-time-order" in story.rules()


def test_an_old_value_at_the_owner(story):
    register(story)
    story.read(3, 3.1, "a", session=2)
    assert "real-time-order" in story.rules()


def test_an_old_value_at_the_owner_by_way_of_a_manager(story):
    register(story)
    story.read(3, 3.1, "a", session=2, at="M1", served="owner")
    assert "real-time-order" in story.rules()


def test_two_reads_at_the_owner_that_contradict_each_other(story):
    """Both overlap the write; the first to end saw the new value, the second to begin the old one."""
    story.swap(1, 5, "first", "a")
    story.read(2, 2.1, "a")
    story.read(3, 3.1, "first", session=2)
    story.read(90, 90.1, "a")
    assert "real-time-order" in story.rules() or "monotonic-reads" in story.rules()
    assert [one.rule for chain in checker.chains(story.history) for one in checker.check_owner_order(chain)] == ["real-time-order"]


def test_a_swap_that_failed_without_a_reason(story):
    register(story)
    story.swap(1.5, 1.6, "a", "c", outcome="failed", status=409)
    assert story.rules() == ["real-time-order"]


def test_a_swap_that_failed_for_a_reason(story):
    register(story)
    story.swap(1.9, 2.05, "a", "c", outcome="failed", status=409)
    story.swap(0.5, 0.6, "b", "d", outcome="failed", status=409)
    assert story.rules() == []


def test_a_swap_that_failed_on_the_first_value(story):
    register(story)
    story.swap(0.2, 0.3, "first", "c", outcome="failed", status=409)
    assert story.rules() == ["real-time-order"]


def test_a_value_from_the_future(story):
    register(story)
    story.read(0.5, 0.6, "a", at="R1")
    assert "value-from-the-future" in story.rules()


# -- levels

def test_read_your_writes(story):
    story.swap(1, 1.1, "first", "a", at="M1")
    story.read(1.2, 1.3, "first", at="R1")
    story.read(90, 90.1, "a")
    assert story.rules() == ["read-your-writes"]


def test_a_pending_write_is_not_promised_above_its_owner(story):
    story.swap(1, 1.1, "first", "a", at="M1", pending=True)
    story.read(1.2, 1.3, "first", at="M1")
    story.read(90, 90.1, "a")
    assert story.rules() == []
    story.read(1.4, 1.5, "first")
    assert "read-your-writes" in story.rules()


@pytest.mark.parametrize("manager", ["R1", "M1"])
def test_a_pending_write_is_promised_nowhere_above(story, manager):
    story.swap(1, 1.1, "first", "a", at="M1", pending=True)
    story.read(1.2, 1.3, "first", at=manager)
    story.read(90, 90.1, "a")
    assert story.rules() == []


def test_a_write_is_not_promised_above_the_level_it_came_through(story):
    story.swap(1, 1.1, "first", "a", at="R1")
    story.read(1.2, 1.3, "first", at="M1")
    story.read(90, 90.1, "a")
    assert story.rules() == []


@pytest.mark.parametrize("manager", ["R1", "M1"])
def test_monotonic_reads(story, manager):
    register(story)
    story.read(2.2, 2.3, "b", at=manager)
    story.read(2.4, 2.5, "a", at=manager)
    assert story.rules() == ["monotonic-reads"]


def test_a_level_is_not_behind_the_one_above(story):
    register(story)
    story.read(2.2, 2.3, "b", at="M1")
    story.read(2.4, 2.5, "a", at="R1", session=2)
    assert story.rules() == ["real-time-order"]


def test_a_level_may_be_behind_the_one_below(story):
    register(story)
    story.read(2.2, 2.3, "b", at="R1")
    story.read(2.4, 2.5, "a", at="M1")
    assert story.rules() == []


# -- ages

@pytest.mark.parametrize("age, rules", [(0, ["age-below-truth"]), (4, ["age-below-truth"]), (5, []), (7, [])])
def test_an_age_below_the_truth(story, age, rules):
    """The value was replaced at 2.1 s; at 7 s it is 4.9 s old."""
    register(story)
    story.read(7, 7.1, "a", at="R1", age=age)
    assert story.rules() == rules


def test_an_age_is_judged_by_what_anybody_saw(story):
    story.swap(1, 60, "first", "a", outcome="unknown", status=0)
    story.read(2, 2.1, "a", session=2)
    story.read(7, 7.1, "first", at="M1", age=3)
    story.read(90, 90.1, "a")
    assert story.rules() == ["age-below-truth"]


def test_an_age_of_a_list(story):
    register(story)
    story.add("list", "registers/A", 7, 7.1, seen={"register/x": "a"}, at="M1", age=0)
    assert story.rules() == ["age-below-truth"]


def test_a_demand_that_was_not_kept(story):
    register(story)
    story.read(7, 7.1, "a", at="R1", age=5, max_age=5)
    assert story.rules() == []
    story.read(7.05, 7.15, "a", at="R1", age=5, max_age=4.5)
    assert story.rules() == ["max-age"]


def test_a_demand_below_the_age_that_is_told(story):
    register(story)
    story.read(8, 8.1, "b", at="R1", age=5, max_age=2)
    assert story.rules() == ["max-age"]


def test_an_age_that_is_missing(story):
    register(story)
    story.read(8, 8.1, "b", at="R1", age=None)
    assert story.rules() == ["age-missing"]


def test_an_absence_has_no_age_but_keeps_to_the_demand(story):
    """A manager that has not heard of a key for a while must not say that it is not there to whom that is too old."""
    story.add("create", "key/k", 1, 1.1, value="v", status=201)
    story.read(5, 5.1, None, variable="key/k", at="M1", status=404, age=None)
    story.read(90, 90.1, "v", variable="key/k")
    assert story.rules() == []
    story.read(5, 5.1, None, variable="key/k", at="M1", status=404, age=None, max_age=2)
    assert story.rules() == ["max-age"]


def test_the_worst_of_several_ages_is_told(story):
    register(story)
    for begin in (4, 7, 5):
        story.read(begin, begin + 0.1, "a", at="R1", age=1)
    violation, = [one for one in checker.check(story.history) if one.rule == "age-below-truth"]
    assert "at least 4.9 s old" in violation.text and "(3 such answers)" in violation.text


def test_an_unknown_age_needs_a_restart_under_another_clock(story):
    register(story)
    story.read(8, 8.1, "b", at="R1", age=1_800_000_000)
    assert story.rules() == ["age-beyond-truth"]
    story.history.faults += [{"kind": "clock-back", "target": "R1", "begin": 0, "seconds": -3600},
                             {"kind": "kill", "target": "R1", "begin": 0}]
    assert story.rules() == []


def test_an_age_that_cannot_be(story):
    register(story)
    story.read(8, 8.1, "b", at="R1", age=3606)
    assert story.rules() == ["age-beyond-truth"]
    story.history.faults.append({"kind": "clock-back", "target": "R1", "begin": 0, "seconds": -3600})
    assert story.rules() == ["age-beyond-truth"], "while the process lives its steady clock counts"
    story.history.faults.append({"kind": "kill", "target": "R1", "begin": 0})
    assert story.rules() == []


# -- sequences of appends

def sequence(story):
    for number, value in enumerate("abc"):
        story.add("append", "sequence/s", number + 1, number + 1.1, value=value)
    story.read(90, 90.1, ["a", "b", "c"], variable="sequence/s")


def test_an_append_that_was_done_twice(story):
    sequence(story)
    story.read(91, 91.1, ["a", "b", "c", "a"], variable="sequence/s")
    assert story.rules() == ["doubled-write"]


def test_an_append_that_was_lost(story):
    sequence(story)
    story.add("append", "sequence/s", 5, 5.1, value="d")
    assert story.rules() == ["lost-write"]


def test_an_append_that_was_refused_and_done(story):
    sequence(story)
    story.add("append", "sequence/s", 5, 5.1, value="d", outcome="refused", status=503)
    story.read(91, 91.1, ["a", "b", "c", "d"], variable="sequence/s")
    assert story.rules() == ["refused-write-done"]


def test_appends_in_another_order(story):
    sequence(story)
    story.read(2.5, 2.6, ["b", "a"], variable="sequence/s", at="R1")
    assert story.rules() == ["one-order"]


def test_a_sequence_that_lost_its_end(story):
    sequence(story)
    story.read(3.5, 3.6, ["a", "b"], variable="sequence/s")
    assert "real-time-order" in story.rules()


def test_an_append_of_nobody(story):
    sequence(story)
    story.read(2.5, 2.6, ["a", "z"], variable="sequence/s", at="R1")
    assert story.rules() == ["unknown-value"]


def test_an_append_whose_outcome_is_unknown_is_there_once_or_not(story):
    sequence(story)
    story.add("append", "sequence/s", 4, 14, value="d", outcome="unknown", status=0)
    assert story.rules() == []
    story.read(91, 91.1, ["a", "b", "c", "d"], variable="sequence/s")
    assert story.rules() == []


# -- keys

def key(story):
    story.add("create", "key/k", 1, 1.1, value="v", status=201)
    story.add("delete", "key/k", 5, 5.1)
    story.read(90, 90.1, None, variable="key/k", status=404)


def test_a_key_comes_and_goes(story):
    key(story)
    story.read(0.5, 0.6, None, variable="key/k", status=404)
    story.read(2, 2.1, "v", variable="key/k")
    story.read(6, 6.1, "v", variable="key/k", at="M1", age=1)
    story.read(7, 7.1, None, variable="key/k", at="M1", status=404)
    assert story.rules() == []


def test_a_key_created_twice(story):
    key(story)
    story.add("create", "key/k", 2, 2.1, value="w", status=201, commit=["A", "e", 9])
    assert "one-winner" in story.rules()


def test_a_key_with_two_values(story):
    key(story)
    story.add("create", "key/k", 2, 2.1, value="w", outcome="unknown", status=0)
    story.read(3, 3.1, "w", variable="key/k")
    assert "one-winner" in story.rules()


def test_a_key_deleted_twice(story):
    key(story)
    story.add("delete", "key/k", 6, 6.1)
    assert "doubled-write" in story.rules()


def test_a_key_that_comes_back(story):
    key(story)
    story.read(91, 91.1, "v", variable="key/k")
    assert "lost-write" in story.rules()


def test_a_key_that_vanished(story):
    story.add("create", "key/k", 1, 1.1, value="v", status=201)
    story.read(90, 90.1, None, variable="key/k", status=404)
    assert "lost-write" in story.rules()


def test_a_key_whose_refused_deletion_was_done(story):
    story.add("create", "key/k", 1, 1.1, value="v", status=201)
    story.add("delete", "key/k", 2, 2.1, outcome="refused", status=503)
    story.read(90, 90.1, None, variable="key/k", status=404)
    assert "refused-write-done" in story.rules()


def test_a_key_whose_refused_creation_was_done(story):
    story.add("create", "key/k", 1, 1.1, value="v", outcome="refused", status=503)
    story.read(90, 90.1, "v", variable="key/k")
    assert "refused-write-done" in story.rules()


def test_a_key_that_a_level_forgot(story):
    key(story)
    story.read(2, 2.1, "v", variable="key/k", at="R1", session=2)
    story.read(3, 3.1, None, variable="key/k", at="R1", session=2, status=404, age=2)
    assert story.rules() == ["monotonic-reads"]


def test_a_key_that_nobody_made(story):
    story.read(2, 2.1, None, variable="key/k", status=404)
    story.add("create", "key/k", 3, 3.1, value="v", outcome="refused", status=503)
    story.read(90, 90.1, None, variable="key/k", status=404)
    assert story.rules() == []
    story.add("delete", "key/k", 4, 4.1)
    assert story.rules() == ["unknown-value"]


def test_a_key_that_was_made_without_an_answer(story):
    story.add("create", "key/k", 1, 4, value="v", outcome="unknown", status=0)
    story.add("delete", "key/k", 5, 5.1)
    story.read(90, 90.1, None, variable="key/k", status=404)
    assert story.rules() == []
    story.read(6, 6.1, "v", variable="key/k")
    assert story.rules() == ["read-your-writes", "real-time-order"]


def test_a_key_that_went_and_is_there_again(story):
    """Nobody knows whether it was deleted, until somebody sees that it is gone."""
    story.add("create", "key/k", 1, 1.1, value="v", status=201)
    story.add("delete", "key/k", 2, 12, outcome="unknown", status=0)
    story.read(3, 3.1, "v", variable="key/k")
    story.read(6, 6.1, None, variable="key/k", status=404, session=2)
    story.read(90, 90.1, None, variable="key/k", status=404)
    assert story.rules() == []
    story.read(8, 8.1, "v", variable="key/k", session=2)
    assert story.rules() == ["monotonic-reads", "real-time-order"]


def test_an_absence_that_may_be_either_proves_nothing(story):
    story.add("create", "key/k", 1, 3, value="v", status=201)
    story.add("delete", "key/k", 2, 12, outcome="unknown", status=0)
    story.read(2.5, 2.6, None, variable="key/k", status=404)
    story.read(4, 4.1, None, variable="key/k", status=404, at="R1")
    story.read(5, 5.1, "v", variable="key/k", at="R1")
    story.read(90, 90.1, "v", variable="key/k")
    assert story.rules() == []


# -- parameters

def parameter(story):
    for value in (1, 2, 3):
        story.add("put", "parameter/p/one", value, value + 0.1, value=value)
    story.read(90, 90.1, 3, variable="parameter/p/one")


def test_a_parameter_that_was_lost(story):
    parameter(story)
    story.read(91, 91.1, 2, variable="parameter/p/one")
    assert "lost-write" in story.rules()


def test_a_refused_parameter_that_was_done(story):
    parameter(story)
    story.add("put", "parameter/p/one", 5, 5.1, value=4, outcome="refused", status=503)
    story.read(91, 91.1, 4, variable="parameter/p/one")
    assert story.rules() == ["refused-write-done"]


def test_an_old_parameter_at_a_manager(story):
    parameter(story)
    story.read(2.3, 2.4, 2, variable="parameter/p/one", at="R1")
    story.read(2.5, 2.6, 1, variable="parameter/p/one", at="R1")
    assert story.rules() == ["monotonic-reads"]


def test_a_parameter_of_unknown_outcome(story):
    parameter(story)
    story.add("put", "parameter/p/one", 5, 15, value=4, outcome="unknown", status=0)
    assert story.rules() == []
    story.read(91, 91.1, 4, variable="parameter/p/one")
    assert story.rules() == []


# -- sequence numbers, lists, answers, the end

def test_a_number_given_twice(story):
    register(story, final="c")
    story.swap(3, 3.1, "b", "c", commit=["A", "e", 2])
    assert "sequence" in story.rules()


def test_a_number_given_twice_at_one_time(story):
    story.add("put", "parameter/p/one", 1, 5, value=1, commit=["A", "e", 2])
    story.add("put", "parameter/p/two", 1, 5, value=1, commit=["A", "e", 2])
    assert story.rules() == ["sequence"]


def test_numbers_of_writes_at_one_time_are_in_any_order(story):
    for number, seq in enumerate((3, 1, 2)):
        story.add("put", f"parameter/p/{number}", 1, 5, value=1, commit=["A", "e", seq])
    story.add("put", "parameter/p/last", 6, 7, value=1, commit=["A", "e", 4])
    assert story.rules() == []
    story.history.operations[-1].commit[2] = 2.5
    assert story.rules() == ["sequence"]


def test_numbers_against_real_time(story):
    sequence(story)
    story.add("put", "parameter/p/one", 5, 5.1, value=1, commit=["A", "e", 0])
    assert story.rules() == ["sequence"]


def test_numbers_against_the_values(story):
    story.swap(1, 5, "first", "a", commit=["A", "e", 2])
    story.swap(1, 5, "a", "b", commit=["A", "e", 1])
    story.read(90, 90.1, "b")
    assert story.rules() == ["sequence"]


def test_a_new_epoch(story):
    register(story, final="c")
    story.swap(3, 3.1, "b", "c", commit=["A", "other", 3])
    assert story.rules() == ["sequence"]


# -- owners that are followed by their public API

BOUND = 20


@pytest.fixture
def bounded(story):
    """A register that is first -> a at 1 s, and whose owner is of another make."""
    story.history.bounds, story.history.foreign, story.history.by_events = {"A": BOUND}, ["A"], True
    story.swap(1, 1, "first", "a", commit=None)
    story.read(990, 990.1, "a")
    return story


def fault(story, kind, target, begin, end, **more):
    story.history.faults.append({"kind": kind, "target": target, "begin": int(begin * SECOND), "end": int(end * SECOND), **more})


@pytest.mark.parametrize("manager", ["R1", "M1"])
@pytest.mark.parametrize("moment, rules", [(1 + BOUND, []), (1.5 + BOUND, ["beyond-bound"])])
def test_what_is_over_is_not_shown_for_longer_than_the_bound(bounded, manager, moment, rules):
    bounded.read(moment, moment + .1, "first", at=manager, age=1)
    assert bounded.rules() == rules


def test_the_bound_is_of_owners_that_are_followed_by_their_public_api(bounded):
    bounded.history.bounds = {"B": BOUND}
    bounded.read(500, 500.1, "first", at="R1", age=1)
    assert bounded.rules() == []


# Each disturbance hinders from 5 s to 35 s; then comes the time to recover from it.
BACK = 35 + checker.RECOVERY


@pytest.mark.parametrize("kind, target, manager, hinders", [
    ("kill", "A", "R1", True), ("cut", "R1-A", "R1", True), ("stop", "R1", "R1", True), ("kill", "R1", "M1", True),
    ("hold", "M1-R1", "M1", True), ("restart-elsewhen", "M1", "M1", True),
    ("hold", "M1-R1", "R1", False), ("kill", "M1", "R1", False), ("kill", "B", "R1", False), ("cut", "R1-B", "M1", False),
    ("client-cut", "client-R1", "R1", False), ("clock-back", "A", "R1", False)])
def test_time_in_which_nothing_came_through_does_not_count(bounded, kind, target, manager, hinders):
    fault(bounded, kind, target, 5, 35, seconds=0)
    late = 1 + BOUND + (BACK - 5)
    bounded.read(late, late + .1, "first", at=manager, age=1)
    assert bounded.rules() == ([] if hinders else ["beyond-bound"])
    bounded.read(late + 1, late + 1.1, "first", at=manager, age=1)
    assert bounded.rules() == ["beyond-bound"]


def test_disturbances_at_one_time_count_once(bounded):
    fault(bounded, "cut", "R1-A", 5, 30)
    fault(bounded, "kill", "A", 10, 35)
    late = 1 + BOUND + (BACK - 5)
    bounded.read(late + 1, late + 1.1, "first", at="R1", age=1)
    assert bounded.rules() == ["beyond-bound"]


@pytest.mark.parametrize("misleads, rules", [(True, ["beyond-bound"]), (False, [])])
def test_lies_are_what_the_bound_is_about_unless_they_obstruct(bounded, misleads, rules):
    fault(bounded, "lie", "A", 0, 900, misleads=misleads)
    bounded.read(500, 500.1, "first", at="R1", age=1)
    assert bounded.rules() == rules


def test_a_disturbance_that_never_ended_excuses_everything_after_it(bounded):
    bounded.history.faults.append({"kind": "kill", "target": "A", "begin": 2 * SECOND})
    bounded.read(500, 500.1, "first", at="R1", age=1)
    assert bounded.rules() == []


@pytest.mark.parametrize("moment, rules", [(5 + BOUND, []), (6 + BOUND, ["beyond-bound"])])
def test_a_deletion_is_seen_within_the_bound(bounded, moment, rules):
    bounded.add("create", "key/k", 1, 1.1, value="v", status=201, commit=None)
    bounded.add("delete", "key/k", 5, 5.1, commit=None)
    bounded.read(990, 990.1, None, variable="key/k", status=404)
    bounded.read(moment, moment + .1, "v", variable="key/k", at="R1", age=1)
    assert bounded.rules() == rules


@pytest.mark.parametrize("moment, rules", [(1 + BOUND, []), (2 + BOUND, ["beyond-bound"])])
def test_a_living_object_is_seen_within_the_bound(bounded, moment, rules):
    bounded.add("create", "key/k", 1, 1.1, value="v", status=201, commit=None)
    bounded.read(990, 990.1, "v", variable="key/k")
    bounded.read(moment, moment + .1, None, variable="key/k", at="R1", status=404, age=1)
    assert bounded.rules() == rules


def test_a_living_object_that_was_seen_is_not_lost_for_a_moment(bounded):
    bounded.add("create", "key/k", 1, 1.1, value="v", status=201, commit=None)
    bounded.read(990, 990.1, "v", variable="key/k")
    bounded.read(3, 3.1, "v", variable="key/k", at="R1", age=1)
    bounded.read(4, 4.1, None, variable="key/k", at="R1", status=404, age=1)
    assert bounded.rules() == ["monotonic-reads"]


@pytest.mark.parametrize("remover", [{"outcome": "done"}, {"outcome": "unknown", "status": 0}])
def test_a_deleted_object_is_never_shown_again(bounded, remover):
    bounded.add("create", "key/k", 1, 1.1, value="v", status=201, commit=None)
    bounded.add("delete", "key/k", 5, 10, commit=None, **remover)
    bounded.read(990, 990.1, None, variable="key/k", status=404)
    bounded.read(4, 4.1, "v", variable="key/k", at="R1", age=1)
    bounded.read(6, 6.1, None, variable="key/k", at="R1", status=404, age=1)
    assert bounded.rules() == []
    bounded.read(7, 7.1, "v", variable="key/k", at="M1", age=1)
    assert bounded.rules() == [], "another level may be behind"
    bounded.read(7, 7.1, "v", variable="key/k", at="R1", age=1)
    assert bounded.rules() == ["deleted-again"]


def test_of_another_make_an_age_may_be_below_the_truth_and_answers_name_no_commits(bounded):
    bounded.read(10, 10.1, "first", at="R1", age=1)
    bounded.swap(11, 11.1, "x", "y", outcome="unknown", status=0)
    assert bounded.rules() == []
    bounded.history.foreign = []
    assert bounded.rules() == ["age-below-truth", "sequence"]


def test_a_write_through_a_manager_names_a_commit_or_is_pending(bounded):
    bounded.swap(991, 991.1, "a", "b", at="R1", commit=None, pending=True)
    bounded.read(992, 992.1, "b")
    assert bounded.rules() == []
    bounded.swap(993, 993.1, "b", "c", at="R1", commit=None)
    bounded.read(994, 994.1, "c")
    assert bounded.rules() == ["sequence"]


@pytest.mark.parametrize("commit", [None, ["B", "e", 3]])
def test_a_commit_that_is_missing_or_not_the_owners(story, commit):
    register(story, final="c")
    story.swap(3, 3.1, "b", "c", commit=commit)
    assert story.rules() == ["sequence"]


def test_lists_that_show_moments(story):
    register(story)
    story.add("swap", "register/y", 1, 3, expected="first", value="z")
    story.read(90, 90.1, "z", variable="register/y")
    for x, y in (("b", "first"), ("first", "first"), ("a", "first"), ("b", "z")):
        story.add("list", "registers/A", 1, 3, seen={"register/x": x, "register/y": y}, at="R1", session=x + y)
    assert story.rules() == []


def test_lists_that_show_no_moment(story):
    register(story)
    story.add("swap", "register/y", 1, 3, expected="first", value="z")
    story.read(90, 90.1, "z", variable="register/y")
    story.add("list", "registers/A", 1.5, 3, seen={"register/x": "b", "register/y": "first"}, at="R1")
    story.add("list", "registers/A", 1.5, 3, seen={"register/x": "a", "register/y": "z"}, at="M1", session=2)
    assert story.rules() == ["one-moment"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 507])
def test_a_wrong_answer(story, status):
    register(story)
    story.swap(3, 3.1, "b", "c", outcome="unknown" if status == 500 else "refused", status=status)
    assert story.rules() == ["wrong-answer"]


def test_replicas_that_differ_at_the_end(story):
    register(story)
    story.history.states[1]["digest"] = "other"
    assert story.rules() == ["not-equal"]
    del story.history.states[1]
    assert story.rules() == ["not-equal"]


def test_digests_that_differed(story):
    register(story)
    story.history.mismatches = {"R1": 0, "M1": 1}
    assert story.rules() == ["digest-mismatch"]


def test_a_server_that_did_not_come_back(story):
    register(story)
    story.history.troubles.append("R1 did not stop in 30 s")
    assert story.rules() == ["server"]


def test_a_history_in_which_nothing_happened(story):
    assert story.rules(coverage=True) == ["coverage"]
    assert len(checker.check(story.history)) == 8


def test_a_history_in_which_everything_happened(story):
    register(story)
    sequence(story)
    key(story)
    parameter(story)
    for variable, seen in (("register/x", "b"), ("sequence/s", ["a", "b", "c"])):
        for manager in ("R1", "M1"):
            story.read(91, 91.1, seen, variable=variable, at=manager)
    assert checker.check_coverage(story.history) == []


# -- histories that are right

def lawful(seed):
    """What servers that keep their promises could have answered: an owner, replicas that lag, and ages that tell it."""
    choose = random.Random(seed)
    story, now, number = Story(), 0.0, 0
    values, lag = [(0.0, "first")], {"R1": 0.0, "M1": 0.0}  # (since, value); up to when each replica follows

    def value_at(time):
        return [value for since, value in values if since <= time][-1]
    for _ in range(300):
        now += choose.uniform(0.01, 0.5)
        begin, end = now - choose.uniform(0, 0.4), now + choose.uniform(0, 0.4)
        what = choose.random()
        if what < 0.3:
            number += 1
            outcome = choose.choice(["done", "done", "unknown"])
            story.swap(begin, end, value_at(now), f"v{number}", outcome=outcome, at="A", session=number)
            if outcome == "done" or choose.random() < 0.5:
                values.append((now, f"v{number}"))
        elif what < 0.4:
            expected = choose.choice(values)[1]
            if expected != value_at(now):
                story.swap(begin, end, expected, f"lost{number}", outcome="failed", status=409)
        elif what < 0.6:
            story.read(begin, end, value_at(now))
        else:
            manager = choose.choice(["R1", "M1"])
            if choose.random() < 0.7:
                lag["R1"] = max(lag["R1"], now - choose.uniform(0, 0.3))
                lag["M1"] = lag["R1"] if choose.random() < 0.5 else lag["M1"]
            story.read(begin, end, value_at(lag[manager]), at=manager, age=-(-(now - lag[manager]) // 1))
    story.read(now + 50, now + 50.1, values[-1][1])
    return story, values


@pytest.mark.parametrize("seed", range(40))
def test_lawful_histories_pass(seed):
    story, _ = lawful(seed)
    found = [one for one in checker.check(story.history) if one.rule != "coverage"]
    assert not found, "\n".join(checker.explain(story.history, one) for one in found)


@pytest.mark.parametrize("seed", range(40))
def test_one_wrong_answer_in_a_lawful_history_is_found(seed):
    """An acknowledged swap that left no trace, or an age of nothing on what is old."""
    story, values = lawful(seed)
    choose = random.Random(seed)
    operations = story.history.operations
    if seed % 2:
        last = max(one.end for one in operations) / SECOND
        story.read(last + 60, last + 60.1, choose.choice(values[:-1])[1], at="M1", age=0)
    else:
        last = operations[-1].begin / SECOND
        story.swap(last - 10, last - 9, values[-1][1], "gone")
    assert story.rules() != []


def test_a_history_is_kept_and_read_again(story, tmp_path):
    register(story)
    story.read(7, 7.1, "a", at="R1", age=0)
    story.history.save(tmp_path / "history.jsonl")
    again = history.load(tmp_path / "history.jsonl")
    assert [dataclasses.asdict(one) for one in again.operations] == \
        [dataclasses.asdict(one) for one in story.history.operations]
    assert [one.rule for one in checker.check(again)] == [one.rule for one in checker.check(story.history)]
    assert json.loads((tmp_path / "history.jsonl").read_text().splitlines()[0])["seed"] == 0


def test_a_violation_names_its_operations_and_the_faults_of_that_time(story):
    register(story)
    story.history.faults.append({"kind": "hold", "target": "R1-A", "begin": 6 * SECOND, "end": 8 * SECOND})
    story.read(7, 7.1, "a", at="R1", age=0)
    violation, = [one for one in checker.check(story.history) if one.rule == "age-below-truth"]
    text = checker.explain(story.history, violation)
    assert "at least 4.9 s old" in text and "7.000..7.100 s" in text and "6.0..8.0 s: hold R1-A" in text
