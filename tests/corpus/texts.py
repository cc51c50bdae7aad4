"""Text files, as spreadsheets, databases, forms and people write them."""

from tests.corpus.sample import EMPTY, NO_DIGITS, Person, Sample
from wabroadcast_core import Reading

BUDI, ANI, TUTI = "+6281234567890", "+6281311112222", "+6285299998888"
TOO_WIDE = "more cells than the header: put a cell that contains the delimiter in quotation marks"
LOOSE = "a quotation mark inside the cell is not doubled: write it twice"
DAMAGED = "damaged by a spreadsheet: digits are missing"
IN_PIECES = "split into parts that are not a complete number"

NAME_AND_NUMBER = {"Nama": "name", "No HP": "number"}
COMMA = Reading(delimiter=",", encoding="utf-8", header_row=1)
SEMICOLON = Reading(delimiter=";", encoding="utf-8", header_row=1)


def lines(*rows: str, end: str = "\r\n") -> str:
    return "".join(row + end for row in rows)


FORMS = [
    Sample(
        "excel-in-indonesia",
        lines("Nama;No. HP;Kota;Saldo", "Zoë;081234567890;Bandung;1.500,50", "Ani;0813-1111-2222;;").encode("cp1252"),
        {"Nama": "name", "No. HP": "number", "Kota": "kota", "Saldo": "saldo"},
        [Person(BUDI, "Zoë", {"kota": "Bandung", "saldo": "1.500,50"}), Person(ANI, "Ani")],
        reading=Reading(delimiter=";", encoding="windows-1252", header_row=1),
    ),
    Sample(
        "excel-csv-utf-8",
        lines("Name,Phone Number,Group", 'Zoë,+62 812-3456-7890,"vip, lama"').encode("utf-8-sig"),
        {"Name": "name", "Phone Number": "number", "Group": "group, tags"},
        [Person(BUDI, "Zoë", {"group": "vip, lama"}, ("vip", "lama"))],
        reading=COMMA,
    ),
    Sample(
        "excel-unicode-text",
        lines("Nama\tNo HP", "Żółć\t081234567890").encode("utf-16"),
        NAME_AND_NUMBER,
        [Person(BUDI, "Żółć")],
        reading=Reading(delimiter="\t", encoding="utf-16", header_row=1),
    ),
    Sample(
        "utf-16-without-a-mark",
        lines("Nama;No HP", "Budi;081234567890").encode("utf-16-le"),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi")],
        reading=Reading(delimiter=";", encoding="utf-16-le", header_row=1),
    ),
    Sample(
        "two-marks-at-the-start",
        b"\xef\xbb\xbf" + lines("No HP,Nama", "081234567890,Budi").encode("utf-8-sig"),
        {"No HP": "number", "Nama": "name"},
        [Person(BUDI, "Budi")],
        reading=COMMA,
    ),
    Sample(
        "line-breaks-in-quotations",
        b'Nama,No WA,Alamat\n"Budi","081234567890","Jl. Melati 5,\nBandung ""Timur"""\nAni,081311112222,\n',
        {"Nama": "name", "No WA": "number", "Alamat": "alamat"},
        [Person(BUDI, "Budi", {"alamat": 'Jl. Melati 5,\nBandung "Timur"'}), Person(ANI, "Ani")],
        reading=COMMA,
    ),
    Sample(
        "line-ends-of-three-kinds",
        b"Nama,No HP\rBudi,081234567890\nAni,081311112222\r\nTuti,085299998888",
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani"), Person(TUTI, "Tuti")],
        reading=COMMA,
    ),
    Sample(
        "end-of-file-of-dos",
        lines("Nama;No HP", "Budi;081234567890").encode() + b"\x1a",
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi")],
        reading=SEMICOLON,
    ),
    Sample(
        "blanks-before-quotations",
        lines('Nama, "No HP", "Alamat"', 'Budi, "081234567890", "Jl. A, no 5"').encode(),
        {"Nama": "name", "No HP": "number", "Alamat": "alamat"},
        [Person(BUDI, "Budi", {"alamat": "Jl. A, no 5"})],
        reading=COMMA,
    ),
    Sample(
        "first-line-tells-the-separator",
        lines("sep=;", "Nama;No HP", "Budi, S.Kom;081234567890").encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi, S.Kom")],
        reading=Reading(delimiter=";", encoding="utf-8", header_row=2),
    ),
    Sample(
        "every-line-in-one-quotation",
        lines('"Nama,No HP,Kota"', '"Budi,081234567890,Solo"', '"Ani,081311112222,""Bogor, Timur"""').encode(),
        {"Nama": "name", "No HP": "number", "Kota": "kota"},
        [Person(BUDI, "Budi", {"kota": "Solo"}), Person(ANI, "Ani", {"kota": "Bogor, Timur"})],
        reading=SEMICOLON,
    ),
    Sample(
        "more-delimiters-below-than-in-the-header",
        lines("Nama;No HP", "Budi;081234567890;;", "Ani;081311112222;;").encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani")],
        reading=SEMICOLON,
    ),
]

