"""What a photo costs in a build with null models, up to 100,000 photos."""
