"""The trainers of the page: sentences one at a time, as on RecurrentJS's page, or running text in batches."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..demo.sentences import split_sentences
from ..demo.training import SentenceTraining
from ..nn.network import Network
from ..optim.optimizers import RMSProp
from ..recurrentjs.sentence_model import SentenceModel
from ..text.model import TextModel
from ..training.history import StepReport
from ..training.options import DECAY_RATE
from .curve import Curve
from .settings import Settings

HandleRequests = Callable[[], bool]
TEMPERATURES = (0.3, 0.7, 1.0)
# of models of sentences, and of running text
FILES = ("model.json", "model.safetensors")
_VALIDATION = 20_000  # characters, at most
_REQUEST_INTERVAL = 0.02  # seconds
# steps after which the bias of the optimizer's average is negligible
_WARM_UP = 10_000


class LiveTrainer:
    """What the trainers share: the progress of a run and its curves.

    Attributes
    ----------
    step, characters, epoch, seconds
        Training so far.
    loss, clipped, gradient_norm : float
        Recent values: nats per character, the fraction of clipped gradients, √Σg². NaN before the first step.
    curve, validation : Curve
        The losses by step.
    note : str
        A remark about the text, or "".
    random : numpy.random.Generator
        Draws the displayed samples; it is separate from the training's, so that watching does not change the run.
    """

    model: SentenceModel | TextModel

    def __init__(self, settings: Settings, note: str) -> None:
        self.settings, self.note = settings, note
        self.curve, self.validation = Curve(), Curve()
        self.step = self.characters = 0
        self.epoch = self.seconds = 0.0
        self.loss = self.clipped = self.gradient_norm = math.nan
        self.order_random, self.random = map(
            np.random.default_rng, np.random.SeedSequence(settings.seed).spawn(2)
        )

    def run(self, handle_requests: HandleRequests) -> None:
        """Trains until ``handle_requests``, called about every 20 ms, returns True.

        Raises
        ------
        FloatingPointError
            If training diverges.
        """
        raise NotImplementedError

    def check_resumable(self) -> None:
        """Raises a ``ValueError`` if there is no training data for the model."""

    @property
    def network(self) -> Network:
        """The network of the model."""
        return self.model.network

    @property
    def tokens(self) -> list[str]:
        """The characters by token; "" is the end of a sentence."""
        raise NotImplementedError

    @property
    def end(self) -> int | None:
        """The token that ends a text, or None."""
        return None

    def encode(self, text: str) -> list[int]:
        """Returns the tokens of a text, with the token that starts one."""
        raise NotImplementedError

    def typical_text(self) -> str:
        """Returns a part of the training text."""
        raise NotImplementedError

    def sample(self, temperature: float) -> str:
        """Returns a sample; temperature 0 takes the most probable characters."""
        raise NotImplementedError

    def is_memorized(self, text: str) -> bool:
        """Returns whether a sample is a sentence of the training text."""
        return False

    def save(self) -> tuple[str, bytes]:
        """Returns a file name and the bytes of the model."""
        raise NotImplementedError

    def change(self, settings: Settings) -> None:
        """Takes other settings of the sliders, from the next step on."""
        self.settings = settings

    def _average(self, name: str, value: float, weight: float) -> None:
        """Updates an exponential moving average."""
        before = getattr(self, name)
        setattr(self, name, value if math.isnan(before) else before + weight * (value - before))


class SentenceTrainer(LiveTrainer):
    """A ``SentenceModel`` and its sentences, one a step, in an order that is shuffled at every epoch."""

    def __init__(self, settings: Settings, text: str, model: SentenceModel | None = None) -> None:
        sentences, note = split_sentences(text)
        if model is None:
            if not sentences:
                raise ValueError("the text has no training data; expected at least 1 character, got none")
            if settings.embedding < 1:
                raise ValueError("embedding is invalid; expected at least 1 for sentences, got 0")
            settings.check(len(set("".join(sentences))) + 1)
            model = SentenceModel(
                sentences, settings.cell, settings.hidden_sizes, settings.embedding, rng=settings.seed
            )
        vocabulary = model.letter_to_index.keys()
        known = [sentence for sentence in sentences if vocabulary >= set(sentence)]
        if len(known) < len(sentences):
            skipped = len(sentences) - len(known)
            note = f"{skipped:,} of {len(sentences):,} sentences have characters outside the vocabulary"
        super().__init__(settings, note)
        self.model: SentenceModel = model
        self.sentences = known
        self._set = set(known)
        self._training = SentenceTraining(model, known, self.order_random)

    def check_resumable(self) -> None:
        """Raises a ``ValueError`` if no sentence has all its characters in the vocabulary."""
        if not self.sentences:
            raise ValueError(
                "the text has no training data; expected a sentence of known characters, "
                "got characters outside the vocabulary in every one"
            )

    def run(self, handle_requests: HandleRequests) -> None:
        """Trains without end."""
        self.check_resumable()
        training, start = self._training, time.perf_counter()
        warms_up = self.model.step_cache == {}
        while True:
            for index in training.order():
                s = self.settings
                rate = s.learning_rate
                if warms_up and self.step < _WARM_UP:
                    rate *= training.bias_correction()
                result = training.train_step(index, rate, s.weight_decay, s.clip)
                self.step, self.epoch, self.characters = training.step, training.epoch, training.characters
                self._average("clipped", result.ratio_clipped, 0.01)
                self._average("gradient_norm", result.gradient_norm, 0.01)
                if training.ends_lap or self.step < training.lap:
                    self.loss = math.log(training.median_perplexity)
                if training.ends_lap:
                    self.curve.add(self.step, self.loss)
                now = time.perf_counter()
                if now - start >= _REQUEST_INTERVAL:
                    self.seconds += now - start
                    if handle_requests():
                        return
                    start = time.perf_counter()

    @property
    def tokens(self) -> list[str]:
        """The end of a sentence, and the characters."""
        return ["", *self.model.letter_to_index]

    @property
    def end(self) -> int:
        """Token 0."""
        return 0

    def encode(self, text: str) -> list[int]:
        """Returns 0, which starts a sentence, and the tokens of its characters."""
        tokens = [0]
        for index, character in enumerate(text):
            if character not in self.model.letter_to_index:
                raise ValueError(
                    f"text[{index}] is outside the vocabulary; expected one of its characters, "
                    f"got {character!r} (U+{ord(character):04X})"
                )
            tokens.append(self.model.letter_to_index[character])
        return tokens

    def typical_text(self) -> str:
        """Returns the first sentence."""
        return self.sentences[0] if self.sentences else ""

    def sample(self, temperature: float) -> str:
        """Returns a sentence."""
        return self._training.sample(temperature, self.random)

    def is_memorized(self, text: str) -> bool:
        """Returns whether a sample is one of the sentences."""
        return text in self._set

    def save(self) -> tuple[str, bytes]:
        """Returns the model in RecurrentJS's format."""
        return FILES[0], _file_bytes(self.model.save_recurrentjs)


