"""What a run needs before it is started: parameters, memory, compute and data, without weights."""
