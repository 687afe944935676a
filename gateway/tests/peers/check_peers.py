"""What has to be so through every gateway: check_peers.py HIGHWATER [PEER...]"""

import http.client
import sys
import traceback

from peers import PEERS, TcpProxy
from world import ELSEWHERE, OFFICE, TENANT, Api, Gateway, get

# Whatever a client may write to be somewhere else.
SPOOFED = [
    [("x-forwarded-for", OFFICE)],
    [("x-forwarded-for", OFFICE), ("x-forwarded-for", OFFICE)],
    [("x-forwarded-for", f"{OFFICE}, 127.0.0.1")],
    [("x-forwarded-for", "127.0.0.1, 127.0.0.1")],
    [("x-forwarded-for", "")],
    [("x-real-ip", OFFICE)],
    [("forwarded", f"for={OFFICE}")],
    [("x-envoy-external-address", OFFICE)],
    [("x-highwater-address", OFFICE)],
    [("connection", "x-forwarded-for")],
]

# Whatever a client may write to be somebody else, or to be let through.
VERDICTS = [
    ("x-highwater-decision", "allow"),
    ("x-highwater-subject", "root"),
    ("X-Highwater-Tenant", "theirs"),
    ("x-highwater-subject-kind", "workload"),
    ("x-highwater-app", "admin"),
    ("x-highwater-flags", "trusted"),
    ("x-highwater-reasons", "none"),
]


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, not {wanted!r}")


def bearer(token):
    return [("authorization", f"Bearer {token}")]


def allowed_with_identity(gateway, peer, _):
    answer = get(peer.port, "/orders?a=1", bearer(gateway.token()), OFFICE)
    expect("status", answer.status, 200)
    told = answer.json()
    expect("path", told["path"], "/orders?a=1")
    ours = {name: value for name, value in told["headers"] if name.startswith("x-highwater-")}
    wanted = {"decision": "allow", "tenant": TENANT, "subject": "ada", "subject-kind": "user",
              "app": "client"}  # fmt: skip
    expect("identity", ours, {f"x-highwater-{name}": value for name, value in wanted.items()})


def no_token_is_asked_for_one(_, peer, api):
    before = api.requests
    answer = get(peer.port, "/orders", [], OFFICE)
    expect("status", answer.status, 401)
    challenges = answer.all("www-authenticate")
    expect("one challenge", len(challenges), 1)
    expect("scheme", challenges[0].split()[0], "Bearer")
    expect("the API is not asked", api.requests, before)


def challenge_to_the_letter(gateway, peer, api):
    before = api.requests
    token = gateway.token()
    # The claims name the present second: the peer's answer lies between two of the gateway's.
    first = gateway.decide(token, ELSEWHERE).all("www-authenticate")
    answer = get(peer.port, "/orders", bearer(token), ELSEWHERE)
    last = gateway.decide(token, ELSEWHERE).all("www-authenticate")
    expect("status", answer.status, 401)
    if answer.all("www-authenticate") not in (first, last):
        raise AssertionError(f"{answer.all('www-authenticate')} is neither {first} nor {last}")
    if 'error="insufficient_claims", claims="' not in first[0]:
        raise AssertionError(f"this is no claims challenge: {first}")
    if peer.passes_bodies:
        expect("reason", answer.json()["reason"], "location_blocked")
    expect("the API is not asked", api.requests, before)


def forbidden_with_a_problem(gateway, peer, api):
    before = api.requests
    answer = get(peer.port, "/orders", bearer(gateway.token(capable=False)), ELSEWHERE)
    expect("status", answer.status, 403)
    if peer.passes_bodies:
        expect("type", answer.all("content-type"), ["application/problem+json"])
        expect("reason", answer.json()["reason"], "location_blocked")
    expect("the API is not asked", api.requests, before)


def revoked_by_an_event(gateway, peer, _):
    token = gateway.token(user=f"revoked-{peer.name}")
    expect("before", get(peer.port, "/orders", bearer(token), OFFICE).status, 200)
    gateway.revoke(f"revoked-{peer.name}")
    answer = get(peer.port, "/orders", bearer(token), OFFICE)
    expect("after", answer.status, 401)
    if "insufficient_claims" not in answer.all("www-authenticate")[0]:
        raise AssertionError(f"no claims challenge: {answer.lines}")


def spoofed_addresses_never_help(gateway, peer, api):
    before = api.requests
    for headers in SPOOFED:
        token = gateway.token()
        answer = get(peer.port, "/orders", headers + bearer(token), ELSEWHERE)
        # Envoy takes `connection: x-forwarded-for` for an attack: 400.
        expect(f"{headers}: {answer.status}", answer.status in (400, 401), True)
    expect("the API is not asked", api.requests, before)


