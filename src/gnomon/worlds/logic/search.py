"""A small search over sudoku grids."""

from __future__ import annotations

from collections.abc import Sequence

_CELLS = [(row, column) for row in range(9) for column in range(9)]


def completions(grid: Sequence[Sequence[int]], limit: int) -> list[list[list[int]]]:
    """Up to ``limit`` solutions of a 9 x 9 sudoku, 0 for empty; the cell of fewest digits first."""
    rows, columns, boxes = [0] * 9, [0] * 9, [0] * 9
    filled = [list(row) for row in grid]
    empty = []
    for row, column in _CELLS:
        digit = filled[row][column]
        if digit:
            _flip(rows, columns, boxes, row, column, digit)
        else:
            empty.append((row, column))
    found: list[list[list[int]]] = []
    _search(filled, empty, (rows, columns, boxes), limit, found)
    return found


def _flip(
    rows: list[int], columns: list[int], boxes: list[int], row: int, column: int, digit: int
) -> None:
    rows[row] ^= 1 << digit
    columns[column] ^= 1 << digit
    boxes[row // 3 * 3 + column // 3] ^= 1 << digit


def _search(
    filled: list[list[int]],
    empty: list[tuple[int, int]],
    used: tuple[list[int], list[int], list[int]],
    limit: int,
    found: list[list[list[int]]],
) -> None:
    if not empty:
        found.append([list(row) for row in filled])
        return
    rows, columns, boxes = used
    best, place, options = 10, 0, 0
    for index, (row, column) in enumerate(empty):
        free = ~(rows[row] | columns[column] | boxes[row // 3 * 3 + column // 3]) & 0b1111111110
        if free.bit_count() < best:
            best, place, options = free.bit_count(), index, free
            if best <= 1:
                break
    row, column = empty.pop(place)
    for digit in range(1, 10):
        if options >> digit & 1 and len(found) < limit:
            _flip(*used, row, column, digit)
            filled[row][column] = digit
            _search(filled, empty, used, limit, found)
            _flip(*used, row, column, digit)
    filled[row][column] = 0
    empty.insert(place, (row, column))
