import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import MediaContent, MediaSource, TemplateContent, TemplateName, TextContent
from wabroadcast_core.rendering.placeholders import check_placeholders

MARKS = [
    *("{%s}", "{ %s }", "${%s}", "{$%s}", "[%s]", "[[%s]]", "%%%s%%", "%%%%%s%%%%", "$%s", "#%s#", "<%s>", "<<%s>>"),
    *("«%s»", "*|%s|*", "@%s@"),
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
