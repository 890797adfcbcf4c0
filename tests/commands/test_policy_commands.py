"""`policy list`, `show`, `diff` and `explain`, on an installation with a call in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from policy.clock import SteppedClock
from policy.load import load_policies
from policy.vocabulary import ConcludedBecause, Outcome, RecordingId
from store.records import decisions, recordings
from store.retention import purge
from tests.commands.conftest import ROOT, CommandLine, one_error
from tests.store.scene import STARTED_AT, scene

pytestmark = pytest.mark.exhaustive  # takes seconds: with make test

CALL = "1795282161.1"


@pytest.fixture
def kept(config_file: Path) -> RecordingId:
    """One sealed recording in the installation; nothing has it open."""
    with scene(config_file.parent) as installation:
        return installation.keep(1)


def _rewrite(config_file: Path, before: str, after: str) -> None:
    path = config_file.parent / "policies" / "eindhoven.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_list_names_every_policy_with_numbers_and_terms(command: CommandLine, config_file: Path) -> None:
    for path in (ROOT / "policies").glob("*.toml"):
        (config_file.parent / "policies" / path.name).write_bytes(path.read_bytes())
    rows = json.loads(command("policy", "list", "--json").out)
    known = load_policies(config_file.parent / "policies").by_name
    assert [row["name"] for row in rows] == sorted(known)
    for row in rows:
        policy = known[row["name"]]
        assert row["recording"] == str(policy.retention.recording)
        assert row["conflicts"] == len(policy.conflicts)
        assert row["assumed"] > 0
        assert all(number in row["numbers"] for number in policy.all_numbers)
    head, *lines = command("policy", "list").out.splitlines()
    assert head.split("\t")[0] == "name"
    assert len(lines) == 5


def test_show_takes_a_name_or_a_file(command: CommandLine) -> None:
    named = command("policy", "show", "eindhoven")
    assert named.code == 0
    assert named.out == command("policy", "show", str(ROOT / "policies" / "eindhoven.toml")).out
    assert "retention.recording = 60d\n        -- E6\n" in named.out
    assert "ASSUMED: THE TEXT IS SILENT" in named.out
    assert "We delen geen persoonsgegevens met andere partijen." in named.out


def test_show_as_json_holds_every_key_with_its_source(command: CommandLine) -> None:
    rows = {row["key"]: row for row in json.loads(command("policy", "show", "eindhoven", "--json").out)}
    assert rows["retention.recording"] == {
        "key": "retention.recording",
        "value": "60d",
        "source": "E6",
        "assumed": False,
        "in_file": True,
    }
    assert rows["consent.withdraw_code"]["assumed"] is True


@pytest.mark.parametrize("words", [["show", "nowhere"], ["diff", "eindhoven", "nowhere"]])
def test_a_name_that_is_no_policy_ends_with_four(command: CommandLine, words: list[str]) -> None:
    one_error(command("policy", *words), 4, 'no policy "nowhere"', "eindhoven")


def test_a_file_with_problems_ends_with_three(command: CommandLine, eindhoven_file: Path) -> None:
    eindhoven_file.write_text("numbers = [", encoding="utf-8")
    one_error(command("policy", "show", eindhoven_file), 3, "must be TOML")


def test_diff_says_what_recordings_already_made_keep(command: CommandLine, eindhoven_file: Path) -> None:
    text = eindhoven_file.read_text(encoding="utf-8")
    eindhoven_file.write_text(text.replace('recording = "60d"', 'recording = "90d"'), encoding="utf-8")
    (row,) = json.loads(command("policy", "diff", "eindhoven", eindhoven_file, "--json").out)
    assert (row["key"], row["before"], row["after"], row["for_made"]) == (
        "retention.recording",
        "60d",
        "90d",
        "as_promised",
    )
    assert "never longer" in command("policy", "diff", "eindhoven", eindhoven_file).out
    assert json.loads(command("policy", "diff", "eindhoven", "eindhoven", "--json").out) == []


@pytest.mark.usefixtures("kept")
def test_diff_against_the_version_in_force_on_a_day(command: CommandLine, config_file: Path) -> None:
    _rewrite(config_file, 'recording = "60d"', 'recording = "30d"')
    for day in ("2026-11-21", "2026-12-31", "2026-11-21T18:29:22"):
        (row,) = json.loads(command("policy", "diff", f"eindhoven@{day}", "eindhoven", "--json").out)
        assert (row["before"], row["after"], row["for_made"]) == ("60d", "30d", "shorter")
    shown = command("policy", "show", "eindhoven@2026-11-21").out
    assert "retention.recording = 60d" in shown


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "word", ["eindhoven@2026-11-20", "eindhoven@2026-11-21T18:29:20", "heerde@2026-11-21"]
)
def test_a_day_before_any_call_has_no_version(command: CommandLine, word: str) -> None:
    one_error(command("policy", "show", word), 4, "no version of policy")


@pytest.mark.parametrize("day", ["yesterday", "", "2026-02-30", "21-11-2026"])
def test_a_day_that_is_none_is_a_usage_error(command: CommandLine, day: str) -> None:
    ended = command("policy", "show", f"eindhoven@{day}")
    assert ended.code == 2
    assert "must be a day such as" in ended.err


def test_a_version_needs_an_installation(command: CommandLine) -> None:
    one_error(command("policy", "show", "eindhoven@2026-11-21"), 4, "database")


def test_explain_names_the_rule_behind_each_thing(command: CommandLine, kept: RecordingId) -> None:
    ended = command("policy", "explain", CALL, "--json")
    assert (ended.code, ended.err) == (0, "")
    rows = json.loads(ended.out)
    by_about = {row["about"]: row for row in rows}
    assert "U belt met de gemeente Eindhoven" in by_about["notice"]["says"]
    assert by_about["outcome"]["says"].startswith("not_refused: the whole notice was heard")
    assert by_about["retention"]["rule"] == "retention.recording = 60d"
    assert by_about["retention"]["source"] == "E6"
    assert "2027-01-20 18:29:00" in by_about["retention"]["says"]
    assert by_about["call data"]["rule"] == "retention.call_data = 1y"
    assert by_about["who may hear"]["rule"].startswith("access.grants.")
    assert json.loads(command("policy", "explain", kept, "--json").out) == rows
    assert command("policy", "explain", CALL).out.splitlines()[0] == "about\tsays\trule\tsource"


@pytest.mark.usefixtures("kept")
def test_explain_goes_by_the_version_the_call_met(command: CommandLine, config_file: Path) -> None:
    _rewrite(config_file, 'recording = "60d"', 'recording = "30d"')
    rows = json.loads(command("policy", "explain", CALL, "--json").out)
    assert [row["rule"] for row in rows if row["about"] == "retention"] == ["retention.recording = 60d"]
    assert sum("this call keeps its own promise" in row["says"] for row in rows) == 1


@pytest.mark.usefixtures("kept")
def test_a_broken_draft_is_no_reason_not_to_explain_a_call(command: CommandLine, config_file: Path) -> None:
    _rewrite(config_file, 'recording = "60d"', 'recording = "0"')
    assert command("policy", "list").code == 3
    assert command("policy", "explain", CALL).code == 0


def test_explain_of_a_withdrawn_recording_says_why_it_is_gone(
    command: CommandLine, kept: RecordingId
) -> None:
    assert command("withdraw", kept).code == 0
    rows = json.loads(command("policy", "explain", kept, "--json").out)
    (after,) = (row for row in rows if row["about"] == "what next")
    assert "(withdrawn); only its receipt is left" in after["says"]
    assert "who may hear" not in {row["about"] for row in rows}


def test_explain_says_why_a_recording_ended_before_its_call(
    command: CommandLine, config_file: Path, kept: RecordingId
) -> None:
    with scene(config_file.parent) as installation, installation.db.write() as tx:
        recordings.concluded(tx, kept, STARTED_AT, ConcludedBecause.TRANSFERRED_OUTSIDE)
    rows = json.loads(command("policy", "explain", CALL, "--json").out)
    (line,) = (row for row in rows if "while the call went on" in row["says"])
    assert line["rule"] == "scope.transfer_outside = go_on"
    kinds = [row["kind"] for row in json.loads(command("ledger", "show", "--json").out)]
    assert "concluded" in kinds


def test_explain_of_a_refused_call_has_nothing_to_keep(command: CommandLine, config_file: Path) -> None:
    with scene(config_file.parent) as installation:
        installation.open_call(1)
        with installation.db.write() as tx:
            decisions.store(tx, installation.decision(1, Outcome.REFUSED), installation.policies)
    rows = json.loads(command("policy", "explain", CALL, "--json").out)
    assert [row["about"] for row in rows if row["about"] in ("outcome", "recording", "retention")] == [
        "outcome"
    ]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("subject", ["1.1", "0" * 32, "${SHELL(id)}", "x" * 300, ""])
def test_explain_of_an_unknown_call_ends_with_four(command: CommandLine, subject: str) -> None:
    one_error(command("policy", "explain", subject), 4, "no ")


def test_looking_changes_nothing(command: CommandLine, config_file: Path, kept: RecordingId) -> None:
    before = (config_file.parent / "consentline.db").read_bytes()
    command("policy", "explain", kept)
    command("policy", "diff", "eindhoven@2026-11-21", "eindhoven")
    assert (config_file.parent / "consentline.db").read_bytes() == before


def test_explain_still_tells_of_a_call_of_which_nothing_is_left(
    command: CommandLine, config_file: Path
) -> None:
    with scene(config_file.parent, clock=SteppedClock(datetime(2024, 1, 10, 9, tzinfo=UTC))) as installation:
        kept = installation.keep(1)
        for days in (61, 400):
            installation.clock.advance(timedelta(days=days))
            purge.run(installation.archive, installation.guard)
    ended = command("policy", "explain", kept, "--json")
    assert ended.code == 0
    by_about = {row["about"]: row for row in json.loads(ended.out)}
    assert "gone since" in by_about["what next"]["says"]
    assert "gone since" in by_about["call data"]["says"]
    assert by_about["outcome"]["says"].startswith("not_refused")
    assert ": went at " in by_about["evidence"]["says"]
    assert {"who may hear", "retention", "backup"}.isdisjoint(by_about)
    assert "notice" not in by_about  # its words went with the evidence
    assert "14040" not in ended.out
