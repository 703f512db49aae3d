"""The pixels of a DICOM clip, whatever their coding, as grey frames of 8 bits.

Frames are decoded one at a time, so a clip in colour never lies in memory as a whole. Each coding has one decoder:
pydicom would otherwise try the next one where the first finds damage, and some decoders return half a picture for half
a frame without a word.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import iter_pixels

from coreecho.errors import VideoError
from coreecho.video.colour import ColourTally, to_grey
from coreecho.video.jpeg_sizes import declared_size

# Per transfer syntax, by preference; all but Pillow's and pydicom's own come with `pip install "coreecho[dicom]"`.
_DECODERS: dict[str, tuple[str, ...]] = {
    uid.JPEGBaseline8Bit: ("pillow",),
    uid.JPEGExtended12Bit: ("gdcm",),
    uid.JPEGLossless: ("gdcm",),
    uid.JPEGLosslessSV1: ("gdcm",),
    uid.JPEGLSLossless: ("pyjpegls",),
    uid.JPEGLSNearLossless: ("pyjpegls",),
    uid.JPEG2000: ("pylibjpeg",),
    uid.JPEG2000Lossless: ("pylibjpeg",),
    uid.HTJ2K: ("pylibjpeg",),
    uid.HTJ2KLossless: ("pylibjpeg",),
    uid.HTJ2KLosslessRPCL: ("pylibjpeg",),
    uid.RLELossless: ("pylibjpeg", "pydicom"),
}
_UNCOMPRESSED = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)

ToGrey = Callable[[NDArray[Any]], tuple[NDArray[np.uint8], NDArray[np.uint8] | None]]


def decode_frames(dataset: Dataset, source: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Decode all frames.

    Args:
        dataset: with PixelData, whose size was checked.
        source: the file, for messages.

    Returns:
        Frames (T, H, W) uint8, and (H, W) where some frame is coloured in patches; None for grey files.

    Raises:
        VideoError: the coding is not supported, its codec is not installed, or frames are missing.
        Exception: any that pydicom and its decoders raise on damaged pixels.
    """
    plugin = _decoder(dataset, source)
    if plugin and dataset.file_meta.TransferSyntaxUID != uid.RLELossless:
        _check_pictures(dataset, source)
    convert = _converter(dataset, source)
    num_frames, height, width = int(dataset.NumberOfFrames), int(dataset.Rows), int(dataset.Columns)
    frames = np.empty((num_frames, height, width), dtype=np.uint8)
    tally = ColourTally(height, width)
    num_decoded = 0
    is_colour = False
    # pydicom gives RGB for all that is stored as YBR: nothing is to be converted again.
    for pixels in iter_pixels(dataset, decoding_plugin=plugin):
        if num_decoded < num_frames:
            frames[num_decoded], rgb = convert(pixels)
            if rgb is not None:
                is_colour = True
                tally.add(rgb)
        num_decoded += 1
    if num_decoded != num_frames:
        raise VideoError(
            f"{source}: declares {num_frames} frames and holds {num_decoded}: it is cut off or damaged. "
            "Export it again from the archive or the scanner."
        )
    return frames, tally.mask if is_colour else None


def _decoder(dataset: Dataset, source: str) -> str:
    """Name the decoder to use; empty for what needs none."""
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None or syntax in _UNCOMPRESSED:
        return ""
    if syntax not in _DECODERS:
        # Of an unknown coding, pydicom gives as its name whatever stands in the file.
        name = "unknown" if syntax.name == str(syntax) else syntax.name
        raise VideoError(
            f"{source}: its coding, {name}, is not read. Export it as JPEG or uncompressed DICOM, or as MP4."
        )
    available = get_decoder(syntax).available_plugins
    for plugin in _DECODERS[syntax]:
        if plugin in available:
            return plugin
    raise VideoError(f'{source}: reading {syntax.name} takes a codec: pip install "coreecho[dicom]".')


def _check_pictures(dataset: Dataset, source: str) -> None:
    """Refuse pictures of another size than the file declares: a few bytes may ask a decoder for gigabytes."""
    expected = (int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel))
    tables = [dataset.get(keyword) for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")]
    pictures = generate_frames(
        dataset.PixelData,
        number_of_frames=int(dataset.NumberOfFrames),
        extended_offsets=(tables[0], tables[1]) if all(tables) else None,
    )
    for number, picture in enumerate(pictures):
        found = declared_size(picture)
        if found != expected:
            size = "of no known size" if found is None else "{} x {} pixels in {} channels".format(*found)
            raise VideoError(
                f"{source}: frame {number} is {size}, where {expected[0]} x {expected[1]} in {expected[2]} were "
                "declared: it is damaged. Export it again from the archive or the scanner."
            )


def _converter(dataset: Dataset, source: str) -> ToGrey:
    """Choose how a frame becomes grey, and RGB where it has colours."""
    photometric = str(dataset.PhotometricInterpretation)
    if int(dataset.BitsAllocated) not in (8, 16):
        raise VideoError(f"{source}: has {int(dataset.BitsAllocated)} bits a pixel; 8 or 16 are read.")
    if photometric == "PALETTE COLOR":
        return _palette_converter(dataset)
    levels = _levels_converter(dataset)
    if int(dataset.SamplesPerPixel) == 3:
        return lambda pixels: (to_grey(rgb := levels(pixels)), rgb)
    if photometric in ("MONOCHROME1", "MONOCHROME2"):
        is_inverted = photometric == "MONOCHROME1"
        return lambda pixels: (255 - levels(pixels) if is_inverted else levels(pixels), None)
    raise VideoError(f"{source}: pixels of kind {photometric!r} are not read.")


def _levels_converter(dataset: Dataset) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    """Bring stored levels to 8 bits, keeping the most significant of those in use."""
    bits = int(dataset.BitsStored)
    if not 1 <= bits <= int(dataset.BitsAllocated):
        raise ValueError(f"BitsStored is {bits}")
    offset = 1 << (bits - 1) if int(dataset.get("PixelRepresentation") or 0) else 0

    def convert(pixels: NDArray[Any]) -> NDArray[np.uint8]:
        if bits == 8 and not offset:
            return pixels.astype(np.uint8, copy=False)
        levels = pixels.astype(np.int32) + offset
        scaled = levels >> (bits - 8) if bits > 8 else levels << (8 - bits)
        return scaled.clip(0, 255).astype(np.uint8)

    return convert


def _palette_converter(dataset: Dataset) -> ToGrey:
    """Look colours up once for every possible pixel, and in the 8 most significant bits that they use."""
    stored = np.arange(1 << int(dataset.BitsStored), dtype=np.uint16)
    colours = apply_color_lut(stored, dataset)
    # Descriptors often say 16 bits where the values have 8.
    table = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
    grey = to_grey(table)
    return lambda pixels: (grey[pixels], table[pixels])
