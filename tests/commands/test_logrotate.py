"""How long logrotate keeps a log."""

from __future__ import annotations

import pytest

from commands.doctor.logrotate import rotations


@pytest.mark.parametrize(
    ("body", "days"),
    [
        ("weekly\n rotate 4", 35),
        ("daily\n rotate 7\n maxage 5", 5),
        ("monthly\n rotate 0", 31),
        ("size 10M\n rotate 3", None),
        ("maxage 30", 30),
        ("", None),
    ],
)
def test_a_line_lasts_as_long_as_the_files_that_are_kept(body: str, days: int | None) -> None:
    (rotation,) = rotations([f"/var/log/asterisk/full {{\n {body}\n}}\n"])
    assert rotation.days == days


def test_a_stanza_is_about_its_patterns_alone() -> None:
    text = '# all of it\nweekly\n"/var/log/asterisk/queue_log" /var/log/asterisk/cdr-csv/*.csv {\n daily\n}\n'
    (rotation,) = rotations([text])
    assert rotation.covers("/var/log/asterisk/cdr-csv/Master.csv")
    assert rotation.covers("/var/log/asterisk/queue_log")
    assert not rotation.covers("/var/log/asterisk/full")
