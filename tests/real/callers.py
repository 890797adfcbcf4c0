"""Callers at a real gate, and where to look for what came of them.

A call is told from the others by the last two digits of its caller's number: that is all of it that the
command line shows. So each caller of a module has two digits of its own.

    with place(site, "14040", "71", folder=heard) as call:
        ...
    row = decision(site, "71")
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import soundfile

from commands.frame.control import Daemon
from sandbox import deadline, ears
from sandbox.fetch import SandboxError, Unpacked, sandbox_folder
from sandbox.site import Site
from sandbox.softphone import Call, Softphone
from sandbox.speech import RATE_HZ, Samples, read_growing_wav, read_wav

T = TypeVar("T")
Row = Mapping[str, Any]

DECIDED_WITHIN_S = 30.0
SETTLED_WITHIN_S = 30.0
CONNECTED_WITHIN_S = 60.0
LIKE_A_VOICE = 0.6
AGENTS = ("agent1", "agent2", "agent3", "agent4")
_SHOW_EVERY_S = 0.2
_MOST_AT_ONCE = 24


# --- placing calls ----------------------------------------------------------------------------------


class Callers:
    """Callers with a softphone process each: pjsua2 takes four calls in one and no more.

    Args:
        site: Started.
        folder: For what they hear.
        name: Begins the names of their files.
        voice: What they say unless told otherwise, a name in `sandbox.speech.VOICES`; empty: nothing.
    """

    def __init__(self, site: Site, folder: Path, *, name: str = "caller", voice: str = "caller1") -> None:
        self._site = site
        self._folder = folder
        self._name = name
        self._voice = voice
        self._numbers = itertools.count(1)
        self._phones = ExitStack()

    def place(
        self,
        number: str,
        digits: str,
        *,
        voice: str | None = None,
        display_name: str = "",
        answered: bool = True,
    ) -> Call:
        """Call `number`; return when it is answered, or at once. Several threads may call.

        Args:
            number: With the words of the sandbox's dialplan, such as "en14040".
            digits: The last two of the caller's number.
            voice: Another one than that of the others.
            display_name: Of the caller.
            answered: Whether to wait for that.
        """
        said = self._voice if voice is None else voice
        phone = self._phones.enter_context(
            Softphone.start(
                self._site.asterisk.sip_address(),
                self._folder,
                name=f"{self._name}-{digits}-{next(self._numbers)}",
                voice=voice_file(said) if said else None,
            )
        )
        call = phone.call(number, caller_id=caller_number(digits), display_name=display_name)
        if answered:
            call.wait("confirmed", within_s=CONNECTED_WITHIN_S)
        return call

    def __enter__(self) -> Callers:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up everything."""
        self._phones.close()


@contextmanager
def place(
    site: Site,
    number: str,
    digits: str,
    *,
    folder: Path,
    voice: str = "caller1",
    display_name: str = "",
    answered: bool = True,
) -> Iterator[Call]:
    """Have a caller with a softphone process of its own; hung up at the end of the block."""
    with Callers(site, folder, voice=voice) as callers:
        yield callers.place(number, digits, display_name=display_name, answered=answered)


@contextmanager
def agent_at_desk(
    site: Site, folder: Path, *, user: str = "agent1", answer_after_ms: int | None = 300
) -> Iterator[Softphone]:
    """Register a softphone as an agent of the queue `phones`, speaking with the agent's voice."""
    address = site.asterisk.sip_address()
    with Softphone.start(address, folder, name=f"desk-{user}", voice=voice_file(user)) as desk:
        desk.register(user, site.asterisk.agent_password, answer_after_ms=answer_after_ms)
        yield desk


