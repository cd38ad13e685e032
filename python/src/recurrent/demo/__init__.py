"""The demo, ``python -m recurrent.demo``: a small network learns sentences by heart, letter by letter."""
