"""Making prompts: which ones, from what, and what is left alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from commands.prompts import speech
from ivr.prompts import PromptLibrary, PromptUnfit
from policy.clock import Clock
from policy.errors import NotFound, Unavailable
from policy.load import Policies
from policy.model import Policy, PromptName
from policy.vocabulary import Voice

_READABLE_FILE = 0o644
_READABLE_FOLDER = 0o755


class Result(Enum):
    """What became of a prompt."""

    MADE = "made"
    KEPT = "kept"
    OUTDATED = "own recording of an older text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One prompt of one policy in one language."""

    policy: Policy
    prompt: PromptName
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What there is afterwards.

    Attributes:
        duration_ms: Of the audio that lies there.
    """

    wanted: Wanted
    voice: Voice
    duration_ms: int
    result: Result

    def to_row(self) -> Mapping[str, Any]:
        """Return the row as it is printed."""
        return {
            "policy": self.wanted.policy.name,
            "language": self.wanted.language,
            "prompt": self.wanted.prompt,
            "voice": self.voice.value,
            "duration_ms": self.duration_ms,
            "result": self.result.value,
        }


def choose(
    policies: Policies, *, policy: str | None, language: str | None, prompt: str | None
) -> list[Wanted]:
    """Return the prompts that are meant, in a fixed order.

    Raises:
        NotFound: If there is no such policy, or it does not speak that language.
    """
    chosen = [policies.named(policy)] if policy is not None else list(policies.by_name.values())
    wanted = [
        Wanted(policy=one, prompt=name, language=spoken)
        for one in chosen
        for spoken in sorted(one.notice.text)
        for name in one.prompts
        if language in (None, spoken) and prompt in (None, name)
    ]
    if not wanted:
        known = sorted({spoken for one in chosen for spoken in one.notice.text})
        raise NotFound(f'no prompt in language "{language}", expected one of: {", ".join(known)}')
    return wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Makes prompts in a folder. A prompt in the making is unfit for a moment: nobody is recorded on it.

    Attributes:
        folder: The folder of prompts.
        clock: For the date in the manifest.
    """

    folder: Path
    clock: Clock

    def speak(self, wanted: Wanted, *, espeak: str, espeak_data: Path | None) -> Made:
        """Make a placeholder, unless what is there is fit or is the organisation's own.

        Raises:
            Unavailable: If espeak-ng cannot speak, or the prompt cannot be written.
            PromptUnfit: If something else lies in its place.
        """
        kept = self._kept(wanted)
        if kept is not None:
            return kept
        command = speech.espeak_command(espeak, espeak_data)
        words = wanted.policy.spoken(wanted.prompt, wanted.language)
        samples = speech.synthesise(words, wanted.language, espeak=command)
        return self._put(wanted, samples, voice=Voice.PLACEHOLDER, attested_by="espeak-ng")

    def take(self, wanted: Wanted, wav: Path, *, attested_by: str) -> Made:
        """Take the organisation's own recording in the place of what is there.

        Raises:
            NotFound: If the file is not there.
            ConfigError: If it is no speech.
            Unavailable: If the prompt cannot be written.
            PromptUnfit: If something else lies in its place.
        """
        return self._put(wanted, speech.from_recording(wav), voice=Voice.OWN, attested_by=attested_by)

    def _kept(self, wanted: Wanted) -> Made | None:
        library = PromptLibrary(self.folder)
        try:
            manifest = library.read_manifest(wanted.policy, wanted.prompt, wanted.language)
        except PromptUnfit:
            return None
        result = None
        with suppress(PromptUnfit):
            library.prepare(wanted.policy, wanted.prompt, wanted.language)
            result = Result.KEPT
        if result is None and manifest.voice is Voice.OWN:
            result = Result.OUTDATED
        if result is None:
            return None
        return Made(wanted=wanted, voice=manifest.voice, duration_ms=manifest.duration_ms, result=result)

    def _put(self, wanted: Wanted, samples: speech.Samples, *, voice: Voice, attested_by: str) -> Made:
        library = PromptLibrary(self.folder)
        target = library.audio_path(wanted.policy, wanted.prompt, wanted.language)
        beside = target.with_name(f".{target.name}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for folder in (target.parent, target.parent.parent):
                folder.chmod(_READABLE_FOLDER)
            speech.write_wav(beside, samples)
            beside.chmod(_READABLE_FILE)
            _sync(beside)
            beside.replace(target)
            manifest = library.attest(
                wanted.policy,
                wanted.prompt,
                wanted.language,
                voice=voice,
                attested_by=attested_by,
                made_at=self.clock.now(),
            )
        except OSError as error:
            raise Unavailable(f"{error.filename or target}: cannot be written: {error.strerror}") from error
        return Made(wanted=wanted, voice=voice, duration_ms=manifest.duration_ms, result=Result.MADE)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
