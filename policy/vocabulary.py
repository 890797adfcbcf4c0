"""The words of the project: closed sets whose values are the stored strings.

The same word stands in code, database, log, docs and policy files.
"""

from __future__ import annotations

from enum import Enum
from typing import NewType

CallId = NewType("CallId", str)
"""Asterisk's uniqueid of the caller's channel, such as `1795282161.17`."""

RecordingId = NewType("RecordingId", str)
"""32 lower-case hexadecimal digits; random, and the only name a recording has."""

PolicyName = NewType("PolicyName", str)
"""File name of a policy without `.toml`: a-z, 0-9 and `-`, such as `eindhoven`."""


class ConsentMode(Enum):
    """How a caller is asked."""

    OPT_OUT = "opt_out"
    ANNOUNCE = "announce"
    OPT_IN = "opt_in"


class Outcome(Enum):
    """What the gate decided about one call. Only the first three permit a recording."""

    NOT_REFUSED = "not_refused"
    ACCEPTED = "accepted"
    ANNOUNCED = "announced"
    REFUSED = "refused"
    NOTICE_INCOMPLETE = "notice_incomplete"
    CALLER_GONE = "caller_gone"
    GATE_UNAVAILABLE = "gate_unavailable"
    OUT_OF_SCOPE = "out_of_scope"
    ERROR = "error"

    @property
    def permits_recording(self) -> bool:
        """Whether a capture may start on this outcome (I1, I9)."""
        return self in (Outcome.NOT_REFUSED, Outcome.ACCEPTED, Outcome.ANNOUNCED)


class RecordingState(Enum):
    """Where a recording is on its way.

    recording -> captured -> sealed -> purging -> purged, or aside: `empty` (nobody
    spoke), `withdrawn` (a caller or agent said stop), `lost` (bytes gone without our doing).
    """

    RECORDING = "recording"
    CAPTURED = "captured"
    SEALED = "sealed"
    EMPTY = "empty"
    WITHDRAWN = "withdrawn"
    PURGING = "purging"
    PURGED = "purged"
    LOST = "lost"


class ErasedBecause(Enum):
    """Why the bytes of a recording went."""

    DUE = "due"
    WITHDRAWN = "withdrawn"
    REQUEST = "request"
    OBJECTION = "objection"
    OUT_OF_SCOPE = "out_of_scope"
    INCIDENT_DROPPED = "incident_dropped"
    CONTROLLER_LOST = "controller_lost"
    EMPTY = "empty"
    GHOST = "ghost"


class ControllerLost(Enum):
    """What becomes of a call that was being recorded while the daemon was away (I9)."""

    DROP = "drop"
    KEEP_IF_WATCHED = "keep_if_watched"


class WithdrawnBy(Enum):
    """Who said stop."""

    CALLER_KEY = "caller_key"
    AGENT_KEY = "agent_key"
    OPERATOR = "operator"
    SECOND_GATE = "second_gate"
    DIALPLAN = "dialplan"


class ConcludedBecause(Enum):
    """Why a recording ended, and was kept, while its call went on."""

    TRANSFERRED_OUTSIDE = "transferred_outside"
    ANOTHER_GATE = "another_gate"


class ResumedBecause(Enum):
    """Why a recording that was paused went on."""

    KEY = "key"
    TIME = "time"
    AGENT_LEFT = "agent_left"


class TakenBack(Enum):
    """What became of a recording that was taken back."""

    ERASED = "erased"
    RESTRICTED = "restricted"
    """Kept while an incident or a hold is open, and closed to nearly everybody."""


class Voice(Enum):
    """Who speaks a prompt: synthetic speech for trying out, or the organisation's own."""

    PLACEHOLDER = "placeholder"
    OWN = "own"
