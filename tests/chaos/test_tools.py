"""The tools do what the schedule says: lines break as they are told, clocks move, a seed replays its schedule."""
import contextlib
import re
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

import foreign
import nemesis
from hierarchy import ROOT, WallClock, build_shim
from proxy import Line, Proxy


@pytest.fixture
def echo():
    """A server that sends back what comes; its port."""
    def serve(peer):
        with contextlib.suppress(OSError), peer:
            while data := peer.recv(65536):
                peer.sendall(data)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture
def line(echo):
    """A proxy with one line to the echo: how to connect, and how to disturb."""
    proxy = Proxy()
    port = proxy.open("line", echo)

    class Handle:
        @staticmethod
        def connect():
            return socket.create_connection(("127.0.0.1", port), timeout=10)

        @staticmethod
        def disturb(fault, **how):
            proxy.disturb("line", fault, **how)

        @staticmethod
        def mend():
            proxy.mend("line")
    yield Handle
    proxy.close()


def said(peer, text):
    """What comes back for `text`, of the same length."""
    peer.sendall(text)
    return received(peer, len(text))


def received(peer, size):
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


def silent(peer, seconds=0.3):
    peer.settimeout(seconds)
    try:
        return peer.recv(1) == b"?"
    except TimeoutError:
        return True
    finally:
        peer.settimeout(10)


def broken(peer):
    """Whether the connection ends, by a word or without one."""
    try:
        while peer.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def refused(line):
    """Whether a new connection gets nowhere; it may be reset before it is even made."""
    try:
        with line.connect() as peer:
            return broken(peer)
    except ConnectionResetError:
        return True


def test_a_line_carries(line):
    with line.connect() as peer:
        assert said(peer, b"x" * 300_000) == b"x" * 300_000
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b"", "the end is carried too"


def test_a_cut_resets_and_refuses_until_mended(line):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("cut")
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
    assert refused(line)
    line.mend()
    with line.connect() as peer:
        assert said(peer, b"again") == b"again"


@pytest.mark.parametrize("fault", ["reset", "close"])
def test_connections_break_and_new_ones_work(line, fault):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb(fault)
        assert broken(peer)
    with line.connect() as peer:
        assert said(peer, b"again") == b"again"


def test_a_refusal_leaves_what_is_connected(line):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("refuse")
        assert said(peer, b"still") == b"still"
        assert refused(line)


@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_what_is_held_comes_later(line, direction):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("hold", direction=direction)
        peer.sendall(b"later")
        assert silent(peer)
        line.mend()
        assert received(peer, 5) == b"later"


def test_what_is_lost_breaks_the_connection_in_the_end(line):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("lose", direction="down")
        peer.sendall(b"lost")
        assert silent(peer)
        line.mend()
        assert broken(peer)


def test_one_end_does_not_know_that_the_other_is_gone(line):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("sever", side="far")
        peer.sendall(b"nobody")
        assert silent(peer)
        line.mend()
        assert broken(peer)
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("sever", side="near")
        assert broken(peer)


def test_a_delay(line):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("delay", seconds=0.2)
        begin = time.monotonic()
        assert said(peer, b"later") == b"later"
        assert time.monotonic() - begin >= 0.4


def test_a_throttle(line):
    with line.connect() as peer:
        assert said(peer, b"hello") == b"hello"
        line.disturb("throttle", rate=1000)
        begin = time.monotonic()
        assert said(peer, b"x" * 200) == b"x" * 200
        assert time.monotonic() - begin >= 0.4


def test_bytes_change_and_vanish(line):
    with line.connect() as peer:
        line.disturb("corrupt", direction="up", place=1)
        assert said(peer, b"hello") == b"hgllo"
        assert said(peer, b"hello") == b"hello", "once"
        line.disturb("drop", direction="down", place=1)
        peer.sendall(b"hello")
        assert received(peer, 4) == b"hllo"


