"""Columns in which people said whether they want messages, such as ``WhatsApp Opt-in`` or ``Unsubscribed``.

A person who plainly says no in such a column is left out. Everything doubtful, such as a consent to e-mails, leaves
the column a plain variable and gives a note.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from wabroadcast_core.audience.headers import list_words, phrase_set, word_set
from wabroadcast_core.models.recipient import RowFault
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.sentences import Sentence, joined

SAID_NO = Sentence("said_no", "no consent: this column of the file says no")


class ConsentKind(Enum):
    """What the cells of a column say."""

    GIVEN = "whether the person wants messages"
    WITHDRAWN = "whether the person wants no more messages"
    STATUS = "the state of the person, which may be that of one who left"
    DOUBTFUL = "something about consent, perhaps to other messages"


_OPT_IN = phrase_set("opt in|opted in|optin|optedin|opted|subscribed|subscribe|consent|consents|consented")
_OPT_OUT = phrase_set(
    "opt out|opted out|optout|optedout|unsubscribed|unsubscribe|unsub|do not|dont|don t|do not disturb|dnd|dnc"
    "|do not send|jangan|jangan dihubungi|jangan hubungi|jangan kirim|jangan dikirimi|berhenti berlangganan"
    "|tidak bersedia dihubungi|tidak mau dihubungi|tidak boleh dihubungi|menolak dihubungi"
)
_AGREES = phrase_set(  # to messages only beside a word for these
    "accept|accepts|accepted|allow|allows|allowed|agree|agrees|agreed|permission|permitted|setuju|persetujuan|izin|ijin"
    "|mengizinkan|bersedia|boleh|mau|berlangganan|langganan|bersedia dihubungi|boleh dihubungi|mau dihubungi"
    "|izin dihubungi|ijin dihubungi|persetujuan dihubungi|setuju dihubungi"
)
_PURPOSES = word_set(
    "whatsapp wa marketing promo promos promotion promotions promotional promosi message messages messaging pesan"
    " broadcast broadcasts contact dihubungi"
)
_FILLERS = _PURPOSES - {"dihubungi"} | word_set(
    "status flag is has been the of for to from at on date time tanggal tgl waktu customer customers pelanggan user"
    " client member receive receiving menerima terima kirim dikirimi us our me kami"
)
_OTHER_CHANNELS = word_set(
    "email emails mail mails sms text texts newsletter newsletters phone call calls telepon telp mobile push post fax"
)
_WHATSAPP = word_set("whatsapp wa")
_HINTS = re.compile(
    r"\b(?:opt(?:ed)? ?(?:in|out)|unsub\w*|subscribed|consent\w*|do not (?:contact|call|text|e?mail))\b"
)

_SEPARATORS = re.compile(r"[\s_\-]+")
_DATE = re.compile(r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d")
_LEFT = phrase_set(  # plain in any column
    "unsubscribed|unsubscribe|opted out|opt out|optout|do not contact|do not message|dnc|berhenti berlangganan"
    "|jangan dihubungi|tidak bersedia dihubungi"
)
_NO = _LEFT | phrase_set(
    "no|n|false|f|0|0.0|off|tidak|tdk|ga|gak|nggak|enggak|out|stop|not subscribed|not opted in|not consented|no consent"
    "|declined|denied|refused|rejected|withdrawn|revoked|disagree|disagreed|not allowed|tidak setuju|tidak bersedia"
    "|tidak mau|tidak boleh|menolak|ditolak|berhenti|tidak berlangganan|❌|✗|✘"
)
_YES = phrase_set(
    "yes|y|true|t|1|1.0|on|ya|iya|in|opted in|opt in|optin|subscribed|active|aktif|confirmed|consented|given|granted"
    "|accepted|agree|agreed|allowed|setuju|bersedia|mau|boleh|berlangganan|ok|✓|✔|✅|☑"
)
_MARKED = phrase_set("yes|y|true|t|1|1.0|on|ya|iya|x|v|✓|✔|✅|☑")
_MAYBE_LEFT = word_set("blocked blacklist blacklisted blokir diblokir complained spam unreachable stop berhenti")


@dataclass(frozen=True, slots=True)
class ConsentColumn:
    """A column about the consent of people."""

    index: int
    title: str
    kind: ConsentKind

    def find_fault(self, cells: Sequence[str]) -> RowFault | None:
        """Return the fault of a row that plainly says no; None for any other row."""
        says_no = self.kind is not ConsentKind.DOUBTFUL and self.says_no(cells[self.index])
        return RowFault(SAID_NO, self.title, SkipReason.NO_CONSENT) if says_no else None

    def says_no(self, cell: str) -> bool:
        """Return whether a cell plainly says that the person wants no messages."""
        text = _plain(cell)
        if self.kind is ConsentKind.STATUS:
            return text in _LEFT
        if self.kind is ConsentKind.WITHDRAWN:
            return text in _MARKED | _LEFT or _DATE.search(cell) is not None  # the day of the opt-out
        return text in _NO

    def note(self, cells: Sequence[str]) -> Sentence | None:
        """Return what the user should know about this column.

        :param cells: those of the first rows.
        """
        if self.kind is ConsentKind.DOUBTFUL:
            is_filled = any(_plain(cell) in _NO | _YES - {"active", "aktif"} for cell in cells)
            text = "{title} is about consent, but {rest}"
            return Sentence("consent_doubtful", text, title=self.title, rest=_NOT_APPLIED) if is_filled else None
        if self.kind is ConsentKind.STATUS:
            return self._note_on_status(cells)
        unclear = any(text not in _NO | _YES for cell in cells if (text := _plain(cell)) and not self.says_no(cell))
        return self._applied(_APPLIED_UNCLEAR if unclear else _APPLIED)

    def _note_on_status(self, cells: Sequence[str]) -> Sentence | None:
        if any(map(self.says_no, cells)):
            return self._applied(_APPLIED)
        maybe = any(_plain(cell) in _MAYBE_LEFT for cell in cells)
        text = "{title} may say who wants no messages, but {rest}"
        return Sentence("consent_maybe", text, title=self.title, rest=_NOT_APPLIED) if maybe else None

    def _applied(self, rest: Sentence) -> Sentence:
        return Sentence("consent_applied", "{title}: {rest}", title=self.title, rest=rest)


_APPLIED = Sentence(
    "no_is_left_out",
    "people who say no there are left out. Those of them who are in the contact book already stay in it: import them to"
    " the blacklist to keep them from every broadcast. Map the column to a variable to read it as one",
)
_APPLIED_UNCLEAR = joined(_APPLIED, Sentence("consent_unclear", "not all of its cells are a plain yes or no"))
_NOT_APPLIED = Sentence("consent_not_plain", "it is not plain enough to leave people out: look at it before you send")


def find_consent(headers: Sequence[str], roles: Mapping[int, str], *, taken: set[int]) -> tuple[ConsentColumn, ...]:
    """Return the columns about consent.

    :param roles: the meanings that an operator gave to columns; such a column is not judged.
    :param taken: the columns of numbers and names.
    """
    free = [index for index in range(len(headers)) if index not in roles and index not in taken]
    return tuple(_find_kinds(headers, free))


def _find_kinds(headers: Sequence[str], free: Sequence[int]) -> Iterator[ConsentColumn]:
    for index in free:
        if (kind := consent_kind(headers[index])) is not None:
            yield ConsentColumn(index, headers[index], kind)


def consent_kind(header: str) -> ConsentKind | None:
    """Return what the cells below a header say about consent; None if nothing."""
    words = list_words(header)
    found = set(words)
    rest = " ".join(word for word in words if word not in _FILLERS)
    if found & _OTHER_CHANNELS and not found & _WHATSAPP:
        is_consent = _HINTS.search(" ".join(words)) or "status" in found or (found & _AGREES and found & _PURPOSES)
        return ConsentKind.DOUBTFUL if is_consent else None
    if rest in _OPT_OUT or (rest == "stop" and found & _PURPOSES):
        return ConsentKind.WITHDRAWN
    if rest in _OPT_IN or (rest in _AGREES and found & _PURPOSES):
        return ConsentKind.GIVEN
    if "status" in found or rest == "subscription":
        return ConsentKind.STATUS
    return ConsentKind.DOUBTFUL if _HINTS.search(" ".join(words)) else None


def _plain(cell: str) -> str:
    return _SEPARATORS.sub(" ", cell.strip(" \t\r\n'\".!").casefold()).strip()
