"""What learns on the page: sentences one at a time, as RecurrentJS's page has it, or running text in batches."""

from __future__ import annotations

import math
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..demo.text import split
from ..nn.network import Network
from ..optim.optimizers import RMSProp
from ..recurrentjs.sentence_model import SentenceModel
from ..text.model import TextModel
from ..training.history import StepReport
from .curve import Curve
from .settings import Settings

Between = Callable[[], bool]
TEMPERATURES = (0.3, 0.7, 1.0)
_VALIDATION = 20_000  # characters, at most
_PATIENCE = 0.02  # seconds from one look at what others want to the next


class Learner:
    """What both have in common: how far a run is, and how fast it goes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.curve, self.validation = Curve(), Curve()
        self.tick = self.letters = 0
        self.epoch = self.seconds = 0.0
        # ln of the perplexity now, what was clipped, and √Σg²: of late
        self.now = self.clipped = self.norm = math.nan
        seeds = np.random.SeedSequence(settings.seed).spawn(2)
        self._order, self._writing = map(np.random.default_rng, seeds)

    def run(self, between: Between) -> None:
        """Learn; ``between`` is called every few hundredths of a second, and True ends it.

        Raises
        ------
        FloatingPointError
            If training diverges.
        """
        raise NotImplementedError

    @property
    def network(self) -> Network:
        """The network, over tokens, with the weights of now."""
        raise NotImplementedError

    def spelled(self, text: str) -> list[int]:
        """The tokens of a text, and before them what opens one."""
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        """The tokens as one sees them."""
        raise NotImplementedError

    def write(self, temperature: float) -> str:
        """Something of its own; at temperature 0 its likeliest letters."""
        raise NotImplementedError

    def is_known(self, text: str) -> bool:
        """Whether it is word for word in what is learned."""
        raise NotImplementedError

    def save(self) -> tuple[str, bytes]:
        """A name for a file, and what is in it."""
        raise NotImplementedError

    def change(self, settings: Settings) -> None:
        """Take other sliders, at once."""
        self.settings = settings

    @property
    def random(self) -> np.random.Generator:
        """Draws what is written: one's own, so that looking on does not change what is learned."""
        return self._writing

    def _smooth(self, name: str, value: float, share: float) -> None:
        before = getattr(self, name)
        setattr(self, name, value if math.isnan(before) else before + share * (value - before))

    @staticmethod
    def _through_a_file(save: Callable[[Path], None]) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            save(path)
            return path.read_bytes()


class Sentences(Learner):
    """A ``SentenceModel`` and its sentences, one a tick, in an order shuffled anew each epoch."""

    def __init__(self, settings: Settings, text: str, model: SentenceModel | None = None) -> None:
        sentences, self.note = split(text)
        if model is None:
            if not sentences:
                raise ValueError("the text has no letters: there is nothing to learn")
            if settings.letter_size < 1:
                raise ValueError("letter size: sentences need one of at least 1, got 0")
            settings.check(len(set("".join(sentences))) + 1)
            cell = {"rnn": "rnn_relu"}.get(settings.cell, settings.cell)
            model = SentenceModel(
                sentences, cell, settings.hidden_sizes, settings.letter_size, rng=settings.seed
            )
        super().__init__(settings)
        self.model = model
        letters = model.letter_to_index.keys()
        self.sentences = [sentence for sentence in sentences if letters >= set(sentence)]
        if len(self.sentences) < len(sentences):
            left = len(sentences) - len(self.sentences)
            self.note = f"{left:,} of {len(sentences):,} sentences have letters that this model does not know"
        self._known = set(self.sentences)
        self._longest = 20 + max(map(len, self.sentences), default=80)
        self._lap: deque[float] = deque(maxlen=max(1, min(len(self.sentences), 100)))

    def run(self, between: Between) -> None:
        """Learn on and on, sentence after sentence."""
        if not self.sentences:
            raise ValueError(
                "no sentence of the text can be spelled with this model's letters: change the text"
            )
        lap, count, began = self._lap.maxlen or 1, len(self.sentences), time.perf_counter()
        gentle = self.model.step_cache == {}
        while True:
            for k in self._order.permutation(count).tolist():
                s, sentence = self.settings, self.sentences[k]
                rate = s.learning_rate
                if gentle and self.tick < 10_000:
                    # the solver begins with an empty cache, which makes its first step 32 times too long
                    rate *= math.sqrt(1 - self.model.optimizer.decay_rate ** (self.tick + 1))
                result = self.model.tick(sentence, rate, s.regc, s.clip)
                if not math.isfinite(result.perplexity):
                    raise FloatingPointError(f"training diverged in tick {self.tick + 1:,}")
                self.tick += 1
                self.epoch = self.tick / count
                self.letters += len(sentence)
                self._lap.append(math.log(result.perplexity))
                self._smooth("clipped", result.ratio_clipped, 0.01)
                self._smooth("norm", result.gradient_norm, 0.01)
                if self.tick % lap == 0 or self.tick < lap:
                    self.now = float(np.median(self._lap))
                if self.tick % lap == 0:
                    self.curve.add(self.tick, self.now)
                now = time.perf_counter()
                if now - began >= _PATIENCE:
                    self.seconds += now - began
                    if between():
                        return
                    began = time.perf_counter()

    @property
    def network(self) -> Network:
        """The model's own."""
        return self.model.network

    def spelled(self, text: str) -> list[int]:
        """0, which opens a sentence, and its letters."""
        tokens = [0]
        for place, letter in enumerate(text):
            if letter not in self.model.letter_to_index:
                raise ValueError(
                    f"the letter {letter!r} (U+{ord(letter):04X}) at position {place} is not in the vocabulary"
                )
            tokens.append(self.model.letter_to_index[letter])
        return tokens

    @property
    def names(self) -> list[str]:
        """The end, and the letters."""
        return ["", *self.model.letter_to_index]

    def write(self, temperature: float) -> str:
        """A sentence."""
        return self.model.predict(temperature > 0, temperature or 1.0, self._longest, rng=self._writing)

    def is_known(self, text: str) -> bool:
        """Whether it is one of the sentences."""
        return text in self._known

    def save(self) -> tuple[str, bytes]:
        """The model as RecurrentJS's page saves it."""
        return "model.json", self._through_a_file(self.model.save_recurrentjs)


