"""The compliance report as values: each promise, its article, the evidence, and whether it was kept."""

from __future__ import annotations

from enum import Enum

from publish.reports.figures import Fact, Wire


class Kept(Enum):
    """What the evidence says of a promise.

    `not_by_machine` is no verdict: nothing that is counted here shows it either way.
    """

    YES = "yes"
    NO = "no"
    NOT_BY_MACHINE = "not_by_machine"


class Line(Wire):
    """One promise.

    Attributes:
        promise: The key of the policy file, such as `retention.recording`.
        value: What it says.
        source: Its article.
        evidence: What was found.
    """

    promise: str
    value: str
    source: str
    evidence: tuple[Fact, ...]
    kept: Kept


class Deviation(Wire):
    """Something that departs from the text, on record.

    Attributes:
        what: `hardship`, `hold_against_the_text` or `order`.
        about: Which key, reason or order.
        decided_by: A role, or a body.
        until: Its end, ISO-8601; None: it has none.
    """

    what: str
    about: str
    why: str
    decided_by: str
    until: str | None


class Compliance(Wire):
    """A compliance report.

    Attributes:
        versions: The policy versions under which calls of the period were made, content hashes.
        lines: In the order of the policy file.
        general: What holds for all of them: ledger, keys, backups.
        entry: The ledger entry that tells of it.
    """

    policy: str
    organisation: str
    title: str
    since: str
    before: str
    made_at: str
    entry: int = 0
    versions: tuple[str, ...]
    lines: tuple[Line, ...]
    general: tuple[Line, ...]
    deviations: tuple[Deviation, ...]
