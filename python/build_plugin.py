"""Build hook: compiles the plugin with cargo and puts it into the wheel."""

import os
import shutil
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

REPOSITORY = Path(__file__).resolve().parent.parent


def platform() -> str:
    """Platform tag of the wheel: the plugin needs libc alone, of at most this system's version."""
    tags = list(platform_tags())
    return next((tag for tag in tags if "linux_" in tag and not tag.startswith("linux_")), tags[0])


class PluginBuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        if not (REPOSITORY / "plugin" / "Cargo.toml").is_file():
            raise RuntimeError(
                "the plugin's Rust sources are not beside the python folder; "
                "install from a clone of the repository, or from a wheel"
            )
        if shutil.which("cargo") is None:
            raise RuntimeError(
                "cargo is not on PATH, and the plugin is written in Rust; "
                "install Rust 1.89 or later, or install from a wheel"
            )
        target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
        command = ["cargo", "build", "--release", "--locked", "--package", "h5flac-plugin"]
        subprocess.run(
            command, cwd=REPOSITORY, check=True, env=os.environ | {"CARGO_TARGET_DIR": str(target)}
        )
        library = target / "release" / "libh5flac_plugin.so"
        build_data["force_include"][str(library)] = "h5flac/plugin/libh5flac.so"
        build_data["tag"] = f"py3-none-{platform()}"
        build_data["pure_python"] = False
