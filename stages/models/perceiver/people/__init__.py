"""Find people and their named parts with MediaPipe's TFLite models."""
