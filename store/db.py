"""The SQLite file: opened the one right way, written by one `write()` at a time.

`BEGIN IMMEDIATE` takes the write lock before the first read, so that a second process waits
its turn; a deferred transaction that reads and then writes fails at once under a second
writer. `synchronous=FULL`: what is committed is on the disk (I1). `secure_delete` writes
zeros over what is deleted; the write-ahead log keeps its own copy, see `forget_deleted`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlite_utils import Database

from policy.clock import Clock, Randomness, SystemRandomness
from policy.errors import ConsentlineError, DestructionIncomplete, IntegrityError, NotFound, Unavailable
from store import schema

BUSY_TIMEOUT_MS: Final = 15_000
CHECKPOINT_ATTEMPTS: Final = 4
CHECKPOINT_WAIT_MS: Final = 2_000

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)
_NOT_NOW: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

Value = str | bytes | int | None
Params = Sequence[Value] | Mapping[str, Value]


class Tx(sqlite3.Connection):
    """A connection inside a write transaction; functions that take one say what they add to it.

    Attributes:
        randomness: Where the ledger's salts come from.
    """

    randomness: Randomness


class Db:
    """One connection, bound to the thread that opened it."""

    def __init__(self, connection: Tx, path: Path, clock: Clock) -> None:
        self._connection = connection
        self.path = path
        self.clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        randomness: Randomness | None = None,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> Self:
        """Open or create the file, readable by its owner alone, and bring its tables up to date.

        Args:
            path: The SQLite file; its folder must exist.
            clock: Given on to whoever asks the time of this database.
            randomness: Source of the ledger's salts; the kernel's by default.
            busy_timeout_ms: How long a write waits for another process.

        Raises:
            Unavailable: If it cannot be opened or another process holds it too long.
            IntegrityError: If it is no database or is damaged.
        """
        with _in_words(path):
            _create_private(path)
            connection = sqlite3.connect(
                path, timeout=busy_timeout_ms / 1000, isolation_level=None, factory=Tx
            )
            try:
                db = cls(_prepared(connection, randomness or SystemRandomness()), path, clock)
                db._migrate()
            except BaseException:
                connection.close()
                raise
            return db

    @classmethod
    def open_to_read(cls, path: Path, *, clock: Clock, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Self:
        """Open an existing file for looking only; for offline commands such as `ledger verify`.

        Raises:
            NotFound: If there is no such file.
            Unavailable: If it cannot be opened.
            IntegrityError: If it is no database or is damaged.
        """
        if not path.is_file():
            raise NotFound(f"{path}: must be the database of this installation, got no file")
        with _in_words(path):
            connection = sqlite3.connect(
                path, timeout=busy_timeout_ms / 1000, isolation_level=None, factory=Tx
            )
            connection.row_factory = sqlite3.Row
            connection.randomness = SystemRandomness()
            try:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except BaseException:
                connection.close()
                raise
            return cls(connection, path, clock)

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Run a block as one durable transaction: all of it, or nothing when it raises.

        Raises:
            Unavailable: If another process holds the file too long, or the disk is full.
            IntegrityError: If the file is damaged.
        """
        with _in_words(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """Return every row of a SELECT; no read transaction stays open behind it.

        Raises:
            Unavailable: If the file cannot be read now.
            IntegrityError: If the file is damaged.
        """
        with _in_words(self.path):
            return self._connection.execute(sql, params).fetchall()

    def tuples(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """As `rows`, but plain tuples: for whoever reads millions.

        Raises:
            Unavailable: If the file cannot be read now.
            IntegrityError: If the file is damaged.
        """
        with _in_words(self.path):
            cursor = self._connection.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, params).fetchall()

    def forget_deleted(self) -> None:
        """Empty the write-ahead log, so that deleted bytes are in no file of this database (I4).

        Deleted cells are zeroed in the database by `secure_delete`, but older copies of their
        pages stay in the `-wal` file until it is truncated.

        Raises:
            DestructionIncomplete: If another process keeps reading an old state; run again.
        """
        with _in_words(self.path), self._waiting_at_most(CHECKPOINT_WAIT_MS):
            for _ in range(CHECKPOINT_ATTEMPTS):
                (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return
        raise DestructionIncomplete(
            f"{self.path}: deleted bytes are still in its write-ahead log, another process is reading",
            hint="end long-running readers of the database; the next purge tries again",
        )

    @contextmanager
    def _waiting_at_most(self, wait_ms: int) -> Iterator[None]:
        (before_ms,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
        self._connection.execute(f"PRAGMA busy_timeout = {min(wait_ms, before_ms):d}").fetchall()
        try:
            yield
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {before_ms:d}").fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _migrate(self) -> None:
        database = Database(self._connection, execute_plugins=False)
        if not schema.migrations.pending(database):
            return
        with self.write():
            schema.migrations.apply(database)


def _prepared(connection: Tx, randomness: Randomness) -> Tx:
    connection.randomness = randomness
    connection.row_factory = sqlite3.Row
    for pragma in _PRAGMAS:
        connection.execute(pragma).fetchall()
    return connection


def _create_private(path: Path) -> None:
    """Create the file with mode 0600; SQLite gives its companions the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Unavailable(f"{path}: cannot be opened: {error.strerror}") from error


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what SQLite reports about the machine into our errors; its other errors are bugs."""
    try:
        yield
    except UnicodeDecodeError as error:  # what SQLite tells of a damaged file quotes its bytes
        raise IntegrityError(f"{path}: is damaged where its tables are named") from error
    except sqlite3.DatabaseError as error:
        translated = _translated(path, error)
        if translated is None:
            raise
        raise translated from error


def _translated(path: Path, error: sqlite3.DatabaseError) -> ConsentlineError | None:
    if "Could not decode to UTF-8" in str(error):
        return IntegrityError(f"{path}: holds bytes that are no text where text was written")
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary in _NOT_NOW:
        return Unavailable(f"{path}: cannot be used now: {error}")
    if primary in _DAMAGED:
        return IntegrityError(f"{path}: {error}")
    return None
