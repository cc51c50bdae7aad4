"""The meaning of column headers: in Indonesian, in English, and in the exports of address books."""

import re
from enum import IntEnum
from functools import lru_cache

from wabroadcast_core.models.slug import make_slug

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_A-Za-z]+")
_SPLIT_BRAND = re.compile(r"whats[ _-]?app", re.IGNORECASE)
_IN_BRACES = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)

_LONGEST = 100  # characters of a header that are read


class NumberRank(IntEnum):
    """How likely the numbers of a column are on WhatsApp: a lower rank is likelier."""

    WHATSAPP = 0
    MOBILE = 1
    PHONE = 2
    OTHER_PHONE = 3  # of the home or the workplace
    NUMBER = 4  # may also be a row number: accepted only if the cells are phone numbers
    CONTACT = 5  # may also be a name or a mail address: accepted only if the cells are phone numbers


def word_set(text: str) -> frozenset[str]:
    """Return the set of words of a text."""
    return frozenset(text.split())


def phrase_set(text: str) -> frozenset[str]:
    """Return the set of phrases of a text, which are separated by bars."""
    return frozenset(text.split("|"))


def _name_sets(text: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(name.split()) for name in text.split("|"))


_NUMBER_CORES = {
    NumberRank.WHATSAPP: word_set("wa whatsapp whatsap nowa nomorwa wanumber waid"),
    NumberRank.MOBILE: word_set(
        "hp hape handphone handpone ponsel mobile cell cellphone cellular seluler selular msisdn gsm nohp nomorhp"
        " nomorponsel mobilephone mobilenumber"
    ),
    NumberRank.PHONE: word_set(
        "telepon telpon telefon telfon telephon telp tlp telephone tel phone phones notelp notlp notelepon nomortelp"
        " nomortelepon phonenumber phoneno"
    ),
    NumberRank.NUMBER: word_set("nomor nomer number numbers"),
    NumberRank.CONTACT: word_set("kontak contact contacts kontakt contacto contato"),
}
_NUMBER_FILLERS = word_set(
    "no nomor nomer nmr num number numbers value id e164 primary main utama aktif active pribadi personal anda kamu"
    " your saya kontak contact pelanggan customer client klien penerima recipient pemesan pembeli buyer billing member"
    " anggota siswa peserta pasien karyawan tamu guest user pengguna donatur jamaah to tujuan yang yg bisa dapat"
    " dihubungi contoh example misal format diawali dengan tanpa spasi"
)
_ALL_NUMBER_WORDS = _NUMBER_FILLERS.union(*_NUMBER_CORES.values())
_PHONE_WORDS = frozenset().union(*(_NUMBER_CORES[rank] for rank in NumberRank if rank < NumberRank.OTHER_PHONE))
_CODES = _name_sets(
    "country code|countrycode|kode negara|kodenegara|dial code|dialcode|dialing code|dialling code|calling code"
    "|callingcode|country calling code|country dial code|country dialing code|country dialling code|country prefix"
    "|international code|international dialing code|kode internasional|isd|isd code|idd|idd code|ddi|landesvorwahl"
)
_CODES_OF_PHONES = _name_sets("code|prefix|kode")
_COUNTRIES = phrase_set("country|country name|country iso|iso country|negara|nama negara|land|pais|país|pays|paese")
_COUNTRY_FILLERS = word_set("billing shipping default address alamat customer pelanggan code kode")
_LOCATIONS = word_set("home rumah work kerja kantor business bisnis office other lain lainnya")
_CUSTOMER_WORDS = word_set("pelanggan customer client klien member anggota siswa peserta pasien karyawan user pengguna")
_OTHER_DIGITS = word_set(
    "rekening rek norek account nik ktp kk npwp nis nisn nim nip invoice faktur order pesanan resi va fax faks pager"
)
_FAX = word_set("fax faks pager")

_NAME_CORES = word_set("nama name names fullname namalengkap")
_NAME_FILLERS = word_set(
    "lengkap full pelanggan customer client klien kontak contact penerima recipient pemesan pembeli buyer billing"
    " display saved public member anggota siswa peserta pasien karyawan tamu guest user pengguna orang person donatur"
    " jamaah anda your"
)
_NAMED_PEOPLE = word_set(
    "nasabah student students murid mahasiswa mahasiswi santri orang tua orangtua ortu wali ayah ibu bapak istri suami"
    " anak guru dosen employee staff pegawai warga penduduk debitur peminjam borrower pemegang polis holder"
    " tertanggung insured patient passenger penumpang jemaah jemaat calon didik alumni participant attendee subscriber"
    " donor agen agent reseller mitra partner relawan volunteer applicant pelamar kandidat candidate tenant penyewa"
    " penghuni resident owner pemilik lead leads prospect prospek shopper konsumen consumer cust parent guardian"
    " mother father wife husband child teacher pic penanggung jawab pendaftar registrant responden respondent kepala"
    " keluarga profile policyholder parents"
)
_NAME_REMARKS = word_set(
    "wajib diisi isi sesuai ktp kk akta sim paspor passport required optional opsional asli benar dengan gelar as on"
    " in per id card identity identitas tanpa tulis harus huruf kapital besar contoh misal format legal real resmi"
    " dan beserta di the of mohon silakan s"
)
_ORGANISATIONS = word_set(
    "company perusahaan toko shop store usaha organization organisation business bisnis instansi lembaga sekolah school"
    " kantor merchant outlet"
)
_PEOPLE = word_set(
    "pelanggan customer customers client clients klien kunde kunden cliente anggota member members siswa peserta pasien"
    " karyawan nasabah donatur jamaah penerima recipient pembeli pemesan tamu guest"
)
_NICKNAMES = {"nama panggilan", "panggilan", "nickname", "nick name", "sapaan"}
_TAGS = word_set("tag tags label labels grup group groups kelompok categories kategori") | {"group membership"}
_NAME_PARTS = {
    "first name": 0,
    "given name": 0,
    "firstname": 0,
    "nama depan": 0,
    "middle name": 1,
    "additional name": 1,
    "nama tengah": 1,
    "last name": 2,
    "family name": 2,
    "lastname": 2,
    "surname": 2,
    "nama belakang": 2,
}


