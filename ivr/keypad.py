"""Finding codes among the keys of a call, remembering no more than a code is long.

What people press in mid-call is theirs (a bank's PIN among it): only a suffix shorter than the
code is kept, only while it could still become the code, and nobody is told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policy.agent_keys import AgentKey
from policy.vocabulary import CallId, WithdrawnBy

Meaning = WithdrawnBy | AgentKey
"""What a code asks for."""

GAP_MS = 2_000
"""Keys further apart than this do not belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypad:
    """One party's keys, as far as they could be the beginning of the code.

    Attributes:
        code: What is looked for; at least one key.
        begun: The part of it that was pressed so far.
        last_at_ms: When the last key came.
    """

    code: str
    begun: str = ""
    last_at_ms: int | None = None

    def press(self, digit: str, at_ms: int) -> tuple[Keypad, bool]:
        """Return the keypad after one more key, and whether that key completed the code."""
        in_time = self.last_at_ms is not None and at_ms - self.last_at_ms <= GAP_MS
        pressed = (self.begun if in_time else "") + digit
        if pressed.endswith(self.code):
            return replace(self, begun="", last_at_ms=None), True
        return replace(self, begun=_longest_beginning(pressed, self.code), last_at_ms=at_ms), False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """To which call a code belongs, and what it asks for."""

    call_id: CallId
    meaning: Meaning


class Ears:
    """Every channel on which codes are listened for."""

    def __init__(self) -> None:
        self._ears: dict[CallId, tuple[CallId, Mapping[Meaning, Keypad]]] = {}

    def listen(self, channel_id: CallId, call_id: CallId, codes: Mapping[Meaning, str]) -> None:
        """Listen from now on, afresh; none of the codes begins or ends as another."""
        keypads = {meaning: Keypad(code=code) for meaning, code in codes.items()}
        self._ears[channel_id] = (call_id, keypads)

    def press(self, channel_id: CallId, digit: str, at_ms: int) -> Listener | None:
        """Return which code of which call this key completed, if it completed one."""
        if channel_id not in self._ears:
            return None
        call_id, keypads = self._ears[channel_id]
        pressed = {meaning: keypad.press(digit, at_ms) for meaning, keypad in keypads.items()}
        self._ears[channel_id] = (call_id, {meaning: keypad for meaning, (keypad, _) in pressed.items()})
        found = (meaning for meaning, (_, is_code) in pressed.items() if is_code)
        return next((Listener(call_id=call_id, meaning=meaning) for meaning in found), None)

    def forget(self, channel_id: CallId) -> bool:
        """Stop listening on a channel; return whether it was listened to."""
        return self._ears.pop(channel_id, None) is not None

    def forget_call(self, call_id: CallId) -> None:
        """Stop listening on every channel of a call."""
        self._ears = {key: ear for key, ear in self._ears.items() if ear[0] != call_id}

    def channels(self) -> tuple[CallId, ...]:
        """Return every channel that is listened to."""
        return tuple(self._ears)


def _longest_beginning(pressed: str, code: str) -> str:
    """Return the longest end of `pressed` with which `code` begins."""
    for length in range(min(len(pressed), len(code) - 1), 0, -1):
        if code.startswith(pressed[-length:]):
            return pressed[-length:]
    return ""
