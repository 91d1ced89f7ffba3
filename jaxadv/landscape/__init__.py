"""The second experiment: maxima of the adversarial loss, and how regular its landscape is."""
