#!/bin/bash
# Build on the nodes of one SLURM allocation. From the checkout, on a file system that all nodes
# share: sbatch docs/cluster/slurm.sh. Submit it again to continue after a time limit or a failure.
#SBATCH --job-name=flawfactory
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --cpus-per-task=64
#SBATCH --gpus-per-node=8
#SBATCH --time=24:00:00
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
source .venv/bin/activate

# Ray listens on all interfaces of a node: only holders of the token may use it. The token is written
# to ~/.ray/auth_token unless it is there already.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
ray get-auth-token --generate > /dev/null
chmod 600 ~/.ray/auth_token

# The job's batch script runs on its first node, which becomes Ray's head and runs the build.
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=600
address=$(hostname --ip-address | awk '{print $1}'):6379
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
  ray symmetric-run --address "$address" --min-nodes "$SLURM_NNODES" \
  --num-cpus="$SLURM_CPUS_PER_TASK" -- flawfactory build
