"""Parameter groups: factors of the learning rate and of weight decay by the names of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._checks import as_rate, as_text

Groups = Mapping[str, Mapping[str, float]]
_FACTORS = ("learning_rate", "weight_decay")


def as_groups(groups: Any) -> dict[str, dict[str, float]]:
    """Returns factors by pattern as the library's settings hold them; None for none."""
    if groups is None:
        return {}
    if not isinstance(groups, Mapping):
        raise TypeError(
            f"groups has the wrong type; expected a mapping of patterns to factors, got {type(groups).__name__}"
        )
    found: dict[str, dict[str, float]] = {}
    for pattern, factors in groups.items():
        label = f"groups[{pattern!r}]"
        as_text(pattern, "a pattern in groups")
        if not isinstance(factors, Mapping):
            raise TypeError(
                f"{label} has the wrong type; expected a mapping of factors, got {type(factors).__name__}"
            )
        for name in factors:
            if name not in _FACTORS:
                raise ValueError(
                    f"{label} has an unknown factor; expected learning_rate or weight_decay, got {name!r}"
                )
        found[pattern] = {name: as_rate(factor, f"{label}[{name!r}]") for name, factor in factors.items()}
    return found
