"""CONTRIBUTING.md's numbers of source files, compared with the files that name what the library has today."""

import functools
import re

import pytest

from recurrent.optim.optimizers import OPTIMIZERS
from recurrent.parameters import CELLS, CELLS_WITH_GATES
from support import HEADER, ROOT

PACKAGE = "python/src/recurrent/"
FOLDERS = ("Sources", PACKAGE)
# generated from the header
GENERATED = PACKAGE + "_c/signatures.py"
# programs that use the library
APPLICATIONS = tuple(PACKAGE + name for name in ("demo/", "web/", "cli/", "exchange/", "__main__.py"))
SECTIONS = {
    "an element-wise operation": 4,
    "another operation": 5,
    "a cell": 3,
    "an optimizer": 4,
    "an exported function": 3,
}


def without_comments(text, suffix):
    """Source text without comments and documentation."""
    if suffix == ".py":
        text = re.sub(r'^[ \t]*r?f?"""[\s\S]*?"""', "", text, flags=re.M)
        return re.sub(r"(^|\s)#.*", "", text)
    return re.sub(r"/\*[\s\S]*?\*/|//.*", "", text)


@functools.lru_cache(None)
def sources():
    """The code of every source file, by its path in the repository."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in {".swift", ".h", ".c", ".py"} and not name.startswith(
                (GENERATED, *APPLICATIONS)
            ):
                found[name] = without_comments(path.read_text(encoding="utf-8"), path.suffix)
    return found


HEADER_NAME = HEADER.relative_to(ROOT).as_posix()


def header():
    return sources()[HEADER_NAME]


def spellings(name):
    """``leaky_relu`` in C, Python and Swift."""
    words = name.split("_")
    pascal = "".join(word.capitalize() for word in words)
    return {name, name.upper(), pascal, pascal[0].lower() + pascal[1:]}


def naming(names):
    """The files whose code contains one of these names as a word; a library prefix is no part of the word."""
    word = re.compile(
        rf"(?<![A-Za-z0-9_])(?:RECURRENT_|recurrent_graph_)?(?:{'|'.join(sorted(names))})(?![A-Za-z0-9_])"
    )
    return {path for path, code in sources().items() if word.search(code)}


def table(rows):
    """The table as the message of an assertion."""
    return "\n".join(
        f"{len(paths)} {name}" + "".join(f"\n    {path}" for path in sorted(paths))
        for name, paths in rows.items()
    )


# ---- the document's numbers


@functools.lru_cache(None)
def sections():
    """Every "Add ..." section: its number of files, and the paths of its steps."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = {}
    for title, count, body in re.findall(
        r"^## Add ([^\n]*): (\d+) source files\n(.*?)(?=^## )", text, re.M | re.S
    ):
        steps = [step.partition("\n\n")[0] for step in re.split(r"^\d+\. ", body, flags=re.M)[1:]]
        found[title] = (int(count), steps)
    return found


def patterns(title):
    """The paths that a section lists; an ellipsis covers every file below it."""
    steps = sections()[title][1]
    return {path for step in steps for path in re.findall(r"`((?:Sources|python)/[^`]+)`", step)}


def covers(pattern, path):
    start, ellipsis, end = pattern.partition("…")
    return path.startswith(start) and path.endswith(end) if ellipsis else path == pattern


def check(title, rows):
    """Asserts that no row has more files than the section's number, and that the section lists each file."""
    bound = sections()[title][0]
    assert rows
    assert max(len(paths) for paths in rows.values()) <= bound, f"at most {bound} files\n{table(rows)}"
    listed = patterns(title)
    unlisted = {
        name: {path for path in paths if not any(covers(pattern, path) for pattern in listed)}
        for name, paths in rows.items()
    }
    unlisted = {name: paths for name, paths in unlisted.items() if paths}
    assert not unlisted, f"CONTRIBUTING.md does not list\n{table(unlisted)}"


def test_sections():
    assert {title: count for title, (count, _) in sections().items()} == SECTIONS
    for title, (count, steps) in sections().items():
        assert len(steps) == count, title


@pytest.mark.parametrize("title", SECTIONS)
def test_the_listed_files_exist(title):
    for pattern in patterns(title):
        assert any(covers(pattern, path) for path in sources()), pattern


# ---- cells


def test_cells():
    """Cells that are steps: the files that name one, in Swift by the name of its constant."""
    swift = dict(re.findall(r"static let (\w+) = Cell\(\s*named: \"(\w+)\"", "\n".join(sources().values())))
    rows = {name: naming({name, constant}) for constant, name in swift.items()}
    # an LSTM with options is no cell of its own
    assert set(rows) == {name for name in CELLS if not name.startswith("lstm")} - set(CELLS_WITH_GATES)
    check("a cell", rows)


# ---- element-wise operations


def elementwise():
    """The element-wise operations that the header declares."""
    enums = re.findall(r"recurrent_(?:unary|binary);\s*enum \{(.*?)\}", header(), re.S)
    return [name.lower() for enum in enums for name in re.findall(r"RECURRENT_(\w+)", enum)]


def test_elementwise_operations_by_name():
    """Operations whose name stands for nothing else: every file that names one belongs to it.

    Left out are names that another kernel, a cell or an operator of Python shares.
    """
    rows = {}
    for name in elementwise():
        paths = naming(spellings(name))
        shared = any(p.startswith("Sources/Kernels/") and "/Elementwise/" not in p for p in paths)
        is_operator = bool({PACKAGE + "mat.py", PACKAGE + "selection.py"} & paths)
        if not (shared or is_operator or any(name in cell.split("_") for cell in CELLS)):
            rows[name] = paths
    assert {"gelu", "silu", "leaky_relu"} <= set(rows), sorted(rows)
    check("an element-wise operation", rows)


