"""Errors, seeds, parameters, whole files, the machine, shared-out work, the record of a run."""
