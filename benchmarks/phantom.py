"""Phantom videos per second, and how much faster a frame is than by the plain calls of NumPy and SciPy.

The plain way makes the same picture: scatterers are added to a complex grid with `np.add.at`, blurred by sums in double
precision, and scan-converted with `map_coordinates` at the same 3 x 3 points a pixel; 99 % of pixels must agree to a
grey level.
They take turns, so that a busy machine slows both; the ratio is the median over the turns. Absolute rates are of whole
videos of 112 x 112 x 128, drawn, simulated, encoded and written, with two processes; on a busy machine the processor
time of a video says more.
Run as `python benchmarks/phantom.py`.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import convolve1d, map_coordinates
from threadpoolctl import threadpool_limits

from coreecho.phantom import PhantomSettings, write_echonet_phantoms
from coreecho.phantom.avi import write_mjpeg_avi
from coreecho.phantom.simulation import Scene, plan_recording, render_recording
from coreecho.phantom.view import FRAME_SIZE

NUM_FRAMES = 128
VIDEOS = 60
TURNS = 15
SETTINGS = PhantomSettings(min_frames=NUM_FRAMES, max_frames=NUM_FRAMES)


def plain_frame(scene: Scene, frame: int, gain_db: float) -> np.ndarray:
    """A frame (H, W) as one would write it from the formulas."""
    grid, view, leaflets = scene.grid, scene.plan.view, scene.leaflets
    across, along = scene.points.tissue.place(scene.plan.motion, frame)
    across, along = np.append(across, leaflets.x_mm[frame]), np.append(along, leaflets.z_mm[frame])
    x_mm, z_mm = scene.plan.to_scan(across, along, frame)
    real, imaginary = np.append(scene.points.real, leaflets.real), np.append(scene.points.imaginary, leaflets.imaginary)
    radius = np.hypot(x_mm, z_mm)
    echo = (real + 1j * imaginary) * np.exp(-4j * np.pi / grid.scanner.wavelength_mm * radius.astype(np.float32))
    step = grid.depths_mm[1] - grid.depths_mm[0]
    sample = np.round((radius - grid.depths_mm[0]) / step).astype(int)
    beam = np.round((x_mm / radius + grid.sine_limit) / (grid.sines[1] - grid.sines[0])).astype(int)
    seen = (sample >= 0) & (sample < grid.num_samples) & (beam >= 0) & (beam < grid.num_beams)
    beams = np.zeros((grid.num_samples, grid.num_beams), dtype=complex)
    np.add.at(beams, (sample[seen], beam[seen]), echo[seen])
    pulse = np.concatenate([grid.pulse[:0:-1], grid.pulse]).astype(float)
    beams = convolve1d(beams.real, pulse, axis=0, mode="constant") + 1j * convolve1d(
        beams.imag, pulse, axis=0, mode="constant"
    )
    zones = beams.reshape(len(grid.lateral_blur), -1, grid.num_beams)
    beams = np.einsum("zsb,zbc->zsc", zones, grid.lateral_blur.astype(float)).reshape(beams.shape)
    clutter, noise = scene.clutter_at(frame), scene.noise(frame)
    beams = beams * scene.transmission[:, 0] + (clutter[:, 0] + 1j * clutter[:, 1])
    beams += noise[:, 0] + 1j * noise[:, 1]
    level_db = 20 * np.log10(np.abs(beams)) + grid.edge_db
    level = np.clip((level_db + gain_db) / view.dynamic_range_db + 1, 0, 1) ** view.grey_power
    depths, sines, inside = grid.sampling_points()
    places = [(depths - grid.depths_mm[0]) / step, (sines + grid.sine_limit) / (grid.sines[1] - grid.sines[0])]
    fine = np.where(inside, map_coordinates(level, places, order=1, mode="nearest"), 0.0)
    return np.asarray(fine.reshape(FRAME_SIZE, 3, FRAME_SIZE, 3).mean(axis=(1, 3)))


def fast_frame(scene: Scene, frame: int, gain_db: float) -> np.ndarray:
    """The same frame (H, W) as the phantoms are made."""
    picture = np.zeros((FRAME_SIZE, FRAME_SIZE), dtype=np.float32)
    picture[scene.grid.sector] = scene.grey(scene.level_db(frame), gain_db)
    return picture


def main() -> None:
    """Compare a frame both ways, then time whole videos."""
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        scene = Scene(plan_recording(SETTINGS, 0, 0, "TRAIN"))
        gain_db = scene.gain()
        apart = np.abs(plain_frame(scene, 5, gain_db) - fast_frame(scene, 5, gain_db))
        # In single precision a scatterer on the border of two cells may fall into the other.
        if np.quantile(apart, 0.99) > 1 / 255:
            raise SystemExit(f"the two ways differ by {apart.max():.4f} of full scale, expected at most one grey level")
        ratios = []
        for turn in range(TURNS):
            times = []
            for way in (plain_frame, fast_frame):
                started = time.perf_counter()
                for frame in range(4 * turn, 4 * turn + 4):
                    way(scene, frame, gain_db)
                times.append(time.perf_counter() - started)
            ratios.append(times[0] / times[1])
        print(f"one frame, plain calls over ours: {np.median(ratios):.1f} times faster")
        started = time.process_time()
        for index in range(5):
            plan = plan_recording(SETTINGS, 0, index, "TRAIN")
            write_mjpeg_avi(Path(folder) / f"{index}.avi", render_recording(plan), plan.facts.fps)
        seconds = (time.process_time() - started) / 5
        print(
            f"processor time: {seconds:.3f} s a video of {NUM_FRAMES} frames, {2 / seconds:.1f} videos/s on two cores"
        )
        started = time.perf_counter()
        write_echonet_phantoms(Path(folder) / "cohort", recordings=VIDEOS, seed=0, settings=SETTINGS, workers=2)
        rate = VIDEOS / (time.perf_counter() - started)
        print(f"as a user sees it: {rate:.1f} videos/s with two processes, their start included ({VIDEOS} videos)")


if __name__ == "__main__":
    main()
