"""A year of five organisations on one host: how long lists, finds and reports take, and is purge exact?

    python -m bench.year [--calls 1000000] [--seed 1] [--keep FOLDER]

Everything is measured beside a plain read of the table of calls in the same run; what counts is the ratio,
for the machine's speed falls out of it. Purge runs an hour after the year's end: what is due by then has to
be gone, nothing else, and the ledger has to verify.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import synthetic_year
from bench.synthetic_year import YEAR, Made
from casework import breach, compliance, incidents, reports
from casework.reports import WAYS, Wanted
from policy.access import Action, PurposeName
from policy.clock import SteppedClock, to_ms
from policy.reports import ReportName
from policy.situation import Hat, Person, PersonId
from policy.vocabulary import PolicyName
from publish.reports.figures import By
from store import settings
from store.access import finding
from store.access.door import Question
from store.access.finding import Search
from store.access.situation import Asked
from store.figures.period import Period
from store.logbook import ledger
from store.proof import verification
from store.records import calls, recordings
from store.retention import holds, purge
from tests.store.scene import Scene, scene

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHOWN = 200
LISTED = 10_000
EINDHOVEN = PolicyName("eindhoven")


def main() -> None:
    """Make the year, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="Make the installation in this folder, and leave it there.")
    given = parser.parse_args()
    with _folder(given.keep) as folder, scene(folder, clock=SteppedClock(NOW)) as stage:
        began_s = time.perf_counter()
        made = synthetic_year.make(stage.archive, stage.policies, calls=given.calls, seed=given.seed, now=NOW)
        size_mb = stage.db.path.stat().st_size / 1e6
        made_s = time.perf_counter() - began_s
        print(f"made {made.calls} calls, {made.entries} ledger entries, {size_mb:.0f} MB in {made_s:.0f} s")
        measure(stage, made)


def measure(stage: Scene, made: Made) -> dict[str, float]:
    """Print how long each question takes beside a plain read, and return it in seconds."""
    plain_s = min(_timed(lambda: _plain_read(stage)) for _ in range(2))
    print(f"{'plain read of every call':44s} {plain_s:8.3f} s   1.00")
    took: dict[str, float] = {}
    for name, ask in (*_lists(stage).items(), *_reports(stage)):
        took[name] = _timed(ask)
        print(f"{name:44s} {took[name]:8.3f} s {took[name] / plain_s:6.2f}")
    took["purge of the next hour"] = _timed(lambda: exact_purge(stage, made))
    print(f"{'purge of the next hour':44s} {took['purge of the next hour']:8.3f} s   {len(made.soon)} exact")
    took["ledger verify"] = _timed(lambda: _verify(stage))
    size = ledger.head(stage.db).size
    print(f"{'ledger verify':44s} {took['ledger verify']:8.3f} s   {size} entries hold")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of resident memory {peak_mb:.0f} MB")
    return took


def exact_purge(stage: Scene, made: Made) -> None:
    """Purge an hour later: exactly what falls due by then goes, nothing late, nothing early.

    Raises:
        AssertionError: If anything else went, or anything stayed.
    """
    before = _gone(stage)
    stage.clock.advance(HOUR)
    done = purge.run(stage.archive, stage.guard)
    gone = _gone(stage) - before
    overdue = stage.db.tuples(
        "SELECT count(*) FROM recordings WHERE erased_at IS NULL AND due_at <= ?", (to_ms(stage.clock.now()),)
    )
    early = [one for one in done.receipts.values() if one.erased_at < _due(done.plan)[one.recording_id]]
    if gone != made.soon or overdue != [(0,)] or early:
        raise AssertionError(
            f"purge: {len(gone)} went, {len(made.soon)} were due, {overdue[0][0]} stayed, {len(early)} early"
        )
    if not all(stage.archive.vault.absent(one.recording_id) for one in done.receipts.values()):
        raise AssertionError("purge: a sealed file is still there")


def _verify(stage: Scene) -> None:
    verification.verify(stage.db, vault=None).report.must_hold()


