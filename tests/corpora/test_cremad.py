"""CREMA-D in the layouts of real disks: its clips, their labels, and its skipped files with reasons."""

from collections import Counter

import pytest

from aersut.corpora import CremaD, Synthetic
from aersut.errors import UserError
from aersut.testing import check_corpus

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 72688\n"


def put(root, *names, folder="cremad/AudioWAV", content=b"RIFF and so on"):
    """Write files of these names."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / folder / name).write_bytes(content)


def only(root):
    """The one clip under a root."""
    (clip,) = CremaD().load(root).clips
    return clip


class TestAClip:
    def test_has_the_labels_of_its_name(self, tmp_path):
        put(tmp_path, "1002_IEO_FEA_HI.wav")
        clip = only(tmp_path)
        assert clip.path == tmp_path / "cremad/AudioWAV/1002_IEO_FEA_HI.wav"
        assert (clip.emotion, clip.speaker, clip.corpus, clip.sex) == ("fear", "1002", "cremad", "female")
        assert (clip.text, clip.intensity, clip.split) == ("IEO", "high", "")

    @pytest.mark.parametrize("folder", ["cremad", "cremad/AudioWAV"])
    def test_has_age_and_race_of_the_published_demographics(self, tmp_path, folder):
        put(tmp_path, "1002_IEO_FEA_HI.wav")
        table = (
            '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","Asian","x"\n1002,29,"Female","Caucasian","x"\n'
        )
        (tmp_path / folder / "VideoDemographics.csv").write_text(table)
        assert (only(tmp_path).age, only(tmp_path).race) == ("20 to 29", "Caucasian")

    @pytest.mark.parametrize("table", ["", "ActorID,Age\n1002,21\n", "ActorID,Age,Race\n1002,old,Asian\n"])
    def test_has_no_age_without_a_table_of_that_form(self, tmp_path, table):
        put(tmp_path, "1002_IEO_FEA_HI.wav")
        (tmp_path / "cremad" / "VideoDemographics.csv").write_text(table)
        assert (only(tmp_path).age, only(tmp_path).race) == ("", "")

    @pytest.mark.parametrize(
        ("code", "emotion"),
        [
            ("ANG", "angry"),
            ("DIS", "disgust"),
            ("FEA", "fear"),
            ("HAP", "happy"),
            ("NEU", "neutral"),
            ("SAD", "sad"),
        ],
    )
    def test_has_the_emotion_of_its_third_code(self, tmp_path, code, emotion):
        put(tmp_path, f"1001_DFA_{code}_XX.wav")
        assert only(tmp_path).emotion == emotion

    @pytest.mark.parametrize(
        ("code", "intensity"), [("LO", "low"), ("MD", "medium"), ("HI", "high"), ("XX", ""), ("X", "")]
    )
    def test_has_the_intensity_of_its_fourth_code(self, tmp_path, code, intensity):
        put(tmp_path, f"1040_ITH_SAD_{code}.wav")
        assert only(tmp_path).intensity == intensity

    def test_is_by_one_of_48_men_or_43_women(self, tmp_path):
        put(tmp_path, *(f"{actor}_DFA_ANG_XX.wav" for actor in range(1001, 1092)))
        clips = CremaD().load(tmp_path).clips
        assert Counter(clip.sex for clip in clips) == {"male": 48, "female": 43}
        assert tuple(clip.speaker for clip in clips) == CremaD.all_speakers
        # the column "Sex" of the corpus's VideoDemographics.csv, 1001 to 1091, ten a group
        sexes = (
            """MFFFMFFFFF MFFMMMMFMF FMMFFMMFFF MMMMMMFMMM MMFMMFFMFM MFFFFFMFMF FMFMMMMMMM MFFFFFMFFM MFMFMMMMFM F"""
        )
        assert [clip.sex[0].upper() for clip in clips] == list(sexes.replace(" ", ""))


class TestItIsFound:
    @pytest.mark.parametrize("folder", ["cremad/AudioWAV", "cremad", "AudioWAV", "."])
    def test_at_every_usual_depth(self, tmp_path, folder):
        put(tmp_path, "1001_DFA_ANG_XX.wav", folder=folder)
        assert only(tmp_path).speaker == "1001"

    def test_with_other_corpora_in_one_root_without_their_files(self, tmp_path):
        put(tmp_path, "1001_DFA_ANG_XX.wav", folder=".")
        put(tmp_path, "03-01-01-01-01-01-01.wav", folder="Actor_01")
        listing = CremaD().load(tmp_path)
        assert len(listing.clips) == 1
        assert listing.skipped == ()

    def test_in_an_order_that_does_not_depend_on_the_disk(self, tmp_path):
        put(tmp_path, *(f"{actor}_DFA_{code}_XX.wav" for actor in (1090, 1001) for code in ("SAD", "ANG", "NEU")))
        paths = [clip.path for clip in CremaD().load(tmp_path).clips]
        assert paths == sorted(paths)

    @pytest.mark.parametrize("there", ["nothing", "an empty folder", "another corpus"])
    def test_missing_names_the_searched_folder_and_the_download(self, tmp_path, there):
        if there == "an empty folder":
            (tmp_path / "cremad/AudioWAV").mkdir(parents=True)
        elif there == "another corpus":
            put(tmp_path, "03-01-01-01-01-01-01.wav", folder="Actor_01")
        with pytest.raises(UserError) as caught:
            CremaD().load(tmp_path)
        message = str(caught.value)
        assert message.startswith(f"cremad: no .wav or .flac under {tmp_path}/cremad/AudioWAV. ")
        assert "Git LFS" in message
        assert "data.root" in message


class TestSkipped:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("tune.wav", "its name does not have the form 1001_DFA_ANG_XX"),
            ("1001_DFA_ANG.wav", "its name does not have the form"),
            ("1001_DFA_ANG_XX_1.wav", "its name does not have the form"),
            ("1001_DFA_BOR_XX.wav", "emotion code BOR is not one of ANG, DIS, FEA, HAP, NEU, SAD"),
            ("1001_DFA_ANG_ZZ.wav", "level code ZZ is not one of LO, MD, HI, XX"),
            ("1000_DFA_ANG_XX.wav", "actor 1000 is not one of 1001 to 1091"),
            ("1092_DFA_ANG_XX.wav", "actor 1092 is not one of 1001 to 1091"),
        ],
    )
    def test_as_damage_is_a_name_outside_of_the_scheme(self, tmp_path, name, reason):
        put(tmp_path, "1001_IEO_ANG_HI.wav", name)
        listing = CremaD().load(tmp_path)
        assert len(listing.clips) == 1
        (file,) = listing.skipped
        assert file.path.name == name
        assert file.reason.startswith(reason)
        assert file.damage

    def test_as_damage_are_git_lfs_pointers(self, tmp_path):
        put(tmp_path, "1001_IEO_ANG_HI.wav", "1001_DFA_ANG_XX.wav", content=POINTER)
        listing = CremaD().load(tmp_path)
        assert listing.clips == ()
        assert {file.reason for file in listing.skipped} == {
            "is a Git LFS pointer instead of audio (run `git lfs pull` in its clone)"
        }
        assert all(file.damage for file in listing.skipped)

    def test_as_damage_is_an_empty_file(self, tmp_path):
        put(tmp_path, "1001_IEO_ANG_HI.wav")
        put(tmp_path, "1001_DFA_ANG_XX.wav", content=b"")
        (file,) = CremaD().load(tmp_path).skipped
        assert (file.path.name, file.reason, file.damage) == ("1001_DFA_ANG_XX.wav", "is empty", True)

    def test_but_not_as_damage_is_a_second_format_of_the_same_clip(self, tmp_path):
        put(tmp_path, "1001_DFA_ANG_XX.wav", "1001_DFA_ANG_XX.flac")
        listing = CremaD().load(tmp_path)
        assert len(listing.clips) == 1
        (file,) = listing.skipped
        assert not file.damage


def test_the_loader_keeps_the_contract_of_a_corpus(tmp_path):
    Synthetic(speakers=2, repetitions=2).write(tmp_path, "cremad", sample_rate=16_000)
    check_corpus(CremaD(), tmp_path)


def test_a_hidden_folder_of_an_interrupted_download_is_skipped(tmp_path):
    Synthetic(speakers=1, repetitions=1).write(tmp_path, "cremad")
    folder = tmp_path / "cremad/AudioWAV"
    (folder / ".aside").mkdir()
    (folder / "1001_IEO_ANG_LO.wav").rename(folder / ".aside/1001_IEO_ANG_LO.wav")
    assert "angry" not in {clip.emotion for clip in CremaD().load(tmp_path).clips}
