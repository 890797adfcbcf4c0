"""Giving account: each promise with its evidence, and what was on the host at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from casework import breach, compliance, holds
from policy.cited import sources
from policy.clock import to_iso
from policy.errors import ConsentlineError
from policy.vocabulary import PolicyName, RecordingId, WithdrawnBy
from publish.markdown import markdown
from publish.reports import words
from publish.reports.breach import Breach
from publish.reports.breach_page import breach_page
from publish.reports.compliance import Compliance, Kept, Line
from publish.reports.compliance_page import DEVIATIONS, SECTIONS, compliance_page
from publish.web_page import web_page
from publish.words import Language
from store.figures.period import Period
from store.keyring import reading_keys
from store.records import recordings
from store.retention import purge, withdrawals
from tests.casework.staff import HEAD, OFFICER, call_of, staff
from tests.store.scene import STARTED_AT, Scene, scene

pytestmark = pytest.mark.exhaustive

DAY = timedelta(days=1)
FIVE = ("eindhoven", "groningen", "heerde", "nunspeet", "rvo")
HOUR = timedelta(hours=1)


@pytest.fixture
def heerde(tmp_path: Path) -> Iterator[Scene]:
    """Heerde: seven days (H2), a coach's sample (H3)."""
    with staff(scene(tmp_path, policy=PolicyName("heerde"))) as stage:
        yield stage


def account(stage: Scene, *, verify: bool = False) -> Compliance:
    now = stage.clock.now()
    return compliance.make(
        stage.db,
        stage.archive,
        stage.policies.named(stage.policy),
        Period(since=STARTED_AT - DAY, before=now + DAY),
        now=now,
        verify=verify,
    )


def line(report: Compliance, promise: str) -> Line:
    (found,) = [one for one in (*report.lines, *report.general) if one.promise == promise]
    return found


def evidence(found: Line) -> dict[str, float | str | None]:
    return {one.key: one.value for one in found.evidence}


def on_host(stage: Scene, *, with_callers: bool = False, back: timedelta = timedelta()) -> Breach:
    now = stage.clock.now()
    policy = stage.policies.named(stage.policy)
    return breach.make(stage.db, policy, at=now - back, known_at=now, now=now, with_callers=with_callers)


def facts(report: Breach) -> dict[str, float | str | None]:
    return {one.key: one.value for one in (*report.recordings, *report.calls)}


# --- compliance -------------------------------------------------------------------------------------


def test_h2_what_went_on_time_is_kept_and_what_is_overdue_is_not(heerde: Scene) -> None:
    recording_id = heerde.keep(1)
    kept = line(account(heerde), "retention.recording")
    assert (kept.source, kept.kept, evidence(kept)["present"]) == ("H2, art. 7", Kept.YES, 1)
    heerde.clock.advance(timedelta(days=7, minutes=3))
    late = line(account(heerde), "retention.recording")
    assert (late.kept, evidence(late)["overdue"]) == (Kept.NO, 1)
    purge.run(heerde.archive, heerde.guard)
    gone = line(account(heerde), "retention.recording")
    assert (gone.kept, evidence(gone)["erased_late"], evidence(gone)["present"]) == (Kept.NO, 1, 0)
    row = recordings.get_recording(heerde.db, recording_id)
    assert evidence(gone)["latest_erasure"] == round((row.lateness_ms or 0) / 1000, 1)


def test_a_hold_beyond_the_text_is_a_deviation_and_holds_keep_their_end(heerde: Scene) -> None:
    heerde.keep(1)
    heerde.keep(2)
    holds.place(heerde.archive, call_of(1), "threat", HEAD, why="aangifte")
    holds.place(heerde.archive, call_of(2), "legal_claim", OFFICER, why="kort geding")
    report = account(heerde)
    held = [one for one in report.lines if one.promise.startswith("holds.")]
    assert held
    assert all(one.kept is Kept.YES for one in held)
    assert [(one.what, one.about, one.decided_by) for one in report.deviations] in (
        [],
        [("hold_against_the_text", "legal_claim", "privacy_officer")],
    )


def test_the_ledger_is_verified_and_a_change_in_it_is_a_promise_not_kept(heerde: Scene) -> None:
    heerde.keep(1)
    assert line(account(heerde), "ledger").kept is Kept.NOT_BY_MACHINE
    assert line(account(heerde, verify=True), "ledger").kept is Kept.YES
    with heerde.db.write() as tx:
        tx.execute("DROP TRIGGER ledger_is_never_changed")
        tx.execute("UPDATE ledger SET at = at + 1 WHERE seq = 3")
    broken = line(account(heerde, verify=True), "ledger")
    assert (broken.kept, evidence(broken)["ledger_breaks"] != 0) == (Kept.NO, True)


def test_a_key_that_nobody_holds_is_told(heerde: Scene) -> None:
    keys = line(account(heerde), "keys")
    assert keys.kept is Kept.NO  # this scene grants its keys to nobody
    assert evidence(keys)["keys_without_holder"] == len(
        reading_keys.roles_with_keys(heerde.policies.named(heerde.policy))
    )


