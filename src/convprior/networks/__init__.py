"""Networks, one file each; a baseline is named in params.yaml by its module and class."""
