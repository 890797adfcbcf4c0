"""Prompts are made, kept, and checked."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asterisk_conf.render import PATIENCE_S, render
from commands.doctor import patience
from policy.config import load_config
from policy.load import load_policies, load_policy
from policy.vocabulary import Voice
from tests.commands.conftest import CommandLine, Ended, one_error

pytestmark = pytest.mark.exhaustive  # real passphrases and processes: seconds, not milliseconds

PROMPTS_A_LANGUAGE = 4
LANGUAGES = ("en", "nl")


@pytest.fixture
def espeak(tmp_path: Path) -> Path:
    """A program that is called as espeak-ng is: a tone as long as the text."""
    program = tmp_path / "espeak"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, numpy, soundfile\n"
        "words = sys.stdin.read()\n"
        "wave = numpy.sin(numpy.arange(len(words) * 400) / 9) * 0.3\n"
        "soundfile.write(sys.argv[sys.argv.index('-w') + 1], wave, 22050)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def studio(tmp_path: Path) -> Path:
    """An organisation's own recording."""
    wav = tmp_path / "studio.wav"
    soundfile.write(wav, np.sin(np.arange(48_000) / 30) * 0.4, 48_000)
    return wav


@pytest.fixture
def own(command: CommandLine, studio: Path) -> list[object]:
    """The words of a command line that takes the Dutch notice from the studio."""
    options = ["--policy", "eindhoven", "--language", "nl", "--prompt", "notice"]
    return ["prompts", "build", "--wav", studio, "--attested-by", "A. de Vries", *options]


def _rows(ended: Ended) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(ended.out)
    return rows


def test_build_makes_every_prompt_of_every_language_as_a_placeholder(
    command: CommandLine, espeak: Path, config_file: Path
) -> None:
    ended = command("prompts", "build", "--espeak", espeak, "--json")
    assert ended.code == 0, ended.err
    rows = _rows(ended)
    assert len(rows) == PROMPTS_A_LANGUAGE * len(LANGUAGES)
    assert {row["voice"] for row in rows} == {Voice.PLACEHOLDER.value}
    assert "callers should hear a person" in ended.err
    notice = config_file.parent / "prompts" / "eindhoven" / "nl" / "notice.wav"
    told = soundfile.info(notice)
    assert (told.samplerate, told.channels, told.subtype) == (8000, 1, "PCM_16")
    assert notice.stat().st_mode & 0o777 == 0o644
    assert notice.parent.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in notice.parent.iterdir() if path.suffix not in (".wav", ".json")) == []


def test_placeholder_speech_fails_the_doctor_outside_the_sandbox(
    command: CommandLine, espeak: Path, tmp_path: Path
) -> None:
    command("prompts", "build", "--espeak", espeak)

    def verdicts(*words: str) -> set[object]:
        rows = _rows(command("doctor", "--asterisk-etc", tmp_path, "--json", *words))
        return {row["verdict"] for row in rows if str(row["check"]).startswith("prompt ")}

    assert verdicts() == {"problem"}
    assert verdicts("--sandbox") == {"note"}


def test_building_again_keeps_what_is_fit(command: CommandLine, espeak: Path) -> None:
    command("prompts", "build", "--espeak", espeak)
    assert {row["result"] for row in _rows(command("prompts", "build", "--json"))} == {"kept"}


def test_a_changed_text_is_spoken_anew(command: CommandLine, espeak: Path, config_file: Path) -> None:
    command("prompts", "build", "--espeak", espeak)
    _change_the_dutch_notice(config_file)
    one_unfit = command("prompts", "check", "--json")
    assert one_unfit.code == 11
    rows = [row for row in _rows(one_unfit) if row["verdict"] == "problem"]
    assert [(row["check"], row["found"]) for row in rows] == [
        ("prompt eindhoven/nl/notice", "says an older text than the policy has now")
    ]
    made = _rows(command("prompts", "build", "--espeak", espeak, "--json"))
    assert [(row["language"], row["prompt"]) for row in made if row["result"] == "made"] == [("nl", "notice")]
    assert command("prompts", "check").code == 0


def test_an_own_recording_takes_the_placeholders_place_and_names_who_attested(
    command: CommandLine, espeak: Path, own: list[object]
) -> None:
    command("prompts", "build", "--espeak", espeak)
    (row,) = _rows(command(*own, "--json"))
    assert (row["voice"], row["duration_ms"], row["result"]) == ("own", 1000, "made")
    checks = {check["check"]: check for check in _rows(command("prompts", "check", "--json"))}
    notice = checks["prompt eindhoven/nl/notice"]
    assert (notice["verdict"], notice["found"]) == ("ok", "1.0 s, attested by A. de Vries")
    assert "placeholder" in str(checks["prompt eindhoven/en/notice"]["found"])


