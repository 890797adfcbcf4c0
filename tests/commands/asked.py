"""A daemon that answers from a script and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from aiohttp import web

from daemon.control import Route, Row
from daemon.desks.operations import DecisionQuestion, GateQuestion
from daemon.peers import Asker, Peer
from policy.clock import to_iso
from policy.errors import ConsentlineError
from policy.vocabulary import CallId, RecordingId, WithdrawnBy


class ScriptedOperations:
    """Answers every question with the rows given, or refuses it with the error given."""

    def __init__(
        self,
        rows: Sequence[Row] = (),
        *,
        refusal: ConsentlineError | None = None,
        sealed: Path | None = None,
    ) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        self._rows = rows
        self._refusal = refusal
        self._sealed = sealed

    def _answer(self, question: str, **details: object) -> Sequence[Row]:
        self.asked.append((question, details))
        if self._refusal is not None:
            raise self._refusal
        return self._rows

    async def status(self) -> Row:
        """Return that it runs."""
        return {"state": "running"}

    async def calls(self) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("calls")

    async def recordings(self) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("recordings")

    async def withdraw_call(self, call_id: CallId, by: WithdrawnBy) -> Row:
        """Return the first row."""
        return self._answer("withdraw_call", call=call_id, by=by)[0]

    async def withdraw(self, recording_id: RecordingId, by: WithdrawnBy) -> Row:
        """Return the first row."""
        return self._answer("withdraw", recording=recording_id, by=by)[0]

    async def purge(
        self, *, dry_run: bool, as_of: datetime | None, clock_is_right: bool, actor: str
    ) -> Sequence[Row]:
        """Return the rows."""
        moment = None if as_of is None else to_iso(as_of)
        return self._answer("purge", dry_run=dry_run, as_of=moment, clock_is_right=clock_is_right)

    async def sweep(self, *, dry_run: bool) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("sweep", dry_run=dry_run)

    async def finalise(self) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("finalise")

    async def sealed_path(self, recording_id: RecordingId) -> Path:
        """Return the sealed file."""
        self._answer("sealed", recording=recording_id)
        assert self._sealed is not None
        return self._sealed

    async def ledger(self, first: int) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("ledger", first=first)

    async def alarms(self) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("alarms")

    async def settle_alarms(self, alarm_ids: Sequence[int] | None, *, actor: str) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("settle_alarms", alarms=alarm_ids, login=actor.startswith("login:"))

    async def gate(self, question: GateQuestion) -> Row:
        """Refuse: no command asks this."""
        raise NotImplementedError

    async def decide(self, question: DecisionQuestion) -> Row:
        """Refuse: no command asks this."""
        raise NotImplementedError


class ScriptedRelease:
    """A desk that hands out one challenge, and releases one recording to whoever opens it.

    Args:
        challenge: As `/proofs` answers.
        answer: What the challenge holds, in Base64.
        released: As `/export` answers.
        refusal: Raised instead of the release.
    """

    def __init__(
        self, challenge: Row, answer: str, released: Row, *, refusal: ConsentlineError | None = None
    ) -> None:
        self.asked: list[str] = []
        self._challenge = challenge
        self._answer = answer
        self._released = released
        self._refusal = refusal

    def routes(self) -> Sequence[Route]:
        """Return what can be asked."""
        return (
            Route("POST", "/proofs", self._prove, Asker.PERSON),
            Route("POST", "/proofs/failed", self._failed, Asker.PERSON),
            Route("POST", "/export", self._export, Asker.OPERATOR),
        )

    async def _prove(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        self.asked.append("proof")
        return web.json_response(dict(self._challenge))

    async def _failed(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        self.asked.append("failed")
        return web.json_response({"wait_s": 4.0})

    async def _export(self, request: web.Request, peer: Peer) -> web.StreamResponse:
        self.asked.append("export")
        question = await request.json()
        assert question["proof"] == {"challenge": self._challenge["challenge"], "answer": self._answer}
        if self._refusal is not None:
            raise self._refusal
        return web.json_response(dict(self._released))
