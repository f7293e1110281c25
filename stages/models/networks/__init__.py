"""Network architectures and runtimes that several back ends share."""
