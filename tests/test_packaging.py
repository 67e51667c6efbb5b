"""What is built is what is here: every file of gpbop/ and kernels/ reaches the wheel and the sdist."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import gpbop

ROOT = Path(__file__).parents[1]
TOP_LEVEL = ("pyproject.toml", "README.md", "LICENSE", "gpbop", "kernels")


def copy_sources(target: Path) -> Path:
    """Copy what a build reads, symlinks as symlinks, so that no build output lands in the repository."""
    target.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for name in TOP_LEVEL:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(source, target / name)
    return target


def source_files(root: Path) -> set[str]:
    """Return the installed path of every file under gpbop/ and kernels/."""
    folders = {root / "gpbop": "gpbop", root / "kernels": "gpbop/kernels"}
    return {
        f"{installed}/{path.relative_to(folder).as_posix()}"
        for folder, installed in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and (folder / "kernels") not in path.parents and "__pycache__" not in path.parts
    }


def build(source: Path, output: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), *arguments, str(source)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def wheel_files(folder: Path) -> set[str]:
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def sdist_files(folder: Path) -> set[str]:
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    return {"gpbop/" + name if name.startswith("kernels/") else name for name in names}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folders of a wheel built from the tree, and of an sdist with the wheel built from it."""
    folder = tmp_path_factory.mktemp("packaging")
    source = copy_sources(folder / "source")
    build(source, folder / "from_sdist")
    build(source, folder / "from_tree", "--wheel")
    return folder


@pytest.mark.parametrize("wheel", ["from_tree", "from_sdist"])
def test_wheel_holds_every_file_and_nothing_else(built, wheel):
    assert wheel_files(built / wheel) == source_files(ROOT)


def test_sdist_holds_every_file(built):
    missing = {*source_files(ROOT), "pyproject.toml", "README.md", "LICENSE"} - sdist_files(built / "from_sdist")
    assert not missing


def test_the_version_stands_in_one_place(built):
    (wheel,) = (built / "from_sdist").glob("*.whl")
    assert wheel.name.startswith(f"gpbop-{gpbop.__version__}-py3-none-any")


def test_wheel_imports_kernels_from_its_own_files(built, tmp_path):
    (wheel,) = (built / "from_sdist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import gpbop.kernels as k; print(k.__file__)"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()) == tmp_path / "gpbop" / "kernels" / "__init__.py"


def test_a_subpackage_that_pyproject_does_not_list_is_noticed(tmp_path):
    source = copy_sources(tmp_path / "source")
    for folder in (source / "gpbop" / "unlisted", source / "kernels" / "unlisted"):
        folder.mkdir()
        (folder / "__init__.py").write_text("")
    build(source, tmp_path / "wheel", "--wheel")
    missing = source_files(source) - wheel_files(tmp_path / "wheel")
    assert missing == {"gpbop/unlisted/__init__.py", "gpbop/kernels/unlisted/__init__.py"}


OPTIONAL = ("click", "hypothesis", "matplotlib", "optuna", "pandas", "pyarrow", "ray", "rich", "sklearn", "typer")

IMPORT_WITHOUT_OPTIONAL = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {OPTIONAL!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)

sys.meta_path.insert(0, Blocked())
import gpbop
for name in gpbop.__all__:
    getattr(gpbop, name)
"""

IMPORT_KEEPS_GLOBAL_STATE = """
import random, warnings
import botorch, gpytorch, linear_operator, numpy, torch
import scipy.sparse, scipy.special  # they add warning filters of their own when they are first imported

def settings(module):
    names = ("_state", "_global_value", "_global_float_value", "_global_double_value", "_global_half_value")
    values = {key: vars(value) for key, value in vars(module).items() if isinstance(value, type)}
    return {(key, name): value[name] for key, value in values.items() for name in names if name in value}

def state():
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "cudnn": (torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "torch rng": torch.get_rng_state().tolist(),
        "cuda": torch.cuda.is_initialized(),
        "numpy rng": str(numpy.random.get_state()),
        "numpy errors": numpy.geterr(),
        "python rng": random.getstate(),
        "warnings": list(warnings.filters),
        "gpytorch": settings(gpytorch.settings),
        "linear_operator": settings(linear_operator.settings),
    }

before = state()
import gpbop
after = state()
changed = [key for key in before if before[key] != after[key]]
assert not changed, changed
assert len(before["linear_operator"]) > 10, "the settings were not found"
"""


@pytest.mark.parametrize("code", [IMPORT_WITHOUT_OPTIONAL, IMPORT_KEEPS_GLOBAL_STATE], ids=["alone", "state"])
def test_import(code):
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
