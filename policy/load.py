"""Policy files from a folder into values, and the table from number to policy."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from policy import toml_file
from policy.errors import ConfigError, NotFound, shown
from policy.model import Policy
from policy.numbers import normalise

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Every policy this installation serves.

    Attributes:
        by_name: From policy name to policy.
        by_number: From normalised number to policy; no number is claimed twice.
        texts: From content hash to the file's own bytes, to be kept with the calls (X8).
    """

    by_name: Mapping[str, Policy]
    by_number: Mapping[str, Policy]
    texts: Mapping[str, bytes]

    def named(self, name: str) -> Policy:
        """Return the policy of that name.

        Raises:
            NotFound: If there is none.
        """
        try:
            return self.by_name[name]
        except KeyError:
            known = ", ".join(sorted(self.by_name))
            raise NotFound(f'no policy "{name}", expected one of: {known}') from None

    def for_number(self, number: str) -> Policy | None:
        """Return the policy that serves a dialled number, or None."""
        return self.by_number.get(normalise(number))


def load_policy(path: Path) -> Policy:
    """Read one policy file.

    Raises:
        ConfigError: With one line for each problem in it.
    """
    return _read(path)[0]


def load_policies(folder: Path) -> Policies:
    """Read every `*.toml` of a folder.

    Raises:
        ConfigError: With every problem of every file, two claims on one number included.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: must be a folder with policy files, got none")
    policies: list[Policy] = []
    texts: dict[str, bytes] = {}
    problems: list[str] = []
    paths = sorted(folder.glob("*.toml"))
    for path in paths:
        try:
            policy, content = _read(path)
        except ConfigError as error:
            problems += error.problems
        else:
            policies.append(policy)
            texts[policy.content_hash] = content
    problems += claimed_twice(claims_in(paths))
    if not policies and not problems:
        problems.append(f"{folder}: must hold at least one policy file such as eindhoven.toml, got none")
    if problems:
        raise ConfigError(*problems)
    return Policies(
        by_name={policy.name: policy for policy in policies},
        by_number=number_table(policies),
        texts=texts,
    )


def number_table(policies: Iterable[Policy]) -> dict[str, Policy]:
    """Return from normalised number to policy, aliases included."""
    return {normalise(number): policy for policy in policies for number in policy.all_numbers}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A number that a file says is its own.

    Attributes:
        file: As it is told to a person.
        key: `numbers` or `aliases`.
    """

    file: str
    key: str
    number: str


def claims_in(paths: Sequence[Path]) -> Iterator[Claim]:
    """Give every number that these files claim, whatever else is wrong in them."""
    names = Counter(path.name for path in paths)
    for path in paths:
        try:
            tables = toml_file.parse(path, toml_file.read_bytes(path))
        except ConfigError:
            continue
        for key in ("numbers", "aliases"):
            listed = tables.get(key)
            for number in listed if isinstance(listed, list) else ():
                if isinstance(number, str):
                    file = path.name if names[path.name] == 1 else str(path)
                    yield Claim(file=file, key=key, number=number)


def claimed_twice(claims: Iterable[Claim]) -> list[str]:
    """Return a line for each number that two files claim, however each writes it."""
    first: dict[str, Claim] = {}
    problems = []
    for claim in claims:
        other = first.setdefault(normalise(claim.number), claim)
        if other.file != claim.file:
            number = shown(claim.number)
            problems.append(f'{claim.file}: {claim.key}: "{number}" is claimed by {other.file} already')
    return problems


def _read(path: Path) -> tuple[Policy, bytes]:
    if _NAME.fullmatch(path.stem) is None:
        raise ConfigError(f"{path.name}: file name must be a-z, 0-9 and -, at most 32 of them, then .toml")
    content = toml_file.read_bytes(path)
    tables = toml_file.parse(path, content)
    for key in ("name", "content_hash"):
        if key in tables:
            raise ConfigError(f"{path.name}: {key}: unknown key")
    stated = {"name": path.stem, "content_hash": hashlib.sha256(content).hexdigest()}
    return toml_file.build(path, Policy, tables | stated), content
