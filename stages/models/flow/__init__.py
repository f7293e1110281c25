"""Flow model: transformer, autoencoder, text conditioning, injection and ODE solvers."""
