"""Named tensors in files: what a checkpoint holds, read back strictly.

Only safetensors and JSON values; nothing is ever unpickled. Optimiser state is kept by parameter
name, so that it can be checked against the model that it is put back into.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnomon.parts import nearest

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

NamedTensors = Mapping[str, "Tensor"] | Iterable[tuple[str, "Tensor"]]
"""``dict(model.named_parameters())`` or ``model.named_parameters()``."""


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written, is damaged or does not fit; says what to do."""


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Save named tensors as one safetensors file; ``metadata`` is text by name.

    Raises ``OSError`` when the file cannot be written, which `write_checkpoint` explains.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    try:
        # An empty mapping beside no tensors makes safetensors write a header it cannot read.
        save_file(plain, path, metadata=dict(metadata) if metadata else None)
    except SafetensorError as error:
        raise OSError(f"{path} could not be written: {error}") from error


def load_tensors(path: Path, expected: Iterable[str] | None = None) -> dict[str, Tensor]:
    """Load a safetensors file onto the CPU.

    With ``expected`` the names must be exactly these: a missing or unexpected one raises
    `CheckpointError` with the nearest name on the other side. A missing or damaged file raises
    `CheckpointError` too.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} cannot be loaded ({error}); resume from another checkpoint"
        ) from None
    if expected is not None:
        _require_same_names(f"{path}: tensor", tensors, expected)
    return dict(tensors)


def read_metadata(path: Path) -> dict[str, str]:
    """The text that `save_tensors` stored with the tensors; reads the header only."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be loaded ({error})") from None


