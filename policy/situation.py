"""Who asks what about which recording, and what is so at that moment: values only.

The daemon fills these in from its tables; `policy/permission.py` decides with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NewType

from policy.access import Action, IncidentKind, PurposeName, RoleName

PersonId = NewType("PersonId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hat:
    """A role that somebody wears for a while.

    Attributes:
        since: From this moment on.
        until: Up to but not including this moment, or None while it lasts.
    """

    role: RoleName
    since: datetime
    until: datetime | None = None

    def worn_at(self, now: datetime) -> bool:
        """Return whether it is worn at this moment."""
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A named person with all their hats under this policy."""

    id: PersonId
    hats: tuple[Hat, ...]


class IncidentStage(Enum):
    """How far an incident is; a dropped one is no incident."""

    FLAGGED = "flagged"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What was indicated about a call, and whether it was assessed to be kept."""

    kind: IncidentKind
    stage: IncidentStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What has to be known of a recording, or of a call that is still going on.

    Attributes:
        agents: Everybody who held the call; empty when that is not known.
        due_at: End of the term it was promised.
        extended_until: End of the term that an assessed incident gave it, or None.
        incident: What it was flagged for, or None.
        live: Whether the call is still going on.
        refused: Whether the caller refused to be recorded.
    """

    agents: frozenset[PersonId]
    due_at: datetime
    extended_until: datetime | None = None
    incident: Incident | None = None
    live: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One person's recorded word to another about this recording: asked, opened or approved.

    Attributes:
        by: Who gave it, with the hats they wear.
        to: To whom.
        until: It counts up to but not including this moment.
    """

    by: Person
    to: PersonId
    action: Action
    purpose: PurposeName
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """An agent's recorded yes to one use of their call.

    Attributes:
        until: It counts up to but not including this moment; taken back: the moment of that.
    """

    by: PersonId
    purpose: PurposeName
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why the recording is kept beyond its term, and until when."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is so at this moment, about this recording and this question.

    Attributes:
        now: Aware.
        present: Who else is there and hears or sees it.
        requests: Who asked whom to do something with this recording.
        openings: Who opens it for whom.
        approvals: Who approved what for whom.
        yes: What the agents said yes to.
        drawn_until: Until when a recorded draw holds this recording, or None.
        requested_until: Until when a data subject's request on this recording runs of which
            identity and call were confirmed, or None.
        hold: The hold on it, or None.
        restricted: Whether a data subject had it restricted (art. 18).
        objected: Whether a data subject objected (art. 21).
        recording_impossible: Whether recording is technically impossible now.
    """

    now: datetime
    present: tuple[Person, ...] = ()
    requests: tuple[Word, ...] = ()
    openings: tuple[Word, ...] = ()
    approvals: tuple[Word, ...] = ()
    yes: tuple[Yes, ...] = ()
    drawn_until: datetime | None = None
    requested_until: datetime | None = None
    hold: Hold | None = None
    restricted: bool = False
    objected: bool = False
    recording_impossible: bool = False
