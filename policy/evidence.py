"""What is known of how a caller was asked, as values that every module shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from policy.vocabulary import CallId, Outcome, PolicyName, RecordingId


class Way(Enum):
    """By which road a decision came."""

    ARI = "ari"
    AGI = "agi"
    MARK = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A call that reached a gate.

    Attributes:
        call_id: Asterisk's uniqueid of the caller's channel.
        channel: Name of the caller's channel, such as `PJSIP/trunk-00000012`.
        policy: The policy whose gate it is, or None when no policy serves the number.
        number: The number dialled, digits and `+` only.
        caller: The caller's number as the network gave it: data, used nowhere (I10).
        language: CHANNEL(language) of the caller's channel.
        started_at: When the call reached the gate; terms of keeping count from here.
        way: By which road.
    """

    call_id: CallId
    channel: str
    policy: PolicyName | None
    number: str
    caller: str
    language: str
    started_at: datetime
    way: Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The very words and the very audio that a caller is played.

    Attributes:
        policy_hash: Content hash of the policy file in force.
        text_hash: SHA-256 of the words.
        language: Two letters.
        audio_sha256: SHA-256 of the audio file, taken just before it is played.
        duration_ms: Length of the audio.
        path: The audio file without its extension, as Asterisk wants it.
    """

    policy_hash: str
    text_hash: str
    language: str
    audio_sha256: str
    duration_ms: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What happened while the caller was asked.

    Attributes:
        heard_ms: How much of the notice was played, in milliseconds.
        finished: Whether the notice played to its end.
        window_over: Whether the reply window ran out.
        digit: The key that decided, if any.
        digit_offset_ms: From the start of the notice to that key.
        hung_up: Whether the caller left.
    """

    heard_ms: int = 0
    finished: bool = False
    window_over: bool = False
    digit: str | None = None
    digit_offset_ms: int | None = None
    hung_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of evidence: stored, durable, before anything is recorded (I1).

    Attributes:
        prompt: What was played, or None when nothing could be.
        recording_id: Under which name the capture may start; None: no recording.
    """

    call_id: CallId
    outcome: Outcome
    heard: Heard
    prompt: Prompt | None
    recording_id: RecordingId | None
    decided_at: datetime
    way: Way