def together(scenes: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Play scenes at once, and return what each told.

    Raises:
        ExceptionGroup: of all that went wrong.
    """
    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as stage:
        playing = {name: stage.submit(scene) for name, scene in scenes.items()}
    failed = [error for one in playing.values() if isinstance(error := one.exception(), Exception)]
    if failed:
        raise ExceptionGroup("scenes failed", failed)
    return {name: one.result() for name, one in playing.items()}


def caller_number(digits: str) -> str:
    """Return a caller's number that ends in these two digits."""
    return f"06123456{digits}"


@contextmanager
def site_of(
    unpacked: Unpacked,
    policies: Sequence[Path],
    *,
    trunks: Sequence[str] = (),
    daemon_command: Sequence[str] = (),
) -> Iterator[Site]:
    """Have an installation of one's own for a while; a folder with a short path for the sockets."""
    with tempfile.TemporaryDirectory(prefix="cl-") as folder:
        running = Site(
            Path(folder), unpacked, policies=policies, trunks=trunks, daemon_command=daemon_command
        )
        try:
            running.start()
            yield running
        finally:
            running.remove()


# --- what the installation says ---------------------------------------------------------------------


def calls_of(site: Site, digits: str) -> list[Row]:
    """Return the calls of a caller, oldest first, as the command line shows them."""
    return [row for row in site.cli("calls") if (row["caller"] or "").endswith(digits)]


def at_gate(site: Site, digits: str) -> Row:
    """Return the latest call of a caller as soon as it is on record, decided or not."""
    return _latest(site, digits, lambda row: True, within_s=DECIDED_WITHIN_S, what="is on record")


def decision(site: Site, digits: str, *, within_s: float = DECIDED_WITHIN_S) -> Row:
    """Return the latest call of a caller, once decided, as the command line shows it."""
    return _latest(site, digits, lambda row: bool(row["decision"]), within_s=within_s, what="is decided")


def ended(site: Site, digits: str, *, within_s: float = SETTLED_WITHIN_S) -> Row:
    """Return the latest call of a caller, once it is decided and over."""

    def over(row: Row) -> bool:
        return bool(row["decision"] and row["ended_at"])

    return _latest(site, digits, over, within_s=within_s, what="is over")


def recording(
    site: Site, recording_id: str, *, state: str = "sealed", within_s: float = SETTLED_WITHIN_S
) -> Row:
    """Return a recording, once in that state, as the command line shows it."""

    def there() -> bool:
        rows = _daemon(site).recordings()
        return any(row["recording_id"] == recording_id and row["state"] == state for row in rows)

    deadline.wait_until(there, within_s=within_s, what=f"{recording_id} is {state}", every_s=_SHOW_EVERY_S)
    return next(row for row in site.cli("recordings", "list") if row["recording_id"] == recording_id)


def settled(site: Site, recording_id: str, *, within_s: float = SETTLED_WITHIN_S) -> Row:
    """Return a recording once it is sealed or erased, whichever comes."""

    def found() -> Row | None:
        rows = _daemon(site).recordings()
        over = (row for row in rows if row["state"] == "sealed" or row["erased_at"] is not None)
        return next((row for row in over if row["recording_id"] == recording_id), None)

    described = f"{recording_id} is sealed or erased"
    deadline.wait_until(found, within_s=within_s, what=described, every_s=_SHOW_EVERY_S)
    return next(row for row in site.cli("recordings", "list") if row["recording_id"] == recording_id)


def status(site: Site) -> Row:
    """Return how the daemon says it is."""
    return _daemon(site).status()


def alarms(site: Site, kind: str = "") -> list[Row]:
    """Return the alarms that stand, as the running daemon tells them; those of one kind, or all."""
    standing: Any = _daemon(site).status()["alarms"]
    return [alarm for alarm in standing if kind in {"", alarm["kind"]}]


def alarms_of(site: Site, call: Row, kind: str) -> list[Row]:
    """Return the alarms of one kind about one call."""
    return [alarm for alarm in alarms(site, kind) if alarm["call_id"] == call["call_id"]]


def evidence(site: Site, call: Row) -> list[Row]:
    """Return the decision rows of a call, in order, from the database itself."""
    return query(site, "SELECT * FROM decisions WHERE call_id = ? ORDER BY decision_id", call["call_id"])


def query(site: Site, sql: str, *values: str) -> list[Row]:
    """Read the database, without the daemon's help."""
    with closing(sqlite3.connect(f"file:{site.database}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(sql, values)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A recording as whoever may open it gets it.

    Attributes:
        manifest: The call, the evidence, the hashes.
        caller, agent: The two channels.
    """

    manifest: Row
    caller: Samples
    agent: Samples


def export(site: Site, recording_id: str, target: Path) -> Exported:
    """Export a sealed recording into a new folder, as who fulfils a data subject's request."""
    site.copy_for_data_subject(recording_id, target)
    manifest = json.loads((target / "manifest.json").read_text())
    (name,) = manifest["files"]
    samples, _ = soundfile.read(target / name, dtype="float64", always_2d=True)
    return Exported(manifest=manifest, caller=samples[:, 0], agent=samples[:, 1])


def spool_files(site: Site, recording_id: str) -> list[Path]:
    """Return what lies in the spool of a recording, renamed files included."""
    return sorted(site.spool.glob(f"{recording_id}*"))


def prompt_file(site: Site, policy: str, prompt: str = "notice", language: str = "nl") -> Path:
    """Return the audio file of a prompt."""
    return site.home / "prompts" / policy / language / f"{prompt}.wav"


def sha256(path: Path) -> str:
    """Return the hash of a file as the evidence writes it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- what can be heard ------------------------------------------------------------------------------


def voice_file(name: str) -> Path:
    """Return the WAV of a voice of the sandbox."""
    return sandbox_folder() / "speech" / f"{name}.wav"


def holds_an_agent(samples: Samples) -> bool:
    """Tell whether an agent is heard."""
    return any(ears.holds_voice(samples, read_wav(voice_file(agent))) for agent in AGENTS)


def holds(samples: Samples, path: Path) -> bool:
    """Tell whether a sound is heard: a prompt, or a voice."""
    return ears.holds_voice(samples, read_wav(path), likeness=LIKE_A_VOICE)


def wait_until_heard(call: Call, *paths: Path, within_s: float = CONNECTED_WITHIN_S) -> float:
    """Return when, on the monotonic clock, one of these sounds was best heard by this side."""
    began_ms = call.wait("listening").at_ms
    sounds = [read_wav(path) for path in paths]

    def heard() -> float | None:
        samples = read_growing_wav(call.heard)
        best = max((ears.find_sound(samples, sound) for sound in sounds), key=lambda match: match.likeness)
        return began_ms + best.at_s * 1000 if best.likeness > LIKE_A_VOICE else None

    names = " or ".join(path.stem for path in paths)
    found_ms = deadline.wait_until(heard, within_s=within_s, what=f"{names} is heard", every_s=0.5)
    assert found_ms is not None
    return found_ms


def wait_for_agent(call: Call, *, within_s: float = CONNECTED_WITHIN_S) -> float:
    """Return when, on the monotonic clock, an agent of the queue was heard."""
    return wait_until_heard(call, *map(voice_file, AGENTS), within_s=within_s)


# --- what Asterisk says -----------------------------------------------------------------------------


def channel_name(site: Site, call: Row) -> str:
    """Return the name of the caller's channel.

    Raises:
        SandboxError: it is gone.
    """
    for line in site.asterisk.rx("core show channels concise").splitlines():
        fields = line.split("!")
        if fields[-1] == call["call_id"]:
            return fields[0]
    raise SandboxError(f"call {call['call_id']}: no such channel")


def shown(site: Site, call: Row) -> dict[str, str]:
    """Return what `core show channel` says of the caller's channel: variables, CDR and the rest."""
    lines = site.asterisk.rx(f"core show channel {channel_name(site, call)}").splitlines()
    pairs = (line.partition("=" if "=" in line else ":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def is_up(site: Site, call: Row) -> bool:
    """Tell whether the caller's channel exists."""
    lines = site.asterisk.rx("core show channels concise").splitlines()
    return any(line.split("!")[-1] == call["call_id"] for line in lines)


def seconds(samples: Samples) -> float:
    """Return how long a sound is."""
    return len(samples) / RATE_HZ


def _latest(site: Site, digits: str, fits: Callable[[Row], bool], *, within_s: float, what: str) -> Row:
    """Ask the daemon until it is so, then the command line."""

    def found() -> Row | None:
        rows: Sequence[Row] = _daemon(site).calls()
        mine = [row for row in rows if str(row["caller"] or "").endswith(digits) and fits(row)]
        return mine[-1] if mine else None

    described = f"the call of ...{digits} {what}"
    row = deadline.wait_until(found, within_s=within_s, what=described, every_s=_SHOW_EVERY_S)
    assert row is not None
    return next(now for now in calls_of(site, digits) if now["call_id"] == row["call_id"])


def _daemon(site: Site) -> Daemon:
    return Daemon(site.home / "control.sock")
