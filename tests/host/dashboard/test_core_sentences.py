"""What the core says about forms and files stands on Indonesian pages in Indonesian: each code, and what people see."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from string import Formatter
from typing import Any

from litestar import Litestar
from openpyxl import Workbook

from host_litestar.dashboard.formats import Formats
from host_litestar.dashboard.sentences import CORE, OwnText, say, say_plainly
from host_litestar.dashboard.texts import Texts, catalogue
from host_litestar.doctor.texts import TEXTS as DOCTOR
from host_litestar.form_reading import LONGEST_TEXT
from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import Api, draft
from tests.sentence_texts import sentence_texts
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.sentence_texts import CORE as OF_THE_CORE
from wabroadcast_core.sentences import FOREIGN, ONE, Sentence, foreign

Fields = Mapping[str, str]
Files = Mapping[str, tuple[bytes, str]]  # by what is wrong: the content, and what the page says about it
Forms = Mapping[str, tuple[Fields, Sequence[str]]]  # by what is wrong: what is typed, and what the page says about it

INDONESIAN = catalogue("id")
TABLES = {**OF_THE_CORE, **DOCTOR}
SETTING = f"{CORE}setting."  # the label or hint of a setting; the pages below show whether one is missing


@cache
def english() -> Mapping[str, set[str]]:
    """Return the English texts of each code; found when first asked for, since all sources are read."""
    return {code: texts for code, texts in sentence_texts().items() if code != FOREIGN}


def places_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def texts_in(language: str) -> Texts:
    return Texts(language, Formats(language, "Asia/Jakarta").number)


def _longest_part(text: str) -> str:
    return max((literal.strip() for literal, _, _, _ in Formatter().parse(text)), key=len)


@cache
def telling_parts() -> Mapping[str, str]:
    """Return by code what shows that a sentence is said in English; a single word shows nothing."""
    return {
        code: part
        for code, texts in english().items()
        for part in map(_longest_part, texts)
        if len(re.findall("[A-Za-z]+", part)) > 1 and part not in INDONESIAN.get(f"{CORE}{code}", "")
    }


def _begins_a_word(part: str, said: str) -> bool:
    """Return whether a text has a part from the beginning of a word on; most texts do not have it at all."""
    return part in said and re.search(rf"\b{re.escape(part)}", said) is not None


def english_in(page: ShownPage) -> list[str]:
    """Return the codes of the sentences that a page says in English, and what it marks as English."""
    main = page.find("main")
    marked = [part.get_text() for part in main.select("[lang=en]")]
    said = " ".join(main.get_text(" ").split())
    return [*marked, *(code for code, part in telling_parts().items() if _begins_a_word(part, said))]


# --- the texts ---------------------------------------------------------------------------------------------------


def test_each_sentence_of_the_core_has_an_indonesian_text_with_the_same_places() -> None:
    wrong = {
        code: texts
        for code, texts in english().items()
        if {frozenset(places_of(text)) for text in texts}
        != {frozenset(places_of(INDONESIAN.get(f"{CORE}{code}", "{}")))}
    }

    assert wrong == {}


def test_each_indonesian_text_of_the_core_has_its_sentence() -> None:
    codes = {key.removeprefix(CORE) for key in INDONESIAN if key.startswith(CORE) and not key.startswith(SETTING)}

    assert codes - english().keys() == set()


def test_each_code_has_one_text_but_for_the_form_for_one() -> None:
    several = {code for code, texts in english().items() if len(texts) > 1}

    assert several == {"cells_hold", *(code.removesuffix(ONE) for code in TABLES if code.endswith(ONE))}


def test_a_sentence_is_said_with_the_numbers_and_the_sentences_in_it() -> None:
    sentence = Sentence("in_field", "{name}: {reason}", name="<b>", reason=Sentence("many_tags", "…", n=1204, most=100))

    assert say(texts_in("id"), sentence) == "<b>: ada 1.204 tag: isi paling banyak 100"
    assert say(texts_in("en"), sentence) == str(sentence)


def test_what_no_text_is_for_stays_in_english_and_is_marked() -> None:
    failed = Sentence("query_failed", "query {name!r}: {reason}", name="<i>", reason=foreign("no <table>"))

    assert say(texts_in("id"), "a plugin's <fault>") == '<span lang="en">a plugin&#39;s &lt;fault&gt;</span>'
    assert say(texts_in("id"), failed) == 'kueri “&lt;i&gt;”: <span lang="en">no &lt;table&gt;</span>'
    assert say_plainly(texts_in("id"), failed) == "kueri “<i>”: no <table>"
    assert say(texts_in("id"), OwnText("sudah jadi")) == "sudah jadi"


# --- files -------------------------------------------------------------------------------------------------------


def _workbook(*rows: list[object], hidden: bool = False, other: str = "") -> bytes:
    book, content = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if other:
        book.create_sheet(other).append(["Siti"])
    if hidden:
        sheet.auto_filter.ref = "A1:B3"
        sheet.auto_filter.add_filter_column(0, ["Budi"])
        sheet.row_dimensions[3].hidden = True
    book.save(content)
    return content.getvalue()


def _zip(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "x")
    return content.getvalue()


_PEOPLE = "".join(f"Orang {place},08120000{place:04}\n" for place in range(3))
FILES: Files = {
    "another encoding": ("Nama,HP\nJosé,081200000001\n".encode("latin-1"), "berkasnya bukan UTF-8 dan dibaca sebagai"),
    "several numbers in a cell": (
        b"Nama,HP\nBudi,081200000001 / 081200000002\n",
        "1 sel berisi beberapa nomor telepon, yang pertama di baris 2",
    ),
    "columns with more numbers": (
        b"Nama,HP,Kantor\nBudi,081200000001,081200000002\n",
        "Kantor juga berisi nomor telepon",
    ),
    "a guessed header": (b"Abc,Xyz\nBudi,081200000001\n", "baris 1 dibaca sebagai judul: Abc, Xyz."),
    "a column of consent": (
        b"Nama,HP,Opt-in\nBudi,081200000001,no\nSiti,081200000002,maybe\n",
        "tidak semua selnya jelas",
    ),
    "a doubtful consent": (
        b"Nama,HP,Email consent\nBudi,081200000001,no\n",
        "Email consent mungkin tentang persetujuan, tetapi isinya tidak cukup jelas",
    ),
    "a list of another country": (
        b"Name,Phone\nA,91234567\nB,81234567\nC,98765432\nD,87654321\n",
        "daftar dari negara lain: dari 4 nomor pertama",
    ),
    "no column of numbers": (b"Nama,Kota\nBudi,Solo\n", "kolomnya Nama, Kota: pilih salah satunya sebagai nomor"),
    "no rows": (b",\n,\n", "berkasnya tidak berisi baris"),
    "a quotation without end": (
        b'Nama,HP\nBudi,"081200000001\n',
        "baris 2, kolom 2: ada tanda kutip yang tidak ditutup",
    ),
    "a stray quotation": (b'Nama,HP\n"Bu"di",081200000001\nSiti,081200000002\n', "tidak digandakan: tulis dua kali"),
    "a wide row": (b"Nama,HP\nBudi,081200000001,x\nSiti,081200000002\n", "selnya lebih banyak dari judul"),
    "a NUL": (b"Nama,HP\nBu\0di,081200000001\nSiti,081200000002\n", "selnya berisi byte NUL"),
    "a broken byte": (f"Nama,HP\n{'é' * 9},081200000001\n".encode() + b"\xff,081200000002\n", "bukan teks UTF-8"),
    "a long cell": (
        b"Nama,HP\n" + b"x" * 140_000 + b",081200000001\nSiti,081200000002\n",
        "selnya lebih panjang dari 128 KiB",
    ),
    "many columns": (_PEOPLE.encode() + b"x," * 1_100 + b"\n", "barisnya lebih dari 1.000 kolom"),
    "a web page": (b"<html><table></table></html>", "ini halaman web"),
    "a PDF": (b"%PDF-1.7 x", "ini dokumen PDF, bukan berkas CSV"),
    "a text document": (b"{\\rtf1 x}", "ini dokumen teks, bukan berkas CSV"),
    "a binary file": (bytes(range(32)) * 20, "ini berkas biner"),
    "a zip archive": (_zip("a.txt"), "ini arsip zip, tetapi bukan buku kerja"),
    "a workbook cut off": (_workbook(["HP"])[:800], "rusak atau terpotong"),
    "a workbook with a password": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") * 9,
        "dilindungi kata sandi",
    ),
    "a damaged old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 900, "buku kerjanya rusak"),
    "an empty workbook": (_workbook(), "tidak punya lembar yang tampak dan berisi"),
    "a filtered row": (
        _workbook(["Nama", "HP"], ["Budi", "081200000001"], ["Siti", "081200000002"], hidden=True),
        "disembunyikan oleh filter",
    ),
    "another sheet": (
        _workbook(["Nama", "HP"], ["Budi", "081200000001"], other="1B"),
        "hanya lembar “Sheet” yang dibaca, sedangkan 1B tidak",
    ),
    "a long name": (b"Nama,HP\n" + b"x" * 600 + b",081200000001\n", "lebih panjang dari 512 karakter"),
    "a long tag": (b"HP,Tags\n081200000001," + b"x" * 101 + b"\n", "ada tag yang lebih panjang dari 100 karakter"),
    "many tags": (
        b'HP,Tags\n081200000001,"' + b",".join(b"%d" % n for n in range(101)) + b'"\n',
        "tagnya lebih dari 100",
    ),
    "the country of another column": (
        b"Nama,HP,Country code\nA,081200000001,62\nB,081200000002,65\nC,081200000003,9999\n",
        "negara di barisnya tidak dikenal",
    ),
    "columns without a header": (b"081200000001,Budi,x\n081200000002,Siti,y\n", "kolom 1"),
}
NUMBERS = {
    "abc": "tidak berisi nomor telepon",
    "12": "terlalu pendek",
    "08123456789 08134567890": "terlalu panjang",
    "0999 999 9999": "tidak ada dalam daftar nomor negaranya",
    "+999123456789": "kode negara tidak dikenal",
    "6.28E+12": "rusak oleh lembar kerja",
    "0812x4567890": "ada huruf di antara angka",
    "0812xxxx7890": "sebagian disembunyikan",
    "12345@g.us": "id WhatsApp yang bukan nomor telepon",
    "2026-12-01": "berupa tanggal",
    "Rp 1.250.000.000": "berupa jumlah uang",
}


def _look(halaman: FormBrowser, content: bytes, name: str, room: str = "/ui/contacts/import") -> ShownPage:
    files = {"file": (name, content, "application/octet-stream")}
    return halaman.open(room).press("Unggah dan periksa", files=files)


def test_what_a_file_has_is_said_in_indonesian(halaman: FormBrowser) -> None:
    wrong = {}
    for what, (content, said) in FILES.items():
        shown = _look(halaman, content, "orang.csv")
        if english_in(shown) or said not in shown.text:
            wrong[what] = english_in(shown), shown.text[-900:]

    assert wrong == {}


def test_why_rows_are_rejected_is_said_in_indonesian_also_after_the_import(halaman: FormBrowser) -> None:
    rows = "".join(f'"{number}"\n' for number in NUMBERS)
    shown = _look(halaman, f"HP\n081200000001\n{rows}".encode(), "orang.csv")

    result = shown.press("Impor 1 baris").when_imported()

    for page in (shown, result):
        assert english_in(page) == []
        assert [said for said in NUMBERS.values() if said not in page.text] == []


def test_a_file_that_breaks_off_after_the_look_is_explained_in_indonesian(halaman: FormBrowser) -> None:
    rows = "".join(f"Orang,0812{place:08}\n" for place in range(3_000))
    shown = _look(halaman, f'Nama,HP\n{rows}Siti,"081300000002\n'.encode(), "orang.csv", "/ui/opt-outs/import")

    done = shown.press("Tambahkan 3.000 nomor ke daftar berhenti")

    assert english_in(shown) == english_in(done) == []
    assert "baris 3002, kolom 2: ada tanda kutip yang tidak ditutup" in done.text


def test_whom_a_file_with_consent_adds_to_the_opt_outs_is_said_in_indonesian(halaman: FormBrowser) -> None:
    plain = b"Nama,HP,Opt-in\nBudi,081200000001,ya\nSiti,081200000002,tidak\n"
    doubtful = b"Nama,HP,Setuju harga\nBudi,081200000001,ya\nSiti,081200000002,tidak\n"

    shown = _look(halaman, plain, "orang.csv", "/ui/opt-outs/import")
    whole = _look(halaman, doubtful, "orang.csv", "/ui/opt-outs/import")

    assert english_in(shown) == english_in(whole) == []
    assert "Opt-in: hanya orang yang menjawab tidak di kolom ini yang ditambahkan" in shown.text
    assert "tidak jelas menjawab tidak di Opt-in" in shown.text
    assert "Tambahkan 1 nomor ke daftar berhenti" in shown.text
    assert "Setuju harga mungkin tentang persetujuan, tetapi isinya tidak cukup jelas" in whole.text


def test_why_people_got_no_message_is_said_in_indonesian(
    halaman: FormBrowser, idle_host: tuple[Broadcaster, Litestar], idle_api: Api
) -> None:
    broadcaster = idle_host[0]
    pages = {}
    for content in (b"Nama,HP\nBudi,081200000001\nSiti,12\n", b"a,b\n1,2\n"):
        upload = broadcaster.uploads.save([content], filename="orang.csv")
        sent = idle_api.post("/broadcast", json=draft(source={"type": "csv", "uploadId": upload.upload_id}))
        job_id = sent.json()["jobId"]
        with broadcaster.context.database.read() as conn:
            key = conn.exec_driver_sql(f"SELECT id FROM broadcasts WHERE job_id = '{job_id}'").scalar_one()
        prepare_broadcast(broadcaster.context, key)
        pages[content] = halaman.open(f"/ui/broadcasts/{job_id}")

    skipped, failed = pages.values()
    assert "terlalu pendek" in skipped.text
    assert "tidak ada kolom dengan nomor telepon; kolomnya a, b: pilih salah satunya sebagai nomor" in failed.text
    assert english_in(skipped) == english_in(failed) == []


# --- forms -------------------------------------------------------------------------------------------------------

CONTACTS: Forms = {
    "number": ({"number": "abc"}, ["nomor telepon ini tidak sah (tidak berisi nomor telepon)"]),
    "long number": ({"number": "0" * 65}, ["terlalu panjang: isi paling banyak 64 karakter"]),
    "long name": ({"number": "081200000001", "name": "x" * 513}, ["isi paling banyak 512 karakter"]),
    "long tag": ({"number": "081200000001", "tags": "x" * 101}, ["isi paling banyak 100 karakter"]),
    "many tags": (
        {"number": "081200000001", "tags": ",".join(map(str, range(101)))},
        ["terlalu banyak: isi paling banyak 100"],
    ),
    "own field": (
        {"number": "081200000001", "variable.1.name": "tags", "variable.1.value": "x"},
        ["“tags” milik kontak itu sendiri"],
    ),
    "control": (
        {"number": "081200000001", "variable.1.name": "a\x01b", "variable.1.value": "x"},
        ["teksnya berisi karakter kendali"],
    ),
    "long variable": (
        {"number": "081200000001", "variable.1.name": "a", "variable.1.value": "x" * 140_000},
        ["nilai “a” lebih panjang dari 128 KiB"],
    ),
}
_HOURS = {"sendWindow.from": "08:00", "sendWindow.to": "08:00"}
BROADCASTS: Forms = {
    "a placeholder of another tool": ({"message.text": "Halo {nama}"}, ["adalah tanda dari aplikasi lain"]),
    "a variable of no one": ({"message.text": "Halo {{ umur }}"}, ["isian umur tidak ada; yang ada name, number"]),
    "a filter": ({"message.text": "{{ nama | md5 }}"}, ["baris 1: filter “md5” tidak tersedia"]),
    "an open placeholder": ({"message.text": "Halo\n{{ nama"}, ["baris 2: ada isian yang tidak ditutup: tulis }} ses"]),
    "an open block": ({"message.text": "{% if nama %}Halo"}, ["blok “if” tidak ditutup: tulis {% endif %}"]),
    "an unknown tag": ({"message.text": "{% loop nama %}"}, ["perintah “loop” tidak tersedia: pakai if"]),
    "braces": ({"message.text": "Halo {{Nama Depan}}"}, ["tulis {{ nama_depan }}"]),
    "times and limits": (
        {
            **_HOURS,
            "batching.size": "0",
            "batching.intervalSeconds": "0",
            "retry.maxAttempts": "99",
            "callbackUrl": "ftp://shop.example",
        },
        [
            "jam kirimnya kosong karena awal dan akhirnya sama",
            "terlalu kecil: isi paling sedikit 1",
            "terlalu besar: isi paling banyak 50",
            "alamatnya tidak diawali 'http' atau 'https'",
        ],
    ),
    "a callback": (
        {"callbackUrl": "http://a:b@127.0.0.1/x"},
        ["alamatnya bukan di internet umum", "berisi nama pengguna atau kata sandi"],
    ),
    "an address": (
        {"message.type": "image", "message.media.url": "https://a:b@example.com/x.jpg"},
        ["yang tidak dikirim ke penyedia"],
    ),
    "a long name": ({"name": "x" * 201}, ["terlalu panjang: isi paling banyak 200 karakter"]),
}
CARDS: Files = {
    "a card without end": (b"BEGIN:VCARD\nFN:Budi\n", "baris 1: vCard yang mulai di sini tidak berakhir"),
    "a line outside of a card": (b"BEGIN:VCARD\nEND:VCARD\nTEL:0812\n", "di luar vCard"),
    "another character set": (b"BEGIN:VCARD\nFN:\xff\nEND:VCARD\n", "barisnya bukan teks UTF-8"),
}
_HTTP = {"kind": "http", "settings.baseUrl": "https://api.example", "settings.send.path": "/a"}
CONNECTIONS: Forms = {
    "fonnte": (
        {"kind": "fonnte", "name": "Toko Saya", "settings.token": "x"},
        ["bukan nama yang sah: pakai paling banyak 63 huruf kecil"],
    ),
    "fonnte's delay": (
        {"kind": "fonnte", "settings.delay": "x", "settings.timeoutSeconds": "9999"},
        ["jedanya harus detik", "belum ada: isi nilainya", "terlalu besar: isi paling banyak 600"],
    ),
    "gowa": (
        {"kind": "gowa", "settings.baseUrl": "x", "settings.deviceId": "a b", "settings.webhookSecret": "secret"},
        ["alamatnya harus diawali http:// atau https://", "id perangkat harus ASCII", "ini rahasia bawaan GOWA"],
    ),
    "an address that is shown": (
        {"kind": "gowa", "settings.baseUrl": "https://a:b@x.example"},
        ["karena alamat ditampilkan"],
    ),
    "limits": (
        {
            "kind": "sandbox",
            "rate.mode": "own",
            "rate.messages": "0",
            "rate.perSeconds": "1",
            "jitter.mode": "own",
            "jitter.minSeconds": "9",
            "jitter.maxSeconds": "3",
        },
        ["terlalu kecil: isi paling sedikit 1", "jeda terpanjang kurang dari jeda terpendek"],
    ),
    "a number": ({"kind": "sandbox", "settings.latencySeconds": "x"}, ["bukan angka"]),
    "a request": (
        {
            **_HTTP,
            "settings.send.body": '{"a": "{{ foo }}"}',
            "settings.failures.0.status": "9",
            "settings.failures.0.means": "rejected",
        },
        ["a: “foo” tidak dapat dipakai di sini", "status harus 200, 4xx, atau 500-504"],
    ),
    "a request without recipient": (
        {**_HTTP, "settings.send.body": '{"a": "{{ text }}"}'},
        ["permintaan untuk pesan text tidak berisi penerima"],
    ),
    "broken JSON": ({**_HTTP, "settings.send.body": '{"a": '}, []),
}


def _sent(halaman: FormBrowser, address: str, button: str, cases: Forms, **more: Any) -> dict[str, Any]:
    """Send the form once for each case.

    :returns: what is wrong with its page: what it says in English, and what it does not say.
    """
    wrong = {}
    for what, (fields, said) in cases.items():
        shown = halaman.open(address.format(**fields)).press(button, fields, **more)
        if found := [*english_in(shown), *(text for text in said if text not in shown.text)]:
            wrong[what] = found
    return wrong


def test_a_contact_that_does_not_fit_is_explained_in_indonesian(halaman: FormBrowser) -> None:
    assert _sent(halaman, "/ui/contacts/new", "Simpan", CONTACTS) == {}


def test_a_broadcast_that_does_not_fit_is_explained_in_indonesian(halaman: FormBrowser) -> None:
    files = {"audienceFile": ("orang.csv", b"Nama,HP\nBudi,081200000001\n", "text/csv")}

    assert _sent(halaman, "/ui/broadcasts/new", "Simpan", BROADCASTS, files=files) == {}
    for content, said in CARDS.values():
        shown = halaman.open("/ui/broadcasts/new").press(
            "Simpan", files={"audienceFile": ("orang.vcf", content, "text/vcard")}, message__text="Halo"
        )
        assert (english_in(shown), said in shown.text) == ([], True)


def test_a_connection_that_does_not_fit_is_explained_in_indonesian(halaman: FormBrowser) -> None:
    cases = {what: ({"name": "toko", **fields}, said) for what, (fields, said) in CONNECTIONS.items()}

    assert _sent(halaman, "/ui/connections/new?kind={kind}", "Buat koneksi", cases) == {}


def test_other_forms_that_do_not_fit_are_explained_in_indonesian(halaman: FormBrowser) -> None:
    key = halaman.open("/ui/settings/keys").press("Buat kunci", name="-", scope="admin")
    opt_out = halaman.open("/ui/opt-outs").press("Jangan hubungi nomor ini", number="12")

    region = _look(halaman, b"HP\n081200000001\n", "orang.csv").press(
        "Baca ulang dengan pilihan ini", region="XX", tags="x" * 101
    )
    files = {"file": ("orang.csv", b"x", "text/csv")}
    long = halaman.open("/ui/contacts/import").press("Unggah dan periksa", tags="x" * (LONGEST_TEXT + 1), files=files)

    assert "semua isian teks bersama-sama lebih dari" in long.text
    assert "negara “XX” tidak dikenal: tulis dua hurufnya" in region.text
    assert "ada tag yang lebih panjang dari 100 karakter" in region.text
    assert "bukan nama kunci: isi 1 sampai 63 huruf" in key.text
    assert "nomor telepon ini tidak sah (terlalu pendek)" in opt_out.text
    assert english_in(key) == english_in(opt_out) == english_in(region) == english_in(long) == []
