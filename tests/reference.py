"""Projected gradient ascent in NumPy, one number after the other.

From docs/theory.md, section 3 alone.

Shares no line with jaxadv: own derivatives, own projection, own stopping rule.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf as scipy_erf
from scipy.special import expit, ndtr


def _normal_density(z):
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


# name -> (value, first derivative, second derivative)
SMOOTH = {
    "identity": (lambda z: z, np.ones_like, np.zeros_like),
    "tanh": (
        np.tanh,
        lambda z: 1 - np.tanh(z) ** 2,
        lambda z: -2 * np.tanh(z) * (1 - np.tanh(z) ** 2),
    ),
    "erf": (
        scipy_erf,
        lambda z: 2 / math.sqrt(math.pi) * np.exp(-z * z),
        lambda z: -4 * z / math.sqrt(math.pi) * np.exp(-z * z),
    ),
    "sigmoid": (
        expit,
        lambda z: expit(z) * expit(-z),
        lambda z: expit(z) * expit(-z) * (1 - 2 * expit(z)),
    ),
    "softplus": (lambda z: np.logaddexp(0, z), expit, lambda z: expit(z) * expit(-z)),
    "gelu": (
        lambda z: z * ndtr(z),
        lambda z: ndtr(z) + z * _normal_density(z),
        lambda z: (2 - z * z) * _normal_density(z),
    ),
    "silu": (
        lambda z: z * expit(z),
        lambda z: expit(z) * (1 + z * expit(-z)),
        lambda z: expit(z) * expit(-z) * (2 + z * (1 - 2 * expit(z))),
    ),
    "sin": (np.sin, np.cos, lambda z: -np.sin(z)),
}
# name -> (value, first derivative, second derivative) in the output
LOSSES = {
    "quadratic": (lambda o, y: 0.5 * (o - y) ** 2, lambda o, y: o - y, lambda o, y: 1.0),
    "logistic": (
        lambda o, y: np.logaddexp(0, -y * o),
        lambda o, y: -y * expit(-y * o),
        lambda o, y: y * y * expit(y * o) * expit(-y * o),
    ),
}


@dataclass
class Case:
    """A problem in plain arrays."""

    hidden: np.ndarray
    output: np.ndarray
    x: np.ndarray
    y: float
    radius: float
    activation: str = "tanh"
    loss: str = "quadratic"

    def derivatives(self, delta):
        """L, ∇L and ∇²L at δ, by the chain rule (docs/theory.md, section 2.2)."""
        sigma, sigma_1, sigma_2 = SMOOTH[self.activation]
        ell, ell_1, ell_2 = LOSSES[self.loss]
        z = self.hidden @ (self.x + delta)
        out = self.output @ sigma(z)
        grad_f = self.hidden.T @ (self.output * sigma_1(z))
        hess_f = self.hidden.T @ ((self.output * sigma_2(z))[:, None] * self.hidden)
        hessian = ell_2(out, self.y) * np.outer(grad_f, grad_f) + ell_1(out, self.y) * hess_f
        return ell(out, self.y), ell_1(out, self.y) * grad_f, hessian


def random_case(rng, *, dim, width, scale, ratio=0.1, activation="tanh", loss="quadratic"):
    """A random problem (docs/theory.md, sections 2.1 and 2.2)."""
    direction = rng.normal(size=dim)
    x = scale * math.sqrt(dim) * direction / np.linalg.norm(direction)
    y = rng.normal()
    return Case(
        hidden=rng.normal(size=(width, dim)) / math.sqrt(dim),
        output=rng.choice([-1.0, 1.0], size=width) / math.sqrt(width),
        x=x,
        y=math.copysign(1.0, y) if loss == "logistic" else y,
        radius=ratio * float(np.linalg.norm(x)),
        activation=activation,
        loss=loss,
    )


def random_start(rng, case, where):
    """A start in the ball, on the sphere or at 0."""
    direction = rng.normal(size=case.x.size)
    direction /= np.linalg.norm(direction)
    length = {"ball": rng.random() ** (1 / case.x.size), "sphere": 1.0, "zero": 0.0}[where]
    return case.radius * length * direction


def box_certificate(case, delta, lower, upper, eta):
    """(kind, num_free, curvature ratio, rate, margin) of a stationary point of a box.

    From docs/theory.md, section 4.6 alone; entries at a bound equal it.
    """
    _, gradient, hessian = case.derivatives(delta)
    fixed = lower == upper
    at_upper, at_lower = (delta == upper) & ~fixed, (delta == lower) & ~fixed
    active, free = at_upper | at_lower, ~(at_upper | at_lower | fixed)
    outward = np.where(at_upper, gradient, -gradient)[active]
    spectrum = np.linalg.eigvalsh(hessian[np.ix_(free, free)]) if free.any() else np.array([])
    radius = 0.5 * math.sqrt(((upper - lower) ** 2).sum())
    holds = (outward > 0).all() and (spectrum < 0).all()
    kind = "NOT_MAX"
    if holds:
        kind = ("VERTEX_MAX" if not free.any() else "FACE_MAX") if active.any() else "INTERIOR_MAX"
    force = np.abs(outward).mean() / radius if active.any() else 0.0
    ratio = spectrum.max() / force if len(spectrum) and force else -math.inf
    rate = np.abs(1 + eta * spectrum).max() if len(spectrum) else 0.0
    margin = outward.min() / np.abs(gradient).mean() if active.any() else math.inf
    return kind, int(free.sum()), ratio, rate, margin


def cut_certificate(case, delta, lower, upper, radius):
    """(kind, multiplier, margin) of a stationary point of the part of a ball that lies in a box.

    From docs/theory.md, section 4.6 alone; entries at a bound equal it.
    """
    _, gradient, hessian = case.derivatives(delta)
    at_upper, at_lower = delta == upper, delta == lower
    free = ~(at_upper | at_lower)
    on_sphere = abs(np.linalg.norm(delta) - radius) <= 1e-9 * radius
    part = delta[free]
    multiplier = gradient[free] @ part / (part @ part) if on_sphere and free.any() else 0.0
    force = gradient - multiplier * delta
    outward = np.concatenate([force[at_upper], -force[at_lower]])
    basis = np.eye(free.sum())
    if on_sphere and free.any():
        basis = np.linalg.svd(part[None])[2][1:].T  # orthogonal to δ
    curvatures = np.linalg.eigvalsh(basis.T @ hessian[np.ix_(free, free)] @ basis)
    margins = np.concatenate([outward, [multiplier * radius] if on_sphere else []])
    margin = margins.min() / np.linalg.norm(gradient) if len(margins) else np.inf
    kind = "NOT_MAX"
    if margin > 0 and (curvatures < multiplier).all():
        if on_sphere:
            kind = "BOUNDARY_MAX"
        elif len(outward):
            kind = "FACE_MAX" if free.any() else "VERTEX_MAX"
        else:
            kind = "INTERIOR_MAX"
    return kind, multiplier, margin


def move(case, delta, velocity, *, kind, momentum, size, box):
    """One step of another method: (δ, v), in a box of half-width ``box`` or in the ball if None.

    Steps have the length size·ε, ε the radius of the ball or of the box's corners.
    """
    gradient = case.derivatives(delta)[1]
    if momentum:
        velocity = momentum * velocity + gradient / np.abs(gradient).sum()
        gradient = velocity
    direction = np.where(gradient > 0, 1.0, -1.0) if kind == "sign" else gradient
    reach = case.radius if box is None else box * math.sqrt(len(delta))
    delta = delta + size * reach * direction / math.sqrt(direction @ direction)
    if box is not None:
        return np.minimum(np.maximum(delta, -box), box), velocity
    return delta * min(1.0, case.radius / math.sqrt(delta @ delta)), velocity


def apgd(case, start, *, kind, max_steps, box):
    """(best δ, its loss, all iterates) of Auto-PGD, after algorithm 1 of Croce and Hein 2020.

    In a box of half-width ``box``, or in the ball if None.
    """
    epsilon = case.radius if box is None else box * math.sqrt(len(start))

    def project(v):
        if box is not None:
            return np.minimum(np.maximum(v, -box), box)
        return v * min(1.0, case.radius / max(math.sqrt(v @ v), 1e-300))

    def loss_and_direction(delta):
        loss, gradient, _ = case.derivatives(delta)
        unit = np.sign(gradient) if kind == "sign" else gradient
        return loss, unit / math.sqrt(unit @ unit)

    p = [0.0, 0.22]
    while p[-1] < 1:
        p.append(p[-1] + max(p[-1] - p[-2] - 0.03, 0.06))
    w = [math.ceil(round(share * max_steps, 9)) for share in p]

    iterates, losses = [start], [loss_and_direction(start)[0]]
    best, best_loss, eta = start, losses[0], 2.0
    etas_at, bests_at = [eta], [-math.inf]
    before, here = start, start
    for k in range(max_steps):
        if k in w[1:]:
            period = k - w[w.index(k) - 1]
            rises = sum(losses[i + 1] > losses[i] for i in range(k - period, k))
            unchanged = etas_at[-1] == (etas_at[-2] if len(etas_at) > 1 else eta)
            condition_1 = rises < 0.75 * period
            condition_2 = unchanged and bests_at[-1] >= best_loss
            bests_at.append(best_loss)
            if condition_1 or condition_2:
                eta, here = eta / 2, best
            etas_at.append(eta)
        direction = loss_and_direction(here)[1]
        z = project(here + eta * epsilon * direction)
        alpha = 1.0 if k == 0 else 0.75
        following = project(here + alpha * (z - here) + (1 - alpha) * (here - before))
        before, here = here, following
        iterates.append(here)
        losses.append(loss_and_direction(here)[0])
        if losses[-1] > best_loss:
            best, best_loss = here, losses[-1]
    return best, best_loss, iterates


def ascend(case, start, eta, tolerances, max_steps):
    """(num_steps, reached, boundary_step, δ, residuals at every step), in float64.

    Source: docs/theory.md, section 3.
    """

    def project(v):
        norm = math.sqrt(sum(float(c) ** 2 for c in v))
        return v if norm <= case.radius else v * (case.radius / norm)

    delta = project(start)
    num_steps = [None] * len(tolerances)
    boundary_step = -1
    largest_gradient = 0.0
    edge = case.radius * (1 - 8 * np.finfo(float).eps * math.sqrt(case.x.size))
    residuals = []
    landmarks = ()
    k = 0
    while True:
        _, gradient, _ = case.derivatives(delta)
        largest_gradient = max(largest_gradient, float(np.linalg.norm(gradient)))
        if largest_gradient == 0:
            r = 0.0
        else:
            moved = project(delta + case.radius / largest_gradient * gradient) - delta
            r = float(np.linalg.norm(moved)) / case.radius
        residuals.append(r)
        for i, tol in enumerate(tolerances):
            if num_steps[i] is None and r <= tol:
                num_steps[i] = k
        if boundary_step < 0 and np.linalg.norm(delta) >= edge:
            boundary_step = k
        following = project(delta + eta * gradient)
        is_back = any(np.array_equal(delta, earlier) for earlier in landmarks)
        if num_steps[-1] is not None or is_back or k >= max_steps:
            break
        if k == 0 or math.log2(k).is_integer():
            landmark = delta
        landmarks = (landmark, delta)
        delta = following
        k += 1
    reached = [count is not None for count in num_steps]
    counts = [k if count is None else count for count in num_steps]
    return counts, reached, boundary_step, delta, np.array(residuals)
