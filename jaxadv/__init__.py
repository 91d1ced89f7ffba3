"""jaxadv: a batched simulator of first-order adversaries on random two-layer networks.

import jaxadv as ja
ds = ja.run_sweep(ja.Sweep(scales=(0.1, 1.0, 10.0)))
"""

import lazy_loader

# The public names, which __init__.pyi lists, are loaded at their first use: JAX takes seconds.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
