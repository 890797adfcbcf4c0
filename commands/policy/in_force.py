"""Which version of a policy runs: the daemon's own, not what lies beside the config file by now (X9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from commands.frame.invocation import Invocation

if TYPE_CHECKING:
    from policy.model import Policy
    from store.records.versions import Version


def in_force(invocation: Invocation) -> Mapping[str, Version]:
    """Return every policy that the daemon loaded, by name.

    Raises:
        DaemonAway: If no daemon runs, so that nothing is in force.
        ConsentlineError: If it cannot be asked, or says no.
    """
    from policy.vocabulary import PolicyName
    from store.records.versions import Version

    return {
        row["name"]: Version(
            name=PolicyName(row["name"]), content_hash=row["content_hash"], text=row["text"].encode()
        )
        for row in invocation.daemon().ask_rows("GET", "/policies")
    }


def running(invocation: Invocation, name: str) -> tuple[Policy, str | None]:
    """Return the policy that runs, and a line for a person where the file is another one, or none.

    Where no daemon runs, or this login may not ask it, the file beside the config file is taken
    and the line says so.

    Raises:
        ConfigError: If the file is taken and cannot be used.
        NotFound: If no policy of that name runs, or lies there.
    """
    from commands.frame.control import DaemonAway
    from policy.errors import AccessRefused, NotFound
    from store.records.versions import as_policy

    try:
        versions = in_force(invocation)
    except (DaemonAway, AccessRefused) as error:
        policy = invocation.policies().named(name)
        return policy, f"{name}: made from the file, version {policy.content_hash[:12]}: {error.text}"
    version = versions.get(name)
    if version is None:
        known = ", ".join(sorted(versions))
        raise NotFound(f'no policy "{name}" runs, expected one of: {known}')
    beside = hash_beside(invocation, name)
    if beside == version.content_hash:
        return as_policy(version), None
    return as_policy(version), (
        f"{name}: made from version {version.content_hash[:12]}, which runs; "
        f"the file beside the config file is {_called(beside)}"
    )


def hash_beside(invocation: Invocation, name: str) -> str | None:
    """Return SHA-256 of the file that lies beside the config file, sound or not; None where there is none."""
    import hashlib

    from policy.errors import ConfigError
    from policy.toml_file import read_bytes

    try:
        content = read_bytes(invocation.config().path("policies") / f"{name}.toml")
    except ConfigError:
        return None
    return hashlib.sha256(content).hexdigest()


def _called(content_hash: str | None) -> str:
    return "gone" if content_hash is None else f"another, {content_hash[:12]}"
