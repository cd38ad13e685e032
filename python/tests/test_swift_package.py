"""The Swift package from outside: a dependency by version, and the documentation that DocC builds."""

import json
import re
import shutil

import pytest

import recurrent
from installation import make, need, run
from support import ROOT
from test_documents import tracked

TUTORIAL = ROOT / "examples" / "swift" / "Sources" / "tutorial" / "main.swift"
CATALOG = ROOT / "Sources" / "Recurrent" / "Recurrent.docc"
RESOURCES = CATALOG / "Tutorials" / "Resources"


@pytest.mark.nightly
def test_a_dependency_by_version(tmp_path):
    """A package that names a URL and a version builds, and its program trains a network."""
    need("swift", "git")
    repository = tmp_path / "recurrent"
    for name in tracked():
        if name.startswith(("Package.swift", "Sources/", "Tests/")):
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repository / name)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    run("git", "init", "-q", repository)
    run(*git, "add", "-A", cwd=repository)
    run(*git, "commit", "-q", "-m", "A release", cwd=repository)
    run(*git, "tag", recurrent.__version__, cwd=repository)

    client = tmp_path / "client"
    program = client / "Sources" / "tyger" / "main.swift"
    program.parent.mkdir(parents=True)
    shutil.copy(TUTORIAL, program)
    manifest = (RESOURCES / "package.swift").read_text(encoding="utf-8")
    url = re.search(r'url: "(.*?)"', manifest)[1]
    (client / "Package.swift").write_text(manifest.replace(url, f"file://{repository}"))
    run("swift", "build", "-c", "release", cwd=client, timeout=3000)
    resolved = json.loads((client / "Package.resolved").read_text())
    assert [pin["state"]["version"] for pin in resolved["pins"]] == [recurrent.__version__]
    output = run(client / ".build" / "release" / "tyger", cwd=tmp_path)
    assert "tyger tyger, burning bright, in the forests of the night\n150 true\n" in output
    assert (tmp_path / "tyger.safetensors").is_file()


def test_the_version_of_the_documents():
    """The documents name the version that the package has."""
    wanted = f'from: "{recurrent.__version__}"'
    for path in (RESOURCES / "package.swift", CATALOG / "Recurrent.md", ROOT / "README.md"):
        assert wanted in path.read_text(encoding="utf-8"), path.name


def test_the_steps_of_the_tutorial():
    """Each step adds to the one before it, and the last is the program that is run."""
    steps = [path.read_text(encoding="utf-8") for path in sorted(RESOURCES.glob("tutorial-*.swift"))]
    assert len(steps) == 6
    for step, later in zip(steps, steps[1:]):
        assert later.startswith(step) and len(later) > len(step)
    assert steps[-1] == TUTORIAL.read_text(encoding="utf-8")
    tutorial = (CATALOG / "Tutorials" / "TrainATextModel.tutorial").read_text(encoding="utf-8")
    named = re.findall(r'@Code\(name: ".*?", file: "(.*?)"\)', tutorial)
    assert named == ["package.swift", *(f"tutorial-{k}.swift" for k in range(1, 7))]


def test_docc_has_no_warnings(tmp_path):
    """`make docc` in another folder: a warning is an error."""
    need("docc", "swift")
    make(".build/lib/librecurrent.so")
    archive = tmp_path / "Recurrent.doccarchive"
    run(ROOT / "Sources" / "Packaging" / "docc", archive)
    pages = archive / "data"
    for page in ("documentation/recurrent.json", "tutorials/tutorials.json", "tutorials/recurrent/trainatextmodel.json",
                 "documentation/recurrent/textmodel.json"):  # fmt: skip
        assert (pages / page).is_file(), page
    page = json.loads((pages / "tutorials/recurrent/trainatextmodel.json").read_text())
    titles = [task["title"] for section in page["sections"] for task in section.get("tasks", [])]
    assert titles == ["Create a model", "Train it", "Generate and save"]
    # every public type has a place in the landing page
    landing = (CATALOG / "Recurrent.md").read_text(encoding="utf-8")
    symbols = json.loads((pages / "documentation/recurrent.json").read_text())
    listed = set(re.findall(r"^- ``(\w+)``", landing, re.M))
    automatic = [
        section["title"]
        for section in symbols["topicSections"]
        if section["title"]
        in ("Classes", "Structures", "Enumerations", "Protocols", "Type Aliases", "Functions")
    ]
    assert len(listed) > 15 and automatic == []
