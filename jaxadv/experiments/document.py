"""Frozen dataclasses that are written as TOML documents, functions by name, and read back."""

import dataclasses
import functools
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from jaxadv.experiments import fields as checks
from jaxadv.experiments.former_names import with_names_of_now
from jaxadv.problems.names import Function, label_of, labels, suggest, table_of


class Document:
    """A frozen dataclass with keyword fields, each with a default, as a TOML document.

    Fields of functions take a built-in name, a reference "module:function", or the function itself,
    which is kept by its name where it has one. A function without a name can be run in memory only.

    Attributes:
        experiment: the name of the document in a manifest.
        functions: the fields of functions, each with a reference to its table of built-in ones.
        former_names: the names that an earlier version gave to fields, with their present names.
    """

    experiment: ClassVar[str]
    functions: ClassVar[Mapping[str, str]]
    former_names: ClassVar[Mapping[str, str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Only the fields: what follows from them, such as data, is made again."""
        return {
            field.name: getattr(self, field.name) for field in dataclasses.fields(cast(Any, self))
        }

    def _set(self, field: str, value: Any) -> None:
        """Set a field of the frozen dataclass; for ``__post_init__``."""
        object.__setattr__(self, field, value)

    def _settle_functions(self) -> None:
        """Check and convert fields of functions; a field whose default is a tuple is an axis."""
        for field in dataclasses.fields(cast(Any, self)):
            if field.name in self.functions:
                check = functools.partial(checks.function, table=self.table(field.name))
                settle = functools.partial(checks.grid, check=check)
                is_axis = isinstance(field.default, tuple)
                value = getattr(self, field.name)
                self._set(field.name, (settle if is_axis else check)(field.name, value))

    @classmethod
    def table(cls, field: str) -> Mapping[str, Any]:
        """The built-in functions of a field, by name."""
        return table_of(cls.functions[field])

    def _functions_of(self, field: str) -> tuple[Function, ...]:
        """The functions of a field, one or many."""
        value = getattr(self, field)
        return value if isinstance(value, tuple) else (value,)

    @functools.cached_property
    def _labels(self) -> dict[str, dict[Function, str]]:
        """The labels of functions, by field and function."""
        return {
            field: dict(zip(axis, labels(axis, self.table(field)), strict=True))
            for field, axis in ((field, self._functions_of(field)) for field in self.functions)
        }

    def label(self, field: str, function: Function) -> str:
        """What a function of a field is called in datasets; a name is its own label."""
        return function if isinstance(function, str) else self._labels[field][function]

    def check_names(self) -> None:
        """Refuse functions that a store or a file could not name.

        Raises:
            ValueError: for the first one; names the field.
        """
        for field in self.functions:
            for function in self._functions_of(field):
                if not isinstance(function, str):
                    raise ValueError(
                        f"{field}: {label_of(function)} has no name under which a store could find "
                        "it again; define it with def in a module, or run without a store"
                    )

    def to_dict(self) -> dict[str, Any]:
        """The values of all fields, functions by name.

        Raises:
            ValueError: for a function without a name.
        """
        self.check_names()
        return self.labelled()

    def labelled(self) -> dict[str, Any]:
        """The values of all fields; functions without a name have labels."""
        values = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(cast(Any, self))
        }
        for field, label_of_function in self._labels.items():
            field_labels = tuple(label_of_function.values())
            is_axis = isinstance(values[field], tuple)
            values[field] = field_labels if is_axis else field_labels[0]
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
        """The specification as a TOML document; functions without a name have labels."""
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
        return cls(**cls._read(path))

    @classmethod
    def read_config(cls, path: str | Path) -> dict[str, Any]:
        """The fields that a TOML file or a manifest (.json) gives.

        Their names are checked, their values not.

        Raises:
            ValueError: if the file does not exist, cannot be read, or has an unknown key.
        """
        return cls._read(path)

    @classmethod
    def _read(cls, path: str | Path) -> dict[str, Any]:
        try:
            file = Path(path).expanduser()
            # Some editors put a byte order mark before the text.
            text = file.read_text(encoding="utf-8-sig")
            if file.suffix == ".json":
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
        fields = with_names_of_now(fields, cls.former_names, stacklevel=4)
        known = tuple(field.name for field in dataclasses.fields(cast(Any, cls)))
        for name in fields:
            if name not in known:
                hint = suggest(name, known)
                raise ValueError(f"config: unknown key {name!r} in {str(path)!r}{hint}")
        return fields