HEADERS = [
    Sample(
        "report-with-titles-above-and-a-total-below",
        lines(
            "DAFTAR PELANGGAN PT MAJU||||",
            "Dicetak: 21/05/2024||||",
            "||||",
            "No|Nama Pelanggan|No. Telp|Kota|",
            "1|Budi|081234567890|Solo|",
            "2|Ani|(0813) 1111 2222|Bogor|",
            "Total: 2||||",
        ).encode(),
        {"No": "no", "Nama Pelanggan": "name", "No. Telp": "number", "Kota": "kota", "column 5": "column_5"},
        [Person(BUDI, "Budi", {"no": "1", "kota": "Solo"}), Person(ANI, "Ani", {"no": "2", "kota": "Bogor"})],
        [(7, "number", EMPTY)],
        Reading(delimiter="|", encoding="utf-8", header_row=4),
    ),
    Sample(
        "no-header",
        lines("Budi,081234567890,Solo", "Ani,6281311112222,Bogor").encode(),
        {"column 1": "name", "column 2": "number", "column 3": "column_3"},
        [Person(BUDI, "Budi", {"column_3": "Solo"}), Person(ANI, "Ani", {"column_3": "Bogor"})],
        reading=Reading(delimiter=",", encoding="utf-8"),
    ),
    Sample(
        "numbers-alone",
        lines("081234567890", "", "0813 1111 2222", "  ").encode(),
        {"column 1": "number"},
        [Person(BUDI), Person(ANI)],
        reading=Reading(delimiter=";", encoding="utf-8"),
    ),
    Sample(
        "all-numbers-in-one-line",
        b"081234567890,081311112222,085299998888",
        {"column 1": "number", "column 2": "number", "column 3": "number"},
        [Person(BUDI), Person(ANI), Person(TUTI)],
        reading=Reading(delimiter=",", encoding="utf-8"),
    ),
    Sample(
        "a-title-that-names-numbers-and-no-header",
        lines("Nomor WhatsApp", "Budi;081234567890;A", "Ani;081311112222;B").encode(),
        {"column 1": "name", "column 2": "number", "column 3": "column_3"},
        [Person(BUDI, "Budi", {"column_3": "A"}), Person(ANI, "Ani", {"column_3": "B"})],
        [(1, "number", EMPTY)],
        Reading(delimiter=";", encoding="utf-8"),
    ),
    Sample(
        "headers-in-capitals",
        lines("NO.\tNAMA_LENGKAP\tNO_WA (AKTIF)\tKELAS", "1.\tBUDI\t081234567890\t5A", end="\n").encode(),
        {"NO.": "no", "NAMA_LENGKAP": "name", "NO_WA (AKTIF)": "number", "KELAS": "kelas"},
        [Person(BUDI, "BUDI", {"no": "1.", "kelas": "5A"})],
        reading=Reading(delimiter="\t", encoding="utf-8", header_row=1),
    ),
    Sample(
        "headers-that-nobody-knows",
        lines("Siapa;Ke mana", "Budi;081234567890", "Ani;0813 1111 2222").encode(),
        {"Siapa": "siapa", "Ke mana": "number"},
        [Person(BUDI, None, {"siapa": "Budi"}), Person(ANI, None, {"siapa": "Ani"})],
        reading=SEMICOLON,
    ),
    Sample(
        "headers-that-an-operator-explains",
        lines("Siapa;Ke mana;Lain", "Budi;081234567890;085299998888", "Ani;0813 1111 2222;").encode(),
        {"Siapa": "name", "Ke mana": "", "Lain": "number"},
        [Person(TUTI, "Budi")],
        [(3, "number", EMPTY)],
        SEMICOLON,
        mapping={"siapa": "name", "2": "", "Lain": "number"},
    ),
    Sample(
        "a-web-form",
        lines(
            '"Timestamp","Nama Lengkap","Nomor WhatsApp (contoh: 081234567890)","Setuju dihubungi?"',
            '"2024/05/21 8:30:00 PM GMT+7","Budi Santoso","+62 812 3456 7890","Ya"',
        ).encode(),
        {
            "Timestamp": "timestamp",
            "Nama Lengkap": "name",
            "Nomor WhatsApp (contoh: 081234567890)": "number",
            "Setuju dihubungi?": "setuju_dihubungi",
        },
        [Person(BUDI, "Budi Santoso", {"timestamp": "2024/05/21 8:30:00 PM GMT+7", "setuju_dihubungi": "Ya"})],
        reading=COMMA,
    ),
    Sample(
        "pages-with-a-header-each",
        lines("Nama;No HP", "Budi;081234567890", "Nama;No HP", "Ani;081311112222").encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani")],
        [(3, "number", NO_DIGITS)],
        SEMICOLON,
    ),
    Sample(
        "other-long-numbers-beside-the-phone",
        lines(
            "NIK,No. Rekening,Nomor Pelanggan,Nama,Telepon",
            "3273012345678901,8120001234,8121112345,Budi,081234567890",
            "3273012345678902,8120005678,8121115678,Ani,",
        ).encode(),
        {
            "NIK": "nik",
            "No. Rekening": "no_rekening",
            "Nomor Pelanggan": "nomor_pelanggan",
            "Nama": "name",
            "Telepon": "number",
        },
        [
            Person(
                BUDI,
                "Budi",
                {"nik": "3273012345678901", "no_rekening": "8120001234", "nomor_pelanggan": "8121112345"},
            )
        ],
        [(3, "number", EMPTY)],
        COMMA,
    ),
    Sample(
        "a-database-with-snake-case",
        lines("id,full_name,phone_number,created_at", "7,Budi,81234567890,2024-05-21 08:30:00", end="\n").encode(),
        {"id": "id", "full_name": "name", "phone_number": "number", "created_at": "created_at"},
        [Person(BUDI, "Budi", {"id": "7", "created_at": "2024-05-21 08:30:00"})],
        reading=COMMA,
    ),
    Sample(
        "an-operators-msisdn",
        lines("msisdn,activation", "6281234567890,2024-05-21", "6281311112222,2024-05-22").encode(),
        {"msisdn": "number", "activation": "activation"},
        [Person(BUDI, None, {"activation": "2024-05-21"}), Person(ANI, None, {"activation": "2024-05-22"})],
        reading=COMMA,
    ),
]