def test_a_wall_clock_moves_and_the_steady_clock_does_not(tmp_path):
    clock = WallClock(tmp_path / "clock")
    program = ("import sys, time\nwhile sys.stdin.readline():\n"
               "    print(time.time(), time.monotonic(), flush=True)")
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env={"LD_PRELOAD": str(build_shim(tmp_path)), "CHAOS_CLOCK": str(clock.path)}) as process:
        def differences():
            process.stdin.write("\n")
            process.stdin.flush()
            wall, steady = map(float, process.stdout.readline().split())
            return round((wall - time.time()) / 100), round((steady - time.monotonic()) / 100)
        assert differences() == (0, 0)
        clock.move(3600)
        assert differences() == (36, 0)
        clock.move(-3600)
        assert differences() == (-36, 0)
        clock.move(0)
        assert differences() == (0, 0)
        process.stdin.close()


def test_a_seed_replays_its_schedule():
    assert nemesis.schedule(5, 40) == nemesis.schedule(5, 40)
    assert nemesis.schedule(5, 40) != nemesis.schedule(6, 40)


def test_schedules_hold_every_kind_and_never_two_faults_of_one_target():
    kinds = set()
    for seed in range(20):
        faults = nemesis.schedule(seed, 40)
        kinds |= {fault.kind for fault in faults}
        for fault in faults:
            assert fault.begin + fault.duration <= 38
            others = [one for one in faults if one is not fault and one.target == fault.target]
            assert all(one.begin >= fault.begin + fault.duration or fault.begin >= one.begin + one.duration
                       for one in others)
    assert kinds == set(nemesis.DECK)
    assert {how["fault"] for how in nemesis.LINE_KINDS.values()} == set(Line.FAULTS)


def test_the_seeds_that_every_run_plays_hold_every_kind_and_silence_that_is_given_up():
    commands = (ROOT / "tools" / "x.sh").read_text()
    command, = re.findall(r"^  /usr/bin/python3 tests/chaos/run.py --rounds (\d+) --seed (\d+)", commands, re.MULTILINE)
    rounds, first = map(int, command)
    faults = [fault for seed in range(first, first + rounds) for fault in nemesis.schedule(seed, 40)]
    assert {fault.kind for fault in faults} == set(nemesis.DECK)
    long = {fault.target for fault in faults if fault.kind in nemesis.LASTING and fault.duration > 15.5}
    assert {"R1-A", "M1-R1"} <= long


def test_a_seed_replays_its_lies():
    assert foreign.lies(5, 40) == foreign.lies(5, 40)
    assert foreign.lies(5, 40) != foreign.lies(6, 40)


def test_lies_hold_every_kind_and_obstruct_in_the_first_third_only():
    kinds = set()
    for seed in range(40):
        lies = foreign.lies(seed, 40)
        kinds |= {lie.kind for lie in lies}
        assert lies[0] == foreign.Lie("lose-events", 0, 40), "events are lost all the time"
        for before, lie in zip(lies[1:], lies[2:]):
            assert before.begin + before.duration <= lie.begin + 0.02
        assert all(lie.begin + lie.duration < 40 / 3 for lie in lies if lie.obstructs)
    assert kinds == {*foreign.MISLEADING, *foreign.OBSTRUCTING}


def test_the_round_of_another_make_that_every_run_plays_leaves_the_way_alone():
    """Else little time counts for the bound."""
    command, = re.findall(r"^  /usr/bin/python3 tests/chaos/run.py --foreign --rounds 1 --seed (\d+)",
                          (ROOT / "tools" / "x.sh").read_text(), re.MULTILINE)
    assert int(command) % 2 == 0


def test_lies_come_and_go():
    leaf = foreign.Leaf("A", 1)
    stop = threading.Event()
    liar = foreign.Liar(leaf, [foreign.Lie("lose-events", 0, 60), foreign.Lie("no-order", 0, 0)], stop)
    liar.start()
    deadline = time.monotonic() + 30
    while not any("end" in told for told in liar.told) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (leaf.faults.lose_events, leaf.faults.wrong_order) == (.4, False)
    stop.set()
    liar.join()
    assert leaf.faults.lose_events == 0
    assert [(told["kind"], told["misleads"], "end" in told) for told in liar.told] == \
        [("lose-events", True, True), ("no-order", True, True)]
