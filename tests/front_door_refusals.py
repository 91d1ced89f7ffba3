"""Bad input at the front door: each case with what its one line must say.

A program of its own, so that it meets the messages that users meet: the tests check types before.
Run as `python -X dev -W error -m tests.front_door_refusals`.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import jaxadv as ja

NET = ja.init_two_layer(jax.random.key(0), dim=784, width=8)
SMALL = ja.init_two_layer(jax.random.key(0), dim=4, width=8)
BALL = ja.L2Ball(0.1)
X = np.linspace(0.1, 1.0, 4)


def problem(**changes):
    given = {"network": SMALL, "x": X, "y": 0.0, "constraint": BALL} | changes
    return ja.Problem(**given)


def ascend(start=None, pga=None, **changes):
    prob = problem(**changes)
    return ja.ascend(prob, np.zeros(np.shape(prob.x)) if start is None else start, pga)


def logits(z):
    return jnp.tanh(jnp.outer(jnp.ones(10), z)).sum(axis=1)


class Vectorial:
    """A step rule that gives a size for each entry."""

    def init(self, problem, start):
        return jnp.zeros(())

    def size(self, state, problem, gradient, steps):
        return jnp.ones(4)


class Branching(Vectorial):
    """A step rule that asks for the value of a traced number."""

    def size(self, state, problem, gradient, steps):
        return 0.1 if steps < 10 else 0.01


class Narrow:
    """A box of another size."""

    def project(self, delta):
        return jnp.clip(delta, -jnp.ones(5), jnp.ones(5))

    def tangent(self, delta, vector):
        return vector

    def circumradius(self, dim):
        return 1.0

    def frank_wolfe_gap(self, delta, gradient):
        return jnp.sum(gradient)

    def active(self, delta, slack):
        return jnp.bool_(False)


class Unhashable:
    def __init__(self):
        self.weights = jnp.ones(4)
        self.options = {"names": {"a", "b"}}

    def __call__(self, z):
        return self.weights @ z


class Caching:
    def __init__(self):
        self.weights, self.last = jnp.ones(4), None

    def __call__(self, z):
        self.last = self.weights * z
        return self.last.sum()


class Torchlike:
    """What a PyTorch module looks like from outside."""

    __module__ = "torch.nn.modules.linear"

    def __call__(self, z):
        return z


class Linenlike:
    """What modules of Flax Linen and Haiku's transformed functions look like from outside."""

    def init(self, key, z):
        return {}

    def apply(self, variables, z):
        return z.sum()


def schedule(step):
    return 0.1 / (1 + step)


