"""Every citation of the theory names sections that the theory has.

The one form of a citation is the document's path with its section or sections, as in
"(docs/theory.md, sections 4.5 and 6)". A link to the document is no citation.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THEORY = ROOT / "docs" / "theory.md"
FOLDERS = ("jaxadv", "scripts", "tests", "notebooks", "docs", "results")
SUFFIXES = (".py", ".md", ".ipynb", ".toml")

LINK = re.compile(r"\]\([^)\s]*\)")
NUMBERS = r"sections?\s+(\d+(?:\.\d+)?(?:(?:,\s+|\s+and\s+|,\s+and\s+|\s+to\s+)\d+(?:\.\d+)?)*)"
CITATION = re.compile(rf"docs/theory\.md(?:,\s+{NUMBERS})?")
INTERNAL = re.compile(NUMBERS, re.IGNORECASE)
HEADING = re.compile(r"^##+ (\d+(?:\.\d+)?)\.? \S", re.MULTILINE)
FORMER = re.compile(r"\b(?:THEORY|DESIGN)(?:\.md)?\b")


def sections_of(document: str) -> list[str]:
    """The numbers of all numbered headings, in their order."""
    return HEADING.findall(document)


def mistakes(text: str, sections: list[str]) -> list[str]:
    """What is wrong with the citations in a text."""
    text = LINK.sub("]", re.sub(r"\n[ \t]*(?:#|>)[ \t]", "\n", text))
    wrong = [f"{word}: cite docs/theory.md, section N" for word in FORMER.findall(text)]
    for citation in CITATION.finditer(text):
        if citation[1] is None:
            wrong.append(f"names no section: {text[citation.start() : citation.end() + 30]!r}")
        else:
            wrong += unknown(citation[1], sections)
    return wrong


def unknown(numbers: str, sections: list[str]) -> list[str]:
    """The numbers, as cited, that are no section."""
    return [
        f"section {number} does not exist"
        for number in re.findall(r"\d+(?:\.\d+)?", numbers)
        if number not in sections
    ]


def files() -> Iterator[Path]:
    """Code, tests, notebooks and documents; not this file, whose made-up texts cite what is not."""
    everywhere = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*everywhere, *ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        if path.suffix in SUFFIXES and path != Path(__file__) and path != THEORY:
            yield path


def text_of(path: Path) -> str:
    """The text of a file; of a notebook, that of its cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


SECTIONS = sections_of(THEORY.read_text(encoding="utf-8"))


def test_every_citation_names_sections_that_exist():
    found = {str(path.relative_to(ROOT)): mistakes(text_of(path), SECTIONS) for path in files()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_code_and_tests_cite_the_theory():
    """Or the test above would hold of nothing."""
    citing = [path for path in files() if CITATION.search(text_of(path))]
    assert {path.relative_to(ROOT).parts[0] for path in citing} >= {"jaxadv", "tests"}


def test_the_theory_refers_to_its_own_sections():
    text = THEORY.read_text(encoding="utf-8")
    references = INTERNAL.findall(text)
    assert len(references) > 10
    assert [wrong for numbers in references for wrong in unknown(numbers, SECTIONS)] == []


def test_sections_are_numbered_one_by_one():
    expected, chapter, part = [], 0, 0
    for number in SECTIONS:
        chapter, part = (chapter, part + 1) if "." in number else (chapter + 1, 0)
        expected.append(f"{chapter}.{part}" if part else f"{chapter}")
    assert expected == SECTIONS


def test_the_links_inside_of_the_theory_lead_to_headings():
    text = THEORY.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    targets = re.findall(r"\]\(#([^)]*)\)", text)
    assert targets
    assert set(targets) <= slugs


DOCUMENT = "# Title\n\n## 1. One\n\n## 2. Two\n\n### 2.1 A part\n\n## References\n"


def test_headings_become_sections():
    assert sections_of(DOCUMENT) == ["1", "2", "2.1"]


@pytest.mark.parametrize(
    "text",
    [
        "See docs/theory.md, section 2.1.",
        "(docs/theory.md, sections 1 and 2.1), and so on",
        "docs/theory.md, sections 1, 2 and 2.1",
        "broken docs/theory.md,\n    section 2 here",
        "    # a comment, docs/theory.md,\n    # section 2.1",
        "[the theory](docs/theory.md) and [its part](../docs/theory.md#2-two)",
        "the design of a theory",
    ],
)
def test_good_citations_pass(text):
    assert mistakes(text, sections_of(DOCUMENT)) == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("docs/theory.md, section 3", "section 3 does"),
        ("docs/theory.md, sections 1 and 2.2", "section 2.2 does"),
        ("docs/theory.md,\n    section 2.10", "section 2.10 does"),
        ("    # docs/theory.md,\n    # sections 1 and\n    # 4", "section 4 does"),
        ("as docs/theory.md says", "names no section"),
        ("section 2.1 of docs/theory.md", "names no section"),
        ("the law of THEORY 6", "THEORY"),
        ("(DESIGN 2)", "DESIGN"),
        ("see THEORY.md", "THEORY"),
    ],
)
def test_bad_citations_are_found(text, mistake):
    (found,) = mistakes(text, sections_of(DOCUMENT))
    assert mistake in found
