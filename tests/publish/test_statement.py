"""The privacy statement of five policies in two languages: whole, plain, true to the policy, well-formed."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from policy.identity import DataCategory
from policy.model import Policy
from policy.rights import Right
from policy.rules import rights_of
from publish.keeping import kinds_kept
from publish.markdown import markdown
from publish.naming import missing_texts
from publish.page import Heading, Items, Line, Note, Page, Paragraph, Quote, Table, plain
from publish.statement import AP, privacy_statement
from publish.web_page import web_page
from publish.words import Language, in_words, term_in_words

LONGEST_SENTENCE_WORDS = 25
NEVER_SAID = re.compile(
    r"toestemming (ge)?ge(e|ven|eft)|(ge(ven|eft)|gaf) \w* ?toestemming|ingestemd|\bconsented\b|gave consent"
    r"|consent (was )?given",
    re.IGNORECASE,
)


def _lines(page: Page, *, notes: bool = True) -> list[Line]:
    lines: list[Line] = [(page.title,), (page.foot,)]
    for block in page.blocks:
        match block:
            case Heading(text):
                lines.append((text,))
            case Paragraph(line):
                lines.append(line)
            case Items(items):
                lines += items
            case Table(head, rows):
                lines += [*((cell,) for cell in head), *(cell for row in rows for cell in row)]
            case Note(told) if notes:
                lines += told
    return lines


def _text(page: Page, *, notes: bool = True) -> str:
    return "\n".join(plain(line) for line in _lines(page, notes=notes))


def _xml(page: Page) -> ElementTree.Element:
    return ElementTree.fromstring(web_page(page).removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own page


def test_nothing_is_missing_and_no_slot_is_left_open(policy: Policy, language: Language) -> None:
    assert missing_texts(policy, language) == ()
    page = privacy_statement(policy, language)
    for text in (_text(page), markdown(page)):
        assert not re.search(r"[{}]|\bNone\b|  |(?<!\.)\.\.(?!\.)|: \.(?!\.)|<|Enum", text)


def test_every_purpose_stands_there_with_its_ground(policy: Policy, language: Language) -> None:
    text = _text(privacy_statement(policy, language))
    for purpose in policy.all_purposes.values():
        assert purpose.description[language.value] in text
        assert in_words(purpose.ground, language) in text


def test_every_term_stands_there_beside_what_it_holds_for(policy: Policy, language: Language) -> None:
    page = privacy_statement(policy, language)
    (table,) = (block for block in page.blocks if isinstance(block, Table) and len(block.head) == 2)
    rows = {plain(term): plain(kinds) for kinds, term in table.rows}
    for kind in kinds_kept(policy):
        assert in_words(kind, language) in rows[term_in_words(policy.retention.term(kind), language)]
    for extension in policy.extensions:
        assert term_in_words(extension.lasts, language) in _text(page)
    for reason in policy.holds.reasons.values():
        assert reason.description[language.value] in _text(page)


def test_every_kind_with_a_term_in_the_file_is_told(policy: Policy) -> None:
    told = {kind.value for kind in kinds_kept(policy)}
    written = policy.retention.model_fields_set - {"source", "sources", "fixed_end"}
    assert written <= told


def test_what_is_kept_of_every_call_is_told_where_the_text_is_silent_too(
    policy: Policy, language: Language
) -> None:
    text = _text(privacy_statement(policy, language))
    said = {Language.NL: "Over het gesprek bewaren wij: ", Language.EN: "About the call we keep: "}[language]
    (line,) = (line for line in text.splitlines() if line.startswith(said))
    for category in (*policy.data.call_data, DataCategory.PHONE_NUMBER, DataCategory.DATE):
        assert in_words(category, language) in line


def test_every_contradiction_is_shown_once_and_whole(policy: Policy, language: Language) -> None:
    page = privacy_statement(policy, language)
    notes = [block for block in page.blocks if isinstance(block, Note)]
    assert len(notes) == len(policy.conflicts) > 0
    told = "\n".join(plain(line) for note in notes for line in note.lines)
    for conflict in policy.conflicts:
        assert conflict.says in told
        assert conflict.but in told


def test_eindhoven_shows_that_it_shares_and_says_that_it_does_not(eindhoven: Policy) -> None:
    headings_and_notes = [
        block.text if isinstance(block, Heading) else _text_of(block)
        for block in privacy_statement(eindhoven, Language.NL).blocks
        if isinstance(block, Heading | Note)
    ]
    after = headings_and_notes[headings_and_notes.index("Met wie delen wij dit?") + 1]
    assert "gedeeld met de politie" in after
    assert "We delen geen persoonsgegevens met andere partijen." in after


def _text_of(note: Note) -> str:
    return "\n".join(plain(line) for line in note.lines)


def test_silence_is_never_called_consent(policy: Policy, language: Language) -> None:
    own_words = [
        "".join(piece for piece in line if not isinstance(piece, Quote) and isinstance(piece, str))
        for line in _lines(privacy_statement(policy, language), notes=False)
    ]
    denial = policy.sharing.police.denial.get(language.value, "\0")
    assert [found for line in own_words if denial not in line for found in NEVER_SAID.findall(line)] == []


def test_who_presses_nothing_did_not_object(eindhoven: Policy) -> None:
    assert "hebt u geen bezwaar gemaakt" in _text(privacy_statement(eindhoven, Language.NL), notes=False)
    assert "you did not object" in _text(privacy_statement(eindhoven, Language.EN), notes=False)


def test_the_very_words_on_the_line_stand_there(policy: Policy, language: Language) -> None:
    assert policy.spoken("notice", language.value) in _text(privacy_statement(policy, language))


def test_every_right_channel_and_place_for_complaints_stands_there(
    policy: Policy, language: Language
) -> None:
    text = _text(privacy_statement(policy, language))
    assert Right.COMPLAINT in rights_of(policy)
    for right in rights_of(policy):
        assert in_words(right, language) in text
    for channel in policy.rights.channels:
        assert channel.address in text
    for place in policy.rights.complaints_at:
        assert place in text
    assert AP in text
    assert "FG" in text
    assert "autoriteitpersoonsgegevens.nl" in text


def test_every_role_that_may_listen_and_every_recipient_is_named(policy: Policy, language: Language) -> None:
    text = _text(privacy_statement(policy, language))
    assert policy.access is not None
    for grant in policy.access.grants.values():
        for role in grant.roles:
            assert policy.access.roles[role].title in text
    for denial in policy.access.denials.values():
        assert denial.quote in text
    for recipient in policy.sharing.recipients:
        assert recipient.name in text
    for sentence in filter(None, [policy.sharing.police.denial.get(language.value)]):
        assert sentence in text


def test_our_own_dutch_sentences_are_short(policy: Policy) -> None:
    page = privacy_statement(policy, Language.NL)
    for block in page.blocks:
        if isinstance(block, Paragraph) and not any(isinstance(piece, Quote) for piece in block.line):
            for sentence in re.split(r"(?<=[.?!:])\s", plain(block.line)):
                assert len(sentence.split()) <= LONGEST_SENTENCE_WORDS, sentence


def test_the_web_page_is_well_formed_and_needs_nothing_from_elsewhere(
    policy: Policy, language: Language
) -> None:
    page = privacy_statement(policy, language)
    root = _xml(page)
    assert root.get("lang") == language.value
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not re.search(r"\bsrc=|url\(|@import|http", web_page(page))
    assert {found.get("href", "")[:7] for found in root.iter("a")} <= {"mailto:"}
    assert len(list(root.iter("h1"))) == 1
    headings = [block.text for block in page.blocks if isinstance(block, Heading)]
    assert [element.text for element in root.iter("h2")] == headings
    for table in root.iter("table"):
        widths = {len(row) for row in table.iter("tr")}
        assert len(widths) == 1


def test_web_page_and_markdown_say_the_same(policy: Policy, language: Language) -> None:
    page = privacy_statement(policy, language)
    in_html = " ".join("".join(_xml(page).itertext()).split())
    for line in _lines(page):
        assert " ".join(plain(line).split()) in in_html
    unescaped = re.sub(r"\\([\\`*_<>\[\]|#~])", r"\1", markdown(page)).replace("**", "")
    for line in _lines(page):
        assert plain(line).strip() in unescaped


def test_english_pages_mark_what_stays_in_dutch(eindhoven: Policy) -> None:
    root = _xml(privacy_statement(eindhoven, Language.EN))
    dutch = [element.text or "" for element in root.iter("span") if element.get("lang") == "nl"]
    assert any("We delen geen persoonsgegevens" in text for text in dutch)
    assert "Hoe lang" not in web_page(privacy_statement(eindhoven, Language.EN))


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "a | b", "**x** _y_ [z](http://x)", "&amp;"]
)
def test_no_text_of_a_policy_turns_into_markup(eindhoven: Policy, hostile: str) -> None:
    identity = eindhoven.identity.model_copy(update={"organisation": hostile, "controller": hostile})
    page = privacy_statement(eindhoven.model_copy(update={"identity": identity}), Language.NL)
    root = _xml(page)
    assert hostile in "".join(root.itertext())
    assert {element.tag for element in root.iter()}.isdisjoint({"script", "em"})
    unescaped = re.findall(r"(?<!\\)[<\[|]", markdown(page).split("## ")[1])
    assert unescaped == []
