"""Load, build, encode for, run and sample from vision-language models."""
