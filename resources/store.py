"""The store of a lake: bytes under names, in a local folder or under an S3 prefix. Every write is atomic.

This module does not know what the names mean (resources/lake.py) or who may write (resources/lease.py).
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from resources.errors import LakeError, is_machine_fault

# Intermediate results of long computations, by table, partition and version. They are removed when the partition is written.
WORK = "_work"
ROOT_MODE = 0o750  # of the folder of a new local store; docs/operations.md describes it
SCRATCH = "_scratch"  # large partitions before they are moved into place; one folder per process, removed at its end
SETTLE_SECONDS = 2.0  # after which a content is read back that an S3 store without conditional puts has received
_CHUNK = 8 << 20
_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_NOT_MET = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
_NO_CONDITIONS = {"NotImplemented", "InvalidArgument", "InvalidRequest", "501"}


class Store:
    """Bytes under names, in a local folder or under an S3 prefix. Every write is atomic.

    Every method that reads or writes raises LakeError where the store cannot be used, such as for want of space or rights.
    """

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        self._listings: dict[str, dict[str, bytes]] = {}  # of an S3 store: table → name → state
        self._written: set[str] = set()  # names that an S3 store has received or lost since `forget`
        self._conditions: bool | None = None  # whether an S3 store obeys conditional puts, once that is known
        self.is_local = "://" not in url
        if self.is_local:
            path = Path(self.url)
            if there := next((one for one in (path, *path.parents) if one.exists() and not one.is_dir()), None):
                raise LakeError(
                    f"The lake {url} cannot be a folder: {there} is a file. Name another folder with LAKE=…."
                )
        elif not url.startswith("s3://"):
            raise LakeError(f"The lake {url} is neither a folder nor an s3:// URL. Name one of these with LAKE=….")
        else:
            import fsspec

            self._fs = fsspec.filesystem(url.split("://", 1)[0], **_s3_client_options())
            self._fs.invalidate_cache()

    def path(self, name: str) -> str:
        """The path or URL of a name."""
        return f"{self.url}/{name}"

    @contextlib.contextmanager
    def _as_lake_error(self, operation: str, name: str) -> Iterator[None]:
        """Turn a full disk, a missing right or missing credentials into a LakeError. FileNotFoundError passes unchanged."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            if not isinstance(error, OSError) and not is_machine_fault(error):
                raise
            rest = "" if self.is_local else " and the AWS_* variables"
            raise LakeError(
                f"{self.path(name)} cannot be {operation}: {error}. Correct the cause (space, rights{rest}) and run again; "
                "partitions that are built are kept."
            ) from error

    def read_bytes(self, name: str) -> bytes | None:
        """Read a content; None where the name does not exist."""
        try:
            with self._as_lake_error("read", name):
                if self.is_local:
                    return Path(self.path(name)).read_bytes()
                return self._fs.cat_file(self.path(name))
        except FileNotFoundError:
            return None

    def write_bytes(self, name: str, data: bytes | Path) -> None:
        """Write a content atomically: as a temporary file that is flushed and renamed in a folder, as one put on S3.

        data: the bytes, or a file below `scratch`, which is moved in a local store.
        """
        try:
            with self._as_lake_error("written", name):
                self._write(name, data)
        except FileNotFoundError as error:  # S3 has no such bucket
            raise LakeError(
                f"{self.path(name)} cannot be written: {error}. Create the bucket, or name another."
            ) from error

    def _write(self, name: str, data: bytes | Path) -> None:
        if not self.is_local:
            if isinstance(data, Path):
                self._fs.put_file(str(data), self.path(name))
            else:
                self._fs.pipe_file(self.path(name), data)
            self._written.add(name)
            return
        target = Path(self.path(name))
        self._make_folder(target.parent)
        if isinstance(data, Path):
            with data.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(data, target)
            return
        temporary = _write_beside(target, data)
        try:
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def append(self, name: str, data: bytes) -> None:
        """Append to a content of a local store, which is created where it does not exist. A kill may leave a part of `data`."""
        with self._as_lake_error("written", name):
            self._make_folder(Path(self.path(name)).parent)
            with Path(self.path(name)).open("ab") as file:
                file.write(data)

    def _make_folder(self, path: Path) -> None:
        """Create a folder on this machine. The store's own is created closed to users outside its group, whatever the umask."""
        if self.is_local and not (root := Path(self.url)).exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(ROOT_MODE, exist_ok=True)
        path.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Provide a folder for large files before they are moved into the store; it is removed at the end.

        Folders that killed processes of this machine left behind are removed first.
        """
        root = self.scratch_root
        with self._as_lake_error("written", SCRATCH):
            self._make_folder(root)
            for left in root.glob(f"{socket.gethostname()}+*"):
                if not is_running(left.name.split("+")[1]):
                    shutil.rmtree(left, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{socket.gethostname()}+{os.getpid()}+", dir=root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def work(self, name: str) -> Path:
        """A folder for intermediate results. It outlives a killed process: the same name leads to the same folder."""
        path = self.work_root / name
        with self._as_lake_error("written", f"{WORK}/{name}"):
            self._make_folder(path)
        return path

    def works(self) -> list[str]:
        """The names of the work folders, as <table>/<partition>-<version>."""
        return [str(path.relative_to(self.work_root)) for path in self.work_root.glob("*/*")]

    def end_work(self, pattern: str) -> None:
        """Remove the work folders whose names match a pattern such as `gru_50_1/2023-01-02-*`."""
        for path in self.work_root.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def scratch_root(self) -> Path:
        """The folder of `scratch`, which all remote stores share."""
        return Path(self.path(SCRATCH)) if self.is_local else Path(tempfile.gettempdir()) / "zhoubao_scratch"

    @property
    def work_root(self) -> Path:
        """The folder of `work`."""
        # The work folders of a remote store are on this machine, in one folder per store.
        local = Path(tempfile.gettempdir()) / f"zhoubao{WORK}" / digest(self.url.encode())
        return Path(self.path(WORK)) if self.is_local else local

    def delete(self, name: str) -> None:
        """Delete a content; nothing happens where the name does not exist."""
        with contextlib.suppress(FileNotFoundError), self._as_lake_error("deleted", name):
            if self.is_local:
                Path(self.path(name)).unlink()
            else:
                self._fs.rm_file(self.path(name))
                self._written.add(name)

    def names(self, folder: str) -> list[str]:
        """The sorted names of the entries of a folder; [] where it does not exist."""
        try:
            with self._as_lake_error("listed", folder):
                if self.is_local:
                    path = Path(self.path(folder))
                    return sorted(os.listdir(path)) if path.is_dir() else []
                return sorted(Path(name).name for name in self._fs.ls(self.path(folder), detail=False, refresh=True))
        except FileNotFoundError:
            return []

    def below(self, folder: str) -> list[str]:
        """The sorted names of all files below a folder, relative to it, at any depth; [] where it does not exist."""
        return sorted(self.sizes(folder))

    def sizes(self, folder: str) -> dict[str, int]:
        """The bytes of all files below a folder by name, relative to it, at any depth; {} where it does not exist."""
        try:
            with self._as_lake_error("listed", folder):
                if not self.is_local:
                    start = len(self._fs._strip_protocol(self.path(folder))) + 1
                    found = self._fs.find(self.path(folder), detail=True, refresh=True)
                    return {name[start:]: int(info["size"]) for name, info in found.items()}
                return local_sizes(Path(self.path(folder)))
        except FileNotFoundError:
            return {}

    def remove(self, folder: str) -> None:
        """Remove a folder with everything below it; nothing happens where it does not exist."""
        with contextlib.suppress(FileNotFoundError), self._as_lake_error("deleted", folder):
            if self.is_local:
                shutil.rmtree(self.path(folder))
            else:
                self._fs.rm(self.path(folder), recursive=True)
                self._fs.invalidate_cache(self.path(folder))

    def stamp(self, names: Sequence[str]) -> str:
        """A digest of the state of these files, "" where one of them is missing. The files are not read.

        It changes whenever one of them is written: locally it covers inode, size and the times of the last change of content and of
        inode, on S3 ETag and size.
        """
        state = self._local_state if self.is_local else self._s3_state
        try:
            states = list(map(state, names))
        except Exception:
            with self._as_lake_error("read", names[0]):
                raise
        return "" if None in states else digest(*(state or b"" for state in states))

    def _local_state(self, name: str) -> bytes | None:
        try:
            found = os.stat(self.path(name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return b"%d %d %d %d" % (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)

    def _s3_state(self, name: str) -> bytes | None:
        # One listing of a table replaces one request per file. What this process wrote later is asked for by itself.
        if name in self._written:
            try:
                return _s3_stamp(self._fs.info(self.path(name), refresh=True))
            except FileNotFoundError:
                return None
        table = name.split("/")[0]
        if table not in self._listings:
            self._fs.invalidate_cache(self.path(table))
            start = len(self._fs._strip_protocol(self.url)) + 1
            found = self._fs.find(self.path(table), detail=True)
            self._listings[table] = {one[start:]: _s3_stamp(info) for one, info in found.items()}
        return self._listings[table].get(name)

    def forget(self) -> None:
        """Discard cached listings, since another process may have written."""
        self._listings.clear()
        self._written.clear()

    # --- one writer --------------------------------------------------------------------------------------------------

    def create(self, name: str, data: bytes) -> bool:
        """Write a content where the name does not exist, atomically, and return whether it was written.

        On S3 this is a conditional put. Where the store does not support it, the content is read back after `SETTLE_SECONDS`, so that
        of several processes that create the name within this time all but the last see that they were not first.
        """
        with self._as_lake_error("written", name):
            if not self.is_local:
                return self._put_if(name, data, IfNoneMatch="*")
            target = Path(self.path(name))
            self._make_folder(target.parent)
            temporary = _write_beside(target, data)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return _create_exclusively(target, data)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink()
            return True

    def swap(self, name: str, old: bytes, new: bytes | None) -> bool:
        """Replace a content, or delete it where `new` is None, if it still is `old`; return whether it was.

        Locally a lock of the operating system covers the comparison and the write. On S3 it is a conditional put; a deletion is
        compared before, but is not conditional.
        """
        if not self.is_local:
            return self._swap_s3(name, old, new)
        with self._as_lake_error("written", name), _locked(Path(self.path(f"{name}.lock"))):
            if self.read_bytes(name) != old:
                return False
            if new is None:
                Path(self.path(name)).unlink(missing_ok=True)
            else:
                self._write(name, new)
            return True

    def _swap_s3(self, name: str, old: bytes, new: bytes | None) -> bool:
        with self._as_lake_error("written", name):
            try:
                etag = self._fs.info(self.path(name), refresh=True)["ETag"]
                if self._fs.cat_file(self.path(name)) != old:
                    return False
            except FileNotFoundError:
                return False
            if new is not None:
                return self._put_if(name, new, IfMatch=etag)
            self._fs.rm_file(self.path(name))
            return True

    def _put_if(self, name: str, data: bytes, **condition: str) -> bool:
        bucket, key, _ = self._fs.split_path(self.path(name))
        try:
            self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition)
        except OSError as error:
            if _s3_code(error) in _NOT_MET:
                return False
            if _s3_code(error) not in _NO_CONDITIONS:
                raise
            self._fs.pipe_file(self.path(name), data)
        finally:
            self._fs.invalidate_cache(self.path(name))
        if self._has_conditions(bucket, key, data):
            return True
        time.sleep(SETTLE_SECONDS)
        return self.read_bytes(name) == data

    def _has_conditions(self, bucket: str, key: str, data: bytes) -> bool:
        """Whether the store obeys the condition of a put: one that may not succeed does not. Stores without it ignore it."""
        if self._conditions is None:
            try:
                self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
                self._conditions = False
            except OSError as error:
                self._conditions = _s3_code(error) in _NOT_MET
        return self._conditions

    def sweep(self) -> None:
        """Remove the temporary files that a killed process left in the folders of a local store."""
        if self.is_local:
            root = Path(self.url)
            for path in (*root.glob("[!_.]*/*/**/.*.tmp"), *root.glob("_issues/**/.*.tmp")):
                with contextlib.suppress(OSError):
                    path.unlink()

    def scan(self, names: list[str]) -> pl.LazyFrame:
        """A lazy frame over the Parquet files of these names, in this order."""
        options = None if self.is_local else _s3_scan_options()
        return pl.scan_parquet([self.path(name) for name in names], storage_options=options, hive_partitioning=False)


def local_sizes(root: Path) -> dict[str, int]:
    """The bytes of all files below a folder of this machine by name, relative to it. A file that vanishes meanwhile is left out."""
    found = {}
    for one in root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if one.is_symlink() or one.is_file():
                found[str(one.relative_to(root))] = one.lstat().st_size
    return found


def _write_beside(target: Path, data: bytes) -> Path:
    """Write a temporary file beside `target` and flush it to the disk. An error leaves nothing."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _create_exclusively(target: Path, data: bytes) -> bool:
    """Create a file where the file system has no hard links. A reader may see it while it is incomplete."""
    try:
        with target.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the operating system's lock on a file, which a process loses when it ends. File systems without locks have none."""
    with path.open("ab") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _s3_stamp(info: Mapping[str, Any]) -> bytes:
    return f"{info.get('ETag', info.get('LastModified', ''))} {info.get('size')}".encode()


def _s3_code(error: BaseException) -> str:
    """The error code of the S3 server, from the error of its client that caused `error`."""
    response = getattr(error.__cause__, "response", None) or getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def is_running(pid: str) -> bool:
    """Whether a process of this machine runs; True where that cannot be known."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True


def _s3_client_options() -> dict[str, Any]:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return {"client_kwargs": {"endpoint_url": endpoint}} if endpoint else {}


def _s3_scan_options() -> dict[str, Any] | None:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return None
    return {"aws_endpoint_url": endpoint, "aws_allow_http": str(endpoint.startswith("http:")).lower()}


def digest(*parts: bytes | Path) -> str:
    """Compute a digest of 32 hex digits over the parts (bytes, or a file's content), each with its length."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        size = part.stat().st_size if isinstance(part, Path) else len(part)
        hashed.update(size.to_bytes(8, "little"))
        if isinstance(part, Path):
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    hashed.update(chunk)
        else:
            hashed.update(part)
    return hashed.hexdigest()
