"""The form of a draft: what it sends becomes the fields of the draft, and these become what it shows.

Fields that the form does not have, such as the components of a template, stay as the draft has them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from host_litestar.dashboard.forms import FormData
from wabroadcast_core.models.draft import DraftBody
from wabroadcast_core.models.recipient import Recipient
from wabroadcast_core.models.upload import UploadView

MINUTE: Final = 60
FILE_TYPES: Final = frozenset({"csv", "excel", "vcard"})
MEDIA_TYPES: Final = ("image", "document", "audio", "video")
READING: Final = ("delimiter", "encoding", "sheet", "headerRow", "region")
NO_TIME: Final = "?"  # in the place of a start that was not given: a submit refuses it
IGNORED: Final = "-"  # the meaning of a column that is left out; no variable has this name
_TAB: Final = "tab"
_KEPT: Final = ("callbackEvents", "holdSeconds")
_PHONE_DIGITS: Final = 8

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The files that came with a form."""

    audience: UploadView | None = None
    media: UploadView | None = None


@dataclass(slots=True)
class ReadForm:
    """The fields of a draft as a form has them."""

    fields: Values
    recipients: list[Values] | None = None
    """The pasted numbers; None: the audience is another one."""


def read_form(form: FormData, before: DraftBody, uploaded: Uploaded) -> ReadForm:
    """Return the fields of a draft.

    :param before: the draft as it is stored, for what the form does not have.
    """
    stored = before.model_dump(mode="json", exclude_none=True)
    found = ReadForm({name: stored[name] for name in _KEPT if name in stored})
    _read_audience(form, stored, uploaded.audience, found)
    zone = form.text("zone", "Asia/Jakarta")
    texts = {name: form.text(name) for name in ("name", "priority", "onUnknown", "callbackUrl")}
    window = _some({"from": form.text("sendWindow.from"), "to": form.text("sendWindow.to")})
    parts: Values = {
        **texts,
        "message": _read_message(form, stored.get("message") or {}, uploaded.media),
        "connection": _one_or_more(form.texts("connection")),
        "scheduledAt": _read_start(form, zone),
        "batching": _some(
            {
                "size": _number(form.text("batching.size")),
                "intervalSeconds": _seconds(form.text("batching.intervalSeconds")),
            }
        ),
        "rate": _read_rate(form),
        "retry": _some(
            {
                "maxAttempts": _number(form.text("retry.maxAttempts")),
                "intervalSeconds": _number(form.text("retry.intervalSeconds")),
                "backoff": form.text("retry.backoff"),
            }
        ),
        "sendWindow": window and {**window, "timezone": zone},
    }
    found.fields |= _some(parts)
    return found


def _some(values: Mapping[str, Any]) -> Values:
    """Return the values that are given."""
    return {name: value for name, value in values.items() if value not in ("", None, {}, [])}


def _number(text: str) -> Any:
    """Return a number; of a text that is none, the text, which the core refuses with a reason."""
    for kind in (int, float):  # a number with more digits than a float has is none
        try:
            found = kind(text.replace(",", "."))
            if math.isfinite(found):
                return found
        except (ValueError, OverflowError):
            continue
    return text


def _seconds(minutes: str) -> Any:
    found = _number(minutes)
    return found if isinstance(found, str) else found * MINUTE


def _one_or_more(names: Sequence[str]) -> str | list[str] | None:
    return names[0] if len(names) == 1 else list(names) or None


def _read_rate(form: FormData) -> Values:
    messages = _number(form.text("rate.messages"))
    return {} if messages == "" else {"messages": messages, "perSeconds": _number(form.text("rate.perSeconds", "1"))}


def _read_start(form: FormData, zone: str) -> str | None:
    if form.text("start") != "later":
        return None
    given = form.text("scheduledAt")
    try:
        return datetime.fromisoformat(given).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except (ValueError, OSError, KeyError):
        return given or NO_TIME


# --- the audience ------------------------------------------------------------------------------------------------


def _read_audience(form: FormData, stored: Values, upload: UploadView | None, found: ReadForm) -> None:
    match form.text("audience"):
        case "numbers":
            found.recipients = read_numbers(form.text("numbers"))
        case "kept":
            found.recipients = stored.get("recipients")
            found.fields |= _some({"source": stored.get("source")})
        case kind:
            found.fields |= _some({"source": _read_source(kind, form, upload)})


