"""The public interface: it is that of the lists of ``api``, and files of released versions give the same numbers."""

import re
import sys

import numpy as np
import pytest

import recurrent
import saved_files
from recurrent.exchange.safetensors import arrays_of_safetensors
from support import FIXTURES, ROOT
from test_docs import NAMES

sys.path.append(str(ROOT / "python" / "tools"))
make_interface = pytest.importorskip("make_interface", reason="the tools are those of a checkout")

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
FILES = [path for folder in saved_files.FOLDERS for path in saved_files.files(folder)]
SAFETENSORS = [path for path in FILES if path.suffix == ".safetensors"]


def name(path):
    return f"{path.parent.name}/{path.stem}"


# ---- the lists


@pytest.mark.parametrize("which", make_interface.LISTS)
def test_the_interface_is_that_of_the_list(which):
    old, new = make_interface.committed(which), make_interface.current(which)
    problems = make_interface.problems(which, old, new, CHANGELOG, make_interface.changelog_of(which))
    assert not problems, "\n".join(problems)
    assert old == new, make_interface.difference(which, old, new)


def test_the_lists_are_whole():
    """Names and numbers that other tests count."""
    python, c = make_interface.committed("python"), make_interface.committed("c")
    names = {make_interface.key(line) for line in python}
    # a member of a base that is public is listed there
    listed = {each.rpartition(".")[2] for each in names}
    # scikit-learn gives its estimators methods
    missing = {each for each in NAMES if each.rpartition(".")[2] not in listed and "_request" not in each}
    assert not missing, missing
    assert {f"recurrent.{each}" for each in recurrent.__all__ if not each.startswith("_")} <= names
    assert sum(") -> " in line for line in c) == len(recurrent._c.signatures.SIGNATURES)
    structs = {line.split()[0] for line in c if " struct {" in line}
    assert structs == {
        "recurrent_mat_info",
        "recurrent_operand",
        "recurrent_step_result",
        "recurrent_text_model_info",
    }
    assert f"RECURRENT_ABI_VERSION = {recurrent._c.signatures.ABI_VERSION}" in c
    constants = {
        line.split()[0].removeprefix("RECURRENT_") for line in c if re.match(r"RECURRENT_\w+ = ", line)
    }
    assert constants == {each for each in vars(recurrent._c.signatures) if re.fullmatch(r"[A-Z][A-Z0-9_]*", each)} - {
        "POINTER", "SIGNATURES"
    }  # fmt: skip
    assert not [
        line for which in make_interface.LISTS for line in make_interface.committed(which) if "0x" in line
    ]


UNRELEASED = "# Changelog\n\n## 0.3.0 (unreleased)\n\n### Changed\n\n- `Mat.scale` is gone: use `*`.\n"
RELEASED = UNRELEASED.replace("unreleased", "2027-01-31")


@pytest.mark.parametrize(
    "which, old, new, expected",
    [
        # a name that is gone, and one that is announced
        ("python", ["recurrent.Mat.exp () -> M"], [], r"'recurrent.Mat.exp .* is gone; .* names `exp` to CHANGELOG"),
        ("python", ["recurrent.Mat.scale () -> M"], [], None),
        # a default
        ("python", ["recurrent.f (x: int = 1)"], ["recurrent.f (x: int = 2)"], r"is now '.* = 2\)'; programs may"),
        ("command", ["recurrent-train.--steps value N"], [], r"is gone; .*`--steps` to CHANGELOG"),
        ("swift", ["Mat public func exp() -> Mat"], [], r"names `exp` to CHANGELOG"),
        # C: the number announces it
        ("c", ["RECURRENT_ABI_VERSION = 2", "recurrent_f (int64_t a) -> int64_t"],
         ["RECURRENT_ABI_VERSION = 2", "recurrent_f (int32_t a) -> int64_t"], r"increment RECURRENT_ABI_VERSION"),
        ("c", ["RECURRENT_ABI_VERSION = 2", "recurrent_f (int64_t a) -> int64_t"],
         ["RECURRENT_ABI_VERSION = 3", "recurrent_f (int32_t a) -> int64_t"], None),
        ("c", ["RECURRENT_ABI_VERSION = 2"], ["RECURRENT_ABI_VERSION = 2", "recurrent_g () -> int64_t"], None),
        # files
        ("files", ["network.format_version = 2", "network.model.cell"], ["network.format_version = 2"],
         r"increment formatVersion in Checkpoint.swift"),
        ("files", ["network.format_version = 2", "network.model.cell"], ["network.format_version = 3"], None),
        ("files", ["files-0.2.0/a.safetensors sha256 00"], ["files-0.2.0/a.safetensors sha256 01"],
         r"the files of 0.2.0 are released and stay as they are; restore the file"),
        ("files", ["files-0.3.0/a.safetensors sha256 00"], ["files-0.3.0/a.safetensors sha256 01"], None),
        ("files", ["recurrentjs.model"], [], "RecurrentJS reads it"),
    ],
)  # fmt: skip
def test_a_change_needs_an_announcement(which, old, new, expected):
    found = make_interface.problems(which, old, new, UNRELEASED)
    assert len(found) == (expected is not None)
    if expected:
        assert re.search(expected, found[0]) and found[0].endswith(f", then {make_interface.RERUN}")


