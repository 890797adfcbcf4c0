"""The breach report as values: what was on the host at a moment, whom it concerns, who could read it."""

from __future__ import annotations

from publish.reports.figures import Fact, Wire


class Caller(Wire):
    """One line from which somebody called: a line, not a person.

    Attributes:
        caller: Masked; None: the number was withheld, or its data are gone since.
        tag: Keyed hash of the number, hexadecimal: the same in every report of this installation.
        calls: How many of their calls were on the host.
        recordings: How many of those recordings were there.
    """

    caller: str | None
    tag: str | None
    calls: int
    recordings: int
    first_at: str
    last_at: str


class Breach(Wire):
    """A breach report of one organisation.

    Attributes:
        at: The moment.
        known_at: Since when the organisation knows.
        report_by: Until when the FG must have told the AP: 72 hours (art. 33(1)).
        controller: Who is responsible.
        fg: Who reports for them.
        recordings: What there was of sound.
        calls: What there was of calls.
        readable: Who could open what, in words: paths of roles; nobody's keys lie on the host.
        spoken: What may have been said, keys of `publish.words`.
        kept: What is kept about a call.
        callers: Only where asked for.
    """

    policy: str
    organisation: str
    at: str
    known_at: str
    report_by: str
    made_at: str
    entry: int = 0
    controller: str
    fg: str | None
    recordings: tuple[Fact, ...]
    calls: tuple[Fact, ...]
    readable: tuple[str, ...]
    spoken: tuple[str, ...]
    kept: tuple[str, ...]
    callers: tuple[Caller, ...] = ()
