"""The import graph of the package: no circle, no arrow that climbs the layers, no import inside a function."""

import ast
from pathlib import Path

import pytest

import recurrent

PACKAGE = Path(recurrent.__file__).parent
# lowest first; a module imports from its own layer's folder and from lower layers
LAYERS = (
    ("names",),
    ("_version", "_terminal", "_c", "_checks", "tape", "operation"),
    ("_arrays", "_pickles", "_readonly", "encoding", "sizes"),
    ("state", "outputs"),
    (
        "random",
        "elementwise",
        "reductions",
        "selection",
        "indexing",
        "texts",
        "mat_repr",
        "introspection.document",
    ),
    ("mat", "sources"),
    ("distributed",),
    (
        "program",
        "operands",
        "introspection.number_lines",
        "introspection.graph_svg",
        "introspection.subgraph",
    ),
    ("parameters", "sampling", "shapes"),
    ("graph", "optim"),
    ("schedules",),
    ("training",),
    ("exchange",),
    ("losses", "nn"),
    ("introspection",),
    ("text",),
    ("recurrentjs", "gradients"),
    ("exchange.onnx_scan_import",),
    ("files", "sklearn", "config", "exchange.keras_import", "exchange.onnx_import"),
    ("",),
    ("demo",),
    ("web",),
    ("cli",),
    ("__main__", "demo.__main__"),
)
# packages that are optional, or slow to import, which a function imports when it needs them
EXTRAS = {
    "anywidget", "h5py", "IPython", "matplotlib", "mpi4py", "onnx", "plotext", "sklearn", "tokenizers", "tqdm",
    "traitlets", "zipfile",
}  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module by its name within the package; a package's own is the name of its folder."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def arrows(name: str) -> set[str]:
    """The modules of the package that a module imports, for types alone included."""
    path, found = MODULES[name], set()
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    package = [part for part in package if part]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                found.add(inner if inner in MODULES else ".".join(base))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            )
            assert not any(name.split(".")[0] == "recurrent" for name in names), f"{name}: absolute import"
    return found - {name}


ARROWS = {name: arrows(name) for name in MODULES}


def layer(name: str) -> int:
    """The layer of the longest prefix that is listed."""
    parts = name.split(".") if name else []
    for count in range(len(parts), -1, -1):
        prefix = ".".join(parts[:count])
        for index, names in enumerate(LAYERS):
            if prefix in names and (prefix or not parts):
                return index
    raise AssertionError(f"{name} is in no layer")


def folder(name: str) -> str:
    return name.split(".")[0]


def test_every_module_has_a_layer():
    assert len(MODULES) > 50
    for name in MODULES:
        layer(name)


def test_no_arrow_climbs():
    climbing = [
        f"{name or 'recurrent'} -> {other or 'recurrent'}"
        for name, others in ARROWS.items()
        for other in others
        if layer(other) > layer(name) or (layer(other) == layer(name) and folder(other) != folder(name))
    ]
    # modules of one layer that are files, not folders, may follow each other in the order of the list
    assert not climbing, climbing


def test_no_circle():
    state: dict[str, int] = {}

    def visit(name: str, trail: list[str]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, " -> ".join([*trail, name])
        state[name] = 1
        for other in ARROWS[name]:
            visit(other, [*trail, name])
        state[name] = 2

    for name in MODULES:
        visit(name, [])


@pytest.mark.parametrize("name", MODULES)
def test_no_import_inside_a_function(name):
    """But of optional packages; and the face imports the page when it is first used."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                roots = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots = {"." if node.level else node.module.split(".")[0]}
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "import_module"
                and isinstance(node.args[0], ast.Constant)
            ):
                roots = {node.args[0].value.split(".")[0] or "."}
            else:
                continue
            # the widget needs anywidget
            allowed = EXTRAS | ({"."} if name in ("", "web") else set())
            assert roots <= allowed, f"{name}.{function.name} imports {', '.join(roots)}"
