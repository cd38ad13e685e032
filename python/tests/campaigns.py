"""Counts of campaigns: a test with the mark `campaign` adds its cases and failures to the table of `make harden`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FILE = os.environ.get("RECURRENT_CAMPAIGNS")
_CASES = pytest.StashKey[int]()


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Callable[[int], None]]:
    """Adds to the number of the test's cases, which is 1 without a call."""
    stash = request.node.stash
    stash[_CASES] = 0

    def add(count: int) -> None:
        stash[_CASES] += count

    yield add


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Appends the outcome of a test to the file that the environment names, one JSON object a line."""
    report = (yield).get_result()
    mark = item.get_closest_marker("campaign")
    if mark and FILE and (report.failed or (report.when == "call" and report.passed)):
        line = {"campaign": mark.args[0], "cases": item.stash.get(_CASES, 1), "failures": int(report.failed)}
        # one write: several processes append
        with Path(FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
