"""The lesson: which sentence comes next, how fast to learn, and how much is known."""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..recurrentjs.sentence_model import SentenceModel


class Point(NamedTuple):
    """A point of the perplexity curve."""

    tick: int
    epoch: float
    seconds: float
    letters: int
    learning_rate: float
    perplexity: float
    by_heart: int


class Lesson:
    """A model that is taught sentences, one a tick, in an order shuffled anew each epoch.

    Which of N different sentences comes cannot be known: that costs ln N; the rest costs nothing to one who
    knows them all. A sentence counts as known by heart when the model gives it at least a third of its fair
    share 1/N, which is a cost of ln N + ln 3 or less.
    """

    def __init__(self, sentences: list[str], options: argparse.Namespace) -> None:
        o = self.options = options
        self.sentences = sentences
        self.model = SentenceModel(
            sentences, {"rnn": "rnn_relu"}.get(o.cell, o.cell), o.hidden, o.letter_size, o.dtype, rng=o.seed
        )
        copies = Counter(sentences)
        self.fair_cost = np.array([math.log(len(sentences) / copies[sentence]) for sentence in sentences])
        self.floor = float(np.median(np.exp(self.fair_cost / [len(sentence) + 1 for sentence in sentences])))
        self.most_ticks = (o.epochs or math.inf) * len(sentences)
        self.lap = min(len(sentences), 100)  # a point of the curve is a median over this many ticks
        self.tick = self.letters = 0
        self.seconds = self.learning_rate = 0.0
        self.excess = np.full(len(sentences), np.inf)  # cost above the fair cost when last seen
        self.perplexities: deque[float] = deque(maxlen=self.lap)
        self.curve: list[Point] = []

    @property
    def progress(self) -> float:
        """The share that is gone of the ticks or of the seconds allowed, whichever is larger.

        The first tenth of the seconds does not count: where ticks are the tighter bound, a slow start must
        not make one run differ from another.
        """
        seconds = self.seconds / (self.options.seconds or math.inf)
        return max(self.tick / self.most_ticks, (seconds - 0.1) / 0.9, 0)

    @property
    def speed(self) -> float:
        """Letters per second."""
        return self.letters / max(self.seconds, 1e-9)

    def teach(self, watch: Callable[[Lesson], None]) -> str:
        """Go on until all is known by heart three epochs running, time is up or Ctrl-C; returns which.

        Raises
        ------
        FloatingPointError
            If training diverges.
        """
        order, start, steady = np.random.default_rng(self.options.seed), time.perf_counter(), 0
        try:
            while steady < 3:
                for k in order.permutation(len(self.sentences)).tolist():
                    self._learn(k)
                    self.seconds = time.perf_counter() - start
                    if self.tick % self.lap == 0:
                        self._add_point()
                    watch(self)
                    if self.progress >= 1:
                        return "Time is up"
                steady = steady + 1 if self._by_heart() == len(self.sentences) else 0
            return "Done"
        except KeyboardInterrupt:
            return "Stopped"
        finally:
            if self.perplexities and self.tick % self.lap:
                self._add_point()

    def _learn(self, k: int) -> None:
        o = self.options
        self.learning_rate = o.learning_rate
        if o.schedule == "linear":
            # the solver begins with an empty cache, which makes its first step 32 times too long: undo that
            gentle_start = math.sqrt(1 - self.model.optimizer.decay_rate ** (self.tick + 1))
            self.learning_rate *= (1 - self.progress) * gentle_start
        result = self.model.tick(self.sentences[k], self.learning_rate, o.regc, o.clip)
        if not math.isfinite(result.perplexity):
            raise FloatingPointError(f"perplexity {result.perplexity}")
        self.tick += 1
        self.letters += len(self.sentences[k])
        self.excess[k] = result.cost - self.fair_cost[k]
        self.perplexities.append(result.perplexity)

    def _by_heart(self) -> int:
        return int(np.count_nonzero(self.excess <= math.log(3)))

    def _add_point(self) -> None:
        epoch, perplexity = self.tick / len(self.sentences), float(np.median(self.perplexities))
        position = (self.tick, epoch, self.seconds, self.letters)
        self.curve.append(Point(*position, self.learning_rate, perplexity, self._by_heart()))

    def examine(self) -> tuple[float, float]:
        """The median perplexity now and the share known by heart; over 2000 sentences if there are more."""
        chosen = range(0, len(self.sentences), math.ceil(len(self.sentences) / 2000))
        costs = [self.model.cost(self.sentences[k]) for k in chosen]
        known = [cost.cost - self.fair_cost[k] <= math.log(3) for cost, k in zip(costs, chosen)]
        return float(np.median([cost.perplexity for cost in costs])), float(np.mean(known))

    def write(self, temperature: float | None, rng: np.random.Generator | None = None) -> str:
        """A sentence by the model; without a temperature, its likeliest letters."""
        longest = 20 + max(map(len, self.sentences))
        return self.model.predict(temperature is not None, temperature or 1.0, longest, rng=rng)
