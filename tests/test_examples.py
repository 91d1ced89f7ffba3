"""Examples that compile for long are skipped where all examples run; here they are run."""

import doctest
import importlib
from pathlib import Path

import pytest

import jaxadv as ja

pytestmark = pytest.mark.slow
MARK = "  # doctest: +SKIP"
PACKAGE = Path(ja.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if MARK in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_a_skipped_example_says_what_happens(name):
    module = importlib.import_module(name)
    runner, number = doctest.DocTestRunner(), 0
    for test in doctest.DocTestFinder().find(module, name):
        if MARK in (test.docstring or ""):
            examples = test.docstring.replace(MARK, "")
            parsed = doctest.DocTestParser().get_doctest(examples, test.globs, test.name, None, 0)
            runner.run(parsed)
            number += 1
    assert number
    assert runner.summarize().failed == 0
