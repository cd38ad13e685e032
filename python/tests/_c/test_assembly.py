"""The machine code of the hot loops, read from the built library."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from bisect import bisect_left
from typing import NamedTuple

import pytest

from recurrent._c import lib

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86-64 code"),
    pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump is not installed (package binutils)"),
]

INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)")
LONGEST = 600
# products in an LSTM's gates
MOST = {"ps": 30, "pd": 50}


class Loop(NamedTuple):
    """An innermost loop: from the target of a jump back to the jump."""

    address: int
    products: int
    """Fused multiply-adds of whole registers, each way round."""
    type: str
    """ps or pd: floats or doubles."""
    columns: int
    """Numbers of other matrices that are spread over a register: what a product of matrices does."""
    divisions: int
    calls: int
    stack: int
    """Vectors that go to the stack and back: spills."""


def loops(listing: str) -> list[Loop]:
    """The innermost loops with vector products in them."""
    code = [(int(m[1], 16), m[2], m[3]) for m in map(INSTRUCTION.match, listing.splitlines()) if m]
    at = {address: i for i, (address, _, _) in enumerate(code)}
    jumps = [
        (i, at[int(target[1], 16)])
        for i, (_, name, where) in enumerate(code)
        if name.startswith("j")
        and (target := re.match(r"([0-9a-f]+) ", where))
        and i - LONGEST < at.get(int(target[1], 16), i + 1) <= i
    ]
    ends = [end for end, _ in jumps]
    found = []
    for end, start in jumps:
        # a loop within this one ends within it
        if any(start <= s for _, s in jumps[bisect_left(ends, start) : bisect_left(ends, end)]):
            continue
        body = code[start : end + 1]
        products = [name for _, name, where in body if name.startswith("vfmadd") and "%ymm" in where]
        if not products:
            continue
        found.append(
            Loop(
                code[start][0],
                len(products),
                products[0][-2:],
                sum(
                    name.startswith("vbroadcast") and "(%r" in where and "%rip" not in where
                    for _, name, where in body
                ),
                sum(name.startswith("vdiv") for _, name, _ in body),
                sum(name == "call" for _, name, _ in body),
                sum("mm" in where and ("(%rsp" in where or "(%rbp" in where) for _, _, where in body),
            )
        )
    return found


@pytest.fixture(scope="module")
def hot() -> list[Loop]:
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", lib._name], check=True, capture_output=True, text=True
    )
    return loops(listing.stdout)


@pytest.mark.parametrize("type_", ["ps", "pd"])
def test_tiles_have_neither_spills_nor_calls(hot: list[Loop], type_: str) -> None:
    products = [loop for loop in hot if loop.type == type_ and loop.columns and loop.products >= 12]
    # tiles have twelve sums: three columns and four registers, once or twice a turn
    assert sum((loop.products, loop.columns) in ((12, 3), (24, 6)) for loop in products) >= 3
    assert [loop for loop in products if loop.calls or loop.stack] == []


@pytest.mark.parametrize("type_", ["ps", "pd"])
def test_an_lstms_gates_call_nothing(hot: list[Loop], type_: str) -> None:
    # four exponentials by one division: more products than any other loop with one
    gates = [
        loop for loop in hot if loop.type == type_ and loop.divisions == 1 and loop.products >= MOST[type_]
    ]
    assert gates
    assert all(loop.calls == 0 for loop in gates)


def test_the_reader_sees_spills_and_calls() -> None:
    listing = """
  10: vfmadd231ps %ymm1,%ymm2,%ymm3
  14: vmovaps %ymm3,0x40(%rsp)
  18: call 99 <f>
  1c: dec %rax
  1f: jne 10 <g>
"""
    assert loops(listing) == [Loop(0x10, 1, "ps", 0, 0, 1, 1)]
