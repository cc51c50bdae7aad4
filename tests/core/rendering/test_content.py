from typing import Any

import pytest

from tests.core.rendering.texts import compile_body, render_body
from wabroadcast_core.errors import TemplateError
from wabroadcast_core.models.message import (
    LONGEST_CAPTION,
    LONGEST_TEXT,
    MediaContent,
    MediaSource,
    TemplateContent,
    TemplateName,
    TextContent,
)
from wabroadcast_core.models.recipient import Scalar
from wabroadcast_core.rendering.content import BadText, MissingVariable, compile_content, variables_of
from wabroadcast_core.rendering.template import compile_text


def test_a_recipients_name_takes_precedence_over_a_column_of_that_name() -> None:
    content = compile_body("{{ name }} {{ number }}")

    assert content.render(number="+1", name="Budi", variables={"name": "x", "number": "y"}).text == "Budi +1"
    assert content.render(number="+1", name=None, variables={"name": "column"}).text == "column +1"


def test_no_two_messages_share_their_content() -> None:
    content = compile_content(TextContent(text="hi", preview_url=True))

    first, second = (content.render(number="+1", name=None, variables={}) for _ in range(2))
    first.content["previewUrl"] = False

    assert second.content == {"previewUrl": True}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("{{ long[:0] }}", "text: the rendered text is empty", id="empty"),
        pytest.param("{{ long }}", "text: the rendered text is longer than 4,096 characters", id="too-long"),
        pytest.param(
            "{{ long|upper }}", "text: the rendered text is longer than 4,096 characters", id="too-long-by-a-filter"
        ),
    ],
)
def test_a_text_that_cannot_be_sent_is_a_bad_text(text: str, reason: str) -> None:
    with pytest.raises(BadText) as caught:
        render_body(text, long="x" * (LONGEST_TEXT + 1))

    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("  \n ", "text: the rendered text is empty", id="blank"),
        pytest.param(
            "x" * (LONGEST_TEXT + 1), "text: the rendered text is longer than 4,096 characters", id="too-long"
        ),
        pytest.param(
            "{{ 1 / 0 }}", "text: an operation cannot be applied to these values (ZeroDivisionError)", id="by-zero"
        ),
    ],
)
def test_a_text_without_variables_is_checked_when_it_is_compiled(text: str, reason: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_body(text)

    assert caught.value.line == 1
    assert caught.value.reason == reason


def test_the_longest_text_is_still_sent() -> None:
    assert render_body("{{ x }}!", x="x" * (LONGEST_TEXT - 1)) == "x" * (LONGEST_TEXT - 1) + "!"


def test_variables_are_the_names_that_a_template_uses() -> None:
    text = "{{ name }}{{ a|default(b) }}{% set c = d %}{{ c }}{% for e in f %}{{ e }}{% endfor %}"
    loop = "{% for i in range(2) %}{% endfor %}"

    assert variables_of(TextContent(text=text + loop)) == {"name", "a", "b", "d", "f"}


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0", None])
def test_a_blank_value_is_missing_like_an_empty_cell(blank: str | None) -> None:
    with pytest.raises(MissingVariable, match="'name'"):
        render_body("Halo {{ name }}!", name=blank)
    with pytest.raises(MissingVariable, match="'kode'"):
        render_body("Kode {{ kode }}", kode=blank)
    assert render_body("Halo {{ name|default('Kak') }} {{ kode|d('-') }}", name=blank, kode=blank) == "Halo Kak -"


@pytest.mark.parametrize("value", [0, False, 0.0, "0", "-"])
def test_a_value_that_is_not_blank_is_not_missing(value: Scalar) -> None:
    assert render_body("{{ value }}", value=value) in {"0", "False", "-"}


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        pytest.param(1500000.0, "1500000", id="whole"),
        pytest.param(0.1 + 0.2, "0.3", id="fifteen-digits"),
        pytest.param(-0.5, "-0.5", id="negative"),
        pytest.param(-0.0, "0", id="negative-zero"),
        pytest.param(1234567890123456.0, "1234567890123456", id="card-number"),
        pytest.param(1e300, "1e+300", id="huge"),
        pytest.param(1e-7, "1e-07", id="tiny"),
    ],
)
@pytest.mark.parametrize(
    "text", ["{{ x }}", "{{ x ~ '' }}", "{{ x|string }}", "{{ [x]|join }}", "{{ x|replace('#', '') }}"]
)
def test_a_float_is_printed_as_a_spreadsheet_prints_it(text: str, value: float, printed: str) -> None:
    assert render_body(text, x=value) == printed


@pytest.mark.parametrize(
    "text", ["{{ '\\ud800' }}", "\n{{ x|default('\\udfff') }}", "a\ud83d", "{{ x.split('\\ud800') }}"]
)
def test_half_a_character_in_a_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="half a character") as caught:
        compile_body(text) if text.isascii() else compile_text(text, longest=LONGEST_TEXT)

    assert caught.value.line == 1 + text.count("\n")


# media


def test_media_render_caption_and_filename() -> None:
    media = MediaContent(
        type="document",
        media=MediaSource(url="https://x.id/a.pdf"),
        caption="Tagihan {{ name }}",
        filename="{{ code }}.pdf",
    )

    rendered = compile_content(media).render(number="+1", name="Budi", variables={"code": "A1"})

    assert rendered.text == "Tagihan Budi"
    assert rendered.content == {"media": {"url": "https://x.id/a.pdf"}, "filename": "A1.pdf"}


