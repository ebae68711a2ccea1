"""Stress results without a network: the entry "stress" of metrics.json."""

POINTS = {
    "gain (dB)": ("gain", "gain {:+g} dB", (-24, -12, 12, 24)),
    "white noise, SNR (dB)": ("white_noise", "white noise {:g} dB SNR", (20, 10, 5, 0)),
    "pink noise, SNR (dB)": ("pink_noise", "pink noise {:g} dB SNR", (20, 10, 5, 0)),
    "recorded noise, SNR (dB)": ("recorded_noise", "recorded noise {:g} dB SNR", (20, 10)),
}


def condition(name, title, uar, clean, curve="", x=None, standard=True):
    """One evaluated condition."""
    interval = [clean - uar - 0.04, clean - uar + 0.04]
    return {
        "title": title,
        "name": name,
        "standard": standard,
        "curve": curve,
        "x": x,
        "uar": uar,
        "wa": uar,
        "ece": 0.1,
        "uar_drop": clean - uar,
        "uar_drop_interval": interval,
        "clips": 240,
        "skipped": "",
    }


def skipped(name, title, reason, standard=True):
    """One skipped condition."""
    nothing = dict.fromkeys(("x", "uar", "wa", "ece", "uar_drop", "uar_drop_interval"))
    return {"title": title, "name": name, "standard": standard, "curve": "", **nothing, "clips": 0, "skipped": reason}


def made_stress(clean=0.6):
    """16 standard conditions, of which one is skipped, and three others, of which one is skipped."""
    rows = []
    for curve, (name, title, values) in POINTS.items():
        for index, x in enumerate(values):
            uar = clean - 0.01 * abs(x) if name == "gain" else clean - 0.05 * index - 0.1
            one = condition(name, title.format(x), uar, clean, curve, float(x), standard=name != "recorded_noise")
            rows.append(one)
    rows += [
        condition("clipping", "clipping of 10 %", clean - 0.2, clean),
        condition("band_limit", "band 300 to 3400 Hz", clean - 0.25, clean),
        condition("tempo", "tempo 0.85", clean - 0.02, clean),
        skipped("codec", "Opus 8 kbit/s", "this libsndfile has no Opus"),
        skipped("impulse_responses", "impulse responses", "no .wav or .flac under <b>rir", standard=False),
    ]
    rows.sort(key=lambda row: not row["standard"])
    known = [row["uar"] for row in rows if row["standard"] and row["uar"] is not None]
    counts = {"evaluated": len(known), "of": sum(row["standard"] for row in rows)}
    without = {"clean": clean, "ece_clean": 0.05}
    return {
        "set": "aersut-1",
        "mean": sum(known) / len(known),
        "ece_mean": 0.1,
        **counts,
        **without,
        "conditions": rows,
    }
