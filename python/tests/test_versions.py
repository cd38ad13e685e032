"""The version and the ABI number are the same wherever they are written; a release has a date and a tag of its own."""

import shutil
import subprocess
import sys

import pytest

from support import ROOT

sys.path.append(str(ROOT / "python" / "tools"))
versions = pytest.importorskip("versions", reason="the tools are those of a checkout")
PLACES = [*versions.VERSIONS, *versions.ABI_VERSIONS]


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that have a number."""
    for name in dict.fromkeys(PLACES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_numbers_are_the_same():
    assert versions.differences(ROOT) == []


@pytest.mark.parametrize("what", ["VERSIONS", "ABI_VERSIONS"])
def test_another_number_is_found(copy, what):
    places = getattr(versions, what)
    right = versions.number(copy, *next(iter(places.items())))
    wrong = "9.8.7" if what == "VERSIONS" else "98"
    for name, pattern in list(places.items())[1:]:
        before = (copy / name).read_text(encoding="utf-8")
        start, end = versions.re.search(pattern, before, versions.re.M).span(1)
        (copy / name).write_text(before[:start] + wrong + before[end:], encoding="utf-8")
        (sentence,) = versions.differences(copy)
        assert (
            sentence.startswith(name)
            and f"expected {right}, " in sentence
            and sentence.endswith(f"got {wrong}")
        )
        (copy / name).write_text("# Changelog\n", encoding="utf-8")
        assert any(each.startswith(name) and each.endswith("got none") for each in versions.differences(copy))
        (copy / name).write_text(before, encoding="utf-8")
    assert versions.differences(copy) == []


def test_a_release_has_a_date_and_a_tag(copy):
    changelog, version = copy / "CHANGELOG.md", versions.version(copy)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "A release"]):
        subprocess.run([*git, *command], cwd=copy, check=True)
    heading = f"# Changelog\n\n## {version} "
    changelog.write_text(f"{heading}(2027-01-31)\n", encoding="utf-8")
    assert versions.unreleased(copy) == []
    changelog.write_text(f"{heading}(unreleased)\n", encoding="utf-8")
    expected = f"CHANGELOG.md has no date for {version}; expected '## {version} (YYYY-MM-DD)', got unreleased"
    assert versions.unreleased(copy) == [expected]
    changelog.write_text(f"{heading}(2027-01-31)\n", encoding="utf-8")
    subprocess.run([*git, "tag", version], cwd=copy, check=True)
    assert versions.unreleased(copy) == []
    subprocess.run([*git, "commit", "-q", "-a", "-m", "A later change"], cwd=copy, check=True)
    (sentence,) = versions.unreleased(copy)
    assert sentence.startswith(f"the tag {version} belongs to another commit; expected HEAD or no tag, got ")
