"""What all stages share: store, shards, executors, runner, gates. Imports no model, no Prefect."""
