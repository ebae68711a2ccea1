"""The licence of weights, from those of the corpora."""

from aersut.zoo.licences import licence_text, terms_of


def test_the_strictest_licence_of_the_corpora_applies():
    corpora = {"open": ("ODbL 1.0", "Author A (2014)."), "closed": ("CC BY-NC-SA 4.0", "Author B (2018).")}
    text = licence_text("model", corpora)
    assert "distributed under Creative Commons Attribution-NonCommercial-ShareAlike 4.0" in text
    assert "Author A (2014)." in text
    assert "Author B (2018)." in text
    assert "information from open, which is made available under the ODbL 1.0" in text
    alone = licence_text("model", {"open": corpora["open"]})
    assert "distributed under Open Data Commons Open Database License" in alone
    assert "commercial" not in alone


def test_a_term_is_named_once():
    assert terms_of(["ODbL 1.0", "", "CC BY-NC-SA 4.0"]) == ["attribution", "share alike", "non-commercial use only"]
