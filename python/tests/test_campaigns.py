"""The counts of campaigns: what ends the process, or is ended, counts as a failure."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from support import TESTS

CAMPAIGNS = """
import os
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")

@pytest.mark.campaign("passes")
def test_passes(cases):
    cases(2)
    cases(3)

@pytest.mark.campaign("passes")
def test_passes_too():
    pass

@pytest.mark.campaign("is skipped")
@pytest.mark.skip
def test_is_skipped():
    pass

@pytest.mark.campaign("fails")
def test_fails(cases):
    cases(4)
    raise ValueError

@pytest.fixture
def broken():
    yield
    raise ValueError

@pytest.mark.campaign("fails")
def test_fails_at_its_end(cases, broken):
    cases(5)

@pytest.mark.campaign("ends the process")
def test_ends_the_process(cases):
    cases(6)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("processes", [0, 1])
def test_each_outcome_is_counted(tmp_path, processes):
    test, counts = tmp_path / "test_them.py", tmp_path / "counts"
    test.write_text(CAMPAIGNS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "campaigns", "-c", os.devnull, "--rootdir", tmp_path, test]
        + ["-n", "1"] * processes,
        env={**os.environ, "PYTHONPATH": str(TESTS), "RECURRENT_CAMPAIGNS": str(counts)},
        capture_output=True,
        text=True,
    )
    assert done.returncode, done.stdout
    cases, failures = Counter(), Counter()
    for line in map(json.loads, counts.read_text().splitlines()):
        cases[line["campaign"]] += line["cases"]
        failures[line["campaign"]] += line["failures"]
    assert cases == {"passes": 6, "is skipped": 0, "fails": 9, "ends the process": 0}
    assert failures == {"passes": 0, "is skipped": 0, "fails": 2, "ends the process": 1}
    # it is named too, where another process notices
    assert not processes or "test_ends_the_process" in done.stdout
