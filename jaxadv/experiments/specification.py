"""What all specifications have in common: their grid of groups, their data, and the checks."""

import dataclasses
import functools
import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np

from jaxadv.experiments import fields as checks
from jaxadv.experiments.document import Document
from jaxadv.experiments.groups import Group, Grouped, Width, check_width, width_at
from jaxadv.experiments.recipes import Recipe
from jaxadv.problems.names import Function, table_of

if TYPE_CHECKING:
    from jaxadv.data.examples import Examples
    from jaxadv.problems.network_makers import StoredNetwork

C = TypeVar("C", bound=Grouped)
# A reference to the table of losses of networks with an output for each class.
LOSSES_OF_CLASSES = "jaxadv.problems.losses:LOSSES_OF_CLASSES"
# The fields of functions that all specifications have, with what is built in for each.
OF_GROUPS = {
    "network": "jaxadv.problems.network_makers:NETWORKS",
    "activations": "jaxadv.problems.activations:ACTIVATIONS",
    "constraints": "jaxadv.problems.constraints:CONSTRAINTS",
    "methods": "jaxadv.ascent.methods_by_name:METHODS",
}
# Those of experiments that certify ascents.
OF_ASCENTS = {
    **OF_GROUPS,
    "losses": "jaxadv.problems.losses:LOSSES",
    "step": "jaxadv.ascent.steps:STEP_RULES",
}


