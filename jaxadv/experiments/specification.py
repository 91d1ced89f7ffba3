"""What all specifications have in common: checked fields, and a form that can be stored."""

import dataclasses
import functools
import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from jaxadv.experiments import fields as checks
from jaxadv.experiments.recipes import Recipe
from jaxadv.problems.names import Function, label_of, labels, suggest, table_of

if TYPE_CHECKING:
    from jaxadv.problems.data import Examples


class Specification:
    """An experiment as a frozen dataclass with keyword fields, each with a default.

    Modules of specifications are imported without JAX, so that ``--help`` answers at once. What
    needs JAX is imported where values are checked.

    A subclass checks and converts its fields in ``__post_init__``, and has at least these:

    Fields of functions take a built-in name, a reference "module:function", or the function itself,
    which is kept by its name where it has one. One without is good for runs in memory.

    Attributes:
        network: a name of `NETWORKS`, a reference, or a function.
        examples: inputs per network.
        data: what `load_examples` knows.
        data_dir: the folder with the files of mnist and cifar10.
        smooth: declares that users' networks and losses have no kinks.
        seed: all randomness comes from it.
    """

    experiment: ClassVar[str]
    """The name under which a manifest has the specification."""
    functions: ClassVar[Mapping[str, str]]
    """The fields of functions, with a reference to the table of what is built in for each."""
    network: Function
    examples: int
    data: str
    data_dir: str
    smooth: bool
    seed: int

    @property
    def dtype(self) -> str:
        """Of all floats but those of certificates, which are double."""
        return "float32" if getattr(self, "precision", "double") == "single" else "float64"

    def _set(self, field: str, value: Any) -> None:
        """Settle a field, once, in ``__post_init__``."""
        object.__setattr__(self, field, value)

    def _settle_functions(self) -> None:
        """Settle the fields of functions; those whose default is a tuple are axes of the grid."""
        for field in dataclasses.fields(cast(Any, self)):
            if field.name in self.functions:
                check = functools.partial(checks.function, table=self.table(field.name))
                settle = functools.partial(checks.grid, check=check)
                is_axis = isinstance(field.default, tuple)
                value = getattr(self, field.name)
                self._set(field.name, (settle if is_axis else check)(field.name, value))

    def _check_functions(self, activation: str, loss: str, recipes: Iterable[Recipe]) -> None:
        """Try users' functions on the shapes that will be run, so that mistakes are found before.

        Args:
            activation: the field of activations.
            loss: the field of losses.
            recipes: of all networks.
        """
        from jaxadv.experiments.functions import (  # noqa: PLC0415  needs JAX
            check_activation,
            check_loss,
            check_network,
        )

        recipes = tuple(recipes)
        widths = dict.fromkeys((recipe.activation, recipe.width) for recipe in recipes)
        # Certificates are double whatever the rest.
        for dtype in dict.fromkeys((self.dtype, "float64")):
            for name, width in widths:
                check_activation(activation, name, width, dtype=dtype)
            for recipe in recipes:
                check_network(recipe, dtype=dtype)
            for shape in dict.fromkeys(recipe.output_shape for recipe in recipes):
                for name in self._axis(loss):
                    check_loss(loss, name, shape, dtype=dtype)

    @classmethod
    def table(cls, field: str) -> Mapping[str, Any]:
        """What is built in for a field of functions, by name."""
        return table_of(cls.functions[field])

    def _axis(self, field: str) -> tuple[Function, ...]:
        """The functions of a field."""
        value = getattr(self, field)
        return value if isinstance(value, tuple) else (value,)

    def _settle_data(self) -> "Examples | None":
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

    @functools.cached_property
    def _labels(self) -> dict[str, dict[Function, str]]:
        """By field and function."""
        return {
            field: dict(zip(axis, labels(axis, self.table(field)), strict=True))
            for field, axis in ((field, self._axis(field)) for field in self.functions)
        }

    def label(self, field: str, function: Function) -> str:
        """What a function of a field is called in datasets."""
        return self._labels[field][function]

    def _check_examples(self, losses: tuple[Function, ...]) -> None:
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
    def real_examples(self) -> "Examples | None":
        """The real inputs; None where inputs are simulated."""
        from jaxadv.problems.data import load_examples  # noqa: PLC0415  needs jaxtyping

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

    @property
    def declared(self) -> dict[str, Any]:
        """What certificates rest on beside the computation; a part of a store's identity.

        Nothing where nothing is declared, as in stores that were made before it could be.
        """
        return {"smooth": True} if self.smooth else {}

    def check_names(self) -> None:
        """Refuse functions that no store and no file could name.

        Raises:
            ValueError: for the first one; names the field.
        """
        for field in self.functions:
            for function in self._axis(field):
                if not isinstance(function, str):
                    raise ValueError(
                        f"{field}: {label_of(function)} has no name under which a store could find "
                        "it again; define it with def in a module, or run without a store"
                    )

    def to_dict(self) -> dict[str, Any]:
        """Field by field.

        Raises:
            ValueError: for a function without a name.
        """
        self.check_names()
        return self.labelled()

    def labelled(self) -> dict[str, Any]:
        """Field by field, with labels of functions that have no name."""
        values = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(cast(Any, self))
        }
        for field, given in self._labels.items():
            many = tuple(given.values())
            values[field] = many if isinstance(values[field], tuple) else many[0]
        return values

    def to_toml(self) -> str:
        """The specification as a TOML document that `from_toml` reads back.

        Raises:
            ValueError: for a function without a name.
        """
        self.check_names()
        return self.text

    @property
    def text(self) -> str:
        """The specification as a TOML document, with labels of functions that have no name."""
        lines = [
            f"{name} = {json.dumps(value, ensure_ascii=False)}"
            for name, value in self.labelled().items()
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
