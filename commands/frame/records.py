"""What the commands ask about calls, recordings and alarms: of the daemon, or of the files themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""One JSON object on its way to the terminal, unchanged."""

CALL_COLUMNS = (
    "call_id",
    "number",
    "policy",
    "caller",
    "started_at",
    "ended_at",
    "decision",
    "digit",
    "notice_heard_ms",
    "recording_id",
    "queue",
    "answered",
    "waited_s",
    "talked_s",
)
RECORDING_COLUMNS = (
    "recording_id",
    "call_id",
    "policy",
    "state",
    "started_at",
    "duration_ms",
    "promised_at",
    "due_at",
    "sealed_bytes",
    "erased_at",
    "erased_because",
)


class Records(Protocol):
    """Calls, recordings and alarms, wherever they are reached."""

    def calls(self, *, queue: str | None = None, most: int | None = None) -> Sequence[Row]:
        """Return one row a call, oldest first; of one queue, and at most so many, the newest."""

    def recordings(self, *, most: int | None = None) -> Sequence[Row]:
        """Return one row a recording, oldest first; at most so many, the newest."""

    def withdraw(self, *, by: str, call_id: str | None = None, recording_id: str | None = None) -> Row:
        """Withdraw the recording of a call, and return what was done."""

    def purge(self, *, dry_run: bool, as_of: str | None, clock_is_right: bool) -> Sequence[Row]:
        """Destroy what is due, or say what would be; one row a recording."""

    def sweep(self, *, dry_run: bool) -> Sequence[Row]:
        """Put rows and bytes in step again; one row a finding."""

    def alarms(self) -> Sequence[Row]:
        """Return the alarms that stand, the one that was last raised last."""

    def settle_alarms(self, alarm_ids: Sequence[int] | None) -> Sequence[Row]:
        """Put alarms aside, and return them; None: all that stand."""

    def finalise(self) -> Sequence[Row]:
        """Seal the captures that wait in the spool; one row a recording."""
