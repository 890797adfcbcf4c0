"""Telling the operator, whatever else is broken: an alarm that cannot be stored is at least in the log."""

from __future__ import annotations

import logging

from policy.errors import ConsentlineError
from policy.vocabulary import CallId
from recorder.ports import AlarmKind, Alarms

log = logging.getLogger(__name__)


class Bell:
    """Rings alarms; never fails, so that it can stand in the middle of a withdrawal."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    async def ring(self, kind: AlarmKind, text: str, call_id: CallId | None) -> None:
        """Raise an alarm; `text` is one line without personal data."""
        try:
            await self._alarms.alarm(kind.value, text, call_id)
        except ConsentlineError as error:
            log.error("alarm %s could not be stored: %s: %s", kind.value, text, error)
