"""What stands at a place in bytes that lie encrypted somewhere: the half of a file that needs no cipher."""

from __future__ import annotations

import io
import os


class Placed(io.RawIOBase):
    """A file's place and length; what is read or written there is the other half's.

    Attributes:
        at: The place.
        size_bytes: How long it is by now.
    """

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.at = 0
        self.size_bytes = size_bytes

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.size_bytes}[whence]
        self.at = max(0, base + offset)
        return self.at

    def tell(self) -> int:
        """Return the place."""
        return self.at
