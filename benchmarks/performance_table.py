"""Write the table of docs/performance.md from benchmarks/results/cpu.json.

python benchmarks/performance_table.py
"""

from __future__ import annotations

from typing import Any

from items import ITEMS, Item
from step import ROOT, stored

PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def row(item: Item, found: dict[str, Any] | None) -> str:
    wanted = [] if item.target is None else [f"{item.target:g}x"]
    wanted += [] if item.most is None else [f"at most {item.most:g} {item.unit}"]
    target = ", ".join(wanted)
    if found is None:
        return f"| {item.says} | not measured | | | | {target} | |"
    values = (f"{found[side]:,.3g} {item.unit}" for side in ("ours", "peer"))
    return (
        f"| {item.says} | {' | '.join(values)} | {found['ratio_min']:.2f}x | {found['ratio_median']:.2f}x "
        f"| {target} | {found['pairs']} |"
    )


def table() -> str:
    """The results as Markdown, an item a row, and what they were measured on."""
    found = stored()
    lines = [
        "| what | ours | peer | ratio of the best | median of pairs | target | pairs |",
        "|---" * 7 + "|",
    ]
    lines += [row(item, found.get(item.name)) for item in ITEMS]
    places = sorted({f"{one['machine']}, commit {one['commit']}" for one in found.values()})
    return "\n".join([*lines, *(f"\nMeasured on {place}." for place in places)])


def main() -> None:
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
