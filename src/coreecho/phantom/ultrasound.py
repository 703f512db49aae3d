"""From scatterers to pictures: a convolution model of a phased-array scanner.

After COLE (Gao et al. 2009, "A fast convolution-based methodology to simulate 2-D/3-D cardiac ultrasound images", IEEE
TUFFC 56:404): scatterers are projected into beam coordinates, weighted by the round-trip phase, and convolved with a
separable point-spread function whose lateral width depends on depth; then envelope, log compression, scan conversion.
Differs: scatterers fall on the nearest sample of the beam grid, and beams are even in the sine of the angle, as a
phased array steers them.
"""

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from coreecho.phantom.picture import FRAME_SIZE
from coreecho.phantom.settings import Scanner
from coreecho.phantom.view import View

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_SAMPLE_MM = 0.75
_BEAMS = 96
# The beams start on the transducer's footprint, a short arc.
_FIRST_SAMPLE_MM = 6.0
_ZONES = 8
# Side lobes: amplitude beside the beam, and the sine of the angle over which they die away.
_SIDE_LOBE = 0.004
_SIDE_LOBE_REACH = 0.12
# Share of the sector's half-width over which a machine fades the outermost beams, and by how much.
_EDGE_SHARE = 0.16
_EDGE_DB = 22.0
# Entries of the grey map; eight for each of the 256 levels of a picture.
_GREY_STEPS = 2048
# FWHM of a Gaussian over its standard deviation.
_FWHM = 2.3548


