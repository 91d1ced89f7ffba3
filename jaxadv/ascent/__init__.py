"""How it is maximised: step rules, projected gradient ascent, and certificates of maxima."""

import lazy_loader

# So that `jaxadv.trial`, a module of functions, is loaded at its first use as all public names are.
__getattr__, _, _ = lazy_loader.attach(__name__, submodules=["trial"])
