"""What to do with what is found after not having looked: pure, so that it can be read and tried.

After an absence of the daemon a recording lives on only where policy says so and the caller was
connected throughout, so that the keys of features.conf were in place (I9). After a mere cut of the
connection the daemon itself was there; it decided about waiting calls when the cut happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from policy.vocabulary import CallId, ControllerLost, ErasedBecause, RecordingId, RecordingState
from recorder.ports import LiveChannel, Row
from recorder.spool import WITHDRAWN_SUFFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """The tape of a live call goes on, under our eyes again."""

    row: Row
    bridge_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Somebody said stop while nobody looked."""

    recording_id: RecordingId
    call_id: CallId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """In doubt there is no recording."""

    recording_id: RecordingId
    call_id: CallId | None
    because: ErasedBecause


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The call is over and consent never in doubt: seal it."""

    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    """Left over of a recording that is sealed already, or destroyed already."""

    recording_id: RecordingId


Step = Adopt | Withdraw | Drop | Finish | Unlink


def plan_reconcile(
    *,
    rows: tuple[Row, ...],
    channels: tuple[LiveChannel, ...],
    spool: Mapping[RecordingId, tuple[Path, ...]],
    absent: bool,
) -> tuple[Step, ...]:
    """Return one step for each recording, in the order of the rows and then of the spool.

    Args:
        rows: Every row in `recording` or `captured`, and that of each recording in the spool.
        channels: Those that exist now.
        spool: What lies there, by recording.
        absent: Whether the daemon was away, as at its start.
    """
    live = {channel.channel_id: channel for channel in channels}
    known = {row.recording_id for row in rows}
    steps = [_of_row(row, live.get(row.call_id), spool.get(row.recording_id, ()), absent) for row in rows]
    ghosts = [
        Drop(recording_id=recording_id, call_id=None, because=ErasedBecause.GHOST)
        for recording_id in spool
        if recording_id not in known
    ]
    return (*(step for step in steps if step is not None), *ghosts)


def _of_row(row: Row, channel: LiveChannel | None, paths: tuple[Path, ...], absent: bool) -> Step | None:
    call_id = row.call_id if channel is not None else None
    withdrawn = any(path.name.endswith(WITHDRAWN_SUFFIX) for path in paths)
    match row.state:
        case RecordingState.RECORDING | RecordingState.CAPTURED if withdrawn:
            return Withdraw(recording_id=row.recording_id, call_id=call_id)
        case RecordingState.RECORDING if row.ended and channel is None and not row.marked:
            return Finish(row=row)  # seen to its end: the absence came after
        case RecordingState.RECORDING if absent and not _watched(row, channel):
            return Drop(recording_id=row.recording_id, call_id=call_id, because=ErasedBecause.CONTROLLER_LOST)
        case RecordingState.RECORDING if channel is not None:
            return Adopt(row=row, bridge_id=channel.bridge_id)
        case RecordingState.RECORDING | RecordingState.CAPTURED:
            return Finish(row=row)
        case RecordingState.LOST if paths and not withdrawn:
            return Finish(row=row)
        case RecordingState.SEALED if withdrawn:
            return Withdraw(recording_id=row.recording_id, call_id=call_id)
        case _ if paths:
            return Unlink(recording_id=row.recording_id)
        case _:
            return None


def _watched(row: Row, channel: LiveChannel | None) -> bool:
    """Tell whether policy and circumstances let a recording live through the daemon's absence (I9)."""
    return (
        row.controller_lost is ControllerLost.KEEP_IF_WATCHED
        and not row.marked
        and channel is not None
        and channel.bridge_id is not None
        and channel.bridge_id == row.bridge_id  # connected throughout: who left it came into another one
        and channel.recording_id == row.recording_id
    )
