"""The house itself: import order, public names, and what the heavy parts wait for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jaxadv as ja

PACKAGE = Path(ja.__file__).parent
# A module may import from its own room and from rooms above it (CONTRIBUTING.md).
ROOMS = [
    "pytrees", "batches", "lanes", "devices", "programs", "grid", "problems", "data", "theory",
    "ascent", "proofs", "experiments", "learning", "sweeps", "landscape", "training", "attacks",
    "stats", "claims", "figures", "reports", "cli", "__main__",
]  # fmt: skip
EXPERIMENTS = {"sweeps", "landscape", "training", "attacks"}  # side by side on one ground
SPECIFICATIONS = [f"jaxadv.{room}.spec" for room in ("landscape", "sweeps", "training")]
HEAVY = {"jax", "jaxtyping", "matplotlib", "optax", "xarray", "zarr"}
KNOWS_NOTHING = {"pytrees", "batches", "lanes", "devices"}
# What each of these may know of the others.
ON_THEIR_OWN = {"programs": {"devices"}, "grid": {"devices", "programs"}}


def room_of(module):
    return module.split(".")[1] if "." in module else "__init__"


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imports_when_imported(module):
    """What a module of the package imports when it is imported itself."""
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            is_room = (PACKAGE.parent / node.module.replace(".", "/")).is_dir()
            yield from (f"{node.module}.{n.name}" for n in node.names) if is_room else [node.module]


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_no_module_that_a_specification_imports_needs_jax(specification):
    waiting, seen = [specification], set()
    while waiting:
        module = waiting.pop()
        seen.add(module)
        for name in imports_when_imported(module):
            assert name.partition(".")[0] not in HEAVY, f"{module} imports {name}"
            if name.startswith("jaxadv.") and name not in seen:
                waiting.append(name)
    assert "jaxadv.experiments.specification" in seen


def test_importing_specifications_leaves_jax_out():
    """Of the package itself an empty one stands here, for what its ``__init__`` imports."""
    code = (
        "import sys, types; package = types.ModuleType('jaxadv');"
        f"package.__path__ = [{str(PACKAGE)!r}]; sys.modules['jaxadv'] = package;"
        f"import {', '.join(SPECIFICATIONS)}; print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_imports_point_upwards_only(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if room == "__init__":
        return
    for name in imports(path):
        if name.split(".")[0] == "jaxadv":
            other = room_of(name)
            assert other == room or ROOMS.index(other) < ROOMS.index(room), name
            assert other == room or room not in KNOWS_NOTHING, name
            assert other == room or other in ON_THEIR_OWN.get(room, ROOMS), name
            assert other == room or not {other, room} <= EXPERIMENTS, name


def test_every_room_is_in_the_list():
    assert {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {
        "__init__",
        "__pycache__",
        "py",
    } == set(ROOMS)


def test_the_public_names_are_these():
    expected = {
        "ACTIVATIONS", "APGD", "Attack", "Box", "CertifiableConstraint", "Certificate",
        "ConstantStep", "Constraint", "ConvNet", "CurvatureBound", "Data", "Face", "FlatFace",
        "InverseCurvatureStep", "Kind", "L1Ball", "L2Ball", "L2BallInBox", "L2Sphere", "LInfBall",
        "Landscape", "Loss", "MLP", "Method", "Network", "Normalized", "NormalizedStep", "PGA",
        "Point", "Polished", "Problem", "Proof", "RoundFace", "ScheduledStep", "Solution",
        "Status", "StepRule", "Sweep", "ToBoundary", "Trained", "Training", "Trajectory",
        "TwoLayer", "about_network", "ascend", "ascend_recorded", "attack", "certify",
        "cross_entropy", "curvature_bound", "in_range", "init_conv_net", "init_mlp",
        "init_two_layer", "kinks", "lane_map", "load_data", "load_network", "log_odds",
        "logistic", "margin", "open", "open_landscape", "open_sweep", "open_training", "polish",
        "prove", "quadratic", "random_start", "run_critical", "run_landscape", "run_sweep",
        "run_training", "save_network", "train", "trial", "use_devices",
    }  # fmt: skip
    assert set(ja.__all__) == expected
    for name in expected:
        assert getattr(ja, name).__doc__


def test_public_names_are_loaded_at_their_first_use():
    """`import jaxadv` is fast: JAX, which takes seconds, waits until a name needs it."""
    code = (
        "import sys, jaxadv; heavy = {'jax', 'numpy', 'xarray', 'zarr'};"
        "print(sorted(heavy & set(sys.modules)));"
        "assert dir(jaxadv) == jaxadv.__all__;"
        "from jaxadv import *; assert trial.ascend is ascend;"
        "print('jax' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["[]", "True"]


def test_a_name_that_is_not_public_is_refused():
    with pytest.raises(AttributeError, match="Sweeep"):
        ja.Sweeep  # noqa: B018


def test_all_public_names_start_nothing_heavy():
    """No figures, no data sets, no command line, and no device before it is needed."""
    code = (
        "import sys; from jaxadv import *; heavy = {'matplotlib', 'sklearn', 'tyro'};"
        "from jax._src import xla_bridge;"
        "print(sorted(heavy & set(sys.modules)), xla_bridge._backends)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] {}"
