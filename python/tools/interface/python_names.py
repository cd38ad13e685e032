"""The public names of the Python package, each with its signature."""

from __future__ import annotations

import enum
import importlib
import importlib.util
import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import recurrent

# the modules whose names are public, by the prefix of their lines
MODULES = {
    "recurrent": "recurrent",
    "recurrent.distributed": "recurrent.distributed",
    "recurrent.introspection.plots": "recurrent.introspection.plots",
    "recurrent.losses": "recurrent.losses",
    "recurrent.recurrentjs": "recurrent.recurrentjs",
    "recurrent.schedules": "recurrent.optim.schedules",
    "recurrent.sklearn": "recurrent.sklearn",
}
HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None
_EMPTY = inspect.Parameter.empty
_FOLDER = str(Path(recurrent.__file__).parent)


def lines() -> list[str]:
    """Return a line for each name: a function, a class and its constructor, each member that it adds, a type."""
    modules = {
        prefix: importlib.import_module(module)
        for prefix, module in MODULES.items()
        if module != "recurrent.sklearn" or HAS_SKLEARN
    }
    # a class of two modules is described by the first
    classes: dict[type, str] = {}
    for prefix, module in modules.items():
        for name in _public(module):
            if inspect.isclass(getattr(module, name)):
                classes.setdefault(getattr(module, name), f"{prefix}.{name}")
    return [line for prefix, module in modules.items() for line in _module(prefix, module, classes)]


def _public(module: ModuleType) -> list[str]:
    return getattr(module, "__all__", None) or [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    ]


def _module(prefix: str, module: ModuleType, classes: dict[type, str]) -> Iterator[str]:
    for name in _public(module):
        thing, line = getattr(module, name), f"{prefix}.{name}"
        if inspect.isclass(thing) and classes[thing] != line:
            yield f"{line} is {classes[thing]}"
        elif inspect.isclass(thing):
            yield f"{line} class{_bases(thing, classes)}{_constructor(thing)}"
            yield from _members(line, thing, classes)
        elif inspect.isfunction(thing):
            yield f"{line} {_signature(thing)}"
        elif inspect.ismodule(thing):
            yield f"{line} module"
        elif name == "__version__":
            yield f"{line} str"
        else:
            # repr of a union differs between versions of Python
            yield f"{line} = {_type(thing)}"


def _bases(kind: type, classes: dict[type, str]) -> str:
    names = list(dict.fromkeys(_public_bases(kind, classes)))
    return f" of {', '.join(names)}" if names else ""


def _public_bases(kind: type, classes: dict[type, str]) -> Iterator[str]:
    for base in kind.__bases__:
        if base in classes or not base.__module__.startswith(("recurrent", "typing")):
            if base is not object:
                yield base.__name__
        else:
            yield from _public_bases(base, classes)


def _added(kind: type, classes: dict[type, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes and the hints of a class, without those of bases that have lines of their own."""
    attributes: dict[str, Any] = {}
    hints: dict[str, Any] = {}
    described = {above for base in kind.__mro__[1:] if base in classes for above in base.__mro__}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("recurrent") and base not in described:
            attributes |= vars(base)
            hints |= vars(base).get("__annotations__", {})
    return attributes, hints


def _constructor(kind: type) -> str:
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        fields, defaults = typing.cast(Any, kind)._fields, typing.cast(Any, kind)._field_defaults
        return f" ({', '.join(f + (f' = {_value(defaults[f])}' if f in defaults else '') for f in fields)})"
    own = next((vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)), None)
    # that of a dataclass is in no file
    written = inspect.isfunction(own) and own.__code__.co_filename.startswith((_FOLDER, "<string>"))
    return f" {_signature(own)}".removesuffix(" -> None") if written else ""


def _members(prefix: str, kind: type, classes: dict[type, str]) -> Iterator[str]:
    own, hints = _added(kind, classes)
    for name in sorted({*own, *hints}):
        if name.startswith("_") and not _is_operator(name, own.get(name)):
            continue
        value, line = own.get(name, _EMPTY), f"{prefix}.{name}"
        if isinstance(value, property):
            setter = ", settable" if value.fset else ""
            assert value.fget is not None
            yield f"{line} property {_annotation(inspect.signature(value.fget).return_annotation)}{setter}"
        elif isinstance(value, (classmethod, staticmethod)):
            yield f"{line} {type(value).__name__} {_signature(value.__func__)}"
        elif inspect.isfunction(value):
            yield f"{line} {_signature(value)}"
        elif name in hints:
            yield f"{line} {_annotation(hints[name])}"
        elif type(value).__module__.startswith("recurrent") or inspect.ismemberdescriptor(value):
            yield f"{line} attribute"
        elif type(value).__module__ == "builtins":
            yield f"{line} = {_value(value)}"


def _is_operator(name: str, value: Any) -> bool:
    """Return whether a method is one that an operator or a statement calls, written in the package."""
    others = {"__init__", "__new__", "__post_init__", "__repr__", "__str__", "__setattr__", "__reduce__"}
    written = inspect.isfunction(value) and value.__code__.co_filename.startswith(_FOLDER)
    return written and name.startswith("__") and name not in others | {"__sklearn_tags__"}


def _signature(function: Any) -> str:
    """Return the parameters as the source has them; types are those of the source, unevaluated."""
    parts, kind = [], None
    parameters = list(inspect.signature(function).parameters.values())
    for at, parameter in enumerate(parameters):
        if at == 0 and parameter.name in ("self", "cls"):
            continue
        if kind is parameter.POSITIONAL_ONLY and parameter.kind is not kind:
            parts.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and kind not in (
            parameter.KEYWORD_ONLY,
            parameter.VAR_POSITIONAL,
        ):
            parts.append("*")
        kind = parameter.kind
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(kind, "")
        hint = "" if parameter.annotation is _EMPTY else f": {_annotation(parameter.annotation)}"
        default = "" if parameter.default is _EMPTY else f" = {_value(parameter.default)}"
        parts.append(f"{stars}{parameter.name}{hint}{default}")
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    returned = inspect.signature(function).return_annotation
    return f"({', '.join(parts)})" + ("" if returned is _EMPTY else f" -> {_annotation(returned)}")


def _annotation(hint: Any) -> str:
    return " ".join(hint.split()) if isinstance(hint, str) else _type(hint)


def _type(hint: Any) -> str:
    """Return a type in a form that every version of Python gives."""
    if isinstance(hint, str):
        return repr(hint)
    if isinstance(hint, typing.ForwardRef):
        return hint.__forward_arg__
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is typing.Union or type(hint).__name__ == "UnionType":
        return " | ".join(map(_type, arguments))
    if origin is not None:
        name = getattr(origin, "__name__", str(origin))
        return f"{name}[{', '.join('...' if a is ... else _type(a) for a in arguments)}]"
    if hint is type(None):
        return "None"
    return getattr(hint, "__name__", repr(hint))


def _value(value: Any) -> str:
    """Return a default without addresses."""
    if isinstance(value, enum.Enum):
        return str(value)
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__name__
    if isinstance(value, (bool, int, float, str, bytes, type(None))):
        return repr(value)
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_value, value))
        return f"({inner}{',' * (len(value) == 1)})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, (dict, MappingProxyType)):
        return "{" + ", ".join(f"{_value(k)}: {_value(v)}" for k, v in value.items()) + "}"
    return type(value).__name__