def test_media_without_caption_have_no_text() -> None:
    media = MediaContent(type="image", media=MediaSource(upload_id="u1"))

    rendered = compile_content(media).render(number="+1", name=None, variables={})

    assert rendered.text is None
    assert rendered.content == {"media": {"uploadId": "u1"}}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        pytest.param(
            {"a": "x" * (LONGEST_CAPTION + 1), "b": "f"},
            "caption: the rendered text is longer than 1,024",
            id="long-caption",
        ),
        pytest.param({"a": "-", "b": "f"}, "caption: the rendered text is empty", id="empty-caption"),
        pytest.param({"a": "c", "b": "x" * 256}, "filename: the rendered text is longer than 255", id="long-filename"),
        pytest.param(
            {"a": "c", "b": "x\ny"}, "filename: the rendered text contains a line break", id="filename-of-two-lines"
        ),
    ],
)
def test_a_bad_caption_or_filename_is_named(variables: dict[str, Scalar], reason: str) -> None:
    media = MediaContent(
        type="image", media=MediaSource(upload_id="u1"), caption="{{ a.strip('-') }}", filename="{{ b }}"
    )

    with pytest.raises(BadText) as caught:
        compile_content(media).render(number="+1", name=None, variables=variables)

    assert str(caught.value).startswith(reason)


# provider templates


def provider_template(*texts: str) -> TemplateContent:
    parameters = [{"type": "text", "text": text} for text in texts]
    components = [{"type": "body", "parameters": parameters}, {"type": "button", "index": 0, "sub_type": "url"}]
    return TemplateContent(type="template", template=TemplateName(name="promo", language="id", components=components))


def test_a_provider_template_renders_every_text_in_its_components() -> None:
    content = compile_content(provider_template("{{ name }}", "Rp {{ total }}"))

    rendered = content.render(number="+1", name="Budi", variables={"total": 5})

    assert rendered.text is None
    assert content.variables == {"name", "total"}
    assert rendered.content["template"]["name"] == "promo"
    assert rendered.content["template"]["components"] == [
        {"type": "body", "parameters": [{"type": "text", "text": "Budi"}, {"type": "text", "text": "Rp 5"}]},
        {"type": "button", "index": 0, "sub_type": "url"},
    ]


def test_no_two_messages_share_their_components() -> None:
    content = compile_content(provider_template("fixed"))

    first, second = (content.render(number="+1", name=None, variables={}) for _ in range(2))
    first.content["template"]["components"].clear()

    assert len(second.content["template"]["components"]) == 2


@pytest.mark.parametrize(
    ("value", "what"),
    [
        pytest.param("a\nb", "a line break", id="line-break"),
        pytest.param("a\u2028b", "a line break", id="unicode-line-break"),
        pytest.param("a\tb", "a tab", id="tab"),
        pytest.param("a     b", "more than 4 spaces in a row", id="five-spaces"),
    ],
)
def test_a_value_that_meta_refuses_is_a_bad_text_with_its_place(value: str, what: str) -> None:
    content = compile_content(provider_template("fine", "{{ x }}"))

    with pytest.raises(BadText) as caught:
        content.render(number="+1", name=None, variables={"x": value})

    assert str(caught.value) == f"components.0.parameters.1.text: the rendered text contains {what}"


def test_four_spaces_in_a_provider_template_are_fine() -> None:
    content = compile_content(provider_template("{{ x }}"))

    assert content.render(number="+1", name=None, variables={"x": "a    b"}).text is None


def test_a_fault_in_a_component_is_named_with_place_and_line() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_content(provider_template("fine", "\n{{ x.y }}"))

    assert str(caught.value) == "line 2: components.0.parameters.1.text: the attribute 'y' is not available"


def test_too_many_or_too_deeply_nested_components_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    nested = TemplateContent(type="template", template=TemplateName(name="x", language="id", components=[deep]))

    with pytest.raises(TemplateError, match="nested more than 16 levels deep"):
        compile_content(nested)
    with pytest.raises(TemplateError, match="more than 256 texts"):
        compile_content(provider_template(*["x"] * 300))
    with pytest.raises(TemplateError, match="65,536 characters together"):
        compile_content(provider_template(*["{{x}}" * 3_000] * 5))


def test_all_texts_of_a_message_have_one_budget() -> None:
    content = compile_content(provider_template(*["{{ x|title|truncate(9) }}"] * 120))

    assert content.render(number="+1", name=None, variables={"x": "budi santoso"}).text is None
    with pytest.raises(BadText, match="rendering takes too much work"):
        content.render(number="+1", name=None, variables={"x": "budi santoso " * 50})


def test_a_key_of_half_a_character_is_refused() -> None:
    template = TemplateName(name="promo", language="id", components=[{"type": "body", "\ud800": "x"}])

    with pytest.raises(TemplateError, match="half a character"):
        compile_content(TemplateContent(type="template", template=template))


@pytest.mark.parametrize(
    ("variables", "rendered"),
    [
        pytest.param({"kode": "a"}, "a", id="other-case"),
        pytest.param({"Kode": "a"}, "a", id="other-case-in-the-data"),
        pytest.param({"KODE": "b", "kode": "a"}, "b", id="exact-first"),
    ],
)
def test_a_variable_is_found_whatever_its_case(variables: dict[str, Scalar], rendered: str) -> None:
    content = compile_content(TextContent(type="text", text="{{ KODE }}"))

    assert content.render(number="+62", name=None, variables=variables).text == rendered


def test_a_name_that_may_mean_two_variables_is_missing() -> None:
    content = compile_content(TextContent(type="text", text="{{ KODE }}"))

    with pytest.raises(MissingVariable, match="there are number, kode, Kode"):
        content.render(number="+62", name=None, variables={"kode": "a", "Kode": "b"})