REFUSALS = {
    "several radii": (
        lambda: ja.L2Ball([0.1, 0.2]),
        "radius: [0.1, 0.2] has shape (2,)",
        "jax.vmap",
    ),
    "a radius of shape (1,)": (
        lambda: ja.LInfBall(np.ones(1)),
        "radius: has shape (1,)",
        "jax.vmap",
    ),
    "a radius that is a word": (lambda: ja.L2Sphere("big"), "radius: 'big' must be a number"),
    "a negative radius": (lambda: ja.L2Ball(-1), "radius: -1.0 must be 0 or more"),
    "a radius that is NaN": (lambda: ja.L2Ball(np.nan), "radius: nan must be 0 or more and finite"),
    "several traced radii": (
        lambda: jax.jit(lambda r: ja.L2Ball(r).radius)(jnp.ones(3)),
        "radius: has shape (3,)",
    ),
    "a schedule as a size": (lambda: ja.ConstantStep(schedule), "step_size:", "must be a number"),
    "a schedule as a rule": (lambda: ja.PGA(step=schedule), "step:", "ja.StepRule"),
    "a rule by name": (lambda: ja.PGA(step="constant"), "step: 'constant' needs a size"),
    "a misspelt rule": (lambda: ja.PGA(step="constnat"), "step: unknown 'constnat'", "'constant'"),
    "a class as a rule": (lambda: ja.PGA(step=ja.ConstantStep), "step:", "must be a number"),
    "tolerances that ascend": (lambda: ja.PGA(tolerances=(1e-4, 1e-2)), "tolerances:", "descend"),
    "a tolerance that is a word": (lambda: ja.PGA(tolerances="tight"), "tolerances: 'tight'"),
    "half a step": (lambda: ja.PGA(max_steps=0.5), "max_steps: 0.5 must be a whole number"),
    "a number as settings": (
        lambda: ascend(pga=0.1),
        "method: 0.1 must be a method, such as ja.PGA",
        "ja.PGA",
    ),
    "a size for each entry": (
        lambda: ascend(pga=ja.PGA(step=Vectorial())),
        "step: size must give one number, and gives shape (4,)",
    ),
    "a rule that branches": (
        lambda: ascend(pga=ja.PGA(step=Branching())),
        "step: size cannot be called",
    ),
    "a set of another size": (
        lambda: ascend(constraint=Narrow()),
        "constraint: project cannot be called on a perturbation of shape (4,)",
    ),
    "half a set": (lambda: problem(constraint=Linenlike()), "it lacks active, circumradius"),
    "a solution instead of a point": (
        lambda: ja.certify(problem(), ascend(), step_size=0.1),
        "delta: must be an array of numbers, not of type Solution",
    ),
    "a problem in the place of a start": (
        lambda: ja.ascend(np.zeros(4), problem()),
        "problem: must be a ja.Problem, not of type ndarray",
    ),
    "a word as a switch": (
        lambda: ja.Problem(SMALL, X, 0.0, BALL, smooth="yes"),
        "smooth: 'yes' must be True or False",
    ),
    "no label": (lambda: ascend(loss="logistic", y=None), "y: None is no label"),
    "a tuple as a network": (
        lambda: problem(network=(logits, X)),
        "network: an object of type tuple",
        "functools.partial(apply, params)",
    ),
    "no network": (lambda: problem(network=3), "network: an object of type int is no function"),
    "a class as a network": (lambda: problem(network=ja.TwoLayer), "network:", "function"),
    "a PyTorch module": (
        lambda: problem(network=Torchlike()),
        "network: Torchlike is a PyTorch",
        "jax.numpy",
    ),
    "a module without parameters": (
        lambda: problem(network=Linenlike()),
        "functools.partial(network.apply",
    ),
    "a set in a network": (
        lambda: problem(network=Unhashable()),
        "network.options['names']",
        "hashable",
    ),
    "a network that keeps its result": (
        lambda: ascend(network=Caching()),
        "changes its own arrays",
    ),
    "ten entries for 784": (
        lambda: ascend(network=NET, x=np.ones(10)),
        "the network takes 784 entries, the input has 10",
    ),
    "a matrix of another size": (
        lambda: ascend(network=lambda z: (jnp.ones((3, 5)) @ z).sum()),
        "network: cannot be called on x of shape (4,)",
    ),
    "a batch axis": (
        lambda: ascend(network=lambda z: jnp.tanh(z)[None] @ jnp.ones((4, 2))),
        "network: must give a number or a vector of logits",
        "without a batch axis",
    ),
    "one output in a vector": (lambda: ascend(network=lambda z: z.sum()[None]), "ends in [0]"),
    "logits and a loss of numbers": (
        lambda: ascend(network=logits),
        "loss: quadratic takes a number",
        "cross-entropy",
    ),
    "a number and a loss of logits": (lambda: ascend(loss="cross-entropy"), "loss: cross_entropy"),
    "a network of whole numbers": (
        lambda: ascend(network=lambda z: z.argmax()),
        "must give floats",
    ),
    "a network in half precision": (
        lambda: ascend(network=lambda z: z.astype(jnp.bfloat16).sum()),
        "network: bfloat16 has too few digits",
    ),
    "a start in half precision": (
        lambda: ascend(np.zeros(4, np.float16)),
        "start: float16 has too few digits",
    ),
    "a start of another shape": (
        lambda: ascend(np.zeros(3)),
        "start: shape (3,) is not that of x, (4,)",
    ),
    "words as x": (lambda: problem(x=["a", "b"]), "x: must be an array of numbers"),
    "complex x": (
        lambda: problem(x=np.ones(4) * 1j),
        "x: must be an array of numbers, not of type complex128",
    ),
    "x of no shape": (lambda: problem(x=[[1.0], [1.0, 2.0]]), "x: must be an array of numbers"),
    "empty x": (lambda: ascend(x=np.zeros(0)), "x: shape (0,) has no entries"),
    "a name as a set": (
        lambda: problem(constraint="l2-ball"),
        "constraint: 'l2-ball'",
        "ja.L2Ball(0.1)",
    ),
    "a class as a set": (lambda: problem(constraint=ja.L2Ball), "constraint:", "ja.L2Ball(0.1)"),
    "a misspelt loss": (
        lambda: problem(loss="logistics"),
        "loss: unknown 'logistics'",
        "'logistic'",
    ),
    "a loss that is no function": (
        lambda: problem(loss=0.5),
        "loss: 0.5 must be a name, or a function",
    ),
    "a class below 0": (
        lambda: ascend(network=logits, loss="cross-entropy", y=-1),
        "y: -1 must be a class",
        "0 to 9",
    ),
    "a class between two": (
        lambda: ascend(network=logits, loss="cross-entropy", y=2.9),
        "y: 2.9 must be",
    ),
    "a class that is NaN": (
        lambda: ascend(network=logits, loss=ja.margin, y=np.nan),
        "y: nan must be",
    ),
    "a class too many": (
        lambda: ascend(network=logits, loss="cross-entropy", y=10),
        "y: 10 must be",
    ),
    "0 and 1 as signs": (lambda: ascend(loss="logistic", y=0), "y: 0 must be -1 or 1"),
    "a certificate in an L1 ball": (
        lambda: ja.certify(problem(constraint=ja.L1Ball(0.1)), np.zeros(4), step_size=0.1),
        "constraint: L1Ball",
        "no method 'face'",
    ),
    "several tolerances of a certificate": (
        lambda: ja.certify(problem(), np.zeros(4), step_size=0.1, tolerance=(1e-2, 1e-3)),
        "tolerance: (0.01, 0.001) has shape (2,)",
    ),
    "a rule as the step size of a certificate": (
        lambda: ja.certify(problem(), np.zeros(4), step_size=ja.ConstantStep(0.1)),
        "step_size: ConstantStep(step_size=0.1) must be a number",
    ),
    "a perturbation of another shape": (
        lambda: ja.certify(problem(), np.zeros(5), step_size=0.1),
        "delta: shape (5,) is not that of x",
    ),
    "a deviation of another shape": (
        lambda: ascend(network=ja.Normalized(SMALL, 0.0, np.ones(3))),
        "std (3,) do not broadcast",
    ),
    "a client of Dask for an executor": (
        lambda: ja.run_sweep(ja.Sweep(networks=1), "run", executor=object()),
        "executor: object is not a concurrent.futures.Executor",
        "client.get_executor()",
    ),
    "a shard as a command line has it": (
        lambda: ja.run_sweep(ja.Sweep(networks=1), "run", shard="0/2", devices=1),
        "shard: '0/2' must be two whole numbers, (index, count)",
    ),
    "a misspelt activation": (
        lambda: ja.TwoLayer(jnp.ones((2, 4)), jnp.ones(2), "tahn"),
        "activation: unknown 'tahn'",
        "'tanh'",
    ),
    "a loop over nothing": (
        lambda: ja.lane_map(
            lambda x: x, lambda x: x, lambda x: x > 0, lambda x: x, [], num_lanes=2
        ),
        "xs",
    ),
}


def what_is_wrong(make, *expected):
    """None if a case is refused in one line that says what is expected."""
    try:
        make()
    except (TypeError, ValueError) as error:
        message = str(error)
        if "\n" in message:
            return f"more than one line: {message}"
        missing = [text for text in expected if text not in message]
        return f"{missing} not in: {message}" if missing else None
    except Exception as error:  # noqa: BLE001  whatever else is raised is what is wrong
        return f"{type(error).__name__}: {error}"
    return "it is taken"


if __name__ == "__main__":
    faults = {name: what_is_wrong(*case) for name, case in REFUSALS.items()}
    for name, fault in faults.items():
        if fault:
            print(f"{name}: {fault}")
    print(f"{len(REFUSALS)} cases")
    sys.exit(any(faults.values()))
