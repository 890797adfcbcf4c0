"""Reviews by the command line: real passphrases, a real socket, a real draw; tampering is noticed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from policy.vocabulary import RecordingId
from tests.casework.reviewing import WORKS_COUNCIL
from tests.commands.conftest import Ended, one_error
from tests.commands.doorstep import AGENT, COACH, HEAD, OFFICER, Doorstep, staff
from tests.store.scene import scene

pytestmark = pytest.mark.exhaustive  # real passphrases: seconds, not milliseconds

WHY = ("--purpose", "training", "--reason", "review of week 47")
FORM = """
form = "5a"
criteria = ["aanvang", "antwoord"]
content_criteria = ["antwoord"]
scale = { lowest = 1, highest = 5 }
at_most_every = "28d"
at_least_every = "42d"
calls_per_agent = 2
"""
COPIES = """
[access.grants.copies]
roles = ["coach"]
purposes = ["training"]
actions = ["export"]
calls = ["sampled"]
agents_yes = true
says = "a copy for training, once its agent said yes"
source = "art. 99"

[access.grants.heard_with_a_yes]
roles = ["coach"]
purposes = ["training"]
actions = ["listen"]
calls = ["sampled"]
agents_yes = true
says = "a copy for training, once its agent said yes"
source = "art. 99"
"""


@pytest.fixture
def door(config_file: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Doorstep]:
    """Eindhoven with a form, a cadence, a works council, and copies for training; four calls of Kim's."""
    path = config_file.parent / "policies" / "eindhoven.toml"
    text = path.read_text(encoding="utf-8").replace('\nform = "none"\n', FORM)
    path.write_text(text + WORKS_COUNCIL + COPIES, encoding="utf-8")
    with scene(config_file.parent, policies=path.parent) as stage:
        staff(stage)
        with Doorstep(stage, config_file, capsys) as doorstep:
            for number in range(1, 5):
                doorstep.keep(number, seconds=1)
            yield doorstep


def rows(ended: Ended) -> list[Mapping[str, Any]]:
    assert ended.code == 0, ended.err
    found: list[Mapping[str, Any]] = json.loads(ended.out)
    return found


def drawn(door: Doorstep) -> list[RecordingId]:
    return [
        RecordingId(row["recording_id"]) for row in rows(door.run(COACH, "review", "draw", *WHY, "--json"))
    ]


def listen(door: Doorstep, recording_id: RecordingId) -> None:
    ended = door.run(COACH, "listen", recording_id, *WHY, "--player", "sh -c 'cat >/dev/null'")
    assert ended.code == 0, ended.err


def test_a_round_from_the_draw_to_what_the_agent_sees(door: Doorstep, tmp_path: Path) -> None:
    first, _ = drawn(door)
    one_error(door.run(COACH, "review", "draw", *WHY), 8, "E6: calls are drawn at most every 28d", "--again")
    assert rows(door.run(COACH, "review", "verify-draw", "1", "--json"))[0]["population"] == 4
    listen(door, first)
    form = tmp_path / "kim.toml"
    form.write_text(door.run(COACH, "review", "form", "--to-fill-in").out.replace('" = \n', '" = 4\n'))
    filled = rows(
        door.run(COACH, "review", "fill", first, *WHY, "--from", form, "--remark", "rustig", "--json")
    )
    assert [(row["criterion"], row["judges"], row["score"]) for row in filled] == [
        ("aanvang", "manner", 4),
        ("antwoord", "content", 4),
    ]
    assert rows(door.run(AGENT, "review", "show", "1", "--json")) == filled
    states = [row["state"] for row in rows(door.run(AGENT, "review", "list", "--json"))]
    assert sorted(states) == ["drawn", "filled"]
    one_error(door.run(HEAD, "review", "show", "1"), 13, "scores are shown to")
    one_error(door.run(OFFICER, "review", "list"), 13, "scores are shown to")
    assert rows(door.run(COACH, "review", "list", "--due", "--json")) == []
    (turn,) = rows(door.run(COACH, "review", "list", "--due", "--all", "--json"))
    assert turn["agent"] == AGENT
    one_error(door.run(COACH, "review", "note", AGENT, "--words", "gaat goed"), 13, "by a note")
    one_error(door.run(HEAD, "review", "draw", *WHY), 13)


