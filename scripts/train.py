"""Train networks against attacks at several input scales: is a smaller scale faster?

Example:
    python scripts/train.py --scales 0.1,0.3,1,3,10
"""

import sys

from jaxadv.cli.main import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
