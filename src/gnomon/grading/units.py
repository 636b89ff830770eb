"""Quantities: a number with a unit, as an exact multiple of base units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from gnomon.grading.extract import read_fraction

MAX_CHARS = 200
"""A longer text is no quantity (ours)."""

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Quantity:
    """``value`` in ``unit``; ``factor`` turns it into base units, ``dimension`` is their powers."""

    value: Fraction
    factor: Fraction
    dimension: Dimension
    unit: str


_PLAIN: dict[str, tuple[str, dict[str, int]]] = {
    # unit: factor, powers of the base units g, m, s, A, K, mol, cd, degree, degC and currencies
    "m": ("1", {"m": 1}), "g": ("1", {"g": 1}), "s": ("1", {"s": 1}), "A": ("1", {"A": 1}),
    "K": ("1", {"K": 1}), "mol": ("1", {"mol": 1}), "cd": ("1", {"cd": 1}),
    "N": ("1000", {"g": 1, "m": 1, "s": -2}), "J": ("1000", {"g": 1, "m": 2, "s": -2}),
    "W": ("1000", {"g": 1, "m": 2, "s": -3}), "Pa": ("1000", {"g": 1, "m": -1, "s": -2}),
    "V": ("1000", {"g": 1, "m": 2, "s": -3, "A": -1}), "C": ("1", {"A": 1, "s": 1}),
    "Ω": ("1000", {"g": 1, "m": 2, "s": -3, "A": -2}), "Hz": ("1", {"s": -1}),
    "F": ("1/1000", {"g": -1, "m": -2, "s": 4, "A": 2}), "T": ("1000", {"g": 1, "s": -2, "A": -1}),
    "L": ("1/1000", {"m": 3}), "l": ("1/1000", {"m": 3}), "t": ("1000000", {"g": 1}),
    "eV": ("1.602176634e-16", {"g": 1, "m": 2, "s": -2}),
    "cal": ("4184", {"g": 1, "m": 2, "s": -2}),
}  # fmt: skip
_FIXED: dict[str, tuple[str, dict[str, int]]] = {
    "min": ("60", {"s": 1}), "h": ("3600", {"s": 1}), "hr": ("3600", {"s": 1}),
    "day": ("86400", {"s": 1}), "week": ("604800", {"s": 1}), "inch": ("0.0254", {"m": 1}),
    "in": ("0.0254", {"m": 1}), "ft": ("0.3048", {"m": 1}), "foot": ("0.3048", {"m": 1}),
    "feet": ("0.3048", {"m": 1}), "yd": ("0.9144", {"m": 1}), "yard": ("0.9144", {"m": 1}),
    "mi": ("1609.344", {"m": 1}), "mile": ("1609.344", {"m": 1}), "lb": ("453.59237", {"g": 1}),
    "oz": ("28.349523125", {"g": 1}), "ha": ("10000", {"m": 2}),
    "mph": ("0.44704", {"m": 1, "s": -1}),
    "kph": ("5/18", {"m": 1, "s": -1}), "bar": ("100000000", {"g": 1, "m": -1, "s": -2}),
    "atm": ("101325000", {"g": 1, "m": -1, "s": -2}), "%": ("1/100", {}), "percent": ("1/100", {}),
    "°": ("1", {"degree": 1}), "degree": ("1", {"degree": 1}), "°C": ("1", {"degC": 1}),
    "°F": ("1", {"degF": 1}), "$": ("1", {"$": 1}), "€": ("1", {"€": 1}), "£": ("1", {"£": 1}),
    "dollar": ("1", {"$": 1}), "euro": ("1", {"€": 1}), "pound": ("1", {"£": 1}),
}  # fmt: skip
_WORDS = {
    "meter": "m", "metre": "m", "gram": "g", "second": "s", "sec": "s", "minute": "min",
    "hour": "h", "joule": "J", "newton": "N", "watt": "W", "volt": "V", "pascal": "Pa",
    "ohm": "Ω", "hertz": "Hz", "liter": "L", "litre": "L", "ampere": "A", "kelvin": "K",
    "tonne": "t", "ton": "t", "calorie": "cal",
}  # fmt: skip
_PREFIXES = {
    "k": "1000", "M": "1000000", "G": "1000000000", "c": "1/100", "m": "1/1000", "d": "1/10",
    "µ": "1e-6", "μ": "1e-6", "u": "1e-6", "n": "1e-9", "p": "1e-12",
    "kilo": "1000", "mega": "1000000", "centi": "1/100", "milli": "1/1000", "micro": "1e-6",
    "nano": "1e-9",
}  # fmt: skip
_LATEX = re.compile(r"\\(?:text|mathrm|mbox|,|!|;|quad) ?|[{}]")
_SPLIT = re.compile(
    r"(?P<number>[-+]?[0-9][0-9.,]*(?: ?/ ?[0-9]+)?(?:e[-+]?[0-9]{1,3})?)(?P<unit>.*)"
)
_MONEY = re.compile(r"(?P<unit>[$€£])(?P<number>.*)")
_PIECE = re.compile(r"(?P<name>[A-Za-zµμΩ°%$€£]+)(?:\^?(?P<power>-?[1-9]))?")
_PRODUCT = re.compile(r" ?[·*⋅×] ?| ")
_SQUARE = re.compile(r"\b(square|cubic) (\w+)")


def read_quantity(text: str) -> Quantity | None:
    r"""A number with a unit (or none), the whole text, or None.

    Units are SI with prefixes, products and quotients of them (``m/s^2``, ``kg·m``), common
    customary ones, percent and currencies. A trailing full stop, dollar signs of mathematics and
    ``\text{}`` are dropped. None for an unknown unit, several numbers, and text over `MAX_CHARS`.

    >>> read_quantity("4.9 kJ").factor, read_quantity("about 5 m")
    (Fraction(1000000, 1), None)
    """
    if len(text) > MAX_CHARS:
        return None
    plain = _LATEX.sub("", text.strip().removesuffix(".").replace(r"\%", "%"))
    plain = plain.replace("−", "-").replace(r"\$", "$").replace(r"\cdot", "·").strip()
    if plain.startswith("$") and plain.endswith("$"):
        plain = plain.strip("$ ")
    match = _MONEY.fullmatch(plain) or _SPLIT.fullmatch(plain)
    value = read_fraction(match["number"].strip()) if match is not None else None
    if match is None or value is None:
        return None
    unit = match["unit"].strip()
    measure = _measure(unit)
    return None if measure is None else Quantity(value, *measure, unit)


def _measure(unit: str) -> tuple[Fraction, Dimension] | None:
    factor, powers = Fraction(1), dict[str, int]()
    unit = _SQUARE.sub(lambda m: f"{m[2]}^{2 if m[1] == 'square' else 3}", unit)
    unit = unit.replace("²", "^2").replace("³", "^3").replace(" per ", "/")
    for number, part in enumerate(unit.split("/") if unit else []):
        for piece in _PRODUCT.split(part.strip().strip("()")):
            match = _PIECE.fullmatch(piece)
            known = _unit(match["name"]) if match is not None else None
            if match is None or known is None:
                return None
            power = int(match["power"] or 1) * (1 if number == 0 else -1)
            factor *= known[0] ** power
            for base, exponent in known[1].items():
                powers[base] = powers.get(base, 0) + exponent * power
    return factor, tuple(sorted((base, power) for base, power in powers.items() if power))


def _unit(name: str) -> tuple[Fraction, dict[str, int]] | None:
    for spelling in (name, name.removesuffix("s"), name.removesuffix("es"), name.lower()):
        known = _simple_unit(spelling)
        if known is not None:
            return known
    return None


def _simple_unit(name: str) -> tuple[Fraction, dict[str, int]] | None:
    name = _WORDS.get(name, name)
    known = _FIXED.get(name) or _PLAIN.get(name)
    if known is not None:
        return Fraction(known[0]), known[1]
    for prefix, size in _PREFIXES.items():
        rest = name[len(prefix) :]
        base = _PLAIN.get(_WORDS.get(rest, rest)) if name.startswith(prefix) else None
        if base is not None:
            return Fraction(size) * Fraction(base[0]), base[1]
    return None
