//! The only unsafe code: SQLite's own file system with the tape in front of it.
//!
//! SQLite calls its file system through two tables of C functions. Ours hand every call on to the system's own, with the arguments that they were given,
//! and tell the tape of writes, cuts, syncs, creations and deletions. Nothing is computed here.
//!
//! Why it is sound: the tables and what they point to are leaked, so they outlive every connection. SQLite allocates `szOsFile` bytes, aligned to 8, for
//! each file, which is our [`File`] followed by the system's (both sizes are known, and ours is a multiple of 8). A file is `File` from a successful
//! `xOpen` until `xClose`, which are the only places where `watch` is written and dropped; SQLite calls no other function of a file outside of that, and
//! one at a time. The system's functions get pointers to what the system made itself.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::Arc;

use rusqlite::ffi::{
    self, SQLITE_FULL, SQLITE_IOERR, SQLITE_IOERR_FSYNC, SQLITE_IOERR_WRITE, SQLITE_OK, sqlite3_file, sqlite3_int64,
    sqlite3_io_methods, sqlite3_vfs,
};

use crate::Refusal;
use crate::tape::{FileId, Tape};

/// What SQLite's file system structure points to.
struct Below {
    system: *mut sqlite3_vfs,
    tape: Arc<Tape>,
}

/// What we have in front of the system's file; SQLite sees its first field only.
#[repr(C, align(8))]
struct File {
    base: sqlite3_file,
    watch: *mut Watch,
}

/// What is told of one open file.
struct Watch {
    tape: Arc<Tape>,
    /// `None`: a file without a name, of which nothing is left after a power cut anyway.
    id: Option<FileId>,
}

/// Makes the tape's file system known to SQLite by this name, for ever.
pub(crate) fn register(name: &str, tape: Arc<Tape>) {
    let Ok(name) = CString::new(name) else { return };
    // SAFETY: SQLite initialises itself when asked for its first file system, and never frees it. The structure that is registered, its name and what it
    // points to are leaked.
    unsafe {
        let system = ffi::sqlite3_vfs_find(ptr::null());
        let Some(model) = system.as_ref() else { return };
        let below = Box::leak(Box::new(Below { system, tape }));
        let vfs = Box::leak(Box::new(sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<File>() as c_int + model.szOsFile,
            mxPathname: model.mxPathname,
            pNext: ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: ptr::from_mut(below).cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
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
        }));
        ffi::sqlite3_vfs_register(vfs, 0);
    }
}

/// Version 2: with shared memory, without mapped files, whose changes nobody would see.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
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

/// Calls the system's function of this name, or gives `$none` where the system has none.
macro_rules! system {
    ($table:expr, $name:ident ( $($argument:expr),* $(,)? ), $none:expr) => {
        match (*$table).$name {
            Some(function) => function($($argument),*),
            None => $none,
        }
    };
}

/// A function of a file that only hands on.
macro_rules! hand_on {
    ($($name:ident = $method:ident ( $($argument:ident : $kind:ty),* );)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: see the module.
            unsafe {
                let below = below(file);
                system!((*below).pMethods, $method(below, $($argument),*), SQLITE_IOERR)
            }
        }
    )*};
}

/// A function of the file system that only hands on.
macro_rules! hand_on_vfs {
    ($($name:ident = $method:ident ( $($argument:ident : $kind:ty),* );)*) => {$(
        unsafe extern "C" fn $name(vfs: *mut sqlite3_vfs, $($argument: $kind),*) -> c_int {
            // SAFETY: see the module.
            unsafe {
                let system = (*under(vfs)).system;
                system!(system, $method(system, $($argument),*), SQLITE_IOERR)
            }
        }
    )*};
}

hand_on! {
    read = xRead(into: *mut c_void, count: c_int, at: sqlite3_int64);
    file_size = xFileSize(size: *mut sqlite3_int64);
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    check_reserved_lock = xCheckReservedLock(found: *mut c_int);
    file_control = xFileControl(what: c_int, argument: *mut c_void);
    sector_size = xSectorSize();
    device_characteristics = xDeviceCharacteristics();
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, at: *mut *mut c_void);
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int);
    shm_unmap = xShmUnmap(delete: c_int);
}

