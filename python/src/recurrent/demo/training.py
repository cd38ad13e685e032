"""Training on sentences: the loop that the demo and the live page share, and the demo's run."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..names import DTypeName
from ..parameters import CellName
from ..recurrentjs.sentence_model import SentenceModel, Tick
from ..training.interrupt import Interrupt

MAX_LAP = 100  # steps
# nats above the choice cost up to which a sentence is memorized: its probability is at least a third of 1/N
MEMORIZED = math.log(3)


class SentenceTraining:
    """Steps of a ``SentenceModel``, one sentence each, in an order that is shuffled at every epoch.

    Parameters
    ----------
    model : SentenceModel
        The model to train.
    sentences : list of str
        The training data.
    rng : numpy.random.Generator
        Shuffles the sentences.
    """

    def __init__(self, model: SentenceModel, sentences: list[str], rng: np.random.Generator) -> None:
        self.model, self.sentences = model, sentences
        self.step = self.characters = 0
        self.seconds = 0.0
        # a point of the curve is a median over this many steps
        self.lap = max(1, min(len(sentences), MAX_LAP))
        self._perplexities: deque[float] = deque(maxlen=self.lap)
        # the bound on the length of a sample
        self.max_characters = 20 + max(map(len, sentences), default=80)
        self._rng = rng

    @property
    def epoch(self) -> float:
        """Epochs so far."""
        return self.step / len(self.sentences)

    @property
    def speed(self) -> float:
        """Characters per second."""
        return self.characters / max(self.seconds, 1e-9)

    @property
    def ends_lap(self) -> bool:
        """Whether the last step completed a lap."""
        return self.step % self.lap == 0

    @property
    def median_perplexity(self) -> float:
        """The median over the last lap."""
        return float(np.median(self._perplexities))

    def order(self) -> list[int]:
        """Returns the indices of the sentences, shuffled for one epoch."""
        order: list[int] = self._rng.permutation(len(self.sentences)).tolist()
        return order

    def bias_correction(self) -> float:
        """Returns the factor of the next learning rate that corrects the optimizer's zero cache.

        RecurrentJS divides by the root of an average that starts at zero, so its first step is
        1 / √(1 - decay_rate), about 32, times too long. Step t takes √(1 - decay_rateᵗ), as in Adam.
        """
        return math.sqrt(1 - self.model.optimizer.decay_rate ** (self.step + 1))

    def train_step(self, index: int, learning_rate: float, weight_decay: float, clip: float) -> Tick:
        """Trains on one sentence.

        Raises
        ------
        FloatingPointError
            If the loss is infinite or NaN.
        """
        sentence = self.sentences[index]
        result = self.model.tick(sentence, learning_rate, weight_decay, clip)
        if not math.isfinite(result.perplexity):
            raise FloatingPointError(f"training diverged in step {self.step + 1:,}")
        self.step += 1
        self.characters += len(sentence)
        self._perplexities.append(result.perplexity)
        return result

    def sample(self, temperature: float, rng: np.random.Generator | None = None) -> str:
        """Returns a sentence of the model; temperature 0 takes the most probable characters."""
        return self.model.predict(temperature > 0, temperature or 1.0, self.max_characters, rng=rng)


@dataclass
class RunOptions:
    """The options of a demo run; bounds of None do not end it."""

    cell: CellName = "lstm"
    hidden_sizes: list[int] = field(default_factory=lambda: [40, 40])
    embedding: int = 10
    dtype: DTypeName = "float32"
    schedule: str = "linear"
    learning_rate: float = 0.01
    weight_decay: float = 1e-6
    clip: float = 5.0
    seed: int = 1
    epochs: int | None = None
    seconds: float | None = None

    def bounded(self, sentences: int) -> RunOptions:
        """Returns options that end: without bounds, at least 300 epochs (3000 at a constant rate) or 120 seconds."""
        if self.epochs is None and self.seconds is None:
            epochs = max(300 if self.schedule == "linear" else 3000, math.ceil(10_000 / sentences))
            return RunOptions(**{**vars(self), "epochs": epochs, "seconds": 120.0})
        return self


class Point(NamedTuple):
    """A point of the perplexity curve."""

    step: int
    epoch: float
    seconds: float
    characters: int
    learning_rate: float
    perplexity: float
    memorized: int


class TrainingRun(SentenceTraining):
    """The demo's run: trains until every sentence is memorized, with a falling or a constant learning rate.

    The choice of one of N different sentences is unpredictable and costs ln N nats; a perfect model predicts the rest
    at no cost. A sentence counts as memorized if its cost is at most ln N + ln 3.
    """

    def __init__(self, sentences: list[str], options: RunOptions) -> None:
        o = self.options = options
        model = SentenceModel(sentences, o.cell, o.hidden_sizes, o.embedding, o.dtype, rng=o.seed)
        super().__init__(model, sentences, np.random.default_rng(o.seed))
        copies = Counter(sentences)
        self.choice_cost = np.array([math.log(len(sentences) / copies[sentence]) for sentence in sentences])
        lengths = [len(sentence) + 1 for sentence in sentences]
        self.min_perplexity = float(np.median(np.exp(self.choice_cost / lengths)))
        self.max_steps = (o.epochs or math.inf) * len(sentences)
        self.learning_rate = 0.0
        # the cost of each sentence above its choice cost, at its last step
        self.excess = np.full(len(sentences), np.inf)
        self.curve: list[Point] = []

    @property
    def progress(self) -> float:
        """The fraction of the steps or of the seconds used, whichever is larger.

        The first tenth of the seconds does not count: if the steps are the tighter bound, a slow start does not
        change the learning rate, and the same seed gives the same run.
        """
        seconds = self.seconds / (self.options.seconds or math.inf)
        return max(self.step / self.max_steps, (seconds - 0.1) / 0.9, 0)

    @property
    def memorized(self) -> int:
        """The number of sentences that were memorized at their last step."""
        return int(np.count_nonzero(self.excess <= MEMORIZED))

    def train(self, callback: Callable[[TrainingRun], None]) -> str:
        """Trains until all sentences are memorized in three epochs running, a bound is reached or Ctrl-C.

        Returns
        -------
        reason : str
            "Done", "Time is up" or "Stopped".

        Raises
        ------
        FloatingPointError
            If training diverges.
        """
        # a signal ends the run between two steps, or in the callback
        with Interrupt() as interrupt:
            try:
                return self._train(callback, interrupt)
            except KeyboardInterrupt:
                return "Stopped"
            finally:
                if self.step and not self.ends_lap:
                    self._add_point()

    def _train(self, callback: Callable[[TrainingRun], None], interrupt: Interrupt) -> str:
        start, complete_epochs = time.perf_counter(), 0
        while complete_epochs < 3:
            for index in self.order():
                interrupt.step(self._train_on, index)
                self.seconds = time.perf_counter() - start
                if self.ends_lap:
                    self._add_point()
                interrupt.call(callback, self)
                if self.progress >= 1:
                    return "Time is up"
            complete_epochs = complete_epochs + 1 if self.memorized == len(self.sentences) else 0
        return "Done"

    def _train_on(self, index: int) -> None:
        o = self.options
        self.learning_rate = o.learning_rate
        if o.schedule == "linear":
            self.learning_rate *= (1 - self.progress) * self.bias_correction()
        result = self.train_step(index, self.learning_rate, o.weight_decay, o.clip)
        self.excess[index] = result.cost - self.choice_cost[index]

    def _add_point(self) -> None:
        position = (self.step, self.epoch, self.seconds, self.characters)
        self.curve.append(Point(*position, self.learning_rate, self.median_perplexity, self.memorized))

    def evaluate(self) -> tuple[float, float]:
        """Returns the median perplexity and the fraction memorized, over at most 2000 sentences."""
        chosen = range(0, len(self.sentences), math.ceil(len(self.sentences) / 2000))
        costs = [self.model.cost(self.sentences[index]) for index in chosen]
        excess = [cost.cost - self.choice_cost[index] for cost, index in zip(costs, chosen)]
        memorized = np.array(excess) <= MEMORIZED
        return float(np.median([cost.perplexity for cost in costs])), float(np.mean(memorized))
