"""Who may hear what, of five organisations, by the command line: real calls, people and passphrases.

The answers to a plain call, of every role to every action, are those of the pages that a privacy
officer reviewed (docs/access); every distinct answer of a role to an action is asked for once.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import soundfile

from policy.access import Access, Action, IncidentKind, PurposeName
from policy.clock import SystemClock, to_iso
from policy.load import load_policy
from policy.permission import refused_at_once
from policy.situation import Hat, Person, PersonId
from policy.vocabulary import PolicyName, RecordingId
from sandbox.fetch import Unpacked
from sandbox.site import PERSON, Site
from store.access import draws
from store.access.draws import Draw
from store.db import Db
from store.logbook import ledger
from store.persons import people
from store.records import recordings
from store.retention import incidents
from store.retention.holds import Ruling
from store.retention.incidents import Stage
from tests.conftest import ROOT
from tests.policy.access_page import expand, read_page
from tests.policy.situations import axes
from tests.real.callers import (
    agent_at_desk,
    decision,
    holds,
    place,
    settled,
    site_of,
    voice_file,
    wait_until_heard,
)
from tests.real.secrets import PASSPHRASE, secrets
from tests.real.test_scope_five import NUMBERS, filled_in

AGENT, OTHER_AGENT = "agent", "agent-bo"
TALK_S = 3.0
NO_SUCH = "Error: no such recording, or not yours\n"
ASKED = (Action.FIND, Action.LISTEN, Action.EXPORT, Action.ERASE, Action.RETRIEVE)
DAY = timedelta(days=1)
RULING = Ruling(by=PersonId("head"), role="head", actor="person:head login:head", why="dreiging")


def access_of(name: str) -> Access:
    access = load_policy(ROOT / "policies" / f"{name}.toml").access
    assert access is not None
    return access


def person_of(role: str) -> str:
    return role.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Five organisations on one PBX, a recording of each, and their people.

    Attributes:
        kept: From policy to its recording.
    """

    site: Site
    kept: Mapping[str, RecordingId]

    def run(
        self, person: str, *words: str, together: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command line as somebody, with whoever unlocks beside them."""
        with secrets(*[PASSPHRASE] * (1 + len(together))) as fds:
            line = [*words, "--person", person, "--passphrase-fd", str(fds[0])]
            for other, fd in zip(together, fds[1:], strict=True):
                line += ["--with", other, "--with-passphrase-fd", str(fd)]
            return subprocess.run(
                [str(self.site.executable), *line],
                check=False,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                env=self.site.environment(),
            )

    @contextmanager
    def records(self) -> Iterator[Db]:
        """Give the records, beside the daemon."""
        with closing(Db.open(self.site.database, clock=SystemClock())) as db:
            yield db


@pytest.fixture(scope="module")
def office(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Everybody with a passphrase and the keys of their roles, and one call of each organisation."""
    folder = tmp_path_factory.mktemp("policies")
    with site_of(unpacked, [filled_in(name, folder) for name in NUMBERS]) as site:
        staff(site)
        kept: dict[str, RecordingId] = {}
        for number, name in enumerate(sorted(NUMBERS)):
            heard = tmp_path_factory.mktemp(name)
            digits = f"9{number}"
            with (
                agent_at_desk(site, heard, user="agent1"),
                place(site, f"dial{NUMBERS[name]}", digits, folder=heard) as call,
            ):
                wait_until_heard(call, voice_file("agent1"))
                call.listen(TALK_S)
            kept[name] = settled(site, decision(site, digits)["recording_id"])["recording_id"]
        yield Office(site=site, kept=kept)


def staff(site: Site, *, but: Collection[str] = ()) -> None:
    """Add one person for each role, and a second agent; enrol them, and grant them their roles' keys.

    Args:
        site: Started.
        but: The roles that nobody wears.
    """
    roles = sorted({role for name in NUMBERS for role in access_of(name).roles} - set(but))
    for person in (*map(person_of, roles), OTHER_AGENT):
        site.run("people", "add", person, "--name", person.title())
    site.run("people", "add-line", AGENT, "--endpoint", "PJSIP/agent1")
    site.run("people", "add-line", OTHER_AGENT, "--endpoint", "PJSIP/agent2")
    fingerprints: dict[str, str] = {}
    for person in (*map(person_of, roles), OTHER_AGENT):
        with secrets(PASSPHRASE) as (fd,):
            made = subprocess.run(
                [str(site.executable), "people", "enrol", person, "--passphrase-fd", str(fd)],
                check=True,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                pass_fds=[fd],
                env=site.environment(),
            )
        fingerprints[person] = made.stdout.strip()
    with_keys = {(row["policy"], row["role"]) for row in site.cli("keys", "list")}
    for name in NUMBERS:
        for role in [role for role in access_of(name).roles if role not in but]:
            for person in (person_of(role), *([OTHER_AGENT] if role == "agent" else [])):
                site.run("people", "give-hat", person, role, "--policy", name)
                if (name, role) in with_keys and person != OTHER_AGENT:
                    site.run(
                        *("keys", "grant", person, "--policy", name, "--role", role, "--by", PERSON),
                        *("--fingerprint", fingerprints[person]),
                        with_passphrase=True,
                    )


# ---------------------------------------------------------------- the pages, asked through the command line


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_every_role_gets_the_answers_of_the_reviewed_page_to_a_plain_call(
    office: Office, name: str, tmp_path: Path
) -> None:
    access = access_of(name)
    questions = [
        (role, action, purpose, answer)
        for role in access.roles
        for action in ASKED
        for answer, purpose in _distinct(name, role, action).items()
    ]
    assert len(questions) >= len(access.roles) * len(ASKED)
    with ThreadPoolExecutor(max_workers=2) as at_once:
        wrong = [
            problem
            for problem in at_once.map(
                lambda asked: _wrong(office, name, access, tmp_path, *asked), questions
            )
            if problem is not None
        ]
    assert wrong == []


def _distinct(name: str, role: str, action: Action) -> dict[str, str]:
    """Return each answer that a page gives to a role and an action on a plain call, with a purpose for it."""
    page = read_page(ROOT / "docs" / "access" / f"{name}.md")
    known = axes(access_of(name), sorted(load_policy(ROOT / "policies" / f"{name}.toml").all_purposes))
    plain = ("own" if role == "agent" else "other", "plain", "alone", "in_term")
    names = (
        known.purposes,
        [action.value for action in Action],
        ("own", "other"),
        page.sets["call"],
        known.company,
        known.state,
    )
    answers: dict[str, str] = {}
    for purpose in known.purposes:
        cells = (purpose, action.value, *plain)
        row = next(
            row
            for row in page.rows[role]
            if all(
                cell in expand(pattern, known)
                for cell, pattern, known in zip(cells, row.cells, names, strict=True)
            )
        )
        answers.setdefault(row.answer, purpose)
    return answers


def _wrong(  # noqa: PLR0917 - one question, as the page has it
    office: Office,
    name: str,
    access: Access,
    folder: Path,
    role: str,
    action: Action,
    purpose: str,
    answer: str,
) -> str | None:
    """Ask one question, and return what was not as the page says, or None."""
    recording = office.kept[name]
    why = ("--purpose", purpose, "--reason", "de pagina vergeleken", "--policy", name)
    target = folder / f"{role}-{action.value}-{purpose}"
    words: dict[Action, tuple[str, ...]] = {
        Action.FIND: ("recordings", "find", "--json", *why),
        Action.LISTEN: ("listen", recording, *why),
        Action.EXPORT: ("export", recording, *why, "--to", str(target)),
        Action.ERASE: ("erase", recording, *why),
        Action.RETRIEVE: ("recordings", "retrieve", recording, *why, "--to", str(target)),
    }
    done = office.run(person_of(role), *words[action])
    now = SystemClock().now()
    somebody = Person(id=PersonId("x"), hats=(Hat(role=role, since=now - DAY),))  # type: ignore[arg-type]  # a role's name
    at_once = refused_at_once(somebody, action, PurposeName(purpose), now, access)
    allowed = answer.startswith("allowed")
    told = done.stderr.decode()
    if at_once is not None:
        right = done.returncode == 13 and at_once.rule.source in told
    elif action is Action.FIND:
        found = json.loads(done.stdout) if done.returncode == 0 else []
        right = done.returncode == 0 and any(row["recording_id"] == recording for row in found) == allowed
    elif allowed:
        right = done.returncode == 0
    else:
        right = (done.returncode, told, done.stdout) == (4, NO_SUCH, b"")
    if right:
        return None
    return f"{role} {action.value} {purpose}: {answer}, got {done.returncode}: {told.strip()}"


# ---------------------------------------------------------------- the doors that open, by name


def heard_the_agent(done: subprocess.CompletedProcess[bytes], folder: Path) -> bool:
    """Return whether what was listened to holds the agent's voice, in the agent's channel."""
    assert done.returncode == 0, done.stderr
    path = folder / "heard.wav"
    path.write_bytes(done.stdout)
    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    return holds(samples[:, 1], voice_file("agent1"))


def flag(office: Office, name: str, kind: IncidentKind, *, keep: bool = False) -> None:
    """Have an incident flagged, and assessed to be kept."""
    with office.records() as db:
        recording_id, now = office.kept[name], SystemClock().now()
        row = recordings.get_recording(db, recording_id)
        with db.write() as tx:
            if incidents.of_recording(db, recording_id) is None:
                incidents.add(tx, recording_id, kind, now, RULING, assess_by_at=row.promised_at)
            known = incidents.of_recording(db, recording_id)
            if keep and known is not None and known.stage is Stage.FLAGGED:
                incidents.assessed(tx, known, Stage.KEPT, now, RULING)


def draw(office: Office, name: str, purpose: str) -> None:
    """Draw the one recording there is."""
    with office.records() as db, db.write() as tx:
        now = SystemClock().now()
        drawn = Draw(
            policy=PolicyName(name),
            purpose=PurposeName(purpose),
            drawn_by=PersonId("coach"),
            seed=os.urandom(32),  # noqa: TID251 - a test
            population={PersonId(AGENT): [office.kept[name]]},
            per_agent=1,
            until=now + DAY,
            due_at=now + 2 * DAY,
        )
        draws.record(tx, drawn, at=now, actor="test")


def why(name: str, purpose: str, case: str = "") -> tuple[str, ...]:
    extra = ("--case", case) if case else ()
    return ("--purpose", purpose, "--reason", "omdat het moet", "--policy", name, *extra)


def test_g8_agent_and_head_hear_an_indicated_call_together_and_neither_alone(
    office: Office, tmp_path: Path
) -> None:
    recording, because = office.kept["groningen"], why("groningen", "aggression")
    flag(office, "groningen", IncidentKind.AGGRESSION)
    for alone in ("agent", "head"):
        refused = office.run(alone, "listen", recording, *because)
        assert (refused.returncode, refused.stderr.decode()) == (4, NO_SUCH)
    assert heard_the_agent(office.run("agent", "listen", recording, *because, together=["head"]), tmp_path)
    assert heard_the_agent(office.run("head", "listen", recording, *because, together=["agent"]), tmp_path)
    other = office.run("head", "listen", recording, *because, together=[OTHER_AGENT])
    assert (other.returncode, other.stderr.decode()) == (4, NO_SUCH)


def test_g8_from_two_places_the_head_passes_on_a_part_to_the_agent(office: Office, tmp_path: Path) -> None:
    recording, because = office.kept["groningen"], why("groningen", "aggression")
    flag(office, "groningen", IncidentKind.AGGRESSION)
    asked = office.run(
        "agent", "approvals", "ask", recording, "--of", "head", "--for", "company", *because, "--json"
    )
    assert asked.returncode == 0, asked.stderr
    word = str(json.loads(asked.stdout)[0]["word"])
    granted = office.run("head", "approvals", "grant", word)
    assert granted.returncode == 0, granted.stderr
    assert heard_the_agent(office.run("agent", "listen", recording, *because), tmp_path)
    assert office.run("agent", "approvals", "take-back", word).returncode == 0
    assert office.run("agent", "listen", recording, *because).returncode == 4


def test_n5_an_agent_hears_her_own_call_by_asking_the_coach_and_it_helps_when_the_coach_asks(
    office: Office, tmp_path: Path
) -> None:
    recording, because = office.kept["nunspeet"], why("nunspeet", "quality")
    assert office.run("agent", "listen", recording, *because).returncode == 4
    asked = office.run(
        "agent", "approvals", "ask", recording, "--of", "coach", "--for", "opening", *because, "--json"
    )
    word = str(json.loads(asked.stdout)[0]["word"])
    assert office.run("coach", "approvals", "grant", word).returncode == 0
    assert heard_the_agent(office.run("agent", "listen", recording, *because), tmp_path)
    retrieve = ("recordings", "retrieve", recording, *because, "--to", str(tmp_path / "sealed"))
    assert office.run("it", *retrieve).returncode == 4
    ask = ("approvals", "ask", recording, "--of", "it", "--for", "request", "--action", "retrieve", *because)
    assert office.run("coach", *ask).returncode == 0
    assert office.run("it", *retrieve).returncode == 0
    sealed = office.site.vault / recording[:2] / f"{recording}.sealed"
    assert (tmp_path / "sealed").read_bytes() == sealed.read_bytes()


def test_n6_the_line_manager_is_told_the_article_and_its_sentence_whatever_the_recording(
    office: Office,
) -> None:
    told = {
        office.run("line-manager", "listen", recording, *why("nunspeet", "quality")).stderr
        for recording in (office.kept["nunspeet"], office.kept["rvo"], "0" * 32)
    }
    (only,) = told
    assert b"gemeente Nunspeet N6, section 2: the line manager has no access to the recordings" in only


@pytest.mark.parametrize(
    ("name", "purpose", "person"),
    [
        ("heerde", "quality", "line-manager"),
        ("heerde", "quality", "senior-agent"),
        ("nunspeet", "quality", "coach"),
    ],
)
def test_h3_n8_a_recorded_draw_opens_what_it_drew(
    office: Office, tmp_path: Path, name: str, purpose: str, person: str
) -> None:
    draw(office, name, purpose)
    assert heard_the_agent(office.run(person, "listen", office.kept[name], *why(name, purpose)), tmp_path)


def test_r5_calibration_waits_for_the_agents_yes(office: Office, tmp_path: Path) -> None:
    recording, because = office.kept["rvo"], why("rvo", "coach_training")
    draw(office, "rvo", "coach_training")
    assert office.run("coach", "listen", recording, *because).returncode == 4
    assert office.run(OTHER_AGENT, "approvals", "yes", recording, "--to", "coach", *because).returncode == 4
    assert office.run(AGENT, "approvals", "yes", recording, "--to", "coach", *because).returncode == 0
    assert heard_the_agent(office.run("coach", "listen", recording, *because), tmp_path)


def test_x12_the_agent_sees_who_heard_their_calls(office: Office) -> None:
    done = office.run(AGENT, "recordings", "heard", "--json")
    rows = json.loads(done.stdout)
    assert {row["recording_id"] for row in rows} <= set(office.kept.values())
    assert rows
    assert json.loads(office.run(OTHER_AGENT, "recordings", "heard", "--json").stdout) == []


def test_e9_the_privacy_officer_gives_a_copy_and_erases_a_part(office: Office, tmp_path: Path) -> None:
    recording = office.kept["eindhoven"]
    because = why("eindhoven", "data_subject_request", "2026-118")
    _request(office, "eindhoven", recording, "2026-118")
    erased = office.run("privacy-officer", "erase", recording, *because, "--from", "0", "--to", "0.5")
    assert erased.returncode == 0, erased.stderr
    copied = office.run(
        "privacy-officer", "export", recording, *because, "--to", str(tmp_path / "out"), "--silence", "agent"
    )
    assert copied.returncode == 0, copied.stderr
    samples, rate_hz = soundfile.read(tmp_path / "out" / "recording.wav", dtype="int16")
    assert not samples[: rate_hz // 2].any()
    assert not samples[:, 1].any()
    assert samples[:, 0].any()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["erased_parts_ms"] == [[0, 500]]
    assert manifest["silenced"]["residual_echo"]["says"]


def _request(office: Office, name: str, recording: str, case: str) -> None:
    """Have a request about a call taken in, identity shown, and the call confirmed."""
    with office.records() as db:
        started_at = recordings.get_recording(db, RecordingId(recording)).started_at
    when = ("--from", to_iso(started_at - DAY), "--to", to_iso(started_at + DAY))
    because = ("--reason", "verzoek van 12 november")
    taken = ("request", "new", "--right", "erasure", *when, "--case", case, "--policy", name, "--json")
    (row,) = json.loads(office.run("privacy-officer", *taken).stdout)
    number = str(row["request_id"])
    shown = ("request", "identity", number, "--confirmed", "--by", "call_facts", *because)
    assert office.run("privacy-officer", *shown).returncode == 0
    told = ("--at", to_iso(started_at), "--subject", "afvalcontainer")
    done = office.run("privacy-officer", "request", "confirm", number, recording, *told, *because)
    assert done.returncode == 0, done.stderr


def test_everything_that_was_asked_is_on_a_ledger_that_holds(office: Office) -> None:
    assert office.site.run("ledger", "verify", check=False).returncode == 0
    with office.records() as db:
        kinds = {entry.kind for entry in ledger.show(db)}
        assert people.agents_of_recording(db, office.kept["rvo"]) == {AGENT}
    assert {"access_released", "access_refused", "access_ended", "recordings_found"} <= kinds
