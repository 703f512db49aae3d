"""Small recordings that the phantom's tests share."""

from itertools import islice

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
    """The first 12 frames of thirty recordings, (30, 12, 112, 112) uint8: frames of one look alike."""
    plans = [plan_recording(short_settings, 11, index, "TRAIN") for index in range(30)]
    return np.stack([np.stack(list(islice(render_recording(plan), 12))) for plan in plans])
