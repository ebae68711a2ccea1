"""The licences of corpora on which models of the zoo may be trained, and what they mean for the weights."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """A licence.

    Attributes:
        title, url: full name and text.
        terms: what it demands, in a few words each.
    """

    title: str
    url: str
    terms: tuple[str, ...]


LICENCES = {
    "CC BY-NC-SA 4.0": Licence(
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International",
        "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode",
        ("attribution", "non-commercial use only", "share alike"),
    ),
    "ODbL 1.0": Licence(
        "Open Data Commons Open Database License v1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        ("attribution", "share alike"),
    ),
}
"""By the name in `Corpus.licence`, the strictest first: that of the corpora applies to the weights."""
TERMS = {
    "attribution": "Name AERSUT and the corpora, with their citations, wherever you publish the model or its results.",
    "non-commercial use only": "Do not use the weights primarily for commercial advantage or payment.",
    "share alike": "Distribute changed weights, such as fine-tuned ones, under the same licence.",
}


def terms_of(licences: Iterable[str]) -> list[str]:
    """What the licences demand together, each term once."""
    return list(dict.fromkeys(term for licence in licences if licence for term in LICENCES[licence].terms))


def licence_text(name: str, corpora: dict[str, tuple[str, str]]) -> str:
    """The file LICENSE of a model.

    Args:
        corpora: licence and citation by the name of the corpus; none for synthetic speech.
    """
    if not corpora:
        return f"The weights of {name} were trained on synthetic speech. They are licensed as AERSUT itself (MIT).\n"
    known = [licence for licence, _ in corpora.values()]
    strictest = next(licence for licence in LICENCES if licence in known)
    lines = [
        f"Licence of the weights of {name} (in all files of this folder)",
        "",
        f"The weights are distributed under {LICENCES[strictest].title}",
        f"({strictest}), {LICENCES[strictest].url},",
        "the strictest licence of the corpora that they were trained on:",
        "",
    ]
    for corpus, (licence, citation) in corpora.items():
        lines += [f"- {corpus}: {licence}, {LICENCES[licence].url}", f"  {citation}"]
    lines += ["", "In words:", "", *(f"- {term.capitalize()}: {TERMS[term]}" for term in terms_of(known))]
    if "ODbL 1.0" in known:
        databases = " and ".join(corpus for corpus, (licence, _) in corpora.items() if licence == "ODbL 1.0")
        lines += ["", f"The weights contain information from {databases}, which is made available under the ODbL 1.0."]
    lines += [
        "",
        "The words above do not replace the licences. The source code of AERSUT is licensed under MIT; weights that",
        "you train with it on other speech are not subject to these licences.",
    ]
    return "\n".join(lines) + "\n"
