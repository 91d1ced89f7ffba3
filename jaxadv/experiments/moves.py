"""How the trials of an experiment move: which step rule goes with which method."""

from jaxadv.problems.names import Function

OF_UNIT_DIRECTIONS = ("sign", "momentum")
OF_ITSELF = "apgd"


def step_of(method: Function, step: Function, step_size: float) -> tuple[Function, float]:
    """The step rule of a method, and the rule's parameter.

    Steps along signs or along a velocity have no natural length, and so their length is a fraction
    of the radius, whatever the step rule is. Auto-PGD chooses its own step sizes.

    Args:
        method: a name of `METHODS`, a reference, or a function.
        step: the step rule of the experiment.
        step_size: its parameter.

    Example:
        >>> step_of("gradient", "constant", 0.1), step_of("sign", "constant", 0.1)
        (('constant', 0.1), ('normalized', 0.1))
    """
    from jaxadv.ascent.apgd import FIRST_LENGTH  # noqa: PLC0415  needs JAX

    if method == OF_ITSELF:
        return "normalized", FIRST_LENGTH
    return ("normalized" if method in OF_UNIT_DIRECTIONS else step), step_size
