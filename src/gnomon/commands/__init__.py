"""The commands of ``gnomon``. Each imports what it needs itself, so that ``--help`` is instant."""
