"""What all tests share: which of them run, how long hypothesis looks, and the fixtures with plots."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import recurrent
from support import FIXTURES, read

# the same examples on every machine; RECURRENT_HARDEN looks further, and elsewhere each time
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=50, database=None)
hypothesis.settings.register_profile("harden", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("harden" if "RECURRENT_HARDEN" in os.environ else "quick")

# heard by what tests start too: a shell lets jobs in its background ignore Ctrl-C, and nohup a terminal that goes
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects nightly tests unless -m is given."""
    if config.option.markexpr:
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    if nightly:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item not in nightly]


@pytest.fixture(scope="session")
def golden() -> Iterator[object]:
    """Figures of RecurrentJS by file name."""
    cache: dict[str, object] = {}

    def get(name: str) -> object:
        if name not in cache:
            cache[name] = read(FIXTURES / f"{name}.json")
        return cache[name]

    yield get


@pytest.fixture
def graph() -> recurrent.Graph:
    """A new graph."""
    return recurrent.Graph()


@pytest.fixture
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
