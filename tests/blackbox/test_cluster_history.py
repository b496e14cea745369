"""The checker finds what is planted, and nothing in what is right."""
from cluster_history import History, Read, Write


def history(*records):
    made = History()
    for record in records:
        (made.writes if isinstance(record, Write) else made.reads).append(record)
    return made


FIRST = Write("a", 1, 1.0, 2.0, 200)
SECOND = Write("a", 2, 3.0, 4.0, 200)


def test_right_histories():
    assert history(FIRST, SECOND, Read("a", "x", 2.5, 2.6, 1), Read("a", "x", 3.5, 3.6, 1),
                   Read("a", "x", 3.5, 3.6, 2)).violations({"a": 2}) == []
    unknown = Write("a", 3, 5.0)
    for final in (2, 3):  # what was not answered happened or did not
        assert history(FIRST, SECOND, unknown).violations({"a": final}) == []


def test_a_stale_read():
    assert "stale" in history(FIRST, SECOND, Read("a", "x", 4.5, 4.6, 1)).violations({"a": 2})[0]


def test_a_read_of_what_nobody_wrote_yet():
    assert "future" in history(FIRST, SECOND, Read("a", "x", 2.5, 2.6, 2)).violations({"a": 2})[0]


def test_a_write_without_an_answer_that_is_there_and_then_is_not():
    unknown = Write("a", 3, 5.0)
    early, late = Read("a", "x", 6.0, 6.1, 3), Read("a", "y", 6.2, 6.3, 2)
    assert "goes back" in history(FIRST, SECOND, unknown, early, late).violations({"a": 3})[0]
    assert "goes back" in history(FIRST, SECOND, unknown, early).violations({"a": 2})[0], "at the end"
    at_once = Read("a", "y", 6.05, 6.3, 2)
    assert history(FIRST, SECOND, unknown, early, at_once).violations({"a": 3}) == []


def test_a_lost_write():
    assert "stale" in history(FIRST, SECOND).violations({"a": 1})[0]