def _read_source(kind: str, form: FormData, upload: UploadView | None) -> Values:
    if upload is not None:
        return {"type": file_type(upload), "uploadId": upload.upload_id}
    match kind:
        case "file":
            return _read_file(form)
        case "tags" if form.texts("tags") or form.has("everyone"):
            tags = [] if form.has("everyone") else form.texts("tags")
            match = form.text("match", "any")
            return {"type": "contacts", "tags": tags, "match": match, "without": form.texts("except")}
        case "query" if form.text("query"):
            name = form.text("query")
            prefix = f"parameter.{name}."
            values = {key.removeprefix(prefix): value for key, value in form.fields().items() if key.startswith(prefix)}
            return {"type": "database", "query": name, "parameters": _some(values)}
        case _:
            return {}


def _read_file(form: FormData) -> Values:
    upload_id, kind = form.text("source.uploadId"), form.text("source.type", "csv")
    if not upload_id:
        return {}
    source: Values = {"type": kind, "uploadId": upload_id}
    if kind == "vcard":
        return source | _some({"region": form.text("source.region").upper()})
    given = {name: form.text(f"source.{name}") for name in READING}
    given["delimiter"] = "\t" if given["delimiter"] == _TAB else given["delimiter"]
    given["region"] = given["region"].upper()
    options = _some(given | {"headerRow": _number(given["headerRow"])})
    for name in ("sheet",) if kind == "csv" else ("delimiter", "encoding"):
        options.pop(name, None)
    return source | options | _some({"mapping": _read_mapping(form)})


def _read_mapping(form: FormData) -> dict[str, str]:
    """Return the meanings that a person gave to columns, by their positions."""
    given = {name.removeprefix("column."): value for name, value in form.fields().items() if name.startswith("column.")}
    chosen = {place: "" if value == IGNORED else value for place, value in given.items() if value and place.isdecimal()}
    number = form.text("numberColumn")
    return {**chosen, number: "number"} if number.isdecimal() else chosen


def file_type(upload: UploadView) -> str:
    """Return the contact source that reads a file."""
    if (upload.filename or "").lower().endswith((".vcf", ".vcard")):
        return "vcard"
    return upload.kind if upload.kind in FILE_TYPES else "csv"


def read_numbers(text: str) -> list[Values]:
    """Return pasted numbers as recipients: one or several a line, or a number and a name."""
    found: list[Values] = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.replace("\t", ",").replace(";", ",").split(",")]
        given = [part for part in parts if part]
        if len(given) > 1 and not all(map(_is_phone, given)):
            found.append({"number": given[0], "name": ", ".join(given[1:])})
        else:
            found += ({"number": number} for number in given)
    return found