class BeamGrid:
    """The beam coordinates of a view, its point-spread function and its scan converter.

    Args:
        scanner: the machine.
        view: the operator's settings.
    """

    def __init__(self, scanner: Scanner, view: View) -> None:
        self.scanner = scanner
        self.view = view
        samples = int(np.ceil((view.depth_mm - _FIRST_SAMPLE_MM) / _SAMPLE_MM))
        self.num_samples = int(np.ceil(samples / _ZONES)) * _ZONES
        self.num_beams = _BEAMS
        self.sine_limit = float(np.sin(view.half_angle_rad))
        self.depths_mm = _FIRST_SAMPLE_MM + _SAMPLE_MM * np.arange(self.num_samples)
        self.sines = np.linspace(-self.sine_limit, self.sine_limit, _BEAMS)
        self._wavenumber = np.float32(4.0 * np.pi / scanner.wavelength_mm)
        self.pulse = self._axial_taps()
        self.lateral_blur = self._lateral_blur()
        self.scan_converter, self.sector = self._scan_converter()
        self.compensation = self._compensation()
        self.edge_db = self._edge()

    def lateral_sigma(self, depth_mm: Floats) -> Floats:
        """Standard deviation of the two-way beam, in units of the sine of the angle, at depths (any shape).

        The full width at half maximum at the focus is 1.4 wavelengths over aperture: twice the ideal two-way beam's,
        for apodisation and for the chest wall's aberration. The geometric width away from it adds in squares.
        """
        scanner = self.scanner
        diffraction = 1.4 * scanner.wavelength_mm / scanner.aperture_mm
        geometric = scanner.defocus * scanner.aperture_mm * np.abs(1.0 / np.asarray(depth_mm) - 1.0 / scanner.focus_mm)
        return np.asarray(np.hypot(diffraction, geometric) / _FWHM)

    def _compensation(self) -> Singles:
        """Amplitude (samples, 1, beams) that gives even tissue of 1 per mm^2 a mean echo power of 1 everywhere.

        The point-spread function has unit energy, so the power before it is the area in mm^2 of a cell of the grid.
        """
        width = self.depths_mm[:, None] * (self.sines[1] - self.sines[0]) / np.sqrt(1.0 - self.sines[None, :] ** 2)
        return np.asarray((_SAMPLE_MM * width) ** -0.5, dtype=np.float32)[:, None, :]

    def _edge(self) -> Singles:
        """Gain (1, beams) in dB of the beams in the picture: 0, less for the outermost, signal and noise alike."""
        outside = np.clip((np.abs(self.sines) / self.sine_limit - 1.0 + _EDGE_SHARE) / _EDGE_SHARE, 0.0, 1.0)
        layers = self.view.layers
        loss = _EDGE_DB if layers is None else layers.edge_db
        return np.asarray(-loss * outside**2, dtype=np.float32)[None, :]

    def _axial_taps(self) -> Singles:
        sigma = self.scanner.pulse_mm / _FWHM / _SAMPLE_MM * np.sqrt(2.0)
        reach = int(np.ceil(2.6 * sigma))
        taps = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
        # Unit energy, so that the echo level of a tissue does not depend on the pulse.
        return np.asarray(taps / np.sqrt(taps[0] ** 2 + 2.0 * np.sum(taps[1:] ** 2)), dtype=np.float32)

    def _lateral_blur(self) -> Singles:
        """One blurring matrix (beams, beams) per depth zone, columns of unit energy."""
        zone_depth = self.depths_mm.reshape(_ZONES, -1).mean(axis=1)
        sigma = self.lateral_sigma(zone_depth)[:, None, None]
        difference = self.sines[None, :, None] - self.sines[None, None, :]
        blur = np.exp(-0.5 * (difference / sigma) ** 2)
        blur += _SIDE_LOBE * np.exp(-np.abs(difference) / _SIDE_LOBE_REACH)
        energy = np.sqrt(np.sum(blur[:, :, _BEAMS // 2] ** 2, axis=1))
        return np.asarray(blur / energy[:, None, None], dtype=np.float32)

    def sampling_points(self) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Where the scan converter looks: depths in mm, sines, and whether inside the sector.

        Each is (n H, n W), for n points of a pixel each way.
        """
        points = self.scanner.sampling_points
        offsets = (np.arange(points) - 0.5 * (points - 1)) / points * self.scanner.pixel_reach
        fine = (np.arange(FRAME_SIZE)[:, None] + offsets[None, :]).ravel()
        x_mm, z_mm = self.view.from_pixels(fine[None, :], fine[:, None])
        radius = np.hypot(x_mm, z_mm)
        sine = x_mm / np.maximum(radius, 1e-6)
        inside = (radius >= self.depths_mm[0]) & (radius <= self.view.depth_mm) & (radius < self.depths_mm[-1])
        inside &= (np.abs(sine) < self.sine_limit) & (z_mm > 0)
        framing = self.view.framing
        if framing is not None:
            left, right = framing.left_share * self.sine_limit, framing.right_share * self.sine_limit
            inside &= (sine > -left) & (sine < right)
        return radius, sine, inside

    def _scan_converter(self) -> tuple[scipy.sparse.csr_array, NDArray[np.bool_]]:
        """Sparse (pixels in the sector, samples * beams) matrix of bilinear weights, and the sector (H, W)."""
        radius, sine, inside = self.sampling_points()
        rows, columns = np.nonzero(inside)
        points = self.scanner.sampling_points
        pixel = (rows // points) * FRAME_SIZE + columns // points
        sample = (radius[inside] - _FIRST_SAMPLE_MM) / _SAMPLE_MM
        beam = (sine[inside] + self.sine_limit) / (2.0 * self.sine_limit) * (_BEAMS - 1)
        first, left = sample.astype(np.intp), beam.astype(np.intp)
        down, right = sample - first, beam - left
        corner = first * _BEAMS + left
        entries = [
            (corner, (1 - down) * (1 - right)),
            (corner + 1, (1 - down) * right),
            (corner + _BEAMS, down * (1 - right)),
            (corner + _BEAMS + 1, down * right),
        ]
        weights = np.concatenate([weight for _, weight in entries]) / points**2
        places = (np.tile(pixel, 4), np.concatenate([place for place, _ in entries]))
        shape = (FRAME_SIZE * FRAME_SIZE, self.num_samples * _BEAMS)
        matrix = scipy.sparse.coo_array((weights.astype(np.float32), places), shape=shape).tocsr()
        sector = np.diff(matrix.indptr) > 0
        return matrix[sector], sector.reshape(FRAME_SIZE, FRAME_SIZE)

    def insonify(self, x_mm: Singles, z_mm: Singles, real: Singles, imaginary: Singles) -> Singles:
        """The complex echo of scatterers after the point-spread function, before any compensation.

        Args:
            x_mm: (N,) places in the image plane, right of the probe.
            z_mm: (N,) depths below the probe.
            real: (N,) real part of the scattering amplitudes.
            imaginary: (N,) imaginary part.

        Returns:
            (samples, 2, beams): real and imaginary parts of the baseband echo.
        """
        radius = np.sqrt(x_mm * x_mm + z_mm * z_mm)
        phase = radius * self._wavenumber
        cosine, sinus = np.cos(phase), np.sin(phase)
        beam = x_mm / np.maximum(radius, np.float32(1e-3))
        beam *= np.float32((_BEAMS - 1) / (2.0 * self.sine_limit))
        beam += np.float32(0.5 * _BEAMS)
        radius -= np.float32(_FIRST_SAMPLE_MM - 0.5 * _SAMPLE_MM)
        radius *= np.float32(1.0 / _SAMPLE_MM)
        # What lies outside of the sector falls into a margin of one sample and one beam, which is cut off.
        np.clip(radius, -0.5, self.num_samples + 0.5, out=radius)
        np.clip(beam, -0.5, _BEAMS + 0.5, out=beam)
        place = (radius + np.float32(1.0)).astype(np.intp)
        place *= _BEAMS + 2
        place += (beam + np.float32(1.0)).astype(np.intp)
        shape = (self.num_samples + 2, _BEAMS + 2)
        echo = np.empty((self.num_samples, 2, _BEAMS), dtype=np.float32)
        for part, weights in enumerate((real * cosine + imaginary * sinus, imaginary * cosine - real * sinus)):
            grid = np.bincount(place, weights=weights, minlength=shape[0] * shape[1]).reshape(shape)
            echo[:, part] = grid[1:-1, 1:-1]
        return self.blur(echo)

    def blur(self, echo: Singles) -> Singles:
        """Convolve (samples, 2, beams) with the pulse along depth and with the beam across."""
        blurred = self.pulse[0] * echo
        for shift, tap in enumerate(self.pulse[1:], start=1):
            blurred[shift:] += tap * echo[:-shift]
            blurred[:-shift] += tap * echo[shift:]
        zones = blurred.reshape(_ZONES, -1, _BEAMS)
        return np.asarray(np.matmul(zones, self.lateral_blur)).reshape(self.num_samples, 2, _BEAMS)


def envelope_db(echo: Singles, looks: int = 1) -> Singles:
    """Envelope in dB, (samples, beams), of a complex echo (samples, 2, beams).

    Args:
        echo: real and imaginary parts.
        looks: samples along each beam whose power is averaged, 1 to 3.
    """
    power = np.square(echo[:, 0]) + np.square(echo[:, 1])
    if looks > 1:
        single = power * np.float32(1.0 / looks)
        power = single.copy()
        power[1:] += single[:-1]
        if looks > 2:
            power[:-1] += single[1:]
    power += np.float32(1e-9)
    return np.asarray(np.float32(10.0) * np.log10(power))


class GreyMap:
    """Log compression: 0 dB is full white, minus the dynamic range is black, in between a power law, or an S.

    A table, since a power of each sample would cost as much as the blurring.

    Args:
        dynamic_range_db: from black to white.
        power: of the relative level in dB; above 1 darkens the middle.
        reject: share of the dynamic range, from its lower end, that is black.
        shoulder: how far the map is an S: 0 is the power law, 1 the S alone.
    """

    def __init__(self, dynamic_range_db: float, power: float, reject: float = 0.0, shoulder: float = 0.0) -> None:
        relative = (np.arange(_GREY_STEPS + 1) / _GREY_STEPS).astype(np.float32)
        if reject:
            relative = np.maximum(relative - np.float32(reject), 0.0) / np.float32(1.0 - reject)
        self._table = relative ** np.float32(power)
        if shoulder:
            rising = self._table * self._table * (np.float32(3.0) - np.float32(2.0) * self._table)
            self._table = self._table + np.float32(shoulder) * (rising - self._table)
        self._scale = np.float32(_GREY_STEPS / dynamic_range_db)

    def __call__(self, level_db: Singles, gain_db: float) -> Singles:
        """Grey levels 0 to 1, of echo levels (any shape) after the gain."""
        step = level_db * self._scale
        step += np.float32(_GREY_STEPS + gain_db * float(self._scale))
        np.clip(step, 0.0, np.float32(_GREY_STEPS), out=step)
        return self._table[step.astype(np.intp)]
