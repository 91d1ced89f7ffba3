"""`attack`: what small perturbations of some inputs can do to a network."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from jaxadv.ascent.apgd import APGD
from jaxadv.ascent.entry import check_moves, check_trial
from jaxadv.ascent.methods import Method
from jaxadv.ascent.trial import as_method
from jaxadv.attacks.trials import Row, Rules, Target, problem_of
from jaxadv.attacks.work import AttackWork, lanes_for
from jaxadv.experiments.draws import as_key
from jaxadv.experiments.fields import count
from jaxadv.grid.run import Options, run_grid
from jaxadv.problems.checks import as_floats, offers
from jaxadv.problems.constraints import CertifiableConstraint
from jaxadv.problems.losses import check_label, log_odds, logistic
from jaxadv.problems.networks import as_network
from jaxadv.problems.problem import Problem, as_constraint
from jaxadv.problems.ranges import as_range, check_in_range
from jaxadv.proofs.flat_sets import symmetric_hull
from jaxadv.proofs.readable import as_readable

STEPS, TOLERANCE = 100, 1e-3  # of the usual method


def attack(
    network: Any,
    x: Any,
    y: Any,
    *,
    constraint: Any,
    loss: Any = "cross-entropy",
    bounds: Any = None,
    method: Method | None = None,
    starts: Any = 10,
    key: Any = 0,
    targeted: bool = False,
    certify: bool = True,
    prove: bool = False,
    keep_ends: bool = False,
    num_lanes: int | None = None,
    smooth: bool = False,
    store: str | Path | None = None,
    **options: Unpack[Options],
) -> Any:
    """Attack a network at many inputs, each from many starts, and keep the worst perturbations.

    Trials share the network and run on lanes: one that has ended makes room for the next. Where the
    loss is cross-entropy or logistic, ascents climb its `log_odds`, which have the same maxima and
    a gradient that does not vanish at confident answers.

    Args:
        network: f, any callable that maps one input to a number or to logits, see `Network`.
        x: the inputs, (input, ...), of any shape.
        y: their labels (input,): whole numbers of classes; ±1 where the network gives a number.
        constraint: the set of perturbations, such as ``ja.LInfBall(8 / 255)``, or a list of sets.
        loss: what is reported, and maximised.
        bounds: the range of x + δ, such as ``(0, 1)``: each input gets the part of the set that
            keeps it there (`in_range`).
        method: how trials move; by default 100 steps of `APGD`, by the signs of the gradient in
            boxes and along the gradient in other sets.
        starts: trials on each input: the first from x itself, the others from random points of the
            set.
        key: a key of `jax.random`, or the seed of one. The starts of an input depend on nothing
            else but its number.
        targeted: whether ``y`` are answers to be reached: the attack makes their loss small.
        certify: whether the ends are certified, where the set has faces (`CertifiableConstraint`).
        prove: whether to prove at which inputs no perturbation of the set changes the answer, which
            bounds the robust share from below (`Attack.robust_bounds`). The network must be a
            `TwoLayer` or an `MLP`, also inside of a `Normalized`, and the sets built in.
        keep_ends: whether the end of every trial is kept (`Attack.ends`), not the worst one alone.
        num_lanes: trials under way at a time; by default chosen by the network's size.
        smooth: as `Problem.smooth`.
        store: a folder or an address, where the attack is kept as it goes, and resumed.
        **options: fresh, shard, devices, executor and progress, as in `run_sweep`.

    Returns:
        An `Attack`, or a list of them for a list of sets.

    Raises:
        TypeError: for a network, inputs, labels, a set, a loss or a method that cannot be used.
        ValueError: for inputs and labels that do not fit, inputs out of bounds, or labels that are
            no classes; and as `run_sweep`.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=6, width=32, classes=3)
        >>> x = jax.random.uniform(jax.random.key(1), (4, 6))
        >>> y = jnp.argmax(jax.vmap(net)(x), axis=1)
        >>> one = attack(
        ...     net, x, y, constraint=ja.LInfBall(0.1), bounds=(0, 1), starts=2, progress=False
        ... )
        >>> one.perturbation.shape, one.num_steps.shape
        ((4, 6), (4, 2, 1))
    """
    work = prepare(
        network, x, y, constraint=constraint, loss=loss, bounds=bounds, method=method,
        starts=starts, key=key, targeted=targeted, certify=certify, prove=prove,
        keep_ends=keep_ends, num_lanes=num_lanes, smooth=smooth,
    )  # fmt: skip
    attacks = work.attacks(run_grid(work, store, **options))
    return attacks if isinstance(constraint, Sequence) else attacks[0]


def prepare(
    network: Any,
    x: Any,
    y: Any,
    *,
    constraint: Any,
    loss: Any,
    bounds: Any,
    method: Method | None,
    starts: Any,
    key: Any,
    targeted: bool,
    certify: bool,
    prove: bool,
    keep_ends: bool,
    num_lanes: int | None,
    smooth: bool,
) -> AttackWork:
    """An attack that is ready to be run; arguments and errors are those of `attack`."""
    constraints = tuple(constraint) if isinstance(constraint, Sequence) else (constraint,)
    if not constraints:
        raise ValueError("constraint: give at least one set")
    network, sets = as_network(network), tuple(map(as_constraint, constraints))
    inputs = np.asarray(as_floats("x", x))
    if inputs.ndim < 2 or not inputs.size:
        raise ValueError(f"x: shape {inputs.shape} must be (input, ...), at least one input")
    labels = _labels(y, len(inputs))
    # The loss is settled at the first input, with the messages of `Problem`.
    settled = Problem(network, inputs[0], labels[0], sets[0], loss, smooth=smooth)
    trials = len(inputs) * count("starts", starts)
    if num_lanes is None:
        num_lanes = lanes_for(network, inputs.shape[1:], inputs.dtype, trials)
    rules = Rules(
        loss=settled.loss,
        targeted=bool(targeted),
        bounds=as_range(bounds),
        starts=starts,
        certify=False,
        prove=bool(prove),
        lanes=min(count("num_lanes", num_lanes), trials),
        smooth=settled.smooth,
        keep_ends=bool(keep_ends),
    )
    chosen = as_method(APGD(STEPS, tolerances=TOLERANCE) if method is None else method)
    target = Target(network, sets[0], chosen, as_key(key))
    _check(target, rules, inputs, labels)
    row = Row(jnp.asarray(inputs[0]), jnp.asarray(labels[0]), jnp.int32(0), jnp.int32(0))
    problems = [problem_of(dataclasses.replace(target, constraint=one), row, rules) for one in sets]
    for problem in problems:
        check_trial(problem, row.x, name="x")
        check_moves(problem, row.x, chosen)
    if rules.prove:
        for problem in problems:
            as_readable(problem.network, problem.x)
            symmetric_hull(problem.constraint)
    have_faces = all(offers(problem.constraint, CertifiableConstraint) for problem in problems)
    rules = rules._replace(certify=bool(certify) and have_faces)
    return AttackWork(target, sets, rules, inputs, labels)


def _labels(y: Any, number: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.shape != (number,):
        raise ValueError(f"y: shape {labels.shape} must be ({number},), a label for each input")
    return labels.astype(np.int32) if np.issubdtype(labels.dtype, np.integer) else labels


def _check(target: Target, rules: Rules, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Refuse inputs and labels that make no sense."""
    if not np.isfinite(inputs).all():
        raise ValueError("x: has entries that are not finite")
    check_in_range("x", inputs, rules.bounds)
    output = jax.eval_shape(target.network, jax.ShapeDtypeStruct(inputs.shape[1:], inputs.dtype))
    classes = output.shape[0] if getattr(output, "ndim", 0) == 1 else None
    # An attack asks whether answers change, whatever the loss is.
    for label in np.unique(labels):
        check_label(logistic if classes is None else log_odds, label, classes)
