"""The first desk: calls, recordings, destruction, alarms, and the gate's own scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Protocol

from aiohttp import web
from pydantic import Field, StringConstraints

from daemon.control import Question, Route, Row, ShortText, array, read
from daemon.peers import Asker, Peer
from policy.clock import from_iso
from policy.errors import ConsentlineError
from policy.evidence import Heard
from policy.vocabulary import CallId, RecordingId, WithdrawnBy

_MOST: Final = re.compile(r"[1-9][0-9]{0,8}")


class WithdrawQuestion(Question):
    """Which recording, and by whom."""

    call: ShortText | None = None
    recording: ShortText | None = None
    by: WithdrawnBy = WithdrawnBy.OPERATOR


class PurgeQuestion(Question):
    """Whether to do it, as of when, and whether somebody vouches for the clock."""

    dry_run: bool = False
    as_of: str | None = None
    clock_is_right: bool = False


class SweepQuestion(Question):
    """Whether to do it or only to say what would be done."""

    dry_run: bool = False


class SettleQuestion(Question):
    """Which alarms, or all that stand."""

    alarms: Annotated[tuple[Annotated[int, Field(ge=1, lt=2**63)], ...], Field(max_length=10_000)] = ()
    all: bool = False


class GateQuestion(Question):
    """A call that came to the gate by AGI."""

    call_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,150}$")]
    channel: ShortText
    caller: Annotated[str, StringConstraints(max_length=4096)]
    language: ShortText
    number: Annotated[str, StringConstraints(pattern=r"^[0-9+]{0,40}$")]
    named: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,32}$")]


class HeardQuestion(Question):
    """What the caller heard and pressed; see `policy.evidence.Heard`."""

    heard_ms: Annotated[int, Field(ge=0)]
    finished: bool
    window_over: bool
    digit: Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")] | None
    digit_offset_ms: Annotated[int, Field(ge=0)] | None
    hung_up: bool

    def as_heard(self) -> Heard:
        """Return the value that the rest of the tree knows."""
        return Heard(**self.model_dump())


class DecisionQuestion(Question):
    """How the conversation by AGI went."""

    call_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,150}$")]
    heard: HeardQuestion


class Operations(Protocol):
    """What can be asked; each answer is ready to become JSON."""

    async def status(self) -> Row:
        """Return how the daemon is."""

    async def calls(self, *, queue: str | None, most: int | None) -> Sequence[Row]:
        """Return one row a call; of one queue, and at most so many, the newest."""

    async def recordings(self, *, most: int | None) -> Sequence[Row]:
        """Return one row a recording; at most so many, the newest."""

    async def withdraw_call(self, call_id: CallId, by: WithdrawnBy) -> Row:
        """Withdraw the recording of a call."""

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> Row:
        """Withdraw a recording."""

    async def purge(
        self, *, dry_run: bool, as_of: datetime | None, clock_is_right: bool, actor: str
    ) -> Sequence[Row]:
        """Destroy what is due."""

    async def sweep(self, *, dry_run: bool) -> Sequence[Row]:
        """Put rows and bytes in step."""

    async def finalise(self) -> Sequence[Row]:
        """Seal what waits in the spool."""

    async def ledger(self, first: int) -> Sequence[Row]:
        """Return ledger entries."""

    async def alarms(self) -> Sequence[Row]:
        """Return the alarms that stand."""

    async def settle_alarms(self, alarm_ids: Sequence[int] | None, *, actor: str) -> Sequence[Row]:
        """Put alarms aside; None: all that stand."""

    async def gate(self, question: GateQuestion) -> Row:
        """Open a call that came by AGI."""

    async def decide(self, question: DecisionQuestion) -> Row:
        """Store the decision of a call that came by AGI."""


class OperationsDesk:
    """Puts the questions of command line, Asterisk and metrics to `Operations`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def routes(self) -> Sequence[Route]:
        """Return what can be asked here."""
        everybody, operators = Asker.ASTERISK, Asker.OPERATOR
        return (
            Route("GET", "/status", self._status, everybody),
            Route("GET", "/calls", self._calls, operators),
            Route("GET", "/recordings", self._recordings, operators),
            Route("GET", "/ledger", self._ledger, operators),
            Route("GET", "/alarms", self._alarms, operators),
            Route("POST", "/alarms/settle", self._settle, operators),
            Route("POST", "/withdraw", self._withdraw, everybody),
            Route("POST", "/purge", self._purge, operators),
            Route("POST", "/sweep", self._sweep, operators),
            Route("POST", "/finalise", self._finalise, operators),
            Route("POST", "/gate", self._gate, everybody),
            Route("POST", "/decision", self._decision, everybody),
        )

    async def _status(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(dict(await self._operations.status()))

    async def _calls(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(await self._operations.calls(queue=request.query.get("queue"), most=_most(request)))

    async def _recordings(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(await self._operations.recordings(most=_most(request)))

    async def _ledger(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        first = request.query.get("from", "0")
        if not first.isdecimal():
            raise ConsentlineError(f'/ledger: from: must be a number, got "{first[:20]}"')
        return array(await self._operations.ledger(int(first)))

    async def _withdraw(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, WithdrawQuestion)
        if (question.call is None) == (question.recording is None):
            raise ConsentlineError("/withdraw: must name a call or a recording, one of them")
        if question.recording is not None:
            row = await self._operations.withdraw(RecordingId(question.recording), question.by)
        else:
            row = await self._operations.withdraw_call(CallId(str(question.call)), question.by)
        return web.json_response(dict(row))

    async def _purge(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, PurgeQuestion)
        if question.as_of is not None and not question.dry_run:
            raise ConsentlineError("/purge: as_of: must come with dry_run: no other clock purges")
        try:
            as_of = None if question.as_of is None else from_iso(question.as_of)
        except ValueError as error:
            raise ConsentlineError(f'/purge: as_of: must be ISO-8601, got "{question.as_of}"') from error
        rows = await self._operations.purge(
            dry_run=question.dry_run,
            as_of=as_of,
            clock_is_right=question.clock_is_right,
            actor=peer.actor,
        )
        return array(rows)

    async def _sweep(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, SweepQuestion)
        return array(await self._operations.sweep(dry_run=question.dry_run))

    async def _finalise(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(await self._operations.finalise())

    async def _alarms(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return array(await self._operations.alarms())

    async def _settle(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await read(request, SettleQuestion)
        if question.all == bool(question.alarms):
            raise ConsentlineError("/alarms/settle: must name alarms or all, one of them")
        which = None if question.all else question.alarms
        return array(await self._operations.settle_alarms(which, actor=peer.actor))

    async def _gate(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(dict(await self._operations.gate(await read(request, GateQuestion))))

    async def _decision(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(dict(await self._operations.decide(await read(request, DecisionQuestion))))


def _most(request: web.Request) -> int | None:
    most = request.query.get("most")
    if most is None:
        return None
    if _MOST.fullmatch(most) is None:
        raise ConsentlineError(f'{request.path}: most: must be a number from 1 on, got "{most[:20]}"')
    return int(most)
