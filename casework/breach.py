"""The breach report: what the FG needs to tell the AP within 72 hours (AVG art. 33), of one organisation.

The 72 hours run on through nights, weekends and holidays.
Source: AVG art. 33(1); Regulation 1182/71 art. 3(4) extends only periods that are not expressed in hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from policy.clock import to_iso
from policy.errors import ConsentlineError
from policy.key_groups import audio_paths, in_words, number_paths
from policy.model import Policy
from publish.reports.breach import Breach, Caller
from publish.reports.figures import Fact, Unit
from store.db import Db
from store.figures import host

REPORT_WITHIN: Final = timedelta(hours=72)


def make(
    db: Db, policy: Policy, *, at: datetime, known_at: datetime, now: datetime, with_callers: bool
) -> Breach:
    """Count what was on the host at a moment; only reads.

    Raises:
        ConsentlineError: If the moment lies ahead, or it was known before it happened.
    """
    for name, moment in (("at", at), ("known", known_at)):
        if moment > now:
            raise ConsentlineError(f"breach: --{name} must not lie ahead, got {to_iso(moment)}")
    if known_at < at:
        raise ConsentlineError(f"breach: --known must not be before --at, got {to_iso(known_at)}")
    identity = policy.identity
    return Breach(
        policy=policy.name,
        organisation=identity.organisation,
        at=to_iso(at),
        known_at=to_iso(known_at),
        report_by=to_iso(known_at + REPORT_WITHIN),
        made_at=to_iso(now),
        controller=identity.controller or identity.organisation,
        fg=identity.contacts.fg_email or identity.contacts.fg,
        recordings=_recordings(host.sound(db, policy.name, at)),
        calls=_calls(host.data(db, policy.name, at)),
        readable=_readable(policy),
        spoken=tuple(one.value for one in policy.data.may_be_spoken),
        kept=tuple(one.value for one in policy.data.call_data),
        callers=tuple(_caller(one) for one in host.lines(db, policy.name, at)) if with_callers else (),
    )


def _recordings(found: host.Sound) -> tuple[Fact, ...]:
    return (
        _count("open_recordings", found.open),
        _count("sealed_recordings", found.sealed),
        _count("lost", found.lost),
        _count("gone_since", found.gone_since),
        _count("keyless", found.keyless),
        Fact(key="sound_hours", unit=Unit.HOURS, value=round(found.talked_ms / 3_600_000, 1)),
        _moment("oldest", found.oldest_at),
        _moment("newest", found.newest_at),
    )


def _calls(found: host.Data) -> tuple[Fact, ...]:
    return (
        _count("calls_with_data", found.calls),
        _count("caller_lines", found.lines),
        _count("callers_withheld", found.withheld),
        _count("call_data_gone_since", found.gone_since),
        _count("agents_concerned", found.agents),
        _moment("oldest_call", found.oldest_at),
        _moment("newest_call", found.newest_at),
    )


def _readable(policy: Policy) -> tuple[str, ...]:
    if policy.access is None:
        return ()
    opened = [
        f"recordings: {in_words(path, policy.access)}" for path in audio_paths(policy.access, policy.sharing)
    ]
    numbers = number_paths(policy.access, policy.sharing)
    return (*opened, *(f"callers' numbers: {in_words(path, policy.access)}" for path in numbers))


def _caller(line: host.Line) -> Caller:
    return Caller(
        caller=line.masked,
        tag=None if line.tag is None else line.tag.hex(),
        calls=line.calls,
        recordings=line.recordings,
        first_at=to_iso(line.first_at),
        last_at=to_iso(line.last_at),
    )


def _count(key: str, number: int) -> Fact:
    return Fact(key=key, unit=Unit.COUNT, value=number)


def _moment(key: str, at: datetime | None) -> Fact:
    return Fact(key=key, unit=Unit.MOMENT, value=None if at is None else to_iso(at))