@pytest.mark.parametrize("name", FIVE)
def test_every_promise_of_every_policy_has_a_line_and_every_word_is_said(name: str, tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName(name))) as stage:
        stage.capture(1)
        stage.keep(2)
        report = account(stage)
        policy = stage.policies.named(stage.policy)
        assert [one.promise for one in report.lines] == [one.key for one in compliance.promised(policy)]
        left_out = {one.key for one in sources(policy) if not one.assumed} - {
            one.promise for one in report.lines
        }
        assert all(key.split(".")[0] in ("identity", "numbers", "aliases", "conflicts") for key in left_out)
        assert {one.promise.partition(".")[0] for one in report.lines} <= SECTIONS.keys()
        assert all(one.source for one in report.lines)
        assert any(one.kept is Kept.NOT_BY_MACHINE and not one.evidence for one in report.lines)
        for language in Language:
            page = web_page(compliance_page(report, language))
            assert stage.policies.named(stage.policy).content_hash[:16] in page
        assert Compliance.model_validate_json(report.model_dump_json()) == report


def test_what_is_not_kept_stands_at_the_front_of_the_page(heerde: Scene) -> None:
    heerde.keep(1)
    heerde.clock.advance(timedelta(days=8))
    page = markdown(compliance_page(account(heerde), Language.NL))
    assert page.index("Niet nagekomen") < page.index("## Afwijkingen")
    assert set(DEVIATIONS) == {"hardship", "hold_against_the_text", "order"}


# --- breach -----------------------------------------------------------------------------------------


def test_what_was_open_and_what_was_sealed_at_a_moment(heerde: Scene) -> None:
    heerde.keep(1)
    heerde.clock.advance(HOUR)
    heerde.capture(2)
    heerde.begin(3)
    lost = heerde.begin(4)
    with heerde.db.write() as tx:
        recordings.lost(tx, lost, heerde.clock.now(), problem="no bytes")
    told = facts(on_host(heerde))
    assert (told["open_recordings"], told["sealed_recordings"], told["lost"]) == (2, 1, 1)
    assert (told["calls_with_data"], told["caller_lines"]) == (4, 4)
    before = facts(on_host(heerde, back=HOUR / 2))
    assert (before["open_recordings"], before["sealed_recordings"], before["calls_with_data"]) == (0, 1, 1)


def test_what_is_gone_since_is_told_as_gone(heerde: Scene) -> None:
    heerde.keep(1)
    heerde.clock.advance(HOUR)
    withdrawals.take_back(heerde.archive, _only(heerde), WithdrawnBy.OPERATOR)
    purge.run(heerde.archive, heerde.guard)
    assert facts(on_host(heerde, back=HOUR / 2))["gone_since"] == 1
    assert facts(on_host(heerde))["sealed_recordings"] == 0


def test_callers_are_masked_and_stand_by_their_tag(heerde: Scene) -> None:
    for number in (1, 2):
        heerde.keep(number)
    report = on_host(heerde, with_callers=True)
    assert sorted((str(one.caller), one.calls, one.recordings) for one in report.callers) == [
        ("********01", 1, 1),
        ("********02", 1, 1),
    ]
    assert all(one.tag and len(one.tag) == 64 for one in report.callers)
    for text in (report.model_dump_json(), web_page(breach_page(report, Language.NL))):
        assert "61234" not in text
    assert on_host(heerde).callers == ()


@pytest.mark.parametrize("name", FIVE)
def test_art_33_gives_72_hours_and_says_who_reports_and_who_could_read(name: str, tmp_path: Path) -> None:
    with staff(scene(tmp_path, policy=PolicyName(name))) as stage:
        stage.keep(1)
        report = on_host(stage)
        policy = stage.policies.named(stage.policy)
        now = stage.clock.now()
        assert report.report_by == to_iso(now + timedelta(hours=72))
        assert report.readable
        assert report.controller == (policy.identity.controller or policy.identity.organisation)
        for language in Language:
            page = web_page(breach_page(report, language))
            assert "art" in page
        assert Breach.model_validate_json(report.model_dump_json()) == report


def test_a_moment_ahead_or_known_before_it_was_is_one_line(heerde: Scene) -> None:
    now = heerde.clock.now()
    policy = heerde.policies.named(heerde.policy)
    with pytest.raises(ConsentlineError, match="--at must not lie ahead"):
        breach.make(heerde.db, policy, at=now + HOUR, known_at=now, now=now, with_callers=False)
    with pytest.raises(ConsentlineError, match="--known must not be before --at"):
        breach.make(heerde.db, policy, at=now, known_at=now - HOUR, now=now, with_callers=False)


def test_every_fact_has_words(heerde: Scene) -> None:
    heerde.keep(1)
    report, host = account(heerde, verify=True), on_host(heerde)
    told = [fact for one in (*report.lines, *report.general) for fact in one.evidence]
    for fact in (*told, *host.recordings, *host.calls):
        assert words.said(fact.key, Language.NL)


def _only(stage: Scene) -> RecordingId:
    (row,) = recordings.all_recordings(stage.db)
    return row.recording_id
