"""What every stage stands on: records, shards, store, runner, gates. No model, no Prefect."""
