"""A report as values: tables of counts with what was measured beside them, and facts.

Names are keys, such as `answered`, that `publish.reports.words` says in a language. It travels from the
daemon to whoever asked as JSON of this very shape.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from policy.reports import ReportName


class Wire(BaseModel):
    """A part of a report; what is not known here is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class By(Enum):
    """How calls are put together."""

    ALL = "all"
    DAY = "day"
    HOUR = "hour"
    QUEUE = "queue"
    AGENT = "agent"
    PURPOSE = "purpose"


class Unit(Enum):
    """What a number is of."""

    SECONDS = "seconds"
    HOURS = "hours"
    PERCENT = "percent"
    COUNT = "count"
    MOMENT = "moment"
    TEXT = "text"


class Measure(Wire):
    """What one column of measures holds."""

    key: str
    unit: Unit


class Row(Wire):
    """One group.

    Attributes:
        label: A day, an hour, a queue; empty: not known, or the total.
        counts: Of each part, and of the whole last; None: hidden.
        measures: In the order of the table's; None: hidden, or there is none.
    """

    label: str
    counts: tuple[int | None, ...]
    measures: tuple[float | None, ...] = ()


class Table(Wire):
    """Counts in groups.

    Attributes:
        key: What is counted.
        parts: Into which the whole falls apart.
        charted: Which parts or measures are drawn.
    """

    key: str
    by: By
    parts: tuple[str, ...]
    measures: tuple[Measure, ...] = ()
    rows: tuple[Row, ...]
    total: Row
    charted: tuple[str, ...] = ()


class Fact(Wire):
    """One thing that is so."""

    key: str
    unit: Unit
    value: Annotated[float | str | None, Field(union_mode="left_to_right")] = None


class Report(Wire):
    """A report.

    Attributes:
        since: From this moment on, ISO-8601.
        before: Up to but not including this moment.
        smallest: The smallest count that is shown; None: every count is shown.
        hidden: How many counts are hidden.
        entry: The ledger entry that tells of it.
    """

    report: ReportName
    policy: str
    organisation: str
    since: str
    before: str
    by: By
    made_at: str
    smallest: int | None
    hidden: int = 0
    entry: int = 0
    tables: tuple[Table, ...]
    facts: tuple[Fact, ...] = ()
