"""An office of five organisations on one PBX: calls that agents held, named people with passphrases and keys.

One Asterisk, one daemon on a clock that a test moves ahead, a call of each organisation, and a program that
writes down the notices which it is given, as an installation's own would.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy.clock import SystemClock
from policy.load import load_policy
from policy.situation import PersonId
from sandbox import deadline
from sandbox.fetch import Unpacked
from sandbox.site import PERSON, Site
from store.db import Db
from store.persons import hats, people
from tests.conftest import ROOT
from tests.real import callers
from tests.real.callers import Callers, agent_at_desk, query, settled, site_of
from tests.real.clocked import Ahead
from tests.real.gate_stories import playing, visit
from tests.real.secrets import PASSPHRASE, secrets

NUMBERS = {
    "eindhoven": "14040",
    "groningen": "14050",
    "heerde": "140578",
    "nunspeet": "0341259911",
    "rvo": "0880424242",
}
AGENTS = {f"medewerker{number}": f"agent{number}" for number in range(1, 5)}
HEAD, OFFICER, COORDINATOR, COACH = "hoofd", "po", "coordinator", "coach"
STAFF = {
    HEAD: ("head", "line_manager"),
    OFFICER: ("privacy_officer",),
    COORDINATOR: ("aggression_coordinator",),
    COACH: ("coach",),
}
NOTED_WITHIN_S = 40.0
CARRIER = """
import sys
from pathlib import Path
with Path(sys.argv[1]).open("a") as told:
    told.write(sys.stdin.read())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A call that an agent held.

    Attributes:
        agent: Who, or nothing where the agent wears no hat.
    """

    call: str
    recording: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Five organisations, and their people.

    Attributes:
        calls: By name of the scene, such as `groningen` or `groningen again`.
        told: Where the notices are written down.
    """

    site: Site
    ahead: Ahead
    calls: Mapping[str, Held]
    told: Path

    def run(self, person: str, *words: str, secret: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command line as somebody.

        Args:
            person: Who proves their passphrase.
            *words: The command.
            secret: The passphrase of a ZIP, where it makes one.
        """
        given = [PASSPHRASE] if secret is None else [PASSPHRASE, secret]
        with secrets(*given) as fds:
            line = [*words, "--person", person, "--passphrase-fd", str(fds[0])]
            if secret is not None:
                line += ["--zip-passphrase-fd", str(fds[1])]
            return subprocess.run(
                [str(self.site.executable), *line],
                check=False,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                env=self.site.environment(),
            )

    def done(self, person: str, *words: str, secret: str | None = None) -> str:
        """Run what has to succeed, and return what it printed."""
        ended = self.run(person, *words, secret=secret)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def ask(self, person: str, *words: str) -> Any:
        """Run what has to succeed, and return the first row that it printed."""
        return json.loads(self.done(person, *words, "--json"))[0]

    def refused(self, person: str, *words: str, code: int, secret: str | None = None) -> str:
        """Run what has to be refused with this exit code, in one line, and return that line."""
        ended = self.run(person, *words, secret=secret)
        assert ended.returncode == code, (ended.returncode, ended.stdout, ended.stderr)
        first, *rest = ended.stderr.splitlines()
        assert first.startswith("Error: ")
        assert all(line.startswith("Hint: ") for line in rest)
        return first

    def flag(self, name: str, kind: str) -> int:
        """Have the agent who held a call point it out, and return the number of the incident."""
        held = self.calls[name]
        (row,) = self.site.cli("incident", "flag", held.call, "--kind", kind, "--as", held.agent)
        return int(row["incident_id"])

    def assess(self, name: str) -> None:
        """Have the head keep a call that was pointed out."""
        self.done(HEAD, "incident", "assess", self.calls[name].call, "--keep", "--reason", "bedreiging")

    def notices(self, **of: object) -> list[dict[str, Any]]:
        """Return the notices that were carried and of which all this is so."""
        rows = [json.loads(line) for line in self.told.read_text().splitlines()]
        return [row for row in rows if all(row.get(key) == value for key, value in of.items())]

    def wait_until_told(self, **of: object) -> dict[str, Any]:
        """Wait until such a notice was carried; it is carried once."""
        deadline.wait_until(lambda: bool(self.notices(**of)), within_s=NOTED_WITHIN_S, what=f"{of} is told")
        (notice,) = self.notices(**of)
        return notice


@contextmanager
def office_of(
    unpacked: Unpacked,
    folder: Path,
    *,
    names: Sequence[str] = tuple(NUMBERS),
    again: Sequence[str] = (),
) -> Iterator[Office]:
    """Open an office with a call of each organisation.

    Args:
        unpacked: Asterisk.
        folder: For the clock, the notices, and what callers hear.
        names: Which organisations are called.
        again: Which of them are called twice; the second call is named `NAME again`.
    """
    ahead, told = Ahead.of(folder), folder / "told"
    told.touch()
    policies = [ROOT / "policies" / f"{name}.toml" for name in NUMBERS]
    with site_of(unpacked, policies, daemon_command=ahead.command) as site:
        print(f"Asterisk {site.asterisk.version()}, {len(policies)} policies")
        _carrier(site, folder, told)
        _staff(site)
        calls = _called(
            site,
            folder,
            {name: NUMBERS[name] for name in names} | {f"{name} again": NUMBERS[name] for name in again},
        )
        yield Office(site=site, ahead=ahead, calls=calls, told=told)


def _carrier(site: Site, folder: Path, told: Path) -> None:
    """Have notices carried by a program of the test's own."""
    program = folder / "carrier.py"
    program.write_text(CARRIER)
    arguments = json.dumps([sys.executable, str(program), str(told)])
    with site.config.open("a") as config:
        config.write(f"\n[notify]\ncommand = {arguments}\n")
    site.stop_daemon()
    site.start_daemon()


def _staff(site: Site) -> None:
    """Give everybody their hats and lines, and those who decide a passphrase and their roles' keys."""
    _on_record(site)
    for agent, member in AGENTS.items():
        site.run("people", "add-line", agent, "--queue-member", f"Local/{member}@sandbox-agents/n")
    fingerprints = {person: _enrolled(site, person) for person in STAFF}
    with_keys = {(row["policy"], row["role"]) for row in site.cli("keys", "list")}
    for name, person, role in _hats():
        if (name, role) in with_keys and person in STAFF:
            site.run(
                *("keys", "grant", person, "--policy", name, "--role", role, "--by", PERSON),
                *("--fingerprint", fingerprints[person]),
                with_passphrase=True,
            )


def _hats() -> Iterator[tuple[str, str, str]]:
    """Yield policy, person and role of every hat in the office."""
    for name in NUMBERS:
        access = load_policy(ROOT / "policies" / f"{name}.toml").access
        assert access is not None
        for person, roles in {**STAFF, **dict.fromkeys(AGENTS, ("agent",))}.items():
            yield from ((name, person, role) for role in roles if role in access.roles)


def _on_record(site: Site) -> None:
    """Put everybody and their hats on record beside the daemon: thirty command lines less."""
    clock = SystemClock()
    now = clock.now()
    with closing(Db.open(site.database, clock=clock)) as db, db.write() as tx:
        for person in (*AGENTS, *STAFF):
            people.add(tx, PersonId(person), name=person.title(), login=None, at=now, actor="test")
        for name, person, role in _hats():
            policy = load_policy(ROOT / "policies" / f"{name}.toml")
            hats.give(tx, PersonId(person), policy, role, since=None, until=None, at=now, actor="test")


def _enrolled(site: Site, person: str) -> str:
    """Give somebody a key of their own, and return its fingerprint."""
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
    return made.stdout.strip()


def _called(site: Site, folder: Path, numbers: Mapping[str, str]) -> dict[str, Held]:
    """Have everybody call at once, talk to an agent for a while, and hang up."""
    with ExitStack() as stack:
        for user in ("agent1", "agent2"):  # at their telephones, for Nunspeet
            stack.enter_context(agent_at_desk(site, folder, user=user))
        troupe = stack.enter_context(Callers(site, folder))

        def scene(number: str, digits: str) -> Any:
            def act(call: Any) -> None:
                callers.decision(site, digits)
                call.listen(3.0)

            return lambda: visit(site, troupe, number, digits, act=act)

        scenes = {name: scene(number, f"8{nth}") for nth, (name, number) in enumerate(numbers.items())}
        with playing(scenes) as told:
            return {name: _held(site, told(name).row) for name in scenes}


def _held(site: Site, row: Mapping[str, Any]) -> Held:
    recording = settled(site, row["recording_id"])["recording_id"]
    sql = "SELECT person_id AS person FROM call_agents WHERE call_id = ? AND person_id IS NOT NULL"
    found = query(site, sql, row["call_id"])
    return Held(call=row["call_id"], recording=recording, agent=found[0]["person"] if found else "")
