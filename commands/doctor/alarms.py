"""What `doctor` says of the alarms: whether any stand."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

from commands.doctor.diagnosis import Check, note, ok, problem
from policy.clock import SystemClock
from policy.errors import ConsentlineError
from store.db import Db
from store.records import alarms

NAME = "alarms"


def alarm_checks(database: Path) -> list[Check]:
    """Return one check: a note where alarms stand."""
    try:
        with closing(Db.open_to_read(database, clock=SystemClock())) as db:
            standing = alarms.standing_kinds(db)
    except ConsentlineError as error:
        return [problem(NAME, error.text, error.hint)]
    if not standing:
        return [ok(NAME, "none stands")]
    kinds = Counter(standing)
    told = ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in sorted(kinds.items()))
    return [note(NAME, f"{len(standing)} stand: {told}", "look at them: consentline alarms")]