def optimizer_tensors(
    optimizer: Optimizer, names: NamedTensors
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of an optimiser by name: tensors (``name/exp_avg``) and a JSON object for the rest.

    The tensors are the live ones, not copies. ``names`` must name every parameter of the optimiser.
    `restore_optimizer` continues from both bit for bit, for every torch optimiser whose state is
    tensors and JSON values.
    """
    name_of = {id(tensor): name for name, tensor in _pairs(names)}
    tensors: dict[str, Tensor] = {}
    parameters: dict[str, dict[str, Any]] = {}
    for parameter in _parameters(optimizer):
        name = _name(parameter, name_of)
        held, plain = _split(optimizer.state.get(parameter, {}))
        tensors |= {f"{name}/{key}": value for key, value in held.items()}
        shapes = {key: list(value.shape) for key, value in held.items()}
        parameters[name] = {"shape": list(parameter.shape), "tensors": shapes, "values": plain}
    groups = [_group_state(group, name_of) for group in optimizer.param_groups]
    return tensors, {"class": type(optimizer).__name__, "groups": groups, "parameters": parameters}


def restore_optimizer(
    optimizer: Optimizer,
    tensors: Mapping[str, Tensor],
    state: Mapping[str, Any],
    names: NamedTensors | None = None,
) -> None:
    """Put what `optimizer_tensors` returned back into an optimiser over the same parameters.

    Parameters are matched by ``names``, or by position when it is None. Another class of optimiser,
    other groups, other names, other shapes, and missing or unexpected tensors raise
    `CheckpointError` before anything is changed. The tensors are copied.
    """
    if state["class"] != type(optimizer).__name__:
        raise CheckpointError(
            f"the checkpoint holds the state of {state['class']}, the run uses"
            f" {type(optimizer).__name__}; resume with the optimiser of the recipe"
        )
    live = _match_groups(optimizer, state["groups"], names)
    saved = state["parameters"]
    _require_fitting_state(live, saved, tensors)
    for group, item in zip(optimizer.param_groups, state["groups"], strict=True):
        _restore_settings(group, item["settings"])
    for name, (parameter, group) in live.items():
        held = {key: tensors[f"{name}/{key}"] for key in saved[name]["tensors"]}
        moved = {key: _place(key, value, parameter, group) for key, value in held.items()}
        if moved or saved[name]["values"]:
            optimizer.state[parameter] = moved | saved[name]["values"]
        else:
            optimizer.state.pop(parameter, None)


def _pairs(names: NamedTensors) -> Iterable[tuple[str, Tensor]]:
    return names.items() if isinstance(names, Mapping) else names


def _name(parameter: Tensor, name_of: Mapping[int, str]) -> str:
    if id(parameter) not in name_of:
        raise CheckpointError(
            f"a parameter of shape {list(parameter.shape)} of the optimiser has no name;"
            " pass the named parameters of the model that it trains"
        )
    return name_of[id(parameter)]


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _split(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    import torch

    held = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    return held, {key: value for key, value in state.items() if key not in held}


def _group_state(group: Mapping[str, Any], name_of: Mapping[int, str]) -> dict[str, Any]:
    held, plain = _split({key: group[key] for key in group if key not in ("params", "param_names")})
    settings = plain | {key: value.item() for key, value in held.items()}
    return {"names": [name_of[id(item)] for item in group["params"]], "settings": settings}


def _match_groups(
    optimizer: Optimizer, groups: list[dict[str, Any]], names: NamedTensors | None
) -> dict[str, tuple[Tensor, dict[str, Any]]]:
    """Parameter and group of each name, in the order of the live groups."""
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    saved_sizes = [len(group["names"]) for group in groups]
    if sizes != saved_sizes:
        raise CheckpointError(
            f"the optimiser's groups have {sizes} parameters, those of the checkpoint"
            f" {saved_sizes}; resume with the recipe and the model of the run"
        )
    name_of = None if names is None else {id(tensor): name for name, tensor in _pairs(names)}
    live: dict[str, tuple[Tensor, dict[str, Any]]] = {}
    for group, saved in zip(optimizer.param_groups, groups, strict=True):
        items = group["params"]
        found = saved["names"] if name_of is None else [_name(item, name_of) for item in items]
        _require_same_names("the optimiser's parameter", saved["names"], found)
        live |= {name: (item, group) for name, item in zip(found, items, strict=True)}
    return live


def _require_fitting_state(
    live: Mapping[str, tuple[Tensor, Any]],
    saved: Mapping[str, Mapping[str, Any]],
    tensors: Mapping[str, Tensor],
) -> None:
    _require_same_names("the optimiser's parameter", saved, live)
    shapes = {
        f"{name}/{key}": shape
        for name, item in saved.items()
        for key, shape in item["tensors"].items()
    }
    _require_same_names("the optimiser's tensor", tensors, shapes)
    for name, (parameter, _) in live.items():
        _require_shape(f"parameter {name!r}", parameter, saved[name]["shape"])
    for name, shape in shapes.items():
        _require_shape(f"the optimiser's tensor {name!r}", tensors[name], shape)


def _require_shape(what: str, tensor: Tensor, expected: list[int]) -> None:
    if list(tensor.shape) != expected:
        raise CheckpointError(
            f"{what} has shape {list(tensor.shape)} instead of {expected};"
            " resume with the model that was trained"
        )


def _restore_settings(group: dict[str, Any], settings: Mapping[str, Any]) -> None:
    import torch

    for key, value in settings.items():
        if isinstance(group.get(key), torch.Tensor):
            group[key].fill_(value)
        else:
            group[key] = tuple(value) if isinstance(value, list) else value


def _place(key: str, value: Tensor, parameter: Tensor, group: Mapping[str, Any]) -> Tensor:
    """A copy where torch keeps it: step counters stay on the CPU unless a kernel reads them."""
    on_cpu = key == "step" and not (group.get("fused") or group.get("capturable"))
    return value.clone() if on_cpu else value.to(parameter.device, copy=True)


def _require_same_names(what: str, found: Iterable[str], expected: Iterable[str]) -> None:
    found, expected = set(found), set(expected)
    missing, unexpected = sorted(expected - found), sorted(found - expected)
    if missing:
        raise CheckpointError(
            f"{what} {missing[0]!r} is missing ({len(missing)} in all)"
            f"{_near(missing[0], unexpected)}"
        )
    if unexpected:
        raise CheckpointError(
            f"{what} {unexpected[0]!r} is unexpected ({len(unexpected)} in all)"
            f"{_near(unexpected[0], expected)}"
        )


def _near(name: str, others: Iterable[str]) -> str:
    ending = nearest(name, others)
    return ending if ending.startswith("; did you mean") else ""
