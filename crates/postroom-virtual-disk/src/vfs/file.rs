//! The functions of an open file.

use std::ffi::{c_int, c_void};
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;

use rusqlite::ffi;

use crate::medium::Medium;
use crate::state::{Code, Handle, Shared};

/// An open file as SQLite has it. The file of the default VFS lies behind it.
#[repr(C)]
struct VirtualFile {
    base: ffi::sqlite3_file,
    /// From `Box::into_raw`.
    handle: *mut Handle,
}

/// Bytes before the file of the default VFS.
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "16")]
pub(super) const HEADER_BYTES: c_int = size_of::<VirtualFile>() as c_int;

/// The version of the functions without memory-mapped reading, which no fault could hit.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Where the file of the default VFS lies, which is closed until that opens it.
///
/// # Safety
///
/// `file` must be a place of `szOsFile` bytes, aligned for pointers.
pub(super) unsafe fn place(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: the place is as long as both files, and the first one has the length of two
    // pointers, which keeps the alignment.
    unsafe {
        (*file).pMethods = std::ptr::null();
        let wrapped = file.cast::<VirtualFile>().add(1).cast::<ffi::sqlite3_file>();
        (*wrapped).pMethods = std::ptr::null();
        wrapped
    }
}

/// Makes a file of ours of one that the default VFS has opened.
///
/// # Safety
///
/// `file` must be a place that [`place`] was called with.
pub(super) unsafe fn init(
    file: *mut ffi::sqlite3_file,
    shared: &Arc<Shared>,
    path: Option<PathBuf>,
    is_table: bool,
) {
    let handle = Box::new(Handle::new(Arc::clone(shared), path, is_table));
    // SAFETY: there is room for it.
    unsafe {
        (*file.cast::<VirtualFile>()).handle = Box::into_raw(handle);
        (*file).pMethods = &raw const METHODS;
    }
}

/// Closes a file that the default VFS could not open, if it wants to be closed.
///
/// # Safety
///
/// `wrapped` must come from [`place`].
pub(super) unsafe fn discard(wrapped: *mut ffi::sqlite3_file) {
    // SAFETY: the default VFS has left null or its functions there.
    let close = unsafe { (*wrapped).pMethods.as_ref() }.and_then(|methods| methods.xClose);
    if let Some(close) = close {
        // SAFETY: the function belongs to the file.
        unsafe { close(wrapped) };
    }
}

/// The two parts of an open file.
///
/// # Safety
///
/// `file` must have been given to [`init`], and not be closed.
unsafe fn parts<'a>(file: *mut ffi::sqlite3_file) -> (&'a Handle, Wrapped) {
    // SAFETY: so both parts are there, and SQLite uses a file on one thread at a time.
    unsafe {
        let file = file.cast::<VirtualFile>();
        (&*(*file).handle, Wrapped(file.add(1).cast()))
    }
}

/// An open file of the default VFS.
struct Wrapped(*mut ffi::sqlite3_file);

/// Calls a function of an open file of the default VFS.
macro_rules! forward {
    ($wrapped:expr, $function:ident $(, $argument:expr)*) => {{
        let wrapped: &Wrapped = $wrapped;
        match (*(*wrapped.0).pMethods).$function {
            Some(function) => function(wrapped.0 $(, $argument)*),
            None => ffi::SQLITE_IOERR,
        }
    }};
}

impl Medium for Wrapped {
    type Error = Code;

    fn length(&mut self) -> Result<u64, Code> {
        let mut length = 0;
        // SAFETY: the file is open, and the number has its place.
        result(unsafe { forward!(self, xFileSize, &raw mut length) })?;
        Ok(u64::try_from(length).unwrap_or(0))
    }

    fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), Code> {
        let (amount, offset) = (amount(bytes)?, place_of(offset)?);
        // SAFETY: the file is open, and `bytes` has room for the amount.
        result(unsafe { forward!(self, xRead, bytes.as_mut_ptr().cast(), amount, offset) })
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        let (amount, offset) = (amount(bytes)?, place_of(offset)?);
        // SAFETY: the file is open, and `bytes` has the amount.
        result(unsafe { forward!(self, xWrite, bytes.as_ptr().cast(), amount, offset) })
    }

    fn set_length(&mut self, length: u64) -> Result<(), Code> {
        let length = place_of(length)?;
        // SAFETY: the file is open.
        result(unsafe { forward!(self, xTruncate, length) })
    }
}

