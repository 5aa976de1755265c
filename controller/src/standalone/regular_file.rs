//! Reading files that somebody else may swap at any moment.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// Whether a symbolic link may lead to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    Follow,
    Refuse,
}

/// Reads a regular file of at most `limit` bytes.
///
/// What is opened is what is looked at, so a pipe, a device or a link that takes the file's place
/// in between is refused, not waited for or followed.
pub(super) fn read(path: &Path, limit: u64, links: Links) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    if links == Links::Refuse {
        flags |= OFlags::NOFOLLOW;
    }
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let too_large = || io::Error::other(format!("larger than {} MiB", limit >> 20));
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut content = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).unwrap_or(0) + 1,
    ));
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&file, 10, Links::Refuse).unwrap().as_slice(), b"text");
        assert!(read(&file, 3, Links::Refuse).is_err());
        assert!(read(&link, 10, Links::Refuse).is_err());
        assert_eq!(read(&link, 10, Links::Follow).unwrap().as_slice(), b"text");
        assert!(read(folder.path(), 10, Links::Follow).is_err());
        assert!(read(Path::new("/dev/zero"), 10, Links::Follow).is_err());
    }
}
