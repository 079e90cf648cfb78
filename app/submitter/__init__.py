"""De-identification on the submitter's machine: a folder in, a folder out."""