def exact_header(variable: str) -> str:
    """Return the header that our import reads back as exactly this variable.

    :returns: the name itself if it is its own slug, else the name in double braces.
    """
    return variable if make_slug(variable) == variable else f"{{{{ {variable} }}}}"


def named_exactly(header: str) -> str:
    """Return the variable that a header in braces names, such as ``{{ orderId }}``; empty for any other header."""
    match = _IN_BRACES.fullmatch(header)
    return match[1] if match else ""


def rank_number(header: str) -> NumberRank | None:
    """Return how likely a header names a column of phone numbers on WhatsApp; None if it names something else."""
    words = frozenset(word for word in list_words(header) if not word.isdecimal())
    rank = next((rank for rank, cores in _NUMBER_CORES.items() if words & cores), None)
    if rank is NumberRank.NUMBER and words & _CUSTOMER_WORDS:  # "Nomor Pelanggan" is a customer number
        return None
    rest = words - _ALL_NUMBER_WORDS
    if rank is None or not rest:
        return rank
    return NumberRank.OTHER_PHONE if rest <= _LOCATIONS and rank < NumberRank.NUMBER else None


def names_other_digits(header: str) -> bool:
    """Return whether a header names digits that are not phone numbers but may look like them, such as an account."""
    return not _OTHER_DIGITS.isdisjoint(list_words(header))


def is_country_code(header: str) -> bool:
    """Return whether a header names a column of country codes that belong to the phone numbers beside it."""
    return _words_beside_phones(header) in _CODES


def is_phone_code(header: str) -> bool:
    """Return whether a header names codes of phones, such as ``Phone Code`` or ``Prefix``.

    They are country codes or area codes, and a prefix is also the title of a person: only the cells show which.
    """
    rest = _words_beside_phones(header)
    return rest in _CODES_OF_PHONES and ("prefix" in rest or not _PHONE_WORDS.isdisjoint(list_words(header)))


def _words_beside_phones(header: str) -> frozenset[str]:
    return frozenset(word for word in list_words(header) if not word.isdecimal()) - _PHONE_WORDS


def is_country(header: str) -> bool:
    """Return whether a header names a column of countries, as of an address.

    A code, as in ``Billing Country Code``, is of the country of an address too.
    """
    found = [word for word in list_words(header) if word not in _COUNTRY_FILLERS]
    return " ".join(found) in _COUNTRIES


def label_headers(header: str) -> list[str]:
    """Return the possible headers of the column that labels the numbers of this one.

    In the exports of Google Contacts, ``Phone 1 - Label`` says what kind of number ``Phone 1 - Value`` has.
    """
    name, value, _ = header.partition(" - Value")
    return [f"{name} - Label", f"{name} - Type"] if value else []


@lru_cache(maxsize=256)
def rank_label(label: str) -> NumberRank | None:
    """Return how likely a number with this label is on WhatsApp; None if it is not a telephone but a fax or a pager."""
    words = frozenset(list_words(label))
    if words & _FAX:
        return None
    if words and words <= _LOCATIONS:
        return NumberRank.OTHER_PHONE
    rank = rank_number(label)
    return NumberRank.PHONE if rank is None or rank >= NumberRank.NUMBER else rank


def is_name(header: str) -> bool:
    """Return whether a header names a column of full names."""
    words = frozenset(list_words(header))
    return bool(words & _NAME_CORES) and words <= _NAME_CORES | _NAME_FILLERS


def rank_name(header: str) -> int | None:
    """Return how likely a header names a column of people's names: 0 for a person's, 1 for a shop's; None for others.

    It is for tables in which no column is surely the name, see :func:`is_name`.
    """
    found = frozenset(word for word in list_words(header) if not word.isdecimal())
    rest = found - _NAME_CORES - _NAME_FILLERS - _NAMED_PEOPLE - _NAME_REMARKS
    if not found & _NAME_CORES or rest - _ORGANISATIONS:
        return None
    return 1 if rest else 0


def is_person(header: str) -> bool:
    """Return whether a header is only a word for the people of a list, such as customers."""
    return " ".join(list_words(header)) in _PEOPLE


def name_part(header: str) -> int | None:
    """Return the position of a column in a name made of several: 0 first, 1 middle, 2 last; None for other headers."""
    return _NAME_PARTS.get(" ".join(list_words(header)).removeprefix("billing "))


def is_nickname(header: str) -> bool:
    """Return whether a header names a column of nicknames."""
    return " ".join(list_words(header)) in _NICKNAMES


def is_tags(header: str) -> bool:
    """Return whether a header names a column of tags."""
    return " ".join(list_words(header)) in _TAGS


def list_words(header: str) -> list[str]:
    """Return the words of a header in lower case, also those of ``camelCase``."""
    return [word.lower() for word in _WORD.findall(_SPLIT_BRAND.sub("whatsapp", header[:_LONGEST]))]
