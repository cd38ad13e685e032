"""The checked options of a training run, which a checkpoint holds."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from .._checks import MAX_STEPS, as_count, as_errors_name, as_flag, as_float, as_path, as_rate, as_single
from ..encoding import as_encoding
from ..names import DocumentsName, ErrorsName
from ..optim.schedules import Schedule
from .documents import as_documents

# defaults of `TextModel.fit`, the command and the page
LEARNING_RATE = 2e-3
DECAY_RATE = 0.95  # of RMSProp's average of squares
BATCH_SIZE = 50
SEQ_LENGTH = 50
CLIP = 5.0
VALIDATION_SPLIT = 0.1
EVALUATE_EVERY = 500  # steps, at least
CHECKPOINT_MINUTES = 5.0


Options = TypeVar("Options", bound="TrainingOptions")


@dataclass
class TrainingOptions:
    """The arguments of ``fit`` that a resumed run needs, whatever the data."""

    batch_size: int
    schedule: Schedule | None
    learning_rate: float | None
    clip: float | None
    validation_split: float
    evaluate_every: int
    patience: int | None
    checkpoint: str | None
    checkpoint_every: int | None
    checkpoint_minutes: float | None
    keep_best: bool
    record_every: int
    restore_best: bool
    # besides batch_size, evaluate_every and record_every; and those that may be absent
    _counts: ClassVar[tuple[str, ...]] = ()
    _optional_counts: ClassVar[tuple[str, ...]] = ("patience", "checkpoint_every")

    def __post_init__(self) -> None:
        for name in ("batch_size", *self._counts, "evaluate_every", "record_every"):
            setattr(self, name, count(getattr(self, name), name))
        self.validation_split = as_float(self.validation_split, "validation_split")
        if not 0 <= self.validation_split < 1:
            raise ValueError(
                f"validation_split is out of range; expected at least 0 and below 1, got {self.validation_split}"
            )
        for name in self._optional_counts:
            if getattr(self, name) is not None:
                setattr(self, name, count(getattr(self, name), name))
        if self.schedule is not None:
            if not isinstance(self.schedule, Schedule):
                kind = type(self.schedule).__name__
                raise TypeError(
                    f"schedule has the wrong type; expected one of recurrent.schedules, or None, got {kind}"
                )
            if self.learning_rate is not None:
                raise ValueError(
                    "learning_rate is unexpected; expected either schedule or learning_rate, got both"
                )
        if self.learning_rate is not None:
            self.learning_rate = as_rate(self.learning_rate, "learning_rate")
        for name in ("clip", "checkpoint_minutes"):
            if getattr(self, name) is not None:
                setattr(self, name, as_single(getattr(self, name), name))
                if getattr(self, name) <= 0:
                    raise ValueError(
                        f"{name} is out of range; expected above 0, or None, got {getattr(self, name)}"
                    )
        for name in ("keep_best", "restore_best"):
            setattr(self, name, as_flag(getattr(self, name), name))
        self.set_checkpoint(self.checkpoint)

    def set_checkpoint(self, checkpoint: Any) -> None:
        """Sets the checkpoint's path, after checking that its folder is writable."""
        if checkpoint is None:
            self.checkpoint = None
            return
        place = Path(os.fsdecode(as_path(checkpoint, "checkpoint"))).absolute()
        reason: int | None = None
        try:
            if not stat.S_ISDIR(place.parent.stat().st_mode):
                reason = errno.ENOTDIR
            elif not os.access(place.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
                reason = errno.EACCES
            elif place.is_dir():
                reason = errno.EISDIR
        except OSError as error:
            reason = error.errno
        if reason is not None:
            problem = os.strerror(reason).lower()
            raise OSError(reason, f"checkpoint '{checkpoint}' cannot be written: {problem}")
        self.checkpoint = str(place)

    @property
    def best(self) -> str | None:
        """The path of the best model: model.best.safetensors for model.safetensors."""
        if not (self.checkpoint and self.keep_best):
            return None
        place = Path(self.checkpoint)
        return str(place.with_name(f"{place.stem}.best{place.suffix}"))

    def to_dict(self) -> dict[str, Any]:
        """Returns a dict for JSON. Of the checkpoint it says whether there is one, and no path."""
        schedule = self.schedule.to_dict() if self.schedule else None
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**values, "schedule": schedule, "checkpoint": self.checkpoint is not None}

    @classmethod
    def from_dict(
        cls: type[Options], data: Mapping[str, Any], source: str | os.PathLike[str] | None
    ) -> Options:
        """Returns the options of a dict that ``to_dict`` returned, without checking the checkpoint's folder.

        Parameters
        ----------
        data : mapping
            The dict.
        source : str, Path or None
            The file that the dict is from. It is the checkpoint, if there is one: no path in a file is written to, and
            a copy of a checkpoint leaves the original as it is. None for a copy in memory, which has no checkpoint.
        """
        schedule = None if data["schedule"] is None else Schedule.from_dict(data["schedule"])
        # a file of a version without it has no restore_best
        settings = cls(**{"restore_best": False, **data, "schedule": schedule, "checkpoint": None})
        if as_flag(data["checkpoint"], "checkpoint") and source is not None:
            settings.checkpoint = str(Path(source).absolute())
        return settings


@dataclass
class CorpusOptions(TrainingOptions):
    """The arguments of ``TextModel.fit`` that a resumed run needs."""

    seq_length: int
    errors: ErrorsName
    replacement: str | None
    encoding: str | None = None
    documents: DocumentsName | None = None
    bptt_length: int | None = None
    weight_decay: float = 0.0
    _counts: ClassVar[tuple[str, ...]] = ("seq_length",)
    _optional_counts: ClassVar[tuple[str, ...]] = (*TrainingOptions._optional_counts, "bptt_length")

    def __post_init__(self) -> None:
        super().__post_init__()
        # a replacement of words may be the unknown word, or a longer text: the trainer knows what tokens are
        self.errors = as_errors_name(self.errors, self.replacement)
        self.encoding = as_encoding(self.encoding)
        self.documents = as_documents(self.documents)
        self.weight_decay = as_rate(self.weight_decay, "weight_decay")


def count(value: Any, name: str) -> int:
    """Returns a number of steps, or of tokens."""
    return as_count(value, name, 1, MAX_STEPS)


def require_one(epochs: Any, steps: Any) -> None:
    """Checks that the length of a run is given once."""
    if epochs is None and steps is None:
        raise ValueError("epochs or steps is needed; expected one of both, got neither")
    if epochs is not None and steps is not None:
        raise ValueError("steps is unexpected; expected either epochs or steps, got both")
