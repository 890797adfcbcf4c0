"""What `doctor` finds in the policies: what is left to fill in, what deviates, and whether the files run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from commands.doctor.diagnosis import Check, note, ok, problem
from policy.model import Policy
from policy.warnings import how_to_fill_in, open_warnings, terms_not_filled_in, warnings


def policy_checks(
    policies: Iterable[Policy],
    hashes_in_force: Mapping[str, str] | None,
    *,
    today: date,
    vault_is_here: bool = False,
) -> list[Check]:
    """Return what is to be known of each policy.

    Args:
        policies: Those beside the config file.
        hashes_in_force: Content hashes that the daemon loaded, by name; None where none can be asked.
        today: In Amsterdam.
        vault_is_here: Whether sealed recordings lie on the PBX itself.
    """
    serving = list(policies)
    return [
        *(check for policy in serving for check in _policy(policy, today)),
        *(_separate_server(policy) for policy in serving if vault_is_here and promises_a_server(policy)),
        *(() if hashes_in_force is None else _files(serving, hashes_in_force)),
    ]


def _policy(policy: Policy, today: date) -> Iterator[Check]:
    name = f"policy {policy.name}"
    unfilled = list(terms_not_filled_in(policy))
    for line in unfilled:
        yield problem(name, line, how_to_fill_in(policy))
    file = f"{policy.name}.toml: "
    still_open = [line.removeprefix(file) for line in open_warnings(policy)]
    for line in still_open:
        if line not in unfilled:
            yield note(name, line)
    for line in warnings(policy):
        if line.removeprefix(file) not in still_open:
            yield ok(name, line.removeprefix(file))
    storage = policy.identity.storage
    if storage is not None and storage.declared_by is not None:
        declared = f"declared by {storage.declared_by} on {storage.declared_on}"
        yield ok(f"{name}: storage", f"{storage.place}, {storage.region}: {declared}")
    for deviation in policy.granted_deviations:
        told = (
            f"from {deviation.deviates_from}, approved by {deviation.approved_by} on"
            f" {deviation.approved_on}, until {deviation.until}: {deviation.finding}"
        )
        if deviation.until < today:
            yield problem(f"{name}: deviation", f"is over: {told}", f"take it out of {policy.name}.toml")
        else:
            yield note(f"{name}: deviation", told)


def promises_a_server(policy: Policy) -> bool:
    """Tell whether the text promises that recordings lie on a server of their own (G9, H5)."""
    return policy.identity.storage is not None and policy.identity.storage.separate_server


def _separate_server(policy: Policy) -> Check:
    assert policy.identity.storage is not None  # noqa: S101 - asked before
    found = f'"{policy.identity.storage.place}" is promised, and the vault lies on this machine'
    advice = "set vault.command, see docs/vault-host.md; a folder mounted from a server does as well"
    return note(f"policy {policy.name}: server of its own", found, advice)


def _files(policies: Iterable[Policy], hashes_in_force: Mapping[str, str]) -> Iterator[Check]:
    beside: dict[str, str] = {policy.name: policy.content_hash for policy in policies}
    for name in sorted({*beside, *hashes_in_force}):
        file, runs = beside.get(name), hashes_in_force.get(name)
        if file == runs:
            yield ok(f"policy {name}: in force", f"version {file and file[:12]}")
        elif runs is None:
            yield note(f"policy {name}: in force", "the daemon does not run it yet", "restart the daemon")
        else:
            found = f"the daemon runs version {runs[:12]}, the file is {file[:12] if file else 'gone'}"
            yield note(f"policy {name}: in force", found, "restart the daemon to activate the file")
