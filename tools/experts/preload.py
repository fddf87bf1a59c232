"""Imported once by the fork server, so that every worker starts with it and all share its memory.

Only what starts no threads belongs here: a worker is a fork of the fork server. Nothing is computed and no GPU is
touched, since neither outlives a fork.
"""

import os
import signal
from contextlib import suppress

LIBRARY_SETTINGS = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that wait for each other sleep. Spinning, two models on two cores are many times slower than one by one.
    "OMP_WAIT_POLICY": "passive",
    "OPENBLAS_NUM_THREADS": "1",
    # GPUs have the numbers that nvidia-smi gives them; by default the fastest one would be the first.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}
"""Environment of workers: libraries show nothing, fetch nothing and start no threads beyond their share."""

# Libraries read it when they are imported.
os.environ.update(LIBRARY_SETTINGS)
# Ctrl-C reaches the whole process group; only the main process answers it.
signal.signal(signal.SIGINT, signal.SIG_IGN)

import tools.experts.engine  # noqa: E402, F401

with suppress(ImportError):
    import torch  # noqa: F401
    import transformers.modeling_utils  # noqa: F401
