"""Which spans of a call belong to which of its recordings."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    # A recording that ends because somebody entered is captured a moment after they did (4 to 20 ms on an
    # idle machine): they are not in it. Who left before it began is not in it either.
    """
    CREATE VIEW recording_agents (recording_id, span_id, person_id) AS
    SELECT r.recording_id, s.span_id, s.person_id FROM recordings r JOIN call_agents s USING (call_id)
    WHERE (s.until IS NULL OR s.until > r.started_at)
        AND (r.captured_at IS NULL OR s.since < r.captured_at - 1000)
    """,
)
