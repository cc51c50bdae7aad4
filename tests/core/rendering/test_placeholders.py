import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import MediaContent, MediaSource, TemplateContent, TemplateName, TextContent
from wabroadcast_core.rendering.placeholders import check_placeholders

MARKS = [
    *("{%s}", "{ %s }", "${%s}", "{$%s}", "[%s]", "[[%s]]", "%%%s%%", "%%%%%s%%%%", "$%s", "#%s#", "<%s>", "<<%s>>"),
    *("«%s»", "*|%s|*", "@%s@", "{!%s}", "{%s|Kak}", "[%s | Kak]", "<%%= %s %%>", "<?%s?>"),
]


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("word", ["nama", "NAMA", "Name", "number", "kota", "Kota"])
def test_a_variable_in_the_marks_of_another_tool_is_refused(marks: str, word: str) -> None:
    with pytest.raises(TemplateError, match=r"line 2.*another tool.*write {{ (name|number|kota) }}"):
        check("Halo,\n" + marks % word + "!", "kota")


@pytest.mark.parametrize("text", ["{Tgl Lahir}", "[tgl_lahir]", "%TGL_LAHIR%", "{contact.name}", "{First Name}"])
def test_a_variable_is_recognised_in_any_spelling(text: str) -> None:
    with pytest.raises(TemplateError, match="another tool"):
        check(text, "tgl_lahir")


@pytest.mark.parametrize("marks", ["{%s}", "[%s]", "%%%s%%", "$%s", "<<%s>>", "#%s#"])
@pytest.mark.parametrize(
    ("word", "variable"),
    [
        *((word, "name") for word in ("name", "nama", "first_name", "FNAME", "Nama_Lengkap", "nama_pelanggan")),
        *(
            (word, "number")
            for word in ("number", "nomor", "hp", "no_hp", "Phone", "PHONE_NUMBER", "telepon", "nomor_wa")
        ),
    ],
)
def test_the_names_that_everybody_uses_are_refused_whatever_the_audience_has(
    marks: str, word: str, variable: str
) -> None:
    with pytest.raises(TemplateError, match=f"another tool.*write {{{{ {variable} }}}}, or remove the marks"):
        check("Halo " + marks % word, "kota")


@pytest.mark.parametrize(
    ("braces", "variable"),
    [
        ("{{{kode}}}", "kode"),
        ("{{{ Kode }}}", "kode"),
        ("{{{{kode}}}}", "kode"),
        ("{{{kode}} }", "kode"),
        ("{{$kode}}", "kode"),
        ("{{#kode#}}", "kode"),
        ("{{=kode}}", "kode"),
        ("{{&kode}}", "kode"),
        ("{{kode}", "kode"),
        ("{%kode%}", "kode"),
        ("{% kode %}", "kode"),
        ("{{Tgl Lahir}}", "tgl_lahir"),
        ("{{nama lengkap}}", "nama_lengkap"),
    ],
)
def test_braces_of_another_tool_are_refused_with_what_to_write(braces: str, variable: str) -> None:
    with pytest.raises(TemplateError, match=rf"line 2: '{re.escape(braces[:7])}.*write {{{{ {variable} }}}}"):
        check("{{ name }}\n" + braces, "kota")


@pytest.mark.parametrize(
    "text", ["{{ nama or }}", "{% if nama %}", "{{ nama | nofilter( }}", "{{ 'a' 'b' }} {{ nama }}"]
)
def test_a_fault_beside_the_braces_keeps_its_own_reason(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        check(text)

    assert "is not how a variable is written" not in caught.value.reason


@pytest.mark.parametrize("text", ["{" * 16_000, "{{a " * 4_000, "{{" + " " * 15_000 + "a", "{%" * 8_000, "{#" * 8_000])
def test_many_braces_are_searched_in_a_moment(text: str) -> None:
    started = time.process_time()

    with pytest.raises(TemplateError):
        check(text)

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("comment", ["{#nama#}", "{# Nama #}", "{#kota#}", "{#phone#}"])
def test_a_comment_that_is_a_variable_is_refused(comment: str) -> None:
    with pytest.raises(
        TemplateError, match=r"line 2: .* is a comment and would be left out: write {{ (name|kota|number) }}"
    ):
        check(f"Halo\n{comment}", "kota")


@pytest.mark.parametrize(
    "text", ["{{ 1 }}", "{{1}}", "{{ 'name' }}", '{{ "Budi" }}', "{{ -2.5 }}", "{{ 'name' | d('x') }}"]
)
def test_a_bare_constant_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="constant"):
        check(f"Halo {text}")


def test_a_constant_in_a_condition_is_refused() -> None:
    with pytest.raises(TemplateError, match="constant"):
        check("{% if name %}{{ 'name' }}{% endif %}")


@pytest.mark.parametrize(
    "text",
    [
        "Buka { jam 8 } [lihat katalog] harga $5",
        "*nama* _nama_ ~nama~ (nama) #nama @nama nama: nama",
        "Diskon 50% nama produk 20% [1] {2} #1# <3",
        "Halo {{ nama }}, {{ kota | default('Solo') }} {{ 'Halo ' ~ name }} {{ name or 'Kak' }}",
        "{{ '{{' }} nama {{ '}}' }}",
        "Halo {# ganti nama sebelum dikirim #}{#- catatan -#}",
        "{Halo|Hai|Hi} [ya|tidak] {bonus | nama}",
        "Telepon: 021-555 (HP) *WA* [promo] {bonus} <diskon> #diskon# %20 $kupon",
        "{% if kota == 'nama' %}[buka]{% endif %}{% set a = 'name' %}{{ a }}",
        "Bayar {{ 1500000 + 1 }}",
    ],
)
def test_other_texts_are_free(text: str) -> None:
    check(text, "kota", "2")


@given(st.text(alphabet="abc []%$#<>|@5}", min_size=1, max_size=30))
def test_words_that_are_no_variables_are_free(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (
            MediaContent(type="image", media=MediaSource(url="https://x.example/[nama]"), caption="Hai [nama]"),
            "caption",
        ),
        (
            MediaContent(type="document", media=MediaSource(url="https://x.example/a"), filename="%nama%.pdf"),
            "filename",
        ),
        (
            TemplateContent(
                type="template",
                template=TemplateName(
                    name="x",
                    language="id",
                    components=[{"type": "body", "parameters": [{"type": "text", "text": "{nama}"}]}],
                ),
            ),
            "components.0.parameters.0.text",
        ),
    ],
)
def test_every_text_of_a_message_is_checked(content: MediaContent | TemplateContent, path: str) -> None:
    with pytest.raises(TemplateError, match=f"{path}: .*another tool"):
        check_placeholders(content, ())


def check(text: str, *variables: str) -> None:
    check_placeholders(TextContent(text=text), variables)
