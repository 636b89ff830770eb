"""Text and numbers for a reader: nothing invisible, nothing endless, no false precision."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

CLIP_HEAD, CLIP_TAIL = 12_000, 4_000
"""Characters kept of a long text, at its start and at its end, where the answer stands (ours)."""

NOTHING = "–"

# Controls, bidirectional overrides, zero-width marks, lone surrogates, non-characters, tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""``text`` with every character that hides or reorders text shown by its name (ours).

    C0 controls become their pictures, others ``⟨U+202E⟩``; newlines and tabs stay, ``\r\n`` is a
    newline.
    The result can be encoded as UTF-8 whatever the input held.

    >>> visible("a\x00b\x1b[31m \u202eabc")
    'a␀b␛[31m ⟨U+202E⟩abc'
    """
    return _HIDDEN.sub(_show, text.replace("\r\n", "\n"))


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def clip(text: str, head: int = CLIP_HEAD, tail: int = CLIP_TAIL) -> str:
    """``text``, or its start and end with a note about how many characters were left out between.

    >>> clip("a" * 50 + "b" * 50, head=2, tail=3)
    'aa\\n… 95 characters left out …\\nbbb'
    """
    left_out = len(text) - head - tail
    if left_out <= 0:
        return text
    return f"{text[:head]}\n… {left_out:,} characters left out …\n{text[len(text) - tail :]}"


def readable(value: Any) -> Any:
    """``value`` ready for JSON: texts `visible` and clipped, numbers that are not finite None."""
    if isinstance(value, str):
        return visible(clip(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {visible(str(key)): readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [readable(item) for item in value]
    return value


def finite(value: Any) -> float | None:
    """``value`` as a float if it is a finite number, None for all else, booleans included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def number(value: Any) -> str:
    """Three significant digits, or all of a large number; a dash for what is no finite number.

    >>> number(0.123456), number(12345.6), number(0), number(2e-6), number(None)
    ('0.123', '12,346', '0', '2e-06', '–')
    """
    found = finite(value)
    if found is None:
        return NOTHING
    return f"{found:,.0f}" if abs(found) >= 1000 else f"{found:.3g}"


def percent(share: Any, digits: int = 1) -> str:
    """A share as percent, without the sign.

    >>> percent(0.12345), percent(None)
    ('12.3', '–')
    """
    found = finite(share)
    return NOTHING if found is None else f"{100 * found:.{digits}f}"


def points(change: Any) -> str:
    """A change of a share in percentage points, with its sign.

    >>> points(0.0512), points(-0.1), points(0.0)
    ('+5.1', '−10.0', '0.0')
    """
    found = finite(change)
    if found is None:
        return NOTHING
    shown = f"{abs(100 * found):.1f}"
    return shown if float(shown) == 0 else ("+" if found > 0 else "−") + shown


def duration(seconds: Any) -> str:
    """Seconds in the two largest units that matter.

    >>> duration(3.25), duration(75), duration(7380), duration(200_000)
    ('3.2 s', '1 min 15 s', '2 h 03 min', '2 d 07 h')
    """
    found = finite(seconds)
    if found is None:
        return NOTHING
    if found < 60:
        return f"{found:.1f} s"
    whole = round(found)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"
