"""The records of a run: its losses and accuracies, its inner problems, its weights."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.kinds import MAXIMA
from jaxadv.ascent.trial import ascend
from jaxadv.batches import map_batches
from jaxadv.experiments.draws import Draws
from jaxadv.experiments.layout import usual_prove_lanes
from jaxadv.experiments.variables import Known, Record, known_on_boundary, known_where
from jaxadv.grid.schema import Variable
from jaxadv.learning.adversary import Adversary, mean_loss
from jaxadv.problems.checks import offers
from jaxadv.problems.constraints import CertifiableConstraint
from jaxadv.problems.losses import Loss, margin
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.problem import Problem
from jaxadv.proofs.ends import has_proofs, prove_input, square_norm_of
from jaxadv.proofs.readable import as_readable
from jaxadv.pytrees import pytree
from jaxadv.training.run import Rules, Run, Settings, initial_network

SPLITS = ("train", "test")
NUM_PROBES = 8  # training examples at which the inner problem is followed to a tolerance
PROBE_TOLERANCE = 1e-3
PROBE_BUDGET = 300
BY_SPLIT = ("evaluation", "split")
BY_PROBE = ("evaluation", "probe")
LOSS = "loss"  # a unit
# The variables of a run as a whole.
OF_RUNS: Mapping[str, Variable] = {
    "learning_rate": Variable("learning_rate", "learning rate", dims=()),
    "sharpness": Variable("sharpness", "sharpness at initialisation", dims=()),
    "chance_loss": Variable(
        "chance_loss", "loss of the output 0 on training examples", LOSS, dims=()
    ),
    "diverged_step": Variable(
        "diverged_step", "step that was not finite and was undone, -1 if none", "step", "int32",
        dims=(),
    ),
}  # fmt: skip
# The variables of each evaluation.
OF_EVALUATIONS: Mapping[str, Variable] = {
    "clean_loss": Variable("clean_loss", "mean loss", LOSS, dims=BY_SPLIT),
    "robust_loss": Variable(
        "robust_loss", "mean loss under the strong attack", LOSS, dims=BY_SPLIT
    ),
    "clean_accuracy": Variable(
        "clean_accuracy", "share that is classified right", dims=BY_SPLIT
    ),
    "robust_accuracy": Variable(
        "robust_accuracy", "share that is classified right under all attacks", dims=BY_SPLIT
    ),
    "gradient_norm": Variable(
        "gradient_norm", "norm of the robust loss's gradient in the weights", dims=("evaluation",)
    ),
    "distance": Variable(
        "distance", "distance from the initial weights over their norm", dims=("evaluation",)
    ),
    "inner_steps": Variable(
        "inner_steps", "steps of the inner ascent to its tolerance, or to the budget", "step",
        "int32", dims=BY_PROBE,
    ),
    "inner_reached": Variable(
        "inner_reached", "whether the inner ascent reached its tolerance", dtype="bool",
        dims=BY_PROBE,
    ),
    "inner_certified": Variable(
        "inner_certified", "1 if it ended in a certified maximum, 0 if not; NaN without "
        "certificates", dims=BY_PROBE,
    ),
    "curvature_ratio": Variable(
        "curvature_ratio", "largest tangent curvature over multiplier at its end; NaN in the "
        "interior, and without certificates", dims=BY_PROBE
    ),
    "inner_proved": Variable(
        "inner_proved", "share of the held-out examples whose inner maximum is known, and proved "
        "to be the global one; NaN where no proof is tried", dims=("evaluation",),
    ),
}  # fmt: skip
ACCURACIES = ("clean_accuracy", "robust_accuracy")
# A part of the accuracies' description, if in some cells no output is right or wrong.
WITHOUT_ANSWERS = "NaN where labels are neither -1 and 1 nor classes"


@pytree
class Worst:
    """The result of the strong attacks on one example.

    Attributes:
        loss: the largest loss at their starts and ends.
        perturbation: the point where it is.
        correct: whether the answer is right at all their starts and ends.
    """

    loss: Float[Array, ""]
    perturbation: Float[Array, " dim"]
    correct: Bool[Array, ""]


def worst(
    attack: Adversary,
    network: Network,
    x: Float[Array, " dim"],
    y: Float[Array, ""],
    starts: Float[Array, "start dim"],
    *,
    loss: Loss,
) -> Worst:
    """Attacks on one example: on the loss from 0 and from some starts, on the margin from 0.

    The answer can be right where the quadratic loss is largest: the output is then far beyond its
    label. The attack on the margin seeks wrong answers only.

    Args:
        attack: the adversary, which starts at 0.
        network: f.
        x: the input.
        y: the label.
        starts: further starts, in circumradii.
        loss: ℓ.
    """
    problem = attack.problem(network, x, y, loss=loss)
    circumradius = attack.ratio * l2_norm(x)
    all_starts = jnp.concatenate([jnp.zeros_like(x)[None], circumradius * starts])
    ends = jax.vmap(lambda start: ascend(problem, start, attack.method))(all_starts)
    margin_problem = dataclasses.replace(problem, loss=margin)
    margin_end = ascend(margin_problem, jnp.zeros_like(x), attack.method)
    # Starts count as well as ends, because an ascent can end lower than it began.
    points = jnp.concatenate([
        ends.perturbation,
        jax.vmap(problem.constraint.project)(all_starts),
        margin_end.perturbation[None],
    ])  # fmt: skip
    losses = jax.vmap(problem.objective)(points)
    best = jnp.argmax(losses)
    margins = jax.vmap(margin_problem.objective)(points)
    return Worst(losses[best], points[best], (margins < 0).all())


def evaluate(run: Run, draws: Draws, settings: Settings, rules: Rules) -> dict[str, Record]:
    """The records of a run at its present step: `OF_EVALUATIONS` and `OF_RUNS`.

    Networks are evaluated on the test examples, which are the last ones of the draws, and on as
    many training examples.
    """
    size = len(draws.label) - rules.examples
    attack = rules.attack(settings.measured_ratio, rules.strong)
    by_split = (name for name, variable in OF_EVALUATIONS.items() if variable.dims == BY_SPLIT)
    records: dict[str, list[Array]] = {name: [] for name in by_split}
    inputs = settings.scale * draws.direction
    perturbations = jnp.zeros_like(inputs[:size])
    with jax.default_matmul_precision("highest"):
        for name, rows in (("train", slice(0, size)), ("test", slice(rules.examples, None))):
            x, y = inputs[rows], draws.label[rows]
            outputs = jax.vmap(run.network)(x)
            attacked = jax.vmap(
                lambda x, y, starts: worst(attack, run.network, x, y, starts, loss=rules.loss)
            )(x, y, draws.start[rows])
            records["clean_loss"].append(jnp.mean(jax.vmap(rules.loss)(outputs, y)))
            records["clean_accuracy"].append(jnp.mean(jax.vmap(margin)(outputs, y) < 0))
            records["robust_loss"].append(jnp.mean(attacked.loss))
            records["robust_accuracy"].append(jnp.mean(attacked.correct))
            if name == "train":
                perturbations = attacked.perturbation
        return {
            **{
                name: known_where(jnp.bool_(name not in ACCURACIES or rules.has_answers), value)
                for name, value in ((name, jnp.stack(values)) for name, values in records.items())
            },
            **_of_weights(run, draws, inputs[:size] + perturbations, settings, rules),
            **_of_probes(run, draws, settings, rules),
            "inner_proved": _share_proved(run, draws, settings, rules),
            "learning_rate": run.learning_rate,
            "sharpness": run.sharpness,
            "chance_loss": jnp.mean(
                jax.vmap(lambda y: rules.loss(jnp.zeros_like(outputs[0]), y))(
                    draws.label[: rules.examples]
                )
            ),
            "diverged_step": run.diverged_step,
        }


def _of_weights(
    run: Run,
    draws: Draws,
    attacked: Float[Array, "example dim"],
    settings: Settings,
    rules: Rules,
) -> dict[str, Array]:
    """The norm of the gradient in the weights, and their distance from the initial weights."""
    weights = rules.objective.weights(run.network)
    initial = rules.objective.weights(initial_network(draws, settings, rules))

    def loss_of(weights: object) -> Float[Array, ""]:
        network = rules.objective.network(run.network, weights)
        return mean_loss(network, attacked, draws.label[: len(attacked)], loss=rules.loss)

    gradient, now, start = (
        ravel_pytree(tree)[0] for tree in (jax.grad(loss_of)(weights), weights, initial)
    )
    return {
        "gradient_norm": l2_norm(gradient),
        "distance": over(l2_norm(now - start), l2_norm(start)),
    }


def _share_proved(run: Run, draws: Draws, settings: Settings, rules: Rules) -> Record:
    """Of how many held-out examples the global inner maximum is known."""
    attack = rules.attack(settings.measured_ratio, rules.strong)
    rows = slice(rules.examples, None)
    inputs, labels = settings.scale * draws.direction[rows], draws.label[rows]

    def problem(x: Float[Array, " dim"], y: Float[Array, ""]) -> Problem:
        return attack.problem(run.network, x, y, loss=rules.loss)

    first = problem(inputs[0], labels[0])
    if not has_proofs(first):
        return known_where(jnp.bool_(False), jnp.zeros((), inputs.dtype))
    square_norm = square_norm_of(first)
    width, dim = as_readable(first.network, first.x).weights[0].shape
    lanes = usual_prove_lanes(dim, width, len(labels))
    proved = map_batches(
        lambda row: prove_input(problem(*row), square_norm), (inputs, labels), lanes
    )
    # Without an attack there is no inner problem.
    return known_where(settings.measured_ratio > 0, jnp.mean(proved.astype(inputs.dtype)))


def _of_probes(run: Run, draws: Draws, settings: Settings, rules: Rules) -> dict[str, Record]:
    """The inner problem at a few training examples, with the kind of method that training uses."""
    attack = rules.attack(settings.measured_ratio, rules.probe)

    probes = slice(0, min(NUM_PROBES, rules.examples))
    inputs, labels = settings.scale * draws.direction[probes], draws.label[probes]

    def problem(x: Float[Array, " dim"], y: Float[Array, ""]) -> Problem:
        return attack.problem(run.network, x, y, loss=rules.loss)

    ends = jax.vmap(lambda x, y: attack(run.network, x, y, loss=rules.loss))(inputs, labels)
    certified = ratio = Known(jnp.zeros(len(labels), inputs.dtype), jnp.zeros(len(labels), bool))
    if offers(problem(inputs[0], labels[0]).constraint, CertifiableConstraint):
        certificates = certify_each(
            lambda row: (problem(*row[0]), row[1].end),
            ((inputs, labels), ends),
            tolerance=PROBE_TOLERANCE,
            lanes=NUM_PROBES,
        )
        # Without an attack there is no inner problem.
        is_attacked = jnp.broadcast_to(settings.measured_ratio > 0, labels.shape)
        is_maximum = jnp.isin(certificates.kind, jnp.array(MAXIMA)).astype(inputs.dtype)
        certified = known_where(is_attacked, is_maximum)
        ratio = known_on_boundary(certificates.curvature_ratio, certificates.multiplier)
        ratio = known_where(is_attacked & ratio.exists, ratio.value)
    return {
        "inner_steps": ends.num_steps[:, -1],
        "inner_reached": ends.reached[:, -1],
        "inner_certified": certified,
        "curvature_ratio": ratio,
    }
