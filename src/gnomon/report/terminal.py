"""What reaches a terminal: text of any origin made safe, and seconds as a clock shows them."""

from __future__ import annotations

import re

from rich.console import Console
from rich.text import Text

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def safe_text(text: str) -> str:
    r"""``text`` without anything that a terminal would obey instead of show.

    Removes escape sequences (colours, cursor moves, window titles, links, clipboard), all other
    control characters but line break and tab, marks that reverse the direction of writing, and lone
    surrogates. An escape sequence that does not close loses its escape character only. Linear time.
    Source: ours.

    >>> safe_text("a\x1b[31mb\x07\n")
    'ab\n'
    """
    return _CONTROLS.sub("", _SEQUENCES.sub("", text))


def show(console: Console, text: str, style: str = "") -> None:
    """Print text of any origin as it is: made safe, without markup, lines not folded."""
    console.print(Text(safe_text(text), style=style), soft_wrap=True)


def duration(seconds: float) -> str:
    """Seconds as a person reads them.

    >>> duration(3.21), duration(75), duration(3725)
    ('3.2 s', '1:15', '1:02:05')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