class Text(Learner):
    """A ``TextModel`` and its text, in batches; some of the end is held out."""

    def __init__(self, settings: Settings, text: str, model: TextModel | None = None) -> None:
        if not text.strip():
            raise ValueError("the text has no letters: there is nothing to learn")
        held = min(len(text) // 10, _VALIDATION)
        self._aside = text[len(text) - held :] if held >= 200 else ""
        self._text = text[: len(text) - len(self._aside)]
        need = settings.batch_size * settings.seq_length + 1
        if len(self._text) < need:
            raise ValueError(
                f"the text has {len(self._text):,} characters to learn from; {settings.batch_size} parts of "
                f"{settings.seq_length} need {need:,}: lower the batch size or the sequence length"
            )
        if model is None:
            settings.check(len(set(text)))
            cell = {"rnn": "rnn_tanh"}.get(settings.cell, settings.cell)
            model = TextModel(cell, settings.hidden_sizes, settings.letter_size or None, rng=settings.seed)
            model.build(text)
            model.optimizer = RMSProp(learning_rate=settings.learning_rate, alpha=0.95, eps=1e-8)
        model.encode(text)
        super().__init__(settings)
        self.model = model
        self.note = f"{len(self._aside):,} characters at its end are held out" if self._aside else ""
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Take other sliders: the solver's rate is looked at in every step."""
        super().change(settings)
        assert self.model.optimizer is not None
        self.model.optimizer.learning_rate = settings.learning_rate

    def run(self, between: Between) -> None:
        """Learn on and on, chunk after chunk."""
        s, chunk = self.settings, self.settings.batch_size * self.settings.seq_length
        began = looked = time.perf_counter()

        def watch(report: StepReport) -> bool:
            nonlocal began, looked
            self.tick, self.epoch = report.step, report.epoch
            self.letters += chunk
            self.curve.add(report.step, report.loss)
            self._smooth("now", report.loss, 0.1)
            self._smooth("clipped", report.ratio_clipped, 0.1)
            self._smooth("norm", report.gradient_norm, 0.1)
            if report.validation is not None:
                self.validation.add(report.step, report.validation)
            now = time.perf_counter()
            self.seconds, began = self.seconds + now - began, now
            if now - looked < _PATIENCE:
                return False
            ends = between()
            began = looked = time.perf_counter()
            return ends

        every = max(20, 10 * len(self._aside) // (3 * chunk))
        self.model.fit(
            self._text.encode(), steps=1_000_000, batch_size=s.batch_size, seq_length=s.seq_length,
            validation_split=0.0, validation_data=self._aside.encode() or None, evaluate_every=every, clip=s.clip, progress=False,
            callbacks=[watch],
        )  # fmt: skip

    @property
    def network(self) -> Network:
        """The model's own."""
        return self.model.network

    def spelled(self, text: str) -> list[int]:
        """Its tokens; nothing opens a text."""
        return [int(token) for token in self.model.encode(text)]

    @property
    def names(self) -> list[str]:
        """The characters."""
        return list(self.model.vocabulary or "")

    def write(self, temperature: float) -> str:
        """So many characters that they fill a few lines."""
        return self.model.sample(160, temperature=temperature, rng=self._writing)

    def is_known(self, text: str) -> bool:
        """A piece so long is never looked for."""
        return False

    def save(self) -> tuple[str, bytes]:
        """The checkpoint, which ``recurrent sample`` reads too."""
        return "model.safetensors", self._through_a_file(self.model.save)
