"""What the gate has done to the world, in the imperative. `ivr/session.py` carries it out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from policy.evidence import Heard
from policy.vocabulary import Outcome, RecordingId, TakenBack, WithdrawnBy


class AlarmKind(Enum):
    """Why somebody has to look at the gate."""

    OPENING_FAILED = "opening_failed"
    POLICY_CONFLICT = "policy_conflict"
    NOTICE_UNFIT = "notice_unfit"
    NOTICE_INCOMPLETE = "notice_incomplete"
    CONNECTION_LOST = "connection_lost"
    RECORDER_NOT_READY = "recorder_not_ready"
    STORING_FAILED = "storing_failed"
    EFFECT_FAILED = "effect_failed"
    CONTINUE_FAILED = "continue_failed"
    WITHDRAWAL_FAILED = "withdrawal_failed"
    CONFIRMATION_FAILED = "confirmation_failed"
    CALLER_FREED = "caller_freed"
    GATE_MISUSED = "gate_misused"
    SESSION_FAILED = "session_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """Put the call on record. Answer: `CallOpened` or `OpeningFailed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareNotice:
    """Find and hash the notice. Answer: `NoticePrepared` or `NoticeUnfit`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCall:
    """Answer it: from here on the caller hears us, and pays. Before that the call was as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayNotice:
    """Play it. Answers: `NoticeStarted`, then `NoticeEnded` or `NoticeFailed`; else `NoticeOverdue`."""

    limit_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNotice:
    """Delete the playback. While it plays Asterisk obeys nothing else, so this goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForReply:
    """Open the reply window. Answer: `ReplyWindowOver`."""

    window_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecorder:
    """Ask whether another recording may start. Answer: `RecorderChecked`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDecision:
    """Make the decision durable (I1). Answer: `DecisionStored` or `StoringFailed`."""

    outcome: Outcome
    heard: Heard
    recording_id: RecordingId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectRecording:
    """Tell the recorder that this capture starts now."""

    recording_id: RecordingId


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRecording:
    """Tell the recorder that this capture, though permitted, will never start."""

    recording_id: RecordingId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcludeRecording:
    """Stop an earlier gate's capture and keep what it holds; where that fails nothing else may start."""

    recording_id: RecordingId


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowCall:
    """Subscribe to the caller's channel, so that keys and the hang-up are still seen after the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """Send the call onward. Answers: `GateLeft` or `ContinueFailed`.

    Attributes:
        recording_id: With one, the dialplan starts the capture under it; without, none starts.
    """

    outcome: Outcome
    recording_id: RecordingId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawRecording:
    """Stop it and let it vanish, beside all else. Answer: `RecordingWithdrawn` or `WithdrawalFailed`."""

    recording_id: RecordingId
    by: WithdrawnBy


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmWithdrawal:
    """Say to both parties what became of the recording that was taken back.

    Attributes:
        taken_back: Whether it is gone, or stopped and kept, closed.
    """

    taken_back: TakenBack = TakenBack.ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCall:
    """Put the end of the call on record and tell the recorder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlarm:
    """Tell the operator."""

    kind: AlarmKind
    text: str


Effect = (
    OpenCall
    | PrepareNotice
    | AnswerCall
    | PlayNotice
    | StopNotice
    | WaitForReply
    | CheckRecorder
    | StoreDecision
    | ExpectRecording
    | DropRecording
    | ConcludeRecording
    | FollowCall
    | Continue
    | WithdrawRecording
    | ConfirmWithdrawal
    | EndCall
    | RaiseAlarm
)
