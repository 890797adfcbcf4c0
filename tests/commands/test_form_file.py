"""A review's form as a file, and asked line by line."""

from __future__ import annotations

import tomllib

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from commands.review.fill import prompted
from commands.review.form_file import blank, read_form, read_score
from policy.errors import ConsentlineError

CRITERIA = [
    {"criterion": "aanvang", "judges": "manner", "lowest": 1, "highest": 5},
    {"criterion": 'inhoud "van" het gesprek', "judges": "content", "lowest": 1, "highest": 5},
]


def test_what_is_printed_to_be_filled_in_can_be_read_once_it_is() -> None:
    text = blank(CRITERIA)
    assert "# 1 to 5, on content" in text
    with pytest.raises(ConsentlineError, match="kim.toml: must be TOML"):
        read_form("kim.toml", text.encode())
    filled = read_form("kim.toml", text.replace(" = \n", " = 3\n").encode())
    assert filled.scores == {one["criterion"]: 3 for one in CRITERIA}
    assert filled.remark == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "kim.toml: must be TOML"),
        (b"scores = 3", 'kim.toml: scores: must be a table of criteria, got "3"'),
        (b"", "kim.toml: scores: must be a table of criteria, got nothing"),
        (b"remark = 3\n[scores]", 'kim.toml: remark: must be a text, got "3"'),
        (b"score = 3\n[scores]", 'kim.toml: unknown field "score", expected scores and remark'),
        (b" " * 65537, "kim.toml: must be at most 65536 bytes"),
    ],
)
def test_a_file_that_is_no_form_is_told_with_its_field(content: bytes, said: str) -> None:
    with pytest.raises(ConsentlineError) as told:
        read_form("kim.toml", content)
    assert said in told.value.text
    assert "\n" not in told.value.text


@given(st.binary(max_size=60))
def test_any_bytes_are_a_form_or_lines_that_can_be_printed(content: bytes) -> None:
    try:
        filled = read_form("kim.toml", content)
    except ConsentlineError as told:
        assert all(line.isprintable() for line in told.text.splitlines())
    else:
        assert isinstance(tomllib.loads(content.decode())["scores"], dict)
        assert all(isinstance(score, int | float | str) for score in filled.scores.values())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("aanvang=4", ("aanvang", 4)),
        (" vorm van het gesprek = 4 ", ("vorm van het gesprek", 4)),
        ("a=b=3", ("a=b", 3)),
        ("aanvang=goed", ("aanvang", "goed")),
        ("aanvang=-1", ("aanvang", "-1")),
        ("aanvang=" + "9" * 400, ("aanvang", "9" * 400)),
    ],
)
def test_a_score_on_the_command_line(text: str, read: tuple[str, int | str]) -> None:
    assert read_score(text) == read


def test_a_score_without_its_criterion_is_none() -> None:
    with pytest.raises(ConsentlineError, match='--score: must be CRITERION=SCORE, got "4"'):
        read_score("4")


def test_asked_line_by_line_what_is_no_score_is_asked_again() -> None:
    @click.command()
    def ask() -> None:
        click.echo(prompted(CRITERIA, None))

    done = CliRunner().invoke(ask, input="9\ngoed\n4\n2\nrustig\n")
    assert done.exit_code == 0, done.output
    assert "({'aanvang': 4, 'inhoud \"van\" het gesprek': 2}, 'rustig')" in done.output
    assert "not in the range 1<=x<=5" in done.output
