"""What pyproject.toml cannot say of a wheel: the models go into it, and the C library where there is a compiler.

In the checkout the models lie in models/, beside the package, where the image takes them from. A wheel has them in the
package, where `hark.model_files` looks first.
"""

from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

MODELS = ("asr.onnx", "asr.json", "asr.attention.onnx", "lm.bin", "keywords.onnx", "punctuation.onnx")
# What a recogniser of one's own may not have; it is left out then.
OPTIONAL = ("asr.attention.onnx",)


class BuildModels(build_py):
    """Adds the models to the package. An editable one finds them where they are."""

    def run(self) -> None:
        """Copies the package, and the models into it."""
        super().run()
        if not self.editable_mode:
            for target, source in self._models().items():
                self.mkpath(str(Path(target).parent))
                self.copy_file(source, target, preserve_mode=False)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Returns what is built, for the wheel's record."""
        models = [] if self.editable_mode else list(self._models())
        return [*super().get_outputs(include_bytecode), *models]

    def get_source_files(self) -> list[str]:
        """Returns what it is built of, for a source distribution."""
        return [*super().get_source_files(), *self._models().values()]

    def _models(self) -> dict[str, str]:
        """Returns where each model goes, and where it is."""
        names = [name for name in MODELS if name not in OPTIONAL or Path("models", name).is_file()]
        return {str(Path(self.build_lib, "hark", "models", name)): f"models/{name}" for name in names}


class BuildLibrary(build_ext):
    """Compiles a library for ctypes, which any Python loads, under the name that `hark.compiled` looks for."""

    def get_ext_filename(self, fullname: str) -> str:
        """Returns the file's name, without the version of Python that built it."""
        return str(Path(*fullname.split(".")).with_suffix(".so"))


class Wheel(bdist_wheel):
    """A wheel for any Python 3, but for one kind of machine: what is compiled in it does not know of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Returns the parts of its name that say where it can be installed."""
        return ("py3", "none", super().get_tag()[2])


setup(
    cmdclass={"build_py": BuildModels, "build_ext": BuildLibrary, "bdist_wheel": Wheel},
    ext_modules=[
        Extension(
            "hark.native.libhark",
            sources=[path.as_posix() for path in sorted(Path("hark/native").glob("*.c"))],
            # As the Makefile has them. Nothing is contracted: C and NumPy then find the same to the last bit.
            extra_compile_args=["-std=c11", "-O3", "-ffp-contract=off", "-g0"],
            libraries=["m"],
            optional=True,  # without a compiler NumPy does the same, and takes longer
        )
    ],
)