class Specification(Document, Generic[C]):
    """An experiment as a frozen dataclass with keyword fields, each with a default.

    Modules of specifications are imported without JAX, so that ``--help`` answers at once. What
    needs JAX is imported where values are checked.

    A subclass checks and converts its fields in ``__post_init__``, and has at least those below.
    Its grid is the product of dims, widths, activations, losses, constraints and methods, which
    make a `Group`, and of axes of its own.

    Attributes:
        scales: input scales.
        dims: input dimensions; empty for that of the data, or ``default_dim`` if it is simulated.
        widths: numbers of hidden neurons, or powers of the dimension.
        activations: of the networks.
        losses: of their outputs.
        constraints: sets of perturbations.
        methods: of ascent.
        networks: how many networks each cell has.
        network: a name of `NETWORKS`, a reference, or a function.
        examples: inputs per network.
        data: a name or a file, as `load_examples` takes it.
        data_dir: the folder with the files of mnist and cifar10.
        smooth: declares that users' networks and losses have no kinks.
        seed: all randomness comes from it.
        default_dim: the dimension of simulated inputs where ``dims`` is empty.
        least_dim: the smallest dimension.
    """

    default_dim: ClassVar[int] = 32
    least_dim: ClassVar[int] = 2
    scales: tuple[float, ...]
    dims: tuple[int, ...]
    widths: tuple[Width, ...]
    activations: tuple[Function, ...]
    losses: tuple[Function, ...]
    constraints: tuple[Function, ...]
    methods: tuple[Function, ...]
    networks: int
    network: Function
    examples: int
    data: str
    data_dir: str
    smooth: bool
    seed: int

    @property
    def dtype(self) -> str:
        """The type of all floats but those of certificates, which are double."""
        return "float32" if getattr(self, "precision", "double") == "single" else "float64"

    @functools.cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of the grid, in the order of the cells."""
        axes = (
            self.dims, self.widths, self.activations, self.losses, self.constraints, self.methods,
        )  # fmt: skip
        groups = (
            Group(dim, width_at(width, dim), *functions)
            for dim, width, *functions in itertools.product(*axes)
        )
        # Two widths may be the same number in some dimension.
        return tuple(dict.fromkeys(groups))

    @functools.cached_property
    def cells(self) -> tuple[C, ...]:
        """All cells, group by group."""
        return tuple(cell for group in self.groups for cell in self.cells_of(group))

    def cells_of(self, group: Group) -> tuple[C, ...]:
        """The cells of one group, in their order."""
        raise NotImplementedError

    def classes_of(self, loss: Function) -> int | None:
        """How many outputs the networks of a loss have; None for a single number as output."""
        data = self.real_examples
        if loss not in table_of(LOSSES_OF_CLASSES) or data is None or data.classes is None:
            return None
        return int(data.classes.max()) + 1

    def recipe_of(self, group: Group) -> Recipe:
        """How the networks of a group are made."""
        classes = self.classes_of(group.loss)
        return Recipe(self.network, group.dim, group.width, group.activation, classes)

    def labels_of(self, group: Group) -> dict[str, Any]:
        """The settings of a group as datasets have them."""
        return {
            "dim": group.dim,
            "width": group.width,
            "activation": self.label("activations", group.activation),
            "loss": self.label("losses", group.loss),
            "constraint": self.label("constraints", group.constraint),
            "method": self.label("methods", group.method),
        }

    def by_group(self) -> Iterator[tuple[dict[str, Any], Self]]:
        """The specification of each group alone, and what tells the group from others.

        Example:
            >>> import jaxadv as ja
            >>> [settings for settings, _ in ja.Landscape(widths=(4, 8)).by_group()]
            [{'width': 4}, {'width': 8}]
        """
        every = [self.labels_of(group) for group in self.groups]
        varying = [name for name in every[0] if len({labels[name] for labels in every}) > 1]
        for group, labels in zip(self.groups, every, strict=True):
            alone = dataclasses.replace(
                cast(Any, self),
                dims=(group.dim,),
                widths=(group.width,),
                activations=(group.activation,),
                losses=(group.loss,),
                constraints=(group.constraint,),
                methods=(group.method,),
            )
            yield {name: labels[name] for name in varying}, alone

    def _settle(self) -> None:
        """Check and convert the fields of all experiments, and refuse what the data lacks."""
        self._set("scales", checks.grid("scales", self.scales, checks.positive))
        self._set("widths", checks.grid("widths", self.widths, check_width))
        for field in ("networks", "examples"):
            self._set(field, checks.count(field, getattr(self, field)))
        self._set("smooth", checks.switch("smooth", self.smooth))
        self._set("seed", checks.whole("seed", self.seed, least=0, most=2**32 - 1))
        self._settle_functions()
        self._settle_stored_network()
        self._settle_data()
        self._check_labels()

    def _settle_stored_network(self) -> None:
        """Take shape and activation from the file of a network; refuse others."""
        if self.stored_network is None:
            return
        label = checks.function(
            "activations", self.stored_network.activation, self.table("activations")
        )
        of_file = {
            "dims": self.stored_network.dim,
            "widths": self.stored_network.width,
            "activations": label,
        }
        defaults = {each.name: each.default for each in dataclasses.fields(cast(Any, self))}
        for field, value in of_file.items():
            given = getattr(self, field)
            if given != defaults[field] and tuple(np.atleast_1d(given).tolist()) != (value,):
                raise ValueError(
                    f"{field}: {checks.joined(tuple(np.atleast_1d(given)))} is not that of the "
                    f"network in {self.network!r}, {checks.joined((value,))}"
                )
            self._set(field, (value,))

    @functools.cached_property
    def stored_network(self) -> "StoredNetwork | None":
        """The network of a file; None where networks are made."""
        if not isinstance(self.network, str) or not self.network.endswith(".safetensors"):
            return None
        from jaxadv.problems.network_makers import stored_network  # noqa: PLC0415  needs JAX

        return stored_network(self.network)

    def _settle_data(self) -> None:
        """Load the real inputs; check and convert ``data``, ``data_dir`` and ``dims``."""
        for field, remedy in (
            ("data", "; save arrays with np.savez('mine.npz', x=x, y=y), and give 'mine.npz'"),
            ("data_dir", ""),
        ):
            value = getattr(self, field)
            if not isinstance(value, str | os.PathLike):
                kind = type(value).__name__
                raise TypeError(f"{field}: must be a name or a path, not of type {kind}{remedy}")
            self._set(field, str(value))
        data = self.real_examples
        data_dim = self.default_dim if data is None else data.dim
        dims = self.dims if np.ndim(self.dims) == 0 or len(self.dims) else (data_dim,)
        check = functools.partial(checks.whole, least=self.least_dim)
        self._set("dims", checks.grid("dims", dims, check))
        if data is None:
            return
        if self.dims != (data_dim,):
            raise ValueError(
                f"dims: {checks.joined(self.dims)} does not fit data {self.data!r}, d = {data_dim}"
            )
        if self.examples > len(data.labels):
            has = f"data {self.data!r} has {len(data.labels)}"
            raise ValueError(f"examples: {self.examples} per network, but {has}")

    def _check_labels(self) -> None:
        """Refuse losses that do not fit the labels of the data."""
        data = self.real_examples
        for loss in self.losses:
            if loss in table_of(LOSSES_OF_CLASSES) and self.classes_of(loss) is None:
                raise ValueError(
                    f"losses: {loss} needs data with classes (digits, mnist5k, mnist, cifar10, or "
                    f"a file whose y are whole numbers from 0), not {self.data!r}"
                )
        if data is None or data.are_signs:
            return
        if "logistic" in self.losses:
            raise ValueError(
                f"data: logistic needs labels -1 and 1, {self.data!r} has others; save y as these"
            )
        if "quadratic" in self.losses and data.are_named:
            raise ValueError(
                f"data: y in {self.data!r} are integers from 0, which name classes, and quadratic "
                "needs numbers; save y as -1 and 1, or as floats to regress on, or train with the "
                "loss cross-entropy"
            )

    def _check_functions(self) -> None:
        """Try users' functions at the shapes that will be run, so that mistakes are found early.

        A subclass adds the functions that only it has.
        """
        from jaxadv.experiments.functions import (  # noqa: PLC0415  needs JAX
            check_activation,
            check_loss,
            check_network,
        )

        recipes = {group: self.recipe_of(group) for group in self.groups}
        # Certificates are in double precision, whatever the precision of the rest.
        for dtype in dict.fromkeys((self.dtype, "float64")):
            shapes = ((group.activation, group.width) for group in self.groups)
            for name, width in dict.fromkeys(shapes):
                check_activation("activations", name, width, dtype=dtype)
            for recipe in dict.fromkeys(recipes.values()):
                check_network(recipe, dtype=dtype)
            outputs = ((group.loss, recipe.output_shape) for group, recipe in recipes.items())
            for loss, shape in dict.fromkeys(outputs):
                check_loss("losses", loss, shape, dtype=dtype)

    @functools.cached_property
    def real_examples(self) -> "Examples | None":
        """The real inputs; None where inputs are simulated."""
        from jaxadv.data.examples import load_examples  # noqa: PLC0415  needs jaxtyping

        return load_examples(self.data, self.data_dir, getattr(self, "inputs", "directions"))

    @property
    def fingerprint(self) -> str:
        """A hash of all fields that differ from their defaults, and of the data's values.

        Stable across processes, versions of Python, new fields, and places of the data file.
        """
        defaults = type(self)().to_dict()
        fields = {name: value for name, value in self.to_dict().items() if value != defaults[name]}
        fields.pop("data_dir", None)
        if self.real_examples is not None and self.data != "digits":
            fields["data"] = self.real_examples.digest
        if self.stored_network is not None:
            fields["network"] = self.stored_network.digest
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]
