"""Recipe that trains the compact model (autoencoder and flow transformer) on two CPU cores."""
