"""Tables with a bug that is described: undo it, filter, and compare two statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean, median
from typing import Any

import numpy as np

from gnomon.worlds.logic.family import Facts, Language, Puzzle, first_of, require
from gnomon.worlds.scene import between, pick, shuffled
from gnomon.worlds.world import Posed

Table = list[list[str]]
Broken = tuple[Table, dict[str, Any]]
COLUMNS = ("colour", "city", "price", "stock", "sold", "weight")
COLOURS = ("red", "blue", "green", "grey")
CITIES = ("Oslo", "Lima", "Cairo", "Kyoto")
NUMERIC = range(2, 6)
STATISTICS = ("mean", "sum", "max", "min", "median")
_STATISTICS_ZH = {
    "mean": "平均值",
    "sum": "总和",
    "max": "最大值",
    "min": "最小值",
    "median": "中位数",
}
BUGS = ("error", "merged", "columns", "rows", "row-cells", "column-cells", "nulls")
"""The seven kinds: error cells, merged rows, rotated columns, rotated rows, extra cells in rows,
extra cells in columns, nulls."""

_DESCRIBED = {
    "en": {
        "error": "Some cells read ERROR. Their right values, row by row from left to right: "
        "{values}.",
        "merged": "Some rows were merged with the row below: in each of their cells the upper "
        "value stands before # and the lower one behind it.",
        "columns": "The values of these columns were moved down by {by} rows, the last ones "
        "going to the top: {columns}.",
        "rows": "The cells of these rows (from 1, without the heads) were moved to the right by "
        "{by} cells, the last ones going to the front: {rows}.",
        "row-cells": "Some rows have an extra first cell, so that they are one cell too long.",
        "column-cells": "These columns have an extra cell on top, so that their values stand one "
        "row too low and go on in an additional last row: {columns}.",
        "nulls": "In the column {column} every value {value} was replaced by null.",
    },
    "zh": {
        "error": "有些单元格显示为 ERROR。它们的正确值（逐行、从左到右）为：{values}。",
        "merged": "有些行与下一行合并了：每个单元格中 # 前为上一行的值，# 后为下一行的值。",
        "columns": "以下各列的值整体下移了 {by} 行，末尾的值移到了顶部：{columns}。",
        "rows": "以下各行（从 1 数起，不含表头）的单元格整体右移了 {by} 格，"
        "末尾的移到了最前：{rows}。",
        "row-cells": "有些行的最前面多了一个单元格，因此长出一格。",
        "column-cells": "以下各列的顶部多了一个单元格，因此其值低了一行，"
        "并延伸到额外的最后一行：{columns}。",
        "nulls": "在 {column} 列中，所有等于 {value} 的值都被替换成了 null。",
    },
}


def draw_buggy_tables(
    rng: np.random.Generator, *, rows: int, bug_rate: float, filters: int = 2, bug: str = ""
) -> Puzzle:
    """A table of ``rows`` rows with one of seven bugs (`BUGS`, drawn when not named) in a share
    ``bug_rate`` of it; asked is the absolute difference of two statistics, with two decimals, of
    the rows that pass ``filters`` filters.

    Ties of the third decimal do not come up.
    """
    require(4 <= rows <= 200, f"rows={rows}: use 4 to 200")
    require(0 < bug_rate <= 0.5, f"bug_rate={bug_rate}: use a share above 0 and up to 0.5")
    require(1 <= filters <= 3, f"filters={filters}: use 1 to 3")
    require(bug in ("", *BUGS), f"bug={bug!r}: use one of {', '.join(BUGS)}")
    table = [_row(rng) for _ in range(rows)]

    def ask() -> tuple[list[Any], list[list[Any]], list[list[int]], Fraction] | None:
        wanted: list[Any] = [[pick(rng, STATISTICS), pick(rng, NUMERIC)] for _ in range(2)]
        chosen = _filters(rng, table, filters)
        kept = [row for row in table if all(_passes(row, one) for one in chosen)]
        values = [[int(row[column]) for row in kept] for _, column in wanted]
        gap = abs(_statistic(wanted[0][0], values[0]) - _statistic(wanted[1][0], values[1]))
        if wanted[0] == wanted[1] or (gap * 100) % 1 == Fraction(1, 2) or len(kept) < 2:
            return None
        return wanted, chosen, values, gap

    wanted, chosen, values, gap = first_of(ask, f"question on {rows} rows")
    kind = bug or pick(rng, BUGS)
    shown, details = _broken(rng, table, kind, bug_rate)
    answer = _two_decimals(gap)
    lists = " ".join(
        f"{name} of {COLUMNS[column]} {', '.join(map(str, numbers))}: "
        f"{_two_decimals(_statistic(name, numbers))}."
        for (name, column), numbers in zip(wanted, values, strict=True)
    )
    more = {"bug": kind, "details": details, "wanted": wanted, "filters": chosen, "table": shown}
    thought = f"{len(values[0])} rows stay. {lists} Difference {answer}."
    key = f"{shown} {kind} {wanted} {chosen}"
    return Puzzle({}, answer, answer, key, rows * (1 + bug_rate), thought, more)


def _row(rng: np.random.Generator) -> list[str]:
    numbers = [str(between(rng, 1, 99)) for _ in NUMERIC]
    return [pick(rng, COLOURS), pick(rng, CITIES), *numbers]


def _filters(rng: np.random.Generator, table: Table, count: int) -> list[list[Any]]:
    """Filters on different columns that a row of the table passes."""
    row = pick(rng, table)
    chosen: list[list[Any]] = []
    for column in shuffled(rng, range(len(COLUMNS)))[:count]:
        if column < 2:
            others = [one for one in (COLOURS, CITIES)[column] if one != row[column]]
            chosen.append([column, "not", pick(rng, others)])
        else:
            value, sign = int(row[column]), pick(rng, "<>")
            bound = between(rng, value + 1, 100) if sign == "<" else between(rng, 0, value - 1)
            chosen.append([column, sign, str(bound)])
    return chosen


def _passes(row: list[str], one: list[Any]) -> bool:
    column, sign, bound = one
    if sign == "not":
        return bool(row[column] != bound)
    return int(row[column]) < int(bound) if sign == "<" else int(row[column]) > int(bound)


def _statistic(name: str, values: list[int]) -> Fraction:
    if not values:
        return Fraction(0)
    ordered = sorted(values)
    middle = ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
    results = {
        "mean": Fraction(sum(values), len(values)),
        "sum": Fraction(sum(values)),
        "max": Fraction(ordered[-1]),
        "min": Fraction(ordered[0]),
        "median": Fraction(middle, 2),
    }
    return results[name]


def _two_decimals(value: Fraction) -> str:
    cents = (value * 200 + 1) // 2
    return f"{cents // 100}.{cents % 100:02d}"


@dataclass(frozen=True)
class _Hurt:
    """Where a bug strikes: rows, numeric columns, and by how far it moves cells."""

    rows: list[int]
    columns: list[int]
    by: int


def _broken(rng: np.random.Generator, table: Table, kind: str, rate: float) -> Broken:
    """The table with the bug, and what its description names."""
    rows = sorted(shuffled(rng, range(len(table)))[: max(1, round(rate * len(table)))])
    columns = sorted(shuffled(rng, NUMERIC)[: max(1, round(rate * len(COLUMNS)))])
    hurt = _Hurt(rows, columns, between(rng, 1, 3))
    return _BREAKS[kind](rng, [list(row) for row in table], hurt)


def _break_error(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    cells = [(row, between(rng, 2, 5)) for row in hurt.rows]
    values = [table[row][column] for row, column in cells]
    for row, column in cells:
        table[row][column] = "ERROR"
    return table, {"values": ", ".join(values)}


def _break_merged(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    return _merged(table, set(hurt.rows)), {}


def _break_columns(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    for column in hurt.columns:
        values = [row[column] for row in table]
        for place, value in enumerate(values):
            table[(place + hurt.by) % len(table)][column] = value
    return table, {"by": hurt.by, "columns": _named(hurt.columns)}


def _break_rows(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    for row in hurt.rows:
        table[row] = table[row][-hurt.by :] + table[row][: -hurt.by]
    return table, {"by": hurt.by, "rows": ", ".join(str(row + 1) for row in hurt.rows)}


def _break_row_cells(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    for row in hurt.rows:
        table[row].insert(0, str(between(rng, 1, 99)))
    return table, {}


def _break_column_cells(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    table.append([""] * len(COLUMNS))
    for column in hurt.columns:
        values = [str(between(rng, 1, 99)), *(row[column] for row in table[:-1])]
        for row, value in zip(table, values, strict=True):
            row[column] = value
    return table, {"columns": _named(hurt.columns)}


def _break_nulls(rng: np.random.Generator, table: Table, hurt: _Hurt) -> Broken:
    column = hurt.columns[0]
    value = table[hurt.rows[0]][column]
    for row in table:
        row[column] = "null" if row[column] == value else row[column]
    return table, {"column": COLUMNS[column], "value": value}


_BREAKS: dict[str, Callable[[np.random.Generator, Table, _Hurt], Broken]] = {
    "error": _break_error,
    "merged": _break_merged,
    "columns": _break_columns,
    "rows": _break_rows,
    "row-cells": _break_row_cells,
    "column-cells": _break_column_cells,
    "nulls": _break_nulls,
}


def _merged(table: Table, rows: set[int]) -> Table:
    merged: Table = []
    place = 0
    while place < len(table):
        if place in rows and place + 1 < len(table):
            pairs = zip(table[place], table[place + 1], strict=True)
            merged.append([f"{upper}#{lower}" for upper, lower in pairs])
            place += 2
        else:
            merged.append(table[place])
            place += 1
    return merged


def _named(columns: list[int]) -> str:
    return ", ".join(COLUMNS[column] for column in columns)


def tell_buggy_tables(facts: Facts, language: Language) -> dict[str, str]:
    """The table, the bug, and what is asked."""
    rows = [" | ".join(row) for row in (COLUMNS, *facts["table"])]
    bug = _DESCRIBED[language][facts["bug"]].format(**facts["details"])
    names = {"en": {"not": "is not", "<": "is below", ">": "is above"},
             "zh": {"not": "不等于", "<": "小于", ">": "大于"}}[language]  # fmt: skip
    told = [f"{COLUMNS[column]} {names[sign]} {bound}" for column, sign, bound in facts["filters"]]
    wanted = [
        f"{COLUMNS[column]} 的{_STATISTICS_ZH[name]}"
        if language == "zh"
        else f"the {name} of {COLUMNS[column]}"
        for name, column in facts["wanted"]
    ]
    return {
        "puzzle": "\n".join([*rows, "", bug]),
        "filters": "，且 ".join(told) if language == "zh" else " and ".join(told),
        "one": wanted[0],
        "other": wanted[1],
    }


def confirm_buggy_tables(posed: Posed) -> bool:
    """The table read from the text and mended; floats and the library's median."""
    lines = posed.text.split("\n")
    start = lines.index(" | ".join(COLUMNS)) + 1
    table = [line.split(" | ") for line in lines[start : lines.index("", start)]]
    facts = posed.facts
    table = _MENDED[facts["bug"]](table, facts["details"])
    kept = [row for row in table if all(_passes(row, one) for one in facts["filters"])]
    tools: dict[str, Callable[[list[float]], float]] = {
        "mean": mean,
        "sum": sum,
        "max": max,
        "min": min,
        "median": median,
    }
    results = [
        tools[name]([float(row[column]) for row in kept]) for name, column in facts["wanted"]
    ]
    return abs(float(posed.answer_text) - abs(results[0] - results[1])) < 0.00501


