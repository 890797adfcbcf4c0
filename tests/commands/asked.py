"""A daemon that answers from a script and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from daemon.control import Row
from daemon.desks.operations import DecisionQuestion, GateQuestion
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
    ) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        self._rows = rows
        self._refusal = refusal

    def _answer(self, question: str, **details: object) -> Sequence[Row]:
        self.asked.append((question, details))
        if self._refusal is not None:
            raise self._refusal
        return self._rows

    async def status(self) -> Row:
        """Return that it runs."""
        return {"state": "running"}

    async def calls(self, *, queue: str | None, most: int | None) -> Sequence[Row]:
        """Return the rows."""
        return self._answer("calls")

    async def recordings(self, *, most: int | None) -> Sequence[Row]:
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