class TextTrainer(LiveTrainer):
    """A ``TextModel`` and its text, in batches; a part at the end is held out for validation."""

    def __init__(self, settings: Settings, text: str, model: TextModel | None = None) -> None:
        if not text.strip():
            raise ValueError("the text has no training data; expected at least 1 character, got none")
        held_out = min(len(text) // 10, _VALIDATION)
        self._validation_text = text[len(text) - held_out :] if held_out >= 200 else ""
        self._text = text[: len(text) - len(self._validation_text)]
        self._typical_text = text[-400:]
        required = settings.batch_size * settings.seq_length + 1
        if len(self._text) < required:
            raise ValueError(
                f"the text is too short; expected at least {required:,} characters for {settings.batch_size} "
                f"sequences of {settings.seq_length}, got {len(self._text):,}: lower the batch size or the "
                "sequence length"
            )
        if model is None:
            settings.check(len(set(text)))
            model = TextModel(
                settings.cell, settings.hidden_sizes, settings.embedding or None, rng=settings.seed
            )
            model.build(text.encode())
            model.optimizer = RMSProp(learning_rate=settings.learning_rate, alpha=DECAY_RATE, eps=1e-8)
        model.encode(text.encode())
        held = len(self._validation_text)
        super().__init__(settings, f"the last {held:,} characters are held out" if held else "")
        self.model: TextModel = model
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Takes other settings; every step reads the optimizer's learning rate."""
        super().change(settings)
        assert self.model.optimizer is not None
        self.model.optimizer.learning_rate = settings.learning_rate

    def run(self, handle_requests: HandleRequests) -> None:
        """Trains for a million steps."""
        s, chunk = self.settings, self.settings.batch_size * self.settings.seq_length
        start = last_request = time.perf_counter()

        def receive(report: StepReport) -> bool:
            nonlocal start, last_request
            self.step, self.epoch = report.step, report.epoch
            self.characters += chunk
            self.curve.add(report.step, report.loss)
            self._average("loss", report.loss, 0.1)
            self._average("clipped", report.ratio_clipped, 0.1)
            self._average("gradient_norm", report.gradient_norm, 0.1)
            if report.validation is not None:
                self.validation.add(report.step, report.validation)
            now = time.perf_counter()
            self.seconds, start = self.seconds + now - start, now
            if now - last_request < _REQUEST_INTERVAL:
                return False
            ends = handle_requests()
            start = last_request = time.perf_counter()
            return ends

        # validation takes a third of the time of training: about a tenth of the run
        every = max(20, 10 * len(self._validation_text) // (3 * chunk))
        self.model.fit(
            self._text.encode(), steps=1_000_000, batch_size=s.batch_size, seq_length=s.seq_length,
            validation_split=0.0, validation_data=self._validation_text.encode() or None, evaluate_every=every,
            clip=s.clip, progress=False, callbacks=[receive],
        )  # fmt: skip

    @property
    def tokens(self) -> list[str]:
        """The characters."""
        return list(self.model.vocabulary or "")

    def encode(self, text: str) -> list[int]:
        """Returns the tokens of a text; no token starts one."""
        return [int(token) for token in self.model.encode(text.encode())]

    def typical_text(self) -> str:
        """Returns the end of the text."""
        return self._typical_text

    def sample(self, temperature: float) -> str:
        """Returns a few lines."""
        return self.model.sample(160, temperature=temperature, rng=self.random)

    def save(self) -> tuple[str, bytes]:
        """Returns the checkpoint, for ``recurrent sample`` too."""
        return FILES[1], _file_bytes(self.model.save)


def _file_bytes(save: Callable[[Path], None]) -> bytes:
    """Returns what ``save`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save(path)
        return path.read_bytes()
