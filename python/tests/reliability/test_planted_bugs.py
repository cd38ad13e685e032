"""The places of the bugs that `make planted` plants."""

import runpy

import pytest

from support import ROOT

BUGS = runpy.run_path(str(ROOT / "python/tools/planted_bugs.py"))["BUGS"]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_each_has_one_place(bug):
    assert (ROOT / bug.file).read_text(encoding="utf-8").count(bug.old) == 1