hand_on_vfs! {
    access = xAccess(path: *const c_char, flags: c_int, found: *mut c_int);
    full_pathname = xFullPathname(path: *const c_char, size: c_int, out: *mut c_char);
    randomness = xRandomness(count: c_int, out: *mut c_char);
    sleep = xSleep(microseconds: c_int);
    current_time = xCurrentTime(time: *mut f64);
    last_error = xGetLastError(size: c_int, out: *mut c_char);
    current_time_int64 = xCurrentTimeInt64(time: *mut sqlite3_int64);
}

unsafe fn under(vfs: *mut sqlite3_vfs) -> *mut Below {
    // SAFETY: `register` put it there.
    unsafe { (*vfs).pAppData.cast() }
}

/// The system's file behind ours.
unsafe fn below(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: SQLite has allocated room for both, one after the other.
    unsafe { file.cast::<File>().add(1).cast() }
}

unsafe fn watch<'a>(file: *mut sqlite3_file) -> &'a Watch {
    // SAFETY: set by `open`, freed by `close`, and SQLite calls nothing else meanwhile.
    unsafe { &*(*file.cast::<File>()).watch }
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: see the module. A path is a C string that lives as long as the file.
    unsafe {
        let Below { system, tape } = &*under(vfs);
        let named = (!path.is_null()).then(|| CStr::from_ptr(path).to_string_lossy().into_owned());
        (*file).pMethods = ptr::null();
        let existed = named.as_deref().map(|path| std::path::Path::new(path).exists());
        let id = match (&named, existed) {
            // Before the system opens it, so that what it held until now is known.
            (Some(path), Some(true)) => Some(tape.open(path)),
            _ => None,
        };
        let below = below(file);
        (*below).pMethods = ptr::null();
        let code = system!(*system, xOpen(*system, path, below, flags, flags_out), SQLITE_IOERR);
        if code != SQLITE_OK {
            if !(*below).pMethods.is_null() {
                system!((*below).pMethods, xClose(below), SQLITE_OK);
            }
            return code;
        }
        let id = id.or_else(|| named.as_deref().map(|path| tape.create(path)));
        (*file.cast::<File>()).watch = Box::into_raw(Box::new(Watch { tape: tape.clone(), id }));
        (*file).pMethods = &METHODS;
        code
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: see the module. SQLite closes a file once.
    unsafe {
        drop(Box::from_raw((*file.cast::<File>()).watch));
        (*file).pMethods = ptr::null();
        let below = below(file);
        system!((*below).pMethods, xClose(below), SQLITE_OK)
    }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, from: *const c_void, count: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: see the module. `from` holds `count` bytes.
    unsafe {
        let watch = watch(file);
        match watch.tape.refusal() {
            Some(Refusal::Full) => return SQLITE_FULL,
            Some(Refusal::Broken) => return SQLITE_IOERR_WRITE,
            None => {}
        }
        let below = below(file);
        let code = system!((*below).pMethods, xWrite(below, from, count, at), SQLITE_IOERR);
        if let (SQLITE_OK, Some(id), Ok(at), Ok(count)) = (code, watch.id, usize::try_from(at), usize::try_from(count))
        {
            watch.tape.written(id, at, slice::from_raw_parts(from.cast(), count));
        }
        code
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: see the module.
    unsafe {
        let (watch, below) = (watch(file), below(file));
        let code = system!((*below).pMethods, xTruncate(below, size), SQLITE_IOERR);
        if let (SQLITE_OK, Some(id), Ok(size)) = (code, watch.id, usize::try_from(size)) {
            watch.tape.shortened(id, size);
        }
        code
    }
}

/// The tape alone says what is durable: the real disk is not asked, since nobody cuts its power.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: see the module.
    let watch = unsafe { watch(file) };
    match watch.id {
        Some(id) if !watch.tape.sync(id) => SQLITE_IOERR_FSYNC,
        _ => SQLITE_OK,
    }
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: see the module.
    unsafe {
        let below = below(file);
        system!((*below).pMethods, xShmBarrier(below), ());
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, path: *const c_char, sync: c_int) -> c_int {
    // SAFETY: see the module. `path` is a C string.
    unsafe {
        let Below { system, tape } = &*under(vfs);
        let code = system!(*system, xDelete(*system, path, sync), SQLITE_IOERR);
        if code == SQLITE_OK && !path.is_null() {
            tape.deleted(&CStr::from_ptr(path).to_string_lossy(), sync != 0);
        }
        code
    }
}
