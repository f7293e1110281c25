import torch

from benchmarks.meter import Meter, Time, describe_machine


def test_meter_counts_tokens_and_autoencoder_time_and_restores_the_model(flow, task):
    transformer, vae = flow.transformer, flow.vae

    def job():
        tokens = flow.encode(task.picture)
        flow.velocity(tokens.expand(3, -1, -1), 0.5, (8, 8))
        flow.velocity(tokens, 0.5, (8, 8))
        return flow.decode(tokens[0], (8, 8))

    picture, cost = Meter(flow).measure(job)
    assert picture.shape == (128, 128, 3)
    assert cost.tokens == (3 + 1) * (64 + 5)
    assert 0 < cost.autoencoder.wall < cost.whole.wall
    assert cost.autoencoder.cpu < cost.whole.cpu
    assert flow.transformer is transformer and flow.vae is vae


def test_autoencoder_time_is_zero_without_autoencoder_calls(flow):
    _, cost = Meter(flow).measure(lambda: flow.velocity(torch.zeros(1, 64, 64), 0.5, (8, 8)))
    assert cost.autoencoder == Time(0, 0)


def test_peak_is_the_memory_that_the_job_adds(flow):
    size = 64 * 2**20
    meter = Meter(flow)
    kept = torch.ones(size // 4)
    _, large = meter.measure(lambda: torch.ones(size // 4)[0].item())
    _, small = meter.measure(lambda: kept[0].item())
    assert large.peak is not None and small.peak is not None
    assert 0.9 * size < large.peak < 2 * size
    assert small.peak < 0.5 * size


def test_machine_is_described(flow):
    found = describe_machine(flow)
    assert found["cpu"] and found["gpu"] is None
    assert (found["threads"], found["dtype"]) == (1, "float32")
