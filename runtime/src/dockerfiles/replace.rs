//! Giving a file another content.

use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Replaces the content of a file as one step: whoever reads it sees the old text or the new one. Mode and owner stay; a
/// link stays a link.
///
/// # Errors
/// The file cannot be read or its folder not be written; it is as it was then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let meta = std::fs::metadata(&path)?;
    let (mut file, temporary) = create_beside(&path)?;
    let done = write(&mut file, &meta, content).and_then(|()| std::fs::rename(&temporary, &path));
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}

/// A new file in the folder of `path`. Its name is this call's alone: another thread may be replacing the same file.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.{number}", std::process::id()));
        let temporary = path.with_file_name(hidden);
        match File::options()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            // Of a process that had the same number and was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return Ok((created?, temporary)),
        }
    }
}

fn write(file: &mut File, like: &Metadata, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    // The owner first: changing it takes the bits for set-id programs away.
    if (like.uid(), like.gid()) != owner(file)? {
        fchown(&*file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))
}

fn owner(file: &File) -> io::Result<(u32, u32)> {
    let meta = file.metadata()?;
    Ok((meta.uid(), meta.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_may_replace_one_file_at_once() {
        let folder = std::env::temp_dir().join(format!("cooperage-replace-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("Dockerfile");
        let link = folder.join("Dockerfile.link");
        std::fs::write(&file, "FROM a\n").unwrap();
        std::os::unix::fs::symlink("Dockerfile", &link).unwrap();
        std::thread::scope(|scope| {
            for name in [&file, &link, &file, &link] {
                scope.spawn(move || {
                    for _ in 0..200 {
                        replace(name, b"FROM b\n").unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read(&file).unwrap(), b"FROM b\n");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