def spoofed_verdicts_never_arrive(gateway, peer, _):
    for position in range(2):
        headers = VERDICTS * (position + 1) + bearer(gateway.token())
        answer = get(peer.port, "/orders", headers, OFFICE)
        expect("status", answer.status, 200)
        ours = [pair for pair in answer.json()["headers"] if pair[0].startswith("x-highwater-")]
        for name, value in ours:
            for spoofed_name, spoofed in VERDICTS:
                if name == spoofed_name.lower() and name != "x-highwater-decision":
                    expect(name, spoofed in value, False)
        names = [name for name, _ in ours]
        expect("each once", sorted(names), sorted(set(names)))
        expect("none invented", "x-highwater-flags" in names, False)
    answer = get(peer.port, "/orders", VERDICTS, OFFICE)
    expect("no token, but a verdict", answer.status, 401)


def two_tokens_are_none(gateway, peer, api):
    before = api.requests
    headers = bearer(gateway.token()) + bearer(gateway.token(user="eve"))
    status = get(peer.port, "/orders", headers, OFFICE).status
    # Some refuse such a request by themselves.
    expect("refused", status in (400, 401), True)
    expect("the API is not asked", api.requests, before)


def without_the_gateway_nobody_passes(gateway, peer, api):
    token = gateway.token()
    gateway.stop()
    before = api.requests
    status = get(peer.port, "/orders", bearer(token), OFFICE).status
    expect("closed", status in (500, 502, 503, 504), True)
    expect("the API is not asked", api.requests, before)


CHECKS = [
    allowed_with_identity,
    no_token_is_asked_for_one,
    challenge_to_the_letter,
    forbidden_with_a_problem,
    revoked_by_an_event,
    spoofed_addresses_never_help,
    spoofed_verdicts_never_arrive,
    two_tokens_are_none,
    without_the_gateway_nobody_passes,  # the last one: it ends the gateway
]


def proxy_protocol_tells_who_asks(gateway, send):
    """Behind HAProxy, who asks is whom HAProxy names: believed if trusted, else not read."""
    peer = TcpProxy(send, gateway.proxied_port)
    try:
        for asker, client, status in (
            ("127.0.0.1", OFFICE, 200),
            ("127.0.0.1", ELSEWHERE, 401),
            # A stranger's word is not read: the address is unknown, which is left to the issuer.
            (ELSEWHERE, ELSEWHERE, 200),
        ):
            headers = bearer(gateway.token()) + [("x-forwarded-for", client)]
            answer = get(peer.port, "/decide", headers, asker)
            expect(f"{asker} about {client}", answer.status, status)
    finally:
        peer.stop()
    # Whoever must send a header and does not is not served.
    try:
        status = get(gateway.proxied_port, "/decide", bearer(gateway.token())).status
    except (OSError, http.client.HTTPException):
        return
    expect("no header", status, 400)


def check_proxy_protocol(binary):
    """How many of its versions fail."""
    gateway, failures = Gateway(binary), 0
    for send in ("send-proxy", "send-proxy-v2"):
        try:
            proxy_protocol_tells_who_asks(gateway, send)
            print(f"ok    haproxy {send}: proxy protocol tells who asks", flush=True)
        except Exception:
            failures += 1
            print(f"FAIL  haproxy {send}\n{traceback.format_exc()}", flush=True)
    gateway.stop()
    return failures


def main():
    binary, *names = sys.argv[1:]
    chosen = [kind for kind in PEERS if not names or kind.name in names]
    failures = 0 if names else check_proxy_protocol(binary)
    api = Api()
    for kind in chosen:
        gateway = Gateway(binary)
        try:
            peer = kind(gateway.port, api.port)
        except (OSError, RuntimeError) as error:
            print(f"{kind.name}: does not start: {error}")
            failures += 1
            gateway.stop()
            continue
        for check in CHECKS:
            name = f"{kind.name}: {check.__name__.replace('_', ' ')}"
            try:
                check(gateway, peer, api)
                print(f"ok    {name}", flush=True)
            except Exception:
                failures += 1
                print(f"FAIL  {name}\n{traceback.format_exc()}\n{peer.errors()[-3000:]}", flush=True)
        peer.stop()
        gateway.stop()
    print(f"{len(chosen)} peers, {len(CHECKS)} checks each, {failures} failures")
    sys.exit(1 if failures or not chosen else 0)


if __name__ == "__main__":
    main()
