"""The form of a registration as it is typed, and what is written out of it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import click
import pytest
import pyzipper

from commands.audio import copies
from commands.handover.chain import chain_of
from commands.incident.export import FIELDS, written
from commands.incident.form import AGGRESSION, ASKED, filled_in, read_form
from policy.errors import ConsentlineError
from store.cases.registrations import Aggression

FORM = {
    "place": "telefoon",
    "aggression": "threat",
    "said": "ik kom langs",
    "measures": "",
    "report_filed": True,
}
SECRET = "een ander geheim voor de zip"


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_form_is_read_from_toml_and_from_json(tmp_path: Path, suffix: str) -> None:
    toml = "\n".join(f"{key} = {json.dumps(value)}" for key, value in FORM.items())
    file = tmp_path / f"form.{suffix}"
    file.write_text(toml if suffix == "toml" else json.dumps(FORM))
    assert read_form(file) == FORM


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "must be a form in TOML or JSON"),
        ("[]", "must hold place, aggression"),
        ('{"place": "x", "recording": "5f0c"}', "got recording"),
    ],
)
def test_what_is_no_form_is_said_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "form.json"
    file.write_text(content)
    with pytest.raises(ConsentlineError, match=said):
        read_form(file)


def test_what_is_left_open_is_named_where_nobody_can_be_asked() -> None:
    with pytest.raises(click.UsageError, match="must say said, report_filed"):
        filled_in({**FORM, "said": None, "report_filed": None}, asks=False)
    assert filled_in(dict(FORM), asks=False) == FORM


def test_the_words_of_the_form_are_those_of_the_store() -> None:
    assert tuple(one.value for one in Aggression) == AGGRESSION
    assert set(ASKED) == set(FORM)


def test_a_cell_is_never_a_formula() -> None:
    row = {**dict.fromkeys(FIELDS), **FORM, "incident": 3, "said": '=HYPERLINK("x")'}
    (cells,) = csv.DictReader(io.StringIO(written([row], "csv", "nl")))
    assert cells["said"] == '\'=HYPERLINK("x")'
    assert set(cells) == set(FIELDS)


def test_a_package_of_data_is_an_encrypted_zip_with_the_digest_of_each_file(tmp_path: Path) -> None:
    target = tmp_path / "handover.zip"
    with copies.new_target(target, SECRET) as copy:
        digest = copy.add_data("data.json", {"said": "ik kom langs"})
        copy.add_manifest({"files": {digest.name: digest.sha256}})
        (told,) = copy.finish()
        assert not target.exists()
        copy.publish()
    assert told.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert b"ik kom langs" not in target.read_bytes()
    with pyzipper.AESZipFile(target) as package:
        package.setpassword(SECRET.encode())
        data = package.read("data.json")
        assert json.loads(package.read("manifest.json"))["files"] == {
            "data.json": hashlib.sha256(data).hexdigest()
        }


def test_a_chain_of_custody_names_each_copy_by_its_digest() -> None:
    steps = [
        {"step": "asked", "by": "an", "at": "2026-11-22T10:00:00.000Z", "why": "aangifte"},
        {"step": "packaged", "by": "an", "at": "2026-11-22T11:00:00.000Z", "ending": "complete",
         "copies": [{"kind": "zip", "bytes": 1, "sha256": "ab"}]},
    ]  # fmt: skip
    assert [row["told"] for row in chain_of({"custody": steps})] == ["aangifte", "complete; zip ab"]
