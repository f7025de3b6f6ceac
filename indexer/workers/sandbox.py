"""Sandbox of processes that read untrusted files: the fewest permissions that the system can enforce.

On Linux a process gains no privileges (`prctl`), has no network, starts no program or process (seccomp), opens no files
except those of the interpreter (Landlock; open files stay readable), and ends with its parent. Elsewhere only memory
and processor time are limited, if the system supports it. Nothing here raises: an old kernel offers less, and `enter`
returns what is in force.

Run as a program it restrains itself and then executes another program: `python sandbox.py OPTIONS -- PROGRAM ...`.
It needs the standard library only.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import struct
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_ALL_THREADS = 1, 1
_ALLOW, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS
_CLONE_THREAD = 0x10000

# Numbers of system calls: asm/unistd_64.h, asm-generic/unistd.h.
_MACHINES = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41, "connect": 42, "bind": 49, "listen": 50, "accept": 43, "accept4": 288, "fork": 57,
            "vfork": 58, "clone": 56, "clone3": 435, "execve": 59, "execveat": 322, "ptrace": 101, "mount": 165,
            "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "bpf": 321,
            "perf_event_open": 298, "keyctl": 250, "add_key": 248, "request_key": 249, "userfaultfd": 323,
            "io_uring_setup": 425, "process_vm_readv": 310, "process_vm_writev": 311, "kill": 62, "tkill": 200,
            "init_module": 175, "finit_module": 313, "kexec_load": 246, "personality": 135,
            "open_by_handle_at": 304, "pidfd_open": 434,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "socket": 198, "connect": 203, "bind": 200, "listen": 201, "accept": 202, "accept4": 242, "clone": 220,
            "clone3": 435, "execve": 221, "execveat": 281, "ptrace": 117, "mount": 40, "umount2": 39,
            "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268, "bpf": 280, "perf_event_open": 241,
            "keyctl": 219, "add_key": 217, "request_key": 218, "userfaultfd": 282, "io_uring_setup": 425,
            "process_vm_readv": 270, "process_vm_writev": 271, "kill": 129, "tkill": 130, "init_module": 105,
            "finit_module": 273, "kexec_load": 104, "personality": 92, "open_by_handle_at": 265, "pidfd_open": 434,
        },
    ),
}  # fmt: skip
_X32 = 0x40000000  # bit of the x32 system calls on x86-64
_TO_START_A_PROGRAM = {"execve", "execveat", "fork", "vfork", "clone", "clone3"}

_RULESET, _ADD_RULE, _RESTRICT = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_WRITING = (1 << 1) | sum(1 << bit for bit in range(4, 13))
_ABI_ACCESS = {2: 1 << 13, 3: 1 << 14, 5: 1 << 15}  # access rights that each version of Landlock adds to the first

# Folders that ffmpeg and other programs need to start: libraries and settings, but no home or temporary folder.
PROGRAM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/etc", "/nix/store", "/opt", "/snap", "/proc", "/sys")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
_FACTS = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system")


def die_with_parent() -> None:
    """Make this process end with the thread that started it; Linux only."""
    with suppress(OSError, AttributeError):
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter(
    *, readable: Iterable[Path | str] = (), writable: Iterable[Path | str] = (), programs: bool = False
) -> tuple[str, ...]:
    """Drop all permissions that reading media does not need, permanently.

    Args:
        readable: files and folders that may be opened; listing folders is always allowed.
        writable: folders in which files may be created.
        programs: whether another program may be started, from `readable`.

    Returns:
        The restrictions in force: "no privileges", "no network", "files".
    """
    had: list[str] = []
    if sys.platform != "linux":
        return ()
    with suppress(OSError, AttributeError):
        _called(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        had.append("no privileges")
    with suppress(OSError, AttributeError):
        _restrict_files([*readable, *_DEVICES, *_LIBRARIES, *_FACTS], writable, programs=programs)
        had.append("files")
    with suppress(OSError, AttributeError):
        _restrict_calls(programs=programs)
        had.append("no network")
    return tuple(had)


def limit(*, memory_bytes: int | None = None, cpu_seconds: float | None = None) -> None:
    """Limit the address space, and the processor time from now on, if the system supports it."""
    with suppress(ImportError):  # Windows has no such limits
        import resource

        if memory_bytes is not None:
            with suppress(ValueError, OSError):  # macOS refuses
                resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        if cpu_seconds is not None:
            used = resource.getrusage(resource.RUSAGE_SELF)
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + cpu_seconds) + 1, hard))
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def interpreter_folders() -> list[Path]:
    """Return the folders of this interpreter's modules, without the current folder."""
    here = Path.cwd() if Path.cwd().exists() else None
    package = Path(__file__).resolve().parents[2]
    folders = {Path(place).resolve() for place in (*sys.path, sys.prefix, sys.base_prefix) if place}
    own = {package / name for name in ("indexer", "store", "model", "search")}
    return sorted({folder for folder in folders if folder not in (here, package)} | own)


