"""Where a call waited and how long, and the ways by which reports find what they count."""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
    "ALTER TABLE calls ADD COLUMN queue TEXT",
    "ALTER TABLE calls ADD COLUMN keeps_waiting INTEGER NOT NULL DEFAULT 0 CHECK (keeps_waiting IN (0, 1))",
    "ALTER TABLE calls ADD COLUMN queued_at INTEGER",
    "ALTER TABLE calls ADD COLUMN answered INTEGER CHECK (answered IN (0, 1))",
    "ALTER TABLE calls ADD COLUMN waited_ms INTEGER CHECK (waited_ms >= 0)",
    "ALTER TABLE calls ADD COLUMN talked_ms INTEGER CHECK (talked_ms >= 0)",
    # Said once more where no code path can go round it: what no text names is not kept (AVG art. 5(1)(c)).
    """
    CREATE TRIGGER calls_keep_no_unnamed_waiting BEFORE UPDATE ON calls
    WHEN NEW.waited_ms IS NOT NULL AND NOT NEW.keeps_waiting
    BEGIN SELECT RAISE(ABORT, 'the policy of this call names no waiting time'); END
    """,
    """
    CREATE TRIGGER calls_forget_where_they_waited BEFORE UPDATE ON calls
    WHEN NEW.data_erased_at IS NOT NULL AND (NEW.queue IS NOT NULL OR NEW.queued_at IS NOT NULL
        OR NEW.answered IS NOT NULL OR NEW.waited_ms IS NOT NULL OR NEW.talked_ms IS NOT NULL)
    BEGIN SELECT RAISE(ABORT, 'the data of this call were erased'); END
    """,
    "CREATE INDEX calls_by_policy ON calls (policy, started_at)",
    "CREATE INDEX recordings_by_start ON recordings (started_at)",
    "CREATE INDEX recordings_by_policy ON recordings (policy, started_at)",
    "CREATE INDEX recordings_by_erasure ON recordings (policy, erased_at) WHERE erased_at IS NOT NULL",
    "CREATE INDEX accesses_by_policy ON accesses (policy, released_at)",
    "CREATE INDEX ledger_of_refusals ON ledger (at) WHERE kind = 'access_refused'",
)
