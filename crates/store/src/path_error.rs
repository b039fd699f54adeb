//! What is said of a path that cannot be used: what failed, whose the nearest part is that is there, and what to do.

use std::fmt::Write;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// One line about a path that could not be used: the error, the owner and mode of the nearest part that is there, and what
/// to do. `what` failed is in words such as `cannot make the folder`.
pub fn describe_path_error(what: &str, path: &Path, error: &std::io::Error) -> String {
    let mut text = format!("{what} {}: {error}", path.display());
    let absolute = std::path::absolute(path).unwrap_or(path.to_owned());
    let there = absolute.ancestors().find_map(|path| Some((path, std::fs::metadata(path).ok()?)));
    let me = std::fs::metadata("/proc/self").map(|about| (about.uid(), about.gid()));
    match (error.kind(), there, me) {
        (ErrorKind::ReadOnlyFilesystem, ..) => text.push_str(
            ". The file system is mounted read-only: mount a writable volume there, or name another path",
        ),
        (ErrorKind::PermissionDenied, Some((there, about)), Ok((uid, gid))) => {
            let mode = about.mode() & 0o7777;
            let _ = write!(
                text,
                ". {} belongs to user {} and group {} with mode {mode:04o}, and this process runs as user {uid} and group {gid}: ",
                there.display(),
                about.uid(),
                about.gid()
            );
            // A folder that holds others' files is not to be given away for one that is missing in it.
            let folder =
                if absolute.exists() || absolute.parent() == Some(there) { there } else { &absolute };
            let is_own = folder.ancestors().count() > 2;
            let _ = match (folder == there, is_own) {
                _ if folder == there && about.uid() == uid => {
                    write!(text, "chmod u+{} {}", if about.is_dir() { "rwx" } else { "rw" }, folder.display())
                }
                (true, true) => write!(text, "chown {uid}:{gid} {}, or run as its owner", folder.display()),
                (true, false) => write!(text, "name another path"),
                (false, _) => write!(text, "install -d -o {uid} -g {gid} -m 700 {}", folder.display()),
            };
        }
        (ErrorKind::NotADirectory, Some((path, _)), _) => {
            let _ = write!(text, ". {} is a file: name another path", path.display());
        }
        _ => {}
    }
    text
}
