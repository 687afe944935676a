"""Real clients, unmodified, through a gateway:
check_clients.py HIGHWATER NODE_FOLDER RUST_CLIENT [CLIENT...]

Each calls with a token that is good, is revoked by a pushed event (or moves elsewhere), gets the
401, asks its credential for a token with exactly our claims, retries and succeeds. Some clients
know nothing of challenges: they show the 401 and ask for nothing, and with what they offer their
application it can do the rest.
"""

import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

from peers import Nginx
from world import ELSEWHERE, OFFICE, Api, Gateway, Server, WayIn, certificate

HERE = pathlib.Path(__file__).resolve().parent / "clients"

CLIENTS = {
    "azure-core (Python)": ["python", "azure_core_client.py", "core"],
    "azure-mgmt-core (Python)": ["python", "azure_core_client.py", "arm"],
    "msal (Python)": ["python", "msal_client.py"],
    "Kiota (Python)": ["python", "kiota_client.py", "plain"],
    "Microsoft Graph core (Python)": ["python", "kiota_client.py", "core"],
    "Microsoft Graph SDK (Python)": ["python", "kiota_client.py", "sdk"],
    "@azure/core-rest-pipeline (JavaScript)": ["node", "azure_core_client.mjs", "core"],
    "@azure/core-client (JavaScript)": ["node", "azure_core_client.mjs", "client"],
    "Kiota (JavaScript)": ["node", "azure_core_client.mjs", "kiota"],
    "Microsoft Graph SDK (JavaScript), claims handed over": ["node", "graph_client.mjs", "handed"],
    "azure_core (Rust), claims handed over": ["rust", "handed"],
}

# These leave challenges to their application: it sees the 401, once and again.
SHOWING = {
    "Microsoft Graph SDK (JavaScript), alone": ["node", "graph_client.mjs", "plain"],
    "azure_core (Rust), alone": ["rust", "plain"],
}


class Tokens:
    """The issuer's token endpoint: grants what a challenge asks for, and remembers it."""

    def __init__(self, gateway, user, files):
        self.gateway, self.user = gateway, user
        self.asked = []  # the claims parameter of every request that had one
        self.requests = 0
        tokens = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                path, _, query = self.path.partition("?")
                if path == "/token":
                    self.answer(tokens.grant(query))
                else:
                    issuer = f"{tokens.url}/contoso"
                    self.answer({"issuer": issuer, "token_endpoint": f"{tokens.url}/token",
                                 "authorization_endpoint": f"{tokens.url}/authorize"})  # fmt: skip

            def do_POST(self):
                form = self.rfile.read(int(self.headers["content-length"])).decode()
                self.answer(tokens.grant(form))

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def grant(self, query):
        self.requests += 1
        asked = dict(urllib.parse.parse_qsl(query)).get("claims")
        issued, more = None, {}
        wanted = json.loads(asked or "{}").get("access_token", {})
        if "nbf" in wanted:
            self.asked.append(asked)
            issued = max(int(wanted["nbf"]["value"]), int(time.time()) - 10)
            if "xms_rp_ipaddr" in wanted:
                more["xms_rp_ipaddr"] = wanted["xms_rp_ipaddr"]["value"]
        token = self.gateway.token(user=self.user, issued=issued, **more)
        return {"access_token": token, "expires_on": int(time.time()) + 3600, "expires_in": 3600,
                "token_type": "Bearer"}  # fmt: skip


class Watched(WayIn):
    """A way in that remembers the challenges that went out."""

    def __init__(self, *arguments):
        self.challenges = []
        super().__init__(*arguments)

    def seen(self, response):
        for found in re.findall(rb'(?i)www-authenticate: [^\r]*claims="([^"]+)"', response):
            self.challenges.append(base64.b64decode(found).decode())


