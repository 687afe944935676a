"""A gateway under everything at once: soak.py HIGHWATER SECONDS

wrk asks for decisions as fast as it is answered. Meanwhile clients are slow, silent or malformed,
reports are pushed, true and false, and documents are changed and read again, some of them
unreadable. Every answer is counted and has to be the right one; none may be missing, at the clients
or in the gateway's own counters; and afterwards memory and descriptors are what they were. Nothing
is timed: a slow machine counts less, and the same.
"""

import asyncio
import collections
import copy
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import sys
import tempfile
import time

from world import DOCUMENTS, OFFICE, PATIENCE, Gateway, Key, get

HERE = pathlib.Path(__file__).resolve().parent

LIMITS = """
[serve.limits]
header_timeout = 4
header_bytes = 8192
headers = 20
idle_timeout = {idle}
"""

# Everything runs that long first: what is allocated once is not a leak.
WARM = 4
# What an allocator may keep, and what is rightly remembered of each new token and report. At
# 17,000 answers in a second a leak of a hundred bytes per answer shows within ten seconds.
MEMORY = 8 << 20
REMEMBERED = 4 << 10
# Connections of each load, and what every answer to it is.
CONNECTIONS = 16
LOADS = {"kept tokens": 200, "revoked tokens": 401, "forged tokens": 401}
# Other clients at the same time, each of its own kind again and again.
CLIENTS = {"slow": 20, "never done": 20, "read late": 4, "malformed": 8}
SILENT = 200
PIPELINED = 300
# What has to appear in the tally.
KINDS = [
    *LOADS, "slow, in time", "never done", "read late", "silent, then asks", "malformed",
    "before a report", "after a report", "false reports", "changed documents",
    "unreadable documents",
]  # fmt: skip

# Where somebody asks from who passes only while the documents say so.
BRANCH = "127.0.0.9"


def documents(more):
    """The documents of the tenant, with further ranges of the office."""
    office, policy = copy.deepcopy(DOCUMENTS)
    kind = office["ipRanges"][0]["@odata.type"]
    office["ipRanges"] += [{"@odata.type": kind, "cidrAddress": f"{range}/32"} for range in more]
    return json.dumps([office, policy])


class Tally:
    """What was asked, and what came back."""

    def __init__(self):
        self.answers = collections.Counter()
        self.decided = 0  # answers that the gateway counts too

    def add(self, what, expected, got, times=1):
        self.answers[what, expected, got] += times

    def wrong(self):
        return {key: count for key, count in self.answers.items() if key[1] != key[2]}


def ask(authorization, more=""):
    """The head of a question, as a gateway asks it."""
    return (
        "GET /decide HTTP/1.1\r\nhost: soak\r\n"
        f"x-forwarded-for: {OFFICE}\r\n{authorization}{more}\r\n"
    ).encode()


