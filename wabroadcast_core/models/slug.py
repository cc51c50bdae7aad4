"""The names of variables: a column header as a slug."""

import re
import unicodedata

_NO_WORD = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LONGEST = 100  # characters of a header that are read


def make_slug(header: str) -> str:
    """The variable name of a header: ``No. Kamar`` is ``no_kamar``. Empty where none can be made."""
    folded = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", header[:_LONGEST])))
    slug = _NO_WORD.sub("_", folded.lower()).strip("_")
    if slug[:1].isdecimal():
        slug = f"column_{slug}"
    return slug if slug.isidentifier() else ""
