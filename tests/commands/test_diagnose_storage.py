"""Who may enter the folders, and on what they lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands.doctor.diagnosis import Check, Verdict
from commands.doctor.storage import Mount, mounts, storage_checks
from policy.config import Config, load_config


@pytest.fixture
def config(config_file: Path) -> Config:
    config_file.chmod(0o600)
    config = load_config(config_file)
    for name in ("vault", "epochs", "spool", "marks"):
        config.path(name).mkdir(mode=0o700)
    config.path("database").touch(mode=0o600)
    return config


def _checks(config: Config, kind: str = "tmpfs") -> dict[str, Check]:
    mounted = (Mount(point=Path("/"), kind="ext4"), Mount(point=config.path("spool"), kind=kind))
    found = storage_checks(config, config.home / "consentline.toml", mounted)
    return {check.name: check for check in found}


def test_a_sound_installation_is_ok_throughout(config: Config) -> None:
    assert {check.verdict for check in _checks(config).values()} == {Verdict.OK}


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "fuse.sshfs", "cifs"])
def test_a_spool_that_can_stall_the_pbx_is_a_problem(config: Config, kind: str) -> None:
    check = _checks(config, kind)["spool: file system"]
    assert check.verdict is Verdict.PROBLEM
    assert "the whole PBX stalls" in check.found


def test_a_spool_on_a_disk_is_a_note(config: Config) -> None:
    assert _checks(config, "ext4")["spool: file system"].verdict is Verdict.NOTE


def test_a_pipe_in_the_spool_is_a_problem(config: Config) -> None:
    os.mkfifo(config.path("spool") / "pipe")
    assert _checks(config)["spool: no pipes"].verdict is Verdict.PROBLEM


@pytest.mark.parametrize(
    ("place", "mode", "name"),
    [
        ("vault", 0o750, "vault"),
        ("epochs", 0o701, "epoch keys"),
        ("database", 0o640, "database"),
        ("spool", 0o777, "spool"),
        ("marks", 0o702, "marks"),
    ],
)
def test_a_place_that_stands_open_is_a_problem_with_the_command_that_shuts_it(
    config: Config, place: str, mode: int, name: str
) -> None:
    config.path(place).chmod(mode)
    check = _checks(config)[name]
    assert check.verdict is Verdict.PROBLEM
    assert check.advice is not None
    assert check.advice.startswith("chmod 0")


def test_a_config_file_that_all_can_read_is_a_problem(config: Config) -> None:
    (config.home / "consentline.toml").chmod(0o644)
    assert _checks(config)["config file"].verdict is Verdict.PROBLEM


def test_a_place_that_is_not_there_is_a_problem(config: Config) -> None:
    config.path("vault").rmdir()
    assert _checks(config)["vault"].verdict is Verdict.PROBLEM


def test_a_mount_point_with_a_space_is_understood_and_the_later_mount_is_seen() -> None:
    text = "tmpfs /run tmpfs rw 0 0\nserver:/x /my\\040spool nfs4 rw 0 0\n"
    assert mounts(text) == (
        Mount(point=Path("/run"), kind="tmpfs"),
        Mount(point=Path("/my spool"), kind="nfs4"),
    )
