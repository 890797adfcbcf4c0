"""What PBX and vault host say to each other, over the pipe that ssh makes.

The PBX asks, one line at a time; the vault host answers each before the next:

    hello consentline-vault/1            ok consentline-vault/1
    there                                ok
    room                                 ok BYTES
    fill ID BYTES + so many bytes        ok                     durable, without its name
    name ID                              ok BYTES SHA256        named, durable, read again from the disk (I2)
    stage ID BYTES + so many bytes       ok
    check ID                             ok BYTES SHA256        what was staged, read again from the disk
    put ID                               ok
    drop ID                              ok
    get ID                               ok BYTES + so many bytes
    digest ID                            ok SHA256
    stamps COUNT + so many lines ID      ok, lines ID BYTES MICROSECONDS, .
    unlink ID                            ok 0|1
    absent ID                            ok 0|1
    ids, leftovers, staged               ok, lines ID, .

An error is `no CODE TEXT` with the exit code of its class, or `no disk TEXT`. While a long file is read the
vault host says `wait` now and then. Only sealed bytes, their sizes and digests, and recording ids go over it.
"""

from __future__ import annotations

from typing import Final

from policy.errors import ConsentlineError, IntegrityError, NotFound, StateConflict, Unavailable

GREETING: Final = "consentline-vault/1"
OK: Final = "ok"
NO: Final = "no"
WAIT: Final = "wait"
END: Final = "."
DISK: Final = "disk"
LONGEST_LINE_BYTES: Final = 1024
BLOCK_BYTES: Final = 256 * 1024
LARGEST_FILE_BYTES: Final = 4 * 1024**3 + 16 * 1024**2

_KINDS: Final = {
    str(kind.exit_code): kind
    for kind in (ConsentlineError, IntegrityError, NotFound, StateConflict, Unavailable)
}


def refusal(error: ConsentlineError | OSError) -> str:
    """Return the line that tells an error."""
    if isinstance(error, OSError):
        code, text = DISK, error.strerror or type(error).__name__
    else:
        code, text = str(error.exit_code), error.text
    return f"{NO} {code} {' '.join(text.split())}"[: LONGEST_LINE_BYTES // 4]


def error_of(line: str) -> ConsentlineError | OSError:
    """Return the error that a line tells, as the class it was there."""
    _, _, rest = line.partition(" ")
    code, _, text = rest.partition(" ")
    if code == DISK:
        return OSError(0, f"vault host: {text}")
    return _KINDS.get(code, ConsentlineError)(f"vault host: {text}")
