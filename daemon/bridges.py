"""Who is connected to whom, from AMI: so that the agents' keys on gated calls are seen.

Bridges of Queue() and Dial() cannot be subscribed to in ARI, so entries and leavings come
from AMI; which channels that makes partners of a gated caller is worked out here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from policy.vocabulary import CallId
from recorder.ami_wire import BridgeEntered, BridgeLeft, HungUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A channel is connected to a gated caller: its keys count for that call."""

    channel_id: CallId
    call_id: CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A channel is connected to no gated caller any more."""

    channel_id: CallId


class Bridges:
    """Every bridge and its channels.

    Args:
        is_gated: Whether a channel is the caller's of a call that passed the gate.
    """

    def __init__(self, is_gated: Callable[[CallId], bool]) -> None:
        self._is_gated = is_gated
        self._members: dict[str, set[CallId]] = {}
        self._where: dict[CallId, str] = {}

    def hear(self, event: object) -> tuple[Met | Parted, ...]:
        """Take in an AMI event and return who met and who parted by it."""
        match event:
            case BridgeEntered():
                return tuple(self._entered(event.channel_id, event.bridge_id))
            case BridgeLeft() | HungUp():
                return tuple(self._left(event.channel_id))
            case _:
                return ()

    def look_again(self, there: Iterable[tuple[CallId, str | None]]) -> tuple[Met | Parted, ...]:
        """Take in what there is after events were lost: pairs of channel and bridge, or None."""
        self._members.clear()
        self._where.clear()
        return tuple(
            found
            for channel_id, bridge_id in there
            if bridge_id is not None
            for found in self._entered(channel_id, bridge_id)
        )

    def _entered(self, channel_id: CallId, bridge_id: str) -> Iterator[Met | Parted]:
        yield from self._left(channel_id)
        others = self._members.setdefault(bridge_id, set())
        self._where[channel_id] = bridge_id
        if self._is_gated(channel_id):
            for other in sorted(others):
                if not self._is_gated(other):
                    yield Met(channel_id=other, call_id=channel_id)
        else:
            for caller in sorted(filter(self._is_gated, others)):
                yield Met(channel_id=channel_id, call_id=caller)
        others.add(channel_id)

    def _left(self, channel_id: CallId) -> Iterator[Parted]:
        bridge_id = self._where.pop(channel_id, None)
        if bridge_id is None:
            return
        members = self._members[bridge_id]
        members.discard(channel_id)
        if self._is_gated(channel_id):
            if not any(map(self._is_gated, members)):
                for other in sorted(members):
                    yield Parted(channel_id=other)
        else:
            yield Parted(channel_id=channel_id)
        if not members:
            del self._members[bridge_id]
