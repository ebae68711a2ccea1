"""Published speaker-independent protocols: who tests and who validates, fold by fold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A protocol's table for one corpus.

    Attributes:
        corpus: the only one that it is for.
        test: the test speakers of each fold.
        validation: the validation speakers of each fold; empty where the publication names none.
        source: where it is published.
    """

    corpus: str
    test: tuple[tuple[int, ...], ...]
    validation: tuple[tuple[int, ...], ...]
    source: str


PUBLISHED = {
    "ravdess5": Published(
        corpus="ravdess",
        test=((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22)),
        validation=((3, 6), (10, 11), (8, 17), (1, 14), (2, 5)),
        source="Luna-Jiménez et al. 2021; validation as in ResLSTM-SER",
    ),
    "ravdess6": Published(
        corpus="ravdess",
        test=(
            *((1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23)),
            *((3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22)),
        ),
        validation=(),
        source="EmoBox (Ma et al. 2024)",
    ),
    "cremad_tfds": Published(
        corpus="cremad",
        test=(
            (
                *(1010, 1013, 1022, 1026, 1037, 1038, 1040, 1045, 1047, 1048),
                *(1059, 1065, 1066, 1068, 1071, 1073, 1084, 1086, 1088),
            ),
        ),
        validation=((1015, 1020, 1021, 1030, 1050, 1070, 1079, 1089, 1090),),
        source="TensorFlow Datasets' crema_d; SERAB (Scheidwasser-Clow et al. 2022)",
    ),
}
