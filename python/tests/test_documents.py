"""The documents name what exists: files, make targets, commands, functions, types, and the contents of checkpoints."""

import functools
import importlib.util
import json
import re
import struct
import subprocess

import pytest

import recurrent
from recurrent.cli import arguments, demo
from recurrent.parameters import CELLS
from support import HEADER, ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "examples/**/README.md", ".github/**/*.md", ".github/**/*.yml")
    for path in ROOT.glob(pattern)
)
# programs with flags of their own
SCRIPTS = [
    *ROOT.glob("python/benchmarks/*.py"), *ROOT.glob("python/tools/*.py"), *ROOT.glob("examples/*/*.py"),
]  # fmt: skip
FOLDERS = r"(?:Sources|Tests|python|docs|examples|\.github|\.ci)/"
SUFFIXES = r"\.(?:swift|h|c|py|md|json|js|toml|yml|svg|png|so)"


def text(document):
    return (ROOT / document).read_text(encoding="utf-8")


def fences(document):
    """The lines of the code blocks of a document, but of those in Python and Swift."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text(document), re.M | re.S)
    return [line for kind, body in blocks if kind not in ("python", "swift") for line in body.splitlines()]


def spans(document):
    """The code in backticks of a document."""
    prose = re.sub(r"^```.*?^```", "", text(document), flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def code(document):
    if document.endswith(".yml"):
        return re.findall(r"run: (.*)", text(document))
    return fences(document) + spans(document)


@functools.lru_cache(None)
def tracked():
    """Every file of the repository, built ones left out."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout.splitlines()
    hidden = re.compile(r"(^|/)(\.build|\.venv|\.git|__pycache__|out)")
    paths = (path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file())
    return [path for path in paths if not hidden.search(path)]


def exists(name, document):
    """Is this a file or folder: from the root, from the document's folder, or, without a slash, anywhere?

    An ellipsis and an asterisk cover any name. Targets of the Makefile exist as well.
    """
    pattern = re.escape(name.rstrip("/")).replace("…", ".*").replace(r"\*", "[^/]*")
    folder = re.escape(document.rpartition("/")[0])
    places = [pattern, f"{folder}/{pattern}"] if "/" in name else [rf"(?:.*/)?{pattern}"]
    if any(re.match(rf"(?:{'|'.join(places)})(?:/|$)", path) for path in tracked()):
        return True
    return re.search(rf"(?<!\w){re.escape(name)}\b", text("Makefile")) is not None


def paths(document):
    """Every string of a document that has the form of a path of the repository."""
    whole = text(document)
    found = set(re.findall(rf"(?<![\w/.:-]){FOLDERS}[\w.+*…/-]*[\w*…/]", whole))
    for span in spans(document):
        found |= set(re.findall(rf"^[\w.+*…/-]*[\w*…]{SUFFIXES}$", span))
    for link in re.findall(r"\]\(([^)]+)\)", whole):
        if not re.match(r"https?:|#", link):
            found.add(link.partition("#")[0])
    return found


def from_link(name, document):
    """``../Sources`` in a document of docs, from the root."""
    if name.startswith("../"):
        return (ROOT / document).parent.joinpath(name).resolve().relative_to(ROOT).as_posix()
    return name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths(document):
    wrong = {name for name in paths(document) if not exists(from_link(name, document), document)}
    assert not wrong, f"{document} names {sorted(wrong)}, which do not exist"


def test_links_within_a_document():
    for document in DOCUMENTS:
        titles = re.findall(r"^#+ (.*)$", text(document), re.M)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        for link in re.findall(r"\]\(#([^)]+)\)", text(document)):
            assert link in anchors, f"{document}: {link}"


def test_checks_see_the_documents():
    """The documents have enough of each kind that an empty search is a fault of this file."""
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= set(DOCUMENTS)
    assert len(paths("README.md")) > 12 and len(paths("CONTRIBUTING.md")) > 12
    assert len(targets_named("README.md")) > 6
    assert len(commands_named("README.md")) > 5


# ---- make and the command


