"""The numbers of a Mat as NumPy writes them, and as an HTML table.

Reading them changes nothing: values are copied, so that only the operations that they depend on are evaluated.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

# the rows and columns of an HTML table around a gap
_CELLS = 12
_STYLE = """\
.recurrent-mat table{border-collapse:collapse;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;margin:.3em 0}
.recurrent-mat td{text-align:right;padding:0 .6em;border:1px solid #8883}
.recurrent-mat p{margin:.2em 0;font:13px/1.5 system-ui,sans-serif;opacity:.75}
"""


class _Mat(Protocol):
    """What is read of a Mat."""

    @property
    def n(self) -> int: ...
    @property
    def d(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def dw(self) -> npt.NDArray[Any]: ...
    def copy(self) -> Any: ...
    def view(self, row: int, column: int, n: int, d: int) -> Any: ...


class Numbers(NamedTuple):
    """The values of a Mat and its gradients: all, or the first and the last rows and columns around a gap."""

    w: npt.NDArray[Any]
    dw: npt.NDArray[Any] | None
    """None where all gradients of the Mat are 0."""
    row: int | None
    """The index of the row that stands for those left out; None where no row is left out."""
    column: int | None
    """The index of the column that stands for those left out."""


def numbers(mat: _Mat, edge: int | None = None) -> Numbers:
    """Returns the numbers of a Mat; of a side of more than ``2 * edge`` the first and the last ``edge``."""
    n, d = mat.n, mat.d
    rows, columns = _sides(n, edge), _sides(d, edge)
    shape = sum(count for _, _, count in rows), sum(count for _, _, count in columns)
    # the numbers of a gap are not shown
    gaps = shape[0] < n, shape[1] < d
    w = np.zeros((shape[0] + gaps[0], shape[1] + gaps[1]), mat.dtype)
    gradients = mat.dw
    dw = np.zeros_like(w) if gradients.any() else None
    for row, to_row, height in rows:
        for column, to_column, width in columns:
            place = slice(to_row, to_row + height), slice(to_column, to_column + width)
            w[place] = mat.view(row, column, height, width).copy().w
            if dw is not None:
                dw[place] = gradients[row : row + height, column : column + width]
    return Numbers(w, dw, edge if gaps[0] else None, edge if gaps[1] else None)


def _sides(count: int, edge: int | None) -> list[tuple[int, int, int]]:
    """Returns the parts of a side that are shown: the first index, its place, and how many."""
    if edge is None or count <= 2 * edge:
        return [(0, 0, count)]
    return [(0, 0, edge), (count - edge, edge + 1, edge)]


def text(mat: _Mat) -> str:
    """Returns ``Mat([[...]], dtype=float32)``, with the gradients below the values where one is not 0."""
    size = "<Mat"
    try:
        size = f"<Mat {mat.n} x {mat.d} {mat.dtype}"
        options: Any = np.get_printoptions()
        edge = max(1, options["edgeitems"]) if mat.n * mat.d > options["threshold"] else None
        found = numbers(mat, edge)
        # NumPy formats the first and the last elements of an array that it shortens, and those alone
        settings: dict[str, Any] = {"threshold": -1 if edge else mat.n * mat.d, "edgeitems": edge or 3}
        body = f"Mat({_array(found.w, 'Mat(', settings)}"
        if found.dw is not None:
            body += f",\n dw={_array(found.dw, ' dw=', settings)}"
        shape = f", shape=({mat.n}, {mat.d})" if edge else ""
        return f"{body}{shape}, dtype={mat.dtype})"
    except Exception as error:
        return f"{size}, {_state(error)}>"


def _array(values: npt.NDArray[Any], prefix: str, settings: dict[str, Any]) -> str:
    return np.array2string(values, separator=", ", prefix=prefix, suffix=")", **settings)


def _state(error: Exception) -> str:
    """Returns why a Mat has no numbers to show."""
    words = str(error)
    if "being recorded" in words:
        return "of a step"
    if words.startswith("Mat is invalid"):
        return "stale"
    return "in use by another thread" if "another thread" in words else "unreadable"


def page(mat: _Mat) -> str:
    """Returns the numbers of a Mat as an HTML table, shortened beyond 13 rows or columns."""
    try:
        # a gap is as large as one row
        edge = _CELLS // 2 if max(mat.n, mat.d) > _CELLS + 1 else None
        found = numbers(mat, edge)
        tables = f"<p>Mat {mat.n} × {mat.d} {mat.dtype}</p>{_table(found.w, found)}"
        if found.dw is not None:
            tables += f"<p>gradient</p>{_table(found.dw, found)}"
        return f'<div class="recurrent-mat"><style>{_STYLE}</style>{tables}</div>'
    except Exception:
        return f"<pre>{html.escape(repr(mat))}</pre>"


def _table(values: npt.NDArray[Any], found: Numbers) -> str:
    rows = []
    for i, row in enumerate(values):
        cells = ["…" if found.row == i or found.column == j else short(x) for j, x in enumerate(row)]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def short(value: Any) -> str:
    """Returns a number in four significant digits."""
    return f"{float(value):.4g}".replace("-", "−")
