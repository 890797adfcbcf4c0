"""Spoken prompts: exactly one file for each prompt and language, and a word on who says it says the text.

    <folder>/<policy>/<language>/<prompt>.wav     8 kHz, mono, 16 bit: what Asterisk plays as it is
    <folder>/<policy>/<language>/<prompt>.json    the manifest: hashes, length, voice, who attested

Asterisk looks for `<folder>/<policy>/nl/nl/notice` before `<folder>/<policy>/nl/notice` on a channel whose
language is `nl`, and picks one of several formats by itself [M]. So a language folder with a folder in it,
or a prompt with a second file, is unfit: the audio hashed must be the audio heard (fact 18).
"""

from __future__ import annotations

import hashlib
import io
import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from policy.clock import from_iso, to_iso
from policy.errors import IntegrityError
from policy.evidence import Prompt
from policy.model import Policy, PromptName
from policy.vocabulary import Voice

SAMPLES_PER_SECOND = 8_000
LARGEST_BYTES = 32 * 1024 * 1024
_AUDIO, _MANIFEST = ".wav", ".json"


class PromptUnfit(IntegrityError):
    """A prompt cannot be played as evidence.

    Attributes:
        problem: Why, without the path.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}", hint="run: consentline prompts check")
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What somebody put their name to: this audio says that text.

    Attributes:
        text_hash: SHA-256 of the words.
        audio_sha256: SHA-256 of the file.
        duration_ms: Length of the audio.
        attested_by: Who heard that the audio says the text.
    """

    text_hash: str
    audio_sha256: str
    duration_ms: int
    voice: Voice
    attested_by: str
    made_at: datetime


class PromptLibrary:
    """The folder of prompts; it blocks for the time of reading one small file.

    Args:
        folder: Absolute; Asterisk reads it too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def audio_path(self, policy: Policy, prompt: PromptName, language: str) -> Path:
        """Return where the audio of a prompt has to lie."""
        return self._folder / policy.name / language / f"{prompt}{_AUDIO}"

    def manifest_path(self, policy: Policy, prompt: PromptName, language: str) -> Path:
        """Return where its manifest has to lie."""
        return self.audio_path(policy, prompt, language).with_suffix(_MANIFEST)

    def prepare(self, policy: Policy, prompt: PromptName, language: str) -> Prompt:
        """Return a prompt fit to be played, its audio hashed just now.

        Raises:
            PromptUnfit: If it is missing, its text has changed, its audio has changed, or
                Asterisk could choose another file.
        """
        path = self.audio_path(policy, prompt, language)
        manifest = self.read_manifest(policy, prompt, language)
        audio = _read(path)
        _refuse_rivals(path)
        if manifest.text_hash != policy.text_hash(prompt, language):
            raise PromptUnfit(path, "says an older text than the policy has now")
        if hashlib.sha256(audio).hexdigest() != manifest.audio_sha256:
            raise PromptUnfit(path, "is not the audio that was attested")
        return Prompt(
            policy_hash=policy.content_hash,
            text_hash=manifest.text_hash,
            language=language,
            audio_sha256=manifest.audio_sha256,
            duration_ms=manifest.duration_ms,
            path=str(path.with_suffix("")),
        )

    def read_manifest(self, policy: Policy, prompt: PromptName, language: str) -> Manifest:
        """Return what was attested.

        Raises:
            PromptUnfit: If there is no manifest, or not one of ours.
        """
        path = self.manifest_path(policy, prompt, language)
        try:
            fields = json.loads(_read(path))
            return Manifest(
                text_hash=str(fields["text_hash"]),
                audio_sha256=str(fields["audio_sha256"]),
                duration_ms=int(fields["duration_ms"]),
                voice=Voice(fields["voice"]),
                attested_by=str(fields["attested_by"]),
                made_at=from_iso(fields["made_at"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise PromptUnfit(path, f"is not a manifest: {error}") from error

    def attest(
        self,
        policy: Policy,
        prompt: PromptName,
        language: str,
        *,
        voice: Voice,
        attested_by: str,
        made_at: datetime,
    ) -> Manifest:
        """Write the manifest of audio that lies in its place already.

        Raises:
            PromptUnfit: If there is no such audio, or Asterisk could not play it as it is.
        """
        path = self.audio_path(policy, prompt, language)
        audio = _read(path)
        _refuse_rivals(path)
        manifest = Manifest(
            text_hash=policy.text_hash(prompt, language),
            audio_sha256=hashlib.sha256(audio).hexdigest(),
            duration_ms=_duration_ms(path, audio),
            voice=voice,
            attested_by=attested_by,
            made_at=made_at,
        )
        self._write(self.manifest_path(policy, prompt, language), manifest)
        return manifest

    def problems(self, policy: Policy) -> Iterator[PromptUnfit]:
        """Yield what is wrong with the prompts of a policy, one for each prompt and language."""
        for prompt in policy.prompts:
            for language in sorted(policy.notice.text):
                try:
                    self.prepare(policy, prompt, language)
                    path = self.audio_path(policy, prompt, language)
                    _duration_ms(path, _read(path))
                except PromptUnfit as unfit:
                    yield unfit

    @staticmethod
    def _write(path: Path, manifest: Manifest) -> None:
        fields = {
            "text_hash": manifest.text_hash,
            "audio_sha256": manifest.audio_sha256,
            "duration_ms": manifest.duration_ms,
            "voice": manifest.voice.value,
            "attested_by": manifest.attested_by,
            "made_at": to_iso(manifest.made_at),
        }
        unfinished = path.with_name(f".{path.name}.new")
        unfinished.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        unfinished.replace(path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise PromptUnfit(path, f"cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise PromptUnfit(path, f"must be at most {LARGEST_BYTES} bytes, got more")
    return content


def _refuse_rivals(path: Path) -> None:
    """Refuse whatever Asterisk could play in this file's stead."""
    for other in sorted(path.parent.iterdir()):
        if other.is_dir():
            raise PromptUnfit(
                path, f"Asterisk looks in {other.name}/ first; there must be no folder beside it"
            )
        if other.stem == path.stem and other.suffix not in (_AUDIO, _MANIFEST):
            raise PromptUnfit(path, f"Asterisk could play {other.name} instead; there must be one file only")


def _duration_ms(path: Path, audio: bytes) -> int:
    """Return the length, measured on the samples that are really there."""
    try:
        with wave.open(io.BytesIO(audio)) as file:
            shape = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            stated, samples = file.getnframes(), len(file.readframes(file.getnframes())) // 2
    except (wave.Error, EOFError) as error:
        raise PromptUnfit(path, f"must be a WAV file: {error}") from error
    if shape != (SAMPLES_PER_SECOND, 1, 2):
        rate, channels, width = shape
        got = f"{rate} Hz, {channels} channels, {8 * width} bit"
        raise PromptUnfit(path, f"must be 8000 Hz, 1 channel, 16 bit, got {got}")
    if samples != stated or samples == 0:
        raise PromptUnfit(path, f"must hold the {stated} samples that it states, got {samples}")
    return samples * 1000 // SAMPLES_PER_SECOND
