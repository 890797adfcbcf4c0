"""What a new version of a policy means for recordings already made: never a longer term."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.diff import Change, ForMade, policy_diff, term_of_made
from policy.load import load_policy
from policy.model import Policy
from policy.period import Period
from policy.retention import SelectionList
from tests.conftest import ROOT

PERIODS = st.builds(Period, st.integers(1, 40), st.sampled_from(["h", "d", "wd", "m", "y"])).filter(
    lambda period: period.unit != "y" or period.count <= 20
)
MOMENTS = st.integers(0, 5 * 366 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)

AN_HOUR = timedelta(hours=1)
"""`24h` and `1d` differ by the hour that a clock change takes or gives."""


def _read(folder: Path, name: str, *replaced: tuple[str, str]) -> Policy:
    text = (ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8")
    for before, after in replaced:
        assert before in text
        text = text.replace(before, after, 1)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def _changes(folder: Path, name: str, *replaced: tuple[str, str]) -> dict[str, Change]:
    old = load_policy(ROOT / "policies" / f"{name}.toml")
    return {change.key: change for change in policy_diff(old, _read(folder, name, *replaced))}


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*.toml")), ids=lambda path: str(path.stem))
def test_nothing_differs_from_itself(path: Path) -> None:
    assert policy_diff(load_policy(path), load_policy(path)) == ()


def test_a_longer_term_is_for_new_calls_only(tmp_path: Path) -> None:
    changes = _changes(tmp_path, "eindhoven", ('recording = "60d"', 'recording = "90d"'))
    assert list(changes) == ["retention.recording"]
    change = changes["retention.recording"]
    assert (change.before, change.after, change.source) == ("60d", "90d", "E6")
    assert change.for_made is ForMade.AS_PROMISED
    assert "keep the 60d promised, never longer" in change.says


def test_a_shorter_term_holds_for_recordings_already_made_too(tmp_path: Path) -> None:
    change = _changes(tmp_path, "eindhoven", ('recording = "60d"', 'recording = "30d"'))[
        "retention.recording"
    ]
    assert change.for_made is ForMade.SHORTER
    assert "the shorter 30d" in change.says


def test_of_terms_that_no_calendar_orders_the_earlier_end_counts(tmp_path: Path) -> None:
    change = _changes(tmp_path, "nunspeet", ('recording = "30d"', 'recording = "1m"'))["retention.recording"]
    assert change.for_made is ForMade.EARLIER_OF_BOTH


def test_kinds_that_follow_the_call_data_are_told_with_it(tmp_path: Path) -> None:
    changes = _changes(tmp_path, "eindhoven", ('call_data = "1y"', 'call_data = "2y"'))
    assert {"retention.call_data", "retention.decisions", "retention.requests"} <= set(changes)
    assert {change.for_made for change in changes.values()} == {ForMade.AS_PROMISED}


def test_a_term_written_out_that_held_before_is_no_change(tmp_path: Path) -> None:
    text = ('call_data = "1y"', 'call_data = "1y"\nrequests = "1y"')
    assert "retention.requests" not in _changes(tmp_path, "eindhoven", text)


def test_an_extension_goes_by_its_name_and_never_lengthens_what_was_promised(tmp_path: Path) -> None:
    longer = _changes(tmp_path, "groningen", ('lasts = "10wd"', 'lasts = "15wd"'))[
        "extensions.aggression.lasts"
    ]
    assert longer.for_made is ForMade.AS_PROMISED
    assert "go by the version that their callers were told" in longer.says
    shorter = _changes(tmp_path, "groningen", ('lasts = "10wd"', 'lasts = "5wd"'))[
        "extensions.aggression.lasts"
    ]
    assert shorter.for_made is ForMade.AS_PROMISED


def test_only_what_is_applied_gets_shorter_for_what_is_kept_already(tmp_path: Path) -> None:
    changes = _changes(tmp_path, "eindhoven", ('call_data = "1y"', 'call_data = "6m"'))
    assert changes["retention.call_data"].for_made is ForMade.SHORTER
    assert "until `policy apply`" in changes["retention.call_data"].says
    assert changes["retention.requests"].for_made is ForMade.AS_PROMISED


def test_a_new_calendar_ends_no_recording_later(tmp_path: Path) -> None:
    table = ("[identity]", "[working_days]\ngood_friday_free = true\n\n[identity]")
    changes = _changes(tmp_path, "groningen", table)
    assert changes["working_days"].for_made is ForMade.EARLIER_OF_BOTH


def test_what_was_heard_and_who_may_hear_are_told_apart_from_terms(tmp_path: Path) -> None:
    changes = _changes(
        tmp_path,
        "eindhoven",
        ('refuse_key = "1"', 'refuse_key = "2"'),
        (
            'may_attend = ["agent"]\nsays = "the coach listens for training',
            'says = "the coach listens for training',
        ),
    )
    assert "keeps what its caller heard" in changes["consent.refuse_key"].says
    assert changes["access.grants.training_sample.may_attend"].after == "-"
    assert {change.for_made for change in changes.values()} == {ForMade.TERM_UNTOUCHED}


def test_a_new_article_alone_is_told_as_that(tmp_path: Path) -> None:
    changes = _changes(
        tmp_path, "eindhoven", ('call_data = "1y"\nsource = "E6"', 'call_data = "1y"\nsource = "E6, art. 9"')
    )
    assert changes["retention.recording"].says == "only its source changes: E6 -> E6, art. 9"
    assert changes["retention.recording"].for_made is ForMade.TERM_UNTOUCHED


def test_every_key_of_two_different_texts_is_told_once() -> None:
    old, new = (load_policy(ROOT / "policies" / f"{name}.toml") for name in ("eindhoven", "groningen"))
    keys = [change.key for change in policy_diff(old, new)]
    assert len(keys) == len(set(keys))
    assert {"identity.organisation", "consent.mode", "retention.recording"} <= set(keys)


def test_a_selection_list_without_a_period_promised_nothing() -> None:
    unfilled = SelectionList(selection_list="Selectielijst", category="Formulieren")
    filled = unfilled.model_copy(update={"period": Period(5, "y")})
    assert term_of_made(unfilled, filled) is ForMade.TERM_UNTOUCHED
    assert term_of_made(filled, unfilled) is ForMade.AS_PROMISED
    assert term_of_made(filled, Period(1, "y")) is ForMade.SHORTER


@settings(deadline=None)
@given(promised=PERIODS, new=PERIODS, started_at=MOMENTS)
def test_what_is_said_is_true_of_every_call(promised: Period, new: Period, started_at: datetime) -> None:
    end, new_end = promised.after(started_at), new.after(started_at)
    match term_of_made(promised, new):
        case ForMade.AS_PROMISED:
            assert end <= new_end + AN_HOUR
        case ForMade.SHORTER:
            assert new_end <= end + AN_HOUR
        case ForMade.EARLIER_OF_BOTH:
            assert promised != new
        case ForMade.TERM_UNTOUCHED:
            raise AssertionError("both terms are periods")
