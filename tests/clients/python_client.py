"""The public Python client, unchanged, with its operations found by method and path."""
import functools
import inspect
import re

import drppy_client
import urllib3

urllib3.disable_warnings()
CALL = re.compile(r"call_api\(\s*'([^']+)',\s*'([A-Z]+)'")
TYPE = re.compile(r"response_type=(?:'([^']+)'|None)")


@functools.cache
def operations():
    """(method, path) -> (class of the API, name of the operation, type of its answer)."""
    found = {}
    for name in dir(drppy_client):
        api = getattr(drppy_client, name)
        if not (inspect.isclass(api) and name.endswith("Api")):
            continue
        for operation, function in inspect.getmembers(api, inspect.isfunction):
            if not operation.endswith("_with_http_info"):
                continue
            source = inspect.getsource(function)
            path, method = CALL.search(source).groups()
            found[method, path] = (api, operation.removesuffix("_with_http_info"), TYPE.search(source)[1])
    return found


def arguments_of(path):
    return re.findall(r"\{(\w+)\}", path)


class Client:
    """One login at one server; `prefix` is what stands before /api/v3."""

    def __init__(self, server, prefix="", user="rocketskates", password="r0cketsk8ts"):
        configuration = drppy_client.Configuration()
        configuration.host = f"{server.url}{prefix}/api/v3"
        configuration.username, configuration.password = user, password
        configuration.verify_ssl = False
        self.api = drppy_client.ApiClient(configuration)

    def model(self, body, word):
        """What a user of the client fills in: only some members, which the client checks in answers alone."""
        self.api.configuration.client_side_validation = False
        try:
            return self.api._ApiClient__deserialize(body, word)
        finally:
            self.api.configuration.client_side_validation = True

    def call(self, method, path, *values, **named):
        """Calls the operation; the answer comes back as the client decoded it."""
        api, name, _ = operations()[method, path]
        return getattr(api(self.api), name)(*values, **named)

    def plain(self, answer):
        return self.api.sanitize_for_serialization(answer)
