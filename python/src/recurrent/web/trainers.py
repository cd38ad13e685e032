"""The trainers of the page: sentences one at a time, as on RecurrentJS's page, or running text in batches."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from .._checks import as_choice
from ..demo.sentences import split_sentences
from ..demo.training import SentenceTraining
from ..nn.network import Network
from ..optim.optimizers import RMSProp
from ..parameters import CELLS
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
_NO_TEXT = "the text has no training data; expected at least 1 character, got none"
# steps after which the bias of the optimizer's average is negligible
_WARM_UP = 10_000


class LiveTrainer:
    """The base of the trainers: the progress of a run and its curves.

    Attributes
    ----------
    step, characters, epoch, seconds
        Training so far.
    loss, clipped, gradient_norm : float
        Recent values: nats per character, the fraction of clipped gradients, √Σg². NaN before the first step.
    curve, validation : Curve
        The losses by step.
    note : str
        A remark about the text or the model, or "".
    obstacle : str
        Why the model cannot learn the text, or "". A new model has none; an opened one waits for another text, and
        is sampled and inspected meanwhile.
    random : numpy.random.Generator
        Draws the displayed samples; it is separate from the training's, so that watching does not change the run.
    """

    model: SentenceModel | TextModel

    def __init__(self, settings: Settings, note: str, obstacle: str = "") -> None:
        self.settings, self.obstacle = settings, obstacle
        self.note = f"learning waits: {obstacle}" if obstacle else note
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
        """Raises a ``ValueError`` if the model cannot learn the text."""
        if self.obstacle:
            raise ValueError(self.obstacle)

    @property
    def network(self) -> Network:
        """The network of the model."""
        return self.model.network

    @property
    def tokens(self) -> list[str]:
        """The labels by token: characters, and bytes beyond ASCII as codes; "" is the end of a sentence."""
        raise NotImplementedError

    @property
    def end(self) -> int | None:
        """The token that ends a text, or None."""
        return None

    def encode(self, text: str) -> list[int]:
        """Returns the tokens of a text, with the token that starts one."""
        raise NotImplementedError

    def decode(self, tokens: list[int]) -> str:
        """Returns the text of tokens."""
        return "".join(map(self.tokens.__getitem__, tokens))

    def typical_text(self) -> str:
        """Returns a part of the training text; of a model that waits for its text, the same sample at each call."""
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
        obstacle = "" if sentences else _NO_TEXT
        if model is None:
            if obstacle:
                raise ValueError(obstacle)
            if settings.embedding < 1:
                raise ValueError("embedding is invalid; expected at least 1 for sentences, got 0")
            settings.check(len(set("".join(sentences))) + 1)
            model = SentenceModel(
                sentences,
                as_choice(settings.cell, "cell", CELLS),
                settings.hidden_sizes,
                settings.embedding,
                rng=settings.seed,
            )
        vocabulary = model.letter_to_index.keys()
        known = [sentence for sentence in sentences if vocabulary >= set(sentence)]
        if len(known) < len(sentences):
            skipped = len(sentences) - len(known)
            note = f"{skipped:,} of {len(sentences):,} sentences have characters outside the vocabulary"
            if not known:
                obstacle = (
                    "the text has no training data; expected a sentence of "
                    f"{_known_characters(vocabulary)}, got characters outside the vocabulary in every one"
                )
        super().__init__(settings, note, obstacle)
        self.model: SentenceModel = model
        self.sentences = known
        self._set = set(known)
        self._training = SentenceTraining(model, known, self.order_random)
        self._typical_text = known[0] if known else self.sample(1.0)

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
        return self._typical_text

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
        held_out = min(len(text) // 10, _VALIDATION)
        self._validation_text = text[len(text) - held_out :] if held_out >= 200 else ""
        self._text = text[: len(text) - len(self._validation_text)]
        obstacle = _obstacle(settings, text, self._text, model)
        if model is None:
            if obstacle:
                raise ValueError(obstacle)
            model = _new_text_model(settings, text)
        held = len(self._validation_text)
        notes = [f"the last {held:,} characters are held out"] if held else []
        if model.optimizer is None:
            model.optimizer = _new_optimizer(settings)
        super().__init__(settings, "; ".join([*notes, *_foreign_settings(model)]), obstacle)
        self.model: TextModel = model
        self._typical_text = self.sample(1.0) if obstacle else text[-400:]
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Takes other settings; every step reads the optimizer's learning rate."""
        super().change(settings)
        assert self.model.optimizer is not None
        self.model.optimizer.learning_rate = settings.learning_rate

    def run(self, handle_requests: HandleRequests) -> None:
        """Trains for a million steps."""
        self.check_resumable()
        s, chunk = self.settings, self.settings.batch_size * self.settings.seq_length
        start = last_request = time.perf_counter()

        def receive(report: StepReport) -> bool:
            nonlocal start, last_request
            # the run reads its clip before every step
            assert self.model.trainer is not None
            self.model.trainer.settings.clip = self.settings.clip
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
        """The characters, or the bytes."""
        return self.model.characters

    def encode(self, text: str) -> list[int]:
        """Returns the tokens of a text; no token starts one."""
        return [int(token) for token in self.model.encode(text.encode())]

    def decode(self, tokens: list[int]) -> str:
        """Returns the text of tokens; of bytes, invalid UTF-8 becomes U+FFFD."""
        return self.model.decode(tokens)

    def typical_text(self) -> str:
        """Returns the end of the text."""
        return self._typical_text

    def sample(self, temperature: float) -> str:
        """Returns a few lines."""
        return self.model.sample(160, temperature=temperature, rng=self.random)

    def save(self) -> tuple[str, bytes]:
        """Returns the checkpoint, for ``recurrent sample`` too."""
        return FILES[1], _file_bytes(self.model.save)


