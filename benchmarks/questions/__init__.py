"""The questions, one file each: its docstring asks, its cases are measured by the harness."""
