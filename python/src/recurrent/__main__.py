"""``python -m recurrent``: the command."""

import sys

from .command import run

if __name__ == "__main__":
    sys.exit(run())
