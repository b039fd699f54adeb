//! What commands print on standard output. A reader that goes away (`tenantry admin audit verify | head`) ends the printing and
//! nothing else: the command does what it was asked to, and its exit status says how that went.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::sync::OnceLock;

static FAILED: OnceLock<ErrorKind> = OnceLock::new();

/// In place of the standard library's, which panics when standard output is closed or full.
macro_rules! println {
    () => { $crate::output::print_line(format_args!("")) };
    ($($argument:tt)*) => { $crate::output::print_line(format_args!($($argument)*)) };
}

/// In place of the standard library's, which panics when standard error is closed or full.
macro_rules! eprintln {
    ($($argument:tt)*) => { $crate::output::print_error_line(format_args!($($argument)*)) };
}

/// What cannot be written is lost, and the command goes on.
pub(crate) fn print_error_line(line: Arguments<'_>) {
    drop(writeln!(stderr().lock(), "{line}"));
}

pub(crate) fn print_line(line: Arguments<'_>) {
    if let Err(error) = writeln!(stdout().lock(), "{line}") {
        FAILED.get_or_init(|| error.kind());
    }
}

/// Fails if something could not be printed, for another reason than that its reader has gone.
pub(crate) fn check() -> anyhow::Result<()> {
    let flushed = stdout().lock().flush().map_err(|error| error.kind());
    match FAILED.get().copied().or(flushed.err()) {
        None | Some(ErrorKind::BrokenPipe) => Ok(()),
        Some(kind) => Err(anyhow::anyhow!("cannot write to standard output: {kind}")),
    }
}

/// Prints without ending the line.
pub(crate) fn print(text: Arguments<'_>) {
    if let Err(error) = write!(stdout().lock(), "{text}") {
        FAILED.get_or_init(|| error.kind());
    }
}

/// Prints bytes as they are.
pub(crate) fn print_bytes(bytes: &[u8]) {
    if let Err(error) = stdout().lock().write_all(bytes) {
        FAILED.get_or_init(|| error.kind());
    }
}

/// Whether printing has failed, so that there is no need to fetch more.
pub(crate) fn reader_has_gone() -> bool {
    FAILED.get().is_some()
}
