"""Many threads on one engine, and memory that comes back."""

from __future__ import annotations

import gc
import resource
import threading
from collections.abc import Callable

import pytest
from conftest import OFFICE_ONLY, TENANT, claims, event, office

from highwater import Batch, ClosedError, Documents, Engine, Reason


def run(*jobs: Callable[[], None]) -> None:
    """Runs jobs at once and raises what any of them raised."""
    raised: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # raised again below
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def test_a_revocation_is_in_force_when_the_call_returns(engine: Engine) -> None:
    """Documents are published and events applied while other threads decide."""
    revoked = threading.Event()
    done = threading.Event()

    def decide() -> None:
        token, request = engine.token(claims()), office()
        while not done.is_set():
            known = revoked.is_set()
            decision = engine.decide(token, request)
            assert not (known and decision.allowed)
        assert Reason.TOKEN_REVOKED in engine.decide(token, request).reasons

    def publish() -> None:
        try:
            for round in range(40):
                engine.publish(TENANT, Documents().add("office.json", OFFICE_ONLY))
                if round == 20:
                    engine.apply(event("revoke"))
                    revoked.set()
        finally:
            done.set()

    run(decide, decide, decide, publish)


def test_an_engine_that_is_closed_under_way_ends_after_the_last_call() -> None:
    for _ in range(20):
        engine = Engine({"settings": {"accept_any_tenant": True}})
        token = engine.token(claims())

        def decide(engine: Engine = engine, token: object = token) -> None:
            batch = Batch([(token, office())] * 200)  # type: ignore[list-item]
            with pytest.raises(ClosedError):
                while True:
                    assert all(engine.decide_batch(batch).allowed())

        run(decide, decide, engine.close)


def test_memory_comes_back(engine: Engine) -> None:
    def work() -> None:
        for _ in range(2000):
            token = engine.token(claims(groups=["g" * 36] * 20))
            request = office()
            request.authentication_context = "c" * 500
            engine.decide(token, request).header(token, request)
            token.facts()
            Documents().add("x.json", "[" + " " * 1000 + "]")
            with pytest.raises(ValueError, match="iat"):
                engine.token(claims(iat=None))
        gc.collect()

    work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        work()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # In KiB. A leak of any of these objects would be several MiB.
    assert grown < 2048, f"{grown} KiB more"
