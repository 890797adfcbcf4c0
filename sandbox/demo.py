"""`make demo`: five callers, from the first ring to the purge, on a real Asterisk.

Everything is done with the tools that an administrator has, and looked at from outside: what the
callers and the agent heard, what lies on the disks, what the command line says. What is not as it
was told to be is printed as such, and the exit code is 1.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import soundfile

from commands.frame.offline import Offline
from policy.clock import SteppedClock, SystemClock, from_iso, to_local
from policy.config import load_config
from sandbox import deadline, ears
from sandbox.fetch import SandboxError, fetch, sandbox_folder
from sandbox.site import POLICIES, Site
from sandbox.softphone import Call, Softphone
from sandbox.speech import RATE_HZ, Samples, read_growing_wav, read_wav

NUMBER = "14040"
ANSWER_WITHIN_S = 60.0
TALK_S = 5.0
SETTLED_WITHIN_S = 30.0
LIKE_A_VOICE = 0.6
LIKE_A_WHISPER = 0.4
"""The confirmation is mixed with two voices; what is not there at all is found with a likeness below 0.25."""


@dataclass(slots=True, kw_only=True)
class Story:
    """What one caller lived through, as a timeline.

    Attributes:
        digits: Last two of the caller's number, by which the call is found again.
        unattended: Whether the daemon was away.
        began_ms: When the call was answered, on the machine's monotonic clock.
        lines: Pairs of milliseconds since then, and what happened.
        failures: What was not as told.
    """

    title: str
    digits: str = ""
    unattended: bool = False
    began_ms: float = 0.0
    lines: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def tell(self, at_ms: float, what: str) -> None:
        """Put a moment on the timeline."""
        self.lines.append((at_ms - self.began_ms, what))

    def check(self, told: bool, what: str) -> None:
        """Note a thing that was promised, and whether it is so."""
        self.lines.append((float("inf"), f"{'ok ' if told else 'NOT'} {what}"))
        if not told:
            self.failures.append(f"{self.title}: {what}")

    def show(self) -> None:
        """Print it in the order of time, checks last."""
        print(f"\n{self.title}")
        for at_ms, what in sorted(self.lines, key=lambda line: line[0]):
            when = "" if at_ms == float("inf") else f"{at_ms:.0f} ms"
            print(f"  {when:>10}  {what}")


class Demo:
    """One site and its callers.

    Args:
        site: Started.
        folder: For what the softphones hear.
    """

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._folder = folder
        self._voices = sandbox_folder() / "speech"
        self._agents = [read_wav(self._voices / f"agent{number}.wav") for number in range(1, 5)]
        prompts = site.home / "prompts/eindhoven/nl"
        self._notice = read_wav(prompts / "notice.wav")
        self._confirmation = read_wav(prompts / "withdrawn.wav")

    # ---------------------------------------------------------------- the five callers

    def silent(self) -> Story:
        """(a) Say nothing to the notice, then talk: recorded."""
        story = Story(title=f"(a) A caller stays silent and talks: {NUMBER}", digits="71")
        with self._phone("silent", "caller1") as phone:
            call = self._call(phone, NUMBER, story)
            self._wait_for_agent(call, story)
            call.listen(TALK_S)
            self._hang_up(call, story)
        row = self._recording(story, "recording sealed", lambda row: row["state"] == "sealed")
        decided = self._decision(story)
        story.check(decided["decision"] == "not_refused", "decided: not_refused")
        whole_ms = len(self._notice) * 1000 // RATE_HZ
        heard_ms = decided["notice_heard_ms"]
        story.check(heard_ms >= whole_ms - 300, f"heard {heard_ms} ms of a notice of {whole_ms} ms")
        story.check(row["duration_ms"] > 0, f"recorded, {row['duration_ms']} ms, sealed")
        story.check(not any(self._site.spool.iterdir()), "no plaintext is left in the spool")
        return story

    def refusing(self) -> Story:
        """(b) Press 1 while the notice plays: not recorded, at once in the queue."""
        story = Story(title=f"(b) A caller presses 1 while the notice plays: {NUMBER}", digits="72")
        with self._phone("refusing", "caller2") as phone:
            call = self._call(phone, NUMBER, story)
            call.listen(2.0)
            pressed_ms = call.dtmf("1")
            story.tell(pressed_ms, "presses 1")
            agent_ms = self._wait_for_agent(call, story)
            waited_ms = agent_ms - pressed_ms
            story.check(waited_ms < 2000, f"an agent speaks {waited_ms:.0f} ms after the key")
            call.listen(2.0)
            self._hang_up(call, story)
        decided = self._decision(story)
        story.check(decided["decision"] == "refused", f"decided: refused, by key {decided['digit']}")
        story.check(decided["recording_id"] is None, "not recorded")
        return story

    def withdrawing(self) -> Story:
        """(c) Withdraw in mid-call: file and key gone, both parties hear it."""
        title = f"(c) A caller withdraws in mid-call with *9: {NUMBER}, the agent at a real telephone"
        story = Story(title=title, digits="73")
        with self._phone("agent", "agent1") as desk, self._phone("withdrawing", "caller3") as phone:
            desk.register("agent1", self._site.asterisk.agent_password, answer_after_ms=300)
            call = self._call(phone, f"phones{NUMBER}", story)
            at_desk = desk.incoming(within_s=ANSWER_WITHIN_S)
            story.tell(at_desk.wait("confirmed").at_ms, "the agent answers")
            call.listen(TALK_S)
            files = self._spool_files(story)
            story.check(bool(files), f"{len(files)} files grow in the spool")
            pressed_ms = call.dtmf("*9")
            story.tell(pressed_ms, "presses *9")
            gone_ms = self._when_gone(files)
            story.tell(gone_ms, f"both files are gone, {gone_ms - pressed_ms:.0f} ms after the first key")
            call.listen(len(self._confirmation) / RATE_HZ + 2.0)
            still_talking = not any(event.kind == "disconnected" for event in call.events())
            story.check(still_talking, "the call itself goes on")
            self._hang_up(call, story)
            at_desk.wait("disconnected")
            for who, side in (("the caller", call), ("the agent", at_desk)):
                likeness = ears.find_sound(read_wav(side.heard), self._confirmation).likeness
                told = f"{who} heard that the recording is stopped and erased (likeness {likeness:.2f})"
                story.check(likeness > LIKE_A_WHISPER, told)
        row = self._recording(story, "recording erased", lambda row: row["erased_at"] is not None)
        story.check(row["erased_because"] == "withdrawn", "erased because: withdrawn")
        story.check(
            not self._sealed_file(row).exists(), "nothing of it is in the vault, no key was ever made"
        )
        return story

    def hanging_up(self) -> Story:
        """(d) Hang up in the notice: nothing."""
        story = Story(title=f"(d) A caller hangs up in the notice: {NUMBER}", digits="74")
        with self._phone("hanging-up", "caller1") as phone:
            call = self._call(phone, NUMBER, story)
            call.listen(3.0)
            self._hang_up(call, story)
        decided = self._decision(story)
        story.check(decided["decision"] == "caller_gone", "decided: caller_gone")
        story.check(decided["recording_id"] is None, "nothing recorded")
        return story

    def unattended(self) -> Story:
        """(e) Call while the daemon is stopped: reaches the agent, unrecorded."""
        story = Story(
            title=f"(e) The daemon is stopped, a caller calls all the same: {NUMBER}", unattended=True
        )
        before = len(self._site.cli("recordings", "list"))
        self._site.stop_daemon()
        try:
            with self._phone("unattended", "caller2") as phone:
                call = self._call(phone, NUMBER, story)
                agent_ms = self._wait_for_agent(call, story)
                waited_ms = agent_ms - story.began_ms
                story.check(waited_ms < 3000, f"an agent speaks {waited_ms:.0f} ms after the call came")
                call.listen(2.0)
                story.check(not any(self._site.spool.iterdir()), "nothing in the spool while they talk")
                self._hang_up(call, story)
        finally:
            self._site.start_daemon()
        decided = self._decision(story)
        story.check(decided["decision"] == "gate_unavailable", "taken in afterwards: gate_unavailable")
        story.check(len(self._site.cli("recordings", "list")) == before, "no recording came of it")
        return story

    # ---------------------------------------------------------------- export and purge

    def export(self, recording_id: str) -> Story:
        """Export the recording of (a) for its caller, and hear both voices, each in its own channel."""
        story = Story(title="Export of (a), by the privacy officer, once the caller's request was confirmed")
        target = self._folder / "export"
        self._site.copy_for_data_subject(recording_id, target)
        manifest = json.loads((target / "manifest.json").read_text())
        (name,) = manifest["files"]
        samples, _ = soundfile.read(target / name, dtype="float64", always_2d=True)
        story.check(samples.shape[1] == 2, f"{name}: two channels, {len(samples) / RATE_HZ:.1f} s")
        caller = read_wav(self._voices / "caller1.wav")
        in_channels = [self._likeness(samples[:, channel], caller) for channel in (0, 1)]
        told = f"the caller's voice is in channel 1 ({in_channels[0]:.2f}), not in 2 ({in_channels[1]:.2f})"
        story.check(in_channels[0] > LIKE_A_VOICE > in_channels[1], told)
        by_agent = [
            [self._likeness(samples[:, channel], agent) for channel in (0, 1)] for agent in self._agents
        ]
        best = max(by_agent, key=max)
        told = f"an agent's voice is in channel 2 ({best[1]:.2f}), not in 1 ({best[0]:.2f})"
        story.check(best[1] > LIKE_A_VOICE > best[0], told)
        released = manifest["released"]
        told = f"the manifest says who, why, by which article: {released['role']}, {released['article']}"
        story.check(released["purpose"] == "data_subject_request", told)
        evidence = manifest["evidence"][-1]
        story.check(
            bool(evidence["audio_sha256"]), "the manifest names the very audio that asked for consent"
        )
        return story

    def purge(self, row: dict[str, Any]) -> Story:
        """Dry run and purge at the due moment, by a clock that is set there."""
        story = Story(title=f"Purge: due {row['due_at']} (60 days after the call)")
        due = from_iso(row["due_at"])
        early = (due - timedelta(minutes=1)).isoformat()
        planned = self._site.cli("purge", "--dry-run", "--as-of", early)
        story.check(not planned, "a dry run one minute before: nothing is due")
        planned = self._site.cli("purge", "--dry-run", "--as-of", due.isoformat())
        _show_rows("purge --dry-run, at the due moment", planned, ("recording_id", "due_at", "rule"))
        ids = [one["recording_id"] for one in planned]
        story.check(ids == [row["recording_id"]], "a dry run at the due moment: this recording, and no other")
        sealed = self._sealed_file(row)
        story.check(sealed.exists(), f"{sealed.stat().st_size} sealed bytes are in the vault")
        self._site.stop_daemon()
        purged = self._purge_at(due)
        ids = [one["recording_id"] for one in purged]
        story.check(ids == [row["recording_id"]], "the purge at the due moment: this recording, and no other")
        story.check(not sealed.exists(), "its sealed bytes are gone")
        after = next(
            one for one in self._site.cli("recordings", "list") if one["recording_id"] == row["recording_id"]
        )
        story.check(after["state"] == "purged", f"its row says purged, because {after['erased_because']}")
        verified = self._site.run("ledger", "verify", check=False)
        story.check(verified.returncode == 0, f"ledger verify: {verified.stdout.splitlines()[0]}")
        return story

    def _purge_at(self, due: datetime) -> Sequence[Any]:
        with Offline.opened(load_config(self._site.config), clock=SteppedClock(due), boot="demo") as offline:
            return offline.purge(dry_run=False, as_of=None, clock_is_right=False)

    # ---------------------------------------------------------------- small steps

    def _phone(self, name: str, voice: str) -> Softphone:
        address = self._site.asterisk.sip_address()
        return Softphone.start(address, self._folder, name=name, voice=self._voices / f"{voice}.wav")

    def _call(self, phone: Softphone, number: str, story: Story) -> Call:
        call = phone.call(number, caller_id=f"06123456{story.digits}")
        story.began_ms = call.wait("confirmed", within_s=ANSWER_WITHIN_S).at_ms
        story.tell(story.began_ms, "the call is answered")
        return call

    def _wait_for_agent(self, call: Call, story: Story) -> float:
        """Return when the agent's voice is first heard by the caller."""
        began_ms = call.wait("listening").at_ms

        def heard() -> float | None:
            samples = read_growing_wav(call.heard)
            matches = [ears.find_sound(samples, agent) for agent in self._agents]
            best = max(matches, key=lambda match: match.likeness)
            return began_ms + best.at_s * 1000 if best.likeness > LIKE_A_VOICE else None

        found_ms = deadline.wait_until(heard, within_s=ANSWER_WITHIN_S, what="an agent speaks", every_s=0.5)
        assert found_ms is not None
        first_ms = self._first_sound_after_notice(call, began_ms, found_ms)
        story.tell(first_ms, "the caller hears an agent")
        return first_ms

    def _first_sound_after_notice(self, call: Call, began_ms: float, at_most_ms: float) -> float:
        """Return where the stretch of sound begins in which the agent was found."""
        samples = read_growing_wav(call.heard)
        frame = RATE_HZ // 10
        at = int((at_most_ms - began_ms) / 1000 * RATE_HZ)
        while at > frame and not ears.is_silent(samples[at - 3 * frame : at]):
            at -= frame
        return began_ms + at * 1000 / RATE_HZ

    def _hang_up(self, call: Call, story: Story) -> None:
        story.tell(call.hang_up().at_ms, "hangs up")

    def _calls(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._site.cli("calls")
        return rows

    def _decision(self, story: Story) -> dict[str, Any]:
        """Return the ended call of a story; a call that nobody took in has no caller."""

        def found() -> dict[str, Any] | None:
            mine = [
                row
                for row in self._calls()
                if row["decision"]
                and (row["caller"] or "").endswith(story.digits if not story.unattended else "")
                and (row["decision"] == "gate_unavailable") == story.unattended
            ]
            return mine[-1] if mine else None

        return _await(found, "the call is on record")

    def _recording(self, story: Story, what: str, told: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the recording of a story once it is as told, or as it is when time is up."""
        recording_id = self._decision(story)["recording_id"]

        def found() -> dict[str, Any] | None:
            rows = self._site.cli("recordings", "list")
            return next((row for row in rows if row["recording_id"] == recording_id and told(row)), None)

        return _await(found, what)

    def _spool_files(self, story: Story) -> list[Path]:
        recording_id = self._decision(story)["recording_id"]
        return sorted(self._site.spool.glob(f"{recording_id}-*.wav"))

    def _when_gone(self, files: Sequence[Path]) -> float:
        deadline.wait_until(
            lambda: (
                not any(path.exists() or path.with_name(path.name + ".withdrawn").exists() for path in files)
            ),
            within_s=5.0,
            what="the files are gone",
            every_s=0.005,
        )
        return time.monotonic() * 1000

    def _sealed_file(self, row: dict[str, Any]) -> Path:
        return next(self._site.vault.rglob(f"{row['recording_id']}*"), self._site.vault / row["recording_id"])

    @staticmethod
    def _likeness(channel: Samples, voice: Samples) -> float:
        return ears.find_sound(channel, voice).likeness


def _await(found: Callable[[], dict[str, Any] | None], what: str) -> dict[str, Any]:
    row = deadline.wait_until(found, within_s=SETTLED_WITHIN_S, what=what, every_s=0.3)
    assert row is not None
    return row


def _show_rows(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Print a table, each column as wide as what stands in it."""
    cells = [columns, *([str(row[column] or "-") for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    print(f"\n{title}")
    for line in cells:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def run(site: Site, folder: Path) -> list[str]:
    """Run the demo on a started site; return what was not as told."""
    demo = Demo(site, folder)
    with ThreadPoolExecutor(max_workers=4) as callers:
        asked = [demo.silent, demo.refusing, demo.withdrawing, demo.hanging_up]
        stories = [future.result() for future in [callers.submit(live) for live in asked]]
    for story in stories:
        story.show()
    unattended = demo.unattended()
    unattended.show()
    columns = ("recording_id", "state", "duration_ms", "due_at", "sealed_bytes", "erased_because")
    _show_rows("recordings", site.cli("recordings", "list"), columns)
    kept = [row for row in site.cli("recordings", "list") if row["state"] == "sealed"]
    if len(kept) != 1:
        return [f"{len(kept)} recordings are kept, expected the one of (a)"]
    last = [demo.export(kept[0]["recording_id"]), demo.purge(kept[0])]
    for story in last:
        story.show()
    return [failure for story in (*stories, unattended, *last) for failure in story.failures]


def main() -> int:
    """Run everything from nothing, and say what was not as told."""
    try:
        unpacked = fetch()
        folder = sandbox_folder() / "demo"
        shutil.rmtree(folder / "heard", ignore_errors=True)
        Site(folder / "site", unpacked).remove()
        site = Site(folder / "site", unpacked, policies=POLICIES[:1])
        try:
            site.start()
            print(f"Asterisk {site.asterisk.version()}, policy eindhoven, on {to_local(SystemClock().now())}")
            failures = run(site, folder / "heard")
        finally:
            site.stop()
    except SandboxError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    for failure in failures:
        print(f"NOT as told: {failure}", file=sys.stderr)
    print(f"\n{'Everything is as told.' if not failures else 'Not everything is as told.'}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
