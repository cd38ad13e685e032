"""The arrays of a module, of a state_dict or of a file of PyTorch, at its top or under a key; and such files."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._checks import as_path, as_text, shown
from .safetensors import arrays_of_safetensors, is_safetensors, safetensors_bytes
from .torch_file import SUFFIXES, is_torch, torch_bytes, values_of_torch
from .torch_values import EXPECTED, Unknown

FIRST = "weight_ih_l0"
# how deep a checkpoint has its arrays, how many names an error has, of which length, and among how many
_DEPTH, _MAX_NAMES, _MAX_LENGTH, _MAX_NESTED = 4, 8, 200, 1000
_WRITERS = {**dict.fromkeys(SUFFIXES, torch_bytes), ".safetensors": safetensors_bytes}
_PARAMETRIZED = re.compile(r"(^|\.)parametrizations\.")
# those of weight_norm; of spectral_norm and prune
_REPARAMETRIZED = re.compile(r"(?P<weight>(^|.*\.)(weight|bias)(_(ih|hh|hr)_l\d+(_reverse)?)?)_(g|v|orig)")


def state_dict_of(source: Any, key: str | None) -> Mapping[str, Any]:
    """Returns the arrays of a module, of a state_dict, or of a file."""
    if isinstance(source, (str, os.PathLike)):
        source = _of_file(Path(os.fsdecode(as_path(source, "state_dict"))))
    values = source if isinstance(source, Mapping) else getattr(source, "state_dict", lambda: None)()
    if not isinstance(values, Mapping):
        raise TypeError(
            "state_dict has the wrong type; expected a torch.nn.Module, a mapping of names to arrays or the path of a "
            f".pt or safetensors file, got {type(values if values is not None else source).__name__}"
        )
    if key is not None:
        as_text(key, "key")
        values = _under(values, key)
    _check_parametrized(values)
    if not _has_layer(values):
        nested = [f"{key}.{name}" if key else name for name, has_layer in _nested(values) if has_layer]
        if nested:
            raise ValueError(
                f"state_dict is nested; expected key={_alternatives(nested)}, got a dict of {names_of(values)}"
            )
    for name in values:
        if not isinstance(name, str):
            raise TypeError(f"state_dict has a key of the wrong type; expected a str, got {name!r}")
    return values


def prefix_of(values: Mapping[str, Any], key: str | None) -> str:
    """Returns what precedes the names of the recurrent layers."""
    firsts = _firsts(values)
    if not firsts:
        raise ValueError(
            f"state_dict lacks a recurrent layer; expected a name that ends in {FIRST}, got {names_of(values)}"
        )
    if len(firsts) > 1:
        keys = [f"{key}.{name}" if key else name for name in _prefixes(values)]
        raise ValueError(
            f"state_dict is ambiguous; expected 1 name that ends in {FIRST}, "
            f"{f'or key={_alternatives(keys)}, ' if keys else ''}got {', '.join(firsts[:_MAX_NAMES])}"
        )
    return firsts[0][: -len(FIRST)]


def names_of(values: Mapping[Any, Any]) -> str:
    """Returns the first names of a mapping for a message, with what stands for them where it is no value."""
    names = [
        shown(name) + (f" ({value!r})" if type(value) is Unknown else "")
        for name, value in itertools.islice(values.items(), _MAX_NAMES)
    ]
    return ", ".join(names) + (", …" if len(values) > _MAX_NAMES else "") if names else "an empty dict"


def as_torch_path(path: Any) -> Callable[[Mapping[str, Any]], bytes]:
    """Returns what makes the bytes of a file with this suffix."""
    as_path(path)
    suffix = Path(path).suffix
    if suffix not in _WRITERS:
        raise ValueError(f"path has the wrong suffix; expected {' or '.join(_WRITERS)}, got {shown(suffix)}")
    return _WRITERS[suffix]


def _of_file(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot read '{path}': {reason[:1].lower()}{reason[1:]}") from None
    # the suffix tells what a damaged file should be
    if is_safetensors(data) or (path.suffix == ".safetensors" and not is_torch(data)):
        return arrays_of_safetensors(path, data)
    return values_of_torch(path, data)


def _check_parametrized(values: Mapping[Any, Any]) -> None:
    """Refuses parts that a weight is computed of, which have the shapes of weights."""
    names = [name for name in values if isinstance(name, str)]
    made = [name for name in names if _PARAMETRIZED.search(name)]
    remedy = "remove_parametrizations of torch.nn.utils.parametrize"
    if not made:
        parts = [(name, found["weight"]) for name in names if (found := _REPARAMETRIZED.fullmatch(name))]
        made = [
            name
            for name, weight in parts
            if name.endswith("_orig") or (f"{weight}_g" in values and f"{weight}_v" in values)
        ]
        remedy = "remove_weight_norm, remove_spectral_norm or prune.remove of torch.nn.utils"
    if made:
        raise ValueError(
            f"state_dict is parametrized; expected the weights themselves, as after {remedy}, "
            f"got {', '.join(made[:_MAX_NAMES])}{', …' if len(made) > _MAX_NAMES else ''}"
        )


def _under(values: Mapping[Any, Any], key: str) -> Mapping[Any, Any]:
    """Returns the mapping under a key, whose dots lead to deeper ones, or the entries whose names begin with it."""
    found = _found(values, key, _DEPTH)
    if found is None:
        nested = _nested(values)
        names = [name for name, has_layer in nested if has_layer] + _prefixes(values)
        names = names or [name for name, _ in nested]
        expected = (
            f"one of {', '.join(map(repr, names[:_MAX_NAMES]))}" if names else "None, as no entry is a dict"
        )
        raise ValueError(f"key is unknown; expected {expected}, got {shown(key)}")
    return found


def _found(values: Mapping[Any, Any], key: str, depth: int) -> Mapping[Any, Any] | None:
    found = values.get(key)
    if isinstance(found, Mapping):
        return found
    if type(found) is Unknown:
        raise ValueError(f"{key} is not a dict of tensors; expected {EXPECTED}, got {found!r}")
    for dot in re.finditer(r"\.", key) if depth > 1 else ():
        below = values.get(key[: dot.start()])
        found = _found(below, key[dot.end() :], depth - 1) if isinstance(below, Mapping) else None
        if found is not None:
            return found
    start = f"{key}."
    entries = [(name, value) for name, value in values.items() if isinstance(name, str)]
    return {name[len(start) :]: value for name, value in entries if name.startswith(start)} or None


def _nested(values: Mapping[Any, Any]) -> list[tuple[str, bool]]:
    """Returns the keys of the mappings within one, joined by dots, the upper ones first, and which have a layer."""
    # each mapping is read once, though it may have many names
    has_layer: dict[int, bool] = {}
    parts: dict[int, list[tuple[str, Mapping[Any, Any]]]] = {}

    def read(each: Mapping[Any, Any]) -> None:
        has_layer[id(each)] = _has_layer(each)
        parts[id(each)] = [
            (name, value)
            for name, value in each.items()
            if isinstance(name, str) and isinstance(value, Mapping)
        ]

    read(values)
    found: list[tuple[str, bool]] = []
    level: list[tuple[str, Mapping[Any, Any], tuple[int, ...]]] = [("", values, (id(values),))]
    for _ in range(_DEPTH):
        below = []
        for prefix, each, path in level:
            for name, value in parts[id(each)]:
                # a circle has no end
                if id(value) in path or len(prefix) + len(name) > _MAX_LENGTH:
                    continue
                if len(found) == _MAX_NESTED:
                    return found
                if id(value) not in parts:
                    read(value)
                found.append((f"{prefix}{name}", has_layer[id(value)]))
                below.append((f"{prefix}{name}.", value, (*path, id(value))))
        level = below
    return found


def _firsts(values: Mapping[Any, Any]) -> list[str]:
    return [name for name in values if isinstance(name, str) and name.endswith(FIRST)]


def _has_layer(values: Mapping[Any, Any]) -> bool:
    return any(isinstance(name, str) and name.endswith(FIRST) for name in values)


def _prefixes(values: Mapping[Any, Any]) -> list[str]:
    """Returns the keys of recurrent layers by the names of several."""
    firsts = _firsts(values)
    own = [name[: -len(FIRST) - 1] for name in firsts if name.endswith(f".{FIRST}")][:_MAX_NESTED]
    # a key that is the beginning of another would take both
    return [
        name for name in own if len(firsts) > 1 and not any(other.startswith(f"{name}.") for other in own)
    ]


def _alternatives(keys: list[str]) -> str:
    return " or ".join(map(repr, keys[:_MAX_NAMES]))
