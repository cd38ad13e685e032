"""Fixtures of the command: a text and a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import SMALL, TEXT
from recurrent.cli import main


@pytest.fixture
def text(working_directory: Path) -> Path:
    path = working_directory / "novel.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint; read-only."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "novel.txt").write_text(TEXT, encoding="utf-8")
    path = folder / "model.safetensors"
    assert (
        main(
            [
                "train",
                str(folder / "novel.txt"),
                "--checkpoint",
                str(path),
                "--steps",
                "20",
                *SMALL,
                "--quiet",
            ]
        )
        == 0
    )
    return path
