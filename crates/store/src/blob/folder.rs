//! Blobs as files: `blobs/NAME/ab/abcdef…`. One that is being written stands in `blobs/NAME/new` until it is complete and on the disk.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::Pen;
use crate::Error;
use crate::sqlite::{Fault, create_folder, private_file, sync_folder};

/// Where what is being written stands; no shard has three letters.
const NEW: &str = "new";
/// Letters of a key that name its shard.
const SHARD: usize = 2;

/// All blobs of a data folder that this process has locked.
pub(crate) struct Folder {
    root: PathBuf,
    fault: Fault,
    /// What is being written now.
    begun: Arc<Mutex<HashSet<PathBuf>>>,
    durable: Durable,
}

/// Folders whose names are known to survive a power cut. That one is there does not say so: another upload may just have made it.
#[derive(Clone, Default)]
struct Durable(Arc<Mutex<HashSet<PathBuf>>>);

impl Durable {
    fn create(&self, folder: &Path) -> io::Result<()> {
        create_folder(folder)?;
        if !self.0.lock().contains(folder) {
            folder.parent().map_or(Ok(()), sync_folder)?;
            self.0.lock().insert(folder.to_owned());
        }
        Ok(())
    }
}

impl Folder {
    /// The blobs of a data folder. What an earlier process began and did not finish is removed.
    pub(crate) fn open(data: &Path, fault: Fault) -> Result<Folder, Error> {
        let root = data.join("blobs");
        sweep(&root).map_err(|error| fault.of_io(&error))?;
        Ok(Folder { root, fault, begun: Arc::default(), durable: Durable::default() })
    }

    pub(super) fn begin(&self, name: &str, key: &str) -> Result<Sheet, Error> {
        let path = self.path(name, key);
        if !self.begun.lock().insert(path.clone()) {
            return Err(Error::Exists);
        }
        let named = self.root.join(name);
        let new = named.join(NEW);
        let (begun, durable, fault) = (self.begun.clone(), self.durable.clone(), self.fault.clone());
        let mut sheet = Sheet { file: None, draft: new.join(key), path, begun, durable, fault };
        if self.size(name, key)?.is_some() {
            return Err(Error::Exists);
        }
        // One by one: each makes its own name durable.
        let folders = [&self.root, &named, &new].into_iter().try_for_each(|folder| self.durable.create(folder));
        let opened = folders.and_then(|()| private_file(&sheet.draft)).and_then(|file| file.set_len(0).map(|()| file));
        sheet.file = Some(opened.map_err(|error| self.fault.of_io(&error))?);
        Ok(sheet)
    }

    pub(super) fn is_begun(&self, name: &str, key: &str) -> bool {
        self.begun.lock().contains(&self.path(name, key))
    }

    pub(super) fn size(&self, name: &str, key: &str) -> Result<Option<u64>, Error> {
        self.if_there(fs::metadata(self.path(name, key))).map(|found| found.map(|metadata| metadata.len()))
    }

    pub(super) fn read(&self, name: &str, key: &str, offset: u64, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.if_there(File::open(self.path(name, key)))? else { return Ok(None) };
        read_at(file, offset, limit).map(Some).map_err(|error| self.fault.of_io(&error))
    }

    pub(super) fn remove(&self, name: &str, key: &str) -> Result<bool, Error> {
        self.if_there(fs::remove_file(self.path(name, key))).map(|removed| removed.is_some())
    }

    pub(super) fn keys(&self, name: &str, after: &str, limit: usize) -> Result<Vec<String>, Error> {
        let root = self.root.join(name);
        let mut keys = Vec::new();
        for shard in self.names(&root)?.into_iter().filter(|shard| shard.len() == SHARD) {
            if after.get(..SHARD).is_some_and(|before| *shard < *before) {
                continue;
            }
            keys.extend(self.names(&root.join(&shard))?.into_iter().filter(|key| key.as_str() > after));
            if keys.len() >= limit {
                break;
            }
        }
        keys.truncate(limit);
        Ok(keys)
    }

    fn path(&self, name: &str, key: &str) -> PathBuf {
        self.root.join(name).join(&key[..SHARD]).join(key)
    }

    /// What stands in a folder, sorted; nothing when there is no such folder.
    fn names(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let Some(entries) = self.if_there(fs::read_dir(folder))? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.fault.of_io(&error))?;
            names.extend(entry.file_name().to_str().map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn if_there<T>(&self, found: io::Result<T>) -> Result<Option<T>, Error> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.fault.of_io(&error)),
        }
    }
}

/// Removes every draft.
fn sweep(root: &Path) -> io::Result<()> {
    let names = match fs::read_dir(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        names => names?,
    };
    for name in names {
        match fs::remove_dir_all(name?.path().join(NEW)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn read_at(mut file: File, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(limit);
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file on its way.
pub(crate) struct Sheet {
    /// None only while it could not be opened.
    file: Option<File>,
    draft: PathBuf,
    path: PathBuf,
    begun: Arc<Mutex<HashSet<PathBuf>>>,
    durable: Durable,
    fault: Fault,
}

impl Sheet {
    fn publish(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_all()?;
        }
        let Some(shard) = self.path.parent() else { return Ok(()) };
        self.durable.create(shard)?;
        fs::rename(&self.draft, &self.path)?;
        sync_folder(shard).inspect_err(|_| {
            // Whoever is told that it failed must not find it; the failure to tell of is the first.
            let _ = fs::remove_file(&self.path);
        })
    }
}

impl Pen for Sheet {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|error| self.fault.of_io(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.publish().map_err(|error| self.fault.of_io(&error))
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        // Renamed by now, or not wanted; what cannot be removed goes at the next start.
        let _ = fs::remove_file(&self.draft);
        self.begun.lock().remove(&self.path);
    }
}
