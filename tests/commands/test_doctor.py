"""The doctor, as a command: without Asterisk, and with a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from commands.doctor.asterisk import asterisk_checks, version_check
from commands.doctor.diagnosis import Check, Verdict
from policy.config import AsteriskAccess
from sandbox.asterisk import Asterisk
from sandbox.fetch import fetch
from tests.commands.conftest import CommandLine

PASSWORD = "a-password-of-the-test"


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("22.10.1~dfsg+~cs6.15.60671435-1", Verdict.OK),
        ("22.11.0", Verdict.OK),
        ("20.20.1", Verdict.OK),
        ("20.20.0", Verdict.PROBLEM),
        ("22.9.9", Verdict.PROBLEM),
        ("23.4.0-rc1", Verdict.PROBLEM),
        ("21.12.3", Verdict.PROBLEM),
        ("18.26.4", Verdict.PROBLEM),
        ("24.0.0", Verdict.NOTE),
        ("certified-20.7-cert5", Verdict.NOTE),
        ("GIT-master-3f5a1b2", Verdict.NOTE),
    ],
)
def test_a_version_without_the_fixes_is_a_problem(version: str, verdict: Verdict) -> None:
    assert version_check(version).verdict is verdict


def test_everything_is_looked_at_even_when_nothing_is_there(command: CommandLine, tmp_path: Path) -> None:
    ended = command("doctor", "--asterisk-etc", tmp_path, "--logrotate", tmp_path, "--json")
    assert ended.code == 11
    rows = json.loads(ended.out)
    assert {"check", "verdict", "found", "advice"} == set(rows[0])
    problems = {row["check"] for row in rows if row["verdict"] == "problem"}
    wanted = {"ARI login", "AMI login", "Asterisk's conf files", "vault", "spool", "database", "epoch keys"}
    assert wanted <= problems
    assert f"{len([row for row in rows if row['verdict'] == 'problem'])} of {len(rows)} checks" in ended.err


def test_its_own_passwords_are_never_printed(command: CommandLine, tmp_path: Path) -> None:
    ended = command("doctor", "--asterisk-etc", tmp_path, "--json")
    for password in ("ari-password", "ami-password"):
        assert password not in ended.out + ended.err


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """A real Asterisk with one user as it should be, and one that has a shell."""
    folder = tmp_path_factory.mktemp("pbx")
    ari, manager = folder / "ari.conf", folder / "manager.conf"
    ari.write_text(f"[consentline]\ntype = user\npassword = {PASSWORD}\n")
    manager.write_text(
        f"[consentline]\nsecret = {PASSWORD}\nread = call\nwrite = call\n"
        f"[shell]\nsecret = {PASSWORD}\nread = all\nwrite = call,system\n"
    )
    includes = [("ari.conf", ari), ("manager.conf", manager)]
    running = Asterisk(folder / "asterisk", fetch(), includes=includes)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def access(asterisk: Asterisk) -> AsteriskAccess:
    return AsteriskAccess(
        ari_url=f"http://127.0.0.1:{asterisk.ports.http}",
        ari_user="consentline",
        ari_password=PASSWORD,
        ami_port=asterisk.ports.manager,
        ami_user="consentline",
        ami_password=PASSWORD,
    )


def _by_name(access: AsteriskAccess, **changed: object) -> dict[str, Check]:
    checks = asterisk_checks(access.model_copy(update=changed))
    return {check.name: replace(check, advice=None) for check in checks}


@pytest.mark.asterisk
def test_a_real_asterisk_lets_us_in_and_tells_its_version(access: AsteriskAccess) -> None:
    checks = _by_name(access)
    assert {name: check.verdict for name, check in checks.items()} == {
        "ARI login": Verdict.OK,
        "Asterisk version": Verdict.OK,
        "Stasis application": Verdict.PROBLEM,
        "AMI login": Verdict.OK,
        "AMI rights": Verdict.OK,
    }


@pytest.mark.asterisk
@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({"ari_password": "wrong-password"}, "ARI login", "refuses user consentline"),
        ({"ami_password": "wrong-password"}, "AMI login", "Authentication failed"),
        ({"ami_user": "shell"}, "AMI rights", "has class system"),
        ({"ami_password": "a\r\nAction: Command"}, "AMI login", "holds a line break"),
    ],
)
def test_a_real_asterisk_refuses_what_is_wrong(
    access: AsteriskAccess, changed: dict[str, object], name: str, told: str
) -> None:
    check = _by_name(access, **changed)[name]
    assert check.verdict is Verdict.PROBLEM
    assert told in check.found


@pytest.mark.asterisk
def test_each_interface_is_told_from_the_other(access: AsteriskAccess, asterisk: Asterisk) -> None:
    checks = _by_name(access, ari_url=f"http://127.0.0.1:{asterisk.ports.manager}")
    assert "is no HTTP server" in checks["ARI login"].found
