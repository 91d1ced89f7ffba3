"""The table and the figure of the benchmark: jaxadv beside other ways."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from jaxadv.figures.style import STYLE

OURS, CEILING = "jaxadv", "matrix products alone"
ONE = ", one device"


def table(measured: dict[str, Any]) -> str:
    """Each way and its speed, the slowest first, and what the speeds amount to."""
    speeds = measured["steps_per_second"]
    ours = speeds[OURS]["median"]
    lines = [f"{'way':<36}{'useful steps/s':>15}{'spread':>22}{'jaxadv is':>11}"]
    for name, speed in sorted(speeds.items(), key=lambda item: item[1]["median"]):
        spread = f"{min(speed['all']):.3g} to {max(speed['all']):.3g}"
        times = f"{ours / speed['median']:.2f}x"
        lines.append(f"{name:<36}{speed['median']:>15.3g}{spread:>22}{times:>11}")
    flop = measured["flop_per_step"] * ours / 1e9
    lines += [
        "",
        f"useful FLOP/s: {flop:.0f} G, {measured['flop_share']:.2f} of the matrix products alone",
        f"lane occupancy: {measured['occupancy']:.3f}",
        f"certificates: {measured['certify_share']:.1%} of the time of a default sweep",
        *_scaling(speeds),
        *measured["skipped"],
    ]
    return "\n".join(lines)


def _scaling(speeds: dict[str, Any]) -> list[str]:
    """All devices against one, of ours and of what the machine itself gains."""
    gains = [
        f"{name} {speeds[name]['median'] / speeds[name + ONE]['median']:.2f}x"
        for name in (OURS, CEILING)
        if name + ONE in speeds
    ]
    return [f"all devices against one: {', '.join(gains)}"] if gains else []


def draw(measured: dict[str, Any], path: Path) -> None:
    """Useful steps per second, a row for each way, on a logarithmic axis."""
    speeds = measured["steps_per_second"]
    names = sorted(speeds, key=lambda name: speeds[name]["median"])
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 3.4))
        for place, name in enumerate(names):
            median, values = speeds[name]["median"], speeds[name]["all"]
            colour = "C0" if name.startswith(OURS) else "0.45"
            axes.plot([min(values), max(values)], [place, place], color=colour, linewidth=2)
            axes.plot(median, place, "o", color=colour)
            axes.annotate(
                f"{float(f'{median:.2g}'):,.0f}",
                (max(values), place),
                (8, 0),
                textcoords="offset points",
                va="center",
                color=colour,
            )
        axes.set_yticks(range(len(names)), names)
        axes.set_xscale("log")
        axes.set_xlim(right=12 * max(max(speed["all"]) for speed in speeds.values()))
        axes.grid(axis="x", color="0.9")
        axes.set_xlabel("useful steps per second (dot: median, line: all rounds)")
        axes.set_title(f"Ascents of unequal length on {measured['machine']['name']}")
        figure.savefig(path)
        plt.close(figure)
