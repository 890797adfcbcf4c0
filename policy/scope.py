"""Which calls are recorded at all: direction, and who answered (N1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from policy.clock import LOCAL_ZONE
from policy.errors import shown
from policy.section import YEARS, Chosen, Listed, Section, shaped

DialledNumber = Annotated[
    str, shaped(r"\+?[0-9]{2,18}", 'must be a number without spaces such as "14040" or "+31402389111"')
]
Endpoint = Annotated[str, shaped(r"[A-Za-z0-9_./@-]{1,80}", 'must be a name such as "PJSIP/101"')]


def _day_or_moment(value: object) -> object:
    if not isinstance(value, date) or value.year not in YEARS:
        raise ValueError(f'must be a date such as 2026-01-31, or a date and time, got "{shown(str(value))}"')
    return value


DayOrMoment = Annotated[datetime | date, BeforeValidator(_day_or_moment)]


class Direction(Enum):
    """Which way a call goes."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    CALL_BACK = "call_back"
    INTERNAL = "internal"


class AnsweredBy(Enum):
    """Whose calls are recorded."""

    ANYONE = "anyone"
    KCC = "kcc"


class TransferOutside(Enum):
    """What becomes of the recording when a call goes to somebody outside the KCC."""

    STOP_AND_KEEP = "stop_and_keep"
    GO_ON = "go_on"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """By whom a call was answered, as far as Asterisk told.

    Attributes:
        endpoint: Technology and name of the telephone, such as `PJSIP/101`.
        queue: The queue that rang it.
        queue_member: The interface, as that queue names it.
        dialled: The number dialled towards the agent.
    """

    endpoint: str | None = None
    queue: str | None = None
    queue_member: str | None = None
    dialled: str | None = None


class KccMember(Section):
    """Somebody, or some line, that counts as KCC.

    Attributes:
        endpoint: Technology and name of a telephone, such as `PJSIP/101`.
        queue: Everybody whom this queue rings.
        queue_member: One member of a queue, as the queue names its interface.
        dialled: The number dialled towards the agent, where agents share one trunk (N13).
        valid_from: Valid from this day or moment on; absent: always was.
        valid_until: Valid through this day, or until this moment; absent: no end.
    """

    endpoint: Endpoint | None = None
    queue: Endpoint | None = None
    queue_member: Endpoint | None = None
    dialled: DialledNumber | None = None
    valid_from: DayOrMoment | None = None
    valid_until: DayOrMoment | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        keys = ("endpoint", "queue", "queue_member", "dialled")
        given = [key for key in keys if getattr(self, key) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"must hold exactly one of endpoint, queue, queue_member, dialled, got {got}")
        if self.valid_from is not None and self.valid_until is not None:
            begins, ends = beginning_of(self.valid_from), end_of(self.valid_until)
            if ends <= begins:
                raise ValueError(
                    f"valid_until: must be after valid_from ({self.valid_from}), got {self.valid_until}"
                )
        return self

    def counts_at(self, moment: datetime) -> bool:
        """Return whether this counts as KCC at an aware moment."""
        begun = self.valid_from is None or beginning_of(self.valid_from) <= moment
        return begun and (self.valid_until is None or moment < end_of(self.valid_until))


def beginning_of(day_or_moment: datetime | date) -> datetime:
    """Return when a day begins in Amsterdam, or the moment itself; without a zone it is Dutch time."""
    if isinstance(day_or_moment, datetime):
        return day_or_moment if day_or_moment.tzinfo else day_or_moment.replace(tzinfo=LOCAL_ZONE)
    return datetime.combine(day_or_moment, time(), tzinfo=LOCAL_ZONE)


def end_of(day_or_moment: datetime | date) -> datetime:
    """Return when the day after begins, or the moment itself."""
    if isinstance(day_or_moment, datetime):
        return beginning_of(day_or_moment)
    return beginning_of(day_or_moment + timedelta(days=1))


class Scope(Section):
    """Which calls are recorded at all.

    Attributes:
        directions: Which way a call goes that may be recorded; others hear no notice.
        answered_by: `kcc`: recorded only while somebody listed under `kcc` has the call.
        kcc: Who counts as KCC.
        transfer_outside: `stop_and_keep`: what was recorded until then stays; `go_on`; `drop`.
    """

    directions: Annotated[Listed[Chosen[Direction]], Field(min_length=1)] = (Direction.INBOUND,)
    answered_by: Chosen[AnsweredBy] = AnsweredBy.ANYONE
    kcc: Listed[KccMember] = ()
    transfer_outside: Chosen[TransferOutside] = TransferOutside.STOP_AND_KEEP

    @model_validator(mode="after")
    def _the_kcc_is_somebody(self) -> Self:
        if self.answered_by is AnsweredBy.KCC and not self.kcc:
            raise ValueError('kcc: must list who counts under answered_by = "kcc", got nobody')
        return self
