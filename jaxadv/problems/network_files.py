"""Networks in files: their weights as safetensors, with a description that needs no code.

A file holds arrays, and a note in its header: what the network is, and what its maker says of it.
Reading one runs nothing. A network of jaxadv's own is made anew from the note. Of other networks a
file has the arrays alone, and the reader gives a network of the same structure for them.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.conv_net import ConvNet
from jaxadv.problems.foreign import Foreign
from jaxadv.problems.mlp import MLP
from jaxadv.problems.names import first_line, label_of, named
from jaxadv.problems.networks import Network, Normalized, TwoLayer, as_network

SUFFIX = ".safetensors"
NOTE = "jaxadv"  # the key of the note in a file's header
Description = dict[str, Any]


def save_network(path: str | Path, network: Any, about: Mapping[str, Any] | None = None) -> None:
    """Write a network to a safetensors file.

    Args:
        path: the file, which ends in ``.safetensors``. A file that is there is replaced.
        network: any network that `ja.Problem` takes.
        about: what is to be known of it, as JSON has it: how it was trained, for instance.

    Raises:
        ValueError: for another ending.
        TypeError: for what is no network.

    Example:
        >>> import tempfile
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=3, width=8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_network(f"{folder}/net.safetensors", net, {"seed": 0})
        ...     again = load_network(f"{folder}/net.safetensors")
        >>> bool((again.hidden == net.hidden).all())
        True
    """
    path = Path(path).expanduser()
    if path.suffix != SUFFIX:
        raise ValueError(f"path: {str(path)!r} must end in {SUFFIX}")
    content = network_bytes(network, about)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def network_bytes(network: Any, about: Mapping[str, Any] | None = None) -> bytes:
    """The content of a file that `save_network` writes; errors are those of it."""
    network = as_network(network)
    note = json.dumps({"network": _described(network), "about": dict(about or {})})
    return save(_arrays(network), {NOTE: note})


def load_network(path: str | Path, like: Any = None) -> Any:
    """The network of a file that `save_network` wrote.

    Args:
        path: the file.
        like: a network of the same structure, such as the untrained one, whose arrays are replaced.
            Networks that are not jaxadv's own need it.

    Raises:
        ValueError: if the file is not there, is damaged, does not fit ``like``, or holds a network
            that is not jaxadv's own where ``like`` is not given.
        TypeError: if ``like`` is no network.

    Example:
        A network of your own needs one of the same structure:

        >>> import functools, tempfile
        >>> def network(weights, x):
        ...     return weights @ x
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_network(f"{folder}/own.safetensors", functools.partial(network, jnp.ones(3)))
        ...     like = functools.partial(network, jnp.zeros(3))
        ...     own = load_network(f"{folder}/own.safetensors", like=like)
        >>> float(own(jnp.ones(3)))
        3.0
    """
    arrays, note = _read(Path(path).expanduser())
    description = note.get("network", {})
    if like is None:
        inner = description
        while inner.get("kind") == "Normalized":
            inner = inner.get("network", {})
        if inner.get("kind") not in _MAKERS or inner.get("activation") not in ACTIVATIONS:
            raise ValueError(
                f"network: {str(path)!r} holds the arrays of {inner.get('name', 'a network')}"
                ", not how they are used; read it with ja.load_network(path, like=network)"
            )
        return _made(path, description, arrays)
    network = as_network(like)
    leaves = _arrays(network)
    shapes = [{n: array.shape for n, array in each.items()} for each in (arrays, leaves)]
    if shapes[0] != shapes[1]:
        odd = next(n for n in {**shapes[0], **shapes[1]} if shapes[0].get(n) != shapes[1].get(n))
        raise ValueError(
            f"network: {str(path)!r} has {odd} of shape {shapes[0].get(odd)}, the network that it "
            f"is read for {shapes[1].get(odd)}"
        )
    values = [
        jax.random.wrap_key_data(jnp.asarray(arrays[name])) if _is_key(leaf) else arrays[name]
        for name, leaf in zip(leaves, jax.tree.leaves(network), strict=True)
    ]
    filled = jax.tree.unflatten(jax.tree.structure(network), list(map(jnp.asarray, values)))
    return filled.assemble() if isinstance(filled, Foreign) else filled


def about_network(path: str | Path) -> Mapping[str, Any]:
    """What the maker of a file says of its network; errors as those of `load_network`.

    Example:
        >>> import tempfile
        >>> import jaxadv as ja
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net = ja.init_two_layer(jax.random.key(0), dim=3, width=8)
        ...     save_network(f"{folder}/net.safetensors", net, {"seed": 0})
        ...     about_network(f"{folder}/net.safetensors")
        {'seed': 0}
    """
    return _read(Path(path).expanduser())[1].get("about", {})


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the note of a file."""
    try:
        with safe_open(path, "numpy") as file:
            note = json.loads((file.metadata() or {}).get(NOTE, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, note  # noqa: SIM118
    except FileNotFoundError:
        raise ValueError(f"network: there is no file {str(path)!r}") from None
    except (SafetensorError, OSError, ValueError) as error:
        reason = first_line(error)
        raise ValueError(
            f"network: {str(path)!r} is no whole safetensors file: {reason}"
        ) from error


def _arrays(network: Network) -> dict[str, np.ndarray]:
    """The arrays of a network, by where they are in it; keys of `jax.random` as their data."""
    leaves = jax.tree_util.tree_leaves_with_path(network)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(
            jax.random.key_data(leaf) if _is_key(leaf) else leaf, order="C"
        )
        for path, leaf in leaves
    }


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key)


