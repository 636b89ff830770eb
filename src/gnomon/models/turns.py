"""Whether a chat template renders every turn by itself, so that beginnings need no rendering anew.

The beginnings of a conversation of n turns hold n squared turns. Most templates look at what comes
before or after a turn, and only rendering tells what they make of a beginning; of the plainest
kind, one loop over the messages and a closing for the answer, it can be read off the text.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

PLAIN = (
    nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Name, nodes.Getattr,
    nodes.Getitem, nodes.Const, nodes.Compare, nodes.Operand, nodes.Test, nodes.Not, nodes.And,
    nodes.Or,
)  # fmt: skip
"""What a turn may be rendered by: nothing that is called, and nothing that is kept for later."""


def renders_by_turn(processor: Any) -> bool:
    """Whether the text of a conversation is that of its messages, one behind the other.

    Then the text with the opening of an answer has one constant more at its end. False is always
    safe: it says that this could not be seen.
    """
    template = getattr(processor, "chat_template", None)
    return isinstance(template, str) and _is_plain(processor) and _is_by_turn(template)


def _is_plain(processor: Any) -> bool:
    """Whether a processor hands a conversation to its template as transformers' own ones do."""
    from transformers import ProcessorMixin

    given = getattr(type(processor), "apply_chat_template", None)
    return given is ProcessorMixin.apply_chat_template


@functools.lru_cache(maxsize=8)
def _is_by_turn(template: str) -> bool:
    try:
        body = Environment().parse(template).body
    except TemplateSyntaxError:
        return False
    match body:
        case [
            nodes.For(
                target=nodes.Name(name=turn),
                iter=nodes.Name(name="messages"),
                else_=[],
                test=None,
                recursive=False,
                body=steps,
            ),
            nodes.If(
                test=nodes.Name(name="add_generation_prompt"),
                body=[nodes.Output(nodes=opening)],
                elif_=[],
                else_=[],
            ),
        ]:
            constant = all(isinstance(node, nodes.TemplateData) for node in opening)
            return constant and all(_sees_only({turn}, step) for step in steps)
    return False


def _sees_only(names: set[str], node: nodes.Node) -> bool:
    """Whether what a plain ``node`` gives depends on the variables ``names`` alone."""
    if not isinstance(node, PLAIN) or "loop" in names:
        return False
    if isinstance(node, nodes.Name):
        return node.name in names
    if isinstance(node, nodes.For):
        # What is gone through is found before the names of the loop hold.
        inside = names | {name.name for name in _names(node.target)}
        outer, inner = [node.iter, *node.else_], [node.target, *node.body]
        inner += [node.test] if node.test else []
        return all(_sees_only(names, child) for child in outer) and all(
            _sees_only(inside, child) for child in inner
        )
    return all(_sees_only(names, child) for child in node.iter_child_nodes())


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)
