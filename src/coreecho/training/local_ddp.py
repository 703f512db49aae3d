"""How the processes of a training meet."""

import torch.distributed as dist
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from coreecho.training.loopback import join_on_loopback


class LocalDDP(DDPStrategy):
    """DistributedDataParallel whose processes, where all are on this machine, meet on it.

    PyTorch's own meeting point listens on every address of the machine and looks up its name, which a hospital's
    network need neither see nor answer.
    """

    def setup_environment(self) -> None:
        """Join the other processes."""
        cluster = self.cluster_environment
        is_local = self.num_nodes == 1 and isinstance(cluster, LightningEnvironment)
        if is_local and cluster is not None and not dist.is_initialized():
            join_on_loopback(
                rank=self.local_rank,
                world_size=self.num_processes,
                backend=self._get_process_group_backend(),
            )
        super().setup_environment()
