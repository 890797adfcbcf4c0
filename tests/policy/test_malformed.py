"""Each way to spoil a policy file gives one clear line: file, key, what was expected, what was there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.errors import ConfigError
from policy.load import claimed_twice, claims_in, load_policies, load_policy
from tests.conftest import ROOT
from tests.policy.written import SHORT

EVERY_KEY = (ROOT / "docs" / "every-key.toml").read_text(encoding="utf-8")
SPOILT: list[tuple[str, str, str]] = [
    ('recording = "10wd"', "recording = 10", "retention.recording: input should be a valid string, got 10"),
    ('numbers = ["14010"]', 'numbers = "14010"', 'numbers: must be a list, got "14010"'),
    ('numbers = ["14010"]', "numbers = [14010]", "numbers.0: input should be a valid string, got 14010"),
    (
        "public_body = true",
        'public_body = "yes"',
        'identity.public_body: input should be a valid boolean, got "yes"',
    ),
    (
        "date = 2026-01-15",
        'date = "15 januari"',
        'identity.date: input should be a valid date, got "15 januari"',
    ),
    (
        "calls_per_agent = 3",
        "calls_per_agent = 2.5",
        "reviews.calls_per_agent: input should be a valid integer, got 2.5",
    ),
    (
        "calls_per_agent = 3",
        "calls_per_agent = 0",
        "reviews.calls_per_agent: input should be greater than or equal to 1, got 0",
    ),
    (
        "reply_window_ms = 3000",
        "reply_window_ms = 3.0",
        "consent.reply_window_ms: input should be a valid integer, got 3.0",
    ),
    (
        "reply_window_ms = 3000",
        "reply_window_ms = 60000",
        "consent.reply_window_ms: input should be less than or equal to 30000, got 60000",
    ),
    (
        'why.nl = "om u beter te helpen"',
        'why = "om u beter te helpen"',
        'notice.why: must be a table, got "om u beter te helpen"',
    ),
    ("[identity.contacts]", "[[identity.contacts]]", "identity.contacts: must be a table, got a list"),
    ("[[extensions]]", "[extensions]", "extensions: must be a list, got a table"),
    (
        'organisation = "gemeente Voorbeeld"',
        'organisation = ""',
        'identity.organisation: string should have at least 1 character, got ""',
    ),
    (
        'email = "privacy@voorbeeld.example"',
        'email = "privacy at voorbeeld"',
        'identity.contacts.email: must be an e-mail address such as "privacy@eindhoven.nl"',
    ),
    (
        "valid_until = 2026-12-31",
        'valid_until = "altijd"',
        'scope.kcc.0.valid_until: must be a date such as 2026-01-31, or a date and time, got "altijd"',
    ),
    ("refuse_key", "refuse_kee", 'consent.refuse_kee: unknown key, did you mean "refuse_key"?'),
    ("[retention]", "[retentoin]", 'retentoin: unknown key, did you mean "retention"?'),
    ('lasts = "5wd"', 'last = "5wd"', 'extensions.0.last: unknown key, did you mean "lasts"?'),
    (
        'longest = "3m"\nrenewable',
        'longst = "3m"\nrenewable',
        'holds.reasons.threat.longst: unknown key, did you mean "longest"?',
    ),
    (
        "selection_list =",
        "selectie_lijst =",
        'retention.review_forms.selectie_lijst: unknown key, did you mean "selection_list"?',
    ),
    ("[access.grants.threat]", "[access.grant.threat]", 'access.grant: unknown key, did you mean "grants"?'),
    (
        "[[scope.kcc]]\nendpoint",
        "[[scope.kcc]]\nendpiont",
        'scope.kcc.0.endpiont: unknown key, did you mean "endpoint"?',
    ),
    ('source = "art. 1"\nnumbers', 'name = "other"\nsource = "art. 1"\nnumbers', "name: unknown key"),
    (
        'source = "art. 1"\nnumbers',
        'content_hash = "00"\nsource = "art. 1"\nnumbers',
        "content_hash: unknown key",
    ),
    (
        'recording = "10wd"',
        'recording = "0d"',
        'retention.recording: must be a period such as "48h", "7d", "6m" or "1y", got "0d"',
    ),
    (
        'recording = "10wd"',
        'recording = "-7d"',
        'retention.recording: must be a period such as "48h", "7d", "6m" or "1y", got "-7d"',
    ),
    (
        'recording = "10wd"',
        'recording = "7 days"',
        'retention.recording: must be a period such as "48h", "7d", "6m" or "1y", got "7 days"',
    ),
    ('recording = "10wd"', 'recording = "21y"', 'retention.recording: must be at most 20y, got "21y"'),
    ('lasts = "5wd"', 'lasts = "251wd"', 'extensions.0.lasts: must be at most 250wd, got "251wd"'),
    (
        'period = "1y"',
        'period = "soon"',
        'retention.review_forms.period: must be a period such as "48h", "7d", "6m" or "1y", got "soon"',
    ),
    (
        'recording = "10wd"',
        'recording = { selection_list = "Lijst", category = "1" }',
        "retention.recording: must have a period before calls are served, got none",
    ),
    (
        'call_data = "1y"',
        'call_data = "10d"',
        "retention.call_data: must be no shorter than recording (10wd), got 10d",
    ),
    (
        'decisions = "1y"',
        'decisions = "5d"',
        "retention.decisions: must be no shorter than recording (10wd), got 5d",
    ),
    (
        'notice_versions = "2y"',
        'notice_versions = "30d"',
        "retention.notice_versions: must be no shorter than recording (10wd) with its longest",
    ),
    (
        'deadline = "1m"',
        'deadline = "2m"',
        'rights.deadline: must be at most "1m" (AVG art. 12(3)), got "2m"',
    ),
    (
        'extension = "2m"',
        'extension = "90d"',
        'rights.extension: must be at most "2m" (AVG art. 12(3)), got "90d"',
    ),
    (
        'identity_within = "14d"',
        'identity_within = "32d"',
        'rights.identity_within: must be at most "1m" (AVG art. 5(1)(e) and 12(3)), got "32d"',
    ),
    (
        'at_most_every = "28d"',
        'at_most_every = "60d"',
        'reviews.at_most_every: must be no longer than at_least_every ("42d"), got "60d"',
    ),
    (
        'aliases = ["+31107654321"]',
        'aliases = ["+3114010"]',
        'aliases: "+3114010" is the same number as "14010"',
    ),
    ('numbers = ["14010"]', "numbers = []", "numbers: must hold at least one, got none"),
    (
        'numbers = ["14010"]',
        'numbers = ["14 010"]',
        'numbers.0: must be a number without spaces such as "14040" or "+31402389111", got "14 010"',
    ),
    ("{refuse_key}", "1", "notice.text.nl: must hold the slot {refuse_key}, got none"),
    ("{why}", "zomaar", "notice.text.nl: must hold the slot {why}, got none"),
    (
        "{why}",
        "{why",
        "notice.text.nl: must be a template with slots such as {why}, got a broken one",
    ),
    ("{why}", "{why!r}", "notice.text.nl: must hold plain slots such as {why}, got one with a : or ! in it"),
    ("how_to_withdraw.nl", "how_to_withdraw.en", "notice.text.nl: slot {how_to_withdraw} has no value here"),
    (
        'text.nl = "Geen opname."',
        'text.en = "Not recorded."',
        "agent_not_recorded.text.nl: must be there, as in notice.text, got nothing",
    ),
    (
        'text.nl = "Geen opname."',
        'text.dutch = "Geen opname."',
        'agent_not_recorded.text.dutch: must be a language such as "nl", got "dutch"',
    ),
    (
        'default_language = "nl"',
        'default_language = "en"',
        "notice.text.en: must be there (the default), got nothing",
    ),
    (
        'text.nl = "Geen opname."',
        'text.nl = "Geen {opname}."',
        "agent_not_recorded.text.nl: slot {opname} has no value here",
    ),
    (
        'decided_by = ["head"]\nlongest',
        'decided_by = ["haed"]\nlongest',
        'holds.reasons.threat.decided_by: unknown role "haed", did you mean "head"?',
    ),
    (
        'indicated_by = "agent"',
        'indicated_by = "aget"',
        'extensions.0.indicated_by: unknown role "aget", did you mean "agent"?',
    ),
    ('scored_by = ["head"]', 'scored_by = ["coach"]', 'reviews.scored_by: unknown role "coach"'),
    (
        'together_with = ["agent"]',
        'together_with = ["agnet"]',
        'access.grants.threat.together_with: unknown role "agnet", did you mean "agent"?',
    ),
    (
        'purposes = ["safety"]',
        'purposes = ["safty"]',
        'access.grants: unknown purpose "safty", did you mean "safety"?',
    ),
    (
        'on_hold = ["threat"]',
        'on_hold = ["thread"]',
        'access.grants: unknown hold reason "thread", did you mean "threat"?',
    ),
    (
        'on_request_of = ["agent"]',
        'on_request_of = ["head"]',
        'access.grants: on_request_of: must not lead back to where it began, got a circle at "head"',
    ),
    (
        'via = ["head"]',
        'via = ["agent"]',
        'access.grants: via: must not lead back to where it began, got a circle at "agent"',
    ),
    (
        'excludes = ["privacy_officer"]',
        'excludes = ["head"]',
        'access.roles.head.excludes: must name other roles, got "head" itself',
    ),
    (
        'withdraw_code = "*9"',
        'withdraw_code = "none"',
        'consent.withdraw_code: must be there under ground 6(1)(a) (AVG art. 7(3)), got "none"',
    ),
    (
        'withdraw_code = "*9"',
        'withdraw_code = "9"',
        'consent.withdraw_code: must be * or # and up to three digits such as "*9", or "none", got "9"',
    ),
    (
        'mode = "opt_out"',
        'mode = "announce"',
        'consent: refuse_key has no meaning under mode "announce", got "1"',
    ),
    (
        'mode = "opt_out"',
        'mode = "ask"',
        "consent.mode: input should be 'opt_out', 'announce' or 'opt_in', got \"ask\"",
    ),
    (
        "accepted_on = 2026-01-20",
        "",
        "consent: accepted_by and accepted_on must be given together, got one of them",
    ),
    (
        'ground = "6(1)(a)"',
        'ground = "a"',
        "purposes.quality.ground: input should be '6(1)(a)', '6(1)(b)', ",
    ),
    (
        'ground = "6(1)(a)"',
        'ground = "6(1)(e)"',
        "rights.named: portability needs a purpose under 6(1)(a) or 6(1)(b) (AVG art. 20), got none",
    ),
    (
        'content = "data"',
        "",
        'sharing.police.content: must be "data" or "audio" under when = "incident_with_report", got nothing',
    ),
    (
        'when = "incident_with_report"',
        'when = "never"',
        'sharing.police.content: has no meaning under when = "never", got "data"',
    ),
    (
        '"report_number", ',
        "",
        'sharing.police.fields: must hold "report_number" under when = "incident_with_report"',
    ),
    (
        "[holds.reasons.threat]",
        "[holds.reasons.legal_claim]",
        "holds.reasons.legal_claim: is a hold that every policy has by law; choose another name",
    ),
    (
        "until = 2026-03-01",
        "until = 2026-01-01",
        "granted_deviations.0.until: must be after approved_on (2026-02-01), got 2026-01-01",
    ),
    (
        "until = 2026-03-01",
        "until = 2026-05-02",
        "granted_deviations.0.until: must be by 2026-05-01 (hardship.longest), got 2026-05-02",
    ),
    (
        'deviates_from = "access.grants.threat.together_with"',
        'deviates_from = "retention.recording"',
        "granted_deviations.0.deviates_from: longer keeping is only ever a hold on named recordings (H8)",
    ),
    (
        'deviates_from = "access.grants.threat.together_with"',
        'deviates_from = "access.grants.threat.together"',
        'granted_deviations.0.deviates_from: unknown key "access.grants.threat.together", did you mean',
    ),
    (
        "approved_on = 2026-02-01",
        "approved_on = 9999-02-01",
        "granted_deviations.0.approved_on: must be a date from 2000 to 2199, got 9999-02-01",
    ),
    (
        "valid_until = 2026-12-31",
        "valid_until = 9999-12-31",
        'scope.kcc.0.valid_until: must be a date such as 2026-01-31, or a date and time, got "9999-12-31"',
    ),
    (
        "declared_on =",
        "# declared_on =",
        "identity.storage: declared_by and declared_on must be given together, got one of them",
    ),
    (
        'agent_withdraw_code = "*9"',
        'agent_withdraw_code = "none"',
        'consent.agent_withdraw_code: must be there under ground 6(1)(a) (AVG art. 7(3)), got "none"',
    ),
    (
        'organisation = "gemeente Voorbeeld"',
        'organisation = "gemeente \\u001b[2J"',
        r'identity.organisation: must hold no control characters, got "gemeente \x1b[2J"',
    ),
    (
        'refuse_key = "1"',
        'refuse_key = "1\\n2\\u2028"',
        r'consent.refuse_key: must be a digit such as "1", got "1\n2\u2028"',
    ),
    (
        'sources = { about = "art. 5" }',
        'sources = { "a\\nb" = "art. 5" }',
        r'purposes.quality.sources: unknown key "a\nb"',
    ),
    (
        '[hardship]\napproved_by = ["privacy_officer"]\nlongest = "3m"\nsource = "art. 12"\n',
        "",
        "granted_deviations: must stand under a [hardship] clause, got none",
    ),
    (
        "valid_until = 2026-12-31",
        "valid_until = 2025-12-31",
        "scope.kcc.0.valid_until: must be after valid_from (2026-01-01), got 2025-12-31",
    ),
    (
        'dialled = "0107654321"',
        'dialled = "0107654321"\nqueue = "kcc"',
        "scope.kcc.3: must hold exactly one of endpoint, queue, queue_member, dialled, got queue and dialled",
    ),
    (
        'criteria = ["aanvang", "analyse", "antwoord", "afsluiting", "algemeen"]',
        "",
        'reviews.criteria: must list what form "5a" asks, got none',
    ),
    (
        'scale = { lowest = 1, highest = 10, source = "art. 11" }',
        "",
        'reviews.scale: must say how form "5a" is scored, got none',
    ),
    (
        "scale = { lowest = 1, highest = 10",
        "scale = { lowest = 5, highest = 5",
        "reviews.scale.highest: must be more than lowest (5), got 5",
    ),
    (
        'content_criteria = ["antwoord"]',
        'content_criteria = ["antword"]',
        'reviews.content_criteria: unknown criterion "antword", did you mean "antwoord"?',
    ),
    (
        'content_criteria = ["antwoord"]\njudged = "manner"',
        'judged = "manner_and_content"',
        "reviews.content_criteria: must name what judges content under judged",
    ),
    (
        'criteria = ["aanvang", "analyse", "antwoord", "afsluiting", "algemeen"]',
        'criteria = ["aanvang", "antwoord", "aanvang"]',
        "reviews.criteria: must name each criterion once",
    ),
    (
        'live_by = ["head"]',
        "",
        "reviews.live_by: must name a role where listening along is possible, got none",
    ),
    (
        'source = "art. 3"',
        'source = "assumed"',
        'consent.source: must be an article such as "G4, art. 6" or "assumed: text silent: <why>"',
    ),
    (
        'source = "art. 3"',
        'source = "assumed: text silent: "',
        'consent.source: must be an article such as "G4, art. 6" or "assumed: text silent: <why>"',
    ),
    (
        'sources = { about = "art. 5" }',
        'sources = { abuot = "art. 5" }',
        'purposes.quality.sources: unknown key "abuot", did you mean "about"?',
    ),
    ("[retention]", "[retention", "must be TOML"),
    ("[retention]", "[holds]", "must be TOML"),
]
"""What is replaced, by what, and how the one line begins after the name of the file."""

RAW: list[tuple[bytes, str]] = [
    (b"\xff\xfe", "must be UTF-8, got byte 0xff at 0"),
    (SHORT.encode("utf-16"), "must be UTF-8, got byte 0xff at 0"),
    (SHORT.replace("hulp", "h\xfclp").encode("latin-1"), "must be UTF-8, got byte 0xfc at"),
    (b"\xef\xbb\xbf" + SHORT.encode(), "must be TOML"),
    (b"\x00" * 100, "must be TOML"),
    (b"#" * 10_000_000, "must be at most 1000000 bytes, got more"),
    (b"a = " + b"[" * 200_000, "must be TOML, got brackets within brackets without end"),
    (b"a = " + b"{b=" * 200_000, "must be TOML, got brackets within brackets without end"),
    (b"a = " + b"9" * 5_000, "must be TOML: Exceeds the limit"),
    (b'a = "\x1b"', r"must be TOML: Illegal character '\x1b'"),
]


def problems_of(path: Path, content: bytes) -> tuple[str, ...]:
    path.write_bytes(content)
    with pytest.raises(ConfigError) as told:
        load_policy(path)
    return told.value.problems


@pytest.mark.parametrize(("old", "new", "line"), SPOILT, ids=[line[:60] for _, _, line in SPOILT])
def test_a_malformed_policy_gives_one_line_for_its_one_problem(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    assert old in EVERY_KEY
    problems = problems_of(tmp_path / "spoilt.toml", EVERY_KEY.replace(old, new, 1).encode())
    assert len(problems) == 1, problems
    assert problems[0].split("spoilt.toml: ", 1)[1].startswith(line)
    assert problems[0].isprintable()
    assert len(problems[0]) < 300


def test_there_are_sixty_ways_and_more() -> None:
    assert len(SPOILT) + len(RAW) > 60
    assert len({(old, new) for old, new, _ in SPOILT}) == len(SPOILT)


@pytest.mark.parametrize(("content", "line"), RAW, ids=[line for _, line in RAW])
def test_bytes_that_are_no_policy_give_one_line(tmp_path: Path, content: bytes, line: str) -> None:
    problems = problems_of(tmp_path / "spoilt.toml", content)
    assert len(problems) == 1
    assert problems[0].split("spoilt.toml: ", 1)[1].startswith(line)


def test_an_empty_file_lacks_each_table_that_must_be_there(tmp_path: Path) -> None:
    problems = problems_of(tmp_path / "empty.toml", b"")
    assert all(problem.endswith(": must be given, got nothing") for problem in problems)
    assert [problem.split(": ")[1] for problem in problems] == [
        "identity",
        "numbers",
        "consent",
        "notice",
        "withdrawn",
        "agent_recorded",
        "agent_not_recorded",
        "retention",
    ]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = EVERY_KEY
    for old, new in (
        ('recording = "10wd"', 'recording = "0d"'),
        ('ground = "6(1)(a)"', 'ground = "a"'),
        ('lasts = "5wd"', 'last = "5wd"'),
        ("[retention]", "[retention]\nrecordign = 3"),
    ):
        text = text.replace(old, new, 1)
    assert len(problems_of(tmp_path / "spoilt.toml", text.encode())) == 4


@pytest.mark.parametrize("number", ["14010", "+31107654321", "0107654321", "0031107654321"])
def test_a_number_that_another_policy_claims_by_alias_is_told(tmp_path: Path, number: str) -> None:
    (tmp_path / "first.toml").write_text(EVERY_KEY, encoding="utf-8")
    other = SHORT.replace('numbers = ["14010"]', f'numbers = ["14099"]\naliases = ["{number}"]')
    (tmp_path / "second.toml").write_text(other, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load_policies(tmp_path)
    assert told.value.problems == (f'second.toml: aliases: "{number}" is claimed by first.toml already',)


def test_a_number_is_claimed_by_a_file_with_other_problems_too_and_each_file_is_named(tmp_path: Path) -> None:
    for folder, text in (("old", SHORT), ("new", SHORT.replace('recording = "7d"', 'recording = "0d"'))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kort.toml").write_text(text, encoding="utf-8")
    paths = [tmp_path / folder / "kort.toml" for folder in ("old", "new")]
    (line,) = claimed_twice(claims_in(paths))
    assert line == f'{paths[1]}: numbers: "14010" is claimed by {paths[0]} already'


VALUES = st.one_of(
    st.sampled_from(
        ["-1", "nan", "inf", "true", "[[]]", "{}", "{ a = 1 }", "12:00:00", "9999-12-31", "[{}]"]
    ),
    st.text(max_size=20).map(json.dumps),
    st.integers().map(str),
    st.dates().map(str),
)


@pytest.mark.exhaustive
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_value_anywhere_is_more_than_one_clear_line_for_each_problem(data: st.DataObject) -> None:
    lines = EVERY_KEY.splitlines()
    keys = [number for number, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    at = data.draw(st.sampled_from(keys))
    lines[at] = f"{lines[at].split(' = ')[0]} = {data.draw(VALUES)}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spoilt.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        try:
            load_policy(path)
        except ConfigError as error:
            assert error.problems
            assert all(problem.isprintable() and len(problem) < 400 for problem in error.problems)