def test_a_draw_that_was_tampered_with_is_noticed(door: Doorstep) -> None:
    first, second = drawn(door)
    db = door.stage.db
    (other, *_) = [
        row["recording_id"]
        for row in db.rows("SELECT recording_id FROM draw_population ORDER BY recording_id")
        if row["recording_id"] not in (first, second)
    ]
    with db.write() as tx:
        tx.execute("UPDATE draw_picks SET recording_id = ? WHERE recording_id = ?", (other, first))
    one_error(door.run(COACH, "review", "verify-draw", "1"), 6, f"draw 1: {AGENT}: must be")
    with db.write() as tx:
        tx.execute("UPDATE draws SET seed = ?", (bytes(32),))
    one_error(door.run(COACH, "review", "verify-draw", "1"), 6, "draw 1: seed: must be")
    with db.write() as tx:
        tx.execute("DELETE FROM draw_population WHERE recording_id = ?", (second,))
        tx.execute("UPDATE draws SET seed = ?", (bytes.fromhex(_seed(door)),))
    one_error(door.run(COACH, "review", "verify-draw", "1"), 6, "draw 1: population: must have the digest")
    one_error(door.run(COACH, "review", "verify-draw", "7"), 4, "no draw 7, or not yours")
    one_error(door.run(HEAD, "review", "verify-draw", "1"), 13)


def _seed(door: Doorstep) -> str:
    (entry,) = door.told("drawn")
    assert entry.payload is not None
    return str(entry.payload["seed"])


def test_what_is_no_form_ends_with_one_line_and_stores_nothing(door: Doorstep, tmp_path: Path) -> None:
    first, _ = drawn(door)
    listen(door, first)
    form = tmp_path / "kim.toml"
    form.write_text("[scores]\naanvang = 4\n")
    one_error(
        door.run(COACH, "review", "fill", first, *WHY, "--from", form),
        1,
        "scores.antwoord: must be a whole number from 1 to 5, got nothing",
    )
    one_error(
        door.run(COACH, "review", "fill", first, *WHY, "--score", "4"), 1, "--score: must be CRITERION=SCORE"
    )
    for usage in (("--from", form, "--score", "aanvang=4"), ("--from", tmp_path / "none")):
        assert door.run(COACH, "review", "fill", first, *WHY, *usage).code == 2
    assert "no terminal" in door.run(COACH, "review", "fill", first, *WHY).err
    wrong = door.run(
        COACH, "review", "fill", first, *WHY, "--score", "aanvang=4", passphrase="een ander geheim"
    )
    assert wrong.code == 12
    assert door.stage.db.rows("SELECT 1 FROM review_forms") == []


def test_r5_a_copy_for_training_leaves_with_the_agents_yes_and_is_on_the_ledger(
    door: Doorstep, tmp_path: Path
) -> None:
    first, _ = drawn(door)
    copy = ("export", first, *WHY, "--to", tmp_path / "copy")
    one_error(door.run(COACH, *copy), 4, "no such recording, or not yours")
    assert not (tmp_path / "copy").exists()
    assert door.run(AGENT, "approvals", "yes", first, "--to", COACH, *WHY).code == 0
    ended = door.run(COACH, *copy)
    assert ended.code == 0, ended.err
    assert (tmp_path / "copy" / "recording.wav").exists()
    (told,) = door.told("access_ended")
    assert told.payload is not None and told.payload["copies"]
    word = rows(door.run(AGENT, "approvals", "pending", "--json"))[0]["word"]
    assert door.run(AGENT, "approvals", "take-back", word).code == 0
    assert door.run(COACH, *copy[:-1], tmp_path / "again").code == 4
