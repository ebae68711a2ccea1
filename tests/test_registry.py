"""Registries: registration and look-up of plugins by name, and plugins of installed packages."""

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
    """An empty registry."""
    return Registry("feature", Feature, "aersut.features")


@dataclass(frozen=True)
class Mine(Feature):
    """A summary.

    More lines.
    """

    channels = 1

    def __call__(self, signal):
        raise NotImplementedError


class TestRegistering:
    def test_returns_the_class_and_finds_class_and_name(self, own):
        assert own.register("mine")(Mine) is Mine
        assert own["mine"] is Mine
        assert own.names() == ["mine"]
        assert own.name_of(Mine()) == "mine"

    def test_another_class_under_a_taken_name_is_refused_and_both_are_named(self, own):
        own.register("mine")(Mine)

        @dataclass(frozen=True)
        class Other(Mine):
            pass

        with pytest.raises(UserError) as caught:
            own.register("mine")(Other)
        message = str(caught.value)
        assert message.startswith("feature 'mine' (")
        assert "Other): the name is taken by " in message
        assert message.endswith(".Mine; choose another name.")
        assert own["mine"] is Mine

    def test_a_second_definition_of_the_same_class_replaces_the_first(self, own):
        classes = []
        for _ in range(2):  # as a notebook cell that runs twice

            @own.register("mine")
            @dataclass(frozen=True)
            class Again(Mine):
                pass

            classes.append(Again)
        assert own["mine"] is classes[1]
        assert own.name_of(classes[1]()) == "mine"
        with pytest.raises(UserError, match="create the object again if its class has been redefined"):
            own.name_of(classes[0]())

    def test_a_class_of_another_contract_is_refused(self, own):
        @dataclass(frozen=True)
        class OtherKind(Corpus):
            def load(self, root):
                return Listing(())

        with pytest.raises(UserError, match=r"feature 'x' .*expected a subclass of aersut\.contracts\.Feature"):
            own.register("x")(OtherKind)
        assert own.names() == []

    def test_a_class_that_is_not_a_frozen_dataclass_is_refused_with_the_remedy(self, own):
        @dataclass
        class Thawed:
            pass

        class NotADataclass(Feature):
            def __call__(self, signal):
                raise NotImplementedError

        with pytest.raises(UserError, match="expected a frozen dataclass; put @dataclass"):
            own.register("x")(NotADataclass)
        anything = Registry("thing", object, "aersut.features")
        with pytest.raises(UserError, match="expected a frozen dataclass; put @dataclass"):
            anything.register("x")(Thawed)

    def test_a_field_without_default_in_place_of_a_property_is_refused(self, own):
        @dataclass(frozen=True)
        class Required(Feature):
            channels: int

            def __call__(self, signal):
                raise NotImplementedError

        @dataclass(frozen=True)
        class Optional(Required):
            channels: int = 4

        with pytest.raises(UserError, match="field 'channels' replaces a property of the contract; give it a default"):
            own.register("x")(Required)
        assert own.register("x")(Optional)().channels == 4


class TestLookingUp:
    def test_the_error_for_an_unknown_name_lists_the_nearest_and_all_known(self):
        with pytest.raises(UserError) as caught:
            FEATURES["mfc"]
        assert str(caught.value).startswith("unknown feature 'mfc'. Did you mean 'mfcc'? Known: centered, chroma, ")

    def test_the_error_for_an_unknown_name_omits_a_distant_nearest(self):
        with pytest.raises(UserError, match=r"unknown corpus 'q'\. Known: clips, cremad, emodb, folders, manifest, "):
            CORPORA["q"]

    def test_every_registry_has_the_built_in_plugins(self):
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
        assert own.summary("mine") == "A summary."

    def test_an_object_of_an_unregistered_class_is_refused_by_name(self, own):
        with pytest.raises(UserError, match="Mine is not a registered feature; decorate its class"):
            own.name_of(Mine())

    def test_a_subclass_of_a_registered_class_is_not_registered(self, own):
        own.register("mine")(Mine)

        @dataclass(frozen=True)
        class Other(Mine):
            pass

        with pytest.raises(UserError, match="Other is not a registered feature"):
            own.name_of(Other())


class TestAnInstalledPackage:
    @pytest.fixture
    def install(self, tmp_path, monkeypatch):
        """Install a package with an entry point of the group `aersut.plugins`, as pip does."""
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

    def test_registers_its_plugins(self, install):
        install(
            "aersut_test_installed",
            "from dataclasses import dataclass\n"
            "from aersut.contracts import Feature\n"
            "from aersut.registry import FEATURES\n"
            "@FEATURES.register('installed')\n"
            "@dataclass(frozen=True)\n"
            "class Installed(Feature):\n"
            "    channels = 1\n"
            "    def __call__(self, signal): raise NotImplementedError\n",
        )
        assert FEATURES["installed"].__name__ == "Installed"
        assert "installed" in FEATURES.names()

    def test_that_is_broken_is_reported_at_every_look_up_with_the_remedy(self, install):
        install("aersut_test_broken", "raise RuntimeError('no such device')\n")
        for name in ("mfcc", "log_mel"):
            with pytest.raises(UserError) as caught:
                FEATURES[name]
            message = str(caught.value)
            assert message.startswith("plugin 'own' (aersut_test_broken) of an installed package cannot be imported: ")
            assert "no such device" in message
            assert message.endswith("Fix or uninstall that package.")


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
        width: int = 3  # not a field without a decorator of its own: it would be ignored silently

    with pytest.raises(UserError, match="put @dataclass"):
        FEATURES.register("forgotten")(Forgotten)


def test_a_field_called_name_is_refused():
    """It would replace the name of the plugin in configurations."""
    with pytest.raises(UserError, match="field 'name' is that of the plugin in a configuration; rename the field"):

        @CORPORA.register("with_a_name")
        @dataclass(frozen=True)
        class WithAName(Corpus):
            name: str = "studio"
