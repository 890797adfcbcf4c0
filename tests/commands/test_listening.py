"""The config file of a machine on which people only listen, and what the command line says there."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.config import ListeningHost, load_config, load_place
from policy.errors import ConfigError
from tests.commands.conftest import CommandLine, one_error


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The whole config file of a listening host."""
    path = tmp_path / "consentline.toml"
    path.write_text('[listening]\nsocket = "pbx.sock"\n')
    return path


def test_two_lines_are_enough_and_the_socket_lies_beside_them(here: Path) -> None:
    place = load_place(here)
    assert isinstance(place, ListeningHost)
    assert place.socket_path == here.parent / "pbx.sock"


def test_what_needs_the_installation_is_told_to_run_on_the_pbx(here: Path) -> None:
    with pytest.raises(ConfigError, match="this is a listening host") as raised:
        load_config(here)
    assert raised.value.hint is not None
    assert "run it on the PBX" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[listening]\n", "listening.socket: must be given, got nothing"),
        ('[listening]\nsocket = ""\n', "listening.socket"),
        ('[listening]\nsocket = "a"\n[paths]\nspool = "/dev/shm/x"\n', "paths: unknown key"),
        ('[listening]\nsocket = "a"\nvault = "b"\n', "listening.vault: unknown key"),
    ],
)
def test_anything_else_in_it_is_an_error(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "consentline.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=expected):
        load_place(path)


@pytest.mark.parametrize("words", [["calls"], ["purge", "--dry-run"], ["sweep"], ["keys", "list"]])
def test_without_ssh_nothing_is_done_here_and_the_hint_says_how_to_forward(
    here: Path, command: CommandLine, words: list[str]
) -> None:
    ended = command("--config", here, *words)
    one_error(ended, 7, "is not forwarded", f"ssh -N -L {here.parent / 'pbx.sock'}:")
    assert not (here.parent / "consentline.db").exists()


@pytest.mark.parametrize("words", [["ledger", "verify"], ["policy", "list"], ["backup", "--to", "kopie"]])
def test_commands_on_the_installations_own_files_say_that_they_are_not_here(
    here: Path, command: CommandLine, words: list[str]
) -> None:
    one_error(command("--config", here, *words), 3, "this is a listening host", "run it on the PBX")
