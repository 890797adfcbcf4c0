"""Passphrases on file descriptors, for command lines that are run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PASSPHRASE = "vier losse woorden samen"


@contextmanager
def secrets(*passphrases: str) -> Iterator[list[int]]:
    """Give file descriptors from which these can be read, once each."""
    fds = [_pipe(passphrase) for passphrase in passphrases]
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _pipe(secret: str) -> int:
    reader, writer = os.pipe()
    os.write(writer, secret.encode() + b"\n")
    os.close(writer)
    return reader
