"""Counts of campaigns: a test with the mark `campaign` adds its cases and failures to the table of `make harden`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FILE = os.environ.get("RECURRENT_CAMPAIGNS")
_CASES = pytest.StashKey[int]()
_HAS_PASSED = pytest.StashKey[bool]()


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Callable[[int], None]]:
    """Adds to the number of the test's cases, which is 1 without a call."""
    stash = request.node.stash
    stash[_CASES] = 0

    def add(count: int) -> None:
        stash[_CASES] += count

    yield add


def add(campaign: str, cases: int, failures: int) -> None:
    """Appends a count to the file that the environment names, one JSON object a line."""
    if FILE:
        line = {"campaign": campaign, "cases": cases, "failures": failures}
        # one write: several processes append
        with Path(FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Counts a test of a campaign as a failure from its beginning on: it may end the process, or be ended."""
    mark = item.get_closest_marker("campaign")
    if mark:
        add(mark.args[0], 0, 1)
        item.stash[_HAS_PASSED] = True
    yield
    if mark:
        add(mark.args[0], item.stash.get(_CASES, 1), -int(item.stash[_HAS_PASSED]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Notes whether all parts of a test have passed, and whether it ran."""
    report = (yield).get_result()
    if report.failed:
        item.stash[_HAS_PASSED] = False
    if report.skipped:
        item.stash[_CASES] = 0
