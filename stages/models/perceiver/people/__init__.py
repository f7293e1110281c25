"""People and their named parts, by MediaPipe's TFLite models."""