def _is_phone(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= _PHONE_DIGITS and not any(map(str.isalpha, text))


# --- the message -------------------------------------------------------------------------------------------------


def _read_message(form: FormData, stored: Values, upload: UploadView | None) -> Values:
    kind = form.text("message.type", "text")
    text = form.text("message.text").replace("\r\n", "\n")
    if upload is not None:
        kind = _media_type(kind, upload)
    if kind == "template":
        return stored if stored.get("type") == "template" else {}
    if kind not in MEDIA_TYPES:
        shown = {"previewUrl": True} if form.has("message.previewUrl") else {}
        return {"type": "text", "text": text, **shown} if text else {}
    media = {"uploadId": upload.upload_id} if upload is not None else _read_media(form)
    name = form.text("message.filename") or (upload.filename if upload is not None and kind == "document" else None)
    named = {"filename": name} if kind == "document" else {}
    return {"type": kind, **_some({"media": media, "caption": text, **named})}


def _read_media(form: FormData) -> Values:
    if url := form.text("message.media.url"):
        return {"url": url}
    return _some({"uploadId": form.text("message.media.uploadId")})


def _media_type(chosen: str, upload: UploadView) -> str:
    """Return the type of a message with a file: as the person chose, unless the file is something else."""
    if chosen == "document":
        return chosen
    return upload.kind if upload.kind in MEDIA_TYPES else "document"


# --- what the form shows -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Shown:
    """The values of a form: of a draft, or those that were sent."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, name: str, default: str = "") -> str:
        """Return the text of a field."""
        return next(iter(self.texts.get(name, ())), default)

    def has(self, name: str, value: str) -> bool:
        """Return whether a field has a value, among others perhaps."""
        return value in self.texts.get(name, ())


def shown_form(form: FormData) -> Shown:
    """Return what was sent."""
    found = Shown()
    for name, value in form.kept():
        found.texts.setdefault(name, []).append(value)
    return found


def shown_draft(body: DraftBody, *, zone: str) -> Shown:
    """Return what a draft has.

    :param zone: in which its start is shown, unless its hours have another one.
    """
    stored = body.model_dump(mode="json", exclude_none=True)
    zone = (stored.get("sendWindow") or {}).get("timezone") or _zone_of(stored.get("scheduledAt"), zone)
    values: dict[str, Any] = {"zone": zone, **_flat(stored)}
    values |= _shown_audience(stored) | _shown_start(stored.get("scheduledAt"), zone)
    minutes = values.get("batching.intervalSeconds")
    if isinstance(minutes, int | float):
        values["batching.intervalSeconds"] = f"{minutes / MINUTE:g}"
    message = stored.get("message") or {}
    values["message.text"] = message.get("text") or message.get("caption") or ""
    return Shown({name: _texts(value) for name, value in values.items()})


def _texts(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else [str(value)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by their dotted paths; lists of objects are left out."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        elif not (isinstance(value, list) and any(isinstance(part, dict) for part in value)):
            found[f"{prefix}{name}"] = value
    return found


def _shown_audience(stored: Values) -> dict[str, Any]:
    source, recipients = stored.get("source") or {}, stored.get("recipients")
    if recipients is not None:
        people = [Recipient.model_validate(one) for one in recipients]
        if any(person.variables for person in people):
            return {"audience": "kept"}
        return {"audience": "numbers", "numbers": "\n".join(map(_line, people))}
    return _shown_source(source)


def _shown_source(source: Values) -> dict[str, Any]:
    match source.get("type"):
        case None:
            return {"audience": "file"}
        case "contacts":
            everyone = {"everyone": "on"} if not source.get("tags") else {}
            lists = {"tags": source.get("tags", []), "except": source.get("without", [])}
            return {"audience": "tags", "match": source.get("match", "any"), **lists, **everyone}
        case "database":
            name = source.get("query", "")
            parameters = {f"parameter.{name}.{key}": value for key, value in (source.get("parameters") or {}).items()}
            return {"audience": "query", "query": name, **parameters}
        case kind if kind in FILE_TYPES:
            tab = {"source.delimiter": _TAB} if source.get("delimiter") == "\t" else {}
            columns = {f"column.{place}": meaning or IGNORED for place, meaning in _mapping_of(source).items()}
            return {"audience": "file", **tab, **columns}
        case _:
            return {"audience": "kept"}


def _mapping_of(source: Values) -> dict[str, str]:
    mapping = source.get("mapping")
    return mapping if isinstance(mapping, dict) else {}


def _line(person: Recipient) -> str:
    return person.number if person.name is None else f"{person.number}, {person.name}"


def _shown_start(scheduled_at: str | None, zone: str) -> dict[str, Any]:
    if scheduled_at is None:
        return {"start": "now", "scheduledAt": ""}
    try:
        local = datetime.fromisoformat(scheduled_at).astimezone(ZoneInfo(zone))
    except (ValueError, OSError, KeyError, OverflowError):
        return {"start": "later", "scheduledAt": ""}
    return {"start": "later", "scheduledAt": f"{local:%Y-%m-%dT%H:%M}"}


def _zone_of(scheduled_at: str | None, zone: str) -> str:
    """Return the zone in which a start was given, if it is one of Indonesia; else the usual one."""
    try:
        given = datetime.fromisoformat(scheduled_at or "")
        same = [
            name
            for name in (zone, "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
            if given.astimezone(ZoneInfo(name)).utcoffset() == given.utcoffset()
        ]
    except (ValueError, OSError, OverflowError):
        return zone
    return next(iter(same), zone)
