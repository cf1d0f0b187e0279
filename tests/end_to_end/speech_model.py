"""A tiny Whisper with random weights, those of tests/golden/transcription, whose tokens of text are bytes; and sound for it."""

import array
import json
import math
import struct
import wave

STEP, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


def mix(x):
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def counted_values(seed, name, count, center, spread):
    """As tools/counted_values.py has them, before they are rounded to floats."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    key, scale = mix(state ^ seed * STEP & MASK), spread / 2**17
    for i in range(count):
        word = mix(key + (i + 1) * STEP & MASK)
        quarters = (word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48)
        yield center + (quarters - 131070) * scale


def byte_characters():
    """How byte-level vocabularies spell bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def special_tokens(generation, size):
    names = {generation["eos_token_id"]: "<|endoftext|>", generation["decoder_start_token_id"]: "<|startoftranscript|>",
             generation["no_timestamps_token_id"]: "<|notimestamps|>", generation["prev_sot_token_id"]: "<|startofprev|>"}
    names.update({id: name for name, id in generation["lang_to_id"].items()})
    names.update({id: f"<|{name}|>" for name, id in generation["task_to_id"].items()})
    first = generation["no_timestamps_token_id"] + 1
    names.update({id: f"<|{(id - first) * 0.02:.2f}|>" for id in range(first, size)})
    return [{"id": id, "content": names.get(id, f"<|{id}|>"), "special": True, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False} for id in range(256, size)]


def write_speech_model(folder, source, changes=None):
    """`changes` are members of generation_config.json."""
    record = json.loads((source / "tests/golden/transcription/tiny.json").read_text())
    folder.mkdir(parents=True)
    files = record["folder"]
    files["generation_config.json"].update(changes or {})
    files["preprocessor_config.json"] = {"feature_extractor_type": "WhisperFeatureExtractor", "chunk_length": 2}
    files["tokenizer.json"] = {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": special_tokens(files["generation_config.json"], files["config.json"]["vocab_size"]),
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "merges": [],
                  "vocab": {c: byte for byte, c in enumerate(byte_characters())}}}
    for name, document in files.items():
        (folder / name).write_text(json.dumps(document))
    header, data = {}, b""
    for weight in record["weights"]:
        values = array.array("f", counted_values(record["seed"], weight["name"], math.prod(weight["shape"]), weight["center"],
                                                 weight["spread"]))
        header[weight["name"]] = {"dtype": "F32", "shape": weight["shape"], "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    return folder


def write_sound(path, seconds, rate=16000):
    """Noise, louder and quieter."""
    values = counted_values(1, "sound", int(seconds * rate), 0, 0.5)
    samples = array.array("h", (int(v * 32767 * (1 + math.sin(i / rate)) / 2) for i, v in enumerate(values)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    return path
