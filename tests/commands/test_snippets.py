"""The snippets come from config and policies alone: rendered anew by a command, compared by the doctor."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from asterisk_conf.render import SNIPPETS
from commands import installation
from commands.doctor.asterisk_files import AsteriskFiles
from commands.doctor.diagnosis import Check, Verdict
from commands.doctor.snippets import snippet_checks
from policy.config import load_config
from policy.load import load_policies
from tests.commands.conftest import CommandLine, one_error

TRUNKS = '[asterisk]\n        trunks = ["PJSIP/trunk", "PJSIP/anonymous"]\n'
SETS = "Set(CONSENTLINE_TRUNKS=PJSIP/trunk&PJSIP/anonymous)"


@pytest.fixture
def snippets(config_file: Path) -> Path:
    """The folder with the snippets as init rendered them."""
    folder = config_file.parent / installation.SNIPPETS
    folder.mkdir()
    for name, text in _rendered(config_file).items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o640)
    return folder


def _rendered(config_file: Path) -> dict[str, str]:
    policies = load_policies(config_file.parent / "policies")
    return dict(installation.rendered(load_config(config_file), policies))


def _name_trunks(config_file: Path) -> None:
    text = config_file.read_text(encoding="utf-8")
    config_file.write_text(text.replace("[asterisk]\n", TRUNKS), encoding="utf-8")


def test_what_the_config_says_of_trunks_comes_into_the_dialplan_by_one_command(
    command: CommandLine, config_file: Path, snippets: Path
) -> None:
    _name_trunks(config_file)
    ended = command("asterisk-conf", "--json")
    assert ended.code == 0, ended.err
    results = {row["snippet"]: row["result"] for row in json.loads(ended.out)}
    assert results == dict.fromkeys(SNIPPETS, "as it was") | {"extensions.conf": "changed"}
    assert "dialplan reload" in ended.err
    dialplan = snippets / "extensions.conf"
    assert SETS in dialplan.read_text(encoding="utf-8")
    assert stat.S_IMODE(dialplan.stat().st_mode) == 0o640


def test_again_it_changes_nothing_and_asks_for_no_reload(command: CommandLine, snippets: Path) -> None:
    ended = command("asterisk-conf")
    assert (ended.code, ended.err) == (0, "")
    assert set(ended.out.splitlines()[1:]) == {f"{name}\tas it was" for name in SNIPPETS}


def test_where_a_snippet_is_not_there_none_is_written(
    command: CommandLine, config_file: Path, snippets: Path
) -> None:
    _name_trunks(config_file)
    (snippets / "http.conf").unlink()
    one_error(command("asterisk-conf"), 4, "http.conf: must be the snippet that init rendered")
    assert SETS not in (snippets / "extensions.conf").read_text(encoding="utf-8")


# ---------------------------------------------------------------- the doctor


def _checks(config_file: Path, tmp_path: Path, **changed: str) -> dict[str, Check]:
    etc = tmp_path / "etc"
    etc.mkdir()
    rendered = _rendered(config_file)
    own = {"features.conf": "[applicationmap]\n", "extensions.conf": "[in]\nexten => 1,1,Answer()\n"}
    for name, text in (rendered | {f"{name}.conf": text for name, text in changed.items()}).items():
        (etc / name).write_text(own.get(name, "") + text, encoding="utf-8")
    checks = snippet_checks(AsteriskFiles(folder=etc), rendered, ami_user="consentline")
    return {check.name: check for check in checks}


def test_snippets_as_they_are_rendered_are_fine_wherever_they_lie(config_file: Path, tmp_path: Path) -> None:
    checks = _checks(config_file, tmp_path)
    assert {name: check.verdict for name, check in checks.items()} == {
        "dialplan: as rendered": Verdict.OK,
        "features: as rendered": Verdict.OK,
        "AMI user: events": Verdict.OK,
    }


def test_trunks_that_the_dialplan_was_not_told_of_are_a_problem(config_file: Path, tmp_path: Path) -> None:
    before = _rendered(config_file)["extensions.conf"]
    _name_trunks(config_file)
    check = _checks(config_file, tmp_path, extensions=before)["dialplan: as rendered"]
    assert check.verdict is Verdict.PROBLEM
    assert "[consentline-settings] has same => n,Set(CONSENTLINE_TRUNKS=)" in check.found
    assert f"config and policies say same => n,{SETS}" in check.found
    assert check.advice is not None and "consentline asterisk-conf" in check.advice


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("same => n,Gosub(consentline-one-line,rdnis,1)\n", ""),
        ("exten => T,1,Goto(s,1)\n", "exten => T,1,Hangup()\n"),
        ("[consentline-keys]\n", "[consentline-keys]\nexten => heerde,1,Return()\n"),
    ],
)
def test_a_line_that_is_changed_lacking_or_too_many_is_a_problem(
    config_file: Path, tmp_path: Path, before: str, after: str
) -> None:
    text = _rendered(config_file)["extensions.conf"]
    assert before in text
    checks = _checks(config_file, tmp_path, extensions=text.replace(before, after))
    assert checks["dialplan: as rendered"].verdict is Verdict.PROBLEM


def test_comments_and_another_patience_are_none(config_file: Path, tmp_path: Path) -> None:
    text = _rendered(config_file)["extensions.conf"]
    changed = "; ours\n" + text.replace("PATIENCE_S=45)", "PATIENCE_S=31)")
    assert changed != "; ours\n" + text
    checks = _checks(config_file, tmp_path, extensions=changed)
    assert checks["dialplan: as rendered"].verdict is Verdict.OK


def test_an_older_ami_user_that_hears_of_no_ring_is_a_problem(config_file: Path, tmp_path: Path) -> None:
    text = _rendered(config_file)["manager.conf"]
    older = text.replace("eventfilter(action(include),name(DialBegin)) =\n", "")
    check = _checks(config_file, tmp_path, manager=older)["AMI user: events"]
    assert check.verdict is Verdict.PROBLEM
    assert "name(DialBegin)): such events are not heard" in check.found


def test_an_ami_user_without_filters_hears_everything(config_file: Path, tmp_path: Path) -> None:
    checks = _checks(config_file, tmp_path, manager="[consentline]\nread = call\nwrite = call\n")
    assert checks["AMI user: events"].verdict is Verdict.OK


def test_a_key_that_was_not_rendered_yet_is_a_problem(config_file: Path, tmp_path: Path) -> None:
    check = _checks(config_file, tmp_path, features="")["features: as rendered"]
    assert check.verdict is Verdict.PROBLEM
    assert "[applicationmap] has no consentline-" in check.found


def test_no_password_is_shown(config_file: Path, tmp_path: Path) -> None:
    for check in _checks(config_file, tmp_path, manager="[consentline]\nsecret = other\n").values():
        assert "password" not in check.found
        assert "other" not in check.found


def test_where_asterisk_has_no_snippets_another_check_tells(config_file: Path, tmp_path: Path) -> None:
    checks = _checks(config_file, tmp_path, extensions="", manager="")
    assert set(checks) == {"features: as rendered"}
