"""How long the door takes to say no: to what is not theirs, and to what is not there.

Both take the same queries and the same entry on the ledger (tested); this prints how their times
compare, in one process without the socket, where a difference shows best.

    python -m bench.door_answers
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from policy.access import Action, PurposeName
from policy.errors import NotFound
from policy.situation import PersonId
from policy.vocabulary import RecordingId
from store.access import door
from store.access.door import Question
from store.persons import hats, people
from tests.store.scene import EINDHOVEN, Scene, recording_named, scene

RECORDINGS = 200
ROUNDS = 1000
COACH = PersonId("coach")
UNKNOWN = RecordingId("0123456789abcdef0123456789abcdef")


def answers_ms(stage: Scene, question: Question, recording: RecordingId) -> float:
    """Return how long one refusal takes."""
    began = time.perf_counter()
    with suppress(NotFound):
        door.decide(stage.archive, question, recording, stage.clock.now())
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure, by turns, and print."""
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder) / "site") as stage:
        policy, now = stage.policies.named(EINDHOVEN), stage.clock.now()
        with stage.db.write() as tx:
            people.add(tx, COACH, name="Coach", login=None, at=now, actor="bench")
            hats.give(tx, COACH, policy, "coach", since=None, until=None, at=now, actor="bench")
        for number in range(RECORDINGS):
            stage.keep(number)
        question = Question(
            person=COACH,
            login="coach",
            actor="person:coach login:coach",
            policy=policy,
            action=Action.LISTEN,
            purpose=PurposeName("training"),
            reason="bench",
        )
        theirs, nobodys = [], []
        for number in range(ROUNDS):
            theirs.append(answers_ms(stage, question, recording_named(number % RECORDINGS)))
            nobodys.append(answers_ms(stage, question, UNKNOWN))
    one, other = statistics.median(theirs), statistics.median(nobodys)
    spread = statistics.quantiles(nobodys, n=20)
    print(f"not yours {one:.3f} ms, not there {other:.3f} ms (median of {ROUNDS}), ratio {one / other:.3f}")
    print(f"5 % to 95 % of `not there`: {spread[0]:.3f} to {spread[-1]:.3f} ms")


if __name__ == "__main__":
    main()
