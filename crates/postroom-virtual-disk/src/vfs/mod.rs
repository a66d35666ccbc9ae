//! The functions that SQLite calls: they turn its pointers into what `state` works with,
//! and pass on what is not its business to the default VFS.
//!
//! All unsafe code of the crate is here and in [`mod@file`].

#![expect(unsafe_code, reason = "an SQLite VFS is a table of C functions")]

mod file;

use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

use crate::state::Shared;

/// `EIO`, which every operation that the disk lets fail has failed with.
const INPUT_OUTPUT_ERROR: c_int = 5;

/// A disk's VFS, as SQLite knows it until this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    vfs: NonNull<ffi::sqlite3_vfs>,
    name: String,
    shared: Arc<Shared>,
}

// SAFETY: the VFS that `vfs` points to is used by SQLite alone, which allows it on any
// thread; this value only unregisters it, which is allowed on any thread as well.
unsafe impl Send for Registration {}

/// What the functions of a VFS find behind its `pAppData`.
struct App {
    shared: Arc<Shared>,
    /// The default VFS, which exists as long as the process.
    wrapped: NonNull<ffi::sqlite3_vfs>,
    /// The VFS's `zName` points to it.
    name: CString,
}

impl Registration {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        static DISKS: AtomicU64 = AtomicU64::new(0);
        let name = format!("postroom-virtual-disk-{}", DISKS.fetch_add(1, Ordering::Relaxed));
        // SAFETY: a null name asks for the default VFS.
        let wrapped = NonNull::new(unsafe { ffi::sqlite3_vfs_find(ptr::null()) });
        let wrapped = wrapped.expect("SQLite has a default VFS on every platform");
        let c_name = CString::new(name.as_str()).unwrap_or_default();
        let app = App { shared: Arc::clone(&shared), wrapped, name: c_name };
        let vfs = Box::leak(Box::new(vfs(app))).into();
        // SAFETY: the VFS is complete, and stays where it is until it is unregistered.
        let code = unsafe { ffi::sqlite3_vfs_register(NonNull::as_ptr(vfs), 0) };
        assert!(code == ffi::SQLITE_OK, "SQLite cannot register a VFS: error {code}");
        Self { vfs, name, shared }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: it was registered, and is not freed yet.
        unsafe { ffi::sqlite3_vfs_unregister(self.vfs.as_ptr()) };
        // A connection that is still open may call the VFS: then it is leaked.
        if self.shared.lock().open_files() == 0 {
            // SAFETY: both were made by `Box::leak` and `Box::into_raw` in `new`. Every
            // connection has its table file open from its beginning to its end, so there
            // is none, and no new one finds the VFS any more.
            unsafe {
                let vfs = Box::from_raw(self.vfs.as_ptr());
                drop(Box::from_raw(vfs.pAppData.cast::<App>()));
            }
        }
    }
}

fn vfs(app: App) -> ffi::sqlite3_vfs {
    // SAFETY: the default VFS exists, and what is read of it never changes.
    let (file_bytes, path_bytes) = unsafe {
        let wrapped = app.wrapped.as_ref();
        (wrapped.szOsFile, wrapped.mxPathname)
    };
    let name = app.name.as_ptr();
    ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: file::HEADER_BYTES + file_bytes,
        mxPathname: path_bytes,
        pNext: ptr::null_mut(),
        zName: name,
        pAppData: Box::into_raw(Box::new(app)).cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_path_name),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

/// What belongs to a VFS.
///
/// # Safety
///
/// `vfs` must be one that a [`Registration`] has made, and that is not freed.
unsafe fn app<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a App {
    // SAFETY: `pAppData` of such a VFS is the `App` that is freed with it.
    unsafe { &*(*vfs).pAppData.cast::<App>() }
}

/// The path behind a name that SQLite gives, if it gives one.
///
/// # Safety
///
/// `name` must be null or a C string.
unsafe fn path(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: it is a C string.
    let name = unsafe { CStr::from_ptr(name) };
    Some(Path::new(OsStr::from_bytes(name.to_bytes())).to_path_buf())
}

/// Calls a function of the default VFS.
///
/// To be used where the VFS is one of ours, and the arguments are those that SQLite gave.
macro_rules! forward {
    ($vfs:expr, $function:ident $(, $argument:expr)*) => {{
        let wrapped = app($vfs).wrapped.as_ptr();
        match (*wrapped).$function {
            Some(function) => function(wrapped $(, $argument)*),
            None => ffi::SQLITE_ERROR,
        }
    }};
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives one of our VFSes, a name or null, and `szOsFile` bytes for the
    // file, aligned for a structure of pointers.
    unsafe {
        let app = app(vfs);
        let wrapped = file::place(file);
        if !app.shared.lock().may_open() {
            return ffi::SQLITE_CANTOPEN;
        }
        let code = forward!(vfs, xOpen, name, wrapped, flags, out_flags);
        if code == ffi::SQLITE_OK {
            let is_table = flags & ffi::SQLITE_OPEN_MAIN_DB != 0;
            file::init(file, &app.shared, path(name), is_table);
        } else {
            file::discard(wrapped);
        }
        code
    }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite gives one of our VFSes and a name.
    unsafe {
        let may_go = path(name).is_none_or(|path| app(vfs).shared.lock().delete(&path));
        if may_go { forward!(vfs, xDelete, name, sync_folder) } else { ffi::SQLITE_IOERR_DELETE }
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    result: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives one of our VFSes, and the rest as the default VFS needs it.
    unsafe { forward!(vfs, xAccess, name, flags, result) }
}

unsafe extern "C" fn full_path_name(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    bytes: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives one of our VFSes, and the rest as the default VFS needs it.
    unsafe { forward!(vfs, xFullPathname, name, bytes, out) }
}

unsafe extern "C" fn sleep(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    // SAFETY: SQLite gives one of our VFSes.
    unsafe { forward!(vfs, xSleep, microseconds) }
}

unsafe extern "C" fn randomness(
    vfs: *mut ffi::sqlite3_vfs,
    bytes: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives one of our VFSes, and a place for so many bytes.
    let (app, out) = unsafe {
        let length = usize::try_from(bytes).unwrap_or(0);
        (app(vfs), slice::from_raw_parts_mut(out.cast::<u8>(), length))
    };
    app.shared.lock().random.fill(out);
    bytes
}

unsafe extern "C" fn current_time_int64(vfs: *mut ffi::sqlite3_vfs, out: *mut i64) -> c_int {
    // SAFETY: SQLite gives one of our VFSes, and a place for the number.
    unsafe { *out = app(vfs).shared.lock().tick() };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time(vfs: *mut ffi::sqlite3_vfs, out: *mut f64) -> c_int {
    const DAY_MS: f64 = 86_400_000.0;
    // SAFETY: SQLite gives one of our VFSes.
    let now_ms = unsafe { app(vfs) }.shared.lock().tick();
    #[expect(clippy::cast_precision_loss, reason = "it is below 2^52")]
    let now_ms = now_ms as f64;
    // SAFETY: SQLite gives a place for the number.
    unsafe { *out = now_ms / DAY_MS };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(
    _vfs: *mut ffi::sqlite3_vfs,
    _bytes: c_int,
    _out: *mut c_char,
) -> c_int {
    INPUT_OUTPUT_ERROR
}