def targets_named(document):
    pattern = re.compile(r"(?:^|[;&:] |\w=\S+ )make ([a-z][a-z-]*)")
    return {word for part in code(document) for word in pattern.findall(part)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets(document):
    targets = set(re.findall(r"^([a-z-]+):.*## ", text("Makefile"), re.M))
    assert targets_named(document) <= targets


def flags(table):
    return {name for group in table.values() for flag in group for name in flag.names}


def commands():
    """The flags of each command."""
    found = {
        job: {*flags(table), *flags({"": arguments._OUTPUT})} for job, table in arguments._TABLES.items()
    }
    return {**found, "demo": flags({"": demo._FLAGS})}


def commands_named(document):
    """Commands in the code of a document, each with the words after it."""
    return [
        (match[1], match[2])
        for part in code(document)
        for match in re.finditer(r"(?:(?<=^)|(?<=: )|(?<=/))recurrent ([a-z]+)\b([^\n#]*)", part)
    ]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands(document):
    for command, words in commands_named(document):
        assert command in commands(), f"{document}: recurrent {command}"
        named = set(re.findall(r"(?<!\w)--[a-z][a-z-]*", words)) - {"--help"}
        assert named <= commands()[command], f"{document}: recurrent {command}{words}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_flags(document):
    """A flag belongs to the command, or to a script of the repository."""
    known = {"--help", "--version"}.union(*commands().values())
    for script in SCRIPTS:
        known |= set(re.findall(r"--[a-z][a-z-]*", script.read_text(encoding="utf-8")))
    named = {flag for part in spans(document) for flag in re.findall(r"(?<!\w)--[a-z][a-z-]*", part)}
    assert named <= known


# ---- names


@pytest.mark.parametrize("document", DOCUMENTS)
def test_c_names(document):
    header = HEADER.read_text(encoding="utf-8")
    products = re.findall(r'\.library\(\s*name: "(\w+)"', text("Package.swift"))
    for name in re.findall(r"(?<![\w/])recurrent_[a-z0-9_]+\*?", text(document)):
        pattern = rf"\b{name[:-1]}\w" if name.endswith("*") else rf"\b{name}\b"
        assert name in products or re.search(pattern, header), f"{document}: {name}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_constants_and_variables(document):
    """RECURRENT_NAME is a constant of the header or an environment variable that some program reads."""
    everything = [
        (ROOT / path).read_text(encoding="utf-8")
        for path in tracked()
        if path.endswith((".h", ".swift", ".py", ".c")) or path in ("Makefile", ".ci/run")
    ]
    for name in set(re.findall(r"\bRECURRENT_[A-Z_]+\b", text(document))):
        assert any(re.search(rf"\b{name}\b", each) for each in everything), f"{document}: {name}"


def resolve(dotted):
    """The object behind a dotted Python name."""
    thing = recurrent
    for name in dotted.split(".")[1:]:
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_names(document):
    for name in re.findall(r"(?<![\w/.-])recurrent(?:\.[A-Za-z_]\w*)+", " ".join(code(document))):
        if name.startswith("recurrent.sklearn") and importlib.util.find_spec("sklearn") is None:
            continue
        if not re.search(r"\.(h|c|so|js|node|py|md)$", name):
            assert resolve(name) is not None


@functools.lru_cache(None)
def defined():
    """Types, functions and properties that Swift or Python defines, and the targets of the package."""
    found = set(re.findall(r'name: "(\w+)"', text("Package.swift")))
    for path in tracked():
        if path.startswith("Sources/") and path.endswith(".swift"):
            found |= set(
                re.findall(
                    r"\b(?:struct|class|enum|protocol|typealias|func|var|let|case) `?(\w+)", text(path)
                )
            )
        elif path.startswith("python/src/") and path.endswith(".py"):
            found |= set(re.findall(r"^\s*(?:class|def) (\w+)", text(path), re.M))
    return found


@pytest.mark.parametrize("document", ["docs/architecture.md", "docs/file-format.md", "CONTRIBUTING.md"])
def test_types(document):
    """A capitalized identifier in backticks, with or without a member, is a type or a target."""
    placeholders = {"NAME", "STATE", "KEY", "K"}
    for span in spans(document):
        if re.fullmatch(r"[A-Z]\w*(\.\w+)*(\(.*\))?", span) and not re.fullmatch(r"W\w+|RECURRENT_\w+", span):
            for name in span.partition("(")[0].split("."):
                if name not in placeholders and not (ROOT / name).exists():
                    assert name in defined(), f"{document}: {span}"


# ---- the lifetime invariants


def items(lines):
    """The first sentence of each numbered item, without parentheses."""
    whole = re.split(r"(?:^|\n)\d\. ", "\n".join(lines))[1:]
    plain = [re.sub(r" \([^)]*\)", "", " ".join(each.split())) for each in whole]
    return [each.partition(". ")[0].rstrip(".") for each in plain]


def test_lifetime_invariants():
    section = re.search(r"^## Lifetime invariants.*?(?=^```)", text("docs/architecture.md"), re.M | re.S)[0]
    source = text("Sources/Recurrent/Graph/Graph+Lifetime.swift")
    comment = [line.removeprefix("//").strip() for line in source.partition("\n\n")[0].splitlines()]
    assert len(items(comment)) == 5
    assert items(section.splitlines()) == items(comment)


# ---- the file format


def rows(title):
    """The cells of the first table of a section, without its heading."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text("docs/file-format.md"), re.M | re.S)[1]
    tables = re.findall(r"(?:^\|.*\n)+", section, re.M)
    return [
        [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            for line in table.splitlines()[2:]
        ]
        for table in tables
    ]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def header_of(path):
    """The metadata and the tensors of a safetensors file, in order of their offsets."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    assert (8 + length) % 64 == 0
    return metadata, dict(sorted(header.items(), key=lambda pair: pair[1]["data_offsets"]))


def checkpoint(path, cell, **settings):
    model = recurrent.TextModel(cell, [3, 4], rng=1, dtype="float64", **settings).build("hello")
    model.optimizer = recurrent.Adam(0.01)
    tokens = model.encode("hellohel").reshape(4, 2)
    model.train_step(tokens[:-1], tokens[1:])
    model.metadata = "a test"
    model.save(path)
    return model, *header_of(path)


def documented_parameters(cell, embedding=False, tied=False, layers=2):
    """The parameters of the document, in creation order."""
    found = ["Wil"] if embedding else []
    table = {name: row[1] for row in rows("Tensors")[1] for name in quoted(row[0])}
    parts = quoted(table[cell])
    if parts[0] in table:
        assert "as" in table[cell] and "without" in table[cell]
        parts = [part for part in quoted(table[parts[0]]) if part != parts[1]]
    for layer in range(layers):
        found += [re.sub("K$", str(layer), name) for part in parts for name in part.split()]
    return [*found, *([] if tied else ["Whd"]), "bd"]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("settings", [{}, {"embedding": 5}, {"embedding": 4, "tied": True}])
def test_tensors(tmp_path, cell, settings):
    model, _, tensors = checkpoint(tmp_path / "model.safetensors", cell, **settings)
    names = documented_parameters(cell, "embedding" in settings, "tied" in settings)
    states = list(model.optimizer.state)
    groups = [name for row in rows("Tensors")[0] for name in quoted(row[0])]
    expected = []
    for group in groups:
        if group == "generator":
            expected.append(group)
        elif group == "model.NAME":
            expected += [f"model.{name}" for name in names]
        elif group == "optimizer.STATE.NAME":
            expected += [f"optimizer.{state}.{name}" for name in names for state in states]
        elif group == "state.hK" or (group == "state.cK" and cell.startswith(("lstm", "sru"))):
            expected += [group.replace("K", str(layer)) for layer in range(2)]
        else:
            assert group == "state.cK", group
    assert sorted(tensors) == sorted(expected)
    firsts = [name.partition(".")[0] for name in tensors]
    assert firsts == sorted(firsts, key=[group.partition(".")[0] for group in groups].index)
    assert [name for name in tensors if name.startswith("model.")] == [f"model.{name}" for name in names]
    (generator,) = (row for row in rows("Tensors")[0] if row[0] == "`generator`")
    assert generator[1] == tensors["generator"]["dtype"]
    assert json.loads(generator[2]) == tensors["generator"]["shape"]


def test_metadata(tmp_path):
    model, metadata, _ = checkpoint(tmp_path / "model.safetensors", "lstm")
    table = {quoted(row[0])[0]: row[1] for row in rows("Metadata")[0]}
    expected = {key.replace("KEY", "user") for key in table} | {"crc64"}
    assert set(metadata) == expected
    model.fit("hello" * 40, 1, batch_size=2, seq_length=4, progress=False)
    model.save(tmp_path / "fitted.safetensors")
    own = set(header_of(tmp_path / "fitted.safetensors")[0]) - (expected - {"metadata.user"})
    lines = recurrent.TextModel("lstm", [2], rng=1)
    lines.fit("hello\n" * 40, 1, batch_size=2, seq_length=4, documents="lines", progress=False)
    lines.save(tmp_path / "lines.safetensors")
    own |= set(header_of(tmp_path / "lines.safetensors")[0]) - expected
    assert own == set(re.findall(r"`(metadata\.[a-z]+)`", text("docs/file-format.md")))
    assert next(iter(metadata)) == "crc64" and "`crc64`" in text("docs/file-format.md")
    net = recurrent.GRU(3, [2], rng=1)
    net.optimizer, net.metadata = recurrent.SGD(), {"user": "a text"}
    net.save(tmp_path / "network.safetensors")
    network = header_of(tmp_path / "network.safetensors")[0]
    assert set(network) == expected - {"tokenizer"}
    for k, found in enumerate((metadata, network)):
        for key in ("format", "format_version"):
            assert quoted(table[key]) == [found[key]]
        assert quoted(table["kind"])[k] == found["kind"]
        for key in {"model", "tokenizer", "training"} & set(found):
            described = re.findall(r"`\{(.*?)\}`", table[key])[k]
            names = re.findall(r'"(\w+)"(?=[,:]|$)', described)
            assert list(json.loads(found[key])) == names, key
    assert f"version {metadata['format_version']}" in text("docs/file-format.md")


def test_cells():
    """The documents that list the cells list all of them."""
    for document in ("docs/file-format.md", "CHANGELOG.md"):
        assert set(CELLS) <= set(spans(document)), document