NUMBERS = [
    Sample(
        "exponents-of-a-spreadsheet",
        lines("Nama,No HP", "Budi,6.281234567890E+12", "Ani,6.28131E+12", "Tuti,8.52999988880E+10").encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(TUTI, "Tuti")],
        [(3, "number", DAMAGED)],
        COMMA,
    ),
    Sample(
        "floats-lost-zeros-and-thousands",
        lines(
            "Nama;No HP", "Budi;6281234567890.0", "Ani;81311112222", "Tuti;6.285.299.998.888", "Eka;6281299990000,50"
        ).encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani"), Person(TUTI, "Tuti")],
        [(5, "number", DAMAGED)],
        SEMICOLON,
    ),
    Sample(
        "several-numbers-in-a-cell",
        lines(
            "Nama;No HP",
            "Budi;081234567890/081299990000",
            "Ani;021-5551234, 081311112222",
            "Tuti;085299998888 atau 085277776666",
            'Eka;"0812 9999 0001\n0812 9999 0002"',
            "Dodi;0812 9999 0003 0812 9999 0004",
        ).encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani"), Person(TUTI, "Tuti"), Person("+6281299990001", "Eka")],
        [(6, "number", "too long")],
        SEMICOLON,
    ),
    Sample(
        "numbers-kept-as-text-by-tricks",
        lines("Nama,No HP", "Budi,'081234567890", 'Ani,"=""081311112222"""', "Tuti,`085299998888").encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani"), Person(TUTI, "Tuti")],
        reading=COMMA,
    ),
    Sample(
        "links-and-ids-of-whatsapp",
        lines(
            "Nama,WA",
            "Budi,https://wa.me/6281234567890?text=Halo",
            "Ani,6281311112222@c.us",
            "Grup,120363041234567890@g.us",
            "Tuti,wa.me/message/ABC1234567890",
        ).encode(),
        {"Nama": "name", "WA": "number"},
        [Person(BUDI, "Budi"), Person(ANI, "Ani")],
        [(4, "number", "a WhatsApp id that is not a phone number"), (5, "number", NO_DIGITS)],
        COMMA,
    ),
    Sample(
        "invisible-characters-and-other-digits",
        lines(
            "Nama;No HP",
            "Budi;\u202a+62\u00a0812\u20113456\u20117890\u202c",
            "Ani;\uff10\uff18\uff11\uff13\uff11\uff11\uff11\uff11\uff12\uff12\uff12\uff12",
            "Tuti;\u200b085299998888",
        ).encode(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(ANI, "Ani"), Person(TUTI, "Tuti")],
        reading=SEMICOLON,
    ),
    Sample(
        "a-marketplace-that-hides-digits",
        lines("Nama Penerima,No. Telepon", "B***i,62812****890", "Ani,081311112222").encode(),
        {"Nama Penerima": "name", "No. Telepon": "number"},
        [Person(ANI, "Ani")],
        [(2, "number", "partly hidden")],
        COMMA,
    ),
    Sample(
        "remarks-behind-numbers",
        lines(
            "Nama;No HP",
            "Budi;081234567890 (2)",
            "Ani;081311112222 (istri)",
            "Tuti;085299998888 - 1",
            "Eka;0812999900O",
        ).encode(),
        NAME_AND_NUMBER,
        [Person(ANI, "Ani")],
        [(2, "number", IN_PIECES), (4, "number", IN_PIECES), (5, "number", "letters among the digits")],
        SEMICOLON,
    ),
    Sample(
        "people-abroad-with-and-without-plus",
        lines("Nama,No HP", "Wei,+65 9123 4567", "Mei,6591234567", "Ali,0060123456789").encode(),
        NAME_AND_NUMBER,
        [Person("+6591234567", "Wei"), Person("+60123456789", "Ali")],
        [(3, "number", "may be a number of either of two countries: write it with + and the country code")],
        COMMA,
    ),
    Sample(
        "malaysia-by-the-region-of-the-import",
        lines(
            "Name,Mobile", "Ali,012-345 6789", "Siti,6019-8765432", "Budi,+6281234567890", "Ani,0813 1111 2222"
        ).encode(),
        {"Name": "name", "Mobile": "number"},
        [Person("+60123456789", "Ali"), Person("+60198765432", "Siti"), Person(BUDI, "Budi")],
        [(5, "number", "too long")],
        COMMA,
        region="MY",
    ),
    Sample(
        "brazil-by-the-region-of-the-import",
        lines("Nome;Celular", "João;(11) 91234-5678", "Ana;+55 (21) 99876-5432", "Rui;011 8123-4567").encode("cp1252"),
        {"Nome": "nome", "Celular": "number"},
        [Person("+5511912345678", None, {"nome": "João"}), Person("+5521998765432", None, {"nome": "Ana"})],
        [(4, "number", "not in the numbering plan of its country")],
        Reading(delimiter=";", encoding="windows-1252", header_row=1),
        region="BR",
    ),
    Sample(
        "one-person-twice",
        lines("Nama,No HP,Kota,Tag", "Budi,081234567890,Solo,a", "Budi S,+62 812 3456 7890,,b").encode(),
        {"Nama": "name", "No HP": "number", "Kota": "kota", "Tag": "tag, tags"},
        [Person(BUDI, "Budi S", {"kota": "Solo", "tag": "b"}, ("a", "b"))],
        reading=COMMA,
    ),
    Sample(
        "dates-and-prices-in-the-column-of-numbers",
        lines("Nama,No HP", "Budi,21-05-2024", "Ani,081311112222", "Tuti,Rp 1.500.000").encode(),
        NAME_AND_NUMBER,
        [Person(ANI, "Ani")],
        [(2, "number", "a date"), (4, "number", "an amount of money")],
        COMMA,
    ),
]

