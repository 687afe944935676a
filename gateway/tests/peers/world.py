"""What stands around a peer: an issuer, a transmitter, the gateway, an API behind, a way in.

Every address is on loopback and every port was free; every process is ended by its own id.
Clients come from addresses of 127.0.0.0/8: one is the office, one is elsewhere.
"""

import base64
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://idp.example"
AUDIENCE = "api://orders"
TENANT = "contoso"
OFFICE = "127.0.0.2"
ELSEWHERE = "127.0.0.3"
PATIENCE = 30  # seconds until something that has to happen counts as not happening


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A signing key that nobody keeps."""

    def __init__(self, name):
        self.name = name
        self.private = ec.generate_private_key(ec.SECP256R1())

    def jwks(self):
        point = self.private.public_key().public_numbers()
        x, y = (encode(number.to_bytes(32, "big")) for number in (point.x, point.y))
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.name}
        return {"keys": [{**key, "x": x, "y": y}]}

    def sign(self, claims, kind):
        header = {"alg": "ES256", "kid": self.name, "typ": kind}
        parts = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
        signature = self.private.sign(parts.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(signature)
        return f"{parts}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A peer that closes its connections says nothing about anybody."""


def serve(handler):
    """An HTTP server on a free port, in a thread."""
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Api:
    """The API behind the peers: says what it was told, and counts."""

    def __init__(self):
        self.requests = 0
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                api.requests += 1
                told = [[name.lower(), value] for name, value in self.headers.items()]
                body = json.dumps({"path": self.path, "headers": told}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = serve(Handler)
        self.port = self.server.server_address[1]


class Documents:
    """Serves JSON documents by path: key sets and metadata."""

    def __init__(self, documents):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(documents.get(self.path)).encode()
                self.send_response(200 if self.path in documents else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = serve(Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


CONFIGURATION = """
[engine]
loop_budget = {{ per_token = 1000000, per_subject = 1000000 }}

[[serve.listener]]
kind = "decisions"
address = "127.0.0.1:0"
fail = "closed"
client_address = {{ header = "x-forwarded-for", trusted_proxies = ["127.0.0.1/32"] }}

[[serve.listener]]
kind = "intake"
address = "127.0.0.1:0"

[[serve.listener]]
kind = "decisions"
address = "127.0.0.1:0"
fail = "closed"
proxy_protocol = true
client_address = {{ header = "x-forwarded-for", trusted_proxies = ["127.0.0.1/32"] }}

[store]
memory = true

[token]
audiences = ["{audience}"]

[[issuer]]
issuer = "{issuer}"
answers_challenges = true
jwks = "{keys}/jwks"

[[tenant]]
id = "{tenant}"
documents = ["documents.json"]

[[transmitter]]
name = "idp"
issuer = "{issuer}"
audience = "https://rs.example/signals"
tenant = "{tenant}"
jwks_uri = "{keys}/sets"
push = {{}}
"""

DOCUMENTS = [
    {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "id": "3f0d6c6e-9a1b-4a57-8f6e-5d2f6a1b0c01",
        "displayName": "Office",
        "isTrusted": True,
        "ipRanges": [
            {
                "@odata.type": "#microsoft.graph.iPv4CidrRange",
                "cidrAddress": f"{OFFICE}/32",
            }
        ],
    },
    {
        "id": "77c1f1a2-50a4-4a55-9d8a-3c2a1f0b0d02",
        "displayName": "Block outside the office",
        "state": "enabled",
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "locations": {
                "includeLocations": ["All"],
                "excludeLocations": ["AllTrusted"],
            },
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    },
]


class Gateway:
    """`highwater serve`, and those whom it listens to."""

    def __init__(self, binary, more=""):
        """`more` is what the configuration ends with."""
        self.issuer = Key("tokens")
        self.transmitter = Key("sets")
        self.keys = Documents(
            {"/jwks": self.issuer.jwks(), "/sets": self.transmitter.jwks()}
        )
        self.folder = tempfile.TemporaryDirectory(prefix="highwater-peers-")
        folder = pathlib.Path(self.folder.name)
        text = CONFIGURATION.format(
            audience=AUDIENCE, issuer=ISSUER, tenant=TENANT, keys=self.keys.url
        )
        (folder / "highwater.toml").write_text(text + more)
        (folder / "documents.json").write_text(json.dumps(DOCUMENTS))
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [binary, "serve", "--config", "highwater.toml"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        listening = []
        while len(listening) < 3:
            line = self.process.stdout.readline().decode()
            found = re.match(r"listening on http://(\S+) for (\w+)", line)
            if not found:
                raise RuntimeError(f"the gateway did not start: {self.errors()}")
            listening.append((found[2], found[1]))
        ports = [
            [int(url.split(":")[1]) for kind, url in listening if kind == wanted]
            for wanted in ("decisions", "intake")
        ]
        # The second one for decisions begins with PROXY protocol headers.
        (self.port, self.proxied_port), (self.intake_port,) = ports
        self.count = 0

    def errors(self):
        return (pathlib.Path(self.folder.name) / "log").read_text()

    def token(self, user="ada", issued=None, capable=True, **claims):
        """An access token of `user`, ten seconds old unless said otherwise."""
        self.count += 1
        now = int(time.time())
        issued = now - 10 if issued is None else issued
        all_claims = {
            "iss": ISSUER, "aud": AUDIENCE, "tid": TENANT, "oid": user, "sub": user,
            "idtyp": "user", "azp": "client", "scp": "orders", "jti": f"token-{self.count}",
            "iat": issued, "exp": now + 3600, "ipaddr": OFFICE, **claims,
        }  # fmt: skip
        if capable:
            all_claims["xms_cc"] = ["cp1"]
        return self.issuer.sign(all_claims, "at+jwt")

    def decide(self, token, address):
        """What the gateway itself says, asked as a peer asks."""
        headers = {
            "authorization": f"Bearer {token}",
            "x-forwarded-for": address,
            "x-original-method": "GET",
            "x-original-uri": "/orders",
        }
        return get(self.port, "/decide", headers)

    def revoke(self, user):
        """A session-revoked event, pushed and acknowledged."""
        self.count += 1
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": "https://rs.example/signals", "iat": now,
            "jti": f"set-{self.count}",
            "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": user},
            "events": {
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
                    "event_timestamp": now
                }
            },
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", self.intake_port, timeout=PATIENCE)
        connection.request(
            "POST",
            "/signals/idp",
            self.transmitter.sign(claims, "secevent+jwt"),
            {"content-type": "application/secevent+jwt"},
        )
        response = connection.getresponse()
        body = response.read()
        if response.status != 202:
            raise RuntimeError(f"the event was not taken: {response.status} {body}")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.lines = [(name.lower(), value) for name, value in response.getheaders()]
        self.body = body

    def all(self, name):
        return [value for known, value in self.lines if known == name]

    def json(self):
        return json.loads(self.body)


def get(port, path, headers, source="127.0.0.1"):
    """One request over a connection of its own. `headers`: pairs, or a dictionary."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=PATIENCE, source_address=(source, 0)
    )
    with contextlib.closing(connection):
        connection.putrequest("GET", path)
        pairs = headers.items() if isinstance(headers, dict) else headers
        for name, value in pairs:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response, response.read())


def free_port():
    """A port below those that the system gives to the other end of any connection."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until_open(port, process, errors):
    """Waits until something listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with {process.returncode}:\n{errors()}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}:\n{errors()}")


class WayIn:
    """TLS in front of a peer for clients that insist on it, and their address: it connects from
    wherever it is told, so that an unmodified client moves."""

    def __init__(self, port, certificate, key):
        self.source = OFFICE
        self.port_behind = port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.listener = context.wrap_socket(
            socket.create_server(("127.0.0.1", 0)), server_side=True
        )
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client):
        """One request a connection, so that the next one may come from elsewhere."""
        behind = socket.create_connection(
            ("127.0.0.1", self.port_behind), PATIENCE, source_address=(self.source, 0)
        )
        with client, behind:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
            lines = [
                line
                for line in head.split(b"\r\n")
                if not line.lower().startswith(b"connection:")
            ]
            lines.insert(1, b"Connection: close")
            behind.sendall(b"\r\n".join(lines))
            response = b""
            while data := behind.recv(65536):
                response += data
                client.sendall(data)
            self.seen(response)

    def seen(self, response):
        """For those who watch."""


def certificate(folder):
    """A certificate for localhost, and its key."""
    files = [os.path.join(folder, name) for name in ("certificate.pem", "key.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-out", files[0], "-keyout", files[1],
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE"],
        check=True, capture_output=True,
    )  # fmt: skip
    return files
