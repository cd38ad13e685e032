"""``python -m recurrent.demo``: the same as ``recurrent demo``."""

import sys

from ..cli import run

if __name__ == "__main__":
    sys.exit(run(["demo", *sys.argv[1:]]))
