"""Console tables, progress and the report page."""
