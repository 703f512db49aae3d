"""Small recordings that the phantom's tests share."""

import numpy as np
import pytest

from coreecho.phantom.settings import PhantomSettings
from coreecho.phantom.simulation import plan_recording, render_recording


@pytest.fixture(scope="session")
def short_settings():
    return PhantomSettings(min_frames=40, max_frames=40)


@pytest.fixture(scope="session")
def plans(short_settings):
    """Three hundred planned recordings; planning costs about 2 ms each."""
    return [plan_recording(short_settings, 5, index, "TRAIN") for index in range(300)]


@pytest.fixture(scope="session")
def videos(short_settings):
    """Thirty rendered recordings of 40 frames, (30, 40, 112, 112) uint8."""
    return np.stack(
        [np.stack(list(render_recording(plan_recording(short_settings, 11, index, "TRAIN")))) for index in range(30)]
    )
