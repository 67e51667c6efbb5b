"""What pytest is not to collect doctests from: modules whose compiler is absent, which cannot be imported then."""

from importlib.util import find_spec

COMPILED = {
    "numba": ["gpbop/kernels/compiled.py", "gpbop/kernels/fused_cpu.py", "gpbop/kernels/nearest_cpu.py"],
    "triton": ["gpbop/kernels/fused_cuda.py"],
}
collect_ignore = [path for compiler, paths in COMPILED.items() if find_spec(compiler) is None for path in paths]
