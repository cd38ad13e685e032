"""CorpusTrainer: a training run of a text model on a text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_choice
from ..names import RecipeName
from ..optim.optimizer import Optimizer, as_optimizer
from ..random import Random
from ..state import State, StepResult
from ..texts import as_file_encoding
from .batches import ContiguousBatches
from .corpus import Corpus
from .options import EVALUATE_EVERY, CorpusOptions, count
from .ranks import Ranks
from .recipes import TEXTS
from .trainable import TrainableText
from .trainer import Trainer, target_step

if TYPE_CHECKING:
    import numpy.typing as npt


class CorpusTrainer(Trainer[TrainableText]):
    """A training run of a text model: chunks of parallel sequences of a text."""

    _Options = CorpusOptions
    settings: CorpusOptions
    # of this rank's sequences, after the last step and after the next one
    _state: State | None = None
    _next_state: State | None = None

    @classmethod
    def new(
        cls,
        model: TrainableText,
        source: Any,
        steps: int,
        optimizer: Optimizer | None,
        recipe: RecipeName | None,
        validation_split: float,
        validation_data: Any,
        evaluate_every: int | None,
        record_every: int | None,
        overwrite: bool,
        ranks: Ranks,
        **arguments: Any,
    ) -> CorpusTrainer:
        """Returns the run of ``TextModel.fit``; the model has a vocabulary and an optimizer afterwards."""
        given = as_optimizer(optimizer)
        chosen = TEXTS["default" if recipe is None else as_choice(recipe, "recipe", tuple(TEXTS))]
        if recipe is not None and given is not None:
            raise ValueError("recipe is unexpected; expected either recipe or optimizer, got both")
        total = count(steps, "steps")
        options = CorpusOptions(
            validation_split=0.0 if validation_data is not None else validation_split,
            evaluate_every=EVALUATE_EVERY if evaluate_every is None else evaluate_every,
            record_every=-(-total // 20_000) if record_every is None else record_every,
            **arguments,
        )
        first_step = model.step if model.is_built else 0
        trainer = cls(options, first_step, target_step(first_step, total))
        trainer._ranks = ranks
        as_file_encoding(options.encoding, model.tokenizer, source, validation_data)
        texts = [Corpus(source, model.tokenizer, encoding=options.encoding)]
        if validation_data is not None:
            texts.append(Corpus(validation_data, model.tokenizer, "validation_data", options.encoding))
        # everything that can be refused is refused before the model is built
        trainer._check_new(model, overwrite, len(texts) > 1 or options.validation_split > 0)
        trainer._read(model, texts)
        if evaluate_every is None:
            # evaluation costs a third of training: validate during 10% of the time at most
            chunk = options.batch_size * options.seq_length
            options.evaluate_every = max(
                EVALUATE_EVERY, -(-10 * len(trainer._validation_tokens) // (3 * chunk))
            )
        rates = chosen.begin(model, given, recipe is not None, total, trainer.epoch_steps)
        if options.schedule is None and options.learning_rate is None:
            options.schedule = rates
        return trainer

    def _matching(self, model: TrainableText, data: Any) -> list[Corpus]:
        texts = []
        for name, key, given in zip(("text", "validation_data"), self._sources, data):
            known = self.sources.get(key)
            if known is None:
                if given is not None:
                    raise ValueError(f"{name} is unexpected; expected None, as the run has none")
                continue
            if given is None and known["path"] is None:
                raise ValueError(f"{name} is missing; expected the same text again, as it was not a file")
            path_or_text = Path(known["path"]) if given is None else given
            corpus = Corpus(path_or_text, model.tokenizer, name, self.settings.encoding)
            if corpus.digest != known["sha256"]:
                raise ValueError(
                    f"{corpus} is another text; expected SHA-256 {known['sha256'][:12]}…, "
                    f"got {corpus.digest[:12]}…; resume with the same text, or call fit"
                )
            texts.append(corpus)
        return texts

    def _read(self, model: TrainableText, data: list[Corpus]) -> None:
        """Encodes the texts; builds the model from them if necessary, after checking their lengths."""
        self._check([text.length for text in data], data[0])
        if not model.is_built:
            letters = "".join(sorted(frozenset[str]().union(*(text.letters for text in data))))
            model.build(letters.encode() if model.tokenizer == "characters" else data[0].data[:1])
        tokens = [self._encode(model, text) for text in data]
        cut = self._check([len(part) for part in tokens], data[0])
        self._batches = ContiguousBatches(tokens[0][:cut], self.settings.batch_size, self.settings.seq_length)
        self._validation_tokens: npt.NDArray[Any] = tokens[1] if len(tokens) > 1 else tokens[0][cut:]
        self.sources = {
            name: {"sha256": text.digest, "path": text.absolute_path}
            for name, text in zip(self._sources, data)
        }

    def _encode(self, model: TrainableText, text: Corpus) -> npt.NDArray[Any]:
        def encode(part: bytes) -> npt.NDArray[Any]:
            return model.encode(part, self.settings.errors, self.settings.replacement)

        known = (model.vocabulary or "") if self.settings.errors == "strict" else None
        return text.encode(encode, model.vocabulary_size, known)

    def _check(self, lengths: list[int], text: Corpus) -> int:
        """Returns the number of training tokens, after checking that both texts are long enough."""
        s = self.settings
        cut = int(lengths[0] * (1 - s.validation_split))
        need = s.batch_size * s.seq_length + 1
        if cut < need:
            raise ValueError(
                f"{text} is too short; expected at least {need:,} {text.tokens} for a batch of {s.batch_size} x "
                f"{s.seq_length}, got {cut:,}; lower batch_size or seq_length{text.hint()}"
            )
        aside = lengths[1] if len(lengths) > 1 else lengths[0] - cut
        if aside < 2 and (s.validation_split or len(lengths) > 1):
            raise ValueError(
                f"the validation text is too short; expected at least 2 {text.tokens}, got {aside}; "
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
        return model.train_step(*self._batches.chunk(number), rate, self.settings.clip)

    def _measured(self, model: TrainableText) -> tuple[float, int]:
        """Returns the mean loss and the tokens of this rank's part of the sequences that are evaluated in parallel."""
        tokens = self._validation_tokens
        count, batch_size = len(tokens) - 1, max(1, min(64, len(tokens) // 1024))
        part, length = self._ranks.shard(batch_size), -(-count // batch_size)
        first, last = (min(b * length, count) for b in (part.start, part.stop))
        if first == last:
            return 0.0, 0
        return model.evaluate(tokens[first : last + 1], part.stop - part.start), last - first

    def _validation(
        self, model: TrainableText, parts: list[tuple[float, int]]
    ) -> tuple[float, dict[str, float]]:
        if len(parts) == 1:
            return parts[0][0], {}
        return sum(loss * count for loss, count in parts) / sum(count for _, count in parts), {}

    # ---- several processes

    def _gradient(self, model: TrainableText, number: int) -> tuple[float, float]:
        state = None if self._batches.begins_epoch(number) else self._state
        part = self._ranks.shard(self.settings.batch_size)
        tokens, targets = (np.ascontiguousarray(each[:, part]) for each in self._batches.chunk(number))
        loss, self._next_state = model.network._gradient(tokens, targets, state)
        return loss, float(tokens.size)

    def _accept(self, model: TrainableText) -> None:
        self._state = self._next_state
        model._set_carried_state(None, model.step + 1)

    def _collect(self, model: TrainableText) -> None:
        if self._replicas is None:
            return
        parts = self._ranks.gather(lambda: self._state)
        if all(part is not None for part in parts):
            model._set_carried_state(State._concatenated(parts), model.step)  # type: ignore[arg-type]

    def _generator(self, model: TrainableText) -> Random:
        return model._mask_random

    def _described(self, model: TrainableText) -> dict[str, Any]:
        return {"network": model.network._sizes, "vocabulary": model.vocabulary, "tokenizer": model.tokenizer}

    def _common(self, model: TrainableText) -> dict[str, Any]:
        return {**super()._common(model), "_state": model._carried_state()}

    def _take_common(self, model: TrainableText, common: dict[str, Any]) -> None:
        super()._take_common(model, common)
        # the model has its whole state again at each save and at the end
        if self._state is not None:
            self._state = self._state._part(self._ranks.shard(self.settings.batch_size))
        model._set_carried_state(None, model.step)

    def _guess(self, model: TrainableText) -> float:
        return math.log(model.vocabulary_size)

    def _size(self, model: TrainableText) -> tuple[int, str]:
        return self.settings.batch_size * self.settings.seq_length, model.tokenizer
