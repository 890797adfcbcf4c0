"""How long each kind of data is kept, who may lengthen that once, and how it is backed up."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Final, TypeAlias

from pydantic import Discriminator, Field, Tag

from policy.errors import StateConflict
from policy.period import Period
from policy.section import Chosen, Name, Section, Text
from policy.working_days import NATIONAL, WorkingDays


class DataKind(Enum):
    """Every kind of data that has a term of its own."""

    RECORDING = "recording"
    CALL_DATA = "call_data"
    DECISIONS = "decisions"
    NOTICE_VERSIONS = "notice_versions"
    REVIEW_FORMS = "review_forms"
    INCIDENTS = "incidents"
    REQUESTS = "requests"
    APPROVALS = "approvals"
    EXPORTS = "exports"
    DEVIATIONS = "deviations"
    LEDGER_PAYLOADS = "ledger_payloads"


EVIDENCE: Final = (DataKind.CALL_DATA, DataKind.DECISIONS, DataKind.NOTICE_VERSIONS)
"""What shows that a recording was permitted: never goes before it."""


class SelectionList(Section):
    """A term that a selection list of the Archiefwet decides (R4).

    Attributes:
        selection_list: Which list.
        category: Which category of it.
        period: What the organisation filled in; absent: nothing of this kind can be kept yet.
    """

    selection_list: Text
    category: Text
    period: Period | None = None

    @property
    def in_hours(self) -> bool:
        """Whether the term filled in is given in hours."""
        return self.period is not None and self.period.in_hours

    def after(self, start: datetime, working_days: WorkingDays = NATIONAL) -> datetime:
        """Return the due moment under the period filled in.

        Raises:
            StateConflict: If none was.
        """
        if self.period is None:
            raise StateConflict(
                f'{self.selection_list}, "{self.category}": the organisation has filled in no period yet',
                hint='write `period = "5y"` beside `category`, as the list says; until then none is made',
            )
        return self.period.after(start, working_days)

    def __str__(self) -> str:
        filled_in = "no period filled in" if self.period is None else str(self.period)
        return f'{self.selection_list}, "{self.category}" ({filled_in})'


def _which(value: Any) -> str:
    return "~list" if isinstance(value, dict | SelectionList) else "~period"


Term: TypeAlias = Annotated[
    Annotated[Period, Tag("~period")] | Annotated[SelectionList, Tag("~list")], Discriminator(_which)
]


class Retention(Section):
    """How long each kind of data is kept: at the latest so long after, never later.

    Recordings, call data, decisions and notice versions count from the start of the call,
    everything else from the moment it was closed. A kind without a term has that of `call_data`.

    Attributes:
        recording: The recording, sealed or not.
        call_data: Number, times, decision and evidence; never shorter than the recording.
        decisions: What the gate decided and what was heard.
        notice_versions: The very words of the notice, after the last call that heard them.
        review_forms: Forms filled in while listening.
        incidents: Registrations of aggression; they outlive the recording (G5).
        requests: Files of data subjects' requests.
        approvals: Who agreed to what.
        exports: What was handed out, without the audio.
        deviations: Findings under the hardship clause.
        ledger_payloads: What the ledger says in words; its hashes stay.
        fixed_end: The text promises the end without any exception, so that even a hold by law
            deviates from it and is shown so.
    """

    recording: Term
    call_data: Term
    decisions: Term | None = None
    notice_versions: Term | None = None
    review_forms: Term | None = None
    incidents: Term | None = None
    requests: Term | None = None
    approvals: Term | None = None
    exports: Term | None = None
    deviations: Term | None = None
    ledger_payloads: Term | None = None
    fixed_end: bool = False

    def term(self, kind: DataKind) -> Period | SelectionList:
        """Return the term of a kind of data; that of the call data where it has none of its own."""
        own: Period | SelectionList | None = getattr(self, kind.value)
        return self.call_data if own is None else own


class CountsFrom(Enum):
    """From when an extension counts."""

    END_OF_TERM = "end_of_term"
    DECISION = "decision"


class Extension(Section):
    """A longer term for one recording, once, and then it goes all the same (G4).

    Attributes:
        name: What it is called on the ledger.
        indicated_by: Role that may ask for it; of those who take calls, only whoever held this one.
        decided_by: Role that decides, before the first term is over.
        lasts: How long.
        counts_from: `end_of_term`: of the first term; `decision`.
    """

    name: Name
    indicated_by: Name
    decided_by: Name
    lasts: Period
    counts_from: Chosen[CountsFrom] = CountsFrom.END_OF_TERM


class BackupMode(Enum):
    """Whether recordings are in a backup."""

    NONE = "none"
    VAULT = "vault"


class Backups(Section):
    """Whether recordings are in a backup (N4).

    Attributes:
        mode: `none`, or `vault`: mirrored to a second host that obeys the same destruction.
    """

    mode: BackupMode = Field(default=BackupMode.NONE, strict=False)
