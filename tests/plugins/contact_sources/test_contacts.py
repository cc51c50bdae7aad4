import io
from collections.abc import Iterator, Sequence

import pytest
from pydantic import ValidationError

from wabroadcast_core import AudienceRow, ContactSource, SourceContext
from wabroadcast_core.plugins import build_plugins
from wabroadcast_plugins import PLUGINS
from wabroadcast_plugins.contact_sources.contacts import ContactsSettings, ContactsSource


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        pytest.param({}, ([], "any", []), id="all-contacts"),
        pytest.param({"tags": ["vip", "lama"], "match": "all"}, (["vip", "lama"], "all", []), id="all-of-two"),
        pytest.param({"tags": ["vip"], "without": ["lama"]}, (["vip"], "any", ["lama"]), id="one-without-another"),
        pytest.param({"without": ["lama"]}, ([], "any", ["lama"]), id="all-without-one-tag"),
    ],
)
def test_the_contact_book_is_read_by_tags(
    settings: dict[str, object], arguments: tuple[list[str], str, list[str]]
) -> None:
    calls = []

    def read_contacts(tags: Sequence[str], match: str, without: Sequence[str] = ()) -> Iterator[AudienceRow]:
        calls.append((tags, match, without))
        return iter([AudienceRow("+628123456789", "Budi")])

    context = SourceContext(open_upload=lambda _: io.BytesIO(), read_contacts=read_contacts)
    source = ContactsSource(ContactsSettings.model_validate(settings), context)

    assert [row.name for row in source.read()] == ["Budi"]
    assert calls == [arguments]
    assert isinstance(source, ContactSource)


def test_a_match_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError):
        ContactsSettings.model_validate({"tags": ["vip"], "match": "most"})


def test_the_built_in_sources_are_found_by_their_kinds() -> None:
    plugins = build_plugins(PLUGINS, discover=False)

    assert {"csv", "excel", "inline", "contacts"} <= set(plugins.contact_sources)
