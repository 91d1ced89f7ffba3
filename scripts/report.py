"""Turn stored experiments into verdicts on the paper's claims: report.md, report.json and figures.

Example:
    python scripts/report.py results/claims --run scripts/configs
"""

import sys

from jaxadv.cli.main import main

if __name__ == "__main__":
    main(["report", *sys.argv[1:]])
