"""Columns in which people said whether they want messages, such as ``WhatsApp Opt-in`` or ``Unsubscribed``.

A person who plainly says no in such a column is left out. Everything doubtful, such as a consent to e-mails, leaves
the column a plain variable and gives a note. In a file for the blacklist it is the other way round: only those who say
no are added.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from wabroadcast_core.audience.headers import list_words, phrase_set, word_set
from wabroadcast_core.models.recipient import RowFault
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.sentences import Sentence, code_of, joined

SAID_NO = Sentence("said_no", "no consent: this column of the file says no")
OTHER_ROW_SAYS_NO = Sentence("other_row_says_no", "no consent: another row with this number says no")


class ConsentKind(Enum):
    """What the cells of a column say."""

    GIVEN = "whether the person wants messages"
    WITHDRAWN = "whether the person wants no more messages"
    STATUS = "the state of the person, which may be that of one who left"
    DOUBTFUL = "something about consent, perhaps to other messages"


_OPT_IN = phrase_set("opt in|opted in|optin|optedin|opted|subscribed|subscribe|consent|consents|consented")
_OPT_OUT = phrase_set(
    "opt out|opted out|optout|optedout|unsubscribed|unsubscribe|unsub|do not|dont|don t|do not disturb|dnd|dnc"
    "|do not send|jangan|jangan dihubungi|jangan hubungi|jangan ganggu|jangan diganggu|berhenti berlangganan"
    "|berhenti langganan|stop berlangganan|stop langganan|tidak bersedia dihubungi|tidak mau dihubungi"
    "|tidak ingin dihubungi|tidak boleh dihubungi|tidak setuju dihubungi|tidak izin dihubungi|menolak dihubungi"
    "|tolak dihubungi|blacklist|blacklisted|daftar hitam"
)
_AGREES = phrase_set(  # to messages only beside a word for these
    "accept|accepts|accepted|allow|allows|allowed|agree|agrees|agreed|permission|permitted|setuju|persetujuan|izin"
    "|mengizinkan|bersedia|kesediaan|boleh|mau|ingin|berlangganan|langganan|bersedia dihubungi|boleh dihubungi"
    "|mau dihubungi|ingin dihubungi|izin dihubungi|persetujuan dihubungi|setuju dihubungi|kesediaan dihubungi"
)
_REFUSES = phrase_set(  # only messages, and only beside a word for these
    "stop|berhenti|tolak|menolak|tidak bersedia|tidak mau|tidak ingin|tidak boleh|tidak setuju|tidak izin"
)
_PURPOSES = word_set(
    "whatsapp wa marketing promo promos promotion promotions promotional promosi message messages messaging pesan"
    " broadcast broadcasts contact dihubungi"
)
_RECEIVING = word_set("receive receiving menerima terima kirim dikirim dikirimi informasi info")
_MEANS = word_set("via melalui lewat by through")
_FILLERS = (_PURPOSES - {"dihubungi"} | _RECEIVING | _MEANS - {"by", "through"}) | word_set(
    "status flag is has been the of for to from at on date time tanggal tgl waktu customer customers pelanggan user"
    " client member us our me kami saya anda kamu apakah akan untuk di ke dari lagi"
)
_OTHER_CHANNELS = word_set(
    "email emails mail mails sms text texts newsletter newsletters phone call calls telepon telp mobile push post fax"
)
_WHATSAPP = word_set("whatsapp wa")
_SPELLINGS = {
    **dict.fromkeys(("jgn", "jangn", "jng"), "jangan"),
    **dict.fromkeys(("tdk", "tak", "ga", "gak", "nggak", "ngga", "enggak"), "tidak"),
    **dict.fromkeys(("dihub", "dikontak"), "dihubungi"),
    **dict.fromkeys(("blast", "dibroadcast", "diblast"), "broadcast"),
    "ijin": "izin",
    "mengijinkan": "mengizinkan",
    "diwa": "wa",
}
_CHOICES = re.compile(r"\b(?:ya|yes|y) (?:(?:atau|or) )?(?:tidak|no|n|t)\b")  # as in "Bersedia di-WA (ya/tidak)"
_HINTS = re.compile(
    r"\b(?:opt(?:ed)? ?(?:in|out)|unsub\w*|subscribed|consent\w*|do not (?:contact|call|text|e?mail)|\w*setuju\w*"
    r"|bersedia|kesediaan|berhenti|stop|\w*tolak\w*|(?:di|meng|per)?i[zj]in\w*|jangan|blacklist\w*|(?:di)?blokir"
    r"|tidak (?:mau|ingin|boleh))\b"
)

_SEPARATORS = re.compile(r"[\s_\-]+")
_UNSEEN = {"Cf", "Mn"}  # categories of characters that change how others look, such as U+FE0F after a check mark
_DATE = re.compile(
    r"(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d"
    r"|\d{1,2}[- ](?:jan|feb|mar|apr|mei|may|jun|jul|agu|ags|aug|sep|okt|oct|nov|des|dec)[a-z]*[- ](?:19|20)?\d\d",
    re.IGNORECASE,
)
_LEFT = phrase_set(  # plain in any column
    "unsubscribed|unsubscribe|opted out|opt out|optout|do not contact|do not message|dnc|berhenti berlangganan"
    "|berhenti langganan|jangan dihubungi|jangan dihubungi lagi|jangan hubungi|jangan hubungi lagi|jgn dihubungi"
    "|jgn hubungi|tidak bersedia dihubungi|tidak mau dihubungi|tidak ingin dihubungi|tidak mau dihubungi lagi"
    "|tidak ingin dihubungi lagi"
)
_NO = _LEFT | phrase_set(
    "no|n|false|f|0|0.0|off|tidak|tdk|ga|gak|nggak|enggak|jangan|jgn|out|stop|not subscribed|not opted in"
    "|not consented|no consent|declined|denied|refused|rejected|withdrawn|revoked|disagree|disagreed|not allowed"
    "|tidak setuju|tidak bersedia|tidak mau|tidak boleh|menolak|ditolak|berhenti|tidak berlangganan|❌|✗|✘"
)
_YES = phrase_set(
    "yes|y|true|t|1|1.0|on|ya|iya|in|opted in|opt in|optin|subscribed|active|aktif|confirmed|consented|given|granted"
    "|accepted|agree|agreed|allowed|setuju|bersedia|mau|boleh|berlangganan|ok|v|✓|✔|✅|☑|√"
)
_WITHDREW = _LEFT | phrase_set(  # plain in a column of those who want no more messages
    "yes|y|true|t|1|1.0|on|ya|iya|x|v|✓|✔|✅|☑|√|out|stop|stopped|berhenti|sudah|sudah berhenti|jangan|jgn|tolak"
    "|menolak|withdrawn|revoked|blacklist|blacklisted|daftar hitam|blokir|diblokir|blocked"
)
_LEADING_NO = re.compile(  # "Tidak, terima kasih", but neither "tidak apa-apa" nor "tidak tahu"
    r"(?:(?:tidak|tdk|ga|gak|nggak|enggak|no|jangan|jgn)[, ]+)++(?!(?:apa|papa|masalah|ada|keberatan|menolak|tahu|tau"
    r"|yakin|pasti|tentu|jelas|diisi|terisi|dijawab|selalu|lupa|ragu|sungkan|segan|khawatir|problem|worries|objection"
    r"|issue|doubt|answer|reply|response|data|info|idea|preference|atau|or|ya|yes)(?:\b|\d))"
)
_LEADING_YES = re.compile(
    r"(?:(?:ya|iya|yes)[, ]+)++(?!(?:tapi|tetapi|but|namun|kecuali|except|asal|asalkan|if|jika|kalau|atau|or|tidak"
    r"|no)\b)"
)
_ANSWERS = (_NO | _YES) - {"active", "aktif"}
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

    def may_have_left(self, cells: Sequence[str]) -> bool:
        """Return whether the state of the person is perhaps that of one who left, such as ``blocked``."""
        cell = cells[self.index] if self.index < len(cells) else ""
        return self.kind is ConsentKind.STATUS and _plain(cell) in _MAYBE_LEFT

    def says_no(self, cell: str) -> bool:
        """Return whether a cell plainly says that the person wants no messages."""
        text = _plain(cell)
        if self.kind is ConsentKind.STATUS:
            return text in _LEFT
        if self.kind is ConsentKind.WITHDRAWN:
            is_dated = _DATE.search(cell) is not None  # the day of the opt-out
            return text in _WITHDREW or is_dated or _LEADING_YES.match(text) is not None
        return text in _NO or _LEADING_NO.match(text) is not None

    def is_clear(self, cell: str) -> bool:
        """Return whether a cell is empty, or a plain yes or no."""
        text = _plain(cell)
        if not text or text in _NO or text in _YES or self.says_no(cell):
            return True
        return self.kind is ConsentKind.GIVEN and _LEADING_YES.match(text) is not None

    def note(self, cells: Sequence[str]) -> Sentence | None:
        """Return what the user should know about this column.

        :param cells: those of the first rows.
        """
        if self.kind is ConsentKind.DOUBTFUL:
            is_filled = any(_plain(cell) in _ANSWERS for cell in cells)
            return _doubtful(self.title, _NOT_APPLIED) if is_filled else None
        if self.kind is ConsentKind.STATUS:
            return self._note_on_status(cells)
        return _applied(self.title, _APPLIED if all(map(self.is_clear, cells)) else _APPLIED_UNCLEAR)

    def _note_on_status(self, cells: Sequence[str]) -> Sentence | None:
        if any(map(self.says_no, cells)):
            return _applied(self.title, _APPLIED)
        return _maybe(self.title, _NOT_APPLIED) if any(_plain(cell) in _MAYBE_LEFT for cell in cells) else None


def _applied(title: str, rest: str) -> Sentence:
    return Sentence("consent_applied", "{title}: {rest}", title=title, rest=rest)


def _maybe(title: str, rest: str) -> Sentence:
    return Sentence("consent_maybe", "{title} may say who wants no messages, but {rest}", title=title, rest=rest)


def _doubtful(title: str, rest: str) -> Sentence:
    return Sentence("consent_doubtful", "{title} may be about consent, but {rest}", title=title, rest=rest)


_APPLIED = Sentence(
    "no_is_left_out",
    "people who say no there are left out. Those of them who are in the contact book already stay in it: import this"
    " file to the blacklist too, which adds only those who say no, to keep them from every broadcast. Map the column to"
    " a variable to read it as one",
)
_UNCLEAR = Sentence("consent_unclear", "not all of its cells are a plain yes or no")
_APPLIED_UNCLEAR = joined(_APPLIED, _UNCLEAR)
_NOT_APPLIED = Sentence("consent_not_plain", "it is not plain enough to leave people out: look at it before you send")
_ONLY_NO = Sentence(
    "only_no_is_added",
    "only people who say no there are added to the blacklist. Map the column to a variable to add every row",
)
_ALL_ADDED = Sentence(
    "all_are_added",
    "it is not plain enough to tell who says no: every number of the file is added, whatever the column says",
)

_NOTES = {"consent_applied": _applied, "consent_maybe": _maybe, "consent_doubtful": _doubtful}
_FOR_BLACKLIST: Mapping[str, Sentence] = {
    _APPLIED: _ONLY_NO,
    _APPLIED_UNCLEAR: joined(_ONLY_NO, _UNCLEAR),
    _NOT_APPLIED: _ALL_ADDED,
}


def blacklist_note(note: str) -> str:
    """Return a note on a file as it is true when the file is imported to the blacklist."""
    write = _NOTES.get(code_of(note) or "")
    if write is None or not isinstance(note, Sentence):
        return note
    return write(str(note.values["title"]), _FOR_BLACKLIST[str(note.values["rest"])])


def find_deciding(columns: Iterable[ConsentColumn], notes: Iterable[str]) -> tuple[ConsentColumn, ...]:
    """Return the columns by which people are left out.

    :param notes: those on the columns, see :meth:`ConsentColumn.note`.
    """
    applied = [note for note in notes if isinstance(note, Sentence) and note.code == "consent_applied"]
    titles = {note.values["title"] for note in applied}
    return tuple(column for column in columns if column.title in titles)


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
    words = [_SPELLINGS.get(word, word) for word in list_words(header)]
    found, phrase = set(words), " ".join(words)
    rest = " ".join(word for word in _CHOICES.sub(" ", phrase).split() if word not in _FILLERS)
    if found & _OTHER_CHANNELS and not found & _WHATSAPP:
        is_consent = _HINTS.search(phrase) or "status" in found or (found & _AGREES and found & _PURPOSES)
        return ConsentKind.DOUBTFUL if is_consent else None
    concerns_messages = _concerns_messages(found, rest)
    if rest in _OPT_OUT or phrase == "stop" or (rest in _REFUSES and concerns_messages):
        return ConsentKind.WITHDRAWN
    if rest in _OPT_IN or (rest in _AGREES and concerns_messages):
        return ConsentKind.GIVEN
    if "status" in found or rest == "subscription":
        return ConsentKind.STATUS
    is_unsure = rest in _AGREES | _REFUSES and found & _PURPOSES
    return ConsentKind.DOUBTFUL if is_unsure or _HINTS.search(phrase) else None


def _concerns_messages(found: set[str], rest: str) -> bool:
    """Return whether a header is about messages to the person, and not about an order or an answer by WhatsApp.

    ``Mau pesan`` asks who wants to order, and ``Setuju via WA`` how someone agreed to something.
    """
    purposes = found & _PURPOSES
    if not purposes or found & _RECEIVING:
        return bool(purposes)
    if purposes == {"pesan"} and rest.endswith(("mau", "ingin")):
        return False
    return not (purposes <= _WHATSAPP and found & _MEANS)


def _plain(cell: str) -> str:
    """Return a cell in small letters, without what only changes its looks."""
    if not cell.isascii():
        cell = "".join(character for character in cell if unicodedata.category(character) not in _UNSEEN)
    return _SEPARATORS.sub(" ", cell.casefold()).strip(" '\".,!")
