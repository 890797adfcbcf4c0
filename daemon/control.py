"""The control socket: HTTP over a Unix socket, where everything that changes something is asked.

Routes map one question to one method of `Operations`; errors become JSON with the exit
code that the command line will end with.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from daemon.peers import Doorman, Peer, peer_of
from policy.clock import from_iso
from policy.errors import (
    AccessRefused,
    ConsentlineError,
    NotFound,
    StateConflict,
    Unavailable,
)
from policy.evidence import Heard
from policy.vocabulary import CallId, RecordingId, WithdrawnBy

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]
ShortText = Annotated[str, StringConstraints(max_length=512)]
HexId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

_STATUS: Sequence[tuple[type[ConsentlineError], int]] = (
    (NotFound, 404),
    (AccessRefused, 403),
    (StateConflict, 409),
    (Unavailable, 503),
)


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WithdrawQuestion(_Question):
    """Which recording, and by whom."""

    call: ShortText | None = None
    recording: ShortText | None = None
    by: WithdrawnBy = WithdrawnBy.OPERATOR


class PurgeQuestion(_Question):
    """Whether to do it, as of when, and whether somebody vouches for the clock."""

    dry_run: bool = False
    as_of: str | None = None
    clock_is_right: bool = False


class SweepQuestion(_Question):
    """Whether to do it or only to say what would be done."""

    dry_run: bool = False


class SettleQuestion(_Question):
    """Which alarms, or all that stand."""

    alarms: Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=10_000)] = []
    all: bool = False


class ExportQuestion(_Question):
    """Which recording, for whom."""

    recording: ShortText
    person: ShortText


class GateQuestion(_Question):
    """A call that came to the gate by AGI."""

    call_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,150}$")]
    channel: ShortText
    caller: Annotated[str, StringConstraints(max_length=4096)]
    language: ShortText
    number: Annotated[str, StringConstraints(pattern=r"^[0-9+]{0,40}$")]
    named: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{0,32}$")]


class HeardQuestion(_Question):
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


class DecisionQuestion(_Question):
    """How the conversation by AGI went."""

    call_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,150}$")]
    heard: HeardQuestion


class Operations(Protocol):
    """What can be asked; each answer is ready to become JSON."""

    async def status(self) -> Row:
        """Return how the daemon is."""

    async def calls(self) -> Sequence[Row]:
        """Return one row a call."""

    async def recordings(self) -> Sequence[Row]:
        """Return one row a recording."""

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

    async def export(self, recording_id: RecordingId, person: str, *, actor: str) -> Row:
        """Put the access on the ledger and release the envelope (I5)."""

    async def sealed_path(self, recording_id: RecordingId) -> Path:
        """Return where the sealed bytes lie."""

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


Question = TypeVar("Question", bound=_Question)
Answer = Callable[[web.Request, Peer], Awaitable[web.StreamResponse]]


class ControlSocket:
    """Serves `Operations` on a Unix socket."""

    def __init__(self, path: Path, operations: Operations, doorman: Doorman) -> None:
        self._path = path
        self._operations = operations
        self._doorman = doorman
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: If the socket cannot be made.
        """
        app = web.Application(client_max_size=64 * 1024)
        for method, path, answer, for_asterisk in self._routes():
            app.router.add_route(method, path, self._guarded(answer, for_asterisk=for_asterisk))
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            self._path.unlink(missing_ok=True)  # the lock says that no other daemon lives
            await web.UnixSite(self._runner, str(self._path)).start()
            self._path.chmod(0o666)  # who may ask what is decided by SO_PEERCRED, not by the mode
        except OSError as error:
            await self._runner.cleanup()
            raise Unavailable(f"{self._path}: control socket cannot be made: {error.strerror}") from error

    async def stop(self) -> None:
        """Stop listening and remove the socket file."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    def _routes(self) -> Sequence[tuple[str, str, Answer, bool]]:
        return (
            ("GET", "/status", self._status, True),
            ("GET", "/calls", self._calls, False),
            ("GET", "/recordings", self._recordings, False),
            ("GET", "/recordings/{recording}/sealed", self._sealed, False),
            ("GET", "/ledger", self._ledger, False),
            ("GET", "/alarms", self._alarms, False),
            ("POST", "/alarms/settle", self._settle, False),
            ("POST", "/withdraw", self._withdraw, True),
            ("POST", "/purge", self._purge, False),
            ("POST", "/sweep", self._sweep, False),
            ("POST", "/finalise", self._finalise, False),
            ("POST", "/export", self._export, False),
            ("POST", "/gate", self._gate, True),
            ("POST", "/decision", self._decision, True),
        )

    def _guarded(
        self, answer: Answer, *, for_asterisk: bool
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                peer = _peer(request)
                self._doorman.admit(peer, for_asterisk=for_asterisk)
                return await answer(request, peer)
            except ConsentlineError as error:
                # As it came, still encoded: decoded, a path can hold a line break, and anybody may ask.
                logger.info("control %s %s: %s", request.method, request.rel_url.raw_path, error.text)
                status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
                body = {"error": error.text, "hint": error.hint, "exit_code": error.exit_code}
                return web.json_response(body, status=status)

        return handle

    async def _status(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(dict(await self._operations.status()))

    async def _calls(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _array(await self._operations.calls())

    async def _recordings(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _array(await self._operations.recordings())

    async def _sealed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        recording_id = RecordingId(request.match_info["recording"])
        return web.FileResponse(await self._operations.sealed_path(recording_id))

    async def _ledger(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        first = request.query.get("from", "0")
        if not first.isdecimal():
            raise ConsentlineError(f'/ledger: from: must be a number, got "{first[:20]}"')
        return _array(await self._operations.ledger(int(first)))

    async def _withdraw(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await _read(request, WithdrawQuestion)
        if (question.call is None) == (question.recording is None):
            raise ConsentlineError("/withdraw: must name a call or a recording, one of them")
        if question.recording is not None:
            row = await self._operations.withdraw(RecordingId(question.recording), question.by)
        else:
            row = await self._operations.withdraw_call(CallId(str(question.call)), question.by)
        return web.json_response(dict(row))

    async def _purge(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await _read(request, PurgeQuestion)
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
            actor=peer.login,
        )
        return _array(rows)

    async def _sweep(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await _read(request, SweepQuestion)
        return _array(await self._operations.sweep(dry_run=question.dry_run))

    async def _finalise(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _array(await self._operations.finalise())

    async def _export(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await _read(request, ExportQuestion)
        row = await self._operations.export(
            RecordingId(question.recording), question.person, actor=peer.login
        )
        return web.json_response(dict(row))

    async def _alarms(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return _array(await self._operations.alarms())

    async def _settle(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        question = await _read(request, SettleQuestion)
        if question.all == bool(question.alarms):
            raise ConsentlineError("/alarms/settle: must name alarms or all, one of them")
        which = None if question.all else question.alarms
        return _array(await self._operations.settle_alarms(which, actor=f"login:{peer.login}"))

    async def _gate(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(dict(await self._operations.gate(await _read(request, GateQuestion))))

    async def _decision(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        return web.json_response(dict(await self._operations.decide(await _read(request, DecisionQuestion))))


def _peer(request: web.Request) -> Peer:
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is None:
        raise AccessRefused("control socket: the other side has gone")
    return peer_of(connection)


async def _read(request: web.Request, question: type[Question]) -> Question:
    try:
        return question.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise ConsentlineError(f"{request.path}: {where}: {first['msg']}") from error


def _array(rows: Sequence[Row]) -> web.Response:
    return web.json_response([dict(row) for row in rows])
