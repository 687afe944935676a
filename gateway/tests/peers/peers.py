"""The gateways that people have, with the configurations that we ship.

A shipped configuration is used as it is; only its ports are replaced by free ones.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from world import free_port, until_open

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


class Peer:
    """One of them, between a client and an API."""

    name = ""
    # Whether the body of the gateway's refusals reaches the client.
    passes_bodies = True

    def __init__(self, gateway_port, api_port):
        self.port = free_port()
        self.ports = {"8181": gateway_port, "9000": api_port, "8080": self.port}
        self.folder = tempfile.TemporaryDirectory(prefix=f"highwater-{self.name}-")
        self.path = pathlib.Path(self.folder.name)
        self.prepare()
        with open(self.path / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.path,
                env={**os.environ, **self.environment()},
            )
        until_open(self.port, self.process, self.errors)

    def ship(self, name):
        """A file of ours, with these ports."""
        text = (DEPLOY / name).read_text()
        for shipped, ours in self.ports.items():
            text = text.replace(f":{shipped}", f":{ours}")
            text = text.replace(f"listen {shipped};", f"listen 127.0.0.1:{ours};")
            text = text.replace(f"port_value: {shipped}", f"port_value: {ours}")
        path = self.path / pathlib.Path(name).name
        path.write_text(text)
        return path

    def prepare(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def errors(self):
        return (self.path / "log").read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Nginx(Peer):
    name = "nginx"
    passes_bodies = False

    def prepare(self):
        shipped = self.ship("nginx/highwater.conf")
        (self.path / "nginx.conf").write_text(f"""
            pid {self.path}/pid;
            error_log stderr;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {self.path}/body; proxy_temp_path {self.path}/proxy;
                fastcgi_temp_path {self.path}/fastcgi; uwsgi_temp_path {self.path}/uwsgi;
                scgi_temp_path {self.path}/scgi;
                include {shipped};
            }}
        """)

    def command(self):
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        return [nginx, "-p", self.path, "-c", self.path / "nginx.conf", "-g", "daemon off;"]


class Envoy(Peer):
    def prepare(self):
        self.configuration = self.ship(f"envoy/{self.mode}.yaml")

    def command(self):
        # Base id: several Envoys on one machine must not share memory.
        return ["envoy", "-c", self.configuration, "--log-level", "warn",
                "--use-dynamic-base-id", "--concurrency", "1"]  # fmt: skip


class EnvoyHttp(Envoy):
    name, mode = "envoy-http", "http"


class EnvoyGrpc(Envoy):
    name, mode = "envoy-grpc", "grpc"


class Caddy(Peer):
    name = "caddy"

    def prepare(self):
        self.configuration = self.ship("caddy/Caddyfile")

    def command(self):
        return ["caddy", "run", "--adapter", "caddyfile", "--config", self.configuration]

    def environment(self):
        return {"HOME": str(self.path), "XDG_DATA_HOME": str(self.path),
                "XDG_CONFIG_HOME": str(self.path)}  # fmt: skip


class HAProxy(Peer):
    name = "haproxy"

    def prepare(self):
        self.configuration = self.ship("haproxy/haproxy.cfg")
        self.ship("haproxy/highwater.lua")

    def command(self):
        haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
        return [haproxy, "-db", "-f", self.configuration]

    def environment(self):
        return {"HAPROXY_LUA": str(self.path)}


class TcpProxy(Peer):
    """HAProxy without HTTP in front of the gateway itself, with a PROXY protocol header."""

    def __init__(self, send, gateway_port):
        self.name = f"haproxy {send}"
        self.send, self.gateway_port = send, gateway_port
        super().__init__(gateway_port, gateway_port)

    def prepare(self):
        (self.path / "haproxy.cfg").write_text(f"""
defaults
    mode tcp
    timeout connect 1s
    timeout client 30s
    timeout server 30s
listen gateway
    bind 127.0.0.1:{self.port}
    server gateway 127.0.0.1:{self.gateway_port} {self.send}
""")

    def command(self):
        haproxy = shutil.which("haproxy") or "/usr/sbin/haproxy"
        return [haproxy, "-db", "-f", self.path / "haproxy.cfg"]


class Apache(Peer):
    name = "apache"
    passes_bodies = False
    modules = ["mpm_event", "authz_core", "lua", "proxy", "proxy_http"]

    def prepare(self):
        shipped = self.ship("apache/highwater.conf")
        self.ship("apache/highwater.lua")
        loaded = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
            for name in self.modules
        )
        (self.path / "apache.conf").write_text(f"""
            ServerRoot {self.path}
            ServerName localhost
            PidFile {self.path}/pid
            ErrorLog /dev/stderr
            {loaded}
            Listen 127.0.0.1:{self.port}
            Include {shipped}
        """)

    def command(self):
        return ["/usr/sbin/apache2", "-X", "-f", self.path / "apache.conf"]

    def environment(self):
        return {"HIGHWATER_LUA": str(self.path)}


PEERS = [Nginx, EnvoyHttp, EnvoyGrpc, Caddy, HAProxy, Apache]