def test_elementwise_operations_by_definition():
    """All operations: the files that define one, by the form of the definition in each language."""
    rows = {}
    for name in elementwise():
        swift = "|".join(spellings(name))
        forms = {
            ".h": rf"\bRECURRENT_{name.upper()}\s*=",
            ".swift": rf"\bcase [\w, ]*\b(?:{swift})\b(?=[,\s=]).*\n|\bfunc (?:{swift})\(_ \w+: Mat\b",
            ".py": rf"\bdef {name}\(self.*\n?(?:.*\n)*?.*\bc\.{name.upper()}\b",
        }
        rows[name] = {
            path
            for path, code in sources().items()
            if (path.endswith(".h") and re.search(forms[".h"], code))
            or (path.startswith("Sources/Kernels/Elementwise/") and re.search(forms[".swift"], code))
            or (path.startswith("Sources/Recurrent/Graph/") and re.search(forms[".swift"], code))
            or (path.endswith(".py") and re.search(forms[".py"], code))
        }
        assert len(rows[name]) == 4, table({name: rows[name]})
    check("an element-wise operation", rows)


# ---- other operations


def operations():
    """The operations that the header declares: functions that record one result from Mats."""
    found = re.findall(r"\brecurrent_graph_(\w+)\((.*?)\);", header(), re.S)
    return [
        name
        for name, arguments in found
        if re.search(r"recurrent_mat \*(out|next_h)\b", arguments) and name not in ("unary", "binary")
    ]


def blocks(code):
    """Top-level types and the methods of extensions, each with its text."""
    parts = re.split(r"^(?=(?:  )?(?:\w+ )*(?:struct|func|extension)\b)", code, flags=re.M)
    found, is_type = [], False
    for part in parts:
        if is_type and part.startswith("  "):
            found[-1] += part
        else:
            is_type = re.match(r"(\w+ )*struct\b", part) is not None
            found.append(part)
    return found


@functools.lru_cache(None)
def kernels():
    """Kernel functions that one file of the core calls, by name: the file that defines each, and that file."""
    callers, defined = {}, {}
    for path, code in sources().items():
        if path.startswith("Sources/Kernels/"):
            for name in re.findall(r"^public func (\w+)", code, re.M):
                defined[name] = path
    for path, code in sources().items():
        if path.startswith("Sources/Recurrent/"):
            for name in set(re.findall(r"(?<![\w.])(?:Kernels\.)?(\w+)\(", code)) & set(defined):
                callers.setdefault(name, set()).add(path)
    return {name: (defined[name], *paths) for name, paths in callers.items() if len(paths) == 1}


def operation_files(name):
    """The files that one operation needs: declaration, body, recording, kernels of its own, Python."""
    method = "|".join(spellings(name))
    recorded = {
        path
        for path, code in sources().items()
        if re.search(r"^Sources/Recurrent/(Graph/Operations|Cells)/", path)
        and re.search(rf"\bpublic func (?:{method})\b", code)
    }
    own = set()
    for path in recorded:
        text = "\n".join(
            block
            for block in blocks(sources()[path])
            if re.search(rf"\b(?:struct|func) (?:{method})\b", block)
        )
        for kernel, (definition, caller) in kernels().items():
            if caller == path and re.search(rf"(?<![\w.])(?:Kernels\.)?{kernel}\(", text):
                own.add(definition)
    return naming({f"recurrent_graph_{name}"}) | recorded | own


def test_other_operations():
    rows = {name: operation_files(name) for name in operations()}
    # cells and dropout are recorded as several operations
    folder = "Sources/Recurrent/Graph/Operations/"
    rows = {name: paths for name, paths in rows.items() if any(path.startswith(folder) for path in paths)}
    for name in (
        "layer_norm",
        "row_pluck",
        "squared_error",
        "concat_rows",
        "transpose",
        "mul",
        "cross_entropy",
    ):
        assert name in rows
    assert len(rows["layer_norm"]) == len(rows["row_pluck"]) == 5, table(rows)
    assert min(len(paths) for paths in rows.values()) >= 4, table(rows)
    check("another operation", rows)


# ---- optimizers


def test_optimizers():
    """Every file that names an optimizer belongs to it, but for a file that uses a single one."""
    forms = {name: {name, kind.__name__} for name, kind in OPTIMIZERS.items()}
    assert {"sgd", "adagrad", "rmsprop", "adam", "adamw"} <= set(forms)
    named = {name: naming(words) for name, words in forms.items()}
    folders = ("Sources/Kernels/Optimizers/", "Sources/Recurrent/Optimizers/", PACKAGE + "optim/")
    rows = {
        name: {
            path
            for path in paths
            if path.startswith(folders) or sum(path in others for others in named.values()) > 1
        }
        for name, paths in named.items()
    }
    check("an optimizer", rows)


# ---- exported functions


def functions():
    return re.findall(r"\b(recurrent_\w+)\(", header())


def test_exported_functions():
    """Each is declared once, defined once, and called by Python or, if Python has no use for it, by a test in C."""
    assert len(functions()) > 100
    c_tests = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("Tests/RecurrentABITests", "examples/c", "python/tests")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".swift", ".c", ".py"}
    )
    rows, wrong = {}, {}
    for name in functions():
        paths = naming({name})
        python = {path for path in paths if path.startswith(PACKAGE)}
        bodies = {path for path in paths - python if path != HEADER_NAME}
        rows[name] = {HEADER_NAME, *bodies}
        is_called = bool(python) or name in c_tests
        if len(bodies) != 1 or HEADER_NAME not in paths or not is_called:
            wrong[name] = paths
    assert not wrong, table(wrong)
    # the Python module that calls a function is the third file
    assert sections()["an exported function"][0] == max(len(paths) for paths in rows.values()) + 1
