"""What a picture of a report is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from jaxadv.figures.style import save
from jaxadv.grid.places import Place


@dataclass(frozen=True)
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


def save_pictures(pictures: Iterable[Picture], folder: Place) -> Iterator[Picture]:
    """Draw pictures into a folder, and give each one back when it is written."""
    for picture in pictures:
        save(folder / picture.file, picture.draw)
        yield picture
