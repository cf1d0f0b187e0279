#!/usr/bin/env python3
"""Records what Pillow and transformers make of pictures, into tests/golden/media/: small picture files, and expected.json, which
says of each what its pixels are, what noise becomes in other sizes, and what the image processors of transformers make of noise.

Pixels are recorded by their digest (counted_values.py). Noise of WIDTH x HEIGHT is the bytes of `words(1, "WIDTHxHEIGHT")`, rows of
RGB; with "/edges" behind the name each byte is 0 or 255, by its upper bit.

Needs numpy, Pillow, transformers and torch. Usage: tools/make_picture_golden.py [OUTPUT_FOLDER]
"""

import io
import json
import pathlib
import shutil
import struct
import sys
import tempfile
import warnings
import zlib
from importlib.metadata import version

import numpy as np
from counted_values import digest, words
from PIL import Image, ImageOps, features
from transformers import AutoImageProcessor

ROOT = pathlib.Path(__file__).resolve().parent.parent


def noise(width, height, edges=False):
    made = words(1, f"{width}x{height}" + "/edges" * edges, (width * height * 3 + 7) // 8)
    pixels = made.astype("<u8").view(np.uint8)[: width * height * 3].reshape(height, width, 3)
    return np.where(pixels >= 128, 255, 0).astype(np.uint8) if edges else pixels.copy()


def soft(width, height, channels=3):
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 90 * np.sin(x / 7 + k) + 30 * np.cos(y / 5 * (k + 1)) for k in range(channels)]
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


# Files.


