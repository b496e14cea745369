"""The second opinion can fail: compared with every order of small histories, and with violations that were planted."""
import itertools
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "blackbox"))

import linearizable  # noqa: E402
from cluster_history import NEVER as NO_ANSWER, History, Read, Write  # noqa: E402
from linearizable import NEVER, Step, order_exists  # noqa: E402


def by_trying_all(steps, first):
    """What the search must find out, by brute force."""
    unsure = [step for step in steps if not step.certain]
    for happened in itertools.chain.from_iterable(itertools.combinations(unsure, size) for size in range(len(unsure) + 1)):
        for order in itertools.permutations([step for step in steps if step.certain] + list(happened)):
            state, fits = (first,), all(order[a].begin <= order[b].end for a in range(len(order)) for b in range(a + 1, len(order)))
            for step in order if fits else ():
                state = step.after(state)
                if state is None:
                    break
            if fits and state is not None:
                return True
    return False


def random_steps(dice):
    """Of a few operations that overlap, whose answers fit or do not."""
    values, steps = ["first", "a", "b", "c"], []
    fresh = iter(values[1:])
    for _ in range(dice.randint(2, 5)):
        begin = dice.randint(0, 12)
        kind = dice.choice(("write", "read", "read", "swap", "missed"))
        value = next(fresh, None) if kind in ("write", "swap", "missed") else dice.choice(values)
        if value is None:
            kind, value = "read", dice.choice(values)
        unsure = kind in ("write", "swap") and dice.random() < 0.3
        steps.append(Step(kind, begin, NEVER if unsure else begin + dice.randint(0, 6), value,
                          dice.choice(values) if kind in ("swap", "missed") else None))
    return steps


def test_it_says_what_every_order_says():
    said = {True: 0, False: 0}
    for seed in range(1200):
        steps = random_steps(random.Random(seed))
        expected = by_trying_all(steps, "first")
        assert order_exists(steps, "first") == expected, f"seed {seed}: {steps}"
        said[expected] += 1
    assert min(said.values()) > 150, said


def write(begin, end, value):
    return Step("write", begin, end, value)


def read(begin, end, value):
    return Step("read", begin, end, value)


@pytest.mark.parametrize("what, steps", [
    ("an acknowledged write is lost", [write(0, 1, 1), read(2, 3, 0)]),
    ("a read is stale", [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)]),
    ("a read goes back", [write(0, 9, 1), read(1, 2, 1), read(3, 4, 0)]),
    ("a read is from the future", [read(0, 1, 1), write(2, 3, 1)]),
    ("what nobody wrote", [write(0, 1, 1), read(2, 3, 7)]),
    ("an unknown write happens, and then not", [write(0, NEVER, 1), read(1, 2, 1), read(3, 4, 0)]),
    ("two swaps replace one value", [Step("swap", 0, 1, "a", 0), Step("swap", 2, 3, "b", 0)]),
    ("a swap misses what is there", [write(0, 1, 1), Step("missed", 2, 3, 2, 1)]),
])
def test_planted_violations_are_found(what, steps):
    assert not order_exists(steps, 0), what


@pytest.mark.parametrize("steps", [
    [write(0, 4, 1), read(1, 2, 0), read(3, 5, 1)],
    [write(0, NEVER, 1), read(5, 6, 0)],
    [write(0, NEVER, 1), read(5, 6, 1)],
    [write(0, NEVER, 1), read(5, 6, 0), read(7, 8, 1)],
    [Step("swap", 0, 5, "b", "a"), Step("swap", 0, 5, "a", 0), Step("missed", 0, 5, "c", "b"), read(6, 7, "b")],
])
def test_what_one_register_could_have_said_is_fine(steps):
    assert order_exists(steps, 0)


def long_history(dice, lost=False, stale=False):
    """Of one writer and three readers, as a round of a cluster makes them: thousands of operations, some unknown."""
    history, now, value = History(), 0.0, 0
    for number in range(1, 2001):
        known = dice.random() > 0.02
        begun, now = now, now + dice.uniform(0.001, 0.02)
        done = known or dice.random() < 0.5
        history.writes.append(Write("counter-0", number, begun, now if known else NO_ANSWER, 200 if known else 503))
        value, before = (number if done else value), value
        for reader in range(3):
            seen = dice.choice((before, value)) if reader == 0 else value
            begin = begun + (now - begun) * (0.2 if reader == 0 else 1.0)
            if reader == 0 and seen == before:
                history.reads.append(Read("counter-0", "one", begin, now, seen))
            elif seen == value:
                history.reads.append(Read("counter-0", "one", now, now + 0.0005, seen))
        now += 0.001
    if stale:
        history.reads.append(Read("counter-0", "two", now, now + 1, value - 50))
    return history, {"counter-0": value - 100 if lost else value}, now + 2


def test_histories_of_a_cluster_are_judged_whole():
    for seed in range(5):
        assert linearizable.of_cluster(*long_history(random.Random(seed))) == []
    assert linearizable.of_cluster(*long_history(random.Random(1), lost=True))
    assert linearizable.of_cluster(*long_history(random.Random(1), stale=True))


def test_what_takes_too_long_is_not_called_fine():
    steps = [write(0, 100, number) for number in range(30)] + [read(0, 100, "nobody wrote it")]
    with pytest.raises(linearizable.Undecided):
        order_exists(steps, 0, most=1000)
    assert "undecided" in linearizable.opinion("x", [write(0, 100, n) for n in range(40)] + [read(0, 99, "no")], 0, 1000)
