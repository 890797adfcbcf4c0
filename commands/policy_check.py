"""`consentline policy check`: every problem of every file at once."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
def check(files: tuple[Path, ...]) -> None:
    """Check policy files; a folder stands for every policy in it.

    Prints one line for each problem of each file, two claims on one number included,
    and leaves with exit code 3 when there is any. Needs no daemon and no config file.

    \b
    Example:
      consentline policy check /etc/consentline/policies/eindhoven.toml
    """
    from policy.errors import ConfigError

    paths, problems = _expanded(files)
    sound, found = _problems_of(paths)
    problems += found
    if problems:
        raise ConfigError(*problems, hint="the daemon serves none of them until all are sound")
    for line in sound:
        click.echo(line)


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


def _problems_of(paths: list[Path]) -> tuple[list[str], list[str]]:
    """Return a line for each sound policy, and a line for each problem."""
    from policy.errors import ConfigError
    from policy.load import load_policy
    from policy.numbers import normalise

    sound: list[str] = []
    problems: list[str] = []
    claimed: dict[str, Path] = {}
    for path in paths:
        try:
            policy = load_policy(path)
        except ConfigError as error:
            problems += error.problems
            continue
        for number in policy.numbers:
            other = claimed.setdefault(normalise(number), path)
            if other is not path:
                problems.append(f'{path.name}: numbers: "{number}" is claimed by {other.name} already')
        term = policy.retention.recording
        sound.append(f"{path.name}: sound, {policy.consent.mode.value}, recordings kept {term}")
    return sound, problems
