"""The stored frames of a DICOM clip, one at a time, whatever their coding.

Each coding has one decoder: pydicom would otherwise try the next one where the first finds damage, and some decoders
return half a picture for half a frame without a word.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate, generate_fragments, generate_frames, parse_basic_offsets
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import iter_pixels, pixel_array

from coreecho.errors import VideoError
from coreecho.video.colour import neutral_share
from coreecho.video.jpeg_sizes import declared_bits, declared_size, with_named_colours
from coreecho.video.limits import Patience, check_density

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
_AGAIN = "Export it again from the archive or the scanner."
PLANES_NOTE = "its colours lie otherwise (by pixel or by plane) than the file says; read as they lie"
# Share of the pixels that are grey if the channels lie otherwise than the file says, and its lead over what it says.
_MIN_NEUTRAL, _MIN_NEUTRAL_LEAD = 0.9, 0.05
OFFSETS_NOTE = "its table of where frames begin is wrong and was not used"
# Two pixels share their chroma, so uncompressed clips of these labels have 2 bytes a pixel. The second is retired, and
# refused for its levels.
_SUBSAMPLED, _SUBSAMPLED_PARTIAL = "YBR_FULL_422", "YBR_PARTIAL_422"
# What describes the pixels, and the pixels.
_PIXEL_GROUPS = (0x0028, 0x7FE0)


class Frames(Protocol):
    """Frames as they are stored: `raw` leaves colours as they are, otherwise YCbCr becomes RGB."""

    instance: Dataset
    notes: tuple[str, ...]

    def __len__(self) -> int: ...

    def one(self, number: int) -> NDArray[Any]:
        """Decode one frame as it is stored."""

    def all(self, *, raw: bool) -> Iterator[NDArray[Any]]:
        """Decode all frames, in order."""


class StoredFrames:
    """The frames of one file.

    Args:
        instance: with PixelData, whose size was checked.
        source: the file, for messages.
        path: the file, needed where its PixelData is large and was left in it: frames are then read one at a time.

    Raises:
        VideoError: the coding is not supported, its codec is not installed, or frames are missing.
    """

    def __init__(self, instance: Dataset, source: str, path: Path | None = None) -> None:
        self.instance = instance
        self.notes: tuple[str, ...] = ()
        self._path = path
        self._frame_bytes = 0
        self._source = source
        self._num_frames = int(instance.get("NumberOfFrames") or 1)
        self._plugin = _decoder(instance, source)
        if not self._plugin:
            self._check_raw()
            self._mend_planes()
            return
        self._patience = Patience(source, _pixel_bytes(instance))
        _check_packing(instance, self._num_frames, source)
        self._mend_offsets()
        if instance.file_meta.TransferSyntaxUID != uid.RLELossless:
            _check_pictures(self.instance, self._num_frames, source)
            self._name_colours()

    def __len__(self) -> int:
        return self._num_frames

    def one(self, number: int) -> NDArray[Any]:
        """Decode one frame as it is stored."""
        if not self._plugin:
            return self._plain(number, raw=True)
        with self._patience.spending():
            return pixel_array(
                self.instance, index=number, raw=True, decoding_plugin=self._plugin, correct_unused_bits=False
            )

    def _plain(self, number: int, *, raw: bool) -> NDArray[Any]:
        """One frame of an uncompressed file, read from the disk where its pixels were left there."""
        element = self.instance.get_item("PixelData", keep_deferred=True)
        if not (isinstance(element, RawDataElement) and element.value is None) or self._path is None:
            return pixel_array(self.instance, index=number, raw=raw, correct_unused_bits=False)
        with self._path.open("rb") as file:
            file.seek(element.value_tell + number * self._frame_bytes)
            content = file.read(self._frame_bytes)
        frame = changed(self.instance, NumberOfFrames=1, PixelData=content + bytes(len(content) % 2))
        frame["PixelData"].VR = element.VR or "OW"
        return pixel_array(frame, raw=raw, correct_unused_bits=False)

    def all(self, *, raw: bool) -> Iterator[NDArray[Any]]:
        """Decode all frames, in order. Raises VideoError where there are more or fewer than declared."""
        if not self._plugin:
            # Frame by frame: pydicom 3.0 takes subsampled colours apart wrongly from the second frame on, otherwise.
            for number in range(self._num_frames):
                yield self._plain(number, raw=raw)
            return
        num_decoded = 0
        decoded = iter_pixels(self.instance, raw=raw, decoding_plugin=self._plugin, correct_unused_bits=False)
        while True:
            with self._patience.spending():
                pixels = next(decoded, None)
            if pixels is None:
                break
            num_decoded += 1
            if num_decoded <= self._num_frames:
                yield pixels
        if num_decoded != self._num_frames:
            raise _wrong_count(self._source, self._num_frames, num_decoded)

    def _check_raw(self) -> None:
        """Hold the number of bytes against the number of frames; subsampled colours may not be so in truth."""
        instance = self.instance
        samples = int(instance.SamplesPerPixel)
        num_bytes = _pixel_bytes(instance)
        pixels = int(instance.Rows) * int(instance.Columns)
        frame_bytes = pixels * samples * int(instance.BitsAllocated) // 8
        label = instance.get("PhotometricInterpretation")
        if label in (_SUBSAMPLED, _SUBSAMPLED_PARTIAL) and samples == 3:
            if num_bytes - num_bytes % 2 != (padded := frame_bytes * self._num_frames) - padded % 2:
                frame_bytes = frame_bytes * 2 // 3
            elif label == _SUBSAMPLED:
                # Three bytes a pixel: archives unpack a JPEG clip and leave its label.
                self.instance = changed(instance, PhotometricInterpretation="YBR_FULL")
        self._frame_bytes = frame_bytes
        expected = frame_bytes * self._num_frames
        if num_bytes not in (expected, expected + expected % 2):
            raise _wrong_count(self._source, self._num_frames, num_bytes // max(1, frame_bytes), num_bytes - expected)

    def _mend_planes(self) -> None:
        """Find by their statistics whether the colours lie pixel by pixel or plane by plane, where the label is wrong.

        Of a grey picture in RGB, or in YCbCr, this is plain: see `neutral_share`.
        """
        instance = self.instance
        is_subsampled = instance.get("PhotometricInterpretation") in (_SUBSAMPLED, _SUBSAMPLED_PARTIAL)
        if int(instance.SamplesPerPixel) != 3 or int(instance.BitsAllocated) != 8 or is_subsampled:
            return
        pixels = self.one(self._num_frames // 2).astype(np.uint8, copy=False)
        found = neutral_share(pixels)
        is_planar = bool(int(instance.get("PlanarConfiguration") or 0))
        stored = pixels.transpose(2, 0, 1) if is_planar else pixels
        height, width = pixels.shape[:2]
        other = stored.reshape(height, width, 3) if is_planar else stored.reshape(3, height, width).transpose(1, 2, 0)
        if neutral_share(other) > max(_MIN_NEUTRAL, found + _MIN_NEUTRAL_LEAD):
            self.notes = (PLANES_NOTE,)
            self.instance = changed(instance, PlanarConfiguration=0 if is_planar else 1)

    def _mend_offsets(self) -> None:
        """Leave the offset tables aside where they are wrong, or the frames are one fragment each: none is needed."""
        instance = self.instance
        items = BytesIO(instance.PixelData)
        offsets = parse_basic_offsets(items)
        has_extended = "ExtendedOffsetTable" in instance
        if not offsets and not has_extended:
            return
        fragments = list(generate_fragments(items))
        starts = np.cumsum([0, *(8 + len(fragment) for fragment in fragments[:-1])]).tolist()
        if len(fragments) != self._num_frames:
            is_right = len(offsets) == self._num_frames and offsets == sorted(set(offsets)) and {*offsets} <= {*starts}
            # Without a table, a frame of several fragments ends where its picture does.
            if has_extended or (is_right and offsets[0] == 0):
                return
        if has_extended or list(offsets) != starts:
            self.notes = () if has_extended else (OFFSETS_NOTE,)
            content = encapsulate(fragments, has_bot=False)
            self.instance = changed(
                instance, ExtendedOffsetTable=None, ExtendedOffsetTableLengths=None, PixelData=content
            )

    def _name_colours(self) -> None:
        """Mark pictures as RGB that say so by the names of their channels alone."""
        instance = self.instance
        items = BytesIO(instance.PixelData)
        offsets = parse_basic_offsets(items)
        fragments = list(generate_fragments(items))
        if int(instance.SamplesPerPixel) != 3 or fragments[0] == with_named_colours(fragments[0]):
            return
        # Longer pictures begin elsewhere than the tables say; without them a frame ends where its picture does.
        if (offsets or "ExtendedOffsetTable" in instance) and len(fragments) != self._num_frames:
            return
        content = encapsulate(list(map(with_named_colours, fragments)), has_bot=False)
        self.instance = changed(instance, ExtendedOffsetTable=None, ExtendedOffsetTableLengths=None, PixelData=content)


class SeriesFrames:
    """The frames of single files, one each, in order.

    Args:
        instances: one frame each, all of one size and coding.
        source: the series, for messages.
    """

    def __init__(self, instances: Sequence[Dataset], source: str) -> None:
        self._frames = [StoredFrames(instance, source) for instance in instances]
        self.instance = self._frames[0].instance
        self.notes: tuple[str, ...] = self._frames[0].notes

    def __len__(self) -> int:
        return len(self._frames)

    def one(self, number: int) -> NDArray[Any]:
        """Decode one frame as it is stored."""
        return self._frames[number].one(0)

    def all(self, *, raw: bool) -> Iterator[NDArray[Any]]:
        """Decode all frames, in order."""
        for frames in self._frames:
            yield from frames.all(raw=raw)


def changed(instance: Dataset, **attributes: Any) -> Dataset:
    """Make a data set of what describes the pixels, with some attributes set to others, or left out where None."""
    replaced = {tag_for_keyword(keyword) for keyword in attributes}
    # Iterating over a data set gives elements, and so would read what was left in the file.
    tags = [tag for tag in instance.keys() if tag.group in _PIXEL_GROUPS and tag not in replaced]  # noqa: SIM118
    described = Dataset({tag: instance.get_item(tag, keep_deferred=True) for tag in tags})
    described.file_meta = instance.file_meta
    for keyword, value in attributes.items():
        if value is not None:
            setattr(described, keyword, value)
    return described


def _pixel_bytes(instance: Dataset) -> int:
    element = instance.get_item("PixelData", keep_deferred=True)
    if isinstance(element, RawDataElement) and element.value is None:
        return element.length
    return len(instance.PixelData)


def count_frames(instance: Dataset) -> int:
    """Count the frames: as declared, or where the file says none, as many as its pixels make."""
    declared = int(instance.get("NumberOfFrames") or 0)
    if declared:
        return declared
    syntax = instance.file_meta.get("TransferSyntaxUID") if hasattr(instance, "file_meta") else None
    if syntax is None or syntax in _UNCOMPRESSED:
        samples = int(instance.SamplesPerPixel)
        if instance.get("PhotometricInterpretation") == _SUBSAMPLED and not _is_unpacked(instance):
            samples = 2
        frame_bytes = int(instance.Rows) * int(instance.Columns) * samples * int(instance.BitsAllocated) // 8
        return _pixel_bytes(instance) // max(1, frame_bytes)
    items = BytesIO(instance.PixelData)
    parse_basic_offsets(items)
    fragments = list(generate_fragments(items))
    # A frame may be cut into several fragments, of which only the first begins a picture.
    begin = sum(declared_size(fragment) is not None for fragment in fragments)
    return begin or len(fragments)


def _is_unpacked(instance: Dataset) -> bool:
    """Tell by the first frame whether pixels labelled as sharing their chroma lie with three bytes each, after all."""
    num_pixels = int(instance.Rows) * int(instance.Columns)
    content = np.frombuffer(instance.PixelData[: 3 * num_pixels], np.uint8)
    if len(content) < 3 * num_pixels:
        return False
    # As if both pixels of a pair had its first one's luma.
    shared = content[: num_pixels // 2 * 4].reshape(-1, 1, 4)[..., [0, 2, 3]]
    return neutral_share(content.reshape(-1, 1, 3)) > neutral_share(shared)


def _wrong_count(source: str, num_declared: int, num_held: int, num_bytes_over: int = 0) -> VideoError:
    if num_held == num_declared:
        num_bytes = f"{num_bytes_over} bytes more than that" if num_bytes_over > 0 else f"{-num_bytes_over} bytes less"
        return VideoError(f"{source}: declares {num_declared} frames and holds {num_bytes}: it is damaged. {_AGAIN}")
    return VideoError(
        f"{source}: declares {num_declared} frames and holds {num_held}: it is cut off or damaged. {_AGAIN}"
    )


def _decoder(instance: Dataset, source: str) -> str:
    """Name the decoder to use; empty for what needs none."""
    syntax = instance.file_meta.get("TransferSyntaxUID") if hasattr(instance, "file_meta") else None
    if syntax is None or syntax in _UNCOMPRESSED:
        return ""
    if syntax not in _DECODERS:
        # Of an unknown coding, pydicom gives as its name whatever stands in the file.
        name = "unknown" if syntax.name == str(syntax) else syntax.name
        raise VideoError(
            f"{source}: its coding, {name}, is not read. Export it as JPEG or uncompressed DICOM, or as MP4."
        )
    if syntax == uid.JPEGExtended12Bit and int(instance.BitsStored) > 8:
        raise VideoError(
            f"{source}: its coding, JPEG with 12 bits, is not read. Export it as JPEG or uncompressed DICOM."
        )
    available = get_decoder(syntax).available_plugins
    for plugin in _DECODERS[syntax]:
        if plugin in available:
            return plugin
    raise VideoError(f'{source}: reading {syntax.name} takes a codec: pip install "coreecho[dicom]".')


def _check_packing(instance: Dataset, num_frames: int, source: str) -> None:
    num_pixels = num_frames * int(instance.Rows) * int(instance.Columns) * int(instance.SamplesPerPixel)
    check_density(source, num_pixels, len(instance.PixelData))


def _check_pictures(instance: Dataset, num_frames: int, source: str) -> None:
    """Refuse pictures of another size than the file declares: a few bytes may ask a decoder for gigabytes."""
    expected = (int(instance.Rows), int(instance.Columns), int(instance.SamplesPerPixel))
    tables = [instance.get(keyword) for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")]
    pictures = generate_frames(
        instance.PixelData,
        number_of_frames=num_frames,
        extended_offsets=(tables[0], tables[1]) if all(tables) else None,
    )
    for number, picture in enumerate(pictures):
        found = declared_size(picture)
        if found != expected:
            size = "of no known size" if found is None else "{} x {} pixels in {} channels".format(*found)
            raise VideoError(
                f"{source}: frame {number} is {size}, where {expected[0]} x {expected[1]} in {expected[2]} were "
                f"declared: it is damaged. {_AGAIN}"
            )
        # With more bits than there are for a level, GDCM ends the whole program.
        bits, most = declared_bits(picture), int(instance.BitsAllocated)
        if bits is not None and not 2 <= bits <= most:
            raise VideoError(f"{source}: frame {number} has levels of {bits} bits, of at most {most}. {_AGAIN}")