fn amount(bytes: &[u8]) -> Result<c_int, Code> {
    c_int::try_from(bytes.len()).map_err(|_| ffi::SQLITE_TOOBIG)
}

fn place_of(offset: u64) -> Result<i64, Code> {
    i64::try_from(offset).map_err(|_| ffi::SQLITE_TOOBIG)
}

fn result(code: c_int) -> Result<(), Code> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(code) }
}

fn code(result: Result<(), Code>) -> c_int {
    result.err().unwrap_or(ffi::SQLITE_OK)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file, once.
    unsafe {
        let (_, wrapped) = parts(file);
        let code = forward!(&wrapped, xClose);
        drop(Box::from_raw((*file.cast::<VirtualFile>()).handle));
        (*file).pMethods = std::ptr::null();
        code
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite gives an open file, and a place for the amount.
    unsafe {
        let (handle, wrapped) = parts(file);
        match handle.before_read() {
            Ok(()) => forward!(&wrapped, xRead, out, amount, offset),
            Err(code) => code,
        }
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite gives an open file, and so many bytes.
    let ((handle, mut wrapped), bytes) = unsafe {
        let length = usize::try_from(amount).unwrap_or(0);
        (parts(file), slice::from_raw_parts(bytes.cast::<u8>(), length))
    };
    code(handle.write(&mut wrapped, offset.unsigned_abs(), bytes))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: SQLite gives an open file.
    let (handle, mut wrapped) = unsafe { parts(file) };
    code(handle.truncate(&mut wrapped, length.unsigned_abs()))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    let (handle, _) = unsafe { parts(file) };
    code(handle.sync())
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, out: *mut i64) -> c_int {
    // SAFETY: SQLite gives an open file and a place for the number.
    unsafe {
        let (handle, wrapped) = parts(file);
        match handle.check(ffi::SQLITE_IOERR_FSTAT) {
            Ok(()) => forward!(&wrapped, xFileSize, out),
            Err(code) => code,
        }
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe {
        let (handle, wrapped) = parts(file);
        match handle.check(ffi::SQLITE_IOERR_LOCK) {
            Ok(()) => forward!(&wrapped, xLock, level),
            Err(code) => code,
        }
    }
}

/// The dead, too, give up their locks.
unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe { forward!(&parts(file).1, xUnlock, level) }
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite gives an open file and a place for the answer.
    unsafe { forward!(&parts(file).1, xCheckReservedLock, out) }
}

unsafe extern "C" fn file_control(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: SQLite gives an open file, and what belongs to the operation.
    unsafe {
        let (handle, wrapped) = parts(file);
        match handle.check(ffi::SQLITE_NOTFOUND) {
            Ok(()) => forward!(&wrapped, xFileControl, operation, argument),
            Err(code) => code,
        }
    }
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe { forward!(&parts(file).1, xSectorSize) }
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe { forward!(&parts(file).1, xDeviceCharacteristics) }
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    page_bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite gives an open file and a place for the address.
    unsafe {
        let (handle, wrapped) = parts(file);
        match handle.check(ffi::SQLITE_IOERR_SHMMAP) {
            Ok(()) => forward!(&wrapped, xShmMap, page, page_bytes, extend, out),
            Err(code) => code,
        }
    }
}

/// The dead give up their locks, and take no others.
unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe {
        let (handle, wrapped) = parts(file);
        let is_unlock = flags & ffi::SQLITE_SHM_UNLOCK != 0;
        match handle.check(ffi::SQLITE_IOERR_SHMLOCK) {
            Err(code) if !is_unlock => code,
            _ => forward!(&wrapped, xShmLock, offset, count, flags),
        }
    }
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: SQLite gives an open file.
    unsafe {
        let (_, wrapped) = parts(file);
        if let Some(barrier) = (*(*wrapped.0).pMethods).xShmBarrier {
            barrier(wrapped.0);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, is_delete: c_int) -> c_int {
    // SAFETY: SQLite gives an open file.
    unsafe { forward!(&parts(file).1, xShmUnmap, is_delete) }
}
