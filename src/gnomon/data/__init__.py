"""Sources of samples and the streams that read them."""
