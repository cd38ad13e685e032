"""The actions that a page requests, by name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..encoding import to_utf8
from ..recurrentjs.sentence_model import SentenceModel
from ..text.coder import is_coded
from ..text.model import TextModel
from . import introspection
from .file_kind import file_kind
from .network_picture import picture
from .session import Run, Session, make_trainer
from .settings import MAX_CLIP, MAX_TEXT, Settings, integer, number, text
from .trainers import SentenceTrainer, TextTrainer

PRETRAINED = Path(__file__).with_name("pretrained.json")
# settings that change during training
_SLIDERS = ("learning_rate", "weight_decay", "clip")
Reply = tuple[dict[str, Any], "bytes | None"]


def perform(session: Session, name: str, arguments: Mapping[str, Any], data: bytes | None = None) -> Reply:
    """Performs an action on the worker thread of a session.

    Parameters
    ----------
    session : Session
        The run.
    name : str
        The action.
    arguments : dict
        Its arguments, from the page.
    data : bytes, optional
        A file, for ``open``.

    Returns
    -------
    reply : dict
        The result, for JSON.
    data : bytes or None
        A file.

    Raises
    ------
    ValueError and others of ``USER_ERRORS``
        With a message for the page; the run is unchanged.
    """
    action = _ACTIONS.get(name)
    if action is None:
        raise ValueError(f"action is unknown; expected one of {', '.join(_ACTIONS)}, got {name[:40]!r}")
    if not isinstance(arguments, Mapping):
        raise ValueError(f"arguments has the wrong type; expected an object, got {type(arguments).__name__}")
    reply: Reply = session.call(lambda: action(session, arguments, data))
    return reply


# ---- training


def _learn(session: Session, arguments: Mapping[str, Any], data: bytes | None) -> Reply:
    """Starts over: a new model with the given settings and, if given, text."""
    settings = session.settings.changed(arguments.get("settings", {}))
    training_text, file = _text_of_page(session, arguments)
    session.replace(
        Run(make_trainer(settings, training_text), settings, training_text, file), is_learning=True
    )
    return {}, None


def _resume(session: Session, arguments: Mapping[str, Any], *_: Any) -> Reply:
    """Continues; a model that waits takes the text and the batches of the page, if it can learn them."""
    if session.trainer.obstacle:
        settings = _with_batches(session.settings, arguments.get("settings", {}))
        run = _same_model(session, settings, *_text_of_page(session, arguments))
        run.trainer.check_resumable()
        session.replace(run)
    session.resume()
    return {}, None


def _undo(session: Session, *_: Any) -> Reply:
    session.undo()
    return {}, None


def _text_of_page(session: Session, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the text of the page, or that of the session, and the name of its file."""
    if "text" not in arguments:
        return session.text, session.file
    return text(arguments["text"], "text", MAX_TEXT), ""


def _with_batches(settings: Settings, changes: Any) -> Settings:
    """Returns settings with other batches; the model decides the rest."""
    changed = settings.changed(changes)
    return replace(settings, batch_size=changed.batch_size, seq_length=changed.seq_length)


def _same_model(session: Session, settings: Settings, training_text: str, file: str) -> Run:
    """Returns a run of the present model on another text."""
    present: Any = session.trainer
    return Run(type(present)(settings, training_text, present.model), settings, training_text, file)


def _pause(session: Session, *_: Any) -> Reply:
    session.pause()
    return {}, None


def _change(session: Session, arguments: Mapping[str, Any], *_: Any) -> Reply:
    """Changes the sliders, from the next step on."""
    changes = {name: arguments[name] for name in _SLIDERS if name in arguments}
    settings = session.settings.changed(changes)
    temperature = session.temperature
    if "temperature" in arguments:
        temperature = number(arguments["temperature"], "temperature", 0, 10, above=True)
    trainer = session.trainer
    trainer.change(replace(trainer.settings, **{name: getattr(settings, name) for name in changes}))
    session.settings = settings
    if temperature != session.temperature:
        session.temperature = temperature
        session.publish_samples()
    session.publish_run()
    return {}, None


# ---- models and files


def _save(session: Session, *_: Any) -> Reply:
    """Returns the model in RecurrentJS's JSON."""
    if not isinstance(session.trainer, SentenceTrainer):
        raise ValueError(
            "the model is not one of sentences; expected one for RecurrentJS's JSON, got one of running text: "
            "download the checkpoint instead"
        )
    return {"json": session.trainer.save()[1].decode()}, None


def _download(session: Session, *_: Any) -> Reply:
    """Returns the model as a file."""
    name, data = session.trainer.save()
    return {"name": name}, data


def _load(session: Session, arguments: Mapping[str, Any], *_: Any) -> Reply:
    """Takes a model in RecurrentJS's JSON."""
    return _take_json(session, text(arguments.get("json"), "model", MAX_TEXT).encode())


def _pretrained(session: Session, *_: Any) -> Reply:
    """Takes the model of the package, trained on the sentences of the package."""
    # larger steps raise the perplexity of a trained model
    return _take_json(session, PRETRAINED.read_bytes(), learning_rate=0.001)