def png_chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, depth, kind, rows, *between, behind=()):
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [png_chunk(b"IHDR", header), *between, png_chunk(b"IDAT", data), *behind, png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def interlaced_png(width, height, depth, kind, pixel_bits, row):
    """`row(y)` gives the row's bits as text, which is sampled by Adam7's passes."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for left, top, right, down in passes:
        for y in range(top, height, down):
            bits = "".join(row(y)[x * pixel_bits : (x + 1) * pixel_bits] for x in range(left, width, right))
            if bits:
                bits += "0" * (-len(bits) % 8)
                data += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(data)) + png_chunk(b"IEND", b"")


def gif(canvas, frame, palette, indices, extension=b"", interlaced=False, local=False):
    """One frame of (left, top, width, height), in codes of 8 bits that are cleared before they grow."""
    count = len(palette) // 3
    flags = 0x80 | (count.bit_length() - 2) if palette else 0
    out = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0 if local else flags, 0, 0) + (b"" if local else palette) + extension
    out += b"," + struct.pack("<HHHHB", *frame, (0x40 if interlaced else 0) | (flags if local else 0)) + (palette if local else b"")
    codes = []
    for at, index in enumerate(indices):
        codes += ([128] if at % 100 == 0 else []) + [index]
    data = bytes([*codes, 129])
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    return out + b"\7" + blocks + b"\0;"


def bmp(width, height, bits, palette, data, compression=0, masks=b"", header=40, alpha_mask=b""):
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    rest = (masks + alpha_mask).ljust(max(header - 40, len(masks)), b"\0")
    offset = 14 + len(info) + len(rest) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + rest + palette + data


def core_bmp(width, height, palette, data):
    info = struct.pack("<IHHHH", 12, width, height, 1, 8)
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def saved(picture, kind, **how):
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def make_files():
    files = {}
    rough = noise(37, 23)
    rgb = Image.fromarray(soft(37, 23))
    rgba = Image.fromarray(soft(37, 23, 4))
    grey = rgb.convert("L")

    for subsampling in (0, 1, 2):
        files[f"color-{subsampling}.jpg"] = saved(rgb, "JPEG", subsampling=subsampling, quality=75)
        files[f"progressive-{subsampling}.jpg"] = saved(rgb, "JPEG", subsampling=subsampling, quality=60, progressive=True)
    files["noise.jpg"] = saved(Image.fromarray(rough), "JPEG", quality=30, restart_marker_blocks=2)
    files["grey.jpg"] = saved(grey, "JPEG")
    files["rgb.jpg"] = saved(rgb, "JPEG", keep_rgb=True)
    files["cmyk.jpg"] = saved(Image.fromarray(soft(37, 23, 4), "CMYK"), "JPEG")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        for kind, ending, how in (("JPEG", "jpg", {}), ("PNG", "png", {}), ("WEBP", "webp", {"lossless": True})):
            if ending == "jpg" or turn in (3, 6):
                files[f"exif-{turn}.{ending}"] = saved(Image.fromarray(soft(19, 8)), kind, exif=exif, **how)
    files["xmp-6.jpg"] = saved(Image.fromarray(soft(19, 8)), "JPEG", xmp=b'<x tiff:Orientation="6"/>')
    files["xmp-8.webp"] = saved(Image.fromarray(soft(19, 8)), "WEBP", lossless=True, xmp=b"<tiff:Orientation>8</tiff:Orientation>")

    files["grey-1.png"] = saved(rgb.convert("1"), "PNG")
    for bits in (2, 4):
        rows = [bytes(words(2, f"grey{bits}", 23 * 37)[y * 37 : (y + 1) * 37].astype(np.uint8)[: (37 * bits + 7) // 8]) for y in range(23)]
        files[f"grey-{bits}.png"] = png(37, 23, bits, 0, rows)
    for bits in (1, 2, 4, 8):
        files[f"palette-{bits}.png"] = saved(rgb.quantize(2**bits), "PNG", bits=bits)
    wide = words(3, "wide", 23 * 37 * 4).astype(np.uint16)
    for name, kind, channels in (("grey", 0, 1), ("grey-alpha", 4, 2), ("color", 2, 3), ("color-alpha", 6, 4)):
        rows = [wide[y * 37 * channels : (y + 1) * 37 * channels].astype(">u2").tobytes() for y in range(23)]
        files[f"wide-{name}.png"] = png(37, 23, 16, kind, rows)
    dim = (wide % 512).astype(">u2")
    files["wide-dim-grey.png"] = png(37, 23, 16, 0, [dim[y * 37 : (y + 1) * 37].tobytes() for y in range(23)])
    files["grey.png"] = saved(grey, "PNG")
    files["grey-alpha.png"] = saved(rgba.convert("LA"), "PNG")
    files["color.png"] = saved(Image.fromarray(rough), "PNG")
    files["color-alpha.png"] = saved(rgba, "PNG")
    files["key.png"] = saved(rgb, "PNG", transparency=tuple(int(v) for v in np.array(rgb)[3, 5]))
    files["grey-key.png"] = saved(grey, "PNG", transparency=int(np.array(grey)[3, 5]))
    files["palette-key.png"] = saved(rgb.quantize(16), "PNG", transparency=3)
    files["palette-alpha.png"] = saved(rgb.quantize(16), "PNG", transparency=bytes(range(0, 160, 10)))
    short = png_chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60]))
    files["short-palette.png"] = png(4, 1, 8, 3, [bytes([0, 1, 2, 200])], short)
    bits = [format(int.from_bytes(rough[y].tobytes(), "big"), f"0{37 * 24}b") for y in range(23)]
    files["interlaced.png"] = interlaced_png(37, 23, 8, 2, 24, lambda y: bits[y])
    files["interlaced-grey-1.png"] = interlaced_png(37, 23, 1, 0, 1, lambda y: bits[y][:37])
    files["interlaced-wide-grey.png"] = interlaced_png(9, 5, 16, 0, 16, lambda y: bits[y][:144])
    exif = Image.Exif()
    exif[0x0112] = 8
    files["exif-behind.png"] = png(3, 2, 8, 2, [bytes(range(9)), bytes(range(9, 18))], behind=(png_chunk(b"eXIf", exif.tobytes()[6:]),))
    xmp = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="5"/>')
    files["xmp-5.png"] = png(3, 2, 8, 2, [bytes(range(9)), bytes(range(9, 18))], xmp)

    files["lossless.webp"] = saved(Image.fromarray(rough), "WEBP", lossless=True)
    files["lossless-alpha.webp"] = saved(rgba, "WEBP", lossless=True, exact=True)
    files["lossy.webp"] = saved(rgb, "WEBP", quality=50)
    files["lossy-alpha.webp"] = saved(rgba, "WEBP", quality=80)
    files["moving.webp"] = saved(rgba, "WEBP", lossless=True, exact=True, save_all=True, append_images=[rgba.rotate(180)])

    files["color.gif"] = saved(rgb, "GIF")
    files["grey.gif"] = saved(grey, "GIF")
    files["interlaced.gif"] = saved(rgb, "GIF", interlace=1)
    files["key.gif"] = saved(rgb.quantize(32), "GIF", transparency=5)
    files["moving.gif"] = saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)])
    four = bytes([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    control = b"!\xf9\x04" + bytes([1, 0, 0, 2, 0])
    files["small-frame.gif"] = gif((4, 3), (1, 1, 2, 2), four, [0, 1, 3, 90])
    files["small-frame-key.gif"] = gif((4, 3), (1, 1, 2, 2), four, [0, 1, 3, 90], control)
    files["large-frame.gif"] = gif((2, 2), (1, 1, 2, 2), four, [0, 1, 3, 2])
    files["no-palette.gif"] = gif((4, 3), (1, 1, 2, 2), b"", [0, 1, 3, 90])
    files["local-palette.gif"] = gif((2, 2), (0, 0, 2, 2), four, [0, 1, 3, 2], local=True)
    files["rows.gif"] = gif((1, 13), (0, 0, 1, 13), four, [0, 1, 2, 3] * 3 + [1], interlaced=True)

    files["color.bmp"] = saved(Image.fromarray(rough), "BMP")
    files["alpha.bmp"] = saved(rgba, "BMP")
    files["grey.bmp"] = saved(grey, "BMP")
    files["palette.bmp"] = saved(rgb.quantize(200), "BMP")
    files["black-white.bmp"] = saved(rgb.convert("1"), "BMP")
    sixteen = bytes(range(64))
    files["palette-4.bmp"] = bmp(5, 2, 4, sixteen, bytes([0x12, 0x34, 0x50, 0, 0xFE, 0xDC, 0xB0, 0]))
    files["from-top.bmp"] = bmp(2, -2, 24, b"", bytes(range(16)))
    numbers = struct.pack("<4H", 0x1234, 0x5555, 0xFFFF, 0x8001)
    files["color-15.bmp"] = bmp(4, 1, 16, b"", numbers)
    files["color-16.bmp"] = bmp(4, 1, 16, b"", numbers, 3, struct.pack("<3I", 0xF800, 0x7E0, 0x1F))
    files["masks-32.bmp"] = bmp(2, 1, 32, b"", bytes(range(8)), 3, struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00))
    masks = struct.pack("<3I", 0xFF, 0xFF00, 0xFF0000)
    files["masks-alpha.bmp"] = bmp(2, 1, 32, b"", bytes([9, 8, 7, 100, 1, 2, 3, 0]), 3, masks, 108, struct.pack("<I", 0xFF000000))
    files["core.bmp"] = core_bmp(3, 2, four, bytes([0, 1, 2, 0, 3, 2, 1, 0]))
    runs = bytes([3, 1, 0, 0, 0, 3, 2, 1, 0, 0, 0, 0, 1, 2, 0, 2, 1, 0, 1, 3, 0, 1])
    files["runs-8.bmp"] = bmp(3, 3, 8, sixteen[:16], runs, 1)
    files["runs-4.bmp"] = bmp(5, 2, 4, sixteen, bytes([5, 0x12, 0, 0, 0, 5, 0x34, 0x56, 0x70, 0, 0, 1]), 2)
    return files


def over_white(picture):
    if "A" not in picture.getbands() and picture.info.get("transparency") is None:
        return picture.convert("RGB")
    colors = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", colors.size, (255, 255, 255, 255)), colors).convert("RGB")


def pixels(picture):
    return digest(np.array(picture).tobytes())


def record_files(folder):
    rows = []
    for name, data in sorted(make_files().items()):
        (folder / name).write_bytes(data)
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        row = {"file": name, "size": list(picture.size), "pixels": pixels(picture.convert("RGB"))}
        # Pillow compares the key of 16-bit colors with 8 bits of them: files here have none.
        row["over_white"] = pixels(over_white(picture))
        rows.append(row)
    return rows


# Sizes.


def record_sizes():
    shapes = [((1, 1), (5, 3)), ((1, 9), (4, 4)), ((9, 1), (4, 4)), ((3000, 7), (224, 224)), ((7, 3000), (224, 224)),
              ((331, 257), (288, 224)), ((64, 48), (298, 224)), ((100, 100), (110, 90)), ((100, 100), (75, 50)), ((100, 100), (75, 49)),
              ((100, 90), (100, 40)), ((90, 100), (40, 100)), ((640, 480), (1456, 1092)), ((5, 1000), (1, 1)), ((17, 16), (16, 17)),
              ((2, 2), (333, 1)), ((400, 300), (13, 250)), ((33, 33), (32, 34))]
    rows = []
    for (width, height), size in shapes:
        for edges in (False, True):
            picture = Image.fromarray(noise(width, height, edges))
            made = [pixels(picture.resize(size, number)) for number in range(6)]
            rows.append({"from": [width, height], "edges": edges, "to": list(size), "pixels": made})
    return rows


# Processors.

CLIP = {"image_processor_type": "CLIPImageProcessor"}
PINPOINTS = [[40, 80], [80, 40], [80, 80], [120, 40], [40, 120], [70, 100]]
CONFIGS = {
    "clip": CLIP,
    "clip-old": {"feature_extractor_type": "CLIPFeatureExtractor", "size": 64, "crop_size": 56, "resample": 3, "do_resize": True,
                 "do_center_crop": True, "do_normalize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
                 "image_std": [0.26862954, 0.26130258, 0.27577711]},
    "clip-fast": {"image_processor_type": "CLIPImageProcessorFast", "size": {"shortest_edge": 50},
                  "crop_size": {"height": 81, "width": 60}},
    "clip-plain": CLIP | {"do_center_crop": False, "do_normalize": False, "size": {"height": 31, "width": 60}, "resample": 1},
    "clip-bytes": CLIP | {"do_rescale": False, "size": [20, 44], "crop_size": [20, 44], "resample": 0, "image_mean": 0.5, "image_std": 2},
    "clip-nothing": CLIP | {"do_rescale": False, "do_normalize": False, "do_resize": False, "do_center_crop": False},
    "clip-edges": CLIP | {"size": {"shortest_edge": 50, "longest_edge": 90}, "do_center_crop": False, "rescale_factor": 0.01},
    "clip-box": CLIP | {"size": {"max_height": 50, "max_width": 90}, "do_center_crop": False, "resample": 4, "size_divisor": None},
    "siglip": {"image_processor_type": "SiglipImageProcessor", "do_center_crop": None, "crop_size": None, "do_pad": None},
    "siglip-null": {"image_processor_type": "SiglipImageProcessor", "do_normalize": None, "image_mean": None, "image_std": None,
                    "size": {"height": 33, "width": 30}},
    "siglip-number": {"image_processor_type": "SiglipImageProcessor", "size": 48, "image_mean": [0, 0.25, 1], "image_std": [1, 2, 3]},
    "siglip-crop": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 60, "width": 70}, "do_center_crop": True,
                    "crop_size": 55},
    "llava-pad": {"image_processor_type": "LlavaImageProcessorFast", "do_pad": True, "size": {"shortest_edge": 84},
                  "crop_size": {"height": 84, "width": 84}},
    "llava": {"image_processor_type": "LlavaImageProcessor", "size": {"shortest_edge": 60}},
    "llava-next": {"image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": 336},
                   "crop_size": {"height": 336, "width": 336}, "aspect_ratio_setting": "anyres"},
    "llava-next-small": {"image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": 40}, "crop_size": 40,
                         "image_grid_pinpoints": PINPOINTS[:5]},
    "llava-next-odd": {"image_processor_type": "LlavaNextImageProcessor", "size": {"height": 30, "width": 40},
                       "crop_size": {"height": 35, "width": 30}, "image_grid_pinpoints": PINPOINTS},
    "idefics3": {"image_processor_type": "Idefics3ImageProcessor"},
    "smolvlm": {"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 256}, "max_image_size": {"longest_edge": 64},
                "do_image_splitting": True, "do_pad": True},
    "smolvlm-whole": {"image_processor_type": "SmolVLMImageProcessorFast", "size": {"longest_edge": 256},
                      "max_image_size": {"longest_edge": 64}, "do_image_splitting": False},
    "smolvlm-sides": {"image_processor_type": "SmolVLMImageProcessor", "size": {"height": 100, "width": 130},
                      "max_image_size": {"longest_edge": 64}, "resample": 2},
    "smolvlm-unresized": {"image_processor_type": "SmolVLMImageProcessor", "do_resize": False, "max_image_size": {"longest_edge": 512}},
    "smolvlm-largest": {"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 5000},
                        "max_image_size": {"longest_edge": 512}},
    "idefics2": {"image_processor_type": "Idefics2ImageProcessor", "size": {"longest_edge": 130, "shortest_edge": 60}},
    "idefics2-split": {"image_processor_type": "Idefics2ImageProcessor", "size": {"longest_edge": 130, "shortest_edge": 60},
                       "do_image_splitting": True},
    "gemma3": {"image_processor_type": "Gemma3ImageProcessor"},
    "gemma3-scan": {"image_processor_type": "Gemma3ImageProcessorFast", "size": {"height": 64, "width": 64}, "do_pan_and_scan": True,
                    "pan_and_scan_min_crop_size": 30, "pan_and_scan_max_num_crops": 4, "pan_and_scan_min_ratio_to_activate": 1.2},
    "qwen2-vl": {"image_processor_type": "Qwen2VLImageProcessor"},
    "qwen2-vl-pixels": {"image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 20000, "max_pixels": 40000, "merge_size": 2,
                        "patch_size": 14, "temporal_patch_size": 2, "size": {"shortest_edge": 1, "longest_edge": 2}},
    "qwen3-vl": {"image_processor_type": "Qwen2VLImageProcessorFast", "size": {"longest_edge": 60000, "shortest_edge": 4096},
                 "patch_size": 16, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
    "pixtral": {"image_processor_type": "PixtralImageProcessor"},
    "pixtral-small": {"image_processor_type": "PixtralImageProcessorFast", "size": {"longest_edge": 154},
                      "patch_size": {"height": 14, "width": 14}},
    "pixtral-number": {"image_processor_type": "PixtralImageProcessor", "size": 200, "patch_size": 10, "do_center_crop": True,
                       "crop_size": 100},
}
SHAPES = [(1, 1), (1, 7), (9, 1), (64, 48), (331, 257), (300, 90), (37, 400), (224, 224), (10, 2001), (513, 512), (127, 126)]
# A quarter without pixels is an error to us, and to transformers where it doesn't come out black by chance.
FEW = {"smolvlm-largest": [(10, 2001)], "idefics2-split": [(1, 1), (9, 1), *SHAPES[3:]], "idefics3": [(64, 48), (30, 100)],
       "llava-next": [(331, 257), (37, 400)], "gemma3": [(331, 257)], "pixtral": [(331, 257), (1100, 20)]}


def unpatched(patches, grid, patch, merge):
    """Qwen2-VL's patches as the picture that they were cut from."""
    _, rows, columns = grid
    cut = patches.reshape(rows // merge, columns // merge, merge, merge, 3, -1, patch, patch)
    assert (cut[..., 0, :, :] == cut[..., -1, :, :]).all()
    return cut[..., 0, :, :].transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, rows * patch, columns * patch)


def tiles_of(processor, picture):
    layout = {}
    made = processor(picture, **({"return_row_col_info": True} if hasattr(processor, "return_row_col_info") else {}))
    values = made["pixel_values"]
    if "image_grid_thw" in made:
        layout["patches"] = [int(made["image_grid_thw"][0][2]), int(made["image_grid_thw"][0][1])]
        return [unpatched(values, made["image_grid_thw"][0], processor.patch_size, processor.merge_size)], layout
    if "rows" in made:
        layout |= {"rows": made["rows"][0][0], "columns": made["cols"][0][0]}
    if "num_crops" in made:
        layout["parts"] = int(made["num_crops"][0])
        return list(values), layout
    nested = values[0]
    if "pixel_attention_mask" in made:
        masks = made["pixel_attention_mask"][0]
        return [tile[:, : mask[:, 0].sum(), : mask[0].sum()] for tile, mask in zip(nested, masks, strict=True)], layout
    return [nested] if np.ndim(nested) == 3 and np.shape(nested)[0] == 3 else list(nested), layout


def record_processors():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, config in CONFIGS.items():
            pathlib.Path(folder, "preprocessor_config.json").write_text(json.dumps(config), encoding="utf-8")
            processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
            assert type(processor).__name__.endswith("Pil")
            made = []
            for width, height in FEW.get(name, SHAPES):
                row = {"from": [width, height]}
                try:
                    tiles, layout = tiles_of(processor, Image.fromarray(noise(width, height)))
                    tiles = [np.ascontiguousarray(tile, np.float32) for tile in tiles]
                    assert all(tile.shape[0] == 3 for tile in tiles)
                    row |= layout | {"tiles": [[tile.shape[2], tile.shape[1], digest(tile.tobytes())] for tile in tiles],
                                     "first": float(tiles[0].flat[0]), "last": float(tiles[-1].flat[-1])}
                except (ValueError, ZeroDivisionError) as error:
                    row["error"] = str(error)[:100]
                made.append(row)
            rows.append({"name": name, "config": config, "made": made})
    return rows


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/golden/media")
    warnings.simplefilter("ignore")
    shutil.rmtree(folder / "files", ignore_errors=True)
    (folder / "files").mkdir(parents=True)
    packages = {name: version(name) for name in ("numpy", "pillow", "torch", "transformers")}
    libraries = {name: features.version(name) for name in ("libjpeg_turbo", "webp", "zlib")}
    expected = {"versions": packages | libraries, "files": record_files(folder / "files"), "sizes": record_sizes(),
                "processors": record_processors()}
    lines = ["{"]
    for name, rows in expected.items():
        end = "" if name == "processors" else ","
        if name == "versions":
            lines.append(f'"versions": {json.dumps(rows)},')
            continue
        lines += [f'"{name}": [', ",\n".join(json.dumps(row) for row in rows), "]" + end]
    (folder / "expected.json").write_text("\n".join([*lines, "}", ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
