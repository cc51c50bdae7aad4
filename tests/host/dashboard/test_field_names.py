"""The names of fields in the notice at the head of a form."""

import pytest

from host_litestar.dashboard import field_names
from host_litestar.dashboard.field_names import name_field
from host_litestar.dashboard.formats import Formats
from host_litestar.dashboard.texts import LANGUAGES, Texts, catalogue


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("sendWindow.from", "Jam kirim", id="a-part-without-a-label"),
        pytest.param("sendWindow.timezone", "Zona waktu", id="a-part-with-a-label"),
        pytest.param("rate.perSeconds", "Per berapa detik", id="the-rate"),
        pytest.param("recipients.3.number", "Penerima", id="one-of-many"),
        pytest.param("variables.kota.[key]", "Isian untuk teks pesan", id="a-variable"),
        pytest.param("typed", "Yang diketik", id="a-confirmation"),
        pytest.param("test.number", "Nomor Anda", id="the-test"),
        pytest.param("settings.baseUrl", "Alamat server", id="a-setting"),
        pytest.param("something.else", "something.else", id="unknown"),
    ],
)
def test_a_field_has_the_closest_label_that_the_pages_have(path: str, name: str) -> None:
    assert name_field(Texts("id", Formats("id", "Asia/Jakarta").number), path) == name


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_label_exists_and_needs_no_value(language: str) -> None:
    texts = catalogue(language)

    assert {key for key in field_names.LABELS.values() if key not in texts or "{" in texts[key]} == set()
