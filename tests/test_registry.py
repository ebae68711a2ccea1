"""Plugins by name: what may be registered, how a name is looked up, and what comes with other people's packages."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from aersut import registry
from aersut.contracts import Corpus, Feature, Listing
from aersut.errors import UserError
from aersut.registry import AUGMENTERS, CORPORA, FEATURES, MODELS, OPTIMIZERS, Registry


@pytest.fixture
def own():
    """A registry of its own, without plugins."""
    return Registry("feature", Feature, "aersut.features")


@dataclass(frozen=True)
class Mine(Feature):
    """Says nothing.

    And goes on about it.
    """

    def __call__(self, signal):
        raise NotImplementedError


class TestRegistering:
    def test_gives_the_class_back_and_finds_it_by_name_and_the_name_by_it(self, own):
        assert own.register("mine")(Mine) is Mine
        assert own["mine"] is Mine
        assert own.names() == ["mine"]
        assert own.name_of(Mine()) == "mine"

    def test_a_second_plugin_of_one_name_is_refused_and_both_are_named(self, own):
        own.register("mine")(Mine)

        @dataclass(frozen=True)
        class Other(Mine):
            pass

        with pytest.raises(UserError) as caught:
            own.register("mine")(Other)
        message = str(caught.value)
        assert message.startswith("feature 'mine' (")
        assert "Other): the name is taken by " in message
        assert message.endswith(".Mine; choose another.")
        assert own["mine"] is Mine

    def test_a_class_of_another_contract_is_refused(self, own):
        @dataclass(frozen=True)
        class NoFeature(Corpus):
            def load(self, root):
                return Listing(())

        with pytest.raises(UserError, match=r"feature 'x' .*expected a subclass of aersut\.contracts\.Feature"):
            own.register("x")(NoFeature)
        assert own.names() == []

    def test_a_class_that_is_no_frozen_dataclass_is_refused_with_the_remedy(self, own):
        @dataclass
        class Thawed:
            pass

        class NoDataclass(Feature):
            def __call__(self, signal):
                raise NotImplementedError

        with pytest.raises(UserError, match="expected a frozen dataclass; put @dataclass"):
            own.register("x")(NoDataclass)
        anything = Registry("thing", object, "aersut.features")
        with pytest.raises(UserError, match="expected a frozen dataclass; put @dataclass"):
            anything.register("x")(Thawed)


class TestLookingUp:
    def test_an_unknown_name_is_answered_with_the_nearest_and_all_known(self):
        with pytest.raises(UserError) as caught:
            FEATURES["mfc"]
        assert str(caught.value).startswith("unknown feature 'mfc'. Did you mean 'mfcc'? Known: centered, chroma, ")

    def test_no_nearest_is_offered_where_none_is_near(self):
        with pytest.raises(UserError, match=r"unknown corpus 'q'\. Known: cremad, emodb, manifest, ravdess, "):
            CORPORA["q"]

    def test_every_kind_knows_the_plugins_of_the_house(self):
        there = [set(one.names()) for one in (CORPORA, FEATURES, AUGMENTERS, MODELS, OPTIMIZERS)]
        expected = [
            {"ravdess", "cremad", "synthetic"},
            {"mfcc", "log_mel", "zcr", "rms"},
            {"noise", "time_shift"},
            {"cnn", "cnn_lstm", "cnn2d"},
            {"adam"},
        ]
        assert all(names >= known for names, known in zip(there, expected, strict=True))

    def test_the_summary_is_the_docstrings_first_line(self, own):
        own.register("mine")(Mine)
        assert own.summary("mine") == "Says nothing."

    def test_an_object_of_a_class_that_is_not_registered_is_named(self, own):
        with pytest.raises(UserError, match="Mine is not a registered feature; decorate its class"):
            own.name_of(Mine())

    def test_a_subclass_of_a_registered_class_does_not_pass_for_it(self, own):
        own.register("mine")(Mine)

        @dataclass(frozen=True)
        class Other(Mine):
            pass

        with pytest.raises(UserError, match="Other is not a registered feature"):
            own.name_of(Other())


class TestAnInstalledPackage:
    @pytest.fixture
    def install(self, tmp_path, monkeypatch):
        """Put a package with an entry point of ours on the path, as pip does."""
        FEATURES.names()
        monkeypatch.setattr(FEATURES, "_plugins", dict(FEATURES._plugins))
        monkeypatch.setattr(registry, "_loaded_entry_points", set(registry._loaded_entry_points))
        monkeypatch.syspath_prepend(str(tmp_path))

        def put(module, text):
            (tmp_path / f"{module}.py").write_text(text)
            info = tmp_path / f"{module}-1.0.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[aersut.plugins]\nown = {module}\n")

        return put

    def test_brings_its_plugins_along(self, install):
        install(
            "aersut_test_installed",
            "from dataclasses import dataclass\n"
            "from aersut.contracts import Feature\n"
            "from aersut.registry import FEATURES\n"
            "@FEATURES.register('installed')\n"
            "@dataclass(frozen=True)\n"
            "class Installed(Feature):\n"
            "    def __call__(self, signal): raise NotImplementedError\n",
        )
        assert FEATURES["installed"].__name__ == "Installed"
        assert "installed" in FEATURES.names()

    def test_that_is_broken_is_named_with_the_remedy(self, install):
        install("aersut_test_broken", "raise RuntimeError('no such device')\n")
        with pytest.raises(UserError) as caught:
            FEATURES["mfcc"]
        message = str(caught.value)
        assert message.startswith("plugin 'own' (aersut_test_broken) of an installed package cannot be imported: ")
        assert "no such device" in message
        assert message.endswith("Mend or uninstall that package.")


def test_importing_the_registries_imports_nothing_heavy():
    heavy = {"jax", "flax", "grain", "numpy", "pydantic", "tensorflow", "soundfile"}
    code = f"import sys, aersut.registry; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_plugin_that_inherits_its_dataclass_is_refused():
    @dataclass(frozen=True)
    class Base(Feature):
        channels = 1

        def __call__(self, signal):
            return signal.frames()[:, :1]

    class Forgotten(Base):
        width: int = 3  # no field without a decorator of its own, so it would be ignored without a word

    with pytest.raises(UserError, match="put @dataclass"):
        FEATURES.register("forgotten")(Forgotten)