def _refilled(table: Table, details: Mapping[str, Any]) -> Table:
    values = iter(details["values"].split(", "))
    return [[next(values) if cell == "ERROR" else cell for cell in row] for row in table]


def _turned_back(table: Table, details: Mapping[str, Any]) -> Table:
    by, broken = details["by"], set(map(int, details["rows"].split(", ")))
    return [row[by:] + row[:by] if k in broken else row for k, row in enumerate(table, 1)]


def _moved_up(table: Table, details: Mapping[str, Any]) -> Table:
    columns = [list(column) for column in zip(*table, strict=True)]
    by = details.get("by", 1)
    for place, name in enumerate(COLUMNS):
        if name in details["columns"].split(", "):
            columns[place] = columns[place][by:] + columns[place][:by]
    return [list(row) for row in zip(*columns, strict=True)]


_MENDED: dict[str, Callable[[Table, Mapping[str, Any]], Table]] = {
    "error": _refilled,
    "merged": lambda table, details: [
        [cell.split("#")[k] for cell in row] for row in table for k in range(1 + ("#" in row[0]))
    ],
    "columns": _moved_up,
    "rows": _turned_back,
    "row-cells": lambda table, details: [row[-len(COLUMNS) :] for row in table],
    "column-cells": lambda table, details: _moved_up(table, details)[:-1],
    "nulls": lambda table, details: [
        [details["value"] if cell == "null" else cell for cell in row] for row in table
    ],
}
"""How each bug is undone from its description."""