def _take_json(session: Session, data: bytes, **changes: Any) -> Reply:
    model = _load_bytes(data, lambda path: SentenceModel.load_recurrentjs(path, "float32"))
    settings = replace(
        session.settings, kind="sentences", tokenizer="characters", cell=model.cell,
        hidden_sizes=list(model.hidden_sizes),
        embedding=model.letter_size, **changes,
    )  # fmt: skip
    session.replace(Run(SentenceTrainer(settings, session.text, model), settings, session.text, session.file))
    return {}, None


def _open(session: Session, arguments: Mapping[str, Any], data: bytes | None) -> Reply:
    """Opens a file: a training text, a model in RecurrentJS's JSON, or a checkpoint.

    A text is for the present model if that waits for one, and otherwise starts a new model.
    """
    name = text(arguments.get("name", "file"), "file name", 1000)
    if data is None:
        raise ValueError("file is missing; expected the bytes of a file")
    kind = file_kind(name, data)
    if kind == "json":
        return _take_json(session, data)
    if kind == "checkpoint":
        return _take_checkpoint(session, data)
    if len(data) > MAX_TEXT:
        raise ValueError(
            f"{name} is too large; expected at most {MAX_TEXT >> 20} MB, got {len(data) / 1e6:,.0f} MB"
        )
    training_text = _decoded(name, data)
    if session.trainer.obstacle:
        run = _same_model(session, session.settings, training_text, name)
        session.replace(run, is_learning=not run.trainer.obstacle)
        return {}, None
    settings = session.settings.changed({"kind": "text", **arguments.get("settings", {})})
    session.replace(
        Run(TextTrainer(settings, training_text), settings, training_text, name), is_learning=True
    )
    return {}, None


def _decoded(name: str, data: bytes) -> str:
    """Returns the text of a file in UTF-8; other kinds are refused by their name, for the page without a setting."""
    try:
        return to_utf8(data, name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not valid UTF-8; expected UTF-8, got 0x{data[error.start]:02X} at byte {error.start}"
        ) from None
    except ValueError as error:
        raise ValueError(str(error).partition(": Path.")[0]) from None


def _take_checkpoint(session: Session, data: bytes) -> Reply:
    """Opens a checkpoint with the settings of its training, where it has any."""
    model = _load_bytes(data, TextModel.load)
    if is_coded(model.tokenizer):
        raise ValueError(
            f"the tokenizer of the checkpoint is unusable here; expected characters or bytes, got {model.tokenizer}"
        )
    settings = replace(
        session.settings, kind="text", tokenizer=model.tokenizer, cell=model.cell,
        hidden_sizes=list(model.hidden_sizes), embedding=model.embedding or 0,
    )  # fmt: skip
    if model.optimizer is not None:
        settings = replace(settings, learning_rate=model.optimizer.learning_rate)
    if model.trainer is not None:
        options = model.trainer.settings
        settings = replace(
            settings, batch_size=options.batch_size, seq_length=options.seq_length,
            clip=MAX_CLIP if options.clip is None else options.clip,
        )  # fmt: skip
    session.replace(Run(TextTrainer(settings, session.text, model), settings, session.text, session.file))
    return {}, None


# ---- introspection


def _continue(session: Session, arguments: Mapping[str, Any], *_: Any) -> Reply:
    """Generates text after a prompt."""
    prompt = text(arguments.get("prompt", ""), "prompt", 10_000)
    temperature = number(arguments.get("temperature", session.temperature), "temperature", 0, 10)
    length = integer(arguments.get("length", 200), "length", 1, 2_000)
    return {"text": introspection.continuation(session.trainer, prompt, temperature, length)}, None


def _predict(session: Session, arguments: Mapping[str, Any], *_: Any) -> Reply:
    """Returns the most probable characters after a prompt."""
    prompt = text(arguments.get("prompt", ""), "prompt", 10_000)
    return {"predictions": introspection.predictions(session.trainer, prompt)}, None


def _color(session: Session, arguments: Mapping[str, Any], *_: Any) -> Reply:
    """Returns a text colored by the activation of one unit."""
    colored_text = text(arguments.get("text", ""), "text to color", 5_000)
    activation = text(arguments.get("activation", ""), "activation", 10)
    unit = integer(arguments.get("unit", 0), "unit", 0, 1 << 20)
    trainer = session.trainer
    return introspection.colors(trainer, colored_text or trainer.typical_text(), activation, unit), None


def _picture(session: Session, *_: Any) -> Reply:
    """Returns the expression graph of one time step."""
    return {"svg": picture(session.trainer.network)}, None


def _load_bytes(data: bytes, load: Callable[[Path], Any]) -> Any:
    """Loads a model from bytes; errors do not mention the temporary file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(data)
        try:
            return load(path)
        except (OSError, ValueError) as error:
            message = str(error).replace(f"'{path}'", "the model").replace(str(path), "the model")
            raise ValueError(message) from None


_ACTIONS: dict[str, Callable[..., Reply]] = {
    "learn": _learn,
    "resume": _resume,
    "pause": _pause,
    "undo": _undo,
    "change": _change,
    "save": _save,
    "load": _load,
    "pretrained": _pretrained,
    "download": _download,
    "open": _open,
    "continue": _continue,
    "predict": _predict,
    "color": _color,
    "picture": _picture,
}
