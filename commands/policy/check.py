"""`consentline policy check`: every problem of every file at once, and what to look at in the sound ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from policy.model import Policy


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--strict",
    is_flag=True,
    help="Leave with exit code 11 when there is a warning that no named person has accepted.",
)
def check(files: tuple[Path, ...], strict: bool) -> None:
    """Check policy files; a folder stands for every policy in it.

    Prints one line for each problem of each file, two claims on one number included,
    and leaves with exit code 3 when there is any. A warning is no problem: something that
    a person had better look at, or that one has accepted. Needs no daemon and no config file.

    \b
    Example:
      consentline policy check /etc/consentline/policies/eindhoven.toml
    """
    from policy.errors import ConfigError, ProblemsFound
    from policy.warnings import open_warnings, warnings

    paths, problems = _expanded(files)
    sound, found = _read(paths)
    problems += found
    doubts = [line for policy in sound for line in warnings(policy)]
    for line in doubts:
        click.echo(f"Warning: {line}", err=True)
    if problems:
        raise ConfigError(*problems, hint="the daemon serves none of them until all are sound")
    for policy in sound:
        told = f"{policy.consent.mode.value}, recordings kept {policy.retention.recording}"
        click.echo(f"{policy.name}.toml: sound, {told}")
    unanswered = sum(len(open_warnings(policy)) for policy in sound)
    if strict and unanswered:
        raise ProblemsFound(f"{unanswered} warnings, and --strict allows none")


def _expanded(files: tuple[Path, ...]) -> tuple[list[Path], list[str]]:
    """Return each file once, and a problem for each folder without policies."""
    paths: dict[Path, None] = {}
    problems = []
    for file in files:
        if not file.is_dir():
            paths[file] = None
            continue
        inside = sorted(file.glob("*.toml"))
        if not inside:
            problems.append(f"{file}: must hold at least one policy file such as eindhoven.toml, got none")
        paths.update(dict.fromkeys(inside))
    return list(paths), problems


def _read(paths: list[Path]) -> tuple[list[Policy], list[str]]:
    """Return the sound policies, and a line for each problem."""
    from policy.errors import ConfigError
    from policy.load import claimed_twice, claims_in, load_policy

    sound: list[Policy] = []
    problems: list[str] = []
    for path in paths:
        try:
            sound.append(load_policy(path))
        except ConfigError as error:
            problems += error.problems
    return sound, problems + claimed_twice(claims_in(paths))
