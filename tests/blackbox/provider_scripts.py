"""Plugin providers as tiny scripts: one that obeys, and what each can do wrong."""
import json

HEAD = "#!/usr/bin/python3\n"

OBEDIENT = HEAD + r'''
import http.server, json, os, socket, socketserver, sys, threading, time
BEHAVIOUR = json.loads(%r)
DEFINITION = {"Name": BEHAVIOUR["name"], "Version": BEHAVIOUR.get("version", "v1.0.0"), "PluginVersion": 4,
              "AutoStart": BEHAVIOUR.get("auto_start", True), "HasPublish": BEHAVIOUR.get("has_publish", False),
              "AvailableActions": [{"Model": model, "Command": command} for model, command in BEHAVIOUR.get("actions", [])],
              "RequiredParams": BEHAVIOUR.get("required", []), "OptionalParams": BEHAVIOUR.get("optional", []),
              "StoreObjects": BEHAVIOUR.get("store", {}), "Meta": BEHAVIOUR.get("meta", {}), "Content": BEHAVIOUR.get("content", "")}

def note(line):
    with open(BEHAVIOUR["notes"], "a") as notes:
        notes.write(line + "\n")

def leave():
    """Says good-bye to the server, as a plugin that cannot go on."""
    time.sleep(0.2)  # the action is answered first
    body = json.dumps({"Model": "plugins", "Key": "", "Type": "PLUGIN", "Code": 500,
                       "Messages": [BEHAVIOUR.get("farewell", "enough")]})
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[3])
        server.sendall(("POST /%%s/v4/leaving HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\n"
                        "Content-Length: %%d\r\nConnection: close\r\n\r\n%%s"
                        %% (BEHAVIOUR.get("prefix", "api-server-plugin"), len(body), body)).encode())
        server.recv(65536)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def address_string(self):
        return "unix"
    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()
    def error(self, code, *messages):
        self.answer(code, {"Model": "plugins", "Key": "", "Type": "PLUGIN", "Messages": list(messages), "Code": code})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
        what = self.path.removeprefix("/api-plugin/v4/")
        note(what + " " + json.dumps(body, sort_keys=True))
        if what == "config":
            bad = BEHAVIOUR.get("refuses", {})
            if any(body.get(name) == value for name, value in bad.items()):
                return self.error(400, "these parameters will not do")
            return self.error(200)
        if what == "stop":
            if BEHAVIOUR.get("deaf"):
                time.sleep(600)
            self.error(200)
            os._exit(0)
        if what == "action":
            command = body["Command"]
            if command == "crash":
                os._exit(7)
            if command == "hang":
                time.sleep(600)
            if command == "leave":
                threading.Thread(target=leave).start()
                return self.answer(200, {"leaving": True})
            if command == "fail":
                return self.error(418, "short and stout")
            if command == "garbage":
                self.wfile.write(b"this is no HTTP\r\n\r\n")
                self.close_connection = True
                return
            return self.answer(200, {"pid": os.getpid(), "version": DEFINITION["Version"], "env": dict(os.environ),
                                     "cwd": os.getcwd(), "action": body})
        self.error(200)

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

call = sys.argv[1]
if call == "define":
    print(json.dumps(DEFINITION))
elif call == "unpack":
    for name, text in BEHAVIOUR.get("files", {}).items():
        open(os.path.join(sys.argv[2], name), "w").write(text)
elif call == "listen":
    if BEHAVIOUR.get("child"):
        if os.fork() == 0:
            time.sleep(600)
    for number in range(BEHAVIOUR.get("strays", 0)):
        if os.fork() == 0:  # a session of its own, half of them without a parent, and all without the environment
            os.setsid()
            if number %% 2 == 0 and os.fork() != 0:
                os._exit(0)
            note("stray %%d" %% os.getpid())
            os.execve("/bin/sleep", ["sleep", "600"], {})
    with Server(sys.argv[2], Handler) as server:
        print("a line of the plugin with " + os.environ["RS_TOKEN"], flush=True)
        print("READY!", flush=True)
        note("listening %%d %%s" %% (os.getpid(), os.environ["RS_TOKEN"]))
        server.serve_forever()
'''


def obedient(name, notes, **behaviour):
    """A provider that does what it should, with actions that do not (crash, hang, fail, garbage)."""
    return OBEDIENT % json.dumps({"name": name, "notes": str(notes), **behaviour})


def shell(define="", unpack="exit 0", listen="exit 0"):
    """A provider in shell: what each call does."""
    return f'#!/bin/sh\ncase "$1" in\ndefine)\n{define}\n;;\nunpack)\n{unpack}\n;;\nlisten)\n{listen}\n;;\nesac\n'


def definition(name, **more):
    """A define call that prints a plain definition."""
    return "cat <<'END'\n" + json.dumps({"Name": name, "PluginVersion": 4, "AutoStart": True, **more}) + "\nEND"
