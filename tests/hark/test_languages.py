"""Languages: tags and names, and who is answered by which model."""

import re

import pytest

from hark import languages


@pytest.mark.parametrize(
    ("text", "tag"),
    [("en", "en"), ("EN", "en"), ("PT_br", "pt-BR"), ("ita", "it"), ("Italian", "it"), ("iw", "he"), ("ger", "de"),
     ("sr-latn-rs", "sr-Latn-RS"), ("zh-hant-tw", "zh-Hant-TW"), ("yue", "yue"), ("ca-valencia", "ca-valencia"),
     ("es-419", "es-419"), ("en-X-Hark", "en-x-hark"), (" it ", "it"), ("norwegian bokmål", "nb")],
)  # fmt: skip
def test_tags_are_written_in_the_usual_case_and_names_are_known(text: str, tag: str) -> None:
    assert languages.canonical(text) == tag
    assert languages.is_tag(tag)
    assert languages.canonical(tag) == tag


@pytest.mark.parametrize(
    "text", ["", "x", "klingonish language", "en us", "it;", "en--US", "a" * 100, "ита", "e\n", "auto"]
)
def test_what_is_no_language_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no language; give its BCP 47 tag"):
        languages.canonical(text)
    assert not languages.is_tag(text)


@pytest.mark.parametrize(
    ("tag", "name"),
    [("en", "english"), ("it", "italian"), ("pt-BR", "portuguese"), ("zh-Hant", "chinese"), ("yue", "cantonese"),
     ("bn", "bengali"), ("qaa", "qaa"), ("he", "hebrew"),
     ("ga", "irish"), ("tl", "tagalog")],
)  # fmt: skip
def test_names_are_english_in_lower_case_and_those_of_unknown_languages_are_their_tags(tag: str, name: str) -> None:
    assert languages.name(tag) == name


@pytest.mark.parametrize("asked", ["en", "EN", "en-US", "en_GB", "eng", "English", "auto", "", " en ", "en-Latn-GB"])
def test_a_model_answers_for_its_language_in_all_regions(asked: str) -> None:
    assert languages.answers("en", asked)


@pytest.mark.parametrize(
    ("has", "asked"),
    [("en", "it"), ("en", "enm"), ("en", "en;DROP"), ("it", "en"), ("sr-Cyrl", "sr-Latn"), ("en", "e" * 10_000),
     ("en", "-"), ("es", "españ"), ("en", "en-"), ("en", "en--US"), ("en", "en-US!")],
)  # fmt: skip
def test_a_model_answers_for_no_other_language_or_script(has: str, asked: str) -> None:
    assert not languages.answers(has, asked)


def test_scripts_that_are_not_said_are_no_obstacle() -> None:
    assert languages.answers("sr-Cyrl", "sr")
    assert languages.answers("sr", "sr-Latn-RS")
    assert languages.answers("no", "nb-NO")
    assert languages.answers("tl", "fil")
    assert not languages.answers("gaa", "ga")


@pytest.mark.parametrize(
    ("asked", "tags", "number"),
    [(["it"], ["en", "it"], 1), (["pt-PT"], ["pt-BR", "pt-PT"], 1), (["pt"], ["en", "pt-BR", "pt-PT"], 1),
     ([], ["it"], 0), (["auto"], ["it", "en"], 0), (["fr", "it"], ["en", "it"], 1), (["fr"], ["en", "it"], None),
     (["IT_ch"], ["en", "it"], 1)],
)  # fmt: skip
def test_of_several_models_the_one_asked_for_answers(asked: list[str], tags: list[str], number: int | None) -> None:
    assert languages.best(asked, tags) == number


def test_the_table_has_each_language_once() -> None:
    names, tags = languages._table()
    assert len(names) > 600
    assert not set(names) & set(tags)
    assert all(name == name.lower() and languages.is_tag(tag) for tag, name in names.items())
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize(
    ("asked", "is_there"),
    [("it", True), ("IT-ch", True), ("ita", True), ("Italian", True), ("auto", True), ("sr", True), ("en", False),
     ("itx", False), ("it-", False), ("", False)],
)  # fmt: skip
def test_the_contract_has_what_models_of_some_languages_answer(asked: str, is_there: bool) -> None:
    found = re.fullmatch(languages.pattern(["it", "sr-Latn", "it-CH"]), asked)
    assert (found is not None) is is_there
