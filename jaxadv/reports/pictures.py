"""What a picture of a report is."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure

from jaxadv.figures.style import save
from jaxadv.grid.places import Place
from jaxadv.stats.cells import in_words


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a report.

    Attributes:
        file: its file, beside the report.
        caption: what it shows.
        draw: draws it.
    """

    file: str
    caption: str
    draw: Callable[[], Figure]

    def of_group(self, settings: Mapping[str, Any]) -> "Picture":
        """The picture, named for one of several groups; as it is, where nothing sets groups apart.

        Args:
            settings: what tells the group from others.

        Example:
            >>> picture = Picture("rates.png", "All rates.", Figure).of_group({"width": 8})
            >>> picture.file, picture.caption
            ('rates-width-8.png', 'All rates. Group: width 8.')
        """
        if not settings:
            return self
        name, dot, ending = self.file.rpartition(".")
        return dataclasses.replace(
            self,
            file=f"{name}{suffix_of(settings)}{dot}{ending}",
            caption=f"{self.caption} Group: {in_words(settings)}.",
        )


def suffix_of(settings: Mapping[str, Any]) -> str:
    """What tells some cells from others, for the end of a file's name.

    Example:
        >>> suffix_of({"width": 8, "loss": "mine:loss"})
        '-width-8-loss-mine.loss'
    """
    return "".join(f"-{name}-{value}" for name, value in settings.items()).replace(":", ".")


def save_pictures(pictures: Iterable[Picture], folder: Place) -> Iterator[Picture]:
    """Draw pictures into a folder, and give each one back when it is written."""
    for picture in pictures:
        save(folder / picture.file, picture.draw)
        yield picture
