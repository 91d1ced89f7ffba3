"""Attack a network of your own at your inputs: print a table, draw figures.

Example:
    python scripts/attack.py mine:network images.npz --radii 2/255,8/255 --bounds 0,1
"""

import sys

from jaxadv.cli.main import main

if __name__ == "__main__":
    main(["attack", *sys.argv[1:]])
