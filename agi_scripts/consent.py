"""AGI script that asks for consent on a PBX without ARI.

It answers, plays the notice, takes the digit, and has the daemon store the decision before it
answers; then the call continues in the same dialplan contexts as by ARI. No daemon, no
recording: the script ends, and the dialplan's next line is the way out.

Arguments, from the dialplan: socket, called number, policy argument, uniqueid, language.
Only the caller's number is taken from the AGI environment, and it is data (I10).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from asterisk.agi import AGI, AGIException

from agi_scripts.daemon_socket import DaemonAway, ask

DAEMON_TIMEOUT_S = 2.0
_SAMPLES_A_MS = 8
"""Asterisk counts `endpos` in samples of 8 kHz prompts."""


@dataclass(slots=True, kw_only=True)
class Heard:
    """What happened while the caller was asked; same words as `policy.evidence.Heard`."""

    heard_ms: int = 0
    finished: bool = False
    window_over: bool = False
    digit: str | None = None
    digit_offset_ms: int | None = None
    hung_up: bool = False


class Conversation:
    """The notice and the reply window on one channel.

    Args:
        agi: The channel.
        elapsed_ms: Milliseconds since some moment.
    """

    def __init__(self, agi: AGI, elapsed_ms: Callable[[], int]) -> None:
        self._agi = agi
        self._elapsed_ms = elapsed_ms
        self._begun_ms: int | None = None

    def hold(self, *, notice: str, duration_ms: int, key: str | None, window_ms: int) -> Heard:
        """Answer, play the notice and wait for the deciding key; every other key is ignored.

        Args:
            notice: Prompt without extension.
            duration_ms: Its length.
            key: The digit that decides; None where there is no choice.
            window_ms: How long after the notice the key still counts.
        """
        heard = Heard()
        try:
            self._agi.execute("ANSWER")
            self._begun_ms = self._elapsed_ms()
            self._play(heard, notice, duration_ms, key)
            if heard.digit is None and heard.finished and key is not None:
                self._wait(heard, key, window_ms)
        except AGIException:
            heard.hung_up = True
            heard.heard_ms = heard.heard_ms or min(self._since_answer_ms(), duration_ms)
        return heard

    def _play(self, heard: Heard, notice: str, duration_ms: int, key: str | None) -> None:
        result = self._agi.execute("STREAM FILE", notice, f'"{key or ""}"', 0)
        heard.heard_ms = int(result["endpos"][0] or 0) // _SAMPLES_A_MS
        pressed = int(result["result"][0])
        if pressed > 0:
            self._take(heard, chr(pressed))
        heard.finished = heard.digit is None and heard.heard_ms >= duration_ms - 300

    def _wait(self, heard: Heard, key: str, window_ms: int) -> None:
        until_ms = self._elapsed_ms() + window_ms
        while (left_ms := until_ms - self._elapsed_ms()) > 0:
            result = self._agi.execute("WAIT FOR DIGIT", left_ms)
            pressed = int(result["result"][0])
            if pressed == 0:
                break  # Asterisk waited it out
            if chr(pressed) == key:
                self._take(heard, key)
                return
        heard.window_over = True

    def _take(self, heard: Heard, digit: str) -> None:
        heard.digit = digit
        heard.digit_offset_ms = self._since_answer_ms()

    def _since_answer_ms(self) -> int:
        return 0 if self._begun_ms is None else self._elapsed_ms() - self._begun_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the dialplan hands over.

    Attributes:
        number: The number dialled.
        named: The policy argument, or empty.
        call_id: Uniqueid of the caller's channel.
        language: CHANNEL(language).
    """

    socket: str
    number: str
    named: str
    call_id: str
    language: str


def gate(agi: AGI, entry: Entry) -> None:
    """Take one caller through the gate.

    Raises:
        DaemonAway: If the daemon is not there, before or after the notice.
    """
    arrival = {
        "call_id": entry.call_id,
        "channel": agi.env.get("agi_channel", ""),
        "caller": agi.env.get("agi_callerid", ""),
        "language": entry.language,
        "number": entry.number,
        "named": entry.named,
    }
    answer: dict[str, Any] = ask(entry.socket, "/gate", arrival, timeout_s=DAEMON_TIMEOUT_S)
    if "notice" in answer:
        began_s = monotonic()
        conversation = Conversation(agi, lambda: int((monotonic() - began_s) * 1000))
        heard = conversation.hold(
            notice=answer["notice"],
            duration_ms=answer["duration_ms"],
            key=answer["key"],
            window_ms=answer["window_ms"],
        )
        body = {"call_id": entry.call_id, "heard": asdict(heard)}
        answer = ask(entry.socket, "/decision", body, timeout_s=DAEMON_TIMEOUT_S)
        if heard.hung_up:
            return
    agi.set_variable("CONSENTLINE_POLICY", answer["policy"])
    agi.set_variable("CONSENTLINE_LANGUAGE", answer["language"])
    agi.set_context(answer["context"])
    agi.set_extension(answer["extension"])
    agi.set_priority(1)


def main() -> None:
    """Run as an AGI script; says nothing on stderr, which Asterisk would print."""
    socket, number, named, call_id, language = ([*sys.argv[1:], "", "", "", "", ""])[:5]
    entry = Entry(socket=socket, number=number, named=named, call_id=call_id, language=language)
    with Path(os.devnull).open("w", encoding="utf-8") as silence:
        agi = AGI(stderr=silence)
        try:
            gate(agi, entry)
        except (DaemonAway, AGIException):
            return  # the dialplan's next line is the way out (I8)


if __name__ == "__main__":
    main()
