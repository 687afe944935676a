"""Numbers that are written down in Python are those of the header."""

from __future__ import annotations

import enum

import pytest

from highwater import ClientAppType, DocumentKind, Outcome, Platform, Reason, Status
from highwater._library import lib, static_text


@pytest.mark.parametrize(
    ("word", "numbers", "left_out"),
    [
        ("STATUS", Status, set()),
        ("REASON", Reason, set()),
        ("OUTCOME", Outcome, set()),
        ("DOCUMENT_KIND", DocumentKind, set()),
        ("PLATFORM", Platform, {"UNKNOWN"}),
        ("CLIENT_APP_TYPE", ClientAppType, {"UNKNOWN"}),
    ],
)
def test_the_numbers_are_those_of_the_header(
    word: str, numbers: type[enum.IntEnum], left_out: set[str]
) -> None:
    prefix = f"HIGHWATER_{word}_"
    declared = {
        name.removeprefix(prefix): getattr(lib, name)
        for name in dir(lib)
        if name.startswith(prefix) and name.removeprefix(prefix) not in left_out
    }
    assert declared == {number.name: number.value for number in numbers}


def test_the_words_are_those_of_the_library() -> None:
    for reason in Reason:
        assert static_text(lib.highwater_reason_name(reason)) == str(reason)
    for status in Status:
        assert static_text(lib.highwater_status_name(status)) == status.name
    for outcome in Outcome:
        assert static_text(lib.highwater_outcome_name(outcome)) == str(outcome)