DAMAGE = [
    Sample(
        "a-comma-in-a-name-that-is-not-quoted",
        lines("Nama,No HP,Kota", "Budi, S.Pd,081234567890,Solo", "Ani,081311112222,Bogor").encode(),
        {"Nama": "name", "No HP": "number", "Kota": "kota"},
        [Person(ANI, "Ani", {"kota": "Bogor"})],
        [(2, "column 4", TOO_WIDE)],
        COMMA,
    ),
    Sample(
        "a-header-without-the-names-of-rows",
        lines("hp_istri,hp", "1,081234567890,085299998888", "2,081311112222,").encode(),
        {"hp_istri": "hp_istri", "hp": "number"},
        [Person(ANI, None, {"hp_istri": "2"})],
        [(2, "column 3", TOO_WIDE)],
        COMMA,
    ),
    Sample(
        "a-quotation-mark-too-many",
        lines("Nama,No HP", '"Budi,081234567890', "Ani,081311112222", '"Tuti",085299998888').encode(),
        NAME_AND_NUMBER,
        [Person(ANI, "Ani"), Person(TUTI, "Tuti")],
        [(2, "Nama", LOOSE)],
        COMMA,
    ),
    Sample(
        "a-nickname-in-marks-that-are-not-doubled",
        lines("Nama,No HP", '"Budi "Kumis" Santoso",081234567890', 'Ani "Kecil",081311112222').encode(),
        NAME_AND_NUMBER,
        [Person(ANI, 'Ani "Kecil"')],
        [(2, "Nama", LOOSE)],
        COMMA,
    ),
    Sample(
        "inches-in-plain-cells",
        lines("Barang;No HP;Nama", 'TV 14";081234567890;Budi', 'TV 21";081311112222;Ani').encode(),
        {"Barang": "barang", "No HP": "number", "Nama": "name"},
        [Person(BUDI, "Budi", {"barang": 'TV 14"'}), Person(ANI, "Ani", {"barang": 'TV 21"'})],
        reading=SEMICOLON,
    ),
    Sample(
        "a-nul-byte",
        lines("Nama;No HP", "Bu\0di;081234567890", "Ani;081311112222").encode(),
        NAME_AND_NUMBER,
        [Person(ANI, "Ani")],
        [(2, "Nama", "the cell holds a NUL byte: the file is damaged here")],
        SEMICOLON,
    ),
    Sample(
        "cut-off-in-the-midst-of-a-character",
        lines("No HP;Nama", "081234567890;Zoë", "081311112222;Renée", "085299998888;Bé").encode()[:-3],
        {"No HP": "number", "Nama": "name"},
        [Person(BUDI, "Zoë"), Person(ANI, "Renée")],
        [(4, "Nama", "the cell holds bytes that are not UTF-8 text: save the file as UTF-8")],
        SEMICOLON,
    ),
    Sample(
        "a-cell-with-a-picture",
        lines("Nama;No HP;Foto", f"Budi;081234567890;{'QUJD' * 40_000}", "Ani;081311112222;").encode(),
        {"Nama": "name", "No HP": "number", "Foto": "foto"},
        [Person(ANI, "Ani")],
        [(2, "Foto", "the cell is longer than 128 KiB")],
        SEMICOLON,
    ),
    Sample(
        "rows-that-end-early",
        lines("Nama,No HP,Kota", "Budi,081234567890", "Ani", ",,", "Tuti,085299998888,Solo").encode(),
        {"Nama": "name", "No HP": "number", "Kota": "kota"},
        [Person(BUDI, "Budi"), Person(TUTI, "Tuti", {"kota": "Solo"})],
        [(3, "number", EMPTY)],
        COMMA,
    ),
]

TEXTS = [*FORMS, *HEADERS, *NUMBERS, *DAMAGE]
