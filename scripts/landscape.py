"""Look at the landscape of the adversarial loss at several input scales: figures and numbers.

Example:
    python scripts/landscape.py --scales 0.1,1,10
"""

import sys

from jaxadv.cli.main import main

if __name__ == "__main__":
    main(["landscape", *sys.argv[1:]])
