"""Who speaks with whom, through however many Local channels, and how they came to be rung.

Theory of operation
===================

A caller's parties are the channels in the same bridge. Half a Local channel there is a pipe: whoever is in
the bridge of its other half is the party. A holding bridge (parking) is no meeting.

    caller --bridge-- Local/x@ctx;1 ~~ Local/x@ctx;2 --bridge-- PJSIP/agent1

How a party counts is told by who rang it. Rung by the caller's own channel, it has the queue, the member and
the number of that ring. Rung by the far half of a Local channel it has that ring's number, and it stands in
for the Local channel: but only the first to speak there, for later ones came by a transfer. Rung by anybody
else, as in a transfer after asking, it has nothing but its endpoint; that the caller's channel is still in
Queue() then says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ivr.direction import endpoint_of
from ivr.membership import Party, dialled_number
from policy.scope import Answered
from policy.vocabulary import CallId
from recorder.ami_wire import BridgeEntered, BridgeLeft, ChannelListed, Event, HungUp, Rang

_NOBODY = ("Snoop/", "Announcer/", "Recorder/", "CBAnn/", "CBRec/")
"""Asterisk's own channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ring:
    by: CallId
    dial_string: str
    queue: str | None = None


class Parties:
    """Every bridge, every channel in one, and every ring."""

    def __init__(self) -> None:
        self._names: dict[CallId, str] = {}
        self._by_name: dict[str, CallId] = {}
        self._where: dict[CallId, str] = {}
        self._members: dict[str, set[CallId]] = {}
        self._rings: dict[CallId, _Ring] = {}
        self._first: dict[CallId, CallId] = {}
        self._met_somebody: set[CallId] = set()

    def hear(self, event: Event) -> tuple[CallId, ...]:
        """Take in an AMI event; return every channel that may have other parties by it."""
        match event:
            case Rang():
                self._call(event.channel_id, event.channel)
                self._call(event.dest_id, event.dest_channel)
                self._rings[event.dest_id] = _Ring(by=event.channel_id, dial_string=event.dial_string)
            case BridgeEntered(holding=False):
                self._call(event.channel_id, event.channel)
                return self._enter(event.channel_id, event.bridge_id)
            case BridgeEntered() | BridgeLeft():
                return self._leave(event.channel_id)
            case HungUp():
                return self._forget(event.channel_id)
            case _:
                return ()
        return ()

    def look_again(self, there: Sequence[ChannelListed]) -> tuple[CallId, ...]:
        """Take in what there is after events were lost; how somebody was rung meanwhile stays unknown."""
        before = set(self._where)
        alive = {listed.channel_id for listed in there}
        for channel_id in self._names.keys() - alive:
            self._forget(channel_id)
        self._where.clear()
        self._members.clear()
        for listed in there:
            self._call(listed.channel_id, listed.channel)
        for listed in there:
            if listed.bridge_id is not None:
                self._enter(listed.channel_id, listed.bridge_id)
        return tuple(sorted(before | self._where.keys()))

    def rung_from(self, dest_id: CallId, queue: str) -> None:
        """Take in that it was this queue that rang a channel."""
        ring = self._rings.get(dest_id)
        if ring is not None:
            self._rings[dest_id] = replace(ring, queue=queue)

    def of(self, call_id: CallId) -> tuple[Party, ...]:
        """Return who speaks with a caller now."""
        bridge_id = self._where.get(call_id)
        if bridge_id is None:
            return ()
        return tuple(self._beyond(bridge_id, call_id, call_id, frozenset({bridge_id})))

    def _beyond(
        self, bridge_id: str, entrance: CallId, call_id: CallId, seen: frozenset[str]
    ) -> Iterator[Party]:
        for channel_id in sorted(self._members[bridge_id] - {entrance}):
            if self._names[channel_id].startswith(_NOBODY):
                continue
            far = self._other_half(channel_id)
            if not self._is_half(channel_id):
                yield Party(channel_id=channel_id, answers=self._answers(channel_id, call_id))
            elif far is not None and (further := self._where.get(far)) is not None:
                if further not in seen:
                    yield from self._beyond(further, far, call_id, seen | {further})
            elif far not in self._met_somebody:
                answers = self._answers(channel_id, call_id)
                yield Party(channel_id=channel_id, answers=answers, is_certain=False)

    def _answers(self, channel_id: CallId, call_id: CallId) -> tuple[Answered, ...]:
        endpoint = endpoint_of(self._names[channel_id])
        ring = self._rings.get(channel_id)
        if ring is None:
            return (Answered(endpoint=endpoint),)
        if ring.by == call_id:
            how = Answered(
                endpoint=endpoint,
                queue=ring.queue,
                queue_member=ring.dial_string,
                dialled=dialled_number(ring.dial_string),
            )
            return (how,)
        near = self._other_half(ring.by)
        if near is None or self._first.get(ring.by) != channel_id:
            return (Answered(endpoint=endpoint),)
        own = Answered(endpoint=endpoint, dialled=dialled_number(ring.dial_string))
        return (own, *self._answers(near, call_id))

    def _enter(self, channel_id: CallId, bridge_id: str) -> tuple[CallId, ...]:
        left_behind = self._leave(channel_id)
        members = self._members.setdefault(bridge_id, set())
        for one, other in [
            pair for member in members for pair in ((channel_id, member), (member, channel_id))
        ]:
            self._met_somebody.add(one)
            if not self._is_half(other):
                self._first.setdefault(one, other)
        members.add(channel_id)
        self._where[channel_id] = bridge_id
        return tuple(sorted(self._connected(bridge_id).union(left_behind)))

    def _connected(self, bridge_id: str) -> set[CallId]:
        """Return every channel that a bridge reaches, through Local channels too."""
        seen, ahead, found = {bridge_id}, [bridge_id], set[CallId]()
        while ahead:
            for channel_id in self._members[ahead.pop()]:
                found.add(channel_id)
                far = self._other_half(channel_id)
                further = None if far is None else self._where.get(far)
                if further is not None and further not in seen:
                    seen.add(further)
                    ahead.append(further)
        return found

    def _is_half(self, channel_id: CallId) -> bool:
        name = self._names.get(channel_id, "")
        return name.startswith("Local/") and name[-2:] in (";1", ";2")

    def _other_half(self, channel_id: CallId) -> CallId | None:
        if not self._is_half(channel_id):
            return None
        name = self._names[channel_id]
        return self._by_name.get(name[:-1] + ("2" if name.endswith("1") else "1"))

    def _call(self, channel_id: CallId, name: str) -> None:
        self._names[channel_id] = name
        self._by_name[name] = channel_id

    def _leave(self, channel_id: CallId) -> tuple[CallId, ...]:
        """Take a channel out of its bridge; return every channel that was reached from there."""
        bridge_id = self._where.get(channel_id)
        if bridge_id is None:
            return ()
        reached = self._connected(bridge_id)
        del self._where[channel_id]
        self._members[bridge_id].discard(channel_id)
        if not self._members[bridge_id]:
            del self._members[bridge_id]
        return tuple(sorted(reached))

    def _forget(self, channel_id: CallId) -> tuple[CallId, ...]:
        reached = self._leave(channel_id)
        name = self._names.pop(channel_id, None)
        if name is not None and self._by_name.get(name) == channel_id:
            del self._by_name[name]
        self._rings.pop(channel_id, None)
        self._first.pop(channel_id, None)
        self._met_somebody.discard(channel_id)
        return reached
