"""The figures as Markdown tables whose columns are aligned as text too."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare import Bench

# how a competitor is called in tables
TITLES = {
    "ours": "recurrent",
    "one_thread": "one thread",
    "builtin": "built-in",
    "torch": "PyTorch",
    "jax": "JAX",
    "recurrentjs": "RecurrentJS",
}


def report(rows: Sequence[dict[str, Any]]) -> str:
    from workloads import CUSTOM, GENERATION, WORKLOADS

    def of(group: Any) -> list[dict[str, Any]]:
        return [row for row in rows if row["workload"] in group]

    steps, tokens, custom = of(WORKLOADS), of(GENERATION), of(CUSTOM)
    cells = [row for row in rows if row["workload"] not in {*WORKLOADS, *GENERATION, *CUSTOM}]
    parts = []
    if steps:
        parts.append(step_table(steps))
    if tokens:
        parts.append(token_table(tokens))
    if custom:
        parts.append(step_table(custom, first="a Cell"))
    if cells:
        parts.append(grid_table(cells))
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, aligned as text too: the first column to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    cells = [
        [
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths))
        ]
        for line in (lines[0], rule, *lines[1:])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def figure(x: float | None) -> str:
    """Three digits, or as many as the whole part has."""
    if x is None:
        return "-"
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}" if x < 1 else f"{x:#.3g}".rstrip(".")


def _competitors(rows: Sequence[dict[str, Any]], unit: str) -> list[str]:
    return [
        name
        for name in TITLES
        if name != "ours" and any(f"{name}_{unit}" in row and row[f"{name}_{unit}"] for row in rows)
    ]


def step_table(rows: Sequence[dict[str, Any]], first: str = "recurrent") -> str:
    """Milliseconds for a step, spread, ratios, GFLOP/s and share of peak."""
    others = _competitors(rows, "ms")
    head = ["training step", "type", f"{first} ms", "10-90 %"]
    for name in others:
        head += [f"{TITLES[name]} ms", "10-90 %", "ratio"]
    lines = []
    for row in rows:
        line = [row["workload"], row["dtype"], figure(row["ours_ms"]), _spread(row, "ours")]
        for name in others:
            ratio = row.get(f"{name}_ratio")
            line += [
                figure(row.get(f"{name}_ms")),
                _spread(row, name),
                f"{figure(ratio)} x" if ratio else "-",
            ]
        lines.append([*line, figure(row["gflops"]), f"{100 * row['peak_fraction']:.0f} %"])
    return table([*head, "GFLOP/s", "of peak"], lines)


def _spread(row: dict[str, Any], name: str) -> str:
    ends = row.get(f"{name}_ms_10_90")
    return f"{figure(ends[0])}-{figure(ends[1])}" if ends else "-"


def token_table(rows: Sequence[dict[str, Any]]) -> str:
    """Tokens for a second."""
    others = _competitors(rows, "tps")
    head = ["generation", "type", "recurrent tokens/s"]
    for name in others:
        head += [f"{TITLES[name]} tokens/s", "ratio"]
    lines = []
    for row in rows:
        line = [row["workload"], row["dtype"], figure(row["ours_tps"])]
        for name in others:
            line += [figure(row.get(f"{name}_tps")), f"{figure(row.get(f'{name}_ratio'))} x"]
        lines.append(line)
    return table(head, lines)


def grid_table(rows: Sequence[dict[str, Any]]) -> str:
    """For each cell and width the ratio at each batch: against the best peer."""
    best = {(row["cell"], row["hidden"][0], row["B"]): _best(row) for row in rows}
    batches = sorted({B for _, _, B in best})
    lines = []
    for cell, H in dict.fromkeys((cell, H) for cell, H, _ in best):
        lines.append([f"{cell} {H}", *(f"{best[cell, H, B][1]:.2f} x" for B in batches)])
    peers = " and ".join(TITLES[name] for name in _competitors(rows, "ms") if name != "one_thread")
    text = f"Ratio to the best of {peers}, T 32, a step without decoder:\n\n"
    text += table(["cell and width", *(f"batch {B}" for B in batches)], lines)
    behind = [
        f"{cell} {H} x {B} ({peer} {ratio:.2f})" for (cell, H, B), (peer, ratio) in best.items() if ratio < 1
    ]
    return f"{text}\n\nCells below 1: {', '.join(behind) or 'none'}"


def _best(row: dict[str, Any]) -> tuple[str, float]:
    names = [name for name in _competitors([row], "ms") if name != "one_thread"]
    ratio, name = min(((row[f"{name}_ratio"], TITLES[name]) for name in names), default=(math.inf, "no peer"))
    return name, ratio


def machine(bench: Bench) -> str:
    """Returns the machine and the versions of the figures."""
    import importlib.metadata

    import numpy as np

    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):  # noqa: PTH110
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            model = next(
                (line.partition(":")[2].strip() for line in file if line.startswith("model name")), model
            )
    versions = ", ".join(f"{TITLES[name]} {importlib.metadata.version(name)}" for name in bench.peers)
    peak = bench.peak
    return (
        f"{model}, {bench.threads} core{'s' if bench.threads > 1 else ''} pinned, {bench.args.clock} clock; "
        f"Python {platform.python_version()}, "
        f"NumPy {np.__version__}{', ' if versions else ''}{versions}\n"
        f"Peak: {peak.gflops['float32']:.1f} GFLOP/s in float32, {peak.gflops['float64']:.1f} in float64, "
        f"by {peak.source}"
    )
