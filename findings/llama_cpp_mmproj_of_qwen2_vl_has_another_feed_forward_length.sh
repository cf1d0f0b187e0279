#!/usr/bin/env bash
# llama.cpp's converter (in llama-cpp-python 0.3.36): of Qwen2-VL, the mmproj file's clip.vision.feed_forward_length is the language
# model's width (vision_config.hidden_size), not the width inside of the encoder's MLPs (embed_dim * mlp_ratio), which the tensors in
# the same file have. llama.cpp goes by the tensors and never notices; whoever trusts the key refuses good files, or reads them wrong.
# sirocco measures the tensors for this family (sirocco/models/qwen_encoders.cpp).
#
# Run by hand. Prints what was seen; fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 torchvision==0.29.2 transformers==5.24.0 pillow==13.0.0 sentencepiece==0.2.3 gguf==0.19.0
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" llama-cpp-python==0.3.36
tar -xzf "$folder"/llama_cpp_python-0.3.36.tar.gz -C "$folder"
converter=$folder/llama_cpp_python-0.3.36/vendor/llama.cpp

"$folder/venv/bin/python" - "$folder/model" <<'PYTHON'
import sys

from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLImageProcessor

text = {"hidden_size": 48, "intermediate_size": 60, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1, "vocab_size": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}}
vision = {"depth": 3, "embed_dim": 40, "hidden_size": 48, "mlp_ratio": 2, "num_heads": 2, "patch_size": 8}
Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision)).save_pretrained(sys.argv[1])
Qwen2VLImageProcessor(patch_size=8).save_pretrained(sys.argv[1])
PYTHON
PYTHONPATH=$converter/gguf-py "$folder/venv/bin/python" "$converter/convert_hf_to_gguf.py" "$folder/model" --mmproj --outtype f32 \
  --outfile "$folder/mmproj.gguf" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
"$folder/venv/bin/python" - "$folder/mmproj.gguf" <<'PYTHON'
import sys

import gguf

reader = gguf.GGUFReader(sys.argv[1])
said = reader.fields["clip.vision.feed_forward_length"].contents()
width = reader.fields["clip.vision.projection_dim"].contents()
stored = next([int(extent) for extent in tensor.shape] for tensor in reader.tensors if tensor.name == "v.blk.0.ffn_up.weight")
print(f"embed_dim 40, mlp_ratio 2, language model {width} wide: feed_forward_length {said}, v.blk.0.ffn_up.weight {stored}")
assert said == width == 48 and stored == [40, 80], "the converter has changed"
PYTHON