def _described(network: Any) -> Description:
    """What a network is, but for its arrays, as JSON has it."""
    kind = type(network).__name__
    if type(network) is Normalized:
        return {"kind": kind, "network": _described(network.network)}
    if type(network) not in (TwoLayer, MLP, ConvNet):
        return {"kind": "other", "name": getattr(network, "__name__", kind)}
    activation = named("activation", network.activation, ACTIVATIONS)
    if activation not in ACTIVATIONS:
        # A file must not name code to be run.
        return {"kind": "other", "name": f"{kind} with the activation {label_of(activation)}"}
    if isinstance(network, ConvNet):
        more = {"shape": list(network.shape), "stride": network.stride}
        return {"kind": kind, "activation": activation, **more}
    return {"kind": kind, "activation": activation}


def _made(path: str | Path, description: Description, arrays: Mapping[str, np.ndarray]) -> Network:
    """The network of a description."""
    try:
        return _MAKERS[description["kind"]](
            description, {name: jnp.asarray(array) for name, array in arrays.items()}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"network: {str(path)!r} has not the arrays of a {description['kind']}: "
            f"{first_line(error)}"
        ) from error


def _two_layer(description: Description, arrays: Mapping[str, Any]) -> Network:
    hidden, output = arrays["hidden"], arrays["output"]
    if hidden.ndim != 2 or output.ndim not in {1, 2} or len(hidden) != len(output):
        raise ValueError(f"hidden {hidden.shape} and output {output.shape}")
    return TwoLayer(hidden, output, description["activation"])


def _mlp(description: Description, arrays: Mapping[str, Any]) -> Network:
    return MLP(_numbered("weights", arrays), _numbered("biases", arrays), description["activation"])


def _conv_net(description: Description, arrays: Mapping[str, Any]) -> Network:
    layers = ("filters", "filter_biases", "weights", "biases")
    return ConvNet(
        *(_numbered(name, arrays) for name in layers),
        shape=description["shape"],
        activation=description["activation"],
        stride=description["stride"],
    )


def _normalized(description: Description, arrays: Mapping[str, Any]) -> Network:
    inner = {
        name.removeprefix("network."): array
        for name, array in arrays.items()
        if name.startswith("network.")
    }
    network = _MAKERS[description["network"]["kind"]](description["network"], inner)
    return Normalized(network, arrays["mean"], arrays["std"])


def _numbered(name: str, arrays: Mapping[str, Any]) -> list[Any]:
    """The arrays that are called by a name and a number, in the order of the numbers."""
    number = sum(each.startswith(f"{name}.") for each in arrays)
    return [arrays[f"{name}.{index}"] for index in range(number)]


_MAKERS: Mapping[str, Callable[[Description, Mapping[str, Any]], Network]] = {
    "TwoLayer": _two_layer,
    "MLP": _mlp,
    "ConvNet": _conv_net,
    "Normalized": _normalized,
}