def _new_text_model(settings: Settings, text: str) -> TextModel:
    """Returns a model of the vocabulary of a text, with the page's optimizer."""
    if settings.cell not in CELLS:
        raise ValueError(
            f"cell is known from its checkpoint only; expected one of {', '.join(CELLS)} to start over, "
            f"got {settings.cell!r}"
        )
    settings.check(256 if settings.tokenizer == "bytes" else len(set(text)))
    model = TextModel(
        settings.cell, settings.hidden_sizes, settings.embedding or None, tokenizer=settings.tokenizer,
        rng=settings.seed,
    ).build(text.encode())  # fmt: skip
    model.optimizer = _new_optimizer(settings)
    return model


def _new_optimizer(settings: Settings) -> RMSProp:
    return RMSProp(learning_rate=settings.learning_rate, alpha=DECAY_RATE, eps=1e-8)


def _obstacle(settings: Settings, text: str, training_text: str, model: TextModel | None) -> str:
    """Returns why a model, or a new one, cannot learn a text, and which text it needs; "" if it can."""
    if not text.strip():
        return _NO_TEXT
    vocabulary = model.vocabulary if model else None
    if vocabulary is not None and (strange := set(text) - set(vocabulary)):
        index = min(map(text.index, strange))
        return (
            f"text[{index}] is outside the vocabulary; expected {_known_characters(vocabulary)}, "
            f"got {text[index]!r} (U+{ord(text[index]):04X}){_training_file(model)}"
        )
    tokenizer = model.tokenizer if model else settings.tokenizer
    count = len(training_text.encode()) if tokenizer == "bytes" else len(training_text)
    required = settings.batch_size * settings.seq_length + 1
    if count < required:
        return (
            f"the text is too short; expected at least {required:,} {tokenizer} for {settings.batch_size} "
            f"sequences of {settings.seq_length}, got {count:,}: lower the batch size or the sequence length"
        )
    if model is not None:
        try:
            settings.check_batch(model.hidden_sizes)
        except ValueError as error:
            return str(error)
    return ""


def _known_characters(vocabulary: Iterable[str]) -> str:
    characters = "".join(vocabulary)
    shown = repr(characters if len(characters) <= 100 else characters[:99] + "…")
    return f"the model's {len(characters):,} characters {shown}"


def _training_file(model: TextModel | None) -> str:
    """Returns a clause that names the file that a model was trained on, or ""."""
    trained = model.trainer.sources.get("text") if model and model.trainer else None
    path = trained["path"] if trained else None
    return f"; the model was trained on {Path(path).name}" if path else ""


def _foreign_settings(model: TextModel) -> list[str]:
    """Returns a clause that names the properties of an opened model that the page's settings do not show, or ""."""
    names = [f"dropout {model.dropout:g}"] * (model.dropout > 0) + ["tied weights"] * model.tied
    names += [name.replace("_", " ") for name, is_on in model.options.items() if is_on]
    names += [str(model.dtype)] * (str(model.dtype) != "float32")
    if not isinstance(model.optimizer, RMSProp):
        names.append(type(model.optimizer).__name__)
    return [f"Start over does not keep {', '.join(names)}"] if names else []


def _file_bytes(save: Callable[[Path], None]) -> bytes:
    """Returns what ``save`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        save(path)
        return path.read_bytes()
