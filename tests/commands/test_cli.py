"""The command line as a whole: help, exit codes, signals, imports."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli import COMMANDS, consentline, run
from policy.config import DEFAULT_PATH, ENVIRONMENT_VARIABLE
from tests.commands.conftest import ROOT, CommandLine, one_error

HEAVY = (
    "pydantic",
    "aiohttp",
    "rich",
    "numpy",
    "soundfile",
    "cryptography",
    "sqlite3",
    "sqlite_utils",
    "xlsxwriter",
)


def _all_commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(consentline)
    for name in consentline.list_commands(context):
        command = consentline.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for inner_name in command.list_commands(context):
                inner = command.get_command(context, inner_name)
                assert inner is not None
                yield f"{name} {inner_name}", inner


def _process(*words: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(ROOT / "cli.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_the_table_names_every_command_that_was_promised() -> None:
    promised = (
        "init asterisk-conf serve calls withdraw sweep finalise doctor alarms backup listen export erase"
        " notices"
    )
    grouped = {
        "approvals": "ask deny grant pending take-back yes",
        "recordings": "find heard list retrieve",
        "handover": "approve close list new package show",
        "holds": "list place release",
        "incident": "assess export flag list note register",
        "ledger": "verify show checkpoint export rotate-key",
        "keys": "grant list revoke rotate",
        "monitor": "ask authorise",
        "order": "close confirm deviate list package register show",
        "people": "add add-line change end-line enrol give-hat informed list passphrase retire show take-hat",
        "request": "close confirm extend fulfil identity list new refuse show",
        "policy": "apply check diff explain list show",
        "prompts": "build check",
        "vault": "make serve",
        "publish": "notice privacy-statement register",
        "purge": "report run",
        "receipt": "give verify",
        "report": "access breach calls casework compliance consent retention",
        "review": "calibrate calibrations compare draw fill form list note notes show verify-draw",
    }
    inner = {f"{group} {name}" for group, names in grouped.items() for name in names.split()}
    assert set(COMMANDS) == {*promised.split(), *inner}


@pytest.mark.parametrize(("name", "command"), list(_all_commands()), ids=str)
def test_every_help_begins_with_a_sentence_and_has_an_example(name: str, command: click.Command) -> None:
    assert command.help is not None
    assert "Example:\n  consentline " in inspect.cleandoc(command.help)
    summary = command.get_short_help_str(limit=200)
    assert summary[0].isupper() or summary[0] == "."
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


@pytest.mark.parametrize(("name", "command"), list(_all_commands()), ids=str)
def test_every_help_can_be_printed(
    name: str, command: click.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*name.split(), "--help"]) == 0
    assert f"Usage: consentline {name}" in capsys.readouterr().out


def test_no_help_imports_what_is_heavy() -> None:
    script = (
        "import sys, cli\n"
        "for words in cli.COMMANDS:\n"
        "    assert cli.run([*words.split(), '--help']) == 0\n"
        "cli.run(['--help'])\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stderr.split() == []


def test_completion_offers_the_commands() -> None:
    environment = os.environ | {
        "_CONSENTLINE_COMPLETE": "bash_complete",
        "COMP_WORDS": "consentline pur",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "cli.py"], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    assert done.stdout.split() == ["plain,purge"]


def test_the_config_file_is_named_by_option_variable_or_default(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (option,) = (parameter for parameter in consentline.params if parameter.name == "config_path")
    assert option.envvar == ENVIRONMENT_VARIABLE
    assert option.default == str(DEFAULT_PATH)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "by-variable.toml"))
    run(["calls"])
    assert "by-variable.toml" in capsys.readouterr().err


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("consentline 0.")


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["purge", "--nonsense"], ["export"], ["ledger"], [], ["policy", "check"]],
    ids=" ".join,
)
def test_a_wrong_command_line_ends_with_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Usage: " in said.err


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("[asterisk", "must be TOML"),
        ("[paths]\nspol = 1\n", 'paths.spol: unknown key, did you mean "spool"?'),
        ("\xff", "must be UTF-8"),
    ],
)
def test_a_config_file_that_cannot_be_used_ends_with_three(
    command: CommandLine, config_file: Path, spoil: str, told: str
) -> None:
    config_file.write_bytes(spoil.encode("latin-1"))
    ended = command("calls")
    assert ended.code == 3
    assert told in ended.err
    assert all(line.startswith(("Error: ", "Hint: ")) for line in ended.err.splitlines())


def test_a_missing_config_file_ends_with_three_and_says_how_to_name_one(
    command: CommandLine, config_file: Path
) -> None:
    config_file.unlink()
    one_error(
        command("recordings", "list"), 3, "cannot be read: No such file", "--config or CONSENTLINE_CONFIG"
    )


def test_the_exit_code_reaches_the_shell() -> None:
    process = _process("--config", "/nowhere/consentline.toml", "calls")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (3, "")
    assert err.splitlines()[0].startswith("Error: /nowhere/consentline.toml: cannot be read")


def test_ctrl_c_ends_with_130_and_no_traceback(config_file: Path) -> None:
    # A question that is never answered: nobody writes into the pipe.
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "cli.py", "--config", str(config_file)),
            *("export", "5f" * 16, "--person", "anna", "--to", str(config_file.parent / "out")),
            *("--purpose", "quality", "--reason", "why"),
            *("--passphrase-fd", str(reader)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        pass_fds=[reader],
    )
    try:
        _wait_until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        os.close(reader)
        os.close(writer)
    assert process.returncode == 130
    assert err.strip() == "Interrupted."


def _wait_until_it_reads(pid: int) -> None:
    """Return once a process sleeps in the pipe it was given."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        if "pipe_read" in Path(f"/proc/{pid}/wchan").read_text() or _sleeps_in_read(pid):
            return
        time.sleep(0.01)
    raise AssertionError("it never read")


def _sleeps_in_read(pid: int) -> bool:
    try:
        number = Path(f"/proc/{pid}/syscall").read_text().split()
    except OSError:
        return False
    return len(number) > 2 and number[0] == "0" and number[3] == "0x1000"


def test_a_reader_who_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "cli.py", "policy", "show", "policies/eindhoven.toml"],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert (done.returncode, done.stderr) == (141, "")
