"""What calls are recorded for, and on which ground of AVG art. 6(1)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from policy.retention import DataKind
from policy.section import Chosen, Listed, Section, Text, Told


class Ground(Enum):
    """Ground of processing, AVG art. 6(1)."""

    CONSENT = "6(1)(a)"
    AGREEMENT = "6(1)(b)"
    LEGAL_OBLIGATION = "6(1)(c)"
    VITAL_INTEREST = "6(1)(d)"
    PUBLIC_TASK = "6(1)(e)"
    LEGITIMATE_INTEREST = "6(1)(f)"


class Purpose(Section):
    """One purpose with its ground.

    Attributes:
        ground: `6(1)(a)` to `6(1)(f)`.
        description: What for, as it is published, in each language.
        about: Which kinds of data serve it.
    """

    ground: Chosen[Ground]
    description: Told
    about: Listed[Chosen[DataKind]] = (DataKind.RECORDING,)


PURPOSES_BY_LAW: Final[Mapping[str, Purpose]] = {
    "data_subject_request": Purpose(
        source="AVG art. 12 to 22; X11",
        ground=Ground.LEGAL_OBLIGATION,
        description={
            "nl": "een verzoek van een betrokkene afhandelen",
            "en": "settle a request of a data subject",
        },
        about=(DataKind.RECORDING, DataKind.CALL_DATA, DataKind.DECISIONS, DataKind.REQUESTS),
    )
}
"""What every policy serves, whatever its text says."""


class Balancing(Section):
    """The weighing that ground 6(1)(f) asks for.

    Attributes:
        task: The task that is not a statutory one: a public body may rest only such a task on (f).
        interest: Whose interest it is, and which.
        outcome: Why it outweighs those of callers and agents.
        recorded: Where the weighing stands.
    """

    task: Text | None = None
    interest: Text
    outcome: Text
    recorded: Text
