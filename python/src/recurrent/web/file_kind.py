"""The kind of a file that the page opens: found in the content, since a name can have any suffix."""

from __future__ import annotations

KINDS = ("checkpoint", "json", "text")
# the longest header that the format allows
_MAX_HEADER = 100_000_000  # bytes
# RecurrentJS writes both, hidden_sizes first
_FIELDS = (b'"hidden_sizes"', b'"letterToIndex"')
_MODEL_SUFFIXES = (".safetensors", ".json")


def file_kind(name: str, data: bytes) -> str:
    """Returns the kind of a file.

    Parameters
    ----------
    name : str
        Its name, for errors.
    data : bytes
        Its content.

    Returns
    -------
    str
        One of ``KINDS``: "checkpoint" for safetensors, "json" for a model in RecurrentJS's JSON, "text" for the rest.

    Raises
    ------
    ValueError
        If a file that is named as a model contains none: it is not learned as a text.
    """
    # the header's length, eight bytes, then the header; the zeros of such a length do not occur in a text
    if int.from_bytes(data[:8], "little") <= _MAX_HEADER and data[8:9] == b"{":
        return "checkpoint"
    if data.lstrip()[:1] == b"{" and any(field in data for field in _FIELDS):
        return "json"
    if name.lower().endswith(_MODEL_SUFFIXES):
        raise ValueError(
            f"{name} is not a model; expected safetensors or RecurrentJS's JSON, got another content: "
            "rename the file to learn it as a text"
        )
    return "text"
