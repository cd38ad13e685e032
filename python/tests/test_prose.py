"""Prose: banned expressions, and the sections that every public docstring has."""

import ast
import inspect
import re

import pytest

import recurrent
from support import ROOT
from test_docs import CALLABLES, NAMES, function_of

# of "is none" only lower case: Python has None
BANNED = re.compile(
    r"(?i:\b(somebody|nobody|anybody|everybody|someone|who|told|so many|likewise|put right|"
    r"walk(s|ed|ing)? back|stood upright|looks? on|one's own|"
    r"of one's|could not be had|the doors?|by heart|whoever|what is wrong|as it lies|side by side|beforehand|"
    r"the house)\b)|\bis none\b"
)
SUFFIXES = {".py", ".swift", ".c", ".h", ".md", ".js", ".html", ".css", ".toml", ""}
FOLDERS = (
    "Sources",
    "Tests",
    "python/src",
    "python/tests",
    "python/benchmarks",
    "docs",
    "examples",
    "README.md",
)


def files():
    for folder in FOLDERS:
        path = ROOT / folder
        paths = [path] if path.is_file() else sorted(path.rglob("*")) if path.exists() else []
        for each in paths:
            hidden = {".build", "__pycache__", "Fixtures", "fixtures", "data"} & set(each.parts)
            if each.is_file() and each.suffix in SUFFIXES and not hidden and each.name != "test_prose.py":
                yield each


def test_banned_expressions():
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        # an expression may continue on the next line of a comment
        joined = re.sub(r"\n[ \t]*(//+|#|\*)?[ \t]*", " ", text)
        if BANNED.search(joined):
            lines = [
                f"{at}: {m[0]}" for at, line in enumerate(text.splitlines(), 1) if (m := BANNED.search(line))
            ]
            found.append(f"{path.relative_to(ROOT)} {lines or BANNED.search(joined)[0]}")
    assert not found, "\n".join(found)


def calls(text, name):
    """The calls of a function in Swift source, up to the parenthesis that closes each."""
    for match in re.finditer(rf"\b{name}(?=\()", text):
        depth = 0
        for end in range(match.end(), len(text)):
            depth += (text[end] == "(") - (text[end] == ")")
            if depth == 0:
                yield text[match.start() : end + 1]
                break


def test_messages_say_what_is_expected():
    found, count = [], 0
    for path in sorted((ROOT / "Sources").rglob("*.swift")):
        text = path.read_text(encoding="utf-8")
        for call in [*calls(text, "RecurrentError"), *calls(text, "require")]:
            # a call with a kind and a message of its own; a failure of the system has its own reason
            if not re.search(r'\.\w+,\s*"', call) or re.search(
                r"\.noMemory|\.io\b|error\.description|internal error", call
            ):
                continue
            count += 1
            if "; expected " not in call:
                found.append(f"{path.relative_to(ROOT)}: {' '.join(call.split())}")
    assert count > 200, "the search no longer finds the messages"
    assert not found, "\n".join(found)


