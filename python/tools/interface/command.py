"""The commands of ``recurrent``, each with its flags."""

from __future__ import annotations

from typing import Any

from recurrent.cli import arguments, demo


def lines() -> list[str]:
    """Return a line for each command, and for each flag with its values and its default."""
    tables: dict[str, Any] = {job: {**arguments._TABLES.get(job, {})} for job in arguments._HELP}
    tables["demo"] = {"": demo._FLAGS}
    found = []
    for job, table in tables.items():
        found.append(f"recurrent-{job} command")
        for flags in (*table.values(), arguments._OUTPUT if job != "demo" else ()):
            found += [f"recurrent-{job}.{flag.names[0]} {_flag(flag, job)}" for flag in flags]
    return list(dict.fromkeys(found))


def _flag(flag: Any, job: str) -> str:
    settings = flag.settings
    # those of train that are set after the flags are known
    late = (
        {**arguments._ARCHITECTURE, **arguments._SCHEDULE, "epochs": arguments.EPOCHS}
        if job == "train"
        else {}
    )
    default = settings.get("default", None)
    if default is None:
        default = late.get(flag.names[0].strip("-").replace("-", "_"))
    aliases = ", ".join(flag.names[1:])
    kinds = {"store_true": "switch", "store_const": "switch", "append": "value, several"}
    values = settings.get("choices")
    words = [
        "argument" if not flag.names[0].startswith("-") else kinds.get(settings.get("action"), "value"),
        f"or {aliases}" if aliases else "",
        f"nargs {settings['nargs']}" if settings.get("nargs") else "",
        f"{{{', '.join(map(str, values))}}}" if values else settings.get("metavar") or "",
        f"= {default!r}" if default is not None else "",
    ]
    return " ".join(filter(None, words))
