#!/usr/bin/env bash
# Pillow 13.0.0: Image.resize doesn't always go through columns first. Where a picture loses more than twice as many rows as columns, it
# resizes rows first, and since it rounds to bytes between the two passes, pixels differ from those of columns first: by up to
# some twenty of 255 on noise with bicubic. Whoever computes the same picture with torchvision, or with an older Pillow, gets the other
# bytes. sirocco follows Pillow 13 (sirocco/media/resize.cpp).
#
# Run by hand. Prints what was seen; fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import random

import PIL
from PIL import Image

assert PIL.__version__ == "13.0.0", PIL.__version__


def noise(width, height):
    generator = random.Random(7)
    return Image.frombytes("RGB", (width, height), bytes(generator.randrange(256) for _ in range(width * height * 3)))


def apart(a, b):
    return max(abs(x - y) for x, y in zip(a.tobytes(), b.tobytes()))


def orders(width, height, side):
    picture = noise(width, height)
    at_once = picture.resize((side, side), Image.Resampling.BICUBIC)
    columns = picture.resize((side, height), Image.Resampling.BICUBIC).resize((side, side), Image.Resampling.BICUBIC)
    rows = picture.resize((width, side), Image.Resampling.BICUBIC).resize((side, side), Image.Resampling.BICUBIC)
    return apart(at_once, columns), apart(at_once, rows)


for size, first in [((300, 200, 96), "columns"), ((200, 300, 150), "rows"), ((120, 400, 100), "rows"), ((240, 200, 224), "columns")]:
    by_columns, by_rows = orders(*size)
    print(f"{size[0]} x {size[1]} to {size[2]} x {size[2]}: {by_columns} from columns first, {by_rows} from rows first")
    assert (by_columns if first == "columns" else by_rows) == 0
    assert (by_rows if first == "columns" else by_columns) > 0
PYTHON