def _due(plan: purge.Plan) -> Mapping[str, datetime]:
    return {one.recording_id: one.due_at for one in plan.recordings}


def _gone(stage: Scene) -> set[str]:
    return {
        row for (row,) in stage.db.tuples("SELECT recording_id FROM recordings WHERE erased_at IS NOT NULL")
    }


def _plain_read(stage: Scene) -> None:
    """Read every call once, a thousand at a time, and do nothing with it."""
    last = 0
    while found := stage.db.tuples("SELECT rowid, * FROM calls WHERE rowid > ? LIMIT 1000", (last,)):
        last = found[-1][0]


def _lists(stage: Scene) -> Mapping[str, Callable[[], object]]:
    db, tag_key = stage.db, settings.tag_key(stage.db)
    year = Period(since=NOW - YEAR, before=NOW + HOUR)

    def find(**search: Any) -> Callable[[], object]:
        return lambda: _find(stage, Search(**search), tag_key)

    return {
        "calls, the newest 10,000": lambda: calls.all_calls(db, limit=LISTED),
        "calls of a queue, the newest 10,000": lambda: calls.all_calls(db, queue="burgerzaken", limit=LISTED),
        "recordings, the newest 10,000": lambda: recordings.all_recordings(db, limit=LISTED),
        "find in a week": find(since=NOW - timedelta(days=7), before=NOW),
        "find in a year": find(since=year.since, before=year.before),
        "find by queue": find(queue="belastingen"),
        "find by agent": find(agent=PersonId("agent7")),
        "find by number": find(number="+31612340017"),
        "holds": lambda: holds.all_holds(db, running=True),
        "incidents": lambda: incidents.listed(stage.archive, None),
        "ledger, the last 1,000": lambda: ledger.show(db, from_seq=ledger.head(db).size - 1000),
        "purge, what would go now": lambda: purge.look(stage.archive, NOW),
    }


def _find(stage: Scene, search: Search, tag_key: bytes) -> int:
    """Do what the door does: candidates, then judged until enough were found."""
    policy = stage.policies.named(EINDHOVEN)
    role = policy.access.roles if policy.access is not None else {}
    hats = tuple(Hat(role=name, since=NOW - YEAR, until=None) for name in role if name == "coach")  # type: ignore[arg-type]  # a name of its table
    person = Person(id=PersonId("coach"), hats=hats)
    question = Question(
        person=person.id,
        login="coach",
        actor="person:coach login:coach",
        policy=policy,
        action=Action.FIND,
        purpose=PurposeName("training"),
        reason="bench",
    )
    asked = Asked(
        policy=policy.name,
        person=person,
        company=(),
        action=Action.FIND,
        purpose=question.purpose,
        staff={person.id: person},
    )
    found = 0
    for batch in finding.batches(finding.candidates(stage.db, policy.name, search, tag_key=tag_key)):
        found += len(finding.allowed(stage.db, batch, asked, question, NOW))
        if found >= SHOWN:
            break
    return found


def _reports(stage: Scene) -> Iterator[tuple[str, Callable[[], object]]]:
    policy = stage.policies.named(EINDHOVEN)
    year = Period(since=NOW - YEAR, before=NOW)
    for name, ways in WAYS.items():
        if name in (ReportName.COMPLIANCE, ReportName.BREACH):
            continue
        for by in ways:
            if by is not By.AGENT:
                wanted = Wanted(report=name, policy=policy, period=year, by=by)
                yield f"report {name.value} by {by.value}", _asked(stage, wanted)

    def account() -> object:
        return compliance.make(stage.db, stage.archive, policy, year, now=NOW, verify=False)

    def on_host() -> object:
        return breach.make(stage.db, policy, at=NOW, known_at=NOW, now=NOW, with_callers=True)

    yield "report compliance, ledger apart", account
    yield "report breach, with every number", on_host


def _asked(stage: Scene, wanted: Wanted) -> Callable[[], object]:
    return lambda: reports.make(stage.archive, wanted, NOW)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="consentline-year-") as folder:
        yield Path(folder) / "site"


def _timed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
