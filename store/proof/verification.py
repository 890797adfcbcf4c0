"""The whole of `ledger verify`: tree, checkpoints, and whether what is told is what there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from policy.errors import IntegrityError, Unavailable
from store.db import Db
from store.files.vault import Vault
from store.logbook import checkpoint_check, ledger_check
from store.logbook.checkpoint_check import Checked, Shown
from store.logbook.ledger import Json
from store.logbook.ledger_check import Break, Report
from store.logbook.notes import VerifierKey
from store.proof import accounting
from store.proof.accounting import Accounted


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification came to.

    Attributes:
        report: The tree, with every break that was found anywhere.
        checked: The checkpoints; None where they could not be looked at.
        accounted: Recordings and vault; None where they were not or could not be looked at.
        unseen: Why a vault host could not be looked into; then `accounted` is about the rest.
    """

    report: Report
    checked: Checked | None
    accounted: Accounted | None
    unseen: str | None = None

    def to_json(self) -> dict[str, Json]:
        """Return everything as a program gets it."""
        told = self.report.to_json()
        if self.checked is not None:
            told["checkpoints"] = {
                "own": self.checked.own,
                "shown": self.checked.shown,
                "newest_shown": self.checked.newest_shown,
                "keys": [span.to_json() for span in self.checked.spans],
            }
        if self.accounted is not None:
            told["recordings"] = {
                "kept": self.accounted.kept,
                "erased": self.accounted.erased,
                "files_read": self.accounted.read,
            }
        if self.unseen is not None:
            told["vault_not_looked_into"] = self.unseen
        return told


def verify(
    db: Db,
    *,
    vault: Vault | None,
    shown: Sequence[Shown] = (),
    trusted: VerifierKey | None = None,
    contents: bool = False,
) -> Verified:
    """Check all of it; one part that cannot be read any more costs no other part.

    Args:
        db: The database, or a copy.
        vault: Sealed files; None: the log alone. A vault host that is away is told, and costs no other part.
        shown: Checkpoints from elsewhere.
        trusted: The key to believe; None: those of the database.
        contents: Whether every sealed file is read, too.

    Raises:
        Unavailable: If database or vault cannot be read.
        IntegrityError: If it is no database any more.
    """
    try:
        return _verify(db, vault, shown, trusted, contents=contents)
    except sqlite3.DatabaseError as error:  # a table or column is not what it was
        raise IntegrityError(f"{db.path}: is not the database that it was: {error}") from error


def _verify(
    db: Db,
    vault: Vault | None,
    shown: Sequence[Shown],
    trusted: VerifierKey | None,
    *,
    contents: bool,
) -> Verified:
    report = ledger_check.verify(db)
    checked: Checked | None = None
    accounted: Accounted | None = None
    unseen: str | None = None
    try:
        checked = checkpoint_check.check(db, report.size, shown=shown, trusted=trusted)
        report = report.with_breaks(checked.breaks)
    except IntegrityError as error:
        report = report.with_breaks([Break(seq=None, text=f"checkpoints: {error.text}")])
    if vault is not None:
        try:
            accounted, unseen = _account(db, vault, contents=contents)
            report = report.with_breaks(accounted.breaks)
        except IntegrityError as error:
            report = report.with_breaks([Break(seq=None, text=f"recordings: {error.text}")])
    return Verified(report=report, checked=checked, accounted=accounted, unseen=unseen)


def _account(db: Db, vault: Vault, *, contents: bool) -> tuple[Accounted, str | None]:
    try:
        return accounting.account(db, vault, contents=contents), None
    except Unavailable as error:
        if not vault.elsewhere:
            raise
        return accounting.account(db, None), error.text
