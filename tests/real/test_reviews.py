"""Reviews of five organisations: real calls and agents, people with passphrases, and time that passes.

The daemon's clock is moved ahead, never back, so the tests stand in the order in which things fall due. The
policies are as published, with what the organisation fills in: telephones, works council, RVO's term.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policy.clock import from_iso
from policy.vocabulary import RecordingId
from sandbox.fetch import Unpacked
from sandbox.site import Site
from tests.casework.reviewing import NO_PERIOD, WORKS_COUNCIL
from tests.real.callers import (
    Callers,
    Row,
    agent_at_desk,
    decision,
    query,
    settled,
    site_of,
    together,
    voice_file,
    wait_until_heard,
)
from tests.real.clocked import Ahead
from tests.real.test_access import NO_SUCH, TALK_S, Office, staff, why
from tests.real.test_scope_five import NUMBERS, filled_in

VOICES = (voice_file("agent1"), voice_file("agent2"))
AGENTS = ("agent", "agent-bo")
CALLS = {
    "eindhoven": ("71", "eindhoven"),
    "heerde": ("72", "heerde"),
    "nunspeet": ("73", "nunspeet"),
    "rvo": ("74", "rvo"),
    "refused": ("75", "eindhoven"),
    "withdrawn": ("76", "eindhoven"),
}
"""Which caller, by two digits, of which organisation."""
FIVE_A = ("aanvang=4", "analyse=3", "antwoord=5", "afsluiting=2", "algemeen=4")
QM = ("vorm van het gesprek=4", "inhoud van het gesprek=2")
DAY = timedelta(days=1)
Ended = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> Ahead:
    """The hand on the daemon's clock."""
    return Ahead.of(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def office(unpacked: Unpacked, ahead: Ahead, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Everybody with a passphrase and keys; a call of each organisation, one refused, one withdrawn."""
    folder = tmp_path_factory.mktemp("policies")
    served = [_agreed(filled_in(name, folder)) for name in NUMBERS]
    with site_of(unpacked, served, daemon_command=ahead.command) as site:
        print(f"Asterisk {site.asterisk.version()}, {len(served)} policies")
        staff(site, but=("privacy_officer", "it", "it_service", "aggression_coordinator"))
        heard = tmp_path_factory.mktemp("heard")
        with ExitStack() as phones:
            for user in ("agent1", "agent2"):
                phones.enter_context(agent_at_desk(site, heard, user=user))
            troupe = phones.enter_context(Callers(site, heard))
            calls: dict[str, Row] = {}
            for pair in (("eindhoven", "heerde"), ("nunspeet", "rvo"), ("refused", "withdrawn")):
                calls |= together({name: _call(site, troupe, name) for name in pair})
        kept = {name: RecordingId(calls[name]["recording_id"]) for name in CALLS if name != "refused"}
        for recording_id in kept.values():
            settled(site, recording_id)
        site.run("withdraw", calls["withdrawn"]["call_id"])
        assert calls["refused"]["decision"] == "refused"
        yield Office(site=site, kept=kept)


def _agreed(path: Path) -> Path:
    """Fill in what the organisation has to, before anything is reviewed."""
    text = path.read_text(encoding="utf-8").replace(NO_PERIOD, f'{NO_PERIOD}\nperiod = "5y"')
    path.write_text(text if path.stem == "groningen" else text + WORKS_COUNCIL, encoding="utf-8")
    return path


def _call(site: Site, troupe: Callers, name: str) -> Callable[[], Row]:
    """Return a scene: a caller, perhaps a key in the notice, and a talk with an agent."""
    digits, policy = CALLS[name]

    def scene() -> Row:
        call = troupe.place(f"dial{NUMBERS[policy]}", digits)
        if name == "refused":
            call.listen(2.0)
            call.dtmf("1")
        wait_until_heard(call, *VOICES, within_s=90)
        call.listen(TALK_S)
        call.hang_up()
        return decision(site, digits)

    return scene


# ---------------------------------------------------------------- small steps


def rows(done: Ended) -> list[Mapping[str, Any]]:
    """Return what a command line that went well printed."""
    assert done.returncode == 0, done.stderr.decode()
    found: list[Mapping[str, Any]] = json.loads(done.stdout)
    return found


def refused(done: Ended, code: int, *words: str) -> None:
    """Assert that a command line ended with one line that names the rule."""
    told = done.stderr.decode()
    assert done.returncode == code, told
    assert told.count("Error: ") == 1, told
    for word in words:
        assert word in told


def draw(office: Office, person: str, name: str, purpose: str, *more: str) -> Ended:
    return office.run(person, "review", "draw", *why(name, purpose), "--calls", "1", "--json", *more)


def listen(office: Office, person: str, recording: str, name: str, purpose: str) -> None:
    done = office.run(person, "listen", recording, *why(name, purpose))
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout[:4] == b"RIFF"


def fill(office: Office, person: str, recording: str, name: str, purpose: str, *scores: str) -> Ended:
    given = [word for score in scores for word in ("--score", score)]
    return office.run(person, "review", "fill", recording, *why(name, purpose), *given, "--json")


def see(office: Office, person: str, name: str, *words: str) -> Ended:
    return office.run(person, "review", *words, "--policy", name, "--json")


def drawn_call(office: Office, person: str, name: str, purpose: str) -> Mapping[str, Any]:
    """Draw the one call that an organisation has, and return it as it was told."""
    (row,) = rows(draw(office, person, name, purpose))
    assert row["recording_id"] == office.kept[name]
    assert row["agent"] in AGENTS
    return row


# ---------------------------------------------------------------- each organisation


def test_groningen_reviews_nobody_and_says_by_which_article(office: Office) -> None:
    for person, purpose in (("head", "aggression"), ("agent", "aggression"), ("head", "quality")):
        refused(
            draw(office, person, "groningen", purpose),
            13,
            "gemeente Groningen G1, art. 2 and 3",
            "not reviewed",
        )
    refused(see(office, "head", "groningen", "list"), 13, "G1, art. 2 and 3")


def test_eindhoven_draws_for_training_neither_who_refused_nor_who_withdrew(office: Office) -> None:
    row = drawn_call(office, "coach", "eindhoven", "training")
    (same,) = rows(see(office, "coach", "eindhoven", "verify-draw", str(row["draw"])))
    assert (same["same"], same["population"], same["drawn"]) == (True, 1, 1)
    listen(office, "coach", row["recording_id"], "eindhoven", "training")
    refused(
        fill(office, "coach", row["recording_id"], "eindhoven", "training", "aanvang=4"), 13, "E6: no form"
    )
    states = {
        one["recording_id"]: one["state"] for one in rows(see(office, row["agent"], "eindhoven", "list"))
    }
    assert states == {row["recording_id"]: "listened"}
    refused(draw(office, "head", "eindhoven", "training"), 13, "only")


def test_h3_heerde_line_manager_and_senior_agent_listen_to_a_random_sample(office: Office) -> None:
    recording = office.kept["heerde"]
    not_drawn = office.run("senior-agent", "listen", recording, *why("heerde", "quality"))
    assert (not_drawn.returncode, not_drawn.stderr.decode()) == (4, NO_SUCH)
    drawn_call(office, "line-manager", "heerde", "quality")
    listen(office, "line-manager", recording, "heerde", "quality")
    listen(office, "senior-agent", recording, "heerde", "quality")
    refused(draw(office, "senior-agent", "heerde", "quality"), 8, "H3, art. 9: calls are drawn once")
    refused(draw(office, "agent", "heerde", "quality"), 13, "art. 10")


def test_n8_nunspeet_draw_listen_fill_show_each_in_its_order(office: Office, tmp_path: Path) -> None:
    recording, asked = office.kept["nunspeet"], ("nunspeet", "quality")
    refused(
        fill(office, "coach", recording, *asked, *FIVE_A),
        8,
        "N8, N9, sections 1 and 2: only a call that was drawn",
    )
    row = drawn_call(office, "coach", *asked)
    refused(draw(office, "coach", *asked), 8, "at most every 28d", "--again")
    refused(fill(office, "coach", recording, *asked, *FIVE_A), 8, "a call is scored by who listened to it")
    listen(office, "coach", recording, *asked)
    wrong = fill(office, "coach", recording, *asked, "aanvang=9", *FIVE_A[1:])
    refused(wrong, 1, "scores.aanvang: must be a whole number from 1 to 5, got 9")
    blank = office.run("coach", "review", "form", "--policy", "nunspeet", "--to-fill-in").stdout.decode()
    form = tmp_path / "kim.toml"
    form.write_text(blank.replace('" = \n', '" = 4\n'))
    filled = rows(
        office.run("coach", "review", "fill", recording, *why(*asked), "--from", str(form), "--json")
    )
    assert {one["criterion"]: one["score"] for one in filled} == {
        score.partition("=")[0]: 4 for score in FIVE_A
    }
    number = str(filled[0]["form"])
    assert rows(see(office, row["agent"], "nunspeet", "show", number)) == filled
    (other,) = set(AGENTS) - {row["agent"]}
    refused(see(office, other, "nunspeet", "show", number), 4, "no such review form, or not yours")


def test_n6_nunspeets_line_manager_gets_the_note_and_is_refused_all_else_with_the_article(
    office: Office,
) -> None:
    n6 = "gemeente Nunspeet N6, section 2: the line manager"
    (row,) = rows(see(office, "coach", "nunspeet", "list"))
    for words in (("list",), ("show", str(row["forms"]))):
        refused(see(office, "line-manager", "nunspeet", *words), 13, n6, "never scores, calls or recordings")
    refused(see(office, "line-manager", "nunspeet", "verify-draw", str(row["draw"])), 13)
    refused(draw(office, "line-manager", "nunspeet", "quality"), 13, n6)
    refused(draw(office, "coach", "nunspeet", "appraisal"), 13, "N6, sections 2 and 3")
    note = ("note", row["agent"], "--words")
    refused(see(office, "line-manager", "nunspeet", *note, "gaat goed"), 13, n6)
    refused(see(office, "coach", "nunspeet", *note, "antwoord: 4"), 1, "never a score (N6)")
    rows(see(office, "coach", "nunspeet", *note, "Vraagt beter door."))
    (told,) = rows(see(office, "line-manager", "nunspeet", "notes"))
    assert (told["agent"], told["words"]) == (row["agent"], "Vraagt beter door.")


def test_r4_r5_rvo_a_form_and_a_calibration_case_with_the_agents_yes(office: Office) -> None:
    recording, case = office.kept["rvo"], ("rvo", "coach_training")
    row = drawn_call(office, "coach", "rvo", "quality")
    listen(office, "coach", recording, "rvo", "quality")
    rows(fill(office, "coach", recording, "rvo", "quality", *QM))
    drawn_call(office, "trainer", *case)
    opening = (
        "review",
        "calibrate",
        recording,
        *why(*case),
        "--scorer",
        "coach",
        "--scorer",
        "trainer",
        "--json",
    )
    refused(office.run("coach", *opening), 13, "R5, Bron: only after the agent said yes")
    yes = rows(
        office.run(row["agent"], "approvals", "yes", recording, "--to", "coach", *why(*case), "--json")
    )
    (opened,) = rows(office.run("coach", *opening))
    for person, scores in (
        ("coach", QM),
        ("trainer", ("vorm van het gesprek=3", "inhoud van het gesprek=5")),
    ):
        refused(see(office, person, "rvo", "compare", str(opened["case"])), 8, "compared once all are in")
        listen(office, person, recording, *case)
        rows(fill(office, person, recording, *case, *scores))
    compared = rows(see(office, "trainer", "rvo", "compare", str(opened["case"])))
    assert {one["criterion"]: one["spread"] for one in compared} == {
        "vorm van het gesprek": 1,
        "inhoud van het gesprek": 3,
    }
    assert office.run(row["agent"], "approvals", "take-back", str(yes[0]["word"])).returncode == 0
    refused(see(office, "coach", "rvo", "compare", str(opened["case"])), 8, "yes taken back", "erased")
    assert query(office.site, "SELECT 1 FROM review_forms WHERE calibration_id IS NOT NULL") == []
    refused(see(office, "line-manager", "rvo", "list"), 13, "R3, R4, R5: scores are shown")


# ---------------------------------------------------------------- as time passes


def test_n3_n8_the_recording_goes_on_its_day_the_form_stays_and_the_next_review_is_overdue(
    office: Office, ahead: Ahead
) -> None:
    ahead.to(ahead.now() + 43 * DAY)
    office.site.cli("purge")
    assert settled(office.site, office.kept["nunspeet"])["state"] == "purged"
    due = rows(see(office, "coach", "nunspeet", "list", "--due"))
    assert {one["agent"] for one in due} == set(AGENTS)
    (row,) = rows(see(office, "coach", "nunspeet", "list"))
    assert row["state"] == "filled"
    refused(see(office, "coach", "rvo", "list", "--due"), 13, "names no cadence")


def test_r4_each_form_goes_on_its_own_term(office: Office, ahead: Ahead) -> None:
    forms = query(office.site, "SELECT form_id, policy, due_at FROM review_forms ORDER BY policy")
    assert [form["policy"] for form in forms] == ["nunspeet", "rvo"]
    (row,) = rows(see(office, "coach", "nunspeet", "list"))
    (first, *_) = rows(see(office, row["agent"], "nunspeet", "show", str(row["forms"])))
    ahead.to(from_iso(first["due_at"]))
    office.site.cli("purge")
    left = query(office.site, "SELECT DISTINCT policy FROM review_scores JOIN review_forms USING (form_id)")
    assert [one["policy"] for one in left] == ["rvo"]
    refused(see(office, row["agent"], "nunspeet", "show", str(row["forms"])), 4, "no such review form")
    ahead.to(ahead.now() + 5 * 366 * DAY)
    office.site.cli("purge")
    for table in (
        "review_forms",
        "review_scores",
        "development_notes",
        "calibrations",
        "draws",
        "draw_population",
    ):
        assert query(office.site, f"SELECT 1 FROM {table}") == [], table  # noqa: S608 - our own words
    assert office.site.run("ledger", "verify", check=False).returncode == 0
