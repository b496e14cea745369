"""What goes wrong in a request, in the shape of the public API."""


class Problem(Exception):
    """Ends a request with an Error object."""

    def __init__(self, status, kind, model, key, *messages):
        super().__init__(f"{status} {kind} {model}/{key}: {messages}")
        self.status = status
        self.body = {"Model": model, "Key": key, "Type": kind, "Messages": list(messages), "Code": status}
        self.headers = {}
