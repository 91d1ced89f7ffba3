"""What all specifications have in common: checked fields, and a form that can be stored."""

import dataclasses
import functools
import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxadv.experiments.fields import try_on_shapes
from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.data import Examples, load_examples
from jaxadv.problems.losses import LOSSES, LOSSES_OF_CLASSES
from jaxadv.problems.names import resolve, suggest
from jaxadv.problems.networks import NETWORKS, Network


class Specification:
    """An experiment as a frozen dataclass with keyword fields, each with a default.

    A subclass checks and converts its fields in ``__post_init__``, and has at least these:

    Attributes:
        network: a name of `NETWORKS`, or a reference.
        examples: inputs per network.
        data: what `load_examples` knows.
        data_dir: the folder with the files of mnist and cifar10.
        seed: all randomness comes from it.
    """

    experiment: ClassVar[str]
    """The name under which a manifest has the specification."""
    network: str
    examples: int
    data: str
    data_dir: str
    seed: int

    def _set(self, field: str, value: Any) -> None:
        """Settle a field, once, in ``__post_init__``."""
        object.__setattr__(self, field, value)

    def _check_functions(
        self,
        activations: tuple[str, ...],
        losses: tuple[str, ...],
        classes: int | None = None,
    ) -> None:
        """Try users' functions on shapes, so that a mistake is found before the run."""
        number = jax.ShapeDtypeStruct((), jnp.float32)
        pair = jax.ShapeDtypeStruct((2,), jnp.float32)
        for name in activations:
            activation = resolve("activations", name, ACTIVATIONS)
            try_on_shapes("activations", name, activation, pair, "map an array elementwise", pair)
        shape = () if classes is None else (classes,)
        outputs = jax.ShapeDtypeStruct(shape, jnp.float32)
        for name in losses:
            loss = resolve("losses", name, LOSSES | LOSSES_OF_CLASSES)
            try_on_shapes(
                "losses", name, loss, number, "map (output, label) to a scalar", outputs, number
            )

        def output(z: Array) -> Array:
            return self._smallest_network(classes)(z)

        settings, result = "key, dim, width, activation", "a scalar"
        if classes is not None:
            settings, result = f"{settings}, classes", "as many numbers as there are classes"
        what = f"map ({settings}) to a network that maps an input to {result}"
        try_on_shapes("network", self.network, output, outputs, what, pair)

    def _smallest_network(self, classes: int | None) -> Network:
        """A network of the kind, for a look at its shapes."""
        init = resolve("network", self.network, NETWORKS)
        more = {} if classes is None else {"classes": classes}
        return init(jax.random.key(0), dim=2, width=2, activation=jnp.tanh, **more)

    def _settle_data(self) -> Examples | None:
        """Settle ``data`` and ``data_dir`` as text, and load the real inputs."""
        for field, remedy in (
            ("data", "; save arrays with np.savez('mine.npz', x=x, y=y), and give 'mine.npz'"),
            ("data_dir", ""),
        ):
            value = getattr(self, field)
            if not isinstance(value, str | os.PathLike):
                kind = type(value).__name__
                raise TypeError(f"{field}: must be a name or a path, not of type {kind}{remedy}")
            self._set(field, str(value))
        return self.real_examples

    def _check_examples(self, losses: tuple[str, ...]) -> None:
        """Refuse what the data cannot give."""
        data = self.real_examples
        if data is None:
            return
        if self.examples > len(data.labels):
            has = f"data {self.data!r} has {len(data.labels)}"
            raise ValueError(f"examples: {self.examples} per network, but {has}")
        if data.are_signs:
            return
        if "logistic" in losses:
            raise ValueError(
                f"data: logistic needs labels -1 and 1, {self.data!r} has others; save y as these"
            )
        if "quadratic" in losses and data.are_named:
            raise ValueError(
                f"data: y in {self.data!r} are integers from 0, which name classes, and quadratic "
                "needs numbers; save y as -1 and 1, or as floats to regress on, or train with the "
                "loss cross-entropy"
            )

    @functools.cached_property
    def real_examples(self) -> Examples | None:
        """The real inputs; None where inputs are simulated."""
        return load_examples(self.data, self.data_dir)

    @property
    def fingerprint(self) -> str:
        """A hash of all fields that differ from their defaults, and of the data's values.

        Stable across processes, versions of Python, new fields, and places of the data file.
        """
        usual = type(self)().to_dict()
        fields = {name: value for name, value in self.to_dict().items() if value != usual[name]}
        fields.pop("data_dir", None)
        if self.real_examples is not None and self.data != "digits":
            fields["data"] = self.real_examples.digest
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Field by field."""
        fields = dataclasses.fields(cast(Any, self))
        return {field.name: getattr(self, field.name) for field in fields}

    def to_toml(self) -> str:
        """The specification as a TOML document that `from_toml` reads back."""
        lines = [
            f"{name} = {json.dumps(value, ensure_ascii=False)}"
            for name, value in self.to_dict().items()
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """The specification that a TOML file describes, or the manifest of a run.

        Fields that are not given have their defaults.

        Raises:
            ValueError, TypeError: for a file that cannot be read, unknown keys, or bad values.
        """
        return cls(**cls.read_config(path))

    @classmethod
    def read_config(cls, path: str | Path) -> dict[str, Any]:
        """The fields that a TOML file or a manifest (.json) gives.

        Their names are checked, their values not.

        Raises:
            ValueError: if there is no such file, it cannot be read, or has keys that no field is
                named.
        """
        try:
            place = Path(path).expanduser()
            # Some editors put a mark before the text.
            text = place.read_text(encoding="utf-8-sig")
            if place.suffix == ".json":
                text = json.loads(text)[cls.experiment]
            fields = tomllib.loads(text)
        except UnicodeDecodeError as error:
            raise ValueError(f"config: {str(path)!r} must be text in UTF-8: {error}") from error
        except KeyError as error:
            raise ValueError(
                f"config: {str(path)!r} is no manifest of a {cls.experiment}"
            ) from error
        except (OSError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise ValueError(f"config: cannot read {str(path)!r}: {error}") from error
        known = tuple(field.name for field in dataclasses.fields(cast(Any, cls)))
        for name in fields:
            if name not in known:
                hint = suggest(name, known)
                raise ValueError(f"config: unknown key {name!r} in {str(path)!r}{hint}")
        return fields
