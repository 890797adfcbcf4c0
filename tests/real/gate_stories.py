"""What one caller lived through at a gate and after it, told once, for several tests to look at.

The callers of a module call at once; each test then reads its own caller's story.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import ears
from sandbox.site import Site
from sandbox.softphone import Call
from sandbox.speech import Samples, read_wav
from tests.real import callers
from tests.real.callers import Callers, Row

TALK_S = 3.0
MOST_CALLERS = 16
ERASED = "purged"

Act = Callable[[Call], object]
Scene = Callable[[], "Story"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One call, from the answer to what is kept of it.

    Attributes:
        row: The call, as the command line shows it at the end.
        decisions: Its decision rows.
        heard: What the caller heard.
        shown: Asterisk's view of the caller's channel beyond the gate; empty for one who never came there.
        spool: Names of the spool's files of this recording in mid-call, and when each was made, in Unix ms.
        recording: Once sealed or erased; None where there is none.
    """

    row: Row
    decisions: list[Row]
    heard: Samples
    shown: Mapping[str, str] = field(default_factory=dict)
    spool: Mapping[str, int] = field(default_factory=dict)
    recording: Row | None = None

    @property
    def decided(self) -> str:
        """The strictest outcome."""
        return str(self.row["decision"])

    @property
    def reached_an_agent(self) -> bool:
        """Whether an agent was heard."""
        return callers.holds_an_agent(self.heard)

    @property
    def unrecorded(self) -> bool:
        """Whether no recording ever was, neither in the records nor in the spool nor in the dialplan."""
        is_named = bool(self.shown.get("CONSENTLINE_RECORDING") or self.shown.get("CONSENTLINE_MMID"))
        return self.row["recording_id"] is None and not self.spool and not is_named

    def heard_whole(self, prompt: Path) -> bool:
        """Tell whether the last second of a prompt was heard: a prompt that is cut lacks it."""
        return ears.holds_voice(self.heard, _last_second(prompt))


def visit(
    site: Site,
    troupe: Callers,
    number: str,
    digits: str,
    *,
    act: Act | None = None,
    display_name: str = "",
) -> Story:
    """Have a caller go through the gate, talk to an agent and hang up."""
    call = troupe.place(number, digits, display_name=display_name)
    return see_through(site, call, digits, act=act)


def see_through(
    site: Site, call: Call, digits: str, *, act: Act | None = None, talk_s: float = TALK_S
) -> Story:
    """Accompany a call that was answered to its end."""
    if act is not None:
        act(call)
    row = callers.decision(site, digits)
    call.listen(talk_s)
    shown = callers.shown(site, row)
    spool = {path.name: made_at_ms(path) for path in spool_of(site, shown)}
    call.hang_up()
    return aftermath(site, call, digits, shown=shown, spool=spool)


def leave(site: Site, troupe: Callers, number: str, digits: str, *, act: Act) -> Story:
    """Have a caller hang up at the gate, after some act."""
    call = troupe.place(number, digits)
    act(call)
    call.hang_up()
    return aftermath(site, call, digits)


def aftermath(
    site: Site,
    call: Call,
    digits: str,
    *,
    shown: Mapping[str, str] | None = None,
    spool: Mapping[str, int] | None = None,
) -> Story:
    """Look at what is kept of a call that is over."""
    row = callers.ended(site, digits)
    recording = None
    if row["recording_id"] is not None:
        recording = callers.settled(site, row["recording_id"])
    return Story(
        row=callers.ended(site, digits),
        decisions=callers.evidence(site, row),
        heard=read_wav(call.heard),
        shown=shown or {},
        spool=spool or {},
        recording=recording,
    )


@contextmanager
def playing(scenes: Mapping[str, Scene]) -> Iterator[Callable[[str], Story]]:
    """Play all scenes at once; give a function that returns a scene's story, or raises what went wrong."""
    with ThreadPoolExecutor(max_workers=MOST_CALLERS) as stage:
        acts = {name: stage.submit(scene) for name, scene in scenes.items()}
        yield lambda name: acts[name].result()


def press(key: str, *, after_s: float = 0.0) -> Act:
    """Return the act of pressing a key so long after the answer."""

    def act(call: Call) -> None:
        if after_s:
            call.listen(after_s)
        call.dtmf(key)

    return act


def spool_of(site: Site, shown: Mapping[str, str]) -> list[Path]:
    """Return the spool's files of the recording that the dialplan knows of."""
    recording_id = shown.get("CONSENTLINE_RECORDING", "")
    return callers.spool_files(site, recording_id) if recording_id else []


def made_at_ms(path: Path) -> int:
    """Return when a file was made, which is not when it was last written to."""
    told = subprocess.run(["stat", "--format=%.3W", str(path)], capture_output=True, text=True, check=True)
    return round(float(told.stdout) * 1000)


def _last_second(prompt: Path) -> Samples:
    """The last voiced second: prompts end in silence."""
    samples = read_wav(prompt)
    end = len(samples)
    while end > 800 and ears.is_silent(samples[end - 800 : end], threshold=10 * ears.SILENCE_RMS):
        end -= 800
    return samples[max(0, end - 8000) : end]