def malformed(gateway):
    """Bytes, and the status that they get."""
    token = gateway.token("malformed")
    head, claims, signature = token.split(".")
    bearer = f"authorization: Bearer {token}\r\n"
    return [
        (b"\0\0\0\0\r\n\r\n", 400),
        (b"GET /decide HTTP/9.9\r\n\r\n", 400),
        (b"GET /decide HTTP/1.1\r\nhost: soak\r\n: nameless\r\n\r\n", 400),
        (b"GET /decide HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (ask(bearer, f"x: {'a' * 20_000}\r\n"), 431),
        (ask(bearer, "x: 1\r\n" * 50), 431),
        (ask("authorization: Bearer ...\r\n", "connection: close\r\n"), 401),
        (ask(f"authorization: Bearer {head}.{claims}\r\n", "connection: close\r\n"), 401),
        (
            ask(f"authorization: Bearer {head}.{signature}.{claims}\r\n", "connection: close\r\n"),
            401,
        ),
        (ask(bearer, bearer + "connection: close\r\n"), 401),
    ]


class Connection:
    """A socket, read and written by themselves: an answer that came before a reset is one."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.socket = socket.socket()
        self.socket.setblocking(False)

    async def send(self, data):
        """Whether somebody took it."""
        try:
            await self.loop.sock_sendall(self.socket, data)
        except OSError:
            return False
        return True

    async def answers(self):
        """The statuses of all answers until the gateway closes; what went wrong if there is none."""
        data, end = bytearray(), "nothing"
        try:
            async with asyncio.timeout(PATIENCE):
                while chunk := await self.loop.sock_recv(self.socket, 1 << 16):
                    data += chunk
        except TimeoutError:
            return ["no end"]
        except OSError as error:
            end = type(error).__name__
        finally:
            self.socket.close()
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)] or [end]


class Soak:
    def __init__(self, binary, folder, seconds):
        # Those that are silent are to be heard in the end.
        self.gateway = Gateway(binary, LIMITS.format(idle=seconds + 2 * PATIENCE))
        self.folder = pathlib.Path(folder)
        self.malformed = malformed(self.gateway)
        self.tokens = {}
        stranger = Key(self.gateway.issuer.name)
        for name in LOADS:
            users = [f"{name} {number}" for number in range(200)]
            tokens = [self.gateway.token(user) for user in users]
            if name == "revoked tokens":
                for user in users:
                    self.gateway.revoke(user)
            if name == "forged tokens":
                self.gateway.issuer, known = stranger, self.gateway.issuer
                tokens = [self.gateway.token(user) for user in users]
                self.gateway.issuer = known
            self.tokens[name] = self.folder / name.replace(" ", "-")
            self.tokens[name].write_text("\n".join(tokens) + "\n")
        self.good = f"authorization: Bearer {self.gateway.token('slow')}\r\n"

    async def run(self, seconds):
        """Everything for so long."""
        self.tally = Tally()
        self.end = time.monotonic() + seconds
        before = self.counted()
        tasks = [self.load(name, expected, seconds) for name, expected in LOADS.items()]
        kinds = [self.slow, self.never_done, self.read_late, self.malform]
        for kind, count in zip(kinds, CLIENTS.values()):
            tasks += [self.again(kind, first) for first in range(count)]
        tasks += [self.silent() for _ in range(SILENT)]
        tasks += [self.again(kind, 0, 3) for kind in (self.report, self.reload, self.lie)]
        await asyncio.gather(*tasks)
        return self.counted() - before

    async def again(self, kind, number, least=1):
        least += number
        while number < least or time.monotonic() < self.end:
            await kind(number)
            number += 1

    async def load(self, name, expected, seconds):
        wrk = await asyncio.create_subprocess_exec(
            "wrk", "--threads", "1", "--connections", str(CONNECTIONS),
            "--duration", f"{seconds}s", "--timeout", f"{PATIENCE}s",
            "--script", str(HERE / "soak.lua"), f"http://127.0.0.1:{self.gateway.port}",
            "--", str(self.tokens[name]), "/decide", OFFICE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        output, _ = await wrk.communicate()
        found = re.search(rb"COUNTS (.*)", output)
        if wrk.returncode or not found:
            raise RuntimeError(f"wrk, {name}: {output}")
        counts = json.loads(found[1])
        for status, count in counts.pop("answers").items():
            self.tally.add(name, expected, int(status), count)
            self.tally.decided += count
        sent = counts.pop("sent")
        answered = sum(count for key, count in self.tally.answers.items() if key[0] == name)
        for error, count in counts.items():
            if count:
                self.tally.add(name, expected, f"{error} error", count)
        # Under way when the time is up; and wrk asks its script once to see what it does.
        if sent - answered > CONNECTIONS + 1:
            self.tally.add(name, expected, "missing", sent - answered)

    async def open(self):
        connection = Connection()
        await connection.loop.sock_connect(connection.socket, ("127.0.0.1", self.gateway.port))
        return connection

    async def exchange(self, what, pieces, pause, expected):
        """Sends pieces with pauses until all are sent or there is an answer."""
        connection = await self.open()
        answer = asyncio.create_task(connection.answers())
        for piece in pieces:
            if not await connection.send(piece):
                break
            await asyncio.wait([answer], timeout=pause)
            if answer.done():
                break
        for got in await answer:
            self.tally.add(what, expected, got)

    async def slow(self, _):
        head = ask(self.good, "connection: close\r\n")
        step = len(head) // 10 + 1
        pieces = [head[at : at + step] for at in range(0, len(head), step)]
        await self.exchange("slow, in time", pieces, 0.05, 200)
        self.tally.decided += 1

    async def never_done(self, _):
        pieces = [ask(self.good)[:-2], *[b"x: 1\r\n"] * 10]
        pieces += [b"x: "] + [b"1"] * 10_000
        await self.exchange("never done", pieces, 0.2, 408)

    async def silent(self):
        """Holds a connection all the time, and asks in the end."""
        connection = await self.open()
        await asyncio.sleep(max(0, self.end - time.monotonic()))
        await connection.send(ask(self.good, "connection: close\r\n"))
        for got in await connection.answers():
            self.tally.add("silent, then asks", 200, got)
        self.tally.decided += 1

    async def read_late(self, _):
        """Many questions in one piece, and nobody reads for a while."""
        connection = await self.open()
        last = ask(self.good, "connection: close\r\n")
        sent = asyncio.create_task(connection.send(ask(self.good) * (PIPELINED - 1) + last))
        await asyncio.sleep(0.5)
        got = await connection.answers()
        await sent
        for status in got:
            self.tally.add("read late", 200, status)
        if len(got) != PIPELINED:
            self.tally.add("read late", 200, "missing", PIPELINED - len(got))
        self.tally.decided += PIPELINED

    async def malform(self, number):
        data, expected = self.malformed[number % len(self.malformed)]
        await self.exchange("malformed", [data], None, expected)
        self.tally.decided += expected == 401

    async def decide(self, token, address=OFFICE):
        answer = await asyncio.to_thread(self.gateway.decide, token, address)
        self.tally.decided += 1
        return answer.status

    async def report(self, _):
        """A user passes, is revoked by a pushed event, and passes no more."""
        user = f"reported {self.gateway.count}"
        token = self.gateway.token(user)
        self.tally.add("before a report", 200, await self.decide(token))
        await asyncio.to_thread(self.gateway.revoke, user)  # fails unless it is acknowledged
        self.tally.add("after a report", 401, await self.decide(token))

    async def lie(self, number):
        """Reports that are none, or that somebody else signed."""
        body = ["", "a.b.c", Key("sets").sign({"jti": "x"}, "secevent+jwt")][number % 3]
        status = await asyncio.to_thread(self.push, body)
        self.tally.add("false reports", 400, status)

    def push(self, body):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.gateway.intake_port, timeout=PATIENCE
        )
        kind = {"content-type": "application/secevent+jwt"}
        connection.request("POST", "/signals/idp", body, kind)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status

    async def reload(self, number):
        """Documents without the branch, unreadable ones, documents with it, in turn."""
        turn = number % 3
        text = [documents([]), "[{", documents([BRANCH])][turn]
        folder = pathlib.Path(self.gateway.folder.name)
        (folder / "new").write_text(text)
        (folder / "new").rename(folder / "documents.json")
        self.gateway.process.send_signal(signal.SIGHUP)
        token = self.gateway.token("branch")
        if turn == 1:
            # What was in force stays.
            await self.until(lambda: self.sample("highwater_documents_up") == 0)
            self.tally.add("unreadable documents", 401, await self.decide(token, BRANCH))
            return
        expected = 200 if turn == 2 else 401
        status, end = None, time.monotonic() + PATIENCE
        while status != expected and time.monotonic() < end:
            status = await self.decide(token, BRANCH)
        self.tally.add("changed documents", expected, status)

    async def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not await asyncio.to_thread(condition):
            if time.monotonic() > end:
                raise RuntimeError("what has to happen does not happen")
            await asyncio.sleep(0.05)

    def sample(self, name):
        """The sum of a metric over its labels."""
        text = get(self.gateway.port, "/metrics", {}).body.decode()
        return sum(float(value) for value in re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", text))

    def counted(self):
        names = ["decisions", "refused_tokens", "unjudged_requests"]
        return int(sum(self.sample(f"highwater_{name}_total") for name in names))

    def status(self, key):
        text = pathlib.Path(f"/proc/{self.gateway.process.pid}/status").read_text()
        return int(re.search(rf"(?m)^{key}:\s+(\d+)", text)[1]) * 1024

    def descriptors(self):
        return len(list(pathlib.Path(f"/proc/{self.gateway.process.pid}/fd").iterdir()))


def main():
    binary, seconds = sys.argv[1], int(sys.argv[2])
    if not shutil.which("wrk"):
        sys.exit("wrk is missing")
    failures = []
    with tempfile.TemporaryDirectory(prefix="highwater-soak-") as folder:
        soak = Soak(binary, folder, seconds)
        at_rest = soak.descriptors()

        def settled():
            return soak.descriptors() <= at_rest + 8

        asyncio.run(soak.run(WARM))
        if soak.tally.wrong():
            failures.append(f"wrong answers at first: {soak.tally.wrong()}")
        asyncio.run(soak.until(settled))
        before, made = soak.status("VmRSS"), soak.gateway.count
        counted = asyncio.run(soak.run(seconds))
        asyncio.run(soak.until(settled))
        after, peak = soak.status("VmRSS"), soak.status("VmHWM")
        tally = soak.tally
        for (what, expected, got), count in sorted(tally.answers.items(), key=str):
            print(f"{count:>9}  {what}: {got}" + ("" if expected == got else f", not {expected}"))
        print(f"{counted:>9}  counted by the gateway, {tally.decided} by those who asked")
        print(
            f"resident {before >> 10} KiB before, {after >> 10} KiB after, {peak >> 10} KiB at most"
        )
        if tally.wrong():
            failures.append(f"wrong answers: {tally.wrong()}")
        if not 0 <= counted - tally.decided <= len(LOADS) * CONNECTIONS:
            failures.append(f"{counted - tally.decided} answers more in the gateway than outside")
        bound = MEMORY + REMEMBERED * (soak.gateway.count - made)
        if after - before > bound:
            failures.append(f"{after - before >> 10} KiB more memory, not {bound >> 10} at most")
        if unasked := set(KINDS) - {what for what, _, _ in tally.answers}:
            failures.append(f"not asked: {unasked}")
        soak.gateway.stop()
        if soak.gateway.process.returncode != 0:
            failures.append(f"ended with {soak.gateway.process.returncode}")
        if "panicked" in soak.gateway.errors():
            failures.append(f"panicked:\n{soak.gateway.errors()}")
    for failure in failures:
        print(f"FAIL  {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
