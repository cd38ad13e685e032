"""Instruction-set levels of x86-64: what each needs, and which ones a CPU has."""

from __future__ import annotations

from pathlib import Path

# the flags of /proc/cpuinfo beyond those of the level before, by the names of the x86-64 psABI
_FLAGS = {
    "x86-64-v2": "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    "x86-64-v3": "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave",
    "x86-64-v4": "avx512bw avx512cd avx512dq avx512f avx512vl",
}
LEVELS = tuple(_FLAGS)
"""The levels, lowest first."""


def cpu_flags() -> frozenset[str] | None:
    """Returns the flags of the CPU as Linux names them; None where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return None


def levels_of(flags: frozenset[str] | None) -> list[str]:
    """Returns the levels that a CPU of these flags has, highest first; none where the flags are unknown."""
    found: list[str] = []
    for level, needed in _FLAGS.items():
        if flags is None or not flags.issuperset(needed.split()):
            break
        found.insert(0, level)
    return found