class Client:
    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )

    def call(self):
        self.process.stdin.write("call\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended with {self.process.wait()}")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def challenged(name, command, change, world):
    """One client, one change: the whole exchange."""
    gateway, way_in, files, places = world
    user = f"{name} {change.__name__}"
    way_in.source, way_in.challenges = OFFICE, []
    tokens = Tokens(gateway, user, files)
    environment = {
        **os.environ,
        "PEERS_URL": f"https://localhost:{way_in.port}",
        "PEERS_TOKENS": tokens.url,
        "SSL_CERT_FILE": files[0],
        "REQUESTS_CA_BUNDLE": files[0],
        "NODE_EXTRA_CA_CERTS": files[0],
    }
    program, folder = places[command[0]]
    rest = command[1:] if folder is None else [str(folder / command[1]), *command[2:]]
    client = Client([program, *rest], environment)
    try:
        first = client.call()
        if first != 200:
            raise AssertionError(f"a good token: {first}")
        if tokens.asked or way_in.challenges:
            raise AssertionError("challenged for no reason")
        change(gateway, way_in, user)
        check = shown if name in SHOWING else answered
        check(name, client, tokens, way_in)
    finally:
        client.stop()
        tokens.server.shutdown()


def answered(name, client, tokens, way_in):
    """The challenge was answered, and nobody but the client and its credential noticed."""
    second = client.call()
    if second != 200:
        raise AssertionError(f"after the challenge: {second}")
    if len(way_in.challenges) != 1:
        raise AssertionError(f"challenged {len(way_in.challenges)} times")
    if not asked_as_sent(name, tokens.asked, way_in.challenges):
        raise AssertionError(f"asked for {tokens.asked}, not for {way_in.challenges}")
    # And the new token is good: no further challenge, no further token.
    before = tokens.requests
    third = client.call()
    if third != 200 or tokens.requests != before or len(way_in.challenges) != 1:
        raise AssertionError(f"once more: {third}")


def shown(_, client, tokens, way_in):
    """The application sees a 401 for every call, each sent once; nobody asks for claims."""
    for calls in (1, 2):
        status = client.call()
        if status != 401:
            raise AssertionError(f"call {calls}: {status}, not 401")
        if len(way_in.challenges) != calls:
            raise AssertionError(f"{calls} calls, {len(way_in.challenges)} challenges")
    if tokens.asked or tokens.requests != 1:
        raise AssertionError(f"{tokens.requests} tokens, asked for {tokens.asked}")


def asked_as_sent(name, asked, sent):
    """To the letter. MSAL writes the client's capabilities into the same document."""
    if not name.startswith("msal"):
        return asked == sent
    asked = [json.loads(text) for text in asked]
    capabilities = [claims["access_token"].pop("xms_cc") for claims in asked]
    return asked == [json.loads(text) for text in sent] and capabilities == [{"values": ["cp1"]}]


def revoked(gateway, _, user):
    gateway.revoke(user)


def moved(_, way_in, __):
    way_in.source = ELSEWHERE


def main():
    binary, node, rust, *names = sys.argv[1:]
    node = pathlib.Path(node)
    clients = {**CLIENTS, **SHOWING}
    chosen = {name: command for name, command in clients.items() if not names or name in names}
    for file in HERE.glob("*.mjs"):
        # Node looks for packages beside the file.
        shutil.copy(file, node)
    places = {"python": [sys.executable, HERE], "node": ["node", node], "rust": [rust, None]}
    failures = 0
    with tempfile.TemporaryDirectory(prefix="highwater-clients-") as folder:
        files = certificate(folder)
        gateway, api = Gateway(binary), Api()
        peer = Nginx(gateway.port, api.port)
        way_in = Watched(peer.port, *files)
        for name, command in chosen.items():
            for change in (revoked, moved):
                try:
                    challenged(name, command, change, (gateway, way_in, files, places))
                    print(f"ok    {name}: {change.__name__}", flush=True)
                except Exception:
                    failures += 1
                    print(f"FAIL  {name}: {change.__name__}\n{traceback.format_exc()}", flush=True)
        peer.stop()
        gateway.stop()
    print(f"{len(chosen)} clients, revoked and moved, {failures} failures")
    sys.exit(1 if failures or not chosen else 0)


if __name__ == "__main__":
    main()