def restrained(
    command: Sequence[str], *, memory_bytes: int, cpu_seconds: float, readable: Sequence[str], writable: Sequence[str]
) -> list[str]:
    """Return a command that runs another one with limits and low priority, and ends with its parent."""
    options = {"memory": memory_bytes, "cpu": cpu_seconds, "readable": [*readable], "writable": [*writable]}
    return [sys.executable, "-I", "-S", __file__, json.dumps(options), *command]


def _become(options: dict[str, object], command: list[str]) -> None:
    die_with_parent()
    with suppress(OSError, AttributeError):
        os.nice(15)
    home = str(Path(command[0]).resolve().parent)
    enter(
        readable=[*PROGRAM_FOLDERS, home, *map(str, options["readable"])],  # type: ignore[call-overload]
        writable=[str(each) for each in options["writable"]],  # type: ignore[attr-defined]
        programs=True,
    )
    limit(memory_bytes=int(options["memory"]), cpu_seconds=float(options["cpu"]))  # type: ignore[call-overload, arg-type]
    os.execv(command[0], command)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _called(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _restrict_files(readable: Iterable[Path | str], writable: Iterable[Path | str], *, programs: bool) -> None:
    """Restrict opening files to these by Landlock; https://docs.kernel.org/userspace-api/landlock.html."""
    call = _libc().syscall
    version = _called(call(_RULESET, None, 0, 1))
    handled = _EXECUTE | _READ_FILE | _READ_DIR | _WRITING
    handled |= sum(access for since, access in _ABI_ACCESS.items() if since <= version)
    networks = 0b11 if version >= 4 else 0  # TCP: bind, connect
    attributes = struct.pack("QQ", handled, networks)
    ruleset = _called(call(_RULESET, attributes, 16 if version >= 4 else 8, 0))
    try:
        reading = _READ_FILE | (_EXECUTE if programs else 0)
        _allow(ruleset, "/", _READ_DIR)
        for place in readable:
            _allow(ruleset, place, reading | _READ_DIR)
        for place in writable:
            _allow(ruleset, place, handled & ~_EXECUTE)
        _called(call(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(ruleset: int, place: Path | str, access: int) -> None:
    with suppress(OSError):  # a missing path needs no permission
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            if not os.path.isdir(f"/proc/self/fd/{descriptor}"):
                access &= _READ_FILE | _EXECUTE | (1 << 1) | (1 << 14)
            _called(_libc().syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", access, descriptor), 0))
        finally:
            os.close(descriptor)


def _restrict_calls(*, programs: bool) -> None:
    """Make system calls that decoding never uses fail by seccomp; https://docs.kernel.org/userspace-api/seccomp_filter.html."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or struct.calcsize("P") != 8:
        return
    architecture, numbers = machine
    refused = {name: number for name, number in numbers.items() if not (programs and name in _TO_START_A_PROGRAM)}
    # Offsets in struct seccomp_data: the number 0, the architecture 4, the first argument 16.
    steps = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, _REFUSE), (0x20, 0, 0, 0)]
    if platform.machine() == "x86_64":
        steps += [(0x35, 0, 1, _X32), (0x06, 0, 0, _REFUSE)]
    for name, number in refused.items():
        if name == "clone":  # threads are needed
            steps += [(0x15, 0, 4, number), (0x20, 0, 0, 16), (0x45, 1, 0, _CLONE_THREAD), (0x06, 0, 0, _REFUSE)]
            steps += [(0x20, 0, 0, 0)]
        else:  # clone3 keeps its flags in memory, where no filter looks: the C library then takes clone
            steps += [(0x15, 0, 1, number), (0x06, 0, 0, _UNKNOWN if name == "clone3" else _REFUSE)]
    steps.append((0x06, 0, 0, _ALLOW))
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(program, len(program))
    filtered = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(buffer))
    seccomp = {"x86_64": 317, "aarch64": 277}[platform.machine()]
    _called(_libc().syscall(seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_ALL_THREADS, filtered))


if __name__ == "__main__":
    _become(json.loads(sys.argv[1]), sys.argv[2:])
