"""The audio that is hashed is the audio that is heard, and it says what the policy says."""

from __future__ import annotations

import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.prompts import PromptLibrary, PromptUnfit
from policy.model import Policy
from policy.vocabulary import Voice
from tests.ivr.stage import policies

MADE_AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def write_wav(path: Path, *, seconds: float = 2.0, rate: int = 8000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\x01\x02" * int(rate * seconds) * channels)


@pytest.fixture
def policy() -> Policy:
    return policies().named("eindhoven")


@pytest.fixture
def library(tmp_path: Path, policy: Policy) -> PromptLibrary:
    """A library in which everything is there."""
    library = PromptLibrary(tmp_path / "prompts")
    for prompt in policy.prompts:
        for language in policy.notice.text:
            write_wav(library.audio_path(policy, prompt, language))
            library.attest(policy, prompt, language, voice=Voice.OWN, attested_by="Zoë", made_at=MADE_AT)
    return library


def refused(library: PromptLibrary, policy: Policy) -> str:
    with pytest.raises(PromptUnfit) as caught:
        library.prepare(policy, "notice", "nl")
    return caught.value.problem


def test_a_prompt_is_what_the_evidence_needs(library: PromptLibrary, policy: Policy) -> None:
    prompt = library.prepare(policy, "notice", "nl")
    assert prompt.path == str(library.audio_path(policy, "notice", "nl"))[:-4]
    assert prompt.duration_ms == 2000
    assert prompt.text_hash == policy.text_hash("notice", "nl")
    assert prompt.policy_hash == policy.content_hash
    assert len(prompt.audio_sha256) == 64
    assert list(library.problems(policy)) == []


def test_the_manifest_says_who_attested(library: PromptLibrary, policy: Policy) -> None:
    manifest = library.read_manifest(policy, "notice", "nl")
    assert (manifest.voice, manifest.attested_by, manifest.made_at) == (Voice.OWN, "Zoë", MADE_AT)


def test_a_missing_prompt_is_unfit(library: PromptLibrary, policy: Policy) -> None:
    library.audio_path(policy, "notice", "nl").unlink()
    assert "cannot be read" in refused(library, policy)
    assert len(list(library.problems(policy))) == 1


def test_audio_changed_after_it_was_attested_is_unfit(library: PromptLibrary, policy: Policy) -> None:
    write_wav(library.audio_path(policy, "notice", "nl"), seconds=1.0)
    assert "not the audio" in refused(library, policy)


def test_a_text_changed_after_it_was_spoken_is_unfit(library: PromptLibrary, policy: Policy) -> None:
    identity = policy.identity.model_copy(update={"organisation": "gemeente Elders"})
    assert "older text" in refused(library, policy.model_copy(update={"identity": identity}))


@pytest.mark.parametrize("rival", ["notice.gsm", "notice.sln16", "notice.WAV"])
def test_a_second_format_that_asterisk_could_choose_is_unfit(
    library: PromptLibrary, policy: Policy, rival: str
) -> None:
    library.audio_path(policy, "notice", "nl").with_name(rival).write_bytes(b"")
    assert rival in refused(library, policy)


def test_a_language_folder_inside_the_language_folder_is_unfit(
    library: PromptLibrary, policy: Policy
) -> None:
    (library.audio_path(policy, "notice", "nl").parent / "nl").mkdir()
    assert "looks in nl/ first" in refused(library, policy)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"voice": "own"}'])
def test_a_broken_manifest_is_unfit(library: PromptLibrary, policy: Policy, text: str) -> None:
    library.manifest_path(policy, "notice", "nl").write_text(text)
    assert "not a manifest" in refused(library, policy)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [((16000, 1, 1.0), "8000 Hz"), ((8000, 2, 1.0), "1 channel"), ((8000, 1, 0.0), "got 0")],
)
def test_audio_that_asterisk_cannot_play_as_it_is_cannot_be_attested(
    library: PromptLibrary, policy: Policy, shape: tuple[int, int, float], problem: str
) -> None:
    rate, channels, seconds = shape
    write_wav(library.audio_path(policy, "notice", "nl"), rate=rate, channels=channels, seconds=seconds)
    with pytest.raises(PromptUnfit, match=problem):
        library.attest(policy, "notice", "nl", voice=Voice.OWN, attested_by="x", made_at=MADE_AT)


def test_a_truncated_wav_cannot_be_attested(library: PromptLibrary, policy: Policy) -> None:
    path = library.audio_path(policy, "notice", "nl")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(PromptUnfit, match="that it states"):
        library.attest(policy, "notice", "nl", voice=Voice.OWN, attested_by="x", made_at=MADE_AT)


def test_what_is_no_wav_cannot_be_attested(library: PromptLibrary, policy: Policy) -> None:
    library.audio_path(policy, "notice", "nl").write_bytes(b"ID3 something else")
    with pytest.raises(PromptUnfit, match="must be a WAV file"):
        library.attest(policy, "notice", "nl", voice=Voice.OWN, attested_by="x", made_at=MADE_AT)
