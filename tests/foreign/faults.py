"""Hostility on demand. Every fault is an attribute of `Faults`, is off at first, can be set at any time and goes
together with the others; chance comes from one seed.

    server.faults.set(lose_events=0.1, cap_limit=7)
    with server.faults.on(fail_share=0.3, fail_status=429):
        ...
    server.faults.clear()

A share is a number from 0 (never) to 1 (always). Faults that happen once, at a call, are methods of the server:
change_certificate, replace, revoke_tokens, cut_connections, cut_websockets, restart.
"""
import contextlib
import random
import re
import threading

# name: (value while off, meaning)
FAULTS = {
    # events
    "lose_events": (0, "share of events that are never sent"),
    "duplicate_events": (0, "share of events that are sent twice"),
    "delay_events": (0, "seconds by which each event is late at most, in their order"),
    "reorder_events": (0, "seconds by which each event is late at most, each on its own: later ones overtake"),
    "bare_events": (0, "share of events whose Object and Original are null"),
    "invalid_events": (0, "share of events that are no JSON"),
    "fragment_events": (0, "events come in frames of so many bytes, which is allowed"),
    "stale_events": (0, "share of events that carry the earlier object as Object"),
    # lists
    "ignore_filters": ((), "operators whose filters are passed over: ('Gt',), or ('Eq', 'Gt', ...)"),
    "ignore_sort": (False, "sort and reverse are passed over"),
    "wrong_order": (False, "every list comes in another order by chance"),
    "cap_limit": (0, "no page is longer than this, whatever the limit"),
    "repeat_entries": (0, "share of a page's entries that come twice"),
    "odd_entries": (0, "share of a page's entries in place of which stands null, a number, or an object without a key"),
    "count_error": (0, "is added to every count of HEAD, which never falls below 0"),
    "churn_pages": (0, "after each page so many objects are created and those of the page before are deleted"),
    "touch_pages": (0, "so many objects of the collection change after their page is read, before it is sent"),
    "between_pages": (None, "called with (server, prefix, offset) after each page is sent"),
    "restart_in_page": (0, "the so-many-th list from now on is cut in its middle, and the server restarts"),
    "restart_pause": (0.3, "seconds that a restart by a fault takes"),
    # answers
    "fail_share": (0, "share of requests answered with fail_status"),
    "fail_status": (503, "500 to 599, 429, or 404"),
    "fail_paths": ("", "only paths that this regular expression finds fail, are cut, are slow and so on"),
    "retry_after": (None, "the header Retry-After of failed requests, in seconds"),
    "cut_body": (0, "share of answers that end in the middle of their body"),
    "trickle": (0, "bytes per second of an answer's body"),
    "answer_delay": (0, "seconds before each answer"),
    "endless": (0, "share of answers to GET whose body never ends"),
    "invalid_json": (0, "share of bodies that are no JSON"),
    "huge_objects": (0, "bytes by which the Description of every object grows in lists and events"),
    "other_objects": (0, "share of answers to GET of one object that show another one of the collection"),
    # websocket
    "extra_acks": (0, "so many further acknowledgements follow each one"),
    "silent_websocket": (False, "open and new websockets stay open and never say anything, not even acknowledgements"),
    "no_acks": (False, "registrations work, but are not acknowledged"),
    "refuse_websocket": (0, "status with which websockets are refused"),
    "unread_websocket": (False, "nothing is read from websockets: the other side's frames pile up"),
    # clock
    "clock_offset": (0, "seconds by which the server's clock is wrong"),
    "clock_jumps": (0, "seconds by which each stamp is wrong at most, to either side"),
    # rights
    "refuse_tokens": (False, "every token is answered 401, fresh ones too"),
    "refuse_logins": (False, "every password is answered 401"),
    "forbid": ((), "collections that are answered 403"),
    "hide": ((), "collections whose lists are empty and whose objects are 404, as without the rights"),
    # identity
    "info_lies": ({}, "members of Info that stand in place of the true ones"),
    "handshake_delay": (0, "seconds before the TLS handshake"),
    "refuse_connections": (False, "connections are closed before the TLS handshake"),
}

ODD = ["null", "7", '"text"', "[]", "{}", '{"Description":"without a key"}']


class Faults:
    """The faults of one server; attributes by FAULTS. `counts` says how often each share struck."""

    def __init__(self, seed=0):
        self._lock = threading.Lock()
        self.seed(seed)
        self.counts = {}
        self.lists_of = ""  # faults of lists are meant for this user alone; "": for everybody
        self.clear()

    def seed(self, seed):
        """Begins chance anew."""
        self._random = random.Random(seed)

    def set(self, **values):
        """Switches faults on (or off); an unknown name is an error."""
        for name, value in values.items():
            if name not in FAULTS:
                raise AttributeError(f"no fault {name}")
            setattr(self, name, value)

    def clear(self):
        """Every fault off."""
        for name, (off, _) in FAULTS.items():
            setattr(self, name, off)

    @contextlib.contextmanager
    def on(self, **values):
        """Faults for the time of a block; then as before."""
        before = {name: getattr(self, name) for name in values}
        self.set(**values)
        try:
            yield self
        finally:
            self.set(**before)

    def strikes(self, name):
        """Whether the share of this fault strikes now."""
        share = getattr(self, name)
        if not share:
            return False
        with self._lock:
            struck = self._random.random() < share
            if struck:
                self.counts[name] = self.counts.get(name, 0) + 1
        return struck

    def between(self, low, high):
        with self._lock:
            return self._random.uniform(low, high)

    def shuffled(self, rows):
        with self._lock:
            return self._random.sample(rows, len(rows))

    def some(self, rows, count):
        """So many of the rows by chance, or all."""
        with self._lock:
            return self._random.sample(rows, min(count, len(rows)))

    def concerns(self, path):
        """Whether faults of answers are meant for this path."""
        return not self.fail_paths or re.search(self.fail_paths, path) is not None

    def for_lists_of(self, user):
        """The faults of lists that this user is to see."""
        return self if self.lists_of in ("", user) else Faults()

    def odd(self, texts):
        """The JSON texts of a page's entries as odd_entries leaves them."""
        return [self.some(ODD, 1)[0] if self.strikes("odd_entries") else text for text in texts]

    def list_is_cut(self):
        """Counts down to the list that a restart cuts."""
        with self._lock:
            if not self.restart_in_page:
                return False
            self.restart_in_page -= 1
            return self.restart_in_page == 0

    def clock_error(self):
        jump = self.clock_jumps
        return self.clock_offset + (self.between(-jump, jump) if jump else 0)

    def spoiled(self, entries):
        """A page as the faults of lists leave it."""
        if self.cap_limit:
            entries = entries[:self.cap_limit]
        if self.repeat_entries:
            entries = [entry for entry in entries for _ in range(2 if self.strikes("repeat_entries") else 1)]
        return entries
