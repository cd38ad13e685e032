"""ArrayTrainer: a training run of a network on sequences in arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from .._checks import as_flag, as_int, as_list, shown
from ..graph import Graph
from ..optim.optimizer import Optimizer, as_optimizer
from ..optim.optimizers import Adam
from ..random import RNG, Random, restoring, seed_of
from ..state import State, StepResult
from .array_step import advance, gradient, measure, train
from .carried_state import state_of_dict, state_to_dict
from .dataset import Batch, Dataset
from .losses import Custom, Loss, as_loss, loss_for, loss_of_dict
from .metrics import MetricLike, Metrics, known_names
from .options import TrainingOptions, count, require_one
from .ranks import Ranks
from .recipes import Recipe, falling
from .sequence_batches import SequenceBatches
from .trainable import TrainableNetwork
from .trainer import Trainer, target_step
from .windows import Window

if TYPE_CHECKING:
    import numpy.typing as npt


BATCH_SIZE = 32
CLIP = 1.0
# the best of a small search over the tasks of examples/sequences: docs/defaults.md
RECIPE = Recipe(lambda: Adam(1e-2, clipping="global_norm"), falling(1e-2, 1.0))
# the arguments that each digest is of
_ARGUMENTS = {
    "data": "x, y, lengths, sample_weight or class_weight differ",
    "validation": "validation_data differs",
}


@dataclass
class ArrayOptions(TrainingOptions):
    """The arguments of ``Network.fit`` that a resumed run needs."""

    loss: Loss
    metrics: list[str]
    shuffle: bool
    seed: int
    per_sequence: bool
    seq_length: int | None = None
    bptt_length: int | None = None
    _optional_counts: ClassVar[tuple[str, ...]] = (
        *TrainingOptions._optional_counts, "seq_length", "bptt_length",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.loss, Loss):
            self.loss = loss_of_dict(self.loss)
        self.metrics = [str(name) for name in as_list(self.metrics, "metrics", "a list of names")]
        self.shuffle = as_flag(self.shuffle, "shuffle")
        self.per_sequence = as_flag(self.per_sequence, "per_sequence")
        self.seed = as_int(self.seed, "rng")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"rng is out of range; expected 0 to {2**63 - 1}, got {self.seed}")
        k1, k2 = self.seq_length, self.bptt_length
        if k2 is not None and k1 is None:
            raise ValueError(f"bptt_length is unexpected; expected None without seq_length, got {k2}")
        if k1 is not None and k2 is not None and k2 < k1:
            raise ValueError(f"bptt_length is out of range; expected at least {k1}, the seq_length, got {k2}")
        if k1 is not None and self.per_sequence:
            raise ValueError(
                "y has one target for each sequence; expected targets of every step, -1 or NaN for none, as seq_length "
                "cuts sequences, got one"
            )

    def training_count(self, N: int) -> int:
        """Returns how many of N sequences are not held out for validation."""
        # of 10 and 0.9 it is 1, although 1 - 0.9 is below 0.1
        return math.floor(N * (1 - self.validation_split) + 1e-9) if self.validation_split else N

    def to_dict(self) -> dict[str, Any]:
        """Returns a dict for JSON."""
        return {**super().to_dict(), "loss": self.loss.to_dict()}


class Data(NamedTuple):
    """The data of a run: those of training, and others for validation."""

    training: Dataset
    validation: Dataset | None


class ArrayTrainer(Trainer[TrainableNetwork]):
    """A training run of a network: batches of whole sequences or of their parts, which carry the state."""

    _Options = ArrayOptions
    _sources = ("data", "validation")
    settings: ArrayOptions
    # None of a run that was loaded, until it is resumed
    _metrics: Metrics | None = None
    # that of rank 0, of several processes
    _seed = 0
    # of all sequences of the batch, where its next part continues them
    _state: State | None = None

    @classmethod
    def new(
        cls,
        model: TrainableNetwork,
        data: Callable[[Loss], Data],
        y: Any,
        *,
        epochs: int | None,
        steps: int | None,
        batch_size: int | None,
        loss: Any,
        metrics: Iterable[MetricLike],
        optimizer: Optimizer | None,
        evaluate_every: int | None,
        record_every: int | None,
        overwrite: bool,
        rng: RNG,
        ranks: Ranks,
        **arguments: Any,
    ) -> ArrayTrainer:
        """Returns the run of ``Network.fit``; the network has an optimizer afterwards."""
        given = as_optimizer(optimizer)
        found = as_loss(loss) if loss is not None else loss_for(y, model._sizes.outputs)
        sizes = model._sizes
        measures = Metrics(metrics, found, sizes.outputs)
        read = data(found)
        size = BATCH_SIZE if batch_size is None else count(batch_size, "batch_size")
        require_one(epochs, steps)
        options = ArrayOptions(
            batch_size=size,
            evaluate_every=1 if evaluate_every is None else evaluate_every,
            record_every=1 if record_every is None else record_every,
            loss=found,
            metrics=measures.saved_names,
            per_sequence=read.training.per_sequence,
            seed=0,
            **arguments,
        )
        measures.check(read.training.are_classes)
        if batch_size is None:
            options.batch_size = min(BATCH_SIZE, options.training_count(read.training.count))
        trainer = cls(options, model.step, model.step)
        trainer._ranks = ranks
        trainer._metrics = measures
        if options.seq_length is not None:
            model._require_state("seq_length")
        trainer._read(model, read)
        batches = trainer._batches
        passes = None if epochs is None else count(epochs, "epochs")
        most = count(steps, "steps") if passes is None else batches.check_epochs(passes)
        target_step(trainer.first_step, most)
        trainer._check_new(model, overwrite, trainer.has_validation)
        # a refused call has drawn nothing; the steps of epochs may depend on the orders, those of rank 0
        seed = seed_of(rng, "rng") % 2**63
        options.seed = ranks.of_first(lambda: seed)
        total = most if passes is None else batches.count_steps(passes)
        trainer.target_step = target_step(trainer.first_step, total)
        if evaluate_every is None:
            options.evaluate_every = trainer.epoch_steps
        if record_every is None:
            options.record_every = max(1, -(-total // 20_000))
        rates = RECIPE.begin(model, given, False, total, trainer.epoch_steps)
        if options.schedule is None and options.learning_rate is None:
            options.schedule = rates
        return trainer

    def resume(
        self,
        model: TrainableNetwork,
        data: Any,
        steps: int | None,
        checkpoint: Any,
        overwrite: bool,
        ranks: Ranks,
    ) -> None:
        """Prepares the run to continue."""
        before = self.settings.loss, self._metrics
        try:
            super().resume(model, data, steps, checkpoint, overwrite, ranks)
        except BaseException:
            self.settings.loss, self._metrics = before
            raise

    def _matching(self, model: TrainableNetwork, data: Any) -> Data:
        make, loss, metrics = data
        known_loss = self.settings.loss
        if loss is not None:
            given = as_loss(loss)
            if given.is_saved or known_loss.is_saved:
                raise ValueError(
                    "loss is unexpected; expected None, as the run has its own, or the function of a run with one, got "
                    f"{shown(loss)}"
                )
            known_loss = given
        elif isinstance(known_loss, Custom) and known_loss.is_missing:
            raise ValueError("loss is missing; expected the function of the run again, as a file has none")
        measures = self._metrics if metrics is None else Metrics(metrics, known_loss, model._sizes.outputs)
        if measures is None:
            measures = self._saved_metrics(model, known_loss)
        if measures.saved_names != self.settings.metrics:
            raise ValueError(
                f"metrics differ from those of the run; expected {', '.join(self.settings.metrics) or 'none'}, got "
                f"{', '.join(measures.saved_names) or 'none'}"
            )
        found: Data = make(known_loss)
        for key, part in zip(self._sources, found):
            known = self.sources.get(key)
            if (part is None) != (known is None):
                raise ValueError(
                    f"validation_data is {'missing' if part is None else 'unexpected'}; expected "
                    f"{'that of the run' if part is None else 'None, as the run has none'}, got "
                    f"{'None' if part is None else 'data'}"
                )
            if part is not None and known is not None and part.digest != known["sha256"]:
                raise ValueError(
                    f"{_ARGUMENTS[key]} from those of the run; expected the same arrays, of the SHA-256 "
                    f"{known['sha256'][:12]}…, got {part.digest[:12]}…"
                )
        self.settings.loss, self._metrics = known_loss, measures
        return found

    def _saved_metrics(self, model: TrainableNetwork, loss: Loss) -> Metrics:
        """Returns the metrics that a file holds, without those that are functions."""
        names: list[Any] = [name for name in self.settings.metrics if name in known_names(loss)]
        return Metrics(names, loss, model._sizes.outputs)

    def metrics(self, model: TrainableNetwork) -> Metrics:
        """Returns the metrics of the run; of one that was loaded, those that the file holds."""
        return self._metrics or self._saved_metrics(model, self.settings.loss)

    def _read(self, model: TrainableNetwork, data: Data) -> None:
        s, N = self.settings, data.training.count
        cut = s.training_count(N)
        if s.validation_split and not 1 <= cut < N:
            raise ValueError(
                f"x has too few sequences; expected at least 1 for training and 1 for validation_split "
                f"{s.validation_split}, got {N}"
            )
        if s.batch_size > cut:
            raise ValueError(
                f"batch_size is larger than the data; expected at most {cut}, got {s.batch_size}"
            )
        self._data, training = data, np.arange(cut)
        self._held_out = (
            (data.training, np.arange(cut, N)) if data.validation is None
            else (data.validation, np.arange(data.validation.count))
        )  # fmt: skip
        if not data.training.has_targets(training) or not (
            data.validation is not None or not cut < N or data.training.has_targets(np.arange(cut, N))
        ):
            raise ValueError(
                f"y has no target in a part; expected at least one in the first {cut} sequences, for training"
                f"{f', and in the last {N - cut}, for validation' if cut < N else ''}, got none"
            )
        self.sources = {
            name: {"sha256": part.digest, "path": None}
            for name, part in zip(self._sources, data)
            if part is not None
        }
        self._batches = SequenceBatches(data.training, cut, s)
        self._check_state(model)
        self._graph = Graph()

    def _check_state(self, model: TrainableNetwork) -> None:
        """Checks that the state is that of the sequences which the next training step continues."""
        chosen, window = self._batches.step(self.step - self.first_step)
        expected, sizes, state = len(chosen) if window.given else 0, model._sizes, self._state
        got = 0 if state is None else len(state.h[0])
        is_own = state is None or (
            list(state._widths.items()) == list(sizes.states.items()) and state.flat.dtype == sizes.dtype
        )
        if got != expected or not is_own:
            raise ValueError(
                f"the state of the training run is another; expected that of {expected} sequences in the network's "
                f"layers, got {state or 'none'}"
            )

    @property
    def epoch_steps(self) -> int:
        """The training steps of an epoch: its batches, or their parts, of sequences of several lengths in the first."""
        return self._batches.epoch_steps

    def _passes(self, steps: int) -> float:
        return self._batches.passes(steps)

    @property
    def per_sequence(self) -> bool:
        """Whether there is one target for each sequence."""
        return self.settings.per_sequence

    @property
    def has_validation(self) -> bool:
        """Whether there are sequences for validation."""
        return len(self._held_out[1]) > 0

    def chosen(self, number: int) -> npt.NDArray[np.int64]:
        """Returns the sequences of a training step, a pure function of its number, 0 for the first."""
        return self._batches.step(number)[0]

    def _step(self, model: TrainableNetwork, number: int, rate: float) -> StepResult:
        chosen, window = self._batches.step(number)
        # a step that fails has drawn nothing, of the steps that only advance the state either
        with restoring(model._random if window.given < window.first else None):
            batch, state, after = self._batch(model, chosen, window, self._state)
            done = train(
                model, batch, self.settings.loss, self._graph, rate, self.settings.clip, state, after
            )
        self._state = done.state if window.left else None
        return done

    def _batch(
        self,
        model: TrainableNetwork,
        chosen: npt.NDArray[np.int64],
        window: Window,
        state: State | None,
    ) -> tuple[Batch, State | None, int | None]:
        """Returns what a training step reads, the state before it, and the steps after which its state is kept."""
        data = self._data.training
        state = advance(model, data, chosen, window, state, self._batches.windows.seq_length)
        batch = data.batch(chosen, window.first, window.stop).since(window.start - window.first)
        return batch, state, window.left - window.first if 0 < window.left < window.stop else None

    def _measured(self, model: TrainableNetwork) -> Any:
        data, chosen = self._held_out
        mine = chosen[self._ranks.shard(len(chosen))]
        return measure(model, data, mine, self.settings.loss, self.metrics(model)).parts()

    def _validation(self, model: TrainableNetwork, parts: list[Any]) -> tuple[float, dict[str, float]]:
        measured = self.metrics(model).start()
        for part in parts:
            measured.add_parts(part)
        return measured.loss, measured.results()

    # ---- several processes

    def _gradient(self, model: TrainableNetwork, number: int) -> tuple[float, float]:
        chosen, window = self._batches.step(number)
        mine = chosen[self._ranks.shard(len(chosen))]
        self._carried.next = None
        if not len(mine):
            model.flat.zero_gradient()
            return 0.0, 0.0
        batch, state, after = self._batch(model, mine, window, self._carried.now)
        loss, weight, state = gradient(model, batch, self.settings.loss, self._graph, state, after)
        self._carried.next = state if window.left else None
        return loss, weight

    def _accept(self, model: TrainableNetwork) -> None:
        self._carried.accept()
        # known again once it is collected
        self._state = None

    def _collect(self, model: TrainableNetwork) -> None:
        if self._replicas is not None:
            self._state = self._carried.gathered(self._ranks)

    def _generator(self, model: TrainableNetwork) -> Random:
        return model._random

    def _described(self, model: TrainableNetwork) -> dict[str, Any]:
        return {"network": model._sizes}

    def _common(self, model: TrainableNetwork) -> dict[str, Any]:
        return {**super()._common(model), "_seed": self.settings.seed, "_state": self._state}

    def _take_common(self, model: TrainableNetwork, common: dict[str, Any]) -> None:
        super()._take_common(model, common)
        self.settings.seed = self._seed
        self._carried.take(self._state, self._ranks)

    def _guess(self, model: TrainableNetwork) -> float:
        return math.log(max(2, model._sizes.outputs)) if self.settings.loss.are_classes else math.inf

    def _size(self, model: TrainableNetwork) -> tuple[int, str]:
        s = self.settings
        return (
            (s.batch_size, "sequences")
            if s.seq_length is None
            else (s.batch_size * s.seq_length, "time steps")
        )

    # ---- files

    def to_dict(self) -> dict[str, Any]:
        """Returns all that a resumed run needs besides the network and the data, for JSON."""
        state = {} if self._state is None else {"state": state_to_dict(self._state)}
        return {**super().to_dict(), **state}

    def _take(self, data: Mapping[str, Any]) -> None:
        if "state" in data:
            self._state = state_of_dict(data["state"])
