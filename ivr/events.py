"""What can happen to a call at the gate and after it, in the past tense.

Moments are Asterisk's own, in Unix milliseconds: a busy daemon measures no shorter notice.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.vocabulary import Outcome, PolicyName, RecordingId, TakenBack, WithdrawnBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an earlier gate decided about the same call.

    Attributes:
        outcome: The strictest so far.
        recording_id: The recording that runs on this call, or None.
        policy: Under whose policy it runs.
        withdrawn: Whether a recording of this call was withdrawn.
    """

    outcome: Outcome
    recording_id: RecordingId | None
    policy: PolicyName | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOpened:
    """The call is on record."""

    earlier: Earlier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningFailed:
    """The call could not be put on record."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePrepared:
    """The notice is there, its words are those of the policy, its hash is taken."""

    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeUnfit:
    """The notice is missing or is not what was attested."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeStarted:
    """Asterisk began to play the notice."""

    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEnded:
    """Asterisk says the notice is done; it says so of a cut one too."""

    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed:
    """Asterisk could not play the notice, or not to its end."""

    at_ms: int | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeOverdue:
    """The notice should have ended some seconds ago and nothing was heard of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed:
    """The caller pressed a key."""

    digit: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyWindowOver:
    """The time to answer after the notice ran out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderChecked:
    """The recorder said whether it can take another call."""

    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStored:
    """A decision is durable."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StoringFailed:
    """A decision could not be made durable."""

    outcome: Outcome
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueFailed:
    """Asterisk did not take the call onward, as far as can be known."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectFailed:
    """An effect failed that has no event of its own; those after it in its row were not begun."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLeft:
    """The call left the gate alive: by our `Continue`, or taken away by the dead-man switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerGone:
    """The caller hung up.

    Attributes:
        at_ms: When; None when it was only found out afterwards.
    """

    at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost:
    """Events were lost: keys may have been pressed that nobody saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCodePressed:
    """Somebody on the line pressed the withdraw code."""

    by: WithdrawnBy


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingWithdrawn:
    """A recording of this call was taken back, by whichever road; the call may have several.

    Attributes:
        taken_back: Whether it is gone, or stopped and kept, closed.
    """

    recording_id: RecordingId
    taken_back: TakenBack = TakenBack.ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingEnded:
    """A recording was ended while its call goes on: somebody has it who is no KCC.

    Attributes:
        erased: Whether it is gone; else what it held was kept.
    """

    recording_id: RecordingId
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalFailed:
    """A withdrawal is noted but something of the recording is still there."""

    problem: str


Event = (
    CallOpened
    | OpeningFailed
    | NoticePrepared
    | NoticeUnfit
    | NoticeStarted
    | NoticeEnded
    | NoticeFailed
    | NoticeOverdue
    | DigitPressed
    | ReplyWindowOver
    | RecorderChecked
    | DecisionStored
    | StoringFailed
    | ContinueFailed
    | EffectFailed
    | GateLeft
    | CallerGone
    | ConnectionLost
    | WithdrawCodePressed
    | RecordingWithdrawn
    | RecordingEnded
    | WithdrawalFailed
)
