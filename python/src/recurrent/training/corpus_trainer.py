"""CorpusTrainer: a training run of a text model on a text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional

import numpy as np

from .._checks import as_choice, as_errors
from ..names import RecipeName
from ..optim.optimizer import Optimizer, as_optimizer
from ..optim.optimizers import RMSProp
from ..optim.schedules import Constant, Step
from ..random import Random
from ..sources import as_sources_encoding
from ..state import State, StepResult
from .batches import ContiguousBatches
from .corpus import Corpus, smallest_type
from .documents import Documents
from .options import CLIP, EVALUATE_EVERY, CorpusOptions, count, require_one
from .ranks import Ranks
from .recipes import Recipe, falling
from .trainable import TrainableText
from .trainer import Trainer, target_step

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    # tokens, and for each whether a document begins with it
    Encoded = tuple[npt.NDArray[Any], Optional[npt.NDArray[np.bool_]]]


# the default is the best of a search: docs/defaults.md
RECIPES: dict[RecipeName, Recipe] = {
    "default": Recipe(
        lambda: RMSProp(7e-3, alpha=0.9, bias_correction=False, clipping="global_norm"),
        falling(7e-3, 0.5),
        weight_decay=0.1,
        clip=2.0,
    ),
    "char_rnn": Recipe(
        lambda: RMSProp(2e-3, alpha=0.95), lambda _, epoch: Step(2e-3, epoch, 0.97, after=10 * epoch)
    ),
    # by its name: the class is in a package that imports this one
    "recurrentjs": Recipe(lambda: Optimizer._classes["recurrentjs"](), lambda *_: Constant(1e-2)),
}


class CorpusTrainer(Trainer[TrainableText]):
    """A training run of a text model: chunks of parallel sequences of a text."""

    _Options = CorpusOptions
    settings: CorpusOptions
    _validation_starts: npt.NDArray[np.bool_] | None = None
    # of a new run that is given in epochs, until the text tells its steps
    _epochs: int | None = None
    # of all sequences, where a run of several processes begins
    _state: State | None = None

    @classmethod
    def new(
        cls,
        model: TrainableText,
        source: Any,
        steps: int | None,
        epochs: int | None,
        optimizer: Optimizer | None,
        recipe: RecipeName | None,
        validation_split: float,
        validation_data: Any,
        evaluate_every: int | None,
        record_every: int | None,
        overwrite: bool,
        weight_decay: float | None,
        clip: float | Literal["recipe"] | None,
        ranks: Ranks,
        **arguments: Any,
    ) -> CorpusTrainer:
        """Returns the run of ``TextModel.fit``; the model has a vocabulary and an optimizer afterwards."""
        given = as_optimizer(optimizer)
        chosen = RECIPES["default" if recipe is None else as_choice(recipe, "recipe", tuple(RECIPES))]
        if recipe is not None and given is not None:
            raise ValueError("recipe is unexpected; expected either recipe or optimizer, got both")
        require_one(epochs, steps)
        is_recipe_clip = isinstance(clip, str) and clip == "recipe"
        bound: Any = CLIP if is_recipe_clip else clip
        options = CorpusOptions(
            validation_split=0.0 if validation_data is not None else validation_split,
            evaluate_every=EVALUATE_EVERY if evaluate_every is None else evaluate_every,
            record_every=1 if record_every is None else record_every,
            weight_decay=0.0 if weight_decay is None else weight_decay,
            clip=bound,
            **arguments,
        )
        if model.tokenizer in ("characters", "bytes"):
            as_errors(options.errors, options.replacement)
        first_step = model.step if model.is_built else 0
        trainer = cls(options, first_step, first_step)
        trainer._ranks = ranks
        if steps is not None:
            trainer.target_step = target_step(first_step, count(steps, "steps"))
        else:
            trainer._epochs = count(epochs, "epochs")
        as_sources_encoding(options.encoding, model.tokenizer, source, validation_data)
        texts = [Corpus(source, model.tokenizer, encoding=options.encoding)]
        if validation_data is not None:
            texts.append(Corpus(validation_data, model.tokenizer, "validation_data", options.encoding))
        # everything that can be refused is refused before the model is built
        trainer._check_new(model, overwrite, len(texts) > 1 or options.validation_split > 0)
        trainer._read(model, texts)
        if record_every is None:
            options.record_every = -(-(trainer.target_step - first_step) // 20_000)
        if evaluate_every is None:
            # evaluation costs a third of training: validate during 10% of the time at most
            chunk = options.batch_size * options.seq_length
            options.evaluate_every = max(
                EVALUATE_EVERY, -(-10 * len(trainer._validation_tokens) // (3 * chunk))
            )
        model._set_metadata("documents", (options.documents or "").encode())
        total = trainer.target_step - first_step
        rates = chosen.begin(model, given, recipe is not None, total, trainer.epoch_steps)
        if is_recipe_clip and rates is not None:
            options.clip = chosen.clip
        if options.schedule is None and options.learning_rate is None and rates is not None:
            options.schedule = rates
            if weight_decay is None:
                options.weight_decay = chosen.weight_decay
        return trainer

    def _matching(self, model: TrainableText, data: Any) -> list[Corpus]:
        texts = []
        for name, key, given in zip(("text", "validation_data"), self._sources, data):
            known = self.sources.get(key)
            if known is None:
                if given is not None:
                    raise ValueError(f"{name} is unexpected; expected None, as the run has none")
                continue
            paths = [one["path"] for one in known.get("files", [known])]
            if given is None and None in paths:
                raise ValueError(f"{name} is missing; expected the same text again, as it was not a file")
            source = [Path(path) for path in paths] if given is None else given
            corpus = Corpus(source, model.tokenizer, name, self.settings.encoding)
            corpus.require(known, by_file=self.settings.documents is not None)
            texts.append(corpus)
        return texts

    def _read(self, model: TrainableText, data: list[Corpus]) -> None:
        """Encodes the texts; builds the model from them if necessary, after checking their lengths."""
        documents = [self._documents(text) for text in data]
        if model.tokenizer in ("characters", "bytes"):
            lengths = [
                text.length if those is None else those.length(model.tokenizer == "bytes")
                for text, those in zip(data, documents)
            ]
            self._plan(self._check(lengths, data[0]))
            if not model.is_built:
                letters = frozenset[str]().union(*(text.letters for text in data))
                letters |= frozenset("\n") if self.settings.documents else frozenset()
                model.build(
                    "".join(sorted(letters)).encode() if model.tokenizer == "characters" else data[0].data[:1]
                )
            encoded = [self._encode(model, text, those) for text, those in zip(data, documents)]
        else:
            encoded = self._read_coded(model, data, documents)
        cut = self._check([len(tokens) for tokens, _ in encoded], data[0])
        self._plan(cut)
        self._epochs = None
        (tokens, starts), s = encoded[0], self.settings
        begins = None if starts is None else starts[:cut]
        self._batches = ContiguousBatches(tokens[:cut], s.batch_size, s.seq_length, begins, s.bptt_length)
        self._validation_tokens, self._validation_starts = (
            encoded[1] if len(encoded) > 1 else (tokens[cut:], None if starts is None else starts[cut:])
        )
        self.sources = {name: text.source for name, text in zip(self._sources, data)}

    def _documents(self, text: Corpus) -> Documents | None:
        kind = self.settings.documents
        return None if kind is None else Documents(text.parts, kind, str(text))

    def _read_coded(
        self, model: TrainableText, data: list[Corpus], documents: list[Documents | None]
    ) -> list[Encoded]:
        """Encodes the texts of a model of words or byte pairs; builds it if necessary, after checking their lengths."""
        is_new, s = not model.is_built, self.settings
        coder = model._new_coder(b"\n".join(text.data for text in data)) if is_new else model._coded()
        if is_new and model.tokenizer == "words" and s.errors == "strict":
            # the words of the text that are too rare for the vocabulary
            s.errors = "replace"
        kind = smallest_type(coder.size)

        def encode(parts: list[bytes]) -> list[npt.NDArray[Any]]:
            return [coder.encode(part.decode(), s.errors, s.replacement) for part in parts]

        encoded: list[Encoded] = [
            (encode([text.data])[0].astype(kind), None)
            if those is None
            else those.encode(encode, coder.newline(), kind)
            for text, those in zip(data, documents)
        ]
        if is_new:
            self._plan(self._check([len(tokens) for tokens, _ in encoded], data[0]))
            model._build(b"", coder)
        return encoded

    def _plan(self, length: int) -> None:
        """Takes the last step of a number of epochs from the number of training tokens."""
        if self._epochs is not None:
            chunks = ContiguousBatches.count_chunks(
                length, self.settings.batch_size, self.settings.seq_length
            )
            self.target_step = target_step(self.first_step, self._epochs * chunks, "epochs")

    def _encode(self, model: TrainableText, text: Corpus, documents: Documents | None) -> Encoded:
        def encode(part: bytes) -> npt.NDArray[Any]:
            return model.encode(part, self.settings.errors, self.settings.replacement)

        known = (model.vocabulary or "") if self.settings.errors == "strict" else None
        if documents is None:
            return text.encode(encode, model.vocabulary_size, known), None
        text.require_known(known)
        kind = smallest_type(model.vocabulary_size)
        return documents.encode(lambda parts: [encode(part) for part in parts], model._newline(), kind)

    def _check(self, lengths: list[int], text: Corpus) -> int:
        """Returns the number of training tokens, after checking that both texts are long enough."""
        s = self.settings
        cut = int(lengths[0] * (1 - s.validation_split))
        need, unit = s.batch_size * s.seq_length + 1, _unit(text.tokens)
        if cut < need:
            raise ValueError(
                f"{text} is too short; expected at least {need:,} {unit} for a batch of {s.batch_size} x "
                f"{s.seq_length}, got {cut:,}; lower batch_size or seq_length{text.hint()}"
            )
        aside = lengths[1] if len(lengths) > 1 else lengths[0] - cut
        if aside < 2 and (s.validation_split or len(lengths) > 1):
            raise ValueError(
                f"the validation text is too short; expected at least 2 {unit}, got {aside}; "
                "validation_split=0 holds out none"
            )
        return cut

    @property
    def batches(self) -> ContiguousBatches:
        """The batches of the training text."""
        return self._batches

    @property
    def epoch_steps(self) -> int:
        """The chunks of the training text."""
        return self._batches.chunks

    @property
    def has_validation(self) -> bool:
        """Whether there is a text for validation."""
        return len(self._validation_tokens) > 0

    def _step(self, model: TrainableText, number: int, rate: float) -> StepResult:
        if self._batches.begins_epoch(number):
            model.reset_state()
        s = self.settings
        if s.bptt_length is None or s.bptt_length == s.seq_length:
            chunk, resets = self._batches.chunk(number), self._batches.resets(number)
            return model.train_step(*chunk, rate, s.clip, s.weight_decay * rate, resets=resets)
        inputs, targets, overlap = self._batches.window(number)
        resets, steps = self._batches.resets(number, len(inputs)), min(s.bptt_length, len(inputs))
        return model.train_step(
            inputs,
            targets,
            rate,
            s.clip,
            s.weight_decay * rate,
            resets=resets,
            bptt_length=steps,
            overlap=overlap,
        )

    def _measured(self, model: TrainableText) -> tuple[float, int]:
        """Returns the mean loss and the tokens of this rank's part of the sequences that are evaluated in parallel."""
        tokens = self._validation_tokens
        count, batch_size = len(tokens) - 1, max(1, min(64, len(tokens) // 1024))
        part, length = self._ranks.shard(batch_size), -(-count // batch_size)
        first, last = (min(b * length, count) for b in (part.start, part.stop))
        if first == last:
            return 0.0, 0
        starts = self._validation_starts
        resets = None if starts is None else starts[first : last + 1]
        return model.evaluate(tokens[first : last + 1], part.stop - part.start, resets=resets), last - first

    def _validation(
        self, model: TrainableText, parts: list[tuple[float, int]]
    ) -> tuple[float, dict[str, float]]:
        if len(parts) == 1:
            return parts[0][0], {}
        return sum(loss * count for loss, count in parts) / sum(count for _, count in parts), {}

    # ---- several processes

    def _gradient(self, model: TrainableText, number: int) -> tuple[float, float]:
        state = None if self._batches.begins_epoch(number) else self._carried.now
        part = self._ranks.shard(self.settings.batch_size)
        tokens, targets = (np.ascontiguousarray(each[:, part]) for each in self._batches.chunk(number))
        resets = self._batches.resets(number)
        begins = None if resets is None else np.ascontiguousarray(resets[:, part])
        loss, self._carried.next = model.network._gradient(tokens, targets, state, resets=begins)
        return loss, float(tokens.size)

    def _weight_decay(self) -> float:
        return self.settings.weight_decay

    def _accept(self, model: TrainableText) -> None:
        self._carried.accept()
        model._set_carried_state(None, model.step + 1)

    def _collect(self, model: TrainableText) -> None:
        if self._replicas is None:
            return
        state = self._carried.gathered(self._ranks)
        if state is not None:
            model._set_carried_state(state, model.step)

    def _generator(self, model: TrainableText) -> Random:
        return model._mask_random

    def _described(self, model: TrainableText) -> dict[str, Any]:
        s = self.settings
        if s.bptt_length not in (None, s.seq_length):
            raise ValueError(
                f"bptt_length is unusable with several processes; expected {s.seq_length}, the seq_length, got "
                f"{s.bptt_length}"
            )
        return {"network": model.network._sizes, "vocabulary": model.vocabulary, "tokenizer": model.tokenizer}

    def _common(self, model: TrainableText) -> dict[str, Any]:
        return {**super()._common(model), "_state": model._carried_state()}

    def _take_common(self, model: TrainableText, common: dict[str, Any]) -> None:
        super()._take_common(model, common)
        # the model has its whole state again at each save and at the end
        self._carried.take(self._state, self._ranks)
        model._set_carried_state(None, model.step)

    def _guess(self, model: TrainableText) -> float:
        return math.log(model.vocabulary_size)

    def _size(self, model: TrainableText) -> tuple[int, str]:
        return self.settings.batch_size * self.settings.seq_length, _unit(model.tokenizer)


def _unit(tokenizer: str) -> str:
    """Returns what several tokens are called."""
    return tokenizer if tokenizer in ("characters", "bytes") else "tokens"
