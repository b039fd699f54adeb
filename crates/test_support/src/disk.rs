//! File systems of a test's own: small ones, and ones that lose power. Mounting takes root.

use crate::Guard;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Mounted for as long as this value lives.
pub struct Disk {
    folder: PathBuf,
    /// The file that ext4 is in.
    image: Option<PathBuf>,
    guard: Guard,
}

impl Disk {
    /// In memory. `None`, said aloud, where it cannot be mounted.
    pub fn small(folder: PathBuf, size: &str) -> Option<Self> {
        Self::mounted(folder, None, &["-t", "tmpfs", "-o", &format!("size={size}"), "tenantry-test"])
    }

    /// ext4, in a file. `None`, said aloud, where it cannot be mounted.
    pub fn ext4(folder: PathBuf) -> Option<Self> {
        let image = folder.with_extension("ext4");
        File::create(&image).unwrap().set_len(256 << 20).unwrap();
        let file = image.display().to_string();
        attempted("mkfs.ext4", &["-q", &file])?;
        Self::mounted(folder, Some(image), &["-o", "loop", &file])
    }

    fn mounted(folder: PathBuf, image: Option<PathBuf>, args: &[&str]) -> Option<Self> {
        std::fs::create_dir(&folder).unwrap();
        let place = folder.display().to_string();
        attempted("mount", &[args, &[&place]].concat())?;
        let guard = Guard::new(&format!("umount -l '{place}'; rm -f '{place}.ext4'"));
        Some(Disk { folder, image, guard })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Take all the space that is left, until [`Disk::free`].
    pub fn fill(&self) {
        let mut file = File::create(self.folder.join("full")).unwrap();
        let error = [1 << 16, 1]
            .map(|size| std::iter::repeat_with(|| file.write_all(&vec![0; size])).find_map(Result::err));
        assert!(
            error.iter().all(|error| error.as_ref().unwrap().kind() == ErrorKind::StorageFull),
            "{error:?}"
        );
    }

    pub fn free(&self) {
        std::fs::remove_file(self.folder.join("full")).unwrap();
    }

    /// Gives a disk in memory more space.
    pub fn enlarge(&self, size: &str) {
        self.done("mount", &["-o", &format!("remount,size={size}"), &self.folder.display().to_string()]);
    }

    /// Nothing reaches the disk any more, neither data nor the file system's own journal. `now` is called just before, for
    /// a sync that is under way meanwhile may be reported as done and keep nothing: ext4 does so (10 times in 120, with
    /// nothing but a loop of pwrite and fdatasync). Who has no power answers nobody, so that is no promise.
    pub fn cut_power(&self, now: impl FnOnce()) {
        // EXT4_IOC_SHUTDOWN with NOLOGFLUSH
        let script = "$| = 1; open(F, '<', $ARGV[0]) or die $!; print qq(ready\n); <STDIN>; \
                      ioctl(F, 0x8004587d, $how = pack('L', 2)) or die $!";
        let mut perl = Command::new("perl");
        perl.args(["-e", script]).arg(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut perl = perl.spawn().unwrap();
        let mut ready = [0; 6];
        perl.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        let mut go = perl.stdin.take().unwrap();
        now();
        go.write_all(b"\n").unwrap();
        assert!(perl.wait().unwrap().success());
    }

    /// The disk as the cut has left it. Nobody may hold a file of it open.
    pub fn restore_power(&self) {
        let (image, folder) = (self.image.as_ref().unwrap().display(), self.folder.display());
        self.done("umount", &[&folder.to_string()]);
        self.done("mount", &["-o", "loop", &image.to_string(), &folder.to_string()]);
    }

    fn done(&self, program: &str, args: &[&str]) {
        let output = Command::new(program).args(args).output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.folder).status();
        if unmounted.is_ok_and(|status| status.success()) {
            self.guard.release();
        }
    }
}

/// Run a program that may not be here, or may not be allowed to do what it should; then say aloud, in CI too, that this
/// test is skipped.
fn attempted(program: &str, args: &[&str]) -> Option<()> {
    let why = match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => return Some(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    skipped(&format!("{program}: {why}"));
    None
}

pub fn skipped(why: &str) {
    let test = std::thread::current();
    let said = format!("SKIPPED {}: {why}\n", test.name().unwrap_or("?"));
    std::io::stderr().write_all(said.as_bytes()).unwrap();
}