def test_an_announcement_is_a_new_line():
    """A name that the section has named before, or as an addition, is not announced by that."""
    change = ("python", ["recurrent.Mat.scale () -> M"], [])
    assert make_interface.problems(*change, UNRELEASED, "") == []
    assert make_interface.problems(*change, UNRELEASED, UNRELEASED.replace("0.3.0", "0.2.0")) == []
    assert len(make_interface.problems(*change, UNRELEASED, UNRELEASED)) == 1
    assert make_interface.problems(*change, f"{UNRELEASED}- `Mat.scale` again.\n", UNRELEASED) == []
    assert len(make_interface.problems(*change, UNRELEASED.replace("Changed", "Added"), "")) == 1
    assert len(make_interface.problems(*change, UNRELEASED.replace("`", ""), "")) == 1


@pytest.mark.parametrize(
    "old, new, is_right",
    [
        ("(a, b = 1) -> int", "(a, b = 1, c = 2) -> int", True),
        ("(a, *, b = (1, 2))", "(a, c = 0, *, d = 3, b = (1, 2))", True),
        ("(a)", "(a, b)", False),
        ("(a)", "(b = 1, a)", False),
        ("(a, b = 1)", "(a, c = 2, b = 1)", False),
        ("(a, *, b = 1)", "(a, *, b = 2, c = 1)", False),
        ("(a) -> int", "(a, b = 1) -> float", False),
        ("(a, b = 1)", "(a, *, b = 1)", False),
    ],
)
def test_parameters_are_added_with_a_default(old, new, is_right):
    assert make_interface.is_extended(f"recurrent.f {old}", f"recurrent.f {new}") is is_right
    problems = make_interface.problems("python", [f"recurrent.f {old}"], [f"recurrent.f {new}"], UNRELEASED)
    assert (problems == []) is is_right


def test_the_files_of_a_release_stay():
    change = (["files-0.3.0/a.safetensors sha256 00"], ["files-0.3.0/a.safetensors sha256 01"])
    assert make_interface.problems("files", *change, UNRELEASED) == []
    assert len(make_interface.problems("files", *change, RELEASED)) == 1


# ---- files of every version


def test_there_are_files_of_each_kind():
    assert saved_files.FOLDERS
    for folder in saved_files.FOLDERS:
        paths = saved_files.files(folder)
        assert {path.name for path in paths} == set(saved_files.expected(folder))
        assert all(path.stat().st_size < 30_000 for path in paths)
        kinds = {
            (saved_files.header(path)[0]["kind"], path.stem.rpartition("_")[2])
            for path in paths
            if path.suffix == ".safetensors"
        }
        assert {
            (kind, dtype) for kind in ("text_model", "network") for dtype in ("float32", "float64")
        } <= kinds
    version = make_interface.section(CHANGELOG)
    released = re.findall(r"^## (\S+) \((?!unreleased)", CHANGELOG, re.M)
    assert f"files-{version[0]}" in {folder.name for folder in saved_files.FOLDERS} or not version[1]
    # 0.1 wrote format version 1, which is not read
    assert {f"files-{each}" for each in released if each != "0.1.0"} <= {f.name for f in saved_files.FOLDERS}


def same(found, expected, tolerance, where):
    """The same numbers and texts: to the bit for the version that wrote them, else within a relative tolerance."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), where
        for key in expected:
            same(found[key], expected[key], tolerance, f"{where}: {key}")
    elif isinstance(expected, (str, int)) or tolerance == 0:
        assert found == expected, where
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=where)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_gives_the_same_numbers(path):
    is_own = path.parent.name == f"files-{recurrent.__version__}"
    tolerance = 0 if is_own else 1e-4 if "float32" in path.name else 1e-10
    same(saved_files.observe(path), saved_files.expected(path.parent)[path.name], tolerance, name(path))


@pytest.mark.parametrize("path", SAFETENSORS, ids=name)
def test_a_file_gives_the_bits_of_its_tensors(path):
    arrays, model = arrays_of_safetensors(path, path.read_bytes()), recurrent.load(path)
    states = {} if model.optimizer is None else model.optimizer.state
    loaded = {f"model.{each}": mat.w for each, mat in model.parameters.items()}
    for state, mats in states.items():
        loaded |= {f"optimizer.{state}.{each}": mat.w for each, mat in mats.items()}
    assert set(loaded) == {each for each in arrays if each.startswith(("model.", "optimizer."))}
    for each, array in loaded.items():
        assert array.dtype == arrays[each].dtype and np.array_equal(array, arrays[each]), each


@pytest.mark.parametrize("path", SAFETENSORS, ids=name)
def test_a_file_is_saved_as_it_was(path, tmp_path):
    """By a version that writes the same format; with the optimizer, as it was loaded."""
    copy = tmp_path / path.name
    recurrent.load(path).save(copy)
    if saved_files.header(copy)[0]["format_version"] == saved_files.header(path)[0]["format_version"]:
        assert copy.read_bytes() == path.read_bytes()


def test_files_of_the_other_languages_stay_apart():
    """The fixtures that C and Swift share are those of today; files of versions are not among them."""
    assert not list(FIXTURES.glob("files-*"))
