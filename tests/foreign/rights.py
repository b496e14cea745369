"""Logins, tokens and what the claims of their roles allow."""
import base64
import binascii
import re
import secrets

from problem import Problem

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
NEVER = 100 * 365 * 86400
MACHINE_CLAIMS = [{"scope": scope, "action": "*", "specific": "*"}
                  for scope in ("machines", "jobs", "reservations", "stages", "tasks", "params", "profiles", "events",
                                "bootenvs", "workflows", "templates", "info")]


class Login:
    """Who asks. `claims` say what it may; `name` stands in the log of requests; `members` of its tenant are all there is of
    the collections in them."""

    def __init__(self, name, principal, claims, by_token, members=None):
        self.name, self.principal, self.claims, self.by_token = name, principal, claims, by_token
        self.members = members or {}

    def may(self, scope, action, specific=""):
        if specific and specific not in self.members.get(scope, [specific]):
            return False
        return self.principal == f"user:{specific}" and scope == "users" and action in ("get", "token", "password") or \
            any(_covers(claim, scope, action, specific) for claim in self.claims)


def _words(text):
    return [word.strip() for word in (text or "").split(",")]


def _action_covers(allowed, action):
    if allowed in ("*", action):
        return True
    if action.startswith("action:"):
        return allowed == "action"
    if action.startswith("update:"):
        return allowed == "update" or allowed.startswith("update:") and action.startswith(allowed.rstrip("/") + "/")
    return False


def _covers(claim, scope, action, specific):
    return any(word in ("*", scope) for word in _words(claim.get("scope"))) and \
        any(_action_covers(word, action) for word in _words(claim.get("action"))) and \
        any(word in ("*", specific) for word in _words(claim.get("specific")))


def seconds_of(text):
    """A lifetime such as 600, 1h, 3y or never. Raises ValueError."""
    if text == "never":
        return NEVER
    match = re.fullmatch(r"(\d+)([smhdwy]?)", text)
    if not match:
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2]]


def _claims_of_roles(state, names):
    records = [state.get("roles", name) for name in names]
    return [claim for record in records if record for claim in record.body["Claims"]]


def _members_of_tenant(state, user):
    if state.collection("tenants") is None:
        return {}
    return next((record.body.get("Members") or {} for record in state.rows("tenants")
                 if user in (record.body.get("Users") or [])), {})


def _secrets(state, prefix, key):
    record = state.get(prefix, key)
    preferences = state.preferences()
    return record and (record.body.get("Secret"), preferences["baseTokenSecret"], preferences["systemGrantorSecret"])


def issue(state, prefix, key, ttl, roles=None):
    """A token for a user or machine that lives `ttl` seconds, limited to `roles` if they are given."""
    token = secrets.token_urlsafe(48)
    state.tokens[token] = {"prefix": prefix, "key": key, "expires": state.clock() + ttl, "roles": roles,
                           "secrets": _secrets(state, prefix, key)}
    return token


def _by_token(state, token):
    held = state.tokens.get(token)
    if held is None or held["expires"] <= state.clock() or \
            held["secrets"] != _secrets(state, held["prefix"], held["key"]):
        return None
    if held["prefix"] == "machines":
        return Login(held["key"], f"runner:{held['key']}", MACHINE_CLAIMS, True)
    names = state.get("users", held["key"]).body["Roles"]
    if held["roles"] is not None:
        names = [name for name in names if name in held["roles"]]
    return Login(held["key"], f"user:{held['key']}", _claims_of_roles(state, names), True,
                 _members_of_tenant(state, held["key"]))


def _by_password(state, name, password):
    if state.get("users", name) is None or state.passwords.get(name) != password:
        return None
    return Login(name, f"user:{name}", _claims_of_roles(state, state.get("users", name).body["Roles"]), False,
                 _members_of_tenant(state, name))


def _by_text(state, text, faults):
    name, colon, password = text.partition(":")
    if colon:
        return None if faults.refuse_logins else _by_password(state, name, password)
    return None if faults.refuse_tokens else _by_token(state, text)


def authenticate(state, request, faults):
    """The Login of a request, or None."""
    form, _, value = request.headers.get("authorization", "").partition(" ")
    with state.lock:
        if form.lower() == "bearer":
            return _by_text(state, value, faults)
        if form.lower() == "basic":
            try:
                text = base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                text = ""
            return _by_text(state, text if ":" in text else value, faults)
        value = request.option("token") or request.option("Token")
        if value and "/ws" in request.path:
            return _by_text(state, value, faults)
    return None


def demand(request, scope, action, specific=""):
    """Raises the Problem 403 of a request whose login lacks this right."""
    if not request.login.may(scope, action, specific):
        raise Problem(403, "AUTH", "", "", f"Cannot access {request.target}", f"Requires: {scope} {action} {specific}")