def test_an_own_recording_is_never_replaced_by_synthetic_speech(
    command: CommandLine, espeak: Path, own: list[object], config_file: Path
) -> None:
    command(*own)
    _change_the_dutch_notice(config_file)
    notice = config_file.parent / "prompts" / "eindhoven" / "nl" / "notice.wav"
    before = notice.read_bytes()
    ended = command("prompts", "build", "--espeak", espeak)
    assert ended.code == 11
    assert "1 prompts are own recordings of an older text" in ended.err
    assert notice.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--wav", "studio.wav"], "--wav: needs --attested-by"),
        (["--wav", "studio.wav", "--attested-by", "A", "--policy", "eindhoven"], "--wav: needs"),
        (["--attested-by", "A. de Vries"], "has no meaning without --wav"),
    ],
)
def test_a_recording_without_its_place_or_its_witness_is_a_usage_error(
    command: CommandLine, words: list[str], told: str
) -> None:
    ended = command("prompts", "build", *words)
    assert ended.code == 2
    assert told in ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--policy", "heerde"], 'no policy "heerde", expected one of: eindhoven'),
        (["--language", "fr"], 'no prompt in language "fr", expected one of: en, nl'),
    ],
)
def test_what_is_not_there_is_named(command: CommandLine, words: list[str], told: str) -> None:
    one_error(command("prompts", "build", *words), 4, told)


def test_without_espeak_nothing_is_left_half_made(command: CommandLine, config_file: Path) -> None:
    one_error(command("prompts", "build", "--espeak", "/nowhere/espeak-ng"), 7, "cannot be run", "--espeak")
    assert not (config_file.parent / "prompts").exists()


def test_check_names_every_missing_prompt(command: CommandLine, config_file: Path) -> None:
    ended = command("prompts", "check")
    assert ended.code == 11
    lines = ended.out.splitlines()[1:]
    assert len(lines) == PROMPTS_A_LANGUAGE * len(LANGUAGES)
    assert all(line.startswith("problem\tprompt eindhoven/") for line in lines)
    assert "8 of 8 prompts unfit" in ended.err


def test_audio_that_was_exchanged_is_noticed(
    command: CommandLine, espeak: Path, config_file: Path, studio: Path
) -> None:
    command("prompts", "build", "--espeak", espeak)
    folder = config_file.parent / "prompts" / "eindhoven" / "nl"
    (folder / "withdrawn.wav").write_bytes((folder / "notice.wav").read_bytes())
    (folder / "agent_recorded.gsm").write_bytes(b"another format")
    found = {row["check"]: row["found"] for row in _rows(command("prompts", "check", "--json"))}
    assert found["prompt eindhoven/nl/withdrawn"] == "is not the audio that was attested"
    assert "Asterisk could play agent_recorded.gsm" in str(found["prompt eindhoven/nl/agent_recorded"])


def test_the_dialplan_is_told_to_wait_as_long_as_the_longest_notice_takes(
    command: CommandLine, espeak: Path, own: list[object], studio: Path, config_file: Path
) -> None:
    dialplan = config_file.parent / "asterisk" / "extensions.conf"
    dialplan.parent.mkdir()
    config, policies = load_config(config_file), load_policies(config_file.parent / "policies")
    dialplan.write_text(render(config, policies)["extensions.conf"], encoding="utf-8")
    assert "wait" not in command(*own).err  # the English notice is not there yet
    assert patience.stated_s(dialplan.read_text(encoding="utf-8")) == PATIENCE_S
    soundfile.write(studio, np.sin(np.arange(50 * 8000) / 30) * 0.4, 8000)
    command(*own)
    ended = command("prompts", "build", "--espeak", espeak)
    window_s = policies.named("eindhoven").consent.reply_window_ms / 1000
    expected = math.ceil(50 + window_s) + patience.MARGIN_S
    assert f"wait {expected} s" not in ended.err  # it was told when the long notice was taken
    text = dialplan.read_text(encoding="utf-8")
    assert text == render(config, policies, patience_s=expected)["extensions.conf"]


def test_the_languages_are_those_of_the_policy(eindhoven_file: Path) -> None:
    assert tuple(sorted(load_policy(eindhoven_file).notice.text)) == LANGUAGES


def _change_the_dutch_notice(config_file: Path) -> None:
    path = config_file.parent / "policies" / "eindhoven.toml"
    text = path.read_text(encoding="utf-8")
    assert "u wordt net zo goed geholpen." in text
    path.write_text(text.replace("u wordt net zo goed geholpen.", "dat mag altijd."), encoding="utf-8")
