"""The vault host's side: answers for one folder, over a pipe, until the other side goes.

What is asked stands in `store/files/vault_wire.py`. Several may run at once on one folder; each step of
each is one step of the file system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeAlias

from policy.errors import ConsentlineError
from policy.vocabulary import RecordingId
from store.files.vault import Written
from store.files.vault_folder import VaultFolder
from store.files.vault_wire import (
    BLOCK_BYTES,
    END,
    GREETING,
    LARGEST_FILE_BYTES,
    LONGEST_LINE_BYTES,
    OK,
    WAIT,
    refusal,
)

_MOST_STAMPS: Final = 100_000
Answer: TypeAlias = Callable[[list[str]], None]


class Garbled(ConsentlineError):
    """The other side said what nobody of ours says; nothing can be answered any more."""


@dataclass(frozen=True, slots=True)
class VaultServer:
    """One side of one pipe.

    Attributes:
        vault: Where the sealed files lie.
        source: Where questions come from.
        target: Where answers go.
    """

    vault: VaultFolder
    source: BinaryIO
    target: BinaryIO

    def run(self) -> None:
        """Answer until there are no more questions.

        Raises:
            Garbled: If something else was said.
            OSError: If the pipe broke.
        """
        answers = self._answers()
        while line := self.source.readline(LONGEST_LINE_BYTES):
            verb, *words = _words(line)
            answer = answers.get(verb)
            if answer is None:
                raise Garbled(f"vault serve: unknown word {verb[:40]!r}")
            try:
                answer(words)
            except (ConsentlineError, OSError) as error:
                if isinstance(error, Garbled | BrokenPipeError):
                    raise
                self._say(refusal(error))
            self.target.flush()

    def _answers(self) -> dict[str, Answer]:
        return {
            "hello": self._hello,
            "there": self._there,
            "room": lambda _: self._say(OK, self.vault.room_bytes()),
            "fill": self._fill,
            "name": lambda words: self._written(self.vault.name(_id(words))),
            "stage": self._stage,
            "check": lambda words: self._written(self.vault.check_staged(_id(words))),
            "put": self._put,
            "drop": self._drop,
            "get": self._get,
            "digest": lambda words: self._say(OK, self.vault.sha256(_id(words))),
            "stamps": self._stamps,
            "unlink": self._unlink,
            "absent": lambda words: self._say(OK, int(self.vault.absent(_id(words)))),
            "ids": lambda _: self._list(self.vault.ids()),
            "leftovers": lambda _: self._list(self.vault.leftovers()),
            "staged": lambda _: self._list(self._staged()),
        }

    def _hello(self, words: list[str]) -> None:
        if words != [GREETING]:
            raise Garbled(f"vault serve: must be greeted with {GREETING}, got {' '.join(words)[:40]!r}")
        self._say(OK, GREETING)

    def _there(self, _: list[str]) -> None:
        self.vault.must_be_there()
        self._say(OK)

    def _unlink(self, words: list[str]) -> None:
        self.vault.must_be_there()
        self._say(OK, int(self.vault.unlink(_id(words))))

    def _staged(self) -> tuple[RecordingId, ...]:
        self.vault.must_be_there()
        return self.vault.staged()

    def _fill(self, words: list[str]) -> None:
        self._take(words, lambda into: self.vault.fill(_id(words), into))

    def _stage(self, words: list[str]) -> None:
        def write(into: Callable[[BinaryIO], int]) -> int:
            with self.vault.stage(_id(words)) as target:
                return into(target)

        self._take(words, write)

    def _take(self, words: list[str], write: Callable[[Callable[[BinaryIO], int]], int]) -> None:
        """Have the bytes that follow written; all of them are taken off the pipe, whatever goes wrong."""
        left = _number(words, 1, most=LARGEST_FILE_BYTES)

        def copy(target: BinaryIO) -> int:
            nonlocal left
            whole = left
            while left:
                piece = self.source.read(min(left, BLOCK_BYTES))
                if not piece:
                    raise Garbled("vault serve: the other side went in the middle of a file")
                left -= len(piece)
                target.write(piece)
            return whole

        try:
            write(copy)
        except (ConsentlineError, OSError) as error:
            while left and (piece := self.source.read(min(left, BLOCK_BYTES))):
                left -= len(piece)
            if left:
                raise Garbled("vault serve: the other side went in the middle of a file") from error
            raise
        self._say(OK)

    def _put(self, words: list[str]) -> None:
        self.vault.put_staged(_id(words))
        self._say(OK)

    def _drop(self, words: list[str]) -> None:
        self.vault.must_be_there()
        self.vault.drop_staged(_id(words))
        self._say(OK)

    def _get(self, words: list[str]) -> None:
        recording_id = _id(words)
        self.vault.must_be_there()
        with self.vault.open(recording_id) as file:
            left = file.seek(0, 2)
            file.seek(0)
            self._say(OK, left)
            while left:
                piece = file.read(min(left, BLOCK_BYTES))
                if not piece:
                    raise Garbled("vault serve: a file became shorter while it was read")
                left -= len(piece)
                self.target.write(piece)

    def _stamps(self, words: list[str]) -> None:
        wanted = [
            _id(_words(self.source.readline(LONGEST_LINE_BYTES)))
            for _ in range(_number(words, 0, most=_MOST_STAMPS))
        ]
        stamps = self.vault.stamps(wanted)
        self._say(OK)
        for recording_id, stamp in stamps.items():
            self._say(recording_id, stamp.size_bytes, stamp.written_us)
        self._say(END)

    def _list(self, recording_ids: Iterable[RecordingId]) -> None:
        self.vault.must_be_there()
        self._say(OK)
        for recording_id in recording_ids:
            self._say(recording_id)
        self._say(END)

    def _written(self, written: Written) -> None:
        self._say(OK, written.size_bytes, written.sha256)

    def _say(self, *words: object) -> None:
        self.target.write(" ".join(map(str, words)).encode() + b"\n")


def serve(vault: VaultFolder, source: BinaryIO, target: BinaryIO) -> None:
    """Answer for a vault until the other side goes; errors as those of `VaultServer.run`."""

    def busy() -> None:
        target.write(f"{WAIT}\n".encode())
        target.flush()

    VaultServer(VaultFolder(folder=vault.folder, busy=busy), source, target).run()


def _words(line: bytes) -> list[str]:
    words = line.decode("utf-8", "replace").split()
    if not line.endswith(b"\n") or not words:
        raise Garbled(f"vault serve: must get a line of words, got {line[:40]!r}")
    return words


def _id(words: list[str]) -> RecordingId:
    """Return the first word; `VaultFolder.path` sees that it is the id of a recording (I10)."""
    if not words:
        raise Garbled("vault serve: must get a recording id, got nothing")
    return RecordingId(words[0])


def _number(words: list[str], place: int, *, most: int) -> int:
    word = words[place] if len(words) > place else ""
    if not (word.isascii() and word.isdecimal() and len(word) < 12 and int(word) <= most):
        raise Garbled(f"vault serve: must get a number up to {most}, got {word[:40]!r}")
    return int(word)