def literal(node):
    """The text of a message in Python source, with {} for each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(literal, node.values))
    if isinstance(node, ast.BinOp):
        return literal(node.left) + literal(node.right)
    if isinstance(node, ast.IfExp):
        return literal(node.body) + literal(node.orelse)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "{}"


ARGUMENT_ERRORS = {"ValueError", "TypeError", "IndexError", "KeyError"}
# an operation that an object does not have, a reason of the system, another error's message, a fault of ours
OTHER_FORMS = r"pickled|: say which$|cannot (read|be read|load)|^\{\}$|^internal error"


def test_messages_of_the_package_say_what_is_expected():
    found, count = [], 0
    for path in sorted((ROOT / "python" / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            error = node.exc if isinstance(node, ast.Raise) else None
            if not isinstance(error, ast.Call) or ast.unparse(error.func) not in ARGUMENT_ERRORS:
                continue
            message = literal(error.args[0])
            count += 1
            if "; expected " not in message and not re.search(OTHER_FORMS, message):
                found.append(f"{path.name}:{node.lineno} {message}")
    assert count > 100, "the search no longer finds the messages"
    assert not found, "\n".join(found)


def sections(name):
    """The sections of a public docstring, and the parameters that are documented."""
    doc = inspect.getdoc(function_of(NAMES[name])) or ""
    titles = re.findall(r"^([A-Z]\w+)\n-+$", doc, re.M)
    match = re.search(r"^Parameters\n-+\n(.*?)(?=\n\n[A-Z]\w+\n-+$|\Z)", doc, re.M | re.S)
    documented = {
        part.strip()
        for line in (match[1].splitlines() if match else ())
        if line and line[0] != " "
        for part in line.split(" : ")[0].split(",")
    }
    return titles, documented


def parameters(name):
    function = function_of(NAMES[name])
    if (
        inspect.isclass(function)
        and issubclass(function, (tuple, recurrent.Optimizer))
        and not vars(function).get("__init__")
    ):
        return []
    try:
        signature = inspect.signature(function)
    except ValueError:
        return []
    return [p for p in signature.parameters if p not in ("self", "cls", "args", "kwargs")]


# tuples, whose fields have docstrings of their own, and abstract classes
WITHOUT = {
    "StepReport",
    "StepResult",
    "Operand",
    "Operation",
    "recurrentjs.Cost",
    "recurrentjs.Tick",
    "Optimizer",
    "Network",
    "schedules.Schedule",
}
WITH_ARGUMENTS = [name for name in CALLABLES if parameters(name) and name not in WITHOUT]
# a property is described by one sentence
RETURNING = [
    name
    for name in CALLABLES
    if not isinstance(NAMES[name], property)
    and inspect.isfunction(function := function_of(NAMES[name]))
    and inspect.signature(function).return_annotation not in ("None", None)
]
MAIN = [
    "Mat", "Mat.from_array", "Graph", "no_grad", "LSTM", "Network.train_step", "Network.generate",
    "Network.activations", "TextModel", "TextModel.fit", "TextModel.encode", "SentenceModel", "History",
    "Random", "Parameters", "Adam", "probabilities", "softmax", "recurrentjs.init_lstm",
    "recurrentjs.maxi",
]  # fmt: skip


@pytest.mark.parametrize("name", WITH_ARGUMENTS)
def test_every_argument_is_documented(name):
    titles, documented = sections(name)
    assert set(parameters(name)) == documented
    assert "Raises" in titles or name in (
        "State",
        "History",
        "History.add",
        "History.add_validation",
        "schedules.Plateau.advance",
        "Parameters",
        "recurrentjs.Model",
        "recurrentjs.Output",
        "GradientCheck",
        "GradientError",
        "LayerSummary",
        "Summary",
        # fit checks their parameters
        "sklearn.RecurrentClassifier",
        "sklearn.RecurrentRegressor",
    )


@pytest.mark.parametrize("name", RETURNING)
def test_every_result_is_documented(name):
    assert {"Returns", "Yields"} & set(sections(name)[0])


@pytest.mark.parametrize("name", MAIN)
def test_the_main_names_have_examples(name):
    assert "Examples" in sections(name)[0]


def test_counts():
    """At least as many as there are today: run with -rP to read the numbers."""
    have = [name for name in WITH_ARGUMENTS if "Parameters" in sections(name)[0]]
    examples = [name for name in CALLABLES if "Examples" in sections(name)[0]]
    print(
        f"{len(CALLABLES)} public callables, {len(WITH_ARGUMENTS)} with arguments, {len(have)} with Parameters, "
    )
    print(f"{len(RETURNING)} with results, {len(examples)} with Examples")
    assert len(have) == len(WITH_ARGUMENTS) >= 130 and len(examples) >= 19
