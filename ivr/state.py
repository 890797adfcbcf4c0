"""Where a call is, and all that is known of it: the data on which `ivr/machine.py` works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ivr.events import Earlier
from policy.evidence import Heard
from policy.vocabulary import Outcome, PolicyName, RecordingId, TakenBack


class Phase(Enum):
    """Where a call is."""

    OPENING = "opening"
    PREPARING = "preparing"
    NOTICE = "notice"
    REPLY = "reply"
    CHECKING = "checking"
    STORING = "storing"
    LEAVING = "leaving"
    CALL = "call"
    OVER = "over"


MEANING: Mapping[Phase, str] = {
    Phase.OPENING: "the call is being put on record; a key already counts",
    Phase.PREPARING: "the notice is looked up and hashed; a key already counts",
    Phase.NOTICE: "the notice was ordered or plays; a key cuts it",
    Phase.REPLY: "the notice was heard to its end; the reply window is open",
    Phase.CHECKING: "the outcome permits a recording; the recorder is asked for room",
    Phase.STORING: "the decision is being made durable; a refusal still counts",
    Phase.LEAVING: "the call was sent onward and has not left the gate yet",
    Phase.CALL: "the call goes on, recorded or not; it can be withdrawn",
    Phase.OVER: "the call ended and that is on record",
}


class Tape(Enum):
    """What is known of this call's recording."""

    NONE = "none"
    RUNNING = "running"
    STOPPING = "stopping"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that is known of one call at one gate.

    Attributes:
        new_recording_id: The name a recording will have if one may start here.
        policy: Whose gate it is, or None.
        verdict: An outcome that stands whatever the caller does, or None; only a stricter one beats it.
        heard: What happened while the caller was asked.
        notice_started_at_ms: When the notice began, or None.
        notice_duration_ms: How long it is.
        earlier: What an earlier gate decided about this call.
        outcome: What this gate decided, once it did.
        reserved_id: The recording that the decision being stored permits.
        tape: What is known of the recording of this call, from here or from an earlier gate.
        tape_id: Its name.
        taken_back: What became of it, once it was taken back.
        has_left: Whether the call was taken from the gate by somebody else.
        tried_plain_way: Whether the way without a recording was tried after a failure.
    """

    phase: Phase
    new_recording_id: RecordingId
    policy: PolicyName | None = None
    verdict: Outcome | None = None
    heard: Heard = field(default_factory=Heard)
    notice_started_at_ms: int | None = None
    notice_duration_ms: int = 0
    earlier: Earlier | None = None
    outcome: Outcome | None = None
    reserved_id: RecordingId | None = None
    tape: Tape = Tape.NONE
    tape_id: RecordingId | None = None
    taken_back: TakenBack = TakenBack.ERASED
    has_left: bool = False
    tried_plain_way: bool = False
