"""Run a sweep of projected gradient ascent: print a table, draw figures.

Example:
    python scripts/sweep.py --scales 0.1,1,10 --data digits
"""

import sys

from jaxadv.cli.main import main

if __name__ == "__main__":
    main(["sweep", *sys.argv[1:]])
