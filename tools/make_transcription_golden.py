#!/usr/bin/env python3
"""Makes tests/golden/transcription: a tiny random Whisper, described by the shapes of its weights (tools/counted_values.py), and
what `transformers` makes of a sound of 5 s with it: rows of the encoder, logits, and texts in windows of 2 s.

    make_transcription_golden.py [--out DIR]

Needs transformers and torch.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
import transformers

import counted_values
from make_sound_golden import signal

ROOT = Path(__file__).resolve().parent.parent
SEED = 7
SAMPLES = 81234
EVERY = 7  # of rows and logits one in so many is stored

TEXT = 256  # tokens of text; behind them the special ones
EOT, SOT = TEXT, TEXT + 1
LANGUAGES = {"<|en|>": TEXT + 2, "<|de|>": TEXT + 3, "<|fr|>": TEXT + 4}
TRANSLATE, TRANSCRIBE, START_OF_LM, START_OF_PREV, NO_SPEECH, NO_TIMESTAMPS = range(TEXT + 5, TEXT + 11)
TIMESTAMPS = NO_TIMESTAMPS + 1
POSITIONS = 100  # of a window: 2 s

CONFIG = dict(
    vocab_size=TIMESTAMPS + POSITIONS + 1, num_mel_bins=80, d_model=48, encoder_layers=2, encoder_attention_heads=3,
    encoder_ffn_dim=80, decoder_layers=3, decoder_attention_heads=4, decoder_ffn_dim=72, max_source_positions=POSITIONS,
    max_target_positions=56, pad_token_id=EOT, bos_token_id=EOT, eos_token_id=EOT, decoder_start_token_id=SOT,
    begin_suppress_tokens=None, suppress_tokens=None)
GENERATION = dict(
    decoder_start_token_id=SOT, eos_token_id=EOT, pad_token_id=EOT, bos_token_id=EOT, is_multilingual=True,
    lang_to_id=LANGUAGES, task_to_id={"transcribe": TRANSCRIBE, "translate": TRANSLATE}, no_timestamps_token_id=NO_TIMESTAMPS,
    prev_sot_token_id=START_OF_PREV, max_initial_timestamp_index=10, begin_suppress_tokens=[32, EOT],
    suppress_tokens=[1, 2, 7, SOT, TRANSLATE, TRANSCRIBE, START_OF_LM, START_OF_PREV, NO_SPEECH], max_length=56, num_beams=1,
    do_sample=False, return_timestamps=False)


def weights(model: torch.nn.Module) -> list[dict]:
    out = []
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        if name == "model.decoder.layer_norm.weight":  # so that the likeliest tokens stand out
            center, deviation = 12.0, 2.0
        elif name.endswith("layer_norm.weight"):
            center, deviation = 1.0, 0.25
        elif len(shape) == 1:
            center, deviation = 0.0, 0.3
        elif "embed" in name:
            center, deviation = 0.0, 0.1 if "tokens" in name else 0.3
        else:
            center, deviation = 0.0, 1.5 / np.sqrt(np.prod(shape[1:]))
        spread = float(f"{deviation * 12**0.5:.6g}")
        out.append({"name": name, "shape": shape, "center": center, "spread": spread})
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(counted_values.values(SEED, name, shape, center, spread)))
    return out


class Margins(transformers.LogitsProcessor):
    """Watches how far the chosen token is ahead of the next."""

    def __init__(self):
        self.least = float("inf")

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        first, second = scores[0].topk(2).values.tolist()
        self.least = min(self.least, first - second)
        return scores


def texts(model, features: torch.Tensor, **options) -> dict:
    margins = Margins()
    made = model.generate(features, return_timestamps=True, return_segments=True, max_new_tokens=CONFIG["max_target_positions"] // 2,
                          logits_processor=transformers.LogitsProcessorList([margins]), temperature=0.0, **options)
    segments = [{"start": round(float(s["start"]), 4), "end": round(float(s["end"]), 4), "tokens": s["tokens"].tolist()}
                for s in made["segments"][0]]
    return {"segments": segments, "min_margin": margins.least}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden" / "transcription")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    config = transformers.WhisperConfig(**CONFIG)
    model = transformers.WhisperForConditionalGeneration._from_config(config, attn_implementation="eager").float().eval()
    made = weights(model)
    model.generation_config = transformers.GenerationConfig(**GENERATION)

    extractor = transformers.WhisperFeatureExtractor(chunk_length=2)
    sound = signal("steps", SAMPLES)
    # As OpenAI's reference has it: a window of silence behind the sound, whose frames then don't count.
    padded = np.concatenate([sound, np.zeros(extractor.n_samples, np.float32)])
    features = extractor(padded, sampling_rate=16000, return_tensors="pt", truncation=False, padding="longest").input_features
    content = features.shape[2] - extractor.nb_max_frames
    features = features[:, :, :content]
    window = features[:, :, : 2 * POSITIONS]

    tokens = [SOT, LANGUAGES["<|de|>"], TRANSCRIBE, TIMESTAMPS, *counted_values.numbers(SEED, "tokens", 25, TEXT), TIMESTAMPS + 70]
    with torch.no_grad():
        rows = model.model.encoder(window).last_hidden_state[0].numpy()
        logits = model(window, decoder_input_ids=torch.tensor([tokens])).logits[0].numpy()
        detected = int(model.detect_language(window)[0])
        cases = {
            "german": {"language": LANGUAGES["<|de|>"], "task": "transcribe", **texts(model, features, language="de", task="transcribe")},
            "french": {"language": LANGUAGES["<|fr|>"], "task": "translate", **texts(model, features, language="fr", task="translate")},
        }
    np.save(out / "rows.npy", rows.reshape(-1)[::EVERY])
    np.save(out / "logits.npy", logits.reshape(-1)[::EVERY])
    folder = {"config.json": json.loads(model.config.to_json_string(use_diff=False)),
              "generation_config.json": json.loads(model.generation_config.to_json_string(use_diff=True))}
    record = {"made_with": {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}, "seed": SEED,
              "samples": SAMPLES, "every": EVERY, "content_frames": content, "tokens": tokens, "detected": detected, "cases": cases,
              "folder": folder, "weights": made}
    text = json.dumps(record, indent=1)
    (out / "tiny.json").write_text(text + "\n", encoding="utf-8")
    for name, case in cases.items():
        print(name, case["min_margin"], len(case["segments"]), [len(s["tokens"]) for s in case["segments"]])


if __name__ == "__main__":
    main()
